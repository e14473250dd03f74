"""YAML as a person wrote it: where text is wanted, `10`, `1.10` and `no` stay those letters."""

import types
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import yaml
from pydantic import BaseModel


class Written:
    """A scalar that YAML takes for a number, a truth value or a date, with the text it stood as."""

    __slots__ = ("text", "value")

    def __init__(self, text: str, value: Any) -> None:
        self.text = text
        self.value = value

    def __str__(self) -> str:
        return self.text

    __repr__ = __str__


#: What a YAML may hold: characters, levels, and values once its aliases are written out. A
#: configuration has hundreds of values; a few lines of aliases can stand for billions.
MOST_LETTERS, MOST_LEVELS, MOST_VALUES = 4_000_000, 60, 200_000
#: Digits of a number; more are taken for text.
_DIGITS = 400


class _Loader(yaml.SafeLoader):
    """Reads plain data only, as `yaml.SafeLoader` does, and keeps the text of scalars."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._level = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        self._level += 1
        if self._level > MOST_LEVELS:
            raise yaml.YAMLError(f"it is nested more than {MOST_LEVELS} levels deep")
        node = super().compose_node(parent, index)
        self._level -= 1
        return node

    def get_single_node(self) -> yaml.Node | None:
        node = super().get_single_node()
        if node is not None:
            _weigh(node, {})
        return node

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        made = super().construct_mapping(node, deep)
        return {key.text if isinstance(key, Written) else key: made[key] for key in made}


def _weigh(node: yaml.Node, known: dict[yaml.Node, tuple[int, int]]) -> tuple[int, int]:
    """Count the values and levels of a node with its aliases written out; refuse too many."""
    if node in known:
        if not known[node][0]:
            raise yaml.YAMLError(f"an alias in line {_line(node)} stands for what it is a part of")
        return known[node]
    known[node] = 0, 0
    parts: list[yaml.Node] = []
    if isinstance(node, yaml.SequenceNode):
        parts = node.value
    elif isinstance(node, yaml.MappingNode):
        _refuse_twice(node)
        parts = [part for pair in node.value for part in pair]
    inside = [_weigh(part, known) for part in parts]
    values = 1 + sum(count for count, _ in inside)
    levels = 1 + max((level for _, level in inside), default=0)
    if values > MOST_VALUES:
        raise yaml.YAMLError(f"with its aliases written out it has over {MOST_VALUES:,} values")
    if levels > MOST_LEVELS:
        raise yaml.YAMLError(f"it is nested more than {MOST_LEVELS} levels deep")
    known[node] = values, levels
    return known[node]


def _refuse_twice(node: yaml.MappingNode) -> None:
    lines: dict[str, int] = {}
    for key, _ in node.value:
        if isinstance(key, yaml.ScalarNode):
            if key.value in lines:
                before = lines[key.value]
                raise yaml.YAMLError(
                    f"the key '{key.value}' is written twice, in lines {before} and {_line(key)}"
                )
            lines[key.value] = _line(key)


def _line(node: yaml.Node) -> int:
    return int(node.start_mark.line) + 1


def _with_text(loader: _Loader, node: yaml.ScalarNode) -> Written:
    if len(node.value) > _DIGITS:
        return Written(node.value, node.value)
    try:
        return Written(node.value, yaml.SafeLoader.yaml_constructors[node.tag](loader, node))
    # a date that no calendar has, or a tag that its text does not fit
    except (ValueError, TypeError, AttributeError, LookupError, OverflowError):
        return Written(node.value, node.value)


for _tag in ("int", "float", "bool", "timestamp"):
    _Loader.add_constructor(f"tag:yaml.org,2002:{_tag}", _with_text)


def read_yaml(text: str) -> Any:
    """Read YAML; numbers, truth values and dates come as `Written`, keys of mappings as text.

    Raises
    ------
    yaml.YAMLError
        If it is none, a key is written twice, or it holds more than any configuration does:
        levels, or values that a few aliases multiply.
    """
    if len(text) > MOST_LETTERS:
        raise yaml.YAMLError(f"it has more than {MOST_LETTERS:,} characters")
    # a subclass of the safe loader: it makes nothing but plain data
    return yaml.load(text, _Loader)


def plain_yaml(text: str) -> Any:
    """Read YAML with the values that it gives by itself; see `read_yaml`."""
    return settle(read_yaml(text))


def settle(raw: Any, wanted: Any = Any) -> Any:
    """Replace every `Written` by its text or its value, as a type asks.

    Parameters
    ----------
    raw : object
        What `read_yaml` gave, or plain data.
    wanted : type
        Of the whole; the fields of pydantic models are followed.

    Returns
    -------
    object
        Plain data. Numbers that were given as such become text too where only text will do.

    Examples
    --------
    >>> settle(read_yaml("[1.10, no]"), list[str])
    ['1.10', 'no']
    >>> settle(read_yaml("[1.10, no]"))
    [1.1, False]
    """
    members = arms(wanted)
    if isinstance(raw, Mapping):
        return {key: settle(value, _item(members, key)) for key, value in raw.items()}
    if isinstance(raw, list | tuple):
        return [settle(value, _element(members, place)) for place, value in enumerate(raw)]
    text = _is_text(members)
    if isinstance(raw, Written):
        return raw.text if text else raw.value
    number = isinstance(raw, int | float) and not isinstance(raw, bool)
    return str(raw) if number and text else raw


def arms(wanted: Any) -> list[Any]:
    """Members of a union, or the type itself."""
    if get_origin(wanted) in (Union, types.UnionType):
        return [arm for part in get_args(wanted) for arm in arms(part)]
    return arms(get_args(wanted)[0]) if get_origin(wanted) is Annotated else [wanted]


def _is_model(arm: Any) -> bool:
    return isinstance(arm, type) and issubclass(arm, BaseModel)


def _is_text(members: list[Any]) -> bool:
    """Whether text is wanted of a scalar: a section's short form is text too."""
    scalars = [
        arm for arm in members if arm is not type(None) and get_origin(arm) not in (list, dict)
    ]
    return bool(scalars) and all(
        arm is str
        or _is_model(arm)
        or (get_origin(arm) is Literal and all(isinstance(c, str) for c in get_args(arm)))
        for arm in scalars
    )


def _item(members: list[Any], key: Any) -> Any:
    """Type of the value under a key of a mapping."""
    for arm in members:
        if _is_model(arm) and key in arm.model_fields:
            return arm.model_fields[key].annotation
        if get_origin(arm) in (dict, Mapping):
            return get_args(arm)[1]
    return Any


def _element(members: list[Any], place: int) -> Any:
    """Type of an element of a list."""
    for arm in members:
        parts = get_args(arm)
        if get_origin(arm) is list:
            return parts[0]
        if get_origin(arm) is tuple and parts:
            return parts[0] if parts[-1] is Ellipsis else parts[min(place, len(parts) - 1)]
    return Any
