"""Zip files: opened and read so that what is damaged, or too large, becomes one sentence."""

import lzma
import zipfile
import zlib
from pathlib import Path

from skybind.errors import DataError
from skybind.files import raise_of_machine
from skybind.ingest.readers.contents import first_line
from skybind.ingest.readers.sizes import read_watched
from skybind.limits import check_size

#: What zipfile and the packers beneath it raise of bytes that are not theirs, or not all.
DAMAGED = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    OSError,
    EOFError,
    RuntimeError,  # encrypted
    NotImplementedError,  # packed in a way that Python does not know
    ValueError,
    IndexError,
    OverflowError,
)


def open_zip(path: Path, what: str) -> zipfile.ZipFile:
    """Open a zip by the directory at its end.

    Parameters
    ----------
    path : Path
    what : str
        The modality, for messages.

    Raises
    ------
    DataError
        If its directory is damaged, so that none of its files can be found for sure.
    """
    try:
        return zipfile.ZipFile(path)
    except DAMAGED as error:
        raise_of_machine(error)
        raise DataError(
            f"{path} ({what}) is a zip whose directory is damaged ({first_line(error)[:-1]}): get "
            "it again."
        ) from error


def read_member(archive: zipfile.ZipFile, name: str) -> bytes:
    """Read a file in a zip.

    Raises
    ------
    DataError
        If it is not there, damaged, or would unpack to more than is allowed.
    """
    try:
        found = archive.getinfo(name)
    except KeyError:
        raise DataError(f"There is no file {name} in the zip.") from None
    check_size(found.file_size, found.compress_size, name)
    try:
        with archive.open(found) as member:
            return read_watched(member, found.compress_size, name)
    except DAMAGED as error:
        raise_of_machine(error)
        raise DataError(f"{name} cannot be read from the zip: {first_line(error)}") from error
