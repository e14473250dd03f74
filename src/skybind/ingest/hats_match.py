"""A HATS catalogue as the second of a match by position: LSDB reads only what is near the first.

With the extra `hats`, and where nothing of the catalogue has to be moved; what is near is then
matched as any table is.
"""

import warnings
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skybind.data.sky import unit_vectors
from skybind.ingest.catalogues import Catalogue, Places, hats_columns, places_of
from skybind.ingest.chance import extent_of
from skybind.ingest.frames import Frame
from skybind.ingest.readers.hats import catalogue_folder, hats_files, is_hats, unplaced_files
from skybind.ingest.readers.values import flat_values
from skybind.ingest.readers.weighed import WeighedParquet
from skybind.parquet import read_footer, read_schema

#: Larger radii are matched in memory: for LSDB they may be wider than its cells [arcsec].
WIDEST = 60.0
#: What is taken more than the radius: the match itself decides on the edge [arcsec].
_MORE = 1e-3


class NearHats:
    """A HATS catalogue, of which the objects near given positions are read.

    Parameters
    ----------
    spec : Catalogue
        Its source is the folder.
    which : str
        What the user calls it, such as B.
    """

    def __init__(self, spec: Catalogue, which: str) -> None:
        folder = Path(spec.source)
        self.folder = catalogue_folder(folder)[0]
        self.which, self.name = which, f"{which} ({folder})"
        self.spec, self.columns = hats_columns(spec)
        self.files = hats_files(folder)
        self.lost = sum(read_footer(path).num_rows for path in unplaced_files(folder))
        self.total = 0
        for path in self.files:
            with WeighedParquet(path, str(path)) as file:
                file.unpacked(self.columns)
                self.total += file.metadata.num_rows

    def near(self, vectors: np.ndarray, radius: float) -> Places:
        """Read the objects within a radius of any position, perhaps a little more.

        Parameters
        ----------
        vectors : ndarray, shape (n, 3)
            Unit vectors.
        radius : float
            [arcsec].
        """
        table = self._table(vectors, radius)
        frame = Frame(str(self.spec.source), len(table))
        for name in self.columns:
            frame.flat[name] = flat_values(table[name])
        found = places_of(self.spec, frame, self.which) if len(table) else self.nothing()
        found.unread = self.total - len(table)
        if self.lost:
            found.notes.append(f"{self.lost:,} without a position in {self.name}.")
        return found

    def nothing(self) -> Places:
        """Give the catalogue without any object."""
        none, epoch = np.zeros(0), self.spec.epoch
        kept = float(epoch) if isinstance(epoch, int | float) else None
        return Places(self.name, none.astype(object), none, none, epoch=kept)

    def extent(self, enough: float) -> float:
        """Largest distance of a position from the middle of all, or what is known to be `enough`.

        Both in arcsec.
        """
        low, high = np.inf, -np.inf
        for path in self.files:
            for group in _groups(read_footer(path)):
                found = [group.column(i) for i in range(group.num_columns)]
                said = next(c.statistics for c in found if c.path_in_schema == self.spec.dec)
                if said is not None and said.has_min_max:
                    low, high = min(low, said.min), max(high, said.max)
        if (high - low) / 2 * 3600 >= enough:
            return float((high - low) / 2 * 3600)
        names = [str(self.spec.ra), str(self.spec.dec)]
        tables = [WeighedParquet(path, str(path)).read(names) for path in self.files]
        ra, dec = (pa.concat_tables(tables)[name].to_numpy() for name in names)
        return extent_of(unit_vectors(ra, dec))

    def _table(self, vectors: np.ndarray, radius: float) -> pa.Table:
        import lsdb
        import pandas as pd

        none = read_schema(self.files[0]).empty_table().select(self.columns)
        if not len(vectors):
            return none
        ra = np.degrees(np.arctan2(vectors[:, 1], vectors[:, 0])) % 360
        dec = np.degrees(np.arctan2(vectors[:, 2], np.hypot(vectors[:, 0], vectors[:, 1])))
        points = pd.DataFrame({"ra": ra, "dec": dec})
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            # the catalogue stands on the left: the margin that is needed is that of the positions
            margin = 2 * (radius + _MORE)
            others = lsdb.from_dataframe(points, catalog_name="positions", margin_threshold=margin)
            catalogue = lsdb.open_catalog(str(self.folder), columns=self.columns)
            try:
                found = catalogue.crossmatch(
                    others, n_neighbors=1, radius_arcsec=radius + _MORE, log_changes=False,
                    suffixes=("", "_of_positions"), suffix_method="all_columns",
                )  # fmt: skip
            except RuntimeError as error:
                if "do not overlap" in str(error):
                    return none
                raise
            frame = found.compute(progress_bar=False)[self.columns]
        return pa.Table.from_pandas(frame, preserve_index=False)


def near_hats(given: object, which: str, radius: float) -> NearHats | None:
    """Give a catalogue that LSDB can read near positions; None for any other.

    Parameters
    ----------
    given : Catalogue, or what its `source` may be
    which : str
        What the user calls it.
    radius : float
        [arcsec].
    """
    spec = given if isinstance(given, Catalogue) else Catalogue(given)
    if not isinstance(spec.source, str | Path) or not is_hats(Path(spec.source)):
        return None
    moving = spec.pm is not None or isinstance(spec.epoch, str)
    if moving or spec.ra or spec.dec or radius > WIDEST or find_spec("lsdb") is None:
        return None
    return NearHats(spec, which)


def _groups(metadata: pq.FileMetaData) -> list[pq.RowGroupMetaData]:
    return [metadata.row_group(i) for i in range(metadata.num_row_groups)]
