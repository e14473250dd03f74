"""Folded light curve: a light curve of known period -> features, by circular convolutions.

Beyond the paper, whose own footnote asks for the phase. A folded curve is short and periodic, so
that a small network does: thousands of objects a second on a laptop.
"""

import math
from typing import Annotated

import torch
from torch import Tensor, nn

from skybind.encoders.dropout import Dropout
from skybind.encoders.options import Count, Range, Share
from skybind.encoders.pooling import masked_mean
from skybind.encoders.registry import Encoder, check_values, register_encoder
from skybind.errors import ConfigError
from skybind.modalities.shape import InputShape

# Where the photometry modality puts what: time, flux and its uncertainty first; at the end
# sine and cosine of the phase at the period and at twice the period; constants between.
_FLUX, _ERROR = 1, 2
_LEADING, _PHASE = 3, 4

# Added in quadrature to the normalised uncertainty [MAD]: no epoch outweighs all the others.
_ERROR_FLOOR = 0.1
# A bin counts its neighbours within this many bins, with this weight: enough to fill an empty
# bin, too little to blur a full one.
_REACH, _BORROWED = 4, 0.02
_KERNEL = 5
_WIDEST_DILATION = 3  # as a power of two


@register_encoder("folded")
class FoldedCNN(Encoder):
    """Bins of phase at twice the period, circular residual convolutions, an MLP on top.

    Epochs fall into `bins` bins of phase at twice the catalogue period (where eclipses of unequal
    depth show, and a period too short by two is right). Each bin holds the mean flux weighted by
    inverse variance, the scatter, the uncertainty of the mean and the number of epochs; beside
    them stand those of the bin half a turn away. Circular convolutions and pooling over the whole
    turn make the features independent of where the phase starts, up to the width of a bin.
    The object's constants (amplitude, period ...) and a flag, whether the phase is known, join
    before a two-layer perceptron. Where the phase is unknown the bins are empty, and the features
    come from the constants alone. Depends neither on the padded length nor on what lies under
    the mask. Parameters with 13 channels and the defaults: 101,776.

    Parameters
    ----------
    shape : InputShape
        At least 7 channels: the photometry modality with phase channels (``phase: true``).
        `length` is not used: any number of epochs.
    bins : int
        Bins of phase; even.
    width : int
        Channels of the convolutions.
    blocks : int
        Residual blocks of two convolutions, with dilation 1, 2, 4, then 8.
    hidden : int
        Width of the perceptron, and `out_features`.
    dropout : float
        Probability between the perceptron's layers.

    Raises
    ------
    ConfigError
        If an option is out of range or there are too few channels.
    """

    mixing: Tensor

    def __init__(
        self,
        shape: InputShape,
        *,
        bins: Annotated[int, Range(_KERNEL * 2**_WIDEST_DILATION // 2)] = 64,
        width: Count = 48,
        blocks: Count = 3,
        hidden: Count = 128,
        dropout: Share = 0.1,
    ) -> None:
        super().__init__()
        if bins % 2:
            raise ConfigError(f"encoder 'folded' needs an even number of bins, not {bins}")
        constants = shape.channels - _LEADING - _PHASE
        if constants < 0:
            raise ConfigError(
                f"encoder 'folded' needs photometry with phase channels, at least 7 in all, "
                f"not {shape.channels}: set phase to true in the modality"
            )
        self.register_buffer("mixing", _neighbours(bins), persistent=False)
        self.first = _circular(8, width, dilation=1)
        self.blocks = nn.Sequential(
            *[_Block(width, 2 ** min(i, _WIDEST_DILATION)) for i in range(blocks)]
        )
        self.head = nn.Sequential(
            nn.Linear(2 * width + constants + 1, hidden),
            nn.GELU(),
            Dropout(dropout),
            nn.Linear(hidden, hidden),
            nn.GELU(),
        )
        self.channels = shape.channels
        self.out_features = hidden

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode (B, L, C) with mask (B, L) -> (B, hidden)."""
        check_values("folded", values, 3, 2, self.channels)
        if mask is None:
            observed = torch.ones(values.shape[:2], dtype=torch.bool, device=values.device)
        else:
            observed = mask != 0
            values = values.masked_fill(~observed[..., None], 0)
        sine, cosine = values[..., -2], values[..., -1]
        known = observed & (sine.square() + cosine.square() > 0.25)
        # Sums of squares do not survive half precision.
        with torch.autocast(values.device.type, enabled=False):
            folded = fold(
                values[..., _FLUX].float(),
                values[..., _ERROR].float(),
                torch.atan2(sine.float(), cosine.float()) / math.tau,
                known,
                self.mixing,
            )
        x = torch.cat([folded, folded.roll(folded.shape[2] // 2, dims=2)], dim=1)
        x = self.blocks(self.first(x))
        constants = masked_mean(values[..., _LEADING:-_PHASE], observed)
        has_phase = known.any(1, keepdim=True).to(x.dtype)
        features: Tensor = self.head(
            torch.cat([x.mean(2), x.amax(2), constants.to(x.dtype), has_phase], dim=1)
        )
        return features


def fold(flux: Tensor, error: Tensor, phase: Tensor, known: Tensor, mixing: Tensor) -> Tensor:
    """Fold light curves into bins of phase.

    Parameters
    ----------
    flux, error : Tensor (B, L)
        Normalised flux and its uncertainty.
    phase : Tensor (B, L)
        In turns; whole turns do not matter.
    known : Tensor of bool (B, L)
        Which epochs count.
    mixing : Tensor (K, K)
        How much of every bin each bin counts.

    Returns
    -------
    Tensor (B, 4, K)
        asinh of the weighted mean flux, of the weighted scatter and of the uncertainty of the
        mean, and log(1 + epochs); all 0 in a bin without epochs.
    """
    bins = mixing.shape[0]
    # An epoch between two bins is shared: a small shift of phase makes a small change.
    position = phase.remainder(1) * bins
    lower = position.floor()
    above = position - lower
    both = torch.stack([lower, lower + 1], dim=-1).long() % bins
    share = flux.new_zeros(*flux.shape, bins)
    share = share.scatter_(2, both, torch.stack([1 - above, above], dim=-1))

    weight = known / (error.square() + _ERROR_FLOOR**2)
    terms = torch.stack([weight, weight * flux, weight * flux.square(), known.to(flux.dtype)], -1)
    # A product of matrices and not scatter_add: the same sums in the same order on every device.
    sums = share.transpose(1, 2) @ terms
    epochs = sums[..., 3]
    total, first, second = (mixing @ sums[..., :3]).unbind(-1)
    filled = total > 0
    total = total.where(filled, 1)
    mean = first / total
    scatter = (second / total - mean.square()).clamp(min=0).sqrt()
    uncertainty = total.rsqrt() * filled
    profile = [mean.asinh(), scatter.asinh(), uncertainty.asinh(), epochs.log1p()]
    return torch.stack(profile, dim=1)


class _Block(nn.Module):
    """Two circular convolutions, added to their input."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.GroupNorm(1, width),
            nn.GELU(),
            _circular(width, width, dilation),
            nn.GroupNorm(1, width),
            nn.GELU(),
            _circular(width, width, dilation),
        )

    def forward(self, x: Tensor) -> Tensor:
        """Transform (B, width, bins)."""
        changed: Tensor = x + self.layers(x)
        return changed


def _circular(before: int, after: int, dilation: int) -> nn.Conv1d:
    return nn.Conv1d(
        before,
        after,
        _KERNEL,
        padding=dilation * (_KERNEL // 2),
        dilation=dilation,
        padding_mode="circular",
    )


def _neighbours(bins: int) -> Tensor:
    """Return the (bins, bins) weights with which each bin counts every other."""
    index = torch.arange(bins)
    distance = (index[:, None] - index).abs()
    distance = torch.minimum(distance, bins - distance)
    near = (1 - distance / (_REACH + 1)).clamp(min=0) * _BORROWED
    return near.fill_diagonal_(1)
