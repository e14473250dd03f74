import numpy as np
import pytest

from skybind.simulate.stars.classes import ALL_CLASSES, new_stars
from skybind.simulate.stars.lightcurves import fourier_series, fourier_shape, true_magnitudes
from skybind.simulate.stars.survey import FAMILIES

START = 2457000.0


def drawn(name, n=40):
    stars = new_stars(np.full(n, name))
    FAMILIES[ALL_CLASSES[name].family](stars, name, np.arange(n), np.random.default_rng(2))
    stars["v_mag"] = np.full(n, 14.0)
    return stars


def curves(stars, time, seed=0):
    """Give magnitudes at times of shape (m,), or (n, m) for each star its own; shape (n, m)."""
    n = len(stars["period"])
    time = np.broadcast_to(time, (n, time.shape[-1]))
    offsets = np.arange(n + 1) * time.shape[1]
    return true_magnitudes(stars, time.ravel(), offsets, np.random.default_rng(seed)).reshape(n, -1)


def one_cycle(stars, points=200):
    phase = np.arange(points) / points
    return curves(stars, START + stars["period"][:, None] * phase)


def rise_share(cycle):
    """Share of the cycle from faintest to brightest."""
    low, high = np.argmax(cycle, axis=1), np.argmin(cycle, axis=1)
    return ((high - low) % cycle.shape[1]) / cycle.shape[1]


def test_series_of_one_term_is_a_sine():
    phase = np.linspace(0, 1, 9)
    np.testing.assert_allclose(
        fourier_series(phase, np.ones(1), np.zeros(1)), np.sin(2 * np.pi * phase), atol=1e-12
    )


def test_rrab_rise_steeply_and_rrc_do_not():
    ab, c = rise_share(one_cycle(drawn("RRAB"))), rise_share(one_cycle(drawn("RRC")))
    assert np.median(ab) < 0.25
    assert np.median(ab) + 0.12 < np.median(c) < 0.6
    assert np.median(rise_share(one_cycle(drawn("HADS")))) < 0.42


def test_rrab_phi31_follows_jurcsik_and_kovacs():
    stars = drawn("RRAB", 2000)
    _, phis = fourier_shape("RRAB", stars, np.random.default_rng(0))
    feh = -5.038 - 5.394 * stars["period"] + 1.345 * phis[:, 2] - 0.2
    assert np.std(feh - stars["feh"]) < 0.2
    assert abs(np.mean(feh - stars["feh"])) < 0.05


@pytest.mark.parametrize("name", ["RRAB", "RRC", "HADS", "DCEP", "DCEPS"])
def test_single_mode_pulsators_have_the_amplitude_that_was_drawn(name):
    stars = drawn(name)
    span = np.ptp(one_cycle(stars), axis=1)
    assert np.median(span / stars["amplitude"]) == pytest.approx(1, abs=0.03)


@pytest.mark.parametrize("name", ["RRAB", "EW", "EB", "EA", "DCEP", "HADS"])
def test_periodic_stars_repeat_after_a_period(name):
    stars = drawn(name)
    phase = np.arange(50) / 50
    first = START + stars["period"][:, None] * phase
    time = np.concatenate([first, first + 3 * stars["period"][:, None]], axis=1)
    found = curves(stars, time)
    difference = np.median(np.abs(found[:, :50] - found[:, 50:]), axis=1)
    assert np.median(difference) < 0.01


def test_eclipsing_binaries_have_two_minima_an_orbit():
    cycle = one_cycle(drawn("EW"), 400)
    spectrum = np.abs(np.fft.rfft(cycle, axis=1))
    assert np.median(spectrum[:, 2] / spectrum[:, 1]) > 3
    assert np.mean(spectrum[:, 2] > spectrum[:, 1]) > 0.95


def test_double_mode_stars_beat():
    stars = drawn("RRD", 10)
    time = START + np.arange(0, 200, 0.01)
    power = np.abs(np.fft.rfft(curves(stars, time) - 14, axis=1))
    frequency = np.fft.rfftfreq(len(time), 0.01)
    for row, period in zip(power, stars["period"], strict=True):
        for ratio in (1.0, 0.744):
            peak = row[np.abs(frequency - ratio / period) < 0.01].max()
            assert peak > 20 * np.median(row[frequency < 10])


def test_miras_keep_their_period_and_semiregulars_wander():
    time = START + np.arange(0, 3000, 5.0)

    def coherence(name):
        stars = drawn(name, 60)
        stars["period"][:] = 150.0
        power = np.abs(np.fft.rfft(curves(stars, time) - 14, axis=1)) ** 2
        frequency = np.fft.rfftfreq(len(time), 5.0)
        near = np.abs(frequency - 1 / 150) < 0.0005
        return np.median(power[:, near].sum(axis=1) / power[:, 1:].sum(axis=1))

    assert coherence("M") > 0.7 > coherence("SR")


def test_spots_evolve():
    stars = drawn("ROT", 60)
    stars["period"][:] = 5.0
    early = curves(stars, START + np.arange(0, 10, 0.1))
    late = curves(stars, START + 700 + np.arange(0, 10, 0.1))

    def shape(x):
        x = x - x.mean(axis=1, keepdims=True)
        return np.abs(np.fft.rfft(x, axis=1))[:, 1:8]

    change = np.abs(shape(early) - shape(late)).sum(axis=1) / shape(early).sum(axis=1)
    assert np.median(change) > 0.2
