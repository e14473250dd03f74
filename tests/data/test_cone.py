import numpy as np
import pytest

from skybind.data.cone import Cone, known_positions
from skybind.errors import DataError


@pytest.mark.parametrize(
    ("text", "cone"),
    [
        ("285.8 11.1 0.5", Cone(285.8, 11.1, 0.5)),
        ("285.8, -11.1, 30'", Cone(285.8, -11.1, 0.5)),
        ('1 2 36"', Cone(1, 2, 0.01)),
        ("10:00:00 -05:30:00 5d", Cone(150, -5.5, 5)),
    ],
)
def test_a_cone_is_read_in_degrees_or_as_people_write(text, cone):
    found = Cone.read(text)
    assert (found.ra, found.dec, found.radius) == pytest.approx((cone.ra, cone.dec, cone.radius))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1 2", "RA DEC RADIUS"),
        ("1 2 x", "no cone"),
        ("1 nan 1", "declination"),
        ("1 95 1", "declination"),
        ("1 2 0", "radius"),
        ("1 2 181", "radius"),
        ("1:x 2 1", "no cone"),
    ],
)
def test_what_is_none_is_refused(text, message):
    with pytest.raises(DataError, match=message):
        Cone.read(text)


def test_positions_over_right_ascension_0_and_beyond_a_pole_lie_in_it():
    ra, dec = np.array([359.9, 0.1, 180, 0]), np.array([0, 0, 89.9, 1])
    assert Cone(0, 0, 0.2).holds(ra, dec).tolist() == [True, True, False, False]
    assert Cone(0, 89.9, 0.21).holds(ra, dec).tolist() == [False, False, True, False]


def test_impossible_positions_are_none():
    ra, dec = known_positions(np.array([1.0, -999, 3]), np.array([2.0, 5, 91]))
    assert np.isfinite(ra).tolist() == np.isfinite(dec).tolist() == [True, False, False]
