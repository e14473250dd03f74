"""Tables for people and their programs: CSV, Parquet, VOTable, ECSV, FITS."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from skybind.errors import DataError
from skybind.files import atomic_path

if TYPE_CHECKING:
    pass


#: Formats of tables, by the file's ending.
FORMATS = (".csv", ".parquet", ".vot", ".ecsv", ".fits")


def check_ending(path: str | Path) -> None:
    """Refuse a file that `write_table` could not write, before anything is computed for it."""
    if Path(path).suffix.lower() not in FORMATS:
        raise DataError(f"{path} ends in none of {', '.join(FORMATS)}: choose one of them.")


def write_table(table: pa.Table, path: str | Path) -> None:
    """Write a table as CSV, Parquet, VOTable (`.vot`, for TOPCAT), ECSV or FITS.

    Raises
    ------
    DataError
        If the file's ending is none of these.
    """
    path = Path(path)
    check_ending(path)
    suffix = path.suffix.lower()
    with atomic_path(path) as temporary:
        if suffix == ".csv":
            import pyarrow.csv as pcsv

            pcsv.write_csv(table, temporary)
        elif suffix == ".parquet":
            import pyarrow.parquet as pq

            pq.write_table(table, temporary)
        else:
            from astropy.table import Table

            columns = {
                name: _filled(table[name]) for name in table.column_names if len(table[name])
            }
            names = {".vot": "votable", ".ecsv": "ascii.ecsv", ".fits": "fits"}
            Table(columns).write(temporary, format=names[suffix])


def _filled(column: pa.ChunkedArray) -> np.ndarray:
    """Turn a column to numpy: text "" and numbers NaN where missing."""
    if pa.types.is_string(column.type):
        return np.asarray([value or "" for value in column.to_pylist()], dtype=str)
    return np.asarray(column.to_numpy())
