import csv
import json
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from skybind import __version__
from skybind.cli import app
from skybind.explore.survey import Survey
from skybind.runs.run import Run


def run(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def shell(*arguments):
    command = [sys.executable, "-m", "skybind", *(str(a) for a in arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=1200)


def told(stderr):
    """Lines of what went wrong; a slow machine also tells that it is at work."""
    return [line for line in stderr.strip().splitlines() if not line.startswith("at work")]


def test_help_is_quick_to_load_and_names_every_command():
    code = (
        "import sys; from typer.testing import CliRunner; from skybind.cli import app;"
        "out = CliRunner().invoke(app, ['--help']).output;"
        "heavy = {'torch', 'sklearn', 'lightning', 'numpy', 'pyarrow'} & set(sys.modules);"
        "print(sorted(heavy)); print(out)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert result.stdout.startswith("[]")
    for command in ("run", "pretrain", "finetune", "embed", "evaluate", "report", "data", "demo"):
        assert f" {command} " in result.stdout


@pytest.mark.parametrize(
    "command",
    [
        ["run"],
        ["pretrain"],
        ["finetune"],
        ["embed"],
        ["evaluate"],
        ["report"],
        ["demo", "stars"],
        ["simulate", "stars"],
        ["data", "info"],
        ["data", "check"],
        ["data", "import"],
        ["data", "split"],
        ["config", "list"],
        ["config", "show"],
        ["study"],
        ["study", "run"],
        ["study", "status"],
        ["tune"],
    ],
)
def test_every_command_teaches_itself(command):
    result = run(*command, "--help")
    assert result.exit_code == 0
    assert "Usage" in result.output
    assert len(result.output.split()) > 20


def test_version_and_configurations():
    assert run("--version").output.strip() == f"skybind {__version__}"
    listed = run("config", "list").output
    for name in ("astrom3", "stars", "stars-small"):
        assert name in listed
    shown = run("config", "show", "stars-small", "--set", "training.epochs=7").output
    assert "epochs: 7" in shown


def test_simulate_info_check_and_split(tmp_path):
    folder = tmp_path / "survey"
    assert run("simulate", "stars", folder, "-n", 60, "--seed", 1, "--quiet").exit_code == 0
    info = run("data", "info", folder).output
    assert "60" in info
    assert "photometry" in info
    assert "simulated" in info.lower()
    split = run("data", "split", folder, "--name", "mine", "--label", "label", "--seed", 3)
    sizes = [int(word.strip(",.")) for word in split.output.split() if word[0].isdigit()]
    assert sum(sizes) == 60, split.output
    assert 40 < sizes[0] < 55
    check = run("data", "check", folder)
    assert check.exit_code == 0, check.output


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["run", "stars-smal", "--data", "x", "--out", "y"], "did you mean 'stars-small'"),
        (["run", "stars", "--data", "nowhere", "--out", "y"], "There is no dataset at nowhere"),
        (["run", "stars", "-d", "x", "-o", "y", "-s", "sede=1"], "did you mean 'seed'"),
        (["evaluate", "nowhere"], "There is no run in nowhere"),
        (["report", "nowhere"], "There is no run in nowhere"),
        (["embed", "nowhere"], "There is no run in nowhere"),
        (["finetune", "nowhere"], "There is no run in nowhere"),
        (["data", "info", "nowhere"], "There is no dataset at nowhere"),
        (["data", "import", "nowhere.yaml", "-o", "y"], "nowhere.yaml"),
    ],
)
def test_what_a_user_did_wrong_is_one_line_and_status_2(arguments, sentence):
    result = shell(*arguments)
    assert result.returncode == 2
    assert sentence in result.stderr
    assert "Traceback" not in result.stderr
    assert len(told(result.stderr)) == 1


@pytest.mark.slow
def test_pretraining_killed_in_the_middle_goes_on_with_the_same_losses(tmp_path):
    """kill -9 at any moment; the same command then gives what an uninterrupted run gives."""
    survey = tmp_path / "survey"
    shell("simulate", "stars", survey, "-n", 300, "--seed", 2, "--quiet")
    command = ["pretrain", "stars-small", "-d", survey, "-s", "training.epochs=8", "--quiet"]
    command += ["-s", "training.batch_size=32"]
    assert shell(*command, "-o", tmp_path / "plain").returncode == 0
    log = tmp_path / "killed" / "pretrain" / "log.csv"
    whole = [sys.executable, "-m", "skybind", *map(str, command), "-o", str(tmp_path / "killed")]
    process = subprocess.Popen(whole)
    end = time.monotonic() + 100
    while not (log.exists() and len(log.read_text().splitlines()) > 2):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < end
        time.sleep(0.02)
    process.kill()
    process.wait()
    assert len(log.read_text().splitlines()) < 9
    assert shell(*command, "-o", tmp_path / "killed").returncode == 0
    plain, resumed = (
        list(csv.DictReader((tmp_path / name / "pretrain" / "log.csv").open()))
        for name in ("plain", "killed")
    )
    assert len(plain) == len(resumed) == 8
    for one, two in zip(plain, resumed, strict=True):
        for key in one:
            if "seconds" not in key and "per_second" not in key:
                assert one[key] == two[key], (one["epoch"], key)


@pytest.mark.slow
def test_the_demonstration_in_miniature(tmp_path):
    """The main job, on a tenth of the stars: all that its page and the explorer need is there."""
    result = shell("demo", "stars", "--out", tmp_path / "demo", "-n", 300, "--quiet")
    assert result.returncode == 0, result.stderr
    assert f"skybind explore {tmp_path / 'demo' / 'run'}" in result.stdout
    metrics = json.loads((tmp_path / "demo" / "run" / "metrics.json").read_text())
    assert len(metrics["retrieval"]) == 6
    for page in ("report.html", "discover.html"):
        assert (tmp_path / "demo" / "run" / page).stat().st_size > 100_000
    # the explorer's queues, without anything else
    survey = Survey(Run.open(tmp_path / "demo" / "run"), read_only=True)
    assert survey.classes is not None
    assert survey.suspects.num_rows > 0
