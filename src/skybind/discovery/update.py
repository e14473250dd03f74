"""What came to a run's dataset since last time: embedded, classified, and what is strange in it.

RUN/updates/DATE-STATE/
new.parquet, new.csv   one row a new or changed object, the strangest first
before.parquet         classes that changed objects had before
update.html            the page
result.json            what was done, see `UpdateRecord`
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.data.lineage import Growth
from skybind.data.placed import placed
from skybind.discovery.measures.density import loneliness
from skybind.discovery.measures.outliers import COMBINED, upper_tail
from skybind.discovery.reference import with_combined
from skybind.discovery.update_page import write_update_page
from skybind.discovery.update_record import UpdateRecord
from skybind.discovery.update_since import states_until, to_tell
from skybind.embeddings.store import Embeddings
from skybind.errors import DataError
from skybind.files import atomic_path, is_writable
from skybind.ingest.append import append_survey
from skybind.ingest.append_files import bring_back
from skybind.ingest.appended import Appended
from skybind.once import once, result_of
from skybind.parquet import read_parquet, write_parquet
from skybind.processes import allowed
from skybind.progress import say, step
from skybind.record import checked
from skybind.runs.cases import Case, finished_cases
from skybind.runs.classes import CaseClasses, case_classes, classes_in, open_case
from skybind.runs.classify import CLASS_NOTES, best_case
from skybind.runs.embedding import is_embedded_otherwise, run_embedding
from skybind.runs.grown import forget_older, touched_rows
from skybind.runs.run import Run
from skybind.runs.status import read_status
from skybind.runs.steps import run_model
from skybind.search.index import NOTE as INDEX_NOTE
from skybind.search.index import index_folder
from skybind.search.indexing import index_survey
from skybind.tables import Notes, write_table
from skybind.words import join

#: Counts up when an update writes something else.
UPDATE_VERSION = 1
#: From this share of other objects on, one is strange; from this margin down, undecided.
STRANGE, MARGIN = 0.99, 0.1
#: Training objects that new ones are compared with, drawn by the run's seed.
REFERENCE = 20_000
UNLIKE, STRANGER, UNDECIDED, CHANGED = (
    "unlike the training objects",
    "a stranger to the classes",
    "undecided",
    "another class than before",
)
UPDATE_NOTES: dict[str, Notes] = {
    **CLASS_NOTES,
    "what": (None, "new, or changed: an object that was there and has new observations"),
    "strangeness": (None, "The larger of novelty and isolation"),
    "isolation": (
        None,
        "Share of training objects that lie nearer to their nearest training objects than it does",
    ),
    "second_class": (None, "The second most probable class"),
    "margin": (None, "Difference of the two probabilities"),
    "class_before": (None, "Class before the new observations"),
    "reasons": (None, "Why it deserves a look"),
}


@dataclass(frozen=True)
class Updated:
    """What an update did.

    Attributes
    ----------
    folder : Path or None
        Where it stands; None if nothing is new.
    record : UpdateRecord or None
    done_before : bool
        Whether this update had been made before.
    """

    folder: Path | None
    record: UpdateRecord | None
    done_before: bool = False

    @property
    def text(self) -> str:
        """What is new, in sentences."""
        if self.record is None or self.folder is None:
            return "Nothing is new in the dataset since the run was started."
        record = self.record
        why = [f"{n:,} {reason}" for reason, n in record.reasons.items() if n]
        said = [
            "Nothing is new since this update was made." if self.done_before else "",
            f"New objects: {record.new:,}; with new observations: {record.changed:,}.",
            f"To look at: {record.strange:,}{f' ({join(why)})' if why else ''}.",
            f"The page is {self.folder / 'update.html'}.",
        ]
        return " ".join(sentence for sentence in said if sentence)

    def table(self) -> pa.Table:
        """Read the table of new and changed objects, the strangest first."""
        if self.folder is None:
            return pa.table({})
        return read_parquet(self.folder / "new.parquet", again=_again(self.folder))


def append_to_run(folder: str | Path, new: str | Path) -> Appended:
    """Append to the dataset of a run that `update_run` shall look at.

    A run that cannot be updated is refused before anything is appended.

    Parameters
    ----------
    folder : str or Path
        The run.
    new : str or Path
        A dataset's folder, or a mapping.

    Raises
    ------
    ModelError, DataError
        If the run has no model, its model or classifier cannot be opened, or it cannot be written;
        or as of `skybind.ingest.append.append_survey`.
    """
    data = Path(read_status(folder).data)
    bring_back(data)
    run = Run.open(folder)
    run_model(run)
    cases = finished_cases(run)
    if cases:
        open_case(run, best_case(cases))
    if not is_writable(run.folder):
        raise DataError(f"{run.folder} cannot be written, so nothing was appended to {data}.")
    return append_survey(data, new)


def update_run(run: Run) -> Updated:
    """Look at what was appended to a run's dataset since the last update.

    What is new or changed is prepared, embedded and classified, and what is strange in it is told
    on a page. Done once for each state of the dataset; killed at any moment, the same call goes on.

    Parameters
    ----------
    run : Run
        Pre-trained; fine-tuned if there are labels.

    Raises
    ------
    ModelError
        If it has no model.
    """
    run_model(run)
    told = to_tell(run)
    if told is None:
        _embed_as_it_is(run)
        return Updated(None, None)
    folder, growth = told
    state = run.dataset.fingerprint
    key = {"version": UPDATE_VERSION, "state": state, "since": growth.since.fingerprint}
    known = result_of(folder)
    before = known is not None and all(known.get(name) == value for name, value in key.items())
    if before:
        _embed_as_it_is(run)
    note = once(folder, key, partial(_update, run, folder, growth))
    if is_writable(run.folder):  # also what a process left that was killed before it could
        forget_older(run)
    return Updated(folder, checked(note, UpdateRecord), before)


def _update(run: Run, folder: Path, growth: Growth) -> dict[str, Any]:
    """Embed, classify, and tell what is strange."""
    cases = finished_cases(run)
    case = best_case(cases) if cases else None
    rows = touched_rows(run.dataset, growth, run_model(run).modalities.values())
    before_it = states_until(run, growth)
    before = _classes_before(run, folder, case, rows[rows < growth.kept], before_it)
    embeddings = run_embedding(run)
    indexed = _add_to_indices(run)
    classes = None if case is None else case_classes(run, case)
    with step("looking at what is new"):
        table, n_compared = _table(run, embeddings, classes, rows, growth, before)
        table = placed(table, run.dataset, UPDATE_NOTES)
        with atomic_path(folder / "new.parquet") as temporary:
            write_parquet(table, temporary)
        write_table(table, folder / "new.csv")
    record = _record(run, growth, table, case, n_compared)
    record = record.model_copy(update={"indexed": indexed})
    write_update_page(run, folder, record, table)
    return record.plain()


def _embed_as_it_is(run: Run) -> None:
    """Embed again where another command embedded a state that the dataset has left since."""
    if is_embedded_otherwise(run) and is_writable(run.folder):
        run_embedding(run)
        _add_to_indices(run)


def _add_to_indices(run: Run) -> list[str]:
    """Add the new embeddings to the indices that there are; gives their modalities."""
    place = index_folder(run.paths.embeddings, ["any"]).parent
    done = []
    for name in sorted(path.parent.name for path in place.glob(f"*/{INDEX_NOTE}")):
        try:
            index_survey(run.folder, name.split("+"), data=run.dataset.path, processes=allowed())
            done.append(name)
        except DataError as error:  # the rest of the update is worth more
            say(f"The index of {name} is not added to: {error}")
    return done


def _classes_before(
    run: Run, folder: Path, case: Case | None, rows: np.ndarray, before_it: Sequence[str]
) -> np.ndarray:
    """Give the classes that objects had before; kept, for the table of classes is replaced."""
    path = folder / "before.parquet"
    if not path.exists():
        found = [None] * len(rows)
        stored = None if case is None else classes_in(run, case, before_it)
        if stored is not None:
            known = np.asarray(stored["class"].to_pylist(), object)
            found = [known[row] if row < len(known) else None for row in rows.tolist()]
        elif case is not None and len(rows):
            say(
                "Which class the changed objects had before is not known: there was no table of "
                "classes then, or it is of another classifier."
            )
        # beside their rows: one class alone would swell as a bomb does
        table = pa.table({"row": rows, "class": pa.array(found, pa.string())})
        with atomic_path(path) as temporary:
            write_parquet(table, temporary)
    return np.asarray(read_parquet(path, again=_again(folder))["class"].to_pylist(), object)


def _table(
    run: Run,
    embeddings: Embeddings,
    classes: CaseClasses | None,
    rows: np.ndarray,
    growth: Growth,
    before: np.ndarray,
) -> tuple[pa.Table, int]:
    """Tell of each new or changed object how strange it is; gives what it is compared with."""
    n = len(rows)
    far, distance, n_compared = _isolation(run, embeddings, rows)
    columns: dict[str, Any] = {
        "object_id": pa.array(embeddings.object_id[rows].tolist(), pa.string()),
        "what": np.where(rows < growth.kept, "changed", "new").tolist(),
        "strangeness": far,
        "isolation": far,
    }
    novelty, margin = np.full(n, np.nan), np.full(n, np.nan)
    name, second = np.full(n, None, object), np.full(n, None, object)
    if classes is not None:
        some = classes.table.take(pa.array(rows))
        novelty = np.asarray(some["novelty"].to_numpy(), float)
        name = np.asarray(some["class"].to_pylist(), object)
        second, margin = _seconds(classes, rows)
        columns |= {"class": pa.array(name.tolist(), pa.string())}
        columns |= {"probability": some["probability"]}
        columns |= {"second_class": pa.array(second.tolist(), pa.string()), "margin": margin}
        columns |= {"novelty": novelty, "reason": some["reason"]}
        columns["strangeness"] = np.fmax(far, novelty)
    was = np.full(n, None, object)
    was[: len(before)] = before
    columns["class_before"] = pa.array(was.tolist(), pa.string())
    flags = {
        UNLIKE: far >= STRANGE,
        STRANGER: novelty >= STRANGE,
        UNDECIDED: margin < MARGIN,
        CHANGED: np.asarray([a is not None and a != b for a, b in zip(was, name, strict=True)]),
    }
    if classes is None:
        flags[CHANGED] = np.zeros(n, bool)
    columns["reasons"] = [
        "; ".join(why for why, flag in flags.items() if flag[i]) for i in range(n)
    ]
    arrays = {
        column: pa.array(v, from_pandas=True) if isinstance(v, np.ndarray) else v
        for column, v in columns.items()
    }
    strangeness = np.asarray(columns["strangeness"], float)
    # beyond all training objects the distance tells
    strangest = np.lexsort([-np.nan_to_num(k, nan=-1.0) for k in (distance, strangeness)])
    flagged = np.logical_or.reduce(list(flags.values()))[strangest]
    order = np.concatenate([strangest[flagged], strangest[~flagged]])
    return pa.table(arrays).take(pa.array(order)), n_compared


def _seconds(classes: CaseClasses, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give the second most probable class of objects, and how far it is behind."""
    probability = classes.probability[rows]
    second, margin = np.full(len(rows), None, object), np.full(len(rows), np.nan)
    known = np.isfinite(probability).all(axis=1)
    if len(classes.classes) < 2 or not known.any():
        return second, margin
    order = np.argsort(-probability[known], axis=1)
    second[known] = np.asarray(classes.classes, object)[order[:, 1]]
    best = np.take_along_axis(probability[known], order[:, :2], axis=1)
    margin[known] = best[:, 0] - best[:, 1]
    return second, margin


def _isolation(
    run: Run, embeddings: Embeddings, rows: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int]:
    """Give the share of training objects that lie nearer to others than some rows do.

    Also the rows' mean cosine distance to the nearest, and the number of training objects.
    """
    vectors, present = with_combined(embeddings)
    train = run.rows("train")
    train = train[present[COMBINED][train]]
    if len(train) > REFERENCE:
        draw = np.random.default_rng(run.config.seed)
        train = np.sort(draw.choice(train, REFERENCE, replace=False))
    both = np.concatenate([train, np.setdiff1d(rows, train)])
    asked = vectors[COMBINED][both], present[COMBINED][both]
    far = loneliness(*asked, np.arange(len(train))).isolation
    place = np.empty(len(embeddings), np.int64)
    place[both] = np.arange(len(both))
    own = place[rows]
    return 1 - upper_tail(far, np.arange(len(train)))[own], far[own], len(train)


def _record(
    run: Run, growth: Growth, table: pa.Table, case: Case | None, n_compared: int
) -> UpdateRecord:
    new = np.asarray(table["what"].to_pylist()) == "new"
    reasons = table["reasons"].to_pylist()
    counts = Counter(why for text in reasons for why in text.split("; ") if why)
    names = table["class"].to_pylist() if "class" in table.column_names else []
    classes = Counter(n for n, fresh in zip(names, new, strict=False) if fresh and n is not None)
    return UpdateRecord(
        state=growth.now.fingerprint,
        since=growth.since.fingerprint,
        date=growth.now.date,
        objects=len(run.dataset),
        new=int(new.sum()),
        changed=int((~new).sum()),
        compared=n_compared,
        case=None if case is None else case.name,
        classes=dict(classes.most_common()),
        reasons=dict(counts.most_common()),
        strange=sum(bool(text) for text in reasons),
    )


def _again(folder: Path) -> str:
    return f"delete {folder}, and run 'skybind update' again"
