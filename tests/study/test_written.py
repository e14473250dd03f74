"""Exhibits as files and on a page."""

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skybind.drawing.cells import Cell, Table, cells
from skybind.drawing.style import new_figure
from skybind.errors import ConfigError, DataError
from skybind.study import Chapter, Exhibit, Study, gather, write_exhibits
from skybind.study.page import write_study_page
from skybind.study.written import csv_table, latex, latex_table
from tests.study.latex import check_latex

TABLE = Table(
    ["Class", "R² [%]"],
    [
        [Cell("EW & EB_1"), Cell("91.2 ± 0.4", "strong", "▲")],
        cells("50 % #~^\\{}", "–"),
        cells("Total", "1"),
    ],
    last_is_total=True,
)


def figure():
    made = new_figure(2.0, 3.0)
    made.subplots().plot([1, 2, 3])
    return made


def chapters():
    return [
        Chapter(
            "first",
            "First",
            "Words.",
            [
                Exhibit("table-2", "Table 2", "Ours", "Means.", table=TABLE),
                Exhibit("figure-3", "Figure 3", "Drawn", figure=figure(), kind="png", alt="lines"),
                Exhibit("figure-4", "Figure 4", "Not here", absent="There were no spectra."),
            ],
        )
    ]


def test_the_files_are_the_same_bytes_each_time_and_none_is_left_over(tmp_path):
    write_exhibits(chapters(), tmp_path / "a")
    (tmp_path / "b" / "figures").mkdir(parents=True)
    (tmp_path / "b" / "figures" / "old.png").touch()
    write_exhibits(chapters(), tmp_path / "b")
    first, second = (
        {p.relative_to(folder): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}
        for folder in (tmp_path / "a", tmp_path / "b")
    )
    names = {"figures/figure-3.pdf", "figures/figure-3.png", "tables/table-2.csv"}
    assert {path.as_posix() for path in first} == {*names, "tables/table-2.tex"}
    assert first == second
    pdf = first[next(path for path in first if path.suffix == ".pdf")]
    assert pdf.startswith(b"%PDF")
    assert b"CreationDate" not in pdf


def test_tables_are_escaped_for_latex_and_read_back_as_csv():
    text = latex_table(Exhibit("t", "", "50 % & more", "σ of $x_1$.", table=TABLE))
    assert r"\caption{50 \% \& more. $\sigma$ of \$x\_1\$.}" in text
    assert r"EW \& EB\_1 & \textbf{91.2 $\pm$ 0.4 $\uparrow$} \\" in text
    assert r"50 \% \#\textasciitilde{}\textasciicircum{}\textbackslash{}\{\} & -- \\" in text
    lines = text.splitlines()
    assert lines[lines.index(r"Total & 1 \\") - 1] == r"\midrule"
    assert text.count(r"\toprule") == text.count(r"\bottomrule") == 1
    rows = list(csv.reader(csv_table(TABLE).splitlines()))
    assert rows == [
        ["Class", "R² [%]"], ["EW & EB_1", "91.2 ± 0.4 ▲"], ["50 % #~^\\{}", ""], ["Total", "1"],
    ]  # fmt: skip
    assert latex("a−b") == "a$-$b"


def test_the_check_of_latex_finds_what_does_not_compile():
    text = latex_table(Exhibit("t", "", "50 % & more", "σ of $x_1$.", table=TABLE))
    assert check_latex(text) == (2, 4)
    for right, wrong in (
        (r"EW \&", "EW &"), (r"\_1", "_1"), (r"\textbf{", r"\textbf{{"), ("Total & 1", "Total"),
        (r"$\pm$", r"\pm"), (r"$\sigma$", "σ"), ("{lr}", "{lrr}"), (r"\#", "#"),
    ):  # fmt: skip
        assert right in text
        with pytest.raises(AssertionError):
            check_latex(text.replace(right, wrong, 1))


@given(st.text(st.characters(codec="ascii", exclude_categories=("L", "C")), max_size=20))
def test_any_text_of_signs_is_escaped_for_latex(text):
    table = Table(["Class", "R²"], [cells(text, "1"), cells("a", text)])
    assert check_latex(latex_table(Exhibit("t", "", text, text, table=table))) == (2, 3)


def test_numbers_over_seeds_are_not_rounded_in_csv():
    table = Table(
        ["Class", "Accuracy", "p"],
        [
            [Cell("EW"), Cell("91.2 ± 0.4", "strong", "▲", (91.2345678, 0.41)), Cell("0.03")],
            [Cell("EB"), Cell("80.0", values=(80.04,)), Cell("–")],
            [Cell("SR"), Cell("–"), Cell("–")],
        ],
    )
    rows = list(csv.reader(csv_table(table).splitlines()))
    assert rows == [
        ["Class", "Accuracy", "Accuracy, standard deviation", "Accuracy, mark", "p"],
        ["EW", "91.2345678", "0.41", "▲", "0.03"],
        ["EB", "80.04", "", "", ""],
        ["SR", "", "", "", ""],
    ]


def test_a_row_that_begins_like_an_option_is_none_to_latex():
    """After the end of a line, LaTeX takes [...] for its height and * for a star."""
    table = Table(
        ["Target", "R²"], [cells("log M", "0.5"), cells("[Fe/H]", "0.7"), cells("*", "1")]
    )
    text = latex_table(Exhibit("t", "", "T", table=table))
    assert "{}[Fe/H] & 0.7" in text
    assert "{}* & 1" in text
    assert latex("ε⊙") == r"$\epsilon$$\odot$"


def test_two_exhibits_cannot_share_files(tmp_path):
    twice = [Chapter("a", "A", "", [Exhibit("x", "", "X"), Exhibit("x", "", "Y")])]
    with pytest.raises(ConfigError, match="Two exhibits have the key 'x'"):
        write_exhibits(twice, tmp_path)


def test_one_exhibit_that_cannot_be_made_costs_no_other():
    def fail(study):
        raise DataError("There is no light curve.")

    def make(study):
        return Exhibit("b", "Table 1", "B", table=TABLE)

    made = gather(None, [("a", "Figure 9", "A", fail), ("b", "Table 1", "B", make)])
    assert [(one.key, one.number, one.absent) for one in made] == [
        ("a", "Figure 9", "There is no light curve."), ("b", "Table 1", ""),
    ]  # fmt: skip


def test_a_fault_of_the_program_costs_its_exhibit_and_stays_visible(tmp_path, caplog):
    def stumble(study):
        raise ValueError("zero-size array\nto reduction")

    def undrawable(study):
        made = figure()
        made.axes[0].set_title("$\\frac{1}$")  # is parsed when it is drawn
        return Exhibit("c", "Figure 3", "C", figure=made)

    def make(study):
        return Exhibit("b", "Table 1", "B", table=TABLE)

    makers = [("a", "Figure 9", "A", stumble), ("b", "Table 1", "B", make)]
    made = gather(None, [*makers, ("c", "Figure 3", "C", undrawable)])
    chapters = write_exhibits([Chapter("x", "X", "", made)], tmp_path)
    first, second, third = chapters[0].exhibits
    assert first.absent == (
        "A fault of the program is why it is not here (ValueError: zero-size array to reduction); "
        "see page-faults.log."
    )
    assert second.table is TABLE
    assert third.figure is None
    assert "ValueError" in third.absent
    assert not list((tmp_path / "figures").iterdir())
    log = (tmp_path / "page-faults.log").read_text()
    assert 'raise ValueError("zero-size array' in log
    assert "a: Figure 9 A" in log
    assert "c: Figure 3 C" in log
    assert "Figure 9 A of the page cannot be made" in caplog.text
    write_exhibits([Chapter("x", "X", "", [second])], tmp_path)
    assert not (tmp_path / "page-faults.log").exists()


def test_the_page_has_numbers_files_and_reasons(tiny, tmp_path, stars):
    simulated = {"data": str(stars), "simulate": None}
    study = Study.begin(tiny.model_copy(update=simulated), tmp_path / "study")
    page = write_study_page(study, chapters(), tmp_path / "index.html", title="A <study>")
    text = page.read_text()
    assert "A &lt;study&gt;" in text
    assert "<b>Table 2. Ours.</b> Means." in text
    assert '<a href="tables/table-2.tex">TEX</a>' in text
    assert '<a href="figures/figure-3.pdf">PDF</a>' in text
    assert "<b>Figure 4. Not here.</b> There were no spectra." in text
    assert "18 of 18 units of work are not done" in text
    assert text.index("Table 2. Ours") < text.index("Figure 3. Drawn")
