"""Reading a few rows of a large table without scanning it."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as pds
import pyarrow.parquet as pq


def open_parts(parts: Sequence[str]) -> pds.Dataset:
    """Open Parquet files as one table, read row group by row group.

    Arrow's default fetches whole files ahead, which for images is gigabytes.
    """
    options = pds.ParquetFragmentScanOptions(pre_buffer=False)
    return pds.dataset(
        list(parts), format=pds.ParquetFileFormat(default_fragment_scan_options=options)
    )


def take_rows(source: pds.Dataset, columns: Sequence[str], rows: np.ndarray) -> pa.Table:
    """Read some rows, one row group at a time, and only the groups that hold any.

    Parameters
    ----------
    source : pyarrow.dataset.Dataset
        Of Parquet files.
    columns : sequence of str
    rows : ndarray of int
        Indices of rows, in any order, perhaps repeated.
    """
    wanted, inverse = np.unique(np.asarray(rows, np.int64), return_inverse=True)
    if len(wanted) and (wanted[0] < 0 or wanted[-1] >= source.count_rows()):
        raise pa.ArrowIndexError(f"row {wanted[0] if wanted[0] < 0 else wanted[-1]} is not there")
    pieces = []
    start = 0
    for fragment in source.get_fragments():
        for index, group in enumerate(fragment.row_groups):
            stop = start + group.num_rows
            low, high = np.searchsorted(wanted, [start, stop])
            if high > low:
                part = fragment.subset(row_group_ids=[index], schema=source.schema)
                table = part.to_table(columns=list(columns), schema=source.schema)
                pieces.append(table.take(pa.array(wanted[low:high] - start)))
            start = stop
    if not pieces:
        fields = [source.schema.field(name) for name in columns]
        return pa.schema(fields, source.schema.metadata).empty_table()
    return pa.concat_tables(pieces).take(pa.array(inverse.ravel()))


def list_lengths(parts: Sequence[str], column: str, field: str) -> np.ndarray:
    """Lengths of the lists of one field of a struct column, -1 where the struct is null, (n,).

    Only this field is read: an image has several, and Arrow's scanner would read them all.
    """
    lengths = [np.zeros(0, np.int64)]
    for part in parts:
        file = pq.ParquetFile(part)
        for index in range(file.num_row_groups):
            table = file.read_row_group(index, columns=[f"{column}.{field}"])
            lists = pc.struct_field(table[column], field)
            counts = pc.fill_null(pc.cast(pc.list_value_length(lists), pa.int64()), -1)
            lengths.append(counts.to_numpy())
    return np.concatenate(lengths)
