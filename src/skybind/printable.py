"""Text of data as it may be shown: on a terminal, in a log, a figure or a page."""

import re
from unicodedata import category

#: Controls (an escape sequence can rename a terminal, or type into it), marks that nobody sees or
#: that turn the direction of text around, halves of characters, which cannot be written, ends of
#: lines that are no newline, and what no font has.
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp", "Co", "Cn"})
_NOT_ASCII = re.compile("[^ -~]")


def printable(text: str, keep: str = "") -> str:
    r"""Return text as it may be shown, with what controls a terminal or is not seen in letters.

    Whatever comes of data or of a file's name goes through here before it reaches a terminal, a
    log, a figure or a page; text without such characters stays as it is.

    Parameters
    ----------
    text : str
    keep : str
        Characters that stay: "\n\t" of text in lines.

    Returns
    -------
    str
        With `\x1b`, `\u202e` and the like, each in letters.
    """

    def seen(found: re.Match[str]) -> str:
        letter = found[0]
        if letter in keep or category(letter) not in _UNSEEN:
            return letter
        return letter.encode("unicode_escape").decode("ascii")

    return text if text.isprintable() else _NOT_ASCII.sub(seen, text)
