"""The published AstroM3 beside skybind, where a user has a copy of its code (MeriDK/AstroM3).

Nothing of it is part of this repository: its own classes are imported from the folder that is
named, and trained by its own loss as its own loop does.
"""

import importlib
import inspect
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import yaml
from torch import Tensor, nn

from skybind.modalities.batch import Batch
from skybind.models.binder import Binder

CONFIGURATION = "configs/config-clip-full.yaml"


class Published:
    """The published network, its loss and its optimiser.

    Parameters
    ----------
    folder : Path
        A copy of the code: `src/model.py`, `src/loss.py`, the configuration.
    batch : Batch
        Real, prepared observations.

    Raises
    ------
    SystemExit
        If the folder holds something else.
    """

    def __init__(self, folder: Path, batch: Batch) -> None:
        for name in ("src/model.py", "src/loss.py", CONFIGURATION):
            if not (folder / name).exists():
                raise SystemExit(f"{folder} has no {name}: give a copy of MeriDK/AstroM3")
        self.config = yaml.safe_load((folder / CONFIGURATION).read_text())
        model, loss = _modules(folder / "src", ("model", "loss"))
        wanted = inspect.signature(model.AstroM3).parameters
        options = {name: value for name, value in self.config.items() if name in wanted}
        self.model = model.AstroM3(classification=False, **options)
        self.loss = loss.CLIPLoss()
        photometry = batch.inputs["photometry"]
        self.inputs = (
            photometry["values"],
            photometry["mask"],
            batch.inputs["spectrum"]["values"],
            batch.inputs["metadata"]["values"],
        )

    def check(self, binder: Binder) -> None:
        """Stop unless both networks have as many parameters."""
        theirs, ours = (sum(p.numel() for p in m.parameters()) for m in (self.model, binder))
        if theirs != ours:
            raise SystemExit(
                f"the published network has {theirs:,} parameters and skybind's {ours:,}: "
                "they are not to be compared"
            )

    def training(self) -> Callable[[], int]:
        """Make a function that does one training step."""
        optimizer = torch.optim.Adam(
            self.model.parameters(),
            lr=self.config["lr"] / 1000,
            betas=(self.config["beta1"], self.config["beta2"]),
            weight_decay=self.config["weight_decay"],
        )

        def step() -> int:
            self.model.train()
            optimizer.zero_grad()
            loss: Tensor = sum(self.loss(*self.model(*self.inputs)))
            loss.backward()
            nn.utils.clip_grad_norm_(self.model.parameters(), self.config["clip_value"])
            optimizer.step()
            return len(self.inputs[0])

        return step

    def embedding(self) -> Callable[[], int]:
        """Make a function that embeds the batch."""

        def step() -> int:
            self.model.eval()
            with torch.no_grad():
                self.model.get_embeddings(*self.inputs)
            return len(self.inputs[0])

        return step


def _modules(folder: Path, names: tuple[str, ...]) -> list[Any]:
    """Import modules of a folder; the hub's class, which only loads and saves, may be missing."""
    try:
        importlib.import_module("huggingface_hub")
    except ModuleNotFoundError:
        hub = types.ModuleType("huggingface_hub")
        hub.PyTorchModelHubMixin = type("PyTorchModelHubMixin", (), {})  # type: ignore[attr-defined]
        sys.modules["huggingface_hub"] = hub
    sys.path.insert(0, str(folder))
    try:
        return [importlib.import_module(name) for name in names]
    finally:
        sys.path.remove(str(folder))
