"""Weights of frozen backbones from files that others made, found by the names of parameters.

Nothing is unpickled. Known to be read: Stein et al.'s Lightning checkpoint of MoCo v2
(`encoder_q.*`; the momentum encoder `encoder_k.*` is left), Spender's files (`encoder.*`, or
the encoder alone), torchvision's and any other state dict whose names end as skybind's do.
"""

import codecs
import pickle
import re
import zipfile
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

from skybind.config.schema import ModalityBackbone
from skybind.encoders.backbone import Backboned
from skybind.encoders.registry import Encoder, decisive_options
from skybind.encoders.release import load_parameters
from skybind.errors import ConfigError, ModelError
from skybind.files import raise_of_machine
from skybind.models.backbones import BackboneNote, read_backbone, read_head
from skybind.models.inert import read_inert
from skybind.models.leaks import PUBLISHED, tell_unknown

_PUBLISHED = {
    "resnet50": "Stein et al.'s checkpoint (resnet50.ckpt of georgestein/ssl-legacysurvey)",
    "spender": "Spender's published weights (pmelchior/spender)",
}
# MoCo's second encoder: a moving average of the one that was trained
_MOMENTUM = "encoder_k."
_STATE = "state_dict."
_HEAD = re.compile(r"fc\.(?:(\d+)\.)?(weight|bias)")


@dataclass(frozen=True)
class HeadWeights:
    """Linear layers that stood on a backbone in the file: weights and biases, in order."""

    layers: list[tuple[Tensor, Tensor]]

    def fits(self, shapes: list[torch.Size]) -> bool:
        """Whether linear layers of these shapes can take its weights."""
        return bool(self.layers) and [weight.shape for weight, _ in self.layers] == shapes


def load_weights(
    encoder: Backboned, backbone: ModalityBackbone, kind: str, where: str
) -> HeadWeights:
    """Load the weights of a frozen backbone, as a configuration names them.

    What a saved backbone knows of its training goes into `encoder`.

    Parameters
    ----------
    encoder : Backboned
    backbone : ModalityBackbone
    kind : str
        Of the modality.
    where : str
        Key of the backbone in the configuration, for messages.

    Returns
    -------
    HeadWeights
        Linear layers that stood on a published backbone, if there were any.

    Raises
    ------
    ConfigError
        If the configuration names no weights.
    ModelError
        If the weights cannot be read or do not fit.
    """
    name, options = backbone.encoder["name"], dict(backbone.encoder)
    del options["name"]
    if backbone.weights is None:
        published = f"{_PUBLISHED[name]}, or of " if name in _PUBLISHED else ""
        raise ConfigError(
            f"{where}.weights is not set: give the path of {published}a backbone that "
            f"'skybind pretrain-backbone {kind}' made ('random' takes untrained weights, to try "
            "things out)."
        )
    path = Path(backbone.weights)
    if not path.is_dir():
        return _load_file(encoder, path, name)
    note, state = read_backbone(path)
    if note.kind != kind:
        raise ModelError(f"The backbone in {path} is of the kind {note.kind}, {where} of {kind}.")
    made = {"name": note.encoder["name"], **note.encoder["options"]}
    other = ModelError(f"{where}.encoder is not that of {path}, which is {made}.")
    # options such as the sizes of pools leave no trace in the names and shapes of weights
    here = decisive_options(name, options)
    there = decisive_options(made["name"], note.encoder["options"])
    if here.get("pooling") == "tokens":  # what is pooled otherwise has tokens all the same
        there["pooling"] = "tokens"
    if name != made["name"] or here != there:
        raise other
    try:
        load_parameters(encoder.backbone, state, f"{name} encoder")
    except ModelError as error:
        raise other from error
    _remember(encoder, note)
    return HeadWeights(read_head(path))


def _load_file(encoder: Backboned, path: Path, name: str) -> HeadWeights:
    """Load the weights of a frozen backbone from a file that skybind did not make."""
    tensors = read_tensors(path)
    encoder.origin = _origin(name, tensors)
    return load_named(encoder.backbone, tensors, path, name)


def _origin(name: str, tensors: Collection[str]) -> str:
    """Give the form of published weights that a file of a network has; "" where it has none."""
    if name.startswith("resnet"):  # whose names are torchvision's, too
        return "stein" if any("encoder_q." in key for key in tensors) else ""
    return {"spender": "spender", "specformer": "specformer", "vit": "dinov2"}.get(name, "")


def _remember(encoder: Backboned, note: BackboneNote) -> None:
    """Note what a saved backbone knows of its training."""
    encoder.origin = str((note.identity.get(PUBLISHED) or {}).get("form", ""))
    encoder.seen = note.seen
    encoder.dataset = str(note.identity.get("dataset", ""))
    encoder.statistics = note.statistics
    encoder.preprocessing = note.preprocessing
    encoder.observation = note.observation
    tell_unknown(note.identity)


def load_file_weights(encoder: Encoder, path: str | Path, name: str) -> HeadWeights:
    """Load a backbone's weights from a checkpoint or a file of a state dict.

    Parameters
    ----------
    encoder : Encoder
    path : str or Path
        `.safetensors`, or anything that `torch.load(weights_only=True)` reads.
    name : str
        Of the encoder, for messages.

    Returns
    -------
    HeadWeights
        The layers `fc` (Stein et al.: `fc.0` and `fc.2`) beside the backbone, if there are any.

    Raises
    ------
    ModelError
        If the file cannot be read, or does not hold this encoder.
    """
    return load_named(encoder, read_tensors(Path(path)), Path(path), name)


def load_named(
    encoder: Encoder, tensors: Mapping[str, Tensor], path: Path, name: str
) -> HeadWeights:
    """Load a backbone's weights from tensors that were read, see `load_file_weights`."""
    prefix = _prefix(tensors, encoder, path, name)
    state = {}
    for key, own in encoder.state_dict().items():
        if prefix + key in tensors:
            state[key] = tensors[prefix + key]
        elif key.endswith("num_batches_tracked"):  # of no use here; older files have none
            state[key] = own
    load_parameters(encoder, state, f"{name} encoder ({path})")
    return _head({k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)})


def read_tensors(path: Path) -> dict[str, Tensor]:
    """Read the tensors of a file of weights by their names, see `read_file`.

    Of a checkpoint that has a `state_dict` only what stands in it: the states of optimisers and
    callbacks beside it, in which Lightning keeps infinities, are no weights.

    Raises
    ------
    ModelError
        If it cannot be read, or holds what is no plain array of numbers, or less than it states.
    """
    try:
        tensors = dict(named_tensors(read_file(path)))
    except RecursionError as error:
        raise ModelError(f"{path} is no file of weights: it is nested without an end.") from error
    own = {name: values for name, values in tensors.items() if name.startswith(_STATE)}
    tensors = own or tensors
    for name, values in tensors.items():
        if reason := _unusable(values):
            raise ModelError(f"{path}: '{name}' is {reason}: no weights of a network are.")
    return tensors


def _unusable(values: Tensor) -> str | None:
    """Say why a tensor cannot be weights; whatever asks for its values may come after."""
    if values.layout != torch.strided or values.is_quantized:
        return "sparse, or quantised"
    if values.device.type != "cpu":
        return "without values"
    if values.is_complex():
        return "complex"
    if values.numel() * values.element_size() > values.untyped_storage().nbytes():
        return f"said to have {values.numel():,} numbers, more than the file holds"
    return None


def read_file(path: Path) -> Any:
    """Read a file of weights, whatever its tensors are nested in; nothing in it is run.

    Python objects beside the tensors, as in many of Lightning's checkpoints, are not made.

    Raises
    ------
    ModelError
        If it cannot be read, or all its tensors are within Python objects.
    """
    if not path.exists():
        raise ModelError(f"There is no file of weights at {path}.")
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        _refuse_packed(path)
        with torch.serialization.safe_globals(_plain_arrays()):
            return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        return _beside_objects(path, error)
    except Exception as error:
        raise_of_machine(error)
        first = str(error).partition("\n")[0] or "it is empty, or torn"
        raise ModelError(f"{path} cannot be read as weights: {first.rstrip('.')}.") from error


def _refuse_packed(path: Path) -> None:
    """Refuse a file that unpacks to more than it is: torch packs nothing."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as parts:
        unpacked = sum(part.file_size for part in parts.infolist())
    if unpacked > path.stat().st_size:
        raise ValueError("it is packed, which torch never does; unpack it, or save it anew")


def _beside_objects(path: Path, refusal: Exception) -> Any:
    """Read the tensors of a file that holds Python objects too, and leave these alone."""
    try:
        tree = read_inert(path)
        if any(True for _ in named_tensors(tree)):
            return tree
    except Exception as error:
        raise_of_machine(error)
        first = str(error).partition("\n")[0]
        raise ModelError(f"{path} cannot be read as weights: {first.rstrip('.')}.") from error
    raise ModelError(
        f"{path} holds its tensors within Python objects{_which(refusal)}, which skybind does not "
        "unpickle because that runs code from the file: if you trust it, open it with "
        "torch.load(..., weights_only=False) yourself and save its state_dict() alone."
    ) from refusal


def _plain_arrays() -> list[Any]:
    """Give what numpy arrays of numbers are rebuilt with: Spender's files hold losses as such.

    Each under its name before and after numpy 2; none of them runs code from the file.
    """
    kinds = {type(np.dtype(code)) for code in "?bBhHiIlLqQefd"}
    multiarray = np._core.multiarray  # type: ignore[attr-defined]
    renamed = [
        (function, f"numpy.{core}.multiarray.{function.__name__}")
        for function in (multiarray._reconstruct, multiarray.scalar)
        for core in ("core", "_core")
    ]
    return [np.ndarray, np.dtype, codecs.encode, *kinds, *renamed]


def _which(error: Exception) -> str:
    """Name the class that a refusal of torch's names, if it does."""
    found = re.search(r"GLOBAL ([\w.]+)", str(error))
    return f" (such as {found.group(1)})" if found else ""


def named_tensors(tree: Any, prefix: str = "") -> Iterator[tuple[str, Tensor]]:
    """Walk nested mappings and lists; names are joined by dots."""
    if isinstance(tree, Tensor):
        yield prefix.removesuffix("."), tree
    elif isinstance(tree, Mapping):
        for key, value in tree.items():
            yield from named_tensors(value, f"{prefix}{key}.")
    elif isinstance(tree, list | tuple):
        for index, value in enumerate(tree):
            yield from named_tensors(value, f"{prefix}{index}.")


def _prefix(tensors: Mapping[str, Tensor], encoder: Encoder, path: Path, name: str) -> str:
    """Find what stands before the encoder's names in the file."""
    wanted = list(encoder.state_dict())
    found = {
        key.removesuffix(wanted[0])
        for key in tensors
        if key == wanted[0] or key.endswith("." + wanted[0])
    }
    found = {prefix for prefix in found if not prefix.endswith(_MOMENTUM)}
    if not found:
        held = ", ".join(list(tensors)[:3]) or "no tensor"
        raise ModelError(
            f"{path} holds no weights of the encoder '{name}': there is no '{wanted[0]}' in it "
            f"(it holds {held}, ...)."
        )
    whole = [prefix for prefix in found if all(prefix + key in tensors for key in wanted)]
    if len(whole) > 1:
        raise ModelError(
            f"{path} holds several encoders that fit '{name}' "
            f"({', '.join(repr(prefix) for prefix in sorted(whole))}): save one of them alone."
        )
    return whole[0] if whole else max(sorted(found), key=lambda p: _count(tensors, wanted, p))


def _count(tensors: Mapping[str, Tensor], wanted: list[str], prefix: str) -> int:
    return sum(prefix + key in tensors for key in wanted)


def _head(state: Mapping[str, Tensor]) -> HeadWeights:
    """Find the linear layers `fc.*`, in the order of their numbers."""
    layers: dict[int, dict[str, Tensor]] = {}
    for key, value in state.items():
        if match := _HEAD.fullmatch(key):
            layers.setdefault(int(match[1] or 0), {})[match[2]] = value
    whole = [layers[number] for number in sorted(layers) if len(layers[number]) == 2]
    return HeadWeights([(layer["weight"], layer["bias"]) for layer in whole])
