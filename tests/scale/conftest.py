import json
import shutil
from pathlib import Path

import pytest

from skybind.scale.export import export_hats

FILES = Path(__file__).parents[1] / "data" / "v0.1"


@pytest.fixture(scope="session", autouse=True)
def lsdb():
    return pytest.importorskip("lsdb", reason="LSDB is not installed (extra scale)")


@pytest.fixture(scope="session")
def place(tmp_path_factory):
    """A run of 60 stars with classifiers, its dataset, and this as a HATS catalogue."""
    folder = tmp_path_factory.mktemp("scale")
    for name in ("stars", "stars-run"):
        shutil.copytree(FILES / name, folder / name)
    status = folder / "stars-run" / "status.json"
    note = json.loads(status.read_text())
    status.write_text(json.dumps({**note, "data": str(folder / "stars")}))
    export_hats(folder / "stars", folder / "hats", rows=25)
    return folder
