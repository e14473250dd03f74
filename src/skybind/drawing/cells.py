"""Cells of tables: numbers, shares and times as people read them."""

import datetime
import math
from dataclasses import dataclass, field

NONE = "–"


@dataclass(frozen=True)
class Cell:
    """One cell: its text and, for the template, a CSS class.

    `values` are what the text rounds, where files shall tell more: a value, perhaps its error, of
    the kind that `error` names.
    `beside` are further numbers that it speaks of, by name: files give each a column.
    """

    text: str
    kind: str = ""
    mark: str = ""
    values: tuple[float, ...] = ()
    beside: tuple[tuple[str, float], ...] = ()
    error: str = "standard deviation"


@dataclass(frozen=True)
class Table:
    """A table; the first `text_columns` hold words, the others numbers.

    Attributes
    ----------
    header : list of str
        Column heads, units included.
    rows : list of list of Cell
        The body.
    text_columns : int
        How many columns are aligned left.
    last_is_total : bool
        Whether the last row is set apart by a rule.
    """

    header: list[str]
    rows: list[list[Cell]] = field(default_factory=list)
    text_columns: int = 1
    last_is_total: bool = False


def number(value: float | None, digits: int = 3) -> str:
    """Write a number: integers whole with thousands separated, others to `digits` digits.

    What is not known (None, NaN) is a dash, here and in `percent`.
    """
    if value is None or math.isnan(value):
        return NONE
    if float(value).is_integer():
        return f"{int(value):,}"
    return f"{value:,.{digits}g}" if abs(value) < 10**digits else f"{value:,.0f}"


def signed(value: float, digits: int = 1) -> str:
    """Write a difference with its sign; what rounds to nothing has none."""
    text = f"{value:+z.{digits}f}"
    return text[1:] if float(text) == 0 else text.replace("-", "−")


def rank(value: float) -> str:
    """Write a rank: whole, or with the half that a median may have."""
    return f"{value:,.1f}".removesuffix(".0")


def percent(value: float | None, error: float | None = None) -> str:
    """Write a fraction as percent, with its error if there is one."""
    if value is None or math.isnan(value):
        return NONE
    known = error is not None and not math.isnan(error)
    return f"{100 * value:z.1f}" + (f" ± {100 * error:.1f}" if known and error is not None else "")


def share(value: float | None, error: float | None = None) -> str:
    """Write a share of objects as percent with its error, which never leaves 0 to 100.

    An error that would is written with the two sides apart: `100.0 +0.0 −4.8`.
    """
    if value is None or error is None or math.isnan(value) or not error > 0:
        return percent(value)
    up, down = share_sides(value, error)
    if up == down:
        return percent(value, error)
    return f"{100 * value:.1f} +{100 * up:.1f} −{100 * down:.1f}"


def share_sides(value: float, error: float) -> tuple[float, float]:
    """Give how far the interval of a share reaches up and down: as wide, but within 0 and 1."""
    up = min(error, 1 - value)
    down = min(2 * error - up, value)
    return (2 * error - down if down == value else up), down


def share_cell(
    value: float | None,
    error: float | None = None,
    kind: str = "",
    mark: str = "",
    *,
    scatter: bool = False,
) -> Cell:
    """Make the cell of a share in percent, with its error if there is one.

    With `scatter` the error is the standard deviation over seeds, which no bounds cut. Seeds that
    agree to the last object do not say that the share is known so well: then none is written.
    """
    known = [one for one in (value, error) if one is not None and not math.isnan(one)]
    text = percent(value, error or None) if scatter else share(value, error)
    numbers = tuple(100 * one for one in known)
    return Cell(text, kind, mark, numbers, error="standard deviation" if scatter else "error")


def readable_time(created: str | None) -> str:
    """Write an ISO 8601 time for people: `2026-11-21 20:14 UTC`; other text stays as it is."""
    try:
        moment = datetime.datetime.fromisoformat(created or "")
    except ValueError:
        return created or ""
    return moment.strftime("%Y-%m-%d %H:%M") + (
        " UTC" if not moment.utcoffset() else f" {moment:%z}"
    )


def cells(*texts: str) -> list[Cell]:
    """Make plain cells."""
    return [Cell(text) for text in texts]
