import numpy as np
import pytest

from skybind.simulate.galaxies import nebular
from skybind.simulate.galaxies.history import formed_masses, star_formation_rate
from skybind.simulate.galaxies.population import draw


def test_star_forming_branch_lies_below_the_demarcation():
    oh = np.linspace(8.1, 8.8, 2000)
    ratio = nebular.star_forming_ratios(oh, np.random.default_rng(0))
    n2 = np.log10(ratio["[NII]6585"])
    o3 = np.log10(ratio["[OIII]5008"] / ratio["Hb"])
    # Kewley et al. (2001), equation 5: the upper limit of star formation
    assert np.mean(o3 < 0.61 / (n2 - 0.47) + 1.19) > 0.98
    assert np.corrcoef(oh, n2)[0, 1] > 0.9
    assert np.corrcoef(oh, o3)[0, 1] < -0.8


def test_balmer_decrement_of_case_b():
    ratio = nebular.star_forming_ratios(np.array([8.5]), np.random.default_rng(0))
    assert ratio["Ha"] / ratio["Hb"] == pytest.approx(2.86)
    assert ratio["Hg"] / ratio["Hb"] == pytest.approx(0.468)
    assert ratio["[OIII]5008"] / ratio["[OIII]4960"] == pytest.approx(2.98)


def test_active_galaxies_are_above_star_forming_ones():
    g = draw(600, np.random.default_rng(1))
    rate = star_formation_rate(formed_masses(g), 1e7)
    lines = dict(
        zip(nebular.LINES, nebular.line_luminosities(g, rate, np.random.default_rng(0)).T,
            strict=True)
    )  # fmt: skip
    o3 = np.log10(lines["[OIII]5008"] / lines["Hb"])
    massive = g["log_mass"] > 10.3
    active = g["agn"] > 0.4
    plain = (g["agn"] == 0) & ~g["quiescent"]
    assert np.median(o3[active & massive]) > np.median(o3[plain & massive]) + 0.3
    np.testing.assert_allclose(
        lines["Ha"][plain], rate[plain] / 5.37e-42, rtol=1e-6
    )  # Murphy et al. (2011)
