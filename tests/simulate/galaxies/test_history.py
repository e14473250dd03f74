import numpy as np
import pytest

from skybind.simulate.galaxies import history, population, ssp
from skybind.simulate.galaxies.light import shine


@pytest.fixture(scope="module")
def drawn():
    return population.draw(300, np.random.default_rng(2))


def test_masses_add_up(drawn):
    masses = history.formed_masses(drawn)
    steady = drawn["burst"] == 0
    left = sum(np.sum(m * ssp.surviving_fractions(), axis=(1, 2)) for m in masses.values())
    np.testing.assert_allclose(np.log10(left[steady]), drawn["log_mass"][steady], atol=0.01)


def test_rate_is_the_one_that_was_drawn(drawn):
    use = (drawn["burst"] == 0) & ~drawn["quiescent"] & (drawn["bulge_fraction"] < 0.4)
    rate = history.star_formation_rate(history.formed_masses(drawn), 1e8)
    disc = drawn["log_mass"] + np.log10(1 - drawn["bulge_fraction"])
    found = (np.log10(rate) - disc)[use]
    assert np.median(np.abs(found - drawn["log_ssfr"][use])) < 0.12
    assert np.corrcoef(found, drawn["log_ssfr"][use])[0, 1] > 0.95


def test_delayed_history_forms_all_its_mass():
    share = history.delayed(np.array([1e10, 1e10]), np.array([1e9, 1e10]))
    np.testing.assert_allclose(share.sum(axis=1), 1)
    mean = share @ ssp.AGES
    assert mean[0] > mean[1]
    assert np.all(share[:, ssp.AGES > 1.2e10] < 0.35)


def test_sequence_and_quenching(drawn):
    quiet, mass = drawn["quiescent"], drawn["log_mass"]
    assert drawn["log_ssfr"][~quiet].mean() > drawn["log_ssfr"][quiet].mean() + 1.2
    bright = drawn["population"] == "bright"
    assert quiet[bright & (mass > 10.9)].mean() > quiet[bright & (mass < 10.2)].mean() + 0.2


def test_young_stars_are_blue_and_massive_old_galaxies_red(drawn):
    light = shine(drawn, np.random.default_rng(0))
    flux = light.bands
    some = drawn["bulge_fraction"] > 0.05
    young, old = (np.median(flux[n][some, 0] / flux[n][some, 2]) for n in ("young", "bulge"))
    assert young > 2 * old
    colour = -2.5 * np.log10(light.total[:, 0] / light.total[:, 1])
    near = (drawn["redshift"] > 0.08) & (drawn["redshift"] < 0.2)
    quiet = drawn["quiescent"]
    assert np.median(colour[near & quiet]) > np.median(colour[near & ~quiet]) + 0.2
    # the break moves through g: passive galaxies redden with redshift
    far = (drawn["redshift"] > 0.3) & quiet
    assert np.median(colour[far]) > np.median(colour[near & quiet]) + 0.3
