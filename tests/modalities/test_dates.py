import numpy as np
import pytest

from skybind.modalities.cleaning import clean_photometry
from skybind.modalities.dates import without_other_zero_points, year_of
from skybind.ragged import Ragged


def curves(*starts):
    times = np.concatenate([start + np.arange(5.0) for start in starts])
    fields = {"time": times, "magnitude": (12 + 0.1 * np.arange(len(times))).astype(np.float32)}
    present = np.ones(len(starts), bool)
    return Ragged(fields, 5 * np.arange(len(starts) + 1), present)


def test_years_of_julian_dates():
    assert year_of(np.array([2451545.0, 2451545.0 + 36525])).tolist() == [2000, 2100]


def test_a_curve_of_another_zero_point_is_set_aside():
    cleaned = clean_photometry(curves(2455000.5, 55000.0, 2440000.5))
    found = without_other_zero_points(cleaned)
    assert found.ragged.present.tolist() == [True, False, True]
    assert found.reason.tolist() == [
        "", "times of another zero point (around the year -4561)", ""
    ]  # fmt: skip
    assert found.ragged.lengths.tolist() == [5, 0, 5]
    assert found.ragged.fields["time"][5] == pytest.approx(2440000.5)


def test_curves_of_our_time_stay_as_they_are():
    cleaned = clean_photometry(curves(2455000.5, 2415020.5))  # 2009 and 1900: an old plate
    assert without_other_zero_points(cleaned) is cleaned


def test_without_any_curve_nothing_happens():
    nothing = Ragged(
        {"time": np.zeros(0), "magnitude": np.zeros(0, np.float32)},
        np.zeros(3, np.int64),
        np.zeros(2, bool),
    )
    cleaned = clean_photometry(nothing)
    assert without_other_zero_points(cleaned) is cleaned
