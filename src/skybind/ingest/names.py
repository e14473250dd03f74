"""Names of objects: as text, to the last digit, and joined between tables."""

import re
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skybind.data.nothing import is_nothing
from skybind.errors import DataError
from skybind.ingest.name_column import ROWS, Names
from skybind.ingest.readers.spilled import Spilled
from skybind.ingest.readers.tables import Table
from skybind.ingest.readers.values import texts
from skybind.tables import plain_cell
from skybind.words import nearest_name

_EXPONENT = re.compile(r"[+-]?\d(\.\d+)?[eE]\+?\d+")
_WHOLE = re.compile(r"-?\d+\.0+")
#: Names of which the nearest is looked for, where no name fits.
_TRIED = 50


def object_names(raw: np.ndarray, where: str) -> np.ndarray:
    """Read names of objects; "" where there is none.

    Numbers that were written as floats (123.0) are the whole numbers that they stand for.

    Parameters
    ----------
    raw : ndarray, shape (n,)
    where : str
        The column, for messages.

    Raises
    ------
    DataError
        If names are floats that cannot hold all digits: two objects could become one.
    """
    return np.asarray(names_of([raw], where))


def names_of(parts: Iterable[np.ndarray], where: str) -> Names:
    """Read names of objects from parts of a column; as `object_names`.

    Parameters
    ----------
    parts : iterable of ndarray
        One after the other.
    where : str
        The column, for messages.

    Raises
    ------
    DataError
        As of `object_names`.
    """
    reading = NameReading(where)
    made = []
    for part in parts:
        for start in range(0, max(len(part), 1), ROWS):
            made.append(Names.of([reading.read(part[start : start + ROWS])]))
    reading.settle()
    if reading.whole:
        return Names.of(without_fraction(names[:]) for names in made)
    return Names(pa.concat_arrays([names.cells for names in made]) if made else Names.of([]).cells)


class NameReading:
    """How the names in a column are read, which all of its rows decide; as `object_names`.

    Parameters
    ----------
    where : str
        The column, for messages.
    """

    def __init__(self, where: str) -> None:
        self.where = where
        self._first, self._exponents, self._whole = "", True, True

    @property
    def whole(self) -> bool:
        """Whether all names so far are whole numbers written as floats (`without_fraction`)."""
        return self._first != "" and self._whole

    def read(self, raw: np.ndarray) -> np.ndarray:
        """Read some names, as they are written.

        Raises
        ------
        DataError
            If they are floats that cannot hold all digits.
        """
        if raw.dtype.kind == "f":
            _refuse_rounded(raw, self.where)
        names = texts(raw)
        if raw.dtype.kind == "O":
            names = np.asarray([plain_cell(name) for name in names.tolist()], object)
            names[[i for i, name in enumerate(names.tolist()) if is_nothing(name)]] = ""
            known = [name for name in names.tolist() if name]
            self._first = self._first or next(iter(known), "")
            self._exponents = self._exponents and all(map(_EXPONENT.fullmatch, known))
            self._whole = self._whole and all(map(_WHOLE.fullmatch, known))
        elif len(raw):
            self._exponents = self._whole = False  # they are numbers
        return names

    def settle(self) -> None:
        """Refuse names that lost digits, when all were read.

        Raises
        ------
        DataError
            If all are numbers with an exponent.
        """
        if self._first and self._exponents:
            raise DataError(
                f"{self.where}: names such as '{self._first}' are numbers that lost digits when "
                "they were written, so that neighbours may have become one: write them whole, or "
                "as text."
            )


def without_fraction(names: np.ndarray) -> np.ndarray:
    """Write names such as 123.0 as the whole numbers that they stand for."""
    return np.asarray([name.partition(".")[0] for name in names.tolist()], object)


def column_names(table: Table, column: str, where: str) -> Names:
    """Read the names in a column of a table; as `object_names`."""
    columns = table.columns
    if isinstance(columns, Spilled) and column in columns:
        return names_of(columns.parts(column), where)
    return names_of([table[column]], where)


def given_names(raw: np.ndarray, where: str) -> np.ndarray:
    """Read names of rows that are given; as `object_names`, but `none` is a name like others."""
    names = object_names(raw, where)
    return np.where(names == "", texts(raw), names) if raw.dtype.kind == "O" else names


def first_rows(names: np.ndarray) -> tuple[dict[str, int], list[int], list[int]]:
    """Find the first row of each name.

    Parameters
    ----------
    names : ndarray of str, shape (n,)
        See `object_names`.

    Returns
    -------
    first : dict of str to int
        Name -> its first row.
    nameless, repeated : list of int
        Rows without a name, and rows whose name an earlier one has.
    """
    first: dict[str, int] = {}
    nameless, repeated = [], []
    for row, name in enumerate(names.tolist()):
        if not name:
            nameless.append(row)
        elif first.setdefault(name, row) != row:
            repeated.append(row)
    return first, nameless, repeated


def places_of_names(
    names: np.ndarray | Names, object_id: np.ndarray | Names, where: str
) -> np.ndarray:
    """Find the object of each name, -1 for none.

    Parameters
    ----------
    names : ndarray of str, shape (n,)
    object_id : ndarray of str, or None where an object has no such name
    where : str
        The modality and its file.

    Raises
    ------
    DataError
        If no name is that of an object.
    """
    if isinstance(object_id, Names):
        names = names if isinstance(names, Names) else Names.of([names])
        place = np.where(names.known(), names.places_in(object_id), -1)
    else:
        objects = pa.array(object_id.tolist(), pa.string())
        found = pc.index_in(pa.array(names.tolist(), pa.string()), value_set=objects)
        place = found.fill_null(-1).to_numpy().astype(np.int64)
    if len(object_id) and len(names) and not (place >= 0).any():
        refuse_no_common_name(where, names, object_id)
    return place


def refuse_no_common_name(
    where: str, names: np.ndarray | Names, object_id: np.ndarray | Names
) -> None:
    """Stop where no name of a table is that of an object.

    Parameters
    ----------
    where : str
        The modality and its file.
    names : ndarray of str
        Of the table.
    object_id : ndarray of str
        Names of the objects.

    Raises
    ------
    DataError
        Naming examples of both sides, the nearest of them.
    """
    others = sorted({name for name in names.tolist() if name})
    if not others:
        raise DataError(f"{where}: no row has a name of an object.")
    own, other = _nearest(object_id[:_TRIED].tolist(), others)
    raise DataError(
        f"{where}: no row belongs to any of {len(object_id):,} objects, for no name is in both "
        f"tables: an object is '{own}', a row '{other}'. Names are compared letter by letter."
    )


def _refuse_rounded(raw: np.ndarray, where: str) -> None:
    known = raw[np.isfinite(raw)]
    digits = np.finfo(raw.dtype).nmant + 1
    if (np.abs(known) >= 2.0**digits).any():
        first = known[np.abs(known) >= 2.0**digits][0]
        raise DataError(
            f"{where}: names such as {first:.6g} are floating-point numbers, which cannot tell "
            f"whole numbers above 2^{digits} apart, so that two objects could become one: write "
            "them as integers or as text."
        )
    if (known != np.round(known)).any():
        first = known[known != np.round(known)][0]
        raise DataError(
            f"{where}: a name is a number with a fraction ({first!s}), which is no name: write "
            "names as text, or give the column that holds them."
        )


def _nearest(names: Sequence[str], others: list[str]) -> tuple[str, str]:
    """Give a name and another one that is most like it."""
    alike = {_bare(other): other for other in reversed(others)}
    for name in names:
        if _bare(name) in alike:
            return name, alike[_bare(name)]
    for name in names:
        close, _ = nearest_name(name, others)
        if close is not None:
            return name, close
    return names[0], others[0]


def _bare(name: str) -> str:
    """Give a name without what tables differ in: case, blanks, leading zeros, a prefix."""
    bare = re.sub(r"[\s_-]+", "", name).casefold()
    return re.sub(r"(\D|^)0+(?=\d)", r"\1", bare).removesuffix(".0")
