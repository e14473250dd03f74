"""What a run reached: every result as it is measured, written to metrics.json, and shown."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from skybind.config.subsets import FULL
from skybind.errors import DataError
from skybind.evaluation.run_records import AboutDataset, AboutSplit, Machine, Pretraining
from skybind.evaluation.samples import Sample
from skybind.measures.classification import ClassificationResult
from skybind.measures.clusters import Distinction, TruthMatch
from skybind.measures.importance import ImportanceTable
from skybind.measures.regression import RegressionResult
from skybind.measures.retrieval import RetrievalResult
from skybind.record import Number, Record, read_record, write_sealed

#: Raised when older programs would misread the file; what is only added does not raise it.
METRICS_VERSION = 1

Combination = tuple[str, ...]

#: Protocol of predictions whose neighbours are validation objects.
VALIDATION = "validation"

#: Of what trees see of large surveys.
STATISTICS_OF = (
    "Modalities of more than 50,000 light curves that the dataset has no computed features of: of "
    "these trees saw simple statistics alone."
)


class CalibrationResult(Record):
    """How far probabilities are to be believed."""

    temperature: Number = Field(
        ..., description="What the logits are divided by, fitted on validation objects."
    )
    error: Number = Field(
        ...,
        description="Mean distance of the probabilities from the shares that are right, over the "
        "test objects.",
    )
    error_before: Number = Field(..., description="The same without the temperature.")


class SubsetTest(Record):
    """Accuracy on the test objects of a subset."""

    n: int = Field(..., description="Objects.")
    accuracy: Number = Field(..., description="Fraction of them whose class is right.")


class CaseResult(ClassificationResult):
    """What a fine-tuned classifier got right."""

    left_out = frozenset({"subset_test", "calibration"})

    modalities: Combination = Field(..., description="The combination that it sees.")
    subset: str = Field(
        FULL, description="Labels it was trained with: `full`, a percentage (`10`), or `5-each`."
    )
    pretrained: bool = Field(..., description="Whether its encoders began pre-trained.")
    frozen: bool = Field(False, description="Whether they stayed as they began.")
    seed: int | None = Field(
        None,
        description="Seed of the run; entries that differ only in it are averaged in the report.",
    )
    n_train: int | None = Field(None, description="Labelled objects it was trained on.")
    calibration: CalibrationResult | None = Field(None, description="Of its probabilities.")
    subset_test: SubsetTest | None = Field(
        None, description="On the test objects of the same subset, as in the AstroM3 paper."
    )

    @property
    def start(self) -> str:
        """How its encoders began, and whether they were trained on."""
        if self.frozen:
            return "Pre-trained, frozen" if self.pretrained else "Random, frozen"
        return "Pre-trained" if self.pretrained else "From scratch"


class NeighbourResult(ClassificationResult):
    """What a vote of nearest neighbours got right.

    In the pre-trained embedding, which has seen no label.
    """

    modalities: Combination = Field(..., description="Whose (mean) embedding.")
    k: int = Field(..., description="Neighbours that vote.")
    seed: int | None = Field(None, description="Seed of the run.")
    n_train: int | None = Field(None, description="Labelled training objects to choose from.")

    @property
    def subset(self) -> str:
        """All labels."""
        return FULL

    @property
    def start(self) -> str:
        """The embedding is that of the pre-trained model."""
        return "Pre-trained"


class BaselineResult(ClassificationResult):
    """What a plain method got right.

    It sees the best features that can be computed of the observations (50 of light curves, the
    columns of catalogues, bins of spectra, simple statistics), and the same objects as the
    classifiers.
    """

    left_out = frozenset({"statistics_of"})

    name: str = Field("baseline", description="The method: `random forest` or `gradient boosting`.")
    modalities: Combination = Field(..., description="What it sees features of.")
    subset: str = Field(FULL, description="Labels it was trained with.")
    seed: int | None = Field(None, description="Seed of the run.")
    n_train: int | None = Field(None, description="Labelled objects it was trained on.")
    statistics_of: Combination | None = Field(None, description=STATISTICS_OF)

    @property
    def start(self) -> str:
        """It is named, beside how classifiers began."""
        return self.name.capitalize()


class Importance(ImportanceTable):
    """Importance of the modalities: one classifier given only some of them.

    Rows are classes, columns combinations; all columns are about the same objects.
    """

    case: str | None = Field(None, description="The classifier.")


class PairRetrieval(RetrievalResult):
    """How well the partners of one modality were found in another."""

    query: str = Field(..., description="The modality that asks.")
    target: str = Field(..., description="The modality that is searched.")
    split: str = Field("test", description="Part of the objects.")
    seed: int | None = Field(None, description="Seed of the run.")


class RetrievalRival(PairRetrieval):
    """The same objects found by one of several methods, ours among them.

    `canonical correlation`: of simple statistics of the observations (what the forest sees) and
    their brightness, fitted on training objects, by the likelihood ratio of "one object" to "two
    objects" or by the cosine of the variates; `brightness alone`; and as controls, which must give
    chance, ours with exchanged partners, and a canonical correlation fitted on exchanged training
    pairs that is asked for exchanged partners, too.
    """

    left_out = frozenset({"matched_by"})

    method: str = Field(..., description="Which.")
    matched: RetrievalResult | None = Field(
        None,
        description="Among candidates within 0.3 mag of the query's object alone; null where no "
        "brightness is known.",
    )
    matched_by: str | None = Field(
        None, description="The modality whose brightness that is, see `brightness`."
    )


class TargetResult(RegressionResult):
    """How well a target was predicted.

    A difference d is predicted - true, divided by 1 + true for redshifts.

    Of method `k-NN` the predictions are in `regression.parquet` beside `metrics.json`: `target`,
    `protocol`, `fit`, `predict`, `object_id`, `true`, `predicted`.
    """

    left_out = frozenset({"k", "statistics_of"})

    target: str = Field(..., description="The column.")
    unit: str | None = Field(None, description="Its unit.")
    method: str = Field(
        ...,
        description="`k-NN`: mean of the `k` nearest training objects, weighted by 1/distance, "
        "zero-shot; `MLP`: a perceptron on the embeddings; `random forest`, `gradient boosting`: "
        "on the best features of the observations; `ridge`: on simple statistics; `supervised`: "
        "the modality's encoder trained on the targets alone.",
    )
    inputs: str = Field(
        ..., description="`embeddings`, `features`, `statistics` or `observations`."
    )
    fit: Combination = Field(
        ..., description="The combination whose embeddings the method was fitted on."
    )
    predict: Combination = Field(
        ..., description="The combination that it was given to predict from."
    )
    protocol: str = Field(
        ...,
        description="`train`: fitted on the training objects, tested on the test objects; "
        "`validation`: fitted on the validation objects, tested on the test objects. Files of "
        "before have `held-out`: fitted on one half of the validation and test objects, tested on "
        "the other, so also on objects that chose the epoch; it is not shown any more.",
    )
    share: float = Field(
        100.0,
        description="Percentage of the training objects that it was given (the same ones for all "
        "methods).",
    )
    k: int | None = Field(None, description="Neighbours; only of `k-NN`.")
    seed: int | None = Field(None, description="Seed of the run.")
    n_train: int = Field(..., description="Objects it was fitted on.")
    statistics_of: Combination | None = Field(None, description=STATISTICS_OF)
    truth: RegressionResult | None = Field(
        None,
        description="The same against the simulation's own numbers instead of the catalogue's; "
        "null for real data.",
    )

    @property
    def zero_shot(self) -> bool:
        """Whether it is by neighbours among the training objects."""
        return self.method == "k-NN" and self.protocol == "train"

    @property
    def key(self) -> tuple[str, Combination, Combination]:
        """What is predicted, and from what."""
        return self.target, self.fit, self.predict


class Cluster(Record):
    """One cluster and what sets it apart."""

    cluster: int = Field(..., description="Its number by size, from 0.")
    size: int = Field(..., description="Objects.")
    examples: list[str] = Field([], description="Names of some.")
    columns: list[Distinction] = Field([], description="What sets it apart.")


class _Clusters(Record):
    modalities: Combination = Field(
        ..., description="Whose embeddings; of several, combined as `evaluation.combined` says."
    )
    seed: int | None = Field(None, description="Seed of the run.")
    n: int = Field(..., description="Objects.")
    n_clusters: int = Field(..., description="Clusters.")
    n_alone: int = Field(..., description="Objects in no cluster.")
    clusters: list[Cluster] = Field([], description="The largest.")
    truth: list[TruthMatch] = Field(
        [],
        description="Simulated data only: where each planted kind is. This evaluation alone reads "
        "the truth table.",
    )

    @property
    def settings(self) -> str:
        """How they were found, in words."""
        raise NotImplementedError


class Islands(_Clusters):
    """Clusters of a map by DBSCAN (Ester et al. 1996)."""

    method: Literal["DBSCAN"] = Field("DBSCAN", description="How they were found.")
    space: str = Field("map", description="Where they were looked for.")
    map: str = Field("", description="How the map was made.")
    radius: float = Field(..., description="Of a neighbourhood, in the map's units.")
    min_samples: int = Field(..., description="Neighbours that make a cluster grow.")

    @property
    def settings(self) -> str:
        """How they were found, in words."""
        return f"radius {self.radius:.2f}, {self.min_samples} samples"


class Groups(_Clusters):
    """Clusters of the embeddings by k-means."""

    method: Literal["k-means"] = Field("k-means", description="How they were found.")
    space: str = Field("embedding", description="Where they were looked for.")
    k: int = Field(..., description="The number of groups that was chosen or set.")
    silhouette: dict[int, Number] = Field(
        ..., description="k -> mean silhouette (Rousseeuw 1987) of every number that was tried."
    )

    @property
    def settings(self) -> str:
        """How they were found, in words."""
        tried = f" of {len(self.silhouette)} tried" if len(self.silhouette) > 1 else ""
        return f"k = {self.k}{tried}, silhouette {self.silhouette[self.k]:.2f}"


Clusters = Annotated[Islands | Groups, Field(discriminator="method")]


class Metrics(Record):
    """Every number of a run's report.

    Sections that do not apply are empty or null; the report then says so in a sentence.
    """

    left_out = frozenset({"retrieval_rivals", "brightness", "samples"})

    metrics_version: int = Field(METRICS_VERSION, description="Version of the file.")
    title: str | None = Field(
        None, description="Heading of the report: the name of the configuration."
    )
    created: str | None = Field(None, description="When it was evaluated, ISO 8601, UTC.")
    command: str | None = Field(
        None, description="The command that made it; null if it was made from Python."
    )
    seed: int | None = Field(None, description="Seed of the run.")
    classes: list[str] = Field(
        [], description="Names; matrices and codes everywhere are in this order."
    )
    dataset: AboutDataset | None = Field(None, description="What the run is on.")
    split: AboutSplit | None = Field(None, description="Which objects train and test.")
    pretraining: Pretraining | None = Field(None, description="Null if there was none.")
    classification: list[CaseResult] = Field([], description="One entry a fine-tuned classifier.")
    importance: Importance | None = Field(
        None, description="Null without a classifier of several modalities."
    )
    retrieval: list[PairRetrieval] = Field(
        [], description="One entry an ordered pair of modalities."
    )
    retrieval_rivals: list[RetrievalRival] | None = Field(
        None, description="One entry an ordered pair of modalities and method, ours among them."
    )
    brightness: dict[str, str] | None = Field(
        None,
        description="Modality -> what its brightness is taken from, in words; empty: not known.",
    )
    knn: list[NeighbourResult] = Field([], description="One entry a modality, and all together.")
    baseline: list[BaselineResult] = Field(
        [], description="One entry a plain method, what it sees, and subset."
    )
    regression: list[TargetResult] = Field(
        [], description="One entry a prediction of a target for the test objects."
    )
    clusters: list[Clusters] = Field(
        [],
        description="Two entries a map, if clusters were looked for (by default where there are "
        "targets or images). A map is fitted on training objects and applied to test objects; both "
        "are clustered. Where each object lies and its clusters are in `maps.parquet` beside "
        "`metrics.json`: `modalities`, `object_id`, `row` in the dataset, `part`, `x`, `y`, "
        "`island` (DBSCAN), `group` (k-means).",
    )
    samples: list[Sample] | None = Field(
        None, description="What was measured on some of the objects only, drawn by the seed."
    )
    timing: dict[str, float] = Field(
        {},
        description="Step -> wall time [s]; `all` is the whole run, `fine-tuning NAME` one "
        "classifier.",
    )
    versions: dict[str, str] = Field({}, description="Package -> version.")
    machine: Machine = Field(
        {},
        description="What it was evaluated on: system, processor, cores, threads of PyTorch, and "
        "the accelerator if there is one.",
    )


def write_metrics(metrics: Metrics, path: str | Path) -> None:
    """Write `metrics.json`."""
    write_sealed(Path(path), metrics.plain())


def read_metrics(path: str | Path) -> Metrics:
    """Read `metrics.json`.

    Raises
    ------
    DataError
        If it is missing, damaged, or of a newer version.
    """
    path, again = Path(path), "run 'skybind evaluate' again"
    try:
        metrics = read_record(path, dict[str, Any], again)
    except FileNotFoundError as error:
        raise DataError(f"There is no {path}: run 'skybind evaluate' first.") from error
    version = metrics.get("metrics_version")
    if version != METRICS_VERSION:
        raise DataError(
            f"{path} has metrics version {version}, this skybind reads {METRICS_VERSION}: "
            "run 'skybind evaluate' again."
        )
    return read_record(path, Metrics, again)
