"""`skybind check`: whether a dataset, a run, a model or a study is what was written.

Every file is compared with the checksum that was written with it, whole; so far as one thing has
to fit another (split, model and dataset of a run, its log and its history), that is compared too.
"""

import csv
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from skybind.config import load_config
from skybind.data.dataset import Dataset
from skybind.data.lineage import AGAIN as LINEAGE_AGAIN
from skybind.data.lineage import LINEAGE, LineageNote, lineage_of
from skybind.data.sources import parts_in
from skybind.data.splits import Split
from skybind.data.write import MADE, MADE_AGAIN, Made
from skybind.discovery.records import DiscoverRecord
from skybind.discovery.written import FILES as DISCOVERED
from skybind.errors import DataError, ModelError, SkybindError
from skybind.evaluation.records import read_metrics
from skybind.files import raise_of_machine, read_array
from skybind.footers import verify_footer_in
from skybind.ingest.hats_dataset import STORED, Stored
from skybind.ingest.readers.hats import BESIDE, hats_files, is_hats
from skybind.labelling.train import read_rounds
from skybind.modalities.store import INDEX, open_prepared
from skybind.models.backbones import read_backbone
from skybind.models.frozen_features import ARRAY, verify_features
from skybind.models.seen import read_seen
from skybind.models.stored import HUB_WEIGHTS, WEIGHTS, read_note, verify_model
from skybind.once import NOTE, note_of, result_of
from skybind.parquet import first_line, stated_content, verify_file
from skybind.progress import progress_bar
from skybind.record import SEAL, read_record
from skybind.runs.backbones import begun_on
from skybind.runs.layout import BackbonePaths, RunPaths
from skybind.runs.run import Run
from skybind.runs.status import read_status
from skybind.search import index as search_index
from skybind.search import positions
from skybind.study.chosen import CHOSEN, read_chosen
from skybind.study.kinds import kind_of
from skybind.study.lacking import lacking, left_out
from skybind.training.checkpoint import verify_checkpoint, verify_weights
from skybind.training.names import BEST, CHECKPOINT, LOG


@dataclass(frozen=True)
class Damage:
    """A file that is not what was written, or not there.

    Attributes
    ----------
    file : str
        Below the folder that was checked.
    said : str
        What is wrong with it, and how it is made again.
    """

    file: str
    said: str


@dataclass
class Checked:
    """What was found in a folder.

    Attributes
    ----------
    folder : Path
    kind : str
        dataset, run, model, backbone, study, HATS catalogue, or folder of embeddings, indices or
        positions.
    verified : int
        Files that are what their checksums say.
    plain : int
        Files without a checksum, such as pages, figures and tables for people, and files of an
        older skybind: of these it is only known that they can be read, where skybind reads them.
    damages : list of Damage
    left_out : list of str
        What was written and is not there, but may be left out: the truth of a simulated survey.
    """

    folder: Path
    kind: str
    verified: int = 0
    plain: int = 0
    damages: list[Damage] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def sentence(self) -> str:
        """The outcome in words."""
        rest = f" Without a checksum: {self.plain:,}." if self.plain else ""
        if self.left_out:
            rest += f" Left out: {', '.join(self.left_out)}."
        if self.damages:
            return f"The {self.kind} is damaged; files concerned: {len(self.damages):,}.{rest}"
        but = " but for what was left out" if self.left_out else ""
        return (
            f"The {self.kind} is as it was written{but}; files that agree with their checksums: "
            f"{self.verified:,}.{rest}"
        )

    def plain_values(self) -> dict[str, Any]:
        """Give plain values as JSON has them."""
        return {
            "folder": str(self.folder),
            "kind": self.kind,
            "verified": self.verified,
            "without_checksum": self.plain,
            "left_out": self.left_out,
            "damaged": [{"file": d.file, "said": d.said} for d in self.damages],
        }


#: What makes a Parquet table anew, by its place.
_AGAIN = (
    (r"(^|/)objects/", "make the dataset again ('skybind data import', 'skybind simulate')"),
    (r"(^|/)splits/", "delete it, and draw the split again with 'skybind data split'"),
    (r"(^|/)features/", "delete it, and run 'skybind data features' again"),
    (r"(^|/)lineage/", LINEAGE_AGAIN),
    (r"(^|/)truth\.parquet$", "simulate the survey again"),
    (r"(^|/)embeddings/", "delete the folder, and run 'skybind embed' again"),
    (r"(^|/)discover/", "delete the folder, and run 'skybind discover' again"),
    (r"(^|/)classes\.parquet$", "delete it, and it is made again when it is asked for"),
    (r"(^|/)(maps|regression)\.parquet$", "run 'skybind evaluate' again"),
    (r"(^|/)split\.parquet$", "bring the split back from where it came, or start another run"),
    (r"(^|/)quarantine\.parquet$", "delete it; it is written again when the data are prepared"),
    (r"", "make it again, or take it anew from where it came"),
)


def check_folder(folder: str | Path) -> Checked:
    """Verify all files of a dataset, run, model, backbone, study or HATS catalogue, and the like.

    Parameters
    ----------
    folder : str or Path

    Returns
    -------
    Checked

    Raises
    ------
    DataError
        If the folder is none of these.
    """
    folder = Path(folder)
    found = Checked(folder, kind_of(folder))
    files = sorted(p for p in folder.rglob("*") if p.is_file() and not _hidden(p, folder))
    with progress_bar("checking", len(files), "files") as report:
        for number, path in enumerate(files, start=1):
            _check(found, path)
            report(number)
    for path, problem in [*_together(folder, files), *lacking(files)]:
        _note(found, path, problem)
    found.left_out = [path.relative_to(folder).as_posix() for path in left_out(files)]
    return found


def _hidden(path: Path, folder: Path) -> bool:
    return any(part.startswith(".") for part in path.relative_to(folder).parts)


def _check(found: Checked, path: Path) -> None:
    """Verify one file by its kind."""
    try:
        sealed = _verify(path)
    except (pa.ArrowException, OSError) as error:
        raise_of_machine(error)
        again = next(text for pattern, text in _AGAIN if re.search(pattern, path.as_posix()))
        _note(found, path, f"{path} is damaged ({first_line(error)}): {again}.")
    except SkybindError as error:
        _note(found, path, str(error))
    else:
        found.verified += int(sealed)
        found.plain += int(not sealed)


def _note(found: Checked, path: Path, said: str) -> None:
    name = path.relative_to(found.folder).as_posix()
    if name not in {damage.file for damage in found.damages}:
        found.damages.append(Damage(name, said))


def _verify(path: Path) -> bool:
    """Verify a file; gives whether it has a checksum."""
    verify = _BY_NAME.get(path.name) or _BY_ENDING.get(path.suffix)
    return False if verify is None else verify(path)


def _parquet(path: Path) -> bool:
    verify_file(path)
    if path.parent.name == "splits" or path.name == "split.parquet":
        Split.read(path)
    return stated_content(path) is not None


def _json(path: Path) -> bool:
    readers: dict[str, Callable[[], Any]] = {
        "status.json": lambda: read_status(path.parent),
        "metrics.json": lambda: read_metrics(path),
        "discover.json": lambda: read_record(path, DiscoverRecord, "run 'skybind discover' again"),
        MADE: lambda: read_record(path, Made, MADE_AGAIN),
        LINEAGE: lambda: read_record(path, LineageNote, LINEAGE_AGAIN),
    }
    if path.name in DISCOVERED and path.parent.name == "discover":
        again = f"delete {path.parent}, and run 'skybind discover' again"
        readers[path.name] = lambda: read_record(path, DISCOVERED[path.name], again)
    if path.name == NOTE:
        run = RunPaths(path.parent.parent)  # whose labels have a list of rounds
        rounds = path == run.labels.history and run.note.exists()
        readers[NOTE] = lambda: read_rounds(path) if rounds else note_of(path.parent)
    backbone = BackbonePaths(path.parent)
    if path == backbone.dataset and backbone.config.exists():
        readers[path.name] = lambda: begun_on(backbone)
    if path.name == CHOSEN:
        readers[CHOSEN] = lambda: read_chosen(path)
    if path.name == STORED and path.parent.name == BESIDE:
        readers[STORED] = lambda: Stored.read(path.parent.parent)
    readers.get(path.name, lambda: read_record(path, Any, "make it again, or delete it"))()
    value = json.loads(path.read_text(encoding="utf-8"))
    return isinstance(value, dict) and SEAL in value


def _model(path: Path) -> bool:
    note = read_note(path.parent)
    verify_model(path.parent, note, list(note.get("files") or {}))
    read_seen(path.parent, note)
    return note.get("files") is not None


def _backbone(path: Path) -> bool:
    read_backbone(path.parent)
    return "files" in json.loads(path.read_text(encoding="utf-8"))


def _index(path: Path) -> bool:
    if path.parent.parent.resolve().name.endswith(".index"):
        search_index.verify_index(path.parent, search_index.read_note(path.parent), whole=True)
        return True
    open_prepared(path.parent, whole=True)
    return True


def _positions(path: Path) -> bool:
    positions.verify_positions(path.parent, positions.read_positions_note(path.parent), whole=True)
    return True


def _features(path: Path) -> bool:
    verify_features(path.parent, whole=True)
    return True


def _footer(path: Path) -> bool:
    pq.read_metadata(path)
    return verify_footer_in(path)


def _array(path: Path) -> bool:
    if read_array(path) is None:
        raise DataError(f"{path} is damaged: delete it, and it is made again.")
    return True


def _checkpoint(path: Path) -> bool:
    verify_checkpoint(path)
    return True


def _best(path: Path) -> bool:
    verify_weights(path)
    return True


def _beside(path: Path) -> bool:
    """Of a file that another one vouches for; it is counted there."""
    return any((path.parent / name).exists() for name in _VOUCHING)


_VOUCHING = ("model.json", "backbone.json", INDEX, "features.json", positions.NOTE)
_BY_NAME: dict[str, Callable[[Path], bool]] = {
    "model.json": _model,
    "backbone.json": _backbone,
    INDEX: _index,
    "features.json": _features,
    CHECKPOINT: _checkpoint,
    BEST: _best,
    positions.NOTE: _positions,
    **dict.fromkeys(("_metadata", "_common_metadata"), _footer),
    **dict.fromkeys((WEIGHTS, HUB_WEIGHTS, ARRAY, "calibration.json"), _beside),
    **dict.fromkeys((search_index.QUANTISER, search_index.TRUTH), _beside),
}
_BY_ENDING: dict[str, Callable[[Path], bool]] = {
    ".parquet": _parquet,
    ".json": _json,
    ".npz": _array,
    ".npy": _beside,
    ".safetensors": _beside,
    ".bin": _beside,
}


def _together(folder: Path, files: list[Path]) -> Iterator[tuple[Path, str]]:
    """What does not fit together: a run's parts, a dataset's, a log and its history."""
    try:
        if is_hats(folder):
            hats_files(folder)
    except SkybindError as error:
        yield folder / "dataset", str(error)
    for path in files:
        try:
            if path.name == RunPaths(path.parent).note.name:
                load_config(RunPaths(path.parent).config)
                Run.open(path.parent)
            elif is_hats(path.parent.parent):
                continue  # of a dataset that was exported, whose objects are the catalogue
            elif path.name == MADE:
                _whole_dataset(path)
            elif path.name == LINEAGE:
                _whole_lineage(path)
            elif path.name == LOG:
                _same_epochs(path)
        except SkybindError as error:
            yield path, str(error)


def _whole_dataset(path: Path) -> None:
    made = read_record(path, Made, MADE_AGAIN)
    parts = len(parts_in(path.parent))
    if made.parts is not None and made.parts != parts:
        raise DataError(
            f"{path.parent / 'objects'} has {parts} files, {made.parts} were written: make the "
            "dataset again."
        )
    Dataset.open(path.parent)


def _whole_lineage(path: Path) -> None:
    """Read what changed on the way to each state of a dataset."""
    lineage = lineage_of(Dataset.open(path.parent, computed=()))
    if lineage is None:
        raise DataError(f"{path} is of other objects: {LINEAGE_AGAIN}.")
    for _ in lineage.steps():
        pass


def _same_epochs(path: Path) -> None:
    """Compare a training's log with the history that is kept in its result."""
    history = (result_of(path.parent) or {}).get("history")
    if history is None:
        return
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = list(csv.DictReader(file))
        losses = [float(row["train/loss"]) for row in rows]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise_of_machine(error)
        raise ModelError(
            f"{path} is damaged: result.json beside it has the same numbers."
        ) from error
    if losses != [float(record["train/loss"]) for record in history]:
        raise ModelError(
            f"{path} does not agree with the history in result.json beside it, which counts."
        )
