"""Image: fluxes of some bands on a square cutout centred on the object."""

from collections.abc import Iterator
from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import torch
from pydantic import Field, model_validator
from torch import Tensor

from skybind.errors import ConfigError, DataError
from skybind.modalities.augment import blurred, flipped, noisy, reddened, rotated_crop
from skybind.modalities.base import Modality, ModalityOptions, Prepared, Schema, register_modality
from skybind.modalities.cleaning import CONSTANT_IMAGE, clean_image, sides_of
from skybind.modalities.image_statistics import image_statistics, pixel_noise
from skybind.modalities.rgb import LEGACY_SCALES, STEIN_BANDS, legacy_rgb, stein_rgb
from skybind.modalities.shape import InputShape
from skybind.ragged import Ragged
from skybind.words import nearest

#: Training objects, at most, whose pixels the scales are learnt from.
FIT_OBJECTS = 1024
FIT_CHUNK = 256
#: Fluxes in another unit, such as Jy, would lose their digits without a word.
TOO_SMALL = "values too small for float16: set preprocessing.storage to float32"
#: A / E(B-V) of DECam's bands (Schlafly & Finkbeiner 2011, as the Legacy Surveys' DR9 has them).
EXTINCTION = {"g": 3.214, "r": 2.165, "i": 1.592, "z": 1.211}

# Stretches that make a picture of three bands, and its channels.
_PICTURES = {"rgb": ["red", "green", "blue"], "stein": list(STEIN_BANDS)}


class ImageOptions(ModalityOptions):
    """Preprocessing of an image (AstroCLIP reports, section 3)."""

    crop: int = Field(96, description="Pixels a side of the central crop, after binning.", ge=8)
    binning: int = Field(
        1, description="Add up squares of so many pixels a side, before all else.", ge=1
    )
    bands: list[str] | None = Field(
        None, description="Bands in use, in this order; all of the dataset by default."
    )
    stretch: Literal["none", "asinh", "rgb", "stein"] = Field(
        "asinh",
        description="none: nanomaggies; asinh: linear below the pixel noise of the training "
        "objects and logarithmic far above it; rgb: the Legacy viewer's picture (red, green, "
        "blue) of the bands g, r, z; stein: that of Stein et al.'s data loader (z, r, g).",
    )
    standardise: bool = Field(
        True,
        description="Zero mean and unit variance of each channel over the training objects' "
        "pixels (with Stein et al.'s network: false).",
    )
    rotation: float = Field(
        45.0, description="Training: turn by up to this angle either way [degree].", ge=0, le=180
    )
    flip: bool = Field(True, description="Training: mirror left-right and up-down at random.")
    shift: float = Field(
        0.0, description="Training: move the centre by up to this many pixels on each axis.", ge=0
    )
    zoom: tuple[float, float] = Field(
        (1.0, 1.0),
        description="Training: scale sizes by a factor in this range, at the same surface "
        "brightness.",
    )
    extinction: float = Field(
        0.0,
        description="Training: redden by dust of E(B-V) of up to this [mag] (bands g, r, i, z).",
        ge=0,
    )
    blur: tuple[float, float] = Field(
        (0.0, 0.0), description="Training: blur by a Gaussian of sigma in this range [pixel]."
    )
    noise: float = Field(
        0.0,
        description="Training: add noise of up to this many times the image's own pixel noise.",
        ge=0,
    )
    margin: bool = Field(
        True,
        description="Training: keep the pixels around the crop that turning and shifting bring in; "
        "otherwise the corners are sky (zero), and the prepared arrays smaller.",
    )
    storage: Literal["float16", "float32"] = Field(
        "float16", description="Precision of the prepared pixels (float16: 0.05 per cent)."
    )

    @model_validator(mode="after")
    def _blur_range(self) -> "ImageOptions":
        if not 0 <= self.blur[0] <= self.blur[1] <= self.crop / 8:
            raise ValueError(
                "blur is a range of sigma from small to large, at most an eighth of the crop"
            )
        if not 0 < self.zoom[0] <= self.zoom[1]:
            raise ValueError("zoom is a range of factors from small to large, above zero")
        return self

    @property
    def prepared_side(self) -> int:
        """Pixels a side that are prepared: the crop and, on all sides alike, its margin."""
        if not self.margin:
            return self.crop
        angle = np.radians(min(self.rotation, 45.0))
        reach = self.crop * (np.cos(angle) + np.sin(angle)) / self.zoom[0] + 2 * self.shift
        return self.crop + 2 * int(np.ceil(max(round(reach - self.crop, 6), 0) / 2))


@register_modality
class Image(Modality):
    """Bands x rows x columns of flux, the central crop of each image.

    A masked pixel is sky (zero flux). Training views are turned, shifted, mirrored, blurred and
    made noisier in flux, before the stretch.
    """

    kind: ClassVar[str] = "image"
    Options: ClassVar[type[ModalityOptions]] = ImageOptions
    options: ImageOptions
    chunk = 128

    def __init__(self, name: str, options: Any, schema: Schema, column: str | None = None) -> None:
        super().__init__(name, options, schema, column)
        if self.column not in schema.observations:
            raise DataError(f"modalities.{name}: the dataset has no column '{self.column}'.")
        offered = list(schema.fields(self.column))
        if not offered:
            raise DataError(f"modalities.{name}: the schema of '{self.column}' names no bands.")
        self.bands = list(options.bands or offered)
        for band in self.bands:
            if band not in offered:
                raise ConfigError(
                    f"modalities.{name}: the dataset has no band '{band}': {nearest(band, offered)}"
                )
        if options.stretch in _PICTURES:
            self._check_rgb(schema.attributes(self.column).get("stretch", "linear"))
        if options.extinction and not set(self.bands) <= set(EXTINCTION):
            raise ConfigError(
                f"modalities.{name}: extinction is known for the bands {', '.join(EXTINCTION)} "
                f"only, not for all of {', '.join(self.bands)}: set it to 0."
            )
        channels = self.shape.channels
        self.softening = np.ones(len(self.bands))
        self.mean, self.scale = np.zeros(channels), np.ones(channels)

    @property
    def columns(self) -> list[str]:
        return [self.column]

    @property
    def needs(self) -> dict[str, list[str]]:
        return {self.column: self.bands}

    @property
    def shape(self) -> InputShape:
        channels = 3 if self.options.stretch in _PICTURES else len(self.bands)
        return InputShape(channels=channels, length=self.options.crop)

    @property
    def channel_names(self) -> list[str]:
        return _PICTURES.get(self.options.stretch, self.bands)

    @property
    def augments(self) -> bool:
        o = self.options
        zoomed = o.zoom != (1, 1)
        return bool(
            o.rotation or o.flip or o.shift or zoomed or o.extinction or o.blur[1] or o.noise
        )

    def prepare(self, table: pa.Table) -> Prepared:
        cleaned = clean_image(Ragged.from_arrow(table[self.column]))
        images, reason = cleaned.ragged, cleaned.reason.astype(object)
        n, side, crop = len(images), self.options.prepared_side, self.options.crop
        sides, binning = sides_of(images.lengths), self.options.binning
        needed = crop * binning
        reason[images.present & (sides < needed)] = (
            f"image smaller than the crop of {needed} pixels"
        )
        pixels = np.zeros((n, len(self.bands), side, side), self.options.storage)
        noise = np.zeros((n, len(self.bands)), np.float32)
        masked = np.zeros(n, np.float32)
        usable = images.present & (reason == "")
        limit, least = (getattr(np.finfo(self.options.storage), k) for k in ("max", "tiny"))
        for size in np.unique(sides[usable]).tolist():
            rows = np.flatnonzero(usable & (sides == size))
            same = images if len(rows) == n else images.take(rows)
            cut, place = self._cut(same, size)
            noise[rows] = pixel_noise(cut)
            margin = (side - crop) // 2 - place.start
            middle = cut[:, :, margin : margin + crop, margin : margin + crop]
            masked[rows] = np.isnan(middle).mean(axis=(1, 2, 3))
            reason[rows[_constant(middle)]] = CONSTANT_IMAGE
            reason[rows[masked[rows] == 1]] = "all pixels of the crop masked"
            cut[np.isnan(cut)] = 0
            brightest = np.abs(cut).max(axis=(1, 2, 3))
            reason[rows[(brightest > 0) & (brightest < least)]] = TOO_SMALL
            pixels[rows, :, place, place] = np.clip(cut, -limit, limit, out=cut)
        present = images.present & (reason == "")
        for values in (pixels, noise, masked):
            values[~present] = 0
        return Prepared({"pixels": pixels, "noise": noise, "masked": masked}, present, reason)

    def fit(self, prepared: Prepared, rows: np.ndarray) -> None:
        """Learn the median pixel noise, and mean and deviation of the stretched pixels."""
        rows = rows[prepared.present[rows]]
        if not len(rows):
            return
        noise = np.median(prepared.arrays["noise"][np.sort(rows)], axis=0)
        self.softening = np.where(noise > 0, noise, 1.0).astype(np.float64)
        if not self.options.standardise:
            return
        chosen = np.sort(rows)[:: -(-len(rows) // FIT_OBJECTS)]
        count, total, square = 0, np.zeros_like(self.mean), np.zeros_like(self.mean)
        for values in self._stretched_chunks(prepared, chosen):
            count += values[:, 0].numel()
            total += values.sum((0, 2, 3), dtype=torch.float64).numpy()
            square += values.double().square().sum((0, 2, 3)).numpy()
        self.mean = total / count
        deviation = np.sqrt(np.maximum(square / count - self.mean**2, 0))
        self.scale = np.where(deviation > 0, deviation, 1.0)

    def state(self) -> dict[str, np.ndarray]:
        return {"softening": self.softening, "mean": self.mean, "scale": self.scale}

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        self.softening, self.mean, self.scale = state["softening"], state["mean"], state["scale"]

    def batch(
        self, prepared: Prepared, rows: np.ndarray, rng: np.random.Generator | None = None
    ) -> dict[str, Tensor]:
        flux = self._middle(prepared, rows) if rng is None else self._view(prepared, rows, rng)
        values = self._stretch(flux)
        if self.options.standardise:
            mean, scale = (
                torch.from_numpy(a.astype(np.float32))[:, None, None]
                for a in (self.mean, self.scale)
            )
            values = values.sub_(mean).div_(scale)
        values[torch.from_numpy(~prepared.present[rows])] = 0
        return {"values": values}

    def summary(self, prepared: Prepared, rows: np.ndarray) -> np.ndarray:
        """Aperture magnitudes, colours, sizes, concentration and shape (`image_statistics`)."""
        pieces = [
            image_statistics(self._middle(prepared, chunk).numpy())
            for chunk in _chunks(rows, FIT_CHUNK)
        ]
        values = np.concatenate(pieces)
        values[~prepared.present[rows]] = 0
        return values

    def _check_rgb(self, stretch: str) -> None:
        if stretch != "linear":
            raise ConfigError(
                f"modalities.{self.name}: the images of '{self.column}' are pictures already: use "
                "stretch none or asinh."
            )
        chosen = self.options.stretch
        if chosen == "stein" and sorted(self.bands) != sorted(STEIN_BANDS):
            wanted = "the bands g, r, z"
        elif not set(self.bands) <= set(LEGACY_SCALES) or len(self.bands) < 3:
            wanted = f"three of the bands {', '.join(LEGACY_SCALES)}"
        else:
            return
        raise ConfigError(
            f"modalities.{self.name}: stretch {chosen} needs {wanted}, not "
            f"{', '.join(self.bands)}: choose another stretch."
        )

    def _cut(self, images: Ragged, size: int) -> tuple[np.ndarray, slice]:
        """Cut the prepared square out of images of one size; also where it belongs in it."""
        side, crop, binning = self.options.prepared_side, self.options.crop, self.options.binning
        whole, size = size, size // binning
        first = (size - crop) // 2 - (side - crop) // 2
        low, high = max(first, 0), min(first + side, size)
        planes = [
            _binned(images.fields[band].reshape(-1, whole, whole), binning)[:, low:high, low:high]
            for band in self.bands
        ]
        return np.stack(planes, axis=1).astype(np.float32, copy=False), slice(
            low - first, high - first
        )

    def _middle(self, prepared: Prepared, rows: np.ndarray) -> Tensor:
        """Give the fluxes of the central crops, (B, C, crop, crop)."""
        margin = (self.options.prepared_side - self.options.crop) // 2
        inner = slice(margin, margin + self.options.crop)
        pixels = np.asarray(prepared.arrays["pixels"][rows])[:, :, inner, inner]
        return torch.from_numpy(pixels.astype(np.float32))

    def _view(self, prepared: Prepared, rows: np.ndarray, rng: np.random.Generator) -> Tensor:
        """Give the fluxes of a random training view of each object."""
        o, n = self.options, len(rows)
        zoom = rng.uniform(*o.zoom, n) if o.zoom != (1, 1) else None
        if o.rotation or o.shift or zoom is not None:
            angle = np.radians(o.rotation) * rng.uniform(-1, 1, n)
            shift = o.shift * rng.uniform(-1, 1, (n, 2))
            pixels = torch.from_numpy(np.asarray(prepared.arrays["pixels"][rows], np.float32))
            scaled = None if zoom is None else _tensor(zoom)
            flux = rotated_crop(pixels, _tensor(angle), _tensor(shift), o.crop, scaled)
        else:
            flux = self._middle(prepared, rows)
        if o.flip:
            mirror = torch.from_numpy(rng.random((2, n)) < 0.5)
            flux = flipped(flux, mirror[0], mirror[1])
        if o.extinction:
            excess = _tensor(rng.uniform(0, o.extinction, n))
            flux = reddened(flux, excess, _tensor(np.asarray([EXTINCTION[b] for b in self.bands])))
        if o.blur[1]:
            flux = blurred(flux, _tensor(rng.uniform(*o.blur, n)), o.blur[1])
        if o.noise:
            sigma = prepared.arrays["noise"][rows] * rng.uniform(0, o.noise, n)[:, None]
            flux = noisy(flux, _tensor(sigma), rng)
        return flux

    def _stretch(self, flux: Tensor) -> Tensor:
        if self.options.stretch == "asinh":
            scaled = flux.div_(_tensor(self.softening)[:, None, None]).numpy()
            return torch.from_numpy(np.arcsinh(scaled, out=scaled))  # far quicker than torch's
        if self.options.stretch == "rgb":
            picture = legacy_rgb(flux.numpy(), self.bands)
            return torch.from_numpy(picture).permute(0, 3, 1, 2).contiguous()
        if self.options.stretch == "stein":
            return torch.from_numpy(stein_rgb(flux.numpy(), self.bands))
        return flux

    def _stretched_chunks(self, prepared: Prepared, rows: np.ndarray) -> Iterator[Tensor]:
        for chunk in _chunks(rows, FIT_CHUNK):
            yield self._stretch(self._middle(prepared, chunk))


def _constant(images: np.ndarray) -> np.ndarray:
    """Which images (m, C, H, W) have one value a band; NaN counts as none."""
    flat = images.reshape(*images.shape[:2], -1)
    return (np.fmax.reduce(flat, axis=2) == np.fmin.reduce(flat, axis=2)).all(axis=1)


def _binned(images: np.ndarray, binning: int) -> np.ndarray:
    """Add up squares of pixels of images (m, S, S); of masked pixels the mean of the others.

    Pixels left over at the edges are cut off, on both sides alike; an odd one at the end, which
    moves the centre by half a pixel.
    """
    if binning == 1:
        return images
    side = images.shape[1] // binning
    first = (images.shape[1] - side * binning) // 2
    inner = slice(first, first + side * binning)
    blocks = images[:, inner, inner].reshape(len(images), side, binning, side, binning)
    known = np.isfinite(blocks)
    total = np.where(known, blocks, 0).sum(axis=(2, 4))
    count = known.sum(axis=(2, 4))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(count > 0, total * (binning**2 / count), np.nan)


def _tensor(values: np.ndarray) -> Tensor:
    return torch.from_numpy(np.asarray(values, np.float32))


def _chunks(rows: np.ndarray, size: int) -> Iterator[np.ndarray]:
    for start in range(0, max(1, len(rows)), size):
        yield rows[start : start + size]
