"""Every key of a configuration with its meaning, its default and what it may be."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from inspect import Parameter
from textwrap import fill, indent
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from skybind.config.backbone import BackboneConfig
from skybind.config.load import model_of
from skybind.config.schema import Config
from skybind.encoders import encoder_names
from skybind.encoders.options import Option, Range
from skybind.encoders.registry import encoder_table
from skybind.errors import ConfigError
from skybind.modalities.kinds import kinds, modality_class
from skybind.words import nearest

#: Stands for a name of the user's.
NAME = "NAME"
_LIMITS = {"ge": "at least {}", "gt": "above {}", "le": "at most {}", "lt": "below {}"}
_TYPES: dict[Any, str] = {int: "whole number", float: "number", bool: "true or false", str: "text"}
#: Begins docs/configuration.md.
PREFACE = """# Configuration

Every key that a configuration may have. `make docs` writes this page from the program; \
`skybind config keys` prints the same, and `skybind config keys SECTION` a part of it.

A configuration is a YAML file. It may start from another one (`extends: stars-small`) and give \
only what differs; a section that is set to `null` goes away. On the command line \
`--set KEY=VALUE` sets a single key by its dotted name. `NAME` stands for a name of your own, \
such as that of a modality.

"""

_PLURALS = {"whole number": "whole numbers", "number": "numbers", "text": "texts"}
REQUIRED = "(must be given)"


@dataclass(frozen=True)
class Key:
    """One key.

    Attributes
    ----------
    name : str
        Dotted, as `--set` takes it; `NAME` stands for a name of the user's.
    meaning : str
    default : str
        As YAML.
    values : str
        What it may be, in words.
    """

    name: str
    meaning: str
    default: str
    values: str


@dataclass(frozen=True)
class Section:
    """Keys that belong together.

    Attributes
    ----------
    name : str
        Dotted; "" for those at the top.
    short : str
        Another name: the kind of a modality or the name of an encoder whose options they are.
    title : str
    keys : list of Key
    """

    name: str
    short: str
    title: str
    keys: list[Key]


def config_keys(section: str | None = None) -> list[Section]:
    """Return the keys of configurations: of runs and of backbones.

    Parameters
    ----------
    section : str, optional
        A section (`training`, `model.scale`), the kind of a modality (`photometry`), an encoder
        (`informer`), `backbone`, or a single key; all by default.

    Returns
    -------
    list of Section

    Raises
    ------
    ConfigError
        If there is no such section or key; the nearest is named.
    """
    every = [*_sections(Config, "", "A run"), *_options(), *_backbones()]
    if section is None:
        return every
    found = [s for s in every if section in (s.name, s.short) or s.name.startswith(f"{section}.")]
    if found:
        return found
    keys = [(s, key) for s in every for key in s.keys if key.name == section]
    if keys:
        return [Section(s.name, s.short, s.title, [key]) for s, key in keys]
    known = {name for s in every for name in (s.name, s.short, *(key.name for key in s.keys))}
    raise ConfigError(f"There is no section or key '{section}': {nearest(section, sorted(known))}")


def keys_as_text(sections: Sequence[Section], width: int = 80) -> str:
    """Write sections of keys for a terminal: a line with default and values, then the meaning."""
    parts = []
    for section in sections:
        parts.append(f"{section.name}: {section.title}" if section.name else section.title)
        for key in section.keys:
            parts.append(f"  {key.name} = {key.default}  ({key.values.replace('`', '')})")
            parts.append(indent(fill(key.meaning, max(width - 6, 20)), " " * 6))
        parts.append("" if section.keys else "  It has no options.\n")
    return "\n".join(parts)


def keys_as_markdown(sections: Sequence[Section]) -> str:
    """Write sections of keys as the tables of docs/configuration.md."""
    parts = []
    for section in sections:
        title = f"`{section.name}`: {section.title}" if section.name else section.title
        rows = [
            "| " + " | ".join(_cell(text) for text in (
                f"`{key.name}`", key.meaning, f"`{key.default}`", key.values)) + " |"
            for key in section.keys
        ]  # fmt: skip
        head = "| key | meaning | default | values |\n| --- | --- | --- | --- |"
        table = "\n".join([head, *rows]) if rows else "It has no options."
        parts.append(f"## {title}\n\n{table}\n")
    return "\n".join(parts)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _sections(
    model: type[BaseModel], prefix: str, title: str, defaults: BaseModel | None = None
) -> Iterator[Section]:
    """Give the section of a model, and those of the models in it."""
    own, inner = [], []
    for name, field in model.model_fields.items():
        key = f"{prefix}.{name}" if prefix else name
        value = field.default if defaults is None else getattr(defaults, name)
        below = model_of(field.annotation)
        named = any(get_origin(arm) is dict for arm in _members(field.annotation))
        if below is None:
            own.append(_key(key, field, value))
            continue
        if named or not isinstance(value, BaseModel):
            own.append(_key(key, field, {} if isinstance(value, dict) else value))
        path = f"{key}.{NAME}" if named else key
        start = value if isinstance(value, below) else None
        inner.append((below, path, field.description or "", start))
    yield Section(prefix, "", title, own)
    for below, path, words, start in inner:
        yield from _sections(below, path, words.rstrip("."), start)


def _key(name: str, field: FieldInfo, value: Any) -> Key:
    default = REQUIRED if value is PydanticUndefined else _written(value)
    return Key(name, field.description or "", default, _values(field.annotation, field.metadata))


def _options() -> Iterator[Section]:
    """Options of each kind of modality, and of each encoder."""
    for kind in kinds():
        options = modality_class(kind).Options
        path = f"modalities.{NAME}.preprocessing"
        keys = [
            _key(f"{path}.{name}", field, field.get_default(call_default_factory=True))
            for name, field in options.model_fields.items()
        ]
        yield Section(path, kind, f"preprocessing of the kind `{kind}`", keys)
    for encoder in encoder_names():
        path = f"modalities.{NAME}.encoder"
        keys = [_option(path, option) for option in encoder_table(encoder)]
        yield Section(path, encoder, f"options of the encoder `{encoder}`", keys)


def _option(path: str, option: Option) -> Key:
    default = REQUIRED if option.default is Parameter.empty else _written(option.default)
    return Key(f"{path}.{option.name}", option.description, default, _values(option.wanted, ()))


def _backbones() -> Iterator[Section]:
    """What the configuration of a backbone has that a run's has not."""
    shared = set(Config.model_fields)
    for section in _sections(BackboneConfig, "", "A backbone (`skybind pretrain-backbone`)"):
        top = section.name.split(".")[0]
        if top not in shared and top != "modality":  # its keys are those of a run's
            yield Section(section.name, "backbone", section.title, section.keys)


def _written(value: Any) -> str:
    """Write a default as it would stand in a file."""
    if isinstance(value, BaseModel):
        value = value.model_dump(mode="json")
    plain = list(value) if isinstance(value, tuple) else value
    return json.dumps(plain, ensure_ascii=False) if not isinstance(plain, str) else plain or '""'


def _members(wanted: Any) -> list[Any]:
    """Members of a union, or the type itself."""
    if get_origin(wanted) in (Union, UnionType):
        return [member for part in get_args(wanted) for member in _members(part)]
    return [wanted]


def _values(wanted: Any, limits: Sequence[Any]) -> str:
    """Say in words what a value may be."""
    members = _members(wanted)
    said = dict.fromkeys(_one(member) for member in members if member is not NoneType)
    bounds = [
        words.format(f"{getattr(limit, name):g}")
        for limit in limits
        for name, words in _LIMITS.items()
        if getattr(limit, name, None) is not None
    ]
    if any(getattr(limit, "min_length", 0) for limit in limits):
        bounds.append("not empty")
    return ", ".join([" or ".join(said), *bounds]) + (", or null" if NoneType in members else "")


def _one(member: Any) -> str:
    origin, args = get_origin(member), get_args(member)
    if origin is Annotated:
        inner, limit = _one(args[0]), next(a for a in args[1:] if isinstance(a, Range))
        return f"{inner}, {'not empty' if inner.startswith('list') else limit}"
    if origin is Literal:
        return " or ".join(f"`{choice}`" for choice in args)
    if origin is tuple:
        return f"list of {len(args)} {_PLURALS.get(_one(args[0]), _one(args[0]))}"
    if origin is dict:
        inner = args[1]
        if inner is Any or get_origin(inner) is dict:
            return "options by name"
        return f"{_one(inner)}, by name" if get_origin(inner) is Literal else "sections by name"
    if args:  # a list or a sequence
        what, comma, limits = _values(args[0], ()).partition(",")
        return f"list of {_PLURALS.get(what, what)}{comma}{limits}"
    if isinstance(member, type) and issubclass(member, BaseModel):
        return "section"
    return _TYPES.get(member, "any value")
