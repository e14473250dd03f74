import numpy as np
import pytest

from skybind.simulate.stars.classes import new_stars
from skybind.simulate.stars.colours import BANDS
from skybind.simulate.stars.metadata import gravity, intrinsic_magnitudes
from skybind.simulate.stars.populations import (
    cepheid_mv,
    delta_scuti_mv,
    draw_pulsating,
    draw_red,
    draw_rotating,
    mira_mk,
    rr_lyrae_mv,
    semiregular_mk,
)

DRAW = {"M": draw_red, "SR": draw_red, "ROT": draw_rotating}


def drawn(name, n=3000):
    stars = new_stars(np.full(n, name))
    DRAW.get(name, draw_pulsating)(stars, name, np.arange(n), np.random.default_rng(1))
    return stars


def magnitude(stars, band):
    return intrinsic_magnitudes(stars)[:, BANDS.index(band)]


@pytest.mark.parametrize("name", ["RRAB", "RRC", "RRD"])
def test_rr_lyrae_brightness_depends_on_metallicity(name):
    stars = drawn(name)
    slope, zero = np.polyfit(stars["feh"], magnitude(stars, "V"), 1)
    assert slope == pytest.approx(0.34, abs=0.06)
    assert zero - 1.5 * slope == pytest.approx(rr_lyrae_mv(-1.5), abs=0.05)


def test_bailey_diagram():
    ab, c = drawn("RRAB"), drawn("RRC")
    first = ab["subtype"] == "Oosterhoff I"
    assert np.polyfit(ab["period"][first], ab["amplitude"][first], 1)[0] < -2
    assert np.mean(ab["period"][~first]) > np.mean(ab["period"][first]) + 0.05
    assert np.median(c["period"]) < 0.35 < np.median(ab["period"])
    assert np.median(c["amplitude"]) < np.median(ab["amplitude"])
    assert np.median(c["teff"]) > np.median(ab["teff"]) + 300


@pytest.mark.parametrize(
    ("name", "slope", "tolerance"),
    [("HADS", -2.94, 0.3), ("DSCT", -2.94, 0.3), ("DCEP", -2.43, 0.3), ("DCEPS", -2.43, 0.4)],
)
def test_pulsators_obey_their_period_luminosity_relation(name, slope, tolerance):
    stars = drawn(name)
    fit = np.polyfit(np.log10(stars["period"]), magnitude(stars, "V"), 1)
    assert fit[0] == pytest.approx(slope, abs=tolerance)


def test_known_absolute_magnitudes():
    assert delta_scuti_mv(0.1) == pytest.approx(1.60)
    assert cepheid_mv(10.0) == pytest.approx(-4.05)
    assert mira_mk(10**2.38) == pytest.approx(-7.25)
    assert semiregular_mk(100.0) < mira_mk(100.0)


def test_overtone_cepheids_are_brighter_at_the_same_period():
    period = {n: drawn(n) for n in ("DCEP", "DCEPS")}
    at_three = {
        n: np.polyval(np.polyfit(np.log10(s["period"]), magnitude(s, "V"), 1), np.log10(3))
        for n, s in period.items()
    }
    assert at_three["DCEPS"] < at_three["DCEP"] - 0.2


def test_miras_obey_the_k_band_relation_and_are_red_cool_and_large_in_amplitude():
    stars = drawn("M")
    rich = stars["subtype"] == "oxygen-rich"
    dust_free = magnitude(stars, "K") - 0.2 * stars["dust"]
    slope = np.polyfit(np.log10(stars["period"][rich]), dust_free[rich], 1)[0]
    assert slope == pytest.approx(-3.51, abs=0.35)
    assert stars["amplitude"].min() >= 2.5
    assert np.all((stars["period"] >= 100) & (stars["period"] <= 600))
    assert np.mean(~rich) == pytest.approx(0.15, abs=0.03)
    colour = magnitude(stars, "J") - magnitude(stars, "K")
    assert np.median(colour[~rich]) > np.median(colour[rich]) + 0.3


def test_semiregulars_are_hotter_and_change_less_than_miras():
    sr, m = drawn("SR"), drawn("M")
    assert np.median(sr["teff"]) > np.median(m["teff"]) + 300
    assert np.median(sr["amplitude"]) < 0.6 < np.median(m["amplitude"])
    # there is no gap between the classes
    assert sr["amplitude"].max() > m["amplitude"].min()


def test_rotators_are_dwarfs_and_giants():
    stars = drawn("ROT")
    giant = stars["subtype"] == "giant"
    assert 0.3 < giant.mean() < 0.6
    assert gravity(stars)[giant].max() < 4.05 < np.percentile(gravity(stars)[~giant], 1)
    assert np.median(stars["period"][giant]) > 3 * np.median(stars["period"][~giant])
    quick = stars["period"] < 3
    assert stars["activity"][quick & ~giant].mean() > stars["activity"][~quick & ~giant].mean()
