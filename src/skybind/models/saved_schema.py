"""What a saved model knows of the dataset that it was made for, and whether another one fits."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from skybind.data.dataset import Dataset
from skybind.data.schema import Column, other_attribute
from skybind.data.systems import other_system
from skybind.data.times import time_system
from skybind.data.units import factor
from skybind.errors import ModelError
from skybind.lightcurves.columns import to_compute, why_not
from skybind.modalities.base import Modality
from skybind.modalities.computed import (
    FLUX_ZERO,
    STANDARDISED,
    definition,
    is_computed,
    same_definition,
)
from skybind.progress import say

#: Shares of the training objects at which a model notes the values of a feature [%].
RANGE = (0, 1, 99, 100)


class SavedSchema:
    """The part of a dataset's schema that a model needs, as it was saved."""

    def __init__(self, note: Mapping[str, Any]) -> None:
        self.note = note

    @property
    def observations(self) -> list[str]:
        """Names of the struct columns."""
        return list(self.note["observations"])

    def features(self, modality: str) -> list[str]:
        """Names of the flat columns that are features of a modality."""
        return [name for name, f in self.note["features"].items() if f["modality"] == modality]

    def fields(self, observation: str) -> dict[str, str | None]:
        """Units of the fields of an observation column, by field."""
        return dict(self.note["observations"][observation])

    def attributes(self, name: str) -> dict[str, Any]:
        """Attributes of an observation column, the definition of a computed one, else its range."""
        return dict(self.note.get("attributes", {}).get(name, {}))

    def factor(self, name: str, unit: str) -> float:
        """Give what the values of a flat column are multiplied with to be in a unit.

        It is 1 for a model that was trained before units were applied: it reads what it learned.
        """
        own = self.note["features"][name]["unit"]
        if own is None or not self.note.get("units_applied", False):
            return 1.0
        return factor(own, unit, f"'{name}', which the model reads")

    def julian_zero(self, name: str) -> float | None:
        """Give the Julian date from which a flat column counts days; None where it is no date."""
        system = time_system(self.note["features"][name]["unit"])
        return None if system is None else system.zero


def training_ranges(dataset: Dataset, rows: np.ndarray) -> dict[str, list[float]]:
    """Return where a catalogue's features of the training objects lie, to tell what lies elsewhere.

    Parameters
    ----------
    dataset : Dataset
    rows : ndarray of int
        The training objects.

    Returns
    -------
    dict of str to list of float
        Feature -> its lowest value, its 1st and 99th percentile, its highest, in the dataset's
        unit. Columns that are computed from light curves are left out, and those without a value.
    """
    found = {}
    for name in dataset.schema.with_role("feature"):
        if is_computed(dataset.schema.attributes(name)):
            continue
        values = dataset.numbers(name)[rows]
        known = values[np.isfinite(values)]
        if len(known):
            found[name] = [float(value) for value in np.percentile(known, RANGE)]
    return found


def schema_note(
    schema: Any,
    modalities: Mapping[str, Modality],
    ranges: Mapping[str, list[float]] | None = None,
) -> dict[str, Any]:
    """Return what is saved of a dataset's schema with the modalities that read it.

    Parameters
    ----------
    schema : DatasetSchema or SavedSchema
    modalities : mapping of str to Modality
    ranges : mapping, optional
        Feature -> its range (`training_ranges`).
    """
    if isinstance(schema, SavedSchema):
        return dict(schema.note)
    observed = [
        name for name in schema.observations if any(name in m.columns for m in modalities.values())
    ]
    return {
        "observations": {name: schema.fields(name) for name in observed},
        "attributes": {
            name: said
            for name, column in schema.columns.items()
            if (name in observed or column.role == "feature")
            and (said := _saved_attributes(column, (ranges or {}).get(name)))
        },
        "features": {
            name: {"modality": column.modality, "unit": column.unit}
            for name, column in schema.columns.items()
            if column.role == "feature"
        },
        "units_applied": True,
        "kinds": {name: schema.kinds[name] for name in observed},
        "read": sorted({column for m in modalities.values() for column in m.columns}),
    }


def _saved_attributes(column: Column, reach: list[float] | None) -> dict[str, Any]:
    """Give what a model keeps of a column's attributes, with the range of a catalogue's feature."""
    said = dict(column.attributes)
    if column.role != "feature" or is_computed(said):
        return said
    known = ("missing", "system", "offsets", STANDARDISED)
    kept: dict[str, Any] = {key: said[key] for key in known if key in said}
    return kept if reach is None else {**kept, "range": reach}


def check_schema(saved: SavedSchema, read: Collection[str], schema: Any, folder: Path) -> None:
    """Refuse a dataset that lacks a column that is read, or has another unit or definition of it.

    A column that was computed from light curves may be lacking: it is computed when it is needed.
    Magnitudes of another photometric system are told.

    Raises
    ------
    ModelError
    """
    for name in saved.note["read"]:
        if name not in read:
            continue
        said = saved.attributes(name)
        if to_compute([name], saved, schema):
            continue  # when it is needed
        if name not in schema.columns:
            reason = f": it is {why_not(said, schema)}" if is_computed(said) else ""
            raise ModelError(
                f"The model in {folder} reads '{name}', which the dataset has not{reason}."
            )
        column = schema.columns[name]
        if name in saved.note["features"]:
            if not same_definition(said, column.attributes):
                raise ModelError(
                    f"The model in {folder} was made for '{name}' as {definition(said)}, the "
                    f"dataset has it as {definition(column.attributes)}."
                )
            unit = saved.note["features"][name]["unit"]
            if column.unit != unit:
                raise ModelError(
                    f"The model in {folder} was made for '{name}' in {unit}, the dataset has it in "
                    f"{column.unit}: convert it."
                )
            _tell_system(name, said, column.attributes, folder)
        else:
            for field, unit in saved.note["observations"][name].items():
                own = column.fields.get(field)
                # what states no unit may be in any, and was taken as it is
                if own is not None and unit is not None and own != unit:
                    raise ModelError(
                        f"The model in {folder} was made for {name}.{field} in {unit}, the dataset "
                        f"has it in {own}: convert it."
                    )
            key = other_attribute(said, column.attributes)
            if key is not None:
                raise ModelError(
                    f"The model in {folder} was made for '{name}' with the {key} {said[key]}, the "
                    f"dataset has it with {column.attributes.get(key)}: convert it."
                )
            # the preprocessing makes AB magnitudes of fluxes, and the other way round
            learned, here = (
                {"system": "AB"} if "flux" in fields else own
                for fields, own in (
                    (saved.note["observations"][name], said),
                    (column.fields, column.attributes),
                )
            )
            _tell_system(name, learned, here, folder)


def _tell_system(name: str, said: Mapping[str, Any], here: Mapping[str, Any], folder: Path) -> None:
    other = other_system(said, here)
    if other is not None:
        say(f"The model in {folder} was made for '{name}' in {other}.")


def check_fields(modalities: Mapping[str, Modality], schema: Any, folder: Path) -> None:
    """Refuse a dataset whose observations lack a field that a modality needs.

    Raises
    ------
    ModelError
    """
    for modality in modalities.values():
        if modality.needs_flux_zero and FLUX_ZERO in schema.attributes(modality.column):
            raise ModelError(
                f"The model in {folder} reads magnitudes or maxima of '{modality.column}', and the "
                "dataset has its fluxes counted from their means, of which none can be made."
            )
        for column, fields in modality.needs.items():
            have = schema.fields(column)
            missing = [field for field in fields if field not in have]
            if missing:
                raise ModelError(
                    f"The model in {folder} reads {column}.{missing[0]}, which the dataset has not "
                    f"(it has {', '.join(have)})."
                )
