"""What a campaign is, and what can come of a try."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

#: What may come of a fault: a sentence, the bad object set aside with its reason, or the right
#: value all the same (the fault was put right, or touched nothing that is read).
FINE = ("sentence", "quarantined", "right value")
#: What may not: an error that is no sentence (or the death of the program), a wrong value without
#: a word, no end in time, memory beyond the limit, and anything read or written outside.
FAILED = ("TRACEBACK", "SILENT", "HANG", "MEMORY", "OUTSIDE")


class Row(NamedTuple):
    """What came of one try.

    Attributes
    ----------
    number : int
    what : str
        The harm that was done.
    outcome : str
        One of `FINE` or `FAILED`.
    said : str
        The sentence, or what shows the failure.
    """

    number: int
    what: str
    outcome: str
    said: str = ""


Run = Callable[[int, Iterable[int]], Iterator[Row]]


@dataclass(frozen=True)
class Campaign:
    """A campaign.

    Attributes
    ----------
    run : callable
        Takes a seed and the numbers of the tries, and gives a `Row` for each; a try depends on the
        seed and its number alone.
    quick : int
        Tries in the suite: what takes some ten seconds.
    """

    run: Run
    quick: int


CAMPAIGNS: dict[str, Campaign] = {}


def campaign(name: str, quick: int) -> Callable[[Run], Run]:
    """Register a campaign that starts and watches its own programs."""

    def register(run: Run) -> Run:
        CAMPAIGNS[name] = Campaign(run, quick)
        return run

    return register
