"""A preview as tables of text, for the terminal and for the page."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from skybind.data.systems import offsets_text, systems_text
from skybind.ingest.preview.flat import LISTED, FlatColumn
from skybind.ingest.preview.observed import ObservedColumn
from skybind.ingest.preview.values import Range

if TYPE_CHECKING:
    from rich.console import RenderableType

    from skybind.ingest.preview.make import Preview

NONE = "–"


@dataclass(frozen=True)
class TextTable:
    """A table; the first `words` columns are text, the others numbers."""

    title: str
    header: list[str]
    rows: list[list[str]]
    words: int = 1


def preview_tables(preview: "Preview") -> list[TextTable]:
    """Give all that a preview knows, in the order in which one reads it."""
    tables = [_flat_table(preview.flat)]
    tables += [_class_table(flat) for flat in preview.flat if flat.column.role == "label"]
    tables += [_observed_table(observed) for observed in preview.observed]
    if preview.summary.quarantined:
        counts = sorted(preview.summary.quarantined.items(), key=lambda item: -item[1])
        rows = [[reason, f"{n:,}"] for reason, n in counts]
        tables.append(TextTable("Set aside", ["Reason", "Times"], rows))
    return tables


def render_preview(preview: "Preview") -> "RenderableType":
    """Give what a dry run prints, for a rich console."""
    from rich.console import Group
    from rich.markup import escape
    from rich.table import Table

    parts: list[RenderableType] = [escape(preview.headline)]
    for table in preview_tables(preview):
        drawn = Table(title=escape(table.title), title_justify="left")
        for place, head in enumerate(table.header):
            drawn.add_column(escape(head), justify="left" if place < table.words else "right")
        for row in table.rows:
            drawn.add_row(*map(escape, row))
        parts.append(drawn)
    parts += [escape(note) for note in preview.summary.notes]
    advice = preview.suggestions
    parts += [escape(f"Look at this: {sentence}") for sentence in advice]
    if not advice:
        parts.append("Nothing looks wrong.")
    return Group(*parts)


def number(value: float) -> str:
    """Write a number to five digits, a large one with all before the point."""
    if np.isnan(value):
        return NONE
    if 1e5 <= abs(value) < 1e10:
        return f"{value:,.2f}".rstrip("0").rstrip(".")
    return f"{value:.5g}"


def units(stated: str | None, stored: str | None) -> str:
    """Write the unit of a file and that of the dataset."""
    if stated == stored or stored is None:
        return stated or NONE
    return f"{stated} → {stored}" if stated else stored


def _flat_table(columns: Sequence[FlatColumn]) -> TextTable:
    header = ["Column", "Role", "Unit", "Minimum", "Median", "Maximum", "Missing [%]"]
    rows = []
    for flat in columns:
        role = flat.column.role
        if role == "feature":
            role = f"feature of {flat.column.modality}"
        unit = units(flat.stated, flat.column.unit) + _system(flat)
        if flat.numbers is not None:
            n = flat.numbers
            cells = [number(n.low), number(n.median), number(n.high), _share(n.missing, n.n)]
        else:
            total = sum(flat.classes.values()) + flat.missing
            one, several = ("class", "classes") if role == "label" else ("text", "texts")
            kinds = f"{len(flat.classes):,} {one if len(flat.classes) == 1 else several}"
            cells = [kinds, "", "", _share(flat.missing, total)]
        rows.append([flat.name, role, unit, *cells])
    return TextTable("Columns", header, rows, words=3)


def _system(flat: FlatColumn) -> str:
    """Write the photometric system of a magnitude, and from which it was converted by how much."""
    said = flat.column.attributes
    if "system" not in said:
        return ""
    made = [f"{system} {shift:+g}" for system, shift in said.get("offsets", {}).items()]
    return f", {' → '.join([*made, str(said['system'])])}"


def _class_table(flat: FlatColumn) -> TextTable:
    counts = list(flat.classes.items())
    rows = [[name, f"{n:,}"] for name, n in counts[:LISTED]]
    if len(counts) > LISTED:
        rest = sum(n for _, n in counts[LISTED:])
        rows.append([f"{len(counts) - LISTED} more", f"{rest:,}"])
    if flat.missing:
        rows.append(["(none)", f"{flat.missing:,}"])
    return TextTable(f"Classes of '{flat.name}'", ["Class", "Objects"], rows)


def _observed_table(observed: ObservedColumn) -> TextTable:
    facts = [["objects", _objects(observed)]]
    if observed.observed:
        makers = {"photometry": _curves, "spectrum": _spectra, "image": _images}
        facts += makers[observed.kind](observed)
    facts += [[what, f"{n:,}"] for what, n in observed.repaired.items()
              if what not in observed.left_out]  # fmt: skip
    names = {"photometry": "light curves", "spectrum": "spectra", "image": "images"}
    return TextTable(f"{observed.name} ({names[observed.kind]})", ["What", "Found"], facts, words=2)


def _objects(observed: ObservedColumn) -> str:
    text = f"{observed.observed:,} of the {observed.read:,} that were read"
    if observed.all_observed is None:
        return text
    return f"{text}; {observed.all_observed:,} in the whole survey"


def _curves(observed: ObservedColumn) -> list[list[str]]:
    time, value = observed.values["time"], observed.brightness
    facts = [["epochs of a light curve", _whole(observed.lengths)]]
    for band, (objects, epochs) in list(observed.bands.items())[:LISTED]:
        name = f"band {band}" if band else "no band"
        facts.append([name, f"{epochs:,} epochs of {objects:,} objects"])
    span = time.high - time.low
    facts.append(["time", f"{number(time.low)} to {number(time.high)} d ({number(span)} d)"])
    facts.append(["time system", observed.times])
    facts.append([value, _numbers(observed, value)])
    said = observed.column.attributes
    facts.append(["photometric system", systems_text(said.get("system"))])
    if said.get("offsets"):
        facts.append(["offsets added", offsets_text(said["offsets"])])
    error = f"{value}_err"
    if error in observed.values:
        facts.append([f"{value} error", _numbers(observed, error)])
    out = observed.left_out
    facts.append(["epochs left out", f"{100 * observed.share_left_out:.1f} %" if out else "none"])
    return facts + [[f"  {what}", f"{n:,}"] for what, n in out.items()]


def _spectra(observed: ObservedColumn) -> list[list[str]]:
    facts = [["pixels", _whole(observed.lengths)]]
    facts += [[name, _numbers(observed, name)] for name in observed.values]
    return [*facts, ["masked pixels", f"{100 * observed.masked:.1f} %"]]


def _images(observed: ObservedColumn) -> list[list[str]]:
    scale = observed.column.attributes.get("pixel_scale")
    facts = [
        ["bands", ", ".join(observed.values)],
        ["pixels a side", _whole(observed.lengths)],
        ["pixel scale", NONE if scale is None else f"{scale:.4g} arcsec"],
    ]
    facts += [[f"band {name}", _numbers(observed, name)] for name in observed.values]
    return [*facts, ["masked pixels", f"{100 * observed.masked:.1f} %"]]


def _numbers(observed: ObservedColumn, name: str) -> str:
    n, unit = observed.values[name], observed.column.fields.get(name)
    text = f"{number(n.low)} to {number(n.high)}, median {number(n.median)}"
    unit = units(observed.stated.get(name), unit)
    return text if unit == NONE else f"{text} [{unit}]"


def _whole(lengths: Range) -> str:
    if lengths.low == lengths.high:
        return f"{lengths.low:,.0f}"
    return f"{lengths.median:,.0f} (median; {lengths.low:,.0f} to {lengths.high:,.0f})"


def _share(part: int, total: int) -> str:
    return NONE if not total else f"{100 * part / total:.1f}"
