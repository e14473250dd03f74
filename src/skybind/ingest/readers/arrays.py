"""Arrays in files, read by rows: npz, HDF5, images and columns of FITS."""

import shutil
import struct
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from skybind.errors import DataError
from skybind.files import raise_of_machine
from skybind.ingest.readers.contents import first_line, open_fits_file
from skybind.ingest.readers.hdf5 import reading_hdf5
from skybind.ingest.readers.outside import refuse_other_files
from skybind.ingest.readers.sizes import array_bytes, regular_file
from skybind.ingest.readers.zips import DAMAGED
from skybind.limits import check_size
from skybind.words import nearest

#: Arrays of npz files that are compressed or in Fortran order are read by rows from this size [B].
LARGE = 1 << 26
#: Bytes of them that are passed over at a time.
SKIPPED = 1 << 20
#: Rows between those that are wanted that are read along.
MANY_ROWS = 64


class DamagedRowsError(DataError):
    """Some rows of an array cannot be read; others may."""


class Arrays:
    """Named arrays of a file: `in`, names, `[name]` with a shape, and rows of one."""

    def __init__(
        self, name: str, found: dict[str, Any], units: dict[str, str] | None = None
    ) -> None:
        self.name, self.found, self.units = name, found, units or {}

    def __contains__(self, name: str) -> bool:
        return name in self.found

    def __iter__(self) -> Any:
        return iter(self.found)

    def __getitem__(self, name: str) -> Any:
        if name not in self.found:
            raise DataError(f"{self.name} has no array '{name}': {nearest(name, list(self.found))}")
        return self.found[name]

    def rows(self, name: str, rows: np.ndarray) -> np.ndarray:
        """Rows of an array, which ascend."""
        try:
            return np.asarray(self[name][rows])
        except (*DAMAGED, SystemError) as error:  # the last of h5py's callbacks
            raise_of_machine(error)
            said = first_line(error)[:-1]
            raise DamagedRowsError(f"{self.name}: '{name}' is damaged ({said}).") from error

    def header(self, name: str) -> Any:
        """Header of a FITS image."""
        return {}


class _FitsArrays(Arrays):
    """Images of a FITS file by EXTNAME or number; columns of its tables by name."""

    def rows(self, name: str, rows: np.ndarray) -> np.ndarray:
        try:
            found = [self.found[name][int(row)] for row in rows]
        except Exception as error:  # astropy has many ways to fail on bytes that are not there
            raise_of_machine(error)
            said = first_line(error)[:-1]
            raise DamagedRowsError(f"{self.name}: '{name}' is damaged ({said}).") from error
        shape = self.found[name].shape[1:]
        return np.stack(found) if found else np.zeros((0, *shape), np.float32)

    def header(self, name: str) -> Any:
        return getattr(self.found[name], "header", {})


class _Section:
    """One FITS image read by rows."""

    def __init__(self, hdu: Any) -> None:
        self.hdu, self.shape, self.header = hdu, hdu.shape, hdu.header

    def __getitem__(self, rows: Any) -> np.ndarray:
        if isinstance(rows, tuple):
            return np.asarray(self.hdu.data)
        return np.asarray(self.hdu.section[rows])


class _OnDisk:
    """An array in a file, read by rows."""

    def __init__(self, path: Path, begin: int, dtype: np.dtype, shape: tuple[int, ...]) -> None:
        self.path, self.begin, self.dtype, self.shape = path, begin, dtype, shape

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Rows that ascend, or all for ()."""
        every = isinstance(rows, tuple) or not len(rows)
        first, last = (0, self.shape[0]) if every else (int(rows[0]), int(rows[-1]) + 1)
        if not every and last - first > 2 * len(rows) + MANY_ROWS:  # far apart: each by itself
            return np.concatenate([self[[row]] for row in rows])
        size = int(np.prod(self.shape[1:], dtype=np.int64))
        skipped = self.begin + first * size * self.dtype.itemsize
        found = np.fromfile(self.path, self.dtype, (last - first) * size, offset=skipped)
        found = found.reshape(last - first, *self.shape[1:])
        return found if isinstance(rows, tuple) else found[np.asarray(rows, np.int64) - first]


class _Compressed:
    """A compressed array of an npz file, read by rows: quick where later ones are further on."""

    def __init__(
        self, path: Path, member: str, begin: int, dtype: np.dtype, shape: tuple[int, ...]
    ) -> None:
        self.path, self.member, self.begin = path, member, begin
        self.dtype, self.shape = dtype, shape
        self._width = int(np.prod(shape[1:], dtype=np.int64)) * dtype.itemsize
        self._stream: Any = None
        self._row = 0

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Rows that ascend, or all for ()."""
        wanted = np.arange(self.shape[0]) if isinstance(rows, tuple) else np.asarray(rows, np.int64)
        distinct, back = np.unique(wanted, return_inverse=True)
        found = np.empty((len(distinct), *self.shape[1:]), self.dtype)
        if len(distinct) and (self._stream is None or distinct[0] < self._row):
            self._stream = zipfile.ZipFile(self.path).open(self.member)  # noqa: SIM115
            self._stream.read(self.begin)
            self._row = 0
        for i, row in enumerate(distinct.tolist()):
            self._pass((row - self._row) * self._width)
            cells = np.frombuffer(self._stream.read(self._width), self.dtype)
            found[i] = cells.reshape(self.shape[1:])
            self._row = row + 1
        return found[back]

    def _pass(self, size: int) -> None:
        while size:
            passed = len(self._stream.read(min(size, SKIPPED)))
            if not passed:
                raise ValueError("it is shorter than it says")
            size -= passed


class _ByColumns:
    """An array in Fortran order in a file, read by rows: of each column the wanted cells."""

    def __init__(self, file: Any, begin: int, dtype: np.dtype, shape: tuple[int, ...]) -> None:
        self.file, self.begin, self.dtype, self.shape = file, begin, dtype, shape

    def __getitem__(self, rows: Any) -> np.ndarray:
        """Rows, or all for ()."""
        mapped = np.memmap(self.file, self.dtype, "r", self.begin, self.shape, "F")
        return np.array(mapped[rows])


def _npz(path: Path, name: str, hdu: int | None) -> Arrays:
    found: dict[str, Any] = {}
    regular_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            for member in archive.infolist():
                check_size(
                    member.file_size, member.compress_size, f"'{member.filename}' of {name}", False
                )
            damaged = archive.testzip()  # what is read below is not checked again
            if damaged is not None:
                raise DataError(f"{name} cannot be read as npz: '{damaged}' is damaged.")
            for member in archive.infolist():
                found[member.filename.removesuffix(".npy")] = _npz_array(path, archive, member)
    except FileNotFoundError:
        raise DataError(f"There is no file {path}.") from None
    except DataError:
        raise
    except Exception as error:  # whatever numpy and zip raise on bytes that are not theirs
        raise_of_machine(error)
        first = (str(error).splitlines() or [""])[0][:150].rstrip(".")
        raise DataError(f"{name} cannot be read as npz: {first}.") from error
    return Arrays(name, found)


def _npz_array(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Any:
    """Give an array of an npz file: on disk, or in memory where it is compressed."""
    with archive.open(member) as stream:
        version = np.lib.format.read_magic(stream)
        read = np.lib.format.read_array_header_1_0 if version == (1, 0) else (
            np.lib.format.read_array_header_2_0)  # fmt: skip
        shape, fortran, dtype = read(stream)
        header = stream.tell()
    if dtype.hasobject:
        raise ValueError(f"'{member.filename}' holds objects, not numbers")
    size = array_bytes(shape, dtype.itemsize)
    stored = member.compress_type == zipfile.ZIP_STORED
    large = len(shape) > 1 and 0 not in shape and member.file_size > LARGE
    small = not large and (fortran or not stored or 0 in shape or not shape)
    # of an array that is read from the archive's file, what follows there would be taken for it
    if (small or stored) and size + header > member.file_size:
        raise ValueError(f"'{member.filename}' has fewer bytes than its header says")
    if small:
        check_size(size, member.compress_size, f"'{member.filename}' of {path.name}")
        with archive.open(member) as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)
    if not stored and not fortran:
        return _Compressed(path, member.filename, header, dtype, shape)
    if not stored:
        unpacked = tempfile.TemporaryFile()  # noqa: SIM115  # it lives as long as its array
        with archive.open(member) as stream:
            shutil.copyfileobj(stream, unpacked, 1 << 20)
        unpacked.flush()
        return _ByColumns(unpacked, header, dtype, shape)
    with path.open("rb") as file:
        file.seek(member.header_offset)
        local = file.read(30)  # its last four bytes: the lengths of name and extra field
    begin = member.header_offset + 30 + sum(struct.unpack("<HH", local[26:])) + header
    if fortran:
        return _ByColumns(path.open("rb"), begin, dtype, shape)
    return _OnDisk(path, begin, dtype, shape)


def _hdf5(path: Path, name: str, hdu: int | None) -> Arrays:
    import h5py

    found: dict[str, Any] = {}
    units: dict[str, str] = {}

    def note(key: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[key] = item
            unit = item.attrs.get("unit", item.attrs.get("units"))
            if isinstance(unit, str | bytes):
                units[key] = unit if isinstance(unit, str) else unit.decode("utf-8", "replace")

    with reading_hdf5(path, name):
        file = h5py.File(path, "r")
        refuse_other_files(file, name)
        file.visititems(note)
    return Arrays(name, found, units)


def _fits(path: Path, name: str, hdu: int | None) -> Arrays:
    if not path.exists():
        raise DataError(f"There is no file {path}.")
    found: dict[str, Any] = {}
    units: dict[str, str] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for index, part in enumerate(open_fits_file(path)):
                if getattr(part, "is_image", False) and part.header.get("NAXIS", 0):
                    found[str(index)] = _Section(part)
                    if part.name:
                        found[part.name] = found[str(index)]
                    unit = str(part.header.get("BUNIT", "")).strip()
                    units |= dict.fromkeys((str(index), part.name), unit) if unit else {}
                elif getattr(part, "columns", None) is not None and (hdu is None or hdu == index):
                    for column in part.columns.names:
                        found.setdefault(column, np.asarray(part.data[column]))
                        unit = str(part.columns[column].unit or "").strip()
                        if unit:
                            units.setdefault(column, unit)
    except DataError:
        raise
    except Exception as error:  # whatever astropy raises on bytes that are not FITS
        raise_of_machine(error)
        first = (str(error).splitlines() or [type(error).__name__])[0][:150].rstrip(". ")
        raise DataError(f"{name} is no readable FITS file: {first}.") from error
    return _FitsArrays(name, found, units)


OPENERS = {"npz": _npz, "hdf5": _hdf5, "fits_images": _fits}
