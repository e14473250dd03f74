"""`skybind data import --reader`."""

import re

import pytest
from typer.testing import CliRunner

from skybind.cli import app
from skybind.data.dataset import Dataset
from skybind.errors import ConfigError, SkybindError
from skybind.ingest.readers.registry import dataset_readers
from tests.ingest.galaxy_files import galaxies, provabgs_rows, write_hdf5, write_provabgs


def run(*arguments):
    return CliRunner().invoke(app, ["data", "import", *(str(a) for a in arguments)])


def test_the_help_names_every_reader():
    shown = re.sub(r"[\s│]+", "", run("--help").output)
    for name in dataset_readers():
        assert name in shown
    assert "goesonwhereitstopped" in shown


def test_a_whole_data_set_without_a_mapping(tmp_path):
    write_hdf5(tmp_path / "a.h5", {"0": galaxies(3)})
    write_provabgs(tmp_path / "p.hdf5", provabgs_rows(galaxies(3)["targetids"]))
    result = run(
        *(tmp_path / "a.h5", "--reader", "astroclip_hdf5", "--out", tmp_path / "out"),
        *("--option", f"provabgs={tmp_path / 'p.hdf5'}", "--option", "pixel_scale=0.3", "-q"),
    )
    assert result.exit_code == 0, result.output
    d = Dataset.open(tmp_path / "out")
    assert d.schema.columns["image"].attributes["pixel_scale"] == 0.3
    assert (d.column("log_mass") == 10.5).all()


@pytest.mark.parametrize(
    ("arguments", "error", "sentence"),
    [
        (["--option", "a=b"], SkybindError, "belongs to --reader"),
        (["--reader", "desi", "--option", "provabgs"], SkybindError, "KEY=VALUE"),
        (["--reader", "dezi"], ConfigError, "desi"),
    ],
)
def test_wrong_arguments(tmp_path, arguments, error, sentence):
    result = run(tmp_path / "x", "--out", tmp_path / "out", *arguments)
    assert isinstance(result.exception, error)
    assert sentence in str(result.exception)
