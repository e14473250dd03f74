"""The dataset: a folder of Parquet (or a table in memory), one row an object."""

import operator
from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from skybind.astropy_tables import to_astropy
from skybind.data.bands import count_bands, name_bands
from skybind.data.computed import ComputedTable, JoinedSource, Tables, open_computed
from skybind.data.flat import flat_array, lengths_of, plotted_array
from skybind.data.objects import SkyObject
from skybind.data.schema import ID, DatasetSchema
from skybind.data.shown import arrow_of, facts_of, title_of
from skybind.data.sources import MemorySource, ParquetSource, Source, object_parts, readable
from skybind.data.stretched import StretchedSource
from skybind.errors import DataError
from skybind.ragged import Ragged
from skybind.tables import to_pandas
from skybind.texts import to_texts
from skybind.visits import NAME, Visits, visits_of
from skybind.words import html_facts, nearest_of_many

if TYPE_CHECKING:
    from astropy.table import Table
    from pandas import DataFrame


class Dataset:
    """A dataset, opened for reading.

    Use `Dataset.open` for one on disk: nothing but the schema is read until it is asked for.

    Parameters
    ----------
    path : Path
        The folder; in memory, the name of what was given.
    schema : DatasetSchema
        Roles, units and provenance of the columns.
    source : Source
        Of the columns.

    Attributes
    ----------
    path, schema
        As above.
    computed : list of ComputedTable
        Where the columns are that were computed from its observations.

    Examples
    --------
    One object, its light curve with units, and the catalogue as a table:

    >>> stars = Dataset.open("survey")  # doctest: +SKIP
    >>> stars["SIM00000001"].photometry.time  # doctest: +SKIP
    >>> stars.to_table(["object_id", "period"])  # doctest: +SKIP
    """

    def __init__(self, path: Path, schema: DatasetSchema, source: Source) -> None:
        self.path = path
        self.schema = schema
        self.computed: list[ComputedTable] = []
        self._source = source

    @classmethod
    def open(cls, path: str | Path, computed: Tables | None = None) -> "Dataset":
        """Open the dataset in folder `path`.

        Parameters
        ----------
        path : str or Path
        computed : sequence of str, Path or ComputedTable, optional
            Tables of computed columns to join; by default those in the dataset's own folder.

        Raises
        ------
        DataError
            If there is no dataset there, or it cannot be read.
        """
        path = Path(path)
        parts = object_parts(path)
        with readable(f"The dataset at {path}"):
            source = ParquetSource(parts)
        schema = DatasetSchema.from_arrow(source.schema, str(path))
        if ID not in source.schema.names:
            raise DataError(f"The dataset at {path} has no column '{ID}'.")
        dataset = cls(path, schema, source)
        dataset._join(open_computed(path, computed))
        return dataset

    @classmethod
    def from_table(cls, table: pa.Table, schema: DatasetSchema, name: str = "table") -> "Dataset":
        """Make a dataset of a table in memory.

        Parameters
        ----------
        table : pyarrow.Table
            As the files of a dataset hold it; `object_id` among its columns.
        schema : DatasetSchema
        name : str
            What messages call it.
        """
        if ID not in table.column_names:
            raise DataError(f"The {name} has no column '{ID}'.")
        return cls(Path(name), schema, MemorySource(table))

    def _join(self, tables: Sequence[ComputedTable]) -> None:
        """Add computed columns, if they are of these very objects."""
        for table in tables:
            if table.fingerprint != self.fingerprint:
                raise DataError(
                    f"The computed columns in {table.path} are of another state of the dataset at "
                    f"{self.path}: delete that file, and make it anew with 'skybind data features'."
                )
            twice = sorted(set(table.columns) & set(self.schema.columns))
            if twice:
                raise DataError(
                    f"The column '{twice[0]}' of {table.path} is in the dataset at {self.path} "
                    "too: delete that file, or name the other column otherwise."
                )
            self.computed.append(table)
            self.schema = self.schema.with_columns(table.columns)
        if tables:
            self._source = JoinedSource(self._source, tables)

    def __len__(self) -> int:
        with self._readable():
            return len(self._source)

    def __getitem__(self, which: str | int) -> SkyObject:
        """Return one object, by its name or by the number of its row.

        Raises
        ------
        DataError
            If there is no object of that name; the nearest is given.
        IndexError
            If there is no such row.
        """
        if isinstance(which, str):
            found = np.flatnonzero(self.object_ids == which)
            if not len(found):
                raise DataError(
                    f"The dataset at {self.path} has no object '{which}': "
                    f"{nearest_of_many(which, self.object_ids)}"
                )
            return SkyObject(self, int(found[0]))
        row = operator.index(which)
        if not -len(self) <= row < len(self):
            raise IndexError(f"There is no row {row}: the dataset has {len(self)} objects.")
        return SkyObject(self, row % len(self))

    def __iter__(self) -> Iterator[SkyObject]:
        return (SkyObject(self, row) for row in range(len(self)))

    def __contains__(self, object_id: object) -> bool:
        return bool(np.any(self.object_ids == object_id))

    def _ipython_key_completions_(self) -> list[str]:
        return list(map(str, self.object_ids[:1000]))

    def __repr__(self) -> str:
        facts = facts_of(self)
        width = max(map(len, facts), default=0)
        lines = [f"  {name:<{width}}  {text}" for name, text in facts.items()]
        return "\n".join([f"<{title_of(self)}>", *lines])

    def _repr_html_(self) -> str:
        return html_facts(title_of(self), facts_of(self))

    @property
    def columns(self) -> list[str]:
        """Names of all columns; `schema` tells what they mean."""
        return list(self.schema.columns)

    def to_table(self, columns: Sequence[str] | None = None) -> "Table":
        """Return an astropy table of columns, with units and descriptions.

        Parameters
        ----------
        columns : sequence of str, optional
            By default all of the catalogue. One of observations becomes a column of arrays a
            field, such as `photometry_time`.
        """
        return to_astropy(arrow_of(self, columns))

    def to_pandas(self, columns: Sequence[str] | None = None) -> "DataFrame":
        """Return a data frame of columns, as `to_table`; units are in `attrs["units"]`.

        Raises
        ------
        DataError
            If pandas is not installed.
        """
        return to_pandas(arrow_of(self, columns))

    @property
    def source(self) -> Source:
        """Where the columns come from."""
        return self._source

    @property
    def arrow_schema(self) -> pa.Schema:
        """The Arrow schema of the columns."""
        return self._source.schema

    @cached_property
    def object_ids(self) -> np.ndarray:
        """Names of all objects, in order, shape (n,)."""
        return to_texts(self.table([ID])[ID])

    @cached_property
    def fingerprint(self) -> str:
        """Hash that differs where the objects do, 16 hex digits; quick for any size on disk.

        Computed columns do not count: they follow from the objects and their definition.
        """
        with self._readable():
            return self._source.fingerprint()

    @cached_property
    def state(self) -> str:
        """Fingerprint of the dataset on disk whose objects these are; "" of those in memory."""
        with self._readable():
            return self._source.state()

    @property
    def n_bytes(self) -> int:
        """Bytes of the object files on disk, or in memory."""
        return self._source.n_bytes()

    @property
    def flat_columns(self) -> list[str]:
        """Columns of one value an object that are stored, the name aside."""
        stored = set(self.arrow_schema.names)
        columns = self.schema.columns.items()
        return [n for n, c in columns if c.role != "id" and not c.nested and n in stored]

    def table(self, columns: Sequence[str], rows: np.ndarray | None = None) -> pa.Table:
        """Read columns into memory, optionally only the objects with indices `rows`."""
        self._require(columns)
        with self._readable():
            return self._source.table(columns, rows)

    def iter_tables(self, columns: Sequence[str], rows: int = 4096) -> Iterator[pa.Table]:
        """Read columns in chunks of at most `rows` objects, in order."""
        self._require(columns)
        tables = self._source.batches(columns, rows)
        while True:
            with self._readable():
                table = next(tables, None)
            if table is None:
                return
            yield table

    def stretch(self, start: int, stop: int) -> "Dataset":
        """Return the objects from row `start` to before `stop`, as a dataset; nothing is read."""
        return Dataset(self.path, self.schema, StretchedSource(self._source, start, stop))

    def ragged(self, column: str, rows: np.ndarray | None = None) -> Ragged:
        """Read an observation column as flat values and offsets."""
        try:
            return Ragged.from_arrow(self.table([column], rows)[column])
        except (ValueError, AttributeError) as error:
            raise DataError(
                f"The column '{column}' of the dataset at {self.path} is no struct of lists of "
                f"one length ({error}): 'skybind data check' tells more."
            ) from error

    def visits(self, observation: str, rows: np.ndarray | None = None) -> Visits:
        """Read all observations of one kind, of which an object may have several.

        Raises
        ------
        DataError
            If the dataset keeps one an object (see `DatasetSchema.visits`).
        """
        column = visits_of(observation)
        if column not in self.schema.columns:
            raise DataError(
                f"The dataset at {self.path} keeps one {observation} an object: there is no column "
                f"'{column}'."
            )
        try:
            return Visits.from_arrow(self.table([column], rows)[column])
        except ValueError as error:
            raise DataError(
                f"The column '{column}' of the dataset at {self.path} holds no visits ({error}): "
                "'skybind data check' tells more."
            ) from error

    def visit_counts(self, observation: str) -> np.ndarray:
        """Count the visits of each object, shape (n,); nothing else of them is read."""
        self._require([visits_of(observation)])
        return np.asarray(np.maximum(self._lengths(visits_of(observation), NAME), 0))

    def bands(self, observation: str) -> dict[str, tuple[int, int]]:
        """Count the epochs of light curves in each band, and the objects that have some.

        By name; "" counts epochs without a band. Empty where the light curves have no bands.
        """
        with self._readable():
            return count_bands(self._band_lists(observation))

    def band_names(self, observation: str) -> list[str]:
        """Return the bands of light curves, sorted; of a huge dataset those of its beginning."""
        if observation not in self._band_names:
            with self._readable():
                self._band_names[observation] = name_bands(self._band_lists(observation))
        return self._band_names[observation]

    @cached_property
    def _band_names(self) -> dict[str, list[str]]:
        return {}

    def _band_lists(self, observation: str) -> Iterable[pa.ChunkedArray]:
        self._require([observation])
        has_bands = "band" in self.schema.fields(observation)
        return self._source.lists(observation, "band") if has_bands else ()

    def lengths(self, observation: str) -> np.ndarray:
        """Number of epochs or pixels of each object, -1 where it was not observed, (n,)."""
        self._require([observation])
        kind = self.arrow_schema.field(observation).type
        if not pa.types.is_struct(kind) or not kind.num_fields:
            raise DataError(
                f"The column '{observation}' of the dataset at {self.path} is no struct of lists."
            )
        return self._lengths(observation, kind.field(0).name)

    def _lengths(self, column: str, field: str) -> np.ndarray:
        with self._readable():
            return lengths_of(self._source.lists(column, field))

    def column(self, name: str, rows: np.ndarray | None = None) -> np.ndarray:
        """Read one flat column as a numpy array, of which no digit is lost.

        Null becomes NaN, or "" for text. Integers of which some are null are floats; where these
        would lose digits, objects, and None where null.
        """
        return flat_array(self.table([name], rows)[name])

    def plotted(self, name: str, rows: np.ndarray | None = None) -> np.ndarray:
        """Read one flat column as `column`, but numbers of any size as floats, for figures."""
        return plotted_array(self.table([name], rows)[name])

    def numbers(self, name: str) -> np.ndarray:
        """Read one flat column as float64, NaN where null.

        Raises
        ------
        DataError
            If it holds text that is no number, or times.
        """
        values = self.column(name)
        if values.dtype.kind not in "Mm":
            with suppress(TypeError, ValueError):
                return values.astype(np.float64)
        where = f"The column '{name}' of the dataset at {self.path}"
        raise DataError(f"{where} should hold numbers, not text or times.")

    def present(self, modality: str) -> np.ndarray:
        """Which objects were observed in `modality`, shape (n,) bool.

        An observation column counts where it is not null, the row of a catalogue where at least
        one of its features is a finite number.
        """
        if modality in self.schema.observations:
            return self.lengths(modality) >= 0
        features = self.schema.features(modality)
        if not features:
            have = ", ".join(self.schema.modalities)
            raise DataError(f"The dataset at {self.path} has no '{modality}' (it has {have}).")
        seen = np.zeros(len(self), bool)
        for name in features:
            seen |= np.isfinite(self.numbers(name))
        return seen

    def labels(self, name: str = "label") -> np.ndarray:
        """Read a label column as text, "" where there is none, shape (n,)."""
        if name not in self.schema.columns:
            have = ", ".join(self.schema.with_role("label")) or "none"
            raise DataError(f"The dataset at {self.path} has no label '{name}' (labels: {have}).")
        return to_texts(self.table([name])[name])

    def _readable(self) -> AbstractContextManager[None]:
        return readable(f"The dataset at {self.path}")

    def _require(self, columns: Sequence[str]) -> None:
        missing = [name for name in columns if name not in self._source.schema.names]
        if missing:
            raise DataError(
                f"The dataset at {self.path} has no column {', '.join(map(repr, missing))}."
            )
