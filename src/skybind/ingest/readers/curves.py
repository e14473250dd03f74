"""Light curves of surveys whose columns are known: found by content, made plain tables.

What a survey writes stands in its module as the keys of a mapping (`CurveFormat`); all else, times
and units and flags and limits, is done as for any table.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from skybind.data.nothing import is_nothing
from skybind.errors import DataError
from skybind.ingest.flags import bad_flags
from skybind.ingest.readers.contents import parsing, unzipped
from skybind.ingest.readers.look import Look
from skybind.ingest.readers.registry import CurveFormat, curve_format, curve_formats, of_one
from skybind.ingest.readers.tables import Table, read_table
from skybind.ingest.readers.values import numbers, texts

if TYPE_CHECKING:
    from skybind.ingest.mapping import FileSpec

#: Gives the bytes of a file beside the one that is read; raises `DataError` if it is not there.
Beside = Callable[[str], bytes]
#: Bytes by which a file is told to be no plain table.
BEGIN = 400
_YES = ("true", "t", "yes", "y", "1", "1.0")


def known_curves(look: Look) -> str | None:
    """Find the survey of whose light curves a file is, by its content; None if of none."""
    return of_one(look, curve_formats())


def with_keys(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Give the keys of a mapping of light curves, those of its format among them.

    Keys that are given replace those of the format, each as a whole; `mask` keeps the format's
    column, and a brightness that is given takes the place of the format's.
    """
    name = raw.get("format")
    format = curve_format(name) if isinstance(name, str) else None
    if format is None:
        return dict(raw)
    keys = dict(format.keys)
    if "file" not in raw:
        keys.pop("id", None)
    for value in ("flux", "magnitude"):
        if value in raw:
            for key in ("flux", "flux_err", "magnitude", "magnitude_err"):
                keys.pop(key, None)
    mask = raw.get("mask")
    if isinstance(mask, Mapping) and "column" not in mask and isinstance(keys.get("mask"), Mapping):
        raw = {**raw, "mask": {"column": keys["mask"]["column"], **mask}}
    return {**keys, **raw}


def read_curves(
    data: bytes,
    name: str,
    spec: "FileSpec",
    beside: Beside,
    **given: Any,
) -> Table:
    """Read a table of observations, of a survey's format or of any.

    Parameters
    ----------
    data, name
        Of the file.
    spec : FileSpec
    beside : callable
        Gives the bytes of another file in its folder.
    **given
        See `read_table`; a format reads more `columns` than these where it needs them.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    options = spec.table_options() | given
    kind = getattr(spec, "kind", None)
    format = curve_format(spec.format) if kind == "photometry" else None
    if format is None:
        return read_table(data, name, **options)
    data = unzipped(data, name)
    other = file_beside(format, name, beside)
    with parsing(name, format.title):
        if format.read is not None and format.needs_read(data[:BEGIN]):
            table = format.read(data, name)
        else:
            if format.options is not None:
                own = format.options(data, name)
                options |= {key: v for key, v in own.items() if not options.get(key)}
            options["text"] = [*options.get("text", ()), *format.text]
            if format.tidies:
                options["columns"] = None
            table = read_table(data, name, **options)
        (table,) = format.tidied([table], other)
    return table


def file_beside(format: CurveFormat, name: str, beside: Beside) -> bytes | None:
    """Give the bytes of the file that a format needs beside one; None if it is not there."""
    if format.beside is None:
        return None
    try:
        return beside(format.beside(name))
    except DataError:
        return None


def flag_column(table: Table, name: str) -> np.ndarray:
    """Flags of a column that are true or false, or not known; a note says so where it is not there.

    Raises
    ------
    DataError
        If it holds a word that says neither.
    """
    if name not in table.columns:
        table.notes.append(f"it has no column '{name}', so nothing is left out by that flag")
        return np.zeros(len(table), bool)
    values = table.columns[name]
    if values.dtype.kind == "O":
        unknown = [cell is None or is_nothing(str(cell)) for cell in values.tolist()]
        values = np.where(unknown, False, values)
        return bad_flags(values, f"{table.name}, column '{name}'")
    return truths(values)


def truths(values: np.ndarray) -> np.ndarray:
    """Read flags that are true or false: booleans, numbers that are not 0, or words."""
    if values.dtype.kind in "biuf":
        return np.nan_to_num(values.astype(float)) != 0
    return np.asarray([str(value).strip().lower() in _YES for value in values.tolist()], bool)


def number_column(table: Table, name: str) -> np.ndarray:
    """Numbers of a column, NaN where it has none; all NaN where the table lacks it."""
    if name not in table.columns:
        return np.full(len(table), np.nan)
    return numbers(table.columns[name])[0]


def named(values: np.ndarray, names: Mapping[str, str]) -> np.ndarray:
    """Replace the codes of bands by their names; other codes stay."""
    return np.asarray([names.get(code, code) for code in texts(values).tolist()], object)
