"""What network AstroM3's published weights are of, and putting them into one of skybind."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import torch

from skybind.config import Config
from skybind.encoders.registry import decisive_options
from skybind.encoders.release import ReleaseState, is_bare, load_parameters
from skybind.encoders.release_config import (
    SPECTRUM_PIXELS,
    EncoderSpec,
    ReleaseConfig,
    argument_name,
    check_arguments,
    complete_arguments,
    measured_arguments,
    read_arguments,
    translate_arguments,
)
from skybind.errors import ModelError
from skybind.ingest.readers.astrom3_raw import FEATURES
from skybind.modalities.shape import InputShape
from skybind.models.binder import Binder
from skybind.models.classifier import Classifier
from skybind.models.exchange.reading import WeightSource
from skybind.words import join

#: Features in the order that the published networks take them.
PUBLISHED_FEATURES = {
    "photometry": ["amplitude", "period", "lksl_statistic", "rfr_score"],
    "metadata": FEATURES,
}


def read_release(
    source: WeightSource, mapped: ReleaseState, config: Config | None = None
) -> ReleaseConfig:
    """Find out what network some weights are of.

    Parameters
    ----------
    source : WeightSource
        `config.json` is read where it stands beside the weights.
    mapped : ReleaseState
        The weights.
    config : Config, optional
        A configuration of the network; where there is a `config.json` they must agree.

    Raises
    ------
    ModelError
        If `config.json` contradicts the weights or `config`, or is missing and nothing else tells.
    """
    if source.config is not None:
        arguments = read_arguments(source.config)
        release = translate_arguments(arguments, str(source.config))
        if set(release.encoders) != set(mapped["encoders"]):
            raise ModelError(
                f"{source.config} is of a network of {join(list(release.encoders))}, and "
                f"{source.path} holds {join(list(mapped['encoders']))}."
            )
        check_arguments(arguments, mapped, str(source.config))
        if config is not None:
            _refuse_other(release, config, source)
        return release
    if config is None:
        return translate_arguments(complete_arguments(mapped), str(source.path))
    return _configured(config, mapped)


def fill(module: Binder | Classifier, mapped: ReleaseState) -> None:
    """Put the weights of a release into a binder or a classifier, all of them, by name.

    Raises
    ------
    ModelError
        If a name or a shape does not fit.
    """
    binder = module.binder if isinstance(module, Classifier) else module
    if (mapped["classifier"] is not None) != isinstance(module, Classifier) or set(
        mapped["encoders"]
    ) != set(binder.modalities):
        has = " and a classifier" if mapped["classifier"] is not None else ""
        raise ModelError(
            f"The weights hold {join(list(mapped['encoders']))}{has}: give those of a "
            f"{'classifier' if isinstance(module, Classifier) else 'pre-trained model'} of "
            f"{join(binder.modalities)}."
        )
    for name in binder.modalities:
        load_parameters(binder.encoders[name], mapped["encoders"][name], f"{name} encoder")
        if name in mapped["projections"]:
            load_parameters(
                binder.projections[name], mapped["projections"][name], f"{name} projection"
            )
    logs = {frozenset(pair): value for pair, value in mapped["log_scales"].items()}
    with torch.no_grad():
        for pair in binder.pairs:
            if frozenset(pair) in logs:
                binder.scales.logs["-".join(pair)].copy_(logs[frozenset(pair)].reshape(()))
    if isinstance(module, Classifier):
        load_parameters(module.head, mapped["classifier"] or {}, "classifier's linear layer")


def check_features(found: Mapping[str, Sequence[str]], stated: Collection[str], where: str) -> None:
    """Refuse features of a network of AstroM3 that stand in another order than the published one.

    Parameters
    ----------
    found : mapping of modality to sequence of str
        As they would be given to the network.
    stated : collection of str
        Modalities whose features somebody listed, so that other names are meant.
    where : str
        What has them, for the message.

    Raises
    ------
    ModelError
    """
    for name, wanted in PUBLISHED_FEATURES.items():
        own = list(found.get(name, wanted))
        if own == wanted or (name in stated and set(own) != set(wanted)):
            continue
        places = (i for i, (a, b) in enumerate(zip(own, wanted, strict=False)) if a != b)
        place = next(places, min(len(own), len(wanted)))
        one, two = (
            f"'{names[place]}'" if place < len(names) else "none" for names in (own, wanted)
        )
        raise ModelError(
            f"The weights take {two} as feature {place + 1} of {name} where {where} has {one}: "
            f"list the features in the published order in modalities.{name}.preprocessing.features."
        )


def stands_for(name: str, features: Sequence[str]) -> dict[str, str]:
    """Give the published feature that each feature of a modality is, own name -> published name.

    One with a published name is that. Where there are as many as published, the others are those
    in their places; else they are none of them.
    """
    published = PUBLISHED_FEATURES.get(name, [])
    known = {feature: feature for feature in features if feature in published}
    if len(features) != len(published):
        return known
    places = zip(features, published, strict=True)
    return {own: other for own, other in places if own not in known} | known


def prepared_as_published(
    name: str, features: Sequence[str], published: Mapping[str, Any]
) -> dict[str, Any]:
    """Give the options by which features are prepared as the published ones that they stand for.

    Parameters
    ----------
    name : str
        The modality.
    features : sequence of str
        In the order of the network.
    published : mapping
        Options of the preprocessing, which name the published features.
    """
    names: dict[str, list[str]] = {}
    for own, other in stands_for(name, features).items():
        names.setdefault(other, []).append(own)
    made: dict[str, Any] = {
        "features": list(features),
        "transforms": {
            own: what
            for other, what in published.get("transforms", {}).items()
            for own in names.get(other, [other])
        },
    }
    if "absolute" in published:
        made["absolute"] = [o for other in published["absolute"] for o in names.get(other, [other])]
        made["parallax"] = names.get("parallax", ["parallax"])[0]
    return made


def _configured(config: Config, mapped: ReleaseState) -> ReleaseConfig:
    """Take the network of a configuration for weights that no `config.json` stands beside."""
    found, bare = measured_arguments(mapped), is_bare(mapped)
    inputs = {
        "photometry": lambda n: InputShape(
            found[argument_name(n, "enc_in", bare)], found[argument_name(n, "seq_len", bare)]
        ),
        "spectrum": lambda n: InputShape(
            found[argument_name(n, "conv_channels", bare)][0], SPECTRUM_PIXELS
        ),
        "metadata": lambda n: InputShape(found[argument_name(n, "input_dim", bare)]),
    }
    encoders = {}
    for name in mapped["encoders"]:
        if name not in config.modalities:
            raise ModelError(f"The weights hold an encoder of {name}, the configuration has none.")
        options = dict(config.modalities[name].encoder)
        encoders[name] = EncoderSpec(options.pop("name"), inputs[name](name), options)
    return ReleaseConfig(
        encoders, found.get("hidden_dim"), found.get("num_classes"), found.get("fusion", "avg")
    )


def _refuse_other(release: ReleaseConfig, config: Config, source: WeightSource) -> None:
    """Refuse a configuration whose encoders are not those of `config.json`."""
    for name, spec in release.encoders.items():
        if name not in config.modalities:
            raise ModelError(f"The weights hold an encoder of {name}, the configuration has none.")
        given = dict(config.modalities[name].encoder)
        kind = given.pop("name")
        if kind != spec.name:
            raise ModelError(
                f"modalities.{name}.encoder is {kind}, the weights are of {spec.name}."
            )
        own = decisive_options(kind, given)
        for key, value in decisive_options(kind, spec.options).items():
            if own[key] != value:
                raise ModelError(
                    f"{source.config} says {value} where the configuration has {own[key]} for "
                    f"modalities.{name}.encoder.{key}: set it so."
                )
