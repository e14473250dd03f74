"""What metrics.json tells of a run besides its results: dataset, split, pre-training."""

import math

from pydantic import Field

from skybind.record import Number, Record

#: What something was computed on.
Machine = dict[str, str | int | None]


class Overlap(Record):
    """Objects observed in exactly one combination."""

    modalities: tuple[str, ...] = Field(..., description="The combination; empty for none.")
    n: int = Field(..., description="Objects.")


class SetAside(Record):
    """Observations set aside."""

    modality: str = Field(..., description="Of what.")
    reason: str = Field(..., description="Why.")
    n: int = Field(..., description="How many.")


class AboutDataset(Record):
    """The dataset."""

    left_out = frozenset({"unused_classes"})

    name: str = Field("", description="Its folder's name.")
    fingerprint: str = Field("", description="Hash of the Parquet footers.")
    provenance: str = Field("", description="Where it comes from, free text.")
    simulated: bool | None = Field(
        None, description="Said at the top of the report and in every caption."
    )
    n_objects: int | None = Field(None, description="Objects.")
    modalities: dict[str, int] = Field({}, description="Modality -> objects observed so.")
    overlaps: list[Overlap] = Field(
        [], description="Objects by the exact combination that they were observed in."
    )
    class_counts: dict[str, int] = Field({}, description="Class in use -> objects.")
    unused_classes: dict[str, int] | None = Field(
        None, description="Label that is no class in use (empty: none at all) -> objects."
    )
    quarantine: list[SetAside] | None = Field(
        None, description="Observations that could not be used."
    )


class AboutSplit(Record):
    """The split."""

    name: str | None = Field(None, description="Of the dataset's own splits, or its kind.")
    hash: str | None = Field(None, description="Of its parts and subsets.")
    method: str | None = Field(None, description="How it was made.")
    seed: int | None = Field(None, description="Of its making.")
    counts: dict[str, int] = Field({}, description="Part -> objects.")
    subsets: dict[str, int] = Field(
        {}, description="Subset of the labels -> training objects in it."
    )


class PairCounts(Record):
    """Objects that a pair is bound with."""

    left_out = frozenset({"guessing_train", "guessing_validation"})

    n_train: int = Field(..., description="Training objects that have both modalities.")
    n_validation: int = Field(..., description="Validation objects that have both.")
    guessing_train: Number = Field(
        math.nan,
        description="Loss of guessing in the training batches [nat]: ln(n) a direction, n the "
        "objects of a batch that have both; null for a loss of a plugin.",
    )
    guessing_validation: Number = Field(
        math.nan, description="The same in the validation batches, which may be smaller."
    )


class EpochLoss(Record):
    """Losses of one epoch on one part."""

    loss: Number = Field(math.nan, description="Sum of all pairs [nat].")
    pairs: dict[str, Number] = Field({}, description="Pair -> its loss [nat].")
    accuracy: dict[str, Number] = Field(
        {}, description="Pair -> share of the objects of a batch whose own partner is the nearest."
    )


class Epoch(Record):
    """One epoch of the pre-training."""

    epoch: int = Field(..., description="Its number, from 1.")
    train: EpochLoss = Field(EpochLoss(), description="On the training objects.")
    validation: EpochLoss = Field(EpochLoss(), description="On the validation objects.")
    learning_rate: Number = Field(math.nan, description="Of its last step.")
    seconds: Number = Field(math.nan, description="Wall time [s].")
    objects_per_second: Number = Field(math.nan, description="Training objects a second.")


class Pretraining(Record):
    """The pre-training.

    What guessing would give depends on the batches, and stands with each pair.
    """

    left_out = frozenset({"machine", "kept_by", "kept_accuracy"})

    history: list[Epoch] = Field([], description="Every epoch.")
    best_epoch: int | None = Field(None, description="The epoch whose weights were kept.")
    kept_by: str | None = Field(
        None,
        description="Why that one, as `training.keep_by` says: the lowest validation `loss`, the "
        "highest validation `accuracy`, or the `last` epoch.",
    )
    kept_accuracy: Number = Field(
        math.nan,
        description="The validation accuracy that it was kept by: the share of objects that are "
        "their own likeliest partner in the batch, by the mean probability of all pairs.",
    )
    stopped_early: bool | None = Field(None, description="Whether the validation loss ended it.")
    pairs: dict[str, PairCounts] = Field({}, description="Pair -> objects.")
    batch_size: int | None = Field(None, description="Objects of a training batch.")
    n_parameters: int | None = Field(None, description="Parameters of the model.")
    machine: Machine | None = Field(
        None, description="What it was trained on, as in `machine` of the whole file."
    )
