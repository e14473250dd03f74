"""What the embeddings of a run tell by themselves: the content of discover.json."""

from pydantic import Field

from skybind.discovery.measures.combinations import ComparisonTable
from skybind.discovery.measures.contributions import Carried
from skybind.discovery.measures.detection import Detection
from skybind.discovery.measures.structure import Landing, Parts
from skybind.evaluation.samples import Sample
from skybind.measures.clusters import Distinction
from skybind.record import Number, Record

#: Raised when what a step writes changes, or what it draws: older results are then made anew.
DISCOVER_VERSION = 7


class FlagCounts(Record):
    """Outliers and suspected errors."""

    percentile: float = Field(
        ..., description="Of the distances from a class's centroid, beyond which one is flagged."
    )
    n_scored: int = Field(..., description="Objects that were scored.")
    flagged: dict[str, int] = Field(..., description="Test in words -> objects that it flags.")
    labels_right: int | None = Field(
        None,
        description="Of the labels doubted, about so many are right: all but as many as are wrong "
        "if labels are wrong as often everywhere as where nine tenths of the votes agree; no lower "
        "bound; null where too few objects have such votes.",
    )


class DetectionResult(Detection):
    """How well a score finds a planted kind.

    All scores are in `detections.json`.
    """

    left_out = frozenset({"designated"})

    kind: str = Field(
        ...,
        description="What was planted: a kind, its sub-kinds (`kind: value`), `any fault`, or "
        "`class not in use`.",
    )
    method: str = Field(..., description="`skybind`, or a usual detector of outliers.")
    score: str = Field(..., description="Which score, or of a rival on which vectors.")
    share: Number = Field(..., description="Share of the kind among the objects: chance.")
    designated: bool | None = Field(
        None, description="Whether it is the score made for the kind, fixed before looking."
    )
    best: bool = Field(
        False,
        description="Whether it is the score made for the kind and its average precision is above "
        "that of the best score of every other method, by a paired bootstrap with p < 0.05.",
    )


class ClassParts(Parts):
    """The parts of one class.

    Which object is in which part: `structure.parquet`.
    """

    name: str = Field(..., alias="class", description="The class.")
    modality: str = Field(..., description="Whose embeddings were divided; `all`: the mean of all.")
    n: int = Field(..., description="Its objects, without those that were left out.")
    n_doubted: int = Field(
        ..., description="Objects left out because the neighbours doubt their label."
    )
    columns: list[list[Distinction]] = Field(
        ..., description="For each part what sets it apart from the others."
    )
    observed: str | None = Field(
        None,
        description="What of the observations, not of the objects, sets the parts apart most "
        "where nothing else does more: a brightness, an uncertainty, a signal to noise ratio.",
    )
    adjusted_rand_index: dict[str, Number] = Field(
        {},
        description="Column of the truth table that divides the class -> agreement with it "
        "(Hubert & Arabie 1985); empty for real data.",
    )


class ResolvedLabels(Record):
    """Objects of no class in use.

    Each object: `labels.parquet`.
    """

    resolved: list[str] = Field(..., description="Their labels.")
    n: int = Field(..., description="Objects.")
    n_sure: int = Field(..., description="Those of which a class has more than one half.")
    suggested: dict[str, int] = Field(..., description="Class -> sure objects.")


class Comparison(ComparisonTable):
    """Importance of the modalities by one measure."""

    measure: str = Field(..., description="`accuracy`, `retrieval` or `regression`.")
    method: str = Field(..., description="By what, in words.")


class Decisions(Record):
    """What carried the decisions of a classifier.

    Each object: `decisions.parquet`.
    """

    case: str = Field(..., description="The classifier.")
    n: int = Field(..., description="Test objects.")
    classes: list[Carried] = Field(..., description="By predicted class.")


class MapSettings(Record):
    """How the maps in `map.parquet` were made."""

    method: str = Field(..., description="`umap` or `pca`.")
    options: dict[str, int | float | str | bool | None] = Field(
        {}, description="Passed to the method."
    )
    modalities: list[tuple[str, ...]] = Field(..., description="Of each map.")


class DiscoverRecord(Record):
    """Every number of the page of discoveries."""

    left_out = frozenset({"samples"})

    discover_version: int = Field(
        DISCOVER_VERSION, description="Raised when what is written changes."
    )
    seed: int = Field(..., description="Seed of the run.")
    n_objects: int = Field(..., description="Objects.")
    simulated: bool | None = Field(None, description="Whether they are simulated.")
    classes: list[str] = Field([], description="Names of the classes in use.")
    modalities: list[str] = Field(..., description="Of the embeddings.")
    outliers: FlagCounts = Field(..., description="What was flagged.")
    detection: list[DetectionResult] = Field(
        [],
        description="Simulated data only: for each planted kind the score made for it, the best of "
        "skybind's, and the best of each rival, by average precision.",
    )
    structure: list[ClassParts] = Field([], description="One entry a class and embedding.")
    new_classes: list[Landing] = Field([], description="One entry a class that is not in use.")
    labels: ResolvedLabels | None = Field(
        None, description="Null if every object has a class in use."
    )
    importance: list[Comparison] = Field([], description="One entry a table.")
    decisions: Decisions | None = Field(
        None, description="Null without a classifier of several modalities."
    )
    map: MapSettings | None = Field(None, description="The maps of everything.")
    samples: list[Sample] | None = Field(
        None, description="What was measured on some of the objects only, drawn by the seed."
    )
    seconds: dict[str, float] = Field({}, description="Step -> wall time when it was done [s].")
