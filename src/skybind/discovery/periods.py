"""Catalogue periods judged by how light curves embed at half and twice of them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa

from skybind.data.dataset import Dataset
from skybind.discovery.measures.period_doubt import FACTORS, PeriodDoubt, period_doubt
from skybind.discovery.reference import reference_rows
from skybind.embeddings.store import Embeddings
from skybind.files import json_hash, read_array, write_array
from skybind.modalities.source import BatchSource
from skybind.models.inference import embed_source
from skybind.models.model import Model
from skybind.progress import progress_bar
from skybind.runs.run import Run
from skybind.runs.steps import find_pretrained

CHUNK = 2048
#: With fewer training objects that have a period, none is judged.
LEAST = 50


@dataclass(frozen=True)
class Folding:
    """How the catalogue periods of a run are judged.

    Attributes
    ----------
    saved : Model
    name : str
        The modality that folds light curves by them.
    vectors : ndarray, shape (n, D)
        Its embeddings.
    period : ndarray of float64, shape (n,)
    usable : ndarray of bool, shape (n,)
        Objects with a light curve and a period.
    teachers : ndarray of int
        Rows of the training objects that all are compared with.
    """

    saved: Model
    name: str
    vectors: np.ndarray
    period: np.ndarray
    usable: np.ndarray
    teachers: np.ndarray

    @property
    def library(self) -> np.ndarray:
        """Rows of the light curves that others are compared with."""
        return self.teachers[self.usable[self.teachers]]


def find_folding(run: Run, embeddings: Embeddings) -> Folding | None:
    """Tell how catalogue periods are judged; None if the model folds no light curves by one."""
    saved = find_pretrained(run.folder, run.dataset.schema)
    name = _folding_modality(saved)
    if name is None:
        return None
    period = run.dataset.numbers(str(saved.modalities[name].period_column))
    usable = embeddings.present[name] & np.isfinite(period) & (period > 0)
    teachers = reference_rows(run)
    if usable[teachers].sum() < LEAST:
        return None
    return Folding(saved, name, embeddings.vectors[name], period, usable, teachers)


def doubt_periods(
    run: Run, embeddings: Embeddings, folding: Folding, typical: Mapping[float, np.ndarray]
) -> PeriodDoubt:
    """Judge the catalogue periods; see `period_doubt`."""
    folded = {factor: refolded(run, folding, factor) for factor in FACTORS}
    rest = [other for other in embeddings.modalities if other != folding.name]
    others = None
    if rest:
        seen = embeddings.any_present(rest)
        others = np.where(seen[:, None], embeddings.mean(rest), np.nan)
    usable, teachers = folding.usable, folding.teachers
    return period_doubt(folded, others, usable, teachers, typical=typical, seed=run.config.seed)


def refold(dataset: Dataset, saved: Model, name: str, factor: float) -> np.ndarray:
    """Embed the light curves at `factor` times their catalogue periods, shape (n, D)."""
    modality = saved.modalities[name]
    column = str(modality.period_column)
    pieces = [np.zeros((0, saved.binder.dimension), np.float32)]
    done = 0
    title = f"folding at {factor:g} times the period"
    with progress_bar(title, len(dataset)) as report:
        for table in dataset.iter_tables(modality.columns, CHUNK):
            place = table.schema.get_field_index(column)
            period = np.asarray(table[column].cast(pa.float64()).to_numpy(zero_copy_only=False))
            changed = table.set_column(place, column, pa.array(period * factor, from_pandas=True))
            source = BatchSource({name: modality}, {name: modality.prepare(changed)})
            ids, none = np.arange(len(source)).astype(str), np.full(len(source), "")
            made = embed_source(saved.binder, source, ids, none, modalities=[name])
            pieces.append(made.vectors[name])
            done += len(source)
            report(done)
    return np.concatenate(pieces)


def refolded(
    run: Run, folding: Folding, factor: float, rows: tuple[int, int] | None = None
) -> np.ndarray:
    """`refold`, once only: kept in the run's folder.

    Of the objects from one row to before another alone, nothing new is kept.
    """
    first, last = rows or (0, len(run.dataset))
    if factor == 1:
        return folding.vectors[first:last]
    known = read_array(refolded_path(run, folding, factor))
    if known is not None and len(known) == len(run.dataset):
        return known[first:last]
    dataset = run.dataset if rows is None else run.dataset.stretch(first, last)
    found = refold(dataset, folding.saved, folding.name, factor)
    if rows is None:
        write_array(refolded_path(run, folding, factor), found)
    return found


def refolded_path(run: Run, folding: Folding, factor: float) -> Path:
    """Name the file of all light curves at `factor` times their periods."""
    weights = folding.saved.identity.get("weights")
    key = json_hash([weights, run.dataset.fingerprint, folding.name, factor])
    return run.paths.discover.refolded / f"{key}.npz"


def _folding_modality(saved: Model) -> str | None:
    """Name of the modality whose embedding depends on a catalogue period."""
    for name, modality in saved.modalities.items():
        if modality.period_column is not None:
            return name
    return None
