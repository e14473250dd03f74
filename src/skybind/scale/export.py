"""A dataset as a HATS catalogue: partitions by the sky, nested columns, a margin; and all of it.

    OUT/
      collection.properties
      NAME/                 the objects: dataset/Norder=k/Dir=d/Npix=n.parquet, hats.properties ...
      NAME_10arcs/          the margin of each partition: objects just outside it
      skybind/              what HATS has no place for: splits, quarantine, how it was stored

The columns are those of the dataset, as they are stored, with units and the schema of skybind's in
the metadata. `skybind.ingest.hats_restored.restore` makes the same dataset of it.
"""

import shutil
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skybind.data.cone import known_positions
from skybind.data.dataset import Dataset
from skybind.data.healpix import FINEST, Cell, cells_of, finest_part, near_others, part_of, parted
from skybind.data.nested import nested_type, to_nested
from skybind.data.schema import DEC, RA
from skybind.data.spread import Spread
from skybind.data.write import group_rows
from skybind.errors import ConfigError, DataError
from skybind.files import atomic_path, check_name, write_text
from skybind.ingest.hats_dataset import CELL, ROW, Stored
from skybind.ingest.readers.hats import BESIDE, UNPLACED
from skybind.parquet import TableWriter, read_footer, write_footer, write_parquet
from skybind.progress import progress_bar
from skybind.version import __version__

#: Bytes of a partition, before compression, that are aimed at.
PARTITION_BYTES = 64 * 2**20
#: Objects that are read at once.
_CHUNK = 1024


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes
    ----------
    out : Path
    objects, partitions, in_margins, unplaced : int
        Objects in all, partitions, rows of margins, and objects without a position, which are kept
        beside the catalogue.
    """

    out: Path
    objects: int
    partitions: int
    in_margins: int
    unplaced: int

    @property
    def text(self) -> str:
        """What was written, in sentences."""
        said = f"{self.objects:,} objects are in {self.partitions:,} partitions in {self.out}"
        said += f", {self.in_margins:,} of them in margins too." if self.in_margins else "."
        if self.unplaced:
            said += (
                f" {self.unplaced:,} more have no position, so that LSDB does not see them: they "
                "are kept beside the catalogue, and come back with the reader 'hats'."
            )
        return said


def export_hats(
    data: str | Path, out: str | Path, *, rows: int | None = None, margin: float = 10.0
) -> Exported:
    """Write a dataset as a HATS catalogue, which LSDB opens; it appears when it is whole.

    Memory is that of a partition, of some objects that are read at a time, and 40 bytes an object.

    Parameters
    ----------
    data : str or Path
        Folder of the dataset.
    out : str or Path
        A new folder.
    rows : int, optional
        Most objects of a partition; by default as many as take 64 MB in memory. More are where
        smaller ones would be narrower than five margins.
    margin : float
        Width of the margin cache [arcsec], which LSDB needs to match across the edges of
        partitions; 0 for none.

    Raises
    ------
    ConfigError
        If a number does not fit.
    DataError
        If something stands at `out`, or the dataset cannot be read or has no positions.
    """
    dataset, out = Dataset.open(data), Path(out)
    if rows is not None and rows < 1:
        raise ConfigError(f"--rows is {rows}: a partition has at least one object.")
    if not 0 <= margin <= 3600:
        raise ConfigError(f"--margin is {margin:g} arcsec: give one from 0 to 3600.")
    if out.exists():
        raise DataError(f"{out} exists already: choose another folder, or remove it.")
    check_name(out.name, "The name of the catalogue")
    for name in (ROW, CELL):
        if name in dataset.columns:
            raise DataError(f"The dataset at {data} has a column '{name}': rename it first.")
    with atomic_path(out) as folder:
        return _Export(dataset, folder, out, rows, margin).write()


class _Export:
    def __init__(
        self, dataset: Dataset, folder: Path, out: Path, rows: int | None, margin: float
    ) -> None:
        self.dataset, self.folder, self.out, self.margin = dataset, folder, out, margin
        self.columns = dataset.arrow_schema.names
        self.visits = dataset.schema.with_role("visits")
        positions = dataset.table([RA, DEC])
        self.ra, self.dec = known_positions(
            *(np.asarray(positions[n].to_numpy(), float) for n in (RA, DEC))
        )
        self.placed = np.isfinite(self.ra) & np.isfinite(self.dec)
        if not self.placed.any():
            raise DataError(f"No object of the dataset at {dataset.path} has a position.")
        self.unplaced = np.flatnonzero(~self.placed)
        self.cells = np.full(len(self.ra), -1, np.int64)
        self.cells[self.placed] = cells_of(self.ra[self.placed], self.dec[self.placed])
        most = rows or self._rows()
        self.parts = parted(np.sort(self.cells[self.placed]), most, finest_part(margin))

    def _rows(self) -> int:
        first = next(self.dataset.iter_tables(self.columns, _CHUNK))
        return max(1, PARTITION_BYTES * len(first) // max(first.nbytes, 1))

    def write(self) -> Exported:
        """Write all of it."""
        schema = self._schema()
        beside = self.folder / BESIDE
        n, n_lost = int(self.placed.sum()), len(self.unplaced)
        hidden = [self.folder / name for name in (".main", ".margin", ".unplaced")]
        counts = (len(self.parts), len(self.parts), -(-n_lost // _CHUNK))
        with ExitStack() as stack:
            main, others, lost = (
                stack.enter_context(Spread(path, count, schema))
                for path, count in zip(hidden, counts, strict=True)
            )
            report, start = stack.enter_context(progress_bar("exporting", len(self.dataset))), 0
            for table in self.dataset.iter_tables(self.columns, _CHUNK):
                self._add(table, start, schema, main, others, lost)
                start += len(table)
                report(start)
        n_margin = 0
        _catalogue(self.folder / self.out.name, self.parts, main, self._said("object"))
        if self.margin:
            said = self._said("margin") | {
                "hats_primary_table_url": self.out.name,
                "hats_margin_threshold": f"{self.margin:g}",
            }
            n_margin = _catalogue(self.folder / self._margin_name, self.parts, others, said)
        self._collection()
        shutil.copytree(
            self.dataset.path, beside, ignore=lambda at, names: _left_out(self.dataset, at, names)
        )
        if n_lost:
            with TableWriter(beside / UNPLACED, schema, compression="zstd") as writer:
                for table in lost.parts():
                    writer.write_table(table, group_rows(table))
        stored = Stored.of(self.dataset)
        stored.write(beside)
        for path in hidden:
            path.unlink()
        return Exported(self.out, n, len(self.parts), n_margin, n_lost)

    def _add(
        self,
        table: pa.Table,
        start: int,
        schema: pa.Schema,
        main: Spread,
        others: Spread,
        lost: Spread,
    ) -> None:
        """Send the rows of a chunk to their partitions and margins."""
        own = slice(start, start + len(table))
        number = pa.array(np.arange(own.start, own.stop))
        columns = [
            to_nested(table[name]) if name in self.visits else table[name] for name in self.columns
        ]
        whole = pa.table([pa.array(self.cells[own]), *columns, number], schema=schema)
        placed = np.flatnonzero(self.placed[own])
        if len(placed) < len(table):
            first, last = np.searchsorted(self.unplaced, [own.start, own.stop])
            rows = whole.take(pa.array(self.unplaced[first:last] - start))
            lost.add(rows, np.arange(first, last) // _CHUNK)
        rows = whole.take(pa.array(placed))
        main.add(rows, part_of(self.cells[own][placed], self.parts))
        if self.margin and len(self.parts) > 1:
            ra, dec = self.ra[own][placed], self.dec[own][placed]
            near, part = near_others(ra, dec, self.parts, self.margin)
            others.add(rows.take(pa.array(near)), part)

    def _schema(self) -> pa.Schema:
        """Columns of the files, with the units that the IVOA's tools look for."""
        fields = [pa.field(CELL, pa.int64())]
        for field in self.dataset.arrow_schema:
            column = self.dataset.schema.columns[field.name]
            kind = nested_type(field.type) if field.name in self.visits else field.type
            said = {"unit": column.unit} if column.unit else None
            fields.append(pa.field(field.name, kind, metadata=said))
        fields.append(pa.field(ROW, pa.int64()))
        return pa.schema(fields, metadata=self.dataset.schema.to_metadata())

    @property
    def _margin_name(self) -> str:
        return f"{self.out.name}_{self.margin:g}arcs".replace(".", "_")

    def _said(self, kind: str) -> dict[str, str]:
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%MUTC")
        name = self.out.name if kind == "object" else self._margin_name
        return {
            "obs_collection": name,
            "dataproduct_type": kind,
            "hats_col_ra": RA,
            "hats_col_dec": DEC,
            "hats_col_healpix": CELL,
            "hats_col_healpix_order": str(FINEST),
            "hats_npix_suffix": ".parquet",
            "hats_builder": f"skybind v{__version__}",
            "hats_creation_date": now,
            "hats_version": "v1.0",
            "skybind_version": __version__,
            "skybind_dataset": self.dataset.fingerprint,
        }

    def _collection(self) -> None:
        said = {"obs_collection": self.out.name, "hats_primary_table_url": self.out.name}
        if self.margin:
            said |= {"all_margins": self._margin_name, "default_margin": self._margin_name}
        _write_properties(self.folder / "collection.properties", said)


def _catalogue(folder: Path, parts: Sequence[Cell], rows: Spread, said: dict[str, str]) -> int:
    """Write one catalogue of the collection; gives the number of its rows."""
    groups: list[pq.FileMetaData] = []
    written: list[Cell] = []
    n = most = 0
    schema = rows.schema
    for part, table in zip(parts, rows.parts(), strict=True):
        if not len(table):
            continue
        order = np.argsort(table[CELL].to_numpy(), kind="stable")
        place = place_of(*part)
        path = folder / "dataset" / place
        path.parent.mkdir(parents=True, exist_ok=True)
        write_parquet(table.take(pa.array(order)), path)
        groups.append(read_footer(path))
        groups[-1].set_file_path(place)
        written.append(part)
        n, most = n + len(table), max(most, len(table))
    root = folder / "dataset"
    root.mkdir(parents=True, exist_ok=True)
    write_footer(schema, root / "_common_metadata")
    write_footer(schema, root / "_metadata", groups)
    listed = "".join(f"{order},{number}\n" for order, number in written)
    write_text(folder / "partition_info.csv", f"Norder,Npix\n{listed}")
    counted = {"hats_nrows": str(n), "hats_max_rows": str(most)}
    _write_properties(folder / "hats.properties", said | counted)
    return n


def place_of(order: int, number: int) -> str:
    """Name the file of a partition in its catalogue."""
    return f"Norder={order}/Dir={number // 10_000 * 10_000}/Npix={number}.parquet"


def _write_properties(path: Path, said: dict[str, str]) -> None:
    write_text(path, "#HATS\n" + "".join(f"{key}={value}\n" for key, value in said.items()))


def _left_out(dataset: Dataset, at: str, names: list[str]) -> list[str]:
    """Name what is not copied: the objects, and what is hidden."""
    own = Path(at) == dataset.path
    return [name for name in names if name.startswith(".") or (own and name == "objects")]
