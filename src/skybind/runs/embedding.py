"""Embedding: the objects of a run once, or any others with its model."""

from functools import partial
from pathlib import Path

import numpy as np

from skybind.data.lineage import growth_since
from skybind.data.splits import Split
from skybind.embeddings.grown import grown_embeddings, write_grown
from skybind.embeddings.store import Embeddings, merge, read_state
from skybind.errors import ConfigError, DataError
from skybind.files import json_hash
from skybind.ingest.given_rows import Given
from skybind.locks import alone, waiting_for
from skybind.models.inference import embed_source
from skybind.models.model import Model
from skybind.models.stored import read_note
from skybind.once import lock_of
from skybind.progress import progress_bar, say, step
from skybind.runs.grown import touched_rows
from skybind.runs.layout import RunPaths
from skybind.runs.run import Run
from skybind.runs.steps import find_pretrained, run_model
from skybind.shards import Shard, ShardFolder
from skybind.version import __version__


def run_embedding(run: Run, *, again: bool = False) -> Embeddings:
    """Embed all objects of the run's dataset with the pre-trained model, unless that is done.

    Of several programs one does so, and the others wait for it.
    """
    saved = run_model(run)
    stored = None if again else _stored(run)
    if stored is not None and _made_by(stored, saved) and _of(stored, run):
        return _held_once(stored, run)
    lock = lock_of(run.paths.embeddings)
    with alone(lock, otherwise=waiting_for("embeds the objects of this run")):
        stored = None if again else _stored(run)  # as the other program left them
        if stored is not None and not _made_by(stored, saved):
            stored = None
        if stored is None or not _of(stored, run):
            stored = _embed_own(run, saved, stored)
        lock.unlink(missing_ok=True)  # while it is still held
    return _held_once(stored, run)


def _embed_own(run: Run, saved: Model, stored: Embeddings | None) -> Embeddings:
    """Embed the run's objects; of a dataset that grew those that are not among the stored ones."""
    earlier = None if stored is None else _earlier(run, saved, stored)
    rows = np.arange(len(run.dataset)) if earlier is None else earlier[1]
    source = run.source_for(saved)
    with progress_bar("embedding", len(rows)) as report:
        embeddings = embed_source(
            saved.binder,
            source if earlier is None else source.take(rows),
            run.dataset.object_ids[rows],
            run.split.part[rows],
            model=saved.identity,
            progress=report,
        )
    embeddings.state = run.dataset.fingerprint
    if earlier is None:
        with step("writing the embeddings", told=False):
            embeddings.write(run.paths.embeddings)
        return embeddings
    whole = grown_embeddings(earlier[0], embeddings, run.dataset.object_ids, rows)
    with step("writing the embeddings", told=False):
        write_grown(whole, run.paths.embeddings, rows, len(earlier[0]))
    return whole


def _stored(run: Run) -> Embeddings | None:
    """Read the embeddings in a run's folder, whatever they are of; None where there are none."""
    return Embeddings.read(run.paths.embeddings) if run.paths.embeddings.exists() else None


def _made_by(stored: Embeddings, saved: Model) -> bool:
    return bool(stored.model.get("weights") == saved.identity["weights"])


def _held_once(stored: Embeddings, run: Run) -> Embeddings:
    """Give embeddings of the run's objects its own arrays of names and parts, which are equal.

    They are of the dataset as it is, whether they note that or an older version wrote them.
    """
    stored.object_id, stored.split = run.dataset.object_ids, run.split.part
    stored.state = run.dataset.fingerprint
    return stored


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
    return _held_once(found, run)


def _earlier(run: Run, saved: Model, stored: Embeddings) -> tuple[Embeddings, np.ndarray] | None:
    """Give embeddings of the dataset before it grew, and the rows to embed anew; None if none."""
    growth = growth_since(run.dataset, _state(stored, run))
    if growth is None or not np.array_equal(
        stored.object_id, run.dataset.object_ids[: growth.kept]
    ):
        return None
    return stored, touched_rows(run.dataset, growth, saved.modalities.values())


def _state(stored: Embeddings, run: Run) -> str:
    """Fingerprint of the dataset that a run's embeddings are of: by default as the run began."""
    return stored.state or run.status.fingerprint


def _of(stored: Embeddings, run: Run) -> bool:
    """Whether embeddings are of a run's objects as they are, in their order, with its split."""
    if _state(stored, run) != run.dataset.fingerprint:
        return False
    return np.array_equal(stored.object_id, run.dataset.object_ids) and np.array_equal(
        stored.split, run.split.part
    )


def is_embedded_otherwise(run: Run) -> bool:
    """Return whether the embeddings in a run's folder are of another state of its dataset."""
    place = run.paths.embeddings
    state = read_state(place) or run.status.fingerprint
    return place.exists() and state != run.dataset.fingerprint


def embed_anything(
    folder: str | Path,
    data: str | Path | None = None,
    out: str | Path | None = None,
    *,
    shard: Shard | None = None,
) -> tuple[Path, int]:
    """Embed a run's dataset, or another one with the run's (or any saved) model.

    Where shards of it were begun (`OUT.shards/`) they are put together; nothing is embedded.

    Parameters
    ----------
    folder : str or Path
        Of a run, or of a saved model.
    data : str or Path, optional
        Another dataset than the run's.
    out : str or Path, optional
        Where to write; by default `embeddings` in the run's folder.
    shard : Shard, optional
        Only this part of another dataset.

    Returns
    -------
    Path, int
        Where the embeddings are, and of how many objects.

    Raises
    ------
    AlreadyDone
        If the embeddings are there, put together of shards of the same.
    ConfigError
        If `out` is missing, or a shard is asked for of the run's own dataset.
    DataError
        If shards are missing, or of something else.
    """
    folder = Path(folder)
    if shard is not None and data is None:
        raise ConfigError(
            "--shard needs --data: a run's own objects are prepared and embedded as a whole."
        )
    if data is None:
        run = Run.open(folder)
        embeddings = run_embedding(run)
        if out is not None:
            embeddings.write(out)
        return Path(out) if out is not None else run.paths.embeddings, len(embeddings)
    if out is None:
        raise ConfigError("Embedding another dataset needs --out, the folder to write to.")
    return _embed_other(folder, data, Path(out), shard)


def _embed_other(
    folder: Path, data: str | Path, out: Path, shard: Shard | None
) -> tuple[Path, int]:
    """Embed another dataset, or one shard of it, or put shards together."""
    saved = find_pretrained(folder)
    given = saved.take(data)
    for note in given.told():
        say(note)
    split_file = RunPaths(folder).split
    split = Split.read(split_file) if split_file.exists() else None
    fingerprint = given.dataset.fingerprint
    cut = None if split is None else split.hash
    key = json_hash([__version__, saved.identity["weights"], fingerprint, cut])
    shards = ShardFolder(out, key, "embed")
    if shard is not None:
        made = shards.do(shard, partial(_embed, saved, given.shard(shard), split))
        return shards.path / shard.name, made["n"]
    with shards.together() as parts:
        if parts:
            with step("putting the shards together", told=False):
                merge([folder for folder, note in parts if note["n"]], out)
            shards.sign()
    if parts:
        return out, sum(note["n"] for _, note in parts)
    return out, _embed(saved, given, split, out)["n"]


def _embed(saved: Model, given: Given, split: Split | None, out: Path) -> dict[str, int]:
    """Embed what was given into a folder, unless that is nothing."""
    n = len(given.dataset)
    if n:
        with progress_bar("embedding", n) as report:
            embeddings = saved.embed_dataset(given.dataset, split, progress=report)
        with step("writing the embeddings", told=False):
            embeddings.write(out)
    return {"n": n}
