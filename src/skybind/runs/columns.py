"""Columns of periods and features that a run reads: computed before it starts, and then held to.

What a configuration reads may depend on the columns that the dataset has. So a run notes those
that were there when it was started, and sees these alone, whatever is computed later.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from skybind.config.load import validate
from skybind.config.schema import ModalityConfig
from skybind.data.computed import FOLDER, ComputedTable
from skybind.data.dataset import Dataset
from skybind.data.schema import ID, DatasetSchema
from skybind.errors import DataError
from skybind.files import is_writable, json_hash
from skybind.lightcurves.columns import describe_columns
from skybind.lightcurves.features import FEATURES
from skybind.lightcurves.stored import compute_features, is_current
from skybind.modalities.cleaning import value_field
from skybind.modalities.computed import computed_name, raw_period
from skybind.modalities.kinds import modality_class
from skybind.modalities.photometry import Photometry, PhotometryOptions
from skybind.progress import say

FEW = 0.9  # share of light curves with a period of the catalogue, below which it is said

#: Column of light curves -> what was there of it: names, and a hash of their definitions.
Noted = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class _Reader:
    """A modality of light curves that folds them, or reads what is computed from them."""

    where: str
    column: str
    options: PhotometryOptions
    folds: bool


def columns_to_compute(entries: Mapping[str, ModalityConfig], dataset: Dataset) -> dict[str, str]:
    """Return the light curves whose columns modalities need and the dataset lacks.

    Parameters
    ----------
    entries : mapping of str to ModalityConfig
        By where they stand in the configuration, such as `modalities.photometry`.
    dataset : Dataset

    Returns
    -------
    dict of str to str
        Column of the light curves -> why, as half a sentence.
    """
    needed: dict[str, str] = {}
    for reader in _readers(entries, dataset):
        if _lacks(reader, dataset):
            doing = "folds its light curves" if reader.folds else "reads features of light curves"
            needed.setdefault(reader.column, f"{reader.where} {doing}")
    return needed


def expected_schema(dataset: Dataset, needed: Collection[str]) -> DatasetSchema:
    """Return the schema that the dataset will have when columns are computed of light curves."""
    schema = dataset.schema
    for column in needed:
        brightness = value_field(schema.fields(column))
        schema = schema.with_columns(describe_columns(column, brightness))
    return schema


def compute_first(dataset: Dataset, needed: Mapping[str, str], beside: Path) -> Dataset:
    """Compute the columns that `columns_to_compute` named, and open the dataset with them.

    They are kept in the dataset's folder or, where that cannot be written, with the run.

    Parameters
    ----------
    dataset : Dataset
    needed : mapping
    beside : Path
        Folder for them in that of the run that is about to be started.
    """
    if not needed:
        return dataset
    path = dataset.path
    place = path / FOLDER if is_writable(path) else beside
    for why in needed.values():
        key = f"{why.split()[0]}.preprocessing.periods"
        say(
            f"{why}, and {path} lacks periods and features: they are computed first, and kept in "
            f"{place} (--set {key}=none does without)."
        )
    made = [summary.path for summary in compute_features(path, list(needed), out=place)]
    kept = [table.path for table in dataset.computed if table.observation not in needed]
    return Dataset.open(path, [*kept, *made])


def note_columns(dataset: Dataset) -> dict[str, dict[str, Any]]:
    """Return what a run notes of the computed columns that are there."""
    return {
        table.observation: {"columns": list(table.columns), "definitions": _hash(table)}
        for table in dataset.computed
    }


def open_as_noted(path: Path, beside: Path, noted: Noted) -> Dataset:
    """Open a run's dataset with the computed columns that were there when it was started.

    Parameters
    ----------
    path : Path
        Of the dataset.
    beside : Path
        Folder of computed columns in that of the run; it need not exist.
    noted : mapping
        What `note_columns` gave.

    Raises
    ------
    DataError
        If one of them is gone, or is of another definition now.
    """
    tables = []
    for observation, entry in noted.items():
        table = _find([beside, path / FOLDER], observation, entry)
        if table is None:
            raise DataError(
                f"The run in {beside.parent} reads periods and features of '{observation}' that "
                f"{path} does not have, or not any more by the same definition: compute them with "
                "the skybind that started the run ('skybind data features'), or start a new run."
            )
        tables.append(table)
    return Dataset.open(path, tables)


def _find(
    places: Sequence[Path], observation: str, entry: Mapping[str, Any]
) -> ComputedTable | None:
    """Return the columns that were noted, from the first place that has them."""
    for place in places:
        file = place / f"{observation}.parquet"
        if file.exists():
            table = ComputedTable.open(file)
            if set(entry["columns"]) <= set(table.columns):
                table = replace(table, schema=table.schema.select([ID, *entry["columns"]]))
                if _hash(table) == entry["definitions"]:
                    return table
    return None


def _hash(table: ComputedTable) -> str:
    return json_hash({name: column.attributes for name, column in table.columns.items()})


def _readers(entries: Mapping[str, ModalityConfig], dataset: Dataset) -> Iterator[_Reader]:
    for where, entry in entries.items():
        if modality_class(entry.kind or where.rpartition(".")[2]) is not Photometry:
            continue
        options = validate(PhotometryOptions, entry.preprocessing, f"{where}.preprocessing")
        column = entry.column or Photometry.kind
        if options.periods not in ("auto", "computed") or column not in dataset.schema.observations:
            continue
        folds = options.phase or entry.encoder["name"] == "folded"
        known = dataset.schema.features(Photometry.kind)
        made = {*FEATURES, *(computed_name(column, quantity) for quantity in FEATURES)}
        asked = [f for f in options.features or [] if f in made and f not in known]
        if folds or asked or options.periods == "computed":
            yield _Reader(where, column, options, folds)


def _lacks(reader: _Reader, dataset: Dataset) -> bool:
    """Whether columns have to be computed for a modality."""
    for table in dataset.computed:
        if table.observation == reader.column:
            return not is_current(table, dataset.fingerprint, periods_only=False)
    known = raw_period(dataset.schema, reader.options.period)
    asked = reader.options.periods == "computed"
    if asked or not known or not reader.folds:
        return True
    period = dataset.numbers(reader.options.period)
    present = dataset.present(reader.column)
    share = float(np.isfinite(period[present]).mean()) if present.any() else 1.0
    if 0 < share < FEW:
        say(
            f"{1 - share:.0%} of the light curves have no '{reader.options.period}' in the "
            f"catalogue and are not folded (--set {reader.where}.preprocessing.periods=computed "
            "finds periods of all)."
        )
    return share == 0
