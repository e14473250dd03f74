"""The report's page on regression: how well targets are predicted, beside plain methods."""

from collections.abc import Mapping, Sequence
from functools import partial

import numpy as np

from skybind.drawing.blocks import Block, Section, figure_block
from skybind.drawing.cells import NONE, Cell, Table, cells, number, percent, share
from skybind.drawing.style import combination_name
from skybind.evaluation.records import VALIDATION, TargetResult
from skybind.measures.regression import RegressionResult
from skybind.measures.shares import share_error
from skybind.report.data import ReportData
from skybind.report.figures.regression import arrow_name, prediction_figure
from skybind.report.groups import statistics_words
from skybind.words import join

#: R2 of the AstroCLIP reports, table 1: (target, fit, predict) -> (original v1, reproduction).
PUBLISHED: dict[tuple[str, str, str], tuple[float, float]] = {
    ("redshift", "image", "image"): (0.71, 0.65),
    ("redshift", "spectrum", "spectrum"): (0.97, 0.87),
    ("redshift", "spectrum", "image"): (0.64, 0.59),
    ("stellar mass", "image", "image"): (0.66, 0.57),
    ("stellar mass", "spectrum", "spectrum"): (0.86, 0.74),
    ("stellar mass", "spectrum", "image"): (0.58, 0.50),
}


def regression_section(run: ReportData) -> Section | None:
    """Predicted numbers; nothing if there was no target."""
    entries = run.metrics.regression
    if not entries:
        return None
    targets = list(dict.fromkeys(entry.target for entry in entries))
    k = next((entry.k for entry in entries if entry.k is not None), None)
    text = (
        f"Zero-shot: the mean of the {k} nearest training objects in the embedding, weighted by "
        "1/distance; neither encoders nor embedding have seen the numbers. An arrow reads: fitted "
        "on the embeddings of the first modality, predicted from those of the second."
    )
    blocks: list[Block] = []
    for target in targets:
        views = [view for view in run.predictions if view.target == target and len(view.true)]
        if views:
            blocks.append(
                figure_block(
                    partial(prediction_figure, views),
                    f"Zero-shot {target} of the test objects against the catalogue's. Grey: "
                    "objects; blue: their number in bins; lines: a density estimate; dashed: "
                    "equality. The extreme hundredths of the catalogue may lie outside. R² (of "
                    "all) with its bootstrap error.",
                    run,
                    f"Predicted against true {target}",
                    "png",
                )
            )
    for target in targets:
        own = [entry for entry in entries if entry.target == target]
        blocks.append(Block(_zero_shot_words(target, own), table=zero_shot_table(own)))
    for target in targets:
        own = [entry for entry in entries if entry.target == target]
        compared = comparison_table(own)
        if compared.rows:
            blocks.append(
                Block(
                    f"R² of {target} by share of the training objects whose {target} is given: a "
                    "perceptron on the embedding, beside methods that do without it. Random forest "
                    "and gradient boosting see the best features of the observations, ridge "
                    "simple statistics; supervised is the same encoder trained on the numbers "
                    f"alone.{statistics_words(own)}",
                    table=compared,
                )
            )
    published = published_table(entries, run.published)
    if published.rows:
        blocks.append(
            Block(
                "Zero-shot R² beside the numbers that the AstroCLIP reports give for 105,159 real "
                "galaxies of DESI. Other data than this run's, so no test of either: published "
                "numbers show what is usual there.",
                table=published,
            )
        )
    return Section("regression", f"Predicting {join(targets)}", text, blocks)


def best_zero_shot(entries: Sequence[TargetResult], target: str) -> TargetResult | None:
    """The zero-shot prediction of a target with the largest R2, within one modality."""
    own = [
        entry
        for entry in entries
        if entry.target == target
        and entry.zero_shot
        and entry.fit == entry.predict
        and len(entry.fit) == 1
        and np.isfinite(entry.r2)
    ]
    return max(own, key=lambda entry: entry.r2, default=None)


def zero_shot_table(entries: Sequence[TargetResult]) -> Table:
    """All numbers of the zero-shot predictions of one target, by both protocols."""
    own = [entry for entry in entries if entry.method == "k-NN"]
    new = {entry.key: entry for entry in own if entry.protocol == VALIDATION}
    limits = list(dict.fromkeys(limit for entry in own for limit in entry.outliers))
    truth = any(entry.truth is not None for entry in own)
    rows = []
    for entry in own:
        if not entry.zero_shot:
            continue
        rows.append(
            [
                *cells(
                    arrow_name(entry.fit, entry.predict),
                    number(entry.n_train),
                    number(entry.n_test),
                    *([r2_text(entry.truth)] if truth else []),
                    r2_text(entry),
                    f"{entry.bias:+z.4f}",
                    f"{entry.scatter:.4f}",
                    *(_outliers(entry, limit) for limit in limits),
                ),
                Cell(r2_text(new.get(entry.key)), "quiet"),
            ]
        )
    redshift = any(entry.redshift for entry in own)
    head = ["Embedding", "Train objects", "Test objects", *(["R², truth"] if truth else [])]
    head += ["R²", "Bias", "σ_NMAD"]
    outliers = [f"Beyond {limit:g}{'' if redshift else ' σ_NMAD'} [%]" for limit in limits]
    return Table([*head, *outliers, "R², by validation objects"], rows)


def _outliers(entry: TargetResult, limit: float) -> str:
    found = entry.outliers.get(limit)
    return percent(None) if found is None else share(found, share_error(found, entry.n_test))


def comparison_table(entries: Sequence[TargetResult]) -> Table:
    """R2 of the perceptron and of plain methods, by what they see and share of the labels."""
    own = [entry for entry in entries if entry.method != "k-NN"]
    shares = sorted({entry.share for entry in own})
    found = {(e.method, e.predict, e.share): e for e in own}
    rows = []
    for modalities in dict.fromkeys(entry.predict for entry in own):
        here = [entry for entry in own if entry.predict == modalities]
        for method, inputs in dict.fromkeys((e.method, e.inputs) for e in here):
            row = cells(combination_name(modalities), method, inputs)
            row += [Cell(r2_text(found.get((method, modalities, share)))) for share in shares]
            rows.append(row)
    header = ["Modalities", "Method", "Sees", *(f"{share:g} % of labels" for share in shares)]
    return Table(header, rows, text_columns=3)


def published_table(entries: Sequence[TargetResult], quantities: Mapping[str, str]) -> Table:
    """Our zero-shot R2 beside those of the AstroCLIP reports, where the quantity is the same.

    Parameters
    ----------
    entries : sequence of TargetResult
    quantities : mapping of str to str
        Which of the published quantities a target is (`evaluation.published`).
    """
    new = {entry.key: entry for entry in entries if entry.protocol == VALIDATION}
    rows = []
    for entry in entries:
        if not entry.zero_shot or len(entry.fit) > 1:
            continue
        quantity = quantities.get(entry.target, "")
        published = PUBLISHED.get((quantity, entry.fit[0], entry.predict[0]))
        if published is None:
            continue
        row = cells(entry.target, arrow_name(entry.fit, entry.predict), r2_text(entry))
        row.append(Cell(r2_text(new.get(entry.key))))
        rows.append([*row, *(Cell(f"{value:.2f}", "quiet") for value in published)])
    header = ["Target", "Embedding", "This run", "This run, by validation objects"]
    return Table([*header, "Published: AstroCLIP v1", "Published: reproduction"], rows, 2)


def r2_text(result: RegressionResult | None) -> str:
    """Write R2 with its error; a dash where it is not known."""
    if result is None or np.isnan(result.r2):
        return NONE
    error = "" if np.isnan(result.r2_error) else f" ± {result.r2_error:.3f}"
    return f"{result.r2:z.3f}{error}"


def _zero_shot_words(target: str, entries: Sequence[TargetResult]) -> str:
    redshift = any(entry.redshift for entry in entries)
    difference = "dz/(1+z)" if redshift else "the difference"
    beyond = "|dz|/(1+z) beyond the limit" if redshift else "differences beyond 3 σ_NMAD"
    return (
        f"Zero-shot {target}, fitted on the training objects and tested on the test objects. Bias: "
        f"median of {difference}; σ_NMAD: 1.4826 times its median absolute deviation; outliers: "
        f"{beyond}. {_truth_words(entries)}Last column: the same test objects, fitted on "
        "the validation objects, which are new to the training as well (the AstroCLIP reports fit "
        "on one half of what they held back and test on the other)."
    )


def _truth_words(entries: Sequence[TargetResult]) -> str:
    if all(entry.truth is None for entry in entries):
        return ""
    return (
        "All against the catalogue, whose planted errors count as if the prediction were wrong, "
        "but for the column 'truth': against the simulation's own numbers. "
    )
