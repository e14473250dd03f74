"""Light curves of surveys whose columns are known: found by content, made plain tables.

What a survey writes stands in its module as the keys of a mapping (`CurveFormat`); all else, times
and units and flags and limits, is done as for any table.
"""

import re
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skybind.errors import DataError
from skybind.ingest.readers.contents import open_fits, unzipped
from skybind.ingest.readers.registry import curve_format, curve_formats, file_formats
from skybind.ingest.readers.tables import FORMATS, Table, format_of_content, read_table
from skybind.ingest.readers.text import as_utf8
from skybind.ingest.readers.text_layout import BLANKS, TextOptions, find_layout
from skybind.ingest.readers.values import numbers, texts
from skybind.plugins import find_more

if TYPE_CHECKING:
    from skybind.ingest.mapping import FileSpec

#: Gives the bytes of a file beside the one that is read; raises `DataError` if it is not there.
Beside = Callable[[str], bytes]
#: Bytes at the beginning of a file that tell what it is.
_HEAD = 100_000
_YES = ("true", "t", "yes", "y", "1", "1.0")


class Look:
    """A look at a file: what tells its format, without reading all of it.

    Parameters
    ----------
    data : bytes
        Perhaps gzipped.
    name : str
    """

    def __init__(self, data: bytes, name: str) -> None:
        self.name = name.rpartition("/")[2]
        self.data = unzipped(data, name)

    @cached_property
    def format(self) -> str | None:
        """Format of the table; None if it is none that is known."""
        try:
            return format_of_content(self.data, self.name)
        except DataError:
            return None

    @cached_property
    def text(self) -> str:
        """Its beginning as text."""
        return self.data[:_HEAD].decode("utf-8", "replace").lstrip("\ufeff")

    @cached_property
    def header(self) -> Mapping[str, Any]:
        """Keywords of a FITS file, of its first table and of what stands before; else none."""
        return self._fits[0]

    @cached_property
    def columns(self) -> frozenset[str]:
        """Names of the columns of a table, in lower case."""
        try:
            return frozenset(name.lower() for name in self._columns())
        except (DataError, pa.ArrowException, ValueError):
            return frozenset()

    def has(self, *columns: str) -> bool:
        """Whether the table has all these columns, in lower case."""
        return self.columns.issuperset(columns)

    def _columns(self) -> list[str]:
        if self.format == "fits":
            return self._fits[1]
        if self.format == "parquet":
            return list(pq.ParquetFile(pa.BufferReader(self.data)).schema_arrow.names)
        if self.format == "votable":
            return re.findall(r"""<FIELD\b[^>]*?\bname\s*=\s*["']([^"']+)["']""", self.text)
        if self.format == "ecsv":
            rows = (line for line in self.text.splitlines() if not line.startswith("#"))
            return next(rows, "").replace('"', "").replace(",", " ").split()
        if self.format in ("csv", "tsv", "text") or self.format is None:
            usual = {"csv": ",", "tsv": "\t"}.get(str(self.format), BLANKS)
            head = as_utf8(self.data[:_HEAD]).replace(b"\r\n", b"\n")
            return find_layout(head, TextOptions(usual=usual)).names
        return []

    @cached_property
    def _fits(self) -> tuple[dict[str, Any], list[str]]:
        if self.format != "fits":
            return {}, []
        with open_fits(self.data, self.name) as hdus:
            header = dict(hdus[0].header)
            for hdu in hdus[1:]:
                if hasattr(hdu, "columns"):
                    return header | dict(hdu.header), list(hdu.columns.names)
        return header, []


def known_curves(data: bytes, name: str) -> str | None:
    """Find the survey of whose light curves a file is, by its content; None if of none."""
    try:
        look = Look(data, name)
    except DataError:
        return None
    found = [key for key, format in curve_formats().items() if format.known_by(look)]
    return found[0] if len(found) == 1 else None


def with_keys(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Give the keys of a mapping of light curves, those of its format among them.

    Keys that are given replace those of the format, each as a whole; `mask` keeps the format's
    column, and a brightness that is given takes the place of the format's.
    """
    name = raw.get("format")
    if isinstance(name, str) and name not in (*FORMATS, *file_formats("photometry")):
        find_more()
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
    if format.read is not None:
        table = format.read(unzipped(data, name), name)
    else:
        if format.options is not None:
            own = format.options(unzipped(data, name), name)
            options |= {key: v for key, v in own.items() if not options.get(key)}
        options["text"] = [*options.get("text", ()), *format.text]
        if format.tidy is not None:
            options["columns"] = None
        table = read_table(data, name, **options)
    if format.tidy is None:
        return table
    if format.beside is None:
        return format.tidy(table)
    try:
        other = beside(format.beside(name))
    except DataError:
        other = None
    return format.tidy(table, other)


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
