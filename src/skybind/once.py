"""What is done is not done again, and what was interrupted goes on: steps, and whole folders.

A *step* (`once`) owns a folder and leaves in it what it makes: a model, a log, tables. Its note
says what it is made from and, once it is done, its result. A *folder* (`Workplace`,
`fill_once`) is made as a whole: it grows hidden beside its place, and its name appears when it is
complete.

    STEP/
      result.json          {what it is made from, "finished": ..., its result}
    .NAME.unfinished/
      key.json             what is being made, written when it is begun
      journal/00000.json   one entry a finished part
      work/                becomes NAME
      aside/               for other work, on the whole, that can be interrupted itself

Killed at any moment, neither is taken for done, and the same call goes on with it. One program at
a time makes either; the next one is told who does (`locks`), waits, and reads what was made.
"""

import json
import os
import shutil
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from skybind.errors import DataError, ProcessError, SkybindError
from skybind.files import (
    is_writable,
    linked_place,
    put_in_place,
    raise_of_machine,
    remove_leftovers,
    remove_whole,
)
from skybind.locks import alone, left, tried, waiting_for
from skybind.record import Record, read_record, sealed, write_sealed

#: In the folder of a step.
NOTE = "result.json"
#: In a hidden folder.
_KEY = "key.json"

Entry = dict[str, Any]
Note = dict[str, Any]


class _Journalled(Record):
    """An entry of a journal, with what else was noted of the part.

    Of an older skybind it has no number.
    """

    files: dict[str, int]
    number: int | None = None


def once(folder: Path, key: Mapping[str, Any], make: Callable[[], Mapping[str, Any]]) -> Note:
    """Give the result of a step: read if the step is done, made now if it is not.

    What stands in the folder and was made from something else is removed first. What was begun
    from the same is left for `make` to go on with.

    Parameters
    ----------
    folder : Path
        The step's own.
    key : mapping of str to anything that JSON can hold
        What decides the result, as far as it may differ from one call to another.
    make : callable
        Does the step, files and all, and gives its result as plain values. One with `finished`
        false (the time given to it was over) is kept, but the next call goes on with the step.

    Returns
    -------
    dict
        The result, the entries of `key` and `finished`, as JSON keeps them.
    """
    note = note_of(folder)
    if note is not None and _fits(note, key) and _finished(note):
        return note  # of a run that cannot be written, too
    folder.parent.mkdir(parents=True, exist_ok=True)
    lock = lock_of(folder)
    with alone(lock, otherwise=waiting_for(f"is at work in {folder}")):
        note = note_of(folder)  # as the other program left it
        if note is None or not _fits(note, key) or not _finished(note):
            note = _make(folder, note, key, make)
        lock.unlink(missing_ok=True)  # while it is still held
    return note


def _make(
    folder: Path, note: Note | None, key: Mapping[str, Any], make: Callable[[], Mapping[str, Any]]
) -> Note:
    if note is not None and not _fits(note, key):
        forget(folder)
        note = None
    if note is None:
        folder.mkdir(parents=True, exist_ok=True)
        write_sealed(folder / NOTE, {**key, "finished": False})
    write_sealed(folder / NOTE, {"finished": True, **make(), **key})
    made = note_of(folder)
    assert made is not None  # it was written just now
    return made


def _fits(note: Note, key: Mapping[str, Any]) -> bool:
    """Whether what is noted was made from the same."""
    return all(name in note and note[name] == key[name] for name in key)


def result_of(folder: Path) -> Note | None:
    """Give the result of a step that is done; None of one that is not."""
    note = note_of(folder)
    return note if note is not None and _finished(note) else None


def forget(folder: Path) -> None:
    """Remove a step and all that it made; its note goes first, so that no half of it counts."""
    (folder / NOTE).unlink(missing_ok=True)
    shutil.rmtree(folder, ignore_errors=True)


def forget_alone(folder: Path) -> None:
    """Remove a step as `forget` does, when no other program is at work in it."""
    if folder.exists():
        lock = lock_of(folder)
        with alone(lock, otherwise=waiting_for(f"is at work in {folder}")):
            forget(folder)
            lock.unlink(missing_ok=True)  # while it is still held


def note_of(folder: Path) -> Note | None:
    """Give what is noted of a step, done or only begun; None where it was not begun.

    Raises
    ------
    DataError
        If the note cannot be read.
    """
    again = f"delete {folder} to do it anew"
    try:
        note = read_record(folder / NOTE, dict[str, Any], again)
    except (FileNotFoundError, NotADirectoryError):
        return None
    if not note:
        raise DataError(f"{folder / NOTE} is damaged (it is empty): {again}.")
    return note


def _finished(note: Mapping[str, Any]) -> bool:
    """Whether a step is done; version 0.1 wrote the note of most steps at their end only."""
    return bool(note.get("finished", True))


def fill_once(
    target: Path, fill: Callable[["Workplace"], None], otherwise: Callable[[str], None]
) -> None:
    """Make a folder whose name says all that decides its content, unless it is there.

    Parameters
    ----------
    target : Path
    fill : callable
        Writes to the `work` of the workplace that it is given.
    otherwise : callable
        Called with words for another program that is making the same folder; then that one is
        waited for.
    """
    workplace = Workplace(target, target.name, otherwise)
    if target.exists():
        workplace.clear()
        return
    with workplace:
        if target.exists():
            workplace.discard()
        else:
            fill(workplace)


def forget_made(target: Path) -> None:
    """Remove a folder that `fill_once` makes, and what is left of its making.

    Killed meanwhile, all of it or nothing stands in its place, and the same call removes the rest.
    What another program is making stays.
    """
    remove_leftovers(target)
    remove_whole(target)
    Workplace(target, target.name, waiting_for(f"makes {target}")).clear()


def lock_of(target: Path) -> Path:
    """Name the lock of whoever makes, replaces or changes a folder."""
    return target.parent / f".{target.name}.lock"


class Workplace:
    """The hidden folder of a target; a context manager that gives the folder to write to.

    When its block ends well, the folder becomes the target. If the block raises a `SkybindError`
    (the sources are wrong: doing it again would not help) all is removed; after anything else, and
    where a process was killed, it stays, to be continued.

    Parameters
    ----------
    target : Path
    key : str
        Names the work. What is left of another work at this target is thrown away.
    otherwise : callable
        Called with words for another program that is at work on the same target; then it is waited
        for, unless this raises.
    """

    def __init__(self, target: Path, key: str, otherwise: Callable[[str], None]) -> None:
        self.target, self.key, self.otherwise = linked_place(target), key, otherwise
        self.path = self.target.parent / f".{self.target.name}.unfinished"
        self.work, self._journal = self.path / "work", self.path / "journal"
        self.aside = self.path / "aside"
        self.entries: list[Entry] = []
        self._lock = ExitStack()
        self._wanted = True

    def __enter__(self) -> Path:
        # of a shared folder that was deleted the link is left
        self.target.parent.resolve().mkdir(parents=True, exist_ok=True)
        lock = lock_of(self.target)
        self._lock.enter_context(alone(lock, otherwise=self.otherwise))
        self._lock.callback(lock.unlink, missing_ok=True)  # while it is still held
        remove_leftovers(self.target)
        self.path.mkdir(exist_ok=True)
        if self._note().get("key") != self.key or not self.work.is_dir():
            shutil.rmtree(self._journal, ignore_errors=True)
            shutil.rmtree(self.work, ignore_errors=True)
            shutil.rmtree(self.aside, ignore_errors=True)
            self.work.mkdir()
            self._journal.mkdir()
            write_sealed(self.path / _KEY, {"key": self.key})
        self.entries = self._read_entries()
        return self.work

    def tidy(self) -> None:
        """Remove what is left of this work where the target is in its place.

        The process was killed after it put it there.
        """
        lock = lock_of(self.target)
        with alone(lock, otherwise=self.otherwise):
            remove_leftovers(self.target)
            if self._note().get("key", self.key) == self.key:
                shutil.rmtree(self.path, ignore_errors=True)
            lock.unlink(missing_ok=True)  # while it is still held

    def clear(self) -> None:
        """Remove what a killed process left beside the target; where one is at work it stays."""
        lock, folder = lock_of(self.target), self.target.parent
        if not (self.path.exists() or left(lock)) or not is_writable(folder):
            return
        with tried(lock) as mine:
            if mine:
                shutil.rmtree(self.path, ignore_errors=True)
                lock.unlink(missing_ok=True)  # while it is still held

    def note(self, name: str, value: str) -> str:
        """Remember a text from the first beginning of the work; gives the first one."""
        note = self._note()
        if name not in note:
            write_sealed(self.path / _KEY, {**note, name: value})
        return str(note.get(name, value))

    def record(self, entry: Entry) -> None:
        """Note that a part is finished; `entry["files"]`: the files in the folder that it made."""
        sizes = {}
        for name in entry.get("files", []):
            with (self.work / name).open("rb") as file:
                os.fsync(file.fileno())  # a lost machine must not keep the entry and lose the file
                sizes[name] = os.fstat(file.fileno()).st_size
        path = self._journal / f"{len(self.entries):05d}.json"
        temporary = path.with_suffix(".tmp")
        with temporary.open("w", encoding="utf-8") as text:
            json.dump(sealed({**entry, "files": sizes, "number": len(self.entries)}), text)
            text.flush()
            os.fsync(text.fileno())
        os.replace(temporary, path)
        self.entries.append({**entry, "files": sizes})

    def discard(self) -> None:
        """Leave the target as it is: what is in the hidden folder is not wanted."""
        self._wanted = False

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        try:
            if kind is None and self._wanted:
                self._place()
            wrong = kind is not None and issubclass(kind, SkybindError)
            if kind is None or (wrong and not issubclass(kind, ProcessError)):
                shutil.rmtree(self.path, ignore_errors=True)
        finally:
            self._lock.close()

    def _place(self) -> None:
        put_in_place(self.work, self.target)

    def _note(self) -> dict[str, str]:
        """What is noted of the work; nothing where that is damaged: it is begun anew."""
        try:
            return read_record(self.path / _KEY, dict[str, str], "")
        except (FileNotFoundError, DataError):
            return {}

    def _read_entries(self) -> list[Entry]:
        """Entries of the parts whose files are all there; what else was begun is removed."""
        entries: list[Entry] = []
        while True:
            path = self._journal / f"{len(entries):05d}.json"
            try:
                entry = read_record(path, _Journalled, "")
                files = entry.files.items()
                another = entry.number not in (None, len(entries))
                if another or any((self.work / n).stat().st_size != size for n, size in files):
                    break
            except (DataError, OSError) as error:  # damaged: done anew, and what came after it
                raise_of_machine(error)
                break
            entries.append(entry.model_dump(exclude={"number"}))
        kept = {name for entry in entries for name in entry["files"]}
        for file in [file for file in self.work.rglob("*") if file.is_file()]:
            if file.relative_to(self.work).as_posix() not in kept:
                file.unlink()
        for file in sorted(self._journal.iterdir())[len(entries) :]:
            file.unlink()
        return entries
