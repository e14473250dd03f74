"""The report's page on pre-training: losses beside what guessing would give."""

import math
from functools import partial

from skybind.drawing.blocks import Block, Section, figure_block
from skybind.drawing.cells import percent
from skybind.evaluation.run_records import Pretraining
from skybind.report import tables
from skybind.report.data import ReportData
from skybind.report.figures.curves import loss_curves
from skybind.words import join


def pretraining_section(run: ReportData) -> Section:
    """Loss curves and pairs."""
    pretraining = run.metrics.pretraining
    if pretraining is None or not pretraining.history:
        return Section(
            "pretraining", "Pre-training", absent="There was no pre-training in this run."
        )
    best = pretraining.best_epoch
    text = "Contrastive pre-training: views of one object are drawn together, without labels."
    if pretraining.n_parameters:
        text += f" The model has {pretraining.n_parameters:,} parameters."
    caption = "Loss on the training and the validation objects."
    caption += _kept_words(pretraining)
    caption += _guessing_words(pretraining)
    blocks = [
        figure_block(
            partial(loss_curves, pretraining.history, best, pretraining.pairs),
            caption,
            run,
            "Training and validation loss by epoch",
        )
    ]
    pairs = tables.pair_counts(pretraining)
    if pairs.rows:
        blocks.append(Block("A pair learns from the objects that have both.", table=pairs))
    return Section("pretraining", "Pre-training", text, blocks)


def _kept_words(pretraining: Pretraining) -> str:
    """Which epoch's weights were kept, and why: it need not be that of the lowest loss."""
    best = pretraining.best_epoch
    if best is None:
        return ""
    kept = f" The weights of epoch {best} were kept"
    losses = {entry.epoch: entry.validation.loss for entry in pretraining.history}
    if pretraining.kept_by == "accuracy":
        share = pretraining.kept_accuracy
        return (
            f"{kept}, whose validation accuracy is the highest"
            + (f" ({percent(share)} %)" if math.isfinite(share) else "")
            + ": the share of objects that are their own likeliest partner in the batch, by all "
            "pairs together. The loss did not choose it (training.keep_by)."
        )
    if pretraining.kept_by == "last":
        return f"{kept}, the last, whatever its loss (training.keep_by)."
    if pretraining.kept_by == "loss" and best in losses:
        return f"{kept}, whose validation loss is the lowest ({losses[best]:.2f} nat)."
    return f"{kept}."


def _guessing_words(pretraining: Pretraining) -> str:
    """What the loss would be without any knowledge, in the batches of either part."""
    told: dict[tuple[str, str], list[str]] = {}
    for pair, counts in pretraining.pairs.items():
        key = (f"{counts.guessing_train:.2f}", f"{counts.guessing_validation:.2f}")
        if key != ("nan", "nan"):
            told.setdefault(key, []).append(pair)
    words = "; ".join(
        (f"{join(pairs)}: " if len(told) > 1 else "")
        + _guess(train, validation)
        + (" a pair" if len(pairs) > 1 else "")
        for (train, validation), pairs in told.items()
    )
    unmeasured = [
        pair
        for pair in pretraining.pairs
        if not any(pair in entry.validation.pairs for entry in pretraining.history)
    ]
    end = ""
    if unmeasured:
        end = (
            f" Of {join(unmeasured)} too few validation objects have both: their loss is not in "
            "the validation's sum."
        )
    if not words:
        return end
    unequal = any(train != validation for train, validation in told)
    sizes = " Batches of other sizes: the heights of the two curves do not compare." * unequal
    return f" Guessing (dotted) gives {words}.{sizes}{end}"


def _guess(train: str, validation: str) -> str:
    """Write the loss of guessing in the training and the validation batches."""
    if train == validation:
        return f"{train} nat"
    parts = {"training": train, "validation": validation}
    return " and ".join(f"{v} nat in {part} batches" for part, v in parts.items() if v != "nan")
