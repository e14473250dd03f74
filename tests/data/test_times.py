"""Units that count days from a known date."""

import pytest

from skybind.data.times import time_system
from skybind.data.units import convert, is_counts, parse_unit


@pytest.mark.parametrize(
    ("unit", "name", "zero"),
    [
        ("JD", "JD", 0),
        ("MJD", "JD", 2400000.5),
        ("RJD", "JD", 2400000),
        ("TJD", "JD", 2440000.5),
        ("BTJD", "BJD", 2457000),
        ("BKJD", "BJD", 2454833),
        ("HJD", "HJD", 0),
        ("BJD_TDB", "BJD", 0),
        ("HJD-2450000", "HJD", 2450000),
        ("HJD - 2450000 (days)", "HJD", 2450000),
        ("BJD - 2457000, days", "BJD", 2457000),
        ("BJD - 2,454,833.0 d", "BJD", 2454833),
        ("bjd-2457000", "BJD", 2457000),
    ],
)
def test_what_a_unit_says_of_dates(unit, name, zero):
    assert time_system(unit) == (name, zero)
    assert str(parse_unit(unit, "x")) == "d"
    assert convert([1.5], unit, "d", "x") == [zero + 1.5]


@pytest.mark.parametrize("unit", ["d", "days", "h", "s", "yr", "", "KJD", "JD + 1", "Jy", None])
def test_days_that_begin_nowhere_in_particular(unit):
    assert time_system(unit) is None


@pytest.mark.parametrize(
    "unit", ["e-/s", "electrons / s", "e/s", "ADU", "DN/s", "counts/sec", "ct"]
)
def test_counts_as_headers_write_them(unit):
    assert is_counts(unit)


@pytest.mark.parametrize("unit", ["", "Jy", "mag", "e", "km", "no unit", None])
def test_what_are_no_counts(unit):
    assert not is_counts(unit)
