"""Rows that fit a model, put together of what was read."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from skybind.data.dataset import Dataset
from skybind.data.quarantine import short_reason
from skybind.data.schema import BASE_COLUMNS, ID, Column, DatasetSchema
from skybind.data.write import ROW_GROUP
from skybind.errors import ConfigError
from skybind.ingest.build import CLEANERS
from skybind.ingest.plausible import suspect_notes
from skybind.ingest.wanted import Units, Wanted
from skybind.lightcurves.columns import why_not
from skybind.modalities.cleaning import Cleaned
from skybind.modalities.computed import is_standardised
from skybind.ragged import Ragged
from skybind.shards import Shard
from skybind.words import join

#: Reasons that a sentence names.
LISTED = 3


@dataclass
class Given:
    """What was given, made to fit a model: its columns, in its units, rows in the order given.

    Attributes
    ----------
    dataset : Dataset
        On disk (read as it is asked for) or in memory; `path` names what was given.
    reasons : dict of str to ndarray of str, shape (n,)
        Modality -> why a row's observation could not be read or used; "" otherwise.
    notes : list of str
        What was assumed, converted or left out, in sentences.
    """

    dataset: Dataset
    reasons: dict[str, np.ndarray]
    notes: list[str]

    def shard(self, shard: Shard) -> "Given":
        """Return one shard of a dataset on disk; what was decided of the whole holds for it.

        Raises
        ------
        ConfigError
            If it is in memory, such as a table or files.
        """
        source = self.dataset.source
        starts = source.starts()
        if len(starts) == 1 and len(source) > ROW_GROUP:  # a dataset on disk would have more
            raise ConfigError(
                f"--shard needs the folder of a dataset, whose parts are read alone; "
                f"{self.dataset.path} is read whole: make a dataset of it with 'skybind data "
                "import'."
            )
        return self.stretch(*shard.stretch(starts, len(source)))

    def stretch(self, start: int, stop: int) -> "Given":
        """Return the rows from `start` to before `stop`; what was decided of all holds for them."""
        reasons = {name: why[start:stop] for name, why in self.reasons.items()}
        return Given(self.dataset.stretch(start, stop), reasons, self.notes)

    def told(self) -> list[str]:
        """Return the notes, and how many rows have which reason, for what lists no reasons."""
        notes = list(self.notes)
        for name, reasons in self.reasons.items():
            counts = Counter(short_reason(str(reason)) for reason in reasons[reasons != ""])
            listed = [f"{n:,} {why}" for why, n in counts.most_common(LISTED)]
            more = ["more"] if len(counts) > LISTED else []
            if counts:
                total = f"{counts.total():,} of {len(reasons):,}"
                notes.append(f"{name} of {total} objects: {join([*listed, *more])}.")
        return notes


class Rows:
    """The columns that a model reads, filled one after the other; what is not filled is absent.

    Parameters
    ----------
    name : str
        What was given, for messages.
    names : sequence of str
        Of the objects.
    wanted : mapping of str to Wanted
    """

    def __init__(self, name: str, names: Sequence[str], wanted: Mapping[str, Wanted]) -> None:
        self.where, self.wanted = f"The {name}", wanted
        self.notes: list[str] = []
        n = len(names)
        self.reasons = {modality: np.full(n, "", object) for modality in wanted}
        self._name, self._n = name, n
        self._columns: dict[str, pa.Array] = {ID: pa.array(list(names), pa.string())}
        self._units: dict[str, Units] = {}
        twice = n - len(set(names))
        if twice:
            self.notes.append(f"{twice} rows of the {name} have the name of another row.")

    def numbers(self, column: str, values: np.ndarray) -> None:
        """Fill a flat column: a position or a feature; NaN where a row has none."""
        self._columns[column] = pa.array(values, pa.float64(), from_pandas=True)

    def observations(self, wanted: Wanted, ragged: Ragged, units: Units) -> None:
        """Fill a column of observations, cleaned; rows that cannot be used get their reason."""
        cleaned = CLEANERS[wanted.kind](ragged)
        where = f"{wanted.column} of the {self._name}"
        self.notes += cleaning_notes(cleaned, int(ragged.present.sum()), where)
        reasons = self.reasons[wanted.name]
        reasons[reasons == ""] = cleaned.reason[reasons == ""]
        self._columns[wanted.column] = cleaned.ragged.to_arrow()
        self._units[wanted.column] = units

    def given(self, provenance: str = "", simulated: bool = False) -> Given:
        """Give all rows; what was not filled is null, and said."""
        units = {
            w.column: self._units.get(w.column, w.fields) for w in self.wanted.values() if w.fields
        }
        schema = fitted_schema(self.wanted.values(), units, self._columns, provenance, simulated)
        absent = []
        for name, modality in self.wanted.items():
            lacking = [f for f in modality.features if f not in self._columns]
            there = (
                modality.column in self._columns
                if modality.fields
                else len(lacking) < len(modality.features)
            )
            self.notes += not_taken(self.where, lacking, modality)
            if not there:
                absent.append(name)
            else:
                self.notes += lacks(self.where, lacking, modality, schema)
        if absent:
            self.notes.append(f"{self.where} has no {join(absent)}: no object is observed there.")
        table = pa.table({name: self._column(name, units.get(name)) for name in schema.columns})
        return Given(Dataset.from_table(table, schema, self._name), self.reasons, self.notes)

    @property
    def empty(self) -> bool:
        """Whether no modality has anything."""
        sought = {w.column for w in self.wanted.values() if w.fields}
        sought |= {f for w in self.wanted.values() if not w.fields for f in w.features}
        return not sought & set(self._columns)

    def _column(self, name: str, units: Units | None) -> pa.Array:
        if name in self._columns:
            return self._columns[name]
        return pa.nulls(self._n, pa.float64() if units is None else struct_of(units))


def cleaning_notes(cleaned: Cleaned, observed: int, where: str) -> list[str]:
    """Say what given observations were cleaned of, and what in them may not be measured.

    Parameters
    ----------
    cleaned : Cleaned
    observed : int
        How many there were before.
    where : str
        What was given.
    """
    counts = [
        f"{n:,} {what}"
        for what, n in cleaned.counts.items()
        if n and not (what.endswith("without errors") and n == observed)  # it was said already
    ]
    said = [f"{where}: cleaned of {join(counts)}."] if counts else []
    return said + suspect_notes(cleaned.ragged, where)


def fitted_schema(
    wanted: Iterable[Wanted],
    units: Mapping[str, Units],
    there: Collection[str],
    provenance: str,
    simulated: bool,
) -> DatasetSchema:
    """Give the schema of observations that fit a model.

    Parameters
    ----------
    wanted : iterable of Wanted
    units : mapping of str to mapping
        Column of observations -> its fields and their units.
    there : collection of str
        Columns that are there: a computed one that is not is left to be computed.
    provenance : str
    simulated : bool
    """
    columns = dict(BASE_COLUMNS)
    for modality in wanted:
        if modality.fields:
            columns[modality.column] = Column(
                "observation",
                modality=modality.kind,
                fields=dict(units[modality.column]),
                attributes=modality.attributes,
            )
        group = modality.kind if modality.fields else modality.column
        for feature, unit in modality.features.items():
            said = modality.definitions.get(feature, {}) if feature in there else {}
            columns[feature] = Column("feature", unit, modality=group, attributes=said)
    return DatasetSchema(columns, provenance, simulated)


def lacks(where: str, features: Sequence[str], wanted: Wanted, schema: DatasetSchema) -> list[str]:
    """Say which features a model has to do without; those that can be computed will be.

    Parameters
    ----------
    where : str
        What was given.
    features : sequence of str
        Those that it lacks.
    wanted : Wanted
        What reads them.
    schema : DatasetSchema
        Of what was given, made to fit.
    """
    absent = []
    for name in features:
        said = wanted.definitions.get(name, {})
        if not is_standardised(said) and (not said or why_not(said, schema)):
            absent.append(name)
    if not absent:
        return []
    return [
        f"{where} lacks {', '.join(absent)}, which the model's {wanted.name} reads: the mean of "
        "the training objects stands in."
    ]


def not_taken(where: str, features: Sequence[str], wanted: Wanted) -> list[str]:
    """Say which features are lacking because the model reads standardised ones.

    Parameters are those of `lacks`.
    """
    known = [name for name in features if is_standardised(wanted.definitions.get(name, {}))]
    if not known:
        return []
    return [
        f"The model's {wanted.name} reads {', '.join(known)} as they were standardised in its "
        f"data, which {where} does not say of its own: they are not taken."
    ]


def struct_of(units: Units) -> pa.DataType:
    """Give the Arrow type of a column of observations."""
    kinds: dict[str, pa.DataType] = {"time": pa.float64(), "band": pa.string(), "mask": pa.bool_()}
    return pa.struct([(name, pa.list_(kinds.get(name, pa.float32()))) for name in units])
