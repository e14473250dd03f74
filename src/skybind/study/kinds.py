"""What a folder is, by what stands in it."""

from pathlib import Path

from skybind.data.write import MADE
from skybind.errors import DataError
from skybind.ingest.readers.hats import is_hats
from skybind.runs.layout import RunPaths
from skybind.search import index as search_index
from skybind.search import positions
from skybind.study.layout import StudyPaths


def kind_of(folder: Path) -> str:
    """Say what a folder is.

    Raises
    ------
    DataError
        If it is nothing that can be checked; what to check instead is said.
    """
    if not folder.is_dir():
        raise DataError(f"There is no folder {folder}.")
    known = {
        "run": RunPaths(folder).note,
        "study": StudyPaths(folder).options,
        "model": folder / "model.json",
        "backbone": folder / "backbone.json",
        "folder of positions": folder / positions.NOTE,
    }
    for kind, path in known.items():
        if path.exists():
            return kind
    if has_lost_note(folder):
        return "run"
    if (folder / MADE).exists():
        return "dataset"  # without its objects
    inside = {
        "dataset": "objects/*.parquet",
        "folder of embeddings": "part-*.parquet",
        "folder of indices": f"*/{search_index.QUANTISER}",
    }
    for kind, pattern in inside.items():
        if any(folder.glob(pattern)):
            return kind
    if (folder / "backbone" / "backbone.json").exists():
        return "backbone"
    if is_hats(folder):
        return "HATS catalogue"
    raise DataError(_no_kind(folder))


def has_lost_note(folder: Path) -> bool:
    """Return whether a folder is that of a run, but for its note."""
    paths = RunPaths(folder)
    return not paths.note.exists() and paths.config.exists() and paths.pretraining.folder.exists()


def _no_kind(folder: Path) -> str:
    """Say what to check instead of a folder."""
    for above in list(folder.resolve().parents)[:4]:
        for kind, note in (("run", RunPaths(above).note), ("study", StudyPaths(above).options)):
            if note.exists():
                return f"{folder} is a part of a {kind}: use 'skybind check {above}'."
    if folder.name.endswith(".shards"):
        return (
            f"{folder} holds shards of work that is not finished: they are verified when the same "
            "command without --shard puts them together."
        )
    if (folder / "index.html").exists():
        return f"{folder} holds pages, which have no checksums: check the run that they show."
    return (
        f"{folder} is no dataset, run, model, backbone, study, HATS catalogue, or folder of "
        "embeddings, indices or positions: name one."
    )
