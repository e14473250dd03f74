"""GalSpecNet: a spectrum -> features, by one-dimensional convolutions."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Literal

from torch import Tensor, nn

from skybind.encoders.dropout import Dropout
from skybind.encoders.options import Count, Range, Share
from skybind.encoders.registry import Encoder, check_values, register_encoder
from skybind.errors import ConfigError, DataError
from skybind.modalities.shape import InputShape


@register_encoder("galspecnet")
class GalSpecNet(Encoder):
    """Unpadded convolutions with ReLU, max pooling after all but the last.

    Wu et al. 2024 (GalSpecNet), as AstroM3 uses it (Rizhko & Bloom 2024, section "Spectra
    Encoder"; release MeriDK/AstroM3, MIT). Written from the description; state-dict names
    ``layers.{0,3,6,9}`` as in the release. Parameters with 3 channels and the defaults: 22,272.

    Parameters
    ----------
    shape : InputShape
        Channels and pixels of a spectrum. `length` may be None with ``pooling="mean"``.
    channels : sequence of int
        Output channels of each convolution.
    kernel_size : int
        Of each convolution [pixels].
    pool_size : int
        Of each max pooling.
    dropout : float
        Probability at the end.
    pooling : {"flatten", "mean"}
        "flatten": all positions side by side, as published: one number of pixels only.
        "mean": the mean over positions; any number of pixels.

    Raises
    ------
    ConfigError
        If an option is out of range or the spectrum is too short for the layers.
    """

    def __init__(
        self,
        shape: InputShape,
        *,
        channels: Annotated[Sequence[Count], Range(1)] = (64, 64, 32, 32),
        kernel_size: Count = 3,
        pool_size: Count = 4,
        dropout: Share = 0.1,
        pooling: Literal["flatten", "mean"] = "flatten",
    ) -> None:
        super().__init__()
        if pooling == "flatten" and shape.length is None:
            raise ConfigError(
                "encoder 'galspecnet' with pooling 'flatten' needs a fixed number of pixels: "
                "set one, or use pooling 'mean'"
            )
        widths = [shape.channels, *channels]
        steps: list[nn.Module] = []
        for before, after in pairwise(widths):
            steps += [nn.Conv1d(before, after, kernel_size), nn.ReLU(), nn.MaxPool1d(pool_size)]
        self.layers = nn.Sequential(*steps[:-1])
        self.dropout = Dropout(dropout)
        self.pooling = pooling
        self.shape = shape

        self.shortest = kernel_size
        for _ in channels[1:]:
            self.shortest = self.shortest * pool_size + kernel_size - 1
        if shape.length is not None and shape.length < self.shortest:
            raise ConfigError(
                f"encoder 'galspecnet' needs spectra of at least {self.shortest} pixels with "
                f"these layers, not {shape.length}: take fewer channels or a smaller pool_size"
            )
        self.out_features = channels[-1]
        if pooling == "flatten" and shape.length is not None:
            length = shape.length
            for _ in channels[1:]:
                length = (length - kernel_size + 1) // pool_size
            self.out_features = channels[-1] * (length - kernel_size + 1)

    def forward(self, values: Tensor, mask: Tensor | None = None) -> Tensor:
        """Encode (B, C, W) -> (B, out_features); pixels with mask 0 count as 0 in all channels."""
        check_values("galspecnet", values, 3, 1, self.shape.channels)
        width = values.shape[2]
        if width < self.shortest or (self.pooling == "flatten" and width != self.shape.length):
            wanted = self.shape.length if self.pooling == "flatten" else f"{self.shortest} or more"
            raise DataError(
                f"encoder 'galspecnet' was built for spectra of {wanted} pixels but was given "
                f"{width}: prepare them on the wavelengths that it was built for"
            )
        if mask is not None:
            values = values.masked_fill((mask == 0)[:, None, :], 0)
        features: Tensor = self.layers(values)
        features = features.mean(-1) if self.pooling == "mean" else features.flatten(1)
        return self.dropout(features)
