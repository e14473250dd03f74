"""Exhibits: the tables and figures of a study, in files and on its page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from skybind.drawing.cells import Table
from skybind.errors import SkybindError
from skybind.progress import step
from skybind.study.merge import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class Exhibit:
    """One table or figure of a document, made anew.

    Attributes
    ----------
    key : str
        Name of its files, such as `table-2-clip`.
    number : str
        As in the document, such as `Table 2`; "" for one of ours.
    title, caption : str
    table : Table or None
    figure : Figure or None
    kind : str
        How the page shows the figure: svg, png or jpeg.
    alt : str
        The figure in words.
    absent : str
        Why there is none.
    links : tuple of (str, str)
        Pages that it speaks of: file beside the page, and words.
    """

    key: str
    number: str
    title: str
    caption: str = ""
    table: Table | None = None
    figure: "Figure | None" = None
    kind: str = "svg"
    alt: str = ""
    absent: str = ""
    links: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Chapter:
    """Exhibits under one heading."""

    anchor: str
    title: str
    text: str = ""
    exhibits: list[Exhibit] = field(default_factory=list)


#: Makes one exhibit; a `SkybindError` that it raises is the reason why there is none.
Maker = Callable[[Study], Exhibit]


def gather(study: Study, makers: Sequence[tuple[str, str, str, Maker]]) -> list[Exhibit]:
    """Make exhibits; one that cannot be made costs no other.

    Parameters
    ----------
    study : Study
    makers : sequence of (key, number, title, Maker)
        What each is called, and what makes it.
    """
    made = []
    for key, number, title, make in makers:
        try:
            with step(f"{number} {title}".strip(), told=False):
                made.append(make(study))
        except SkybindError as error:
            made.append(Exhibit(key, number, title, absent=str(error)))
    return made
