"""Text of data is shown without anything that controls a terminal or hides."""

import pytest

from skybind.errors import DataError
from skybind.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("NGC 253, α Cen, Œ 漢字 😀 a\u00a0b", "NGC 253, α Cen, Œ 漢字 😀 a\u00a0b"),
        ("\x1b]0;owned\x07x", r"\x1b]0;owned\x07x"),
        ("\x9b31m", r"\x9b31m"),
        ("abc\u202egpj.exe", r"abc\u202egpj.exe"),
        ("a\u2066b\u200bc\ufeffd\xade", r"a\u2066b\u200bc\ufeffd\xade"),
        ("a\nb\rc\td\0", r"a\nb\rc\td\x00"),
        ("a\u2028b\u0085c", r"a\u2028b\x85c"),
        ("half \ud800", r"half \ud800"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_controls_or_hides_is_written_out(text, shown):
    assert printable(text) == shown
    assert printable(shown) == shown


def test_ends_of_lines_may_stay():
    assert printable("a\n\tb\x1b", keep="\n\t") == "a\n\tb\\x1b"


def test_errors_that_quote_data_can_be_shown():
    assert str(DataError("'\x1b[2Jx\n' is no name.")) == r"'\x1b[2Jx\n' is no name."
