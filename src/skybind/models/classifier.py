"""The classifier: a linear layer on one modality's features or on the mean embedding."""

from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn

from skybind.modalities.batch import Batch
from skybind.models.binder import Binder, mean_embedding


class Classifier(nn.Module):
    """Class logits from one modality or several (AstroM3, section 4).

    One modality: a linear layer on the encoder's features. Several, fusion `mean`: the mean
    of the unit-length embeddings of those present, then a linear layer. Fusion `concat`: the
    encoders' features side by side, zeros where absent, then a linear layer; `embeddings`: the
    unit-length embeddings so (AstroM3's release calls this concat). In any way any subset can be
    used at test time.

    Parameters
    ----------
    binder : Binder
        With just the modalities in use.
    n_classes : int
    scale : float
        Factor on the mean embedding before the linear layer.
    dropout : float
        Training, several modalities: hide each one of an object with this probability (never
        all of them), so that the head learns to do with any subset.
    fusion : {"mean", "concat", "embeddings"}
        How several modalities are joined.
    """

    def __init__(
        self,
        binder: Binder,
        n_classes: int,
        scale: float = 1.0,
        dropout: float = 0.0,
        fusion: Literal["mean", "concat", "embeddings"] = "mean",
    ) -> None:
        super().__init__()
        self.scale, self.dropout = scale, dropout
        self.binder = binder
        names = binder.modalities
        self.fusion = fusion
        if len(names) == 1:
            width = binder.width(names[0])
            # the projection and the scales take no part: they must not look trainable
            binder.projections.requires_grad_(False)
        elif fusion == "concat":
            width = sum(binder.width(name) for name in names)
            binder.projections.requires_grad_(False)
        elif fusion == "embeddings":
            width = len(names) * binder.dimension
        else:
            width = binder.dimension
        binder.scales.requires_grad_(False)
        self.head = nn.Linear(width, n_classes)

    @property
    def modalities(self) -> list[str]:
        """Names of the modalities it classifies from."""
        return self.binder.modalities

    def forward(self, batch: Batch, modalities: Sequence[str] | None = None) -> Tensor:
        """Give logits of shape (B, n_classes), from some of its modalities if asked.

        An object with none of them present gets the logits of an empty vector: leave it out.
        """
        names = self.modalities if modalities is None else list(modalities)
        present = {name: batch.present[name] for name in names}
        if self.training and self.dropout and len(self.modalities) > 1:
            present = _hide(present, self.dropout)
        return self.join(self.parts(batch, names), present)

    def parts(self, batch: Batch, modalities: Sequence[str]) -> dict[str, Tensor]:
        """Give what each modality brings: its embedding, or its features where these are joined."""
        if not self.embeds:
            return {name: self.binder.features(batch, name) for name in modalities}
        return self.binder.embed(batch, modalities)

    @property
    def embeds(self) -> bool:
        """Whether modalities bring unit vectors, not their encoders' features."""
        return len(self.modalities) > 1 and self.fusion != "concat"

    def width(self, modality: str) -> int:
        """Length of what a modality brings."""
        return self.binder.dimension if self.embeds else self.binder.width(modality)

    def join(self, parts: dict[str, Tensor], present: dict[str, Tensor]) -> Tensor:
        """Give logits from the parts of some modalities, of shape (B, n_classes)."""
        if len(self.modalities) == 1:
            return self.head(parts[self.modalities[0]])
        if self.fusion != "mean":
            return self.head(self._side_by_side(parts, present))
        return self.head(self.scale * mean_embedding(parts, present))

    def _side_by_side(self, parts: dict[str, Tensor], present: dict[str, Tensor]) -> Tensor:
        """Parts of all modalities, those absent (or not given) zero."""
        n = len(next(iter(present.values())))
        columns = []
        for name in self.modalities:
            if name in present:
                columns.append(torch.where(present[name][:, None], parts[name], 0.0))
            else:
                columns.append(self.head.weight.new_zeros(n, self.width(name)))
        return torch.cat(columns, dim=1)


def _hide(present: dict[str, Tensor], probability: float) -> dict[str, Tensor]:
    """Hide modalities at random, of each object at least one that it has stays."""
    seen = torch.stack(list(present.values()))
    draw = torch.rand(seen.shape, device=seen.device).masked_fill(~seen, -1.0)
    last = torch.zeros_like(seen).scatter_(0, draw.argmax(0, keepdim=True), True)
    kept = seen & ((draw >= probability) | last)
    return dict(zip(present, kept, strict=True))
