"""Tables of the AstroM3 paper, the published values beside ours, over all seeds."""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from skybind.config.subsets import FULL, labels_of_subset
from skybind.discovery.page_tables import flag_table
from skybind.discovery.records import DiscoverRecord
from skybind.drawing.cells import NONE, Cell, Table, cells, number, percent, share_cell, signed
from skybind.drawing.style import combination_name
from skybind.errors import DataError
from skybind.evaluation.classes import importance
from skybind.evaluation.records import CaseResult, Importance
from skybind.measures.importance import changes
from skybind.measures.significance import LEVEL, Difference, difference_from_published
from skybind.report.tables import ARROWS
from skybind.reproduce.published import (
    ACCURACY,
    ALL,
    CLASSES,
    COMBINATIONS,
    DISTRIBUTION,
    IMPORTANCE,
    IMPORTANCE_AVERAGE,
    IMPORTANCE_SUBSET,
    METADATA,
    RUNS,
    SEARCHED,
    SUBSETS,
    Combination,
    Value,
)
from skybind.reproduce.shown import column_of, require
from skybind.runs.cases import Case, finished_cases, widest_case
from skybind.runs.run import Run
from skybind.study.compared import BySeed, over_seeds, paired_by_seed
from skybind.study.exhibits import Exhibit
from skybind.words import join

NAMES = {"metadata": "Metadata", "spectrum": "Spectra", "photometry": "Photometry"}

Measure = Callable[[CaseResult], float | None]


def class_table(run: Run) -> Exhibit:
    """Table 1: what the classes are, and how many objects each has."""
    counts = np.bincount(run.labels[run.labels >= 0], minlength=len(run.classes))
    total, published = counts.sum(), sum(one.objects for one in CLASSES.values())
    rows = []
    for name in sorted(run.classes, key=lambda one: _order(one)):
        n, known = int(counts[run.classes.index(name)]), CLASSES.get(name)
        rows.append(
            cells(
                name,
                known.description if known else NONE,
                number(known.objects) if known else NONE,
                percent(known.objects / published) if known else NONE,
                number(n),
                percent(n / total) if total else NONE,
            )
        )
    rows.append(cells("All", "", number(published), "100.0", number(int(total)), "100.0"))
    header = ["Class", "Description", "Published", "Published [%]", "Here", "Here [%]"]
    return Exhibit(
        "table-1-classes",
        "Table 1",
        "Classes of variable stars",
        "Objects of each class in use.",
        table=Table(header, rows, text_columns=2, last_is_total=True),
    )


def clip_table(cases: Sequence[CaseResult]) -> Exhibit:
    """Table 2: accuracy with all labels, without and with pre-training."""
    return Exhibit(
        "table-2-clip",
        "Table 2",
        "What pre-training brings, with all labels",
        "Accuracy on the test objects [%], mean and standard deviation over the seeds. "
        + _SIGNIFICANCE,
        table=_accuracy_table(cases, ["full"], lambda case: case.accuracy),
    )


def subset_table(cases: Sequence[CaseResult]) -> Exhibit:
    """Table 4: accuracy with few labels, on the test objects of the same subset."""
    return Exhibit(
        "table-4-subsets",
        "Table 4",
        "What pre-training brings, with few labels",
        "Accuracy [%] on the test objects of the same subset, as in the paper, mean and standard "
        "deviation over the seeds. " + _SIGNIFICANCE,
        table=_accuracy_table(
            cases,
            SUBSETS[1:],
            lambda case: None if case.subset_test is None else case.subset_test.accuracy,
        ),
    )


def whole_test_table(cases: Sequence[CaseResult]) -> Exhibit:
    """Table 4 again, on all test objects: what a survey would see."""
    return Exhibit(
        "table-4-all-test-objects",
        "Table 4, on all test objects",
        "The same classifiers on all test objects",
        "The test objects of a subset are balanced as its training objects are; a survey is not. "
        "The published values are those of table 4, on other objects, and are not compared.",
        table=_accuracy_table(cases, SUBSETS[1:], lambda case: case.accuracy, compared=False),
    )


_SIGNIFICANCE = (
    "Gain: pre-trained minus from scratch; p: of a gain as large by chance, by a paired test over "
    "the seeds (Student's t; with six seeds or more that of the signs). Last columns: ours minus "
    "published with pre-training, and p by Welch's t test. Bold: pre-trained is better, p below "
    f"{LEVEL}."
)


def distribution_table(run: Run) -> Exhibit:
    """Table 3: objects of each class in each part and subset."""
    subsets = [name for name in SUBSETS if name == "full" or name in run.split.subsets]
    parts = ("train", "validation", "test")
    header = ["Class"]
    for part in parts:
        header += [
            f"{part.capitalize()}, {name if name == 'full' else name + ' %'}" for name in subsets
        ]
    rows = []
    for name in sorted(run.classes, key=lambda one: _order(one)):
        code, row = run.classes.index(name), [Cell(name)]
        for part in parts:
            published = DISTRIBUTION[part].get(name)
            for subset in subsets:
                n = int((run.labels[run.rows(part, subset)] == code).sum())
                if published is None:
                    row.append(Cell(f"{n:,}", values=(n,)))
                    continue
                printed = published[SUBSETS.index(subset)]
                beside = (("published", printed),)
                row.append(Cell(f"{n:,} ({printed:,})", values=(n,), beside=beside))
        rows.append(row)
    return Exhibit(
        "table-3-distribution",
        "Table 3",
        "Objects of each class in each part and subset",
        f"Of the seed {run.config.seed}; published in brackets.",
        table=Table(header, rows),
    )


def importance_table(runs: Sequence[Run]) -> Exhibit:
    """Table 5: accuracy of each class by the modalities that the classifier is given."""
    case, subset = _classifier_of(runs)
    # of a seed that lacks it nothing: another classifier is not averaged with it
    found = [_importance(run, case, subset) for run in runs if case in finished_cases(run)]
    first = found[0]
    if any(one.classes != first.classes for one in found):
        raise DataError("The runs of the seeds have other classes: they cannot be averaged.")
    accuracy, average = (
        _over_seeds([getattr(one, name) for one in found]) for name in ("accuracy", "average")
    )
    columns = list(first.combinations)
    header = ["Class", "Objects", *map(combination_name, columns)]
    rows = []
    for code, name in enumerate(first.classes):
        row = cells(name, number(int(np.sum([one.n_class[code] for one in found]))))
        printed = dict(zip(map(frozenset, COMBINATIONS), IMPORTANCE.get(name, ()), strict=False))
        rows.append(row + _with_published(accuracy[:, code], columns, printed))
    printed = dict(zip(map(frozenset, COMBINATIONS), IMPORTANCE_AVERAGE, strict=True))
    total = number(int(np.sum([one.n_test for one in found])))
    rows.append(cells("Average", total) + _with_published(average, columns, printed))
    return Exhibit(
        "table-5-modalities",
        "Table 5",
        "Importance of the modalities, by class",
        f"Accuracy [%] of the classifier of {_in_words(case)}, given only some of them, on "
        f"{_tested_on(subset)}, mean of {len(found)} seed{'s' if len(found) > 1 else ''}; "
        "published in brackets (one seed, so that no test can compare them). The CSV file has the "
        "deviations and differences. "
        "▲ better, ▼ worse than the best single modality of the combination, however little, as "
        "in the paper.",
        table=Table(header, rows, last_is_total=True),
    )


def feature_table(run: Run) -> Exhibit:
    """Table 6: the features of the metadata."""
    require(run, METADATA)
    schema, train = run.dataset.schema, run.rows("train")
    rows = []
    for name in schema.features(column_of(run, METADATA)):
        column, values = schema.columns[name], run.dataset.numbers(name)[train]
        known = values[np.isfinite(values)]
        rows.append(
            cells(
                name,
                column.description,
                column.unit or NONE,
                number(float(np.mean(known)) if len(known) else None),
                number(float(np.std(known)) if len(known) else None),
                percent(1 - len(known) / len(values)) if len(values) else NONE,
            )
        )
    if not rows:
        raise DataError("The dataset has no metadata.")
    header = ["Feature", "Description", "Unit", "Mean", "Standard deviation", "Missing [%]"]
    return Exhibit(
        "table-6-features",
        "Table 6",
        "Features of the metadata",
        "As they stand in the catalogue, of the training objects.",
        table=Table(header, rows, text_columns=3),
    )


def outlier_table(record: DiscoverRecord) -> Exhibit:
    """Outliers in all dimensions of the embedding, as section 4.5 describes them."""
    return Exhibit(
        "outliers-in-the-embedding",
        "Section 4.5",
        "Outliers in all dimensions of the embedding",
        "Distances from the centroid of the own class beyond the "
        f"{record.outliers.percentile:.0f}th percentile of the training objects, in one or more "
        "modalities; DBSCAN on each class; and DBSCAN on everything without labels.",
        table=flag_table(record.outliers.flagged, record.outliers.n_scored),
    )


def search_table(run: Run) -> Exhibit:
    """The ranges that hyper-parameters were searched in, and those of the configuration."""
    space, rows = run.config.tune.space, []
    known: set[str] = set()
    for name, (published, ending) in SEARCHED.items():
        own = {key: entry.words for key, entry in space.items() if key.endswith(ending)}
        own = {key: words for key, words in own.items() if not key.startswith("finetuning.")}
        known |= own.keys()
        rows.append(
            cells(name, published, join(list(dict.fromkeys(own.values()))) or "not searched")
        )
    rows += [cells(key, NONE, space[key].words) for key in sorted(space.keys() - known)]
    return Exhibit(
        "appendix-search",
        "Appendix A",
        "Ranges of the search of hyper-parameters",
        "Those of the paper, and those that this configuration gives to a search (its section "
        "tune).",
        table=Table(["Hyper-parameter", "Published", "Here"], rows, text_columns=3),
    )


def _accuracy_table(
    cases: Sequence[CaseResult], subsets: Sequence[str], measure: Measure, compared: bool = True
) -> Table:
    """Published and our accuracies, a row a combination of modalities and subset."""
    header = ["Data", "Labels"]
    header += ["Published, no CLIP", "Published, CLIP", "Published gain"] if compared else []
    header += ["Ours, no CLIP", "Ours, CLIP", "Our gain", "p of the gain"]
    header += ["CLIP, ours − published", "p of the difference"] if compared else []
    rows = []
    for modalities in ((name,) for name in ("spectrum", "photometry", "metadata")), (ALL,):
        for names in modalities:
            for subset in subsets:
                row = _accuracy_row(cases, names, subset, measure, compared)
                if row is not None:
                    rows.append(row)
    if not rows:
        raise DataError("No classifier was trained with these labels.")
    return Table(header, rows, text_columns=2)


def _accuracy_row(
    cases: Sequence[CaseResult],
    names: Combination,
    subset: str,
    measure: Measure,
    compared: bool,
) -> list[Cell] | None:
    scratch, clip = (_by_seed(cases, names, subset, start, measure) for start in (False, True))
    if not scratch and not clip:
        return None
    name = "All" if len(names) > 1 else NAMES[names[0]]
    row = cells(name, labels_of_subset(subset))
    printed = ACCURACY[names, subset]
    if compared:
        gain = printed[1].mean - printed[0].mean
        row += [Cell(str(one), values=(one.mean, one.deviation)) for one in printed]
        row.append(Cell(signed(gain), values=(gain,)))
    gained = paired_by_seed(clip, scratch)
    better = gained is not None and gained.significant and gained.difference > 0
    row += [over_seeds(scratch), over_seeds(clip, "strong" if better else "")]
    row += _tested(gained)
    if compared:
        row += _against(printed[1], list(clip.values()))
    return row


def _against(printed: Value, ours: Sequence[float]) -> list[Cell]:
    """Compare with the published mean of five runs."""
    mean, deviation = printed.mean / 100, printed.deviation / 100
    return _tested(difference_from_published(ours, mean, deviation, RUNS) if ours else None)


def _by_seed(
    cases: Sequence[CaseResult], names: Combination, subset: str, start: bool, measure: Measure
) -> BySeed:
    """Accuracy of each seed; of seeds without the classifier nothing."""
    found: BySeed = {}
    for case in cases:
        same = set(case.modalities) == set(names) and case.subset == subset
        if same and case.pretrained == start and not case.frozen and case.seed is not None:
            value = measure(case)
            if value is not None:
                found[case.seed] = float(value)
    return found


def _classifier_of(runs: Sequence[Run]) -> tuple[Case, str]:
    """Return the classifier of most modalities and labels, and on whose test objects it is seen."""
    widest = widest_case([case for run in runs for case in finished_cases(run)])
    if widest is None:
        raise DataError("No run has a classifier of several modalities.")
    halved = all(IMPORTANCE_SUBSET in run.split.subsets for run in runs)
    return widest, IMPORTANCE_SUBSET if halved else FULL


def _importance(run: Run, case: Case, subset: str) -> Importance:
    found = importance(run, case, subset)
    if found is None:
        raise DataError(f"No test object of the run in {run.folder} has all of its modalities.")
    return found


def _in_words(case: Case) -> str:
    start = "pre-trained" if case.start == "pretrained" else "from scratch"
    frozen = ", frozen" if case.frozen else ""
    return f"{join(case.modalities)} ({start}{frozen}, {labels_of_subset(case.subset)})"


def _tested_on(subset: str) -> str:
    """Say on which objects table 5 is, and on which it was."""
    if subset == FULL:
        return "all test objects (in the paper those of the 50 % subset, which these runs lack)"
    return (
        f"the test objects of the {subset} % subset as in the paper (its shares are of 160 objects)"
    )


def _over_seeds(values: Sequence[np.ndarray]) -> np.ndarray:
    """Mean and standard deviation over the seeds, as the first axis; NaN where there is none."""
    array = np.asarray(values, float)
    known = np.isfinite(array).sum(axis=0)
    with warnings.catch_warnings():  # a class without test objects stays NaN
        warnings.simplefilter("ignore", RuntimeWarning)
        mean, deviation = np.nanmean(array, axis=0), np.nanstd(array, axis=0, ddof=1)
    return np.stack([mean, np.where(known > 1, deviation, np.nan)])


def _with_published(
    values: np.ndarray, columns: Sequence[Combination], printed: dict[frozenset[str], float]
) -> list[Cell]:
    """Cells of a class: our mean (and deviation) of each combination, the published beside it."""
    made = []
    signs = changes(values[0], columns)
    for mean, deviation, names, sign in zip(*values, columns, signs, strict=True):
        mark, kind = ARROWS[int(sign)]
        cell = share_cell(mean, deviation, kind, mark, scatter=True)
        text, known, beside = percent(mean), printed.get(frozenset(names)), cell.beside
        if known is not None:
            text += f" ({known:.1f})"
            beside = (("published", known), ("less published", 100 * mean - known))
        made.append(replace(cell, text=text, beside=beside))
    return made


def _tested(found: Difference | None) -> list[Cell]:
    """A difference in points, and how often chance makes it."""
    if found is None:
        return cells(NONE, NONE)
    points = signed(100 * found.difference)
    p = NONE if np.isnan(found.p) else ("< 0.001" if found.p < 0.001 else f"{found.p:.3f}")
    return [
        Cell(points, values=(100 * found.difference,)),
        Cell(p, values=() if np.isnan(found.p) else (found.p,)),
    ]


def _order(name: str) -> int:
    known = list(CLASSES)
    return known.index(name) if name in known else len(known)
