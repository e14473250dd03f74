"""Which keys of a column mean something where: the others are refused, not passed over."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from skybind.data.units import convert, kept_unit, parse_unit, stored_unit
from skybind.errors import ConfigError
from skybind.ingest.column import ColumnSpec
from skybind.ingest.positions import unit_of_position

if TYPE_CHECKING:
    from skybind.ingest.mapping import Mapping

_SYSTEM = dict.fromkeys(
    ("system", "convert_to", "offset"),
    "it is of a magnitude in the table of objects; of light curves it stands beside the columns",
)
#: Keys that no column of a kind has, and why.
_MEANINGLESS: dict[str, dict[str, str]] = {
    "label": {"unit": "classes are text", "quantity": "classes are no numbers", **_SYSTEM},
    "feature": {"keep": "it is of labels"},
    "target": {"keep": "it is of labels"},
    "info": {"keep": "it is of labels"},
    "position": {"quantity": "it is an angle", "keep": "it is of labels", **_SYSTEM},
    "field": {"quantity": "it is of the table of objects", "keep": "it is of labels", **_SYSTEM},
    "text field": {
        "unit": "its values are no numbers",
        "quantity": "it is of the table of objects",
        "keep": "it is of labels",
        **_SYSTEM,
    },
    "needed field": {
        "optional": "there is no observation without it",
        "quantity": "it is of the table of objects",
        "keep": "it is of labels",
        **_SYSTEM,
    },
    "array": {
        "unit": "write it beside 'array'",
        "optional": "there is no image without it",
        "quantity": "it is of the table of objects",
        "keep": "it is of labels",
        **_SYSTEM,
    },
}
_NEEDED = ("time", "flux", "magnitude", "wavelength")


def check_columns(mapping: "Mapping", where: str) -> None:
    """Refuse keys that mean nothing at their column, and units that cannot be converted.

    Raises
    ------
    ConfigError
        Naming the column and the key.
    """
    for at, place, spec in _places(mapping):
        for key, reason in _MEANINGLESS[place].items():
            if getattr(spec, key) not in (None, "", False, []):
                raise ConfigError(
                    f"{where}: {at} cannot have the key '{key}': {reason}. Leave it out."
                )
        both = [word for word in spec.keep if word in spec.missing]
        if both:
            raise ConfigError(f"{where}: {at} has '{both[0]}' under both 'missing' and 'keep'.")
    _check_units(mapping, where)


def _places(mapping: "Mapping") -> Iterator[tuple[str, str, ColumnSpec]]:
    """All columns: where they stand in the mapping, what they are there, and their keys."""
    objects = mapping.objects
    for name, position in (("ra", objects.ra), ("dec", objects.dec)):
        if position is not None:
            yield f"objects, {name}", "position", position
    for name, (role, _, spec) in objects.columns().items():
        yield f"objects, {role} '{name}'", role, spec
    for name, band, part in mapping.sources():
        at = f"{name}, band {band}" if band else name
        for field, spec in part.fields().items():
            place = "needed field" if field in _NEEDED else "field"
            if field in ("band", "mask"):
                place = "text field"
            yield f"{at}, {field}", "array" if field == "array" else place, spec


def _check_units(mapping: "Mapping", where: str) -> None:
    for name, (_, _, spec) in mapping.objects.columns().items():
        kept_unit(name, spec.unit, f"{where}: objects, column '{spec.column}' ({name})")
    for name, position in (("ra", mapping.objects.ra), ("dec", mapping.objects.dec)):
        if position is not None and position.unit is not None:
            at = f"{where}: objects, column '{position.column}' ({name})"
            unit = unit_of_position(name, position.unit)
            convert(np.zeros(1), str(unit), "deg", at)
    for modality, _, part in mapping.sources():
        for name, spec in part.fields().items():
            at = f"{where}: {modality}, column '{spec.column}' ({name})"
            unit = part.declared_unit(name)
            if unit is None or name in ("band", "mask", "array"):
                continue
            parse_unit(unit, at)
            target = stored_unit(part.kind, name, unit)
            if target is not None and target != unit:
                convert(np.ones(1), unit, target, at)
