"""`skybind config`."""

from typer.testing import CliRunner

from skybind.cli import app
from skybind.config import load_config
from tests.runs.made_up_surveys import light_curves_only


def test_new_prints_or_writes(tmp_path):
    path = light_curves_only(tmp_path / "d")
    run = CliRunner().invoke
    printed = run(app, ["config", "new", "--data", str(path), "-q"])
    assert printed.exit_code == 0
    assert printed.stdout.startswith("# Written by 'skybind config new'")
    out = tmp_path / "mine.yaml"
    done = run(app, ["config", "new", "--data", str(path), "--out", str(out), "-q"])
    assert f"skybind run {out} --data {path}" in done.stdout
    assert out.read_text() == printed.stdout.replace("name: d\n", "name: mine\n")
    assert list(load_config(out).modalities) == ["photometry"]
    again = run(app, ["config", "new", "--data", str(path), "--out", str(out), "-q"])
    assert "exists already" in str(again.exception)
