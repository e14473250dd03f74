"""Positions beside the embeddings, sorted on the sky: a cone gives its objects without a scan.

The sphere is cut into zones of declination and these into cells of about the same size (Gray,
Nieto-Santisteban & Szalay 2006, MSR-TR-2006-52, sections 2 and 3). Positions stand cell by cell
(`skybind.search.lists`: a list is a cell, in place of a code stands a position), and a cone is
compared with those in the cells that it can touch.

    EMBEDDINGS.positions/
      positions.json                    what it was made of, checksums
      starts.npy, rows.npy, codes.npy   the cells; rows of the embeddings; ra, dec [deg]
      data-rows.npy                     row of the dataset of each row of the embeddings, unless
                                        it is the same
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import pyarrow as pa

from skybind.data.cone import Cone, known_positions
from skybind.data.dataset import Dataset
from skybind.data.schema import DEC, ID, RA
from skybind.embeddings.stream import EmbeddingStream
from skybind.errors import DataError
from skybind.files import atomic_path
from skybind.progress import progress_bar
from skybind.record import read_record, write_sealed
from skybind.search.lists import Lists, join_lists, write_lists
from skybind.search.places import Places
from skybind.sums import block_sums, verify_sums

NOTE, DATA_ROWS = "positions.json", "data-rows.npy"
POSITIONS_VERSION = 1
#: Height of a zone, and about the width of a cell [deg].
HEIGHT = 0.5
#: Objects that are sorted at once.
PART = 1 << 20
_ZONES = round(180 / HEIGHT)
#: A little more than a cone [deg]: what is on the edge is decided by the exact formula.
_MARGIN = 1e-7


@dataclass(frozen=True)
class PositionsNote:
    """What positions were taken from.

    Attributes
    ----------
    data : str
        Fingerprint of the dataset.
    files : list of str
        Hashes of the files of the embeddings.
    n : int
        Objects whose position is known.
    same : bool
        Whether the rows of the embeddings are those of the dataset.
    version : int
    sums : dict of str to list of int
        Checksums of the files, see `skybind.sums`.
    """

    data: str
    files: list[str]
    n: int
    same: bool
    version: int = POSITIONS_VERSION
    sums: dict[str, list[int]] = field(default_factory=dict, compare=False)


class Positions:
    """The sorted positions of embeddings' objects; use `open_positions`."""

    def __init__(self, folder: Path, note: PositionsNote) -> None:
        self.note = note
        self._lists = Lists.open(folder) if note.n else None
        path = folder / DATA_ROWS
        self._data_rows = None if note.same else np.load(path, mmap_mode="r")

    def in_cone(self, cone: Cone) -> np.ndarray:
        """Rows of the embeddings whose object lies in a cone, ascending."""
        if self._lists is None:
            return np.zeros(0, np.int64)
        found = [np.zeros(0, np.int64)]
        for low, high in _cells(cone):
            some = slice(self._lists.starts[low], self._lists.starts[high])
            place = self._lists.codes[some]
            found.append(self._lists.rows[some][cone.holds(place[:, 0], place[:, 1])])
        return np.sort(np.concatenate(found)).astype(np.int64)

    def data_rows(self, rows: np.ndarray) -> np.ndarray:
        """Rows of the dataset of rows of the embeddings; -1 for an object that it has not."""
        return rows if self._data_rows is None else np.asarray(self._data_rows[rows])


def positions_folder(embeddings: str | Path) -> Path:
    """Where sorted positions stand: beside the folder of the embeddings."""
    folder = Path(embeddings)
    return folder.parent / f"{folder.name}.positions"


def open_positions(stream: EmbeddingStream, dataset: Dataset) -> Positions | None:
    """Open the positions beside the embeddings; None where there are none of their state.

    Raises
    ------
    DataError
        If they are damaged.
    """
    folder = positions_folder(stream.folder)
    try:
        note = read_positions_note(folder)
    except FileNotFoundError:
        return None
    fits = note.files == stream.fingerprints and note.data == dataset.fingerprint
    if not fits or note.version != POSITIONS_VERSION:
        return None
    verify_positions(folder, note)
    return Positions(folder, note)


def read_positions_note(folder: Path) -> PositionsNote:
    """Read what positions were taken from.

    Raises
    ------
    DataError
        If it is damaged.
    FileNotFoundError
        If there is none.
    """
    return read_record(folder / NOTE, PositionsNote, _again(folder))


def verify_positions(folder: Path, note: PositionsNote, *, whole: bool = False) -> None:
    """Refuse positions that are damaged; of large files a sample is verified, unless `whole`.

    Raises
    ------
    DataError
    """
    for name, sums in note.sums.items():
        verify_sums(folder / name, sums, _again(folder), whole=whole)


def build_positions(stream: EmbeddingStream, places: Places) -> Positions:
    """Sort the positions of the embeddings' objects, and write them beside the embeddings.

    Raises
    ------
    DataError
        If the dataset is not known, or has no positions.
    """
    dataset = places.dataset
    require_positions(dataset)
    folder = positions_folder(stream.folder)
    with atomic_path(folder) as temporary:
        temporary.mkdir(parents=True)
        same = _same_names(stream, dataset)
        if same:
            chunks = _in_order(dataset)
        else:
            rows = places.rows(stream.object_id)
            np.save(temporary / DATA_ROWS, rows)
            chunks = _in_other_order(dataset, rows)
        n = _write_cells(chunks, len(stream), temporary)
        note = PositionsNote(dataset.fingerprint, stream.fingerprints, n, same)
        sums = {path.name: block_sums(path) for path in sorted(temporary.iterdir())}
        write_sealed(temporary / NOTE, asdict(replace(note, sums=sums)))
    return Positions(folder, note)


def require_positions(dataset: Dataset) -> None:
    """Refuse a dataset without positions.

    Raises
    ------
    DataError
    """
    if not {RA, DEC} <= set(dataset.schema.columns):
        raise DataError(f"The dataset at {dataset.path} has no positions: no cone can be searched.")


def cone_mask(stream: EmbeddingStream, places: Places, cone: Cone) -> np.ndarray:
    """Which objects of the embeddings lie in a cone, by reading all positions, (n,) bool."""
    require_positions(places.dataset)
    ra, dec = known_positions(places.dataset.numbers(RA), places.dataset.numbers(DEC))
    inside = np.append(cone.holds(ra, dec), False)
    return np.asarray(inside[places.rows(stream.object_id)])


def _write_cells(chunks: Iterator[tuple[np.ndarray, np.ndarray]], total: int, out: Path) -> int:
    """Write the cells of positions that come in the order of their rows; gives their number."""
    pieces: list[Path] = []
    held: list[tuple[np.ndarray, np.ndarray]] = []
    first = n = 0

    def write() -> None:
        nonlocal first, n
        ra, dec = (np.concatenate(arrays) for arrays in zip(*held, strict=True))
        held.clear()
        ra, dec = known_positions(ra, dec)
        known = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
        if len(known):
            folder = out / f"piece-{len(pieces)}"
            folder.mkdir()
            place = np.stack([ra[known], dec[known]], axis=1)
            write_lists(folder, int(_FIRST[-1]), _cell(*place.T), first + known, place)
            pieces.append(folder)
        first, n = first + len(ra), n + len(known)

    with progress_bar("sorting positions", total) as report:
        for ra, dec in chunks:
            held.append((ra, dec))
            if sum(len(own) for own, _ in held) >= PART:
                write()
                report(first)
        if held:
            write()
    if pieces:
        join_lists(pieces, out)
    for folder in pieces:
        for path in folder.iterdir():
            path.unlink()
        folder.rmdir()
    return n


def _in_order(dataset: Dataset) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for table in dataset.iter_tables([RA, DEC], rows=65_536):
        ra, dec = (_numbers(table[name]) for name in (RA, DEC))
        yield ra, dec


def _in_other_order(dataset: Dataset, rows: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions of rows of a dataset; NaN of one that it has not (-1)."""
    ra, dec = (np.append(dataset.numbers(name), np.nan) for name in (RA, DEC))
    yield ra[rows], dec[rows]


def _numbers(column: pa.ChunkedArray) -> np.ndarray:
    values = column.cast(pa.float64()).to_numpy()
    return np.asarray(values, float)


def _same_names(stream: EmbeddingStream, dataset: Dataset) -> bool:
    """Whether the objects of the embeddings are those of the dataset, one after another."""
    if len(stream) != len(dataset):
        return False
    tables = dataset.iter_tables([ID], rows=65_536)
    held = pa.chunked_array([], pa.string())
    for names in stream.names_by_part():
        while len(held) < len(names):
            held = pa.chunked_array([*held.chunks, *next(tables)[ID].chunks], pa.string())
        if not held.slice(0, len(names)).equals(names):
            return False
        held = held.slice(len(names))
    return True


#: Of each zone the number of its cells, and of its first cell.
_EDGES = np.radians(np.linspace(-90, 90, _ZONES + 1))
_WIDEST = np.maximum(np.cos(_EDGES[:-1]), np.cos(_EDGES[1:]))
_COUNT = np.maximum(1, np.floor(360 * _WIDEST / HEIGHT)).astype(np.int64)
_FIRST = np.concatenate([[0], np.cumsum(_COUNT)])


def _cell(ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
    """Cell of each position [deg]."""
    zone = np.clip(np.floor((dec + 90) / HEIGHT), 0, _ZONES - 1).astype(np.int64)
    place = np.floor(ra % 360 / 360 * _COUNT[zone]).astype(np.int64)
    return np.asarray(_FIRST[zone] + np.minimum(place, _COUNT[zone] - 1))


def _cells(cone: Cone) -> list[tuple[int, int]]:
    """Stretches of cells that a cone can touch, first and after the last; none twice."""
    radius = cone.radius + _MARGIN
    low, high = (
        np.clip(np.floor((cone.dec + r + 90) / HEIGHT), 0, _ZONES - 1).astype(int)
        for r in (-radius, radius)
    )
    if abs(cone.dec) + radius >= 90:  # a pole lies in it
        width = 180.0
    else:
        # how far in right ascension a cone reaches at the most
        ratio = np.sin(np.radians(radius)) / np.cos(np.radians(cone.dec))
        width = min(180.0, float(np.degrees(np.arcsin(min(1.0, ratio)))) + _MARGIN)
    found: list[tuple[int, int]] = []
    for zone in range(int(low), int(high) + 1):
        first, count = int(_FIRST[zone]), int(_COUNT[zone])
        left = int(np.floor((cone.ra - width) / 360 * count))
        right = int(np.floor((cone.ra + width) / 360 * count))
        if right - left + 1 >= count:
            found.append((first, first + count))
            continue
        left, right = left % count, right % count
        if left <= right:
            found.append((first + left, first + right + 1))
        else:  # over right ascension 0
            found += [(first + left, first + count), (first, first + right + 1)]
    return found


def _again(folder: Path) -> str:
    return f"delete {folder}, and make it again with 'skybind index'"
