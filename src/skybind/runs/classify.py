"""Classifying any objects by a run's or a saved classifier: in pieces, resumable, to a table."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from skybind.data.placed import in_turn, placed
from skybind.data.schema import RA
from skybind.errors import ConfigError, DataError, ModelError
from skybind.files import json_hash
from skybind.ingest.given import Given
from skybind.models.classes import class_notes
from skybind.models.model import Model
from skybind.models.reliability import read_reliability
from skybind.models.taught import count_taught, taught_notes
from skybind.once import Workplace
from skybind.parquet import read_parquet, write_parquet
from skybind.progress import progress_bar, say
from skybind.runs.cases import Case, rank_of, stored_cases
from skybind.runs.classes import case_classes, case_reliability
from skybind.runs.layout import RunPaths
from skybind.runs.run import Run
from skybind.shards import Shard, ShardFolder, remedy
from skybind.tables import Notes, check_ending, write_table, write_tables
from skybind.version import __version__
from skybind.words import nearest

#: Objects of one piece of the table while it is made.
PIECE = 20_000
#: The table of one shard.
_TABLE = "classes.parquet"


@dataclass
class Classified:
    """What was classified.

    Attributes
    ----------
    out : Path
        The table.
    case : str
        Name of the classifier.
    n, known : int
        Objects, and those with a class.
    counts : dict of str to int
        Objects of each class.
    notes : list of str
        What the reader must know, in sentences.
    """

    out: Path
    case: str
    n: int
    known: int
    counts: dict[str, int]
    notes: list[str]


def classify_anything(
    folder: str | Path,
    data: Any = None,
    out: str | Path = "classes.parquet",
    *,
    modalities: Sequence[str] | None = None,
    case: str | None = None,
    shard: Shard | None = None,
) -> Classified:
    """Classify objects and write a table, one row an object, in their order.

    Interrupted, the same call goes on where it stopped; a dataset on disk is never in memory as a
    whole. Where shards of it were begun (`OUT.shards/`) they are put together.

    Parameters
    ----------
    folder : str or Path
        Of a run, or of a saved classifier.
    data : optional
        Anything that `skybind.ingest.given.take_given` takes: the folder of a dataset, a table,
        files. By default the run's own objects.
    out : str or Path
        Table (.parquet, .csv, .vot, .ecsv, .fits).
    modalities : sequence of str, optional
        Classify by these alone.
    case : str, optional
        Which of the run's classifiers, such as `photometry-10-pretrained`. By default the one of
        `modalities`, or of most modalities, trained with most labels.
    shard : Shard, optional
        Only this part of a dataset, into `OUT.shards/`.

    Raises
    ------
    AlreadyDone
        If the table is there, put together of shards of the same.
    ConfigError, DataError, ModelError
        If there is no such classifier or modality, or nothing in the data can be used; if shards
        are missing, or of something else.
    """
    folder, out = Path(folder), Path(out)
    check_ending(out)
    if shard is not None and data is None:
        raise ConfigError("--shard needs --data: a run's own objects are classified as a whole.")
    found, name = find_classifier(folder, case, modalities)
    if RunPaths(folder).note.exists():
        calibrate_first(folder, name)
        if data is None and modalities is None:
            return _own_objects(folder, name, out)
    model = Model.open(found)
    model.require_classifier()
    given = model.take(data)
    weights, names = model.identity["weights"], model.choose(modalities)
    # probabilities of one table are calibrated alike
    fitted = model.reliability and model.reliability.calibration.model_dump()
    key = json_hash([__version__, weights, fitted, given.dataset.fingerprint, names, PIECE, RA, 2])
    out, entries = _classify_other(model, given, names, out, key, shard)
    return _summed(out, name, model, given, entries)


def _summed(
    out: Path, name: str, model: Model, given: Given, entries: Sequence[dict[str, Any]]
) -> Classified:
    """Say what is in all pieces of a table together."""
    classes = sum((Counter(entry["classes"]) for entry in entries), Counter[str]())
    n, known, counts = sum(e["rows"] for e in entries), classes.total(), dict(classes.most_common())
    notes = class_notes(model.classes, model.reliability, n, n - known)
    notes = [*given.notes, *notes, *taught_notes(entries, n)]
    return Classified(out, name, n, known, counts, notes)


#: Columns of a table of classes.
CLASS_NOTES: dict[str, Notes] = {
    "object_id": (None, "Name of the object"),
    "class": (None, "The most probable class"),
    "probability": (None, "Its probability, calibrated on validation objects"),
    "p_*": (None, "Probability of the class"),
    "novelty": (None, "Share of validation objects that lie nearer to their training objects"),
    "reason": (None, "Why there is no class"),
}


def calibrate_first(folder: Path, name: str) -> None:
    """Calibrate a run's classifier that was made before skybind did so, if its data are there."""
    if read_reliability(RunPaths(folder).case(name).model) is not None:
        return
    try:
        run = Run.open(folder)
    except DataError as error:
        say(f"The classifier cannot be calibrated: {error}")
        return
    case_reliability(run, stored_case(folder, name))


def _own_objects(folder: Path, name: str, out: Path) -> Classified:
    """Write the classes of a run's own objects, which are computed once."""
    run = Run.open(folder)
    case = stored_case(folder, name)
    table = placed(case_classes(run, case).for_people, run.dataset, CLASS_NOTES)
    write_table(table, out)
    counts = Counter(c for c in table["class"].to_pylist() if c is not None)
    known = sum(counts.values())
    reliability = case_reliability(run, case)
    notes = class_notes(run.classes, reliability, len(table), len(table) - known)
    seen = int((run.split.part == "train").sum())
    notes.append(
        f"{seen} of them are training objects, which a classifier knows better than others."
    )
    return Classified(out, name, len(table), known, dict(counts), notes)


def _classify_other(
    model: Model, given: Given, names: list[str], out: Path, key: str, shard: Shard | None
) -> tuple[Path, list[dict[str, Any]]]:
    """Classify what was given, or one shard, or put shards together.

    Returns where the table is, and what is in each of its pieces.
    """
    shards = ShardFolder(out, key, "classify")
    if shard is not None:
        entry = shards.do(shard, partial(_classify_shard, model, given, shard, names))
        return shards.path / shard.name / _TABLE, [entry]
    with shards.together() as parts:
        if parts:
            full = [folder for folder, note in parts if note["rows"]]
            write_tables((read_parquet(p / _TABLE, again=remedy(p)) for p in full), out)
            shards.sign()
    entries = [note for _, note in parts]
    place = Workplace(out, key, partial(_refuse, out))
    return out, entries or _in_one_piece(model, given, names, place)


def _in_one_piece(
    model: Model, given: Given, names: list[str], place: Workplace
) -> list[dict[str, Any]]:
    """Classify all and write the table; says what is in each of its pieces."""
    with place:
        _classify_rest(model, given, names, place)
        pieces = [place.work / name for entry in place.entries for name in entry["files"]]
        write_tables(map(read_parquet, pieces), place.target)
        place.discard()  # the table is made of the pieces
    return place.entries


def _classify_rest(model: Model, given: Given, names: list[str], place: Workplace) -> None:
    """Classify the objects that no piece holds yet."""
    n = len(given.dataset)
    waiting: list[pa.Table] = []
    with progress_bar("classifying", n) as report:
        done = sum(entry["rows"] for entry in place.entries)
        tables = model.iter_classes(given.stretch(done, n), names)
        for table in in_turn(tables, given.dataset, CLASS_NOTES, done):
            waiting.append(table)
            done += len(table)
            if sum(map(len, waiting)) >= PIECE or done == n:
                piece = pa.concat_tables(waiting)
                own = given.stretch(done - len(piece), done)
                _keep(piece, {**_said(piece), **count_taught(model, own.dataset)}, place)
                waiting = []
            report(done)


def _keep(piece: pa.Table, said: dict[str, Any], place: Workplace) -> None:
    """Write one more piece of the table, and note what is in it."""
    name = f"piece-{len(place.entries):06d}.parquet"
    write_parquet(piece, place.work / name)
    place.record({**said, "files": [name]})


def _said(piece: pa.Table) -> dict[str, Any]:
    """Say what is in a piece of the table."""
    return {"rows": len(piece), "classes": Counter(piece["class"].drop_null().to_pylist())}


def _classify_shard(
    model: Model, given: Given, shard: Shard, names: list[str], folder: Path
) -> dict[str, Any]:
    """Classify one shard into its folder, unless it has no objects."""
    part = given.shard(shard)
    n, done = len(part.dataset), 0
    pieces = []
    with progress_bar("classifying", n) as report:
        tables = model.iter_classes(part, names) if n else ()
        for table in in_turn(tables, part.dataset, CLASS_NOTES, whole=given.dataset):
            pieces.append(table)
            report(done := done + len(table))
    if not n:
        return {"rows": 0, "classes": {}, **count_taught(model, part.dataset)}
    whole = pa.concat_tables(pieces)
    write_parquet(whole, folder / _TABLE)
    return {**_said(whole), **count_taught(model, part.dataset)}


def _refuse(out: Path, who: str) -> None:
    raise DataError(f"{out} is being written by {who}: wait for it, or choose another file.")


def find_classifier(
    folder: Path, case: str | None = None, modalities: Sequence[str] | None = None
) -> tuple[Path, str]:
    """Find a saved classifier: the folder itself, or the best that a run has.

    Returns
    -------
    Path, str
        Folder of the model, and its name.

    Raises
    ------
    ConfigError
        If the run has no such case.
    ModelError
        If there is no classifier.
    """
    if (folder / "model.json").exists():
        if case is not None:
            raise ConfigError(
                f"{folder} is one model, so there is no case to choose: leave it out."
            )
        return folder, folder.parent.name if folder.name == "model" else folder.name
    cases = stored_cases(folder)
    if not cases:
        raise ModelError(
            f"There is no classifier in {folder}: fine-tune one with 'skybind finetune {folder}'."
        )
    if case is not None:
        chosen = next((c for c in cases if c.name == case), None)
        if chosen is None:
            names = [c.name for c in cases]
            raise ConfigError(f"The run in {folder} has no case '{case}': {nearest(case, names)}")
    else:
        chosen = best_case(cases, modalities)
    return RunPaths(folder).case(chosen.name).model, chosen.name


def stored_case(folder: Path, name: str) -> Case:
    """Return a case that has been fine-tuned in the folder of a run, by its name."""
    return next(case for case in stored_cases(folder) if case.name == name)


def best_case(cases: Sequence[Case], modalities: Sequence[str] | None = None) -> Case:
    """Choose the classifier of some modalities, or of most; of most labels, pre-trained."""
    wanted = set(modalities or ())
    fitting = [case for case in cases if wanted <= set(case.modalities)]
    exact = [case for case in fitting if wanted and set(case.modalities) == wanted]
    return max(exact or fitting or list(cases), key=rank_of)
