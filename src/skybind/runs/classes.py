"""The classes of all of a run's objects by each of its classifiers, written once."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.data.lineage import Growth, growth_since, older_states
from skybind.errors import DataError
from skybind.files import atomic_path, json_hash, raise_of_machine
from skybind.locks import waiting_for
from skybind.models.classes import class_table
from skybind.models.frozen_features import matching_source
from skybind.models.inference import Combination, decide
from skybind.models.model import Model
from skybind.models.reference import shorten
from skybind.models.reliability import Reliability, measure_reliability, read_reliability
from skybind.models.stored import read_note
from skybind.once import lock_of
from skybind.parquet import read_parquet, write_parquet
from skybind.progress import progress_bar, step
from skybind.runs.alone import only
from skybind.runs.cases import Case
from skybind.runs.grown import touched_rows
from skybind.runs.layout import TrainedPaths
from skybind.runs.measured import refuse_other_model
from skybind.runs.run import Run

KEY = b"skybind"
#: Counts up when the same classifier would give another table.
CLASSES_VERSION = 1


@dataclass
class CaseClasses:
    """What one classifier says of all objects of a run, in the order of the dataset.

    Attributes
    ----------
    classes : list of str
        Order of the logits.
    modalities : tuple of str
        Modalities of the classifier.
    table : Table
        See `skybind.models.classes.class_table`; with `split`, `label`, and the `logits` from all
        modalities and from every smaller set of them (`logits_photometry`).
    """

    classes: list[str]
    modalities: Combination
    table: pa.Table

    def logits(self, modalities: Combination | None = None) -> np.ndarray:
        """Return the logits from a set of modalities, shape (n, C); NaN where it has none."""
        stored = self.table[_column(modalities or self.modalities, self.modalities)]
        values = stored.combine_chunks()
        found = np.full((len(stored), len(self.classes)), np.nan, np.float32)
        there = ~np.asarray(values.is_null())
        found[there] = np.asarray(values.flatten()).reshape(-1, len(self.classes))
        return found

    @property
    def for_people(self) -> pa.Table:
        """The table without the logits."""
        names = [name for name in self.table.column_names if not name.startswith("logits")]
        return self.table.select(names).replace_schema_metadata(None)

    @property
    def probability(self) -> np.ndarray:
        """The calibrated probabilities, shape (n, C); NaN where no class was told."""
        columns = [self.table[f"p_{name}"].to_numpy() for name in self.classes]
        return np.stack(columns, axis=1).astype(np.float64)


def open_case(run: Run, case: Case) -> Model:
    """Open the classifier of a case, checked against the run's dataset and split."""
    model = Model.open(run.paths.case(case.name).model, run.dataset.schema)
    refuse_other_model(run, model.identity, model.folder)
    return model


@step("calibrating the classifier", told=False)
def case_reliability(
    run: Run, case: Case, paths: TrainedPaths | None = None, model: Model | None = None
) -> Reliability:
    """Return how far a run's classifier is to be believed; measured now if it was not before."""
    folder = (paths or run.paths.case(case.name)).model
    known = read_reliability(folder)
    if known is None:
        with only(lock_of(folder), waiting_for("calibrates a classifier of this run")):
            known = read_reliability(folder)  # as the other program left it
            known = _calibrate(run, case, folder, model) if known is None else known
    return known


def _calibrate(run: Run, case: Case, folder: Path, model: Model | None) -> Reliability:
    """Measure how far a classifier is to be believed, and write it beside its weights."""
    model = Model.open(folder, run.dataset.schema) if model is None else model
    seen = np.logical_or.reduce([run.source.present(name) for name in case.modalities])
    usable = seen & (run.labels >= 0)
    rows = {"train": run.rows("train", case.subset), "validation": run.rows("validation")}
    rows = {part: some[usable[some]] for part, some in rows.items()}
    found = measure_reliability(
        model.require_classifier(),
        matching_source(model.binder, model.modalities, run.source),
        run.labels,
        rows,
        run.dataset.object_ids,
        left_out=left_out(run),
        seed=run.config.seed,
    )
    found.write(folder)
    return found


def left_out(run: Run) -> dict[str, int]:
    """Count the objects of each label of the dataset that is no class of the run."""
    names = run.dataset.labels(run.config.labels.column)
    return dict(Counter(n for n in names.tolist() if n and n not in run.classes).most_common())


def case_classes(run: Run, case: Case, paths: TrainedPaths | None = None) -> CaseClasses:
    """Return the classes of all of a run's objects by one of its classifiers.

    They are computed once, and stand in `classes.parquet` in the case's folder, by default
    `finetune/CASE`. The table carries the key of what made it.
    """
    own, paths = paths is None, paths or run.paths.case(case.name)
    known = stored_classes(run, case, paths)
    if known is None:
        with only(lock_of(paths.classes), waiting_for("classifies the objects of this run")):
            known = stored_classes(run, case, paths)  # as the other program left them
            known = _make_classes(run, case, paths, own) if known is None else known
    return known


def _make_classes(run: Run, case: Case, paths: TrainedPaths, own: bool) -> CaseClasses:
    """Classify and write; `own` is one of the run's own study."""
    note, key = _keyed(run, paths)
    earlier = _earlier(run, paths)
    table = _classify(run, case, paths, earlier).replace_schema_metadata({KEY: key})
    if own and earlier is not None:  # an update tells which class changed objects had
        with atomic_path(paths.classes_of(earlier[1].since.fingerprint)) as temporary:
            write_parquet(earlier[0].select(["class"]), temporary)
    with atomic_path(paths.classes) as temporary:
        write_parquet(table, temporary)
    return CaseClasses(note["classes"], case.modalities, table)


def stored_classes(run: Run, case: Case, paths: TrainedPaths | None = None) -> CaseClasses | None:
    """Read what `case_classes` wrote; None if nothing, or the table of another classifier.

    Nothing is computed and nothing written.

    Raises
    ------
    DataError
        If the table is damaged.
    """
    paths = paths or run.paths.case(case.name)
    note, key = _keyed(run, paths)
    if not paths.classes.exists():
        return None
    try:
        table = read_parquet(paths.classes)
    except (pa.ArrowException, OSError) as error:
        raise_of_machine(error)
        raise DataError(f"{paths.classes} is damaged: delete it, and it is made again.") from error
    if (table.schema.metadata or {}).get(KEY) != key:
        return None
    return CaseClasses(note["classes"], case.modalities, table)


def classes_in(run: Run, case: Case, states: Sequence[str]) -> pa.Table | None:
    """Read the classes that the classifier as it is gave of a state of the dataset.

    Parameters
    ----------
    run : Run
    case : Case
    states : sequence of str
        Fingerprints; the latest of which there are classes counts.

    Returns
    -------
    Table or None
        With the column `class`; None if there is none, or of other states or classifiers alone.
    """
    paths = run.paths.case(case.name)
    note, found = read_note(paths.model), {}
    for path in (paths.classes, *map(paths.classes_of, states)):
        if path.exists():
            table = read_parquet(path, ["class"])
            found[(table.schema.metadata or {}).get(KEY)] = table
    keys = [_key(run, note, state) for state in reversed(states)]
    return next((found[key] for key in keys if key in found), None)


def _keyed(run: Run, paths: TrainedPaths) -> tuple[dict[str, Any], bytes]:
    """Return the note of a classifier, and the key of the table that it gives."""
    note = read_note(paths.model)
    refuse_other_model(run, note["identity"], paths.model)
    return note, _key(run, note, run.dataset.fingerprint)


def _key(run: Run, note: dict[str, Any], state: str) -> bytes:
    weights = note["identity"]["weights"]
    return json_hash([CLASSES_VERSION, weights, state, run.status.split_hash]).encode()


def _earlier(run: Run, paths: TrainedPaths) -> tuple[pa.Table, Growth] | None:
    """Give the table of the dataset before it grew, and what came to it since; None if none."""
    states = older_states(run.dataset) if paths.classes.exists() else []
    if not states:
        return None
    note, table = read_note(paths.model), read_parquet(paths.classes)
    key = (table.schema.metadata or {}).get(KEY)
    made_of = next((state for state in states if key == _key(run, note, state)), "")
    growth = growth_since(run.dataset, made_of)
    return None if growth is None else (table, growth)


def _classify(
    run: Run, case: Case, paths: TrainedPaths, earlier: tuple[pa.Table, Growth] | None
) -> pa.Table:
    """Classify all objects, or those that are new or changed since an earlier table."""
    if earlier is None:
        return _classify_rows(run, case, paths, np.arange(len(run.dataset)))
    old, growth = earlier
    with_own = [m for name, m in run.modalities.items() if name in case.modalities]
    rows = touched_rows(run.dataset, growth, with_own)
    fresh = _classify_rows(run, case, paths, rows) if len(rows) else old.slice(0, 0)
    fresh = fresh.replace_schema_metadata(old.schema.metadata)
    index = np.arange(len(run.dataset))
    index[rows] = len(old) + np.arange(len(rows))
    table = pa.concat_tables([old, fresh]).take(pa.array(index))
    for name, values in (("split", run.split.part), ("label", run.class_names)):
        place = table.column_names.index(name)
        table = table.set_column(place, name, pa.array(values.tolist(), pa.string()))
    return table


def _classify_rows(run: Run, case: Case, paths: TrainedPaths, rows: np.ndarray) -> pa.Table:
    model = Model.open(paths.model, run.dataset.schema)
    reliability = case_reliability(run, case, paths, model)
    source = matching_source(model.binder, model.modalities, run.source)
    with progress_bar(f"classifying by {case.name}", len(rows)) as report:
        decided = decide(
            model.require_classifier(),
            source,
            rows,
            combinations=True,
            place=shorten,
            progress=report,
        )
    reasons = {name: source.prepared[name].reason[rows] for name in case.modalities}
    table = class_table(model.classes, reliability, run.dataset.object_ids[rows], decided, reasons)
    table = table.add_column(1, "split", pa.array(run.split.part[rows].tolist(), pa.string()))
    table = table.add_column(2, "label", pa.array(run.class_names[rows].tolist(), pa.string()))
    for names, values in decided.logits.items():
        there = np.isfinite(values).all(axis=1)
        flat = pa.array(np.nan_to_num(values).ravel())
        column = pa.FixedSizeListArray.from_arrays(flat, values.shape[1], mask=pa.array(~there))
        table = table.append_column(_column(names, case.modalities), column)
    return table


def _column(names: Combination, every: Combination) -> str:
    return "logits" if tuple(names) == tuple(every) else f"logits_{'+'.join(names)}"
