"""Flat columns of a table of objects: numbers, labels and texts, and why a row has none."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skybind.data.flat import with_missing
from skybind.data.nothing import DOUBTFUL, is_nothing
from skybind.errors import DataError
from skybind.ingest.readers.sentinels import stands_for_missing
from skybind.ingest.readers.values import blanked, flat_values, numbers, texts
from skybind.words import join

#: The largest number of single precision, in which models read features.
LARGEST = float(np.finfo(np.float32).max)


def catalogue_numbers(
    raw: np.ndarray, column: str, missing: Sequence[str] = (), *, single: bool = True
) -> tuple[np.ndarray, dict[int, str]]:
    """Read numbers of objects.

    Parameters
    ----------
    raw : ndarray, shape (n,)
    column : str
        Its name, for the reasons.
    missing : sequence of str
        What stands for "not known" (see `stands_for_missing`).
    single : bool
        Whether a number beyond single precision (3.4e38) is none.

    Returns
    -------
    values : ndarray of float64, shape (n,)
        NaN where there is none.
    reasons : dict of int to str
        Rows that hold something that is none.
    """
    absent = stands_for_missing(raw, missing)
    values, bad = numbers(blanked(raw, absent))
    values = np.where(absent, np.nan, values)
    infinite = np.isinf(values)
    beyond = ~infinite & (np.abs(values) > LARGEST) if single else np.zeros(len(values), bool)
    reasons = {
        i: f"no number in column '{column}' ('{str(raw[i])[:40]}')"
        for i in np.flatnonzero(bad & ~absent).tolist()
    }
    reasons |= dict.fromkeys(
        np.flatnonzero(infinite).tolist(), f"infinite number in column '{column}'"
    )
    for i in np.flatnonzero(beyond).tolist():
        reasons[i] = f"a number beyond single precision in column '{column}' ({values[i]:g})"
    return np.where(infinite | beyond, np.nan, values), reasons


@dataclass
class Labels:
    """Classes of objects.

    Attributes
    ----------
    values : ndarray of str, shape (n,)
        "" where an object has none.
    notes : list of str
        What was taken for no class, and what was not though it looks so.
    """

    values: np.ndarray
    notes: list[str] = field(default_factory=list)


def read_labels(
    raw: np.ndarray, name: str, missing: Sequence[str] = (), keep: Sequence[str] = ()
) -> Labels:
    """Read classes; a word for nothing (NaN, null, None, N/A, --, ?) is no class.

    Parameters
    ----------
    raw : ndarray, shape (n,)
    name : str
        Of the label, for the notes.
    missing : sequence of str
        What else stands for "not known".
    keep : sequence of str
        Words for nothing that are classes all the same.
    """
    values = np.where(stands_for_missing(raw, missing), "", texts(raw))
    counts = Counter(values.tolist())
    nothing = [word for word in counts if word and is_nothing(word) and word not in keep]
    for word in nothing:
        values[values == word] = ""
    n, notes = len(values), []
    if nothing:
        listed = join([f"'{word}' {counts[word]:,}" for word in nothing])
        total = sum(counts[word] for word in nothing)
        notes.append(
            f"{total:,} of {n:,} objects have a word for nothing as their {name} ({listed}): they "
            f"have none; where one is a class, say so ({name}: keep: ['{nothing[0]}'])."
        )
    for word in (w for w in counts if w.lower() in DOUBTFUL and w not in keep):
        notes.append(
            f"{counts[word]:,} of {n:,} objects have the {name} '{word}', which is kept as a "
            f"class: if it means that there is none, say so ({name}: missing: ['{word}'])."
        )
    return Labels(values, notes)


def refuse_long_numbers(raw: np.ndarray, where: str, unit: str | None) -> None:
    """Refuse whole numbers of more digits than a feature or target keeps, such as identifiers.

    Floating-point numbers are taken for such where all are whole, some are beyond 2^53 and none
    beyond 64 bits, and they have no unit.

    Raises
    ------
    DataError
    """
    longest = ""
    if raw.dtype.kind in "iu" and len(raw):
        longest = str(max(int(raw.max()), -int(raw.min())))
    elif raw.dtype.kind == "O":
        longest = max((_digits(cell) for cell in raw.tolist()), key=len, default="")
    elif raw.dtype.kind == "f" and unit is None:
        known = np.abs(raw[np.isfinite(raw)])
        most = float(known.max(initial=0))
        if 2.0**53 < most < 2.0**65 and (known == np.round(known)).all():
            longest = f"{most:.0f}"
    if longest and int(longest) > 2**53:
        raise DataError(
            f"{where} holds whole numbers of {len(longest)} digits, such as {longest}, of which a "
            "number keeps 15: name the column under info, which keeps them all, or state its unit "
            "if it was measured."
        )


def _digits(cell: object) -> str:
    """Digits of a whole number, "" for anything else."""
    text = str(cell).strip().lstrip("+-").lstrip("0") if isinstance(cell, str | int) else ""
    return text if text.isascii() and text.isdigit() else ""


def inferred(raw: np.ndarray, missing: Sequence[str] = ()) -> np.ndarray:
    """Give a column of a text file as numbers, if these lose nothing.

    Integers of up to 18 digits are integers, decimal numbers floats. Leading zeros (00123) and more
    digits leave it text.
    """
    absent = stands_for_missing(raw, missing).tolist()
    cells = [
        None if gone or is_nothing(text) else text
        for text, gone in zip(texts(raw).tolist(), absent, strict=True)
    ]
    known = pa.chunked_array([pa.array(cells, pa.string())])

    def holds(pattern: str, *, every: bool) -> bool:
        found = pc.match_substring_regex(known, pattern)
        return bool((pc.all if every else pc.any)(found).as_py())

    if known.null_count == len(known):
        return raw
    if holds(r"^-?(0|[1-9]\d{0,17})$", every=True):
        return flat_values(pc.cast(known, pa.int64()))
    if holds(r"^[+-]?(0\d+|\d{16,})$", every=False):
        return raw
    try:
        return flat_values(pc.cast(known, pa.float64()))
    except pa.ArrowInvalid:
        return raw


def read_info(
    raw: np.ndarray, column: str, missing: Sequence[str] = ()
) -> tuple[np.ndarray, dict[int, str]]:
    """Read what is only kept: text stays text, and integers keep all their digits.

    Returns
    -------
    values : ndarray, shape (n,)
        Integers, text or float64.
    reasons : dict of int to str
        As of `catalogue_numbers`.
    """
    absent = stands_for_missing(raw, missing)
    if raw.dtype.kind in "OU":
        return np.where(absent, "", texts(raw)), {}
    if raw.dtype.kind in "iu":
        values = with_missing(raw, absent) if absent.any() else raw
        return (texts(values) if values.dtype.kind == "O" else values), {}
    return catalogue_numbers(raw, column, missing, single=False)
