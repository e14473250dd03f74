"""The encoders of a model as ONNX files, each checked against PyTorch (extra `onnx`)."""

import importlib.util
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from skybind.encoders.backbone import Backboned
from skybind.errors import ModelError
from skybind.files import raise_of_machine
from skybind.modalities.base import Modality
from skybind.models.exchange.statistics import features_to_scale
from skybind.models.model import Model

#: Packages that the extra `onnx` brings.
NEEDED = ("onnx", "onnxscript", "onnxruntime")
#: How far the two may differ in an embedding of unit length.
TOLERANCE = 1e-4
#: Sizes of batches that are compared; the first is traced.
_BATCHES = (3, 1, 8)
_OPSET = 20


class _Embedder(nn.Module):
    """Encoder, projection, unit length."""

    def __init__(self, model: Model, name: str) -> None:
        super().__init__()
        encoder = model.binder.encoders[name]
        # a backbone computes its batch in pieces, which a graph of any batch cannot
        parts = (encoder.backbone, encoder.head) if isinstance(encoder, Backboned) else (encoder,)
        self.parts = nn.ModuleList(parts)
        self.projection = model.binder.projections[name]

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        features = self.parts[0](values, mask)
        for part in list(self.parts)[1:]:
            features = part(features)
        return functional.normalize(self.projection(features), dim=-1)


def require_onnx() -> None:
    """Refuse to go on where the extra `onnx` is not installed.

    Raises
    ------
    ModelError
    """
    lacking = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        raise ModelError(
            f"ONNX files need {lacking[0]}, which is not installed: pip install 'skybind[onnx]'."
        )


def write_onnx(model: Model, name: str, path: Path) -> float:
    """Write the encoder of a modality, with its projection, and compare it with PyTorch.

    Parameters
    ----------
    model : Model
    name : str
        The modality.
    path : Path
        File to write; inputs `values`, and `mask` of sequences, output `embedding`, of any batch.

    Returns
    -------
    float
        Largest difference of the embeddings of random inputs.

    Raises
    ------
    ModelError
        If the extra is not installed, the encoder has no ONNX form, or the two differ.
    """
    require_onnx()
    module = _Embedder(model, name).cpu().eval()
    modality = model.modalities[name]
    inputs = [_random_inputs(modality, size, seed) for seed, size in enumerate(_BATCHES)]
    names = ["values", "mask"][: len(inputs[0])]
    batch = torch.export.Dim("batch", min=1)
    try:
        with _quiet():
            program = torch.onnx.export(
                module,
                inputs[0],
                dynamo=True,
                opset_version=_OPSET,
                input_names=names,
                output_names=["embedding"],
                dynamic_shapes=tuple({0: batch} for _ in names),
                verbose=False,
            )
            assert program is not None
            program.save(str(path), include_initializers=True)
    except Exception as error:
        raise_of_machine(error)
        first = str(error).strip().partition("\n")[0][:200]
        raise ModelError(
            f"The encoder of {name} has no form in ONNX ({type(error).__name__}: {first})."
        ) from error
    return _difference(module, path, names, inputs, name)


def _difference(
    module: nn.Module, path: Path, names: list[str], inputs: list[tuple[Tensor, ...]], name: str
) -> float:
    """Compare what the file and the module give; refuse a difference that matters."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    worst = 0.0
    for tensors in inputs:
        (found,) = session.run(None, {n: t.numpy() for n, t in zip(names, tensors, strict=True)})
        with torch.inference_mode():
            wanted = module(*tensors).numpy()
        worst = max(worst, float(np.abs(found - wanted).max()))
    if not worst < TOLERANCE:
        raise ModelError(
            f"The ONNX file of {name} gives embeddings that differ by {worst:.2g} from PyTorch's, "
            f"more than {TOLERANCE:g}."
        )
    return worst


def describe(modality: Modality, dimension: int) -> dict[str, Any]:
    """Say how the inputs of a modality's ONNX file are made, as JSON can hold it."""
    shape, ranked = modality.shape, getattr(modality, "ranked", [])
    sequence = modality.kind == "photometry"
    sizes: list[Any] = ["batch", shape.channels]
    if sequence:
        sizes = ["batch", shape.length, shape.channels]
    elif shape.length is not None:
        sizes += [shape.length] * (2 if modality.kind == "image" else 1)
    inputs = {"values": {"type": "float32", "shape": sizes}}
    if sequence:
        inputs["mask"] = {"type": "float32", "shape": ["batch", shape.length]}
    return {
        "kind": modality.kind,
        "inputs": inputs,
        "output": {"embedding": {"type": "float32", "shape": ["batch", dimension]}},
        "channels": modality.channel_names,
        "mask": "1 where observed, 0 for padding" if sequence else None,
        "columns": modality.columns,
        "standardised_by_the_data": [
            feature
            for feature in getattr(modality, "features", [])
            if feature not in features_to_scale(modality)
        ],
        "by_rank": [modality.features[place] for place in ranked],  # type: ignore[attr-defined]
        "statistics": {key: value.tolist() for key, value in modality.state().items()},
        "preprocessing": modality.options.model_dump(mode="json"),
    }


def _random_inputs(modality: Modality, size: int, seed: int) -> tuple[Tensor, ...]:
    """Draw inputs of a batch as an encoder gets them; sequences are of different lengths."""
    generator = torch.Generator().manual_seed(seed)
    shape = modality.shape
    if modality.kind != "photometry":
        sides = [] if shape.length is None else [shape.length]
        sides *= 2 if modality.kind == "image" else 1
        return (torch.randn(size, shape.channels, *sides, generator=generator),)
    length = shape.length or 1
    mask = torch.ones(size, length)
    for row in range(1, size):
        mask[row, max(2, length // (row + 1)) :] = 0
    values = torch.randn(size, length, shape.channels, generator=generator) * mask[..., None]
    return values, mask


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the exporter's remarks on packages and versions to itself."""
    logs = [logging.getLogger(name) for name in ("torch.onnx", "onnxscript", "onnx_ir")]
    before = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in zip(logs, before, strict=True):
            log.setLevel(level)
