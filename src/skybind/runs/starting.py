"""Which model a pre-training begins from."""

from pathlib import Path
from typing import Any

from skybind.errors import ConfigError, ModelError
from skybind.models.model import Model
from skybind.once import note_of
from skybind.runs.layout import model_folder
from skybind.runs.measured import refuse_measuring
from skybind.runs.run import Run, is_pretrained


def find_start(run: Run, start: Model | str | Path | None) -> Model | None:
    """Give the model that a run's pre-training begins from, or has begun from; None for none.

    Parameters
    ----------
    run : Run
    start : Model, str or Path, optional
        A model, its folder, or that of the run that made it; by default the one that the
        pre-training was begun from, if it was interrupted.

    Raises
    ------
    ConfigError
        If the run's pre-training was begun otherwise.
    ModelError
        If the model cannot be opened, or is not the one that it was begun from.
    LeakError
        If it was trained on objects that this run validates or tests on.
    """
    paths = run.paths.pretraining
    note = note_of(paths.folder)
    begun = (note or {}).get("start")
    if start is None:
        if begun is None or is_pretrained(paths):
            return None
        model = _open(run, begun["model"])
    else:
        model = start if isinstance(start, Model) else Model.open(model_folder(start))
    weights = model.identity["weights"]
    if begun is not None and begun["weights"] != weights:
        raise ConfigError(
            f"The pre-training in {run.folder} began from another model ({begun['model']}): give "
            "that one with --start, begin anew with --restart, or choose another folder."
        )
    if begun is None and (note is not None or is_pretrained(paths)):
        raise ConfigError(
            f"The pre-training in {run.folder} did not begin from another model: begin anew with "
            "--restart, or choose another folder."
        )
    refuse_seen_in_run(run, model)
    return model


def refuse_seen_in_run(run: Run, model: Model) -> None:
    """Refuse a model that has seen objects that a run tests or validates on."""
    for part, purpose in (("test", "testing"), ("validation", "validation")):
        refuse_measuring(run, model, run.rows(part), purpose)


def start_note(run: Run, model: Model) -> dict[str, Any]:
    """Return what is noted of a start; of one that was begun, what was noted then."""
    begun = (note_of(run.paths.pretraining.folder) or {}).get("start")
    if isinstance(begun, dict):
        return begun
    assert model.folder is not None  # it was opened from one
    return {"model": str(model.folder.resolve()), "weights": model.identity["weights"]}


def _open(run: Run, folder: str) -> Model:
    try:
        return Model.open(folder)
    except ModelError as error:
        raise ModelError(
            f"The pre-training in {run.folder} began from the model in {folder}, which cannot be "
            "opened any more: say where it is with --start, or begin anew with --restart."
        ) from error
