"""Spectra in the image of a FITS file, with their wavelengths in its header.

The image has one axis, or rows that the header names: IRAF's bands (`BANDID1 = 'spectrum ...'`,
`BANDID4 = 'sigma ...'`), `ROW1`, `ARRAY1`; errors may also lie in an image extension (`ERR`,
`SIGMA`, `VAR`, `IVAR`). It is given as a table with the columns `wavelength`, `flux`, and where it
has them `flux_err`, `ivar` and `sky`.

The wavelength of pixel p is CRVAL1 + (p - CRPIX1) CDELT1 (Greisen and Calabretta 2002, A&A 395,
1061), of which `DC-FLAG = 1` makes its logarithm to base 10 (Valdes 1993, "The IRAF/NOAO Spectral
World Coordinate Systems"). `WAVE-LOG` and `AWAV-LOG` are exponential about the reference:
CRVAL1 exp((p - CRPIX1) CDELT1 / CRVAL1) (Greisen et al. 2006, A&A 446, 747, equation 5). IRAF's
`multispec` states first wavelength, step and redshift in WAT2. WAVE is in vacuum, AWAV in air.
"""

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from skybind.data.units import convert, is_unit
from skybind.errors import ConfigError, DataError
from skybind.ingest.readers.contents import holds_table, image_shape, open_fits
from skybind.ingest.readers.wavelengths import axis_of_header

#: Field -> how a row or an extension is called that holds it.
_ROLES = {
    "wavelength": r"wave(length)?s?(?![a-z])|lambda",
    "ivar": r"inv(erse)?[\s_-]*var|ivar",
    "variance": r"var|stat$",
    "flux_err": r"sig(?!nal)|(flux)?err|noise|uncert|std",
    "sky": r"(sky|backgr)(?!.*sub)",
    "flux": r"flux|spec|obj|sci|signal",
}
_LINEAR = ("", "LINEAR", "LAMBDA", "WAVE", "AWAV", "WAVELENGTH", "MULTISPE", "MULTISPEC")
_EXPONENTIAL = ("WAVE-LOG", "AWAV-LOG")
_LOG10 = re.compile(r"LOG-LINEAR|LOG(10)?[\s_(-]*(LAM|WAVE)")
#: Wavelengths that a spectrum may have [Angstrom]: logarithms of them lie far below.
_RANGE = 20.0, 2e7


class HeaderSpectrum(NamedTuple):
    """A spectrum as the columns of a table; see `Table`."""

    columns: dict[str, np.ndarray]
    units: dict[str, str]
    notes: list[str]


def spectrum_of_header(data: bytes, name: str, hdu: int | None) -> HeaderSpectrum | None:
    """Read a spectrum from an image whose header has the wavelengths.

    Parameters
    ----------
    data : bytes
        Of a FITS file, not gzipped.
    name : str
    hdu : int, optional
        Which part; by default the first image of a file without tables.

    Returns
    -------
    HeaderSpectrum or None
        None where there is no such image.

    Raises
    ------
    DataError
        If its wavelengths are not known, or not which of its rows is the spectrum.
    """
    tables_alone = hdu != 0 and b"XTENSION= 'IMAGE" not in data
    if not data.startswith(b"SIMPLE") or (holds_table(data) and (hdu is None or tables_alone)):
        return None
    with open_fits(data, name) as hdus:
        images = [i for i, part in enumerate(hdus) if image_shape(part)]
        usable = [i for i in images if _role(str(hdus[i].name)) in (None, "flux")]
        place = next(iter(usable), None) if hdu is None else hdu
        if place not in images:
            return None
        header, shape = hdus[place].header, image_shape(hdus[place])
        where = name if hdu is None else f"{name}, extension {hdu}"
        if len(shape) > 3 or (len(shape) > 1 and not _is_spectral(header)):
            return None
        rows, unread = _rows(np.asarray(hdus[place].data, float), header, where)
        units = {"wavelength": _unit(header), "flux": _text(header, "BUNIT")}
        unread += _add_extensions(rows, units, hdus, place)
        units = {field: unit for field, unit in units.items() if unit}
    if "variance" in rows:
        variance = rows.pop("variance")
        good = np.isfinite(variance) & (variance > 0)
        rows.setdefault("flux_err", np.where(good, np.sqrt(np.where(good, variance, 1)), np.nan))
    notes = [f"{what} is not read" for what in unread]
    if "wavelength" not in rows:
        waves = _wavelengths(header, shape[-1], where)
        there = ~np.isnan(waves)
        rows = {key: row[there] for key, row in {"wavelength": waves, **rows}.items()}
        if "CRPIX1" not in header and not _kind(header).startswith("MULTISPE"):
            notes = ["without CRPIX1, CRVAL1 is taken to be that of the first pixel", *notes]
    notes = [_medium(header), *notes]
    _refuse_implausible(rows["wavelength"], units.get("wavelength"), where)
    return HeaderSpectrum(rows, units, notes)


def _add_extensions(
    rows: dict[str, np.ndarray], units: dict[str, str], hdus: Any, place: int
) -> list[str]:
    """Add what other images of as many pixels hold; gives those that are not read."""
    n, unread = image_shape(hdus[place])[-1], []
    for i, part in enumerate(hdus):
        shape = image_shape(part)
        if i == place or not shape:
            continue
        called = str(part.name)
        role = _role(called)
        if role in (None, "flux", *rows) or shape[-1] != n or math.prod(shape) != n:
            unread.append(f"extension {i} ({called or 'without a name'})")
            continue
        rows[str(role)] = np.asarray(part.data, float).ravel()
        unit = _text(part.header, "BUNIT")
        if role == "wavelength":
            units[role] = _usual(unit) or units[role]
        elif role != "variance" and unit != units["flux"] and is_unit(unit or "?"):
            units[str(role)] = unit  # where none is stated, errors are in that of the flux
    return unread


def _is_spectral(header: Mapping[str, Any]) -> bool:
    """Whether the first axis of an image of rows is one of wavelengths."""
    kind = _kind(header)
    known = kind in (*_LINEAR[2:], *_EXPONENTIAL) or _LOG10.match(kind)
    return bool(known) or "DC-FLAG" in header or any(_named(header, 1))


def _text(header: Mapping[str, Any], key: str) -> str:
    return str(header.get(key, "")).strip()


def _kind(header: Mapping[str, Any]) -> str:
    return _text(header, "CTYPE1").upper()


def _named(header: Mapping[str, Any], row: int) -> tuple[str, ...]:
    """What the header calls a row of the image."""
    return tuple(str(header.get(f"{key}{row}", "")).strip() for key in ("BANDID", "ROW", "ARRAY"))


def _role(called: str) -> str | None:
    """Field that a row or an extension holds, by its name; what follows a dash is a remark."""
    word = re.split(r"\s-\s", called)[0].strip().lower()
    found = [field for field, said in _ROLES.items() if re.search(rf"(?<![a-z])({said})", word)]
    of_sky = "sky" in found and found[0] != "sky"  # an error, but not that of the flux
    return None if of_sky or not found else found[0]


def _rows(
    values: np.ndarray, header: Mapping[str, Any], where: str
) -> tuple[dict[str, np.ndarray], list[str]]:
    """Give the rows of an image by what they hold; second, those that are not read."""
    image = values if values.ndim < 3 or values.shape[1] > 1 else values[:, 0]
    if image.ndim == 2 and len(image) == 1:
        image = image[0]
    if image.ndim == 1:
        return {"flux": image}, []
    found: dict[str, np.ndarray] = {}
    unread = []
    for i in range(len(image) if image.ndim == 2 else 0):
        called = next((text for text in _named(header, i + 1) if text), "")
        role = _role(called)
        if role is None or role in found:
            unread.append(f"row {i + 1} ({called or 'without a name'})")
        else:
            found[role] = image[i]
    if "flux" not in found or "APNUM2" in header:
        raise DataError(
            f"{where} is an image of {' x '.join(map(str, values.shape))} pixels and does not say "
            "which row is the spectrum (BANDID1 = 'spectrum', ROW1 = 'flux'): give each spectrum "
            "as a file of its own."
        )
    return found, unread


def _medium(header: Mapping[str, Any]) -> str:
    """Say whether wavelengths are in air or in vacuum."""
    kind = _kind(header)
    found = {"WAVE": "in vacuum (CTYPE1)", "AWAV": "in air (CTYPE1), and stay so"}.get(kind[:4])
    if found is None or kind == "WAVELENGTH":
        return "the header does not say whether wavelengths are in air or in vacuum"
    return f"wavelengths are {found}"


def _wavelengths(header: Mapping[str, Any], n: int, where: str) -> np.ndarray:
    kind, flag = _kind(header), header.get("DC-FLAG")
    if kind not in (*_LINEAR, *_EXPONENTIAL) and not _LOG10.match(kind):
        raise DataError(f"{where}: its axis is '{kind}' (CTYPE1), not of wavelengths.")
    if kind.startswith("MULTISPE"):
        return _multispec(header, n, where)
    if flag == -1:
        raise DataError(f"{where} has no calibration of wavelengths (DC-FLAG = -1).")
    axis = axis_of_header(_one_step(header, where), n, where)
    if flag == 1 or _LOG10.match(kind):
        with np.errstate(over="ignore"):
            return np.asarray(10.0**axis)
    if kind in _EXPONENTIAL:
        first = float(header["CRVAL1"])
        return first * np.asarray(np.exp((axis - first) / first))
    return axis


def _one_step(header: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Give a header with its step as CDELT1, whichever keyword holds it."""
    found = {key: header[key] for key in ("CRVAL1", "CRPIX1", "CDELT1", "CD1_1") if key in header}
    scaled, matrix = found.get("CDELT1"), found.pop("CD1_1", None)
    if isinstance(scaled, int | float):
        found["CDELT1"] = scaled * float(header.get("PC1_1", 1))
    if isinstance(matrix, int | float):
        # a lone CDELT1 of 1 is what the standard takes where it is left out
        if scaled not in (None, 1, matrix) and not np.isclose(scaled, matrix, rtol=1e-6, atol=0):
            raise DataError(f"{where}: CD1_1 = {matrix} and CDELT1 = {scaled} are not the same.")
        found["CDELT1"] = matrix
    return found


def _multispec(header: Mapping[str, Any], n: int, where: str) -> np.ndarray:
    """Wavelengths of IRAF's `multispec`, linear or of equal logarithms; NaN for its padding."""
    # blanks at the end of a keyword of text are lost, and each holds 68 letters
    keys = sorted(key for key in header if re.fullmatch(r"WAT2_\d+", key))
    text = "".join(str(header[key]).ljust(68) for key in keys)
    found = re.search(r"spec1\s*=\s*\"([^\"]*)\"", text)
    try:
        kind, first, step, pixels, redshift = map(float, found[1].split()[2:7] if found else [])
    except ValueError:
        raise DataError(f"{where}: its WAT2 keywords do not describe a spectrum 1.") from None
    if kind not in (0, 1):
        what = "no calibration of wavelengths" if kind < 0 else "a nonlinear dispersion"
        raise DataError(
            f"{where} has {what} in its WAT2 keywords: resample it with IRAF's dispcor, or write "
            "it as a table."
        )
    # of the whole spectrum, of which a section (IRAF's imcopy) has some
    pixel = (np.arange(1, n + 1) - float(header.get("LTV1", 0))) / float(header.get("LTM1_1", 1))
    axis = first + step * (np.where((pixel > 0.5) & (pixel < pixels + 0.5), pixel, np.nan) - 1)
    with np.errstate(over="ignore"):
        return np.asarray((10.0**axis if kind == 1 else axis) / (1 + redshift))


def _unit(header: Mapping[str, Any]) -> str:
    """Unit of the wavelengths, also where that of their logarithms is stated so."""
    unit = _text(header, "CUNIT1")
    if not unit:
        found = re.search(r"units=\s*\"?(\w+)", _text(header, "WAT1_001"))
        unit = found[1] if found else ""
    inner = re.fullmatch(r"(?i)log(?:10)?\s*\(?\s*(\w+)\s*\)?", unit)
    return _usual(inner[1] if inner else unit)


def _usual(unit: str) -> str:
    """Give a unit of wavelengths as astropy spells it."""
    spellings = {"Angstrom": r"ang|a$", "nm": r"nm$|nanomet", "um": r"um$|micro"}
    found = (usual for usual, said in spellings.items() if re.match(said, unit.lower()))
    return next(found, unit)


def _refuse_implausible(waves: np.ndarray, unit: str | None, where: str) -> None:
    known = waves[np.isfinite(waves)]
    if unit is not None and is_unit(unit):
        try:
            known, unit = convert(known, unit, "Angstrom", where), "Angstrom"
        except ConfigError:
            raise DataError(f"{where}: its axis is in '{unit}', not of wavelengths.") from None
    least, most = (float(known.min()), float(known.max())) if len(known) else (np.nan, np.nan)
    if not (_RANGE[0] <= least and most <= _RANGE[1]):
        place = f"lie between {least:.4g} and {most:.4g} {unit or '(no unit is stated)'}"
        raise DataError(
            f"{where}: its wavelengths would {place if len(known) else 'be infinite or unknown'}: "
            "are they logarithms (DC-FLAG = 1), or is the unit (CUNIT1) another?"
        )
