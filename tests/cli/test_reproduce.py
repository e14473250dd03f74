"""The command that makes a paper again: what it understands, and what it refuses."""

import pytest
from typer.testing import CliRunner

from skybind.cli import app
from skybind.cli.reproduce import _data
from skybind.errors import ConfigError


def refused(*arguments):
    result = CliRunner().invoke(app, ["reproduce", *map(str, arguments)])
    return str(result.exception)


def test_a_folder_or_a_folder_a_seed():
    assert _data(["stars"]) == "stars"
    assert _data(["42=full_42", "0=full_0"]) == {42: "full_42", 0: "full_0"}
    with pytest.raises(ConfigError, match="write the seed before each"):
        _data(["stars", "other"])
    with pytest.raises(ConfigError, match="'x' is no seed"):
        _data(["x=stars"])


def test_what_cannot_be_is_one_sentence(tmp_path):
    out = tmp_path / "study"
    assert "did you mean 'astroclip'" in refused("astroclop", "--out", out)
    assert "'a' is no seed" in refused("astrom3", "--out", out, "--seeds", "1,a")
    assert "--shard is '9/8'" in refused("astrom3", "--out", out, "--shard", "9/8")
    assert "no dataset" in refused("astrom3", "--out", out, "--data", tmp_path / "none").lower()
    assert "training.epoch" in refused("astrom3", "--out", out, "--set", "training.epoch=1")


def test_another_study_in_the_folder_is_refused(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert "holds other files" in refused("astrom3", "--small", "--out", tmp_path)
