"""Embeddings in memory and as Parquet shards."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skybind.errors import DataError
from skybind.files import atomic_path

FORMAT_VERSION = 1
METADATA_KEY = b"skybind"
ID, SPLIT = "object_id", "split"
SHARD_ROWS = 100_000
GROUP_ROWS = 8192  # few objects are read without decoding many


@dataclass
class Embeddings:
    """The embeddings of objects, one vector a modality, and which model made them.

    Attributes
    ----------
    object_id : ndarray of str, shape (N,)
        Names of the objects, unique.
    split : ndarray of str, shape (N,)
        `train`, `validation`, `test`, or empty for an object outside the split.
    vectors : dict of str to ndarray of float32, shape (N, D)
        Unit-length embeddings of each modality; zeros where absent.
    present : dict of str to ndarray of bool, shape (N,)
        Whether the object was observed in the modality.
    model : dict
        Identity of the model, as JSON: configuration hash, split hash, versions.

    Raises
    ------
    DataError
        If the arrays do not belong together.
    """

    object_id: np.ndarray
    split: np.ndarray
    vectors: dict[str, np.ndarray]
    present: dict[str, np.ndarray]
    model: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        n = len(self.object_id)
        if len(self.split) != n:
            raise DataError(f"The embeddings have {n} objects but {len(self.split)} split entries.")
        if set(self.vectors) != set(self.present):
            raise DataError("The embeddings' vectors and presence name different modalities.")
        for name, values in self.vectors.items():
            if name in (ID, SPLIT):
                raise DataError(f"A modality cannot be called '{name}': give it another name.")
            if values.ndim != 2 or len(values) != n or self.present[name].shape != (n,):
                raise DataError(
                    f"The embeddings of '{name}' have shape {values.shape} for {n} objects."
                )
            self.vectors[name] = np.ascontiguousarray(values, dtype=np.float32)
            self.present[name] = np.asarray(self.present[name], dtype=bool)

    def __len__(self) -> int:
        return len(self.object_id)

    @property
    def modalities(self) -> list[str]:
        """Names of the modalities, in order."""
        return list(self.vectors)

    def rows(self, split: str) -> np.ndarray:
        """Give the row numbers of the objects of one split."""
        return np.flatnonzero(self.split == split)

    def any_present(self, modalities: Sequence[str] | None = None) -> np.ndarray:
        """Tell which objects have at least one of the modalities (all: None), shape (N,)."""
        observed = np.zeros(len(self), dtype=bool)
        for name in self._known(modalities):
            observed |= self.present[name]
        return observed

    def combined(self, modalities: Sequence[str] | None = None) -> np.ndarray:
        """Average the vectors of the modalities that an object has, to unit length.

        Parameters
        ----------
        modalities : sequence of str, optional
            Which modalities to use; all by default.

        Returns
        -------
        ndarray of float32, shape (N, D)
            Zeros for an object that has none of them (see `any_present`).

        Raises
        ------
        DataError
            If a modality is unknown, or their lengths differ.
        """
        names = self._known(modalities)
        widths = {self.vectors[name].shape[1] for name in names}
        if len(widths) > 1:
            raise DataError(f"The embeddings of {', '.join(names)} have different lengths.")
        total = np.zeros((len(self), widths.pop()), dtype=np.float64)
        for name in names:
            total += np.where(self.present[name][:, None], self.vectors[name], 0.0)
        length = np.linalg.norm(total, axis=1, keepdims=True)
        unit = np.divide(total, length, out=np.zeros_like(total), where=length > 0)
        return unit.astype(np.float32)

    def take(self, rows: np.ndarray) -> "Embeddings":
        """Select objects by row number, in the order given."""
        return Embeddings(
            self.object_id[rows],
            self.split[rows],
            {name: values[rows] for name, values in self.vectors.items()},
            {name: flags[rows] for name, flags in self.present.items()},
            self.model,
        )

    def write(self, folder: str | Path, shard_rows: int = SHARD_ROWS) -> None:
        """Write `folder/part-*.parquet`, whole or not at all, replacing what was there.

        Parameters
        ----------
        folder : str or Path
            Where the shards shall stand.
        shard_rows : int
            Most objects in one shard.
        """
        if shard_rows < 1:
            raise DataError(f"A shard of {shard_rows} rows is impossible: give at least 1.")
        target = Path(folder)
        foreign = (
            [p for p in target.iterdir() if not p.match("part-*.parquet")]
            if (target.is_dir())
            else []
        )
        if foreign:
            raise DataError(
                f"{folder} holds other files ('{foreign[0].name}'): choose an empty or a new "
                "folder."
            )
        with atomic_path(folder) as temporary:
            temporary.mkdir()
            for number, start in enumerate(range(0, max(len(self), 1), shard_rows)):
                rows = np.arange(start, min(start + shard_rows, len(self)))
                self.take(rows).write_shard(temporary, number)

    def write_shard(self, folder: str | Path, number: int) -> Path:
        """Write all objects as one shard, so that workers can fill one folder independently."""
        path = Path(folder) / f"part-{number:05d}.parquet"
        with atomic_path(path) as temporary:
            pq.write_table(
                self.to_arrow(),
                temporary,
                compression="zstd",
                use_dictionary=[SPLIT],
                row_group_size=GROUP_ROWS,
            )
        return path

    def to_arrow(self) -> pa.Table:
        """Give the table that is stored: null where an object lacks the modality."""
        columns: dict[str, pa.Array] = {
            ID: pa.array(self.object_id.tolist(), pa.string()),
            SPLIT: pa.array(self.split.tolist(), pa.string()),
        }
        for name, values in self.vectors.items():
            columns[name] = pa.FixedSizeListArray.from_arrays(
                pa.array(values.ravel()), values.shape[1], mask=pa.array(~self.present[name])
            )
        described = {"format_version": FORMAT_VERSION, "kind": "embeddings", "model": self.model}
        metadata = {METADATA_KEY: json.dumps(described, sort_keys=True).encode()}
        return pa.table(columns).replace_schema_metadata(metadata)

    @classmethod
    def read(cls, folder: str | Path) -> "Embeddings":
        """Read all shards of a folder, in the order of their names.

        Raises
        ------
        DataError
            If there are none, one is damaged, or they come from different models.
        """
        parts = sorted(Path(folder).glob("part-*.parquet"))
        if not parts:
            raise DataError(
                f"{folder} holds no embeddings (part-*.parquet): make them with 'skybind embed'."
            )
        tables = [_read_shard(part) for part in parts]
        for part, table in zip(parts, tables, strict=True):
            if not table.schema.equals(tables[0].schema, check_metadata=True):
                raise DataError(
                    f"{part} and {parts[0]} come from different models: embed all objects "
                    "with one model."
                )
        return cls._from_arrow(pa.concat_tables(tables), str(folder))

    @classmethod
    def _from_arrow(cls, table: pa.Table, where: str) -> "Embeddings":
        vectors, present = {}, {}
        for column in table.schema:
            if column.name in (ID, SPLIT):
                continue
            if not pa.types.is_fixed_size_list(column.type):
                raise DataError(
                    f"{where}: the column '{column.name}' has type {column.type}, not vectors."
                )
            stored = table[column.name].combine_chunks()
            there = ~np.asarray(stored.is_null())
            values = np.zeros((len(table), column.type.list_size), dtype=np.float32)
            values[there] = np.asarray(stored.flatten()).reshape(-1, column.type.list_size)
            vectors[column.name], present[column.name] = values, there
        model = json.loads(table.schema.metadata[METADATA_KEY])["model"]
        ids = np.asarray(table[ID].to_pylist(), dtype=str)
        return cls(ids, np.asarray(table[SPLIT].to_pylist(), dtype=str), vectors, present, model)

    def _known(self, modalities: Sequence[str] | None) -> list[str]:
        names = self.modalities if modalities is None else list(modalities)
        if not names:
            raise DataError("No modality was named: name at least one.")
        for name in names:
            if name not in self.vectors:
                raise DataError(
                    f"The embeddings have no modality '{name}' (they have "
                    f"{', '.join(self.modalities) or 'none'})."
                )
        return names


def _read_shard(path: Path) -> pa.Table:
    """Read one shard and check that it is one."""
    try:
        table = pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        first = str(error).splitlines()[0]
        raise DataError(f"The embeddings in {path} cannot be read: {first}") from error
    metadata = json.loads((table.schema.metadata or {}).get(METADATA_KEY, b"{}"))
    if metadata.get("kind") != "embeddings":
        raise DataError(f"{path} is Parquet, but not embeddings made by skybind.")
    if metadata.get("format_version") != FORMAT_VERSION:
        raise DataError(
            f"{path} has format version {metadata.get('format_version')}, this skybind reads "
            f"{FORMAT_VERSION}: install a newer skybind."
        )
    return table
