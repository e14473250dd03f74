"""Published networks of galaxies as backbones, and what their modalities read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from skybind.config import Config, load_config
from skybind.data.schema import BASE_COLUMNS, DatasetSchema
from skybind.encoders.registry import Encoder, build_encoder
from skybind.errors import ConfigError
from skybind.ingest.readers.astroclip import Release
from skybind.modalities.base import Modality
from skybind.models.backbones import save_backbone
from skybind.models.build import build_modalities
from skybind.models.exchange.formats import Beside
from skybind.models.exchange.reading import WeightSource
from skybind.models.weights import load_named
from skybind.progress import step

#: What a dataset of these networks has: images of the Legacy Surveys, spectra of DESI.
SCHEMA = DatasetSchema(
    {
        **BASE_COLUMNS,
        **{
            name: column
            for name, column in Release({}, Path()).columns.items()
            if column.role == "observation"
        },
    }
)


@dataclass(frozen=True)
class PublishedBackbone:
    """Published weights as a backbone of skybind, see `skybind.models.backbones`."""

    encoder: Encoder
    modality: Modality
    head: Sequence[tuple[Tensor, Tensor]] = ()
    notes: Sequence[str] = ()

    def save(self, folder: Path, identity: Mapping[str, Any]) -> None:
        """Write it to a folder; which objects it was trained on is not known."""
        options = dict(self.encoder.settings or {})
        save_backbone(
            folder,
            options.pop("name"),
            options,
            self.encoder,
            modality=self.modality,
            shape=self.modality.shape,
            trained_on=np.zeros(0, dtype=str),
            identity=identity,
            head=self.head,
        )


def take_backbone(
    source: WeightSource,
    beside: Beside,
    usual: Config,
    name: str,
    tensors: Mapping[str, Tensor] | None = None,
) -> PublishedBackbone:
    """Make a backbone of published weights.

    Parameters
    ----------
    source : WeightSource
    beside : Beside
        Its configuration, if any, stands for the usual one.
    usual : Config
        Tells the network and how its inputs are prepared.
    name : str
        The modality in the configuration.
    tensors : mapping of str to Tensor, optional
        The weights by the names of skybind's encoder; those of the source by default.

    Raises
    ------
    ConfigError
        If anything is given that it has no use for, or the configuration has no such backbone.
    ModelError
        If the weights are not whole, or of another network.
    """
    config = configuration(beside, usual)
    entry = config.modalities.get(name)
    if entry is None or entry.backbone is None:
        raise ConfigError(
            f"The configuration has no modalities.{name}.backbone, which these weights become: "
            "give one that has it, or none for the usual one."
        )
    alone = config.model_copy(update={"modalities": {name: entry}})
    modality = build_modalities(alone, SCHEMA)[name]
    options = dict(entry.backbone.encoder)
    known = source.tensors if tensors is None else tensors
    with step("building the network"):
        encoder = build_encoder(options.pop("name"), modality.shape, **options)
        head = load_named(encoder, known, source.path, entry.backbone.encoder["name"])
    return PublishedBackbone(encoder.eval(), modality, head.layers, [_prepared(name, entry)])


def configuration(beside: Beside, usual: Config) -> Config:
    """Give the configuration of some weights that need nothing else beside them.

    Raises
    ------
    ConfigError
        If something else is given.
    """
    for option in fields(Beside):
        if option.name != "config" and getattr(beside, option.name):
            raise ConfigError(
                "These weights need no --data, --statistics, --standardised, --features or "
                "--classes: leave them out."
            )
    return usual if beside.config is None else beside.config


def usual(name: str, *changes: str) -> Config:
    """Give a shipped configuration with some keys changed."""
    return load_config(name, changes)


def renamed(tensors: Mapping[str, Tensor], last: str) -> dict[str, Tensor]:
    """Give the tensors below the prefix that stands before `last`, without it; "" if none does."""
    starts = [key.removesuffix(last) for key in tensors if key.endswith(last)]
    start = min(starts, key=len, default="")
    return {k.removeprefix(start): v for k, v in tensors.items() if k.startswith(start)}


def mirrored(values: Tensor) -> Tensor:
    """Swap rows and columns of the kernels of a convolution over images; others stay.

    The codes of AstroCLIP give their networks images with rows and columns swapped. A network with
    its kernels swapped gives for an image what that with the others gives for the swapped image.
    """
    return values.transpose(2, 3).contiguous() if values.ndim == 4 else values


def _prepared(name: str, entry: Any) -> str:
    options = entry.preprocessing
    how = f"stretch {options['stretch']}" if "stretch" in options else options.get("normalise")
    return (
        f"Its inputs are prepared as modalities.{name}.preprocessing of the configuration says "
        f"({how}); which objects it was trained on is not known."
    )
