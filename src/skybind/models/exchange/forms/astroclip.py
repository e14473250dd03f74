"""AstroCLIP's whole models: the original, and those of the two reports.

Checkpoints of PolymathicAI/AstroCLIP (MIT; configuration `astroclip-original`) and of
av1518/AstroCLIP-Extention (MIT; configuration `astroclip`, its heads by the shapes of the weights).
Both codes swap rows and columns of images, so the kernels are swapped here, and a model embeds
images as they stand in the data.
"""

import re
from collections.abc import Collection, Mapping

from torch import Tensor

from skybind.config import Config
from skybind.encoders.release import load_parameters
from skybind.encoders.vit import map_dinov2_state
from skybind.errors import ModelError
from skybind.models.build import build_binder, build_modalities
from skybind.models.exchange.formats import Beside, Format, PublishedModel, register_format
from skybind.models.exchange.galaxies import SCHEMA, configuration, mirrored, renamed, usual
from skybind.models.exchange.reading import WeightSource
from skybind.progress import step

_QUERY = "image_encoder.cross_attention.query"
_FC = "image_encoder.backbone.fc.0.weight"
_LAYERS = "spectrum_encoder.spec_encoder.mlp.additional_layers."
_MADE_FOR = "Its images and spectra are prepared as the code of the weights has them"
#: What training alone needs, or nothing: what hides patches and restores windows, the other tokens.
_UNUSED = re.compile(
    r"(encoders\.image\.backbone\.(cls_token|pos_embed|mask_token)|encoders\.spectrum\.backbone\."
    r"(head|instrument)\..*)"
)


def take_original(source: WeightSource, beside: Beside) -> PublishedModel:
    """Make a model of the original AstroCLIP.

    Raises
    ------
    ConfigError, ModelError
        If the weights are not whole, or of another network than the configuration's.
    """
    state = renamed(source.tensors, _QUERY)
    mapped = {}
    image = map_dinov2_state(_below(state, "image_encoder.backbone."))
    for key, value in image.items():
        mapped[f"encoders.image.backbone.{key}"] = mirrored(value)
    for key, value in _below(state, "spectrum_encoder.backbone.").items():
        mapped[f"encoders.spectrum.backbone.{key}"] = value
    for name in ("image", "spectrum"):
        for part in ("cross_attention.", "mlp."):
            for key, value in _below(state, f"{name}_encoder.{part}").items():
                mapped[f"encoders.{name}.head.{part}{key}"] = value
    config = configuration(beside, usual("astroclip-original"))
    return _model(config, mapped, source)


def take_reports(source: WeightSource, beside: Beside) -> PublishedModel:
    """Make a model of the AstroCLIP of the reports.

    Raises
    ------
    ConfigError, ModelError
        If the weights are not whole, or of another network than the configuration's.
    """
    state = renamed(source.tensors, _FC)
    image, head = _below(state, "image_encoder.backbone."), _below(state, _LAYERS)
    mapped = {
        f"encoders.image.backbone.{key}": mirrored(value)
        for key, value in image.items()
        if not key.startswith("fc.")
    }
    for layer, place in (
        ("fc.0.", "encoders.image.head.layers.0."),
        ("fc.2.", "projections.image."),
    ):
        mapped |= {f"{place}{key}": value for key, value in _below(image, layer).items()}
    for key, value in _below(state, "spectrum_encoder.spec_encoder.").items():
        if not key.startswith("mlp."):
            mapped[f"encoders.spectrum.backbone.{key}"] = value
    mapped |= {f"encoders.spectrum.head.layers.{key}": value for key, value in head.items()}
    widths = [len(value) for key, value in head.items() if value.ndim == 2]
    encoder = f"{{name: head, hidden: {widths}, activation: prelu, dropout: 0.1}}"
    changes = [f"modalities.spectrum.encoder={encoder}", "modalities.spectrum.projection=none"]
    changes.append("modalities.image.preprocessing.storage=float32")
    if "temperature" in state:  # what its code multiplies cosines by
        if state["temperature"].numel() != 1:
            raise ModelError(f"{source.path}: 'temperature' is not one number.")
        changes.append(f"model.scale.initial={float(state['temperature'])}")
    return _model(configuration(beside, usual("astroclip", *changes)), mapped, source)


def _below(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}


def _model(config: Config, mapped: Mapping[str, Tensor], source: WeightSource) -> PublishedModel:
    modalities = build_modalities(config, SCHEMA)
    if set(modalities) != {"image", "spectrum"}:
        raise ModelError(f"{source.path} binds image and spectrum: give a configuration of both.")
    shapes = {name: modality.shape for name, modality in modalities.items()}
    with step("building the network"):
        binder = build_binder(config, shapes, load=False)
    own = binder.state_dict()
    state = {k: v for k, v in mapped.items() if k in own or not _UNUSED.fullmatch(k)}
    for key, value in own.items():  # counters of no use, and the scale, which the configuration has
        if key.startswith("scales.") or key.endswith("num_batches_tracked"):
            state.setdefault(key, value)
    load_parameters(binder, state, f"model of AstroCLIP ({source.path})")
    notes = [f"{_MADE_FOR} (configuration {config.name})."]
    return PublishedModel(binder.eval(), config, modalities, SCHEMA, notes=notes)


def _original(names: Collection[str]) -> bool:
    return any(name.endswith(_QUERY) for name in names)


def _reports(names: Collection[str]) -> bool:
    return any(name.endswith(_FC) for name in names) and any(_LAYERS in name for name in names)


register_format(Format("astroclip", "model of AstroCLIP", _original, take_original))
register_format(
    Format("astroclip-reports", "model of the AstroCLIP reports", _reports, take_reports)
)
