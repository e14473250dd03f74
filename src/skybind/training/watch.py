"""Looking on while a training goes on, and ending it where it is of no use."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

#: Given what is trained (such as `pre-training`) and the records of its epochs so far.
Watcher = Callable[[str, Sequence[Mapping[str, float]]], None]

_watchers: list[Watcher] = []


@contextmanager
def watched(watcher: Watcher) -> Iterator[None]:
    """Call a watcher after every epoch of the trainings inside, in this process.

    A `SkybindError` that it raises ends the training; what was trained can be gone on with. A
    training on several devices that are started for it is not watched.
    """
    _watchers.append(watcher)
    try:
        yield
    finally:
        _watchers.remove(watcher)


def tell_watchers(title: str, history: Sequence[Mapping[str, float]]) -> None:
    """Tell those who look on that an epoch is over."""
    for watcher in _watchers:
        watcher(title, history)
