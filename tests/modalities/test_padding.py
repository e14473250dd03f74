"""Padding of light curves, and what only looks like it."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skybind.modalities.cleaning import clean_photometry
from skybind.modalities.padding import padding
from skybind.ragged import Ragged

NAN = float("nan")


def curve(time, flux):
    fields = {"time": np.asarray(time, float), "flux": np.asarray(flux, np.float32)}
    return Ragged(fields, np.array([0, len(time)]), np.array([True]))


@pytest.mark.parametrize("time", [[1, 2, 3, 4], [2457000, 2457001, 2457003], [0.5, 1.5]])
@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize(
    ("t", "f"), [(0, 0), (-99, -99), (-99, 0), (0, NAN), (-1, -1), (-999, 99.99), (-9999, -9999)]
)
def test_fillers_at_the_end_are_padding(time, n, t, f):
    flux = 1 + np.arange(len(time))
    r = curve([*time, *[t] * n], [*flux, *[f] * n])
    assert padding(r, "flux").tolist() == [False] * len(time) + [True] * n
    cleaned = clean_photometry(r)
    assert cleaned.ragged.fields["time"].tolist() == time
    assert cleaned.ragged.fields["flux"].tolist() == flux.tolist()
    assert cleaned.counts["epochs of padding"] == n


@pytest.mark.parametrize("filler", [(99999, 99.99), (9999, -99)])
def test_large_fillers(filler):
    r = curve([1, 2, 3, filler[0], filler[0]], [1, 2, 3, filler[1], filler[1]])
    assert padding(r, "flux").sum() == 2


@pytest.mark.parametrize(
    ("time", "flux"),
    [
        ([1, 2, 3, 3], [1, 2, 3, 3]),  # an epoch given twice
        ([1, 2, 3, 1, 1], [1, 2, 3, 1, 1]),  # one of the epochs again
        ([5, 3, 1, 0], [1, 2, 3, 4]),  # time runs backwards to 0
        ([-2, -1, 0, 0], [1, 2, 3, 4]),  # two cameras at 0
        ([1, 2, 3, 0], [1, 2, 3, 12]),  # one epoch out of order
        ([3, 1, 2, 2], [1, 2, 3, 3]),
        ([0, 0], [0, 0]),
        ([7], [0]),
    ],
)
def test_what_only_looks_like_padding_stays(time, flux):
    assert not padding(curve(time, flux), "flux").any()


def test_every_curve_has_its_own():
    r = Ragged(
        {"time": np.array([1.0, 2, 0, 0, 4, 5, 6, 8, 9, -99]),
         "flux": np.array([1.0, 2, 0, 0, 1, 2, 3, 1, 2, -99])},
        np.array([0, 4, 7, 7, 10]),
        np.array([True, True, False, True]),
    )  # fmt: skip
    assert np.flatnonzero(padding(r, "flux")).tolist() == [2, 3, 9]


@given(
    st.lists(st.integers(1, 10_000), min_size=2, max_size=20, unique=True),
    st.integers(0, 6),
    st.sampled_from([(0.0, 0.0), (-99.0, -99.0), (0.0, NAN)]),
)
def test_a_padded_curve_is_the_curve(days, n, filler):
    time = np.sort(np.asarray(days, float))
    flux = np.sin(time)
    whole = clean_photometry(curve(time, flux)).ragged
    padded = clean_photometry(curve([*time, *[filler[0]] * n], [*flux, *[filler[1]] * n])).ragged
    assert padded.present.tolist() == whole.present.tolist()
    np.testing.assert_array_equal(padded.fields["time"], whole.fields["time"])
    np.testing.assert_array_equal(padded.fields["flux"], whole.fields["flux"])
