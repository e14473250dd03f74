"""Images as people look at them: as a survey's viewer shows them, or by a stretch of one's own."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np

from skybind.drawing.observed import Picture
from skybind.errors import DataError
from skybind.modalities.rgb import LEGACY_SCALES, legacy_rgb, scaled_planes
from skybind.ragged import Ragged
from skybind.words import nearest

#: Pixels of a picture at most: its middle.
PICTURE_SIDE = 96
#: How values between the black and the white end, 0 and 1, become brightness; the constants are
#: those of DS9.
STRETCHES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda values: values,
    "asinh": lambda values: np.arcsinh(10 * values) / np.arcsinh(10),
    "log": lambda values: np.log10(1 + 1000 * values) / np.log10(1001),
}


def picture_of(one: Ragged, attributes: Mapping[str, Any]) -> Picture:
    """Return the middle of an image as a picture.

    Parameters
    ----------
    one : Ragged
        A single cleaned image: a field a band, each a flattened square.
    attributes : mapping
        Of its column: `stretch` (`display` where it was stretched already), `pixel_scale`
        [arcsec].

    Returns
    -------
    Picture
        Bands that the viewer's stretch does not know are drawn grey.
    """
    bands = tuple(one.fields)
    side = round(len(one.fields[bands[0]]) ** 0.5)
    edge = max(0, (side - PICTURE_SIDE) // 2)
    middle = slice(edge, side - edge)
    planes = np.stack([one.fields[band].reshape(side, side) for band in bands])
    planes = planes[:, middle, middle].astype(np.float32)
    display = attributes.get("stretch") == "display"
    if display:
        drawn = _display(planes)
    elif any(band in LEGACY_SCALES for band in bands):
        drawn = legacy_rgb(planes, bands)
    else:
        drawn = _grey(planes)
    scale = attributes.get("pixel_scale")
    whole = side if edge else None
    return Picture(drawn, float(scale) if scale else None, planes, bands, display, side=whole)


def stretched(picture: Picture, stretch: str, low: float, high: float) -> Picture:
    """Return a picture with another stretch, between two percentiles of its pixels.

    All colours have the same two ends, after each band was scaled as in the survey's viewer, so
    that a star keeps its colour.

    Parameters
    ----------
    picture : Picture
        With the values that were observed.
    stretch : {"linear", "asinh", "log"}
    low, high : float
        Percentiles that become black and white.

    Raises
    ------
    DataError
        If there is no such stretch, or these are no percentiles.
    """
    if stretch not in STRETCHES:
        raise DataError(f"There is no stretch '{stretch}': {nearest(stretch, list(STRETCHES))}")
    if not 0 <= low < high <= 100:
        raise DataError(
            f"The percentiles are {low:g} and {high:g}: give two from 0 to 100, the lower first."
        )
    return replace(picture, pixels=STRETCHES[stretch](_between(_colours(picture), low, high)))


def _between(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Values from 0 to 1 between two percentiles of those that are known; 0 where masked."""
    finite = np.isfinite(values)
    if not finite.any():
        return np.zeros(values.shape)
    black, white = np.percentile(values[finite], [low, high])
    return np.clip((np.where(finite, values, black) - black) / ((white - black) or 1.0), 0, 1)


def _colours(picture: Picture) -> np.ndarray:
    """Red, green and blue of a picture before any stretch, (H, W, 3); NaN where masked."""
    if picture.planes is None:
        raise DataError("Of this picture nothing is known but how it was drawn.")
    if picture.display and len(picture.planes) == 3:
        return np.moveaxis(picture.planes[::-1], 0, -1)
    if not picture.display and any(band in LEGACY_SCALES for band in picture.bands):
        return scaled_planes(picture.planes, picture.bands)
    return np.repeat(_mean(picture.planes)[..., None], 3, axis=-1)


def _mean(planes: np.ndarray) -> np.ndarray:
    """Mean of the bands in which a pixel is known; NaN where it is masked in all."""
    known = np.isfinite(planes)
    total = np.where(known, planes, 0.0).sum(axis=0)
    with np.errstate(invalid="ignore"):
        return np.asarray(total / known.sum(axis=0, dtype=planes.dtype))


def _display(planes: np.ndarray) -> np.ndarray:
    """Three planes that were stretched for display already, the bluest band first."""
    high = float(np.nanmax(planes, initial=0.0)) or 1.0
    turned = np.nan_to_num(planes[::-1] / max(high, 1.0) if high > 1.0 else planes[::-1])
    if len(turned) != 3:
        return _grey(planes)
    return np.clip(np.moveaxis(turned, 0, -1), 0, 1)


def _grey(planes: np.ndarray) -> np.ndarray:
    """The mean of the bands in grey, arcsinh-stretched from its sky to its brightest pixels."""
    grey = STRETCHES["asinh"](_between(_mean(planes), 20, 99.7))
    return np.repeat(grey[..., None], 3, axis=-1)
