"""Columns that colour a map: of the dataset, of the classifier, of the discoveries."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.data.schema import ID
from skybind.drawing.maps import NAMED
from skybind.drawing.style import NO_CLASS, class_colour
from skybind.errors import DataError
from skybind.explore.survey import Survey
from skybind.texts import to_texts
from skybind.words import nearest

#: Columns of the run's own whose values are its classes.
CLASSES = ("class", "predicted class", "predicted class with answers", "suggested label")
#: Beyond this a page's numbers leave integers out.
WHOLE = 2**53


@dataclass(frozen=True)
class Paint:
    """A column that can colour the map.

    Attributes
    ----------
    name : str
    group : str
        Where it comes from: `run`, `catalogue`, `classifier` or `discoveries`.
    description : str
    unit : str or None
    values : callable
        Takes rows of the dataset, gives numbers (NaN where missing) or text ("" where missing).
    """

    name: str
    group: str
    description: str
    unit: str | None
    values: Callable[[np.ndarray], np.ndarray]


def paints(survey: Survey) -> dict[str, Paint]:
    """Return every column that can colour a map, by name: the class first, if there is one."""
    run, dataset = survey.run, survey.run.dataset
    found: list[Paint] = []
    if run.classes:
        found.append(
            Paint("class", "run", "Class in the catalogue", None, lambda rows: _classes(run, rows))
        )
    found.append(
        Paint("split", "run", "Part of the split", None, lambda rows: run.split.part[rows])
    )
    found += _of_classifier(survey)
    found += _of_discoveries(survey)
    for name in dataset.flat_columns:
        column = dataset.schema.columns[name]
        kind = dataset.arrow_schema.field(name).type
        if pa.types.is_temporal(kind) or pa.types.is_nested(kind):
            continue
        found.append(
            Paint(
                name,
                "catalogue",
                column.description,
                column.unit,
                lambda rows, name=name: dataset.plotted(name, rows),  # type: ignore[misc]
            )
        )
    named: dict[str, Paint] = {}
    for paint in found:  # a catalogue's column of the same name gives way, under a longer one
        known = paint.name in named
        named[f"{paint.name} ({paint.group})" if known else paint.name] = paint
    return named


def find_paint(survey: Survey, name: str) -> Paint:
    """Return a column by its name.

    Raises
    ------
    DataError
        If there is none of that name.
    """
    known = paints(survey)
    if name not in known:
        raise DataError(f"There is no column '{name}': {nearest(name, list(known))}")
    return known[name]


def described(survey: Survey) -> list[dict[str, Any]]:
    """Describe every column that can colour a map, for the page."""
    return [
        {
            "name": name,
            "group": p.group,
            "description": p.description,
            "unit": p.unit,
            "number": _is_number(survey, p),
            # in a condition a catalogue's column never gives way to another of its name
            "column": p.name if p.group == "catalogue" else None,
        }
        for name, p in paints(survey).items()
    ]


def _is_number(survey: Survey, paint: Paint) -> bool:
    """Return whether a column holds numbers, without reading it."""
    if paint.group != "catalogue":
        return paint.name not in (*CLASSES, "split")
    kind = survey.run.dataset.arrow_schema.field(paint.name).type
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)


def painted(survey: Survey, name: str, rows: np.ndarray) -> tuple[np.ndarray, dict[str, Any]]:
    """Return what colours some objects.

    Returns
    -------
    values : ndarray, shape (n,)
        Numbers as `told_numbers` gives them, NaN where missing; or int16 codes of names, -1 where
        missing or rare.
    said : dict
        `kind` (`number` or `name`), `unit`, `description`; of names `names`, `colours` and
        `other` (the colour of -1).
    """
    paint = find_paint(survey, name)
    values = paint.values(rows)
    said: dict[str, Any] = {"unit": paint.unit, "description": paint.description, "name": name}
    if values.dtype.kind in "biuf":
        return told_numbers(values), {**said, "kind": "number"}
    coded = pa.array(values.astype(str)).dictionary_encode()
    every, place = coded.dictionary.to_pylist(), coded.indices.to_numpy()
    counts = np.bincount(place, minlength=len(every)).tolist()
    ranked = sorted(zip(every, counts, strict=True), key=lambda pair: (-pair[1], pair[0]))
    names = [name for name, _ in ranked if name != ""]
    classes = (
        list(survey.run.classes) if paint.group != "catalogue" and paint.name in CLASSES else []
    )
    names = list(dict.fromkeys([*classes, *names[:NAMED]]))
    known, order = names, survey.class_order
    if any(name in order for name in names):
        # a class has one colour, whatever column it stands in and how common it is there
        known = [*order, *sorted(set(names) - set(order))]
        names = [name for name in known if name in names]
    code = {n: i for i, n in enumerate(names)}
    codes = np.asarray([code.get(n, -1) for n in every], np.int16)[place]
    colours = [class_colour(known.index(name)) for name in names]
    return codes, {**said, "kind": "name", "names": names, "colours": colours, "other": NO_CLASS}


def told_numbers(values: np.ndarray) -> np.ndarray:
    """Return numbers as the page is told them: float32 where that holds all there can be, else 64.

    Luminosities in erg/s lie beyond float32, and two dates of one night are the same in it.
    """
    single = np.can_cast(values.dtype, np.float32, "safe")
    return values.astype(np.float32 if single else np.float64, copy=False)


def _classes(run: Any, rows: np.ndarray) -> np.ndarray:
    return np.asarray(run.class_names[rows])


def _of_classifier(survey: Survey) -> list[Paint]:
    columns = {
        "predicted class": ("class", "Most probable class"),
        "probability": ("probability", "Calibrated probability of the most probable class"),
        "novelty": (
            "novelty",
            "Share of validation objects nearer to the training objects; 1: a stranger",
        ),
    }
    tables = {
        ("", ""): None if survey.classes is None else survey.classes.table,
        (" with answers", ", by the classifier trained with answers of people"): survey.answered,
    }
    return [
        Paint(f"{name}{which}", "classifier", f"{text}{by}", None, taker(table[column], None))
        for (which, by), table in tables.items()
        if table is not None
        for name, (column, text) in columns.items()
        if column in table.column_names
    ]


def _of_discoveries(survey: Survey) -> list[Paint]:
    table = survey.suspects
    if table is None:
        return []
    columns = {
        "suspicion": ("suspicion", "How suspect the object is, all scores together"),
        "suggested label": ("suggested_label", "Class that the neighbours suggest instead"),
    }
    return [
        Paint(name, "discoveries", text, None, taker(table[column], survey.suspect_rows))
        for name, (column, text) in columns.items()
        if column in table.column_names
    ]


def taker(column: pa.ChunkedArray, place: np.ndarray | None) -> Callable[..., np.ndarray]:
    """Return what takes a column of a table by rows of the dataset, which lie at `place` in it."""

    def take(rows: np.ndarray) -> np.ndarray:
        where = rows if place is None else place[rows]
        found = column.take(pa.array(np.where(where >= 0, where, 0)))
        if pa.types.is_string(column.type):
            return np.where(where >= 0, to_texts(found), "")
        return np.where(where >= 0, np.asarray(found.to_numpy(), float), np.nan)

    return take


def row_of(survey: Survey, row: int) -> list[dict[str, Any]]:
    """Return the catalogue row of an object: name, value, unit and description of each column.

    No digit of a value is lost or made up: integers that a page's numbers cannot hold are text,
    and a float32 is its shortest decimal.
    """
    dataset = survey.run.dataset
    names = [n for n, c in dataset.schema.columns.items() if not c.nested and n != ID]
    stored = [n for n in names if n in dataset.arrow_schema.names]
    values = dataset.table(stored, np.array([row])).to_pylist()[0]
    columns = dataset.schema.columns
    return [
        {
            "name": name,
            "value": _exact(value, dataset.arrow_schema.field(name).type),
            "unit": columns[name].unit,
            "description": columns[name].description,
        }
        for name, value in values.items()
    ]


def _exact(value: Any, kind: pa.DataType) -> int | float | str | None:
    """Return a value as the page reads it without loss."""
    if isinstance(value, float) and (pa.types.is_float32(kind) or pa.types.is_float16(kind)):
        return float(str(kind.to_pandas_dtype()(value)))
    if isinstance(value, int) and abs(value) > WHOLE:
        return str(value)
    return value if isinstance(value, int | float | str | None) else str(value)
