"""Units of work: what each is, and the notes that say which are done, under way or failed.

    STUDY/units/
      astrom3/seed-42/finetune/photometry-10-pretrained.json     done or failed, and how long
      astrom3/seed-42/finetune/photometry-10-pretrained.lock     held while somebody is at it
      astrom3/seed-42/finetune/photometry-10-pretrained.holder   who: host and process

Each unit has files of its own, so any number of processes on one file system write them without
knowing of each other, and the state of the study is found by listing them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from skybind.locks import Holder, holder, tried
from skybind.record import read_record, write_sealed

#: Kinds of units, in the order in which a run needs them.
KINDS = (
    "survey", "tune", "backbone", "prepare", "pretrain", "finetune", "embed", "evaluate",
    "clusters", "discover", "report",
)  # fmt: skip


@dataclass(frozen=True)
class Unit:
    """One piece of work, done once by one process.

    Attributes
    ----------
    id : str
        Its name in the study, such as `astrom3/seed-42/finetune/photometry-10-pretrained`.
    kind : str
        One of `KINDS`.
    needs : tuple of str
        Units without which it cannot be done.
    after : tuple of str
        Units that are waited for, done or failed.
    configuration : str
    seed : int or None
    case : str
        Of a fine-tuning; of a backbone its modality; of a search what it is for.
    amount : float
        Objects that it looks at, one of an epoch each time; at most, as a training may stop early.
    weight : float
        Roughly how much work it is, to divide a study into shards.
    """

    id: str
    kind: str
    needs: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    configuration: str = ""
    seed: int | None = None
    case: str = ""
    amount: float = 0.0
    weight: float = 0.0


@dataclass(frozen=True)
class UnitNote:
    """What is noted of a unit that was done or failed.

    Attributes
    ----------
    done : bool
    key : str
        What it was made from.
    seconds : float
        Wall time [s].
    reason : str
        Why it failed; "" where it is done.
    host, pid
        Who did it.
    at : str
        When it ended, ISO 8601, UTC.
    threads : int
        Threads that computed.
    beside : int
        Processes that shared the machine, this one included.
    """

    done: bool
    key: str
    seconds: float
    reason: str = ""
    host: str = ""
    pid: int = 0
    at: str = ""
    threads: int = 0
    beside: int = 1


class Notes:
    """The notes of a study's units."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def read(self, unit: Unit) -> UnitNote | None:
        """Give what is noted of a unit; None where nothing is."""
        path = self._path(unit, ".json")
        try:
            return read_record(path, UnitNote, f"delete it to do {unit.id} anew")
        except (FileNotFoundError, NotADirectoryError):
            return None

    def write(self, unit: Unit, note: UnitNote) -> None:
        """Note that a unit is done, or why it failed; whole or not at all."""
        write_sealed(self._path(unit, ".json"), {"unit": unit.id, "kind": unit.kind, **vars(note)})

    @contextmanager
    def held(self, unit: Unit) -> Iterator[bool]:
        """Hold a unit, if nobody else does; gives whether it is held now."""
        lock = self._path(unit, ".lock")
        lock.parent.mkdir(parents=True, exist_ok=True)
        with tried(lock) as mine:
            yield mine

    def holder(self, unit: Unit) -> Holder | None:
        """Give who is at work on a unit; None where nobody is."""
        return holder(self._path(unit, ".lock"))

    def _path(self, unit: Unit, ending: str) -> Path:
        return self.folder / f"{unit.id}{ending}"
