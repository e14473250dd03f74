"""The page of a dry run: what each column became, and the first objects as pictures."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path

import numpy as np

from skybind.data.dataset import Dataset
from skybind.drawing.blocks import Block, Section, drawn_block, origin_of
from skybind.drawing.cells import Cell, Table, cells
from skybind.drawing.from_dataset import first_of_kinds, load_examples
from skybind.drawing.objects import object_figure, object_panels
from skybind.drawing.page import Fact, render_page
from skybind.drawing.style import report_style
from skybind.evaluation.targets import targets_of
from skybind.files import write_text
from skybind.ingest.preview.make import Preview
from skybind.ingest.preview.tables import TextTable, preview_tables

#: Objects that are drawn, and of each further column.
DRAWN, FEW = 6, 3


def write_preview_page(preview: Preview, path: str | Path) -> Path:
    """Write a dry run as one HTML file that needs nothing else.

    Parameters
    ----------
    preview : Preview
    path : str or Path
        The file.
    """
    path = Path(path)
    advice = preview.suggestions
    tables = preview_tables(preview)
    looks = Section(
        "look",
        "Look at this",
        "" if advice else "Nothing looks wrong.",
        [Block("What may be misunderstood.", table=Table([""], [cells(text) for text in advice]))]
        if advice
        else [],
    )
    notes = preview.summary.notes
    became = Section(
        "columns",
        "What the columns became",
        preview.headline,
        [Block(f"{table.title}.", table=_table(table)) for table in tables]
        + ([Block("Notes.", table=Table([""], [cells(note) for note in notes]))] if notes else []),
    )
    with report_style():
        drawn = _drawn(preview)
    simulated = preview.dataset.schema.simulated
    facts = [
        Fact(f"{preview.total:,}", "objects of the survey"),
        Fact(f"{len(preview.dataset):,}", "objects read"),
        *(Fact(f"{one.observed:,}", f"of these with {one.name}") for one in preview.observed),
        Fact(str(len(advice)), "things to look at"),
    ]
    write_text(
        path,
        render_page(
            f"Dry run of {Path(preview.source).name}", simulated, facts, [looks, drawn, became]
        ),
    )
    return path


def _drawn(preview: Preview) -> Section:
    """Draw the first objects with most observations, and of each further column a few."""
    dataset = preview.dataset
    kinds = dataset.schema.kinds
    have = {name: dataset.present(name) for name in kinds}
    first = first_of_kinds(dataset)
    blocks = []
    if kinds:
        counts = np.sum([have[name] for name in first.values()], axis=0)
        order = np.argsort(-counts, kind="stable")[:DRAWN]
        chosen = order[counts[order] > 0]
        blocks += _pictures(dataset, chosen, first, "")
        for name, kind in kinds.items():
            if name not in first.values() or not have[name][chosen].any():
                rows = np.flatnonzero(have[name])[:FEW]
                blocks += _pictures(dataset, rows, {kind: name}, f" in {name}")
    absent = "" if blocks else "No observation was read."
    return Section("objects", "The first objects", "", blocks, absent)


def _pictures(
    dataset: Dataset, rows: np.ndarray, columns: Mapping[str, str], where: str
) -> list[Block]:
    label = next(iter(dataset.schema.with_role("label")), "")
    classes = dataset.labels(label) if label else np.full(len(dataset), "", object)
    blocks = []
    examples = load_examples(dataset, rows, targets_of(dataset), classes, columns)
    for example in (examples[row] for row in rows.tolist()):
        if not object_panels(example):
            continue
        figure = partial(object_figure, example)
        said = [f"{label} {example.true_class}"] if example.true_class else []
        said += [f"{name} {value}" for name, value in example.properties.items()]
        caption = f"{example.object_id}{where}{': ' + ', '.join(said) if said else ''}."
        blocks.append(
            drawn_block(
                figure,
                f"{caption} {origin_of(dataset.schema.simulated)}",
                f"What was read of {example.object_id}",
                "jpeg" if example.image is not None else "png",
            )
        )
    return blocks


def _table(table: TextTable) -> Table:
    rows = [[Cell(text) for text in row] for row in table.rows]
    return Table(table.header, rows, text_columns=table.words)
