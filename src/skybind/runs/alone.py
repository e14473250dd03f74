"""One program at a time starts a run, and one changes what stands in its folder.

Steps that train have locks of their own (`skybind.once`). What only reads takes no lock.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

from skybind.config import load_config
from skybind.files import linked_place
from skybind.locks import alone, waiting_for
from skybind.once import lock_of

if TYPE_CHECKING:
    from skybind.runs.run import Run

#: In a run's folder: held by the program that changes it.
LOCK = ".lock"
#: Runs that are changed already by who asks: a step may do another one.
_CHANGED: ContextVar[frozenset[Path]] = ContextVar("changed", default=frozenset())

_P = ParamSpec("_P")
_T = TypeVar("_T")
_R = TypeVar("_R", bound="Run")


@contextmanager
def starting(folder: Path) -> Iterator[None]:
    """Be the one that starts a run in a folder; another program that does so is waited for."""
    place = linked_place(folder)
    place.parent.mkdir(parents=True, exist_ok=True)
    with only(lock_of(place), waiting_for(f"starts the run in {folder}")):
        yield


def changes_run(
    function: Callable[Concatenate[_R, _P], _T],
) -> Callable[Concatenate[_R, _P], _T]:
    """Let a function be the only one that changes the run that it is given first.

    Another program that changes it is told to the user and waited for. The run's configuration is
    read again: another program may have set keys since the run was opened.
    """

    @wraps(function)
    def changing(run: _R, *args: _P.args, **options: _P.kwargs) -> _T:
        with _changing(run):
            return function(run, *args, **options)

    return changing


@contextmanager
def _changing(run: "Run") -> Iterator[None]:
    place = run.folder.resolve()
    if place in _CHANGED.get():
        yield
        return
    with only(place / LOCK, waiting_for(f"is at work on the run in {run.folder}")):
        run.config = load_config(run.paths.config)
        token = _CHANGED.set(_CHANGED.get() | {place})
        try:
            yield
        finally:
            _CHANGED.reset(token)


@contextmanager
def only(lock: Path, otherwise: Callable[[str], None]) -> Iterator[None]:
    """Hold a lock as `skybind.locks.alone` does, and leave no file of it."""
    with alone(lock, otherwise=otherwise):
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)  # while it is still held
