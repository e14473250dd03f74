"""The keys of a configuration, their meaning and their defaults."""

import itertools
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from skybind.config.evaluation import EvaluationConfig
from skybind.config.subsets import FULL, SubsetRule, read_subset
from skybind.config.training import LossOptions, TrainingOptions
from skybind.config.tune import TuneConfig
from skybind.errors import ConfigError
from skybind.files import check_known_name
from skybind.memory import read_limit
from skybind.plugins import place_of


class _Section(BaseModel):
    """A section of a configuration; an unknown key is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _named(encoder: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(encoder.get("name"), str):
        raise ValueError("the encoder has no name")
    return encoder


class ModalityBackbone(_Section):
    """A pre-trained encoder under a modality's own; it is frozen, and its features are cached."""

    encoder: dict[str, Any] = Field(
        ..., description="`name` of the backbone's encoder and its options."
    )
    weights: str | None = Field(
        None,
        description="A folder of `skybind pretrain-backbone`, or a published file (Stein et al.'s "
        "checkpoint for resnet50, Spender's for spender); `random`: drawn from the seed, of use "
        "only to try things out.",
    )
    views: int = Field(
        4,
        description="Augmented views of each training object whose features are cached and "
        "trained on; 0: the clean one only.",
        ge=0,
    )
    cache: bool = Field(
        True,
        description="Compute features once and keep them on disk; otherwise anew in every batch, "
        "with a new view each time (SpecFormer's tokens take 2.4 MB a spectrum).",
    )

    @field_validator("encoder")
    @classmethod
    def _has_name(cls, encoder: dict[str, Any]) -> dict[str, Any]:
        return _named(encoder)

    @field_validator("weights")
    @classmethod
    def _absolute(cls, weights: str | None) -> str | None:
        """A run must find the file again from any folder."""
        return weights if weights in (None, "random") else str(Path(weights).expanduser().resolve())


class ModalityConfig(_Section):
    """One modality: where it is in the dataset, how it is preprocessed and encoded."""

    kind: str | None = Field(
        None,
        description="Kind of observation: photometry, spectrum, image, metadata; the modality's "
        "name by default.",
    )
    column: str | None = Field(
        None,
        description="Column of the dataset; by default that of the modality's name, of its kind, "
        "or the only one of its kind. For metadata: the modality that the features are declared "
        "to belong to.",
    )
    preprocessing: dict[str, Any] = Field({}, description="Options of the modality's kind.")
    backbone: ModalityBackbone | None = Field(
        None, description="A frozen encoder on whose features `encoder` works; null: none."
    )
    encoder: dict[str, Any] = Field(
        ..., description="`name` of the encoder and its options, e.g. {name: mlp, hidden: 512}."
    )
    projection: Literal["linear", "none"] = Field(
        "linear",
        description="From the encoder's features to the embedding: a linear layer, or nothing "
        "(the encoder then gives `model.dimension` features).",
    )

    def column_of(self, name: str) -> str:
        """Return the dataset's column that the modality reads, once a run has fitted it to one.

        Parameters
        ----------
        name : str
            Of the modality.
        """
        return self.column or self.kind or name

    @field_validator("encoder")
    @classmethod
    def _has_name(cls, encoder: dict[str, Any]) -> dict[str, Any]:
        return _named(encoder)


class ScaleConfig(_Section):
    """The factor between cosine similarity and logits, one a pair."""

    learnable: bool = Field(True, description="Learn it; otherwise it stays at `initial`.")
    initial: float = Field(100.0, description="Value at the start.", gt=0)
    minimum: float = Field(1.0, description="It is clamped from below at this.", gt=0)
    maximum: float = Field(100.0, description="It is clamped from above at this.", gt=0)
    clamp: Literal["logarithm", "value"] = Field(
        "logarithm",
        description="Clamp its logarithm, which leaves a gradient at the bound, or the value, "
        "which leaves none (release).",
    )


class ModelConfig(_Section):
    """The shared embedding space."""

    dimension: int = Field(512, description="Length of an embedding.", gt=0)
    pairs: Literal["all"] | list[tuple[str, str]] = Field(
        "all",
        description="Pairs of modalities to bind; a modality may be paired with itself (two "
        "augmented views of one observation). `all`: every pair of different modalities, or the "
        "one modality with itself.",
    )
    scale: ScaleConfig = Field(
        ScaleConfig(), description="The factor between cosine similarity and logits."
    )
    head_scale: float = Field(
        1.0,
        description="Factor on the mean embedding before the classifier's linear layer: the "
        "entries of a unit vector are small, and a larger factor lets the head learn faster "
        "(published: 1).",
        gt=0,
    )
    loss: str = Field(
        "sum",
        description="Loss of a pair of modalities. Cross-entropy of the scaled cosines: `sum` adds "
        "its two directions (AstroM3), `mean` averages them. Plugins add others.",
    )


class LabelConfig(_Section):
    """What is classified."""

    column: str = Field("label", description="Column of the class names.")
    classes: list[str] | None = Field(
        None,
        description="Classes in use; objects of others are embedded but not classified. All with "
        "at least `min_objects` by default.",
    )
    min_objects: int = Field(10, description="Smallest class that is used by default.", ge=1)
    others: Literal["embed", "train"] = Field(
        "embed",
        description="Objects of other classes: only embedded, so that they stay new to the model, "
        "or pre-trained on like objects without a label.",
    )


class SplitConfig(_Section):
    """How objects are assigned to train, validation and test."""

    kind: Literal["random", "sky"] = Field(
        "random", description="random: each class in proportion; sky: whole regions of the sky."
    )
    fractions: tuple[float, float, float] = Field(
        (0.8, 0.1, 0.1), description="Train, validation, test."
    )
    subsets: list[str] = Field(
        ["50", "25", "10"],
        description="Subsets of the labels: percentages of each part, water-filled by class "
        "(`10`), or training objects a class (`5-each`; validation and test are not cut).",
    )
    subset_rule: SubsetRule = Field(
        "water-filling",
        description="How percentages are cut: the largest common cap a class that keeps at most "
        "so many objects, or the cap of AstroM3's release, which is lower where that many are "
        "fewer than the classes times the smallest of them.",
    )
    seed: int | None = Field(None, description="Its own seed; the run's by default.")

    name: str | None = Field(
        None,
        description="Use the split of this name that the dataset holds; null: the one that it "
        "holds, if that is exactly one; none: make a new one.",
    )

    @field_validator("subsets")
    @classmethod
    def _are_subsets(cls, names: list[str]) -> list[str]:
        for name in names:
            read_subset(name)
        return names

    @field_validator("name")
    @classmethod
    def _is_a_name(cls, name: str | None) -> str | None:
        if name is not None:
            check_known_name(name, "split.name")
        return name


#: Key of an override under which options of encoders stand, by modality.
ENCODERS = "encoders"


class FinetuningConfig(LossOptions):
    """Classification with labels."""

    training: TrainingOptions = Field(
        TrainingOptions(epochs=50, gradient_clip=5.0), description="How classifiers are trained."
    )
    modalities: list[str] = Field(
        ["each", "all"],
        description="`each`: every modality alone; `all`: the mean of all; or names joined by '+'.",
    )
    subsets: list[str] = Field(
        ["full", "50", "25", "10"],
        description="Which subsets of the labels: `full`, or as in `split.subsets`; those that the "
        "split lacks are drawn.",
    )
    starts: list[Literal["scratch", "pretrained"]] = Field(
        ["scratch", "pretrained"], description="Initial weights: random, or the pre-trained ones."
    )
    frozen: bool = Field(
        False, description="Keep the encoders as pre-trained, train the head only."
    )
    fusion: Literal["mean", "concat", "embeddings"] = Field(
        "mean",
        description="Classifiers of several modalities: the mean of the embeddings of those "
        "present (published), the encoders' features side by side, or the embeddings side by side "
        "(the release's `concat`).",
    )
    modality_dropout: float = Field(
        0.0,
        description="Classifiers of several modalities: hide each with this probability in "
        "training, so that any subset will do at test time (published: 0).",
        ge=0,
        lt=1,
    )
    overrides: dict[str, dict[str, Any]] = Field(
        {},
        description="Training options, class_weights and label_smoothing of some cases, and under "
        "`encoders` options of their encoders by modality ({photometry: {dropout: 0.1}}), keyed by "
        "modalities, 'modalities-subset' or 'modalities-subset-start'; `*` stands for anything, "
        "the more specific name counts.",
    )

    @field_validator("subsets")
    @classmethod
    def _are_subsets(cls, names: list[str]) -> list[str]:
        for name in names:
            if name != FULL:
                read_subset(name)
        return names


class Config(_Section):
    """A whole experiment."""

    name: str = Field("unnamed", description="Name of the configuration.")
    description: str = Field("", description="One sentence.")
    plugins: list[str] = Field(
        [],
        description="Programs of your own that add encoders, kinds of modality, readers or losses: "
        "Python files, relative to this file, or names of modules (docs/plugins.md).",
    )
    seed: int = Field(42, description="Seed of the split, of the weights and of the batches.", ge=0)
    memory: str | None = Field(
        None,
        description="Most memory for working arrays, such as 2GB (docs/scale.md); `--memory` and "
        "the variable SKYBIND_MEMORY count before it; null: 2 GB.",
    )
    labels: LabelConfig = Field(LabelConfig(), description="What is classified.")
    split: SplitConfig = Field(SplitConfig(), description="Which objects train, validate and test.")
    modalities: dict[str, ModalityConfig] = Field(..., description="What is bound.", min_length=1)
    model: ModelConfig = Field(ModelConfig(), description="The shared embedding space.")
    training: TrainingOptions = Field(TrainingOptions(), description="How it is pre-trained.")
    finetuning: FinetuningConfig = Field(
        FinetuningConfig(), description="Classification with labels."
    )
    evaluation: EvaluationConfig = Field(
        EvaluationConfig(), description="What is measured on the test objects."
    )
    tune: TuneConfig = Field(TuneConfig(), description="What `skybind tune` searches.")

    @field_validator("memory", mode="before")
    @classmethod
    def _is_a_limit(cls, size: str | int | None) -> str | None:
        if size is None:
            return None
        try:
            read_limit(size)
        except ConfigError as error:
            raise ValueError(str(error).rstrip(".")) from error
        return str(size)

    @field_validator("plugins")
    @classmethod
    def _found_from_anywhere(cls, names: list[str]) -> list[str]:
        return [place_of(name, Path()) for name in names]

    @field_validator("modalities")
    @classmethod
    def _have_names(cls, modalities: dict[str, ModalityConfig]) -> dict[str, ModalityConfig]:
        for name in modalities:
            check_known_name(name, "The modality's name")
            if "+" in name or name in ("each", "all"):
                raise ValueError(
                    f"a modality is called '{name}', but '+' joins modalities, and 'each' and "
                    "'all' stand for them"
                )
        return modalities

    @model_validator(mode="after")
    def _consistent(self) -> "Config":
        for pair in self.pairs:
            for name in pair:
                if name not in self.modalities:
                    raise ValueError(f"model.pairs names '{name}', which is not among modalities")
        for entry in self.finetuning.modalities:
            for name in entry.split("+"):
                if entry not in ("each", "all") and name not in self.modalities:
                    raise ValueError(
                        f"finetuning.modalities names '{name}', which is not among modalities"
                    )
        return self

    @property
    def subsets(self) -> list[str]:
        """The subsets of the labels that its split has."""
        wanted = [name for name in self.finetuning.subsets if name != FULL]
        return list(dict.fromkeys([*self.split.subsets, *wanted]))

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """The pairs of modalities that are bound."""
        if self.model.pairs != "all":
            return list(self.model.pairs)
        names = list(self.modalities)
        if len(names) == 1:
            return [(names[0], names[0])]
        return list(itertools.combinations(names, 2))

    @property
    def modality_sets(self) -> list[tuple[str, ...]]:
        """The sets of modalities that are fine-tuned."""
        names = tuple(self.modalities)
        sets: list[tuple[str, ...]] = []
        for entry in self.finetuning.modalities:
            if entry == "each":
                sets += [(name,) for name in names]
            else:
                sets.append(names if entry == "all" else tuple(entry.split("+")))
        return list(dict.fromkeys(sets))
