"""Files that hold arrays with one row an object: npz, HDF5, FITS images.

Spectra (n, pixels) with their wavelengths (pixels,) or (n, pixels); images (n, bands, y, x) or
(n, y, x, bands). HDF5 and FITS are read some rows at a time.
"""

import struct
import warnings
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from skybind.data.units import image_unit
from skybind.errors import DataError
from skybind.ingest.mapping import ImageSpec, ObservationSpec, stack_format
from skybind.ingest.names import object_names, refuse_no_common_name
from skybind.ingest.observed import Stored, observation_fields, settle
from skybind.ingest.readers.fits_image import bands_of, pixel_scale
from skybind.ingest.readers.long import UNKNOWN_OBJECT, Rows
from skybind.ingest.readers.pictures import ImageLayout, layout_of
from skybind.ingest.readers.sentinels import stands_for_missing
from skybind.ingest.readers.tables import Table
from skybind.ragged import Ragged
from skybind.words import nearest

#: Rows between those that are wanted that are read along.
MANY_ROWS = 64


class Stack:
    """Arrays of observations, joined to the objects by name or by position.

    Parameters
    ----------
    spec : ObservationSpec
        With a file of arrays.
    base : Path
        Folder that the mapping's paths are relative to.
    modality : str
        Name of the observation, for the quarantine.
    object_id : ndarray of str, shape (n,)
    rows : ndarray of int, shape (n,)
        Rows of the table of objects that the objects come from.
    n_table : int
        Rows of that table.

    Attributes
    ----------
    quarantine : list of dict
        Rows of the arrays that no object has.
    stored : Stored
        How the fields are kept.
    """

    def __init__(
        self,
        spec: ObservationSpec,
        base: Path,
        modality: str,
        object_id: np.ndarray,
        rows: np.ndarray,
        n_table: int,
    ) -> None:
        assert spec.file is not None
        self.spec, self.modality, self.file = spec, modality, spec.file
        kind = stack_format(spec.file, spec.format, spec.kind)
        self.arrays = _OPENERS[str(kind)](base / spec.file, spec.file, spec.hdu)
        self.first = self.arrays[self._main]
        if not self.first.shape:
            raise DataError(f"{self.file}: '{self._main}' is a number, not an array.")
        if len(self.first.shape) == 1:  # it would be taken for what all objects share
            raise DataError(
                f"{self.file}: '{self._main}' of shape {self.first.shape} is one row of numbers: "
                "write (objects, pixels)."
            )
        self.n = int(self.first.shape[0])
        self.stored: Stored = self._settle()
        self.quarantine: Rows = []
        if spec.id is not None:
            self.place = self._by_name(np.asarray(self.arrays[spec.id][()]), object_id)
        elif self.n == n_table:
            self.place = rows
        else:
            raise DataError(
                f"{self.file}: '{self._main}' has {self.n} rows where the table of objects has "
                f"{n_table}: add the array 'id' with the names of the objects."
            )

    @property
    def _main(self) -> str:
        fields = self.spec.fields()
        return next(fields[name].column for name in ("flux", "magnitude") if name in fields)

    def read(self, rows: np.ndarray, object_id: np.ndarray) -> tuple[Ragged, Rows]:
        """Read the observations of some objects."""
        place = self.place[rows]
        present = place >= 0
        columns = {
            field.column: self._take(field.column, place[present])
            for field in self.spec.fields().values()
            if not field.optional or field.column in self.arrays
        }
        length = columns[self._main].shape[1] if columns[self._main].ndim == 2 else -1
        flat = {name: values.ravel() for name, values in columns.items()}
        for name, values in columns.items():
            if values.ndim != 2 or values.shape[1] != length:
                raise DataError(
                    f"{self.file}: the array '{name}' of shape {self.arrays[name].shape} does not "
                    f"fit '{self._main}' of shape {self.first.shape}: write (objects, pixels)."
                )
        table = Table(self.file, flat, self.arrays.units, known=list(self.arrays))
        fields = observation_fields(table, self.spec, self.stored)
        offsets = np.concatenate([[0], np.cumsum(np.where(present, length, 0))]).astype(np.int64)
        return Ragged(fields, offsets, present), []

    @property
    def observed(self) -> np.ndarray:
        """Which objects have a row, shape (n,)."""
        return self.place >= 0

    def source(self, row: int) -> str:
        """Where the observation of an object comes from, for the quarantine."""
        return self.file

    def _settle(self) -> Stored:
        named = {field.column: np.zeros(0) for field in self.spec.fields().values()}
        return settle(self.spec, Table(self.file, named, self.arrays.units))

    def _take(self, name: str, place: np.ndarray) -> np.ndarray:
        """Rows of an array; one without rows (wavelengths of all) is repeated."""
        array = self.arrays[name]
        if len(array.shape) == 1:
            return np.tile(np.asarray(array[()]), (len(place), 1))
        order = np.argsort(place, kind="stable")
        taken = self.arrays.rows(name, place[order])
        back = np.empty(len(order), np.int64)
        back[order] = np.arange(len(order))
        return taken[back]

    def _by_name(self, names: np.ndarray, object_id: np.ndarray) -> np.ndarray:
        """Row of each object, -1 where it has none."""
        if names.ndim != 1 or len(names) != self.n:
            raise DataError(
                f"{self.file}: '{self.spec.id}' does not hold one name for each of {self.n} rows."
            )
        if names.dtype.kind == "S":
            names = np.char.decode(names, "utf-8")
        known = object_names(names, f"{self.file}, '{self.spec.id}'")
        found: dict[str, int] = {}
        for row, name in enumerate(known.tolist()):
            if not name:
                self._aside("", f"no name (row {row + 1})")
            elif name in found:
                self._aside(name, f"the name occurs twice: row {found[name] + 1} counts")
            else:
                found[name] = row
        wanted = object_id.tolist()
        for name in found.keys() - set(wanted):
            self._aside(name, UNKNOWN_OBJECT)
        if wanted and not found.keys() & set(wanted):
            refuse_no_common_name(f"{self.modality}, {self.file}", known, object_id)
        self.quarantine.sort(key=lambda row: row["object_id"])
        return np.asarray([found.get(name, -1) for name in wanted], np.int64)

    def _aside(self, object_id: str, reason: str) -> None:
        row = {"object_id": object_id, "source": self.file, "modality": self.modality}
        self.quarantine.append({**row, "reason": reason})


class ImageStack(Stack):
    """An array of images (n, bands, y, x), (n, y, x, bands) or, of one band, (n, y, x).

    Attributes
    ----------
    layout : ImageLayout
    """

    spec: ImageSpec

    def __init__(self, spec: ImageSpec, *others: Any) -> None:
        self.mapped = spec
        super().__init__(spec, *others)
        header = self.arrays.header(self._main)
        shape = self.first.shape[1:]
        if len(shape) == 2:
            shape = (1, *shape)
        bands = spec.bands or bands_of(header)
        if bands is None:
            raise DataError(
                f"{self.file} does not state its bands: add bands, e.g. [g, r, z], to the mapping."
            )
        self._last = len(shape) == 3 and shape[0] != len(bands) == shape[2]
        side = shape[:2] if self._last else shape[1:]
        if len(shape) != 3 or shape[2 if self._last else 0] != len(bands) or side[0] != side[1]:
            raise DataError(
                f"{self.file}: '{self._main}' has the shape {self.first.shape}: square images of "
                f"{len(bands)} bands would be (objects, {len(bands)}, side, side)."
            )
        unit = spec.unit
        if unit is None:
            unit = str(header.get("BUNIT", "")).strip() or None
        self.factor = 1.0 if unit is None else image_unit(unit, f"{self.file}, unit")[1]
        self.file_bands = list(bands)
        self.layout: ImageLayout = layout_of(spec, bands, pixel_scale(header), unit, False)

    @property
    def _main(self) -> str:
        assert self.mapped.array is not None
        return self.mapped.array.column

    def read(self, rows: np.ndarray, object_id: np.ndarray) -> tuple[Ragged, Rows]:
        """Read the images of some objects."""
        place = self.place[rows]
        present = place >= 0
        images = self._take(self._main, place[present])
        axis = 3 if self._last else 1
        if images.ndim == 3:
            images = images[:, None]
        planes = np.moveaxis(images, axis, 0)
        lengths = np.where(present, planes.shape[2] * planes.shape[3], 0)
        assert self.mapped.array is not None
        planes = np.where(stands_for_missing(planes, self.mapped.array.missing), np.nan, planes)
        fields = {
            band: planes[self.file_bands.index(band)].astype(np.float32).ravel()
            * np.float32(self.factor)
            for band in self.layout.bands
        }
        offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return Ragged(fields, offsets, present), []


class _Arrays:
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
        except (OSError, RuntimeError, ValueError, zipfile.BadZipFile) as error:
            raise DataError(f"{self.name}: '{name}' is damaged ({error}).") from error

    def header(self, name: str) -> Any:
        """Header of a FITS image."""
        return {}


class _FitsArrays(_Arrays):
    """Images of a FITS file by EXTNAME or number; columns of its tables by name."""

    def rows(self, name: str, rows: np.ndarray) -> np.ndarray:
        try:
            found = [self.found[name][int(row)] for row in rows]
        except Exception as error:  # astropy has many ways to fail on bytes that are not there
            raise DataError(f"{self.name}: '{name}' is damaged ({error}).") from error
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


def _npz(path: Path, name: str, hdu: int | None) -> _Arrays:
    found: dict[str, Any] = {}
    try:
        with zipfile.ZipFile(path) as archive:
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
        first = (str(error).splitlines() or [""])[0][:150].rstrip(".")
        raise DataError(f"{name} cannot be read as npz: {first}.") from error
    return _Arrays(name, found)


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
    if fortran or member.compress_type != zipfile.ZIP_STORED or 0 in shape or not shape:
        with archive.open(member) as stream:
            return np.lib.format.read_array(stream, allow_pickle=False)
    with path.open("rb") as file:
        file.seek(member.header_offset)
        local = file.read(30)  # its last four bytes: the lengths of name and extra field
    begin = member.header_offset + 30 + sum(struct.unpack("<HH", local[26:]))
    return _OnDisk(path, begin + header, dtype, shape)


def _hdf5(path: Path, name: str, hdu: int | None) -> _Arrays:
    import h5py

    if not path.exists():
        raise DataError(f"There is no file {path}.")
    found: dict[str, Any] = {}
    units: dict[str, str] = {}

    def note(key: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            found[key] = item
            unit = item.attrs.get("unit", item.attrs.get("units"))
            if isinstance(unit, str | bytes):
                units[key] = unit if isinstance(unit, str) else unit.decode("utf-8", "replace")

    try:
        h5py.File(path, "r").visititems(note)
    except OSError as error:
        raise DataError(f"{name} cannot be read as HDF5: {error}.") from error
    return _Arrays(name, found, units)


def _fits(path: Path, name: str, hdu: int | None) -> _Arrays:
    from astropy.io import fits

    if not path.exists():
        raise DataError(f"There is no file {path}.")
    found: dict[str, Any] = {}
    units: dict[str, str] = {}
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for index, part in enumerate(fits.open(path, memmap=False)):
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
    except Exception as error:  # whatever astropy raises on bytes that are not FITS
        first = (str(error).splitlines() or [type(error).__name__])[0][:150].rstrip(". ")
        raise DataError(f"{name} is no readable FITS file: {first}.") from error
    return _FitsArrays(name, found, units)


_OPENERS = {"npz": _npz, "hdf5": _hdf5, "fits_images": _fits}
