"""A model in the layout of AstroM3's public release: its names of tensors and its config.json."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from skybind.config import load_config
from skybind.encoders.registry import Encoder
from skybind.encoders.release import ReleaseState, to_astrom3_state
from skybind.encoders.release_config import SPECTRUM_PIXELS, argument_name
from skybind.errors import ModelError
from skybind.modalities.base import Modality
from skybind.modalities.kinds import modality_class
from skybind.modalities.metadata import Metadata
from skybind.modalities.photometry import Photometry
from skybind.models.classifier import Classifier
from skybind.models.exchange.astrom3_network import (
    PUBLISHED_FEATURES,
    check_features,
    prepared_as_published,
)
from skybind.models.exchange.forms.astrom3 import CONFIGURATION
from skybind.models.exchange.statistics import Statistics, features_to_scale
from skybind.models.model import Model
from skybind.words import join

#: What the release's networks have built in, by modality: the encoder and its options.
_BUILT_IN: dict[str, tuple[str, dict[str, Any]]] = {
    "photometry": (
        "informer",
        {
            "attention": "probsparse",
            "mask_attention": False,
            "pooling": "flatten",
            "position": "index",
            "convolution_padding": "circular",
            "head_merge": "release",
        },
    ),
    "spectrum": ("galspecnet", {"pooling": "flatten"}),
    "metadata": ("mlp", {"layers": 2}),
}
#: Argument of the release -> option of the encoder.
_ARGUMENTS: dict[str, dict[str, str]] = {
    "photometry": {
        "d_model": "d_model",
        "dropout": "dropout",
        "factor": "factor",
        "n_heads": "n_heads",
        "d_ff": "d_ff",
        "activation": "activation",
        "e_layers": "layers",
    },
    "spectrum": {"dropout": "dropout", "kernel_size": "kernel_size", "mp_kernel_size": "pool_size"},
    "metadata": {"hidden_dim": "hidden", "dropout": "dropout"},
}
#: Options of preprocessing that change nothing of what a trained model is given.
_OF_TRAINING = ("drop", "noise", "hide", "hide_length", "visits")
#: Options that say which columns there are, and how long a curve may be.
_OF_DATA = ("features", "exclude", "length", "absolute", "transforms", "parallax")
_WIDTH = 1184  # of the features of spectra; written out in the release's code
_FUSIONS = {"mean": "avg", "embeddings": "concat"}


@dataclass(frozen=True)
class ReleaseFiles:
    """A model as the release has it.

    Attributes
    ----------
    state : dict of str to Tensor
    arguments : dict
        Of its constructor: the content of `config.json`.
    statistics : dict of str to (float, float)
        Mean and deviation of the features that the model standardises itself.
    """

    state: dict[str, Tensor]
    arguments: dict[str, Any]
    statistics: Statistics


def to_astrom3(model: Model) -> ReleaseFiles:
    """Give a model in the layout of AstroM3's release.

    Raises
    ------
    ModelError
        If the release cannot have such a network, or would prepare its observations otherwise.
    """
    binder, names = model.binder, list(model.modalities)
    alone = model.classifier is not None and len(names) == 1
    if not (alone and names[0] in _BUILT_IN) and sorted(names) != sorted(_BUILT_IN):
        raise _refused(f"it has models of {join(list(_BUILT_IN))}, not of {join(names)}")
    for name in names:
        encoder = binder.encoders[name]
        assert isinstance(encoder, Encoder)
        _check_encoder(name, encoder)
        _check_preprocessing(model.modalities[name])
    features = {n: m.features for n, m in model.modalities.items() if hasattr(m, "features")}
    check_features(features, [n for n in features if n in PUBLISHED_FEATURES], "the model")
    mapped = ReleaseState(
        encoders={n: dict(binder.encoders[n].state_dict()) for n in names},
        projections={},
        log_scales={},
        classifier=None,
    )
    if not alone:
        mapped["projections"] = {n: dict(binder.projections[n].state_dict()) for n in names}
        logs = binder.scales.logs
        mapped["log_scales"] = {pair: logs["-".join(pair)].detach() for pair in binder.pairs}
    if model.classifier is not None:
        mapped["classifier"] = release_head(model.classifier)
    state = {name: value.detach().cpu().clone() for name, value in _in_release(mapped).items()}
    return ReleaseFiles(state, _arguments(model, alone), _statistics(model.modalities))


def release_head(classifier: Classifier) -> dict[str, Tensor]:
    """Give the classifier's linear layer, its columns in the release's order of the modalities."""
    state = dict(classifier.head.state_dict())
    if len(classifier.modalities) > 1 and classifier.fusion == "embeddings":
        parts = state["weight"].split([classifier.width(n) for n in classifier.modalities], dim=1)
        columns = dict(zip(classifier.modalities, parts, strict=True))
        state["weight"] = torch.cat([columns[name] for name in _BUILT_IN], dim=1)
    return state


def _in_release(mapped: ReleaseState) -> Mapping[str, Tensor]:
    """Name the parameters; the release has one scale for each of the three pairs, whichever way."""
    order = [("photometry", "spectrum"), ("spectrum", "metadata"), ("metadata", "photometry")]
    if mapped["projections"]:
        known = {frozenset(pair): value for pair, value in mapped["log_scales"].items()}
        lacking = ["-".join(pair) for pair in order if frozenset(pair) not in known]
        if lacking or len(known) != len(order):
            raise _refused(f"it binds all three pairs, and the model does not: {join(lacking)}")
        mapped["log_scales"] = {pair: known[frozenset(pair)] for pair in order}
    return to_astrom3_state(mapped)


def _check_encoder(name: str, encoder: Encoder) -> None:
    settings = dict(encoder.settings or {})
    kind, built_in = _BUILT_IN[name]
    if settings.get("name") != kind:
        raise _refused(f"its encoder of {name} is {kind}, the model's {settings.get('name')}")
    for key, value in built_in.items():
        if settings[key] != value:
            raise _refused(f"its encoder of {name} has {key}: {value}, the model's {settings[key]}")
    if name == "spectrum" and encoder.out_features != _WIDTH:
        raise _refused(
            f"it makes {_WIDTH} features of a spectrum, the model {encoder.out_features}"
        )


def _check_preprocessing(modality: Modality) -> None:
    """Refuse a model whose observations the release would prepare in another way."""
    published = load_config(CONFIGURATION).modalities[modality.name].preprocessing
    usual = modality_class(modality.kind).Options(**published).model_dump()
    own = modality.options.model_dump()
    for key, value in usual.items():
        if key in _OF_TRAINING or key in _OF_DATA or own[key] == value:
            continue
        raise _refused(
            f"it prepares {modality.name} with {key}: {value}, the model was trained with "
            f"{own[key]}"
        )
    _check_transforms(modality, published)
    if modality.name == "spectrum" and modality.shape.length != SPECTRUM_PIXELS:
        raise _refused(f"its spectra have {SPECTRUM_PIXELS} pixels, not {modality.shape.length}")


def _check_transforms(modality: Modality, published: Mapping[str, Any]) -> None:
    """Refuse features that are transformed otherwise than the release's before their statistics."""
    features = features_to_scale(modality)
    if not features:
        return
    assert isinstance(modality, Metadata | Photometry)
    usual = prepared_as_published(modality.name, modality.features, published)
    own = modality.options.model_dump()
    if usual.get("absolute") and own["absolute"] and own["parallax"] != usual["parallax"]:
        raise _refused(
            f"it takes the parallax of {modality.name} from '{usual['parallax']}', the model from "
            f"'{own['parallax']}'"
        )
    for feature in features:
        wanted = usual["transforms"].get(feature, "none")
        wanted = "absolute" if feature in usual.get("absolute", []) else wanted
        done = modality.transform_of(feature)
        if done != wanted:
            raise _refused(
                f"it prepares '{feature}' of {modality.name} by the transform {wanted}, the model "
                f"was trained with {done}"
            )


def _arguments(model: Model, alone: bool) -> dict[str, Any]:
    classifier = model.classifier
    found: dict[str, Any] = {"classification": classifier is not None}
    found["num_classes"] = len(model.classes or model.config.labels.classes or []) or None
    if not alone:
        found["hidden_dim"] = model.binder.dimension
        found["fusion"] = _fusion(classifier)
    for name, modality in model.modalities.items():
        encoder = model.binder.encoders[name]
        assert isinstance(encoder, Encoder)
        settings = dict(encoder.settings or {})
        made = {key: settings[option] for key, option in _ARGUMENTS[name].items()}
        if name == "photometry":
            made |= {
                "enc_in": modality.shape.channels,
                "seq_len": modality.shape.length,
                "output_attention": False,
            }
        elif name == "spectrum":
            made["conv_channels"] = [modality.shape.channels, *settings["channels"]]
        else:
            made["input_dim"] = modality.shape.channels
        found |= {argument_name(name, key, alone): value for key, value in made.items()}
    return found


def _fusion(classifier: Classifier | None) -> str:
    if classifier is None:
        return "avg"
    if classifier.fusion not in _FUSIONS:
        raise _refused(
            f"its classifiers join embeddings, the model's joins by fusion: {classifier.fusion}"
        )
    if classifier.scale != 1:
        raise _refused(
            f"its classifiers do not scale the mean embedding, the model's by {classifier.scale:g}"
        )
    return _FUSIONS[classifier.fusion]


def _statistics(modalities: Mapping[str, Modality]) -> Statistics:
    """Means and deviations of the features that the model standardises."""
    found: Statistics = {}
    for modality in modalities.values():
        for feature in features_to_scale(modality):
            place = modality.features.index(feature)  # type: ignore[attr-defined]
            standard = modality.standard  # type: ignore[attr-defined]
            found[feature] = float(standard.mean[place]), float(standard.scale[place])
    return found


def _refused(reason: str) -> ModelError:
    return ModelError(
        f"AstroM3's release cannot hold this model: {reason}. Export it as --format skybind."
    )
