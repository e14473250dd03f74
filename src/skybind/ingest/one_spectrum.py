"""One of several spectra that a file holds of an object: the one that is named, or the first."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np

from skybind.errors import DataError
from skybind.ingest.fields import name_of_objects
from skybind.ingest.readers.tables import Table
from skybind.ingest.readers.unfold import Unfolded, unfold
from skybind.ingest.readers.values import numbers
from skybind.ingest.visits import RowVisits, row_visits
from skybind.words import join, nearest

#: Names of columns that tell the spectra of an object apart, in lower case; the first is taken.
VISITS = (
    "visit", "visit_id", "visitid", "exposure", "exposure_id", "expid", "exp_id", "obsid",
    "obs_id", "spec_id", "specid", "spectrum_id", "mjd", "jd", "hjd", "bjd", "date_obs",
    "date-obs", "obs_date", "obsdate", "date", "night", "epoch", "time",
)  # fmt: skip
#: Two spectra lie over each other by this share of the shorter one; two arms do not.
OVERLAP = 0.5
#: Other spectra that a sentence names.
LISTED = 5


def of_one(
    table: Table, places: dict[str, str], kind: str, chosen: str | None
) -> tuple[Table, list[str]]:
    """Give the table of one observation, with one value a row, and which of several it is.

    Parameters
    ----------
    table : Table
        As it is in the file.
    places : dict of str to str
        Field -> column.
    kind : str
        Of the observation.
    chosen : str, optional
        Which of several spectra; the first by default.

    Raises
    ------
    DataError
        If it holds several objects, or nothing tells its spectra apart.
    """
    unfolded = unfold(table, places, kind)
    if unfolded is None:
        return (
            one_of_rows(table, places["wavelength"], chosen) if kind == "spectrum" else (table, [])
        )
    n = len(unfolded.rows) + len(unfolded.reasons)
    if n > 1 and kind == "spectrum" and len(unfolded.rows):
        return one_of_lists(table, unfolded, chosen)
    if n > 1:
        raise DataError(f"{table.name} holds {n} objects: give each as a file of its own.")
    for reason in unfolded.reasons.values():
        raise DataError(f"{table.name}: {reason}.")
    return unfolded.table, []


def one_of_rows(table: Table, wavelength: str, chosen: str | None) -> tuple[Table, list[str]]:
    """Choose among the spectra of a table with one value a row.

    Parameters
    ----------
    table : Table
    wavelength : str
        Its column of wavelengths.
    chosen : str, optional
        What its column calls the one that is wanted; the first by default.

    Returns
    -------
    Table, list of str
        The rows of one spectrum, and which it is; of a table of one the table.

    Raises
    ------
    DataError
        If there is none of that name, or nothing tells the spectra apart.
    """
    waves = numbers(table[wavelength])[0]
    for column in _candidates(table, (wavelength,)):
        found = _visits(table, column, each=False)
        if len(found.name) > 1 and _overlap(waves, found):
            i = _choose(table.name, column, found.name, chosen)
            taken = {n: values[found.place == i] for n, values in table.columns.items()}
            return replace(table, columns=taken), _told(table.name, column, found.name, i)
    if chosen is not None:
        raise _nothing_apart(table.name)
    return table, []


def one_of_lists(table: Table, unfolded: Unfolded, chosen: str | None) -> tuple[Table, list[str]]:
    """Choose among the spectra of a table with one in each row, all of one object.

    Parameters
    ----------
    table : Table
        As it is in the file.
    unfolded : Unfolded
        With one value a row.
    chosen : str, optional
        As of `one_of_rows`.

    Raises
    ------
    DataError
        As of `one_of_rows`; and if its rows may be of several objects.
    """
    column = next(_candidates(table, ()), None)
    if column is None:
        if name_of_objects(table.columns) is None and chosen is None:
            n = len(unfolded.rows) + len(unfolded.reasons)
            raise DataError(f"{table.name} holds {n} objects: give each as a file of its own.")
        raise _nothing_apart(table.name)
    found = _visits(table, column, each=True)
    usable = np.isin(np.arange(len(table)), unfolded.rows)
    row_of = np.argsort(found.place)  # every row is a visit
    places = [i for i in range(len(row_of)) if usable[row_of[i]]]
    names = found.name[places]
    i = _choose(table.name, column, names, chosen)
    own = np.repeat(unfolded.rows, unfolded.lengths) == row_of[places[i]]
    taken = {n: values[own] for n, values in unfolded.table.columns.items()}
    return replace(unfolded.table, columns=taken), _told(table.name, column, names, i)


def _candidates(table: Table, used: tuple[str, ...]) -> Iterator[str]:
    """Columns that may tell spectra apart, the likeliest first."""
    places = {name.lower(): name for name in reversed(list(table.columns)) if name not in used}
    return (places[name] for name in VISITS if name in places)


def _visits(table: Table, column: str, *, each: bool) -> RowVisits:
    values = table[column]
    owner = np.zeros(len(values), np.int64)
    as_text = bool(numbers(values)[1].any())
    return row_visits(owner, values, None, column, as_text=as_text, each=each)


def _overlap(waves: np.ndarray, found: RowVisits) -> bool:
    """Whether two of the spectra lie over each other."""
    spans = []
    for i in range(len(found.name)):
        own = waves[(found.place == i) & np.isfinite(waves)]
        if len(own) > 1:
            spans.append((float(own.min()), float(own.max())))
    spans.sort()
    return any(
        min(high, other) - low > OVERLAP * min(high - low, other - first)
        for (first, other), (low, high) in pairwise(spans)
    )


def _choose(file: str, column: str, names: np.ndarray, chosen: str | None) -> int:
    if chosen is None:
        return 0
    known = [str(name) for name in names]
    if chosen in known:
        return known.index(chosen)
    values, bad = numbers(np.asarray([chosen, *known], object))
    same = np.flatnonzero(values[1:] == values[0])
    if not bad[0] and len(same):
        return int(same[0])
    raise DataError(f"{file} has no spectrum '{chosen}' in '{column}': {nearest(chosen, known)}")


def _told(file: str, column: str, names: np.ndarray, used: int) -> list[str]:
    others = [str(name) for i, name in enumerate(names.tolist()) if i != used]
    more = ["more"] if len(others) > LISTED else []
    return [
        f"{file} holds {len(names)} spectra, told apart by '{column}': that of {names[used]} is "
        f"used ('skybind search --visit' takes another: {join([*others[:LISTED], *more])})."
    ]


def _nothing_apart(file: str) -> DataError:
    return DataError(
        f"{file} has no column that tells several spectra apart: call it 'visit', or give each as "
        "a file of its own."
    )
