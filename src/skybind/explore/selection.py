"""Selections: by a condition or from the map, what they are, and their table to take home."""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.data.shown import arrow_of
from skybind.data.where import fulfilled
from skybind.encodable import as_ascii
from skybind.errors import DataError
from skybind.explore.columns import Paint, paints
from skybind.explore.people import WRITTEN, said_by_people
from skybind.explore.survey import Survey
from skybind.tables import FORMATS, for_csv, write_table
from skybind.words import nearest

#: Objects of a selection that the page lists.
LISTED = 200
#: What an export has beside the catalogue.
BESIDE = (
    "split",
    "predicted class",
    "probability",
    "novelty",
    "predicted class with answers",
    "probability with answers",
    "novelty with answers",
    "suspicion",
    "suggested label",
)


def matching(survey: Survey, condition: str) -> np.ndarray:
    """Return the rows of the dataset that fulfil a condition, in order.

    Raises
    ------
    DataError
        If the condition cannot be read (`skybind.data.where`).
    """
    return np.flatnonzero(fulfilled(survey.run.dataset, condition))


def summary(survey: Survey, rows: np.ndarray) -> dict[str, Any]:
    """Say what a selection is: how many objects, of which classes, and the first of them."""
    names, counts = np.unique(survey.run.class_names[rows], return_counts=True)
    order = np.argsort(-counts, kind="stable")
    head = rows[:LISTED]
    said = {name: paint.values(head) for name, paint in beside(survey).items()}
    listed = []
    ids, classes = survey.run.dataset.object_ids[head], survey.run.class_names[head]
    for place, name in enumerate(ids.tolist()):
        cells = {column: _cell(values[place]) for column, values in said.items()}
        listed.append({"object_id": name, "class": str(classes[place]), **cells})
    return {
        "n": len(rows),
        "classes": [[str(names[i]) or "no class", int(counts[i])] for i in order],
        "columns": ["object_id", "class", *said],
        "listed": listed,
    }


def selection_table(
    survey: Survey, rows: np.ndarray, who: bool = True, *, ascii_only: bool = False
) -> pa.Table:
    """Return the catalogue rows of a selection, and what the run and people say of each object.

    Every column has its unit and its description. Where the catalogue has a column of the same
    name, the run's is called `skybind_NAME`.

    Parameters
    ----------
    survey : Survey
    rows : ndarray of int
        Of the dataset.
    who : bool
        Say who judged.
    ascii_only : bool
        Write names and notes of people without marks on their letters, as FITS needs.
    """
    table = arrow_of(survey.run.dataset, rows=rows)
    for name, paint in beside(survey, who).items():
        column = name.replace(" ", "_")
        while column.lower() in {known.lower() for known in table.column_names}:
            column = f"skybind_{column}"  # FITS tells no case of letters apart
        said = {"description": paint.description, **({"unit": paint.unit} if paint.unit else {})}
        values = pa.array(paint.values(rows), from_pandas=True)
        if ascii_only and name in WRITTEN:
            values = pa.array([text and as_ascii(text) for text in values.to_pylist()], values.type)
        table = table.append_column(pa.field(column, values.type, metadata=said), values)
    return table


def exported(survey: Survey, rows: np.ndarray, ending: str) -> bytes:
    """Return the file of a selection.

    CSV has no place for units but its first line: `parallax [mas]`. FITS holds ASCII alone: names
    and notes of people lose the marks on their letters.

    Parameters
    ----------
    survey : Survey
    rows : ndarray of int
        Of the dataset.
    ending : str
        One of `skybind.tables.FORMATS`: `.csv`, `.parquet`, `.vot`, `.ecsv`, `.fits`.

    Raises
    ------
    DataError
        If there is no such format, or nothing is selected.
    """
    if ending not in FORMATS:
        raise DataError(f"There is no format '{ending}': {nearest(ending, list(FORMATS))}")
    if not len(rows):
        raise DataError("Nothing is selected: there is no table to write.")
    with tempfile.TemporaryDirectory(prefix="skybind-explore-") as folder:
        path = Path(folder) / f"selection{ending}"
        table = selection_table(survey, rows, ascii_only=ending == ".fits")
        write_table(with_units(table) if ending == ".csv" else table, path)
        return path.read_bytes()


def with_units(table: pa.Table) -> pa.Table:
    """Return a table whose columns are named with their units, such as `parallax [mas]`."""
    table = for_csv(table)  # a duration has a unit from here on
    units = [(field.metadata or {}).get(b"unit", b"").decode() for field in table.schema]
    names = zip(table.column_names, units, strict=True)
    return table.rename_columns([f"{name} [{unit}]" if unit else name for name, unit in names])


def beside(survey: Survey, who: bool = True) -> dict[str, Paint]:
    """Return what the run says of its objects, in the order `BESIDE`, and what people say."""
    known = {p.name: p for p in paints(survey).values() if p.group != "catalogue"}
    own = {name: known[name] for name in BESIDE if name in known}
    return own | {paint.name: paint for paint in said_by_people(survey, who)}


def _cell(value: Any) -> Any:
    """Return a value as JSON has it."""
    if isinstance(value, str):
        return str(value)
    number = float(value)
    return number if np.isfinite(number) else None
