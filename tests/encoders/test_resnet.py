"""Against torchvision's numbers for small random weights, and Stein et al.'s list of names."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import linear

from skybind.encoders import InputShape, build_encoder
from skybind.encoders.release import load_parameters
from skybind.errors import ConfigError, DataError

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
needs_reference = pytest.mark.skipif(
    not (REFERENCE / "golden").is_dir(), reason="needs ../shared/reference beside the repository"
)


@needs_reference
@torch.no_grad()
def test_the_output_is_torchvisions():
    weights = {
        name: value.float() if value.is_floating_point() else value
        for name, value in load_file(
            REFERENCE / "golden" / "resnet_small_weights_f16.safetensors"
        ).items()
    }
    wanted = load_file(REFERENCE / "golden" / "resnet_small_io.safetensors")
    fc = weights.pop("fc.weight"), weights.pop("fc.bias")
    encoder = build_encoder(
        "resnet", InputShape(3, 96), block="bottleneck", blocks=[1, 1, 1, 1], stem=64, width=8
    ).eval()
    load_parameters(encoder, weights, "small ResNet")
    output = linear(encoder(wanted["images"]), *fc)
    torch.testing.assert_close(output, wanted["output"], atol=1e-4, rtol=0)


@needs_reference
def test_resnet50_has_the_names_and_shapes_of_stein_et_al():
    lines = (REFERENCE / "keys_stein21_resnet50.txt").read_text().splitlines()
    pairs = [line.split("\t") for line in lines if not line.startswith("#")]
    wanted = {name.removeprefix("encoder_q."): shape for name, shape in pairs if ".fc." not in name}
    encoder = build_encoder("resnet50", InputShape(3, 96))
    assert {n: str(tuple(v.shape)) for n, v in encoder.state_dict().items()} == wanted


def test_resnet50_has_the_published_size():
    encoder = build_encoder("resnet50", InputShape(3, 96))
    assert encoder.out_features == 2048
    # torchvision's 25,557,032 without its classification layer of 1000 x 2048 + 1000
    assert sum(p.numel() for p in encoder.parameters()) == 25_557_032 - 2_049_000


@torch.no_grad()
def test_any_size_of_image_will_do_and_a_shift_matters_little():
    """The mean over the image hardly sees a shift by the network's whole stride."""
    torch.manual_seed(0)
    encoder = build_encoder("resnet", InputShape(3, None), stem=8, blocks=[1, 1]).eval()
    image = torch.zeros(1, 3, 96, 96)
    image[:, :, 40:48, 40:48] = 1
    features = encoder(image)
    shifted = encoder(image.roll((8, 16), dims=(2, 3)))
    torch.testing.assert_close(shifted, features, atol=1e-6, rtol=1e-5)
    assert encoder(image[..., 20:76, 20:76]).shape == features.shape


def test_what_cannot_be_is_refused():
    with pytest.raises(ConfigError, match="resnet' has no block 'botleneck'"):
        build_encoder("resnet", InputShape(3), block="botleneck")
    with pytest.raises(ConfigError, match="needs blocks at least 1"):
        build_encoder("resnet", InputShape(3), blocks=[1, 0])
    with pytest.raises(DataError, match="with 3 channels"):
        build_encoder("resnet", InputShape(3))(torch.zeros(2, 1, 32, 32))


def test_the_maximum_keeps_what_is_seen_in_one_place_only():
    torch.manual_seed(0)
    shape = InputShape(channels=3, length=32)
    both = build_encoder("resnet", shape, stem=4, pooling="both").eval()
    mean = build_encoder("resnet", shape, stem=4).eval()
    mean.load_state_dict(both.state_dict())  # pooling has no weights
    values = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        features = both(values)
        assert features.shape == (2, both.out_features) == (2, 2 * mean.out_features)
        torch.testing.assert_close(features[:, : mean.out_features], mean(values))
        assert (features[:, mean.out_features :] >= features[:, : mean.out_features]).all()
    with pytest.raises(ConfigError, match="pooling"):
        build_encoder("resnet", shape, pooling="max")
