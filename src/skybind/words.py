"""Words of messages: the nearest of some names, lists in a sentence, times."""

import difflib
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from skybind.printable import printable


def nearest(name: str, names: Sequence[str]) -> str:
    """Give 'did you mean ...?', or the list of names where none is near."""
    if not names:
        return "there are none."
    close = _close(name, names)
    return f"did you mean '{close}'?" if close else f"known are {', '.join(sorted(names))}."


def _close(name: str, names: Sequence[str]) -> str | None:
    return next(iter(difflib.get_close_matches(name, names, 1, cutoff=0.5)), None)


def nearest_of_many(name: str, names: Iterable[str], most: int = 2000) -> str:
    """Give the nearest of any number of names: of those that begin like it, `most` are compared."""
    close, first = nearest_name(name, names, most)
    if close is not None:
        return f"did you mean '{close}'?"
    return "there are none." if first is None else f"the first is '{first}'."


def nearest_name(
    name: str, names: Iterable[str], most: int = 2000
) -> tuple[str | None, str | None]:
    """Find the nearest of any number of names, None where none is near.

    Second, the first of those that begin most like it; None where there are no names.
    """
    alike: list[str] = []
    longest = -1
    for other in names:
        length = next((i for i, (a, b) in enumerate(zip(name, other, strict=False)) if a != b), -1)
        length = min(len(name), len(other)) if length < 0 else length
        if length > longest:
            alike, longest = [other], length
        elif length == longest and len(alike) < most:
            alike.append(other)
    return _close(name, alike), next(iter(alike), None)


def repeated(names: Iterable[str]) -> set[str]:
    """Return the names that occur more than once."""
    return {name for name, times in Counter(names).items() if times > 1}


def join(names: Sequence[str], word: str = "and") -> str:
    """Write a list: `a, b and c`; "" for none."""
    *first, last = names or [""]
    return f"{', '.join(first)} {word} {last}" if first else last


def duration(seconds: float) -> str:
    """Write a time in the units that one would say it in."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    return f"{minutes // 60} h {minutes % 60:02d} min"


def about(seconds: float) -> str:
    """Write a time that is known roughly: whole seconds, then whole minutes."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"


def html_facts(title: str, facts: Mapping[str, str]) -> str:
    """Write facts as a small table for notebooks."""
    import html

    def escape(text: str) -> str:
        return html.escape(printable(text))

    left = "style='text-align:left'"
    rows = "".join(
        f"<tr><th {left}>{escape(name)}</th><td {left}>{escape(text)}</td></tr>"
        for name, text in facts.items()
    )
    return f"<table><caption>{escape(title)}</caption>{rows}</table>"
