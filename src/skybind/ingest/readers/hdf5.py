"""Opening HDF5 files."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from skybind.errors import DataError
from skybind.ingest.readers.outside import refuse_other_files


@contextmanager
def open_hdf5(path: Path) -> Iterator[Any]:
    """Give an HDF5 file opened for reading; what goes wrong becomes a `DataError`."""
    import h5py

    if not path.exists():
        raise DataError(f"There is no file {path}.")
    if path.is_dir():
        raise DataError(f"{path} is a folder where a file is needed.")
    try:
        with h5py.File(path, "r") as file:
            refuse_other_files(file, path.name)
            yield file
    except (OSError, RuntimeError, KeyError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0][:200].rstrip(". ")
        raise DataError(f"{path.name} cannot be read as HDF5: {first}.") from error
