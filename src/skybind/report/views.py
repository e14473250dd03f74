"""What the report's pages on maps, predictions, retrieval and clusters are drawn from."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from skybind.drawing.observed import ExampleObject
from skybind.drawing.observed import Group


@dataclass
class PredictionView:
    """Numbers predicted by neighbours and true ones, of the test objects."""

    target: str
    unit: str | None
    fit: Group
    predict: Group
    true: np.ndarray
    predicted: np.ndarray
    r2: float
    r2_error: float


@dataclass
class Match:
    """One object found for a query; `same` if it is the query's own other view."""

    example: "ExampleObject"
    cosine: float
    same: bool


@dataclass
class QueryView:
    """One object as a query and what was found.

    Attributes
    ----------
    example : ExampleObject
    matches : dict of (str, str) to list of Match
        By the modalities of the query and of what is found.
    searched : dict of (str, str) to ExampleObject
        The object as these modalities read it; `example` where there is none.
    """

    example: "ExampleObject"
    matches: dict[tuple[str, str], list[Match]]
    searched: dict[tuple[str, str], "ExampleObject"] = field(default_factory=dict)


@dataclass
class ClusterView:
    """Samples of one cluster."""

    modalities: Group
    method: str
    cluster: int
    size: int
    examples: list["ExampleObject"]
