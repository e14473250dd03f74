"""What should stand in a folder and does not: what is finished says, or implies, what it wrote.

What may be deleted by intent is not asked for: pages, prepared arrays, computed features, classes
of all objects. Nor is what was never made.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from skybind.data.dataset import Dataset
from skybind.data.write import MADE, MADE_AGAIN, TRUTH, Made
from skybind.discovery.written import STEPS, files_of_step
from skybind.errors import SkybindError
from skybind.evaluation.records import read_metrics
from skybind.modalities.store import INDEX
from skybind.once import NOTE, result_of
from skybind.record import read_record
from skybind.runs.layout import DiscoverPaths, RunPaths
from skybind.study.kinds import has_lost_note

_PART = re.compile(r"part-(\d{5})\.parquet")
#: A file that is not there, and what it was and how it is made again.
Lack = tuple[Path, str]


def lacking(files: Sequence[Path]) -> Iterator[Lack]:
    """Name what is not there beside files that are.

    Parameters
    ----------
    files : sequence of Path
        All that stand in a folder that is checked, and below.
    """
    folders = {path.parent for path in files}
    for folder in sorted(folders):
        yield from _of_step(folder)
        yield from _of_parts(folder)
        if folder.name == "objects":
            yield from _of_dataset(folder.parent)
        if RunPaths(folder).note.exists():
            yield from _of_run(RunPaths(folder))
        elif has_lost_note(folder):
            yield _lack(RunPaths(folder).note, "bring it back, or start another run")


def left_out(files: Sequence[Path]) -> list[Path]:
    """Name what may have been left out by intent: the truth of a simulated survey.

    Nothing reads it but the scoring of discoveries, and who shares a survey as a riddle leaves it
    out.
    """
    made = [path for path in files if path.name == MADE and (path.parent / "objects").is_dir()]
    return [path.parent / TRUTH for path in made if TRUTH in _gone(path)]


def _lack(path: Path, again: str) -> Lack:
    return path, f"{path} is not there: {again}."


def _absent(paths: Sequence[Path], again: str) -> Iterator[Lack]:
    yield from (_lack(path, again) for path in paths if not path.exists())


def _of_step(folder: Path) -> Iterator[Lack]:
    """What a step, that of a training above all, wrote by its own note."""
    for name in ("model", "backbone"):
        inside = folder / name
        if inside.is_dir() and folder.name != "backbones":
            again = f"delete {folder} to do it anew, or bring it back from where it came"
            yield from _absent([inside / f"{name}.json"], again)
            if _is_step(folder):
                yield from _absent([folder / NOTE], again)
    try:
        note = result_of(folder)
    except SkybindError:  # which is told of the note itself
        return
    again = f"the model is whole without it; to have it again, delete {folder}, and train anew"
    names = (note or {}).get("wrote")
    yield from _absent([folder / str(n) for n in names] if isinstance(names, list) else [], again)


def _is_step(folder: Path) -> bool:
    """Whether the folder is that of a training of a run."""
    return folder.name == "pretrain" or folder.parent.name in ("finetune", "labels")


def _of_parts(folder: Path) -> Iterator[Lack]:
    """Files that are missing from a row of numbered ones."""
    found = [_PART.fullmatch(path.name) for path in folder.glob("part-*.parquet")]
    numbers = {int(match[1]) for match in found if match}
    if folder.name == "objects":  # of which `made.json` says how many there are
        numbers = set()
    for number in sorted(set(range(max(numbers, default=0))) - numbers):
        yield _lack(folder / f"part-{number:05d}.parquet", f"make all files of {folder} again")
    if (folder / "_present.bin").exists():
        again = f"delete {folder}, and the observations are prepared again"
        yield from _absent([folder / INDEX], again)


def _of_dataset(folder: Path) -> Iterator[Lack]:
    note = folder / MADE
    if not note.exists():
        try:
            old = bool(Dataset.open(folder, computed=()).schema.created)
        except SkybindError:
            return
        if not old:
            yield _lack(note, MADE_AGAIN)
        return
    again = "bring it back from where the dataset came, or make the dataset again"
    yield from (_lack(folder / name, again) for name in _gone(note) if name != TRUTH)


def _gone(note: Path) -> list[str]:
    """Name what a dataset says that it has beside its objects, and has not."""
    try:
        beside = read_record(note, Made, MADE_AGAIN).beside
    except SkybindError:
        return []
    return [name for name in beside if not (note.parent / name).exists()]


def _of_run(run: RunPaths) -> Iterator[Lack]:
    evaluated, embedded = "run 'skybind evaluate' again", "run 'skybind embed' again"
    measured = run.metrics.exists()
    if not measured and any(path.exists() for path in (run.maps, run.predictions, run.report)):
        yield _lack(run.metrics, evaluated)
    if measured:
        yield from _absent([run.maps], evaluated)
        try:
            regression = read_metrics(run.metrics).regression
        except SkybindError:
            regression = []
        yield from _absent([run.predictions] if regression else [], evaluated)
    steps = run.discover.step("").parent.exists()
    if (measured or steps) and not any(run.embeddings.glob("part-*.parquet")):
        yield _lack(run.embeddings / "part-00000.parquet", embedded)
    if run.discover.folder.exists():
        yield from _of_discoveries(run.discover)


def _of_discoveries(paths: DiscoverPaths) -> Iterator[Lack]:
    again = "run 'skybind discover' again"
    done = {}
    for name in STEPS:
        try:
            done[name] = result_of(paths.step(name))
        except SkybindError:
            done[name] = None
            continue
        if done[name] is None and paths.record.exists() and not _old(paths):
            yield _lack(paths.step(name) / NOTE, again)
    if done[STEPS[-1]] is not None:
        yield from _absent([paths.record], again)
    for name, note in done.items():
        if note is not None:
            deleted = f"delete {paths.step(name)}, and {again}"
            yield from _absent(files_of_step(paths, name, note["record"]), deleted)


def _old(paths: DiscoverPaths) -> bool:
    """Whether version 0.1 noted all steps in one file."""
    return (paths.folder / "steps.json").exists()
