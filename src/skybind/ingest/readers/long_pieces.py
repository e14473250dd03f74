"""Long tables that are too large to be read whole.

The table is gone through twice. The first time tells its types and how many rows each object has;
the second time writes the rows in parts, each of a range of objects, of which one is in memory at a
time. A preview, which wants few objects, writes nothing and picks their rows. The names in the
table stand on disk until they are bound to objects, and are in memory by pieces.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skybind.data.name_hash import NameIndex
from skybind.files import json_hash
from skybind.ingest.name_column import Names
from skybind.ingest.names import NameReading, refuse_no_common_name, without_fraction
from skybind.ingest.observation_spec import ObservationSpec
from skybind.ingest.observed import Stored, observation_fields, settle
from skybind.ingest.plan import quarantine_row
from skybind.ingest.readers.curve_pieces import open_pieces
from skybind.ingest.readers.long import (
    LongTable,
    Rows,
    Unknown,
    Whole,
    bind_rows,
    long_options,
    unknown_object,
    visit_of,
    visits_are_text,
)
from skybind.ingest.readers.pieces import Again, NotInPieces, Pieces
from skybind.ingest.readers.spilled import Spilled
from skybind.ingest.readers.tables import Table
from skybind.ingest.readers.unfold import places_of, unfold
from skybind.ingest.readers.values import flat_values
from skybind.ingest.resumable import source_state
from skybind.memory import at_once
from skybind.once import Workplace, fill_once
from skybind.ragged import Ragged
from skybind.version import __version__
from skybind.visits import Visits

#: Bytes of a part, so many where memory is short, and how many parts there are at most: all are
#: written to at once.
PART, LEAST = 1 << 26, 1 << 20
MOST = 256
#: How often the rows of a part are in memory while they are sorted and read.
_COPIES = 3
#: Bytes of the rows of each piece by which the table is tried before anything is written.
_SAMPLE = 1 << 18
_PLACE, _ROW = "skybind place", "skybind row"
#: Columns of the names in each piece: how many rows they have, and of how many bytes.
_NAMED = ("id", "rows", "bytes")


def open_long(
    spec: ObservationSpec,
    base: Path,
    modality: str,
    object_id: np.ndarray | Names,
    aside: Path | None = None,
) -> "LongTable | LongPieces":
    """Open a long table: read whole, or in pieces where it is large.

    Parameters
    ----------
    spec : ObservationSpec
    base : Path
        Folder that the mapping's paths are relative to.
    modality : str
        Name of the observation, for the quarantine.
    object_id : ndarray of str, shape (n,)
    aside : Path, optional
        Folder for the rows of large tables; without it each reading goes through the file.
    """
    pieces = open_pieces(spec, base, **long_options(spec))
    if pieces.large:
        try:
            return LongPieces(spec, pieces, modality, object_id, aside)
        except NotInPieces:
            pass
    pieces.tell_whole()
    return LongTable(spec, base, modality, object_id)


class LongPieces:
    """A long table that is read in pieces; parameters as of `open_long`.

    Attributes
    ----------
    quarantine : list of dict
        Ids that no object has, and rows that could not be read.
    stored : Stored
        How the fields are kept.
    sizes : ndarray of int, shape (n,)
        About how many bytes the rows of each object take.
    """

    def __init__(
        self,
        spec: ObservationSpec,
        pieces: Pieces,
        modality: str,
        object_id: np.ndarray | Names,
        aside: Path | None,
    ) -> None:
        self.spec, self.pieces, self.modality = spec, pieces, modality
        self.file, self.id = str(spec.file), str(spec.id)
        self._first: dict[str, str] = {}
        self._text_visits = False
        self.names = object_id if isinstance(object_id, Names) else _names(object_id)
        named, sample = self._survey()
        self.quarantine = [
            quarantine_row("", self.file, modality, sentence) for sentence in pieces.bad_rows
        ]
        self._reading = NameReading(f"{pieces.name}, column '{self.id}'")
        self._cut = False
        self._index = NameIndex(self.names.cells)
        self.sizes = self._find(named)
        del named
        self.stored = self._try(sample)
        self._most = at_once(_COPIES, PART, min(PART, LEAST))
        self._parts = _parts_of(self.sizes, self._most)
        self._folder: Path | None = None
        self._open: tuple[int, pa.Table, np.ndarray] | None = None
        if aside is not None:
            self._folder = aside / self._key()
            fill_once(self._folder, self._write, lambda who: None)

    def read(self, rows: np.ndarray, object_id: np.ndarray | Names) -> tuple[Ragged | Visits, Rows]:
        """Read the observations of some objects."""
        wanted, back = np.unique(rows, return_inverse=True)
        found = pa.concat_tables([self._empty(), *self._rows_of(wanted)])
        place = found[_PLACE].to_numpy()
        numbers = found[_ROW].to_numpy()
        table = self.pieces.table(found.drop_columns([_PLACE, _ROW]), self._first)
        whole = Whole(replace(self.stored, dated=True), self._text_visits, numbers)
        own = np.searchsorted(wanted, place)
        bound = bind_rows(table, self.spec, own, len(wanted), whole)
        quarantine = [
            quarantine_row(object_id[wanted[row]], self.file, self.modality, reason)
            for row, reason in bound.lost
        ]
        return bound.ragged.take(back), quarantine

    @property
    def observed(self) -> np.ndarray:
        """Which objects have rows, shape (n,)."""
        return self.sizes > 0

    def source(self, row: int) -> str:
        """Where the observation of an object comes from, for the quarantine."""
        return self.file

    def _survey(self) -> tuple[Spilled, Table]:
        """Go through the table once: rows and bytes of each id, and a sample of the rows."""
        while True:
            try:
                return self._survey_once()
            except Again:
                continue

    def _survey_once(self) -> tuple[Spilled, Table]:
        named = Spilled(TemporaryDirectory(prefix="skybind-"))
        samples: list[pa.Table] = []
        visit = visit_of(self.spec)
        self._first, self._text_visits = {}, False
        for head, piece in self.pieces.settle():
            self._note_first(piece)
            if not samples:
                head[self.id]  # which says what it has instead
                self._try(replace(head, first=self._first))
            weight = max(1, piece.nbytes // max(1, len(piece)))
            counted = piece[self.id].value_counts()
            rows = counted.field("counts")
            named.write(
                pa.table([counted.field("values"), rows, pc.multiply(rows, weight)], _NAMED)
            )
            if visit is not None:
                self._text_visits |= visits_are_text(flat_values(piece[visit]))
            step = max(1, -(-piece.nbytes // _SAMPLE))
            samples.append(piece.take(np.arange(0, len(piece), step)))
        sample = pa.concat_tables(map(self.pieces.cast, samples))
        kinds = [self.pieces.schema.field(self.id).type, pa.int64(), pa.int64()]
        named.settle(pa.schema(list(zip(_NAMED, kinds, strict=True))), set())
        return named, self.pieces.table(sample, self._first)

    def _note_first(self, piece: pa.Table) -> None:
        for field in piece.schema:
            if pa.types.is_string(field.type) and not self._first.get(field.name):
                cells = piece[field.name]
                written = cells.filter(pc.not_equal(pc.utf8_trim_whitespace(cells), ""))
                self._first[field.name] = written[0].as_py() if len(written) else ""

    def _find(self, named: Spilled) -> np.ndarray:
        """Find the bytes of each object's rows; rows of no object go to the quarantine."""
        sizes, unknown = self._counted(named)
        self._reading.settle()
        if self._reading.whole:  # which only the last name decides
            self._cut = True
            sizes, unknown = self._counted(named)
        if len(self.names) and named.rows and not sizes.any():
            some = next(named.parts(_NAMED[0]))
            names = self._read_names(some)
            refuse_no_common_name(f"{self.modality}, {self.file}", names, self.names)
        self.quarantine += [
            quarantine_row(name, self.file, self.modality, why) for name, why in unknown.reasons()
        ]
        return sizes

    def _counted(self, named: Spilled) -> tuple[np.ndarray, Unknown]:
        sizes, unknown = np.zeros(len(self.names), np.int64), Unknown(unknown_object(self.spec))
        for raw, rows, size in zip(*map(named.parts, _NAMED), strict=True):
            names = self._read_names(raw)
            place = self._places(names)
            known = place >= 0
            np.add.at(sizes, place[known], size[known])
            for name, n in zip(names.take(~known).tolist(), rows[~known].tolist(), strict=True):
                unknown.add({name: n})
        return sizes, unknown

    def _places(self, names: Names) -> np.ndarray:
        """Find the object of each name, -1 for none."""
        return np.where(names.known(), self._index.rows(names.cells), -1)

    def _read_names(self, raw: np.ndarray) -> Names:
        names = self._reading.read(raw)
        return Names.of([without_fraction(names) if self._cut else names])

    def _try(self, table: Table) -> Stored:
        """Settle how the fields are kept, and see whether they can be read so."""
        unfolded = unfold(table, places_of(self.spec, table), self.spec.kind)
        visit = visit_of(self.spec)
        if visit is not None:
            table[visit]  # which says what it has instead
        table = table if unfolded is None else unfolded.table
        stored = settle(self.spec, table)
        observation_fields(table, self.spec, stored)
        return stored

    def _placed(self) -> Iterator[pa.Table]:
        """Give all pieces with object and number of each row; rows of no object are left out."""
        number = 0
        for piece in self.pieces:
            ids = piece[self.id].unique()
            names = self._read_names(flat_values(pa.chunked_array([ids])))
            own = self._places(names)
            index = pc.index_in(piece[self.id], value_set=ids).fill_null(-1).to_numpy()
            place = np.where(index >= 0, own[index], -1)
            rows = number + np.arange(len(piece))
            number += len(piece)
            placed = piece.append_column(_PLACE, pa.array(place))
            placed = placed.append_column(_ROW, pa.array(rows))
            placed = placed if (place >= 0).all() else placed.filter(pa.array(place >= 0))
            if len(placed):
                yield placed

    def _write(self, workplace: Workplace) -> None:
        """Write the parts."""
        schema = self._empty().schema
        with ExitStack() as stack:
            writers: dict[int, pa.ipc.RecordBatchStreamWriter] = {}
            for piece in self._placed():
                part = self._parts[piece[_PLACE].to_numpy()]
                if (np.diff(part) < 0).any():
                    order = np.argsort(part, kind="stable")
                    piece, part = piece.take(order), part[order]
                numbers, starts = np.unique(part, return_index=True)
                for number, start, stop in zip(
                    numbers.tolist(), starts, [*starts[1:], len(part)], strict=True
                ):
                    if number not in writers:
                        path = str(workplace.work / f"{number:05d}.arrow")
                        writers[number] = stack.enter_context(pa.ipc.new_stream(path, schema))
                    writers[number].write_table(piece.slice(start, stop - start))

    def _rows_of(self, wanted: np.ndarray) -> Iterator[pa.Table]:
        """Give the rows of objects, which ascend; those of one object in the table's order."""
        if self._folder is None:
            for piece in self._placed():
                yield piece.filter(pa.array(np.isin(piece[_PLACE].to_numpy(), wanted)))
            return
        there = wanted[self.sizes[wanted] > 0]
        for number in np.unique(self._parts[there]).tolist():
            if self._open is None or self._open[0] != number:
                self._open = None  # one is in memory at a time
                self._open = (number, *self._part(number))
            _, table, place = self._open
            mine = there[self._parts[there] == number]
            start = np.searchsorted(place, mine[0])
            stop = np.searchsorted(place, mine[-1], "right")
            rows = table.slice(start, stop - start)
            if len(mine) < mine[-1] - mine[0] + 1:
                rows = rows.filter(pa.array(np.isin(place[start:stop], mine)))
            yield rows

    def _part(self, number: int) -> tuple[pa.Table, np.ndarray]:
        """Read a part: its rows by object, and the object of each."""
        assert self._folder is not None
        with pa.memory_map(str(self._folder / f"{number:05d}.arrow")) as file:
            table = pa.ipc.open_stream(file).read_all()
        place = table[_PLACE].to_numpy()
        if (np.diff(place) < 0).any():
            order = np.argsort(place, kind="stable")
            table, place = table.take(order), place[order]
        return table, place

    def _empty(self) -> pa.Table:
        table = self.pieces.schema.empty_table()
        none = pa.array([], pa.int64())
        return table.append_column(_PLACE, none).append_column(_ROW, none)

    def _key(self) -> str:
        """Say what decides the parts, in one word."""
        paths = [self.pieces.base / name for name in self.pieces.names]
        settings = self.spec.model_dump(mode="json")
        names = self.names.hash()
        return json_hash([__version__, source_state(paths), settings, names, self._most, MOST])


def _names(object_id: np.ndarray) -> Names:
    return Names.of([np.asarray([name or "" for name in object_id], object)])


def _parts_of(sizes: np.ndarray, most: int) -> np.ndarray:
    """Part of about so many bytes in which the rows of each object are, shape (n,)."""
    before = np.cumsum(sizes) - sizes
    return before // max(most, -(-int(sizes.sum()) // MOST))
