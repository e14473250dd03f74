"""What a report is made from."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from skybind.errors import DataError
from skybind.report.views import ClusterView, MapView, Picture, PredictionView, QueryView

METRICS_VERSION = 1


@dataclass
class LightCurve:
    """A light curve to draw.

    Attributes
    ----------
    time : ndarray, shape (n,)
        Time [`time_unit`].
    value : ndarray, shape (n,)
        Brightness [`value_unit`].
    error : ndarray, shape (n,), optional
        Its standard error.
    period : float, optional
        Period [d] to fold with; without it only the curve in time is drawn.
    value_name : str
        What `value` is: `Flux` or `Magnitude` (drawn with the bright end on top).
    value_unit, time_unit : str
        Units for the axis labels; empty for none.
    band : ndarray of str, shape (n,), optional
        Band of each epoch.
    """

    time: np.ndarray
    value: np.ndarray
    error: np.ndarray | None = None
    period: float | None = None
    value_name: str = "Flux"
    value_unit: str = ""
    time_unit: str = "d"
    band: np.ndarray | None = None


@dataclass
class Spectrum:
    """A spectrum to draw.

    Attributes
    ----------
    wavelength : ndarray, shape (n,)
        Wavelength [Angstrom], in air or vacuum as `vacuum` says.
    flux : ndarray, shape (n,)
        Flux [`flux_unit`]; NaN where masked.
    redshift : float
        Lines are drawn at (1 + redshift) times their rest wavelength; beyond 0.003, farther than
        any star, those of galaxies.
    flux_unit : str
        Unit for the axis label.
    vacuum : bool
        Whether wavelengths are in vacuum.
    """

    wavelength: np.ndarray
    flux: np.ndarray
    redshift: float = 0.0
    flux_unit: str = "arbitrary units"
    vacuum: bool = True


@dataclass
class ExampleObject:
    """One object that the report shows.

    Attributes
    ----------
    object_id : str
        Its name.
    split : str
        Which split it belongs to.
    true_class, predicted_class : str, optional
        Its class in the catalogue and from the model.
    light_curve : LightCurve, optional
        Its photometry, if observed.
    spectrum : Spectrum, optional
        Its spectrum, if observed.
    image : Picture, optional
        Its image, if observed.
    properties : dict of str to str
        What else the caption tells: name -> value with unit.
    """

    object_id: str
    split: str = "test"
    true_class: str | None = None
    predicted_class: str | None = None
    light_curve: LightCurve | None = None
    spectrum: Spectrum | None = None
    image: Picture | None = None
    properties: dict[str, str] = field(default_factory=dict)


@dataclass
class MapPanel:
    """The objects of one split on the map of the embeddings.

    Attributes
    ----------
    split : str
        Name of the split.
    position : ndarray, shape (n, 2)
        Where they lie.
    code : ndarray of int, shape (n,)
        Class code, index into the metrics' `classes`; -1 for no class.
    """

    split: str
    position: np.ndarray
    code: np.ndarray


@dataclass
class ReportData:
    """All that a report shows.

    Numbers come from `metrics`, the content of `metrics.json` (see docs/metrics.md); the rest
    is what figures need beyond numbers. Only `metrics` is required, and every key in it may be
    absent: its section then says in a sentence that there is nothing to show.

    Attributes
    ----------
    metrics : dict
        Content of `metrics.json`.
    config : str
        The configuration as resolved, YAML.
    map_panels : list of MapPanel
        The map of the embeddings, a panel a split, all on the same axes.
    map_method : str
        How the map was made, for its caption (`umap`, `pca`).
    map_modalities : tuple of str
        Modalities whose average was mapped.
    examples : list of ExampleObject
        Objects to show.
    maps : list of MapView
        Maps of each modality and of all together, to be coloured by columns and clusters.
    predictions : list of PredictionView
        Predicted against true numbers.
    queries : list of QueryView
        Objects whose retrieval is drawn.
    clusters : list of ClusterView
        Samples of the clusters.
    links : list of (str, str)
        Other pages beside the report: file and words.
    """

    metrics: dict[str, Any]
    config: str = ""
    map_panels: list[MapPanel] = field(default_factory=list)
    map_method: str = "umap"
    map_modalities: tuple[str, ...] = ()
    examples: list[ExampleObject] = field(default_factory=list)
    maps: list[MapView] = field(default_factory=list)
    predictions: list[PredictionView] = field(default_factory=list)
    queries: list[QueryView] = field(default_factory=list)
    clusters: list[ClusterView] = field(default_factory=list)
    links: list[tuple[str, str]] = field(default_factory=list)

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of codes and matrices."""
        return list(self.metrics.get("classes") or [])

    @property
    def simulated(self) -> bool | None:
        """Whether the objects are simulated; None if nobody said."""
        return (self.metrics.get("dataset") or {}).get("simulated")

    @property
    def origin(self) -> str:
        """A sentence for captions: simulated or real."""
        words = {True: "Simulated data.", False: "Real observations.", None: "Origin not recorded."}
        return words[self.simulated]


def read_metrics(path: str | Path) -> dict[str, Any]:
    """Read `metrics.json`.

    Raises
    ------
    DataError
        If it is missing, damaged, or of a newer version.
    """
    path = Path(path)
    try:
        metrics = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise DataError(f"There is no {path}: run 'skybind evaluate' first.") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise DataError(f"{path} is damaged ({error}): run 'skybind evaluate' again.") from error
    version = metrics.get("metrics_version") if isinstance(metrics, Mapping) else None
    if version != METRICS_VERSION:
        raise DataError(
            f"{path} has metrics version {version}, this skybind reads {METRICS_VERSION}: "
            "run 'skybind evaluate' again."
        )
    return dict(metrics)
