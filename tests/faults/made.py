"""A small dataset, run and models, made once for all tests and campaigns that damage copies."""

import atexit
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from skybind.config import load_config
from skybind.data.dataset import Dataset
from skybind.embeddings.store import Embeddings
from skybind.evaluation.clusters import read_layouts
from skybind.evaluation.evaluate import evaluate_run
from skybind.evaluation.records import read_metrics
from skybind.models.model import Model
from skybind.models.reliability import read_reliability
from skybind.once import fill_once
from skybind.runs.cases import Case, finished_cases
from skybind.runs.classes import case_classes
from skybind.runs.run import Run
from skybind.runs.status import write_status
from skybind.runs.steps import run_finetuning, run_pretraining
from skybind.simulate.write import write_stars

#: Names what the programs that tests start share with them.
_SHARED = "SKYBIND_FAULTS_MADE"
CASE = Case(("metadata",), "full", "pretrained")
SETS = [
    "modalities.spectrum=null",
    "training.epochs=2",
    "training.batch_size=32",
    "training.min_steps=1",
    "finetuning.training.epochs=1",
    "finetuning.training.min_steps=1",
    "finetuning.overrides={}",
    "labels.min_objects=4",
    "evaluation.map=pca",
    "evaluation.baseline=false",
    "evaluation.importance=false",
    "evaluation.supervised_epochs=0",
    "evaluation.clusters=false",
]


@cache
def made() -> Path:
    """Give a folder with `stars` and `run`; nothing may be changed in it."""
    return shared("made", lambda folder, place: _make(folder, place / "stars"))


def shared(name: str, make: Callable[[Path, Path], None]) -> Path:
    """Give a folder that processes of one test run share; made by the first that asks for it.

    Parameters
    ----------
    name : str
    make : callable
        Takes the folder to write to, and the place where it will stand.
    """
    session = os.environ.get("PYTEST_XDIST_TESTRUNUID") or os.environ.get(_SHARED)
    if session is None:
        session = os.environ[_SHARED] = uuid.uuid4().hex  # for the programs that tests start
        atexit.register(shutil.rmtree, _all(session), ignore_errors=True)
    place = _all(session) / name
    fill_once(place, lambda workplace: make(workplace.work, place), lambda said: None)
    return place


def _all(session: str) -> Path:
    return Path(tempfile.gettempdir()) / f"skybind-faults-{session}"


def _make(folder: Path, stars: Path) -> None:
    write_stars(folder / "stars", 120, seed=7, missing=0.2)
    run = Run.start(load_config("stars-small", SETS), folder / "stars", folder / "run")
    run_pretraining(run)
    run_finetuning(run, CASE)
    evaluate_run(run, finished_cases(run))
    write_status(folder / "run", replace(run.status, data=str(stars)))


def copied(folder: Path) -> Path:
    """Copy all that was made into a folder, to be damaged there."""
    shutil.copytree(made(), folder, dirs_exist_ok=True)
    return folder


def values_of_run(folder: Path) -> dict[str, Any]:
    """All that a run and its models tell, through the doors that people use."""
    run = Run.open(folder / "run", data=folder / "stars")
    run.prepare()
    values: dict[str, Any] = {
        "split": run.split.part.tolist(),
        "labels": run.labels,
        "metrics": read_metrics(run.paths.metrics).plain(),
        "classes": case_classes(run, CASE).logits(),
        "embeddings": values_of_embeddings(Embeddings.read(run.paths.embeddings)),
        "maps": [layout.position for layout in read_layouts(run.paths.maps)],
        "steps": run.steps,
        **values_of_model(run.paths.model),
        **values_of_model(run.paths.case(CASE.name).model),
    }
    for name, prepared in run.source.prepared.items():
        values |= {f"{name}/{key}": np.array(array) for key, array in prepared.arrays.items()}
        values |= {f"{name}/reason": prepared.reason.tolist()}
        values |= {f"{name}/present": np.array(prepared.present)}
    return values


def values_of_embeddings(found: Embeddings) -> dict[str, Any]:
    """Everything in some embeddings."""
    return {"ids": found.object_id, "split": found.split, **found.vectors, "model": found.model}


def values_of_model(folder: Path) -> dict[str, Any]:
    """All numbers of a saved model, and what it knows."""
    model = Model.open(folder)
    module = model.binder if model.classifier is None else model.classifier
    kind = "binder" if model.classifier is None else "classifier"
    values: dict[str, Any] = {k: v.numpy() for k, v in module.state_dict().items()}
    for name, modality in model.modalities.items():
        values |= {f"{name}.{key}": value for key, value in modality.state().items()}
    values |= {"/".join(key): hashes for key, hashes in model.seen.hashes.items()}
    values |= {"identity": model.identity, "names": model.classes, "schema": model.schema.note}
    values["config"] = model.config.model_dump(mode="json")
    found = read_reliability(folder) if model.classifier is not None else None
    if found is not None:
        values["temperature"] = found.calibration.model_dump()
        values |= {f"place {name}": array for name, array in found.reference.places.items()}
    return {f"{kind}: {key}": value for key, value in values.items()}


def values_of_dataset(folder: Path) -> dict[str, Any]:
    """All columns of a dataset on disk."""
    return values_of_columns(Dataset.open(folder))


def values_of_columns(dataset: Dataset) -> dict[str, Any]:
    """All columns of a dataset, and what they mean."""
    values: dict[str, Any] = {"schema": dataset.schema}
    for name in dataset.schema.columns:
        if name in dataset.schema.with_role("visits"):
            values[name] = dataset.table([name])[name].to_pylist()
        elif name not in dataset.schema.observations:
            values[name] = dataset.column(name)
        else:
            ragged = dataset.ragged(name)
            values |= {f"{name}.{field}": array for field, array in ragged.fields.items()}
            values |= {f"{name} offsets": ragged.offsets, f"{name} present": ragged.present}
    return values


def differences(one: dict[str, Any], two: dict[str, Any]) -> list[str]:
    """Names of what differs, by a bit."""
    return sorted(key for key in one.keys() | two.keys() if not _same(one.get(key), two.get(key)))


def _same(one: Any, two: Any) -> bool:
    if isinstance(one, dict) and isinstance(two, dict):
        return not differences(one, two)
    if isinstance(one, list) and isinstance(two, list):
        return len(one) == len(two) and all(_same(a, b) for a, b in zip(one, two, strict=True))
    if isinstance(one, np.ndarray) and isinstance(two, np.ndarray):
        same = one.shape == two.shape and one.dtype == two.dtype
        return same and one.tobytes() == two.tobytes()
    if isinstance(one, np.ndarray) or isinstance(two, np.ndarray):  # the other one is none
        return False
    return bool(one == two) or (one != one and two != two)
