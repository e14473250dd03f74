"""Bytes of files: read whole, unzipped, opened as FITS; what goes wrong becomes one sentence."""

import gzip
import io
import re
import shutil
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from skybind.errors import DataError, SkybindError
from skybind.files import atomic_path, raise_of_machine
from skybind.ingest.readers.sizes import Watched, array_bytes, read_watched, regular_file
from skybind.limits import check_size


def read_bytes(path: Path) -> bytes:
    """Read a file whole; what goes wrong becomes one sentence."""
    try:
        regular_file(path)
        size = path.stat().st_size
        check_size(size, size, str(path))
        return path.read_bytes()
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder where a file is needed.") from None
    except PermissionError:
        raise DataError(f"{path} must not be read by this user (no permission).") from None
    except (OSError, ValueError) as error:
        raise_of_machine(error)
        raise DataError(f"{str(path)[:200]} cannot be read: {first_line(error)}") from error


def is_gzipped(data: bytes) -> bool:
    """Whether a file that begins so is gzipped."""
    return data.startswith(b"\x1f\x8b")


def unzipped(data: bytes, name: str) -> bytes:
    """Unzip bytes that are gzipped, whatever the file is called."""
    if not is_gzipped(data):
        return data
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            return read_watched(file, len(data), name)
    except (OSError, EOFError, zlib.error) as error:
        raise_of_machine(error)
        raise DataError(f"{name} is a damaged gzip file: {first_line(error)}") from error


def unzip_file(path: Path, target: Path, name: str) -> None:
    """Write what a gzipped file holds to another."""
    with atomic_path(target) as written:
        try:
            size = path.stat().st_size
            with gzip.open(path) as packed, written.open("wb") as file:
                shutil.copyfileobj(Watched(packed, size, name), file, 1 << 20)
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise DataError(f"{name} is a damaged gzip file: {first_line(error)}") from error


@contextmanager
def parsing(name: str, format: str) -> Iterator[None]:
    """Turn whatever a parser raises on bytes that are not its format into one sentence."""
    try:
        yield
    except SkybindError:
        raise
    except Exception as error:
        raise_of_machine(error)
        raise DataError(f"{name} cannot be read as {format}: {first_line(error)}") from error


#: How tables begin in a VOTable, their names, and how they begin in a FITS file.
_TABLE = re.compile(rb"<(?:\w+:)?TABLE(?:\s[^>]*)?>")
_NO_TAGS = re.compile(rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>", re.DOTALL)
_NAME = re.compile(r"\s(?:name|ID)\s*=\s*[\"']([^\"']*)")
_EXTENSIONS = (b"XTENSION= 'BINTABLE'", b"XTENSION= 'TABLE")


@contextmanager
def open_fits(data: bytes, name: str) -> Iterator[Any]:
    """Give the HDUs of a FITS file, gzipped or not; what goes wrong becomes a `DataError`."""
    from astropy.io import fits

    data = unzipped(data, name)
    if not data:
        raise DataError(f"{name} is empty.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            with fits.open(io.BytesIO(data), memmap=False) as hdus:
                if b"ZIMAGE" in data:  # its tiles may stand for any number of pixels
                    _check_tiles(hdus, len(data), name)
                yield hdus
    except DataError:
        raise
    except Exception as error:  # whatever astropy raises on bytes that are not FITS, or not all
        raise_of_machine(error)
        raise DataError(f"{name} is no readable FITS file: {first_line(error)}") from error


def open_fits_file(path: Path) -> Any:
    """Return the HDUs of a FITS file on disk, gzipped or not, whose arrays are read when asked for.

    Raises
    ------
    DataError
        If it is no file, packed in another way, or would unpack to more than is allowed.
    """
    from astropy.io import fits

    regular_file(path)
    try:
        with path.open("rb") as file:
            beginning = file.read(6)
    except OSError as error:
        raise_of_machine(error)
        raise DataError(f"{path} cannot be read: {first_line(error)}") from error
    if is_gzipped(beginning):
        with gzip.open(path) as packed:
            watched = Watched(packed, path.stat().st_size, path.name)
            while watched.read(1 << 20):
                pass
    elif beginning != b"SIMPLE":  # astropy would unpack some others, as far as they go
        raise DataError(f"{path.name} is no readable FITS file: it does not begin as one.")
    return fits.open(path, memmap=False)


def _check_tiles(hdus: Any, on_disk: int, name: str) -> None:
    """Refuse compressed images that would unpack to more than is allowed."""
    for hdu in hdus:
        shape = image_shape(hdu)
        if shape:
            check_size(array_bytes(shape, 8), on_disk, name)


def column_names(hdu: Any) -> list[str]:
    """Names of the columns of an extension; none of one that is no table."""
    return list(getattr(getattr(hdu, "columns", None), "names", ()))


def image_shape(hdu: Any) -> tuple[int, ...]:
    """Shape of an image, known without reading it; () of what is no image or has no pixels."""
    return tuple(hdu.shape) if hdu.is_image else ()


def without_comments(data: bytes) -> bytes:
    """Blank the comments of XML and its texts that are no XML: a tag in them is none."""
    if b"<!" not in data:
        return data
    return _NO_TAGS.sub(lambda found: b" " * len(found[0]), data)


def holds_table(data: bytes) -> bool:
    """Whether a FITS file, not gzipped, has a table; a compressed image is written as one."""
    return any(mark in data for mark in _EXTENSIONS)


def other_tables(data: bytes, format: str) -> list[str]:
    """Say which of the tables of a FITS file or a VOTable was read, where it has several.

    Parameters
    ----------
    data : bytes
        Not gzipped.
    format : str
        `fits`, `votable`, or any other.
    """
    if format == "votable":
        tags = _TABLE.finditer(without_comments(data))
        tables = [match[0].decode("utf-8", "replace") for match in tags]
        names = [_NAME.search(table) for table in tables]
        return _first_of([f"{n[1] if n else 'no name'} ({i})" for i, n in enumerate(names, 1)])
    if format == "fits" and sum(map(data.count, _EXTENSIONS)) > 1:
        from astropy.io import fits

        with fits.open(io.BytesIO(data)) as parts:
            return other_extensions(parts)
    return []


def other_extensions(parts: Any) -> list[str]:
    """Say which of the tables of an open FITS file was read, where it has several."""
    from astropy.io import fits

    return _first_of(
        [
            f"{part.name or 'no name'} ({index})"
            for index, part in enumerate(parts)
            if isinstance(part, fits.BinTableHDU | fits.TableHDU)
        ]
    )


def _first_of(found: list[str]) -> list[str]:
    if len(found) < 2:
        return []
    first, others = found[0], ", ".join(found[1:5])
    return [f"it holds {len(found)} tables, of which the first is read, {first}, not {others}"]


def first_line(error: BaseException) -> str:
    """First line of a message, without its full stop, as the end of a sentence."""
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else type(error).__name__
    return text[:200].rstrip(". ") + "."
