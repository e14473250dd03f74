"""What is strange about an object, in words."""

from typing import TYPE_CHECKING

from skybind.discovery.measures.outliers import COMBINED

if TYPE_CHECKING:
    from skybind.discovery.table import OutlierTable
from skybind.discovery.table import SIGMAS, SURE, SURE_PERIOD
from skybind.words import join

#: A score is given as a reason if fewer than this share of the training objects have such a one.
RARE = 0.01


def reasons(table: "OutlierTable", row: int) -> str:
    """Say what is strange about one object; "" if nothing is rare."""
    said = [*_label(table, row), *_period(table, row), *_targets(table, row)]
    said += [*_place(table, row), *_disagreement(table, row)]
    return "; ".join(said)


def _label(table: "OutlierTable", row: int) -> list[str]:
    doubt = table.doubt
    if doubt is None or not doubt.doubt[row] > 0 or not doubt.support[row] > SURE:
        return []
    suggested = table.classes[int(doubt.suggested[row])]
    share = 100 * doubt.support[row]
    return [
        f"labelled {table.label[row]}, but {share:.0f} % of the neighbours' votes say {suggested}"
    ]


def _period(table: "OutlierTable", row: int) -> list[str]:
    periods = table.periods
    if periods is None or not periods.doubt[row] > SURE_PERIOD:
        return []
    words = {2.0: "half the true one", 0.5: "twice the true one"}
    word = words.get(float(periods.factor[row]))
    return [f"the catalogue period looks like {word}"] if word else []


def _targets(table: "OutlierTable", row: int) -> list[str]:
    said = []
    for doubt, values in table.targets:
        if doubt.doubt[row] > SIGMAS:
            digits = 3 if abs(values[row]) < 100 else 4
            said.append(
                f"{doubt.name} {values[row]:.{digits}g}, but the neighbours say "
                f"{doubt.expected[row]:.{digits}g} ± {doubt.spread[row]:.1g}"
            )
    return said


def _place(table: "OutlierTable", row: int) -> list[str]:
    said = []
    label = table.label[row]
    if table.centroids is not None and table.centroids.flagged[row].any():
        flags = zip(table.centroids.modalities, table.centroids.flagged[row], strict=True)
        far = [name for name, flag in flags if flag and name != COMBINED]
        if far:
            said.append(f"far from other {label} in {join(far)}")
    if table.outside[row]:
        said.append(f"outside the main cluster of {label}")
    if table.whole.alone[row]:
        said.append("in no cluster of the whole survey")
    elif table.whole.small[row]:
        size = int(table.whole.sizes[table.whole.cluster[row]])
        said.append(f"in a group of {size} objects apart from all others")
    alone = [name for name in table.isolation if name != COMBINED and _is_alone(table, name, row)]
    if alone:
        said.append(f"unlike any other object in {join(alone)}")
    return said


def _is_alone(table: "OutlierTable", name: str, row: int) -> bool:
    tails = (table.tails[f"{kind} {name}"][row] for kind in ("isolation", "density", "distance"))
    return any(tail < RARE for tail in tails)


def _disagreement(table: "OutlierTable", row: int) -> list[str]:
    said = []
    for a, b in table.disagreement:
        tail = table.tails[f"disagreement {a}-{b}"][row]
        if tail < RARE:
            said.append(f"{a} and {b} do not fit together (1 in {1 / tail:.0f})")
    return said
