"""Files that hold arrays with one row an object: npz, HDF5, FITS images.

Spectra (n, pixels) with their wavelengths (pixels,) or (n, pixels); images (n, bands, y, x) or
(n, y, x, bands). HDF5 and FITS are read some rows at a time.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from skybind.data.units import image_unit
from skybind.errors import DataError
from skybind.ingest.file_spec import stack_format
from skybind.ingest.flagged import flag_columns
from skybind.ingest.name_column import Names
from skybind.ingest.names import first_rows, object_names, refuse_no_common_name
from skybind.ingest.observation_spec import ImageSpec, ObservationSpec
from skybind.ingest.observed import Stored, observation_fields, settle
from skybind.ingest.plan import quarantine_row
from skybind.ingest.readers.arrays import OPENERS, Arrays, DamagedRowsError
from skybind.ingest.readers.contents import read_bytes
from skybind.ingest.readers.fits_image import bands_of, pixel_scale
from skybind.ingest.readers.long import Rows, unknown_object
from skybind.ingest.readers.pictures import ImageLayout, layout_of
from skybind.ingest.readers.sentinels import stands_for_missing
from skybind.ingest.readers.tables import Table, read_table
from skybind.ragged import Ragged, offsets_of
from skybind.visits import Visits


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
        self.spec, self.modality, self.file, self.base = spec, modality, spec.file, base
        self.arrays = open_arrays(spec, base)
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
            self.place = self._by_name(self._known_names(), object_id)
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

    def read(self, rows: np.ndarray, object_id: np.ndarray | Names) -> tuple[Ragged | Visits, Rows]:
        """Read the observations of some objects; a row that is damaged is set aside."""
        return self._readable(self.place[rows], np.asarray(object_id[rows], object))

    def _readable(
        self, place: np.ndarray, names: np.ndarray, which: list[str] | None = None
    ) -> tuple[Ragged, Rows]:
        """Read rows of the arrays; where one is damaged, row by row, and absent where it is.

        The reasons end in what `which` says of each row.
        """
        try:
            return self._at(place), []
        except DamagedRowsError:
            place, aside = place.copy(), []
        for i in np.flatnonzero(place >= 0).tolist():
            try:
                self._at(place[i : i + 1])
            except DamagedRowsError as error:
                place[i] = -1
                reason = f"{error}{which[i] if which else ''}"
                aside.append(quarantine_row(names[i], self.file, self.modality, reason))
        return self._at(place), aside

    def _at(self, place: np.ndarray) -> Ragged:
        """Read some rows of the arrays; absent where the row is -1."""
        present = place >= 0
        columns = {
            field.column: self._take(field.column, place[present])
            for field in self.spec.fields().values()
            if not field.optional or field.column in self.arrays
        }
        more = flag_columns(self.spec, list(self.arrays))
        columns |= {name: self._take(name, place[present]) for name in more}
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
        offsets = offsets_of(np.where(present, length, 0))
        return Ragged(fields, offsets, present)

    @property
    def observed(self) -> np.ndarray:
        """Which objects have a row, shape (n,)."""
        return self.place >= 0

    def source(self, row: int) -> str:
        """Where the observation of an object comes from, for the quarantine."""
        return self.file

    def _settle(self) -> Stored:
        named = {field.column: np.zeros(0) for field in self.spec.fields().values()}
        known = list(self.arrays)
        return settle(self.spec, Table(self.file, named, self.arrays.units, known=known))

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

    @cached_property
    def _index(self) -> Table:
        """The table with a row for each row of the arrays."""
        index = str(self.spec.index)
        return read_table(read_bytes(self.base / index), index, text=[str(self.spec.id)])

    def of_rows(self, name: str) -> np.ndarray:
        """Read what is said of each row: an array of the file, or a column of its index."""
        return np.asarray(self.arrays[name][()]) if self.spec.index is None else self._index[name]

    def _known_names(self) -> np.ndarray:
        """Names that the rows of the arrays have."""
        names = self.of_rows(str(self.spec.id))
        if names.ndim != 1 or len(names) != self.n:
            raise DataError(
                f"{self.spec.index or self.file}: '{self.spec.id}' does not hold one name for each "
                f"of the {self.n} rows of '{self._main}'."
            )
        if names.dtype.kind == "S":
            names = np.char.decode(names, "utf-8")
        if names.dtype.kind == "O":  # strings of variable length in HDF5
            decoded = [n.decode() if isinstance(n, bytes) else n for n in names.tolist()]
            names = np.asarray(decoded, object)
        return object_names(names, f"{self.file}, '{self.spec.id}'")

    def _by_name(self, known: np.ndarray, object_id: np.ndarray) -> np.ndarray:
        """Row of each object, -1 where it has none."""
        found, nameless, repeated = first_rows(known)
        for row in nameless:
            self._aside("", f"no name (row {row + 1})")
        for name in known[repeated].tolist():
            counts = f"its first row counts (row {found[name] + 1})"
            self._aside(name, f"the name occurs twice: {counts}")
        wanted = object_id.tolist()
        for name in found.keys() - set(wanted):
            self._aside(name, unknown_object(self.spec))
        if wanted and not found.keys() & set(wanted):
            refuse_no_common_name(f"{self.modality}, {self.file}", known, object_id)
        self.quarantine.sort(key=lambda row: row["object_id"])
        return np.asarray([found.get(name, -1) for name in wanted], np.int64)

    def _aside(self, object_id: str, reason: str) -> None:
        row = {"object_id": object_id, "source": self.file, "modality": self.modality}
        self.quarantine.append({**row, "reason": reason})


def open_arrays(spec: ObservationSpec, base: Path) -> Arrays:
    """Open the arrays of a file; only their names and shapes are read.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    file = str(spec.file)
    kind = stack_format(file, spec.format, spec.kind)
    return OPENERS[str(kind)](base / file, file, spec.hdu)


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

    def _at(self, place: np.ndarray) -> Ragged:
        """Read the images at some rows of the array; absent where the row is -1."""
        present = place >= 0
        images = self._take(self._main, place[present])
        if images.ndim == 3:
            images = images[:, None]
        planes = np.moveaxis(images, 3 if self._last else 1, 0)
        lengths = np.where(present, planes.shape[2] * planes.shape[3], 0)
        assert self.mapped.array is not None
        planes = np.where(stands_for_missing(planes, self.mapped.array.missing), np.nan, planes)
        fields = {
            band: planes[self.file_bands.index(band)].astype(np.float32).ravel()
            * np.float32(self.factor)
            for band in self.layout.bands
        }
        return Ragged(fields, offsets_of(lengths), present)
