"""Work on many objects in shards: independent of each other, in any order, by any scheduler.

    OUT.shards/
      of.json           what all of them are made from, and how many there are
      3-of-64/          one shard: what it made, and `note.json`
    .OUT.shards.json    when they are put together: what OUT was made from, and its checksums

A shard is a stretch of whole row groups, so that it reads nothing of the others, and gives the
bytes that the work in one piece gives. It appears by one rename, whole or not at all. One that is
there is not done again, and none is when what they became is in its place. Nothing but the file
system is shared (docs/scale.md).
"""

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from skybind.errors import AlreadyDone, ConfigError, DataError
from skybind.files import atomic_path, file_hash, file_states
from skybind.locks import alone, left, waiting_for
from skybind.record import Record, read_record, write_sealed
from skybind.words import join

#: Numbers of shards that a sentence lists.
LISTED = 10
#: In the folder of shards: what all are made from, and how many there are.
_OF = "of.json"

Note = dict[str, Any]


@dataclass(frozen=True)
class Shard:
    """One of several parts, from 1."""

    number: int
    of: int

    @classmethod
    def read(cls, text: str) -> "Shard":
        """Read `3/8`.

        Raises
        ------
        ConfigError
            If it is not of that form.
        """
        number, slash, of = text.partition("/")
        if slash and number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of):
            return cls(int(number), int(of))
        raise ConfigError(f"--shard is '{text}': write 3/8 for the third of eight shards.")

    @property
    def name(self) -> str:
        """Name of its folder."""
        return f"{self.number}-of-{self.of}"

    def stretch(self, starts: np.ndarray, n: int) -> tuple[int, int]:
        """Return the first row of this shard, and the one after its last; they may be equal.

        Parameters
        ----------
        starts : ndarray of int
            Rows at which a stretch may begin, ascending, the first of them 0.
        n : int
            Rows in all.
        """
        bounds = [*starts.tolist(), n]
        first, last = np.searchsorted(
            bounds, [n * k / self.of for k in (self.number - 1, self.number)]
        )
        return bounds[first], bounds[last]


def shards_of(out: Path) -> Path:
    """Name the folder of the shards of an output."""
    return out.parent / f"{out.name}.shards"


def begun(out: Path) -> bool:
    """Return whether shards of an output were begun, and not put together yet."""
    return (shards_of(out) / _OF).exists()


def remains(out: Path) -> bool:
    """Return whether any shards of an output are there, or what is left of removing them."""
    return begun(out) or _beside(out, "gone").exists() or left(_beside(out, "lock"))


def _beside(out: Path, ending: str) -> Path:
    return out.parent / f".{shards_of(out).name}.{ending}"


def remedy(folder: Path) -> str:
    """Say what to do about a damaged shard."""
    return f"delete {folder} to make it anew"


class _Agreed(Record):
    """`of.json`."""

    key: str
    of: int = Field(..., ge=1)


class _Signature(Record):
    """What is noted beside that which shards became."""

    key: str
    sizes: dict[str, int]
    sums: dict[str, str]


class _AtWork(DataError):
    """Another program puts the shards together, or removes them."""


class ShardFolder:
    """The shards of one output, beside its place.

    Parameters
    ----------
    out : Path
        What the shards will become.
    key : str
        What they are made from.
    what : str
        What is done, for messages: "classify".
    """

    def __init__(self, out: Path, key: str, what: str) -> None:
        self.out, self.key, self.what = out, key, what
        self.path = shards_of(out)

    def do(self, shard: Shard, make: Callable[[Path], Mapping[str, Any]]) -> Note:
        """Give the note of a shard, which is made now unless it is there.

        Parameters
        ----------
        shard : Shard
        make : callable
            Writes files to the folder that it is given, and says in plain values what they hold.

        Raises
        ------
        AlreadyDone
            If what they become is in its place (see `sign`).
        DataError
            If shards of another kind are there.
        """
        if self._signed():
            raise self.already_done()
        self.path.mkdir(parents=True, exist_ok=True)
        self._agree(shard.of)
        folder, lock = self.path / shard.name, self.path / f".{shard.name}.lock"
        with alone(lock, otherwise=waiting_for(f"is at work on shard {shard.number}")):
            if not folder.exists():
                with atomic_path(folder) as temporary:
                    temporary.mkdir()
                    note = dict(make(temporary))
                    write_sealed(temporary / "note.json", {**note, "key": self.key})
            lock.unlink(missing_ok=True)  # while it is still held
        return self._note(folder)

    @contextmanager
    def together(self) -> Iterator[list[tuple[Path, Note]]]:
        """Give what `whole` gives to who puts it together; when that is done the shards are gone.

        Raises
        ------
        AlreadyDone
            If what they become is in its place (see `sign`); then none of them is left.
        DataError
            As `whole`, or if another program does so.
        """
        if self._signed():
            self.finish()
            raise self.already_done()
        if not begun(self.out):
            self._sweep()
            yield []
            return
        with self._held():
            parts = self.whole()
            yield parts
            if parts:
                self.discard()

    def whole(self) -> list[tuple[Path, Note]]:
        """Give all shards in order, folder and note; none where the work is not done in shards.

        Raises
        ------
        DataError
            If some are missing or damaged, or of another kind.
        """
        if not begun(self.out):
            return []
        of = self._agree(None)
        folders = [self.path / Shard(k, of).name for k in range(1, of + 1)]
        missing = [str(k) for k, folder in enumerate(folders, 1) if not folder.exists()]
        if missing:
            listed = join([*missing[:LISTED], *(["more"] if len(missing) > LISTED else [])])
            raise DataError(
                f"{len(missing)} of {of} shards of {self.out} are missing ({listed}): make them "
                f"with --shard {missing[0]}/{of} and so on, or delete {self.path} to "
                f"{self.what} in one piece."
            )
        return [(folder, self._note(folder)) for folder in folders]

    def sign(self) -> None:
        """Note beside what was put together that it was made of these shards."""
        sizes = self._sizes()
        sums = {name: file_hash(self.out / name) for name in sizes}
        write_sealed(self._signature, {"key": self.key, "sizes": sizes, "sums": sums})

    def finish(self) -> bool:
        """Remove these shards where what they became is in its place; says whether any were left.

        Whoever put them together was killed before that, or is about to: then it is left to that
        program.
        """
        try:
            if not begun(self.out):
                return self._sweep()
            with self._held():
                if begun(self.out):
                    if read_record(self.path / _OF, _Agreed, self._again).key != self.key:
                        return False
                    self.discard()
        except _AtWork:
            pass
        return True

    def already_done(self, place: Path | None = None) -> AlreadyDone:
        """Give what says that the shards were put together, where that is not `out`."""
        return AlreadyDone(f"All is in place in {place or self.out}: nothing was left to do.")

    def _signed(self) -> bool:
        """Whether what stands in the place was put together of these shards, and is as it was."""
        try:
            note = read_record(self._signature, _Signature, f"delete {self._signature}")
        except FileNotFoundError:
            return False
        if note.key != self.key or note.sizes != self._sizes():
            return False
        # a copy has other times, and a coarse file system may show no change
        return all(file_hash(self.out / name) == known for name, known in note.sums.items())

    def _sizes(self) -> dict[str, int]:
        """Size of each file that stands in the place; none where nothing does."""
        states = file_states(self.out).items()
        return {Path(name).relative_to(self.out).as_posix(): size for name, (size, _) in states}

    def discard(self) -> None:
        """Remove the shards: what they became is there. Killed, it leaves no part of them."""
        shutil.rmtree(self._gone, ignore_errors=True)
        self.path.rename(self._gone)
        shutil.rmtree(self._gone, ignore_errors=True)

    @property
    def _gone(self) -> Path:
        return _beside(self.out, "gone")

    @property
    def _lock(self) -> Path:
        return _beside(self.out, "lock")

    @property
    def _signature(self) -> Path:
        return _beside(self.out, "json")

    @property
    def _again(self) -> str:
        return f"delete {self.path}"

    @contextmanager
    def _held(self) -> Iterator[None]:
        """Be the one program that puts these shards together, or removes them."""
        with alone(self._lock, otherwise=self._refuse):
            try:
                yield
            finally:
                self._lock.unlink(missing_ok=True)  # while it is still held

    def _sweep(self) -> bool:
        """Remove what a process left that was killed while it removed the shards; as `finish`."""
        if not remains(self.out):
            return False
        with self._held():
            shutil.rmtree(self._gone, ignore_errors=True)
        return True

    def _refuse(self, who: str) -> None:
        raise _AtWork(
            f"{who} is putting the shards of {self.out} together: wait until it has ended."
        )

    def _agree(self, of: int | None) -> int:
        """Note what is done here, or see that it is the same; gives the number of shards."""
        path = self.path / _OF
        if of is not None and not path.exists():
            write_sealed(path, {"key": self.key, "of": of})
        there = read_record(path, _Agreed, self._again)
        if there.key != self.key:
            raise DataError(
                f"{self.path} holds shards of another model, other data or another version of "
                "skybind: delete it, or choose another --out."
            )
        if of not in (None, there.of):
            raise DataError(
                f"{self.path} holds shards of {there.of}, and this would be one of {of}: go on "
                f"with --shard K/{there.of}, or delete it."
            )
        return there.of

    def _note(self, folder: Path) -> Note:
        try:
            note = read_record(folder / "note.json", dict[str, Any], remedy(folder))
        except FileNotFoundError as error:
            raise DataError(f"{folder} has lost its note.json: {remedy(folder)}.") from error
        if note.get("key") != self.key:
            raise DataError(
                f"{folder} was made from something else than the other shards: delete it to make "
                "it anew."
            )
        return note
