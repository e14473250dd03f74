"""A run whose dataset has grown since it was started: it goes on, and says so.

Objects that trained, validated or tested do so still, with what they have become; new ones are in
no part of its split.
"""

import shutil
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from skybind.data.computed import ComputedTable
from skybind.data.dataset import Dataset
from skybind.data.lineage import Growth, growth_since, older_states
from skybind.errors import DataError
from skybind.files import remove_leftovers
from skybind.lightcurves.grown import grow_columns, refuse_older_columns
from skybind.modalities.base import Modality
from skybind.modalities.store import Earlier, prepared_folder
from skybind.models.frozen_features import Older
from skybind.models.stored import read_note
from skybind.once import forget_made
from skybind.progress import say
from skybind.runs.columns import open_as_noted
from skybind.runs.layout import RunPaths
from skybind.runs.status import RunStatus

if TYPE_CHECKING:
    from skybind.runs.run import Run


def refuse_other_dataset(folder: Path, path: Path, fingerprint: str) -> Growth | None:
    """Refuse a dataset that is not the one that a run was started on, and did not grow from it.

    Parameters
    ----------
    folder : Path
        Of the run.
    path : Path
        Of the dataset.
    fingerprint : str
        Of the dataset that the run was started on.

    Returns
    -------
    Growth or None
        What came to it, which is said; None if nothing did.

    Raises
    ------
    DataError
    """
    data = Dataset.open(path, computed=())
    if data.fingerprint == fingerprint:
        return None
    growth = growth_since(data, fingerprint)
    if growth is None:
        raise DataError(
            f"The dataset at {path} is not the one that the run in {folder} was "
            f"started on (fingerprint {data.fingerprint}, then {fingerprint})."
        )
    _tell(folder, path, growth.now.fingerprint, growth.sentence)
    return growth


@cache
def _tell(folder: Path, path: Path, state: str, sentence: str) -> None:
    """Say once of each state what came to it."""
    say(
        f"The run in {folder} was started on an older state of {path}, which {sentence}. The new "
        "ones are in no part of its split."
    )


def open_grown(folder: Path, path: Path, status: RunStatus) -> tuple[Dataset, Growth | None]:
    """Open a run's dataset, and tell what came to it since the run was started.

    A run keeps to the columns that there were; parameters and errors are those of
    `refuse_other_dataset` and `skybind.runs.columns.open_as_noted`.
    """
    growth = refuse_other_dataset(folder, path, status.fingerprint)
    if growth is not None:
        grow_beside(RunPaths(folder).features, Dataset.open(path, computed=()))
    dataset = open_as_noted(path, RunPaths(folder).features, status.computed)
    if growth is not None:
        dataset.schema = dataset.schema.without(growth.columns)
    return dataset, growth


def classes_begun(paths: RunPaths, status: RunStatus) -> list[str] | None:
    """Return the classes that a run was started with; None where that is not known.

    Labels may have come to objects that had none, which makes other classes frequent enough.
    """
    if status.classes is not None:
        return list(status.classes)
    # of an older skybind the classifiers tell
    known = [case.model for case in paths.cases() if (case.model / "model.json").exists()]
    return list(read_note(known[0])["classes"]) if known else None


def grow_beside(folder: Path, dataset: Dataset) -> None:
    """Compute new rows of the columns that stand beside a run, not in the dataset's folder."""
    for file in sorted(folder.glob("*.parquet")):
        table = ComputedTable.open(file)
        growth = growth_since(dataset, table.fingerprint)
        if growth is None:
            continue
        refuse_older_columns(table, dataset.path)
        aside = folder / f".{table.observation}.{dataset.fingerprint}"
        grow_columns(table, dataset, growth.touched([table.observation]), file, aside)
        shutil.rmtree(aside, ignore_errors=True)


def touched_rows(dataset: Dataset, growth: Growth, modalities: Iterable[Modality]) -> np.ndarray:
    """Which rows are new, or changed in what some modalities read, ascending.

    Periods and features follow the light curves that they were computed from.
    """
    columns = {c for m in modalities for c in [*m.columns, *m.also_reads]}
    computed = [table for table in dataset.computed if columns & set(table.columns)]
    return growth.touched([*columns, *(table.observation for table in computed)])


def forget_older(run: "Run") -> None:
    """Remove what is kept of older states of a run's dataset; it has been taken over, or told."""
    root, now = run.paths.prepared, run.dataset.fingerprint
    older = older_states(run.dataset)
    for state in older:
        for modality in run.modalities.values():
            if prepared_folder(root, modality, now).exists():
                forget_made(prepared_folder(root, modality, state))
        for file in root.glob(f"observations-*-{state}.*"):
            if (root / file.name.replace(state, now)).exists():
                file.unlink(missing_ok=True)
    remove_leftovers(run.paths.embeddings)
    for case in run.paths.cases():
        for state in [*older, now]:  # it may have come back to one that it was in before
            case.classes_of(state).unlink(missing_ok=True)


def earlier_prepared(run: "Run", modality: Modality) -> Earlier | None:
    """Find what a run prepared of a modality before its dataset grew; None if nothing."""
    root = run.paths.prepared
    if prepared_folder(root, modality, run.dataset.fingerprint).exists():
        return None
    for state in older_states(run.dataset):
        place = prepared_folder(root, modality, state)
        growth = growth_since(run.dataset, state) if place.exists() else None
        if growth is not None:
            return Earlier(place, touched_rows(run.dataset, growth, [modality]))
    return None


def older_features(run: "Run", modality: Modality) -> list[Older]:
    """List the states of a run's dataset before it grew, for features of a frozen backbone."""
    grown = [growth_since(run.dataset, state) for state in older_states(run.dataset)]
    return [
        Older(one.since.fingerprint, one.kept, touched_rows(run.dataset, one, [modality]))
        for one in grown
        if one is not None
    ]
