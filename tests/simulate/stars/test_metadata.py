import numpy as np
import pytest

from skybind.simulate.stars.classes import METADATA_FEATURES, new_stars
from skybind.simulate.stars.metadata import catalogue_row, intrinsic_magnitudes
from skybind.simulate.stars.sky import place


@pytest.fixture(scope="module")
def catalogue():
    n = 3000
    stars = new_stars(np.full(n, "EW"))
    rng = np.random.default_rng(0)
    stars["teff"] = rng.uniform(3500, 9000, n)
    stars["luminosity"] = 10 ** rng.uniform(-0.5, 2.5, n)
    absolute = intrinsic_magnitudes(stars)
    place(stars, absolute[:, 0], rng)
    rms = rng.uniform(0, 0.4, n)
    return stars, rms, catalogue_row(stars, absolute, rms, rng)


def test_features_are_those_of_the_paper_in_its_order(catalogue):
    names = list(catalogue[2])
    assert names == [c.name for c in METADATA_FEATURES]
    assert len(names) == 34
    assert names[0] == "mean_vmag"
    assert names[-2:] == ["l", "b"]
    assert all(np.isfinite(v).all() for v in catalogue[2].values())


def test_derived_columns_agree(catalogue):
    row = catalogue[2]
    np.testing.assert_allclose(row["bp_rp"], row["phot_bp_mean_mag"] - row["phot_rp_mean_mag"])
    np.testing.assert_allclose(row["j_k"], row["j_mag"] - row["k_mag"])
    np.testing.assert_allclose(row["pm"], np.hypot(row["pmra"], row["pmdec"]))
    np.testing.assert_allclose(row["parallax_over_error"], row["parallax"] / row["parallax_error"])


def test_parallax_errors_are_honest(catalogue):
    stars, _, row = catalogue
    pull = (row["parallax"] + 0.03 - 1 / stars["distance"]) / row["parallax_error"]
    assert np.std(pull) == pytest.approx(1, abs=0.06)


def test_errors_grow_with_magnitude(catalogue):
    row = catalogue[2]
    quiet = catalogue[1] < 0.05
    for magnitude, error in (
        ("phot_g_mean_mag", "parallax_error"),
        ("k_mag", "e_k_mag"),
        ("w2_mag", "e_w2_mag"),
    ):
        m, e = row[magnitude][quiet], row[error][quiet]
        bright, faint = np.percentile(m, [20, 90])
        assert np.median(e[m > faint]) > 1.3 * np.median(e[m < bright])


def test_variability_shows_in_the_gaia_errors(catalogue):
    _, rms, row = catalogue
    assert np.corrcoef(rms, row["e_phot_g_mean_mag"])[0, 1] > 0.8


def test_extinction_reddens(catalogue):
    stars, _, row = catalogue
    warm = np.abs(stars["teff"] - 6000) < 300
    slope = np.polyfit(stars["extinction"][warm], row["bp_rp"][warm], 1)[0]
    assert slope == pytest.approx(1.002 - 0.589, abs=0.06)


def test_dust_shells_shine_in_the_infrared():
    stars = new_stars(np.full(2, "M"))
    stars["teff"][:], stars["luminosity"][:] = 3000.0, 5000.0
    stars["dust"][:] = [0.0, 0.8]
    bare, dusty = intrinsic_magnitudes(stars)
    assert dusty[0] > bare[0]
    assert dusty[9] < bare[9] - 1
    assert (dusty[7] - dusty[8]) > (bare[7] - bare[8]) + 0.2
