"""From a configuration and a dataset's schema to modalities, a binder, a classifier."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from skybind.config import Config
from skybind.config.load import validate
from skybind.encoders.backbone import Backboned, linear_layers
from skybind.encoders.registry import Encoder, build_encoder, is_encoder
from skybind.errors import ConfigError, ModelError
from skybind.modalities.base import Modality, Schema
from skybind.modalities.kinds import is_kind, modality_class
from skybind.modalities.shape import InputShape
from skybind.models.binder import Binder, PairScales
from skybind.models.classifier import Classifier
from skybind.models.weights import HeadWeights, load_weights
from skybind.plugins import VARIABLE


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


def refuse_unregistered(config: Config, names: Sequence[str], folder: Path) -> None:
    """Refuse a saved model of which a kind of modality or an encoder is not registered.

    Raises
    ------
    ModelError
        It tells how to register it.
    """
    for name in names:
        entry = config.modalities[name]
        kind = entry.kind or name
        sections = [entry.encoder, *([entry.backbone.encoder] if entry.backbone else [])]
        unknown = [] if is_kind(kind) else [f"kind of modality '{kind}'"]
        unknown += [f"encoder '{s['name']}'" for s in sections if not is_encoder(s["name"])]
        if unknown:
            raise ModelError(
                f"The model in {folder} needs the {unknown[0]}, which is not registered: install "
                f"the package that has it, or name the file with {VARIABLE}=FILE or "
                "skybind.use_plugins."
            )


def refuse_sizes(config: Config, names: Sequence[str], values: int, folder: Path) -> None:
    """Refuse a saved model whose configuration asks for more than its weights hold.

    Parameters
    ----------
    config : Config
    names : sequence of str
        Its modalities.
    values : int
        Numbers in its file of weights: no width, head or layer of it is larger.
    folder : Path

    Raises
    ------
    ModelError
    """
    sizes = {"model.dimension": config.model.dimension}
    for name in names:
        entry = config.modalities[name]
        sections = {"encoder": entry.encoder}
        if entry.backbone is not None:
            sections["backbone.encoder"] = entry.backbone.encoder
        for section, options in sections.items():
            for key, value in options.items():
                for size in value if isinstance(value, list) else [value]:
                    if isinstance(size, int) and size > values:
                        sizes[f"modalities.{name}.{section}.{key}"] = size
    for key, size in sizes.items():
        if size > values:
            raise ModelError(
                f"The model in {folder} has {values:,} weights, and its {key} is {size:,}: it is "
                "damaged."
            )


def build_binder(
    config: Config,
    shapes: Mapping[str, InputShape],
    names: Sequence[str] | None = None,
    *,
    load: bool = True,
) -> Binder:
    """Build a binder with weights drawn from the configuration's seed, on its backbones.

    Parameters
    ----------
    config : Config
    shapes : mapping of modality to InputShape
        Of the modalities, as `{name: modality.shape}`.
    names : sequence of str, optional
        Only these modalities; the weights of each are drawn apart, so they do not depend
        on which others there are.
    load : bool
        Load the weights of frozen backbones; otherwise they are drawn, to be replaced.

    Raises
    ------
    ConfigError
        If an encoder or an option is unknown, or a backbone's weights are not named.
    ModelError
        If a backbone's weights cannot be read or do not fit.
    """
    names = list(config.modalities) if names is None else list(names)
    encoders: dict[str, Encoder] = {}
    heads: dict[str, HeadWeights] = {}
    for name in names:
        entry = config.modalities[name]
        if entry.backbone is None:
            encoders[name] = _alone(config, name, shapes[name])
            continue
        encoder = _backboned(config, name, shapes[name])
        if load and entry.backbone.weights != "random":
            where = f"modalities.{name}.backbone"
            heads[name] = load_weights(encoder, entry.backbone, entry.kind or name, where)
        encoders[name] = encoder
    unprojected = [name for name in names if config.modalities[name].projection == "none"]
    for name in unprojected:
        width = encoders[name].out_features
        if width != config.model.dimension:
            raise ConfigError(
                f"modalities.{name}.projection is none, so its encoder must give "
                f"model.dimension = {config.model.dimension} features, not {width}."
            )
    pairs = [pair for pair in config.pairs if set(pair) <= set(names)]
    scale = config.model.scale
    scales = PairScales(
        pairs, scale.initial, scale.minimum, scale.maximum, scale.learnable, scale.clamp
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_seed(config.seed, "projections"))
        binder = Binder(encoders, config.model.dimension, pairs, scales, unprojected)
    for name, weights in heads.items():
        _start_head(binder, name, weights)
    return binder


def _encoder(config: Config, part: str, options: Mapping[str, Any], shape: InputShape) -> Encoder:
    """Build an encoder, its weights drawn from a seed of its own; `part` as 'encoder NAME'."""
    rest = dict(options)
    what, _, modality = part.partition(" ")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_seed(config.seed, part))
        try:
            return build_encoder(rest.pop("name"), shape, **rest)
        except (TypeError, ConfigError) as error:
            key = "encoder" if what == "encoder" else "backbone.encoder"
            raise ConfigError(f"modalities.{modality}.{key}: {error}") from error


def _alone(config: Config, name: str, shape: InputShape) -> Encoder:
    encoder = _encoder(config, f"encoder {name}", config.modalities[name].encoder, shape)
    if encoder.tokens is not None:
        raise ConfigError(
            f"modalities.{name}.encoder gives tokens: choose another pooling, or make it the "
            "backbone of an attention_head."
        )
    return encoder


def _backboned(config: Config, name: str, shape: InputShape) -> Backboned:
    entry = config.modalities[name]
    assert entry.backbone is not None
    backbone = _encoder(config, f"backbone {name}", entry.backbone.encoder, shape)
    features = InputShape(backbone.out_features, backbone.tokens)
    head = _encoder(config, f"encoder {name}", entry.encoder, features)
    if backbone.tokens is not None and not head.takes_tokens:
        raise ConfigError(
            f"modalities.{name}.backbone gives {backbone.tokens} tokens an object, which the "
            f"encoder '{entry.encoder['name']}' does not take: choose attention_head, or another "
            "pooling of the backbone."
        )
    return Backboned(backbone, head)


def _start_head(binder: Binder, name: str, weights: HeadWeights) -> None:
    """Start a head from the layers that stood on the backbone, where it has their shape.

    The AstroCLIP reports train the `fc` of Stein et al.'s network on (June 2024, section 3.2).
    """
    head = binder.backboned[name].head
    if getattr(head, "activation", None) != "relu":
        return
    layers = linear_layers(nn.ModuleList([head, binder.projections[name]]))
    if weights.fits([layer.weight.shape for layer in layers]):
        with torch.no_grad():
            for layer, (weight, bias) in zip(layers, weights.layers, strict=True):
                layer.weight.copy_(weight)
                layer.bias.copy_(bias)


def build_classifier(
    config: Config,
    shapes: Mapping[str, InputShape],
    names: Sequence[str],
    n_classes: int,
    pretrained: Binder | None = None,
    *,
    load: bool = True,
) -> Classifier:
    """Build a classifier from some modalities, its encoders pre-trained or drawn at random.

    Parameters
    ----------
    config : Config
    shapes : mapping of modality to InputShape
    names : sequence of str
        The modalities that it classifies from.
    n_classes : int
    pretrained : Binder, optional
        Takes its encoders and projections.
    load : bool
        Load the weights of frozen backbones, as for `build_binder`.
    """
    binder = build_binder(config, shapes, names, load=load and pretrained is None)
    if pretrained is not None:
        for name in names:
            try:
                binder.encoders[name].load_state_dict(pretrained.encoders[name].state_dict())
            except RuntimeError as error:
                raise ConfigError(
                    f"The pre-trained encoder of '{name}' does not fit that of the classifier: "
                    "options in finetuning.overrides that change its weights are for a start "
                    "from scratch."
                ) from error
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
