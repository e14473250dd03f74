"""The steps of a run: pre-train, fine-tune, embed; each is done once and can be resumed."""

from collections.abc import Mapping
from dataclasses import asdict
from functools import partial
from itertools import zip_longest
from pathlib import Path
from typing import Any

import numpy as np

from skybind.config.schema import ModalityConfig
from skybind.config.training import LossOptions, TrainingOptions
from skybind.data.schema import DatasetSchema
from skybind.encoders.registry import decisive_options
from skybind.errors import DataError, ModelError
from skybind.modalities.base import Modality
from skybind.models.build import build_binder, build_classifier
from skybind.models.frozen_features import matching_source
from skybind.models.leaks import began_with
from skybind.models.model import Model
from skybind.models.saved_schema import training_ranges
from skybind.models.saving import save_model
from skybind.models.starting import take_weights, taken_as_dict
from skybind.once import forget_alone, once
from skybind.processes import about_machine
from skybind.progress import VERBOSE, say
from skybind.runs.cases import Case, config_of, options_of
from skybind.runs.layout import TrainedPaths, model_folder
from skybind.runs.measured import refuse_other_model, seen_by, tell_twins
from skybind.runs.run import Run, is_pretrained
from skybind.runs.starting import find_start, refuse_seen_in_run, start_note
from skybind.training.finetune import Labels, finetune, inverse_weights
from skybind.training.pretrain import pretrain


def pair_counts(run: Run, part: str) -> dict[str, int]:
    """Count the objects of a part that each pair is bound with."""
    rows = run.rows(part)
    return {
        "-".join(pair): int((run.source.present(pair[0]) & run.source.present(pair[1]))[rows].sum())
        for pair in run.config.pairs
    }


def run_pretraining(
    run: Run, *, resume: bool = True, start: Model | str | Path | None = None
) -> Model:
    """Pre-train the run's binder, unless that is done; gives the best model by validation loss.

    Parameters
    ----------
    run : Run
    resume : bool
        Go on from the last epoch if pre-training was interrupted; otherwise start anew.
    start : Model, str or Path, optional
        Begin from the weights of another model (or of the run in this folder), as far as they
        fit; the preprocessing is fitted on this run's training objects all the same.

    Raises
    ------
    ConfigError
        If the run's pre-training was begun otherwise.
    ModelError
        If no weight of `start` fits.
    LeakError
        If `start` was trained on objects that this run validates or tests on.
    """
    run.prepare()
    if not resume:
        _forget_pretraining(run)
    paths = run.paths.pretraining
    begin = find_start(run, start)
    if is_pretrained(paths):
        say(f"pre-trained before: {paths.model}", VERBOSE)
    else:
        key = {} if begin is None else {"start": start_note(run, begin)}
        once(paths.folder, key, partial(_pretrain, run, resume, begin))
    return Model.open(paths.model)


def _pretrain(run: Run, resume: bool, start: Model | None) -> dict[str, Any]:
    """Train and save the binder; gives the result."""
    paths, source = run.paths.pretraining, run.source
    binder = build_binder(run.config, run.shapes)
    taken = {}
    if start is not None:
        taken = take_weights(binder, run.modalities, start)
        said = "; ".join(entry.sentence(name) for name, entry in taken.items())
        say(f"pre-training begins from the weights in {start.folder}: {said}")
    bound = np.logical_or.reduce(
        [source.present(a) & source.present(b) for a, b in run.config.pairs]
    )
    rows = {part: run.rows(part)[bound[run.rows(part)]] for part in ("train", "validation")}
    if not len(rows["validation"]):
        raise DataError("The split has no validation objects: pre-training needs some to stop by.")
    seen = seen_by(run, rows)
    before = [encoder.seen for encoder in binder.backboned.values()]
    tell_twins(run, seen.joined(before if start is None else [*before, start.seen]))
    _describe(f"pre-training {' + '.join(run.config.modalities)}", pair_counts(run, "train"))
    result = pretrain(
        binder,
        source,
        rows,
        run.config.training,
        paths.folder,
        seed=run.config.seed,
        loss=run.config.model.loss,
        resume=resume,
        start=None if start is None else start.identity["weights"],
    )
    save_model(
        paths.model,
        binder.cpu(),
        config=run.config,
        modalities=run.modalities,
        schema=run.dataset.schema,
        trained_on=seen,
        trained_before=None if start is None else start.seen,
        identity={
            **run.identity,
            **began_with(None if start is None else start.identity),
            "epoch": result.best_epoch,
        },
        ranges=training_ranges(run.dataset, run.rows("train")),
    )
    result_note = {
        **asdict(result),
        "n_parameters": sum(p.numel() for p in binder.parameters()),
        "machine": about_machine(),
        "wrote": paths.wrote(),
    }
    return result_note if start is None else {**result_note, "taken": taken_as_dict(taken)}


def run_finetuning(
    run: Run,
    case: Case,
    *,
    pretrained: Model | None = None,
    resume: bool = True,
    out: Path | None = None,
    options: tuple[TrainingOptions, LossOptions] | None = None,
    key: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Fine-tune one case, unless that is done; gives its result with the folder of its model.

    Parameters
    ----------
    run : Run
    case : Case
    pretrained : Model, optional
        Start from this model; the run's own by default.
    resume : bool
        Go on where it stopped.
    out : Path, optional
        Folder of the case; in the run's `finetune` by default.
    options : tuple of TrainingOptions and LossOptions, optional
        Instead of the configuration's.
    key : mapping, optional
        What else decides the classifier, as JSON can hold it: with another one it is trained anew.

    Raises
    ------
    LeakError
        If the pre-trained model has seen objects that this run validates or tests on.
    """
    if not run.classes:
        raise DataError("The dataset has no labels in use: there is nothing to fine-tune on.")
    run.prepare()
    paths = run.paths.case(case.name) if out is None else TrainedPaths(out)
    start = None
    if case.start == "pretrained":
        start = pretrained if pretrained is not None else run_model(run)
        refuse_seen_in_run(run, start)
        _refuse_misfit(run, case, start)
    origin = start.identity["weights"] if start is not None else None
    if not resume:
        forget_alone(paths.folder)
    made = once(
        paths.folder,
        {"pretrained_weights": origin, **(key or {})},
        partial(_finetune, run, case, start, paths, options, resume),
    )
    paths.checkpoint.unlink(missing_ok=True)  # of no use any more
    paths.best.unlink(missing_ok=True)
    return made


def _finetune(
    run: Run,
    case: Case,
    start: Model | None,
    paths: TrainedPaths,
    options: tuple[TrainingOptions, LossOptions] | None,
    resume: bool,
) -> dict[str, Any]:
    """Train and save the classifier of a case; gives the result."""
    rows = {part: _labelled(run, case, part) for part in ("train", "validation")}
    binder = None if start is None else start.binder
    config = config_of(run, case)
    classifier = build_classifier(config, run.shapes, case.modalities, len(run.classes), binder)
    training, loss = options_of(run, case) if options is None else options
    weights = None
    if loss.class_weights:
        weights = inverse_weights(run.labels[rows["train"]], len(run.classes), loss.class_weights)
    # pre-trained encoders expect inputs as they were normalised for the pre-training
    source = run.source if start is None else run.source_for(start)
    source = matching_source(classifier.binder, source.modalities, source).select(case.modalities)
    _describe(f"fine-tuning {case.name}", {p: len(r) for p, r in rows.items()})
    result = finetune(
        classifier,
        source,
        Labels(run.labels, weights, loss.label_smoothing),
        rows,
        training,
        paths.folder,
        seed=run.config.seed,
        freeze=["binder"] if case.frozen else [],
        resume=resume,
    )
    save_model(
        paths.model,
        classifier.cpu(),
        config=config,
        modalities=source.modalities,
        schema=run.dataset.schema,
        trained_on=seen_by(run, rows),
        trained_before=None if start is None else start.seen,
        classes=run.classes,
        identity={
            **run.identity,
            **began_with(None if start is None else start.identity),
            "case": case.name,
        },
        ranges=training_ranges(run.dataset, run.rows("train")),
    )
    return {
        **asdict(case),
        "name": case.name,
        "seconds": result.seconds,
        "best_epoch": result.best_epoch,
        "epochs": len(result.history),
        "pace": result.pace,
        "best_loss": result.best_loss,
        **{f"n_{part}": len(own) for part, own in rows.items()},
        "machine": about_machine(),
        "wrote": paths.wrote(kept=False),
    }


def _labelled(run: Run, case: Case, part: str) -> np.ndarray:
    """Objects of a part of the split that a case can use: with a label, and observed."""
    seen = np.logical_or.reduce([run.source.present(name) for name in case.modalities])
    rows = run.rows(part, case.subset)
    return rows[seen[rows] & (run.labels[rows] >= 0)]


def find_pretrained(path: str | Path, schema: DatasetSchema | None = None) -> Model:
    """Open a pre-trained model: its own folder, or the folder of the run that made it.

    With the schema of a dataset, it is checked that the model fits it.
    """
    return Model.open(model_folder(path), schema)


def run_model(run: Run) -> Model:
    """Open the pre-trained model of a run.

    Raises
    ------
    ModelError
        If it has none yet.
    LeakError
        If it was made for another split or dataset.
    """
    if not run.paths.model.exists():
        raise ModelError(
            f"The run in {run.folder} has no pre-trained model yet: run 'skybind pretrain' first."
        )
    model = Model.open(run.paths.model)
    refuse_other_model(run, model.identity, model.folder)
    return model


def _refuse_misfit(run: Run, case: Case, start: Model) -> None:
    """Refuse a pre-trained model that lacks a modality or encodes it in another way."""
    for name in case.modalities:
        if name not in start.config.modalities:
            raise ModelError(
                f"The pre-trained model has no modality '{name}' "
                f"(it has {', '.join(start.config.modalities)})."
            )
        made, here = start.modalities[name], run.modalities[name]
        if made.columns != here.columns or made.shape != here.shape:
            raise ModelError(
                f"The pre-trained model's '{name}' reads {_differ(made.columns, here.columns)}: "
                "list the same features in the same order in its preprocessing."
            )
        mine, theirs = run.config.modalities[name], start.config.modalities[name]
        if _inside(mine, here) != _inside(theirs, made):
            raise ModelError(
                f"The pre-trained model's '{name}' has another encoder or preprocessing than this "
                "run's configuration: use the configuration that it was pre-trained with."
            )
    if len(case.modalities) > 1 and start.config.model.dimension != run.config.model.dimension:
        raise ModelError(
            f"The pre-trained embeddings have {start.config.model.dimension} dimensions, this "
            f"run's configuration has {run.config.model.dimension}."
        )


def _differ(made: list[str], here: list[str]) -> str:
    """Say where two lists of columns first differ."""
    for number, (one, two) in enumerate(zip_longest(made, here), start=1):
        if one != two:
            return f"'{one}' as column {number} where this run has '{two}'"
    return "the same columns in another shape"


def _inside(entry: ModalityConfig, modality: Modality) -> tuple[object, ...]:
    """What makes an encoder's weights fit; where a backbone's came from does not matter.

    Which features are read is compared by the columns, whether they are listed or not.
    """
    sections = [entry.encoder, *([entry.backbone.encoder] if entry.backbone else [])]
    encoders = [
        {"name": s["name"]}
        | decisive_options(s["name"], {key: v for key, v in s.items() if key != "name"})
        for s in sections
    ]
    preprocessing = modality.options.model_dump(exclude={"features", "exclude"})
    return encoders, preprocessing, entry.projection


def _forget_pretraining(run: Run) -> None:
    """Remove a pre-training and what was made from it."""
    paths = run.paths
    forget_alone(paths.pretraining.folder)
    for case in paths.cases():
        if "-pretrained" in case.folder.name:
            forget_alone(case.folder)


def _describe(title: str, counts: dict[str, int]) -> None:
    text = ", ".join(f"{name} {number}" for name, number in counts.items())
    say(f"{title} (objects: {text})")
