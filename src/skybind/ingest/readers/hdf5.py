"""Opening HDF5 files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from skybind.errors import DataError
from skybind.files import raise_of_machine
from skybind.ingest.readers.contents import first_line
from skybind.ingest.readers.outside import refuse_other_files
from skybind.ingest.readers.sizes import regular_file

#: What h5py raises of bytes that are not HDF5's, or not all; the last where a callback failed.
_RAISED = (OSError, RuntimeError, KeyError, TypeError, ValueError, OverflowError, SystemError)


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """Give an HDF5 file opened for reading; what goes wrong becomes a `DataError`."""
    import h5py

    with reading_hdf5(path, path.name), h5py.File(path, "r") as file:
        refuse_other_files(file, path.name)
        yield file


@contextmanager
def reading_hdf5(path: Path, name: str) -> Iterator[None]:
    """Turn what h5py raises inside into a `DataError`; refuse what is no file before."""
    if not path.exists():
        raise DataError(f"There is no file {path}.")
    if path.is_dir():
        raise DataError(f"{path} is a folder where a file is needed.")
    regular_file(path)
    try:
        yield
    except DataError:
        raise
    except _RAISED as error:
        raise_of_machine(error)
        raise DataError(f"{name} cannot be read as HDF5: {first_line(error)}") from error
