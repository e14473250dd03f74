"""Records: a result as it is measured, written as JSON, read again and shown.

A number that is not known is NaN in memory and null on disk. Every field says what it is and its
unit; `markdown` makes the documentation of it.
"""

import inspect
import json
import math
import types
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    PlainSerializer,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    ValidationError,
    model_serializer,
)

from skybind.errors import DataError
from skybind.files import json_hash, plain_json, raise_of_machine, write_json


def _known(value: Any) -> Any:
    return math.nan if value is None else value


def _array(kind: type) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        # None, for a number that is not known, becomes NaN
        return np.asarray(value, dtype=kind)

    return read


#: A number; NaN where it is not known.
Number = Annotated[float, BeforeValidator(_known), PlainSerializer(plain_json, when_used="json")]
#: Numbers in an array of any shape; NaN where one is not known.
Numbers = Annotated[
    np.ndarray, BeforeValidator(_array(float)), PlainSerializer(plain_json, when_used="json")
]
#: Counts (or signs) in an array of any shape.
Counts = Annotated[
    np.ndarray, BeforeValidator(_array(int)), PlainSerializer(plain_json, when_used="json")
]
#: Share by limit; on disk the limits are text as people write them: `0.15`, `3`.
ByLimit = Annotated[
    dict[float, Number],
    PlainSerializer(
        lambda values: {f"{limit:g}": plain_json(value) for limit, value in values.items()},
        when_used="json",
    ),
]


class Record(BaseModel):
    """A result. What a later version of skybind knows more of it is kept when it is read."""

    model_config = ConfigDict(
        extra="allow", frozen=True, arbitrary_types_allowed=True, populate_by_name=True
    )
    #: Fields that are left out of the JSON where they are None.
    left_out: ClassVar[frozenset[str]] = frozenset()

    def plain(self) -> dict[str, Any]:
        """Give plain values as JSON has them."""
        return self.model_dump(mode="json", by_alias=True)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Record) or type(self) is not type(other):
            return NotImplemented
        return self.plain() == other.plain()

    @model_serializer(mode="wrap")
    def _leave_out(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        values: dict[str, Any] = handler(self)
        return {k: v for k, v in values.items() if v is not None or k not in self.left_out}


#: Key of the checksum in a JSON file.
SEAL = "checksum"
#: The same in the note of a model, where `skybind.models.noted` verifies it.
NOTE_SEAL = "hash"
_R = typing.TypeVar("_R")


def read_record(path: Path, kind: type[_R], again: str) -> _R:
    """Read a JSON file of skybind's own as what it has to hold.

    Parameters
    ----------
    path : Path
    kind : type
        A record, or any other type that pydantic knows, such as `list[Round]`.
    again : str
        What to do if it is damaged, for the message.

    Raises
    ------
    DataError
        If it cannot be read, is no JSON, or lacks something; the first of what is wrong is told.
    FileNotFoundError
        If there is none.
    """
    try:
        return checked(_unsealed(json.loads(path.read_text(encoding="utf-8"))), kind)
    except (FileNotFoundError, NotADirectoryError):
        raise
    except (OSError, ValueError, RecursionError) as error:
        raise_of_machine(error)
        raise DataError(f"{path} is damaged ({wrong_in(error)}): {again}.") from error


def write_sealed(path: Path, value: Mapping[str, Any]) -> None:
    """Write JSON with a checksum of its content, which `read_record` verifies."""
    write_json(path, sealed(value))


def sealed(value: Mapping[str, Any]) -> dict[str, Any]:
    """Give a value as JSON has it, with a checksum of its content."""
    content = plain_json(value)
    return {**content, SEAL: json_hash(content)}


def _unsealed(value: Any) -> Any:
    """Give the content of a sealed file, or of one without a seal as it is."""
    if not isinstance(value, dict) or not value:
        return value
    seal = SEAL if SEAL in value else next(reversed(value))  # whose name may be what is damaged
    content = {key: item for key, item in value.items() if key != seal}
    whole = isinstance(value[seal], str) and json_hash(content) == value[seal]
    if seal == SEAL and not whole:
        raise ValueError("its checksum differs")
    if whole and seal not in (SEAL, NOTE_SEAL):
        raise ValueError(f"its checksum is called '{seal}'")
    return content if seal == SEAL else value


def checked(value: Any, kind: type[_R]) -> _R:
    """Turn plain values to a record, or any other type that pydantic knows.

    Raises
    ------
    ValueError
        If something in it is wrong (see `wrong_in`).
    """
    return TypeAdapter(kind).validate_python(value)


def wrong_in(error: BaseException) -> str:
    """Say in a few words what is wrong in a file that could not be read."""
    if isinstance(error, ValidationError):
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"])
        said = f"{first['msg'][0].lower()}{first['msg'][1:]}"
        return f"{key}: {said}" if key else said
    if isinstance(error, RecursionError):
        return "it is nested without an end"
    return (str(error).splitlines() or ["no reason is known"])[0][:200].rstrip(".")


def plain(value: Any) -> Any:
    """Give records in lists and dictionaries as JSON has them."""
    if isinstance(value, Record):
        return value.plain()
    if isinstance(value, list | tuple):
        return [plain(item) for item in value]
    return {key: plain(item) for key, item in value.items()} if isinstance(value, dict) else value


def markdown(record: type[Record]) -> str:
    """Tell what a record is and what each of its fields is, in a table."""
    paragraphs = (inspect.getdoc(record) or "").split("\n\n")
    text = "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)
    rows = [text, "", "| key | what | meaning |", "| --- | --- | --- |"]
    for name, field in record.model_fields.items():
        what = _words(field.annotation)
        if name in record.left_out:
            what = f"{what.removesuffix(' or null')}, or left out"
        rows.append(f"| `{field.alias or name}` | {what} | {field.description} |")
    return "\n".join(rows)


def nested(record: type[Record]) -> list[type[Record]]:
    """List the records inside a record, in the order in which its documentation tells them."""
    found: list[type[Record]] = []
    for field in record.model_fields.values():
        for inner in _records(field.annotation):
            found += [inner, *nested(inner)]
    return list(dict.fromkeys(found))


def _records(kind: Any) -> list[type[Record]]:
    if isinstance(kind, type) and issubclass(kind, Record):
        return [kind]
    return [found for inner in typing.get_args(kind) for found in _records(inner)]


_WORDS = {
    str: "text",
    int: "whole number",
    float: "number",
    bool: "true or false",
    np.ndarray: "numbers",
    type(None): "null",
}


def _words(kind: Any) -> str:
    """Say in words what values a field has."""
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        return _words(inner[0])
    if origin is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_words(one) for one in inner)
    if origin is dict:
        return f"{_words(inner[0])} -> {_words(inner[1])}"
    if origin in (list, tuple):
        return f"list of {_words(inner[0])}"
    if isinstance(kind, type) and issubclass(kind, Record):
        return f"[{kind.__name__}](#{kind.__name__.lower()})"
    return _WORDS.get(kind, "anything")
