"""Weights of AstroM3's public release <-> skybind's modules, by name.

Release: github.com/MeriDK/AstroM3 (MIT). Its weights are safetensors with a ``config.json`` of
the constructor's arguments, or a ``.pth`` of the state dict. The classifiers of one modality
keep their encoder's parameters without a prefix.
"""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import torch
from torch import Tensor, nn

from skybind.encoders.informer import sinusoidal_positions
from skybind.errors import ModelError

_ENCODERS = {
    "photometry": "photometry_encoder",
    "spectrum": "spectra_encoder",
    "metadata": "metadata_encoder",
}
_PROJECTIONS = {
    "photometry": "photometry_proj",
    "spectrum": "spectra_proj",
    "metadata": "metadata_proj",
}
_SCALES = {
    ("photometry", "spectrum"): "logit_scale_ps",
    ("spectrum", "metadata"): "logit_scale_sm",
    ("metadata", "photometry"): "logit_scale_mp",
}
# First part of a parameter's name in the classifier of one modality.
_BARE_ROOTS = {
    "enc_embedding": "photometry",
    "encoder": "photometry",
    "layers": "spectrum",
    "model": "metadata",
}
_CLASSIFIER = "fc"
_POSITIONS = "enc_embedding.position_embedding.pe"
_POSITIONS_LENGTH = 5000


class ReleaseState(TypedDict):
    """Parameters by their place in skybind.

    `encoders` and `projections` by modality, each a state dict of its module; `log_scales` by
    pair of modalities; `classifier` is the state dict of its linear layer, or None.
    """

    encoders: dict[str, dict[str, Tensor]]
    projections: dict[str, dict[str, Tensor]]
    log_scales: dict[tuple[str, str], Tensor]
    classifier: dict[str, Tensor] | None


def map_astrom3_state(state: Mapping[str, Tensor]) -> ReleaseState:
    """Sort a release's parameters by their place in skybind.

    Parameters
    ----------
    state : mapping of Tensor
        The state dict of a CLIP model, of a classifier of all modalities, or of one modality.

    Raises
    ------
    ModelError
        If a name is unknown or a needed one is missing, or the positions are not sinusoidal.
    """
    encoders = {prefix: modality for modality, prefix in _ENCODERS.items()}
    projections = {prefix: modality for modality, prefix in _PROJECTIONS.items()}
    scales = {name: pair for pair, name in _SCALES.items()}
    places = {*encoders, *projections, *scales}
    bare = not any(_split(name)[0] in places for name in state)

    mapped = ReleaseState(encoders={}, projections={}, log_scales={}, classifier=None)
    classifier: dict[str, Tensor] = {}
    unexpected = []
    for name, value in state.items():
        root, rest = _split(name)
        if root == _CLASSIFIER:
            classifier[rest] = value
        elif bare and root in _BARE_ROOTS:
            mapped["encoders"].setdefault(_BARE_ROOTS[root], {})[name] = value
        elif root in encoders and rest:
            mapped["encoders"].setdefault(encoders[root], {})[rest] = value
        elif root in projections and rest:
            mapped["projections"].setdefault(projections[root], {})[rest] = value
        elif root in scales and not rest:
            mapped["log_scales"][scales[root]] = value
        else:
            unexpected.append(name)
    if unexpected:
        raise ModelError(
            f"these weights are not AstroM3's: unexpected {_listed(sorted(unexpected))}"
        )
    mapped["classifier"] = classifier or None
    _check_complete(mapped, bare)
    positions = mapped["encoders"].get("photometry", {}).pop(_POSITIONS, None)
    if positions is not None:
        _check_positions(positions)
    return mapped


def to_astrom3_state(mapped: ReleaseState) -> dict[str, Tensor]:
    """Name parameters as the release does: the inverse of `map_astrom3_state`.

    The table of positions, which the release keeps among its parameters, is added. One encoder
    without a projection gets the names of a classifier of one modality.

    Raises
    ------
    ModelError
        If there is a modality or a pair that the release does not have.
    """
    unknown = [str(m) for m in {*mapped["encoders"], *mapped["projections"]} if m not in _ENCODERS]
    unknown += [str(pair) for pair in mapped["log_scales"] if pair not in _SCALES]
    if unknown:
        raise ModelError(f"AstroM3's release has no place for {_listed(sorted(unknown))}")
    bare = is_bare(mapped)
    state: dict[str, Tensor] = {}
    for pair, scale in mapped["log_scales"].items():
        state[_SCALES[pair]] = scale
    for modality, parameters in mapped["encoders"].items():
        prefix = "" if bare else _ENCODERS[modality] + "."
        state.update({prefix + name: value for name, value in parameters.items()})
        if modality == "photometry":
            d_model = parameters["encoder.norm.weight"].shape[0]
            state[prefix + _POSITIONS] = sinusoidal_positions(_POSITIONS_LENGTH, d_model)[None]
    for modality, parameters in mapped["projections"].items():
        prefix = _PROJECTIONS[modality]
        state.update({f"{prefix}.{name}": value for name, value in parameters.items()})
    for name, value in (mapped["classifier"] or {}).items():
        state[f"{_CLASSIFIER}.{name}"] = value
    return state


def is_bare(mapped: ReleaseState) -> bool:
    """Return whether it is the classifier of one modality, whose names have no prefix."""
    return len(mapped["encoders"]) == 1 and not mapped["projections"]


def load_parameters(module: nn.Module, parameters: Mapping[str, Tensor], what: str) -> None:
    """Put `parameters` into `module`, all of them and nothing else.

    Parameters
    ----------
    module : torch.nn.Module
    parameters : mapping of Tensor
    what : str
        What the module is, for the message: "photometry encoder".

    Raises
    ------
    ModelError
        Naming the parameters that are missing, unexpected, of another shape, or whole numbers
        where fractions are meant (quantised weights, whose scale is elsewhere).
    """
    expected = module.state_dict()
    faults = []
    missing = sorted(expected.keys() - parameters.keys())
    unexpected = sorted(parameters.keys() - expected.keys())
    shapes = [
        f"{name} {tuple(parameters[name].shape)} for {tuple(value.shape)}"
        for name, value in expected.items()
        if name in parameters and parameters[name].shape != value.shape
    ]
    whole = [
        f"{name} {parameters[name].dtype}"
        for name, value in expected.items()
        if name in parameters
        and value.is_floating_point()
        and not parameters[name].is_floating_point()
    ]
    found = {"missing": missing, "unexpected": unexpected, "shape": shapes, "kind": whole}
    for fault, names in found.items():
        if names:
            faults.append(f"{fault} {_listed(names)}")
    if faults:
        raise ModelError(
            f"the weights do not fit the {what}: {'; '.join(faults)}: "
            f"build it with the options that the weights were trained with"
        )
    module.load_state_dict(dict(parameters))


def _check_complete(mapped: ReleaseState, bare: bool) -> None:
    missing = []
    if bare and len(mapped["encoders"]) != 1:
        missing.append("the parameters of an encoder")
    if bare and mapped["classifier"] is None:
        missing += [f"{_CLASSIFIER}.weight", f"{_CLASSIFIER}.bias"]
    if not bare:
        missing += [
            f"{_ENCODERS[m]}.*" for m in mapped["projections"] if m not in mapped["encoders"]
        ]
        for modality in mapped["encoders"]:
            held = mapped["projections"].get(modality, {})
            missing += [
                f"{_PROJECTIONS[modality]}.{n}" for n in ("weight", "bias") if n not in held
            ]
    if mapped["classifier"] is not None:
        missing += [
            f"{_CLASSIFIER}.{n}" for n in ("weight", "bias") if n not in mapped["classifier"]
        ]
    if missing:
        raise ModelError(
            f"these weights are not AstroM3's, or not whole: missing {_listed(missing)}"
        )


def _check_positions(positions: Tensor) -> None:
    wanted = sinusoidal_positions(positions.shape[-2], positions.shape[-1])[None]
    if positions.shape != wanted.shape or not torch.allclose(positions.float(), wanted, atol=1e-3):
        raise ModelError(
            f"{_ENCODERS['photometry']}.{_POSITIONS} is not the sinusoidal table: "
            f"these weights were trained with other positions than skybind has"
        )


def _split(name: str) -> tuple[str, str]:
    root, _, rest = name.partition(".")
    return root, rest


def _listed(names: Sequence[str], most: int = 6) -> str:
    """Join names, the first few of them if there are many."""
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
