"""Units of observations: settled once for a dataset, and every table converted to them.

The mapping's word counts most, then what the first file states. An error has its value's unit
where it states none of its own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skybind.data.systems import EACH
from skybind.data.times import time_system
from skybind.data.units import (
    convert,
    inverse_square,
    is_counts,
    is_unit,
    same_unit,
    stored_unit,
)
from skybind.errors import ConfigError, DataError
from skybind.ingest.column import FlagSpec
from skybind.ingest.fields import (
    check_dates,
    check_logarithms,
    field_values,
    logarithm_notes,
    rounded_times,
    stated_unit,
    typed,
    unknown_values,
)
from skybind.ingest.flagged import flag_fields, kept_flags
from skybind.ingest.flags import Usual, any_bit, censored, usual_flags
from skybind.ingest.observation_spec import ObservationSpec, PhotometrySpec
from skybind.ingest.readers.registry import Fields
from skybind.ingest.readers.tables import Table
from skybind.ingest.readers.values import calendar
from skybind.ingest.systems import (
    converts_each,
    system_attributes,
    system_fields,
    system_notes,
)
from skybind.modalities.dates import zero_point_fault
from skybind.words import join

#: Fields that mean nothing without a unit, and the usual one.
EXAMPLE_UNITS = {
    "photometry": {"time": "d", "flux": "mJy", "magnitude": "mag"},
    "spectrum": {"wavelength": "Angstrom"},
}
#: Fields that are no numbers with a unit.
PLAIN = ("band", "mask", "system", "flag")

Units = Mapping[str, str | None]


@dataclass(frozen=True)
class Stored:
    """How a dataset keeps the fields of an observation.

    Attributes
    ----------
    units : dict of str to (str or None)
        Of every field.
    attributes : dict
        Of the column: `time_system` (JD, HJD, BJD), where the source dates its times, and
        `missing`, what stands for "not known" in the fields.
    unread : dict of str to str
        Units of fluxes as the first file writes them, where astropy does not know them: all files
        have to write the same.
    stated : dict of str to (str or None)
        Units of the fields as the mapping or the first file states them.
    usual : Usual, optional
        The survey whose flags count, where the mapping says nothing of flags.
    read : tuple of str
        Fields that are read beside those that are kept: `mask` and `limit` of light curves.
    notes : tuple of str
        What was assumed of the first file.
    overruled : dict of str to str
        Units that the first file states and the mapping does not heed.
    dated : bool
        Whether the years of the whole table were looked at: they are not, then, of its pieces.
    """

    units: dict[str, str | None]
    attributes: dict[str, Any] = field(default_factory=dict)
    unread: dict[str, str] = field(default_factory=dict)
    stated: dict[str, str | None] = field(default_factory=dict)
    usual: Usual | None = None
    read: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    overruled: dict[str, str] = field(default_factory=dict)
    dated: bool = False

    @property
    def fields(self) -> list[str]:
        """Names of all fields that are read."""
        return list(dict.fromkeys([*self.units, *self.read]))


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
        elif unit is not None and not is_unit(unit):
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
    attributes: dict[str, Any] = {} if system is None else {"time_system": system.name}
    missing = {name: column.missing for name, column in spec.fields().items() if column.missing}
    attributes |= {"missing": missing} if missing else {}
    found: tuple[Usual, str] | None = None
    read: tuple[str, ...] = ("mask",) if getattr(spec, "good", None) is not None else ()
    if spec.kind == "photometry":
        units.pop("mask", None)
        flagged = "mask" in spec.fields() or read
        found = None if flagged or table is None else usual_flags(table.known or table.columns)
        read = ("limit", "mask") if flagged or found else ("limit",)
    kept = {name: units[name] for name in spec.fields() if name in units}
    if isinstance(spec, PhotometrySpec):
        kept |= {"flag": None} if kept_flags(spec, found) is not None else {}
        said = system_attributes(spec, stated.get("magnitude"))
        kept |= {"system": None} if said.get("system") == EACH else {}
        read += ("unconverted",) if converts_each(spec) else ()
        attributes |= said
    if spec.kind == "spectrum" and read:
        kept["mask"] = None
    overruled = {} if table is None else _overruled(spec, table)
    notes = () if table is None else _first_notes(spec, table, stated)
    usual = None if found is None else found[0]
    return Stored(kept, attributes, unread, stated, usual, read, notes, overruled)


def _first_notes(spec: ObservationSpec, table: Table, stated: Units) -> tuple[str, ...]:
    """Say what was assumed of the first file, and what looks wrong in it."""
    notes = [f"{table.name}: {note}" for note in table.notes]
    looks = {"time": rounded_times, "wavelength": logarithm_notes}
    for name, look in looks.items():
        if name in spec.fields():
            column = spec.fields()[name].column
            raw = table.columns.get(column, np.zeros(0))
            notes += look(raw, stated[name], f"{table.name}, column '{column}' ({name})")
    return tuple(notes)


def _overruled(spec: ObservationSpec, table: Table) -> dict[str, str]:
    """Give the units of a file in whose place the mapping gives others."""
    found = {}
    for name, column in spec.fields().items():
        own = table.units.get(column.column)
        if column.unit is not None and own is not None and not same_unit(own, column.unit):
            found[name] = own
    return found


def stated_units(spec: ObservationSpec, table: Table | None) -> dict[str, str | None]:
    """Tell the unit of each field in a table: the mapping's, the file's, for an error its value's.

    Fields are in an order in which a value stands before its error.
    """
    columns = spec.fields()
    stated: dict[str, str | None] = {}
    for name, column in columns.items():
        unit = column.unit
        if unit is None and table is not None and column.column in table.columns:
            unit = table.units.get(column.column)
            if name == "time" and unit is None:
                unit = calendar(table.columns[column.column])
        stated[name] = stated_unit(name, column.column, unit)
    for name in ("flux_err", "magnitude_err"):
        if name in stated and columns[name].unit is None:
            value = name.removesuffix("_err")
            own, of_value = stated[name], stated.get(value)
            relative = value in columns and columns[value].unit == ""
            if of_value is not None and (own is None or relative or not is_unit(own)):
                stated[name] = of_value
    flux = stated.get("flux")
    if "ivar" in stated and flux is not None and is_unit(flux):
        own = stated["ivar"]
        if own is None or not is_unit(own):
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
    for name, own in _overruled(spec, table).items():
        first = stored.overruled.get(name, spec.fields()[name].unit)
        if not same_unit(own, first):
            raise DataError(
                f"{table.name}, column '{spec.fields()[name].column}' ({name}) {_states(own)}, "
                f"where the first file is in '{first}': leave the unit out of the mapping, so that "
                "each file's own counts."
            )
    fields: Fields = {}
    written = np.zeros(len(table), bool)
    for name, column in spec.fields().items():
        if column.optional and column.column not in table.columns:
            fields[name] = unknown_values(name, len(table))
            continue
        raw = table[column.column]
        where = f"{table.name}, column '{column.column}' ({name})"
        if spec.kind == "photometry" and name in ("magnitude", "flux"):
            raw, written = censored(name, raw)
        if name not in PLAIN:
            check_dates(name, raw, stated[name], where)
        if isinstance(column, FlagSpec) and column.mask is not None:
            values = any_bit(raw, column.mask, where)
        else:
            values = field_values(name, raw, column.missing)
        if name not in PLAIN:
            values = _converted(values, name, stated, spec, stored, where)
        if name == "wavelength":
            check_logarithms(values, stated[name], where)
        fields[name] = typed(name, values)
    if isinstance(spec, PhotometrySpec):
        fields |= system_fields(table, spec, stored, fields)
    return fields | flag_fields(table, spec, stored, fields.get("mask"), written)


def stored_notes(kept: Mapping[str, Stored]) -> list[str]:
    """Say what is assumed of flags, and not known of fluxes and times, by column."""
    said = []
    for name, stored in kept.items():
        usual = stored.usual
        if usual is not None:
            said.append(
                f"{name}: epochs with any bit of {usual.bitmask} in {usual.columns[0].upper()} are "
                f"left out, the usual ones of {usual.title} (mask: says otherwise)."
            )
        said += _unit_notes(name, stored) + system_notes(name, stored.attributes)
        said += [f"{name}, {note}." for note in stored.notes]
        said += [
            f"{name}: the files state the unit '{own}' of the {what}; that of the mapping counts, "
            f"{stored.stated[what]}."
            for what, own in stored.overruled.items()
        ]
    dated = {n: s.attributes.get("time_system") for n, s in kept.items() if "time" in s.units}
    if len(set(dated.values())) > 1:
        each = [f"those of {n} in {s or 'days without a zero point'}" for n, s in dated.items()]
        said.append(f"Times cannot be compared between light curves: {join(each)}.")
    return said


def _unit_notes(name: str, stored: Stored) -> list[str]:
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
    fault = None if stored.dated else zero_point_fault(dates, str(unit), where)
    if fault is not None:
        raise DataError(fault)
    return dates


def _states(unit: str | None) -> str:
    return "states no unit" if unit is None else f"states the unit '{unit}'"
