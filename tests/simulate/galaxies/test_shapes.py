import numpy as np
import pytest

from skybind.simulate.galaxies import catalogue, cosmology, population, shapes
from skybind.simulate.galaxies.camera import FIELD, PIXEL_SCALE


def made(n=6, **changes):
    g = population.draw(n, np.random.default_rng(3))
    for key, value in changes.items():
        g[key] = np.full(n, value) if not isinstance(value, np.ndarray) else value
    return g


def smooth(**changes):
    plain = {"arm_strength": 0.0, "patchiness": 0.0, "lopsidedness": 0.0, "bar": 0.0}
    return made(**{"morphology": "spiral", "cos_i": 1.0, "axis_ratio": 1.0, **plain, **changes})


def test_maps_have_unit_flux():
    z = np.full(6, 0.15)
    g = smooth(redshift=z, radius=4.0, bulge_radius=1.0, sersic=2.0)
    for values in shapes.component_maps(g, np.random.default_rng(0)).values():
        np.testing.assert_allclose(values.sum(axis=(1, 2)), 1, atol=0.02)


def test_half_light_radius_is_the_drawn_one():
    z = np.array([0.05, 0.1, 0.2, 0.3, 0.4, 0.5])
    g = smooth(redshift=z, radius=6.0)
    maps = shapes.component_maps(g, np.random.default_rng(0))
    found = catalogue.light_radii(maps["disc"], g, (0.5,))[:, 0]
    expected = 6.0 / cosmology.kpc_per_arcsec(z)
    np.testing.assert_allclose(found, expected, rtol=0.06)
    # at fixed physical size galaxies shrink with redshift
    assert np.all(np.diff(found) < 0)


def test_arms_move_light_and_make_none():
    plain = smooth(redshift=np.full(6, 0.02), radius=5.0)
    arms = smooth(redshift=np.full(6, 0.02), radius=5.0, arm_strength=2.0)
    a, b = (shapes.component_maps(g, np.random.default_rng(0)) for g in (plain, arms))
    np.testing.assert_allclose(a["young"].sum(axis=(1, 2)), b["young"].sum(axis=(1, 2)), rtol=1e-4)

    def contrast(image):
        """Scatter around a ring of 1.5 scale lengths, relative to its mean."""
        axis = (np.arange(FIELD) - (FIELD - 1) / 2) * PIXEL_SCALE
        ring = np.hypot(axis[:, None], axis) / (5.0 / cosmology.kpc_per_arcsec(0.02) / 1.678)
        pixels = image[:, (ring > 1.45) & (ring < 1.55)]
        return np.mean(pixels.std(axis=1) / pixels.mean(axis=1))

    assert contrast(a["young"]) < 0.05
    assert contrast(b["young"]) > 0.5
    # old stars follow weakly: arms are bluer than what is between them
    assert 0.1 < contrast(b["disc"]) < 0.6 * contrast(b["young"])


def test_inclined_discs_are_flat():
    g = smooth(redshift=np.full(6, 0.1), axis_ratio=0.3, angle=0.0, radius=6.0)
    disc = shapes.component_maps(g, np.random.default_rng(0))["disc"]
    axis = np.arange(FIELD) - (FIELD - 1) / 2
    wide = np.einsum("nij,j->n", disc, axis**2)
    high = np.einsum("nij,i->n", disc, axis**2)
    np.testing.assert_allclose(np.sqrt(high / wide), 0.3, atol=0.02)


def test_sersic_profile_against_direct_integration():
    n = np.array([1.0, 2.5, 4.0])
    r = np.geomspace(1e-6, 500, 200000)[:, None]
    b = shapes.sersic_b(n)
    light = np.exp(-b * (r ** (1 / n) - 1)) * 2 * np.pi * r
    growth = np.cumsum(light * np.gradient(r, axis=0), axis=0)
    np.testing.assert_allclose(growth[-1], shapes.sersic_total(n), rtol=0.01)
    half = [np.interp(0.5, growth[:, i] / growth[-1, i], r[:, 0]) for i in range(3)]
    np.testing.assert_allclose(half, 1, rtol=0.01)


def test_angular_size_and_distance():
    z = np.array([0.1, 0.5])
    np.testing.assert_allclose(cosmology.luminosity_distance(z), [460.3, 2832.9], rtol=2e-3)
    np.testing.assert_allclose(cosmology.kpc_per_arcsec(z), [1.844, 6.104], rtol=2e-3)
    assert cosmology.age(np.array([0.0]))[0] == pytest.approx(13.47e9, rel=2e-3)
