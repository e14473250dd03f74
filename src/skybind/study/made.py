"""What units leave behind: where it stands, and a hash by which what is made of it is current."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from skybind.data.dataset import Dataset
from skybind.data.splits import Split
from skybind.embeddings.shards import Shards
from skybind.errors import SkybindError
from skybind.files import json_hash
from skybind.models.backbones import file_hash
from skybind.record import read_record
from skybind.runs.layout import BackbonePaths, RunPaths
from skybind.runs.status import read_status
from skybind.study.chosen import read_chosen
from skybind.study.merge import Study
from skybind.study.units import Unit

#: Hash of what is there and cannot be read: nothing was made of that.
UNREADABLE = "unreadable"

# Of metrics.json: what differs from one time to the next, and what `skybind clusters` adds.
_NO_RESULT = {"created", "command", "timing", "versions", "machine", "clusters"}


def made_by(study: Study, unit: Unit) -> Path:
    """Return where that stands whose being there shows that a unit was done."""
    if unit.kind == "survey":
        return study.paths.data / "objects"
    if unit.kind == "tune":
        return study.paths.chosen(unit.configuration, unit.case)
    seed = unit.seed or 0
    if unit.kind == "backbone":
        return BackbonePaths(study.paths.backbone(unit.configuration, seed, unit.case)).backbone
    paths = RunPaths(study.paths.run(unit.configuration, seed))
    made = {
        "prepare": paths.note,
        "pretrain": paths.model,
        "finetune": paths.case(unit.case).model,
        "embed": paths.embeddings,
        "evaluate": paths.metrics,
        "clusters": paths.maps,
        "discover": paths.discover.record,
        "report": paths.report,
    }
    return made[unit.kind]


def data_digest(study: Study, seed: int) -> str:
    """Return the fingerprint of the dataset of a seed as it stands; "" where there is none."""
    folder = study.data(seed)
    parts = sorted((folder / "objects").rglob("*.parquet"))
    try:
        stamps = tuple((part.name, (s := part.stat()).st_mtime_ns, s.st_size) for part in parts)
        return _fingerprint(folder, stamps) if stamps else ""
    except (SkybindError, OSError, ValueError):
        return UNREADABLE


@lru_cache(maxsize=64)
def _fingerprint(folder: Path, stamps: tuple[tuple[str, int, int], ...]) -> str:
    """Read a dataset's fingerprint, once for each time that a part of it was written."""
    return Dataset.open(folder, computed=()).fingerprint


def digest_of(study: Study, unit: Unit) -> str:
    """Hash what a unit made, by its content; "" where there is nothing.

    Of models and embeddings it is the hash of the weights that they carry, of a run the dataset and
    the parts of its split (subsets may be added to it), of the survey its fingerprint.
    """
    path = made_by(study, unit)
    try:
        watched = _watched(path)
        stamp = watched.stat()
        return _digest(unit.kind, path, stamp.st_mtime_ns, stamp.st_size)
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (SkybindError, OSError, ValueError, KeyError, TypeError):
        return UNREADABLE


def _watched(path: Path) -> Path:
    """Return the file that is replaced whenever what stands at a path is made anew."""
    if path.name in ("model", "backbone"):
        return path / f"{path.name}.json"
    if path.is_dir():
        return min(path.glob("part-*.parquet"), default=path / "part-00000.parquet")
    return path


@lru_cache(maxsize=4096)
def _digest(kind: str, path: Path, changed: int, size: int) -> str:
    """Hash what stands at a path; read once for each time that it was written."""
    if kind == "survey":
        return Dataset.open(path.parent, computed=()).fingerprint
    if kind == "prepare":
        status = read_status(path.parent)
        parts = Split.read(RunPaths(path.parent).split).parts_hash
        return json_hash([status.fingerprint, parts, dict(status.backbones)])
    if kind == "tune":
        return json_hash(read_chosen(path).values)
    if kind == "backbone":
        return file_hash(path / "weights.safetensors")
    if kind in ("pretrain", "finetune"):
        identity = json.loads((path / "model.json").read_text("utf-8"))["identity"]
        return str(identity["weights"])
    if kind == "embed":
        return str(Shards.open(path).model["weights"])
    if kind == "evaluate":
        metrics = read_record(path, dict[str, Any], "")
        return json_hash({key: metrics[key] for key in sorted(metrics) if key not in _NO_RESULT})
    return file_hash(path)
