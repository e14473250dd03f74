"""Other views of the objects than the maps: the sky, and any two columns; selecting from them."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pyarrow as pa
from starlette.requests import Request

from skybind.data.cone import Cone, known_positions
from skybind.data.quantities import quantity_of
from skybind.data.schema import DEC, RA
from skybind.errors import DataError
from skybind.explore.columns import Paint, find_paint, told_numbers
from skybind.explore.survey import Questions, Survey
from skybind.words import nearest, nearest_of_many

#: Frames of the sky.
FRAMES = ("equatorial", "galactic")
#: Names that are told where some of a list are not there.
NAMED = 3
#: Words that tell a change of brightness from a brightness; both are in mag.
CHANGES = ("amplitude", "scatter", "deviation", "range")


def view_questions(arrow: Callable[..., Any]) -> Questions:
    """Return what the page may ask of the views.

    Parameters
    ----------
    arrow : callable
        Turns columns to an answer.
    """

    def sky_view(survey: Survey, request: Request) -> Any:
        return arrow(sky(survey, request.query_params.get("frame", "")))

    def scatter_view(survey: Survey, request: Request) -> Any:
        asked = request.query_params
        return arrow(*scatter(survey, asked.get("x", ""), asked.get("y", "")))

    def chosen(survey: Survey, request: Request, body: bytes) -> Any:
        by = request.query_params.get("by", "")
        text = body.decode("utf-8", "replace")
        rows, said = chosen_rows(survey, by, text)
        return arrow({"row": rows.astype(np.int32)}, {"said": said})

    asked = {"/api/sky": sky_view, "/api/scatter": scatter_view}
    return asked, {"/api/chosen": chosen}


def sky(survey: Survey, frame: str) -> dict[str, np.ndarray]:
    """Return where objects are on the sky.

    Parameters
    ----------
    survey : Survey
    frame : {"equatorial", "galactic"}

    Returns
    -------
    dict
        `x`, `y` [deg]: right ascension and declination (ICRS), or galactic longitude and
        latitude; `row` of the dataset. Objects without a position are left out.

    Raises
    ------
    DataError
        If there is no such frame, or the catalogue has no positions.
    """
    if frame not in FRAMES:
        raise DataError(f"There is no frame '{frame}': {nearest(frame, FRAMES)}")
    ra, dec = positions(survey)
    rows = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    x, y = ra[rows], dec[rows]
    if frame == "galactic" and len(rows):
        from astropy.coordinates import SkyCoord

        there = SkyCoord(x, y, unit="deg", frame="icrs").galactic
        x, y = there.l.deg, there.b.deg
    return _points(x, y, rows)


def scatter(survey: Survey, x: str, y: str) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return two columns of the objects that have both.

    Returns
    -------
    points : dict
        `x`, `y`, `row`.
    said : dict
        Of `x` and `y` each `name`, `unit`, `description`, and whether it is a `magnitude`, of
        which the brightest stand at the top.

    Raises
    ------
    DataError
        If there is no such column, or it holds no numbers.
    """
    every = np.arange(len(survey.run.dataset))
    values, said = [], {}
    for axis, name in (("x", x), ("y", y)):
        paint = find_paint(survey, name)
        found = paint.values(every)
        if found.dtype.kind not in "biuf":
            raise DataError(f"'{name}' holds no numbers: choose another column.")
        values.append(told_numbers(found))
        said[axis] = {
            "name": name,
            "unit": paint.unit,
            "description": paint.description,
            "magnitude": _is_magnitude(survey, paint),
        }
    rows = np.flatnonzero(np.isfinite(values[0]) & np.isfinite(values[1]))
    return _points(values[0][rows], values[1][rows], rows), said


def chosen_rows(survey: Survey, by: str, text: str) -> tuple[np.ndarray, str]:
    """Return rows that a person named, in order, and a sentence about those that are not there.

    Parameters
    ----------
    survey : Survey
    by : {"cone", "names", "class", "predicted class"}
    text : str
        `RA DEC RADIUS`, in degrees or as `10:12:33 -05:11:22 5'`; names of objects, one a line or
        between commas; a class.

    Raises
    ------
    DataError
        If it cannot be read, or nothing of it is there.
    """
    if by == "cone":
        return np.flatnonzero(Cone.read(text).holds(*positions(survey))), ""
    if by == "names":
        return _of_names(survey, text)
    if by in ("class", "predicted class"):
        values = find_paint(survey, by).values(np.arange(len(survey.run.dataset)))
        rows = np.flatnonzero(values == text.strip())
        if not len(rows):
            names = sorted({str(value) for value in values.tolist()} - {""})
            raise DataError(f"No object has the {by} '{text.strip()}': {nearest(text, names)}")
        return rows, ""
    raise DataError(f"Nothing can be chosen by '{by}'.")


def _is_magnitude(survey: Survey, paint: Paint) -> bool:
    """Return whether a column is a brightness in magnitudes, not how much one changes."""
    if paint.group != "catalogue":
        return False
    column = survey.run.dataset.schema.columns[paint.name]
    said = f"{paint.name} {column.description}".lower()
    kind = quantity_of(paint.name, column)
    return kind in ("magnitude", "absolute magnitude") and not any(w in said for w in CHANGES)


def _points(x: np.ndarray, y: np.ndarray, rows: np.ndarray) -> dict[str, np.ndarray]:
    return {"x": x, "y": y, "row": rows.astype(np.int32)}


def positions(survey: Survey) -> tuple[np.ndarray, np.ndarray]:
    """Return right ascensions and declinations [deg]; NaN where they are none.

    Raises
    ------
    DataError
        If the catalogue has no positions.
    """
    dataset = survey.run.dataset
    if not {RA, DEC} <= set(dataset.schema.columns):
        raise DataError("The catalogue has no positions: there is no view of the sky.")
    ra, dec = dataset.numbers(RA), dataset.numbers(DEC)
    return known_positions(ra, dec)


def _of_names(survey: Survey, text: str) -> tuple[np.ndarray, str]:
    """Return the rows of named objects: one a line, or separated by commas or blanks."""
    names: list[str] = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        for split in (lambda line: [line], lambda line: line.split(","), str.split):
            parts = [part.strip() for part in split(line) if part.strip()]
            if (survey.places.rows(pa.chunked_array([parts], pa.string())) >= 0).any():
                break
        else:
            parts = [part.strip() for part in line.split(",") if part.strip()]
        names += parts
    if not names:
        raise DataError("No names were given: one a line, or between commas.")
    rows = survey.places.rows(pa.chunked_array([names], pa.string()))
    missing = [name for name, row in zip(names, rows.tolist(), strict=True) if row < 0]
    if len(missing) == len(names):
        hint = nearest_of_many(missing[0], survey.run.dataset.object_ids.tolist())
        raise DataError(f"There is no object '{missing[0]}': {hint}")
    said = ""
    if missing:
        more = " ..." if len(missing) > NAMED else ""
        some = ", ".join(missing[:NAMED])
        said = f"{len(missing)} of {len(names)} names are not there: {some}{more}"
    return np.unique(rows[rows >= 0]), said
