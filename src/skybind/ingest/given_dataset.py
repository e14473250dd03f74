"""A dataset made to fit a model: its columns are converted as they are read."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import pyarrow as pa

from skybind.data.dataset import Dataset
from skybind.data.schema import DEC, ID, RA, Column, other_attribute
from skybind.data.sources import Change, ChangedSource
from skybind.data.systems import EACH
from skybind.errors import DataError
from skybind.ingest.given_rows import Given, fitted_schema, lacks, not_taken, struct_of
from skybind.ingest.plausible import far_notes, missing_notes, sentinels_in
from skybind.ingest.readers.registry import Fields
from skybind.ingest.readers.sentinels import stands_for_missing
from skybind.ingest.systems import counted_for_ab, given_magnitude
from skybind.ingest.wanted import Fitted, Wanted, feature_in_unit, fit_fields
from skybind.modalities.computed import FLUX_ZERO
from skybind.ragged import Ragged
from skybind.visits import NAME, TIME, Visits, visits_of
from skybind.words import join


def take_dataset(dataset: Dataset, wanted: Mapping[str, Wanted]) -> Given:
    """Give a dataset whose columns are converted as they are read."""
    where = f"The dataset at {dataset.path}"
    changes = {ID: Change(ID, pa.string())}
    for name in (RA, DEC):
        known = name in dataset.arrow_schema.names
        changes[name] = Change(name if known else None, pa.float64())
    notes: list[str] = []
    units: dict[str, dict[str, str | None]] = {}
    several: dict[str, Column] = {}
    absent = []
    for name, modality in wanted.items():
        found = False
        if modality.fields:
            column = _column_of(dataset, modality, notes)
            changes[modality.column], fitted = _observation_change(dataset, modality, column)
            units[modality.column] = fitted.units
            notes += fitted.notes
            if column in dataset.schema.visits:
                several[visits_of(modality.column)] = _visits_column(modality, fitted)
                change = _visits_change(dataset, modality, column, notes)
                changes[visits_of(modality.column)] = change
            found = column is not None
        for feature in modality.features:
            changes[feature] = _feature_change(dataset, modality, feature, notes)
            found |= not modality.fields and changes[feature].column is not None
        if not found:
            absent.append(name)
    if len(absent) == len(wanted):
        raise DataError(
            f"{where} has none of {join([m.column for m in wanted.values()])} as the model reads "
            f"them (it has {', '.join(dataset.schema.modalities) or 'no observations'})."
            + "".join(f" {note}" for note in notes)
        )
    if absent:
        notes.append(f"{where} has no {join(absent)}: no object counts as observed there.")
    there = [name for name, change in changes.items() if change.column is not None]
    own = dataset.schema
    schema = fitted_schema(wanted.values(), units, there, own.provenance, own.simulated)
    schema = schema.with_columns(several)
    for name, modality in wanted.items():
        lacking = [f for f in modality.features if f not in there]
        notes += not_taken(where, lacking, modality)
        notes += [] if name in absent else lacks(where, lacking, modality, schema)
    made = Dataset(dataset.path, schema, ChangedSource(dataset.source, changes))
    reasons = {name: np.full(len(dataset), "", object) for name in wanted}
    return Given(made, reasons, notes)


def _column_of(dataset: Dataset, wanted: Wanted, notes: list[str]) -> str | None:
    """Find the observations for a modality: by its column, or else the only ones of its kind."""
    columns = dataset.schema.columns
    if wanted.column in dataset.schema.observations:
        return wanted.column
    alike = [c for c in dataset.schema.observations if (columns[c].modality or c) == wanted.kind]
    if len(alike) != 1:
        if alike:
            notes.append(
                f"The dataset at {dataset.path} has {join(alike)}, which could each be the "
                f"model's {wanted.column}: none is taken."
            )
        return None
    notes.append(f"{alike[0]} of the dataset at {dataset.path} is read as {wanted.column}.")
    return alike[0]


def _observation_change(
    dataset: Dataset, wanted: Wanted, column: str | None
) -> tuple[Change, Fitted]:
    """Tell how a column of observations is made to fit; what does not fit is refused here."""
    if column is None:
        none = Fitted({}, dict(wanted.fields), [])
        return Change(None, struct_of(none.units)), none
    where = f"{column} of the dataset at {dataset.path}"
    units = dataset.schema.fields(column)
    attributes = dataset.schema.attributes(column)
    if wanted.needs_flux_zero and FLUX_ZERO in attributes:
        raise DataError(
            f"{where} has fluxes counted from their means, and the model reads magnitudes or "
            "maxima, of which none can be made."
        )
    shared = {n: value for n, value in wanted.attributes.items() if n in attributes}
    other = other_attribute(shared, attributes)
    if other is not None:
        raise DataError(
            f"{where} has the {other} {attributes[other]}, the model was made for {shared[other]}."
        )
    texts = ("band", "system")
    empty = {name: np.zeros(0, object if name in texts else float) for name in units}
    system = attributes.get("system")
    system = None if system == EACH else system
    fitted = fit_fields(empty, units, wanted, where, system)
    kind = dataset.arrow_schema.field(column).type
    own = {kind.field(i).name: units.get(kind.field(i).name) for i in range(kind.num_fields)}
    missing = _sentinels(dataset, wanted, column, fitted.notes)
    if attributes.get("system") == EACH and "flux" in wanted.fields:
        fitted.notes += counted_for_ab(_systems_of(dataset, column), where)
    target = wanted.attributes.get("system")
    same = system in (None, target) if "magnitude" in units else target in (None, system or "AB")
    if own == fitted.units and not missing and same:
        return Change(column, kind), fitted

    def make(values: pa.ChunkedArray) -> pa.Array:
        ragged = Ragged.from_arrow(values)
        fields = fit_fields(_known(ragged.fields, missing), units, wanted, where, system).fields
        return Ragged(fields, ragged.offsets, ragged.present).to_arrow()

    return Change(column, struct_of(fitted.units), make), fitted


def _systems_of(dataset: Dataset, column: str) -> Counter[str]:
    """Count the magnitudes of each photometric system."""
    found: Counter[str] = Counter()
    for table in dataset.iter_tables([column]):
        found.update(Ragged.from_arrow(table[column]).fields["system"].tolist())
    return found


def _visits_column(wanted: Wanted, fitted: Fitted) -> Column:
    """Describe the column of all observations of a kind, made to fit."""
    return Column("visits", modality=wanted.column, fields={NAME: None, TIME: "d", **fitted.units})


def _visits_change(dataset: Dataset, wanted: Wanted, column: str, notes: list[str]) -> Change:
    """Tell how all observations of a kind are made to fit, as the first of them is."""
    units, where = dataset.schema.fields(column), f"{column} of the dataset at {dataset.path}"
    missing = _sentinels(dataset, wanted, column, notes, visits=True)

    def make(values: pa.ChunkedArray) -> pa.Array:
        visits = Visits.from_arrow(values)
        known = _known(visits.ragged.fields, missing)
        fields = fit_fields(known, units, wanted, where).fields
        return replace(visits, ragged=replace(visits.ragged, fields=fields)).to_arrow()

    kind = dataset.arrow_schema.field(visits_of(column)).type
    return Change(visits_of(column), kind, make)


def _known(fields: Fields, missing: Mapping[str, list[str]]) -> Fields:
    """Give fields without what stood for "not known" in the training data."""
    known = dict(fields)
    for name in set(missing) & set(fields):
        known[name] = np.where(
            stands_for_missing(fields[name], missing[name]), np.nan, fields[name]
        )
    return known


def _sentinels(
    dataset: Dataset, wanted: Wanted, column: str, notes: list[str], *, visits: bool = False
) -> dict[str, list[str]]:
    """Find fields that hold what stood for "not known" in the training data; they are told.

    What the dataset's own import declared is gone from it already. With `visits` all observations
    of an object are looked at, not the first alone.
    """
    place = visits_of(column) if visits else column
    own = dataset.schema.attributes(column).get("missing", {})
    numbers = [n for n in dataset.schema.fields(column) if n not in ("band", "mask")]
    more = {
        name: [word for word in wanted.missing.get(name, []) if word not in own.get(name, [])]
        for name in numbers
    }
    more = {name: words for name, words in more.items() if words}
    counts: dict[str, Counter[str]] = {name: Counter() for name in more}
    for table in dataset.iter_tables([place]) if more else ():
        every = table[place]
        ragged = Visits.from_arrow(every).ragged if visits else Ragged.from_arrow(every)
        for name, words in more.items():
            counts[name].update(sentinels_in(ragged.fields[name], words))
    for name, found in counts.items():
        notes += missing_notes(found, f"{name} of {place} of the dataset at {dataset.path}")
    return {name: words for name, words in more.items() if counts[name]}


def _feature_change(dataset: Dataset, wanted: Wanted, name: str, notes: list[str]) -> Change:
    column = dataset.schema.columns.get(name)
    unit = wanted.features[name]
    if column is None or not wanted.takes(name, column.attributes):
        return Change(None, pa.float64())
    stated, where = column.unit, f"{name} of the dataset at {dataset.path}"
    feature_in_unit(np.ones(1), name, stated, unit, where)
    if (stated is None and unit) or (unit is None and stated):
        notes.append(f"{where} is taken as in {unit or 'no unit'} (it states {stated or 'none'}).")

    own = column.attributes.get("missing", [])
    missing = [word for word in wanted.missing.get(name, []) if word not in own]

    system, systems = column.attributes.get("system"), wanted.systems.get(name, {})

    def read(numbers: np.ndarray) -> np.ndarray:
        known = np.where(stands_for_missing(numbers, missing), np.nan, numbers)
        known = feature_in_unit(known, name, stated, unit, where)
        return given_magnitude(known, system, systems, where)[0]

    def make(values: pa.ChunkedArray) -> pa.Array:
        numbers = values.cast(pa.float64()).to_numpy(zero_copy_only=False)
        return pa.array(read(numbers), pa.float64(), from_pandas=True)

    notes += given_magnitude(np.zeros(0), system, systems, where)[1]
    if missing or name in wanted.ranges:
        numbers = dataset.numbers(name)
        notes += missing_notes(sentinels_in(numbers, missing), where)
        notes += far_notes(read(numbers), name, wanted, where)
    return Change(name, pa.float64(), make)
