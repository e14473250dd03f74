"""Which epochs and pixels are bad, and which epochs are upper limits, by what a table says."""

import re
from collections.abc import Collection, Mapping
from typing import NamedTuple

import numpy as np

from skybind.errors import DataError
from skybind.ingest.readers.values import numbers, texts
from skybind.modalities.epochs import DETECTION, LIMIT, NOT_SAID

_YES = ("true", "t", "yes", "y", "u", "ul", "l", "limit", "upper", "upperlimit", "upper limit")
_TRUE, _FALSE = ("true", "t", "yes", "y"), ("false", "f", "no", "n")
_HEXADECIMAL = re.compile(r"\s*0x[0-9a-f]+\s*", re.IGNORECASE)
_NO = ("", "false", "f", "no", "n", "=", "-", "nan", "none", "null", "detection")


class Usual(NamedTuple):
    """The flags of a survey's format.

    Attributes
    ----------
    title : str
    columns : tuple of str
        Columns by which the format is known, in lower case; the first holds the flags.
    bits : tuple of int
        An epoch with any of these bits, counted from 0, is bad.
    """

    title: str
    columns: tuple[str, ...]
    bits: tuple[int, ...]

    @property
    def bitmask(self) -> int:
        """The bits as one number, the sum of 2 ** bit."""
        return sum(1 << bit for bit in self.bits)


#: Flags that count where a mapping says nothing of them (docs/dataset.md has the sources).
USUAL = (
    Usual("TESS", ("quality", "pdcsap_flux"), (0, 1, 2, 3, 4, 5, 7, 9, 14)),
    Usual("Kepler", ("sap_quality", "pdcsap_flux"), (0, 1, 2, 3, 5, 8, 14, 16, 20)),
    Usual("ZTF", ("catflags", "mag"), (15,)),
)
#: Names under which a table may have their flags.
FLAG_NAMES = [form(usual.columns[0]) for usual in USUAL for form in (str.lower, str.upper)]


def usual_bits(title: str) -> list[int]:
    """Bits of a survey that mean bad, by its title."""
    return next(list(usual.bits) for usual in USUAL if usual.title == title)


def usual_flags(columns: Collection[str]) -> tuple[Usual, str] | None:
    """Tell the format that columns are of, and its column of flags; None for an unknown one."""
    places = {name.lower(): name for name in columns}
    for usual in USUAL:
        if all(name in places for name in usual.columns):
            return usual, places[usual.columns[0]]
    return None


def any_bit(raw: np.ndarray, bitmask: int, where: str = "flags") -> np.ndarray:
    """Which flags have any of the bits; what is no whole number has none. As of `whole_flags`."""
    values, known = whole_flags(raw, where)
    return known & ((values & bitmask) != 0)


def whole_flags(raw: np.ndarray, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Read flags as integers; second, which of them are whole numbers (the others are 0).

    Raises
    ------
    DataError
        If a flag is a word; hexadecimal numbers (0x8000) are none.
    """
    if raw.dtype.kind in "iu":
        return raw.astype(np.int64), np.ones(len(raw), bool)
    values, bad = numbers(raw)
    for i in np.flatnonzero(bad).tolist():
        if not _HEXADECIMAL.fullmatch(str(raw[i])):
            raise DataError(
                f"{where}: '{str(raw[i])[:40]}' is no number, so it has no bits: write a "
                "condition, e.g. good: \"column == 'word'\"."
            )
        values[i] = int(str(raw[i]), 16)
    whole = np.isfinite(values) & (np.abs(values) < 2**53)
    return np.where(whole, values, 0).astype(np.int64), whole


def bad_flags(raw: np.ndarray, where: str) -> np.ndarray:
    """Read a column that says what is bad: all that is not 0, or words such as true and F.

    Raises
    ------
    DataError
        If it holds a word that says neither.
    """
    values, bad = numbers(raw)
    found = ~(values == 0)
    for i in np.flatnonzero(bad).tolist():
        word = str(raw[i]).strip().lower()
        if word not in (*_TRUE, *_FALSE) and not _HEXADECIMAL.fullmatch(word):
            raise DataError(
                f"{where}: '{str(raw[i])[:40]}' says neither that it is bad nor that it is good: "
                "write a condition, e.g. good: \"column == 'word'\"."
            )
        found[i] = word not in _FALSE and (word in _TRUE or int(word, 16) != 0)
    return found


def limit_flags(raw: np.ndarray, where: str) -> np.ndarray:
    """Read a column that says which epochs are upper limits: numbers that are not 0, or words.

    Raises
    ------
    DataError
        If it holds a word that says neither.
    """
    values, bad = numbers(raw)
    if raw.dtype.kind == "O":
        flags = np.asarray([isinstance(cell, bool | np.bool_) for cell in raw.tolist()], bool)
        values = np.where(flags, raw == np.True_, values)
        bad = bad & ~flags
    found = np.isfinite(values) & (values != 0)
    if (values[found] != np.round(values[found])).any():
        raise DataError(
            f"{where} holds numbers that are no flags: write a condition, e.g. upper_limit: "
            '"snr < 3".'
        )
    if not bad.any():
        return found
    words = np.asarray([word.lower() for word in texts(raw).tolist()], object)
    for word in set(words[bad].tolist()):
        yes = word in _YES or word[:1] in ("<", ">")
        if not yes and word not in _NO:
            raise DataError(
                f"{where}: '{word}' says neither that an epoch is an upper limit nor that it is "
                "none: write a condition, e.g. upper_limit: \"column == 'word'\"."
            )
        found[words == word] = yes
    return found


def censored(field: str, raw: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Take limits such as `>16.5` for what they are: the numbers, and which of them are limits.

    A magnitude may have either sign before it (AAVSO writes `<16.5`), both mean fainter than; a
    flux only `<`, and a lower limit is no number.
    """
    none = np.zeros(len(raw), bool)
    if raw.dtype.kind not in "OU":
        return raw, none
    cells = [str(cell).strip() if isinstance(cell, str) else cell for cell in raw.tolist()]
    signs = "<>" if field == "magnitude" else "<"
    is_limit = [isinstance(cell, str) and cell[:1] in signs and cell != "" for cell in cells]
    if not any(is_limit):
        return raw, none
    plain = [
        cell.lstrip("<>=~ ") if limit else cell for cell, limit in zip(cells, is_limit, strict=True)
    ]
    return np.asarray(plain, object), np.asarray(is_limit)


def limit_field(
    said: np.ndarray | None, written: np.ndarray, known: np.ndarray | bool = True
) -> np.ndarray:
    """Give the field `limit` of a table's epochs.

    Parameters
    ----------
    said : ndarray of bool, optional
        What a column or a rule says of each.
    written : ndarray of bool
        Which brightnesses are written as limits (`>16.5`).
    known : ndarray of bool
        Of which epochs it is said at all.
    """
    if said is None:
        return np.where(written, LIMIT, NOT_SAID).astype(np.int8)
    rest = np.where(known, DETECTION, NOT_SAID)
    return np.where(said | written, LIMIT, rest).astype(np.int8)


def with_written_limits(raw: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Give the fields of light curves with limits in their brightness (`>16.5`) as `limit`.

    Parameters
    ----------
    raw : mapping of str to ndarray
        As a table has them.
    """
    made = dict(raw)
    for name in ("flux", "magnitude"):
        if name not in made:
            continue
        made[name], written = censored(name, made[name])
        if written.any():
            made["limit"] = written | (
                limit_flags(raw["limit"], "limit") if "limit" in raw else False
            )
    return made


def no_measurements(
    fields: dict[str, np.ndarray], usual: np.ndarray | None, where: str
) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Take `limit` out of the fields of light curves, and tell which epochs are no measurements.

    Parameters
    ----------
    fields : dict of str to ndarray
        `limit`, if it is there, is taken out.
    usual : ndarray of bool, optional
        Epochs that the survey's own flags call bad.
    where : str
        What was given, for the sentences.

    Returns
    -------
    left_out, limits : ndarray of bool
        Epochs that are none, and those of them that are upper limits.
    notes : list of str
        How many there are.
    """
    length = len(next(iter(fields.values())))
    limit = fields.pop("limit", None)
    bad = np.zeros(length, bool) if usual is None else usual
    limits = np.zeros(length, bool) if limit is None else (limit == LIMIT) & ~bad
    counts = ((int(limits.sum()), "upper limits"), (int(bad.sum()), "flagged epochs"))
    return bad | limits, limits, [f"{where}: {n:,} {what} are left out." for n, what in counts if n]
