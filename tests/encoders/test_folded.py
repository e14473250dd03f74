import math

import numpy as np
import pytest
import torch

from skybind.encoders import FoldedCNN, InputShape
from skybind.encoders.folded import _ERROR_FLOOR, _neighbours, fold
from skybind.errors import ConfigError

BINS = 32


def _curve(phase, flux, constants=(0.3, -0.7), error=0.2):
    """Photometry tensors (1, L, C) of one object from its phase at twice the period [turns]."""
    phase = torch.as_tensor(phase, dtype=torch.float32)
    flux = torch.as_tensor(flux, dtype=torch.float32)
    angle = math.tau * phase
    channels = [
        torch.linspace(0, 1, len(phase)),
        flux,
        torch.full_like(flux, error),
        *[torch.full_like(flux, c) for c in constants],
        (2 * angle).sin(),
        (2 * angle).cos(),
        angle.sin(),
        angle.cos(),
    ]
    return torch.stack(channels, dim=-1)[None]


def _encoder(channels=9, **options):
    torch.manual_seed(0)
    return FoldedCNN(InputShape(channels), **({"bins": BINS, "width": 8} | options)).eval()


def _shape_of(phase):
    """An eclipse of each kind on a reflection wave."""
    depth = np.exp(-(((phase + 0.5) % 1 - 0.5) ** 2) / 0.005)
    second = np.exp(-((phase % 1 - 0.5) ** 2) / 0.005)
    return 0.3 * np.cos(math.tau * phase) - 3 * depth - 1.5 * second


def test_bins_hold_the_weighted_mean_scatter_uncertainty_and_count():
    """Against a loop over epochs, each at the centre of a bin; without neighbours."""
    rng = np.random.default_rng(0)
    index = rng.integers(0, BINS, 60)
    flux, error = rng.normal(size=60), rng.uniform(0.1, 1, 60)
    tensors = [torch.tensor(v)[None] for v in (flux, error, index / BINS)]
    known = torch.ones(1, 60, dtype=torch.bool)
    folded = fold(*tensors, known, torch.eye(BINS, dtype=torch.float64))[0].numpy()
    weight = 1 / (error**2 + _ERROR_FLOOR**2)
    for b in range(BINS):
        here = index == b
        if not here.any():
            assert (folded[:, b] == 0).all()
            continue
        mean = np.average(flux[here], weights=weight[here])
        scatter = np.sqrt(np.average((flux[here] - mean) ** 2, weights=weight[here]))
        wanted = [
            np.arcsinh(mean),
            np.arcsinh(scatter),
            np.arcsinh(weight[here].sum() ** -0.5),
            np.log1p(here.sum()),
        ]
        np.testing.assert_allclose(folded[:, b], wanted, atol=1e-6)


def test_an_epoch_between_two_bins_is_shared():
    phase = torch.tensor([[(3 + 0.25) / BINS]])
    one = torch.ones(1, 1)
    folded = fold(one, one, phase, one.bool(), torch.eye(BINS))[0, 3].expm1()
    assert folded[3].item() == pytest.approx(0.75, abs=1e-5)
    assert folded[4].item() == pytest.approx(0.25, abs=1e-5)
    assert folded.sum().item() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("turns", [-1e-9, 1.0, -3.0, 0.999999999])
def test_phase_is_taken_modulo_a_turn(turns):
    one = torch.ones(1, 1)
    shifted = fold(one, one, torch.tensor([[turns]]), one.bool(), torch.eye(BINS))
    start = fold(one, one, torch.zeros(1, 1), one.bool(), torch.eye(BINS))
    assert torch.allclose(shifted, start, atol=1e-4)


def test_an_empty_bin_takes_the_mean_of_its_neighbours():
    phase = torch.tensor([[2, 4]]) / BINS
    flux = torch.tensor([[1.0, 3.0]])
    folded = fold(flux, torch.ones(1, 2), phase, torch.ones(1, 2).bool(), _neighbours(BINS))[0]
    assert folded[0, 3].sinh().item() == pytest.approx(2, abs=1e-4)
    assert folded[0, 2].sinh().item() == pytest.approx(1, abs=0.05)
    assert folded[3, 3] == 0
    assert folded[:, 20].eq(0).all()


def test_features_do_not_depend_on_where_the_phase_starts():
    phase = np.random.default_rng(1).uniform(size=150)
    encoder = _encoder()
    flux = _shape_of(phase)
    start = encoder(_curve(phase, flux))
    for bins in (1, 7, 16):
        assert torch.allclose(encoder(_curve(phase + bins / BINS, flux)), start, atol=1e-5)


def test_a_shift_within_a_bin_matters_little():
    phase = np.random.default_rng(1).uniform(size=1000)
    encoder = _encoder()

    def features(shift, harmonic):
        flux = np.cos(math.tau * phase) + np.cos(harmonic * math.tau * phase)
        return encoder(_curve(phase + shift / BINS, flux))

    change = (features(0.4, 2) - features(0, 2)).norm()
    assert change < 0.1 * (features(0, 3) - features(0, 2)).norm()


def test_order_of_epochs_does_not_matter():
    rng = np.random.default_rng(2)
    phase = rng.uniform(size=80)
    order = rng.permutation(80)
    encoder = _encoder()
    first = encoder(_curve(phase, _shape_of(phase)))
    assert torch.allclose(encoder(_curve(phase[order], _shape_of(phase[order]))), first, atol=1e-5)


def test_shape_of_the_curve_matters():
    phase = np.random.default_rng(3).uniform(size=150)
    encoder = _encoder()
    equal = encoder(_curve(phase, np.cos(2 * math.tau * phase)))
    unequal = encoder(_curve(phase, np.cos(math.tau * phase)))
    assert (equal - unequal).abs().max() > 1e-3


def test_without_phase_only_the_constants_and_the_flag_speak():
    phase = np.random.default_rng(4).uniform(size=50)
    encoder = _encoder()
    unknown = _curve(phase, _shape_of(phase))
    unknown[..., -4:] = 0
    other_flux = unknown.clone()
    other_flux[..., 1] = 5.0
    assert torch.equal(encoder(unknown), encoder(other_flux))
    other_constant = unknown.clone()
    other_constant[..., 3] = 5.0
    assert (encoder(unknown) - encoder(other_constant)).abs().max() > 1e-3
    # A known phase but no epoch in it is not the same as an unknown one: the flag is a feature.
    flag = encoder.head[0].weight[:, -1]
    assert flag.abs().max() > 0


def test_mixed_precision_does_not_break_the_fold():
    phase = np.random.default_rng(5).uniform(size=150)
    values = _curve(phase, 30 + _shape_of(phase))
    encoder = _encoder()
    with torch.autocast("cpu", torch.bfloat16):
        half = encoder(values)
    assert (half.float() - encoder(values)).abs().max() < 0.05


def test_options_that_do_not_fit_are_named():
    with pytest.raises(ConfigError, match="set phase to true"):
        FoldedCNN(InputShape(6))
    with pytest.raises(ConfigError, match="even number of bins, not 33"):
        FoldedCNN(InputShape(9), bins=33)
    with pytest.raises(ConfigError, match="bins at least 20"):
        FoldedCNN(InputShape(9), bins=8)


def test_documented_size():
    encoder = FoldedCNN(InputShape(13))
    assert encoder.out_features == 128
    assert sum(p.numel() for p in encoder.parameters()) == 101_776
