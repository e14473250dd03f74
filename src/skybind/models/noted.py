"""Hashes of a model's files, kept in its note: what is damaged or replaced is never opened.

The note (`model.json`, or `backbone.json`) names every file beside it with a hash of its content
under `files`, and bears a hash of itself under `hash`. Models of an older skybind have neither, but
the hash of their weights in their identity.
"""

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from skybind.errors import ModelError
from skybind.files import file_hash, json_hash, raise_of_machine, write_json
from skybind.progress import say
from skybind.record import NOTE_SEAL

FILES, HASH = "files", NOTE_SEAL
WEIGHTS = "weights.safetensors"
_TOLD: set[Path] = set()


def write_note(path: Path, note: Mapping[str, Any]) -> None:
    """Write a note with the hashes of all files beside it, in a folder that holds no others.

    Parameters
    ----------
    path : Path
        Of the note.
    note : mapping
        What it holds besides.
    """
    files = {file.name: file_hash(file) for file in sorted(path.parent.iterdir()) if file != path}
    seal_note(path, note, files)


def seal_note(path: Path, note: Mapping[str, Any], files: Mapping[str, str]) -> None:
    """Write a note with these hashes of files, and a hash of itself."""
    plain = {key: value for key, value in note.items() if key != HASH}
    plain[FILES] = dict(files)
    write_json(path, {**plain, HASH: _hash(plain)})


def verify_note(path: Path, note: Mapping[str, Any]) -> None:
    """Refuse a note that is not what was written.

    Raises
    ------
    ModelError
    """
    stated = note.get(HASH)
    if stated is None:
        if note.get(FILES) is None:
            if path not in _TOLD:
                _TOLD.add(path)
                say(
                    f"{path.parent} was saved by an older skybind, which noted no hashes of its "
                    "files: damage to them may not be found."
                )
            return
    elif stated == _hash({key: value for key, value in note.items() if key != HASH}):
        return
    raise ModelError(
        f"{path} is damaged, or was changed: take the model anew from where it came, or make it "
        "again."
    )


def stated_hashes(note: Mapping[str, Any]) -> dict[str, str]:
    """Return the hashes of files that a note states: in an older one that of the weights alone."""
    if note.get(FILES) is not None:
        return dict(note[FILES])
    weights = note["identity"].get("weights")
    return {} if weights is None else {WEIGHTS: weights}


def verify_files(
    folder: Path,
    note: Mapping[str, Any],
    names: Collection[str] | None = None,
    places: Mapping[str, Path] | None = None,
) -> None:
    """Refuse files that are not those that the note names.

    Parameters
    ----------
    folder : Path
    note : mapping
        As it was read.
    names : collection of str, optional
        Only these, if the note names them; by default all that it names.
    places : mapping of name to Path, optional
        Where files stand that are called otherwise here.

    Raises
    ------
    ModelError
        Naming the first file that is damaged or gone.
    """
    for name, digest in stated_hashes(note).items():
        if names is not None and name not in names:
            continue
        path = (places or {}).get(name, folder / name)
        try:
            found = file_hash(path)
        except OSError as error:
            raise_of_machine(error)
            raise ModelError(
                f"{path} cannot be read ({str(error.strerror or error).lower()}): take the model "
                "anew from where it came, or make it again."
            ) from error
        if found != digest:
            raise ModelError(
                f"{path} is damaged, or was replaced: it is not the file that was saved with this "
                "model. Take the model anew from where it came, or make it again."
            )


def _hash(note: Mapping[str, Any]) -> str:
    return json_hash(note)
