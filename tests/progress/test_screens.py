import re
import sys
import types

from skybind.progress import progress_bar, step
from tests.progress.terminal import in_terminal, plain_lines

BARS = """
import time
from skybind.progress import say, step, task
with step("evaluating everything"):
    with task("random forest", 30, "trees") as forest:
        for i in range(30):
            time.sleep(0.04)
            forest.update(i + 1, note="out-of-bag error 0.1234")
    say("one line of " + "words " * 20)
    print("a result")
"""


def test_bars_in_a_terminal_fit_it_and_go_away():
    code, text = in_terminal([sys.executable, "-c", BARS])
    assert code == 0, text
    told = plain_lines(text)
    assert max(map(len, told)) <= 60
    assert any(re.match(r"random forest .* \d+ of 30 trees +left \d s", line) for line in told), (
        told
    )
    assert "a result" in told
    # the bars are drawn over; what stays are lines
    assert told[-2].startswith("evaluating everything: done in")
    assert not any(line.startswith("evaluating everything: for") for line in told)


def test_the_results_of_a_pipe_do_not_go_to_the_terminal(tmp_path):
    out = tmp_path / "out.txt"
    command = f'import sys; sys.stdout = open({str(out)!r}, "w")\n{BARS}'
    code, text = in_terminal([sys.executable, "-c", command])
    assert code == 0, text
    assert out.read_text() == "a result\n"
    assert "a result" not in text


class Handle:
    def __init__(self, shown):
        self.shown = shown

    def update(self, bundle, raw):
        assert raw
        self.shown.append(bundle["text/html"])


def test_a_notebook_needs_no_widgets(monkeypatch, capsys, talking):
    shown = []

    def display(bundle, raw, display_id):
        assert raw
        assert display_id
        shown.append(bundle["text/html"])
        return Handle(shown)

    module, submodule = types.ModuleType("IPython"), types.ModuleType("IPython.display")
    module.get_ipython = lambda: types.SimpleNamespace(kernel=object())
    submodule.display = display
    monkeypatch.setitem(sys.modules, "IPython", module)
    monkeypatch.setitem(sys.modules, "IPython.display", submodule)
    monkeypatch.setitem(sys.modules, "ipywidgets", None)
    monkeypatch.setattr("skybind.progress.screens._Notebook.EVERY", 0.0)
    monkeypatch.setattr("skybind.progress.messages._console", None)
    monkeypatch.setattr("skybind.progress.work.SHORT", 0.0)
    with step("evaluating <all>"), progress_bar("k-means", 12, "maps") as report:
        report(3)
    assert "<div>evaluating &lt;all&gt; <progress></progress> for 0 s</div>" in shown[0]
    assert any('k-means <progress value="3" max="12"></progress> 3 of 12 maps' in s for s in shown)
    assert shown[-1] == ""  # the bars go away
    captured = capsys.readouterr()
    assert captured.out.startswith("evaluating <all>: done in")  # the end stays, in the cell
    assert captured.err == ""
