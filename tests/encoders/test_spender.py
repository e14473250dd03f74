"""Against the package of Spender's authors, and the list of its names."""

from pathlib import Path

import pytest
import torch

from skybind.encoders import InputShape, build_encoder
from skybind.encoders.release import load_parameters
from skybind.errors import ConfigError

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
KEYS = REFERENCE / "keys_spender_encoder.txt"


@torch.no_grad()
@pytest.mark.parametrize("length", [7781, 3921, 1000])
def test_the_features_are_those_of_the_package(length):
    model = pytest.importorskip("spender.model", reason="needs the extra 'oracle' (spender)")
    torch.manual_seed(0)
    theirs = model.SpectrumEncoder(None, 6).eval()
    theirs.mlp = torch.nn.Identity()
    for name, value in theirs.named_parameters():
        if name.endswith(".2.weight"):  # slopes away from their common start
            value.copy_(torch.rand_like(value))
    ours = build_encoder("spender", InputShape(1, length)).eval()
    load_parameters(ours, theirs.state_dict(), "spender encoder")
    flux = torch.randn(2, length)
    torch.testing.assert_close(ours(flux[:, None]), theirs(flux), atol=1e-5, rtol=1e-5)


@pytest.mark.skipif(not KEYS.exists(), reason="needs ../shared/reference beside the repository")
def test_it_has_the_published_names_and_shapes():
    pairs = [line.split("\t") for line in KEYS.read_text().splitlines()]
    wanted = {name: shape for name, shape in pairs if not name.startswith("mlp.")}
    state = build_encoder("spender", InputShape(1, 7781)).state_dict()
    assert {name: str(tuple(value.shape)) for name, value in state.items()} == wanted


def test_it_has_the_published_size():
    encoder = build_encoder("spender", InputShape(1, 7781))
    assert encoder.out_features == 256
    convolutions = 128 * 6 + 256 * (128 * 11 + 1) + 512 * (256 * 21 + 1)
    slopes = 128 + 256 + 512
    assert sum(p.numel() for p in encoder.parameters()) == convolutions + slopes


@torch.no_grad()
def test_flux_times_a_factor_is_the_same():
    """The instance norm after the first convolution takes the factor away."""
    torch.manual_seed(0)
    encoder = build_encoder("spender", InputShape(1, None), channels=[8, 8, 8]).eval()
    flux = torch.randn(1, 1, 2000)
    torch.testing.assert_close(encoder(3 * flux), encoder(flux), atol=1e-3, rtol=1e-3)


@torch.no_grad()
def test_positions_follow_a_shift_that_the_other_features_forget():
    torch.manual_seed(0)
    options = {"channels": [8, 8, 8], "kernels": [5, 5, 5], "pools": [3, 3]}
    encoder = build_encoder("spender", InputShape(1, 900), positions=True, **options).eval()
    plain = build_encoder("spender", InputShape(1, 900), **options).eval()
    plain.load_state_dict(encoder.state_dict())
    flux = torch.zeros(3, 1, 900)
    for row, place in enumerate((300, 390, 480)):  # ten pixels of the pooled grid apart
        flux[row, 0, place] = 30.0
    features = encoder(flux)
    content, places = features.chunk(2, dim=1)
    assert encoder.out_features == 2 * plain.out_features == features.shape[1]
    torch.testing.assert_close(content, plain(flux))
    torch.testing.assert_close(content[1], content[0], atol=1e-4, rtol=1e-4)
    assert ((places >= 0) & (places <= 1)).all()
    step = places[1:] - places[:-1]
    torch.testing.assert_close(step[1], step[0], atol=1e-4, rtol=1e-3)
    assert step.abs().max() > 0.02


def test_what_cannot_be_is_refused():
    shape = InputShape(1, 300)
    with pytest.raises(ConfigError, match="one pool fewer"):
        build_encoder("spender", shape, channels=[8, 8])
    with pytest.raises(ConfigError, match="odd kernels, not 4"):
        build_encoder("spender", shape, kernels=[5, 4, 21])
    with pytest.raises(ConfigError, match="even last number of channels, not 7"):
        build_encoder("spender", shape, channels=[8, 8, 7])
    with pytest.raises(ConfigError, match="leaves fewer than two of 40 pixels"):
        build_encoder("spender", InputShape(1, 40))
