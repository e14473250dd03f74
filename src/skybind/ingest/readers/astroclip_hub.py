"""The AstroCLIP data as Parquet of the hub: many shards, `train-*.parquet` and `test-*.parquet`.

Columns: `image`, nested lists (152, 152, 3); `spectrum`, (7781, 1); `redshift`; `targetid`. The
names of the shards tell the parts of the split `published`.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skybind.errors import DataError
from skybind.ingest.plan import Chunk, Plan, quarantine_row
from skybind.ingest.readers.astroclip import (
    BANDS,
    Release,
    Rows,
    image_fault,
    numbers_of,
    spectrum_fault,
)
from skybind.ingest.readers.registry import register_dataset_reader
from skybind.ingest.readers.shards import Shard, ShardRows, iter_rows, open_shards
from skybind.portable import is_list

ROWS = 128  # a row group of nested lists is large already


COLUMNS = ("image", "spectrum", "redshift", "targetid")


@register_dataset_reader("astroclip_hub")
def read_astroclip_hub(path: Path, options: dict[str, Any], base: Path) -> Plan:
    """Plan the import of a folder of shards, with their published split.

    Parameters
    ----------
    path : Path
        Folder with files train*.parquet, validation*.parquet, test*.parquet.
    options : dict
        See `AstroclipOptions`.
    base : Path
        Folder that a path among the options is relative to.

    Raises
    ------
    DataError
        If there is no shard in this layout.
    """
    release = Release(options, base)
    damaged: list[tuple[str, str]] = []
    shards = []
    for shard in open_shards(path, damaged):
        fault = _fault(shard)
        if fault:
            damaged.append((shard.name, fault))
        else:
            shards.append(shard)
    if not shards:
        raise DataError(f"{path} has no shard in the layout of AstroCLIP: {damaged[0][1]}.")
    quarantine = [quarantine_row("", name, "objects", reason) for name, reason in damaged]
    return Plan(
        release.columns,
        ((run.n, partial(_chunk, run, release)) for run in iter_rows(shards, ROWS, COLUMNS)),
        total=sum(shard.file.metadata.num_rows for shard in shards),
        sources=[path, *release.sources],
        settings=["astroclip_hub", release.options.model_dump()],
        provenance=f"AstroCLIP, DESI EDR and Legacy Surveys DR9 (hub, {path.resolve().name})",
        quarantine=release.quarantine + quarantine,
        split={"kind": "published", "rule": "the names of the shards"},
    )


def _fault(shard: Shard) -> str:
    """Why the objects of a shard cannot be read; "" if they can."""
    schema = shard.file.schema_arrow
    for column in COLUMNS:
        if column not in schema.names:
            return f"the file has no column '{column}'"
    for column in ("image", "spectrum"):
        kind = schema.field(column).type
        while is_list(kind):
            kind = kind.value_type
        if not (pa.types.is_floating(kind) or pa.types.is_integer(kind)):
            return f"the column '{column}' is of {kind}, not of numbers"
    if not pa.types.is_integer(schema.field("targetid").type):
        return "the column 'targetid' is not of integers: digits of it are lost"
    return ""


def _chunk(run: ShardRows, release: Release) -> Chunk:
    name = run.shard.name
    lost = []
    try:
        table = run.read()
    except DataError as error:
        lost.append(quarantine_row("", name, "objects", f"{error} ({run.n} objects)"))
        schema = run.shard.file.schema_arrow
        table = pa.schema([schema.field(column) for column in COLUMNS]).empty_table()
    nameless = table["targetid"].is_null().to_numpy()
    lost += [
        quarantine_row("", name, "objects", f"no targetid (row {run.start + i})")
        for i in np.flatnonzero(nameless)
    ]
    table = table.filter(pa.array(~nameless))
    image, image_lengths, image_reason = _nested(table["image"], image_fault)
    spectrum, _, spectrum_reason = _nested(table["spectrum"], spectrum_fault)
    redshift, no_numbers = numbers_of(np.asarray(table["redshift"]))
    lost += [
        quarantine_row(str(table["targetid"][i]), name, "objects", reason)
        for i, reason in no_numbers.items()
    ]
    part = np.full(table.num_rows, run.shard.part, object)
    return release.chunk(
        Rows(
            table["targetid"].to_numpy(),
            redshift,
            image.reshape(-1, len(BANDS)),
            image_lengths // len(BANDS),
            image_reason,
            spectrum,
            spectrum_reason,
            part,
            name,
            lost,
        )
    )


def _nested(column: pa.ChunkedArray, fault: Any) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values of nested lists: those of the sound rows, their number a row, and why not."""
    n = len(column)
    present = column.is_valid().to_numpy()
    inner = column.drop_null()
    lists = pa.concat_arrays(inner.chunks) if inner.num_chunks else pa.array([], column.type)
    bounds = np.concatenate([[0], np.cumsum(present)])  # which lists of a level a row owns
    smallest, largest = [], []
    while is_list(lists.type):
        length = np.asarray(pc.list_value_length(lists).fill_null(0))
        low, high = np.zeros(n, np.int64), np.zeros(n, np.int64)
        some = np.diff(bounds) > 0
        if some.any():
            low[some] = np.minimum.reduceat(length, bounds[:-1][some])
            high[some] = np.maximum.reduceat(length, bounds[:-1][some])
        smallest.append(low)
        largest.append(high)
        bounds = np.concatenate([[0], np.cumsum(length, dtype=np.int64)])[bounds]
        lists = pc.list_flatten(lists)
    reason = np.full(n, "", dtype=object)
    reason[~present] = "null in the file"
    shape = np.stack(largest, axis=1)
    even = (np.stack(smallest, axis=1) == shape).all(axis=1)
    for i in np.flatnonzero(present):
        reason[i] = fault(tuple(shape[i].tolist())) if even[i] else "its lists are not of one shape"
    values = pc.cast(lists, pa.float32()).to_numpy(zero_copy_only=False)
    sound, lengths = reason == "", np.diff(bounds)
    if not sound[present].all():
        values = values[np.repeat(sound, lengths)]
    return values, np.where(sound, lengths, 0), reason
