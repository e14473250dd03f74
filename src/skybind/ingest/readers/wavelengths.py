"""Wavelengths from the header of a FITS file, and spectra made of arrays."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from skybind.errors import DataError
from skybind.ingest.readers.registry import Fields


def axis_of_header(header: Mapping[str, Any], n: int, where: str) -> np.ndarray:
    """Return the coordinate of each pixel along the first axis of an image.

    It is CRVAL1 + (pixel - CRPIX1) CDELT1 with pixels counted from 1 (Greisen and Calabretta 2002,
    A&A 395, 1061, section 2.1); CD1_1 may stand for CDELT1, and CRPIX1 is 1 where it is left out.

    Raises
    ------
    DataError
        If CRVAL1 or the step is not there.
    """
    step = header.get("CDELT1", header.get("CD1_1"))
    first = header.get("CRVAL1")
    if not isinstance(step, int | float) or not isinstance(first, int | float) or not step:
        raise DataError(f"{where} has no CRVAL1 and CDELT1 in its header: no wavelengths.")
    return first + (np.arange(1, n + 1) - float(header.get("CRPIX1", 1))) * step


def spectrum_fields(
    wavelength: np.ndarray, flux: np.ndarray, ivar: np.ndarray, bad: np.ndarray, where: str
) -> Fields:
    """Give the fields of a spectrum; a pixel without a flux or an error is bad too.

    Raises
    ------
    DataError
        If the arrays are not of one length.
    """
    arrays = {"wavelength": wavelength, "flux": flux, "ivar": ivar}
    if len({len(values) for values in (*arrays.values(), bad)}) > 1:
        raise DataError(f"{where}: its arrays are of unequal length.")
    fields: Fields = {name: np.asarray(values, np.float32) for name, values in arrays.items()}
    good = np.isfinite(fields["flux"]) & np.isfinite(fields["ivar"]) & (fields["ivar"] > 0)
    fields["mask"] = np.asarray(bad, bool) | ~good
    return fields
