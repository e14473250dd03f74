"""The published networks of galaxies that are backbones: of images, and of spectra.

Stein et al. 2021 (arXiv:2110.13151; georgestein/ssl-legacysurvey, MIT), `resnet50.ckpt`; Melchior
et al. 2023 (arXiv:2211.07890; pmelchior/spender, MIT); and AstroCLIP's own (Parker et al. 2024,
arXiv:2310.03024; PolymathicAI/AstroCLIP, MIT), `specformer.ckpt` and `astrodino.ckpt`.
"""

from collections.abc import Callable, Collection

from skybind.encoders.vit import map_dinov2_state
from skybind.models.exchange.formats import Beside, Format, register_format
from skybind.models.exchange.galaxies import (
    PublishedBackbone,
    renamed,
    take_backbone,
    usual,
)
from skybind.models.exchange.reading import WeightSource

#: Parts of whole models, AstroCLIP's and skybind's, which have the same networks within.
_WHOLE = ("image_encoder.", "spectrum_encoder.", "encoders.")
_PATCHES = "patch_embed.proj.weight"
#: Of the two networks of DINO's training the one that its authors take.
_TEACHER = "teacher.backbone."


def _ends(*endings: str) -> Callable[[Collection[str]], bool]:
    """Make a test for names that end so, each, in a file that is no whole model."""

    def recognises(names: Collection[str]) -> bool:
        if any(part in name for name in names for part in _WHOLE):
            return False
        return all(any(name.endswith(end) for name in names) for end in endings)

    return recognises


def take_stein(source: WeightSource, beside: Beside) -> PublishedBackbone:
    """Make a backbone of Stein et al.'s checkpoint, its inputs as their data loader makes them."""
    config = usual("astroclip", "modalities.image.preprocessing.stretch=stein")
    return take_backbone(source, beside, config, "image")


def take_spender(source: WeightSource, beside: Beside) -> PublishedBackbone:
    """Make a backbone of Spender's encoder, its inputs as the AstroCLIP reports have them."""
    return take_backbone(source, beside, usual("astroclip"), "spectrum")


def take_specformer(source: WeightSource, beside: Beside) -> PublishedBackbone:
    """Make a backbone of SpecFormer."""
    return take_backbone(source, beside, usual("astroclip-original"), "spectrum")


def take_dinov2(source: WeightSource, beside: Beside) -> PublishedBackbone:
    """Make a backbone of a vision transformer of DINOv2, as AstroCLIP takes it.

    Its patches have no positions there, and there is no class token; a configuration with
    `positions: true` keeps both.
    """
    tensors = {k: v for k, v in source.tensors.items() if _TEACHER in k} or source.tensors
    state = map_dinov2_state(renamed(tensors, _PATCHES))
    return take_backbone(source, beside, usual("astroclip-original"), "image", state)


_STEIN = _ends("encoder_q.conv1.weight", "encoder_q.layer4.2.conv3.weight")
register_format(Format("stein", "backbone of Stein et al.", _STEIN, take_stein))
_SPENDER = _ends("conv1.0.weight", "conv3.0.weight", "conv3.2.weight")
register_format(Format("spender", "backbone of Spender", _SPENDER, take_spender))
_SPECFORMER = _ends("data_embed.weight", "position_embed.weight", "final_layernorm.weight")
register_format(Format("specformer", "backbone of SpecFormer", _SPECFORMER, take_specformer))
_DINOV2 = _ends(_PATCHES, "ls1.gamma", "attn.qkv.weight")
register_format(Format("dinov2", "backbone of DINOv2", _DINOV2, take_dinov2))
