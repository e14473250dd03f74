"""Catalogue periods judged by how light curves embed at half and twice of them."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from skybind.discovery.measures.period_doubt import FACTORS, PeriodDoubt, period_doubt
from skybind.embeddings.store import Embeddings
from skybind.files import json_hash, read_array, write_array
from skybind.modalities.source import BatchSource
from skybind.models.inference import embed_source
from skybind.models.model import Model
from skybind.progress import progress_bar
from skybind.runs.run import Run
from skybind.runs.steps import find_pretrained

CHUNK = 2048


def doubt_periods(run: Run, embeddings: Embeddings, reference: np.ndarray) -> PeriodDoubt | None:
    """Judge the catalogue periods, if the model folds light curves by one; see `period_doubt`.

    Parameters
    ----------
    run : Run
    embeddings : Embeddings
    reference : ndarray of int
        Training objects that all are compared with.
    """
    saved = find_pretrained(run.folder, run.dataset.schema)
    name = _folding_modality(saved)
    if name is None:
        return None
    period = run.dataset.numbers(str(saved.modalities[name].period_column))
    usable = embeddings.present[name] & np.isfinite(period) & (period > 0)
    if usable[reference].sum() < 50:
        return None
    folded = {1.0: embeddings.vectors[name]}
    for factor in FACTORS:
        if factor != 1.0:
            folded[factor] = _refolded(run, saved, name, factor)
    rest = [other for other in embeddings.modalities if other != name]
    others = None
    if rest:
        seen = embeddings.any_present(rest)
        others = np.where(seen[:, None], embeddings.mean(rest), np.nan)
    return period_doubt(folded, others, usable, reference, seed=run.config.seed)


def refold(run: Run, saved: Model, name: str, factor: float) -> np.ndarray:
    """Embed the light curves at `factor` times their catalogue periods, shape (n, D)."""
    modality = saved.modalities[name]
    column = str(modality.period_column)
    pieces = []
    done = 0
    title = f"folding at {factor:g} times the period"
    with progress_bar(title, len(run.dataset)) as report:
        for table in run.dataset.iter_tables(modality.columns, CHUNK):
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


def _refolded(run: Run, saved: Model, name: str, factor: float) -> np.ndarray:
    """`refold`, once only: kept in the run's folder."""
    key = json_hash([saved.identity.get("weights"), run.dataset.fingerprint, name, factor])
    path: Path = run.paths.discover.refolded / f"{key}.npz"
    known = read_array(path)
    if known is None or len(known) != len(run.dataset):
        known = refold(run, saved, name, factor)
        write_array(path, known)
    return known


def _folding_modality(saved: Model) -> str | None:
    """Name of the modality whose embedding depends on a catalogue period."""
    for name, modality in saved.modalities.items():
        if modality.period_column is not None:
            return name
    return None
