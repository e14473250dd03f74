"""JPEG and PNG cutouts: pictures for people, the last resort.

Their values, 0 to 255, are fluxes that were stretched, clipped and compressed: colours and the
brightness of bright pixels are not to be had back. The column says so (`stretch: display`). The
planes are red, green and blue; in pictures of the Legacy Surveys' viewer these are z, r and g.
A picture's first row is its top; it becomes the last, so that north is where FITS files have it.
"""

import io
import warnings

import numpy as np

from skybind.errors import DataError
from skybind.files import raise_of_machine
from skybind.ingest.readers.registry import ImageRequest, Picture, register_image_file
from skybind.ingest.readers.sizes import array_bytes
from skybind.limits import check_size

LEGACY = ["z", "r", "g"]


@register_image_file("jpeg", (".jpg", ".jpeg", ".png"))
def read_jpeg(data: bytes, name: str, request: ImageRequest) -> Picture:
    """Read one picture; grey ones have one plane.

    Raises
    ------
    DataError
        If it cannot be read, or has not one plane a band.
    """
    from PIL import Image

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(data)) as image:
                check_size(array_bytes(image.size, 12), len(data), name)
                grey = image.mode in ("1", "L", "I;16", "I", "F", "LA")
                pixels = np.asarray(image.convert("L" if grey else "RGB"), np.float32)
    except DataError:
        raise
    except Exception as error:  # whatever pillow raises on bytes that are no picture, or not all
        raise_of_machine(error)
        first = (str(error).splitlines() or [type(error).__name__])[0][:150].rstrip(". ")
        raise DataError(f"{name} is no readable picture: {first}.") from error
    planes = pixels[None] if grey else np.moveaxis(pixels, 2, 0)
    bands = request.bands or (None if grey else LEGACY)
    if bands is None:
        raise DataError(f"{name} is grey: say of which band, e.g. bands: [r], in the mapping.")
    if len(bands) != len(planes):
        raise DataError(f"{name} has {len(planes)} planes for the bands {', '.join(bands)}.")
    return Picture(planes[:, ::-1], list(bands), None, None, display=True)
