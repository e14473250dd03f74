"""Broken files of ours: each file of a dataset, a run and its models, broken in every way.

A try breaks one file of a copy and opens it by one of the doors. The door has to refuse it in a
sentence, or give every value as it was; and `skybind check` has to name the file if it has a
checksum or is gone, unless nothing of what it tells is changed (such as blanks in a JSON file).
"""

import io
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skybind.errors import SkybindError
from skybind.files import read_array
from skybind.runs.published import import_weights
from skybind.study.check import check_folder
from tests.faults.campaigns.apart import Silent, Try, each_apart
from tests.faults.harm import BREAKS
from tests.faults.made import (
    CASE,
    copied,
    differences,
    made,
    values_of_dataset,
    values_of_model,
    values_of_run,
)

#: Files that skybind writes and never reads, or that are read by people alone.
_FOR_PEOPLE = (".html", ".csv", ".png", ".svg", ".vot")
#: Files that are made again when they are asked for.
_MAY_GO = re.compile(r"/prepared/observations-|/classes\.parquet$|/quarantine\.parquet$")


def files_of(folder: Path) -> list[str]:
    """All files that skybind reads, the small ones often, by their names below a folder."""
    found = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix not in _FOR_PEOPLE]
    return [p.relative_to(folder).as_posix() for p in found]


@cache
def _right() -> dict[str, dict[str, Any]]:
    """What every door gives of what is whole."""
    return {door: values(made()) for door, values in _DOORS.items()}


def _imported(folder: Path) -> dict[str, Any]:
    """A model that was taken as weights of somebody else."""
    with TemporaryDirectory() as place:
        import_weights(folder / "run" / "pretrain" / "model", Path(place) / "taken")
        return values_of_model(Path(place) / "taken")


_DOORS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "run": values_of_run,
    "dataset": lambda folder: values_of_dataset(folder / "stars"),
    "model": lambda folder: values_of_model(folder / "run" / "pretrain" / "model"),
    "imported": _imported,
    "classifier": lambda folder: values_of_model(folder / f"run/finetune/{CASE.name}/model"),
}
_READS = {
    "run": "run/",
    "dataset": "stars/",
    "model": "run/pretrain/model/",
    "imported": "run/pretrain/model/",
    "classifier": f"run/finetune/{CASE.name}/model/",
}


@each_apart("broken files of ours", quick=11, seconds=60, memory=3e9, before=_right)
def broken(this: Try) -> str:
    folder = copied(this.folder)
    files = files_of(folder)
    name = files[int(this.rng.integers(len(files)))]
    how = this.one_of([*BREAKS, "swapped", "gone"])
    this.does(f"{how}: {name}")
    path = folder / name
    if how == "gone":
        path.unlink()
        refused = _opened(folder, name)
        checked = check_folder(folder / name.split("/", 1)[0])
        if not checked.damages and not checked.left_out and not _MAY_GO.search(name):
            raise Silent(f"'skybind check' does not miss {name}")
    elif how == "swapped":
        alike = [f for f in files if f != name and Path(f).suffix == path.suffix]
        other = alike[int(this.rng.integers(len(alike)))] if alike else files[0]
        path.write_bytes((folder / other).read_bytes())
        refused = _opened(folder, name)
        check_folder(folder / name.split("/", 1)[0])
    else:
        refused = refusal(folder, name, BREAKS[how](path.read_bytes(), this.rng))
    if refused:
        raise refused
    return "right value"


def refusal(folder: Path, name: str, content: bytes) -> SkybindError | None:
    """Give a file another content, and what is said of it by whoever opens it.

    Raises
    ------
    Silent
        If a value is another one, or if nobody has a word for another content.
    """
    path = folder / name
    before = path.read_bytes()
    path.write_bytes(content)
    refused = _opened(folder, name)
    checked = check_folder(folder / name.split("/", 1)[0])
    if content != before and not checked.damages and not refused and _told(path, before):
        raise Silent(f"'skybind check' has nothing to say of {name}")
    return refused


def _told(path: Path, before: bytes) -> bool:
    """Whether what a file tells was changed.

    Blanks in JSON, statistics of Parquet, or bytes before the archive in an `.npz` tell nothing.
    """
    if path.suffix == ".npz":
        found = read_array(path)
        return found is None or found.tobytes() != np.load(io.BytesIO(before))["values"].tobytes()
    if path.suffix == ".parquet":
        return not pq.read_table(path).equals(pq.read_table(pa.BufferReader(before)))
    try:
        return bool(json.loads(path.read_bytes()) != json.loads(before))
    except ValueError:
        return path.suffix not in (".yaml", ".ckpt")


def _opened(folder: Path, name: str) -> SkybindError | None:
    """Go through every door that leads to a file; the first refusal."""
    for door, values in _DOORS.items():
        if not name.startswith(_READS[door]):
            continue
        try:
            found = values(folder)
        except SkybindError as error:
            return error
        differ = differences(found, _right()[door])
        if not (folder / name).exists():  # what was not made, or is made again, is not wrong
            differ = [key for key in differ if key != "steps" and found.get(key)]
        if differ:
            raise Silent(f"{door}: {', '.join(differ[:5])} differ")
    return None
