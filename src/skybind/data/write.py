"""Writing a dataset: part by part, whole or not at all."""

import datetime
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from skybind.data.controls import with_controls
from skybind.data.dataset import Dataset
from skybind.data.name_hash import first_of_each
from skybind.data.quarantine import QUARANTINE_FILE, write_quarantine
from skybind.data.schema import BASE_COLUMNS, DEC, ID, RA, Column, DatasetSchema, check_observations
from skybind.data.sources import parts_in
from skybind.errors import DataError
from skybind.files import atomic_path, is_writable, linked_place
from skybind.locks import alone, waiting_for
from skybind.once import lock_of
from skybind.parquet import TableWriter, read_parquet, write_parquet
from skybind.ragged import Ragged
from skybind.record import Record, read_record, write_sealed
from skybind.visits import Visits

#: Largest row group that is written, before compression: what a reader holds at least.
ROW_GROUP_BYTES = 32 * 2**20
#: Most objects in a row group.
ROW_GROUP = 1024
#: When a dataset was made stands in a file of its own: the objects' files are the same whenever
#: the same data are written, and so is their fingerprint.
MADE = "made.json"
#: What to do without that file, or with a damaged one.
MADE_AGAIN = (
    "bring it back from where the dataset came, or make the dataset again; without it nothing "
    "tells whether all of its files are there"
)
#: What a simulator planted.
TRUTH = "truth.parquet"


class Made(Record):
    """What is noted of the making of a dataset."""

    left_out = frozenset({"shards"})
    created: str = Field(..., description="ISO 8601, UTC.")
    parts: int | None = Field(None, description="Files of objects.")
    shards: str | None = Field(None, description="Key of the shards that it was put together of.")
    beside: list[str] = Field([], description="Tables beside the objects.")

    @classmethod
    def of(cls, folder: Path, created: str, shards: str | None = None) -> "Made":
        """Say what stands in the folder of a dataset, and of which shards it was put together."""
        tables = [name for name in (QUARANTINE_FILE, TRUTH) if (folder / name).exists()]
        return cls(created=created, parts=len(parts_in(folder)), shards=shards, beside=tables)


def created_on(path: Path, schema: DatasetSchema) -> str:
    """Return when a dataset was made; "" where that is not known."""
    note = path / MADE
    if not note.exists():  # an older skybind noted it in the schema
        return schema.created
    return read_record(note, Made, MADE_AGAIN).created


def shards_key(path: Path) -> str | None:
    """Return the key of the shards that a dataset was put together of; None if not known."""
    try:
        return read_record(path / MADE, Made, MADE_AGAIN).shards
    except (OSError, DataError):
        return None


def note_shards(path: Path, key: str) -> None:
    """Note in a dataset that is being made the key of the shards that it is put together of."""
    if not (path / MADE).exists():  # the copy of a dataset by an older skybind
        return
    made = read_record(path / MADE, Made, "make the dataset again")
    write_sealed(path / MADE, made.model_copy(update={"shards": key}).plain())


def refuse_place(path: Path, overwrite: bool) -> None:
    """Refuse a place for a dataset where something else stands.

    Raises
    ------
    DataError
        If there is a dataset that is not to be overwritten, a file, or a folder of other files.
    """
    if (path / "objects").exists() and not overwrite:
        raise DataError(
            f"There is already a dataset at {path}: choose another folder or overwrite it."
        )
    if path.exists() and not path.is_dir():
        raise DataError(f"{path} is a file: a dataset is a folder.")
    foreign = path.exists() and any(path.iterdir())
    if foreign and not (path / "objects").exists():
        raise DataError(
            f"{path} holds other files: choose an empty or a new folder for the dataset."
        )


@contextmanager
def adding_to(path: Path, fingerprint: str) -> Iterator[None]:
    """Hold a dataset while a file is added to its folder, so that nothing is appended meanwhile.

    Parameters
    ----------
    path : Path
        Of the dataset.
    fingerprint : str
        Of the dataset that the file was made for.

    Raises
    ------
    DataError
        If it has another one now.
    """
    place = linked_place(path)
    with ExitStack() as held:
        if is_writable(place.parent):  # otherwise nobody can append
            lock = lock_of(place)
            held.enter_context(alone(lock, otherwise=waiting_for(f"writes {place}")))
            held.callback(lock.unlink, missing_ok=True)
        if Dataset.open(place, computed=()).fingerprint != fingerprint:
            raise DataError(f"{place} has changed since it was opened: do the same again.")
        yield


class DatasetWriter:
    """Write a dataset part by part; it appears at `path` only when all is there.

    Parameters
    ----------
    path : str or Path
        The folder to make. It must not hold a dataset already unless `overwrite`.
    columns : dict of str to Column
        What the columns mean; `object_id`, `ra` and `dec` may be left out.
    provenance : str
        Where the data come from, in words.
    simulated : bool
        Whether they are simulated; every figure says so.
    overwrite : bool
        Replace a dataset that stands there.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from skybind.data.dataset import Dataset
    >>> from skybind.data.schema import Column
    >>> folder = tempfile.mkdtemp() + "/tiny"
    >>> with DatasetWriter(folder, {"label": Column("label")}) as writer:
    ...     writer.append({"object_id": np.array(["a", "b"]), "ra": np.array([1.0, 2.0]),
    ...                    "dec": np.array([0.0, 5.0]), "label": np.array(["M", "EW"])})
    >>> len(Dataset.open(folder))
    2
    """

    def __init__(
        self,
        path: str | Path,
        columns: Mapping[str, Column],
        *,
        provenance: str = "",
        simulated: bool = False,
        overwrite: bool = False,
    ) -> None:
        self.path = Path(path)
        refuse_place(self.path, overwrite)
        merged = {**BASE_COLUMNS, **columns}
        check_observations(merged)
        self.schema = DatasetSchema(merged, provenance, simulated)
        self._context: AbstractContextManager[Path] = atomic_path(self.path)
        self._folder: Path | None = None
        self._parts = 0
        self._extra: dict[str, list[dict[str, Any]]] = {"quarantine": [], "truth": []}

    def __enter__(self) -> "DatasetWriter":
        self._folder = self._context.__enter__()
        (self._folder / "objects").mkdir(parents=True, exist_ok=True)
        return self

    @property
    def folder(self) -> Path:
        """Where the dataset stands until it is finished."""
        assert self._folder is not None, "use the writer in a with-statement"
        return self._folder

    def append(self, columns: Mapping[str, np.ndarray | Ragged | Visits]) -> None:
        """Add objects: every column, flat arrays, `Ragged` or `Visits`, of one length."""
        assert self._folder is not None, "use the writer in a with-statement"
        if ID not in columns:
            raise DataError("Objects without 'object_id' cannot be written to a dataset.")
        n = len(columns[ID])
        names = np.asarray(columns[ID], object)
        odd = with_controls(names)
        if odd.any():
            raise DataError(
                f"The name '{names[int(odd.argmax())]}' of an object has a control "
                "character, which no table can hold: give it another."
            )
        arrays: dict[str, pa.Array] = {}
        for name in self.schema.columns:
            if name not in columns:
                if name in (RA, DEC):
                    arrays[name] = pa.nulls(n, pa.float64())
                    continue
                raise DataError(f"Column '{name}' is in the schema but was not given.")
            value = columns[name]
            if len(value) != n:
                raise DataError(f"Column '{name}' has {len(value)} rows, object_id has {n}.")
            if isinstance(value, Ragged | Visits):
                arrays[name] = value.to_arrow()
            elif self.schema.columns[name].nested:
                raise DataError(
                    f"Column '{name}' holds observations: give it as Ragged or Visits, not as "
                    f"{type(value).__name__}."
                )
            else:
                arrays[name] = _flat(name, value)
        unknown = set(columns) - set(arrays)
        if unknown:
            raise DataError(f"Column '{sorted(unknown)[0]}' was given but is not in the schema.")
        table = pa.table(arrays).replace_schema_metadata(self.schema.to_metadata())
        target = self._folder / "objects" / f"part-{self._parts:05d}.parquet"
        group = group_rows(table)
        with part_writer(target, table.schema) as writer:
            writer.write_table(table, group)
        self._parts += 1

    def quarantine(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Note observations that were set aside: object_id, source, modality, reason."""
        self._extra["quarantine"].extend(dict(row) for row in rows)

    def truth(self, columns: Mapping[str, np.ndarray]) -> None:
        """Keep what a simulator planted (a table beside the objects)."""
        self._extra["truth"].append(dict(columns))

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            try:
                self._finish()
            except BaseException as problem:
                self._context.__exit__(type(problem), problem, problem.__traceback__)
                raise
        self._context.__exit__(kind, error, trace)

    def _finish(self) -> None:
        assert self._folder is not None
        if not self._parts:
            raise DataError(f"No objects were given for the dataset at {self.path}.")
        parts = parts_in(self._folder)
        ids = pa.concat_arrays([c for part in parts for c in names_in(part).chunks])
        ids = pc.fill_null(ids.cast(pa.large_string()), "")
        first = first_of_each(ids)
        if not first.all():
            twice = ids[int(np.argmin(first))].as_py()
            raise DataError(f"object_id '{twice}' occurs more than once: names must be unique.")
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        if self._extra["quarantine"]:
            write_quarantine(self._folder, self._extra["quarantine"])
        if self._extra["truth"]:
            chunks = [
                pa.table({k: _flat(k, v) for k, v in c.items()}) for c in self._extra["truth"]
            ]
            write_parquet(pa.concat_tables(chunks), self._folder / TRUTH)
        write_sealed(self._folder / MADE, Made.of(self._folder, now).plain())


def names_in(part: Path, again: str = "do the same again, all is made anew") -> pa.ChunkedArray:
    """Read the names of the objects in a file of a dataset that is being made.

    It may have been written before an interruption.

    Raises
    ------
    DataError
        If it is damaged.
    """
    return read_parquet(part, [ID], again=again, needs=[ID])[ID]


def group_rows(table: pa.Table) -> int:
    """Return how many of a table's objects a row group may hold."""
    per_object = max(1, table.nbytes // max(1, table.num_rows))
    return min(ROW_GROUP, max(1, ROW_GROUP_BYTES // per_object))


def part_writer(path: Path, schema: pa.Schema) -> TableWriter:
    """Write a file of objects, some at a time; its bytes do not depend on where they were read."""
    fields = [field.with_type(named_by_arrow(field.type)) for field in schema]
    schema = pa.schema(fields, metadata=schema.metadata)
    return TableWriter(path, schema, compression="zstd", use_dictionary=_text_columns(schema))


def named_by_arrow(kind: pa.DataType) -> pa.DataType:
    """Give a type whose lists name their values as Arrow does, not as Parquet: a footer has it."""
    if pa.types.is_struct(kind):
        inside = [kind.field(i) for i in range(kind.num_fields)]
        return pa.struct([field.with_type(named_by_arrow(field.type)) for field in inside])
    return pa.list_(named_by_arrow(kind.value_type)) if pa.types.is_list(kind) else kind


def _text_columns(schema: pa.Schema) -> list[str]:
    """Parquet's names of the columns of text.

    These alone get a dictionary: for measured numbers it makes files larger and writing slower.
    """
    found = []
    for column in schema:
        leaves = {column.name: column.type}
        if pa.types.is_struct(column.type):
            leaves = {
                f"{column.name}.{field.name}.list.element": getattr(field.type, "value_type", None)
                for field in column.type
            }
        found += [path for path, kind in leaves.items() if kind == pa.string()]
    return found


def _flat(name: str, values: Any) -> pa.Array:
    """Turn a flat numpy column to Arrow; text "" and non-finite numbers become null."""
    array = np.asarray(values)
    if array.ndim != 1:
        raise DataError(f"Column '{name}' has {array.ndim} dimensions: a flat column has one.")
    if array.dtype.kind in "UO":
        text = [None if value is None or value == "" else str(value) for value in array.tolist()]
        return pa.array(text, pa.string())
    if array.dtype.kind == "f":
        return pa.array(array, mask=~np.isfinite(array))
    return pa.array(array)
