"""`skybind data import --reader`."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from skybind.cli import app
from skybind.data.dataset import Dataset
from skybind.errors import ConfigError, SkybindError
from skybind.ingest.readers.registry import dataset_readers
from tests.ingest.galaxy_files import galaxies, provabgs_rows, write_hdf5, write_provabgs
from tests.ingest.preview.conftest import write_survey


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


def test_a_dry_run_shows_what_an_import_would_make(tmp_path):
    mapping = write_survey(tmp_path)
    result = run(mapping, "--dry-run", "--objects", 40, "--out", tmp_path / "page.html")
    assert result.exit_code == 0, result.output
    for shown in (
        "40 of 300 objects were read", "Classes of 'label'", "RRAB", "Jy → mJy", "MJD, kept as JD",
        "Look at this: 'vmag' has 15 values of 99.99", "Set aside",
        f"is {tmp_path / 'page.html'}",
    ):  # fmt: skip
        assert shown in result.output
    assert "<img " in (tmp_path / "page.html").read_text()
    aside = run(mapping, "--dry-run", "--objects", 5, "--out", tmp_path / "stars")
    assert not (tmp_path / "stars").exists()
    page = re.search(r"drawn is (\S+\.html)\.", aside.output)
    assert "99.99" in Path(page[1]).read_text()


def test_a_dry_run_of_a_whole_data_set(tmp_path):
    write_hdf5(tmp_path / "a.h5", {"0": galaxies(5)})
    shown = run(tmp_path / "a.h5", "--reader", "astroclip_hdf5", "--dry-run", "--objects", 2)
    assert shown.exit_code == 0, shown.output
    assert "2 of 5 objects were read" in shown.output
    assert "bands" in shown.output


def test_an_import_needs_a_folder(tmp_path):
    assert "--out is missing" in str(run(tmp_path / "x.yaml").exception)
