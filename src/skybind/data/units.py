"""Units of columns: read, checked and converted with astropy."""

import re
import warnings
from typing import Any

import numpy as np

from skybind.data.systems import without_system
from skybind.data.times import time_system
from skybind.errors import ConfigError

_TARGETS = {
    "time": "d",
    "flux": "mJy",
    "flux_err": "mJy",
    "magnitude": "mag",
    "magnitude_err": "mag",
    "wavelength": "Angstrom",
}
#: Flat columns whose numbers the program reads itself, and the unit that it reads them in.
FIXED_UNITS = {"period": "d", "parallax": "mas"}
#: Other names that say what the numbers are, where their unit can be converted.
_NAMED = (
    (re.compile(r"(.+_)?(period|p_orb|p_rot|porb|prot|per)(_err|_error|_\d)?|e_period", re.I), "d"),
    (re.compile(r"(e_)?(parallax|plx|varpi)(_err|_error|_over_error)?", re.I), "mas"),
)
# What surveys write and astropy does not read, or reads as something else
NANOMAGGY = "nmgy"
_MAGGY = 3631.0  # [Jy], AB magnitude 0
_MAGGIES = {"nanomaggies": "nmgy", "nanomaggie": "nmgy", "maggies": "mgy", "maggie": "mgy"}
_ALIASES = {"days": "d", "": "1"}
_COUNTS = ("adu", "ct", "electron", "ph", "DN")
# Spellings in headers, and astropy's
_SPELLINGS = (
    (re.compile(r"^\s*10\s*(?:\^|\*\*)\s*\(?\s*([-+]?\d+)(?:\s*\))?"), r"1e\1"),
    (re.compile(r"^1\.?0*[ED](?=[-+]?\d)", re.I), "1e"),
    (re.compile(r"\bergs\b"), "erg"),
    (re.compile(r"\b(?:Angstroms|angstroms|Ang|ang|AA)(?=\b|\d)"), "Angstrom"),
    (re.compile(r"(?:\be-|\belectrons|\be-?(?=\s*/\s*s)|\belec)(?=\s|/|$|\.)"), "electron"),
    (re.compile(r"\b(?:ADUs?|adus)\b"), "adu"),
    (re.compile(r"\b(?:counts?|cts)\b"), "ct"),
    (re.compile(r"(?<=/)\s*(?:sec|second)\b"), "s"),
)
_NATURAL = re.compile(r"ln\s*\((.+)\)")
# A is the ampere to astropy, and never that in a flux
_FLUX_PER_A = re.compile(r"\bA(?=\b|-1|\^)")


def parse_unit(unit: str, where: str) -> Any:
    """Read a unit, as astropy spells it or as headers do; a date (`BJD - 2457000`) is in days.

    Raises
    ------
    ConfigError
        If it is not one.
    """
    from astropy import units

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if natural := _NATURAL.fullmatch(unit.strip()):  # numbers, then
                return units.Unit("1" if is_unit(natural[1]) else unit)
            return units.Unit("d" if time_system(unit) else _spelled(without_system(unit)))
    except (ValueError, TypeError):
        raise ConfigError(
            f"{where}: '{unit}' is not a unit that astropy knows (examples: d, mJy, mag, Angstrom)."
        ) from None


def convert(values: np.ndarray, unit: str, target: str, where: str) -> np.ndarray:
    """Convert values from one unit to another.

    Parameters
    ----------
    values : ndarray
    unit, target : str
        In astropy's notation; `dex(Angstrom)` is the decimal logarithm of a wavelength,
        `ln(Angstrom)` the natural one; maggies are of AB. Times in
        a unit such as `BJD - 2457000` become Julian dates where the target is `d`, and are counted
        from another zero where the target says so.
    where : str
        The column, for the message.

    Raises
    ------
    ConfigError
        If one cannot become the other.
    """
    from astropy import units

    if unit == "A" and target == "Angstrom":
        unit = target  # A is the ampere to astropy
    natural, wanted = _NATURAL.fullmatch(unit.strip()), _NATURAL.fullmatch(target.strip())
    if natural is not None and wanted is not None and same_unit(natural[1], wanted[1]):
        parse_unit(natural[1], where)
        return values
    if natural is not None:
        with np.errstate(over="ignore"):
            return convert(np.exp(np.asarray(values, float)), natural[1], target, where)
    if wanted is not None:
        with np.errstate(divide="ignore", invalid="ignore"):  # not finite, as from other units
            return np.log(convert(values, unit, wanted[1], where))
    system, aim = time_system(unit), time_system(target)
    if system is not None and (aim is not None or target == "d"):
        return np.asarray(values, float) + (system.zero - (aim.zero if aim is not None else 0))
    source = parse_unit(unit, where)
    if str(source) == target or {str(source), target} == {"mag(AB)", "mag"}:
        return values
    try:
        with np.errstate(over="ignore"):  # infinite then, which the cleaning drops and counts
            physical = (np.asarray(values, float) * source).to(
                parse_unit(target, where), units.zero_point_flux(_MAGGY * units.Jy)
            )
    except (units.UnitConversionError, units.UnitTypeError, TypeError):
        raise ConfigError(f"{where}: the unit '{unit}' cannot be converted to {target}.") from None
    return np.asarray(physical.value)


def same_unit(one: str | None, other: str | None) -> bool:
    """Whether two spellings are of one unit; what astropy does not know is only itself."""
    if one == other:
        return True
    if one is None or other is None or time_system(one) != time_system(other):
        return False
    try:
        return bool(parse_unit(one, "") == parse_unit(other, ""))
    except ConfigError:
        return False


def factor(unit: str, target: str, where: str) -> float:
    """Give the factor from one unit to another, as of `convert`; no logarithm has one.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if unit == target:  # the usual case, without astropy
        return 1.0
    if "mag" not in (unit, target) and (_is_logarithm(unit, where) or _is_logarithm(target, where)):
        raise ConfigError(f"{where}: the unit '{unit}' cannot be converted to {target}.")
    return float(convert(np.ones(1), unit, target, where)[0])


def _is_logarithm(unit: str, where: str) -> bool:
    natural = _NATURAL.fullmatch(unit.strip())
    return natural is not None or hasattr(parse_unit(unit, where), "physical_unit")


def kept_unit(name: str, unit: str | None, where: str) -> str | None:
    """Unit in which a flat column is kept in a dataset.

    Periods are kept in d, parallaxes in mas, proper motions in mas / yr, magnitudes in mag, and
    angles in deg where they are stated in rad or hours; anything else in its own unit.

    Parameters
    ----------
    name : str
        Of the column in the dataset: `period` and `parallax` must have a unit that fits.
    unit : str or None
        As it is stated.
    where : str
        The column, for the message.

    Returns
    -------
    str or None
        None where none is stated.

    Raises
    ------
    ConfigError
        If it is not a unit, or not one of a period or a parallax.
    """
    from astropy import units

    if unit is None:
        return None
    parsed = parse_unit(unit, where)
    if name in FIXED_UNITS:
        convert(np.ones(1), unit, FIXED_UNITS[name], where)
        return FIXED_UNITS[name]
    for pattern, target in _NAMED:
        if pattern.fullmatch(name) and parsed.is_equivalent(target):
            return target
    if parsed.is_equivalent("mas / yr"):
        return "mas / yr"
    angle = parsed.is_equivalent("deg")
    if angle and (parsed in (units.rad, units.hourangle) or name in ("l", "b")):
        return "deg"
    if getattr(getattr(parsed, "represents", None), "bases", []) == [units.mag]:  # as mmag
        return "mag"
    if str(parsed) in ("mag", "mag(AB)"):  # as mag(Vega)
        return "mag"
    return unit


def image_unit(unit: str, where: str) -> tuple[str, float]:
    """Unit in which an image is kept, and the factor to it.

    Flux densities and maggies become nanomaggies (AB: 3.631 uJy); counts, or numbers without a
    unit, stay what they are.

    Raises
    ------
    ConfigError
        If it is no unit of that.
    """
    from astropy import units

    parsed = parse_unit(_MAGGIES.get(unit, unit), where)
    nanomaggy = units.Unit(NANOMAGGY)
    if parsed.is_equivalent(nanomaggy):
        return NANOMAGGY, float(parsed.to(nanomaggy))
    if parsed.is_equivalent(units.Jy):
        return NANOMAGGY, float(parsed.to(units.Jy)) / 3.631e-6
    if parsed.is_equivalent(units.Unit("1")) or is_counts(unit):
        return unit, 1.0
    raise ConfigError(f"{where}: '{unit}' is no unit of flux, such as nmgy, nJy or electron / s.")


def is_unit(unit: str) -> bool:
    """Whether a text is a unit."""
    try:
        parse_unit(unit, "")
    except ConfigError:
        return False
    return True


def is_counts(unit: str | None) -> bool:
    """Whether a unit is one of counts (electron / s, adu): a flux that is not calibrated."""
    from astropy import units

    if unit is None or not is_unit(unit):
        return False
    parsed = parse_unit(unit, "")
    return any(
        parsed.is_equivalent(units.Unit(count) / time)
        for count in _COUNTS
        for time in (units.Unit("1"), units.s)
    )


def inverse_square(unit: str, where: str) -> str:
    """Unit of the inverse variance of what has a unit."""
    return str(parse_unit(unit, where) ** -2)


def stored_unit(kind: str, name: str, unit: str | None) -> str | None:
    """Unit in which a field of an observation is kept in a dataset.

    Times are kept in d, wavelengths in Angstrom, flux densities of light curves in mJy.
    A flux without dimension (relative to a mean), or in counts, and the flux of a spectrum, which
    is often known up to a factor only, keep their unit.
    """
    if name in ("band", "mask", "system", "flag"):
        return None
    if kind == "spectrum" and name != "wavelength":
        return unit
    if name.startswith("flux") and unit is not None:
        if is_counts(unit):
            return str(parse_unit(unit, name))
        if parse_unit(unit, name).is_equivalent("1"):
            return unit
    return _TARGETS[name]


def _spelled(unit: str) -> str:
    """Give a unit of a header as astropy spells it."""
    unit = _ALIASES.get(unit, _MAGGIES.get(unit, unit))
    for pattern, right in _SPELLINGS:
        unit = pattern.sub(right, unit)
    if re.search(r"\b(?:erg|W)\b", unit):
        unit = _FLUX_PER_A.sub("Angstrom", unit)
    return unit
