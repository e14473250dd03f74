"""Leaks: a model measured on objects that it has seen, by any way that was ever found."""

import shutil
import unicodedata
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from skybind.config import load_config
from skybind.data.splits import Split
from skybind.discovery.discover import discover
from skybind.errors import SkybindError
from skybind.evaluation.evaluate import evaluate_run
from skybind.evaluation.predict import predict_table
from skybind.models.model import Model
from skybind.runs.cases import finished_cases
from skybind.runs.run import Run
from skybind.runs.steps import run_finetuning, run_pretraining
from tests.faults.campaigns.apart import Silent, Try, each_apart
from tests.faults.made import CASE, SETS, copied, made

#: How people write one name.
_WRITTEN: dict[str, Callable[[str], str]] = {
    "blank behind": lambda name: f"{name} ",
    "blank inside": lambda name: f"{name[:3]} {name[3:]}",
    "small letters": str.lower,
    "full width": lambda name: "".join(chr(ord(c) + 0xFEE0) for c in name),
    "decomposed": lambda name: unicodedata.normalize("NFD", name).swapcase(),
    "another name": lambda name: f"X-{sum(map(ord, name)) * 7919 + int(name[-3:])}",
}


def _measure(run: Run, this: Try) -> None:
    """Measure the models of a run in one of the ways that there are."""
    way = this.one_of(["evaluate", "discover"])
    this.does(f"{this.what}, {way}")
    if way == "evaluate":
        evaluate_run(run, finished_cases(run))
    else:
        discover(run, page=False)


def _split_exchanged(folder: Path, this: Try) -> None:
    """Train and test are exchanged in the run's split, written as skybind writes it."""
    path = folder / "run" / "split.parquet"
    split = Split.read(path)
    part = split.part.copy()
    part[split.part == "train"], part[split.part == "test"] = "test", "train"
    Split(split.object_id, part, split.subsets, split.recipe).write(path)
    _measure(Run.open(folder / "run", data=folder / "stars"), this)


def _other_start(folder: Path, this: Try) -> None:
    """The pre-training of a run with another split (another seed than 42) stands in its place."""
    config = load_config("stars-small", [*SETS, f"seed={1000 + this.number}"])
    other = Run.start(config, folder / "stars", folder / "other")
    shutil.copytree(folder / "run" / "pretrain", folder / "other" / "pretrain")
    _measure(Run.open(other.folder), this)


def _other_classifier(folder: Path, this: Try) -> None:
    config = load_config("stars-small", [*SETS, f"seed={1000 + this.number}"])
    other = Run.start(config, folder / "stars", folder / "other")
    run_finetuning(other, CASE, pretrained=Model.open(folder / "run" / "pretrain" / "model"))


def _trained_on(folder: Path, this: Try) -> None:
    """What the model remembers of its training objects is emptied or changed."""
    path = folder / "run" / "pretrain" / "model" / "trained_on.npy"
    known = np.load(path)
    np.save(path, known[:0] if this.rng.integers(2) else known ^ np.uint64(1))
    _measure(Run.open(folder / "run", data=folder / "stars"), this)


def _chose_the_epoch(folder: Path, this: Try) -> None:
    """Validation objects of the first run are test objects of the second."""
    first = Split.read(folder / "run" / "split.parquet")
    part = first.part.copy()
    part[first.part == "validation"], part[first.part == "test"] = "test", "validation"
    split = Split(first.object_id, part)
    other = Run.start(load_config("stars-small", SETS), folder / "stars", folder / "o", split=split)
    run_pretraining(other, start=folder / "run")


def _renamed(folder: Path, this: Try) -> None:
    """Training objects come back in another dataset under other names, in another order."""
    how = this.one_of(list(_WRITTEN))
    this.does(f"renamed: {how}")
    new = _renamed_dataset(folder, _WRITTEN[how], this.rng)
    old = Split.read(folder / "run" / "split.parquet")
    names = {old_name: _WRITTEN[how](old_name) for old_name in old.object_id.tolist()}
    part = np.where(old.part == "train", "test", np.where(old.part == "test", "train", old.part))
    split = Split(np.asarray([names[n] for n in old.object_id.tolist()]), part)
    other = Run.start(load_config("stars-small", SETS), new, folder / "o", split=split)
    run_pretraining(other, start=folder / "run")


def _predicted(folder: Path, this: Try) -> None:
    """Numbers are asked of training objects under other names: they get none, and it is told."""
    how = this.one_of(list(_WRITTEN))
    this.does(f"predicted: {how}")
    new = _renamed_dataset(folder, _WRITTEN[how], this.rng)
    run = Run.open(folder / "run", data=folder / "stars")
    ids = run.dataset.object_ids[run.rows("train")]
    taught = {_WRITTEN[how](str(name)) for name in ids if run.observed["photometry"][
        run.dataset.object_ids == name][0]}  # fmt: skip
    found = predict_table(run, "period", new)
    rows = found.table.to_pylist()
    if any(row["object_id"] in taught and row["period"] is not None for row in rows):
        raise Silent("a training object was told its own number under another name")
    if not any("under another name" in note for note in found.notes):
        raise Silent("not a word of objects under another name")
    raise SkybindError(found.notes[-1])


def _renamed_dataset(folder: Path, write: Callable[[str], str], rng: np.random.Generator) -> Path:
    """Write the dataset anew with other names and its objects in another order."""
    new = folder / "renamed"
    shutil.copytree(folder / "stars", new)
    part = next((new / "objects").glob("*.parquet"))
    table = pq.read_table(part)
    table = table.take(pa.array(rng.permutation(len(table))))
    place = table.schema.get_field_index("object_id")
    names = pa.array([write(name) for name in table["object_id"].to_pylist()])
    pq.write_table(table.set_column(place, table.schema.field(place), names), part)
    shutil.rmtree(new / "splits", ignore_errors=True)
    return new


_WAYS = (
    _split_exchanged,
    _renamed,
    _trained_on,
    _predicted,
    _other_start,
    _chose_the_epoch,
    _other_classifier,
)


@each_apart("leaks", quick=7, seconds=120, memory=3e9, before=made)
def leak(this: Try) -> str:
    folder = copied(this.folder)
    way = _WAYS[this.number % len(_WAYS)]
    this.does(way.__name__.strip("_").replace("_", " "))
    turn = replace(this, number=this.number // len(_WAYS))
    way(folder, turn)
    raise Silent("it was measured on what it has seen")
