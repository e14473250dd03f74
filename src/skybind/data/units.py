"""Units of columns: read, checked and converted with astropy."""

import warnings
from typing import Any

import numpy as np

from skybind.errors import ConfigError

_TARGETS = {
    "time": "d",
    "flux": "mJy",
    "flux_err": "mJy",
    "magnitude": "mag",
    "magnitude_err": "mag",
    "wavelength": "Angstrom",
}
# What surveys write and astropy does not read, or reads as something else
NANOMAGGY = "nmgy"
_MAGGIES = {"nanomaggies": "nmgy", "nanomaggie": "nmgy", "maggies": "mgy", "maggie": "mgy"}
_ALIASES = {"days": "d", "Angstroms": "Angstrom", "angstroms": "Angstrom", "": "1"}


def parse_unit(unit: str, where: str) -> Any:
    """Read a unit.

    Raises
    ------
    ConfigError
        If it is not one.
    """
    from astropy import units

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return units.Unit(_ALIASES.get(unit, unit))
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
        In astropy's notation; `dex(Angstrom)` is the decimal logarithm of a wavelength.
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
    source = parse_unit(unit, where)
    if str(source) == target or (str(source), target) == ("mag(AB)", "mag"):
        return values
    try:
        with np.errstate(over="ignore"):  # infinite then, which the cleaning drops and counts
            physical = (np.asarray(values, float) * source).to(units.Unit(target))
    except (units.UnitConversionError, units.UnitTypeError, TypeError):
        raise ConfigError(f"{where}: the unit '{unit}' cannot be converted to {target}.") from None
    return np.asarray(physical.value)


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
    counts = [units.Unit(name) for name in ("1", "adu", "ct", "electron", "ph")]
    if any(
        parsed.is_equivalent(count) or parsed.is_equivalent(count / units.s) for count in counts
    ):
        return unit, 1.0
    raise ConfigError(f"{where}: '{unit}' is no unit of flux, such as nmgy, nJy or electron / s.")


def stored_unit(kind: str, name: str, unit: str | None) -> str | None:
    """Unit in which a field of an observation is kept in a dataset.

    Times are kept in d, wavelengths in Angstrom, flux densities of light curves in mJy.
    A flux without dimension (relative to a mean) and the flux of a spectrum, which is often
    known up to a factor only, keep their unit.
    """
    if name in ("band", "mask"):
        return None
    if kind == "spectrum" and name != "wavelength":
        return unit
    if name.startswith("flux") and unit is not None and parse_unit(unit, name).is_equivalent("1"):
        return unit
    return _TARGETS[name]
