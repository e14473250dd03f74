"""Batches of tensors from HATS catalogues with nested columns, for any training in PyTorch.

It needs no dataset, model or run of skybind, and for a folder no LSDB (docs/hats.md).
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from torch.utils.data import IterableDataset, get_worker_info

from skybind.errors import ConfigError, DataError
from skybind.ingest.readers.hats import hats_footers, is_hats
from skybind.parquet import open_parquet, read_schema
from skybind.portable import is_list
from skybind.ragged import offsets_of
from skybind.scale.adapter import Opened, open_catalog, partition_of, tell_unplaced
from skybind.words import nearest

Batch = dict[str, Any]


def batches(
    catalog: Any,
    columns: Sequence[str],
    batch_size: int,
    *,
    shuffle: int | None = None,
    mixed: int = 8,
    padded: bool = False,
    drop_last: bool = False,
    rank: int | None = None,
    world: int | None = None,
) -> "Batches":
    """Read a catalogue as batches of tensors, partition after partition.

    Parameters
    ----------
    catalog : str, Path or lsdb.Catalog
        The folder of a HATS catalogue, read by pyarrow; or what LSDB made of one, computed
        partition by partition.
    columns : sequence of str
        Flat columns (`redshift`), nested ones (`lightcurve`), some of their fields
        (`lightcurve.time`), or columns of lists.
    batch_size : int
        Objects of a batch; they may be of several partitions.
    shuffle : int, optional
        Seed of the order; without one the order is that of the sky. `set_epoch` gives another
        order of the same seed.
    mixed : int
        Partitions that are in memory together when shuffling: their objects are drawn from all of
        them at once.
    padded : bool
        Nested columns as (B, longest) with a mask, instead of flat with offsets.
    drop_last : bool
        Leave out the last batch if it is not full.
    rank, world : int, optional
        Which of several processes this is; by default as torch.distributed says, or the only one.
        Partitions are dealt to processes, and to workers of a DataLoader, by their rows.

    Returns
    -------
    Batches
        To iterate over, or for `DataLoader(..., batch_size=None)`.

    Raises
    ------
    ConfigError
        If there is no such column, or a number does not fit.
    DataError
        If the folder is no HATS catalogue, or its partitions are not whole.
    """
    if batch_size < 1 or mixed < 1:
        raise ConfigError("batch_size and mixed are numbers from 1 on.")
    if (rank is None) != (world is None):
        raise ConfigError("Give both rank and world, or neither.")
    if rank is not None and world is not None and not 0 <= rank < world:
        raise ConfigError(f"rank is {rank}: it counts from 0 to world - 1, which is {world - 1}.")
    source = _Folder(catalog) if isinstance(catalog, str | Path) else _Planned(catalog)
    wanted = _wanted(columns, source.schema, source.name)
    process = None if rank is None or world is None else (rank, world)
    return Batches(source, wanted, batch_size, shuffle, mixed, padded, drop_last, process)


class _Folder:
    """A HATS catalogue on disk."""

    def __init__(self, folder: str | Path) -> None:
        path = Path(folder)
        if not path.is_dir() or not is_hats(path):
            raise DataError(f"{path} is no HATS catalogue: it has no hats.properties.")
        tell_unplaced(path)
        found = [(file, said.num_rows) for file, said in hats_footers(path)]
        self.files, self.rows = [file for file, _ in found], [rows for _, rows in found]
        self.name = f"catalogue {path}"
        self.schema = read_schema(self.files[0])

    def read(self, number: int, columns: Mapping[str, Sequence[str]]) -> pa.Table:
        """Read one partition, of a nested column the fields that are wanted."""
        names = []
        for name, fields in columns.items():
            nested = pa.types.is_struct(self.schema.field(name).type)
            names += [f"{name}.{field}" for field in fields] if nested else [name]
        with open_parquet(self.files[number]) as file:
            return file.read(names)


class _Planned:
    """A catalogue of LSDB."""

    def __init__(self, catalog: Any) -> None:
        self.opened: Opened = open_catalog(catalog)
        self.name, self.schema = self.opened.name, self.opened.schema
        self.rows = [1] * self.opened.catalog.npartitions  # how many is not known

    def read(self, number: int, columns: Mapping[str, Sequence[str]]) -> pa.Table:
        """Compute one partition."""
        return partition_of(self.opened, number).select(list(columns))


class Batches(IterableDataset[Batch]):
    """Batches of tensors, as `batches` makes them. Each is a dictionary of columns:

    - a number: tensor (B,), NaN where null;
    - text: list of str or None;
    - a nested column: dictionary of its fields, each a flat tensor of all values one object after
      the other, with `offsets` (B + 1,) and `present` (B,); or padded, (B, longest) with zeros and
      `mask`. A column of lists is one with the field `values`.
    """

    def __init__(
        self,
        source: _Folder | _Planned,
        columns: Mapping[str, Sequence[str]],
        batch_size: int,
        shuffle: int | None,
        mixed: int,
        padded: bool,
        drop_last: bool,
        process: tuple[int, int] | None,
    ) -> None:
        self.source, self.columns = source, dict(columns)
        self.batch_size, self.shuffle, self.mixed = batch_size, shuffle, mixed
        self.padded, self.drop_last, self.process = padded, drop_last, process
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Order the objects anew, as all processes must do alike."""
        self.epoch = epoch

    def partitions(self) -> list[int]:
        """Number the partitions that this process and worker reads, in their order."""
        rank, world = self.process or _distributed()
        worker = get_worker_info()
        if worker is not None:
            rank, world = rank * worker.num_workers + worker.id, world * worker.num_workers
        own = dealt(self.source.rows, world)[rank]
        return own if self.shuffle is None else self._random(rank).permutation(own).tolist()

    def __iter__(self) -> Iterator[Batch]:
        waiting: pa.Table | None = None
        size = self.batch_size
        for table in self._tables():
            waiting = table if waiting is None else pa.concat_tables([waiting, table])
            whole = len(waiting) // size * size
            for start in range(0, whole, size):
                yield self._batch(waiting.slice(start, size))
            waiting = waiting.slice(whole)
        if waiting is not None and len(waiting) and not self.drop_last:
            yield self._batch(waiting)

    def _random(self, rank: int) -> np.random.Generator:
        return np.random.default_rng([self.shuffle or 0, self.epoch, rank])

    def _tables(self) -> Iterator[pa.Table]:
        own = self.partitions()
        together = 1 if self.shuffle is None else self.mixed
        for start in range(0, len(own), together):
            some = own[start : start + together]
            table = pa.concat_tables([self.source.read(n, self.columns) for n in some])
            if self.shuffle is not None:
                order = np.random.default_rng([self.shuffle, self.epoch, *some])
                table = table.take(pa.array(order.permutation(len(table))))
            yield table

    def _batch(self, table: pa.Table) -> Batch:
        made: Batch = {}
        for name, fields in self.columns.items():
            column = table[name].combine_chunks()
            array = (
                pa.concat_arrays(column.chunks) if isinstance(column, pa.ChunkedArray) else column
            )
            made[name] = self._nested(array, fields) if fields else _flat(array)
        return made

    def _nested(self, column: pa.Array, fields: Sequence[str]) -> Batch:
        inside = column.type if pa.types.is_struct(column.type) else None
        lists = {f: pc.struct_field(column, f) if inside is not None else column for f in fields}
        lengths = {
            f: pc.fill_null(pc.list_value_length(own), 0).to_numpy().astype(np.int64)
            for f, own in lists.items()
        }
        counts = next(iter(lengths.values()))
        for field, own in lengths.items():
            if not np.array_equal(own, counts):
                raise DataError(f"The lists of '{field}' are not as long as those beside them.")
        values = {f: _values(own.flatten()) for f, own in lists.items()}
        present = torch.from_numpy(column.is_valid().to_numpy(zero_copy_only=False))
        if not self.padded:
            offsets = torch.from_numpy(offsets_of(counts))
            return {**values, "offsets": offsets, "present": present}
        return {**_padded(values, counts), "present": present}


def dealt(rows: Sequence[int], hands: int) -> list[list[int]]:
    """Deal partitions to processes, the largest first, each to who has the fewest rows.

    Parameters
    ----------
    rows : sequence of int
        Of each partition.
    hands : int

    Returns
    -------
    list of list of int
        Numbers of partitions, ascending.
    """
    held = np.zeros(hands, np.int64)
    found: list[list[int]] = [[] for _ in range(hands)]
    for number in sorted(range(len(rows)), key=lambda n: (-rows[n], n)):
        hand = int(held.argmin())
        found[hand].append(number)
        held[hand] += rows[number]
    return [sorted(own) for own in found]


def _distributed() -> tuple[int, int]:
    if torch.distributed.is_available() and torch.distributed.is_initialized():
        return torch.distributed.get_rank(), torch.distributed.get_world_size()
    return 0, 1


def _wanted(columns: Sequence[str], schema: pa.Schema, name: str) -> dict[str, list[str]]:
    """Name the columns to read, each with the fields that are wanted of it; none if it is flat."""
    found: dict[str, list[str]] = {}
    for asked in columns:
        column, dot, field = asked.partition(".")
        if asked in schema.names:
            column, dot, field = asked, "", ""
        if column not in schema.names:
            raise ConfigError(
                f"The {name} has no column '{column}': {nearest(column, schema.names)}"
            )
        kind = schema.field(column).type
        if pa.types.is_struct(kind):
            inside = [kind.field(i).name for i in range(kind.num_fields)]
            if dot and field not in inside:
                raise ConfigError(
                    f"The column '{column}' has no '{field}': {nearest(field, inside)}"
                )
            found[column] = [*found.get(column, []), *([field] if dot else inside)]
        elif dot:
            raise ConfigError(f"The column '{column}' is not nested: it has no '{field}'.")
        else:
            found[column] = ["values"] if is_list(kind) else []
    if not found:
        raise ConfigError("columns is empty: name what a batch shall hold.")
    return {column: list(dict.fromkeys(fields)) for column, fields in found.items()}


def _flat(column: pa.Array) -> Any:
    """Turn a flat column to a tensor, or text to a list."""
    if pa.types.is_null(column.type) or pa.types.is_string(column.type) or not _is_number(column):
        return column.to_pylist()
    return _values(column)


def _is_number(column: pa.Array) -> bool:
    kind = column.type
    return bool(
        pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)
    )


def _values(column: pa.Array) -> Any:
    """Turn numbers to a tensor of their own type; where some are null, to one with NaN."""
    if not _is_number(column):
        return column.to_pylist()
    if column.null_count:
        kind = pa.float32() if pa.types.is_float32(column.type) else pa.float64()
        column = pc.fill_null(column.cast(kind), float("nan"))
    return torch.from_numpy(np.array(column.to_numpy(zero_copy_only=False)))


def _padded(values: Mapping[str, Any], counts: np.ndarray) -> Batch:
    """Put lists beside each other, with zeros after the shorter ones."""
    longest = int(counts.max(initial=0))
    mask = np.arange(longest) < counts[:, None]
    made: Batch = {"mask": torch.from_numpy(mask)}
    for name, flat in values.items():
        if isinstance(flat, list):
            ends = np.cumsum(counts)
            made[name] = [flat[end - n : end] for end, n in zip(ends, counts, strict=True)]
            continue
        made[name] = torch.zeros(mask.shape, dtype=flat.dtype)
        made[name][made["mask"]] = flat
    return made
