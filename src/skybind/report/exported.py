"""A model as a folder that is given to others: weights, card, and all that opening it needs."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import save_file

from skybind.data.dataset import Dataset
from skybind.data.splits import PARTS, Split
from skybind.errors import ConfigError, DataError, ModelError
from skybind.evaluation.records import CaseResult, Metrics, read_metrics
from skybind.files import atomic_path, write_json
from skybind.models.exchange.to_astrom3 import to_astrom3
from skybind.models.exchange.to_onnx import describe, require_onnx, write_onnx
from skybind.models.model import Model
from skybind.models.stored import HUB_WEIGHTS, MODEL_FILES, refuse_to_replace, weights_file
from skybind.report.card import CardText, DataFacts, model_card, result_lines
from skybind.runs.cases import Case, stored_cases
from skybind.runs.classify import calibrate_first, find_classifier, stored_case
from skybind.runs.layout import RunPaths, model_folder
from skybind.runs.status import read_status
from skybind.words import join, nearest

CARD = "README.md"
PREPROCESSING = "preprocessing.json"


@dataclass(frozen=True)
class ExportedWeights:
    """What `export_weights` made.

    Attributes
    ----------
    folder : Path
    files : list of str
        Names of what is in it.
    differences : dict of str to float
        Of ONNX: modality -> largest difference from PyTorch's embedding of unit length.
    """

    folder: Path
    files: list[str]
    differences: dict[str, float]


def export_weights(
    path: str | Path,
    out: str | Path,
    form: str = "skybind",
    *,
    case: str | None = None,
    text: CardText | None = None,
) -> ExportedWeights:
    """Write a model as a folder of the hub, with a card; whole or not at all.

    Parameters
    ----------
    path : str or Path
        Folder of a run (its pre-trained model, or the classifier `case`), or of a saved model.
    out : str or Path
        A new folder.
    form : {"skybind", "astrom3", "onnx"}
        `skybind.load` opens the first. `astrom3` is the layout of AstroM3's release, for the models
        that fit it. `onnx` is one file an encoder with its projection, checked against PyTorch,
        and `preprocessing.json`.
    case : str, optional
        Of a run: a classifier, such as `photometry-10-pretrained`.
    text : CardText, optional
        Licences, citation and name for the card.

    Raises
    ------
    ConfigError
        If there is no such form or case, or `out` exists.
    ModelError
        If there is no model, or it has no such form.
    """
    if form not in _FORMS:
        raise ConfigError(f"There is no format '{form}': {nearest(form, list(_FORMS))}")
    path, out = Path(path), Path(out)
    refuse_to_replace(out)
    if form == "onnx":
        require_onnx()
    model = Model.open(_folder(path, case))
    data, results = _facts(path, None if case is None else stored_case(path, case))
    with atomic_path(out) as temporary:
        temporary.mkdir(parents=True)
        usage, differences = _FORMS[form](model, temporary, out.name)
        card = model_card(model, text or CardText(), data, results, usage)
        (temporary / CARD).write_text(card, encoding="utf-8")
        files = sorted(file.name for file in temporary.iterdir())
    return ExportedWeights(out, files, differences)


def _folder(path: Path, case: str | None) -> Path:
    """Find the model: a classifier of a run is calibrated first, if that was not done."""
    if case is not None:
        folder, name = find_classifier(path, case)
        calibrate_first(path, name)
        return folder
    if RunPaths(path).note.exists() and not RunPaths(path).model.exists():
        names = [stored.name for stored in stored_cases(path)]
        raise ConfigError(
            f"The run in {path} has no pre-trained model"
            + (
                f": name one of its classifiers with --case ({join(names[:3], 'or')})."
                if names
                else " and no classifier: there is nothing to export."
            )
        )
    return model_folder(path)


def _facts(path: Path, case: Case | None) -> tuple[DataFacts, list[str]]:
    """Find what the folder of a run tells of its data and its results; nothing of a lone model."""
    paths = RunPaths(path)
    if not paths.note.exists():
        return DataFacts(), []
    metrics = read_metrics(paths.metrics) if paths.metrics.exists() else None
    split = Split.read(paths.split)
    parts = {part: int((split.part == part).sum()) for part in PARTS}
    try:
        dataset = Dataset.open(read_status(path).data, computed=())
        schema = dataset.schema
        data = DataFacts(schema.provenance, schema.simulated, len(dataset), parts)
    except DataError:  # it was moved; the run knows what it measured
        about = metrics.dataset if metrics is not None else None
        data = DataFacts(n_objects=len(split.part), parts=parts)
        if about is not None:
            data = DataFacts(about.provenance, about.simulated, about.n_objects, parts)
    if metrics is None:
        return data, []
    found = None if case is None else _result(metrics, case)
    return data, [] if case is not None and found is None else result_lines(metrics, found)


def _result(metrics: Metrics, case: Case) -> CaseResult | None:
    for result in metrics.classification:
        begun = "pretrained" if result.pretrained else "scratch"
        if Case(tuple(result.modalities), result.subset, begun, result.frozen) == case:
            return result
    return None


_Written = tuple[list[str], dict[str, float]]


def _as_skybind(model: Model, folder: Path, name: str) -> _Written:
    shutil.copyfile(weights_file(model.folder), folder / HUB_WEIGHTS)
    for file in MODEL_FILES:
        if (model.folder / file).exists():
            shutil.copyfile(model.folder / file, folder / file)
    use = "classify" if model.classifier is not None else "embed"
    return ["import skybind as sb", f'model = sb.load("{name}")', f'model.{use}("data/")'], {}


def _as_astrom3(model: Model, folder: Path, name: str) -> _Written:
    made = to_astrom3(model)
    save_file(made.state, folder / HUB_WEIGHTS)
    text = json.dumps(made.arguments, indent=2, sort_keys=True, allow_nan=False)
    (folder / "config.json").write_text(text + "\n", encoding="utf-8")
    known = "--standardised"
    if made.statistics:
        entries = {n: {"mean": mean, "std": std} for n, (mean, std) in made.statistics.items()}
        write_json(folder / "statistics.json", entries)
        known = f"--statistics {name}/statistics.json"
    names = ",".join(model.classes)
    classes = f" --classes {names}" if names else ""
    return [
        "# names and config.json are those of github.com/MeriDK/AstroM3: its from_pretrained reads",
        "# them; for skybind:",
        f"#   skybind weights import {name} {known}{classes} --out model",
    ], {}


def _as_onnx(model: Model, folder: Path, name: str) -> _Written:
    differences, described = {}, {}
    classifier = model.classifier
    unused = list(model.binder.projections.parameters())
    if classifier is not None and not classifier.embeds and unused:
        raise ModelError(
            f"The model in {model.folder} classifies from its encoders' features and leaves their "
            "projections as they were, so that it has no embeddings: export it as --format "
            "skybind, or the pre-trained model."
        )
    for modality in model.modalities:
        file = f"{modality}.onnx"
        differences[modality] = write_onnx(model, modality, folder / file)
        described[modality] = {
            "file": file,
            **describe(model.modalities[modality], model.binder.dimension),
            "largest_difference_from_pytorch": differences[modality],
        }
    write_json(folder / PREPROCESSING, described)
    first = next(iter(model.modalities))
    return [
        "import onnxruntime",
        f'session = onnxruntime.InferenceSession("{name}/{first}.onnx")',
        f"# inputs as {PREPROCESSING} says",
        *(["# the layer that classifies is not in these files"] if classifier else []),
        '(embedding,) = session.run(None, {"values": values})',
    ], differences


_FORMS: dict[str, Callable[[Model, Path, str], _Written]] = {
    "skybind": _as_skybind,
    "astrom3": _as_astrom3,
    "onnx": _as_onnx,
}
