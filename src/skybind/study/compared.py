"""Tables of results over seeds, with what differs by more than chance marked."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from skybind.config.subsets import labels_of_subset, subset_order
from skybind.drawing.cells import NONE, Cell, Table, cells, number, share_cell
from skybind.drawing.style import combination_name
from skybind.evaluation.records import CaseResult, Metrics
from skybind.measures.significance import Difference, paired_difference, spread

SCRATCH = "From scratch"

#: Modalities, subset of the labels, start.
Key = tuple[tuple[str, ...], str, str]
#: Accuracy by seed.
BySeed = dict[int | None, float]


def by_seed(entries: Sequence[CaseResult]) -> dict[Key, BySeed]:
    """Give the accuracy of each classifier by seed; few modalities first, all labels first."""
    found: dict[Key, BySeed] = {}
    for entry in sorted(entries, key=lambda e: (len(e.modalities), -subset_order(e.subset))):
        key = (entry.modalities, entry.subset, entry.start)
        found.setdefault(key, {})[entry.seed] = entry.accuracy
    return found


def paired_by_seed(first: BySeed, second: BySeed) -> Difference | None:
    """Test two results by the seeds that both have; None where there is none."""
    seeds = [seed for seed in first if seed in second]
    if not seeds:
        return None
    return paired_difference([first[s] for s in seeds], [second[s] for s in seeds])


def accuracy_by_start(entries: Sequence[CaseResult]) -> Table:
    """Accuracy by combination and start (rows) and labels (columns), mean and deviation of seeds.

    Bold and marked: better than from scratch by more than chance; worse has a mark alone.
    """
    found = by_seed(entries)
    subsets = sorted({subset for _, subset, _ in found}, key=subset_order, reverse=True)
    rows = []
    for modalities, start in dict.fromkeys((m, start) for m, _, start in found):
        row = cells(combination_name(modalities), start)
        for subset in subsets:
            own = found.get((modalities, subset, start))
            scratch = found.get((modalities, subset, SCRATCH))
            row.append(marked(own, scratch if start != SCRATCH else None))
        rows.append(row)
    return Table(["Modalities", "Start", *map(labels_of_subset, subsets)], rows, text_columns=2)


def marked(own: BySeed | None, other: BySeed | None) -> Cell:
    """Write an accuracy over seeds, marked where it differs from another one."""
    difference = None if not own or other is None else paired_by_seed(own, other)
    if difference is None or not difference.significant:
        return over_seeds(own)
    kind, mark = ("strong", "▲") if difference.difference > 0 else ("worse", "▼")
    return over_seeds(own, kind, mark)


def over_seeds(own: BySeed | None, kind: str = "", mark: str = "") -> Cell:
    """Write the mean of a share over seeds and, of several, their standard deviation [%]."""
    if not own:
        return Cell(NONE)
    values = spread(list(own.values()))
    return share_cell(values.mean, values.deviation, kind, mark, scatter=True)


def gains(entries: Sequence[CaseResult]) -> Table:
    """What each start brings over the one from scratch, seed by seed."""
    found = by_seed(entries)
    rows = []
    for (modalities, subset, start), own in found.items():
        scratch = found.get((modalities, subset, SCRATCH))
        difference = None if start == SCRATCH or not scratch else paired_by_seed(own, scratch)
        if difference is None:
            continue
        row = cells(combination_name(modalities), labels_of_subset(subset), start)
        rows.append([*row, *of_difference(difference)])
    head = ["Modalities", "Labels", "Start", *HEAD_OF_DIFFERENCE]
    return Table(head, rows, text_columns=3)


#: Heads of the cells that `of_difference` gives.
HEAD_OF_DIFFERENCE = ["Seeds", "Difference [%]", "t", "p (t)", "p (signs)"]


def of_difference(difference: Difference) -> list[Cell]:
    """Cells of a difference and its tests; bold where it is significant."""
    kind = "strong" if difference.significant else ""
    found = share_cell(difference.difference, difference.deviation, kind, scatter=True)
    sign = "+" if difference.difference > 0 else ""
    return [
        Cell(number(difference.n)),
        replace(found, text=f"{sign}{found.text}"),
        Cell(number(difference.t, 3), values=(difference.t,)),
        Cell(number(difference.p_t, 2), values=(difference.p_t,)),
        Cell(number(difference.p_signs, 2), values=(difference.p_signs,)),
    ]


def words_of_tests(entries: Sequence[CaseResult]) -> str:
    """Say which test is spoken of, and what it can tell."""
    found = by_seed(entries)
    tests = [
        difference.test
        for (modalities, subset, start), own in found.items()
        if start != SCRATCH
        and (scratch := found.get((modalities, subset, SCRATCH)))
        and (difference := paired_by_seed(own, scratch)) is not None
    ]
    if not tests:
        return ""
    usual = max(tests, key=tests.count)
    return (
        f"Starts are compared seed by seed, p below 0.05 is marked ({usual}). Each comparison is "
        "tested by itself: of twenty without a difference one is marked by chance."
    )


def compared_configurations(metrics: Mapping[str, Metrics]) -> Table:
    """Accuracy of several configurations; marked where it differs from that of the first."""
    found = {name: by_seed(one.classification) for name, one in metrics.items()}
    first = next(iter(found))
    rows = []
    for key in dict.fromkeys(key for one in found.values() for key in one):
        modalities, subset, start = key
        row = cells(combination_name(modalities), labels_of_subset(subset), start)
        for name, one in found.items():
            row.append(marked(one.get(key), None if name == first else found[first].get(key)))
        rows.append(row)
    return Table(["Modalities", "Labels", "Start", *found], rows, text_columns=3)
