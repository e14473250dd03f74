"""The dataset: a folder of Parquet, one row an object."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.parquet as pq

from skybind.data.schema import Column
from skybind.errors import DataError
from skybind.ragged import Ragged

if TYPE_CHECKING:
    pass
import datetime
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pds

from skybind.data.rows import list_lengths, open_parts, take_rows
from skybind.data.schema import DatasetSchema
from skybind.files import atomic_path


def short_reason(reason: str, source: str = "") -> str:
    """A reason without what is particular to one row, so that reasons can be counted."""
    reason = reason.split(" (")[0]
    for name in (source, source.partition("/")[2], source.rpartition("/")[2]):
        if name:
            reason = reason.replace(name, "the file")
    return reason[:120].rstrip(".")


#: Largest row group that is written, before compression: what a reader holds at least.
ROW_GROUP_BYTES = 32 * 2**20


#: How far Arrow reads ahead: with images, a batch may be tens of megabytes.
READAHEAD = {"batch_readahead": 2, "fragment_readahead": 1}


ID, RA, DEC = "object_id", "ra", "dec"


BASE_COLUMNS = {
    ID: Column("id", None, "Name of the object, unique in the dataset"),
    RA: Column("position", "deg", "Right ascension, ICRS"),
    DEC: Column("position", "deg", "Declination, ICRS"),
}


class Dataset:
    """A dataset on disk, opened for reading.

    Use `Dataset.open`. Nothing but the schema is read until it is asked for.

    Attributes
    ----------
    path : Path
        The folder.
    schema : DatasetSchema
        Roles, units and provenance of the columns.
    """

    def __init__(self, path: Path, schema: DatasetSchema, source: pds.Dataset) -> None:
        self.path = path
        self.schema = schema
        self._source = source
        self._ids: np.ndarray | None = None
        self._fingerprint: str | None = None

    @classmethod
    def open(cls, path: str | Path) -> "Dataset":
        """Open the dataset in folder `path`.

        Raises
        ------
        DataError
            If there is no dataset there, or it cannot be read.
        """
        path = Path(path)
        parts = object_parts(path)
        with _readable(path):
            source = open_parts([str(part) for part in parts])
        schema = DatasetSchema.from_arrow(source.schema, str(path))
        if ID not in source.schema.names:
            raise DataError(f"The dataset at {path} has no column '{ID}'.")
        return cls(path, schema, source)

    def __len__(self) -> int:
        with _readable(self.path):
            return int(self._source.count_rows())

    @property
    def arrow_schema(self) -> pa.Schema:
        """The Arrow schema of the files."""
        return self._source.schema

    @property
    def object_ids(self) -> np.ndarray:
        """Names of all objects, in order, shape (n,)."""
        if self._ids is None:
            self._ids = np.asarray(self.table([ID])[ID].to_pylist(), dtype=str)
        return self._ids

    @property
    def fingerprint(self) -> str:
        """Hash of the files' footers, 16 hex digits.

        A footer holds the schema with the time of writing, and sizes and extremes of every column
        chunk: quick for any size, and different for any dataset that skybind writes.
        """
        if self._fingerprint is None:
            digest = hashlib.sha256()
            with _readable(self.path):
                for part in self._source.files:
                    digest.update(_footer(Path(part)))
            self._fingerprint = digest.hexdigest()[:16]
        return self._fingerprint

    @property
    def n_bytes(self) -> int:
        """Bytes of the object files on disk."""
        return sum(Path(part).stat().st_size for part in self._source.files)

    def table(self, columns: Sequence[str], rows: np.ndarray | None = None) -> pa.Table:
        """Read columns into memory, optionally only the objects with indices `rows`."""
        self._require(columns)
        with _readable(self.path):
            if rows is None:
                return self._source.to_table(columns=list(columns))
            return take_rows(self._source, columns, rows)

    def iter_tables(self, columns: Sequence[str], rows: int = 4096) -> Iterator[pa.Table]:
        """Read columns in chunks of at most `rows` objects, in order."""
        self._require(columns)
        batches = self._source.to_batches(columns=list(columns), batch_size=rows, **READAHEAD)
        while True:
            with _readable(self.path):
                batch = next(batches, None)
            if batch is None:
                return
            if batch.num_rows:
                yield pa.Table.from_batches([batch])

    def ragged(self, column: str, rows: np.ndarray | None = None) -> Ragged:
        """Read an observation column as flat values and offsets."""
        try:
            return Ragged.from_arrow(self.table([column], rows)[column])
        except (ValueError, AttributeError) as error:
            raise DataError(
                f"The column '{column}' of the dataset at {self.path} is no struct of lists of "
                f"one length ({error}): 'skybind data check' tells more."
            ) from error

    def lengths(self, observation: str) -> np.ndarray:
        """Number of epochs or pixels of each object, -1 where it was not observed, (n,)."""
        self._require([observation])
        kind = self.arrow_schema.field(observation).type
        if not pa.types.is_struct(kind) or not kind.num_fields:
            raise DataError(
                f"The column '{observation}' of the dataset at {self.path} is no struct of lists."
            )
        with _readable(self.path):
            return list_lengths(self._source.files, observation, kind.field(0).name)

    def column(self, name: str, rows: np.ndarray | None = None) -> np.ndarray:
        """Read one flat column as a numpy array (null becomes NaN, or "" for text)."""
        values = self.table([name], rows)[name]
        if pa.types.is_dictionary(values.type):
            values = pc.cast(values, pa.string())
        if pa.types.is_string(values.type) or pa.types.is_large_string(values.type):
            return np.asarray(pc.fill_null(values, "").to_pylist(), dtype=str)
        if values.null_count:
            values = pc.cast(values, pa.float64())
        return values.to_numpy()

    def numbers(self, name: str) -> np.ndarray:
        """Read one flat column as float64, NaN where null.

        Raises
        ------
        DataError
            If it holds text that is no number.
        """
        try:
            return self.column(name).astype(np.float64)
        except (TypeError, ValueError):
            raise DataError(
                f"The column '{name}' of the dataset at {self.path} should hold numbers, not text."
            ) from None

    def present(self, modality: str) -> np.ndarray:
        """Which objects were observed in `modality`, shape (n,) bool.

        An observation column counts where it is not null, `metadata` where at least one
        of its features is a finite number.
        """
        if modality in self.schema.observations:
            return self.lengths(modality) >= 0
        features = self.schema.features(modality)
        if not features:
            have = ", ".join(self.schema.modalities)
            raise DataError(f"The dataset at {self.path} has no '{modality}' (it has {have}).")
        seen = np.zeros(len(self), bool)
        for name in features:
            seen |= np.isfinite(self.numbers(name))
        return seen

    def labels(self, name: str = "label") -> np.ndarray:
        """Read a label column as text, "" where there is none, shape (n,)."""
        if name not in self.schema.columns:
            have = ", ".join(self.schema.with_role("label")) or "none"
            raise DataError(f"The dataset at {self.path} has no label '{name}' (labels: {have}).")
        text = pc.cast(self.table([name])[name], pa.string())
        return np.asarray(pc.fill_null(text, "").to_pylist(), dtype=str)

    def _require(self, columns: Sequence[str]) -> None:
        missing = [name for name in columns if name not in self._source.schema.names]
        if missing:
            raise DataError(
                f"The dataset at {self.path} has no column {', '.join(map(repr, missing))}."
            )


def object_parts(path: Path) -> list[Path]:
    """Files of a dataset's objects, in order.

    Raises
    ------
    DataError
        If there is no dataset at `path`.
    """
    if not path.exists():
        raise DataError(f"There is no dataset at {path}: the folder does not exist.")
    if not path.is_dir():
        raise DataError(f"{path} is a file: a dataset is a folder.")
    parts = sorted((path / "objects").glob("*.parquet"))
    if not parts:
        raise DataError(
            f"{path} is not a skybind dataset: it has no objects/*.parquet "
            "(make one with 'skybind simulate' or 'skybind data import')."
        )
    return parts


@contextmanager
def _readable(path: Path) -> Iterator[None]:
    """Turn whatever Arrow raises on damaged files into one sentence."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        first = (str(error).splitlines() or [""])[0][:300].rstrip(".")
        raise DataError(f"The dataset at {path} cannot be read: {first}.") from error


def _footer(path: Path) -> bytes:
    """Footer of a Parquet file: it holds the sizes and statistics of every column chunk."""
    with path.open("rb") as file:
        file.seek(-8, os.SEEK_END)
        length = int.from_bytes(file.read(4), "little")
        file.seek(-8 - length, os.SEEK_END)
        return file.read()


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
        if (self.path / "objects").exists() and not overwrite:
            raise DataError(
                f"There is already a dataset at {self.path}: choose another folder or overwrite it."
            )
        if self.path.exists() and not self.path.is_dir():
            raise DataError(f"{self.path} is a file: a dataset is a folder.")
        foreign = self.path.exists() and any(self.path.iterdir())
        if foreign and not (self.path / "objects").exists():
            raise DataError(
                f"{self.path} holds other files: choose an empty or a new folder for the dataset."
            )
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        merged = {**BASE_COLUMNS, **columns}
        self.schema = DatasetSchema(merged, provenance, simulated, created=now)
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

    def append(self, columns: Mapping[str, np.ndarray | Ragged]) -> None:
        """Add objects: every column of the schema, flat arrays or `Ragged`, of one length."""
        assert self._folder is not None, "use the writer in a with-statement"
        if ID not in columns:
            raise DataError("Objects without 'object_id' cannot be written to a dataset.")
        n = len(columns[ID])
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
            arrays[name] = value.to_arrow() if isinstance(value, Ragged) else _flat(name, value)
        unknown = set(columns) - set(arrays)
        if unknown:
            raise DataError(f"Column '{sorted(unknown)[0]}' was given but is not in the schema.")
        table = pa.table(arrays).replace_schema_metadata(self.schema.to_metadata())
        target = self._folder / "objects" / f"part-{self._parts:05d}.parquet"
        per_object = max(1, table.nbytes // max(1, n))
        group = min(1024, max(1, ROW_GROUP_BYTES // per_object))
        pq.write_table(
            table,
            target,
            compression="zstd",
            row_group_size=group,
            use_dictionary=_text_columns(table.schema),
        )
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
        parts = sorted((self._folder / "objects").glob("*.parquet"))
        ids = pa.concat_arrays(
            [c for part in parts for c in pq.read_table(part, columns=[ID])[ID].chunks]
        )
        if len(ids) != len(ids.unique()):
            counts = ids.value_counts()
            twice = counts.filter(pc.greater(counts.field("counts"), 1))[0]["values"].as_py()
            raise DataError(f"object_id '{twice}' occurs more than once: names must be unique.")
        if self._extra["quarantine"]:
            write_quarantine(self._folder, self._extra["quarantine"])
        if self._extra["truth"]:
            chunks = [
                pa.table({k: _flat(k, v) for k, v in c.items()}) for c in self._extra["truth"]
            ]
            pq.write_table(pa.concat_tables(chunks), self._folder / "truth.parquet")


QUARANTINE_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("object_id", "source", "modality", "reason")]
)


def write_quarantine(folder: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the quarantine table of a dataset or run."""
    clean = [{name: row.get(name) for name in QUARANTINE_SCHEMA.names} for row in rows]
    with atomic_path(folder / "quarantine.parquet") as temporary:
        pq.write_table(pa.Table.from_pylist(clean, QUARANTINE_SCHEMA), temporary)


def read_quarantine(folder: Path) -> list[dict[str, Any]]:
    """Read the quarantine table of a dataset or run; empty if there is none."""
    path = folder / "quarantine.parquet"
    if not path.exists():
        return []
    with _readable(folder):
        return pq.read_table(path, columns=QUARANTINE_SCHEMA.names).to_pylist()


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
