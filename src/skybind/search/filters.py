"""Which objects a search may find: in a part of the split, in a cone, by conditions."""

from dataclasses import dataclass

import numpy as np

from skybind.data.cone import Cone
from skybind.data.where import fulfilled
from skybind.embeddings.stream import EmbeddingStream
from skybind.errors import DataError
from skybind.search.places import Places
from skybind.search.positions import Positions, cone_mask, open_positions
from skybind.words import nearest


@dataclass(frozen=True)
class Filters:
    """What is asked of the objects that may be found.

    Attributes
    ----------
    split : str, optional
        They belong to this part of the split.
    cone : str, optional
        They lie in it: `RA DEC RADIUS` (see `skybind.data.cone`).
    where : str, optional
        They fulfil it (see `skybind.data.where`).
    has : str, optional
        They were observed in this modality.
    """

    split: str | None = None
    cone: str | None = None
    where: str | None = None
    has: str | None = None


def kept_objects(stream: EmbeddingStream, places: Places, filters: Filters) -> np.ndarray | None:
    """Tell which objects may be found, shape (n,) bool; None for all.

    Where positions are sorted (`skybind.search.positions`), a cone costs nothing, and all else is
    read of the objects in it alone.

    Raises
    ------
    DataError
        If a filter cannot be understood, or none is left.
    """
    keep, split = _in_place(stream, places, filters), filters.split
    if split is not None:
        keep = stream.in_split(split, keep)
        if not keep.any() and split not in (parts := stream.split_parts()):
            raise DataError(f"The embeddings have no split '{split}': {nearest(split, parts)}")
    if filters.has is not None:
        keep = stream.present([filters.has], keep)
    if keep is not None and not keep.any():
        raise DataError("No object fulfils the conditions: there is nothing to search.")
    return keep


def _in_place(stream: EmbeddingStream, places: Places, filters: Filters) -> np.ndarray | None:
    """Objects in a cone that fulfil a condition; None where neither is asked for."""
    where = filters.where
    cone = None if filters.cone is None else Cone.read(filters.cone)
    if cone is None and where is None:
        return None
    positions = open_positions(stream, places.dataset)
    if cone is not None and positions is not None:
        return _in_sorted(stream, places, positions, cone, where)
    keep = np.ones(len(stream), bool) if cone is None else cone_mask(stream, places, cone)
    return keep if where is None else keep & _fulfilled(stream, places, positions, where)


def _in_sorted(
    stream: EmbeddingStream,
    places: Places,
    positions: Positions,
    cone: Cone,
    where: str | None,
) -> np.ndarray:
    """Objects in a cone that fulfil a condition, of which only theirs are read."""
    rows = positions.in_cone(cone)
    if where is not None:
        rows = rows[fulfilled(places.dataset, where, positions.data_rows(rows))]
    keep = np.zeros(len(stream), bool)
    keep[rows] = True
    return keep


def _fulfilled(
    stream: EmbeddingStream, places: Places, positions: Positions | None, where: str
) -> np.ndarray:
    """Objects that fulfil a condition."""
    kept = fulfilled(places.dataset, where)
    if positions is not None:  # the names need not be compared again
        rows = positions.data_rows(np.arange(len(stream)))
    else:
        rows = places.rows(stream.object_id)
    return np.asarray(np.append(kept, False)[rows])
