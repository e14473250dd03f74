"""AstroCLIP to the digit: against numbers of the public codes.

`make_astroclip.py` tells which codes at which commits, and how the golden files were made.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from skybind.encoders import InputShape, build_encoder
from skybind.encoders.release import load_parameters
from skybind.encoders.vit import map_dinov2_state
from skybind.modalities.rgb import stein_rgb

GOLDEN = load_file(Path(__file__).parent / "astroclip" / "outputs.safetensors")
SPECFORMER = {"width": 12, "layers": 2, "heads": 3, "positions": 40}
VIT = {"patch": 6, "width": 16, "layers": 4, "heads": 2}


def weights(prefix):
    """Those of a part of the golden model, by their published names."""
    start = f"model.{prefix}."
    return {k.removeprefix(start): v for k, v in GOLDEN.items() if k.startswith(start)}


def encoder_with(state, name, shape, **options):
    """An encoder with published weights; what it has no use for is known."""
    encoder = build_encoder(name, shape, **options).eval()
    own = {k: v for k, v in state.items() if k in encoder.state_dict()}
    unused = {k.split(".")[0] for k in state} - {k.split(".")[0] for k in own}
    assert unused <= {"backbone", "head", "cls_token", "pos_embed"}
    load_parameters(encoder, own, name)
    return encoder


def close(made, wanted):
    torch.testing.assert_close(made, wanted, rtol=0, atol=1e-5)


@pytest.mark.parametrize("bands", ["grz", "zgr"])
def test_the_stretch_of_steins_data_loader(bands):
    flux = np.moveaxis(GOLDEN["stein.flux"].numpy(), -1, 1)
    made = stein_rgb(flux[:, ["grz".index(band) for band in bands]], bands)
    np.testing.assert_allclose(np.moveaxis(made, 1, -1), GOLDEN["stein.image"], rtol=0, atol=1e-6)
    assert made.dtype == np.float32
    assert (made == 1).any()
    assert (made == 0).any()
    assert ((made > 0) & (made < 1)).any()


@pytest.mark.parametrize("pixels", [123, 200])
@torch.no_grad()
def test_specformer_and_its_head(pixels):
    """Spectra of any length: the last window that begins is left out, even where it is whole."""
    flux, shape = GOLDEN[f"spectrum.{pixels}.input"].transpose(1, 2), InputShape(1, pixels)
    own = weights("spectrum_encoder.backbone")
    network = encoder_with(own, "specformer", shape, **SPECFORMER, pooling="tokens")
    tokens = network(flux)
    close(tokens, GOLDEN[f"spectrum.{pixels}.tokens"])
    assert network.tokens == tokens.shape[1]
    mean = encoder_with(own, "specformer", shape, **SPECFORMER)
    close(mean(flux), tokens.mean(1))
    own = weights("spectrum_encoder")
    head = encoder_with(own, "attention_head", InputShape(12, network.tokens), width=16)
    close(head(tokens), GOLDEN[f"spectrum.{pixels}.embedding"])


@torch.no_grad()
def test_the_vision_transformer_and_its_head():
    images, shape = GOLDEN["image.input"], InputShape(3, 24)
    own = map_dinov2_state(weights("image_encoder.backbone"))
    network = encoder_with(own, "vit", shape, **VIT)
    close(network(images), GOLDEN["image.classes"])
    network = encoder_with(own, "vit", shape, **VIT, positions=False, pooling="tokens")
    tokens = network(images)
    close(tokens, GOLDEN["image.tokens"])
    head = encoder_with(
        weights("image_encoder"), "attention_head", InputShape(16, 16), width=16, residual=False
    )
    close(head(tokens), GOLDEN["image.embedding"])
