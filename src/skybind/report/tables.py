"""Tables of the report, from the numbers in metrics.json."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from skybind.config.subsets import labels_of_subset, subset_order
from skybind.drawing.cells import NONE, Cell, Table, cells, number, percent, rank, share_cell
from skybind.drawing.style import combination_name
from skybind.evaluation.records import (
    BaselineResult,
    CalibrationResult,
    CaseResult,
    Importance,
    NeighbourResult,
)
from skybind.evaluation.run_records import AboutDataset, AboutSplit, Pretraining
from skybind.evaluation.samples import Sample
from skybind.report.groups import Accuracy, Retrieval, accuracy_groups
from skybind.words import duration

WHOLE_RUN, TUNING = "all", "fine-tuning "  # keys of `timing`


ARROWS = {1: ("▲", "better"), -1: ("▼", "worse"), 0: ("", "")}


def modality_counts(dataset: AboutDataset) -> Table:
    """Objects of each modality."""
    rows = [
        cells(name.capitalize(), number(n), _share(n, dataset))
        for name, n in dataset.modalities.items()
    ]
    return Table(["Modality", "Objects", "Share [%]"], rows)


def overlaps(dataset: AboutDataset) -> Table:
    """Objects by the exact combination of modalities they have."""
    rows = [
        cells(combination_name(o.modalities) or "None", number(o.n), _share(o.n, dataset))
        for o in sorted(dataset.overlaps, key=lambda o: -o.n)
    ]
    return Table(["Observed in exactly", "Objects", "Share [%]"], rows)


def _share(n: int, dataset: AboutDataset) -> str:
    return percent(n / dataset.n_objects) if dataset.n_objects else NONE


def quarantine(dataset: AboutDataset) -> Table:
    """Observations set aside."""
    rows = [cells(q.modality or "object", q.reason, number(q.n)) for q in dataset.quarantine or []]
    return Table(["Modality", "Reason", "Set aside"], rows, text_columns=2)


def samples(taken: Sequence[Sample]) -> Table:
    """What was measured on some of the objects."""
    rows = [cells(f"{s.what[:1].upper()}{s.what[1:]}", number(s.n), number(s.of)) for s in taken]
    return Table(["What", "Drawn", "Of"], rows)


def class_counts(dataset: AboutDataset) -> Table:
    """Objects of each class, those that are not classified last."""
    counts = dict(dataset.class_counts)
    for name, n in (dataset.unused_classes or {}).items() if counts else ():
        counts[f"{name} (not classified)" if name else "without a label"] = n
    return Table(["Class", "Objects"], [cells(name, number(n)) for name, n in counts.items()])


def split_counts(split: AboutSplit) -> Table:
    """Objects of each split and subset."""
    rows = [cells(name.capitalize(), number(n)) for name, n in split.counts.items()]
    rows += [
        cells(f"Train, {labels_of_subset(name)}", number(n)) for name, n in split.subsets.items()
    ]
    return Table(["Split", "Objects"], rows)


def pair_counts(pretraining: Pretraining) -> Table:
    """Objects that have both modalities of each pair."""
    rows = [
        cells(pair, number(counts.n_train), number(counts.n_validation))
        for pair, counts in pretraining.pairs.items()
    ]
    return Table(["Pair", "Train objects with both", "Validation objects with both"], rows)


def accuracy_table(groups: Sequence[Accuracy], balanced: bool = False) -> Table:
    """Accuracy by combination and start (rows) and share of labels (columns).

    Bold is better than all other starts and plain methods of the same modalities and labels, by
    more than twice the combined standard error, of ten test objects or more.
    """
    subsets = list(dict.fromkeys(group.subset for group in groups))
    found = {(g.modalities, g.start, g.subset): g for g in groups}
    rows = []
    for modalities, start in dict.fromkeys((g.modalities, g.start) for g in groups):
        row = cells(combination_name(modalities), start)
        for subset in subsets:
            group = found.get((modalities, start, subset))
            if group is None:
                row.append(Cell(NONE))
            elif balanced:
                row.append(share_cell(group.balanced_accuracy, group.balanced_error))
            else:
                rivals = [g for g in groups if (g.modalities, g.subset) == (modalities, subset)]
                row.append(share_cell(group.accuracy, group.error, _notable(group, rivals)))
        rows.append(row)
    header = ["Modalities", "Start", *map(labels_of_subset, subsets)]
    return Table(header, rows, text_columns=2)


def _notable(group: Accuracy, rivals: Sequence[Accuracy]) -> str:
    """Say `strong` where a start beats all others by twice the error; NaN marks nothing.

    Nor do few test objects.
    """
    if group.few:
        return ""
    others = [other for other in rivals if other is not group]
    ahead = [
        group.accuracy - other.accuracy > 2 * np.hypot(group.error, other.error) for other in others
    ]
    return "strong" if others and all(ahead) else ""


def calibration_table(cases: Sequence[CaseResult]) -> Table:
    """How far the probabilities of each classifier are to be believed, averaged over seeds."""
    found: dict[tuple[tuple[str, ...], str, str], list[CalibrationResult]] = {}
    for case in cases:
        if case.calibration is not None:
            key = (case.modalities, case.start, case.subset)
            found.setdefault(key, []).append(case.calibration)
    order = sorted(found, key=lambda key: (len(key[0]), key[0], key[1], -subset_order(key[2])))
    rows = []
    for modalities, start, subset in order:
        every = found[modalities, start, subset]
        rows.append(
            cells(
                combination_name(modalities),
                start,
                labels_of_subset(subset),
                number(float(np.mean([one.temperature for one in every])), 2),
                percent(float(np.mean([one.error for one in every]))),
                percent(float(np.mean([one.error_before for one in every]))),
            )
        )
    header = ["Modalities", "Start", "Labels", "Temperature"]
    return Table([*header, "Error [%]", "Error without it [%]"], rows, text_columns=3)


def importance_table(importance: Importance) -> Table:
    """Class-wise accuracy of every combination; arrows where chance does not explain the change."""
    header = ["Class", "Objects", *map(combination_name, importance.combinations)]
    rows = []
    for code, name in enumerate(importance.classes):
        if n := int(importance.n_class[code]):
            row = [Cell(name), Cell(number(n))]
            signs = None if importance.notable is None else importance.notable[code]
            rows.append([*row, *_arrows(importance.accuracy[code], signs)])
    average = _arrows(importance.average, importance.average_notable)
    rows.append([Cell("Average of classes"), Cell(number(importance.n_test)), *average])
    return Table(header, rows, last_is_total=True)


def _arrows(values: np.ndarray, signs: np.ndarray | None) -> list[Cell]:
    known = np.zeros(len(values), int) if signs is None else signs
    return [
        Cell(percent(value), ARROWS[sign][1], ARROWS[sign][0])
        for value, sign in zip(values.tolist(), known.tolist(), strict=True)
    ]


def retrieval_table(entries: Sequence[Retrieval]) -> Table:
    """Recall and median rank of every ordered pair, beside chance."""
    ks = sorted({k for entry in entries for k in entry.recall})
    header = ["Query → target", "Objects"]
    for k in ks:
        header += [f"Recall@{k} [%]", "chance [%]"]
    rows = []
    for entry in entries:
        row = cells(f"{entry.query} → {entry.target}", number(entry.n))
        for k in ks:
            row.append(share_cell(entry.recall.get(k), entry.recall_error.get(k)))
            chance = entry.chance_recall.get(k)
            row.append(Cell(NONE if chance is None else number(100 * chance, 2), "quiet"))
        row.append(Cell(rank(entry.median_rank)))
        row.append(Cell(rank(entry.chance_median_rank), "quiet"))
        rows.append(row)
    return Table([*header, "Median rank", "chance"], rows)


def neighbour_table(knn: Sequence[NeighbourResult]) -> Table:
    """Accuracy of the vote of nearest neighbours, averaged over seeds."""
    rows = []
    for k in dict.fromkeys(entry.k for entry in knn):
        for group in accuracy_groups([entry for entry in knn if entry.k == k]):
            rows.append(
                [
                    *cells(combination_name(group.modalities), number(k)),
                    *cells(number(group.n_train), number(group.n_test)),
                    share_cell(group.accuracy, group.error),
                    share_cell(group.balanced_accuracy, group.balanced_error),
                ]
            )
    head = ["Embedding", "Neighbours", "Train objects", "Test objects"]
    return Table([*head, "Accuracy [%]", "Balanced [%]"], rows)


def baseline_table(baseline: Sequence[BaselineResult]) -> Table:
    """Accuracy of plain methods by what they see (rows) and share of labels (columns)."""
    named = {
        name: accuracy_groups([entry for entry in baseline if entry.name == name])
        for name in dict.fromkeys(entry.name for entry in baseline)
    }
    subsets = list(dict.fromkeys(g.subset for groups in named.values() for g in groups))
    subsets.sort(key=subset_order, reverse=True)
    rows = []
    for name, groups in named.items():
        for modalities in dict.fromkeys(group.modalities for group in groups):
            found = {g.subset: g for g in groups if g.modalities == modalities}
            row = cells(name.capitalize(), combination_name(modalities))
            for subset in subsets:
                group = found.get(subset)
                row.append(share_cell(group.accuracy, group.error) if group else Cell(NONE))
            rows.append(row)
    header = ["Method", "Sees features of", *map(labels_of_subset, subsets)]
    return Table(header, rows, text_columns=2)


def pairs_of(values: Mapping[str, Any], header: Sequence[str]) -> Table:
    """A table of names and texts."""
    rows = [cells(str(name), str(value)) for name, value in values.items()]
    return Table(list(header), rows, text_columns=2)


def timing_table(timing: Mapping[str, float]) -> Table:
    """Wall time of each step, the classifiers together, the whole run last."""
    steps = {step: seconds for step, seconds in timing.items() if step != WHOLE_RUN}
    tuning = [step for step in steps if step.startswith(TUNING)]
    if len(tuning) > 1:
        together = sum(steps.pop(step) for step in tuning)
        steps[f"{TUNING}of {len(tuning)} classifiers"] = together
    rows = [cells(step[:1].upper() + step[1:], duration(value)) for step, value in steps.items()]
    if WHOLE_RUN in timing:
        rows.append(cells("Whole run", duration(timing[WHOLE_RUN])))
    return Table(["Step", "Wall time"], rows, last_is_total=WHOLE_RUN in timing and len(rows) > 1)
