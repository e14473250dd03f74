"""Units of observations: settled once for a dataset, and every table converted to them.

The mapping's word counts most, then what the first file states. An error has its value's unit
where it states none of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skybind.data.times import time_system
from skybind.data.units import convert, inverse_square, is_counts, parse_unit, stored_unit
from skybind.errors import ConfigError, DataError
from skybind.ingest.fields import field_values, stated_unit, typed, unknown_values
from skybind.ingest.mapping import ObservationSpec
from skybind.ingest.readers.registry import Fields
from skybind.ingest.readers.tables import Table

#: Fields that mean nothing without a unit, and the usual one.
EXAMPLE_UNITS = {
    "photometry": {"time": "d", "flux": "mJy", "magnitude": "mag"},
    "spectrum": {"wavelength": "Angstrom"},
}
#: Fields that are no numbers with a unit.
PLAIN = ("band", "mask")
#: Years in which a dated light curve may lie.
YEARS = (1800, 2200)
_J2000, _YEAR = 2451545.0, 365.25

Units = Mapping[str, str | None]


@dataclass(frozen=True)
class Stored:
    """How a dataset keeps the fields of an observation.

    Attributes
    ----------
    units : dict of str to (str or None)
        Of every field.
    attributes : dict
        Of the column: `time_system` (JD, HJD, BJD), where the source dates its times.
    unread : dict of str to str
        Units of fluxes as the first file writes them, where astropy does not know them: all files
        have to write the same.
    stated : dict of str to (str or None)
        Units of the fields as the mapping or the first file states them.
    """

    units: dict[str, str | None]
    attributes: dict[str, Any] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    stated: dict[str, str | None] = field(default_factory=dict)


def settle(spec: ObservationSpec, table: Table | None = None) -> Stored:
    """Settle how an observation is kept, by the mapping and the first file that was read.

    Raises
    ------
    ConfigError
        If the mapping gives a unit that is none.
    """
    if spec.kind == "image":  # see `skybind.ingest.readers.pictures.ImageLayout`
        return Stored({})
    if spec.reader is not None:
        return Stored(dict(spec.reader.units), stated=dict(spec.reader.units))
    stated = stated_units(spec, table)
    units: dict[str, str | None] = {}
    unread: dict[str, str] = {}
    for name, unit in stated.items():
        if name in PLAIN:
            units[name] = None
        elif unit is not None and not _is_unit(unit):
            if spec.kind == "spectrum" and name != "wavelength":
                unread[name], units[name] = unit, None
            else:
                units[name] = spec.units()[name]
        elif name == "ivar" and stated["flux"] is not None and "flux" not in unread:
            units[name] = inverse_square(stated["flux"], "ivar")
        elif name.endswith("_err") and name.removesuffix("_err") in stated:
            units[name] = units.get(name.removesuffix("_err")) or unit
        else:
            units[name] = stored_unit(spec.kind, name, unit)
    system = time_system(stated.get("time"))
    attributes = {} if system is None else {"time_system": system.name}
    return Stored({name: units[name] for name in spec.fields()}, attributes, unread, stated)


def stated_units(spec: ObservationSpec, table: Table | None) -> dict[str, str | None]:
    """Tell the unit of each field in a table: the mapping's, the file's, for an error its value's.

    Fields are in an order in which a value stands before its error.
    """
    columns = spec.fields()
    stated: dict[str, str | None] = {}
    for name, column in columns.items():
        unit = column.unit
        if unit is None and table is not None and column.column in table.columns:
            unit = stated_unit(name, column.column, table.units.get(column.column))
        stated[name] = unit
    for name in ("flux_err", "magnitude_err"):
        if name in stated and columns[name].unit is None:
            value = name.removesuffix("_err")
            own, of_value = stated[name], stated.get(value)
            relative = value in columns and columns[value].unit == ""
            if of_value is not None and (own is None or relative or not _is_unit(own)):
                stated[name] = of_value
    flux = stated.get("flux")
    if "ivar" in stated and flux is not None and _is_unit(flux):
        own = stated["ivar"]
        if own is None or not _is_unit(own):
            stated["ivar"] = inverse_square(flux, "ivar")
    return dict(sorted(stated.items(), key=lambda item: item[0].endswith("_err")))


def observation_fields(table: Table, spec: ObservationSpec, stored: Stored) -> Fields:
    """Fields of an observation from a table: in the units and types of a dataset.

    Raises
    ------
    DataError
        If a column is not there, or the file states a unit that does not fit the others'.
    ConfigError
        If a unit of the mapping cannot be converted, or none is given at all.
    """
    stated = stated_units(spec, table)
    fields: Fields = {}
    for name, column in spec.fields().items():
        if column.optional and column.column not in table.columns:
            fields[name] = unknown_values(name, len(table))
            continue
        values = field_values(name, table[column.column], column.missing)
        if name not in PLAIN:
            where = f"{table.name}, column '{column.column}' ({name})"
            values = _converted(values, name, stated, spec, stored, where)
        fields[name] = typed(name, values)
    return fields


def unit_notes(name: str, stored: Stored) -> list[str]:
    """Say what is not known of the fluxes of a column."""
    if "flux" not in stored.units:
        return []
    unit = stored.units["flux"]
    if "flux" in stored.unread:
        return [
            f"{name}: the unit '{stored.unread['flux']}' of the flux is not known: fluxes stay "
            "what they are."
        ]
    if unit is None:
        return [
            f"{name}: no unit of flux is stated: fluxes stay what they are, known up to a factor."
        ]
    if is_counts(unit):
        return [f"{name}: the flux in {unit} is not calibrated: it stays what it is."]
    return []


def _converted(
    values: np.ndarray, name: str, stated: Units, spec: ObservationSpec, stored: Stored, where: str
) -> np.ndarray:
    """Values in the unit in which the dataset keeps them."""
    unit, target = stated[name], stored.units[name]
    if unit is None and name in EXAMPLE_UNITS[spec.kind]:
        example = EXAMPLE_UNITS[spec.kind][name]
        raise ConfigError(f"{where} has no unit: add one to the mapping, e.g. unit: {example}.")
    if name == "time":
        values = _times(values, unit, stored, where)
        return values if time_system(unit) else _in_unit(values, unit, target, spec, name, where)
    if name == "flux" and spec.kind == "spectrum":
        first = stored.unread.get(name, target)
        if (unit is None) != (first is None) or (name in stored.unread and unit != first):
            raise DataError(
                f"{where} {_states(unit)}, where the first file {_states(first)}: give the unit in "
                "the mapping, or write all files in one."
            )
    if name in stored.unread:
        return values
    return _in_unit(values, unit, target, spec, name, where)


def _in_unit(
    values: np.ndarray,
    unit: str | None,
    target: str | None,
    spec: ObservationSpec,
    name: str,
    where: str,
) -> np.ndarray:
    if unit is None or target is None or unit == target:
        return values
    try:
        return convert(values, unit, target, where)
    except ConfigError as error:
        if spec.fields()[name].unit is not None:
            raise
        raise DataError(str(error)) from None  # the file's own unit, not the mapping's


def _times(values: np.ndarray, unit: str | None, stored: Stored, where: str) -> np.ndarray:
    """Julian dates of times whose unit says where they begin; others stay what they are."""
    system, first = time_system(unit), stored.attributes.get("time_system")
    if (None if system is None else system.name) != first:
        own = "days without a zero point" if system is None else system.name
        others = "days without a zero point" if first is None else first
        raise DataError(
            f"{where} is in {own}, where the first file is in {others}: give the unit in the "
            "mapping, e.g. unit: BJD - 2457000."
        )
    if system is None:
        return values
    dates = np.asarray(values, float) + system.zero
    known = dates[np.isfinite(dates)]
    year = 2000 + (np.median(known) - _J2000) / _YEAR if len(known) else 2000
    if not YEARS[0] < year < YEARS[1]:
        raise DataError(
            f"{where}: with the unit '{unit}' its times lie around the year {year:.0f}: the zero "
            "point is not right."
        )
    return dates


def _is_unit(unit: str) -> bool:
    try:
        parse_unit(unit, "")
    except ConfigError:
        return False
    return True


def _states(unit: str | None) -> str:
    return "states no unit" if unit is None else f"states the unit '{unit}'"
