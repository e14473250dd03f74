"""What is done to sound files: damage that tests and campaigns draw from.

Every function takes the bytes of a file and a generator, and gives other bytes.
"""

import copy
from collections.abc import Iterator
from typing import Any

#: Values of JSON that stand where another was.
ODD: tuple[Any, ...] = (
    None, 3, "x", [], {}, [[]], {"x": {}}, True, -1e300, "1e999", ["a", None], [1, "b", 3],
)  # fmt: skip
Place = tuple[str | int, ...]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Every place in a value of JSON, but for the whole."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in entries:
        yield (*at, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*at, key))


def with_value(value: Any, place: Place, new: Any) -> Any:
    """A copy of a value of JSON with another at a place."""
    made = copy.deepcopy(value)
    inner = made
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = new
    return made
