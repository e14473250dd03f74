"""What a section of the report is made of: sentences, figures and tables."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from skybind.drawing.cells import Table
from skybind.drawing.style import inline
from skybind.progress import say

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Shown(Protocol):
    """What a page shows: it knows where its objects come from."""

    @property
    def origin(self) -> str:
        """A sentence for captions: simulated or real."""


@dataclass(frozen=True)
class Block:
    """A figure (a data URI) or a table, with its caption.

    Attributes
    ----------
    caption : str
        What it shows, in sentences.
    image : str
        Data URI of the figure; empty for a table.
    width : int
        Natural width of the figure [CSS pixel].
    alt : str
        The figure in words.
    table : Table or None
        The table.
    folded : bool
        Whether the reader has to open it.
    name : str
        What it is called, such as `Table 2`, instead of the next number of the page.
    links : tuple of (str, str)
        Files with the same content: file and words.
    absent : str
        Why there is neither figure nor table.
    """

    caption: str
    image: str = ""
    width: int = 0
    alt: str = ""
    table: Table | None = None
    folded: bool = False
    name: str = ""
    links: tuple[tuple[str, str], ...] = ()
    absent: str = ""


@dataclass(frozen=True)
class Section:
    """A heading, sentences and blocks; `absent` says why there are none.

    Figures come before tables, unless the blocks are `in_order`.
    """

    anchor: str
    title: str
    text: str = ""
    blocks: list[Block] = field(default_factory=list)
    absent: str = ""
    in_order: bool = False


def origin_of(simulated: bool | None) -> str:
    """Say in a sentence for captions whether objects are simulated; None if nobody said."""
    words = {True: "Simulated data.", False: "Real observations.", None: "Origin not recorded."}
    return words[simulated]


def figure_block(
    make: Callable[[], "Figure"], caption: str, run: Shown, alt: str, kind: str = "svg"
) -> Block:
    """Draw a figure into a block; its caption ends with where the data come from."""
    return drawn_block(make, f"{caption} {run.origin}", alt, kind)


def drawn_block(make: Callable[[], "Figure"], caption: str, alt: str, kind: str = "svg") -> Block:
    """Draw a figure into a block under a caption that says all.

    A figure that cannot be drawn never costs the page: a sentence stands in its place, and a
    warning tells of it.

    Parameters
    ----------
    make : callable
        Gives the figure.
    caption, alt : str
        What it shows, in sentences and in words.
    kind : str
        As of `skybind.drawing.style.inline`.
    """
    try:
        figure = make()
        return Block(caption, inline(figure, kind), round(96 * figure.get_figwidth()), alt)
    except Exception as error:  # whatever it is, the rest of the page is worth more
        what = " ".join(str(error).split()) or type(error).__name__
        sentence = f"The figure '{alt}' is left out: it could not be drawn ({what.rstrip('.')})."
        say(sentence, logging.WARNING)
        return Block("", alt=alt, absent=sentence)
