import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skybind.data.schema import Column
from skybind.ingest.preview.flat import flat_column, position_suggestions
from skybind.ingest.preview.values import Suspect, range_of, suspects

rng = np.random.default_rng(4)
MAGNITUDES = rng.uniform(12, 18, 200)


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (np.append(MAGNITUDES, [99.99] * 3), [Suspect("99.99", 3)]),
        (np.append(MAGNITUDES, [99.99] * 3).astype(np.float32), [Suspect("99.99", 3)]),
        (np.append(MAGNITUDES, [-999] * 2 + [99.999] * 5),
         [Suspect("-999", 2), Suspect("99.999", 5)]),
        (np.append(MAGNITUDES, [-9999] * 2 + [-99] * 4), [Suspect("-9999", 2), Suspect("-99", 4)]),
        (np.append(MAGNITUDES, [0.0] * 9), [Suspect("0", 9)]),
        (np.append(rng.uniform(0, 0.3, 99), [-1.0] * 9), [Suspect("-1", 9)]),
        (np.append(MAGNITUDES, [1e30] * 2), [Suspect("1e+30", 2)]),
        (np.append(MAGNITUDES, [-32768] * 2), [Suspect("-32768", 2)]),
        (np.append(rng.uniform(0, 1000, 300), [-99.0] * 2), [Suspect("-99", 2)]),
    ],
)  # fmt: skip
def test_sentinels_are_found(values, found):
    assert suspects(values) == found


@pytest.mark.parametrize(
    "values",
    [
        MAGNITUDES,
        np.append(MAGNITUDES, [99.99]),  # once is no habit
        np.arange(100).repeat(3),  # a count that ends at 99
        rng.poisson(0.5, 300),  # many zeros next to ones
        rng.normal(0, 1, 300).round(0),
        np.append(rng.uniform(0, 1, 99), [0.0] * 20),
        np.full(20, 99.0),
        np.zeros(0),
    ],
)
def test_numbers_are_left_alone(values):
    assert suspects(np.asarray(values, float)) == []


@given(st.sampled_from([-99.0, -999.0, -9999.0, 99.99, 999.9, 9999.0]), st.integers(2, 50),
       st.floats(-20, 20), st.floats(0.01, 8))  # fmt: skip
@settings(max_examples=100, deadline=None)
def test_a_sentinel_far_from_all_is_found_whatever_the_rest(sentinel, n, middle, spread):
    values = np.append(np.random.default_rng(n).normal(middle, spread, 100), [sentinel] * n)
    assert Suspect(f"{sentinel:g}", n) in suspects(values)


def test_sentinels_are_told_in_the_unit_of_the_file():
    kept = np.append(rng.uniform(1, 2, 50), [-999e3] * 4)
    assert range_of(kept, "mJy", "Jy").suspects == [Suspect("-999", 4)]
    dates = np.append(rng.uniform(2453000, 2456000, 50), [2400000.5 - 99] * 4)
    assert range_of(dates, "d", "MJD").suspects == [Suspect("-99", 4)]
    assert range_of(kept, "mJy", "of no meaning").suspects == []  # -999000 is no nines


def test_ranges_leave_out_what_is_missing():
    numbers = range_of(np.asarray([np.nan, 3, 1, 2, np.inf]))
    assert (numbers.n, numbers.missing) == (5, 2)
    assert (numbers.low, numbers.median, numbers.high) == (1, 2, 3)
    nothing = range_of(np.full(3, np.nan))
    assert nothing.missing == 3
    assert np.isnan(nothing.median)


@pytest.mark.parametrize(
    ("column", "values", "sentence"),
    [
        (Column("feature", modality="metadata"), np.full(9, np.nan), "has no value at all"),
        (Column("label"), np.asarray(["a"] * 9, object), "a single class"),
        (Column("label"), np.asarray([f"star{i}" for i in range(60)], object), "one of names"),
        (Column("label"), np.asarray([""] * 9, object), "no class at all"),
    ],
)
def test_columns_that_tell_nothing_are_named(column, values, sentence):
    (told,) = flat_column("x", column, values, None).suggestions
    assert sentence in told


def test_hours_are_guessed_from_the_range():
    ra, dec = range_of(np.linspace(0, 23.9, 50)), range_of(np.linspace(-40, 60, 50))
    assert "hourangle" in position_suggestions(ra, dec)[0]
    assert position_suggestions(range_of(np.linspace(0, 359, 50)), dec) == []
    assert position_suggestions(ra, range_of(np.linspace(0, 10, 50))) == []
