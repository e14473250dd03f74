import os
import subprocess
import sys

import pytest
from rich.console import Group
from rich.table import Table
from typer.testing import CliRunner

from skybind.cli import app
from skybind.cli.options import print_rich
from skybind.data.info import dataset_info
from skybind.limits import VARIABLE
from skybind.memory import DEFAULT, limit
from skybind.progress import set_verbosity, verbosity
from tests.broken import expect_one_sentence
from tests.progress.terminal import in_terminal, plain_lines

ID = "SDSS-J123456.78+012345.6-of-a-very-long-name"
REASON = "labelled EW, but 97 % of the neighbours' votes say EA; its period is another one"


@pytest.fixture(autouse=True)
def afterwards_quiet():
    yield
    set_verbosity("quiet")


@pytest.mark.parametrize(
    ("options", "level"), [([], 20), (["-q"], 30), (["--verbose"], 15), (["-vv"], 10)]
)
def test_every_command_sets_the_level(options, level, monkeypatch):
    set_verbosity("normal")
    assert CliRunner().invoke(app, ["config", "list", *options]).exit_code == 0
    assert verbosity() == level


def test_quiet_and_verbose_contradict_each_other():
    done = CliRunner().invoke(app, ["config", "list", "-q", "-v"])
    assert "--quiet and --verbose contradict" in str(done.exception)


STEPS = """run, pretrain, finetune, embed, evaluate, report, classify, predict, clusters, discover,
search, index, explore, update, data import, data append, data export, data features, data check,
label propose, label train, study run"""


@pytest.mark.parametrize("step", [step.strip() for step in STEPS.split(",")])
def test_every_step_takes_a_limit_on_memory(step):
    done = CliRunner().invoke(app, [*step.split(), "--help"], env={"COLUMNS": "120"})
    assert "--memory" in done.output


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("pretrain", "training itself takes what model and batch need"),
        ("finetune", "training itself takes what model and batch need"),
        ("data import", "Steps of the import are of one size"),
        ("embed", "what it bounds in each step: docs/scale.md"),
    ],
)
def test_the_help_says_what_the_limit_bounds(step, words):
    done = CliRunner().invoke(app, [*step.split(), "--help"], env={"COLUMNS": "300"})
    assert words in " ".join(done.output.split())


FILES = """data import, data append, data crossmatch, search, classify, predict, embed, explore,
update, label take"""


@pytest.mark.parametrize("command", [command.strip() for command in FILES.split(",")])
def test_every_command_that_reads_files_of_others_takes_a_limit_on_them(command):
    done = CliRunner().invoke(app, [*command.split(), "--help"], env={"COLUMNS": "120"})
    assert "--max-file" in done.output


@pytest.mark.parametrize(
    ("command", "function"),
    [
        ("classify run --data a.csv", "skybind.runs.classify.classify_anything"),
        ("embed run --data new", "skybind.runs.embedding.embed_anything"),
        ("search run odd.fits", "skybind.search.search.search"),
        ("data import m.yaml --out out", "skybind.ingest.survey.import_dataset"),
        ("data append stars new.yaml", "skybind.ingest.append.append_survey"),
    ],
)
def test_the_limit_on_files_holds_for_the_command_alone(monkeypatch, command, function):
    seen = []
    monkeypatch.setattr(function, lambda *_, **__: seen.append(os.environ.get(VARIABLE)))
    CliRunner().invoke(app, [*command.split(), "--max-file", "123MB"])
    CliRunner().invoke(app, command.split())
    assert seen == ["123000000", None]


def test_a_file_that_is_refused_is_read_with_the_option_that_is_named(tmp_path):
    (tmp_path / "stars.csv").write_text("id\n" + "".join(f"star{i}\n" for i in range(3000)))
    (tmp_path / "m.yaml").write_text("objects: {file: stars.csv, id: id}\nmax_file: 10kB\n")
    command = ["data", "import", str(tmp_path / "m.yaml"), "--out", str(tmp_path / "out")]
    done = CliRunner().invoke(app, command)
    assert "SKYBIND_MAX_FILE=20GB in the environment, which --max-file" in str(done.exception)
    assert CliRunner().invoke(app, [*command, "--max-file", "1MB"]).exit_code == 0


def test_the_limit_holds_for_the_command_alone(monkeypatch):
    seen = []
    monkeypatch.setattr("skybind.runs.run.Run.open", lambda *_, **__: seen.append(limit()))
    CliRunner().invoke(app, ["report", "there", "--memory", "123MB"])
    CliRunner().invoke(app, ["report", "there"])
    assert seen == [123_000_000, DEFAULT]


@pytest.mark.parametrize(("size", "words"), [("much", "'much' is no size"), ("3", "too little")])
def test_an_impossible_limit_is_one_sentence(size, words):
    done = CliRunner().invoke(app, ["report", "there", "--memory", size])
    assert words in str(done.exception)
    expect_one_sentence(done.exception)


def tables():
    table = Table(title=f"{ID}: photometry -> spectrum", title_justify="left")
    table.add_column("object_id", no_wrap=True)
    for name in ("a", "b", "c", "reason"):
        table.add_column(name)
    table.add_row(ID, "0.123456", "0.234567", "0.345678", REASON)
    head = Table.grid()
    head.add_row("Provenance", REASON)
    return Group(head, Group(table), "a sentence")


def test_a_table_is_whole_in_a_pipe(capsys):
    print_rich(tables())
    lines = capsys.readouterr().out.splitlines()
    (row,) = [line for line in lines if "0.123456" in line]
    assert ID in row
    assert REASON in row
    assert sum(ID in line for line in lines) == 2  # the title, too
    assert len({len(line) for line in lines if line.startswith(("│", "┃"))}) == 1


def test_a_table_fits_a_terminal_and_loses_nothing():
    show = "from tests.cli.test_options import print_rich, tables; print_rich(tables())"
    code, text = in_terminal([sys.executable, "-c", show])
    assert code == 0, text
    lines = plain_lines(text)
    assert max(map(len, lines)) == 60
    cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in lines if "│" in line]
    columns = ["".join(column) for column in zip(*cells, strict=True)]
    assert columns[0] == ID
    assert columns[1:4] == ["0.123456", "0.234567", "0.345678"]
    assert columns[4].replace(" ", "") == REASON.replace(" ", "")
    assert "…" not in text


def test_what_a_dataset_holds_fits_a_terminal_and_is_whole_in_a_pipe(stars):
    command = [sys.executable, "-m", "skybind", "data", "info", str(stars)]
    code, text = in_terminal(command)
    assert code == 0, text
    assert max(map(len, plain_lines(text))) <= 60
    piped = subprocess.run(command, capture_output=True, text=True, timeout=300).stdout
    info = dataset_info(stars)
    cells = {cell.strip() for line in piped.splitlines() for cell in line.split("│")}
    for name, modality in info.modalities.items():
        assert {name, modality.kind, f"{modality.objects:,}"} <= cells
    assert {" + ".join(names) or "nothing" for names in info.overlaps} <= cells
    assert any(line.rstrip().endswith(info.provenance) for line in piped.splitlines())
    assert "…" not in piped
    # and what is folded is all there
    for name in (*info.modalities, *info.labels["label"]):
        assert name in text
