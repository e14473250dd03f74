import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skybind.errors import DataError
from skybind.search.nearest import (
    ClassPrediction,
    DuplicateRule,
    contrast_order,
    exact_nearest,
    predict_column,
    predict_spectrum,
    separation,
    tell_relation,
)


def unit(rng, n, dimension):
    vectors = rng.standard_normal((n, dimension)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def brute(vectors, query, k):
    """Sort everything: by cosine in double precision, then by row."""
    cosine = query.astype(float) @ vectors.astype(float).T
    row = np.tile(np.arange(len(vectors)), (len(query), 1))
    order = np.lexsort((row, -cosine))[:, :k]
    return order, np.take_along_axis(cosine, order, axis=1)


def chunked(vectors, sizes):
    start = 0
    for size in sizes:
        yield np.arange(start, min(start + size, len(vectors))), vectors[start : start + size]
        start += size
    if start < len(vectors):
        yield np.arange(start, len(vectors)), vectors[start:]


@settings(max_examples=40, deadline=None)
@given(
    n=st.integers(1, 300),
    k=st.integers(1, 400),
    sizes=st.lists(st.integers(1, 120), max_size=6),
    seed=st.integers(0, 10_000),
)
def test_exact_search_is_what_sorting_everything_gives(n, k, sizes, seed):
    rng = np.random.default_rng(seed)
    vectors, query = unit(rng, n, 8), unit(rng, 3, 8)
    found = exact_nearest(chunked(vectors, sizes), query, k)
    row, cosine = brute(vectors, query, k)
    there = min(n, k)
    assert found.row.shape == (3, k)
    np.testing.assert_array_equal(found.row[:, :there], row)
    np.testing.assert_allclose(found.cosine[:, :there], cosine, atol=1e-12)
    assert (found.row[:, there:] == -1).all()
    assert np.isnan(found.cosine[:, there:]).all()


@pytest.mark.parametrize("size", [1, 7, 50, 1000])
def test_ties_go_by_row_however_the_vectors_are_cut(size):
    rng = np.random.default_rng(1)
    few = unit(rng, 5, 16)
    vectors = few[rng.integers(0, 5, 1000)]
    found = exact_nearest(chunked(vectors, [size] * (1000 // size)), few[:2], 300)
    for i in range(2):
        same = np.flatnonzero((vectors == few[i]).all(axis=1))
        n = min(len(same), 300)
        np.testing.assert_array_equal(found.row[i, :n], same[:n])


def test_vectors_that_become_ever_better_are_all_seen():
    angle = np.linspace(np.pi / 2, 0, 20_000)
    vectors = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
    found = exact_nearest(chunked(vectors, [9000]), np.array([[1.0, 0.0]]), 5)
    exact = brute(vectors, np.array([[1.0, 0.0]], np.float32), 5)[0]
    np.testing.assert_array_equal(found.row, exact)


def test_one_broken_vector_hides_no_other():
    rng = np.random.default_rng(2)
    vectors = unit(rng, 500, 4)
    query = vectors[:1].copy()
    vectors[3] = np.nan
    found = exact_nearest(chunked(vectors, [100] * 5), query, 20)
    others = np.delete(np.arange(500), 3)
    np.testing.assert_array_equal(found.row[0], others[brute(vectors[others], query, 20)[0][0]])


def test_only_the_rows_given_are_found():
    rng = np.random.default_rng(3)
    vectors = unit(rng, 100, 6)
    rows = np.arange(10, 100, 3)
    found = exact_nearest([(rows, vectors[rows])], vectors[:4], 5)
    assert np.isin(found.row, rows).all()


def test_other_lengths_and_no_matches_are_refused():
    rng = np.random.default_rng(4)
    with pytest.raises(DataError, match="different models"):
        exact_nearest([(np.arange(3), unit(rng, 3, 5))], unit(rng, 1, 4), 2)
    with pytest.raises(DataError, match="at least 1"):
        exact_nearest([], unit(rng, 1, 4), 0)


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
