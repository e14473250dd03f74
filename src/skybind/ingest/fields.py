"""Fields of observations: the names that surveys give them, and their values as datasets hold them.

The import, the reader of single files and that of tables in memory all find and read fields here.
"""

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from skybind.data.times import time_system
from skybind.data.units import factor
from skybind.errors import ConfigError, DataError
from skybind.ingest.flags import bad_flags, limit_flags
from skybind.ingest.readers.sentinels import stands_for_missing
from skybind.ingest.readers.values import blanked, calendar, numbers, texts
from skybind.modalities.epochs import NOT_SAID

#: Times that are rounded to more than this are told [d].
ROUNDED = 1e-3
#: Names of columns as surveys write them, in lower case; the first that is there is taken.
NAMES: dict[str, dict[str, tuple[str, ...]]] = {
    "photometry": {
        "time": ("time", "hjd", "bjd", "jd", "mjd", "btjd", "bkjd", "date", "t"),
        "magnitude": ("magnitude", "mag", "vmag", "v", "mag_auto", "psfmag"),
        "magnitude_err": (
            "magnitude_err", "mag_err", "magerr", "e_mag", "err_mag", "mag_error", "sigma_mag",
        ),
        "flux": ("flux", "pdcsap_flux", "sap_flux", "flux_mjy", "forcediffimflux"),
        "flux_err": ("flux_err", "fluxerr", "e_flux", "flux_error", "pdcsap_flux_err", "err_flux"),
        "band": ("band", "filter", "fid", "filtercode", "passband", "phot_filter"),
        "limit": (
            "upper_limit", "upperlimit", "is_upper_limit", "is_limit", "uplim", "ulim",
            "limit_flag", "l_mag", "l_flux",
        ),
    },
    "spectrum": {
        "wavelength": ("wavelength", "wave", "lambda", "lam", "wl", "loglam", "log_wavelength"),
        "flux": ("flux", "flux_density", "f_lambda", "flam", "spec"),
        "flux_err": ("flux_err", "flux_error", "fluxerr", "error", "err", "sigma", "uncertainty"),
        "ivar": ("ivar", "inverse_variance", "inv_var", "invvar"),
        "mask": ("mask", "and_mask", "bad"),
    },
}  # fmt: skip
#: Fields that an observation cannot do without; one of each group.
NEEDED = {
    "photometry": (("time",), ("flux", "magnitude")),
    "spectrum": (("wavelength",), ("flux",)),
}
WORDS = {"photometry": "light curve", "spectrum": "spectrum", "image": "image"}
#: Names of the column with the names of the objects.
OBJECTS = ("object_id", "id", "name", "source_id", "objid", "obj_id", "star_id")
#: Columns of right ascension and declination, in lower case; the first pair that is there is taken.
POSITIONS = (
    ("ra", "dec"), ("ra", "decl"), ("raj2000", "dej2000"), ("raj2000", "decj2000"),
    ("_raj2000", "_dej2000"), ("ra_icrs", "de_icrs"), ("ra_icrs", "dec_icrs"),
    ("ra_deg", "dec_deg"), ("radeg", "dedeg"), ("radeg", "decdeg"), ("_ra", "_de"),
    ("ra_j2000", "dec_j2000"), ("alpha_j2000", "delta_j2000"), ("target_ra", "target_dec"),
    ("meanra", "meandec"), ("ramean", "decmean"), ("right_ascension", "declination"),
)  # fmt: skip
_TYPES = {
    "time": np.float64, "mask": bool, "limit": np.int8, "flag": np.int64, "unconverted": bool,
}  # fmt: skip
_UNKNOWN = {"band": "", "system": "", "mask": False, "flag": -1, "limit": NOT_SAID}
_LOGARITHM = re.compile(r"log_?(?:10)?_?(?:lam|wave|wl)", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s-]+")
_ERROR_ONLY = ("error", "err", "e", "sigma", "uncertainty")


def find_fields(columns: Iterable[str], kind: str) -> dict[str, str]:
    """Find the fields of a kind of observation among columns, by the names that are usual.

    Returns
    -------
    dict of str to str
        Field -> column.

    Raises
    ------
    DataError
        If such observations are read from a dataset only, or two columns could be one field.
    """
    if kind not in NAMES:
        raise DataError(f"Observations of the kind '{kind}' can be given as a dataset only.")
    places: dict[str, list[str]] = {}
    for column in columns:
        places.setdefault(_BETWEEN.sub("_", column.strip().lower()), []).append(column)
    found: dict[str, str] = {}
    for field, names in NAMES[kind].items():
        own = _one_of(places, names, field)
        if own is not None and own not in found.values():
            found[field] = own
    if kind == "photometry":
        if "magnitude" in found and "flux" in found:  # one brightness is enough
            for field in ("magnitude", "magnitude_err"):
                found.pop(field, None)
        value = "flux" if "flux" in found else "magnitude"
        for field in ("flux_err", "magnitude_err"):
            if field.removesuffix("_err") not in found:
                found.pop(field, None)
        if value in found and f"{value}_err" not in found:
            error = _one_of(places, _ERROR_ONLY, "error")
            if error is not None:
                found[f"{value}_err"] = error
    elif "ivar" in found:
        found.pop("flux_err", None)
    return found


def _one_of(places: Mapping[str, list[str]], names: Sequence[str], field: str) -> str | None:
    """Give the column of the first of some names that there is; two that differ in case ask."""
    own = next((places[name] for name in names if name in places), None)
    if own is None:
        return None
    if len(set(own)) > 1:
        raise DataError(f"'{own[0]}' and '{own[1]}' could both be the {field}: rename one of them.")
    return own[0]


def missing_fields(fields: Iterable[str], kind: str) -> tuple[str, ...]:
    """Give the first group of fields of which an observation needs one and has none; or ()."""
    have = set(fields)
    return next((group for group in NEEDED[kind] if not have & set(group)), ())


def name_of_objects(columns: Iterable[str]) -> str | None:
    """Find the column with the names of the objects."""
    places = {column.lower(): column for column in reversed(list(columns))}
    return next((places[name] for name in OBJECTS if name in places), None)


def find_position(columns: Iterable[str]) -> tuple[str, str] | None:
    """Find the columns of right ascension and declination by the names that are usual."""
    places = {column.lower(): column for column in reversed(list(columns))}
    found = next((pair for pair in POSITIONS if all(name in places for name in pair)), None)
    return None if found is None else (places[found[0]], places[found[1]])


#: Longest wavelength of a spectrum [Angstrom].
_LONGEST = 2e7
#: Logarithms of wavelengths from 2,000 to 25,000 Angstrom lie between these.
_LOGARITHMS = {"dex": (3.3, 4.4), "ln": (7.6, 10.13)}


def stated_unit(field: str, column: str, unit: str | None) -> str | None:
    """Unit of a field: that of its column, or what the column's name tells.

    A column `loglam` in Angstrom holds logarithms of wavelengths in Angstrom.
    """
    if field != "wavelength" or not _LOGARITHM.match(column):
        return unit
    if unit in (None, "", "1", "dex", "A"):
        return "dex(Angstrom)"
    return f"dex({unit})" if re.fullmatch(r"[A-Za-z]+", str(unit)) else unit


def field_values(field: str, raw: np.ndarray, missing: Sequence[str] = ()) -> np.ndarray:
    """Read the values of a field: text of a band, true where a mask is not 0, else numbers.

    Of `limit` (whether an epoch is an upper limit) true where it says so.

    Text where a number should be becomes NaN, and so does what `missing` names (see
    `stands_for_missing`); a band that it names becomes "", a mask true.
    """
    absent = stands_for_missing(raw, missing)
    if field == "limit":
        return limit_flags(raw, field) & ~absent
    if field == "band":
        return np.where(absent, "", texts(raw))
    if field == "mask":
        return bad_flags(np.where(absent, np.nan, raw) if absent.any() else raw, field)
    return np.where(absent, np.nan, numbers(blanked(raw, absent))[0])


def typed(field: str, values: np.ndarray) -> np.ndarray:
    """Give the values of a field in the type in which a dataset holds them."""
    if field in ("band", "system"):
        return values.astype(object)
    with np.errstate(over="ignore"):  # too large for float32: infinite, so dropped and counted
        kind = _TYPES.get(field, np.float32)
        return values.astype(kind, copy=False)


def unknown_values(field: str, length: int) -> np.ndarray:
    """Give the values of a field of which nothing is known: no pixel is masked for that."""
    fill: object = _UNKNOWN.get(field, np.nan)
    return typed(field, np.full(length, fill))


def check_dates(name: str, raw: np.ndarray, unit: str | None, where: str) -> None:
    """Refuse dates and durations that are no times, or whose unit says that they are numbers.

    Raises
    ------
    DataError
        If the field is not `time`.
    ConfigError
        If the unit is none of days without a zero point.
    """
    found = calendar(raw)
    if found is None:
        return
    what = "dates" if found == "JD" else "durations"
    if name != "time":
        raise DataError(f"{where} holds {what}, which are no {name}.")
    check_calendar_unit(found, unit, where)


def check_logarithms(waves: np.ndarray, unit: str | None, where: str) -> None:
    """Refuse natural logarithms of wavelengths that were taken for logarithms to base 10.

    Parameters
    ----------
    waves : ndarray
        Wavelengths as they were read [Angstrom].
    unit : str or None
        That they were read by.
    where : str
        Names the column.

    Raises
    ------
    DataError
        If they lie beyond 2 mm.
    """
    known = waves[np.isfinite(waves)]
    if unit is not None and unit.startswith("dex(") and len(known) and known.max() > _LONGEST:
        raise DataError(
            f"{where}: wavelengths to {known.max():.2g} Angstrom; natural logarithms need the unit "
            f"ln{unit.removeprefix('dex')}."
        )


def logarithm_notes(raw: np.ndarray, unit: str | None, where: str) -> list[str]:
    """Say that wavelengths in Angstrom look like logarithms; parameters as of `rounded_times`."""
    known = raw[np.isfinite(raw)] if raw.dtype.kind == "f" else raw[:0]
    if unit not in (None, "Angstrom", "AA", "angstrom") or not len(known):
        return []
    low, high = float(known.min()), float(known.max())
    base = next((b for b, (a, z) in _LOGARITHMS.items() if a < low and high < z), None)
    if base is None:
        return []
    return [
        f"{where} lies between {low:.4g} and {high:.4g} Angstrom: if these are logarithms, give "
        f"unit: {base}(Angstrom)"
    ]


def rounded_times(raw: np.ndarray, unit: str | None, where: str) -> list[str]:
    """Say how far single precision rounds times, where it is more than a minute or so.

    Parameters
    ----------
    raw : ndarray
        As they were written.
    unit : str or None
        Of the times; days where it is not known.
    where : str
        Names the column.
    """
    known = raw[np.isfinite(raw)] if raw.dtype.kind == "f" and raw.dtype.itemsize < 8 else raw[:0]
    if not len(known):
        return []
    last = np.abs(known).max()
    step, days = float(np.spacing(last)), 1.0
    if unit is not None and time_system(unit) is None:
        try:
            days = factor(unit, "d", where)
        except ConfigError:  # told where the unit is heeded
            return []
    if step * days <= ROUNDED:
        return []
    return [
        f"{where} is in single precision, in which times around {last:.0f} are rounded to "
        f"{step * days:.2g} d: short periods are lost unless it is written in double precision"
    ]


def calendar_note(found: str, where: str) -> str:
    """Say what becomes of dates (`JD`) or durations (`d`)."""
    if found == "JD":
        return f"{where} holds dates: they become Julian dates [d]."
    return f"{where} holds durations: they become days."


def check_calendar_unit(found: str, unit: str | None, where: str) -> None:
    """Refuse a unit of dates (`JD`) or durations (`d`) other than that in which they are read.

    Raises
    ------
    ConfigError
    """
    system = time_system(unit)
    if unit in (None, "d", "day", "days") or (found == "JD" and system and system.zero == 0):
        return
    read = "dates, which are read as Julian dates" if found == "JD" else "durations, read in days"
    raise ConfigError(
        f"{where} holds {read}: the unit '{unit}' is not theirs, write unit: {found}."
    )
