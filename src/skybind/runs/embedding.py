"""Embedding: the objects of a run once, or any others with its model."""

from pathlib import Path

import numpy as np

from skybind.data.splits import Split
from skybind.embeddings.store import Embeddings
from skybind.errors import ConfigError, DataError
from skybind.models.inference import embed_source
from skybind.models.stored import read_note
from skybind.progress import progress_bar, say, step
from skybind.runs.layout import RunPaths
from skybind.runs.run import Run
from skybind.runs.steps import find_pretrained, run_model


def run_embedding(run: Run, *, again: bool = False) -> Embeddings:
    """Embed all objects of the run's dataset with the pre-trained model, unless that is done."""
    saved = run_model(run)
    if run.paths.embeddings.exists() and not again:
        stored = Embeddings.read(run.paths.embeddings)
        if stored.model.get("weights") == saved.identity["weights"] and _of(stored, run):
            return stored
    with progress_bar("embedding", len(run.dataset)) as report:
        embeddings = embed_source(
            saved.binder,
            run.source_for(saved),
            run.dataset.object_ids,
            run.split.part,
            model=saved.identity,
            progress=report,
        )
    with step("writing the embeddings", told=False):
        embeddings.write(run.paths.embeddings)
    return embeddings


def stored_embeddings(run: Run) -> Embeddings:
    """Read the embeddings of a run's objects as they were written.

    Raises
    ------
    DataError
        If there are none, or they are of another model, other objects or another split.
    """
    found = Embeddings.read(run.paths.embeddings)
    weights = read_note(run.paths.model)["identity"]["weights"]
    if found.model.get("weights") != weights or not _of(found, run):
        raise DataError(
            f"The embeddings in {run.paths.embeddings} are not those of the run's model, objects "
            "and split: run 'skybind evaluate' again."
        )
    return found


def _of(stored: Embeddings, run: Run) -> bool:
    """Whether embeddings are of a run's objects, in their order, with its split."""
    return np.array_equal(stored.object_id, run.dataset.object_ids) and np.array_equal(
        stored.split, run.split.part
    )


def embed_anything(
    folder: str | Path,
    data: str | Path | None = None,
    out: str | Path | None = None,
) -> tuple[Path, int]:
    """Embed a run's dataset, or another one with the run's (or any saved) model.

    Parameters
    ----------
    folder : str or Path
        Of a run, or of a saved model.
    data : str or Path, optional
        Another dataset than the run's.
    out : str or Path, optional
        Where to write; by default `embeddings` in the run's folder.

    Returns
    -------
    Path, int
        Where the embeddings are, and of how many objects.
    """
    folder = Path(folder)
    if data is None:
        run = Run.open(folder)
        embeddings = run_embedding(run)
        if out is not None:
            embeddings.write(out)
        return Path(out) if out is not None else run.paths.embeddings, len(embeddings)
    if out is None:
        raise ConfigError("Embedding another dataset needs --out, the folder to write to.")
    saved = find_pretrained(folder)
    given = saved.take(data)
    for note in given.told():
        say(note)
    split_file = RunPaths(folder).split
    split = Split.read(split_file) if split_file.exists() else None
    with progress_bar("embedding", len(given.dataset)) as report:
        embeddings = saved.embed_dataset(given.dataset, split, progress=report)
    with step("writing the embeddings", told=False):
        embeddings.write(out)
    return Path(out), len(embeddings)
