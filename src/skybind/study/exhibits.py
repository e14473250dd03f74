"""Exhibits: the tables and figures of a study, in files and on its page."""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from skybind.drawing.cells import Table
from skybind.errors import SkybindError
from skybind.progress import say, step
from skybind.study.merge import Study

if TYPE_CHECKING:
    from matplotlib.figure import Figure


#: File beside the page: tracebacks of exhibits that cannot be made by a fault of the program.
FAULTS = "page-faults.log"


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
    trace : str
        Where a fault of the program is why there is none: its traceback.
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
    trace: str = ""


@dataclass(frozen=True)
class Chapter:
    """Exhibits under one heading."""

    anchor: str
    title: str
    text: str = ""
    exhibits: list[Exhibit] = field(default_factory=list)


#: Makes one exhibit; an error that it raises is the reason why there is none.
Maker = Callable[[Study], Exhibit]


def gather(study: Study, makers: Sequence[tuple[str, str, str, Maker]]) -> list[Exhibit]:
    """Make exhibits; one that cannot be made costs no other, and no page.

    A `SkybindError` is a reason by itself. Anything else is a fault of the program or of a library:
    it is told, and the exhibit names it and keeps its traceback.

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
        except Exception as error:
            made.append(at_fault(Exhibit(key, number, title), error))
    return made


def at_fault(exhibit: Exhibit, error: Exception) -> Exhibit:
    """Give what stands for an exhibit that a fault of the program has cost; tells of it."""
    words = " ".join(str(error).split())
    name = f"{exhibit.number} {exhibit.title}".strip()
    reason = f"{type(error).__name__}: {words}" if words else type(error).__name__
    say(f"{name} of the page cannot be made, by a fault of the program ({reason}).", 30)
    absent = f"A fault of the program is why it is not here ({reason}); see {FAULTS}."
    return replace(
        exhibit,
        table=None,
        figure=None,
        absent=absent,
        trace="".join(traceback.format_exception(error)),
    )
