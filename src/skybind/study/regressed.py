"""Predicted numbers over seeds."""

from collections.abc import Sequence

from skybind.drawing.cells import Cell, Table, cells, number
from skybind.evaluation.records import TargetResult
from skybind.measures.significance import spread
from skybind.report.figures.regression import arrow_name


def regression_over_seeds(entries: Sequence[TargetResult]) -> Table:
    """R2 of every target, method and embedding: mean and standard deviation over the seeds."""
    found: dict[tuple[str, ...], list[TargetResult]] = {}
    for entry in entries:
        arrow = arrow_name(entry.fit, entry.predict)
        key = (entry.target, entry.method, entry.inputs, arrow, entry.protocol, f"{entry.share:g}")
        found.setdefault(key, []).append(entry)
    rows = []
    for (target, method, inputs, arrow, protocol, share), own in found.items():
        r2 = spread([entry.r2 for entry in own])
        scatter = spread([entry.scatter for entry in own])
        rows.append(
            [
                *cells(target, f"{method} ({inputs})", arrow, protocol, share, number(r2.n)),
                Cell(with_error(r2.mean, r2.deviation, 3), values=(r2.mean, r2.deviation)),
                Cell(
                    with_error(scatter.mean, scatter.deviation, 4),
                    values=(scatter.mean, scatter.deviation),
                ),
            ]
        )
    head = ["Target", "Method", "From", "Protocol", "Labels [%]", "Seeds", "R²", "σ_NMAD"]
    return Table(head, rows, text_columns=4)


def with_error(mean: float, deviation: float, digits: int) -> str:
    """Write a mean over seeds and, of several, its standard deviation."""
    error = "" if deviation != deviation else f" ± {deviation:.{digits}f}"
    return f"{mean:.{digits}f}{error}"
