"""A dataset that was exported as a HATS catalogue: read as it lies, or made the dataset again."""

import json
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skybind.data.dataset import Dataset
from skybind.data.nested import from_nested, listed_type
from skybind.data.partitioned import PartitionedSource
from skybind.data.schema import ID, METADATA_KEY, DatasetSchema
from skybind.data.sources import Change, ChangedSource, readable
from skybind.data.spread import Spread
from skybind.data.write import ROW_GROUP, named_by_arrow, part_writer, refuse_place
from skybind.errors import DataError
from skybind.files import atomic_path, raise_of_machine
from skybind.ingest.build import ImportSummary
from skybind.ingest.readers.hats import catalogue_folder, hats_files
from skybind.parquet import open_parquet
from skybind.progress import progress_bar

#: Column of the cells of order 29, and of an object's place in the dataset.
CELL, ROW = "_healpix_29", "skybind_row"
#: Name of the reader that makes the dataset again.
READER = "hats"
#: Folder beside the catalogue.
BESIDE = "skybind"


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
        for path in sorted((dataset.path / "objects").glob("*.parquet")):
            said = pq.read_metadata(path)
            group = said.row_group(0).num_rows if said.num_row_groups else 1
            parts.append((path.name, said.num_rows, group))
        schema = pq.read_schema(path)
        return cls(schema.names, parts)

    @classmethod
    def read(cls, folder: Path) -> "Stored":
        """Read what was noted at the export.

        Raises
        ------
        DataError
            If the catalogue is none that skybind made.
        """
        path = folder / BESIDE / "stored.json"
        try:
            note = json.loads(path.read_text("utf-8"))
            parts = [(str(name), int(n), int(group)) for name, n, group in note["parts"]]
            return cls(list(note["columns"]), parts)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise_of_machine(error)
            raise DataError(
                f"{folder} was not made by 'skybind data export --hats', or lacks its folder "
                f"'{BESIDE}': import it by a mapping, as a table in parts."
            ) from error

    def note(self) -> dict[str, Any]:
        """Give it as plain values."""
        return {"columns": self.columns, "parts": self.parts}


def unplaced_file(folder: Path) -> Path:
    """Give the table of the objects without a position, as an export has it."""
    return folder / BESIDE / "unplaced.parquet"


def open_exported(folder: Path) -> Dataset | None:
    """Open a HATS catalogue that was a dataset, as one; None if it is another's.

    Its objects are in the order of the sky; those without a position are not among them.
    """
    files = hats_files(folder)
    with readable(f"The HATS catalogue at {folder}"):
        schema = pq.read_schema(files[0])
        if METADATA_KEY not in (schema.metadata or {}):
            return None
        source = PartitionedSource(files)
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
    return Dataset.from_table(_listed(table, schema), schema, where)


def _listed(table: pa.Table, schema: DatasetSchema) -> pa.Table:
    """Give visits as a dataset has them."""
    for name in schema.with_role("visits"):
        place = table.column_names.index(name)
        table = table.set_column(place, name, from_nested(table[name]))
    return table


def restore(folder: str | Path, out: str | Path, overwrite: bool = False) -> ImportSummary:
    """Make the dataset of which a HATS catalogue was exported, with its splits and all.

    Objects, order and values are the same, and so is the fingerprint, where the same versions of
    skybind and pyarrow write it.

    Parameters
    ----------
    folder : str or Path
        What `skybind data export --hats` wrote.
    out : str or Path
        Folder of the dataset.
    overwrite : bool
        Replace a dataset there.

    Raises
    ------
    DataError
        If the catalogue is another's or not whole, or `out` cannot be used.
    """
    folder, out = Path(folder), Path(out)
    refuse_place(out, overwrite)
    catalogue_folder(folder)
    stored = Stored.read(folder)
    files = hats_files(folder)
    if unplaced_file(folder).exists():
        files.append(unplaced_file(folder))
    n = sum(rows for _, rows, _ in stored.parts)
    schema, known = _schema(files[0], stored)
    ends = np.cumsum([0, *(rows for _, rows, _ in stored.parts)])
    with atomic_path(out) as made:
        shutil.copytree(folder / BESIDE, made, ignore=_ours)
        (made / "objects").mkdir()
        rows = Spread(made / ".rows", len(stored.parts), schema.append(pa.field(ROW, pa.int64())))
        done = 0
        with progress_bar("importing", n) as report:
            for table in _rows(files, [*stored.columns, ROW], known):
                place = np.searchsorted(ends, table[ROW].to_numpy(), "right") - 1
                rows.add(table.replace_schema_metadata(schema.metadata).cast(rows.schema), place)
                report(done := done + len(table))
            if done != n:
                raise DataError(f"{folder} holds {done:,} of {n:,} objects: was it copied whole?")
            _write_parts(made / "objects", stored, ends, rows)
        shutil.rmtree(made / ".rows")
    dataset = Dataset.open(out)
    observed = {name: int(dataset.present(name).sum()) for name in dataset.schema.modalities}
    return ImportSummary(len(dataset), observed)


def _rows(
    files: Sequence[Path], columns: Sequence[str], known: DatasetSchema
) -> Iterator[pa.Table]:
    """Read files of a catalogue, some objects at a time."""
    for path in files:
        with open_parquet(path) as file:
            for batch in file.iter_batches(ROW_GROUP, columns=list(columns)):
                yield _listed(pa.Table.from_batches([batch]), known)


def _write_parts(folder: Path, stored: Stored, ends: np.ndarray, rows: Spread) -> None:
    """Write the files of objects as they were."""
    bounds = pairwise(ends.tolist())
    for (name, _, group), (first, last), table in zip(
        stored.parts, bounds, rows.parts(), strict=True
    ):
        number = table[ROW].to_numpy()
        order = np.argsort(number)
        if not np.array_equal(number[order], np.arange(first, last)):
            raise DataError(f"The catalogue lacks objects of {name}, or has some twice.")
        part = table.take(pa.array(order)).drop_columns([ROW]).combine_chunks()
        with part_writer(folder / name, part.schema) as writer:
            writer.write_table(part, group)


def _schema(path: Path, stored: Stored) -> tuple[pa.Schema, DatasetSchema]:
    """Give the schema of the dataset's own files."""
    schema = pq.read_schema(path)
    known = DatasetSchema.from_arrow(schema, str(path)).select(stored.columns)
    kinds = _listed(schema.empty_table(), known).schema
    fields = [(name, named_by_arrow(kinds.field(name).type)) for name in stored.columns]
    return pa.schema(fields, metadata=known.to_metadata()), known


def _ours(at: str, names: list[str]) -> list[str]:
    return [name for name in names if name in ("stored.json", "unplaced.parquet")]
