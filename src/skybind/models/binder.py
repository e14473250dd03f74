"""The binder: encoders of any number of modalities, projected to one embedding space."""

import math
from collections.abc import Collection, Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from skybind.encoders.backbone import Backboned
from skybind.encoders.registry import Encoder
from skybind.modalities.batch import Batch

Pair = tuple[str, str]


class PairScales(nn.Module):
    """One factor a pair between cosine similarity and logits, kept as its logarithm.

    Parameters
    ----------
    pairs : sequence of (str, str)
    initial, minimum, maximum : float
        Value at the start, and the bounds that the value is clamped to (AstroM3's release:
        100, 1, 100).
    learnable : bool
        Otherwise it stays at `initial`.
    clamp : {"logarithm", "value"}
        What is clamped: the logarithm leaves a gradient at the bound; the value does not, as in
        AstroM3's release, where weight decay alone moves a scale away from 100.
    """

    log_bounds: Tensor

    def __init__(
        self,
        pairs: Sequence[Pair],
        initial: float = 100.0,
        minimum: float = 1.0,
        maximum: float = 100.0,
        learnable: bool = True,
        clamp: Literal["logarithm", "value"] = "logarithm",
    ) -> None:
        super().__init__()
        self.bounds, self.clamp = (minimum, maximum), clamp
        bounds = torch.tensor([math.log(minimum), math.log(maximum)])
        self.register_buffer("log_bounds", bounds, persistent=False)
        self.logs = nn.ParameterDict(
            {
                "-".join(pair): nn.Parameter(
                    torch.tensor(math.log(initial)), requires_grad=learnable
                )
                for pair in pairs
            }
        )

    def value(self, pair: Pair) -> Tensor:
        """Scale of `pair`, a scalar within the bounds."""
        log: Tensor = self.logs["-".join(pair)]
        if not log.requires_grad:
            return log.exp()
        if self.clamp == "value":
            return log.exp().clamp(*self.bounds)
        # clamping the logarithm, bounds included, leaves a gradient to a scale that starts
        # at its bound (exp(log 100) is above 100 in single precision)
        return log.clamp(self.log_bounds[0], self.log_bounds[1]).exp()


class Binder(nn.Module):
    """Encoders, their projections, and the scales of the pairs (AstroM3, section 3.4).

    Parameters
    ----------
    encoders : mapping of modality to Encoder
    dimension : int
        Length of an embedding, D.
    pairs : sequence of (str, str)
        Which modalities are bound; a modality may be paired with itself.
    scales : PairScales
    unprojected : collection of str
        Modalities whose encoder gives the embedding itself, D features; the others have a linear
        projection.
    """

    def __init__(
        self,
        encoders: Mapping[str, Encoder],
        dimension: int,
        pairs: Sequence[Pair],
        scales: PairScales,
        unprojected: Collection[str] = (),
    ) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(encoders)
        self.projections = nn.ModuleDict(
            {
                name: nn.Identity() if name in unprojected else nn.Linear(e.out_features, dimension)
                for name, e in encoders.items()
            }
        )
        self.widths = {name: encoder.out_features for name, encoder in encoders.items()}
        self.pairs: list[Pair] = [(a, b) for a, b in pairs]
        self.scales = scales
        self.dimension = dimension

    @property
    def modalities(self) -> list[str]:
        """Names of the modalities, in order."""
        return list(self.encoders)

    @property
    def backboned(self) -> dict[str, Backboned]:
        """The encoders that stand on a frozen backbone, by modality."""
        return {name: e for name, e in self.encoders.items() if isinstance(e, Backboned)}

    def width(self, modality: str) -> int:
        """Number of features of a modality's encoder."""
        return self.widths[modality]

    def features(self, batch: Batch, modality: str) -> Tensor:
        """Encode one modality: features of shape (B, out_features).

        Where the batch holds the features of a frozen backbone, only its head is computed.
        """
        inputs = batch.inputs[modality]
        if "features" in inputs:
            return self.encoders[modality](features=inputs["features"])
        return self.encoders[modality](inputs["values"], inputs.get("mask"))

    def embed(self, batch: Batch, modalities: Sequence[str] | None = None) -> dict[str, Tensor]:
        """Embed: unit vectors of shape (B, D) for each modality that the batch holds.

        Rows where the object was not observed hold a vector of no meaning: see
        `batch.present`.
        """
        names = self.modalities if modalities is None else modalities
        return {
            name: functional.normalize(self.projections[name](self.features(batch, name)), dim=-1)
            for name in names
            if name in batch.inputs
        }

    def forward(self, batch: Batch) -> dict[str, Tensor]:
        """Embed every modality of the batch."""
        return self.embed(batch)


def mean_embedding(embeddings: Mapping[str, Tensor], present: Mapping[str, Tensor]) -> Tensor:
    """Mean of the embeddings of the modalities that are present, shape (B, D).

    An object with none gets zeros.
    """
    names = list(embeddings)
    weights = torch.stack([present[name] for name in names]).to(embeddings[names[0]].dtype)
    stacked = torch.stack([embeddings[name] for name in names])
    stacked = torch.where(weights[..., None] > 0, stacked, torch.zeros_like(stacked))
    return stacked.sum(0) / weights.sum(0).clamp(min=1)[:, None]


def best_device() -> torch.device:
    """Give the GPU if there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
