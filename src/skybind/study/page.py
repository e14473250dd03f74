"""The page of a study: its exhibits, what is missing, and how to repeat it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from skybind.config import dump_config
from skybind.drawing.blocks import Block, Section, drawn_block
from skybind.drawing.cells import Table, cells, number
from skybind.drawing.page import Fact, render_page
from skybind.drawing.style import report_style
from skybind.evaluation.records import Metrics
from skybind.files import write_text
from skybind.report.tables import pairs_of
from skybind.study.exhibits import Chapter, Exhibit
from skybind.study.merge import Study
from skybind.study.plan import make_plan
from skybind.study.units import Unit
from skybind.study.work import DONE, State, states_of
from skybind.study.written import files_of
from skybind.words import duration, join

#: Of the one block that may differ between a study that was interrupted and one that was not.
TIMES = "Times and machines: what each unit took, and where."


def write_study_page(
    study: Study,
    chapters: Sequence[Chapter],
    path: str | Path,
    *,
    title: str = "",
    facts: Sequence[Fact] = (),
    kind: str = "study",
) -> Path:
    """Write the page of a study as one HTML file; gives its path.

    But for one folded block of times and machines it holds nothing that differs between a study
    that was interrupted, or divided, and one that was not.

    Parameters
    ----------
    study : Study
    chapters : sequence of Chapter
        As `skybind.study.written.write_exhibits` wrote them beside the page.
    path : str or Path
    title : str
        The study's name by default.
    facts : sequence of Fact
        Numbers at the top, before those of every study.
    kind : str
        What the page is, above the title.
    """
    plan = make_plan(study)
    states = states_of(study, plan)
    with report_style():
        sections = [_section(chapter) for chapter in chapters]
    missing = _missing(plan, states)
    page = render_page(
        title or study.options.name,
        study.simulated,
        [*facts, *_facts(study, plan, states)],
        [*([missing] if missing else []), *sections, _provenance(study, plan, states)],
        kind=kind,
        config="\n".join(
            f"# {name}\n{dump_config(config)}" for name, config in study.configs.items()
        ),
    )
    write_text(path, page)
    return Path(path)


def _facts(study: Study, plan: Sequence[Unit], states: dict[str, State]) -> list[Fact]:
    names, seeds = study.configurations, study.seeds
    done = sum(states[unit.id].state == DONE for unit in plan)
    words = "configuration" if len(names) == 1 else "configurations"
    return [
        Fact(number(len(names)), f"{words}: {join(names)}"),
        Fact(number(len(seeds)), f"{'seed' if len(seeds) == 1 else 'seeds'}: "
             f"{', '.join(map(str, seeds))}"),
        Fact(f"{done:,} of {len(plan):,}", "units of work are done"),
    ]  # fmt: skip


def _section(chapter: Chapter) -> Section:
    blocks = [block for exhibit in chapter.exhibits for block in _blocks(exhibit)]
    return Section(chapter.anchor, chapter.title, chapter.text, blocks, in_order=True)


def _blocks(exhibit: Exhibit) -> list[Block]:
    """A figure, a table, or why there is neither, under the exhibit's number and title."""
    name = f"{exhibit.number}. {exhibit.title}." if exhibit.number else f"{exhibit.title}."
    name = name.replace("..", ".")
    if exhibit.absent or (exhibit.table is None and exhibit.figure is None):
        return [Block("", name=name, absent=exhibit.absent or "There is nothing to show.")]
    blocks = []
    files = {file: file.rpartition(".")[2].upper() for file in files_of(exhibit)}
    of_figure = tuple((f, word) for f, word in files.items() if f.startswith("figures/"))
    of_table = tuple((f, word) for f, word in files.items() if f.startswith("tables/"))
    if (figure := exhibit.figure) is not None:
        alt = exhibit.alt or exhibit.title
        drawn = drawn_block(lambda: figure, exhibit.caption, alt, exhibit.kind)
        blocks.append(replace(drawn, name=name, links=(*of_figure, *exhibit.links)))
    if exhibit.table is not None:
        alone = exhibit.figure is None
        links = (*of_table, *(exhibit.links if alone else ()))
        caption = exhibit.caption if alone else ""
        blocks.append(Block(caption, table=exhibit.table, name=name, links=links))
    return blocks


def _missing(plan: Sequence[Unit], states: dict[str, State]) -> Section | None:
    """What is not done, with the reasons of what failed."""
    rows = []
    for unit in plan:
        state = states[unit.id]
        if state.state != DONE:
            reason = "" if state.note is None or state.note.done else state.note.reason
            rows.append(cells(unit.id, reason or "not done yet"))
    if not rows:
        return None
    text = (
        f"{len(rows):,} of {len(plan):,} units of work are not done, so the numbers below are of "
        "what is there. The same command does them, or tries them again."
    )
    table = Table(["Unit", "Why"], rows, text_columns=2)
    return Section("missing", "What is missing", text, [Block("", name="Not done.", table=table)])


def _provenance(study: Study, plan: Sequence[Unit], states: dict[str, State]) -> Section:
    """What the study was asked to do and on what; folded, what it took and where."""
    runs = [run for name in study.configurations for run in study.runs(name)]
    options = study.options
    known = {
        "Data": "simulated" if options.simulate is not None else str(options.data),
        "Seeds": ", ".join(map(str, study.seeds)),
        "Subsets of the labels": ", ".join(options.subsets or []),
    }
    if options.simulate is not None:
        known["Simulation"] = ", ".join(
            f"{key} {value}" for key, value in options.simulate.model_dump().items()
        )
    identity = {name: value for name, value in known.items() if value}
    return Section(
        "provenance",
        "How to repeat it",
        options.description,
        [
            Block("", name="What makes this study.", table=pairs_of(identity, ("", ""))),
            Block(
                TIMES, table=_times(plan, states, [one.metrics for one in runs]), folded=True,
                name="Folded.",
            ),
        ],
    )  # fmt: skip


def _times(plan: Sequence[Unit], states: dict[str, State], metrics: Sequence[Metrics]) -> Table:
    """Wall time, machine and versions of every unit."""
    rows = []
    for unit in plan:
        note = states[unit.id].note
        if note is not None:
            where = f"{note.host}, {note.threads} threads"
            rows.append(cells(unit.id, duration(note.seconds), where, note.at[:19]))
    for values in {tuple({**one.versions, **one.machine}.items()): 0 for one in metrics}:
        rows += [cells(str(name), str(value), "", "") for name, value in values]
    # of a simulated survey it tells when that was written
    for value in {one.dataset.fingerprint: 0 for one in metrics if one.dataset is not None}:
        rows.append(cells("fingerprint of the data", value, "", ""))
    return Table(["Unit", "Wall time", "Where", "Ended [UTC]"], rows, text_columns=4)
