"""Exhibits as files: figures as PDF and PNG, tables as LaTeX and CSV."""

import io
import itertools
import math
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from skybind.drawing.cells import NONE, Cell, Table
from skybind.drawing.style import report_style
from skybind.errors import ConfigError
from skybind.files import atomic_path, check_name, write_text
from skybind.study.exhibits import FAULTS, Chapter, Exhibit, at_fault
from skybind.tables import write_csv

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Of LaTeX: what means something else, and letters that its usual fonts lack.
_ESCAPES = {
    "\\": r"\textbackslash{}", "&": r"\&", "%": r"\%", "$": r"\$", "#": r"\#", "_": r"\_",
    "{": r"\{", "}": r"\}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}",
    "<": r"\textless{}", ">": r"\textgreater{}", "|": r"\textbar{}",
    "±": r"$\pm$", "−": r"$-$", "×": r"$\times$", "→": r"$\rightarrow$", "≤": r"$\leq$",
    "≥": r"$\geq$", "≈": r"$\approx$", "²": r"$^2$", "³": r"$^3$", "°": r"$^\circ$",
    "▲": r"$\uparrow$", "▼": r"$\downarrow$", "↑": r"$\uparrow$", "↓": r"$\downarrow$",
    "µ": r"$\mu$", "μ": r"$\mu$", "α": r"$\alpha$", "β": r"$\beta$", "γ": r"$\gamma$",
    "δ": r"$\delta$", "λ": r"$\lambda$", "σ": r"$\sigma$", "τ": r"$\tau$", "Δ": r"$\Delta$",
    "χ": r"$\chi$", "ε": r"$\epsilon$", "η": r"$\eta$", "θ": r"$\theta$", "ν": r"$\nu$",
    "π": r"$\pi$", "ρ": r"$\rho$", "φ": r"$\phi$", "ω": r"$\omega$", "Ω": r"$\Omega$",
    "⊙": r"$\odot$", "½": r"$\frac{1}{2}$", "∞": r"$\infty$", "·": r"$\cdot$", "′": r"$'$",
    "Å": r"\AA{}", "…": r"\ldots{}", "–": "--", "—": "---",
    "“": "``", "”": "''", "‘": "`", "’": "'", "\xa0": "~",
}  # fmt: skip


_THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d+)?")


def write_exhibits(chapters: Sequence[Chapter], folder: str | Path) -> list[Chapter]:
    """Write the files of all exhibits: the same exhibits give the same bytes.

    `figures/KEY.pdf` and `.png`, `tables/KEY.tex` (booktabs) and `.csv`. Both folders are
    replaced whole, so none holds what is of another time. Tracebacks of exhibits that cannot be
    made, or drawn, stand in `page-faults.log`.

    Parameters
    ----------
    chapters : sequence of Chapter
    folder : str or Path
        Where `figures` and `tables` shall stand.

    Returns
    -------
    list of Chapter
        With reasons instead of the figures that cannot be drawn.

    Raises
    ------
    ConfigError
        If two exhibits have the same key, or one that is no name of a file.
    """
    exhibits = [exhibit for chapter in chapters for exhibit in chapter.exhibits]
    keys = [exhibit.key for exhibit in exhibits]
    for key in keys:
        check_name(key, "An exhibit's key")
        if keys.count(key) > 1:
            raise ConfigError(f"Two exhibits have the key '{key}': give each its own.")
    with atomic_path(Path(folder) / "figures") as figures, report_style():
        figures.mkdir()
        chapters = [
            replace(chapter, exhibits=[_drawn(one, figures) for one in chapter.exhibits])
            for chapter in chapters
        ]
    exhibits = [exhibit for chapter in chapters for exhibit in chapter.exhibits]
    with atomic_path(Path(folder) / "tables") as tables:
        tables.mkdir()
        for exhibit in exhibits:
            if exhibit.table is not None:
                write_text(tables / f"{exhibit.key}.tex", latex_table(exhibit))
                write_text(tables / f"{exhibit.key}.csv", csv_table(exhibit.table))
    _write_faults(exhibits, Path(folder) / FAULTS)
    return chapters


def _drawn(exhibit: Exhibit, folder: Path) -> Exhibit:
    """Write the figure of an exhibit; gives the exhibit, without what cannot be drawn."""
    if exhibit.figure is None:
        return exhibit
    try:
        _save(exhibit.figure, folder / exhibit.key)
    except OSError:  # of the disk, not of the figure
        raise
    except Exception as error:
        for path in folder.glob(f"{exhibit.key}.*"):
            path.unlink()
        return at_fault(exhibit, error)
    return exhibit


def _write_faults(exhibits: Sequence[Exhibit], path: Path) -> None:
    traces = [
        f"{exhibit.key}: {exhibit.number} {exhibit.title}\n{exhibit.trace}"
        for exhibit in exhibits
        if exhibit.trace
    ]
    if traces:
        write_text(path, "\n".join(traces))
    else:
        path.unlink(missing_ok=True)


def files_of(exhibit: Exhibit) -> list[str]:
    """Name the files of an exhibit, relative to the folder that they are written to."""
    names = []
    if exhibit.figure is not None:
        names += [f"figures/{exhibit.key}.{ending}" for ending in ("pdf", "png")]
    if exhibit.table is not None:
        names += [f"tables/{exhibit.key}.{ending}" for ending in ("tex", "csv")]
    return names


def _save(figure: "Figure", path: Path) -> None:
    """Write a figure as PDF and PNG, without dates and names of programs."""
    figure.draw_without_rendering()  # as `skybind.drawing.style.inline`
    nothing = {"CreationDate": None, "Creator": None, "Producer": None}
    figure.savefig(path.with_name(f"{path.name}.pdf"), metadata=nothing)
    figure.savefig(path.with_name(f"{path.name}.png"), metadata={"Software": None}, dpi=200)


def csv_table(table: Table) -> str:
    """Write a table as CSV; a mark of a cell follows its text, a dash (unknown) is empty.

    Numbers are plain, and those over seeds not rounded: the mean, and in columns of their own its
    standard deviation or error, what else the cell speaks of (a published value, say) and the mark.
    """
    columns = [
        _csv_column(head, [row[place] for row in table.rows], place >= table.text_columns)
        for place, head in enumerate(table.header)
    ]
    text = io.StringIO()
    rows = (list(itertools.chain(*parts)) for parts in zip(*columns, strict=True))
    write_csv(text, rows, end="\n")
    return text.getvalue()


def _csv_column(head: str, column: list[Cell], numeric: bool) -> list[list[str]]:
    """Give the head and the cells of one column, each as the fields that it takes in CSV."""
    write = _plain if numeric else str
    if not any(cell.values or cell.beside for cell in column):
        return [[head], *(["" if cell.text == NONE else write(_marked(cell))] for cell in column)]
    errors = [cell.error for cell in column if len(cell.values) > 1]
    spread = bool(errors)
    told = any(cell.mark for cell in column)
    others = list(dict.fromkeys(name for cell in column for name, _ in cell.beside))
    heads = [head, *[f"{head}, {name}" for name in errors[:1]]]
    heads += [f"{head}, {name}" for name in others] + [f"{head}, mark"] * told
    rows = []
    for cell in column:
        text = "" if cell.beside else write(cell.text.replace(NONE, ""))
        fields = [_number(value) for value in cell.values] or [text]
        fields += [""] * (1 + spread - len(fields))
        beside = dict(cell.beside)
        fields += [_number(beside.get(name, math.nan)) for name in others]
        rows.append([*fields, *([cell.mark] * told)])
    return [heads, *rows]


def _plain(text: str) -> str:
    """Write a number as programs read it: without separated thousands, with a plain minus."""
    plain = text.replace("−", "-")
    return plain.replace(",", "") if _THOUSANDS.fullmatch(plain) else plain


def _number(value: float) -> str:
    return "" if value != value else f"{value:.9g}"


def latex_table(exhibit: Exhibit) -> str:
    """Write an exhibit's table for LaTeX with the package booktabs."""
    table = exhibit.table
    assert table is not None  # the caller has looked
    columns = "l" * table.text_columns + "r" * (len(table.header) - table.text_columns)
    body = [_latex_row(row) for row in table.rows]
    if table.last_is_total and len(body) > 1:
        body.insert(-1, r"\midrule")
    head = " & ".join(map(latex, table.header)) + r" \\"
    lines = [
        r"\begin{table}",
        r"\centering",
        rf"\caption{{{latex(f'{exhibit.title}. {exhibit.caption}'.strip())}}}",
        rf"\label{{tab:{exhibit.key}}}",
        rf"\begin{{tabular}}{{{columns}}}",
        r"\toprule",
        *([head, r"\midrule"] if any(table.header) else []),
        *body,
        r"\bottomrule",
        r"\end{tabular}",
        r"\end{table}",
    ]
    return "\n".join(lines) + "\n"


def latex(text: str) -> str:
    """Escape a text for LaTeX."""
    return "".join(_ESCAPES.get(letter, letter) for letter in text)


def _latex_row(row: Sequence[Cell]) -> str:
    text = " & ".join(_latex_cell(cell) for cell in row) + r" \\"
    return f"{{}}{text}" if text[0] in "[*" else text  # else an option of the line before


def _latex_cell(cell: Cell) -> str:
    text = latex(_marked(cell))
    return rf"\textbf{{{text}}}" if cell.kind == "strong" else text


def _marked(cell: Cell) -> str:
    return f"{cell.text} {cell.mark}".strip()
