"""One page as HTML text that needs no other file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from skybind.drawing.blocks import Section
from skybind.printable import printable


@dataclass(frozen=True)
class Fact:
    """One number at the top of the report."""

    value: str
    label: str


def render_page(
    title: str,
    simulated: bool | None,
    facts: Sequence[Fact],
    sections: Sequence[Section],
    *,
    kind: str = "",
    created: str = "",
    config: str = "",
    links: Sequence[tuple[str, str]] = (),
) -> str:
    """Give one page as HTML text that needs no other file.

    Parameters
    ----------
    title : str
    simulated : bool or None
        Where the objects come from; None if nobody said.
    facts : sequence of Fact
        Numbers at the top.
    sections : sequence of Section
    kind, created : str
        What the page is and when it was made, above the title.
    config : str
        Configuration, folded into the section `provenance`.
    links : sequence of (str, str)
        Other pages beside this one: file and words.
    """
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = environment.get_template("template.html").render(
        title=title,
        kind=kind,
        created=created,
        simulated=simulated,
        facts=facts,
        sections=sections,
        config=config,
        links=links,
    )
    return printable(page, keep="\n\t")
