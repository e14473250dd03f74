"""Tables of the page of discoveries."""

from collections.abc import Mapping, Sequence

import numpy as np

from skybind.discovery.measures.contributions import Carried
from skybind.discovery.measures.structure import Landing
from skybind.discovery.page_data import DiscoverData, Neighbour
from skybind.discovery.records import ClassParts, Comparison, DetectionResult
from skybind.drawing.cells import NONE, Cell, Table, cells, number, percent, share_cell
from skybind.drawing.style import combination_name
from skybind.report.tables import ARROWS


def outlier_table(data: DiscoverData) -> Table:
    """The most suspect objects with their reasons."""
    rows = [
        cells(
            page.example.object_id,
            page.example.true_class or NONE,
            page.suggested or NONE,
            page.reasons or NONE,
            str(page.rank),
            f"{page.suspicion:z.2f}",
        )
        for page in data.objects
    ]
    header = ["Object", "Label", "Suggested", "Reasons", "Rank", "Suspicion"]
    return Table(header, rows, text_columns=4)


def flag_table(flagged: Mapping[str, int], n: int) -> Table:
    """How many objects each test flags."""
    rows = [cells(name, number(count), percent(count / n)) for name, count in flagged.items()]
    return Table(["Test", "Objects", "Share [%]"], rows)


def detection_table(records: Sequence[DetectionResult]) -> Table:
    """Of each planted kind: the score made for it, our best one, and the rivals' best."""
    rows = []
    for kind in dict.fromkeys(record.kind for record in records):
        for entry in [record for record in records if record.kind == kind]:
            name = entry.method + (", made for it" if entry.designated else "")
            row = cells(kind, name, entry.score, number(entry.n_planted))
            score = Cell(percent(entry.average_precision), "strong" if entry.best else "")
            row += [score, Cell(percent(entry.precision)), Cell(percent(entry.share), "quiet")]
            rows.append(row)
    header = ["Planted", "Method", "Score", "Objects", "Average precision [%]", "Precision [%]"]
    return Table([*header, "Chance [%]"], rows, text_columns=3)


def structure_table(records: Sequence[ClassParts]) -> Table:
    """Every class: number of parts, test, agreement with the truth where there is one."""
    rows = []
    with_truth = any(record.adjusted_rand_index for record in records)
    for record in records:
        best = max(record.adjusted_rand_index.items(), key=lambda x: x[1], default=None)
        truth = NONE if best is None else f"{best[1]:z.2f} ({best[0]})"
        silhouette = record.silhouette[record.k]
        whole = silhouette <= -1  # every division leaves a part that is too small
        sizes = NONE if whole else " + ".join(number(size) for size in record.sizes)
        row = cells(record.name, record.modality, sizes, number(record.n_doubted))
        row += cells(NONE if whole else f"{silhouette:z.2f}")
        row.append(Cell(p_text(record)))
        row.append(Cell(record.observed or ""))
        rows.append([*row, Cell(truth)] if with_truth else row)
    header = [
        "Class",
        "Embedding",
        "Parts",
        "Left out as doubted",
        "Silhouette",
        "p",
        "Observations that differ",
    ]
    header += ["Adjusted Rand index (truth)"] if with_truth else []
    return Table(header, rows, text_columns=2)


def p_text(record: ClassParts) -> str:
    """Write the p-value of a division, and where permutations cannot reach a smaller one."""
    least = None if record.permutations is None else 1 / (1 + record.permutations)
    at_end = least is not None and record.p_value <= least * (1 + 1e-9)
    return f"{'≤ ' if at_end else ''}{record.p_value:.3g}"


def part_table(record: ClassParts) -> Table:
    """What sets the parts of a class apart."""
    rows = []
    for part, columns in enumerate(record.columns):
        for column in columns:
            if part and record.k == 2 and not column.value:
                continue  # of a number the one part has the effect of the other, reversed
            name = column.column + (f" = {column.value}" if column.value else "")
            write = percent if column.value else number
            rows.append(
                [
                    *cells(f"{part}", name, f"{column.effect:+z.2f}", write(column.inside)),
                    *cells(write(column.outside), f"{column.p_value:.1e}"),
                ]
            )
    header = ["Part", "Column", "Effect", "Inside", "Outside", "p"]
    return Table(header, rows, text_columns=2)


def landing_table(records: Sequence[Landing]) -> Table:
    """New class -> where it lands."""
    rows = []
    for record in records:
        row = cells(record.name, number(record.n))
        for name, share in list(zip(record.classes, record.share.tolist(), strict=True))[:3]:
            row.append(Cell(f"{name} {100 * share:.0f} %"))
        row += [Cell(NONE)] * (5 - len(row))
        rows.append([*row, Cell(percent(record.lonely))])
    return Table(["Class", "Objects", "First", "Second", "Third", "Lonely [%]"], rows)


def comparison_table(entry: Comparison) -> Table:
    """A measure for every combination, with errors and arrows against the best single."""
    names, n = [*entry.groups, "Average"], entry.n.tolist()
    # combinations differ between what is retrieved: there is no average
    several = sum(count > 0 for count in n) > 1 and entry.measure != "retrieval"
    rows = []
    for line, name in enumerate(names):
        if (line < len(n) and not n[line]) or (name == "Average" and not several):
            continue
        row = cells(name, number(n[line]) if line < len(n) else "")
        for column in range(len(entry.combinations)):
            row.append(_compared(entry, line, column))
        rows.append(row)
    header = ["", "Objects", *(combination_name(names) for names in entry.combinations)]
    return Table(header, rows, last_is_total=several)


def _compared(entry: Comparison, line: int, column: int) -> Cell:
    value, error = entry.value[line, column], entry.error[line, column]
    if np.isnan(value):
        return Cell(NONE)
    change = np.nan_to_num(entry.change[line, column])
    mark, kind = ARROWS[int(np.sign(change))]
    if kind and entry.significant[line, column]:
        kind += " strong"
    if entry.measure == "regression":  # R^2 is no share: it has no lower end
        return Cell(percent(value, error), kind, mark)
    return share_cell(value, error, kind, mark)


def carried_table(records: Sequence[Carried]) -> Table:
    """Mean share of each modality and how often it carried the decision."""
    if not records:
        return Table([])
    names = list(records[0].share)
    rows = []
    for record in records:
        row = cells(record.name, number(record.n))
        row += cells(*(f"{record.share[name]:+z.2f}" for name in names))
        row += cells(*(percent(record.carried[name]) for name in names))
        rows.append(row)
    header = ["Predicted", "Objects", *(f"{name} [nat]" for name in names)]
    return Table([*header, *(f"carried by {name} [%]" for name in names)], rows)


def label_table(suggested: Mapping[str, int]) -> Table:
    """How many objects each class is suggested for."""
    order = sorted(suggested.items(), key=lambda pair: -pair[1])
    return Table(["Class", "Objects"], [cells(name, number(count)) for name, count in order])


def neighbour_table(neighbours: Sequence[Neighbour]) -> Table:
    """The nearest neighbours of an object."""
    names = list(neighbours[0].numbers) if neighbours else []
    rows = [
        cells(
            n.object_id,
            n.label or NONE,
            n.split or NONE,
            f"{n.cosine:.3f}",
            *(n.numbers[name] or NONE for name in names),
        )
        for n in neighbours
    ]
    return Table(["Object", "Label", "Split", "Cosine", *names], rows, text_columns=3)
