import numpy as np
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from skybind.simulate.stars.classes import new_stars
from skybind.simulate.stars.sky import equatorial, extinction_v, place


def placed(population, absolute=4.0, name="EW", n=1500):
    stars = new_stars(np.full(n, name))
    stars["population"][:] = population
    absolute_v = np.full(n, absolute)
    place(stars, absolute_v, np.random.default_rng(3))
    return stars, absolute_v


def test_coordinates_agree_with_astropy():
    rng = np.random.default_rng(0)
    lon, lat = rng.uniform(0, 360, 200), rng.uniform(-89, 89, 200)
    ra, dec = equatorial(lon, lat)
    other = SkyCoord(l=lon * u.deg, b=lat * u.deg, frame="galactic").icrs
    assert SkyCoord(ra * u.deg, dec * u.deg).separation(other).arcsec.max() < 1


def test_magnitude_distance_and_extinction_agree():
    stars, absolute_v = placed("thin")
    modulus = 5 * np.log10(stars["distance"]) + 10
    np.testing.assert_allclose(stars["v_mag"], absolute_v + modulus + stars["extinction"])
    assert 10.9 < stars["v_mag"].min() < stars["v_mag"].max() < 17


def test_extinction_without_height_is_linear_and_saturates_above_the_disc():
    lon = np.full(2, 90.0)
    low = extinction_v(np.array([0.5, 1.0]), lon, np.zeros(2))
    assert low[1] / low[0] == pytest.approx(2, abs=0.1)
    high = extinction_v(np.array([1.0, 10.0]), lon, np.full(2, 90.0))
    assert high[1] - high[0] < 0.01


def test_populations_differ_in_height_and_speed():
    height, speed = {}, {}
    for population in ("young", "thin", "thick", "halo"):
        stars, _ = placed(population, absolute=0.7)
        height[population] = np.median(np.abs(stars["distance"] * np.sin(np.radians(stars["b"]))))
        speed[population] = np.std(stars["radial_velocity"])
    assert height["young"] < height["thin"] < height["thick"] < height["halo"]
    assert speed["young"] < speed["thin"] < speed["thick"] < speed["halo"]


def test_proper_motion_shrinks_with_distance():
    near, _ = placed("thin", absolute=8.0)
    far, _ = placed("thin", absolute=3.0)
    assert np.median(np.abs(near["pmra"])) > 3 * np.median(np.abs(far["pmra"]))


def test_halo_stars_lag_behind_the_disc():
    stars, _ = placed("halo", absolute=0.6)
    ahead = np.sin(np.radians(stars["l"])) * np.cos(np.radians(stars["b"]))
    slope = np.polyfit(ahead, stars["radial_velocity"], 1)[0]
    # the star's lag of 220 km/s and the Sun's own 12 km/s
    assert slope == pytest.approx(-232, abs=45)


def test_stars_lie_in_the_footprint():
    stars, _ = placed("thin")
    assert np.mean((stars["dec"] > -10) & (stars["dec"] < 62)) > 0.99
