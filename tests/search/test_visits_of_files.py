"""A file with the spectra of two stars as visits: each finds its own star."""

import json
import shutil
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from astropy.table import Table
from typer.testing import CliRunner

from skybind.cli import app
from skybind.data.dataset import Dataset
from skybind.errors import DataError
from skybind.search.search import SearchOptions, search

FILES = Path(__file__).parents[1] / "data" / "v0.1"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("visits")
    shutil.copytree(FILES / "stars-run", folder / "run")
    note = json.loads((folder / "run" / "status.json").read_text())
    note["data"] = str(FILES / "stars")
    (folder / "run" / "status.json").write_text(json.dumps(note))
    stars = Dataset.open(FILES / "stars")
    observed = np.flatnonzero(stars.present("spectrum"))[[2, 7]]
    spectra = stars.ragged("spectrum", observed)
    rows = {"visit": np.repeat(["first", "second"], spectra.lengths), **spectra.fields}
    Table(rows).write(folder / "s.csv", format="ascii.csv")
    rows.pop("visit")
    Table(rows).write(folder / "mixed.csv", format="ascii.csv")
    return folder, stars.object_ids[observed].tolist()


def test_each_visit_finds_its_own_star(place):
    folder, names = place
    options = SearchOptions(k=1, target=["spectrum"])
    found = search(folder / "run", [folder / "s.csv"], options)
    assert found.object_id.tolist() == names[:1]
    assert found.cosine[0] == pytest.approx(1, abs=1e-4)
    said = " ".join(found.queries[0].notes)
    assert "holds 2 spectra, told apart by 'visit': that of first is used" in said
    out = folder / "out.parquet"
    line = [folder / "run", folder / "s.csv", "--to", "spectrum", "--visit", "second", "--out", out]
    result = CliRunner().invoke(app, ["search", *map(str, line)])
    assert result.exit_code == 0, result.output
    assert pq.read_table(out)["object_id"][0].as_py() == names[1]


def test_spectra_that_nothing_tells_apart_are_refused(place):
    folder, _ = place
    with pytest.raises(DataError, match="call the column that tells them apart 'visit'"):
        search(folder / "run", [folder / "mixed.csv"], SearchOptions(k=1))
