"""Values of a catalogue that are there and that a modality cannot use, each with its reason."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from skybind.words import join

LARGE = "beyond single precision (3.4e38): give the logarithm, or a larger unit"
ABSURD = "absurdly far from the training data, by over 1e8 standard deviations"
NO_LOGARITHM = "not positive, and the model reads the logarithm"
#: Columns that a sentence names.
LISTED = 5


class Unused(NamedTuple):
    """Values of a flat column that count as missing though they are there.

    Attributes
    ----------
    feature, why : str
    values : ndarray
        Those values.
    """

    feature: str
    why: str
    values: np.ndarray


def unused_features(
    table: pa.Table,
    names: Sequence[str],
    made: np.ndarray,
    absurd: np.ndarray,
    reasons: Mapping[str, str],
) -> list[Unused]:
    """Find the values that count as missing.

    Parameters
    ----------
    table : pyarrow.Table
    names : sequence of str
        Its columns.
    made : ndarray, shape (objects, features)
        What a modality made of them; NaN where it has none.
    absurd : ndarray of bool, shape (objects, features)
        Which of these it passes over.
    reasons : mapping of str to str
        Column -> why what is made of it may be none.
    """
    found = []
    for index, name in enumerate(names):
        raw = table[name].cast(pa.float64()).to_numpy(zero_copy_only=False)
        large = np.abs(raw) > np.finfo(np.float32).max
        none = ~np.isnan(raw) & ~large & np.isnan(made[:, index])
        for why, which in (
            (LARGE, large),
            (reasons.get(name, "no number"), none),
            (ABSURD, ~large & absurd[:, index]),
        ):
            if which.any():
                found.append(Unused(name, why, raw[which]))
    return found


def unused_notes(found: Iterable[Unused], where: str) -> list[str]:
    """Say which values count as missing, in a sentence a reason.

    Parameters
    ----------
    found : iterable of Unused
        Perhaps several of one column.
    where : str
        What the sentences begin with.
    """
    grouped: dict[str, dict[str, list[np.ndarray]]] = {}
    for one in found:
        grouped.setdefault(one.why, {}).setdefault(one.feature, []).append(one.values)
    notes = []
    for why, columns in grouped.items():
        counts = {name: sum(map(len, values)) for name, values in columns.items()}
        often = sorted(counts, key=lambda name: -counts[name])
        listed = [f"'{name}' {counts[name]:,}" for name in often[:LISTED]]
        if len(often) > LISTED:
            listed.append(f"{len(often) - LISTED} more columns {sum(counts.values()):,} in all")
        first = columns[often[0]][0][0]
        notes.append(
            f"{where}: values count as missing ({join(listed)} of them, such as {first:g}), for "
            f"they are {why}."
        )
    return notes
