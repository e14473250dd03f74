"""Exhibits as files: figures as PDF and PNG, tables as LaTeX and CSV."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from skybind.drawing.cells import NONE, Cell, Table
from skybind.drawing.style import report_style
from skybind.errors import ConfigError
from skybind.files import atomic_path, check_name, write_text

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from skybind.study.exhibits import Chapter, Exhibit

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
    "χ": r"$\chi$", "Å": r"\AA{}", "…": r"\ldots{}", "–": "--", "—": "---",
    "“": "``", "”": "''", "‘": "`", "’": "'", "\xa0": "~",
}  # fmt: skip


def write_exhibits(chapters: "Sequence[Chapter]", folder: str | Path) -> None:
    """Write the files of all exhibits: the same exhibits give the same bytes.

    `figures/KEY.pdf` and `.png`, `tables/KEY.tex` (booktabs) and `.csv`. Both folders are
    replaced whole, so none holds what is of another time.

    Parameters
    ----------
    chapters : sequence of Chapter
    folder : str or Path
        Where `figures` and `tables` shall stand.

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
        for exhibit in exhibits:
            if exhibit.figure is not None:
                _save(exhibit.figure, figures / exhibit.key)
    with atomic_path(Path(folder) / "tables") as tables:
        tables.mkdir()
        for exhibit in exhibits:
            if exhibit.table is not None:
                write_text(tables / f"{exhibit.key}.tex", latex_table(exhibit))
                write_text(tables / f"{exhibit.key}.csv", csv_table(exhibit.table))


def files_of(exhibit: "Exhibit") -> list[str]:
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
    """Write a table as CSV; a mark of a cell follows its text, a dash (unknown) is empty."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.header)
    for row in table.rows:
        writer.writerow(["" if cell.text == NONE else _marked(cell) for cell in row])
    return text.getvalue()


def latex_table(exhibit: "Exhibit") -> str:
    """Write an exhibit's table for LaTeX with the package booktabs."""
    table = exhibit.table
    assert table is not None  # the caller has looked
    columns = "l" * table.text_columns + "r" * (len(table.header) - table.text_columns)
    body = [" & ".join(_latex_cell(cell) for cell in row) + r" \\" for row in table.rows]
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


def _latex_cell(cell: Cell) -> str:
    text = latex(_marked(cell))
    return rf"\textbf{{{text}}}" if cell.kind == "strong" else text


def _marked(cell: Cell) -> str:
    return f"{cell.text} {cell.mark}".strip()
