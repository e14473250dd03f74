import pytest

from skybind.drawing.cells import percent, share, share_sides, signed
from skybind.measures.shares import share_error, wilson_interval


def test_an_error_never_leaves_the_possible():
    assert share(0.5, 0.02) == "50.0 ± 2.0"
    assert share(1.0, share_error(1.0, 19)) == "100.0 +0.0 −5.0"
    assert share(0.0, share_error(0.0, 19)) == "0.0 +5.0 −0.0"
    assert share(0.5) == "50.0"
    assert share(None, 0.1) == share(float("nan"), 0.1) == "–"
    assert "± 0.0" not in share(1.0, share_error(1.0, 300))


@pytest.mark.parametrize(("value", "n"), [(1.0, 12), (0.0, 12)])
def test_at_the_ends_the_sides_are_those_of_wilson(value, n):
    low, high = wilson_interval(value, n)
    assert share_sides(value, share_error(value, n)) == pytest.approx((high - value, value - low))


def test_what_rounds_to_nothing_has_no_sign():
    assert (percent(-0.0001), percent(-0.0), signed(-0.001)) == ("0.0", "0.0", "0.0")
    assert percent(-0.0001, 0.02) == "0.0 ± 2.0"
