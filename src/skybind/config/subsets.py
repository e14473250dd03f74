"""Names of subsets of the labels: `10` (per cent), `5-each` (objects a class), `full`."""

import re
from dataclasses import dataclass
from typing import Literal

#: How percentages of the labels are cut (`skybind.data.subsets`).
SubsetRule = Literal["water-filling", "release"]
#: All labels.
FULL = "full"
_EACH = re.compile(r"([1-9][0-9]{0,8})-each")
_PERCENTAGE = re.compile(r"[0-9]+\.?[0-9]*|\.[0-9]+")


@dataclass(frozen=True)
class Subset:
    """What the name of a subset says; one of the two is given.

    Attributes
    ----------
    percentage : float or None
        Share of the labels, water-filled by class.
    each : int or None
        Training objects of each class; validation and test objects stay as they are.
    """

    percentage: float | None = None
    each: int | None = None


def read_subset(name: str) -> Subset:
    """Read the name of a subset.

    Raises
    ------
    ValueError
        If it is neither a percentage nor a number a class.

    Examples
    --------
    >>> read_subset("2.5"), read_subset("5-each")
    (Subset(percentage=2.5, each=None), Subset(percentage=None, each=5))
    """
    if match := _EACH.fullmatch(name):
        return Subset(each=int(match[1]))
    if _PERCENTAGE.fullmatch(name) and 0 < float(name) < 100:
        return Subset(percentage=float(name))
    raise ValueError(
        "a subset is a percentage of the labels between 0 and 100 ('10'), or a number of objects "
        f"a class ('5-each'), not '{name}'"
    )


def is_subset(name: str) -> bool:
    """Whether a name is that of a subset (`full` is none)."""
    try:
        read_subset(name)
    except ValueError:
        return False
    return True


def subset_order(name: str) -> float:
    """Give a number that grows with a subset, to sort by: percentages, below them numbers a class.

    Whatever is no subset counts as all labels.
    """
    if not is_subset(name):
        return 100.0
    subset = read_subset(name)
    return -1 / subset.each if subset.each is not None else float(subset.percentage or 0)


def short_subset(name: str) -> str:
    """Name a subset in a table or on an axis: `10 %`, `5 each`; `100 %` for all labels.

    Examples
    --------
    >>> short_subset("10"), short_subset("5-each"), short_subset("full")
    ('10 %', '5 each', '100 %')
    """
    if is_subset(name) and (each := read_subset(name).each) is not None:
        return f"{each} each"
    return f"{subset_order(name):g} %"


def labels_of_subset(name: str) -> str:
    """Say which labels a subset has: `10 % of labels`, `5 labels a class`."""
    if is_subset(name) and (each := read_subset(name).each) is not None:
        return f"{each} label{'s' if each > 1 else ''} a class"
    return f"{short_subset(name)} of labels"
