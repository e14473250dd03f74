"""Several spectra of one object: which rows of a long table are of which visit, and when it was."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from skybind.data.nothing import is_nothing
from skybind.data.schema import Column
from skybind.data.times import time_system
from skybind.data.units import convert
from skybind.errors import ConfigError
from skybind.ingest.column import VisitSpec
from skybind.ingest.fields import check_calendar_unit
from skybind.ingest.readers.values import calendar, numbers, texts
from skybind.modalities.dates import zero_point_fault
from skybind.visits import NAME, TIME, visits_of


@dataclass(frozen=True)
class RowVisits:
    """The visits that the rows of a long table belong to, by object and in each in order.

    Attributes
    ----------
    place : ndarray of int, shape (rows,)
        Visit of each row, -1 where it belongs to no object.
    owner : ndarray of int, shape (V,)
        Object of each visit, ascending.
    name : ndarray of str, shape (V,)
    time : ndarray of float64, shape (V,)
        Days, NaN where not known.
    timed : bool
        Whether the column holds times, not only names.
    """

    place: np.ndarray
    owner: np.ndarray
    name: np.ndarray
    time: np.ndarray
    timed: bool

    def untimed(self) -> list[tuple[int, str]]:
        """Tell the objects of visits without a time, where the others have one, and which it is."""
        lacking = np.flatnonzero(np.isnan(self.time)).tolist() if self.timed else []
        said = "the time is not known (visit {})"
        return [(int(self.owner[i]), said.format(self.name[i])) for i in lacking]


def row_visits(
    owner: np.ndarray,
    values: np.ndarray,
    unit: str | None,
    where: str,
    *,
    as_text: bool,
    each: bool,
) -> RowVisits:
    """Tell visits apart by a column: in the order of its numbers or dates, or of the alphabet.

    Rows whose cell is empty are one more visit, the last.

    Parameters
    ----------
    owner : ndarray of int, shape (rows,)
        Object of each row, -1 for none.
    values : ndarray, shape (rows,)
    unit : str or None
        Of the times in the column; None if they are names only.
    where : str
        Names the column in messages.
    as_text : bool
        Whether some cell of the whole table is no number.
    each : bool
        Whether each row is a visit, since its cells are lists: those of one name are numbered.
    """
    named = texts(values)
    named = np.where(list(map(is_nothing, named.tolist())), "", named) if len(named) else named
    code = _codes(values, named, as_text)
    mine = np.flatnonzero(owner >= 0)
    mine = mine[np.lexsort([code[mine], owner[mine]])]
    new = np.ones(len(mine), bool)
    new[1:] = (np.diff(owner[mine]) != 0) | (np.diff(code[mine]) != 0)
    begins = np.ones(len(mine), bool) if each else new
    place = np.full(len(owner), -1, np.int64)
    place[mine] = np.cumsum(begins) - 1
    rows = mine[begins]
    names = named[rows]
    if each:
        again = np.arange(len(mine)) - np.maximum.accumulate(np.where(new, np.arange(len(mine)), 0))
        numbered = [f"{name} ({n + 1})" for name, n in zip(names, again.tolist(), strict=True)]
        names = np.where(again > 0, np.asarray(numbered, object), names)
    timed = unit is not None or calendar(values) is not None
    return RowVisits(place, owner[rows], names, dated(values[rows], unit, where), timed)


def _codes(values: np.ndarray, named: np.ndarray, as_text: bool) -> np.ndarray:
    """Number the visits of a column in their order; the one without a name is the last.

    Two visits are one only where their names are, digit by digit.
    """
    if values.dtype.kind in "iufM":
        _, code = np.unique(values, return_inverse=True)
    else:
        names, code = np.unique(named.astype(str), return_inverse=True)
        if not as_text:
            order = np.lexsort([names, numbers(names.astype(object))[0]])
            place = np.empty(len(order), np.int64)
            place[order] = np.arange(len(order))
            code = place[code]
    return np.where(named == "", code.max(initial=0) + 1, code)


def dated(values: np.ndarray, unit: str | None, where: str) -> np.ndarray:
    """Give the times of visits [d]: Julian dates where the unit says when it begins.

    NaN without a unit, and where a value is no number. Dates, also as text, are Julian dates.
    """
    found = calendar(values)
    if found is not None:
        check_calendar_unit(found, unit, where)
        return numbers(values)[0]
    if unit is None:
        return np.full(len(values), np.nan)
    times = numbers(values)[0]
    system = time_system(unit)
    if system is None:
        return convert(times, unit, "d", where)
    times = times + system.zero
    fault = zero_point_fault(times, unit, where)
    if fault is not None:
        raise ConfigError(fault)
    return times


def unit_of_visits(spec: VisitSpec, stated: str | None) -> str | None:
    """Give the unit of the times of visits: the mapping's, or one of time that the file states."""
    return spec.unit or (stated if is_time(stated) else None)


def is_time(unit: str | None) -> bool:
    """Whether a unit is one of time."""
    if unit is None:
        return False
    if time_system(unit) is not None:
        return True
    try:
        convert(np.zeros(1), unit, "d", "visit")
    except ConfigError:
        return False
    return True


def visits_columns(
    observations: Mapping[str, Any], schema: Mapping[str, Column]
) -> dict[str, Column]:
    """Columns of all visits, for the observations of which an object may have several.

    Parameters
    ----------
    observations : mapping of str to ObservationSpec
    schema : mapping of str to Column
        With the columns of the observations.
    """
    made = {}
    for name, spec in observations.items():
        if getattr(spec, "several", False):
            system = time_system(spec.visit.unit) if spec.visit is not None else None
            made[visits_of(name)] = Column(
                "visits",
                description=f"All observations in {name}, each with its time",
                modality=name,
                fields={NAME: None, TIME: "d", **schema[name].fields},
                attributes={} if system is None else {"time_system": system.name},
            )
    return made
