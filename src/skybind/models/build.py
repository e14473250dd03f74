"""From a configuration and a dataset's schema to modalities, a binder, a classifier."""

from collections.abc import Mapping, Sequence

import torch

from skybind.config import Config
from skybind.config.load import validate
from skybind.encoders.registry import Encoder, build_encoder
from skybind.errors import ConfigError
from skybind.modalities.base import Modality, Schema, modality_class
from skybind.modalities.shape import InputShape
from skybind.models.binder import Binder, PairScales
from skybind.models.classifier import Classifier


def build_modalities(config: Config, schema: Schema) -> dict[str, Modality]:
    """Build the modalities of a configuration for a dataset.

    Raises
    ------
    ConfigError, DataError
        If an option is unknown, or the dataset lacks a column.
    """
    modalities = {}
    for name, entry in config.modalities.items():
        cls = modality_class(entry.kind or name)
        options = validate(cls.Options, entry.preprocessing, f"modalities.{name}.preprocessing")
        modalities[name] = cls(name, options, schema, entry.column)
    return modalities


def build_binder(
    config: Config, shapes: Mapping[str, InputShape], names: Sequence[str] | None = None
) -> Binder:
    """Build a binder with weights drawn from the configuration's seed.

    Parameters
    ----------
    config : Config
    shapes : mapping of modality to InputShape
        Of the modalities, as `{name: modality.shape}`.
    names : sequence of str, optional
        Only these modalities; the weights of each are drawn apart, so they do not depend
        on which others there are.
    """
    names = list(config.modalities) if names is None else list(names)
    encoders: dict[str, Encoder] = {}
    for name in names:
        options = dict(config.modalities[name].encoder)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(_seed(config.seed, f"encoder {name}"))
            try:
                encoders[name] = build_encoder(options.pop("name"), shapes[name], **options)
            except (TypeError, ConfigError) as error:
                raise ConfigError(f"modalities.{name}.encoder: {error}") from error
    pairs = [pair for pair in config.pairs if set(pair) <= set(names)]
    scale = config.model.scale
    scales = PairScales(pairs, scale.initial, scale.minimum, scale.maximum, scale.learnable)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_seed(config.seed, "projections"))
        return Binder(encoders, config.model.dimension, pairs, scales)


def build_classifier(
    config: Config,
    shapes: Mapping[str, InputShape],
    names: Sequence[str],
    n_classes: int,
    pretrained: Binder | None = None,
) -> Classifier:
    """Build a classifier from some modalities, its encoders pre-trained or drawn at random."""
    binder = build_binder(config, shapes, names)
    if pretrained is not None:
        for name in names:
            binder.encoders[name].load_state_dict(pretrained.encoders[name].state_dict())
            binder.projections[name].load_state_dict(pretrained.projections[name].state_dict())
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_seed(config.seed, "head"))
        options = config.finetuning
        return Classifier(
            binder, n_classes, config.model.head_scale, options.modality_dropout, options.fusion
        )


def _seed(seed: int, what: str) -> int:
    """Derive a seed for one part of a model, the same on every machine."""
    return (seed * 1_000_003 + sum((i + 1) * ord(c) for i, c in enumerate(what))) % 2**31
