"""Beginning with another model's weights: those that fit are taken, the others begin anew."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from skybind.encoders.backbone import Backboned
from skybind.encoders.registry import Encoder, build_encoder
from skybind.errors import ModelError
from skybind.modalities.base import Modality
from skybind.models.binder import Binder
from skybind.models.model import Model
from skybind.words import join


@dataclass(frozen=True)
class Taken:
    """What a modality took of another model.

    Attributes
    ----------
    taken, of : int
        Tensors of its encoder and its projection that were taken, and all of them.
    anew : list of str
        Those that begin at random, by their names.
    partly : list of str
        Those of which the channels that both have were taken.
    why : str
        Why nothing was taken; "" where something was.
    differs : list of str
        Options of the preprocessing that are not those of the other model.
    """

    taken: int
    of: int
    anew: list[str]
    partly: list[str]
    why: str = ""
    differs: tuple[str, ...] = ()

    def sentence(self, name: str) -> str:
        """Say it of a modality, as part of a sentence."""
        if self.why:
            return f"{name} at random ({self.why})"
        remarks = [] if self.taken == self.of else [f"{self.taken} of {self.of} tensors"]
        if self.partly:
            remarks.append(f"of {join(self.partly)} the channels that both have")
        if self.anew:
            remarks.append(f"anew {join(self.anew)}")
        if self.differs:
            remarks.append(f"prepared otherwise in {join(self.differs)}")
        return f"{name} ({'; '.join(remarks)})" if remarks else name


def take_weights(
    binder: Binder, modalities: Mapping[str, Modality], start: Model
) -> dict[str, Taken]:
    """Put the weights of another model that fit into a binder.

    A modality takes those of the modality of its name. Weights on input channels are taken for
    the channels that mean the same in both; weights that depend on the channels in another way
    only if all do. The scales of pairs that both bind are taken too.

    Parameters
    ----------
    binder : Binder
        Whose weights are replaced in place.
    modalities : mapping of name to Modality
        Of the binder.
    start : Model

    Returns
    -------
    dict of str to Taken

    Raises
    ------
    ModelError
        If no weight fits.
    """
    made = {name: _take(binder, modalities[name], name, start) for name in binder.modalities}
    if not any(entry.taken or entry.partly for entry in made.values()):
        said = "; ".join(f"{name}: {entry.why or 'no shape fits'}" for name, entry in made.items())
        raise ModelError(f"No weight of the model in {start.folder} fits ({said}).")
    with torch.no_grad():
        for pair, log in binder.scales.logs.items():
            if pair in start.binder.scales.logs:
                log.copy_(start.binder.scales.logs[pair])
    return made


def taken_as_dict(made: Mapping[str, Taken]) -> dict[str, Any]:
    """Return what is noted in `result.json`."""
    return {name: asdict(entry) for name, entry in made.items()}


def _take(binder: Binder, modality: Modality, name: str, start: Model) -> Taken:
    mine = nn.ModuleDict({"encoder": binder.encoders[name], "projection": binder.projections[name]})
    own = _trained(mine, binder.encoders[name])
    if why := _misfit(binder.encoders[name], modality, name, start):
        return Taken(0, len(own), list(own), [], why)
    other = start.binder.encoders[name]
    theirs = _trained(
        nn.ModuleDict({"encoder": other, "projection": start.binder.projections[name]}), other
    )
    before = start.modalities[name]
    names = before.channel_names, modality.channel_names
    axes = {} if names[0] == names[1] else _channel_axes(binder.encoders[name], modality)
    anew, partly = [], []
    with torch.no_grad():
        for key, weight in own.items():
            found = theirs.get(key)
            if found is not None and key in axes:
                if not _copy_channels(weight, found, axes[key], *names):
                    anew.append(key)
                else:
                    partly.append(key)
            elif found is not None and found.shape == weight.shape:
                weight.copy_(found)
            else:
                anew.append(key)
    taken = len(own) - len(anew) - len(partly)
    if not taken and not partly:
        return Taken(0, len(own), anew, [], "no shape fits")
    return Taken(taken, len(own), anew, partly, "", _differences(before, modality))


def _trained(module: nn.Module, encoder: nn.Module) -> dict[str, Tensor]:
    """Give the tensors of a modality that are trained: not those of a frozen backbone."""
    frozen = "encoder.backbone." if isinstance(encoder, Backboned) else "\0"
    return {k: v for k, v in module.state_dict().items() if not k.startswith(frozen)}


def _misfit(mine: nn.Module, modality: Modality, name: str, start: Model) -> str:
    """Say why nothing of a modality can be taken; "" if something may."""
    if name not in start.modalities:
        return f"the model has only {join(list(start.modalities))}"
    if start.modalities[name].kind != modality.kind:
        return f"the model's is of the kind {start.modalities[name].kind}"
    other = start.binder.encoders[name]
    if isinstance(mine, Backboned) != isinstance(other, Backboned):
        return "only one of the two stands on a backbone"
    if isinstance(mine, Backboned) and isinstance(other, Backboned):
        one, two = mine.backbone.state_dict(), other.backbone.state_dict()
        if one.keys() != two.keys() or any(not torch.equal(one[k], two[k].to(one[k])) for k in one):
            return "the model stands on another backbone"
        mine, other = mine.head, other.head
    kinds = [_settings(encoder).get("name") for encoder in (mine, other)]
    return f"the model's encoder is {kinds[1]}, not {kinds[0]}" if kinds[0] != kinds[1] else ""


def _settings(encoder: nn.Module) -> dict[str, Any]:
    found = encoder.settings if isinstance(encoder, Encoder) else None
    return dict(found or {})


def _channel_axes(encoder: nn.Module, modality: Modality) -> dict[str, int]:
    """Find the weights whose shape depends on the number of channels, and along which axis."""
    if isinstance(encoder, Backboned):
        return {}  # its head reads features
    options = _settings(encoder)
    wider = replace(modality.shape, channels=modality.shape.channels + 1)
    with torch.random.fork_rng(devices=[]):
        other = build_encoder(options.pop("name"), wider, **options).state_dict()
    axes = {}
    for key, value in encoder.state_dict().items():
        changed = [
            axis
            for axis, (one, two) in enumerate(zip(value.shape, other[key].shape, strict=True))
            if one != two
        ]
        if changed:
            axes[f"encoder.{key}"] = changed[0]
    return axes


def _copy_channels(
    mine: Tensor, theirs: Tensor, axis: int, before: list[str], now: list[str]
) -> bool:
    """Copy the slices of the channels of the same name; tell whether that was possible."""
    if mine.shape[axis] != len(now) or theirs.ndim != mine.ndim:
        return False
    if theirs.shape[axis] != len(before):
        return False
    shapes = [tuple(n for i, n in enumerate(t.shape) if i != axis) for t in (mine, theirs)]
    shared = [name for name in now if name in before]
    if shapes[0] != shapes[1] or not shared:
        return False
    for name in shared:
        source = theirs.select(axis, before.index(name))
        mine.select(axis, now.index(name)).copy_(source)
    return True


def _differences(before: Modality, now: Modality) -> tuple[str, ...]:
    one, two = before.options.model_dump(), now.options.model_dump()
    return tuple(key for key in two if one.get(key) != two[key])
