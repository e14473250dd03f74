"""Going on with what an older version of skybind began, which knew fewer keys."""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_origin

import yaml
from pydantic import BaseModel

from skybind.config.load import model_of, validate
from skybind.config.written import arms, plain_yaml
from skybind.errors import ConfigError, quoted
from skybind.files import raise_of_machine
from skybind.progress import say
from skybind.words import join

#: Keys that came after version 0.1, with the value that means what was meant before.
LATER: dict[str, Any] = {
    "min_batches": None,
    "min_steps": None,
    "min_patience": None,
    "published": {},
    "plugins": [],
    "pruning": False,
    "subset_rule": "water-filling",
    "clamp": "logarithm",
    "loss_mean": "objects",
    "keep_by": "loss",
    "decay": "plateau",
    "plateau_by": "validation",
    "validation_views": "clean",
    "combined": "mean",
    "groups": None,
    "cache": True,
    "padding": "zero",
    "ties": "source",
    "edges": "zero",
    "masked": "bridge",
    "parallax_not_positive": "missing",
    "allow_twins": False,
    "brightness": {},
    "memory": None,
    "asked_objects": 20_000,
    "taught_objects": 200_000,
}

_Model = TypeVar("_Model", bound=BaseModel)

# Sections of options by name, whose entries hold keys of another section.
_LIKE = {("finetuning", "overrides"): ("finetuning", "training")}
# Keys whose null says that the data decide: what they decided at the start holds.
_DECIDED = (("labels", "classes"), ("modalities", "*", "column"), ("split", "name"))


def as_begun(config: _Model, path: str | Path, free: Collection[str] = ()) -> _Model:
    """Give a configuration as a folder that was begun with it goes on.

    A key that the configuration in the folder does not have, because it was written before there
    was such a key, keeps the meaning of then: that of its default in the schema. What the data
    decided at the start stays decided.

    Parameters
    ----------
    config : BaseModel
        As it is given now.
    path : str or Path
        The configuration in the folder, with every key that its version knew.
    free : collection of str
        Sections that may change in that folder: they are as given, whatever was known then.

    Raises
    ------
    ConfigError
        If the file cannot be read.
    """
    try:
        raw = plain_yaml(Path(path).read_text("utf-8"))
        old = validate(type(config), raw, str(path)).model_dump(mode="json")
    except (OSError, UnicodeDecodeError, yaml.YAMLError, TypeError) as error:
        raise_of_machine(error)
        raise ConfigError(f"The configuration {path} cannot be read: {quoted(error)}.") from error
    now = config.model_dump(mode="json")
    new: list[str] = []
    for key in _unknown(type(config), raw):
        if (
            key[0] not in free
            and isinstance(_get(now, key[:-1]), dict)
            and _get(now, key) != _get(old, key)
        ):
            _put(now, key, _get(old, key))
            new.append(".".join(key))
    new += _forget_unknown_options(now, raw)
    for pattern in _DECIDED:
        for key in _matches(now, pattern):
            if _get(now, key) is None:
                _put(now, key, _get(old, key))
    if new:
        say(
            f"{Path(path).parent} was begun by a skybind that did not know {join(new)} yet, and "
            "goes on without."
        )
    return validate(type(config), now, str(path))


def dump_as_before(tree: Any) -> Any:
    """Leave out of a dump of a configuration what says no more than its absence, for hashes."""
    if isinstance(tree, Mapping):
        return {
            key: dump_as_before(value)
            for key, value in tree.items()
            if key not in LATER or value != LATER[key]
        }
    return tree


def _unknown(model: type[BaseModel], raw: Any, prefix: tuple[str, ...] = ()) -> list[tuple]:
    """Keys of a model that a dump of it lacks, sections by their inner keys."""
    found: list[tuple] = []
    for name, field in model.model_fields.items():
        key = (*prefix, name)
        if not isinstance(raw, Mapping) or name not in raw:
            found.append(key)
            continue
        inner, value = model_of(field.annotation), raw[name]
        if inner is None or not isinstance(value, Mapping):
            continue
        if any(get_origin(arm) is dict for arm in arms(field.annotation)):
            for entry, content in value.items():
                found += _unknown(inner, content, (*key, str(entry)))
        else:
            found += _unknown(inner, value, key)
    return found


def _forget_unknown_options(now: dict[str, Any], raw: Any) -> list[str]:
    """Take out of options by name what their section did not have then."""
    new = []
    for place, section in _LIKE.items():
        known, options = _get(raw, section), _get(now, place)
        if not isinstance(known, Mapping) or not isinstance(options, Mapping):
            continue
        later = set(_get(now, section)) - set(known)
        for name, entry in options.items():
            for key in sorted(later & set(entry)):
                del entry[key]
                new.append(".".join([*place, name, key]))
    return new


def _matches(tree: Any, pattern: tuple[str, ...]) -> list[tuple[str, ...]]:
    """Keys that are there of a pattern; `*` stands for any name."""
    found: list[tuple[str, ...]] = [()]
    for part in pattern:
        found = [
            (*key, name) for key in found for name in (_get(tree, key) or {}) if part in ("*", name)
        ]
    return found


def _get(tree: Any, key: tuple[str, ...]) -> Any:
    for part in key:
        if not isinstance(tree, Mapping) or part not in tree:
            return None
        tree = tree[part]
    return tree


def _put(tree: dict[str, Any], key: tuple[str, ...], value: Any) -> None:
    for part in key[:-1]:
        tree = tree[part]
    tree[key[-1]] = value
