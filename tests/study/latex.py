"""A small check that a table is what LaTeX with booktabs compiles, without a TeX at hand."""

import re

#: Commands that the tables use, beside those in mathematics.
KNOWN = {
    "begin", "end", "centering", "caption", "label", "toprule", "midrule", "bottomrule", "textbf",
    "textbackslash", "textasciitilde", "textasciicircum", "textless", "textgreater", "textbar",
    "AA", "ldots",
}  # fmt: skip
IN_MATHEMATICS = {
    "pm", "times", "rightarrow", "leq", "geq", "approx", "circ", "uparrow", "downarrow", "mu",
    "alpha", "beta", "gamma", "delta", "lambda", "sigma", "tau", "Delta", "chi", "epsilon", "eta",
    "theta", "nu", "pi", "rho", "phi", "omega", "Omega", "odot", "frac", "infty", "cdot",
}  # fmt: skip


def check_latex(text: str) -> tuple[int, int]:
    """Give the columns and rows of a table; raises AssertionError for what does not compile."""
    assert text.isascii(), sorted({letter for letter in text if not letter.isascii()})
    _check_braces(text)
    bare = re.sub(r"\\[&%$#_{}]", "", text)  # escaped letters
    mathematics = re.findall(r"\$([^$]*)\$", bare)
    assert bare.count("$") % 2 == 0
    for formula in mathematics:
        assert set(re.findall(r"\\([A-Za-z]+)", formula)) <= IN_MATHEMATICS, formula
        assert "\n" not in formula
    words = re.sub(r"\$[^$]*\$", "", bare)
    words = re.sub(r"\\label\{[^}]*\}", "", words)
    assert set(re.findall(r"\\([A-Za-z]+)", words)) <= KNOWN
    for letter in "#_^%":
        assert letter not in words, letter
    environments = re.findall(r"\\(begin|end)\{(\w+)\}", text)
    assert environments == [
        ("begin", "table"), ("begin", "tabular"), ("end", "tabular"), ("end", "table"),
    ]  # fmt: skip
    columns = len(re.search(r"\\begin\{tabular\}\{([lrc]+)\}", text).group(1))
    body = text.partition("\\toprule\n")[2].partition("\\bottomrule")[0]
    rows = [line for line in body.splitlines() if line != "\\midrule"]
    for row in rows:
        assert row.endswith(r" \\"), row
        cells = re.split(r"(?<!\\)&", row.removesuffix(r" \\"))
        assert len(cells) == columns, row
        for cell in cells:
            _check_braces(cell)
        assert not row.lstrip().startswith(("[", "*")), row
    return columns, len(rows)


def _check_braces(text: str) -> None:
    depth = 0
    for letter in re.sub(r"\\[{}]", "", text):
        depth += {"{": 1, "}": -1}.get(letter, 0)
        assert depth >= 0, text
    assert depth == 0, text
