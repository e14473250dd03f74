"""What a mapping's `missing` finds, in every type that a file may hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skybind.data.nothing import is_nothing
from skybind.ingest.fields import field_values
from skybind.ingest.readers.sentinels import stands_for_missing

FLOATS = ["f2", "f4", ">f4", "f8", ">f8"]


@pytest.mark.parametrize("kind", FLOATS)
@pytest.mark.parametrize("sentinel", ["99.99", "-999", "-9.9e1", "1e20", "0.1"])
def test_a_float_is_a_sentinel_in_its_own_precision(kind, sentinel):
    with np.errstate(over="ignore"):
        values = np.array([1.5, float(sentinel)], kind)
    assert stands_for_missing(values, [sentinel]).tolist() == [False, True]


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
def test_single_precision_copied_to_double_is_found_and_its_neighbours_are_not(number):
    sentinel = repr(float(str(np.float32(number))))  # as a person would write it
    values = np.array([np.float32(number)]).astype("f8")
    assert stands_for_missing(values, [sentinel]).all()
    if abs(number) > 1e-30:
        apart = values * (1 + 1e-6)
        assert not stands_for_missing(apart, [sentinel]).any()


def test_a_time_that_is_nearly_the_sentinel_is_no_sentinel():
    values = np.array([2457000.5, 2457000.5001, 2457000.499])
    assert stands_for_missing(values, ["2457000.5"]).tolist() == [True, False, False]


def test_integers_are_compared_to_the_last_digit():
    big = 2**53 + 1
    values = np.array([big, big + 1, -999])
    assert stands_for_missing(values, [str(big), "-999.0", "99.5"]).tolist() == [True, False, True]
    assert not stands_for_missing(np.array([1], "u1"), ["-999", "1e300"]).any()


def test_text_is_compared_as_text_and_as_the_number_that_it_writes():
    cells = [" 99.990", "99.99", "9.999e1", "unknown", "Unknown", None, "99.9", np.float32(99.99)]
    found = stands_for_missing(np.array(cells, object), ["99.99", "unknown"])
    assert found.tolist() == [True, True, True, True, False, False, False, True]
    ids = np.array(["10778692410404104192", "10778692410404104193"], object)
    assert stands_for_missing(ids, ["10778692410404104193"]).tolist() == [False, True]


def test_infinity_and_images_may_be_named_too():
    image = np.array([[np.inf, 1], [-32768, 2]], "f4")
    found = stands_for_missing(image, ["inf", "-32768"])
    assert found.tolist() == [[True, False], [True, False]]
    assert not stands_for_missing(image, []).any()


def test_fields_lose_their_sentinels():
    np.testing.assert_array_equal(field_values("time", np.array([0.0, 5.0]), ["0"]), [np.nan, 5.0])
    bands = field_values("band", np.array(["V", "x"], object), ["x"])
    assert bands.tolist() == ["V", ""]
    mask = field_values("mask", np.array([0, 1, 255], "u1"), ["255"])
    assert mask.tolist() == [False, True, True]


@pytest.mark.parametrize("word", ["NaN", "nan", "NULL", "None", "N/A", "--", "", " ", "?", "<NA>"])
def test_words_for_nothing(word):
    assert is_nothing(word)


@pytest.mark.parametrize("word", ["NA", "N", "EW", "no", "0", "NaNa", "x"])
def test_words_that_may_be_classes(word):
    assert not is_nothing(word)
