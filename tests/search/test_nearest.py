import numpy as np
import pytest

from skybind.errors import DataError
from skybind.search.nearest import (
    ClassPrediction,
    DuplicateRule,
    contrast_order,
    predict_column,
    predict_spectrum,
    separation,
    tell_relation,
)


def test_contrast_puts_the_most_unlike_first_and_the_unknown_last():
    order = contrast_order(np.array([0.9, 0.8, 0.7, 0.6]), np.array([0.5, np.nan, -0.2, 0.5]))
    assert order.tolist() == [2, 0, 3, 1]


def test_prediction_of_numbers_and_classes():
    number = predict_column("period", np.array([1.0, 2.0, np.nan, 6.0]))
    assert (number.n, number.mean, number.median) == (3, 3.0, 2.0)
    assert number.spread == pytest.approx(np.sqrt(7))
    votes = predict_column("label", np.array(["EW", "", "EA", "EW", "EW"], dtype=object))
    assert isinstance(votes, ClassPrediction)
    assert votes.fractions == {"EW": 0.75, "EA": 0.25}
    none = predict_column("period", np.array([np.nan]))
    assert none.n == 0
    assert np.isnan(none.mean)


def test_spectra_of_other_levels_and_grids_give_their_common_shape():
    wavelength = np.linspace(4000, 5000, 501)
    shape = 1 + 0.3 * np.sin(wavelength / 100)
    spectra = [(wavelength, 5 * shape), (wavelength[::2], 0.1 * shape[::2])]
    predicted = predict_spectrum(spectra)
    np.testing.assert_allclose(predicted.flux, shape / np.median(shape), rtol=2e-3)
    assert np.nanmax(predicted.spread) < 5e-3
    half = predict_spectrum([(wavelength[:300], shape[:300]), (wavelength, shape)])
    assert half.n.tolist() == [2] * 300 + [1] * 201
    assert np.isnan(half.spread[300:]).all()
    with pytest.raises(DataError, match="None of the matches"):
        predict_spectrum([(wavelength, np.full(501, np.nan))])


def test_masked_pixels_of_spectra_are_not_observed():
    wavelength = np.linspace(4000, 5000, 501)
    gap = np.where((wavelength > 4400) & (wavelength < 4600), np.nan, 1.0)
    predicted = predict_spectrum([(wavelength, gap), (wavelength, np.full(501, 3.0))])
    assert np.array_equal(predicted.n == 1, np.isnan(gap))
    np.testing.assert_allclose(predicted.flux, 1.0)


def test_a_spectrum_below_zero_is_not_turned_upside_down():
    wavelength = np.linspace(4000, 5000, 501)
    line = np.exp(-0.5 * ((wavelength - 4500) / 10) ** 2)
    predicted = predict_spectrum([(wavelength, 1 + line), (wavelength, line - 0.1)])
    np.testing.assert_allclose(predicted.flux, 1 + line, atol=1e-6)
    assert set(predicted.n.tolist()) == {1}
    with pytest.raises(DataError, match="noise around zero"):
        predict_spectrum([(wavelength, line - 0.1)])


def test_the_mean_is_where_most_spectra_are_and_counts_those_elsewhere():
    grid = np.linspace(4000, 4500, 501)
    starts = [0, 1000, 1010, 1020, 5000]  # the first would leave out all others
    shape = [(grid + start, 2 + np.cos((grid + start) / 50)) for start in starts]
    predicted = predict_spectrum(shape)
    assert predicted.wavelength[0] == 5010
    assert (predicted.averaged, predicted.n.max()) == (3, 3)
    assert np.nanmax(predicted.spread) < 0.02  # by what they have in common, and not each its own


def test_spread_of_spectra_is_that_of_the_matches():
    rng = np.random.default_rng(5)
    wavelength = np.linspace(4000, 5000, 2001)
    spectra = [(wavelength, 1 + 0.05 * rng.standard_normal(2001)) for _ in range(40)]
    predicted = predict_spectrum(spectra)
    assert np.median(predicted.spread) == pytest.approx(0.05, rel=0.05)


def test_the_same_object_and_its_data_are_told_from_others():
    cosine = np.array([1.0, 0.5, 1.0, 0.9995, 0.9, np.nan])
    apart = np.array([np.nan, 0.4, 3600.0, 3600.0, 1.2, 9.0])
    same = np.array([True, False, False, False, False, False])
    told = tell_relation(cosine, same, apart).tolist()
    assert told == ["itself", "same position", "same data", "alike", "alike", "alike"]
    wide = tell_relation(
        cosine, same, apart, DuplicateRule(radius=2.0), np.array([True] * 4 + [False] * 2)
    )
    assert wide.tolist()[2:5] == ["same data", "unlike", "same position"]


def test_separation_is_that_of_astropy():
    coordinates = pytest.importorskip("astropy.coordinates")
    rng = np.random.default_rng(6)
    ra, dec = rng.uniform(0, 360, 50), rng.uniform(-90, 90, 50)
    ra[0], dec[0] = 10.0 + 1 / 3600, 89.9
    own = coordinates.SkyCoord(10.0, 89.9, unit="deg")
    expected = own.separation(coordinates.SkyCoord(ra, dec, unit="deg")).arcsec
    np.testing.assert_allclose(separation(10.0, 89.9, ra, dec), expected, rtol=1e-7)
