import re
import sys

from benchmarks import growth
from skybind.data.dataset import Dataset
from skybind.scale.export import export_hats
from tests.ingest.test_hats_restored import write_survey


def test_a_catalogue_is_imported_in_shards(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "growth", growth)  # as it is called there
    from benchmarks.hats_memory import in_shards

    write_survey(tmp_path / "survey", 100, 50)
    export_hats(tmp_path / "survey", tmp_path / "hats", rows=20)
    told = in_shards(tmp_path, 100, 3)
    made = Dataset.open(tmp_path / "of-shards")
    assert made.fingerprint == Dataset.open(tmp_path / "survey").fingerprint
    n_bytes = int(re.search(r"3 shards: ([\d,]+) bytes", told)[1].replace(",", ""))
    epochs = 100 * 12 * 6 / 7  # of eight and four bytes, of six objects in seven
    assert epochs < n_bytes < 2 * epochs
    share = int(re.search(r"\((\d+)%\)", told)[1])
    assert 0 < share < 100
