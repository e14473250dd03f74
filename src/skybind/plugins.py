"""Code of a user's own that adds encoders, kinds of modality, readers and losses.

A plugin is a Python file, or a module that can be imported; run, it registers what it adds with
`register_encoder` and the like. It comes in three ways: a configuration or a mapping names it
(`plugins:`), the variable SKYBIND_PLUGINS names it, or an installed package has an entry point of
the group `skybind.plugins`.

A plugin is a program and may do whatever its user may, so none is run because a model says so.
What a user names is remembered by its content; a model or a run that was made with a plugin opens
only where a user of this account has named that very content before. See docs/plugins.md.
"""

import hashlib
import importlib
import importlib.util
import json
import logging
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType

from skybind.errors import ConfigError, ModelError
from skybind.files import raise_of_machine, write_json
from skybind.progress import say

#: Entry points of installed packages.
GROUP = "skybind.plugins"
#: Plugins of this process and of those that it starts, joined as in PATH.
VARIABLE = "SKYBIND_PLUGINS"
#: What a run and a model note of a plugin: its `name` and the `hash` of its content.
Note = Mapping[str, str]

#: Hash of the content of each plugin that was run, by the name of its module.
_RUN: dict[str, str] = {}


def place_of(name: str, folder: Path) -> str:
    """Return the name of a plugin by which it is found from anywhere; `folder` holds its file."""
    return str((folder / Path(name).expanduser()).resolve()) if _is_file(name) else name


def use_plugins(names: Iterable[str]) -> None:
    """Run plugins, and remember that this user has named them.

    Parameters
    ----------
    names : iterable of str
        Paths of Python files (they end in `.py`), or names of modules. One that was run stays as
        it was.

    Raises
    ------
    ConfigError
        If one does not exist, or fails.
    """
    names = list(names)
    for name in names:
        _run(name)
    if names:
        _remember(plugin_notes(names))


def plugin_notes(names: Iterable[str]) -> list[dict[str, str]]:
    """Return what is noted of plugins that were run: their names, and hashes of their content."""
    return [{"name": name, "hash": _RUN[_module_name(name)]} for name in names]


def use_noted(notes: Sequence[Note], what: str) -> None:
    """Run the plugins that something was made with, if this user has named them before.

    Parameters
    ----------
    notes : sequence
        What `plugin_notes` gave then.
    what : str
        What was made with them, for messages: "The model in run/".

    Raises
    ------
    ModelError
        If one is gone, has changed, or was never named by this user; nothing of it is run.
    """
    if not all(note["hash"] in _RUN.values() for note in notes):
        use_plugins(_named_by_variable())
    for note in notes:
        name = str(note["name"])
        run = _RUN.get(_module_name(name))
        if note["hash"] in _RUN.values():
            continue
        if run is not None:
            say(
                f"{what} was made with another state of the plugin {name} than is in use: its "
                "numbers may differ.",
                logging.WARNING,
            )
            continue
        _refuse_unknown(note, what)
        _run(name)


def refuse_changed(notes: Sequence[Note], what: str) -> None:
    """Refuse to go on with what was begun with another state of a plugin that is in use.

    Raises
    ------
    ConfigError
    """
    for note in notes:
        run = _RUN.get(_module_name(str(note["name"])))
        if run is not None and run != note["hash"]:
            raise ConfigError(
                f"{what} was begun with another state of the plugin {note['name']}: bring that "
                "state back, or choose a new folder."
            )


@cache
def find_more() -> None:
    """Run the plugins of SKYBIND_PLUGINS and of installed packages, once.

    Registries ask for it when they do not know a name, so that starting stays quick.

    Raises
    ------
    ConfigError
        If one does not exist, or fails.
    """
    use_plugins(_named_by_variable())
    from importlib.metadata import entry_points

    for entry in entry_points(group=GROUP):
        try:
            entry.load()
        except Exception as error:
            raise_of_machine(error)
            raise ConfigError(
                f"The plugin '{entry.name}' of an installed package ({entry.value}) fails "
                f"({_short(error)}): update or remove that package."
            ) from error


def _run(name: str) -> None:
    """Import a plugin, unless that was done."""
    module = _module_name(name)
    if not _is_file(name):
        if module not in _RUN:
            _import(name, module)
            _RUN[module] = _hash(_origin(sys.modules[module]))
        return
    path = Path(name).resolve()
    if not path.is_file():
        raise ConfigError(f"There is no plugin {name}: give the path of a Python file.")
    if module in _RUN and _origin(sys.modules.get(module)) == path:
        return
    _RUN[module] = _run_file(path, module)
    os.environ[VARIABLE] = os.pathsep.join(dict.fromkeys([*_named_by_variable(), str(path)]))


def _named_by_variable() -> list[str]:
    return [name for name in os.environ.get(VARIABLE, "").split(os.pathsep) if name]


def _run_file(path: Path, module: str) -> str:
    """Import a file as a module that processes find too that are started; gives its hash."""
    digest = _hash(path)
    if _origin(sys.modules.get(module)) == path:
        return digest  # a new process has imported it with what was sent to it
    folder, before = str(path.parent), sys.path.copy()
    importlib.invalidate_caches()
    taken = module in sys.modules or not module.isidentifier()
    found = None if taken else _found(module)
    if found is None and not taken:
        sys.path.append(folder)  # at the end, so that it hides nothing
        found = _found(module)
    try:
        if found != path:
            raise ConfigError(
                f"The plugin {path} cannot be called '{module}': another module is called so, or "
                "it is no name in Python; rename the file."
            )
        _import(str(path), module)
    except BaseException:
        sys.path[:] = before
        raise
    return digest


def _found(module: str) -> Path | None:
    """Return the file that an import of a module would run; nothing is run."""
    spec = importlib.util.find_spec(module)
    return None if spec is None else Path(spec.origin or "").resolve()


def _import(name: str, module: str) -> None:
    try:
        importlib.import_module(module)
    except Exception as error:
        raise_of_machine(error)
        if isinstance(error, ModuleNotFoundError) and module.startswith(str(error.name)):
            raise ConfigError(
                f"There is no module '{name}' to take as a plugin: install the package, or give "
                "the path of a file that ends in .py."
            ) from error
        raise ConfigError(f"The plugin {name} fails: {_short(error)}.") from error


def _refuse_unknown(note: Note, what: str) -> None:
    """Refuse a plugin that is gone, has changed or was never named by the user."""
    name, digest = str(note["name"]), str(note["hash"])
    how = f"name it as it is now with {VARIABLE}=FILE, or skybind.use_plugins"
    if not _is_file(name):
        if {"name": name, "hash": digest} not in _remembered():
            raise ModelError(
                f"{what} was made with the plugin module '{name}', which no configuration of "
                f"yours has named: if you trust it, {how}."
            )
        return
    if not Path(name).is_file():
        raise ModelError(f"{what} was made with the plugin {name}, which is gone: {how}.")
    if _hash(name) != digest:
        raise ModelError(
            f"{what} was made with the plugin {name}, which has changed since: bring that state "
            f"back, or {how}."
        )
    if all(digest != known["hash"] for known in _remembered()):
        raise ModelError(
            f"{what} was made with the plugin {name}, which no configuration of yours has named: "
            f"read it and, if you trust it, {how}."
        )


def _memory() -> Path:
    """Return the file of the hashes of the plugins that this user has named."""
    home = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(home) / "skybind" / "plugins.json"


def _remembered() -> list[dict[str, str]]:
    """Return the notes of what this user has named; none where there is no such file."""
    try:
        known = json.loads(_memory().read_text(encoding="utf-8"))
        return [{"name": str(note["name"]), "hash": str(note["hash"])} for note in known]
    except (OSError, ValueError, TypeError, KeyError):
        return []


def _remember(notes: Sequence[Note]) -> None:
    known = _remembered()
    new = [dict(note) for note in notes if note not in known]
    if not new:
        return
    try:
        _memory().parent.mkdir(parents=True, exist_ok=True)
        write_json(_memory(), [*known, *new])
    except OSError as error:
        say(
            f"{_memory()} cannot be written ({error.strerror}): models that are made with plugins "
            f"need {VARIABLE} to be opened again.",
            logging.WARNING,
        )


def _is_file(name: str) -> bool:
    return name.endswith(".py")


def _module_name(name: str) -> str:
    return Path(name).stem if _is_file(name) else name


def _origin(module: ModuleType | None) -> Path | None:
    file = getattr(module, "__file__", None)
    return Path(file).resolve() if file else None


def _hash(path: str | Path | None) -> str:
    """Hash the content of a file, 64 hex digits; "" where there is none."""
    return hashlib.sha256(Path(path).read_bytes()).hexdigest() if path else ""


def _short(error: BaseException) -> str:
    first = (str(error).splitlines() or [""])[0]
    return f"{type(error).__name__}: {first}".rstrip(".: ")
