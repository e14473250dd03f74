"""Simple statistics of the observations: what plain methods are given."""

from collections.abc import Sequence

import numpy as np

from skybind.modalities.source import BatchSource


def modality_statistics(source: BatchSource, name: str) -> np.ndarray:
    """Simple statistics of all objects in one modality, (n, F); NaN where it is absent."""
    modality, prepared = source.modalities[name], source.prepared[name]
    rows = np.flatnonzero(prepared.present)
    pieces = [
        modality.summary(prepared, chunk) for chunk in np.array_split(rows, 1 + len(rows) // 2048)
    ]
    known = np.concatenate(pieces)
    values = np.full((len(source), known.shape[1]), np.nan)
    values[rows] = known
    return values


def modality_sets(names: Sequence[str]) -> list[tuple[str, ...]]:
    """Every modality alone, then all together where there are several."""
    sets: list[tuple[str, ...]] = [(name,) for name in names]
    return [*sets, tuple(names)] if len(sets) > 1 else sets
