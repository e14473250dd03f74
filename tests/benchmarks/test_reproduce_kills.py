"""Two studies are compared file by file, without what may differ and with all else."""

import json
import shutil

import pytest
from benchmarks.reproduce_kills import compare

from skybind.data.dataset import Dataset
from skybind.study.page import TIMES


@pytest.fixture
def folders(stars, tmp_path):
    """Two folders like those of studies, with other times, places and fingerprints in names."""
    for name, seconds in (("whole", 1.5), ("killed", 7.0)):
        folder = tmp_path / name
        shutil.copytree(stars, folder / "data")
        (folder / "units").mkdir()
        note = {"unit": "a", "done": True, "seconds": seconds, "pid": int(seconds), "key": name}
        (folder / "units" / "a.json").write_text(json.dumps(note))
        (folder / "units" / "a.lock").touch()
        (folder / "index.html").write_text(
            f'<p>91.2</p><details class="table"><summary>{TIMES}</summary>{seconds} s</details>'
        )
        found = Dataset.open(folder / "data").fingerprint
        status = {"data": str(folder / "data"), "fingerprint": found}
        (folder / "status.json").write_text(json.dumps(status))
        hashed = folder / "prepared" / f"photometry-{found}"
        hashed.mkdir(parents=True)
        (hashed / "values.bin").write_bytes(b"12345")
    return tmp_path / "whole", tmp_path / "killed"


def test_times_and_places_make_no_difference(folders):
    assert compare(*folders) == []


def test_anything_else_does(folders):
    whole, killed = folders
    note = json.loads((killed / "units" / "a.json").read_text())
    (killed / "units" / "a.json").write_text(json.dumps(note | {"done": False}))
    page = (killed / "index.html").read_text()
    (killed / "index.html").write_text(page.replace("91.2", "91.3"))
    (hashed,) = (killed / "prepared").iterdir()
    (hashed / "values.bin").write_bytes(b"12346")
    (killed / "left-over.tmp").touch()
    different = compare(whole, killed)
    assert different[:2] == ["index.html", "left-over.tmp: only in killed"]
    assert different[2].startswith("prepared/photometry-HASH/values.bin")
    assert different[3] == "units/a.json"
