"""The constructor's arguments of AstroM3's release (``config.json``), in skybind's words.

They decide the network: a factor or an activation leaves no trace in the weights. What does leave
one is held against the shapes of the weights.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, create_model
from torch import Tensor

from skybind.config.load import validate
from skybind.encoders.release import ReleaseState, is_bare
from skybind.errors import ConfigError, ModelError, quoted
from skybind.files import raise_of_machine
from skybind.modalities.shape import InputShape
from skybind.words import join

SPECTRUM_PIXELS = 2575  # not among the arguments: np.arange(3850, 9000, 2) Angstrom
_LARGEST_FILE = 1_000_000  # bytes of a config.json
_LARGEST_POOL = 64
#: What stands before the arguments of an encoder in the model of all modalities.
_PREFIXES = {"photometry": "p_", "spectrum": "s_", "metadata": "m_"}
#: The argument by which the classifier of one modality is known.
_KNOWN_BY = {"enc_in": "photometry", "conv_channels": "spectrum", "input_dim": "metadata"}
#: Arguments that change nothing of what the network gives.
_OF_NO_WEIGHT = ("output_attention", "p_output_attention")

Size = Annotated[int, Field(gt=0, le=1_000_000)]
Share = Annotated[float, Field(ge=0, lt=1)]


class _Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class _Photometry(_Arguments):
    seq_len: Size
    enc_in: Size
    d_model: Size
    dropout: Share
    factor: Size
    output_attention: bool = False
    n_heads: Size
    d_ff: Size
    activation: Literal["gelu", "relu"]
    e_layers: Annotated[int, Field(gt=0, le=1000)]


class _Spectrum(_Arguments):
    dropout: Share
    conv_channels: Annotated[list[Size], Field(min_length=2, max_length=64)]
    kernel_size: Size
    mp_kernel_size: Size


class _Metadata(_Arguments):
    input_dim: Size
    hidden_dim: Size
    dropout: Share


class _Classifier(_Arguments):
    classification: bool
    num_classes: Size | None = None


class _Whole(_Classifier):
    hidden_dim: Size
    fusion: Literal["avg", "concat"] | None = None


@dataclass(frozen=True)
class EncoderSpec:
    """What `build_encoder` needs."""

    name: str
    shape: InputShape
    options: dict[str, Any]


@dataclass(frozen=True)
class ReleaseConfig:
    """A release's ``config.json`` in skybind's words.

    Attributes
    ----------
    encoders : dict of EncoderSpec
        By modality.
    embedding_size : int or None
        Dimension of the shared embedding; None for the classifier of one modality.
    classes : int or None
        Number of classes, None for a model without classifier.
    fusion : str
        "avg" or "concat": how the classifier joins the embeddings.
    """

    encoders: dict[str, EncoderSpec]
    embedding_size: int | None
    classes: int | None
    fusion: str


def read_arguments(path: str | Path) -> dict[str, Any]:
    """Read the arguments of a ``config.json``.

    Raises
    ------
    ModelError
        If the file cannot be read, or holds no mapping.
    """
    path = Path(path)
    try:
        if path.stat().st_size > _LARGEST_FILE:
            raise ValueError("it is too large for one")
        arguments = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise_of_machine(error)
        raise ModelError(
            f"{path} cannot be read as an AstroM3 config.json: {quoted(error)}."
        ) from error
    if not isinstance(arguments, dict):
        raise ModelError(f"{path} is no AstroM3 config.json: it holds no mapping of arguments")
    return arguments


def translate_arguments(arguments: Mapping[str, Any], where: str) -> ReleaseConfig:
    """Say the arguments of a release's model in skybind's words.

    Parameters
    ----------
    arguments : mapping
        Of the model of all modalities, or of the classifier of one.
    where : str
        What they are of, for messages.

    Raises
    ------
    ModelError
        If one is missing, unknown, or of another kind or size than it can be.
    """
    alone = next((part for key, part in _KNOWN_BY.items() if key in arguments), None)
    given = {key: value for key, value in arguments.items() if not key.startswith("_")}
    try:
        whole: Any = validate(_model_of(alone), given, f"{where} (AstroM3's config.json)")
    except ConfigError as error:
        raise ModelError(str(error)) from error
    if whole.classification and whole.num_classes is None:
        raise ModelError(f"{where} is of a classifier, but lacks 'num_classes'.")
    if whole.classification and alone is None and whole.fusion is None:
        raise ModelError(f"{where} is of a classifier, but lacks 'fusion'.")
    names = list(_PARTS) if alone is None else [alone]
    parts = {
        name: {key: getattr(whole, argument_name(name, key, alone is not None)) for key in keys}
        for name, keys in ((name, _PARTS[name].model_fields) for name in names)
    }
    return ReleaseConfig(
        {name: _SPECS[name](part) for name, part in parts.items()},
        embedding_size=whole.hidden_dim if alone is None else None,
        classes=whole.num_classes if whole.classification else None,
        fusion=(whole.fusion if alone is None else None) or "avg",
    )


def argument_name(modality: str, key: str, bare: bool) -> str:
    """Return the name of an encoder's argument: as its own class has it, or in the whole model."""
    if bare:
        return "dropout_rate" if modality == "spectrum" and key == "dropout" else key
    return key if key == "seq_len" else _PREFIXES[modality] + key


def measured_arguments(mapped: ReleaseState) -> dict[str, Any]:
    """Return the arguments that the shapes of a release's weights tell, by their names.

    Raises
    ------
    ModelError
        If the weights are not whole, or a tensor is not of the shape of any such network.
    """
    bare = is_bare(mapped)
    found: dict[str, Any] = {"classification": mapped["classifier"] is not None}
    try:
        for name, parameters in mapped["encoders"].items():
            told = _MEASURES[name](parameters, _width_after(mapped, name))
            found |= {argument_name(name, key, bare): value for key, value in told.items()}
        head = mapped["classifier"]
        if head is not None:
            found["num_classes"] = _size(head["weight"], 0, 2)
        if not bare:
            found["hidden_dim"] = _size(next(iter(mapped["projections"].values()))["weight"], 0, 2)
            if head is not None:
                joined = _size(head["weight"], 1, 2)
                found["fusion"] = "avg" if joined == found["hidden_dim"] else "concat"
    except (KeyError, ValueError) as error:
        raise ModelError(f"These weights are not AstroM3's, or not whole: {error}.") from error
    return found


def check_arguments(arguments: Mapping[str, Any], mapped: ReleaseState, where: str) -> None:
    """Refuse arguments that the shapes of the weights contradict.

    Raises
    ------
    ModelError
        It names them, with both values.
    """
    wrong = [
        f"{key} is {arguments[key]!r} and the weights say {value!r}"
        for key, value in measured_arguments(mapped).items()
        if key in arguments and arguments[key] != value
    ]
    if wrong:
        raise ModelError(
            f"{where} is not of these weights: {join(wrong[:3])}; find the file that belongs to "
            "them."
        )


def complete_arguments(mapped: ReleaseState) -> dict[str, Any]:
    """Return all arguments of a network whose shapes leave no doubt; dropout, which they do not
    tell and embeddings do not need, is 0.

    Raises
    ------
    ModelError
        If they do not tell all.
    """
    found, bare = measured_arguments(mapped), is_bare(mapped)
    lacking = []
    for name in mapped["encoders"]:
        found[argument_name(name, "dropout", bare)] = 0.0
        needed = [argument_name(name, key, bare) for key in _PARTS[name].model_fields]
        lacking += [key for key in needed if key not in found and key not in _OF_NO_WEIGHT]
    if lacking:
        raise ModelError(
            f"There is no config.json beside the weights, and their shapes do not tell "
            f"{join(lacking)}: put the published config.json beside them, or give it or a "
            "configuration with --config."
        )
    return found


def pooled_width(channels: list[int], kernel: int, pool: int) -> int:
    """Return how many features GalSpecNet makes of a spectrum; none or less: too short for it."""
    length = SPECTRUM_PIXELS
    for _ in channels[2:]:
        length = (length - kernel + 1) // pool
    return channels[-1] * (length - kernel + 1)


def _model_of(alone: str | None) -> type[BaseModel]:
    """Build the model of the arguments of one modality's classifier, or of all (None)."""
    names = list(_PARTS) if alone is None else [alone]
    fields: dict[str, Any] = {
        argument_name(name, key, alone is not None): (field.annotation, field)
        for name in names
        for key, field in _PARTS[name].model_fields.items()
    }
    return create_model("Arguments", __base__=_Whole if alone is None else _Classifier, **fields)


def _photometry_spec(part: Mapping[str, Any]) -> EncoderSpec:
    options = {
        "d_model": part["d_model"],
        "n_heads": part["n_heads"],
        "d_ff": part["d_ff"],
        "layers": part["e_layers"],
        "dropout": part["dropout"],
        "activation": part["activation"],
        "attention": "probsparse",
        "factor": part["factor"],
        "mask_attention": False,
        "pooling": "flatten",
        "position": "index",
        "convolution_padding": "circular",
        "head_merge": "release",
    }
    return EncoderSpec("informer", InputShape(part["enc_in"], part["seq_len"]), options)


def _spectrum_spec(part: Mapping[str, Any]) -> EncoderSpec:
    options = {
        "channels": part["conv_channels"][1:],
        "kernel_size": part["kernel_size"],
        "pool_size": part["mp_kernel_size"],
        "dropout": part["dropout"],
        "pooling": "flatten",
    }
    return EncoderSpec("galspecnet", InputShape(part["conv_channels"][0], SPECTRUM_PIXELS), options)


def _metadata_spec(part: Mapping[str, Any]) -> EncoderSpec:
    options = {"hidden": part["hidden_dim"], "layers": 2, "dropout": part["dropout"]}
    return EncoderSpec("mlp", InputShape(part["input_dim"]), options)


def _width_after(mapped: ReleaseState, name: str) -> int:
    """Length of an encoder's features, by the layer that takes them."""
    layer = mapped["projections"].get(name) or mapped["classifier"]
    if layer is None:
        raise KeyError(f"the layer on the features of {name}")
    return _size(layer["weight"], 1, 2)


def _measure_photometry(own: Mapping[str, Tensor], width: int) -> dict[str, Any]:
    token = own["enc_embedding.value_embedding.tokenConv.weight"]
    d_model = _size(token, 0, 3)
    layers = {key.split(".")[2] for key in own if key.startswith("encoder.attn_layers.")}
    if width % d_model:
        raise ValueError(f"the features of light curves, {width}, are no multiple of {d_model}")
    return {
        "seq_len": width // d_model,
        "enc_in": _size(token, 1, 3),
        "d_model": d_model,
        "d_ff": _size(own["encoder.attn_layers.0.conv1.weight"], 0, 3),
        "e_layers": len(layers),
    }


def _measure_spectrum(own: Mapping[str, Tensor], width: int) -> dict[str, Any]:
    numbers = sorted({int(key.split(".")[1]) for key in own})
    weights = [own[f"layers.{number}.weight"] for number in numbers]
    channels = [_size(weights[0], 1, 3), *(_size(weight, 0, 3) for weight in weights)]
    kernel = _size(weights[0], 2, 3)
    pools = [p for p in range(1, _LARGEST_POOL) if pooled_width(channels, kernel, p) == width]
    told: dict[str, Any] = {"conv_channels": channels, "kernel_size": kernel}
    return told | ({"mp_kernel_size": pools[0]} if len(pools) == 1 else {})


def _measure_metadata(own: Mapping[str, Tensor], width: int) -> dict[str, Any]:
    first = own["model.0.weight"]
    return {"input_dim": _size(first, 1, 2), "hidden_dim": _size(first, 0, 2)}


def _size(tensor: Tensor, axis: int, axes: int) -> int:
    """Length of a tensor along an axis.

    Raises
    ------
    ValueError
        If it has another number of axes.
    """
    if tensor.ndim != axes:
        raise ValueError(f"a tensor of shape {tuple(tensor.shape)} should have {axes} axes")
    return int(tensor.shape[axis])


_PARTS: dict[str, type[_Arguments]] = {
    "photometry": _Photometry,
    "spectrum": _Spectrum,
    "metadata": _Metadata,
}
_SPECS = {
    "photometry": _photometry_spec,
    "spectrum": _spectrum_spec,
    "metadata": _metadata_spec,
}
_MEASURES = {
    "photometry": _measure_photometry,
    "spectrum": _measure_spectrum,
    "metadata": _measure_metadata,
}
