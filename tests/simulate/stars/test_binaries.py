import numpy as np
import pytest

from skybind.simulate.stars.binaries import (
    LIMB_DARKENING,
    binary_flux,
    blocked_fraction,
    contact_mv,
    contact_teff,
    draw_eclipsing,
    light_share,
    orbital_period,
    roche_radius,
)
from skybind.simulate.stars.classes import new_stars
from skybind.simulate.stars.colours import radius
from skybind.simulate.stars.metadata import intrinsic_magnitudes


def drawn(name, n=2000):
    stars = new_stars(np.full(n, name))
    draw_eclipsing(stars, name, np.arange(n), np.random.default_rng(0))
    return stars


def orbit(phase, **values):
    base = {"r1": 0.1, "r2": 0.05, "q": 1.0, "cos_i": 0.0, "ecc": 0.0, "omega": 0.0}
    return {k: np.full(len(phase), v) for k, v in (base | values).items()}


def test_no_light_is_blocked_when_discs_do_not_touch():
    assert blocked_fraction(np.array([0.31]), np.array([0.2]), np.array([0.1]))[0] == 0


def test_a_larger_disc_in_front_hides_all():
    hidden = blocked_fraction(np.array([0.0, 0.05]), np.array([0.1, 0.1]), np.array([0.2, 0.16]))
    np.testing.assert_allclose(hidden, 1, atol=1e-12)


def test_central_transit_of_a_small_disc_is_deepened_by_limb_darkening():
    k = 0.05
    hidden = blocked_fraction(np.array([0.0]), np.array([1.0]), np.array([k]))[0]
    # I(centre) over the mean intensity of a linearly darkened disc is 1 / (1 - u/3)
    assert hidden == pytest.approx(k**2 / (1 - LIMB_DARKENING / 3), rel=2e-3)


def test_blocked_fraction_agrees_with_a_fine_picture():
    x, y = np.meshgrid(np.linspace(-1, 1, 1201), np.linspace(-1, 1, 1201))
    r2 = x**2 + y**2
    light = np.where(r2 < 1, 1 - LIMB_DARKENING * (1 - np.sqrt(np.clip(1 - r2, 0, 1))), 0)
    for separation, other in ((0.5, 0.6), (1.0, 0.4), (1.2, 0.9), (0.2, 0.3)):
        covered = (x - separation) ** 2 + y**2 < other**2
        expected = light[covered].sum() / light.sum()
        got = blocked_fraction(np.array([separation]), np.array([1.0]), np.array([other]))[0]
        assert got == pytest.approx(expected, abs=1.5e-3)


def test_total_eclipse_leaves_the_light_of_the_other_star():
    phase = np.array([0.0, 0.2])
    flux = binary_flux(phase, orbit(phase, r1=0.05, r2=0.1), np.array([0.3, 0.3]))
    assert flux[0] == pytest.approx(0.3, abs=0.005)
    assert flux[1] == pytest.approx(1.0, abs=0.01)


def test_eclipses_come_half_a_period_apart_and_last_as_geometry_says():
    phase = np.linspace(-0.25, 0.75, 8001)
    r1, r2 = 0.12, 0.08
    flux = binary_flux(phase, orbit(phase, r1=r1, r2=r2), np.full(len(phase), 0.4))
    dark = flux < 0.995
    duration = dark[phase < 0.25].mean() * (phase < 0.25).mean()
    assert duration == pytest.approx(2 * np.arcsin(r1 + r2) / (2 * np.pi), rel=0.06)
    first = phase[np.argmin(np.where(phase < 0.25, flux, 9))]
    second = phase[np.argmin(np.where(phase > 0.25, flux, 9))]
    assert second - first == pytest.approx(0.5, abs=0.03)


def test_an_eccentric_orbit_shifts_the_secondary_eclipse():
    phase = np.linspace(0.2, 0.8, 4001)
    values = orbit(phase, ecc=0.3, omega=0.0)
    second = phase[np.argmin(binary_flux(phase, values, np.full(len(phase), 0.5)))]
    # first order: 2 e cos(omega) / pi
    assert second - 0.5 == pytest.approx(2 * 0.3 / np.pi, abs=0.02)


def test_tides_brighten_quadrature():
    phase = np.array([0.25, 0.13])
    flux = binary_flux(phase, orbit(phase, r1=0.4, r2=0.01, q=0.5, cos_i=0.6), np.zeros(2))
    assert flux[0] > flux[1] + 0.02


def test_roche_lobe_known_values():
    np.testing.assert_allclose(
        roche_radius(np.array([1.0, 0.1, 10.0])), [0.379, 0.206, 0.578], atol=2e-3
    )


def test_kepler_gives_the_year():
    au_in_radii = 215.03
    assert orbital_period(np.array([au_in_radii]), np.array([1.0]))[0] == pytest.approx(
        365.25, rel=2e-3
    )


def test_contact_binaries_follow_period_luminosity_colour():
    stars = drawn("EW")
    log_p = np.log10(stars["period"])
    slope = np.polyfit(log_p, intrinsic_magnitudes(stars)[:, 0], 1)[0]
    assert slope == pytest.approx(-9.15, abs=0.5)
    assert contact_mv(np.array([0.4]))[0] == pytest.approx(3.41, abs=0.02)
    colour = np.polyfit(log_p, np.log10(stars["teff"]), 1)[0]
    assert colour == pytest.approx(0.42, abs=0.06)
    assert np.all(np.diff(contact_teff(np.array([0.3, 0.4, 0.6]))) > 0)
    assert np.all(stars["r1"] + stars["r2"] > 0.68)


def test_lobes_are_filled_as_the_classes_say():
    def fill(s):
        return np.maximum(s["r1"] / roche_radius(1 / s["q"]), s["r2"] / roche_radius(s["q"]))

    contact, close, detached = fill(drawn("EW")), fill(drawn("EB")), drawn("EA")
    apart = fill(detached)[detached["subtype"] == "detached"]
    assert np.median(contact) > 0.97 > np.median(close) > np.median(apart)
    assert apart.max() < 1
    assert np.median(detached["period"]) > 2 * np.median(drawn("EW")["period"])


def test_detached_periods_agree_with_kepler_and_the_stars_radii():
    stars = drawn("EA")
    size = radius(stars["teff"], stars["luminosity"]) / stars["r1"]
    expected = orbital_period(size, stars["mass"] * (1 + stars["q"]))
    np.testing.assert_allclose(stars["period"], expected, rtol=1e-6)


def test_light_share_of_twins_is_a_half():
    stars = new_stars(np.array(["EA"]))
    stars["luminosity2"][:] = 1.0
    assert light_share(stars)[0] == pytest.approx(0.5)
    stars["teff2"][:] = 4000.0  # same bolometric light, less of it in V
    assert light_share(stars)[0] < 0.4
