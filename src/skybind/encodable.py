"""Text for a terminal or a pipe that cannot show all letters: replaced, never an error."""

import codecs
import sys
import unicodedata

_NAME = "skybind-plain"

# what messages and tables use beyond ASCII
_PLAIN = {
    "±": "+-", "×": "x", "−": "-", "–": "-", "—": "-", "→": "->", "←": "<-", "…": "...", "°": "deg",
    "µ": "u", "μ": "u", "≤": "<=", "≥": ">=", "≈": "~", "•": "*", "′": "'", "″": '"', "Å": "A",
    "²": "^2", "³": "^3", "━": "-", "─": "-", "│": "|", "┃": "|", "╸": "-", "╺": "-", "█": "#",
}  # fmt: skip


def replace_unprintable() -> None:
    """Let standard output and error replace what their encoding lacks."""
    codecs.register_error(_NAME, _plain)
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):  # not where a notebook or a test took its place
            stream.reconfigure(errors=_NAME)


def as_ascii(text: str) -> str:
    """Return a text in ASCII: letters without their marks, others replaced."""
    return "".join(letter if letter.isascii() else _letter(letter) for letter in text)


def _plain(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return "".join(map(_letter, lacking)), error.end


def _letter(letter: str) -> str:
    if "\udc80" <= letter <= "\udcff":  # a byte of a path that is no UTF-8
        return f"\\x{ord(letter) - 0xDC00:02x}"
    plain = _PLAIN.get(letter)
    if plain is None:
        plain = unicodedata.normalize("NFKD", letter).encode("ascii", "ignore").decode()
    if plain:
        return plain
    return "+" if "─" <= letter <= "╿" else "?"  # corners and crossings of frames
