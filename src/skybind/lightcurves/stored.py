"""Periods and features of a whole dataset, kept with it as columns.

They are computed in chunks, each of which is written when it is done, so that work that was stopped
at any moment goes on where it was. The columns appear all at once.

    DIR/features/photometry.parquet        what is there in the end
    DIR/features/.photometry.unfinished/   chunks that are done (`skybind.once.Workplace`)
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pyarrow as pa

from skybind.data.computed import FOLDER, ComputedTable, write_computed
from skybind.data.dataset import Dataset
from skybind.data.schema import ID, Column
from skybind.data.write import adding_to
from skybind.errors import AlreadyDone, DataError
from skybind.files import is_writable, json_hash, raise_of_machine
from skybind.lightcurves.bands import enough_curves
from skybind.lightcurves.columns import (
    ALIASES,
    FAP,
    SEARCHED,
    VERSION,
    Definitions,
    compute_columns,
    describe_columns,
)
from skybind.lightcurves.periods import DOUBTFUL, Periods
from skybind.lightcurves.summary import FeatureSummary
from skybind.locks import waiting_for
from skybind.modalities.cleaning import value_field
from skybind.modalities.computed import PERIOD, computed_name
from skybind.once import Workplace
from skybind.parquet import read_parquet, write_parquet
from skybind.processes import allowed, in_order
from skybind.progress import progress_bar
from skybind.ragged import Ragged
from skybind.shards import Shard, ShardFolder, remains, remedy
from skybind.words import nearest

#: The columns of one shard.
_COLUMNS = "columns.parquet"


def compute_features(
    data: str | Path,
    observations: Sequence[str] | None = None,
    *,
    periods_only: bool = False,
    processes: int | None = None,
    again: bool = False,
    out: str | Path | None = None,
    shard: Shard | None = None,
) -> list[FeatureSummary]:
    """Compute periods and features of a dataset's light curves, and keep them as its columns.

    What is there already by the same definition is not computed again. A call that was stopped is
    continued by the same call; shards that were begun (`features/NAME.shards/`) are put together.
    Splits, quarantine and truth stay as they are, and so does the dataset's fingerprint.

    Parameters
    ----------
    data : str or Path
        Folder of the dataset.
    observations : sequence of str, optional
        Columns of light curves; all by default.
    periods_only : bool
        Periods, their significance and aliases, without the features.
    processes : int, optional
        As many as `skybind.processes.allow` allows by default: one, or in a command all cores.
    again : bool
        Compute also what is there.
    out : str or Path, optional
        Folder for the tables, such as a run's, where the dataset's cannot be written.
    shard : Shard, optional
        Only this part; the columns appear when all parts are there and this is called without.

    Returns
    -------
    list of FeatureSummary

    Raises
    ------
    AlreadyDone
        If a shard is asked for of columns that are all there.
    DataError
        If there are no light curves, the folder cannot be written, or shards are missing.
    """
    dataset = Dataset.open(data, computed=())
    folder = dataset.path / FOLDER if out is None else Path(out)
    names = _curves_of(dataset, observations)
    _require_writable(folder, dataset)
    count = processes or allowed()
    works = [_Work(dataset, n, folder / f"{n}.parquet", periods_only, count) for n in names]
    summaries, done = [], None
    for work in works:
        try:
            summaries.append(work.run(again, shard))
        except AlreadyDone as said:  # of the others something is left to do
            done = said
    if done is not None and not summaries:
        raise done
    return summaries


def _require_writable(folder: Path, dataset: Dataset) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if not is_writable(folder):
            raise PermissionError(f"{folder} is read-only")
    except OSError as error:
        raise_of_machine(error)
        raise DataError(
            f"The columns of {dataset.path} cannot be written: {error}. A run computes them for "
            "itself."
        ) from error


def refuse_twins(
    observation: str, columns: Collection[str], where: str, bands: Sequence[str] = ()
) -> None:
    """Refuse a dataset with columns of its own under the names of what would be computed.

    Raises
    ------
    DataError
    """
    for name in describe_columns(observation, "", bands):
        if name in columns:
            raise DataError(
                f"The dataset at {where} has a column '{name}' of its own, and what is computed "
                f"from '{observation}' would have the same name: import it under another one."
            )


def is_current(table: ComputedTable, fingerprint: str, *, periods_only: bool) -> bool:
    """Return whether a table holds what would be computed now."""
    name = FAP if periods_only else "faint_width"
    column = table.columns.get(computed_name(table.observation, name))
    return (
        table.fingerprint == fingerprint
        and column is not None
        and column.attributes.get("version") == VERSION
    )


def _curves_of(dataset: Dataset, asked: Sequence[str] | None) -> list[str]:
    columns = dataset.schema.columns
    names = [n for n in dataset.schema.observations if "photometry" in (n, columns[n].modality)]
    if not names:
        raise DataError(f"The dataset at {dataset.path} has no light curves to compute from.")
    for name in asked or []:
        if name not in names:
            raise DataError(
                f"The dataset at {dataset.path} has no light curves '{name}': "
                f"{nearest(name, names)}"
            )
    return names if asked is None else list(asked)


class _Work:
    """The computing of one column of light curves."""

    def __init__(
        self, dataset: Dataset, name: str, target: Path, periods_only: bool, processes: int
    ) -> None:
        self.dataset, self.name, self.target = dataset, name, target
        self.periods_only, self.processes = periods_only, processes
        self.rare: list[str] = []

    def run(self, again: bool, shard: Shard | None) -> FeatureSummary:
        """Compute what is missing, once: another process at the same work is waited for."""
        there, place = self._current(False), self.target.with_suffix("")
        if there is not None and not again and shard is None and not remains(place):
            return self._of_table(there, 0)
        bands, self.rare = common_bands(self.dataset, self.name)
        refuse_twins(self.name, self.dataset.schema.columns, str(self.dataset.path), bands)
        brightness = value_field(self.dataset.schema.fields(self.name))
        columns = describe_columns(self.name, brightness, bands, periods_only=self.periods_only)
        described = {name: column.attributes for name, column in columns.items()}
        key = json_hash([self.dataset.fingerprint, pa.__version__, described])
        shards = ShardFolder(place, key, "compute them")
        if there is not None:
            shards.finish()
            if not again and shard is None:
                return self._of_table(there, 0)
            if not again:
                raise shards.already_done(self.target)
            # other shards than those that became what is there
            shards = ShardFolder(place, json_hash([key, "again"]), "compute them")
        if shard is not None:
            note = shards.do(shard, partial(self._compute_shard, described, shard))
            place = shards.path / shard.name
            table = read_parquet(place / _COLUMNS, again=remedy(place))
            return self._summary(place, table, columns, *note["curves"])
        with shards.together() as parts:
            chunks = (read_parquet(p / _COLUMNS, again=remedy(p)) for p, _ in parts)
            if parts:
                self._write(columns, chunks)
        if parts:
            return self._of_table(ComputedTable.open(self.target), len(self.dataset))
        computed = self._compute(columns, key, again)
        return self._of_table(ComputedTable.open(self.target), computed)

    def _compute_shard(
        self, described: Definitions, shard: Shard, folder: Path
    ) -> dict[str, list[int]]:
        """Compute one shard into its folder; says how many light curves it has."""
        start, stop = shard.stretch(self.dataset.source.starts(), len(self.dataset))
        own = self.dataset.stretch(start, stop)
        chunk = partial(compute_chunk, definitions=described, observation=self.name)
        empty = {name: pa.array([], pa.float64()) for name in described}
        tables = [pa.table({ID: pa.array([], pa.string()), **empty})]
        done = 0
        with progress_bar(f"{self._title} (shard {shard.number})", len(own)) as advance:
            for table in in_order(chunk, self._tasks(own), self.processes):
                tables.append(table)
                advance(done := done + table.num_rows)
        write_parquet(pa.concat_tables(tables), folder / _COLUMNS)
        curves = int(own.present(self.name).sum())
        return {"curves": [curves, curves]}

    @property
    def _title(self) -> str:
        return f"{'periods' if self.periods_only else 'periods and features'} of {self.name}"

    def _current(self, again: bool) -> ComputedTable | None:
        """The table that is there, if it holds all that would be computed."""
        before = self._before()
        state, only = self.dataset.fingerprint, self.periods_only
        if before is None or again or not is_current(before, state, periods_only=only):
            return None
        return before

    def _before(self) -> ComputedTable | None:
        """The table that is there, if it can be read and is of these objects."""
        try:
            table = ComputedTable.open(self.target)
        except DataError:
            return None
        return table if table.fingerprint == self.dataset.fingerprint else None

    def _compute(self, columns: dict[str, Column], key: str, again: bool) -> int:
        """Compute the chunks that are missing; gives the number of light curves worked on."""
        described = {name: column.attributes for name, column in columns.items()}
        waiting = waiting_for(f"computes the columns of '{self.name}'")
        place = Workplace(self.target.with_suffix(""), key, waiting)
        with place as work:
            place.discard()  # the chunks become one file
            if self._current(again) is not None:
                return 0
            chunk = partial(compute_chunk, definitions=described, observation=self.name)
            done = sum(entry["objects"] for entry in place.entries)
            already = done
            with progress_bar(self._title, len(self.dataset)) as advance:
                advance(done)
                before = None if again else self._before()
                tasks = self._tasks(self.dataset, len(place.entries), before)
                for table in in_order(chunk, tasks, self.processes):
                    file = f"{len(place.entries):06d}.parquet"
                    write_parquet(table, work / file)
                    place.record({"objects": table.num_rows, "files": [file]})
                    done += table.num_rows
                    advance(done)
            chunks = (read_parquet(work / name) for e in place.entries for name in e["files"])
            self._write(columns, chunks)
        return done - already

    def _write(self, columns: dict[str, Column], chunks: Iterable[pa.Table]) -> None:
        state = self.dataset.fingerprint
        with adding_to(self.dataset.path, state):
            write_computed(self.target, self.name, state, columns, chunks)

    def _tasks(
        self, dataset: Dataset, skip: int = 0, before: ComputedTable | None = None
    ) -> Iterator["Task"]:
        """Read the chunks of a dataset after the first `skip`."""
        size = min(2000, max(50, len(self.dataset) // 500))
        start = 0
        for number, table in enumerate(dataset.iter_tables([ID, self.name], size)):
            if number >= skip:
                rows = np.arange(start, start + table.num_rows)
                periods = None if before is None else _stored_periods(before, rows)
                curves = Ragged.from_arrow(table[self.name])
                yield Task(table[ID].to_pylist(), curves, periods)
            start += table.num_rows

    def _of_table(self, table: ComputedTable, computed: int) -> FeatureSummary:
        names = [computed_name(self.name, quantity) for quantity in (PERIOD, FAP)]
        curves = int(self.dataset.present(self.name).sum())
        return self._summary(table.path, table.source.table(names), table.columns, curves, computed)

    def _summary(
        self,
        path: Path,
        table: pa.Table,
        columns: Mapping[str, Column],
        curves: int,
        computed: int,
    ) -> FeatureSummary:
        names = [computed_name(self.name, quantity) for quantity in (PERIOD, FAP)]
        period, fap = (np.asarray(table[name].to_numpy(), float) for name in names)
        described = columns.values()
        return FeatureSummary(
            self.name,
            path,
            curves,
            int(np.isfinite(period).sum()),
            int((fap < DOUBTFUL).sum()),
            len(columns),
            tuple(dict.fromkeys(c.attributes["band"] for c in described if "band" in c.attributes)),
            tuple(self.rare),
            computed,
        )


@dataclass(frozen=True)
class Task:
    """Light curves of one chunk; `periods` if they were searched before."""

    ids: list[str]
    curves: Ragged
    periods: Periods | None


def compute_chunk(task: Task, definitions: Definitions, observation: str) -> pa.Table:
    """Compute the columns of the light curves of one chunk, with the names of their objects."""
    made = compute_columns(
        task.curves, definitions, observation=observation, periods=task.periods
    ).columns
    arrays = {name: pa.array(v, pa.float64(), mask=~np.isfinite(v)) for name, v in made.items()}
    return pa.table({ID: pa.array(task.ids, pa.string()), **arrays})


def _stored_periods(table: ComputedTable, rows: np.ndarray) -> Periods | None:
    """Return the periods in a table of the current definition; None if it is of another one."""
    if not is_current(table, table.fingerprint, periods_only=True):
        return None
    quantities = [*SEARCHED, *ALIASES, FAP]
    names = {quantity: computed_name(table.observation, quantity) for quantity in quantities}
    stored = table.source.table(list(names.values()), rows)
    found = {q: np.asarray(stored[name].to_numpy(), float) for q, name in names.items()}
    return Periods(
        found["period"],
        found["ls_period"],
        found["ls_power"],
        found["ls_power"] * found["ls_power_ratio"],
        np.nan_to_num(found["harmonics"]).astype(np.int64),
        found[ALIASES[0]],
        found[ALIASES[1]],
        found[FAP],
    )


def common_bands(dataset: Dataset, name: str) -> tuple[list[str], list[str]]:
    """Return the bands that get columns of their own, and those that are too rare for them."""
    counts = {band: objects for band, (_, objects) in dataset.bands(name).items() if band}
    return enough_curves(counts, int(dataset.present(name).sum()) if counts else 0)
