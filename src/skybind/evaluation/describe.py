"""The parts of metrics.json that describe a run: dataset, split, pre-training, versions."""

import datetime
import importlib.metadata
import itertools
import math
import platform
import shlex
import sys
from pathlib import Path

import numpy as np

from skybind.evaluation.records import Metrics
from skybind.evaluation.run_records import (
    AboutDataset,
    AboutSplit,
    Epoch,
    EpochLoss,
    Overlap,
    PairCounts,
    Pretraining,
    SetAside,
)
from skybind.once import note_of, result_of
from skybind.processes import about_machine
from skybind.runs.choosing import own_split
from skybind.runs.fitting import unused_classes
from skybind.runs.run import Run
from skybind.runs.steps import pair_counts
from skybind.training.batches import ordered_batches, training_batches
from skybind.training.losses import find_loss, loss_of_guessing, pair_name
from skybind.version import __version__

VERSIONED = ("torch", "lightning", "numpy", "scikit-learn", "pyarrow", "astropy")


def describe_run(run: Run) -> Metrics:
    """Everything about a run that is no result."""
    return Metrics(
        title=run.config.name,
        created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        command=_command(),
        seed=run.config.seed,
        classes=run.classes,
        dataset=_dataset(run),
        split=_split(run),
        pretraining=_pretraining(run),
        timing=_timing(run),
        versions={
            "skybind": __version__,
            "python": platform.python_version(),
            **{name: importlib.metadata.version(name) for name in VERSIONED},
        },
        machine=about_machine(),
    )


def _command() -> str | None:
    """The command line, if it was skybind's own."""
    if Path(sys.argv[0]).name not in ("skybind", "__main__.py"):
        return None
    return shlex.join(["skybind", *sys.argv[1:]])


def _dataset(run: Run) -> AboutDataset:
    names = list(run.source.modalities)
    present = np.stack([run.source.present(name) for name in names])
    overlaps = [
        Overlap(
            modalities=tuple(n for n, inside in zip(names, chosen, strict=True) if inside),
            n=int((present == np.asarray(chosen)[:, None]).all(axis=0).sum()),
        )
        for chosen in itertools.product((True, False), repeat=len(names))
    ]
    counts = np.bincount(run.labels[run.labels >= 0], minlength=len(run.classes))
    return AboutDataset(
        name=run.dataset.path.name,
        fingerprint=run.dataset.fingerprint,
        provenance=run.dataset.schema.provenance,
        simulated=run.dataset.schema.simulated,
        n_objects=len(run.dataset),
        modalities={n: int(p.sum()) for n, p in zip(names, present, strict=True)},
        overlaps=[entry for entry in overlaps if entry.n],
        class_counts=dict(zip(run.classes, counts.tolist(), strict=True)),
        unused_classes=unused_classes(run.config, run.dataset),
        quarantine=[
            SetAside(modality=modality, reason=reason, n=n)
            for modality, reasons in run.quarantine_counts().items()
            for reason, n in reasons.items()
        ],
    )


def _split(run: Run) -> AboutSplit:
    parts = ("train", "validation", "test")
    recipe = run.split.recipe
    return AboutSplit(
        name=own_split(run.config) or run.config.split.kind,
        hash=run.split.hash,
        method=recipe.get("kind"),
        seed=recipe.get("seed"),
        counts={part: len(run.rows(part)) for part in parts},
        subsets={name: len(run.rows("train", name)) for name in run.split.subsets},
    )


def _pretraining(run: Run) -> Pretraining | None:
    result = note_of(run.paths.pretraining.folder)  # one that ended early counts too
    if result is None or "history" not in result:  # none, or published weights were taken
        return None
    # smaller than asked for where objects are few; validation batches stay as they were
    size = (result.get("pace") or {}).get("batch_size", run.config.training.batch_size)
    history, kept = result["history"], result["best_epoch"]
    return Pretraining(
        history=[_epoch(record) for record in history],
        best_epoch=kept,
        kept_by=run.config.training.keep_by,
        kept_accuracy=next(
            (of.get("validation/accuracy", math.nan) for of in history if of["epoch"] == kept),
            math.nan,
        ),
        stopped_early=result["stopped_early"],
        pairs=_pairs(run, size),
        batch_size=size,
        n_parameters=result.get("n_parameters"),
        machine=result.get("machine"),
    )


def _pairs(run: Run, size: int) -> dict[str, PairCounts]:
    """Objects of each pair, and what guessing would give in batches like those of the training."""
    options, how = run.config.training, find_loss(run.config.model.loss)
    both = {
        pair: run.source.present(pair[0]) & run.source.present(pair[1]) for pair in run.config.pairs
    }
    bound = np.logical_or.reduce(list(both.values()))
    rows = {part: run.rows(part)[bound[run.rows(part)]] for part in ("train", "validation")}
    batches = {
        "train": training_batches(rows["train"], size, options.drop_last, run.config.seed, 0),
        "validation": ordered_batches(
            rows["validation"], options.validation_batch_size or options.batch_size
        ),
    }
    guessing = {
        (part, pair): loss_of_guessing(how, [int(b[r].sum()) for r in own], options.loss_mean)
        for part, own in batches.items()
        for pair, b in both.items()
    }
    counts = {part: pair_counts(run, part) for part in batches}
    return {
        pair_name(pair): PairCounts(
            n_train=counts["train"][pair_name(pair)],
            n_validation=counts["validation"][pair_name(pair)],
            guessing_train=guessing["train", pair],
            guessing_validation=guessing["validation", pair],
        )
        for pair in both
    }


def _epoch(record: dict[str, float]) -> Epoch:
    """Turn one flat record of the log into a nested one."""

    def below(prefix: str) -> dict[str, float]:
        return {k.removeprefix(prefix): v for k, v in record.items() if k.startswith(prefix)}

    parts = {
        part: EpochLoss(
            loss=record.get(f"{part}/loss", math.nan),
            pairs=below(f"{part}/loss/"),
            accuracy=below(f"{part}/accuracy/"),
        )
        for part in ("train", "validation")
    }
    return Epoch(
        epoch=int(record["epoch"]),
        **parts,
        learning_rate=record["learning_rate"],
        seconds=record["seconds"],
        objects_per_second=record["objects_per_second"],
    )


def _timing(run: Run) -> dict[str, float]:
    """Seconds of each step."""
    timing = {}
    pretrained = result_of(run.paths.pretraining.folder) or {}
    if "seconds" in pretrained:
        timing["pretrain"] = pretrained["seconds"]
    for paths in run.paths.cases():
        note = result_of(paths.folder)
        if note is not None:
            timing[f"fine-tuning {note['name']}"] = note["seconds"]
    return timing
