"""Folders (or zips) of one image file an object: what the formats of images have in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from skybind.data.units import image_unit
from skybind.errors import ConfigError, DataError
from skybind.ingest.observation_spec import ImageSpec
from skybind.ingest.readers.folders import TRIED, ObjectFiles
from skybind.ingest.readers.registry import (
    Fields,
    ImageFunction,
    ImageRequest,
    Picture,
    image_reader,
)

#: Bands in order of wavelength; others keep the order of the file.
WAVELENGTH_ORDER = "ugrizy"


SCALE_TOLERANCE = 0.01


@dataclass(frozen=True)
class ImageLayout:
    """What all images of a column have in common.

    Attributes
    ----------
    bands : tuple of str
        In the order in which they are stored.
    pixel_scale : float
        Arcsec a pixel.
    unit : str or None
    display : bool
        Whether the values are a picture's, not fluxes.
    """

    bands: tuple[str, ...]
    pixel_scale: float
    unit: str | None
    display: bool

    @property
    def fields(self) -> dict[str, str | None]:
        """Unit of each band."""
        return dict.fromkeys(self.bands, self.unit)

    @property
    def attributes(self) -> dict[str, object]:
        """Attributes of the column."""
        stretch = "display" if self.display else "linear"
        return {"pixel_scale": self.pixel_scale, "stretch": stretch}


def layout_of(
    spec: ImageSpec, bands: list[str], scale: float | None, unit: str | None, display: bool
) -> ImageLayout:
    """Settle the layout from what a file states; the mapping's word counts more.

    Raises
    ------
    ConfigError
        If the pixel scale or the unit is known from neither, or the unit is none of an image.
    """
    if spec.pixel_scale is None and scale is None:
        raise ConfigError(
            "The images do not state their pixel scale: add pixel_scale: ARCSEC_PER_PIXEL to the "
            "mapping."
        )
    unit = spec.unit if spec.unit is not None else unit
    if unit is not None:
        unit, _ = image_unit(unit, "unit of the images")
    elif not display:
        raise ConfigError(
            "The images do not state their unit: add unit: nmgy (or another unit of flux; '' if "
            "they are not calibrated) to the mapping."
        )
    pixel_scale = float(f"{spec.pixel_scale or scale:.6g}")
    return ImageLayout(tuple(in_order(bands)), pixel_scale, unit, display)


def in_order(bands: list[str]) -> list[str]:
    """Bands by wavelength where all are known (u g r i z y), else as they come."""
    known = all(band in WAVELENGTH_ORDER and len(band) == 1 for band in bands)
    return sorted(bands, key=WAVELENGTH_ORDER.index) if known else bands


class ImageFiles(ObjectFiles):
    """The image files of the objects.

    The first file that can be read settles bands, pixel scale and unit; others that differ are
    set aside.

    Parameters
    ----------
    spec, base, modality, columns
        As of `ObjectFiles`.

    Attributes
    ----------
    layout : ImageLayout
    """

    def __init__(
        self, spec: ImageSpec, base: Path, modality: str, columns: Mapping[str, np.ndarray]
    ) -> None:
        self.request = ImageRequest(spec.bands, spec.hdu)
        self.mapped = spec
        super().__init__(spec, base, modality, columns)
        self.layout = self._layout()
        self.names = list(self.layout.bands)

    def _check_format(self, name: str) -> None:
        image_reader(name, self.spec.format)

    def _check_files(self) -> None:
        """Nothing: `_layout` looks for a file that can be read."""

    def _layout(self) -> ImageLayout:
        reason = "there is none"
        for name in [name for name in self.files if name][:TRIED]:
            try:
                picture = self._picture(name)
            except DataError as error:
                reason = str(error).rstrip(".")
                continue
            return layout_of(
                self.mapped, picture.bands, picture.pixel_scale, picture.unit, picture.display
            )
        raise DataError(
            f"{self.modality}: none of the first images in {self.path} can be read ({reason})."
        )

    def _reader(self, name: str, data: bytes) -> ImageFunction:
        """Return what reads a file: by the mapping's format, or else by its name."""
        return image_reader(name, self.mapped.format)

    def _picture(self, name: str) -> Picture:
        data = self.bytes_of(name)
        picture = self._reader(name, data)(data, name, self.request)
        n, height, width = picture.planes.shape
        if len(set(picture.bands)) != n:
            raise DataError(f"{name} has {n} planes for the bands {', '.join(picture.bands)}.")
        if height != width or not height:
            raise DataError(f"{name} is not square ({height} x {width} pixels).")
        return picture

    def _fields(self, name: str) -> tuple[Fields, list[str]]:
        picture = self._picture(name)
        planes = dict(zip(picture.bands, picture.planes, strict=True))
        missing = [band for band in self.layout.bands if band not in planes]
        if missing:
            raise DataError(f"{name} lacks the band {missing[0]}.")
        scale = picture.pixel_scale
        if (
            self.mapped.pixel_scale is None
            and scale is not None
            and abs(scale / self.layout.pixel_scale - 1) > SCALE_TOLERANCE
        ):
            raise DataError(
                f"{name} has another pixel scale ({scale:.4g} arcsec) than the other images."
            )
        unit = picture.unit if self.mapped.unit is None else self.mapped.unit
        stored, factor = (None, 1.0) if unit is None else image_unit(unit, f"{name}, its unit")
        if stored != self.layout.unit:
            raise DataError(f"{name} is in '{unit or 'no unit'}' where others are not.")
        fields = {
            band: (planes[band].astype(np.float32).ravel() * np.float32(factor))
            for band in self.layout.bands
        }
        return fields, []
