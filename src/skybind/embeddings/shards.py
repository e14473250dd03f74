"""The shards of embeddings in a folder: found, and checked to belong together."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from skybind.errors import DataError, quoted
from skybind.files import raise_of_machine
from skybind.parquet import open_parquet, read_parquet

FORMAT_VERSION = 1
METADATA_KEY = b"skybind"
ID, SPLIT = "object_id", "split"


@dataclass(frozen=True)
class Shard:
    """One file.

    Attributes
    ----------
    path : Path
    first, n : int
        Row of its first object among all, and how many it holds.
    """

    path: Path
    first: int
    n: int


@dataclass(frozen=True)
class Shards:
    """All files of a folder.

    Attributes
    ----------
    folder : Path
    parts : list of Shard
        In the order of their names.
    modalities : dict of str to int
        Names and lengths of the vectors.
    model : dict
        Identity of the model that made them.
    """

    folder: Path
    parts: list[Shard]
    modalities: dict[str, int]
    model: dict[str, Any]

    @classmethod
    def open(cls, folder: str | Path) -> "Shards":
        """Find the shards (`part-*.parquet`) of a folder; only their footers are read.

        Raises
        ------
        DataError
            If there are none, one is damaged or holds something else, or they come from
            different models.
        """
        folder = Path(folder)
        paths = sorted(folder.glob("part-*.parquet"))
        if not paths:
            raise DataError(
                f"{folder} holds no embeddings (part-*.parquet): make them with 'skybind embed'."
            )
        parts: list[Shard] = []
        schemas: list[pa.Schema] = []
        for path in paths:
            with readable(path), open_parquet(path) as file:
                n = file.metadata.num_rows
                schemas.append(file.schema_arrow)
            first = parts[-1].first + parts[-1].n if parts else 0
            parts.append(Shard(path, first, n))
            note = _checked(path, schemas[-1])
            if not schemas[-1].equals(schemas[0], check_metadata=True):
                raise DataError(
                    f"{path} and {paths[0]} come from different models: embed all objects with "
                    "one model."
                )
        return cls(folder, parts, _lengths(paths[0], schemas[0]), note["model"])

    def table(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Read all shards as one table."""
        tables = []
        for part in self.parts:
            with readable(part.path):
                tables.append(read_parquet(part.path, columns))
        return pa.concat_tables(tables)


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn whatever Arrow raises on a damaged file into one sentence."""
    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise_of_machine(error)
        raise DataError(f"The embeddings in {path} cannot be read: {quoted(error)}.") from error


def _checked(path: Path, schema: pa.Schema) -> dict[str, Any]:
    """Return what a shard says of itself."""
    try:
        note: dict[str, Any] = json.loads((schema.metadata or {}).get(METADATA_KEY, b"{}"))
    except ValueError:
        note = {}
    if note.get("kind") != "embeddings":
        raise DataError(f"{path} is Parquet, but not embeddings made by skybind.")
    if note.get("format_version") != FORMAT_VERSION:
        raise DataError(
            f"{path} has format version {note.get('format_version')}, this skybind reads "
            f"{FORMAT_VERSION}: install a newer skybind."
        )
    return note


def _lengths(path: Path, schema: pa.Schema) -> dict[str, int]:
    lengths = {}
    for column in schema:
        if column.name in (ID, SPLIT):
            continue
        if not pa.types.is_fixed_size_list(column.type):
            raise DataError(
                f"{path}: the column '{column.name}' has type {column.type}, not vectors."
            )
        lengths[column.name] = column.type.list_size
    return lengths
