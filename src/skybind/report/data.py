"""What a report is made from."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from skybind.drawing.blocks import origin_of
from skybind.drawing.observed import ExampleObject, MapPanel, MapView
from skybind.evaluation.records import Metrics
from skybind.report.views import ClusterView, PredictionView, QueryView


@dataclass
class ReportData:
    """All that a report shows.

    Numbers come from `metrics`; the rest is what figures need beyond numbers. Only `metrics` is
    required, and may be empty: a section then says in a sentence that there is nothing to show.

    Attributes
    ----------
    metrics : Metrics
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
    published : mapping of str to str
        Which quantity of the AstroCLIP reports a target is, where it shall be compared.
    """

    metrics: Metrics
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
    published: Mapping[str, str] = field(default_factory=dict)

    @property
    def classes(self) -> list[str]:
        """Names of the classes, in the order of codes and matrices."""
        return self.metrics.classes

    @property
    def simulated(self) -> bool | None:
        """Whether the objects are simulated; None if nobody said."""
        return None if self.metrics.dataset is None else self.metrics.dataset.simulated

    @property
    def origin(self) -> str:
        """A sentence for captions: simulated or real."""
        return origin_of(self.simulated)
