import numpy as np
import pytest

from skybind.data.dataset import Dataset
from skybind.errors import ConfigError
from skybind.simulate.galaxies import bandpasses, iter_galaxies, simulate_galaxies
from skybind.simulate.galaxies.camera import PIXEL_SCALE, SIZE
from skybind.simulate.galaxies.survey import BLOCK
from skybind.simulate.write import write_galaxies


def images(survey):
    return np.stack([survey.image.fields[b].reshape(-1, SIZE, SIZE) for b in "grz"], axis=1)


def spectra(survey):
    return survey.spectrum.fields["flux"].reshape(-1, 7781)


def wavelength(survey):
    return survey.spectrum.fields["wavelength"][:7781].astype(float)


def aperture(pictures, radius):
    axis = (np.arange(SIZE) - (SIZE - 1) / 2) * PIXEL_SCALE
    inside = np.hypot(axis[:, None], axis) < radius
    # whole pixels never make up the circle exactly
    part = np.pi * (radius / PIXEL_SCALE) ** 2 / inside.sum()
    return pictures[:, :, inside].sum(axis=2) * part


def same(a, b):
    for one, other in ((a.objects, b.objects), (a.truth, b.truth)):
        for key, values in one.items():
            np.testing.assert_array_equal(values, other[key])
    for name, one in a.observations.items():
        np.testing.assert_array_equal(one.present, b.observations[name].present)
        for key, values in one.fields.items():
            np.testing.assert_array_equal(values, b.observations[name].fields[key])


def test_shape_and_roles(galaxies):
    n = len(galaxies)
    assert set(galaxies.columns) == set(galaxies.objects)
    assert len(set(galaxies.objects["object_id"])) == n
    assert list(galaxies.image.fields) == ["g", "r", "z"]
    assert set(galaxies.image.lengths) == {SIZE**2}
    assert set(galaxies.spectrum.lengths) == {7781}
    features = [k for k, c in galaxies.columns.items() if c["role"] == "feature"]
    assert not {"redshift", "log_mass"} & set(features)
    for values in galaxies.objects.values():
        assert values.dtype == object or np.isfinite(values).all()
    for ragged in galaxies.observations.values():
        assert all(np.isfinite(v).all() and v.dtype == np.float32 for v in ragged.fields.values())


def test_flux_limit_holds(galaxies):
    red = galaxies.truth["population"] == "red"
    assert galaxies.truth["true_mag_r"][~red].max() < 20
    assert galaxies.truth["true_mag_z"][red].max() < 19.9
    assert galaxies.truth["redshift"].max() < 0.6
    assert galaxies.truth["redshift"][red].min() > 0.29


def test_colours_of_spectrum_and_image_agree(galaxies):
    """Fibre spectra through g and r against the image in the fibre's aperture."""
    truth = galaxies.truth
    fluxes = {b: bandpasses.band_flux(wavelength(galaxies), spectra(galaxies), b) for b in "gr"}
    image = aperture(images(galaxies), 0.75)
    use = (truth["artefact"] == "") & (truth["true_mag_r"] < 19) & (fluxes["g"] > 0)
    colour = -2.5 * np.log10(fluxes["g"][use] / fluxes["r"][use])
    seen = -2.5 * np.log10(image[use, 0] / image[use, 1])
    # g has worse seeing than r, calibration of the fibres errs by some percent
    assert np.median(np.abs(colour - seen)) < 0.1
    assert np.corrcoef(colour, seen)[0, 1] > 0.95
    ratio = fluxes["r"][use] / image[use, 1]
    assert np.median(ratio) == pytest.approx(1, abs=0.12)


def test_total_flux_of_the_image_is_the_catalogues(galaxies):
    truth = galaxies.truth
    use = (truth["artefact"] == "") & (truth["large_spiral"] == "")
    use &= (truth["true_mag_r"] < 18.5) & (truth["morphology"] != "merger")
    flux = aperture(images(galaxies)[use], 7.0)
    seen = 22.5 - 2.5 * np.log10(flux[:, 1])
    # neighbours add a little, wings are lost a little
    assert np.median(seen - galaxies.objects["mag_r"][use]) == pytest.approx(0, abs=0.12)


def test_emission_lines_follow_star_formation(galaxies):
    truth, wave = galaxies.truth, wavelength(galaxies)
    flux = spectra(galaxies)
    rows = np.flatnonzero((truth["redshift"] < 0.42) & (truth["agn"] == 0))
    rest = wave / (1 + truth["redshift"][rows, None])
    away = np.abs(rest - 6564.6)
    ivar = galaxies.spectrum.fields["ivar"].reshape(-1, 7781)[rows]
    spec = np.where(ivar > 0, flux[rows], np.nan)
    continuum = np.nanmedian(np.where((away > 50) & (away < 120), spec, np.nan), axis=1)
    excess = np.nansum(np.where(away < 11, spec - continuum[:, None], 0), axis=1) * 0.8
    width = excess / continuum / (1 + truth["redshift"][rows])
    specific = np.log10(truth["sfr"][rows]) - truth["log_mass"][rows]
    order = np.corrcoef(np.argsort(np.argsort(width)), np.argsort(np.argsort(specific)))[0, 1]
    assert order > 0.7
    quiet = truth["quiescent"][rows]
    assert np.median(width[quiet]) < 4 < np.median(width[~quiet])


def test_brightest_line_is_at_one_plus_z(galaxies):
    truth, wave = galaxies.truth, wavelength(galaxies)
    rows = np.flatnonzero((truth["log_ssfr"] > -9.9) & (truth["redshift"] < 0.4))
    flux = spectra(galaxies)[rows]
    centre = 6564.61 * (1 + truth["redshift"][rows])
    near = np.abs(wave - centre[:, None]) < 12
    peak = wave[np.where(near, flux, -np.inf).argmax(axis=1)]
    assert np.median(np.abs(peak - centre)) < 1.2
    assert np.mean(np.abs(peak - centre) < 4) > 0.85


def test_targets_are_wrong_only_where_planted(galaxies):
    truth, objects = galaxies.truth, galaxies.objects
    wrong = truth["redshift_fault"] != ""
    assert 0.03 < wrong.mean() < 0.2
    assert np.abs(objects["redshift"] - truth["redshift"])[~wrong].max() < 3e-4
    assert np.abs(objects["redshift"] - truth["redshift"])[wrong].min() > 0.02
    assert (objects["log_mass"] - truth["log_mass"])[~wrong].std() < 0.13


def test_large_spirals_fill_the_crop(galaxies):
    large = galaxies.truth["large_spiral"] != ""
    assert 0.002 < large.mean() < 0.06
    light = images(galaxies)[:, 1]
    filled = np.mean(light > 3 * 0.00216, axis=(1, 2))
    ordinary = ~large & (galaxies.truth["artefact"] == "")
    assert filled[large].min() > 4 * np.median(filled[ordinary])


def test_numbers_depend_on_seed_and_index_only():
    whole = simulate_galaxies(BLOCK + 6, seed=3)
    parts = list(iter_galaxies(BLOCK + 6, seed=3, chunk=40, processes=2))
    assert [len(p) for p in parts] == [40, 30]
    same(parts[1], whole.take(np.arange(40, BLOCK + 6)))
    other = simulate_galaxies(6, seed=4)
    assert not np.allclose(other.truth["redshift"], whole.truth["redshift"][:6])


def test_missing_observations_and_writing(tmp_path):
    write_galaxies(tmp_path / "d", 70, seed=1, missing=0.3)
    data = Dataset.open(tmp_path / "d")
    assert len(data) == 70
    assert data.schema.simulated
    assert data.schema.columns["image"].attributes == {
        "pixel_scale": 0.262, "stretch": "linear",
    }  # fmt: skip
    assert list(data.schema.columns["image"].fields) == ["g", "r", "z"]
    observed = np.stack([data.present(m) for m in ("image", "spectrum", "metadata")], axis=1)
    assert observed.any(axis=1).all()
    assert 0.1 < 1 - observed.mean() < 0.5
    assert (tmp_path / "d" / "truth.parquet").exists()


@pytest.mark.parametrize(
    "arguments", [{"missing": 0.7}, {"artefacts": 1.2}, {"seed": -1}, {"wrong_redshifts": -0.1}]
)
def test_nonsense_is_refused(arguments):
    with pytest.raises(ConfigError):
        simulate_galaxies(3, **arguments)
