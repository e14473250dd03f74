"""A look at a file: what tells its format, opened once for all that want to know."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from functools import cached_property
from typing import Any

import pyarrow as pa

from skybind.errors import DataError
from skybind.files import raise_of_machine
from skybind.ingest.readers.contents import open_fits, unzipped
from skybind.ingest.readers.tables import format_of_content
from skybind.ingest.readers.text import as_utf8
from skybind.ingest.readers.text_layout import BLANKS, TextOptions, find_layout
from skybind.parquet import open_parquet

#: Bytes at the beginning of a file that tell what it is.
_HEAD = 100_000


class Look:
    """A look at a file: what tells its format, without reading all of it.

    Parameters
    ----------
    data : bytes
        Perhaps gzipped.
    name : str

    Attributes
    ----------
    hdus : sequence
        Parts of a FITS file while it is `opened`; else none.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self.name = name.rpartition("/")[2]
        self._given = data
        self.hdus: Sequence[Any] = ()

    @cached_property
    def data(self) -> bytes:
        """What it holds, unzipped; nothing where that fails."""
        try:
            return unzipped(self._given, self.name)
        except DataError:
            return b""

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

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Open a FITS file, unless it is; its parts are `hdus` meanwhile, none of another file."""
        if self.hdus or self.format != "fits":
            yield
            return
        with ExitStack() as stack:
            with suppress(DataError):
                self.hdus = stack.enter_context(open_fits(self.data, self.name))
            try:
                yield
            finally:
                self.hdus = ()

    @cached_property
    def header(self) -> Mapping[str, Any]:
        """Keywords of a FITS file, of its first table and of what stands before; else none."""
        return self._fits[0]

    @cached_property
    def columns(self) -> frozenset[str]:
        """Names of the columns of a table, in lower case."""
        try:
            return frozenset(name.lower() for name in self._columns())
        except (DataError, pa.ArrowException, ValueError) as error:
            raise_of_machine(error)
            return frozenset()

    def has(self, *columns: str) -> bool:
        """Whether the table has all these columns, in lower case."""
        return self.columns.issuperset(columns)

    def _columns(self) -> list[str]:
        if self.format == "fits":
            return self._fits[1]
        if self.format == "parquet":
            return list(open_parquet(pa.BufferReader(self.data)).schema_arrow.names)
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
        with self.opened():
            header = dict(self.hdus[0].header) if self.hdus else {}
            for hdu in self.hdus[1:]:
                if hasattr(hdu, "columns"):
                    return header | dict(hdu.header), list(hdu.columns.names)
        return header, []
