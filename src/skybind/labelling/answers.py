"""Labels that people gave: checked, kept in the run's folder, and joined with the catalogue's."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from skybind.errors import DataError
from skybind.ingest.readers.contents import read_bytes
from skybind.ingest.readers.tables import Table, read_table
from skybind.ingest.readers.values import texts
from skybind.locks import alone, waiting_for
from skybind.runs.layout import LabelPaths, RunPaths
from skybind.runs.run import Run
from skybind.tables import plain_cell, write_csv
from skybind.words import nearest

#: Subset of the training objects that have a label: the catalogue's or an answer.
LABELLED = "labelled"


#: Subset of those that were answered, whatever the catalogue says of others.
ANSWERED = "answers"


@dataclass
class Taken:
    """What became of a table of answers.

    Attributes
    ----------
    new : int
        Answers that were added.
    same : int
        Answers that were there before, or in the table twice.
    replaced : int
        Answers that took the place of an earlier one.
    empty : int
        Rows without an answer.
    refused : list of tuple of (str, str, str)
        Object, answer and reason of every row that was not taken.
    total : int
        All answers of the run now.
    notes : list of str
        Sentences.
    """

    new: int = 0
    same: int = 0
    replaced: int = 0
    empty: int = 0
    refused: list[tuple[str, str, str]] = field(default_factory=list)
    total: int = 0
    notes: list[str] = field(default_factory=list)

    @property
    def sentences(self) -> list[str]:
        """Everything in words, one sentence each."""
        said = [f"{_count(self.new, 'answer')} taken; the run has {self.total} now."]
        if self.same:
            said.append(f"{_count(self.same, 'row')} repeated an answer that was known.")
        if self.replaced:
            said.append(f"{_count(self.replaced, 'answer')} replaced an earlier one.")
        if self.empty:
            said.append(f"{_count(self.empty, 'row')} had no answer.")
        said += self.notes
        said += [f"{name}: '{label}' was not taken: {why}" for name, label, why in self.refused]
        return said


class LabelledRun(Run):
    """A run whose labels are those of its catalogue and the answers of people.

    An answer counts before the catalogue's label. Its subset `labelled` is every training object
    that has a label, `answers` only those that were answered; answered objects outside the
    split train too. Validation and test objects keep the catalogue's label where they have one.
    """

    @cached_property
    def answers(self) -> dict[str, str]:
        """Answer of each object that has one, by its id."""
        return read_answers(self.folder)

    @cached_property
    def answered(self) -> np.ndarray:
        """Which objects have an answer, shape (n,)."""
        return self._answer_names != ""

    @cached_property
    def classes(self) -> list[str]:
        """Names of the classes in use, sorted: the run's and those of the answers."""
        return sorted({*super().classes, *self.answers.values()})

    @cached_property
    def catalogue_names(self) -> np.ndarray:
        """Class that the catalogue gives each object, in use or not; "" for none, shape (n,)."""
        column = self.config.labels.column
        if column not in self.dataset.schema.columns:
            return np.full(len(self.dataset), "")
        return self.dataset.labels(column)

    @cached_property
    def class_names(self) -> np.ndarray:
        """Class of every object as text, "" where it has none in use, shape (n,)."""
        names = np.where(np.isin(self.catalogue_names, self.classes), self.catalogue_names, "")
        measures = np.isin(self.split.part, ["validation", "test"]) & (names != "")
        return np.where(self.answered & ~measures, self._answer_names, names)

    def rows(self, part: str, subset: str | None = None) -> np.ndarray:
        """Indices of the objects of a part of the split (and of a subset of its labels)."""
        if subset not in (LABELLED, ANSWERED):
            return super().rows(part, subset)
        inside = self.split.part == part
        if part == "train":
            inside |= (self.split.part == "") & self.answered
            inside &= self.answered if subset == ANSWERED else self.labels >= 0
        return np.flatnonzero(inside)

    @cached_property
    def _answer_names(self) -> np.ndarray:
        given = self.answers
        return np.asarray([given.get(name, "") for name in self.dataset.object_ids.tolist()], str)


def labelled_run(run: Run) -> LabelledRun:
    """Give a run with the answers joined to its labels; what it has prepared is shared."""
    joined = LabelledRun(run.folder, run.config, run.dataset, run.split)
    joined._prepared = run._prepared
    return joined


def read_answers(folder: str | Path) -> dict[str, str]:
    """Read the answers in a run's folder, by object id; none if there are none yet."""
    path = RunPaths(Path(folder)).labels.answers
    if not path.exists():
        return {}
    table = read_table(read_bytes(path), str(path), text=("object_id", "label"))
    return {name: label for name, label in zip(*_answers_in(table), strict=True) if name and label}


def _answers_in(table: Table) -> tuple[list[str], list[str]]:
    """Names and labels of a table of answers, as they were before a spreadsheet's marks."""
    names, labels = (texts(table[column]).tolist() for column in ("object_id", "label"))
    return [*map(plain_cell, names)], [*map(plain_cell, labels)]


def take_answers(
    run: Run,
    path: str | Path,
    *,
    override: bool = False,
    new_classes: tuple[str, ...] | list[str] = (),
) -> Taken:
    """Check a table of answers and keep the good ones in the run's folder.

    Parameters
    ----------
    run : Run
    path : str or Path
        Table with the columns `object_id` and `label` (CSV, or any format that is read);
        others are not looked at.
    override : bool
        Take answers that contradict the catalogue or an earlier answer.
    new_classes : sequence of str
        Classes that the run does not have and the answers may name.

    Raises
    ------
    DataError
        If the table cannot be read or lacks a column.
    """
    path = Path(path)
    table = read_table(read_bytes(path), path.name, text=("object_id", "label"))
    with writing_answers(run.paths.labels):
        taken = Taken(notes=[f"{path.name}: {sentence}." for sentence in table.bad_rows])
        return _take(run, _answers_in(table), override, new_classes, taken)


@contextmanager
def writing_answers(paths: LabelPaths) -> Iterator[None]:
    """Be the one that writes a run's answers: another program that does is waited for."""
    paths.folder.mkdir(parents=True, exist_ok=True)
    with alone(paths.lock, otherwise=waiting_for("writes answers of this run")):
        yield


def _take(
    run: Run,
    given_answers: tuple[list[str], list[str]],
    override: bool,
    new_classes: tuple[str, ...] | list[str],
    taken: Taken,
) -> Taken:
    """Keep the good ones of some answers, and count what became of them in `taken`."""
    names, labels = given_answers
    joined = labelled_run(run)
    checker = AnswerChecker(joined, override, new_classes)
    kept = dict(joined.answers)
    given: dict[str, set[str]] = {}
    for name, label in zip(names, labels, strict=True):
        if label:
            given.setdefault(name, set()).add(label)
    added: set[str] = set()
    for name, label in zip(names, labels, strict=True):
        if not label:
            taken.empty += 1
            continue
        why = checker.refusal(name, label)
        if len(given[name]) > 1:
            why = f"the table answers {' and '.join(sorted(given[name]))} for this object."
        if why:
            taken.refused.append((name, label, why))
        elif kept.get(name) == label:
            taken.same += 1
        else:
            taken.replaced += name in kept
            taken.new += name not in kept
            added.add(name)
            kept[name] = label
    taken.notes += checker.notes(added)
    taken.total = len(kept)
    if added:
        write_answers(run.paths.labels.answers, kept)
    return taken


class AnswerChecker:
    """What may be answered of which object."""

    def __init__(
        self, run: LabelledRun, override: bool, new_classes: tuple[str, ...] | list[str]
    ) -> None:
        self.override = override
        own = {*run.classes, *run.catalogue_names[run.catalogue_names != ""].tolist()}
        #: a survey without any label learns its classes from the answers
        self.open = not own and not new_classes
        self.used = {*run.classes, *new_classes}
        self.known = own | self.used
        self.place = {name: row for row, name in enumerate(run.dataset.object_ids.tolist())}
        self.part, self.catalogue = run.split.part, run.catalogue_names
        self.answers = run.answers

    def refusal(self, name: str, label: str) -> str:
        """Why an answer is not taken; "" if it is."""
        return self.unknown(name, label) or self.contradiction(name, label)

    def unknown(self, name: str, label: str) -> str:
        """What of an answer is not known: its object or its class; "" if both are."""
        if not name:
            return "the row has no object_id."
        if name not in self.place:
            return "the dataset has no such object."
        if not self.open and label not in self.known:
            near = {known.lower(): known for known in self.known}.get(label.lower())
            hint = f"did you mean '{near}'" if near else nearest(label, sorted(self.known))
            return (
                f"no such class ({hint.rstrip('.?')}); if it is a new one, name it with "
                "--new-class."
            )
        if not self.open and label not in self.used:
            return "the run does not use this class; to train on it, name it with --new-class."
        return ""

    def contradiction(self, name: str, label: str) -> str:
        """Which label of an object is not replaced by an answer; "" if none contradicts it."""
        row = self.place[name]
        catalogue = str(self.catalogue[row])
        if catalogue and catalogue != label:
            part = str(self.part[row])
            if part in ("validation", "test"):
                return (
                    f"the catalogue says {catalogue}, and the labels of {part} objects are not "
                    "changed, so that results stay comparable."
                )
            if not self.override:
                return f"the catalogue says {catalogue}; --override takes the answer instead."
        before = self.answers.get(name)
        if before is not None and before != label and not self.override:
            return f"an earlier answer was {before}; --override replaces it."
        return ""

    def notes(self, added: set[str]) -> list[str]:
        """Sentences about answers that were taken but do not train."""
        said = []
        for part in ("validation", "test"):
            n = sum(str(self.part[self.place[name]]) == part for name in added)
            if n:
                said.append(
                    f"{_count(n, 'answer')} of {part} objects: they measure the classifier and "
                    "never train it."
                )
        return said


def write_answers(path: Path, answers: dict[str, str]) -> None:
    """Write all answers of a run, by object id, in the place of those that were there."""
    write_csv(path, [("object_id", "label"), *sorted(answers.items())])


def require_labels(run: LabelledRun, part: str) -> None:
    """Refuse to train where no object of a part has a label.

    Raises
    ------
    DataError
        If there is none, with the command that helps.
    """
    rows = run.rows(part, LABELLED)
    if not (run.labels[rows] >= 0).any():
        raise DataError(
            f"No {part} object has a label: 'skybind label propose {run.folder} --part {part}' "
            "draws some to be labelled."
        )


def _count(n: int, what: str) -> str:
    return f"{n} {what}" + ("" if n == 1 else "s")
