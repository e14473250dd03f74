"""Images in the cells of a Parquet table: the bytes of one file an object, as they are.

A cell holds a JPEG, PNG or FITS file as binary, or as a record with the field `bytes`, as the
libraries of machine learning write it. Row groups are read one after the other.
"""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from skybind.errors import DataError
from skybind.files import raise_of_machine
from skybind.ingest.names import first_rows, object_names
from skybind.ingest.observation_spec import ImageSpec
from skybind.ingest.observed import settle
from skybind.ingest.readers.long import unknown_object
from skybind.ingest.readers.pictures import ImageFiles
from skybind.ingest.readers.registry import ImageFunction, ImageRequest, image_reader
from skybind.ingest.readers.values import flat_values
from skybind.ingest.readers.weighed import WeighedParquet
from skybind.words import nearest

#: How files of images begin.
BEGINNINGS = {
    b"\xff\xd8\xff": "jpeg",
    b"\x89PNG\r\n\x1a\n": "jpeg",
    b"SIMPLE  =": "fits",
    b"\x1f\x8b": "fits",
}


class ImageCells(ImageFiles):
    """The images in a binary column of a table.

    Parameters
    ----------
    spec : ImageSpec
        With a Parquet file, its column `id` and its column `array`.
    base : Path
        Folder that the mapping's paths are relative to.
    modality : str
        Name of the observation, for the quarantine.
    columns : mapping of str to ndarray of str, shape (n,)
        `id`, the names of the objects.

    Raises
    ------
    DataError
        If the table cannot be read, lacks a column, or that of the images is not binary.
    """

    def __init__(
        self, spec: ImageSpec, base: Path, modality: str, columns: Mapping[str, np.ndarray]
    ) -> None:
        assert spec.file is not None
        assert spec.array is not None
        assert spec.id is not None
        self.spec = self.mapped = spec
        self.stored = settle(spec)
        self.modality, self.path, self.file = modality, base / spec.file, spec.file
        self.request = ImageRequest(spec.bands, spec.hdu)
        self._parquet = self._open()
        self._first = np.cumsum(
            [0, *(self._parquet.metadata.row_group(i).num_rows for i in range(self._groups))]
        )
        self._held: tuple[int, pa.ChunkedArray] | None = None
        self.quarantine = []
        self.files = self._by_name(columns["id"])
        self.layout = self._layout()
        self.names = list(self.layout.bands)

    @property
    def _groups(self) -> int:
        return int(self._parquet.num_row_groups)

    @property
    def _column(self) -> str:
        assert self.mapped.array is not None
        return self.mapped.array.column

    def source(self, row: int) -> str:
        """Where the image of an object is, for the quarantine."""
        return f"{self.file}, {self.files[row]}" if self.files[row] else ""

    def _order(self, rows: np.ndarray) -> list[int]:
        """As the cells stand, so that a row group is read once for all its objects."""
        return sorted(super()._order(rows), key=lambda i: _number(self.files[rows[i]]))

    def _open(self) -> pq.ParquetFile:
        try:
            table = WeighedParquet(self.path, str(self.file))
        except FileNotFoundError:
            raise DataError(f"There is no file {self.path} ({self.modality}).") from None
        except (OSError, pa.ArrowException) as error:
            raise_of_machine(error)
            raise DataError(
                f"{self.file} cannot be read as Parquet ({error}): images in the cells of a table "
                "are read from Parquet alone."
            ) from error
        schema = table.schema_arrow
        for name in (self._column, str(self.spec.id)):
            if name not in schema.names:
                raise DataError(
                    f"{self.file} has no column '{name}': {nearest(name, schema.names)}"
                )
        kind = schema.field(self._column).type
        if pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0:
            kind = kind.field("bytes").type
        if not (pa.types.is_binary(kind) or pa.types.is_large_binary(kind)):
            raise DataError(
                f"{self.file}: the column '{self._column}' holds {kind}, not the bytes of image "
                "files."
            )
        return table

    def _by_name(self, object_id: np.ndarray) -> list[str]:
        """Return 'row N' (from 1) for each object, "" where it has no image."""
        column = self._parquet.read([str(self.spec.id)])[str(self.spec.id)]
        names = object_names(flat_values(column), f"{self.file}, column '{self.spec.id}'")
        first, nameless, repeated = first_rows(names)
        place = {name: f"row {row + 1}" for name, row in first.items()}
        for row in nameless:
            self.quarantine.append(self.row("", f"row {row + 1}", "no name"))
        for row in repeated:
            reason = f"the name occurs twice: its first row counts ({place[names[row]]})"
            self.quarantine.append(self.row(names[row], f"row {row + 1}", reason))
        wanted = object_id.tolist()
        for name in sorted(place.keys() - set(wanted)):
            self.quarantine.append(self.row(name, place[name], unknown_object(self.spec)))
        files = [place.get(name, "") for name in wanted]
        if not any(files):
            here = next(iter(place), "")
            raise DataError(
                f"{self.file} has no image of any object: the first object is "
                f"'{next(iter(wanted), '')}', the first name in column '{self.spec.id}' is "
                f"'{here}'."
            )
        empty = self._empty()
        return ["" if name and empty[_number(name)] else name for name in files]

    def _empty(self) -> np.ndarray:
        """Whether a row holds no image: null, or no bytes."""
        parts = []
        for group in range(self._groups):
            cells = self._cells(group)
            parts.append(pc.fill_null(pc.equal(pc.binary_length(cells), 0), True).to_numpy())
        return np.concatenate(parts) if parts else np.zeros(0, bool)

    def _cells(self, group: int) -> pa.ChunkedArray:
        """Read the images of one row group, unless they are at hand."""
        if self._held is None or self._held[0] != group:
            try:
                cells = self._parquet.read_row_group(group, [self._column])[self._column]
            except (OSError, pa.ArrowException) as error:
                raise_of_machine(error)
                raise DataError(f"{self.file}: '{self._column}' is damaged ({error}).") from error
            if pa.types.is_struct(cells.type):
                cells = pc.struct_field(cells, "bytes")
            self._held = group, cells
        return self._held[1]

    def bytes_of(self, name: str) -> bytes:
        """Give the bytes of a cell."""
        row = _number(name)
        group = int(np.searchsorted(self._first, row, side="right")) - 1
        data: bytes = self._cells(group)[row - int(self._first[group])].as_py()
        return data

    def _reader(self, name: str, data: bytes) -> ImageFunction:
        for beginning, format in BEGINNINGS.items():
            if data.startswith(beginning):
                return image_reader(name, format)
        raise DataError(f"{name} of {self.file} is no JPEG, PNG or FITS file.")

    def row(self, object_id: str, name: str, reason: str) -> dict[str, str]:
        """Give the row of the quarantine for a cell."""
        source = f"{self.file}, {name}"
        return {**super().row(object_id, name, reason), "source": source}


def _number(name: str) -> int:
    """Place of a row, from 0, of its name 'row N'."""
    return int(name.removeprefix("row ")) - 1
