"""Reading configurations: shipped ones by name, a user's by path, single keys from the shell."""

from collections.abc import Collection, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

from skybind.config.schema import Config
from skybind.config.written import read_yaml, settle
from skybind.errors import ConfigError, quoted
from skybind.files import raise_of_machine
from skybind.plugins import place_of
from skybind.words import nearest

_Model = TypeVar("_Model", bound=BaseModel)


# Folder below skybind.config with the shipped configurations of runs.
_RUNS = "."


def config_names(folder: str = _RUNS) -> list[str]:
    """Names of the configurations that skybind ships: of runs, or those in another folder."""
    items = resources.files("skybind.config").joinpath(folder).iterdir()
    return sorted(item.name[:-5] for item in items if item.name.endswith(".yaml"))


def load_config(source: str | Path, overrides: Sequence[str] = ()) -> Config:
    """Read the configuration of a run; see `load_as`."""
    return load_as(Config, source, overrides)


def load_as(
    model: type[_Model], source: str | Path, overrides: Sequence[str] = (), folder: str = _RUNS
) -> _Model:
    """Read a configuration.

    Parameters
    ----------
    model : type of BaseModel
        What is described; it has a key `name`.
    source : str or Path
        Name of a shipped configuration, or path of a YAML file. A file may start from another
        one (`extends: stars-small`) and give only what differs; a key set to null goes away.
    overrides : sequence of str
        Single keys, such as `training.epochs=2`.
    folder : str
        Where the shipped ones of this kind are, below `skybind.config`.

    Raises
    ------
    ConfigError
        If a key is unknown (its nearest neighbour is named) or a value cannot be.
    """
    raw = _read(source, (), folder)
    before = _modalities(raw)
    together = {override.partition("=")[0] for override in overrides}
    for override in overrides:
        _set(raw, override, together)
    raw = without_modalities(raw, before - _modalities(raw))
    raw.setdefault("name", Path(str(source)).stem)
    return validate(model, raw, str(source))


def with_values(config: Config, values: Mapping[str, Any], where: str) -> Config:
    """Give a configuration with some keys, such as `training.epochs`, set to other values.

    Raises
    ------
    ConfigError
        If a key is unknown or a value cannot be.
    """
    raw = config.model_dump(mode="json")
    for key, value in values.items():
        _put(raw, key, value, where, values)
    return validate(Config, raw, where)


def dump_config(config: BaseModel) -> str:
    """Write a configuration as YAML, every key with its value."""
    return yaml.safe_dump(config.model_dump(mode="json"), sort_keys=False, allow_unicode=True)


def validate(model: type[_Model], raw: Mapping[str, Any], where: str) -> _Model:
    """Build a pydantic model; its errors become one `ConfigError` sentence.

    Parameters
    ----------
    model : type of BaseModel
    raw : mapping
    where : str
        What is being read, for the message.
    """
    try:
        return model(**settle(raw, model))
    except TypeError as error:
        raise ConfigError(f"{where}: every key must be text ({error}).") from error
    except ValidationError as error:
        raise ConfigError(f"{where}: {_sentence(model, error)}") from error


def merge(base: dict[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Merge mappings deeply; lists and scalars are replaced, null removes a section.

    A section with another `name` (another encoder) replaces the old one whole: its options
    have nothing to do with those of its predecessor; and a `space` of a search is the one that is
    given, without the ranges of another configuration. Epochs that are given are as many as are
    meant: a least number of steps that comes from elsewhere is off.
    """
    merged = dict(base)
    if "epochs" in change and merged.get("min_steps") is not None:
        merged["min_steps"] = None
    for key, value in change.items():
        if value is None and isinstance(merged.get(key), dict):
            del merged[key]
        elif isinstance(value, Mapping) and isinstance(merged.get(key), dict):
            renamed = "name" in value and value["name"] != merged[key].get("name")
            if renamed or key == "space":
                merged[key] = dict(value)
                continue
            merged[key] = merge(merged[key], value)
        else:
            merged[key] = value
    return merged


def without_modalities(raw: Mapping[str, Any], names: Collection[str]) -> dict[str, Any]:
    """Give the keys of a configuration without some modalities and all that speaks of them.

    Pairs with one of them go, and so do overrides of classifiers that have it; sets of
    modalities to fine-tune shrink. Where no pair is left, all others are bound.
    """
    if not names:
        return dict(raw)
    raw = {key: dict(value) if isinstance(value, dict) else value for key, value in raw.items()}
    every = {*names, *_modalities(raw)}
    for name in names:
        raw.get("modalities", {}).pop(name, None)
    model, finetuning = raw.get("model", {}), raw.get("finetuning", {})
    if isinstance(model.get("pairs"), list):
        kept = [pair for pair in model["pairs"] if not set(map(str, pair)) & set(names)]
        model["pairs"] = kept or "all"
    if isinstance(finetuning.get("modalities"), list):
        sets = [
            "+".join(part for part in str(entry).split("+") if part not in names)
            for entry in finetuning["modalities"]
        ]
        finetuning["modalities"] = list(dict.fromkeys(entry for entry in sets if entry))
    if isinstance(finetuning.get("overrides"), dict):
        finetuning["overrides"] = {
            key: _without_encoders(change, names)
            for key, change in finetuning["overrides"].items()
            if not any(_named(part, every) in names for part in key.split("+"))
        }
    tune = raw.get("tune", {})
    if isinstance(tune.get("space"), dict):
        gone = tuple(f"modalities.{name}." for name in names)
        tune["space"] = {k: v for k, v in tune["space"].items() if not k.startswith(gone)}
    return raw


def _without_encoders(change: Any, names: Collection[str]) -> Any:
    """Give an override of classifiers without the encoders of some modalities."""
    if not isinstance(change, dict) or not isinstance(change.get("encoders"), dict):
        return change
    left = {name: options for name, options in change["encoders"].items() if name not in names}
    rest = {key: value for key, value in change.items() if key != "encoders"}
    return {**rest, "encoders": left} if left else rest


def _named(part: str, modalities: Collection[str]) -> str | None:
    """Which modality the name of a case begins with; of several the longest."""
    found = [name for name in modalities if f"{part}-".startswith(f"{name}-")]
    return max(found, key=len, default=None)


def _modalities(raw: Mapping[str, Any]) -> set[str]:
    section = raw.get("modalities")
    return set(section) if isinstance(section, dict) else set()


def _read(source: str | Path, seen: tuple[str, ...], folder: str) -> dict[str, Any]:
    name = str(source)
    shipped = config_names(folder)
    if name in seen:
        raise ConfigError(f"{name} extends itself, by way of {' -> '.join(seen)}.")
    if name in shipped:
        place = resources.files("skybind.config").joinpath(folder)
        text = (place / f"{name}.yaml").read_text("utf-8")
    elif Path(name).is_file():
        try:
            text = Path(name).read_text("utf-8")
        except (UnicodeDecodeError, OSError) as error:
            raise_of_machine(error)
            raise ConfigError(
                f"The configuration {name} cannot be read as text: {error}."
            ) from error
    else:
        raise ConfigError(
            f"There is no configuration '{name}', neither a shipped one nor a file: "
            f"{nearest(name, shipped)}"
        )
    try:
        raw = read_yaml(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"The configuration {name} is not YAML: {quoted(error)}.") from error
    if not isinstance(raw, dict):
        raise ConfigError(f"The configuration {name} is not a mapping of keys to values.")
    if isinstance(raw.get("plugins"), list):
        raw["plugins"] = [place_of(str(entry), Path(name).parent) for entry in raw["plugins"]]
    parent = raw.pop("extends", None)
    if parent is None:
        return raw
    here = Path(name).parent / str(parent)
    base = _read(here if here.is_file() else str(parent), (*seen, name), folder)
    merged = merge({k: v for k, v in base.items() if k not in ("name", "description")}, raw)
    if isinstance(base.get("plugins"), list) and isinstance(raw.get("plugins"), list):
        merged["plugins"] = list(dict.fromkeys([*base["plugins"], *raw["plugins"]]))
    return without_modalities(merged, _modalities(base) - _modalities(merged))


def _set(raw: dict[str, Any], override: str, together: Collection[str]) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key:
        raise ConfigError(f"'{override}' does not set a key: write it as training.epochs=2.")
    try:
        value = read_yaml(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"The value of '{override}' is not YAML.") from error
    _put(raw, key, value, f"'{override}'", together)


def _put(raw: dict[str, Any], key: str, value: Any, where: str, together: Collection[str]) -> None:
    """Set a dotted key, one of some that are set together; null removes a section."""
    *path, last = key.split(".")
    place = raw
    if path and isinstance(entries := _at(raw, path), list):  # `training.betas.0`
        if not last.isdecimal() or int(last) >= len(entries):
            raise ConfigError(f"{where}: '{'.'.join(path)}' has {len(entries)} entries, from 0.")
        entries[int(last)] = value
        return
    for step in path:
        place = place.setdefault(step, {})
        if not isinstance(place, dict):
            raise ConfigError(f"{where}: '{step}' is a value, not a section.")
    if value is None and isinstance(place.get(last), dict):
        del place[last]
    else:
        place[last] = value
    # as in `merge`
    least = ".".join([*path, "min_steps"])
    if last == "epochs" and place.get("min_steps") is not None and least not in together:
        place["min_steps"] = None


def _at(raw: Any, path: Sequence[str]) -> Any:
    """Give what stands at a path; None where nothing does."""
    for step in path:
        raw = raw.get(step) if isinstance(raw, dict) else None
    return raw


def _sentence(model: type[BaseModel], error: ValidationError) -> str:
    """Say the first problem in one sentence, naming the key and, if unknown, the nearest one."""
    problem = error.errors()[0]
    location = [str(part) for part in problem["loc"]]
    key = ".".join(location)
    if problem["type"] == "extra_forbidden":
        section = _section(model, location[:-1])
        return f"there is no key '{key}': {nearest(location[-1], section)}"
    if problem["type"] == "missing":
        return f"the key '{key}' is missing."
    message = problem["msg"].removeprefix("Value error, ")
    given = "" if isinstance(problem["input"], dict) else f" (it is {problem['input']!r})"
    return f"{key + ': ' if key else ''}{message[0].lower() + message[1:]}{given}."


def _section(model: type[BaseModel], path: Sequence[str]) -> list[str]:
    """Names of the keys of the section at `path`."""
    current: Any = model
    for step in path:
        fields = getattr(current, "model_fields", None)
        if fields and step in fields:
            current = model_of(fields[step].annotation)
        elif fields is not None:
            return list(fields)
    return list(getattr(current, "model_fields", {}))


def model_of(annotation: Any) -> Any:
    """The pydantic model inside an annotation such as `dict[str, ModalityConfig]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in getattr(annotation, "__args__", ()):
        found = model_of(inner)
        if found is not None:
            return found
    return None
