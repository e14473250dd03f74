"""Options of the evaluation: what is measured, mapped and drawn."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator


class EvaluationConfig(BaseModel):
    """What is measured on the test objects."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    allow_twins: bool = Field(
        False,
        description="Measure also on test objects that a model has seen under another name, or "
        "whose light curve, spectrum, image or catalogue row it has seen, or one at their place; "
        "they are told. By default that is refused.",
    )
    retrieval: bool = Field(
        True, description="How often the same object is found from one modality in another."
    )
    neighbours: int = Field(16, description="Neighbours of the k-NN classifier.", ge=1)
    asked_objects: int = Field(
        20_000,
        description="Test objects at most whose nearest neighbours are looked for, among all "
        "training objects, and among which plain methods retrieve, drawn by the seed; our own "
        "retrieval ranks all test objects.",
        ge=20,
    )
    taught_objects: int = Field(
        200_000,
        description="Training objects at most that trees, ridge regression and perceptrons are "
        "taught with, and labelled objects that 'label propose' learns from, drawn by the seed.",
        ge=20,
    )
    importance: bool = Field(True, description="The table of classes by sets of modalities.")
    baseline: bool = Field(
        True,
        description="Random forest and gradient boosting on the best features there are, and "
        "canonical correlation of simple statistics, for comparison.",
    )
    brightness: dict[str, str] = Field(
        {},
        description="Catalogue (a modality) -> its column of apparent magnitudes [mag], by which "
        "candidates of like brightness are chosen in retrieval; by default the first that orders "
        "the objects as light curves or images do.",
    )
    map: Literal["umap", "pca", "none"] = Field("umap", description="How the map is made.")
    map_objects: int = Field(4000, description="Objects on the map at most, of each part.", ge=10)
    examples: int = Field(6, description="Example objects in the report.", ge=0)
    queries: int = Field(
        4, description="Queries whose retrieved objects are drawn, where there are images.", ge=0
    )
    targets: list[str] | None = Field(
        None, description="Columns to predict; those of the role `target` by default."
    )
    label_shares: list[float] = Field(
        [10.0, 100.0],
        description="Percentages of the training objects whose targets few-shot regression and "
        "its baselines are given.",
    )
    supervised_epochs: int = Field(
        20,
        description="Epochs of the supervised baseline of the regression, one encoder a modality "
        "trained on the targets; 0: leave it out.",
        ge=0,
    )
    clusters: bool | None = Field(
        None,
        description="Map each modality and look for clusters; by default where there are targets "
        "or images.",
    )
    combined: Literal["mean", "concatenated"] = Field(
        "mean",
        description="What is mapped and divided into groups of all modalities together: the mean "
        "of their embeddings, of any that an object has, or the embeddings side by side of the "
        "objects that have all (AstroCLIP reports).",
    )
    groups: int | None = Field(
        None,
        description="Groups of k-means (AstroCLIP reports: 10); null: as many as give the largest "
        "silhouette.",
        ge=2,
    )
    map_columns: list[str] | None = Field(
        None, description="Columns that colour the maps; targets and labels by default."
    )
    published: dict[str, Literal["redshift", "stellar mass"]] = Field(
        {},
        description="Targets whose zero-shot R2 the report puts beside that of the AstroCLIP "
        "reports: column -> which of the two it is (the mass as a logarithm).",
    )
    island_radius: float | None = Field(
        0.20,
        description="Radius of a neighbourhood of DBSCAN on the map (AstroCLIP reports: 0.20); "
        "null: chosen by the spacing of the map, fewer and larger islands where it is sparse.",
        gt=0,
    )
    island_samples: int = Field(5, description="Neighbours that make an island grow.", ge=1)

    @field_validator("label_shares")
    @classmethod
    def _shares(cls, shares: list[float]) -> list[float]:
        for share in shares:
            if not 0 < share <= 100:
                raise ValueError(f"a share of the labels is a percentage, not {share}")
        return shares
