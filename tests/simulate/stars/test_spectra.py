import csv
from pathlib import Path

import numpy as np
import pytest

from skybind.simulate.stars import lines, spectra
from skybind.simulate.stars.classes import new_stars
from skybind.simulate.stars.lines import WAVELENGTH

MILES = Path(__file__).parents[4] / "shared/data/stars/miles_stelib"


def stellar(teff, logg=4.4, feh=0.0, carbon=False):
    full = np.ones(np.size(teff))
    return spectra.template(
        np.atleast_1d(np.asarray(teff, float)), logg * full, feh * full, full * carbon > 0
    )


def depth(flux, line, side, width=4.0):
    """Share of the light that is missing within `width` of a line, against two sidebands."""

    def mean(centre):
        return flux[:, np.abs(WAVELENGTH - centre) < width].mean(axis=1)

    return 1 - mean(line) / ((mean(line - side) + mean(line + side)) / 2)


def test_continuum_is_plancks():
    flux = spectra.planck(np.array([4000.0, 8000.0]))
    peak = WAVELENGTH[np.argmax(flux, axis=1)]
    assert peak[0] == pytest.approx(2.8978e7 / 4000, rel=0.01)
    assert peak[1] == pytest.approx(WAVELENGTH[0], rel=0.02)


def test_balmer_lines_peak_in_a_stars():
    strength = depth(stellar([4500, 5800, 7000, 9200, 13000]), 4862.7, 60)
    assert np.argmax(strength) == 3
    assert np.all(np.diff(strength[:4]) > 0)
    assert strength[3] > 0.4 > 0.1 > strength[0]


def test_calcium_and_magnesium_grow_towards_cool_stars():
    teff = [9500, 7500, 6000, 5000]
    assert np.all(np.diff(depth(stellar(teff), 3934.8, 22)) > 0.02)
    assert np.all(np.diff(depth(stellar(teff), 5185.0, 40)) > 0)
    assert np.all(np.diff(depth(stellar(teff), 5894.0, 30, 5)) > 0)


def test_g_band_belongs_to_g_and_k_stars():
    band = depth(stellar([8500, 6900, 5500, 4700]), 4304, 28, 8)
    assert np.all(np.diff(band) > 0)


def test_metal_poor_stars_have_weaker_metal_lines_but_the_same_hydrogen():
    rich, poor = stellar(6500, feh=0.0), stellar(6500, feh=-1.8)
    for line, side in ((4384.8, 25), (5271.3, 18), (3934.8, 22)):
        assert depth(poor, line, side, 2) < 0.85 * depth(rich, line, side, 2)
    assert depth(poor, 4862.7, 60) == pytest.approx(depth(rich, 4862.7, 60)[0], abs=0.03)


def test_gravity_shows_in_sodium_and_the_calcium_triplet():
    dwarf, giant = stellar(4000, 4.6), stellar(4000, 1.0)
    assert depth(dwarf, 8190, 25, 8) > 1.3 * depth(giant, 8190, 25, 8)
    assert depth(giant, 8544.4, 20) > 1.2 * depth(dwarf, 8544.4, 20)


def test_titanium_oxide_appears_below_4200_kelvin_and_grows():
    teff = np.array([4600.0, 4000.0, 3600.0, 3000.0])
    flux = stellar(teff, 1.0) / spectra.planck(teff)
    red = flux[:, (WAVELENGTH > 7060) & (WAVELENGTH < 7120)].mean(axis=1)
    blue = flux[:, (WAVELENGTH > 7010) & (WAVELENGTH < 7045)].mean(axis=1)
    band = 1 - red / blue
    assert abs(band[0]) < 0.03
    assert np.all(np.diff(band) > 0.04)
    assert lines.tio_strength(np.array([4300.0]), np.array([1.0]))[0] == 0


def test_carbon_stars_have_swan_bands_instead():
    teff = np.array([3000.0])
    carbon, oxygen = (stellar(teff, 0.5, carbon=c) / spectra.planck(teff) for c in (True, False))

    def jump(flux, head, sign):
        inside = np.abs(WAVELENGTH - (head + sign * 30)) < 20
        outside = np.abs(WAVELENGTH - (head - sign * 30)) < 20
        return 1 - flux[:, inside].mean() / flux[:, outside].mean()

    assert jump(carbon, 5637.4, -1) > 0.4  # C2, degraded to the blue
    assert jump(oxygen, 7055.0, 1) > 0.4  # TiO, degraded to the red
    assert jump(carbon, 7055.0, 1) < 0.2


def test_interpolation_meets_the_nodes_and_lies_between():
    node = lines.absorption(False)
    exact = spectra._interpolate(
        node, lines.TEFF_NODES[[5]], lines.LOGG_NODES[[1]], lines.FEH_NODES[[2]]
    )
    np.testing.assert_allclose(exact[0], node[5, 1, 2], atol=1e-6)
    middle = lines.TEFF_NODES[5:7].mean()
    between = spectra._interpolate(
        node, np.array([middle]), lines.LOGG_NODES[[1]], lines.FEH_NODES[[2]]
    )
    np.testing.assert_allclose(between[0], node[5:7, 1, 2].mean(axis=0), atol=1e-6)


def test_radial_velocity_shifts_and_rotation_broadens_without_losing_light():
    flux = np.ones((1, lines.N_PIXELS), np.float32)
    place = 2000
    flux[0, place] += 100
    moved = spectra.broaden_and_shift(flux, np.array([80.0]), np.array([690.3]))[0] - 1
    near = np.arange(place - 15, place + 35)
    assert moved.sum() == pytest.approx(100, rel=1e-3)
    moved = moved[near]
    centre = np.sum(moved * near) / moved.sum()
    assert centre - place == pytest.approx(690.3 / 69.03, abs=0.05)
    variance = np.sum(moved * (near - centre) ** 2) / moved.sum()
    assert np.sqrt(variance) * 69.03 == pytest.approx(80, rel=0.02)


def test_extinction_curve_known_values():
    found = spectra.extinction_curve(np.array([4400.0, 5494.5, 7000.0]))
    np.testing.assert_allclose(found, [1.31, 1.0, 0.75], atol=0.03)


def observed(n=60, v_mag=13.0, **values):
    stars = new_stars(np.full(n, "EA"))
    for key in ("extinction", "radial_velocity"):
        stars[key] = np.zeros(n)
    stars["v_mag"] = np.full(n, v_mag)
    for key, value in values.items():
        stars[key][:] = value
    rng = np.random.default_rng(4)
    return spectra.observe(stars, spectra.intrinsic_spectrum(stars, rng), rng)


def test_observed_spectra_look_like_lamost():
    found = observed()
    wave, ivar = found.fields["wavelength"], found.fields["ivar"]
    assert wave.dtype == found.fields["flux"].dtype == ivar.dtype == np.float32
    assert 3690 < wave.min() < 3715 and 9060 < wave.max() < 9110  # noqa: PT018
    one = wave[: found.lengths[0]].astype(float)
    np.testing.assert_allclose(np.diff(np.log10(one)), 1e-4, atol=1e-6)
    assert len(np.unique(found.lengths)) > 3
    assert 0.002 < np.mean(ivar == 0) < 0.1
    assert np.all(ivar >= 0)
    assert all(np.isfinite(v).all() for v in found.fields.values())


def test_signal_to_noise_falls_with_magnitude():
    def quality(v):
        f = observed(v_mag=v).fields
        return np.median(f["flux"] * np.sqrt(f["ivar"]))

    bright, middle, faint = (quality(v) for v in (12.0, 14.5, 16.5))
    assert bright > 100 > middle > 30 > faint > 5


def test_reported_noise_is_the_noise():
    found = observed(40, v_mag=15.5)
    flux, ivar = (found.fields[k].astype(float) for k in ("flux", "ivar"))
    wave = found.fields["wavelength"]
    # neighbours differ by noise only where the spectrum is smooth
    calm = (wave > 7350) & (wave < 7550)
    inner = calm[1:-1] & (ivar[2:] > 0) & (ivar[1:-1] > 0) & (ivar[:-2] > 0)
    second = flux[2:] - 2 * flux[1:-1] + flux[:-2]
    pull = (second * np.sqrt(ivar[1:-1] / 6))[inner]
    assert 1.4826 * np.median(np.abs(pull)) == pytest.approx(1, abs=0.08)


def test_emission_of_active_dwarfs_and_dust_show():
    active, quiet = (
        observed(20, teff=3700.0, activity=a, luminosity=0.05, mass=0.5) for a in (1.0, 0.0)
    )

    def line(r):
        near = np.abs(r.fields["wavelength"] - 6564.6) < 3
        side = np.abs(r.fields["wavelength"] - 6525) < 15
        return np.median(r.fields["flux"][near]) / np.median(r.fields["flux"][side])

    assert line(active) > line(quiet) + 0.2
    red, clear = (observed(20, extinction=e) for e in (3.0, 0.0))

    def colour(r):
        blue, far = (np.abs(r.fields["wavelength"] - w) < 50 for w in (4500, 8000))
        return np.median(r.fields["flux"][far]) / np.median(r.fields["flux"][blue])

    assert colour(red) > 2 * colour(clear)


@pytest.mark.skipif(not MILES.is_dir(), reason="the shared MILES spectra are not here")
def test_lines_have_about_the_strength_of_real_stars():
    data = np.load(MILES / "miles_spectra.npz")
    with open(MILES / "miles_stars.csv", newline="") as file:
        row = {int(r["miles_id"]): r for r in csv.DictReader(file)}
    known = [k for k, i in enumerate(data["miles_id"]) if int(i) in row]
    teff, logg, feh = (
        np.array([float(row[int(data["miles_id"][k])][c] or "nan") for k in known])
        for c in ("teff", "logg", "feh")
    )
    air = float(data["wave_start"]) + float(data["wave_step"]) * np.arange(4300)
    vacuum = air * 1.00028
    real = data["flux_i"][known] / float(data["flux_scale"])
    use = np.isfinite(teff + logg + feh) & (teff > 3500) & (teff < 11000) & (feh > -0.8)
    made = spectra.template(teff[use], logg[use], feh[use], np.zeros(use.sum(), bool))
    made = spectra.broaden_and_shift(made, np.full(use.sum(), 60.0), np.zeros(use.sum()))
    real = np.array([np.interp(WAVELENGTH, vacuum, f) for f in real[use]])
    for line, side, width in ((4862.7, 45, 6), (4304, 28, 8), (5180, 45, 10), (5894, 32, 6)):
        theirs, ours = depth(real, line, side, width), depth(made, line, side, width)
        assert np.corrcoef(theirs, ours)[0, 1] > 0.75
        assert np.median(np.abs(theirs - ours)) < 0.05
