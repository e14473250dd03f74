"""The keys of a backbone's configuration: an encoder that is trained on one modality alone."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from skybind.config.load import config_names, load_as
from skybind.config.schema import LabelConfig, ModalityConfig, SplitConfig
from skybind.config.training import TrainingOptions
from skybind.errors import ConfigError

_FOLDER = "backbones"
_DEFAULTS = {"image": "moco-small", "spectrum": "spender-small"}


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class MocoOptions(_Section):
    """Momentum contrast, MoCo v2 (He et al. 2020, Chen et al. 2020); defaults as published."""

    queue: int = Field(65536, description="Keys of earlier batches that serve as negatives.", ge=1)
    momentum: float = Field(
        0.999, description="Share of the key encoder that each step keeps.", ge=0, lt=1
    )
    temperature: float = Field(0.2, description="Cosines are divided by this.", gt=0)
    dimension: int = Field(128, description="Length of a query and of a key.", ge=1)
    hidden: int | None = Field(
        None, description="Units of the projection's hidden layer; null: as many as features.", ge=1
    )
    key_statistics: Literal["batch", "momentum"] = Field(
        "batch",
        description="Batch norm of the key encoder: statistics of the batch (MoCo), or the "
        "momentum average of the query encoder's (Cai et al. 2021), which hides from it who was "
        "in the batch.",
    )


class AutoencoderOptions(_Section):
    """A masked and denoising autoencoder of spectra.

    What is hidden from the encoder, and how much noise is added, are options of the modality
    (`modality.preprocessing`: `hide`, `hide_length`, `noise`).
    """

    frame: Literal["observed", "rest"] = Field(
        "observed",
        description="observed: the decoder gives the spectrum as seen; rest: at rest, shifted by "
        "the known redshift (Melchior et al. 2023).",
    )
    redshift: str = Field(
        "redshift", description="frame rest: column of the redshift; objects without it are unused."
    )
    redshift_range: tuple[float, float] = Field(
        (0.0, 0.8), description="frame rest: objects outside are unused; sets the decoder's grid."
    )
    latent: int | None = Field(
        None,
        description="Length of the code between encoder and decoder; null: the encoder's features.",
        ge=1,
    )
    hidden: list[int] = Field([256, 1024], description="Hidden layers of the decoder.")
    weights: Literal["relative", "ivar"] = Field(
        "relative",
        description="Weights of the squared residuals: the inverse variances over their mean in "
        "the spectrum, so that every object counts the same, or as they are (chi squared).",
    )

    @model_validator(mode="after")
    def _ordered(self) -> "AutoencoderOptions":
        low, high = self.redshift_range
        if not -1 < low < high:
            raise ValueError("redshift_range must rise, and begin above -1")
        return self


class ProbeConfig(_Section):
    """What the features are tried on at the end: fitted on training, measured on validation."""

    targets: list[str] | None = Field(
        None, description="Columns of numbers; all targets of the dataset by default."
    )
    neighbours: int = Field(16, description="Neighbours of the k-NN regression.", ge=1)
    objects: int = Field(20000, description="Training objects at most.", ge=10)


class BackboneConfig(_Section):
    """The training of one encoder on one modality, without labels."""

    name: str = Field("unnamed", description="Name of the configuration.")
    description: str = Field("", description="One sentence.")
    seed: int = Field(42, description="Seed of the split, of the weights and of the batches.", ge=0)
    labels: LabelConfig = Field(LabelConfig(), description="As in a run: the split keeps them.")
    split: SplitConfig = Field(SplitConfig(), description="As in a run, so that both can agree.")
    modality: ModalityConfig = Field(..., description="As in a run; its `kind` must be given.")
    moco: MocoOptions | None = Field(None, description="Train by momentum contrast.")
    autoencoder: AutoencoderOptions | None = Field(None, description="Train by reconstruction.")
    training: TrainingOptions = Field(TrainingOptions(), description="How it is trained.")
    probe: ProbeConfig = Field(
        ProbeConfig(), description="What the features are tried on at the end."
    )

    @model_validator(mode="after")
    def _consistent(self) -> "BackboneConfig":
        if (self.moco is None) == (self.autoencoder is None):
            raise ValueError("give one of the sections moco and autoencoder")
        if self.modality.kind is None:
            raise ValueError("modality.kind is missing: image, spectrum, ...")
        if getattr(self.modality, "backbone", None) is not None:
            raise ValueError("modality.backbone: a backbone does not stand on another one")
        if self.training.devices * self.training.nodes > 1:
            raise ValueError("training.devices: a backbone is trained on one device")
        return self

    @property
    def subsets(self) -> list[str]:
        """The subsets of the labels that its split has."""
        return self.split.subsets

    @property
    def kind(self) -> str:
        """Kind of the modality."""
        assert self.modality.kind is not None
        return self.modality.kind


def backbone_names() -> list[str]:
    """Names of the shipped configurations of backbones."""
    return config_names(_FOLDER)


def load_backbone_config(source: str | Path, overrides: Sequence[str] = ()) -> BackboneConfig:
    """Read the configuration of a backbone: shipped ones by name, others by path."""
    return load_as(BackboneConfig, source, overrides, _FOLDER)


def choose_backbone_config(
    kind: str, source: str | Path | None = None, overrides: Sequence[str] = ()
) -> BackboneConfig:
    """Read the configuration for a kind of modality; the shipped small one by default.

    Raises
    ------
    ConfigError
        If there is no default for this kind, or the configuration is for another one.
    """
    if source is None and kind not in _DEFAULTS:
        raise ConfigError(
            f"There is no default backbone for '{kind}' (there is for {', '.join(_DEFAULTS)}): "
            "give a configuration with --config."
        )
    config = load_backbone_config(_DEFAULTS[kind] if source is None else source, overrides)
    if config.kind != kind:
        raise ConfigError(
            f"The configuration {config.name} is for the modality '{config.kind}', not '{kind}'."
        )
    return config
