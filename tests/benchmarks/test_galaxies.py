"""Line indices against spectra of known lines; colours and regions of the real galaxies."""

import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
GALAXIES = ROOT.parent / "shared" / "data" / "galaxies"
WAVELENGTH = 10 ** np.arange(3.56, 3.98, 1e-4)


@pytest.fixture(scope="module", autouse=True)
def _benchmarks_can_be_imported():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    yield
    sys.path.remove(str(ROOT / "benchmarks"))


def spectrum(redshift, ew=None, centre=6562.8, sigma=3.0, slope=0.0):
    """A straight continuum with one Gaussian line of `ew` Angstrom at rest, (1, W)."""
    from galaxies_indices import air_to_vacuum

    rest = WAVELENGTH / (1 + redshift)
    continuum = 5 * (1 + slope * (rest - 6000) / 1000)
    if ew is None:
        return continuum[None]
    peak = np.exp(-0.5 * ((rest - air_to_vacuum(centre)) / sigma) ** 2)
    return (continuum * (1 + ew * peak / (sigma * np.sqrt(2 * np.pi))))[None]


@pytest.mark.parametrize("redshift", [0.0, 0.03, 0.076])
@pytest.mark.parametrize(
    ("name", "centre", "ew"),
    [
        ("ew_halpha", 6562.8, 30.0),
        ("ew_halpha", 6562.8, -2.0),
        ("ew_oiii", 5006.84, 12.0),
        ("ew_hbeta", 4861.33, 8.0),
        ("hdelta_a", 4101.73, -5.0),
    ],
)
def test_equivalent_width_of_a_known_line_at_any_redshift(redshift, name, centre, ew):
    from galaxies_indices import LINES, equivalent_width

    flux = spectrum(redshift, ew, centre, sigma=2.0, slope=0.1)
    good = np.ones_like(flux, bool)
    found = equivalent_width(WAVELENGTH, flux, good, np.array([redshift]), LINES[name])
    assert found[0] == pytest.approx(ew if LINES[name].emission else -ew, rel=0.01)


def test_equivalent_width_does_not_depend_on_the_flux_scale_and_a_wrong_redshift_loses_the_line():
    from galaxies_indices import LINES, equivalent_width

    flux = spectrum(0.03, 30.0)
    good = np.ones_like(flux, bool)
    line = LINES["ew_halpha"]
    right = equivalent_width(WAVELENGTH, flux, good, np.array([0.03]), line)
    scaled = equivalent_width(WAVELENGTH, 1e-3 * flux, good, np.array([0.03]), line)
    wrong = equivalent_width(WAVELENGTH, flux, good, np.array([0.05]), line)
    np.testing.assert_allclose(scaled, right)
    assert abs(wrong[0]) < 0.5


def test_break_is_that_of_a_step_in_flux_per_frequency():
    from galaxies_indices import break_4000

    redshift = np.array([0.0, 0.04])
    rest = WAVELENGTH[None] / (1 + redshift[:, None])
    flux = np.where(rest > 3980, 1.7, 1.0) / WAVELENGTH**2
    found = break_4000(WAVELENGTH, flux, np.ones_like(flux, bool), redshift)
    np.testing.assert_allclose(found, 1.7, rtol=1e-6)


def test_bands_outside_the_spectrum_or_masked_have_no_index():
    from galaxies_indices import BREAK, mean_flux

    flux = spectrum(0.0).repeat(3, axis=0)
    good = np.ones_like(flux, bool)
    good[1, (WAVELENGTH > 4010) & (WAVELENGTH < 4040)] = False
    good[2, (WAVELENGTH > 4010) & (WAVELENGTH < 4015)] = False
    flux[2, ~good[2]] = 1e9  # what a mask hides may be anything
    found = mean_flux(WAVELENGTH, flux, good, np.zeros(3), BREAK[1])
    assert np.isnan(found[1])
    np.testing.assert_allclose(found[[0, 2]], 5, rtol=1e-6)
    assert np.isnan(mean_flux(WAVELENGTH, flux, good, np.full(3, -0.2), BREAK[0])).all()


def test_air_to_vacuum_at_sodium():
    from galaxies_indices import air_to_vacuum

    assert air_to_vacuum(5889.951) == pytest.approx(5891.583, abs=0.002)


def test_classes_and_magnitudes():
    from galaxies_data import bpt_class, magnitude

    names = [bpt_class(name) for name in ("STARFORMING BROADLINE", "BROADLINE", "", "AGN")]
    assert names == ["STARFORMING", "none", "none", "AGN"]
    np.testing.assert_allclose(magnitude(np.array([1.0, 100.0])), [22.5, 17.5])
    assert np.isnan(magnitude(np.array([-1.0, 0.0]))).all()


def test_regions_of_the_sky_keep_neighbours_together_and_have_equal_areas():
    from galaxies_data import sky_groups

    near = sky_groups(np.array([151.0, 152.0, 331.0]), np.array([0.2, 0.3, 0.2]))
    assert near[0] == near[1] != near[2]
    rng = np.random.default_rng(0)
    ra, dec = rng.uniform(0, 360, 40000), np.degrees(np.arcsin(rng.uniform(-1, 1, 40000)))
    counts = np.bincount(sky_groups(ra, dec, 30.0))
    inner = counts[counts > 0.9 * np.median(counts)]
    assert len(inner) > 0.6 * len(counts)
    assert inner.std() < 0.1 * inner.mean()


@pytest.mark.skipif(not GALAXIES.is_dir(), reason=f"no shared data at {GALAXIES}")
def test_indices_of_real_galaxies_follow_their_morphology():
    from galaxies_data import read_rows
    from galaxies_indices import line_indices

    folder = GALAXIES / "hubbleds_sdss_spectra"
    rows = read_rows(folder / "catalog.csv")[::8]
    with np.load(folder / "spectra_f16.npz") as arrays:
        wavelength = 10 ** arrays["loglam"]
        flux = arrays["flux"][::8].astype(np.float64)
        good = arrays["ivar"][::8] > 0
    redshift = np.array([float(row["z"]) for row in rows])
    kind = np.array([row["morph_folder"] for row in rows])
    indices = line_indices(wavelength, flux, good, redshift)
    middle = {
        name: [np.nanmedian(values[kind == k]) for k in ("ellipticals", "spirals", "irregulars")]
        for name, values in indices.items()
    }
    # the data set's own note has these medians of the ratio of fluxes per wavelength
    per_wavelength = np.array(middle["dn4000"]) / (4050 / 3900) ** 2
    np.testing.assert_allclose(per_wavelength, [1.81, 1.30, 1.08], atol=0.03)
    assert middle["ew_halpha"] == sorted(middle["ew_halpha"])
    assert middle["lick_mgb"] == sorted(middle["lick_mgb"], reverse=True)


def test_a_piece_cut_further_to_the_red_shows_its_line_further_to_the_blue():
    import torch

    from galaxies_shift import pieces

    spectra = torch.zeros(2, 2, 50)
    spectra[:, 0, 25] = 1  # a line; the other channel says which spectrum it is
    spectra[1, 1] = 7
    cut = pieces(spectra, torch.tensor([5, 15]), 30)
    assert cut.shape == (2, 2, 30)
    assert cut[:, 0].argmax(dim=1).tolist() == [20, 10]
    assert cut[1, 1].eq(7).all()
    assert cut[0, 1].eq(0).all()


def test_leave_one_out_does_not_see_the_object_itself():
    from galaxies_pairs import leave_one_out

    angle = np.linspace(0, 1, 40)
    vectors = np.stack([np.cos(angle), np.sin(angle)], 1)
    y = np.where(np.arange(40) == 20, 1000.0, angle)
    predicted = leave_one_out(vectors, y)
    assert predicted[20] < 1
    assert predicted[19] > 10


def test_missing_indices_are_filled_from_training_objects_and_flagged():
    from galaxies_probes import filled

    table = np.array([[1.0, 5.0], [3.0, np.nan], [5.0, 7.0], [np.nan, 9.0]])
    full = filled(table, np.array([0, 1, 2]))
    np.testing.assert_array_equal(full[:, 0], [1, 3, 5, 3])
    np.testing.assert_array_equal(full[:, 1], [5, 6, 7, 9])
    np.testing.assert_array_equal(full[:, 2:], [[0], [1], [0], [0]])


def test_probes_read_what_is_there_and_nothing_else():
    from galaxies_probes import probe

    rng = np.random.default_rng(0)
    features = rng.normal(size=(300, 5))
    targets = {
        "redshift": features[:, 0] * 0.01 + 0.03,
        "noise": rng.normal(size=300),
        "kind": np.where(features[:, 1] > 0, "a", "b"),
    }
    scores = probe(features, targets, np.arange(200), np.arange(200, 300), head=True)
    assert scores["redshift"]["linear_r2"] > 0.999
    assert scores["redshift"]["head_r2"] > 0.8
    assert scores["noise"]["linear_r2"] < 0.1
    assert scores["kind"]["linear_accuracy"] > 0.9


class _Catalogue:
    """What the folds ask of a data set: 400 galaxies in pairs of neighbours, some of no use."""

    def __init__(self):
        rng = np.random.default_rng(3)
        self.ra = np.repeat(rng.uniform(0, 360, 200), 2)
        self.dec = np.repeat(rng.uniform(-10, 60, 200), 2)
        self.object_ids = np.array([f"g{i}" for i in range(400)])
        self.warning = (np.arange(400) % 40 == 0).astype(float)
        self.spectype = np.where(np.arange(400) % 50 == 1, "QSO", "GALAXY")

    def __len__(self):
        return len(self.object_ids)

    def numbers(self, name):
        return {"ra": self.ra, "dec": self.dec, "zwarning": self.warning}[name]

    def column(self, name):
        return getattr(self, name)


@pytest.mark.parametrize("protocol", ["random", "sky"])
def test_folds_test_every_good_galaxy_once_and_regions_keep_neighbours_together(protocol):
    from real_galaxies import benchmark_rows, fold_splits

    catalogue = _Catalogue()
    splits = fold_splits(catalogue, protocol)
    tested = np.concatenate([split.rows("test") for split in splits])
    good = (catalogue.warning == 0) & (catalogue.spectype == "GALAXY")
    np.testing.assert_array_equal(np.sort(tested), np.flatnonzero(good))
    np.testing.assert_array_equal(benchmark_rows(catalogue), np.flatnonzero(good))
    together = 0
    for split in splits:
        used = {part: split.rows(part) for part in ("train", "validation", "test")}
        assert sum(len(rows) for rows in used.values()) == good.sum()
        assert len(used["validation"]) == pytest.approx(0.1 * 0.8 * good.sum(), abs=2)
        known = np.concatenate([used["train"], used["validation"]])
        together += np.isin(catalogue.ra[used["test"]], catalogue.ra[known]).sum()
    assert (together == 0) == (protocol == "sky")
