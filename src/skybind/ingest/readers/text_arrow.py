"""Rows of CSV as Arrow reads them; small files quickly, for there are many of them."""

from collections.abc import Iterable
from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv

from skybind.errors import DataError
from skybind.ingest.readers.text_layout import TextOptions
from skybind.words import repeated

#: Smaller files are read quickly: they are those of one object.
SMALL = 1 << 22


def arrow_rows(
    body: bytes, names: list[str], delimiter: str, options: TextOptions
) -> pa.Table | None:
    """Read rows; None where one has another number of fields than there are names.

    Raises
    ------
    DataError
        If two columns that are wanted have one name.
    """
    kept = [n for n in names if n and (options.columns is None or n in options.columns)]
    kept = kept or [name for name in names if name]
    twice = repeated(names) & set(kept)
    if twice:
        raise DataError(f"There is more than one column '{min(twice)}'.")
    if not body.strip():
        return pa.table({name: pa.array([], pa.null()) for name in kept})
    rows = _Rows(body, names, kept, delimiter, {name: pa.string() for name in options.text})
    return rows.read() if len(body) >= SMALL else _quickly(rows)


class _Rows:
    """Rows, and how they are parted."""

    def __init__(
        self,
        body: bytes,
        names: list[str],
        kept: list[str],
        delimiter: str,
        text: dict[str, pa.DataType],
    ) -> None:
        self.body, self.names, self.kept, self.text = body, names, kept, text
        self.delimiter = delimiter
        self.uneven = False

    def read(self, fractions: Iterable[str] = (), streamed: bool = False) -> pa.Table | None:
        """Read them; the types of columns are found unless they are said to be fractions."""
        types = dict.fromkeys(fractions, pa.float64()) | self.text
        # one block: types are inferred from all rows, and no line is too long for it
        block = min(len(self.body) + 1024, 2**31 - 1)
        given = (
            pa.BufferReader(self.body),
            pcsv.ReadOptions(block_size=block, use_threads=False, column_names=self.names),
            pcsv.ParseOptions(delimiter=self.delimiter, invalid_row_handler=self._skip),
            pcsv.ConvertOptions(column_types=types, include_columns=self.kept),
        )
        table = pcsv.open_csv(*given).read_all() if streamed else pcsv.read_csv(*given)
        return None if self.uneven else table

    def _skip(self, row: pcsv.InvalidRow) -> str:
        self.uneven = self.uneven or bool(row.text.strip())
        return "skip"


def _quickly(rows: _Rows) -> pa.Table | None:
    """Read rows as `read` does, which spends most of its time on the types of small files.

    Columns that were fractions in the last file of these columns are read as such. Each in which
    there is a fraction would have been found to be one; if there is none, the types are found.
    """
    seen = _fractions_of(tuple(rows.kept))
    if seen:
        try:
            table = rows.read(seen, streamed=True)
        except pa.ArrowInvalid:  # there is text among them
            pass
        else:
            if table is None or all(_has_fraction(table[name]) for name in seen - set(rows.text)):
                return table
    table = rows.read(streamed=True)
    if table is not None:
        seen.clear()
        seen.update(name for name in rows.kept if pa.types.is_float64(table[name].type))
    return table


@lru_cache(maxsize=64)
def _fractions_of(names: tuple[str, ...]) -> set[str]:
    """Give the columns that were fractions in the last file of these columns, to be kept there."""
    return set()


def _has_fraction(column: pa.ChunkedArray) -> bool:
    values = column.to_numpy()
    return bool((np.isfinite(values) & (values != np.floor(values))).any())
