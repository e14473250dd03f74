"""Judgements of people who look at one object after another: kept at once, and undone.

Every judgement, and every undoing, is a line of `RUN/labels/judgements.jsonl` that stays: who
judged what, when, and what was seen. A class is an answer too (`skybind.labelling.answers`), so
that `skybind label` knows it. The line is written first. Where a program is killed before the
answer stands beside the others, the next one that judges brings it there.
"""

import json
from functools import cached_property
from pathlib import Path
from typing import Literal

from pydantic import Field

from skybind.errors import DataError
from skybind.files import sync_tree
from skybind.labelling.answers import (
    AnswerChecker,
    labelled_run,
    read_answers,
    write_answers,
    writing_answers,
)
from skybind.locks import now
from skybind.printable import printable
from skybind.progress import say
from skybind.record import Record, checked, wrong_in
from skybind.runs.run import Run

#: What can be said of an object.
VERDICTS = ("class", "artefact", "unsure")


class Judgement(Record):
    """What a person said of an object, or took back."""

    number: int = Field(..., description="Line of the file, from 1.")
    object_id: str = Field(..., description="The object.")
    verdict: Literal["class", "artefact", "unsure", "undo"] = Field(
        ..., description="`class`, `artefact`, `unsure`; `undo`: an earlier one does not count."
    )
    label: str | None = Field(None, description="The class.")
    undoes: int | None = Field(None, description="Number of the judgement that does not count.")
    who: str = Field(..., description="Who judged.")
    when: str = Field(..., description="ISO 8601, UTC.")
    seen: dict[str, str] = Field(
        {},
        description="What was looked at: the queue, the map, the period [d] of the folded curve.",
    )
    before: str | None = Field(None, description="The answer that the object had.")
    after: str | None = Field(None, description="The answer that it has by this.")
    note: str = Field("", description="Why a class is no answer that trains; empty if it is one.")


class Judgements:
    """The judgements of a run.

    Parameters
    ----------
    run : Run

    Raises
    ------
    DataError
        If a line of the file is damaged.
    """

    def __init__(self, run: Run) -> None:
        self.run, self.path = run, run.paths.labels.judgements
        self._every: list[Judgement] = []
        self._read_to = 0

    def every(self) -> list[Judgement]:
        """Return all lines of the file, in order; those that others added too."""
        size = self.path.stat().st_size if self.path.exists() else 0
        if size < self._read_to:  # deleted, or another file
            self._every, self._read_to = [], 0
        if size > self._read_to:
            with self.path.open("rb") as file:
                file.seek(self._read_to)
                content = file.read()
            end = content.rfind(b"\n") + 1
            if _is_whole(content[end:], self.path):  # an editor may end the file without a newline
                end = len(content)
            for line in content[:end].splitlines():
                if line:
                    self._every.append(_judgement(line, self.path, len(self._every) + 1))
            self._read_to += end
        return self._every

    def standing(self) -> dict[str, Judgement]:
        """Return the last judgement of every object that was judged and not undone."""
        undone = {line.undoes for line in self.every()}
        return {j.object_id: j for j in self.every() if j.undoes is None and j.number not in undone}

    def answers(self) -> dict[str, str]:
        """Return the answers of the run as they are on the disk, by object id."""
        return read_answers(self.run.folder)

    def judge(
        self,
        object_id: str,
        verdict: str,
        label: str | None,
        who: str,
        seen: dict[str, str],
        new_classes: tuple[str, ...] = (),
    ) -> Judgement:
        """Keep what a person says of an object.

        A class takes the place of an earlier answer and of the catalogue's label, but for
        validation and test objects that the catalogue labels otherwise: of these the judgement is
        kept, and `note` says that it does not train.

        Parameters
        ----------
        object_id : str
        verdict : {"class", "artefact", "unsure"}
        label : str or None
            The class, of the verdict `class`.
        who : str
            Who says so.
        seen : dict of str to str
            What was looked at.
        new_classes : tuple of str
            Classes that the run does not have and may be named.

        Raises
        ------
        DataError
            If there is no such object, verdict or class.
        """
        if verdict not in VERDICTS:
            raise DataError(f"There is no verdict '{verdict}': use one of {', '.join(VERDICTS)}.")
        label = (label or "").strip() or None if verdict == "class" else None
        if verdict == "class" and label is None:
            raise DataError(f"A class for {object_id} is missing: name one.")
        with writing_answers(self.run.paths.labels):
            self._finish()
            answers = self.answers()
            note = self._note(object_id, label, answers, new_classes)
            before = answers.get(object_id)
            made = Judgement(
                number=self._next(),
                object_id=object_id,
                verdict=verdict,
                label=label,
                who=who,
                when=now(),
                seen=seen,
                before=before,
                after=before if note else label,
                note=note,
            )
            self._append(made)
            self._carry_out(made, answers)
        return made

    def undo(self, who: str, number: int | None = None) -> Judgement:
        """Take a judgement back that still counts; gives the one undone.

        Parameters
        ----------
        who : str
            Who takes it back.
        number : int, optional
            Of the judgement; by default the last that this person made.

        Raises
        ------
        DataError
            If there is none, or the object was judged or answered again meanwhile.
        """
        with writing_answers(self.run.paths.labels):
            self._finish()
            undone = {line.undoes for line in self.every()}
            left = [j for j in self.every() if j.undoes is None and j.number not in undone]
            own = [j for j in left if (j.who == who if number is None else j.number == number)]
            if not own:
                what = f"judgement by {who}" if number is None else f"judgement {number}"
                raise DataError(f"There is no {what} that could be undone.")
            last, answers = own[-1], self.answers()
            later = [j for j in left if j.object_id == last.object_id and j.number > last.number]
            if later or answers.get(last.object_id) != last.after:
                raise DataError(
                    f"The answer for {last.object_id} was changed after this judgement: judge it "
                    "again instead."
                )
            made = Judgement(
                number=self._next(),
                object_id=last.object_id,
                verdict="undo",
                undoes=last.number,
                who=who,
                when=now(),
                before=last.after,
                after=last.before,
            )
            self._append(made)
            self._carry_out(made, answers)
        return last

    def measures(self, object_id: str) -> str:
        """Say why even a class that is taken does not train; "" if it does."""
        known = self._known
        part = str(known.part[known.place[object_id]])
        if part not in ("validation", "test"):
            return ""
        return f"answers of {part} objects measure the classifier."

    def _note(
        self,
        object_id: str,
        label: str | None,
        answers: dict[str, str],
        new_classes: tuple[str, ...],
    ) -> str:
        """Say why a class is no answer that trains; refuse an object or a class nobody knows."""
        checker = self._checker(answers, new_classes)
        if label is None and object_id in checker.place:
            return ""
        why = checker.unknown(object_id, label or "")
        if why:
            what = "" if label is None else f": '{label}'"
            raise DataError(f"{object_id}{what} was not taken: {why}")
        return checker.contradiction(object_id, label or "")

    @property
    def classes(self) -> list[str]:
        """Classes that can be answered: the run's and those of earlier answers, then new ones."""
        first = self._first_classes
        return [*first, *sorted({*self.answers().values()} - {*first})]

    @cached_property
    def _first_classes(self) -> list[str]:
        return list(labelled_run(self.run).classes)

    @cached_property
    def _known(self) -> AnswerChecker:
        return AnswerChecker(labelled_run(self.run), True, ())

    def _checker(self, answers: dict[str, str], new_classes: tuple[str, ...]) -> AnswerChecker:
        """Return what may be answered now; the places of the objects are found once."""
        checker = self._known
        checker.answers = answers
        checker.used |= {*new_classes, *answers.values()}
        checker.known |= checker.used
        return checker

    def _next(self) -> int:
        every = self.every()
        return every[-1].number + 1 if every else 1

    def _append(self, made: Judgement) -> None:
        """Add a line and force it to the disk; a torn one of a killed program is taken away."""
        line = json.dumps(made.plain(), ensure_ascii=False).encode() + b"\n"
        with self.path.open("r+b" if self.path.exists() else "w+b") as file:
            file.seek(max(0, self._read_to - 1))
            last, torn = file.read(1 if self._read_to else 0), file.read()
            if torn:
                told = printable(torn[:60].decode(errors="replace"))
                say(f"The last line of {self.path} was not whole and is taken away: {told}")
            file.truncate(self._read_to)
            file.seek(self._read_to)
            file.write(line if last in (b"", b"\n") else b"\n" + line)
        sync_tree(self.path)

    def _carry_out(self, made: Judgement, answers: dict[str, str]) -> None:
        """Bring the answers to what a judgement says."""
        if made.after == made.before:
            return
        changed = {name: label for name, label in answers.items() if name != made.object_id}
        if made.after is not None:
            changed[made.object_id] = made.after
        write_answers(self.run.paths.labels.answers, changed)

    def _finish(self) -> None:
        """Carry out the last judgement, where a program was killed before it did."""
        every, answers = self.every(), self.run.paths.labels.answers
        if not every or every[-1].after == every[-1].before:
            return
        if answers.exists() and answers.stat().st_mtime_ns >= self.path.stat().st_mtime_ns:
            return
        known = self.answers()
        if known.get(every[-1].object_id) == every[-1].before:
            self._carry_out(every[-1], known)


def _is_whole(line: bytes, path: Path) -> bool:
    try:
        _judgement(line, path, 0)
    except DataError:
        return False
    return True


def _judgement(line: bytes, path: Path, number: int) -> Judgement:
    try:
        return checked(json.loads(line), Judgement)
    except (ValueError, RecursionError) as error:
        raise DataError(
            f"{path}, line {number}, is damaged ({wrong_in(error)}): mend it, or delete it and "
            "the answers stay as they are."
        ) from error
