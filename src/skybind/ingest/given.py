"""What an astronomer holds, made to fit a model (docs/given.md). It may be

- a dataset, or its folder: it is read in pieces, as it is asked for;
- a table whose rows are objects: astropy's, a data frame of pandas or nested-pandas, a table of
  pyarrow, or whatever else gives Arrow columns. Light curves and spectra are columns of lists or
  arrays (`time`, `flux`, `flux_err` ..., also `photometry_flux` or `spectrum_flux`), or one column
  of records (`photometry`); images are columns of arrays (bands, y, x); numbers of the catalogue
  have the names that the model knows;
- a long table, one row an epoch or pixel, with the objects' names in a column, or of one object
  without;
- the folder of a HATS catalogue, one row an object;
- a list of files, each of one observation, or a file with any of these tables;
- arrays by name, of one object or of several.

Objects are named by a column object_id, id, name or source_id, or the index of a data frame, or
the file, or else by the number of their row.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.data.dataset import Dataset
from skybind.data.schema import ID, METADATA_KEY, DatasetSchema
from skybind.data.sources import MemorySource
from skybind.errors import DataError
from skybind.ingest.frames import frame_of, frame_of_observations
from skybind.ingest.given_dataset import take_dataset
from skybind.ingest.given_files import are_files, take_file, take_files, take_named_files
from skybind.ingest.given_rows import Given
from skybind.ingest.given_table import take_frame
from skybind.ingest.hats_dataset import open_exported
from skybind.ingest.readers.hats import hats_pieces, is_hats
from skybind.ingest.wanted import Wanted

__all__ = ["Given", "take_given"]


def take_given(
    data: Any = None,
    *,
    wanted: Mapping[str, Wanted],
    units: Mapping[str, Any] | None = None,
    **observations: Any,
) -> Given:
    """Make anything that holds observations fit a model.

    Rows keep their order. Units are checked and converted; what has none is taken as in the
    model's, and `notes` say so. A row that cannot be used stays, with its reason.

    Parameters
    ----------
    data : optional
        A dataset or its folder, a table, a file, or a list of files (see this module).
    wanted : mapping of str to Wanted
        What the model reads of each modality (`wanted_modalities`).
    units : mapping, optional
        Units of a table or of arrays, by column, or by modality and column:
        `{"photometry": {"flux": "uJy"}}`. They count more than those that are stated.
    **observations
        One observation a modality as named arrays, in place of `data`:
        `photometry={"time": t, "magnitude": m, "magnitude_err": e}`, `metadata={"parallax": 1.2}`,
        `image={"g": plane, "r": plane}` or an array (bands, y, x); or a list of such, None where
        an object has none; or files, `photometry=["a.csv", "b.csv"], spectrum=["a.fits", None]`.
        `object_id`, `ra` and `dec` may be given too.

    Returns
    -------
    Given

    Raises
    ------
    DataError
        If nothing in it can be used, a column's unit does not fit, or it is not clear which
        columns are meant.
    """
    if isinstance(data, Mapping) and not observations:
        data, observations = None, dict(data)
    if (data is None) == (not observations):
        raise DataError(
            "Give either data (a dataset, a table, files) or observations by name "
            "(photometry={...}), not both and not neither."
        )
    if observations and are_files(observations):
        if units:
            raise DataError("Units are given of tables and arrays: files state their own.")
        return take_named_files(observations, wanted)
    if observations:
        return take_frame(frame_of_observations(observations, wanted), wanted, units)
    return _take_data(data, wanted, units)


def _take_data(data: Any, wanted: Mapping[str, Wanted], units: Mapping[str, Any] | None) -> Given:
    """Make a table, files or a dataset fit a model."""
    if isinstance(data, pa.Table) and not units:
        data = _as_dataset(data)
    if isinstance(data, str | Path) and Path(data).is_dir() and is_hats(Path(data)):
        return _take_hats(Path(data), wanted, units)
    frame = frame_of(data)
    if frame is not None:
        return take_frame(frame, wanted, units)
    if isinstance(data, str | Path) and Path(data).is_file():
        return take_file(Path(data), wanted, units)
    if units:
        raise DataError("Units are given of tables and arrays: datasets and files state their own.")
    if isinstance(data, str | Path):
        data = Dataset.open(data)
    if isinstance(data, Dataset):
        return take_dataset(data, wanted)
    if isinstance(data, Sequence) and all(isinstance(path, str | Path) for path in data):
        return take_files([Path(path) for path in data], wanted)
    raise DataError(
        f"A {type(data).__name__} cannot be read: give a dataset or its folder, a table of "
        "astropy, pandas or pyarrow, a list of files, or arrays by name (photometry={...})."
    )


def _take_hats(
    folder: Path, wanted: Mapping[str, Wanted], units: Mapping[str, Any] | None
) -> Given:
    """Make a HATS catalogue fit a model: one that was a dataset as one, any other as a table.

    Batches end where partitions do, as they do where these are worked on one by one.
    """
    dataset = None if units else open_exported(folder)
    if dataset is not None:
        return take_dataset(dataset, wanted)
    table, rows = hats_pieces(folder)
    frame = frame_of(table)
    assert frame is not None
    given = take_frame(frame, wanted, units)
    ends = np.cumsum(rows)
    made = given.dataset
    if len(made) == ends[-1]:  # otherwise the rows were measurements
        pieces = MemorySource(made.source.table(made.columns), np.r_[0, ends[:-1]])
        given.dataset = Dataset(made.path, made.schema, pieces)
    return given


def _as_dataset(table: pa.Table) -> pa.Table | Dataset:
    """Give a table of a dataset's files as a dataset, where it holds visits; any other as it is.

    A table has one row of lists an object, of which one that is wrong spoils no other.
    """
    if METADATA_KEY not in (table.schema.metadata or {}) or ID not in table.column_names:
        return table
    schema = DatasetSchema.from_arrow(table.schema, "The table")
    names = set(table.column_names)
    if not names <= set(schema.columns) or not names & set(schema.with_role("visits")):
        return table
    return Dataset.from_table(table, schema.select(table.column_names))
