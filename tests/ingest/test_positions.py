"""Angles as catalogues write them; the right degrees are those of astropy."""

import numpy as np
import pytest
from astropy.coordinates import SkyCoord
from hypothesis import given
from hypothesis import strategies as st

from skybind.errors import ConfigError
from skybind.ingest.positions import in_parts, joined_parts, positions


def read(values, axis="ra", unit=None, missing=()):
    raw = np.asarray(values, object) if isinstance(values[0], str) else np.asarray(values)
    return positions(raw, axis, "c", unit, "here", missing)


@pytest.mark.parametrize(
    ("axis", "unit", "text", "degrees"),
    [
        ("ra", None, "06:37:15.9", 99.31625),
        ("ra", None, "06 37 15.9", 99.31625),
        ("ra", None, " 6h37m15.9s", 99.31625),
        ("ra", None, "99.31625", 99.31625),
        ("ra", None, "06:37", 99.25),
        ("ra", "hourangle", "06:37:15.9", 99.31625),
        ("ra", "h:m:s", "06:37:15.9", 99.31625),
        ("ra", "h", "6.5", 97.5),
        ("ra", "deg", "06:37:15.9", 6.621083333),
        ("ra", "deg", "6h37m15.9s", 99.31625),
        ("ra", "deg", "99d18m58.5s", 99.31625),
        ("ra", "rad", "1.5707963267948966", 90),
        ("dec", None, "-00:30:15", -0.5041666667),
        ("dec", None, "+00 30 15", 0.5041666667),
        ("dec", None, "-10:30:00", -10.5),
        ("dec", None, "-10d30m", -10.5),
        ("dec", "deg", "-00:00:01", -1 / 3600),
        ("dec", None, "-0.5", -0.5),
    ],
)
def test_angles_as_they_are_written(axis, unit, text, degrees):
    values, reasons = read([text], axis, unit)
    assert reasons == {}
    assert values[0] == pytest.approx(degrees, abs=1e-8)


@given(st.floats(0, 359.99), st.floats(-89.99, 89.99), st.sampled_from([":", " ", "hmsdms"]))
def test_what_astropy_writes_is_read(ra, dec, separator):
    sep = {} if separator == "hmsdms" else {"sep": separator}
    parts = SkyCoord(ra, dec, unit="deg").to_string("hmsdms", precision=4, **sep).split(" ")
    half = len(parts) // 2
    for axis, text, degrees in (("ra", parts[:half], ra), ("dec", parts[half:], dec)):
        values, _ = read([" ".join(text)], axis)
        assert (values[0] - degrees + 180) % 360 - 180 == pytest.approx(0, abs=1e-6)


def test_what_is_no_angle_or_out_of_range_has_a_reason():
    values, reasons = read(["10.5", "here", "400", "06:61:00", "25:00:00", ""])
    assert np.isfinite(values).tolist() == [True, False, False, False, False, False]
    assert sorted(reasons) == [1, 2, 3, 4]
    assert reasons[1] == "no angle in column 'c' ('here')"
    assert reasons[2] == "ra is out of range (400 deg)"
    values, reasons = read([95.0, -90.0], "dec")
    assert (list(reasons), values[1]) == ([0], -90)
    with pytest.raises(ConfigError, match="'mag' cannot be converted to deg"):
        read([1.0], "ra", "mag")


def test_what_is_missing_is_no_fault():
    values, reasons = read([-999.0, 10.0, -999.0], missing=["-999"])
    np.testing.assert_array_equal(values, [np.nan, 10, np.nan])
    assert reasons == {}
    values, reasons = read(["06:00:00", "unknown", "--"], missing=["unknown"])
    np.testing.assert_array_equal(values, [90, np.nan, np.nan])
    assert reasons == {}


def test_six_columns_with_the_sign_of_minus_zero():
    minutes, seconds = np.array([30, 30, 30]), np.array([15.0, 15.0, np.nan])
    text = joined_parts([np.array(["-00", "00", "01"], object), minutes, seconds])
    assert text.tolist() == ["-0:30:15", "0:30:15", ""]
    values, _ = positions(text, "dec", "c", None, "here")
    np.testing.assert_allclose(values, [-0.5041666667, 0.5041666667, np.nan])
    signed = joined_parts([np.zeros(3, int), minutes], np.array(["-", "+", ""], object))
    assert signed.tolist() == ["-0:30", "0:30", "0:30"]
    assert joined_parts([np.array([-0.0, 0.0, 5.0]), minutes]).tolist() == ["-0:30", "0:30", "5:30"]


def test_a_column_in_parts_is_known():
    assert in_parts(np.array([None, "06:37:15.9"], object))
    assert not in_parts(np.array(["99.3"], object))
    assert not in_parts(np.array([99.3]))
