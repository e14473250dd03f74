"""FITS cutouts of one object: a cube (bands, y, x), or one extension a band.

Bands come from the mapping or from the header: BANDS = 'grz', BAND0, BAND1 ... (the Legacy
Surveys' cutouts), or FILTER, BAND or EXTNAME of each extension. The pixel scale comes from
PIXSCALE [arcsec], CD1_1 ... or CDELT1. The unit comes from BUNIT; the Legacy Surveys, which write
none, use nanomaggies.
"""

from typing import Any

import numpy as np

from skybind.errors import DataError
from skybind.ingest.readers.contents import open_fits
from skybind.ingest.readers.registry import ImageRequest, Picture, register_image_file

DEGREE = {"deg": 3600.0, "degree": 3600.0, "arcmin": 60.0, "arcsec": 1.0}


MOST_BANDS = 16


@register_image_file("fits", (".fits", ".fit", ".fz"))
def read_fits_image(data: bytes, name: str, request: ImageRequest) -> Picture:
    """Read one cutout from the bytes of its FITS file, gzipped or not.

    Raises
    ------
    DataError
        If it is no such file.
    """
    with open_fits(data, name) as hdus:
        if request.hdu is not None:
            if request.hdu >= len(hdus):
                raise DataError(f"{name} has no extension {request.hdu}.")
            chosen = [hdus[request.hdu]]
        else:
            chosen = [hdu for hdu in hdus if _dimensions(hdu) >= 2]
        images = [(hdu.header, np.asarray(hdu.data)) for hdu in chosen if _dimensions(hdu) >= 2]
        primary = hdus[0].header.copy()
    if not images:
        raise DataError(f"{name} holds no image.")
    cubes = [(header, image) for header, image in images if image.ndim >= 3]
    if cubes:
        header, image = cubes[0]
        planes, bands = _cube(header, primary, np.squeeze(image), name, request)
    else:
        header = images[0][0]
        planes, bands = _extensions(images, primary, name, request)
    return Picture(planes, bands, pixel_scale(header) or pixel_scale(primary), _unit(header))


def bands_of(header: Any) -> list[str] | None:
    """Bands of a cube as its header states them, or None."""
    numbered: list[str] = []
    while f"BAND{len(numbered)}" in header:
        numbered.append(str(header[f"BAND{len(numbered)}"]).strip())
    if numbered:
        return numbered
    text = str(header.get("BANDS", "")).replace(",", " ").strip()
    return (text.split() if " " in text else list(text)) or None


def pixel_scale(header: Any) -> float | None:
    """Arcsec a pixel as a header states it, or None."""
    scale = header.get("PIXSCALE", header.get("PIXSCAL1"))
    if scale is None:
        factor = DEGREE.get(str(header.get("CUNIT1", "deg")).strip().lower(), 0.0)
        if "CD1_1" in header:
            cd = [float(header.get(f"CD{i}_{j}", 0)) for i in (1, 2) for j in (1, 2)]
            scale = factor * abs(cd[0] * cd[3] - cd[1] * cd[2]) ** 0.5
        elif "CDELT1" in header:
            scale = factor * abs(float(header["CDELT1"]))
    try:
        value = float(scale) if scale is not None else 0.0
    except (TypeError, ValueError):
        return None
    return value if np.isfinite(value) and value > 0 else None


def _dimensions(hdu: Any) -> int:
    return int(hdu.header.get("NAXIS", 0)) if getattr(hdu, "is_image", False) else 0


def _cube(
    header: Any, primary: Any, image: np.ndarray, name: str, request: ImageRequest
) -> tuple[np.ndarray, list[str]]:
    if image.ndim == 2:
        image = image[None]
    if image.ndim != 3:
        raise DataError(f"{name} has an image of {image.ndim} dimensions: one object has three.")
    if image.shape[0] > MOST_BANDS >= image.shape[2]:
        image = np.moveaxis(image, 2, 0)
    bands = request.bands or bands_of(header) or bands_of(primary)
    if bands is None:
        raise DataError(
            f"{name} does not state its bands: add bands, such as [g, r, z], to the mapping."
        )
    if len(bands) != len(image):
        raise DataError(f"{name} has {len(image)} planes for the bands {', '.join(bands)}.")
    return image, list(bands)


def _extensions(
    images: list[tuple[Any, np.ndarray]], primary: Any, name: str, request: ImageRequest
) -> tuple[np.ndarray, list[str]]:
    named = [_band(header) for header, _ in images]
    bands = list(request.bands or named)
    if request.bands and set(request.bands) <= set(named):
        planes = [images[named.index(band)][1] for band in request.bands]
    elif len(bands) == len(images) and all(bands):
        planes = [image for _, image in images]
    else:
        raise DataError(
            f"{name} has {len(images)} images whose bands are not known: add bands to the mapping, "
            "or a cube of one plane a band."
        )
    if len({plane.shape for plane in planes}) > 1:
        raise DataError(f"{name} has bands of different size.")
    return np.stack(planes), bands


def _band(header: Any) -> str:
    for key in ("FILTER", "BAND", "EXTNAME"):
        words = str(header.get(key, "")).split()
        if words:
            return words[0]
    return ""


def _unit(header: Any) -> str | None:
    unit = str(header.get("BUNIT", "")).strip()
    if unit:
        return unit
    return "nmgy" if str(header.get("SURVEY", "")).startswith("LegacySurvey") else None
