"""Building a dataset of chunks of objects: cleaned, counted, and continued if interrupted."""

import os
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skybind.data.computed import FOLDER
from skybind.data.quarantine import short_reason
from skybind.data.schema import ID, DatasetSchema
from skybind.data.sources import parts_in
from skybind.data.splits import Split
from skybind.data.write import names_in
from skybind.errors import DataError, ProcessError, SkybindError
from skybind.files import write_json
from skybind.ingest.ends import Ends, ends_notes, ends_of, error_notes
from skybind.ingest.limits import limits_of
from skybind.ingest.plan import Chunk, Plan, Row, quarantine_row
from skybind.ingest.resumable import ResumableWriter, Step, StepsWriter, source_state
from skybind.lightcurves.stored import compute_features, refuse_twins
from skybind.modalities.cleaning import Cleaned, clean_image, clean_photometry, clean_spectrum
from skybind.modalities.dates import without_other_zero_points
from skybind.progress import progress_bar
from skybind.ragged import Ragged
from skybind.shards import remedy
from skybind.visits import Visits, visits_of

if TYPE_CHECKING:
    from rich.console import RenderableType

CLEANERS: dict[str, Callable[[Ragged], Cleaned]] = {
    "photometry": clean_photometry,
    "spectrum": clean_spectrum,
    "image": clean_image,
}


TWICE = "the name occurs twice: only its first row is kept"


@dataclass
class ImportSummary:
    """What an import brought.

    Attributes
    ----------
    objects : int
    observed : dict of str to int
        Objects observed in each modality.
    quarantined : dict of str to int
        Observations set aside, by reason (names and numbers in it left out).
    repaired : dict of str to dict of str to int
        What the cleaning of each modality repaired or dropped, and how many times.
    notes : list of str
        Sentences about the whole that a reader of the numbers should know.
    """

    objects: int = 0
    observed: dict[str, int] = field(default_factory=dict)
    quarantined: dict[str, int] = field(default_factory=dict)
    repaired: dict[str, dict[str, int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


def build_dataset(
    plan: Plan,
    out: Path,
    overwrite: bool,
    processes: int | None = None,
    done: Sequence[Step] | None = None,
) -> ImportSummary:
    """Make a dataset step by step; the same call continues one that was interrupted.

    Parameters
    ----------
    plan : Plan
    out : Path
        Folder of the dataset.
    overwrite : bool
        Replace a dataset that stands there.
    processes : int, optional
        For what is computed from light curves.
    done : sequence of Step, optional
        All steps of the plan, where they were done in shards.

    Returns
    -------
    ImportSummary
        Also written beside the dataset, as `import.json`.

    Raises
    ------
    DataError
        If no object can be used, or `out` cannot be written.
    """
    with _removed(plan.aside, done=False):
        target = writer_of(plan, out, overwrite)
    with target as writer, _removed(plan.aside, done=True):
        builder = _Builder(writer, plan)
        with progress_bar("importing", plan.total) as advance:
            looked_at = 0
            for number, (n, read) in enumerate(plan.steps):
                taken = builder.skip() or (done is not None and builder.take(writer, done[number]))
                if not taken:
                    builder.append(read())
                looked_at += n
                advance(looked_at)
        summary = builder.finish()
        if plan.features:
            summary.notes += _compute(writer, plan.features, processes)
            write_json(writer.folder / "import.json", vars(summary))
        writer.of_shards = done is not None
        return summary


def writer_of(plan: Plan, out: Path, overwrite: bool) -> ResumableWriter:
    """Give what writes the dataset of a plan; errors as of `build_dataset`."""
    for name in plan.features:
        refuse_twins(name, plan.columns, str(out))
    return ResumableWriter(
        out,
        plan.columns,
        identity=[source_state(plan.sources), plan.settings, plan.provenance],
        provenance=plan.provenance,
        simulated=plan.simulated,
        overwrite=overwrite,
    )


def build_steps(plan: Plan, folder: Path) -> ImportSummary:
    """Do the steps of a plan into a folder, for `build_dataset` to take them; counts them."""
    target = StepsWriter(folder, plan.columns, provenance=plan.provenance, simulated=plan.simulated)
    with target as writer:
        builder = _Builder(writer, plan)
        with progress_bar("importing", plan.total) as advance:
            looked_at = 0
            for n, read in plan.steps:
                builder.append(read())
                looked_at += n
                advance(looked_at)
    return builder.summary


@contextmanager
def _removed(folder: Path | None, done: bool) -> Iterator[None]:
    """Remove a folder when the work fails, and also at its end if it is done then.

    After an interruption the work goes on with it.
    """
    try:
        yield
    except SkybindError as error:
        if folder is not None and not isinstance(error, ProcessError):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    if done and folder is not None:
        shutil.rmtree(folder, ignore_errors=True)


def _compute(writer: ResumableWriter, names: list[str], processes: int | None) -> list[str]:
    """Compute columns of the dataset that is being made; gives a sentence on each.

    What is done survives an interruption, as the steps do.
    """
    made = compute_features(writer.folder, names, processes=processes, out=writer.aside)
    (writer.folder / FOLDER).mkdir(exist_ok=True)
    for summary in made:
        os.replace(summary.path, writer.folder / FOLDER / summary.path.name)
    return [summary.text for summary in made]


class _Builder:
    """Cleans chunks, sets bad observations aside, counts, and writes."""

    def __init__(self, writer: ResumableWriter | StepsWriter, plan: Plan) -> None:
        self.writer, self.plan = writer, plan
        self.kinds = {
            name: str(column.modality)
            for name, column in plan.columns.items()
            if column.role == "observation"
        }
        schema = DatasetSchema(plan.columns)
        self.catalogues = {name: schema.features(name) for name in schema.catalogues}
        observed = dict.fromkeys([*self.kinds, *self.catalogues], 0)
        self.summary = ImportSummary(observed=observed, notes=list(plan.notes))
        self._reasons: dict[str, Counter[str]] = {}
        self._quarantine(plan.quarantine)
        self._before = list(writer.entries)  # finished before an interruption
        self._next = 0
        self._parts: list[str] = []
        self._subsets: dict[str, list[bool]] = {}
        self._all_ends: dict[str, Ends] = {}
        again = self._before and not plan.unique
        self._seen = set(_written_ids(writer.folder)) if again else set()

    def skip(self) -> bool:
        """Whether the next step was finished before an interruption; counts it then."""
        if self._next >= len(self._before):
            return False
        self._count(self._before[self._next])
        self._next += 1
        return True

    def take(self, writer: ResumableWriter, step: Step) -> bool:
        """Take a step that was done in a shard, unless it has a name that occurred before it."""
        if not self.plan.unique and step.path is not None:
            names = set(names_in(step.path, remedy(step.path.parents[1])).to_pylist())
            if names & self._seen:
                return False
            self._seen |= names
        writer.take(step)
        self._count(step.entry)
        return True

    def append(self, chunk: Chunk) -> None:
        if not self.plan.unique:
            chunk = self._without_repeated(chunk)
        columns = dict(chunk.columns)
        object_id = np.asarray(columns[ID])
        quarantine = chunk.quarantine
        entry: dict[str, Any] = {"objects": len(object_id), "observed": {}, "repaired": {}}
        entry["ends"] = {}
        for name, kind in self.kinds.items():
            observed = columns[name]
            assert isinstance(observed, Ragged | Visits)
            source = np.broadcast_to(np.asarray(chunk.source[name], object), len(object_id))
            owner = observed.owner if isinstance(observed, Visits) else np.arange(len(object_id))
            cleaned = self._clean(name, kind, observed)
            of = [f" (visit {v})" for v in observed.name] if isinstance(observed, Visits) else None
            quarantine = quarantine + [
                quarantine_row(
                    object_id[owner[i]],
                    source[owner[i]],
                    name,
                    cleaned.reason[i] + ("" if of is None else of[i]),
                )
                for i in np.flatnonzero(cleaned.reason != "")
            ]
            columns |= self._columns(name, observed, cleaned)
            entry["ends"] |= self._ends(name, cleaned.ragged)
            kept = columns[name]
            assert isinstance(kept, Ragged)
            entry["observed"][name] = int(kept.present.sum())
            entry["repaired"][name] = cleaned.counts
        for name, features in self.catalogues.items():
            numbers = np.stack([np.asarray(columns[feature], float) for feature in features])
            known = np.isfinite(numbers).any(axis=0)
            entry["observed"][name] = int(known.sum())
        part = None if chunk.part is None else chunk.part.tolist()
        subsets = {name: keep.tolist() for name, keep in chunk.subsets.items()}
        entry |= {"quarantine": quarantine, "part": part, "subsets": subsets}
        self.writer.step(columns, entry)
        self._count(entry)

    def _clean(self, name: str, kind: str, observed: Ragged | Visits) -> Cleaned:
        each = observed.ragged if isinstance(observed, Visits) else observed
        cleaned = CLEANERS[kind](each)
        if "time_system" in self.plan.columns[name].attributes:
            cleaned = without_other_zero_points(cleaned)
        return cleaned

    def _ends(self, name: str, cleaned: Ragged) -> dict[str, Any]:
        """Look at the ends of an observation's numbers, in the unit of the file.

        A reader of a whole data set knows what stands for nothing in it.
        """
        if self.plan.known is None:
            return {}
        known = self.plan.known.stated
        units = self.plan.columns[name].fields
        stated = {field: known.get(f"{name}.{field}") for field in units}
        return {f"{name}.{f}": e.to_json() for f, e in ends_of(cleaned, units, stated).items()}

    def _columns(
        self, name: str, observed: Ragged | Visits, cleaned: Cleaned
    ) -> dict[str, Ragged | Visits]:
        """Columns of an observation: itself, and what is kept apart of it."""
        made: dict[str, Ragged | Visits] = {name: cleaned.ragged}
        if limits_of(name) in self.plan.columns and cleaned.limits is not None:
            made[limits_of(name)] = cleaned.limits
        if isinstance(observed, Visits):
            kept = replace(observed, ragged=cleaned.ragged).filter(cleaned.ragged.present)
            made |= {name: kept.first(), visits_of(name): kept}
        return made

    def finish(self) -> ImportSummary:
        """Write what stands beside the objects."""
        folder, summary = self.writer.folder, self.summary
        if not summary.objects:
            most = max(summary.quarantined, key=lambda r: summary.quarantined[r], default="")
            reason = f": {most}" if most else ""
            raise DataError(f"There is no object that can be used for {self.writer.path}{reason}.")
        self._check_needed()
        if self.plan.split is not None:
            ids = np.asarray(_written_ids(folder), str)
            subsets = {name: np.asarray(keep, bool) for name, keep in self._subsets.items()}
            split = Split(ids, np.asarray(self._parts, str), subsets, self.plan.split)
            split.write(folder / "splits" / "published.parquet")
        for name, counts in summary.repaired.items():
            if counts.get("upper limits"):
                kept = limits_of(name) in self.plan.columns
                where = f"kept apart ({limits_of(name)})" if kept else "left out"
                summary.notes.append(f"{name}: {counts['upper limits']:,} upper limits, {where}.")
        for where, ends in self._all_ends.items():
            name, _, field = where.rpartition(".")
            summary.notes += ends_notes(ends, field, name)
            summary.notes += error_notes(ends, name) if field == "magnitude_err" else []
        write_json(folder / "import.json", vars(summary))
        return summary

    def _check_needed(self) -> None:
        for name in self.plan.needed:
            if not self.summary.observed[name]:
                reasons = self._reasons.get(name, Counter())
                most = "".join(f": {reason}" for reason, _ in reasons.most_common(1))
                raise DataError(
                    f"No object of {self.writer.path} is observed in {name}, which the mapping "
                    f"names{most}."
                )

    def _without_repeated(self, chunk: Chunk) -> Chunk:
        """Leave out objects whose name was there before, with a row in the quarantine each."""
        keep, rows = [], []
        names = np.asarray(chunk.columns[ID]).tolist()
        for i, name in enumerate(names):
            if name in self._seen:
                source = np.broadcast_to(
                    np.asarray(next(iter(chunk.source.values()), ""), object), len(names)
                )[i]
                rows.append(quarantine_row(name, source, "objects", TWICE))
            else:
                keep.append(i)
                self._seen.add(name)
        if not rows:
            return chunk
        kept = chunk.take(np.asarray(keep, np.int64))
        return replace(kept, quarantine=chunk.quarantine + rows)

    def _count(self, entry: dict[str, Any]) -> None:
        self.summary.objects += entry["objects"]
        for name, n in entry["observed"].items():
            self.summary.observed[name] += n
        for name, counts in entry["repaired"].items():
            total = Counter(self.summary.repaired.get(name, {}))
            total.update(counts)
            if total:
                self.summary.repaired[name] = dict(total)
        for where, ends in entry.get("ends", {}).items():
            self._all_ends.setdefault(where, Ends()).add(Ends(**ends))
        self._quarantine(entry["quarantine"])
        self._parts += entry["part"] or []
        for name, keep in entry.get("subsets", {}).items():
            self._subsets.setdefault(name, []).extend(keep)

    def _quarantine(self, rows: list[Row]) -> None:
        self.writer.quarantine(rows)
        counts = Counter(self.summary.quarantined)
        for row in rows:
            reason = short_reason(row["reason"], row["source"])
            counts[reason] += 1
            self._reasons.setdefault(row["modality"], Counter())[reason] += 1
        self.summary.quarantined = dict(counts)


def render_summary(summary: ImportSummary) -> "RenderableType":
    """Give what `skybind data import` prints, for a rich console."""
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table

    head = Table("Modality", "Objects", title="Imported")
    head.add_row("all", f"{summary.objects:,}")
    for name, n in summary.observed.items():
        head.add_row(escape(name), f"{n:,}")
    parts: list[RenderableType] = [head]
    if summary.repaired:
        table = Table("Modality", "Found and put right", "Times", title="Repaired")
        for name, counts in summary.repaired.items():
            for what, n in counts.items():
                table.add_row(escape(name), what, f"{n:,}")
        parts.append(table)
    if summary.quarantined:
        table = Table("Reason", "Times", title="Set aside (quarantine.parquet)")
        for reason, n in sorted(summary.quarantined.items(), key=lambda item: -item[1]):
            table.add_row(escape(reason), f"{n:,}")
        parts.append(table)
    return Group(*parts, *(escape(note) for note in summary.notes))


def _written_ids(folder: Path) -> list[str]:
    """Names of the objects that are written, in order."""
    return [name for part in parts_in(folder) for name in names_in(part).to_pylist()]
