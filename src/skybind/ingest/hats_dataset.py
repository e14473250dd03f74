"""A dataset that was exported as a HATS catalogue, read as it lies."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path

import pyarrow as pa

from skybind.data.dataset import Dataset
from skybind.data.nested import from_nested, listed_type
from skybind.data.partitioned import PartitionedSource
from skybind.data.schema import ID, METADATA_KEY, DatasetSchema
from skybind.data.sources import Change, ChangedSource, parts_in, readable
from skybind.errors import DataError
from skybind.ingest.readers.hats import (
    beside,
    catalogue_folder,
    check_rows,
    hats_partitions,
    unplaced_files,
)
from skybind.ingest.readers.weighed import unpacked_by
from skybind.parquet import read_footer, read_schema
from skybind.record import read_record, write_sealed
from skybind.weighing import Weigher

#: Column of the cells of order 29, and of an object's place in the dataset.
CELL, ROW = "_healpix_29", "skybind_row"
#: Note of how the dataset lay on disk.
STORED = "stored.json"
#: Name of a file of objects, in no other folder.
_PART = re.compile(r"[^./\\:\0][^/\\:\0]*\.parquet")


@dataclass(frozen=True)
class Stored:
    """How a dataset lay on disk.

    Attributes
    ----------
    columns : list of str
        Of the files of objects; the others were computed, and stand in files of their own.
    parts : list of (str, int, int)
        Name, objects, and objects of a row group of each file.
    """

    columns: list[str]
    parts: list[tuple[str, int, int]]

    @classmethod
    def of(cls, dataset: Dataset) -> "Stored":
        """Look at a dataset on disk."""
        parts = []
        for path in parts_in(dataset.path):
            said = read_footer(path)
            group = said.row_group(0).num_rows if said.num_row_groups else 1
            parts.append((path.name, said.num_rows, group))
        schema = read_schema(path)
        return cls(schema.names, parts)

    @classmethod
    def read(cls, folder: Path) -> "Stored":
        """Read what was noted at the export.

        Raises
        ------
        DataError
            If the catalogue is none that skybind made, or its note is damaged.
        """
        path = beside(folder) / STORED
        again = "export the dataset again, or import the catalogue by a mapping"
        try:
            found = read_record(path, cls, again)
        except (FileNotFoundError, NotADirectoryError) as error:
            raise DataError(
                f"{folder} was not made by 'skybind data export --hats', or lacks its folder "
                f"'{path.parent.name}': import it by a mapping, as a table in parts."
            ) from error
        names = [name for name, _, _ in found.parts]
        # they are written to, and read in the order of their names
        if names != sorted(set(names)) or not all(map(_PART.fullmatch, names)):
            raise DataError(f"{path} is damaged (names of files): {again}.")
        if any(n < 0 for _, n, _ in found.parts):
            raise DataError(f"{path} is damaged (numbers of objects): {again}.")
        return found

    @property
    def objects(self) -> int:
        """Number of objects, those without a position among them."""
        return sum(n for _, n, _ in self.parts)

    def check(self, folder: Path, objects: int) -> None:
        """Refuse a catalogue that has lost objects, or has more than were exported.

        Raises
        ------
        DataError
        """
        if objects != self.objects:
            raise DataError(
                f"{folder} holds {objects:,} of {self.objects:,} objects: was it copied whole?"
            )

    def write(self, folder: Path) -> None:
        """Write it into the folder beside the catalogue."""
        write_sealed(folder / STORED, asdict(self))


def open_exported(folder: Path) -> Dataset | None:
    """Open a HATS catalogue that was a dataset, as one; None if it is another's.

    Its objects are in the order of the sky, those without a position after the others.

    Raises
    ------
    DataError
        If it is damaged, or objects are lost.
    """
    files, stated = hats_partitions(folder)
    lost = unplaced_files(folder)
    with readable(f"The HATS catalogue at {folder}"):
        schema = read_schema(files[0])
        if METADATA_KEY not in (schema.metadata or {}):
            return None
        of = catalogue_folder(folder)[1].get("skybind_dataset", "")
        source = PartitionedSource(files, of, lost)
        placed = 0
        for path, said in source.footers():
            placed += 0 if path in lost else said.num_rows
            unpacked_by(Weigher(path, said, str(path)), at_once=False)
        check_rows(folder, placed, stated)
        if (beside(folder) / STORED).is_file():
            Stored.read(folder).check(folder, len(source))
    known = DatasetSchema.from_arrow(schema, str(folder)).select(schema.names)
    visits = known.with_role("visits")
    if not visits:
        return Dataset(folder, known, source)
    changes = {name: Change(name, schema.field(name).type) for name in known.columns}
    changes |= {n: Change(n, listed_type(schema.field(n).type), from_nested) for n in visits}
    return Dataset(folder, known, ChangedSource(source, changes))


def dataset_of(table: pa.Table, where: str) -> Dataset | None:
    """Give some rows of such a catalogue as a dataset; None if they are of another's.

    Parameters
    ----------
    table : pyarrow.Table
    where : str
        What messages call it.
    """
    if METADATA_KEY not in (table.schema.metadata or {}) or ID not in table.column_names:
        return None
    schema = DatasetSchema.from_arrow(table.schema, f"The {where}").select(table.column_names)
    return Dataset.from_table(listed(table, schema), schema, where)


def listed(table: pa.Table, schema: DatasetSchema) -> pa.Table:
    """Give visits as a dataset has them."""
    for name in schema.with_role("visits"):
        place = table.column_names.index(name)
        table = table.set_column(place, name, from_nested(table[name]))
    return table
