from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skybind.modalities.cleaning import clean_spectrum
from skybind.modalities.resampling import bin_edges, interpolate, rebin
from skybind.modalities.spectrum import SpectrumOptions
from skybind.ragged import Ragged

GALAXIES = Path(__file__).parents[3] / "shared/data/galaxies"
needs_data = pytest.mark.skipif(not GALAXIES.exists(), reason="the shared data are not here")


def spectra(*given_spectra, **extra):
    """Give spectra of (wavelength, flux, ivar, mask), the last two perhaps None."""
    columns = list(zip(*given_spectra, strict=True))
    lengths = [len(wavelength) for wavelength in columns[0]]
    ivar = [np.ones(n) if v is None else v for n, v in zip(lengths, columns[2], strict=True)]
    mask = [np.zeros(n, bool) if v is None else v for n, v in zip(lengths, columns[3], strict=True)]
    fields = {
        "wavelength": np.concatenate(columns[0]).astype(float),
        "flux": np.concatenate(columns[1]).astype(float),
        "ivar": np.concatenate(ivar).astype(float),
        "mask": np.concatenate(mask),
    }
    offsets = np.concatenate([[0], np.cumsum(lengths)])
    return Ragged(fields, offsets, np.ones(len(lengths), bool))


def fine(low=3990.0, high=4210.0, step=0.1):
    return np.arange(low, high, step)


GRID = 4000 + 2.0 * np.arange(100)


@pytest.mark.parametrize("alone", [True, False])
def test_a_spectrum_on_the_grid_stays_to_the_digit(alone):
    """Datasets keep wavelengths in single precision; flux is kept as it is, whoever stands by."""
    grid = 3600 + 0.8 * np.arange(7781)
    flux = np.random.default_rng(0).normal(size=7781)
    other = fine(4000, 4010)
    given_spectra = [(grid, flux, None, None), (other, np.ones(len(other)), None, None)]
    ragged = spectra(*given_spectra[: 1 if alone else 2])
    ragged.fields["wavelength"] = ragged.fields["wavelength"].astype(np.float32)
    found, _, seen = rebin(ragged, grid)
    assert seen[0].all()
    np.testing.assert_allclose(found[0], flux, rtol=0, atol=1e-12)


def test_the_integral_of_the_flux_is_kept():
    wavelength = fine()
    inside = np.abs(wavelength - 4100) < 90
    line = np.exp(-0.5 * ((wavelength - 4101.7) / 0.3) ** 2) + 0.1 * np.sin(wavelength / 7)
    flux, _, seen = rebin(spectra((wavelength, line * inside, None, None)), GRID)
    assert seen.all()
    np.testing.assert_allclose(flux.sum() * 2.0, (line * inside).sum() * 0.1, rtol=1e-6)
    # interpolation misses a line that is narrower than the grid
    sampled = interpolate(spectra((wavelength, line * inside, None, None)), GRID)[0]
    assert abs(sampled.sum() * 2.0 / ((line * inside).sum() * 0.1) - 1) > 0.01


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.floats(0.05, 3.0), min_size=5, max_size=200),
    st.floats(0.3, 8.0),
    st.integers(0, 10_000),
)
def test_flux_is_kept_and_positive_for_any_pixels(steps, step, seed):
    # neighbouring steps that differ less than the ratio at which a gap is seen
    steps = np.clip(steps, 1.0, 1.45)
    wavelength = 5000 + np.cumsum(steps)
    flux = np.random.default_rng(seed).uniform(0, 5, len(steps))
    edges = np.concatenate(
        [
            [wavelength[0] - steps[1] / 2],
            (wavelength[1:] + wavelength[:-1]) / 2,
            [wavelength[-1] + steps[-1] / 2],
        ]
    )
    grid = np.arange(wavelength[0] - 20, wavelength[-1] + 20, step)
    got, _, seen = rebin(spectra((wavelength, flux, None, None)), grid)
    covered = np.minimum(edges[-1], bin_edges(grid)[1:]) - np.maximum(
        edges[0], bin_edges(grid)[:-1]
    )
    total = (got[0] * np.clip(covered, 0, None))[seen[0]].sum()
    want = (flux * np.diff(edges)).sum()
    assert abs(total - want) <= 1e-2 * 5 * step  # bins covered less than a thousandth are left out
    assert (got >= 0).all()
    assert got.max() <= flux.max() + 1e-9


@given(st.floats(-100, 100), st.floats(0.2, 6.0), st.integers(0, 1000))
@settings(max_examples=30, deadline=None)
def test_a_constant_stays_constant_around_masked_pixels(level, step, seed):
    rng = np.random.default_rng(seed)
    wavelength = np.sort(rng.uniform(3990, 4210, 300))
    mask = rng.random(300) < 0.3
    values = np.where(mask, 1e6, level)
    grid = np.arange(4000, 4200, step)
    flux, _, seen = rebin(spectra((wavelength, values, None, mask)), grid)
    np.testing.assert_allclose(flux[seen], level, rtol=1e-9, atol=1e-9)
    assert not flux[~seen].any()


def test_the_same_grid_changes_nothing():
    rng = np.random.default_rng(0)
    values, ivar = rng.normal(size=100), rng.uniform(1, 9, 100)
    ivar[30:35] = 0
    mask = ivar == 0
    flux, error, seen = rebin(spectra((GRID, values, ivar, mask)), GRID)
    assert seen[0].tolist() == (~mask).tolist()
    np.testing.assert_allclose(flux[0], np.where(mask, 0, values), atol=1e-9)
    np.testing.assert_allclose(error[0][~mask], ivar[~mask] ** -0.5, rtol=1e-9)
    assert not error[0][mask].any()


def test_inverse_variances_of_whole_pixels_add_up():
    # 20 pixels of 0.1 Angstrom fill each bin exactly
    wavelength = GRID[0] - 1 + 0.05 + 0.1 * np.arange(2000)
    ivar = np.repeat(np.random.default_rng(0).uniform(1, 3, 100), 20)
    _, error, _ = rebin(spectra((wavelength, wavelength, ivar, None)), GRID)
    np.testing.assert_allclose(error[0] ** -2, 20 * ivar[::20], rtol=1e-6)


def test_uncertainty_is_the_scatter_of_noise():
    rng = np.random.default_rng(1)
    n, wavelength = 400, 3999.3 + 0.7 * np.arange(290)
    sigma = np.linspace(0.5, 2, 290)
    noise = [(wavelength, rng.normal(0, sigma), sigma**-2, None) for _ in range(n)]
    flux, error, _ = rebin(spectra(*noise), GRID)
    np.testing.assert_allclose((flux / error).std(axis=0), 1, atol=0.2)
    assert abs((flux / error).std() - 1) < 0.01


def test_a_gap_is_not_filled():
    wavelength = np.concatenate([np.arange(4000, 4050, 1.0), np.arange(4150, 4200, 1.0)])
    flux, _, seen = rebin(spectra((wavelength, np.ones(100), None, None)), GRID)
    assert not seen[0][(GRID > 4053) & (GRID < 4147)].any()
    assert seen[0][(GRID > 4001) & (GRID < 4048)].all()
    assert not flux[~seen].any()


def test_unequal_wavelengths_give_what_each_spectrum_gives_alone():
    rng = np.random.default_rng(2)
    some = [
        (
            w := np.sort(rng.uniform(3950, 4250, n)),
            rng.normal(size=n),
            np.ones(n),
            rng.random(n) < 0.1,
        )
        for n in (50, 200, 200, 3)
    ]
    together = rebin(spectra(*some), GRID)
    for i, one in enumerate(some):
        for got, want in zip(together, rebin(spectra(one), GRID), strict=True):
            np.testing.assert_allclose(got[i], want[0], atol=1e-12)
    assert len(w) == 3


def test_nothing_and_absent_spectra_are_not_seen():
    empty = Ragged(
        {k: np.zeros(0) for k in ("wavelength", "flux", "ivar")} | {"mask": np.zeros(0, bool)},
        np.zeros(3, np.int64),
        np.zeros(2, bool),
    )
    flux, error, seen = rebin(empty, GRID)
    assert flux.shape == error.shape == seen.shape == (2, 100)
    assert not seen.any()


@needs_data
def test_real_desi_spectra_keep_their_flux():
    data = np.load(GALAXIES / "desihigh_desi_spectra/spectra.npz")
    flux = data["flux"][:40].astype(float)
    n, pixels = flux.shape
    raw = Ragged(
        {"wavelength": np.tile(data["wave"], n).astype(float), "flux": flux.ravel()},
        np.arange(n + 1) * pixels,
        np.ones(n, bool),
    )
    cleaned = clean_spectrum(raw).ragged
    grid = SpectrumOptions(wavelength_min=3600, wavelength_step=0.8, bins=7781).grid
    got, error, seen = rebin(cleaned, grid)
    assert seen.all()
    assert not error.any()  # this file has no ivar
    inner = (data["wave"] > 3605) & (data["wave"] < 9819)
    width = np.gradient(data["wave"].astype(float))
    want = (flux * width)[:, inner].sum(1)
    place = (grid > 3605) & (grid < 9819)
    scale = np.abs(flux * width).sum(1)
    assert np.abs((got[:, place] * 0.8).sum(1) - want).max() < 2e-3 * scale.max()


@needs_data
def test_real_sdss_spectra_lose_noise_by_averaging():
    data = np.load(GALAXIES / "hubbleds_sdss_spectra/spectra_f16.npz")
    flux, ivar = data["flux"][:60].astype(float), data["ivar"][:60].astype(float)
    n, pixels = flux.shape
    raw = Ragged(
        {
            "wavelength": np.tile(10 ** data["loglam"].astype(float), n),
            "flux": flux.ravel(),
            "ivar": ivar.ravel(),
        },
        np.arange(n + 1) * pixels,
        np.ones(n, bool),
    )
    cleaned = clean_spectrum(raw).ragged
    grid = np.arange(3900, 9000, 5.0)
    averaged, error, seen = rebin(cleaned, grid)
    sampled, single, _ = interpolate(cleaned, grid)
    both = seen & (single > 0)
    # pixels of 0.9 to 2.1 Angstrom: 2.4 to 5.6 of them in a bin
    ratio = np.median(single[both] / error[both])
    assert 1.5 < ratio < 2.4
    assert np.median(np.abs(averaged - sampled)[both] / single[both]) < 2
