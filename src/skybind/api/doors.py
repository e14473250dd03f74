"""The ways in: a survey from its files, seen before or imported, and a model from its folder."""

from pathlib import Path
from typing import TYPE_CHECKING

from skybind.api.trained import Model
from skybind.config import config_names
from skybind.data.dataset import Dataset
from skybind.errors import ModelError
from skybind.runs.layout import RunPaths

if TYPE_CHECKING:
    from skybind.ingest.appended import Appended
    from skybind.ingest.preview.make import Preview


def import_survey(mapping: str | Path, out: str | Path, *, overwrite: bool = False) -> Dataset:
    """Make a dataset of survey files.

    Parameters
    ----------
    mapping : str or Path
        The YAML file that says which file and column is what (docs/dataset.md).
    out : str or Path
        Folder of the dataset. What cannot be used is in its `quarantine.parquet`, with reasons.
    overwrite : bool
        Replace a dataset that stands there.

    Raises
    ------
    ConfigError, DataError
        If the mapping is wrong, or the files cannot be used.
    """
    from skybind.ingest.survey import import_dataset

    import_dataset(mapping, out, overwrite)
    return Dataset.open(out)


def append(
    data: str | Path,
    new: str | Path,
    *,
    replacing: bool = False,
    add_columns: bool = False,
    dry_run: bool = False,
) -> "Appended":
    """Append to a dataset: new objects, and new epochs and values of those that are there.

    Parameters
    ----------
    data : str or Path
        Folder of the dataset.
    new : str or Path
        Folder of another dataset, or a mapping as of `import_survey`.
    replacing : bool
        Take what differs from the new one; otherwise what is known stays.
    add_columns : bool
        Take columns that only the new one has; otherwise they are refused.
    dry_run : bool
        Tell what would happen, and write nothing.

    Returns
    -------
    skybind.ingest.appended.Appended
        What happened, in numbers; `text` says it.

    Raises
    ------
    ConfigError, DataError
        If columns, units or systems do not agree; nothing is changed then.
    """
    from skybind.ingest.append import append_survey

    return append_survey(data, new, replacing=replacing, add_columns=add_columns, dry_run=dry_run)


def preview_survey(
    mapping: str | Path, objects: int = 100, out: str | Path | None = None
) -> "Preview":
    """Read some objects of a survey as the import would, and tell what each column became.

    Parameters
    ----------
    mapping : str or Path
        As of `import_survey`.
    objects : int
        How many are read.
    out : str or Path, optional
        Write a page there, with the first objects drawn.

    Returns
    -------
    skybind.ingest.preview.make.Preview
        Printed, it shows tables and suggestions; `dataset` has the objects that were read.

    Raises
    ------
    ConfigError, DataError
        As of `import_survey`.
    """
    from skybind.drawing.preview import write_preview_page
    from skybind.ingest.preview import make

    preview = make.preview_survey(mapping, objects)
    if out is not None:
        write_preview_page(preview, out)
    return preview


def load(path: str | Path, case: str | None = None) -> Model:
    """Open a trained model.

    Parameters
    ----------
    path : str or Path
        Folder of a run, or of a saved model.
    case : str, optional
        Of a run: the classifier of this name, such as `photometry-10-pretrained`, instead of the
        pre-trained model.

    Raises
    ------
    ConfigError
        If the run has no such case.
    ModelError
        If there is no model.
    """
    from skybind.runs.classify import find_classifier

    folder = Path(path)
    if not folder.exists() and str(path) in config_names():
        raise ModelError(
            f"'{path}' is a configuration, and skybind ships no trained model of it: train one "
            f"with skybind.Run.start('{path}', data, out), and load its folder."
        )
    if case is not None:
        return Model.open(find_classifier(folder, case)[0])
    inside = RunPaths(folder).model
    return Model.open(inside if inside.exists() else folder)
