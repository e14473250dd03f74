import numpy as np
import pytest

from skybind.simulate.galaxies import artefacts, faults, spectra
from skybind.simulate.galaxies.camera import NOISE, SIZE


@pytest.mark.parametrize("kind", artefacts.KINDS)
def test_every_artefact_disturbs_its_image_and_no_other(kind):
    rng = np.random.default_rng(0)
    clean = (NOISE[:, None, None] * rng.standard_normal((6, 3, SIZE, SIZE))).astype(np.float32)
    images = clean.copy()
    kinds = np.array([kind, "", kind, "", kind, ""])
    artefacts.plant(images, kinds, rng)
    np.testing.assert_array_equal(images[1::2], clean[1::2])
    change = np.abs(images - clean)[::2] > 3 * NOISE[:, None, None]
    lost = (images == 0)[::2]
    assert np.all((change | lost).mean(axis=(2, 3)).max(axis=1) > 0.01)


def test_saturated_stars_leave_the_centre_to_the_galaxy():
    images = np.zeros((30, 3, SIZE, SIZE), np.float32)
    artefacts.plant(images, np.full(30, "saturated star"), np.random.default_rng(1))
    brightest = [np.unravel_index(i[1].argmax(), (SIZE, SIZE)) for i in images]
    away = np.hypot(*(np.array(brightest) - SIZE / 2).T)
    # a bled column may reach the middle, the star never does
    assert np.mean(away > 0.3 * SIZE) > 0.8
    assert np.median(away) > 0.4 * SIZE


def test_fractions():
    rng = np.random.default_rng(0)
    kind = artefacts.choose(20000, 0.02, rng)
    assert np.mean(kind != "") == pytest.approx(0.02, abs=0.004)
    assert set(kind) == {"", *artefacts.KINDS}
    assert not (artefacts.choose(1000, 0.0, rng) != "").any()


def test_quasars_have_broad_lines_where_their_redshift_puts_them():
    flux = faults.quasar(np.array([1.0, 2.0]), np.random.default_rng(0))
    for row, centre in ((0, 2799.1 * 2), (1, 1549.5 * 3)):
        wave = spectra.WAVELENGTH
        line = flux[row, np.abs(wave - centre) < 15].mean()
        sides = flux[row, np.abs(np.abs(wave - centre) - 260) < 15].mean()
        assert line > 1.15 * sides
        broad = flux[row, np.abs(wave - centre) < 200] - sides
        assert np.sum(broad > broad.max() / 2) * 0.8 > 25


def test_spectra_are_only_disturbed_where_planted():
    rng = np.random.default_rng(2)
    clean = rng.uniform(1, 2, (8, 7781)).astype(np.float32)
    kind = np.array(["quasar", "", "star", "", "broad lines", "", "another galaxy", ""])
    flux = clean.copy()
    faults.disturb_spectra(flux, {"redshift": np.full(8, 0.2)}, kind, rng)
    np.testing.assert_array_equal(flux[1::2], clean[1::2])
    assert np.all(np.abs(flux - clean)[::2].mean(axis=1) > 0.05)
    np.testing.assert_allclose(
        np.median(flux[[0, 2]], axis=1), np.median(clean[[0, 2]], axis=1), rtol=0.02
    )


def test_wrong_redshifts_are_wrong_and_move_the_mass():
    n = 4000
    rng = np.random.default_rng(0)
    true = rng.uniform(0.02, 0.6, n)
    kind = faults.choose(n, faults.REDSHIFT_FAULTS, 0.3, rng)
    found = faults.catalogue_redshift(true, kind, rng)
    right = kind == ""
    assert np.abs(found - true)[right].max() < 3e-4
    assert np.abs(found - true)[~right].min() > 0.02
    assert found.min() > 0
    mass = faults.catalogue_mass(np.full(n, 10.5), true, found, rng)
    assert mass[right].std() == pytest.approx(0.1, abs=0.01)
    higher = ~right & (found > 2 * true)
    assert mass[higher].mean() > 11
