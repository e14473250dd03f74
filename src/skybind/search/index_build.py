"""Building an index: in one go, in shards that know nothing of each other, or by adding to it.

All of these are one: parts are made of stretches of the embeddings with one quantiser, and joined.
What is added to is the first of the parts. A row's list and code depend on the quantiser and on the
row group it stands in alone, so that the bytes do not depend on how the work was cut.
"""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path

import numpy as np

from skybind.embeddings.located import Group, read_groups
from skybind.embeddings.stream import EmbeddingStream
from skybind.errors import DataError
from skybind.files import atomic_path
from skybind.locks import waiting_for
from skybind.measures.neighbours import exact_nearest
from skybind.memory import at_once
from skybind.once import Workplace, fill_once
from skybind.processes import in_order
from skybind.progress import progress_bar, say, step
from skybind.record import write_sealed
from skybind.search.index import (
    CANDIDATES,
    NEIGHBOURS,
    NOTE,
    QUANTISER,
    RECALL,
    EmbeddingIndex,
    IndexNote,
    open_index,
    places_name,
    read_quantiser,
)
from skybind.search.index_plan import Building
from skybind.search.index_train import Truth, train, tune
from skybind.search.lists import join_arrays, join_lists, write_lists
from skybind.search.quantiser import Quantiser, import_faiss
from skybind.shards import Note, Shard, ShardFolder
from skybind.sums import block_sums

#: Objects of a part where the work is not cut otherwise.
PART = 1 << 20
#: Objects of a piece of a part where memory is short, unless it were more pieces: they are open
#: together when they are joined.
LEAST, PIECES = 1 << 16, 128
#: How often an object is in memory while a piece is written: as held, joined and sorted.
_COPIES = 3
#: Objects for which it pays to start another process.
WORTH = 200_000


@step("building the index")
def build_index(
    stream: EmbeddingStream,
    modalities: Sequence[str],
    *,
    recall: float | None = None,
    lists: int | None = None,
    seed: int = 0,
    anew: bool = False,
    processes: int = 1,
) -> EmbeddingIndex:
    """Build an index beside the embeddings, or add to it what is new in them.

    Where shards of it were begun (`build_shard`) they are put together. Interrupted, the same call
    goes on.

    Parameters
    ----------
    stream : EmbeddingStream
    modalities : sequence of str
        One modality, or several whose mean is searched.
    recall : float, optional
        Fraction of the 10 nearest to be found; that of the index that is there by default, or 0.95.
    lists : int, optional
        About 1.3 sqrt(n) by default.
    seed : int
        Of the samples and the centres.
    anew : bool
        Train again, instead of adding to an index that is there.
    processes : int

    Raises
    ------
    DataError
        If faiss is missing, no object has the modality, the recall is no fraction, or shards are
        missing.
    """
    if recall is not None and not 0 < recall <= 1:
        raise DataError(f"A recall of {recall} is impossible: give one above 0, at most 1.")
    stream.require(modalities)
    building = Building(stream.folder, list(modalities), lists, seed, anew)
    finished = _finish(building)
    by_hand = ShardFolder(building.folder, building.key, "build the index")
    with by_hand.together() as parts:
        if parts:
            _put_together(building, by_hand, parts, recall)
            return open_index(stream, modalities)
    if building.whole and (finished or not anew):
        index = open_index(stream, modalities)
        return index if recall in (None, index.note.wanted) else _tuned_anew(index, float(recall))
    own = _make_parts(building, processes)
    with own.together() as parts:
        _put_together(building, own, parts, recall)
    return open_index(stream, modalities)


def _finish(building: Building) -> bool:
    """Remove parts that the index holds, whose process was killed before; says if any were left."""
    if building.there is None:
        return False
    places = building.folder, _hidden(building)
    own = [ShardFolder(place, building.there.key, "build the index") for place in places]
    left = [folder.finish() for folder in own]
    return any(left)


def _make_parts(building: Building, processes: int) -> ShardFolder:
    """Make all parts that are not there yet."""
    import_faiss()
    own, n = _own_folder(building), len(building.stream) - building.first
    of = max(1, -(-n // PART), min(processes, n // WORTH))
    # of each its own files: what is open does not go to another process
    tasks = [(replace(building), Shard(k, of)) for k in range(1, of + 1)]
    _trained(building, own)
    with progress_bar("indexing", n) as report:
        done = 0
        for note in in_order(_part_of, tasks, min(processes, of)):
            done += note["rows"]
            report(done)
    return own


def build_shard(
    stream: EmbeddingStream,
    modalities: Sequence[str],
    shard: Shard,
    *,
    lists: int | None = None,
    seed: int = 0,
    anew: bool = False,
) -> tuple[Path, int]:
    """Do one part of `build_index`, which puts them together when all are there.

    Returns
    -------
    Path, int
        Where the part is, and how many objects it holds.

    Raises
    ------
    AlreadyDone
        If the index is whole.
    DataError
        As `build_index`, or if parts of another kind are there.
    """
    stream.require(modalities)
    building = Building(stream.folder, list(modalities), lists, seed, anew)
    shards = ShardFolder(building.folder, building.key, "build the index")
    if building.whole:
        raise shards.already_done()
    note = shards.do(shard, partial(_make_part, building, shards, shard))
    return shards.path / shard.name, int(note["n"])


def _hidden(building: Building) -> Path:
    """Name what the parts become that nobody cut by hand."""
    return building.folder.with_name(f".{building.folder.name}")


def _own_folder(building: Building) -> ShardFolder:
    """Give the parts of work that nobody cut by hand; they do not count as missing."""
    found = ShardFolder(_hidden(building), building.key, "build the index")
    old = found.path / "of.json"
    if old.exists() and f'"{building.key}"' not in old.read_text(encoding="utf-8"):
        shutil.rmtree(found.path)
    return found


def _part_of(task: tuple[Building, Shard]) -> Note:
    building, shard = task
    own = _own_folder(building)
    return own.do(shard, partial(_make_part, building, own, shard))


def _trained(building: Building, shards: ShardFolder) -> Path:
    """Give the folder with quantiser and queries; one process trains, others wait for it."""
    if building.begun is not None:
        return building.folder
    target = shards.path / f"trained-{building.key}"
    shards.path.mkdir(parents=True, exist_ok=True)

    def fill(workplace: Workplace) -> None:
        with step("training the index"):
            groups = building.groups
            train(workplace.work, groups, building.modalities, building.lists, building.seed)

    fill_once(target, fill, waiting_for("is training the index"))
    return target


def _make_part(building: Building, shards: ShardFolder, shard: Shard, out: Path) -> Note:
    """Make a part of the index: lists, places and exact neighbours of the queries."""
    trained = _trained(building, shards)
    groups = building.stretch(shard)
    part = _Part(building, read_quantiser(trained), out)
    truth = Truth.read(trained)
    found = exact_nearest(part.chunks(groups), truth.vectors, NEIGHBOURS + 1)
    replace(truth, found=found).write(out)
    part.finish()
    return {"rows": part.rows, "n": part.n, "apart": part.apart}


class _Part:
    """The lists and places of a stretch of embeddings, written piece by piece."""

    def __init__(self, building: Building, quantiser: Quantiser, out: Path) -> None:
        self.rows, self.n, self.apart = 0, 0, 0.0
        self._building, self._quantiser, self._out = building, quantiser, out
        self._pieces: list[Path] = []
        self._held: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
        self._places: dict[str, list[np.ndarray]] = {name: [] for name in building.modalities}

    def chunks(self, groups: Sequence[Group]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Give rows and vectors of row groups, which are written while they are given."""
        names = self._building.modalities
        least = min(PART, max(LEAST, sum(group.n for group in groups) // PIECES))
        held = size = 0
        for located in read_groups(groups, names, places=True):
            rows, vectors = located.mean(names)
            lists, cosine = self._quantiser.lists_of(vectors)
            codes = self._quantiser.codes_of(vectors, lists)
            self._held.append((lists, rows, codes))
            places = [located.places[name] for name in names]
            for name, own in zip(names, places, strict=True):
                self._places[name].append(own)
            self.rows += len(places[0])
            self.n += len(rows)
            self.apart += float(np.sum(1 - cosine.astype(float)))
            held += len(places[0])
            size += sum(array.nbytes for array in (lists, rows, codes, *places))
            if held >= at_once(_COPIES * size / max(held, 1), PART, least):
                self._write()
                held = size = 0
            yield rows, vectors

    def _write(self) -> None:
        folder = self._out / f"piece-{len(self._pieces)}"
        folder.mkdir()
        held = [np.concatenate(arrays) for arrays in zip(*self._held, strict=True)]
        if len(held[0]):
            write_lists(folder, len(self._quantiser.centres), *held)
        for number, name in enumerate(self._building.modalities):
            np.save(folder / places_name(number), np.concatenate(self._places[name]))
            self._places[name].clear()
        self._held.clear()
        self._pieces.append(folder)

    def finish(self) -> None:
        """Join the pieces."""
        if self._held:
            self._write()
        if self._pieces:
            _join(self._pieces, self._out, len(self._building.modalities))
        for folder in self._pieces:
            shutil.rmtree(folder)


def _join(folders: Sequence[Path], out: Path, modalities: int) -> None:
    """Join lists and places of some parts; of those that have any."""
    own = [folder for folder in folders if (folder / "rows.npy").exists()]
    if own:
        join_lists(own, out)
    for number in range(modalities):
        paths = [folder / places_name(number) for folder in folders]
        join_arrays([path for path in paths if path.exists()], out / places_name(number))


def _put_together(
    building: Building,
    shards: ShardFolder,
    parts: Sequence[tuple[Path, Note]],
    recall: float | None,
) -> None:
    """Make the index of its parts."""
    trained = _trained(building, shards)
    old = building.begun
    recall = recall or (old.wanted if old else RECALL)
    folders = [*([building.folder] if old else []), *(folder for folder, _ in parts)]
    stream = building.stream
    n, apart = (sum(note[name] for _, note in parts) for name in ("n", "apart"))
    truth = Truth.read(trained).with_found([Truth.read(folder).found for folder in folders])
    with atomic_path(building.folder) as temporary:
        temporary.mkdir(parents=True)
        _join(folders, temporary, len(building.modalities))
        truth.write(temporary)
        shutil.copyfile(trained / QUANTISER, temporary / QUANTISER)
        lists = len(read_quantiser(trained).centres)
        note = IndexNote(
            modalities=building.modalities,
            files=stream.fingerprints,
            weights=str(stream.model.get("weights", "")),
            rows=len(stream),
            n=n + (old.n if old else 0),
            dimension=stream.modalities[building.modalities[0]],
            lists=lists,
            probes=lists,
            candidates=CANDIDATES,
            seed=old.seed if old else building.seed,
            trained=old.trained if old else n,
            apart=old.apart if old else apart / max(1, n),
            added_apart=_added_apart(old, n, apart),
            key=building.key,
        )
        with step("measuring the recall", told=False):
            note = tune(EmbeddingIndex(stream, temporary, note), truth, recall)
        files = sorted(path for path in temporary.iterdir())
        note = replace(note, sums={path.name: block_sums(path) for path in files})
        write_sealed(temporary / NOTE, asdict(note))
    if note.advice:
        say(note.advice)


def _tuned_anew(index: EmbeddingIndex, recall: float) -> EmbeddingIndex:
    """Choose for an index that is there how many lists are looked at for another recall."""
    with step("measuring the recall", told=False):
        index.note = tune(index, Truth.read(index.folder), recall)
    write_sealed(index.folder / NOTE, asdict(index.note))
    return index


def _added_apart(old: IndexNote | None, n: int, apart: float) -> float | None:
    """Mean of 1 - cosine to their centres of all objects that were added after the training."""
    if old is None:
        return None
    before = old.n - old.trained
    total = apart + before * (old.added_apart or 0.0)
    return total / (before + n) if before + n else None
