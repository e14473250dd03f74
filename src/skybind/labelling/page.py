"""A page of objects to label: what was observed of each, what is guessed, who is like it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from skybind.drawing.blocks import Block, Section, drawn_block
from skybind.drawing.cells import Cell, Table
from skybind.drawing.objects import object_figure, object_panels
from skybind.drawing.observed import ExampleObject
from skybind.drawing.page import Fact, render_page
from skybind.drawing.style import report_style
from skybind.files import write_text


@dataclass(frozen=True)
class LabelPage:
    """One object to label.

    Attributes
    ----------
    example : ExampleObject
        What was observed.
    reason : str
        Why it is proposed.
    guesses : list of (str, float)
        Likeliest classes with their probabilities.
    votes : str
        What each modality alone says, in words; "" if nothing.
    neighbours : list of (str, str, float)
        Nearest labelled objects: id, class, cosine.
    """

    example: ExampleObject
    reason: str
    guesses: list[tuple[str, float]]
    votes: str
    neighbours: list[tuple[str, str, float]]


def write_label_pages(
    pages: Sequence[LabelPage],
    classes: Sequence[str],
    notes: Sequence[str],
    simulated: bool | None,
    out: str | Path,
) -> Path:
    """Write all objects to label into one HTML file that needs nothing else.

    Parameters
    ----------
    pages : sequence of LabelPage
        The most wanted first.
    classes : sequence of str
        Names that an answer may have; none if the answers make them.
    notes : sequence of str
        Sentences for the top.
    simulated : bool or None
        Whether the objects are simulated; None if nobody said.
    out : str or Path
        The file.
    """
    with report_style():
        sections = [_section(number, page) for number, page in enumerate(pages, start=1)]
    names = f"Classes: {', '.join(classes)}." if classes else "There are no classes yet."
    top = Section(
        "how",
        "How to answer",
        "Write the class of each object into the column label of the table beside this page; "
        "leave it empty where you cannot tell. Then hand the table to 'skybind label take'. "
        + " ".join([names, *notes]),
    )
    facts = [Fact(str(len(pages)), "objects to label"), Fact(str(len(classes)), "classes known")]
    text = render_page("Objects to label", simulated, facts, [top, *sections])
    write_text(out, text)
    return Path(out)


def _section(number: int, page: LabelPage) -> Section:
    blocks = []
    example = page.example
    properties = ", ".join(f"{name} {value}" for name, value in example.properties.items())
    if object_panels(example):
        caption = f"{example.object_id}. {properties}." if properties else f"{example.object_id}."
        alt = f"What was observed of {example.object_id}"
        kind = "jpeg" if example.image is not None else "png"
        blocks.append(drawn_block(lambda: object_figure(example), caption, alt, kind))
    if page.guesses:
        rows = [[Cell(name), Cell(f"{100 * p:.0f}")] for name, p in page.guesses]
        said = f" Each modality alone: {page.votes}." if page.votes else ""
        table = Table(["Class", "Probability [%]"], rows)
        blocks.append(Block(f"Current guess.{said}", table=table))
    if page.neighbours:
        rows = [[Cell(n), Cell(c), Cell(f"{cosine:.3f}")] for n, c, cosine in page.neighbours]
        table = Table(["Object", "Label", "Cosine"], rows, text_columns=2)
        blocks.append(Block("Nearest labelled objects.", table=table))
    reason = page.reason[:1].upper() + page.reason[1:]
    return Section(f"object-{number}", example.object_id, f"{reason}.", blocks)
