"""The flat columns of a preview: numbers, classes and texts."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from skybind.data.schema import Column
from skybind.ingest.preview.values import Range, missing_advice, range_of

#: Classes that are listed.
LISTED = 12


@dataclass
class FlatColumn:
    """What became of one flat column.

    Attributes
    ----------
    name : str
    column : Column
        Its role and unit in the dataset.
    stated : str or None
        The unit that the mapping or the file states.
    numbers : Range or None
        Of numbers.
    classes : dict of str to int
        Of text: the most frequent first, "" not among them.
    missing : int
        Objects without a value.
    """

    name: str
    column: Column
    stated: str | None = None
    numbers: Range | None = None
    classes: dict[str, int] = field(default_factory=dict)
    missing: int = 0

    @property
    def suggestions(self) -> list[str]:
        """Sentences on what should be looked at."""
        found = []
        if self.numbers is not None:
            n = self.numbers
            if n.n and n.missing == n.n:
                return [f"'{self.name}' has no value at all: is its column the right one?"]
            for suspect in n.suspects:
                found.append(missing_advice(self.name, suspect))
            if n.constant:
                found.append(f"'{self.name}' is {n.low:g} for every object: it tells nothing.")
        elif self.column.role == "label":
            total = sum(self.classes.values())
            if not total:
                found.append(f"'{self.name}' has no class at all: is its column the right one?")
            elif len(self.classes) > max(20, 0.5 * total):
                found.append(
                    f"'{self.name}' has {len(self.classes):,} classes among {total:,} objects: is "
                    "its column one of names?"
                )
            elif len(self.classes) == 1:
                found.append(f"'{self.name}' has a single class: nothing can be told apart.")
        return found


def flat_column(name: str, column: Column, values: np.ndarray, stated: str | None) -> FlatColumn:
    """Look at a flat column as the dataset holds it."""
    if values.dtype.kind in "fiu":
        numbers = range_of(values.astype(np.float64), column.unit, stated)
        return FlatColumn(name, column, stated, numbers, missing=numbers.missing)
    texts = Counter("" if value is None else str(value) for value in values.tolist())
    missing = texts.pop("", 0)
    return FlatColumn(name, column, stated, classes=dict(texts.most_common()), missing=missing)


def position_suggestions(ra: Range, dec: Range) -> list[str]:
    """Say where positions look as if they were in another unit."""
    if ra.n - ra.missing < 20:
        return []
    if ra.high <= 2 * np.pi and max(-dec.low, dec.high) <= np.pi / 2 and ra.high - ra.low > 3:
        return [
            "All right ascensions lie below 2 pi degrees and all declinations within pi / 2: if "
            "they are radians, give unit: rad."
        ]
    if ra.high > 24 or dec.high - dec.low < 48:
        return []
    return [
        "All right ascensions lie below 24 degrees, with declinations over "
        f"{dec.high - dec.low:.0f}: if they are hours, give unit: hourangle."
    ]
