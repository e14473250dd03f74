"""The page of an update: what is new in a survey, and what is strange in it."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from skybind.discovery.update_record import UpdateRecord
from skybind.drawing.blocks import Block, Section, drawn_block, origin_of
from skybind.drawing.cells import Table, cells, number
from skybind.drawing.from_dataset import columns_of, load_examples
from skybind.drawing.objects import object_rows
from skybind.drawing.page import Fact, render_page
from skybind.drawing.style import report_style
from skybind.evaluation.targets import targets_of
from skybind.files import write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from skybind.runs.run import Run

#: Objects of the table on the page, and of the figure.
LISTED, DRAWN = 50, 6


def write_update_page(run: "Run", folder: Path, record: UpdateRecord, table: pa.Table) -> Path:
    """Write `update.html`.

    Parameters
    ----------
    run : Run
    folder : Path
        Of the update.
    record : UpdateRecord
    table : Table
        Of the new and changed objects, the strangest first.

    Returns
    -------
    Path
        The page.
    """
    path = folder / "update.html"
    with report_style():
        sections = [_strange(run, record, table), _classes(record)]
    facts = [
        Fact(f"{record.new:,}", "new objects"),
        Fact(f"{record.changed:,}", "with new observations"),
        Fact(f"{record.strange:,}", "deserve a look"),
        Fact(f"{record.objects:,}", "objects in all"),
    ]
    title = f"What is new in {run.dataset.path.name}"
    simulated = run.dataset.schema.simulated
    page = render_page(
        title, simulated, facts, sections, kind="update", created=record.date[:16].replace("T", " ")
    )
    write_text(path, page)
    return path


def _strange(run: "Run", record: UpdateRecord, table: pa.Table) -> Section:
    """List and draw what deserves a look."""
    n = min(record.strange, LISTED)
    total = record.new + record.changed
    text = (
        f"Of {total:,} new or changed objects {record.strange:,} deserve a look. Isolation is the "
        f"share of {record.compared:,} training objects that lie nearer to their nearest training "
        "objects; novelty the share of validation objects that lie nearer to the training objects "
        f"of the classifier. From 0.99 on an object is told: of each, about {number(total / 100)} "
        "would be by chance if the new objects were like the old ones. Undecided is an object "
        "whose two best classes differ by less than 0.1 in probability."
    )
    if not n:
        return Section("strange", "To look at", text, absent="No object deserves a look.")
    rows = table.slice(0, n).to_pylist()
    header = ["Object", "What", "Why", "Class", "Probability", "Isolation", "Novelty"]
    body = [
        cells(
            str(row["object_id"]),
            str(row["what"]),
            str(row["reasons"]),
            _class_of(row),
            _told(row.get("probability")),
            _told(row.get("isolation")),
            _told(row.get("novelty")),
        )
        for row in rows
    ]
    listed = Block(
        f"The {n:,} strangest; all are in the table.",
        table=Table(header, body, text_columns=4),
        links=(("new.parquet", "Table (Parquet)"), ("new.csv", "Table (CSV)")),
    )
    drawn = drawn_block(
        partial(_figure, run, {str(r["object_id"]): str(r["reasons"]) for r in rows[:DRAWN]}),
        f"What was observed of the strangest. {origin_of(run.dataset.schema.simulated)}",
        "observations of the strangest new objects",
    )
    return Section("strange", "To look at", text, [drawn, listed])


def _figure(run: "Run", reasons: dict[str, str]) -> "Figure":
    """Draw some objects, each under its name and why it is drawn."""
    ids = run.dataset.object_ids
    rows = [int(np.flatnonzero(ids == name)[0]) for name in reasons]
    targets = targets_of(run.dataset, run.config.evaluation.targets)
    found = load_examples(run.dataset, np.asarray(rows), targets, run.class_names, columns_of(run))
    titles = [f"{name}: {why}" for name, why in reasons.items()]
    return object_rows([(title, found[row]) for title, row in zip(titles, rows, strict=True)])


def _classes(record: UpdateRecord) -> Section:
    """Count the classes of the new objects."""
    if not record.classes:
        why = "There is no classifier." if record.case is None else "No new object has a class."
        return Section("classes", "Classes of the new objects", absent=why)
    rows = [cells(name, f"{n:,}") for name, n in record.classes.items()]
    block = Block(f"By the classifier {record.case}.", table=Table(["Class", "New objects"], rows))
    return Section("classes", "Classes of the new objects", blocks=[block])


def _class_of(row: dict[str, object]) -> str:
    """Write the class of an object, and what else it may be or was."""
    name = row.get("class")
    if name is None:
        return "–"
    reasons = str(row["reasons"])
    if "another class" in reasons:
        return f"{name} (was {row['class_before']})"
    return f"{name} or {row['second_class']}" if "undecided" in reasons else str(name)


def _told(value: object) -> str:
    return number(value if isinstance(value, float) else None, 3)
