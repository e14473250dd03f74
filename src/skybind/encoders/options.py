"""Options of encoders: what each may be, declared beside its default and checked before use."""

import inspect
import re
import typing
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import wraps
from numbers import Integral, Real
from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from skybind.errors import ConfigError


@dataclass(frozen=True)
class Range:
    """Bounds of a number, or of the length of a list; both ends belong to it."""

    low: float
    high: float = float("inf")

    def __str__(self) -> str:
        return f"at least {self.low}" if self.high == float("inf") else f"{self.low} to {self.high}"


#: A number of things.
Count = Annotated[int, Range(1)]
#: A share or a probability.
Share = Annotated[float, Range(0, 1)]

_WORDS = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
_TYPES: dict[Any, Any] = {int: Integral, float: Real, bool: bool, str: str}


@dataclass(frozen=True)
class Option:
    """An option of an encoder.

    Attributes
    ----------
    name : str
    wanted : type
        As annotated.
    default : object
    description : str
        From the docstring.
    """

    name: str
    wanted: Any
    default: Any
    description: str


def options_of(encoder: type) -> list[Option]:
    """Return the options of an encoder: keyword arguments of its constructor."""
    hints = _hints(encoder.__init__)  # type: ignore[misc]
    words = _descriptions(inspect.getdoc(encoder) or "")
    parameters = list(inspect.signature(encoder).parameters.values())[1:]
    return [
        Option(p.name, hints.get(p.name, Any), p.default, words.get(p.name, ""))
        for p in parameters
        if p.kind is not p.VAR_KEYWORD
    ]


def checked(name: str, encoder: type) -> None:
    """Let the constructor of an encoder refuse options that are not what its annotations say.

    Raises
    ------
    ConfigError
        By the constructor, naming the option and what it may be.
    """
    if "__init__" not in vars(encoder):
        return
    construct: Callable[..., None] = vars(encoder)["__init__"]
    hints = _hints(construct)

    @wraps(construct)
    def init(self: Any, *args: Any, **options: Any) -> None:
        for option, value in options.items():
            if option in hints:
                check_option(name, option, hints[option], value)
        construct(self, *args, **options)

    encoder.__init__ = init  # type: ignore[misc]


def check_option(encoder: str, option: str, wanted: Any, value: Any) -> None:
    """Raise ConfigError unless a value is what an annotation wants."""
    args = get_args(wanted)
    if get_origin(wanted) is Annotated:
        check_option(encoder, option, args[0], value)
        for limit in args[1:]:
            if isinstance(limit, Range) and value is not None:
                sized = isinstance(value, Sequence)
                what = f"number of {option}" if sized else option
                check_range(encoder, what, len(value) if sized else value, limit.low, limit.high)
    elif get_origin(wanted) is Literal:
        check_choice(encoder, option, value, args)
    elif NoneType in args:
        if value is not None:
            check_option(encoder, option, next(a for a in args if a is not NoneType), value)
    elif get_origin(wanted) is Sequence:
        if not isinstance(value, Sequence) or isinstance(value, str):
            raise ConfigError(f"encoder {encoder!r} needs {option} to be a list, not {value!r}")
        for element in value:
            check_option(encoder, option, args[0], element)
    elif wanted in _TYPES and not (
        isinstance(value, _TYPES[wanted]) and (wanted is bool or not isinstance(value, bool))
    ):
        raise ConfigError(
            f"encoder {encoder!r} needs {option} to be {_WORDS[wanted]}, not {value!r}"
        )


def check_choice(encoder: str, option: str, value: object, choices: Collection[str]) -> None:
    """Raise ConfigError unless `value` is one of `choices`."""
    if value not in choices:
        raise ConfigError(
            f"encoder {encoder!r} has no {option} {value!r}: {hint(str(value), choices)}"
        )


def check_range(
    encoder: str, option: str, value: float, low: float, high: float = float("inf")
) -> None:
    """Raise ConfigError unless ``low <= value <= high``."""
    if not low <= value <= high:
        wanted = f"at least {low}" if high == float("inf") else f"between {low} and {high}"
        raise ConfigError(f"encoder {encoder!r} needs {option} {wanted}, not {value}")


def hint(word: str, known: Collection[str]) -> str:
    """Return the nearest known word as advice, or all of them."""
    nearest = get_close_matches(word, known, n=1)
    if nearest:
        return f"did you mean {nearest[0]!r}?"
    return f"choose from {', '.join(sorted(known))}"


def _hints(function: Callable[..., None]) -> dict[str, Any]:
    """Return the annotations of a function; none if they cannot be resolved."""
    try:
        return typing.get_type_hints(function, include_extras=True)
    except (NameError, TypeError):
        return {}


def _descriptions(docstring: str) -> Mapping[str, str]:
    """Read the section `Parameters` of a NumPy docstring: name -> description in one line."""
    _, _, rest = docstring.partition("Parameters\n----------\n")
    section = re.split(r"\n\n\w[\w ]*\n-+\n", rest)[0]
    found: dict[str, str] = {}
    names: list[str] = []
    for line in section.splitlines():
        if line and not line[0].isspace():
            names = [name.strip() for name in line.partition(" : ")[0].split(",")]
        elif line.strip():
            for name in names:
                found[name] = f"{found.get(name, '')} {line.strip()}".strip()
    return found
