"""Broken files of ours: each file that skybind writes and reads, broken in every way.

A try breaks one file of a copy, of `tests.faults.made` or `tests.faults.held`, and opens it by the
doors that lead to it; of a dataset and a run it may also be lost, or another take its place. The
door has to refuse it in a sentence, or give every value as it was; and `skybind check` has to name
the file if it has a checksum or is gone, unless nothing of what it tells is changed (such as blanks
in a JSON file).
"""

import io
import json
import re
import shutil
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
from skybind.footers import footer_in
from skybind.runs.published import import_weights
from skybind.study.check import check_folder
from tests.faults.campaigns.apart import Silent, Try, each_apart
from tests.faults.harm import BREAKS
from tests.faults.held import DOORS as HELD
from tests.faults.held import held
from tests.faults.made import (
    CASE,
    differences,
    made,
    values_of_dataset,
    values_of_model,
    values_of_run,
)

#: Files that skybind writes and never reads, that people read or may mend (the journal of
#: judgements), or that are another's format without checksums (properties of HATS).
_FOR_PEOPLE = (".html", ".csv", ".png", ".svg", ".vot", ".jsonl", ".properties")
#: Files that are made again when they are asked for, and the state of embeddings: without it they
#: are taken for those of the dataset as the run began, and made again where that has grown since.
_MAY_GO = re.compile(
    r"/prepared/observations-|/classes\.parquet$|/quarantine\.parquet$|/embeddings/state\.json$"
)


def files_of(folder: Path) -> list[str]:
    """All files that skybind reads, by their names below a folder."""
    found = [p for p in sorted(folder.rglob("*")) if p.is_file() and p.suffix not in _FOR_PEOPLE]
    return [p.relative_to(folder).as_posix() for p in found if p.name != "lock"]


@cache
def _right(door: str) -> dict[str, Any]:
    """What a door gives of what is whole."""
    return _DOORS[door](whole(_READS[door]))


def whole(name: str) -> Path:
    """Return where the folder stands that a file of this name is a copy from."""
    return held() if f"{name.partition('/')[0]}/" in HELD else made()


def copied_for(name: str, folder: Path) -> Path:
    """Copy the folder that a file stands in, with what it needs, into another."""
    shutil.copytree(whole(name), folder, dirs_exist_ok=True)
    return folder


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
    **HELD,
}
_READS = {
    "run": "run/",
    "dataset": "stars/",
    "model": "run/pretrain/model/",
    "imported": "run/pretrain/model/",
    "classifier": f"run/finetune/{CASE.name}/model/",
    **{name: name for name in HELD},
}
#: What is broken: a copy of one of these.
TOPS = ("run/", "stars/", *HELD)


def _all_right() -> None:
    for door in _DOORS:
        _right(door)


@each_apart("broken files of ours", quick=24, seconds=60, memory=3e9, before=_all_right)
def broken(this: Try) -> str:
    top = TOPS[int(this.rng.integers(len(TOPS)))]
    folder = copied_for(top, this.folder)
    files = [name for name in files_of(folder) if name.startswith(top)]
    name = files[int(this.rng.integers(len(files)))]
    how = this.one_of([*BREAKS, *([] if top in HELD else ["swapped", "gone"])])
    this.does(f"{how}: {name}")
    path = folder / name
    if how == "gone":
        path.unlink()
        refused = _opened(folder, name)
        if not _MAY_GO.search(name) and not _noted(folder, name):
            raise Silent(f"'skybind check' does not miss {name}")
    elif how == "swapped":
        alike = [f for f in files if f != name and Path(f).suffix == path.suffix]
        other = alike[int(this.rng.integers(len(alike)))] if alike else files[0]
        path.write_bytes((folder / other).read_bytes())
        refused = _opened(folder, name)
        _noted(folder, name)
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
    noted = _noted(folder, name)
    if content != before and not noted and not refused and _told(path, before):
        raise Silent(f"'skybind check' has nothing to say of {name}")
    return refused


def _noted(folder: Path, name: str) -> bool:
    """Whether `skybind check` finds damage; what is unfinished is not checked, but done anew."""
    top = name.partition("/")[0]
    if top == "unfinished":
        return True
    found = check_folder(folder / top)
    return bool(found.damages or found.left_out)


def _told(path: Path, before: bytes) -> bool:
    """Whether what a file tells was changed.

    Blanks in JSON, headers of pages in Parquet, or bytes before the archive in an `.npz` tell
    nothing; a footer of Parquet does, units and extremes as well as types.
    """
    if path.suffix == ".npz":
        found = read_array(path)
        return found is None or found.tobytes() != np.load(io.BytesIO(before))["values"].tobytes()
    if path.suffix == ".parquet" or path.name in ("_metadata", "_common_metadata"):
        same = footer_in(path) == footer_in(before)
        own = same and path.suffix == ".parquet"
        return not same or (own and not pq.read_table(path).equals(_table(before)))
    try:
        return bool(json.loads(path.read_bytes()) != json.loads(before))
    except ValueError:
        return path.suffix not in (".yaml", ".ckpt")


def _table(content: bytes) -> pa.Table:
    return pq.read_table(pa.BufferReader(content))


def _opened(folder: Path, name: str) -> SkybindError | None:
    """Go through every door that leads to a file; the first refusal."""
    for door, values in _DOORS.items():
        if not name.startswith(_READS[door]):
            continue
        try:
            found = values(folder)
        except SkybindError as error:
            return error
        differ = differences(found, _right(door))
        if not (folder / name).exists():  # what was not made, or is made again, is not wrong
            differ = [key for key in differ if key != "steps" and found.get(key)]
        if differ:
            raise Silent(f"{door}: {', '.join(differ[:5])} differ")
    return None
