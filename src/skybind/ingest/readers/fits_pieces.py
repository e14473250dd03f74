"""FITS tables in pieces: files of some of the rows each, as bytes."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from skybind.ingest.readers.contents import other_extensions

_BLOCK = 2880
_CARDS = (
    "SIMPLE  =                    T",
    "BITPIX  =                    8",
    "NAXIS   =                    0",
    "EXTEND  =                    T",
    "END",
)
#: The part of a FITS file that stands before its first table.
_PRIMARY = "".join(card.ljust(80) for card in _CARDS).ljust(_BLOCK).encode()


class FitsTable(NamedTuple):
    """A table of a FITS file.

    Attributes
    ----------
    header : astropy.io.fits.Header
    begin : int
        Byte at which its rows begin.
    notes : list of str
        What was assumed.
    """

    header: Any
    begin: int
    notes: list[str]


def find_table(path: Path, hdu: int | None) -> FitsTable | None:
    """Find a table whose rows can be cut apart; None if there is none, or it has a heap."""
    from astropy.io import fits

    with fits.open(path, memmap=True) as parts:
        first = (i for i, part in enumerate(parts) if isinstance(part, fits.BinTableHDU))
        place = next(first, 0) if hdu is None else hdu
        found = parts[place]
        if type(found) is not fits.BinTableHDU or found.header["PCOUNT"]:
            return None
        notes = other_extensions(parts) if hdu is None else []
        return FitsTable(found.header.copy(), int(found.fileinfo()["datLoc"]), notes)


def fits_pieces(path: Path, table: FitsTable, rows: int) -> Iterator[bytes]:
    """Give FITS files of at most so many rows of a table, with its header."""
    header, width = table.header.copy(), table.header["NAXIS1"]
    left = header["NAXIS2"]
    with path.open("rb") as file:
        file.seek(table.begin)
        while left:
            header["NAXIS2"] = min(rows, left)
            left -= header["NAXIS2"]
            cells = file.read(width * header["NAXIS2"])
            yield _PRIMARY + header.tostring().encode("ascii") + cells + bytes(-len(cells) % _BLOCK)
