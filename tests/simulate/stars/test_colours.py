import numpy as np
import pytest

from skybind.simulate.stars.colours import (
    BANDS,
    EXTINCTION,
    absolute_magnitudes,
    add_magnitudes,
    luminosity_from_mk,
    luminosity_from_mv,
    radius,
    surface_gravity,
)


def magnitudes(teff, logg, luminosity=1.0):
    teff = np.atleast_1d(np.asarray(teff, float))
    full = np.full(len(teff), 1.0)
    table = absolute_magnitudes(teff, luminosity * full, logg * full, 0 * full)
    return dict(zip(BANDS, table.T, strict=True))


def test_the_sun():
    sun = magnitudes(5772.0, 4.44)
    assert sun["V"][0] == pytest.approx(4.83, abs=0.02)
    assert sun["BP"][0] - sun["RP"][0] == pytest.approx(0.82, abs=0.03)
    assert sun["G"][0] == pytest.approx(4.67, abs=0.05)
    assert sun["K"][0] == pytest.approx(3.30, abs=0.06)
    assert surface_gravity(np.ones(1), np.array([5772.0]), np.ones(1))[0] == pytest.approx(4.438)
    assert radius(np.array([5772.0]), np.ones(1))[0] == pytest.approx(1.0)


@pytest.mark.parametrize("logg", [1.0, 4.6])
def test_hotter_stars_are_bluer(logg):
    m = magnitudes(np.arange(2700, 12000, 50), logg)
    for blue, red in (("BP", "RP"), ("V", "K")):
        assert np.all(np.diff(m[blue] - m[red]) < 0.02)
    assert m["BP"][0] - m["RP"][0] > 3 > 0.1 > (m["BP"] - m["RP"])[-1]


def test_cool_giants_are_redder_than_dwarfs_in_j_k():
    giant, dwarf = magnitudes(3600.0, 0.8), magnitudes(3600.0, 4.8)
    assert giant["J"] - giant["K"] > dwarf["J"] - dwarf["K"] + 0.2


def test_luminosity_inverts_the_magnitudes():
    teff, logg = np.array([3400.0, 5000.0, 8000.0]), np.array([0.5, 3.0, 4.0])
    luminosity = np.array([3000.0, 20.0, 15.0])
    table = absolute_magnitudes(teff, luminosity, logg, np.zeros(3))
    np.testing.assert_allclose(luminosity_from_mv(table[:, 0], teff, logg), luminosity)
    k = table[:, BANDS.index("K")]
    np.testing.assert_allclose(luminosity_from_mk(k, teff, logg), luminosity)


def test_two_equal_sources_are_three_quarters_of_a_magnitude_brighter():
    assert add_magnitudes(np.array(5.0), np.array(5.0)) == pytest.approx(5 - 2.5 * np.log10(2))
    assert add_magnitudes(np.array(5.0), np.array(np.inf)) == pytest.approx(5.0)


def test_dust_dims_the_blue_most():
    order = [EXTINCTION[BANDS.index(b)] for b in ("V", "G", "RP", "J", "H", "K", "W1")]
    assert np.all(np.diff(order) < 0)
