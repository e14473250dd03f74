"""What the report's pages on maps, predictions, retrieval and clusters are drawn from."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from skybind.report.data import ExampleObject

Group = tuple[str, ...]


@dataclass
class Picture:
    """An image as people look at it.

    Attributes
    ----------
    pixels : ndarray of float, shape (H, W, 3)
        Red, green, blue between 0 and 1; the first row is drawn at the bottom, as astronomers
        store images.
    pixel_scale : float, optional
        Size of a pixel [arcsec].
    """

    pixels: np.ndarray
    pixel_scale: float | None = None


@dataclass
class ColourColumn:
    """Values of a column that colour a map.

    Attributes
    ----------
    name : str
        The column.
    values : ndarray, shape (n,)
        Numbers (NaN where missing) or text ("" where missing).
    unit : str or None
        Unit of the numbers.
    """

    name: str
    values: np.ndarray
    unit: str | None = None


@dataclass
class MapView:
    """Objects on the map of some modalities' embeddings.

    Attributes
    ----------
    modalities : tuple of str
        Whose (mean) embeddings were mapped.
    part : ndarray of str, shape (n,)
        `train` for those that the map was fitted on, `test` for those placed on it.
    position : ndarray, shape (n, 2)
        Where they lie.
    columns : list of ColourColumn
        What may colour them.
    clusters : dict of str to ndarray of int, shape (n,)
        Method -> cluster of each object, -1 for none.
    """

    modalities: Group
    part: np.ndarray
    position: np.ndarray
    columns: list[ColourColumn] = field(default_factory=list)
    clusters: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass
class PredictionView:
    """Numbers predicted by neighbours and true ones, of the test objects."""

    target: str
    unit: str | None
    fit: Group
    predict: Group
    true: np.ndarray
    predicted: np.ndarray
    r2: float | None
    r2_error: float | None


@dataclass
class Match:
    """One object found for a query; `same` if it is the query's own other view."""

    example: "ExampleObject"
    cosine: float
    same: bool


@dataclass
class QueryView:
    """One object as a query and what was found: (query, target modality) -> matches."""

    example: "ExampleObject"
    matches: dict[tuple[str, str], list[Match]]


@dataclass
class ClusterView:
    """Samples of one cluster."""

    modalities: Group
    method: str
    cluster: int
    size: int
    examples: list["ExampleObject"]
