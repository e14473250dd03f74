"""Words of messages: the nearest of some names, and lists in a sentence."""

import difflib
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


def nearest(name: str, names: Sequence[str]) -> str:
    """Give ' (did you mean ...?)', or the list of names where none is near."""
    close = difflib.get_close_matches(name, names, 1, cutoff=0.5)
    return f"did you mean '{close[0]}'?" if close else f"known are {', '.join(sorted(names))}."


def join(names: Sequence[str]) -> str:
    """Write a list: `a, b and c`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
