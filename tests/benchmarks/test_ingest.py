"""The benchmark of imports: what it makes is imported whole, and nothing is left of it."""

import sys
from collections import Counter
from pathlib import Path

import pyarrow.csv as pcsv
import pytest

from skybind.data.dataset import Dataset
from skybind.ingest.survey import import_dataset

ROOT = Path(__file__).parents[2]


@pytest.fixture
def ingest(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    sys.modules.pop("ingest", None)
    import ingest

    sizes = {"CATALOGUE_ROWS": 50, "CURVES": 5, "EPOCHS": 20, "SOURCES": 4, "MADE": 30}
    for name, size in sizes.items():
        monkeypatch.setattr(ingest, name, size)
    return ingest


def test_all_cases_are_imported(ingest, tmp_path):
    ingest.make_small(tmp_path)
    ingest.make_large(tmp_path, 100)
    ingest.make_many(tmp_path, 1500)
    for case, files in ingest.CASES.values():
        assert all(list(tmp_path.glob(file)) for file in files)
        import_dataset(tmp_path / f"{case}.yaml", tmp_path / "out", overwrite=True)
        dataset = Dataset.open(tmp_path / "out")
        objects = {"catalogue": 50, "curves": 5, "large": 4, "many": 1500, "many-few": 1000}
        assert len(dataset) == objects.get(case, objects[case.split("-")[0]])
        if case in ("many-few", "many-curves"):
            assert set(dataset.ragged("photometry").lengths) == {4}
        if case == "large-ztf":
            rows = pcsv.read_csv(tmp_path / "ztf.csv").to_pylist()
            counts = Counter(str(row["oid"]) for row in rows if row["catflags"] == 0)
            # one epoch is no light curve
            known = [number for number in counts.values() if number > 1]
            assert sorted(dataset.ragged("photometry").lengths.tolist()) == sorted(
                [0] * (4 - len(known)) + known
            )
        elif case.startswith(("curves", "large")):
            assert int(dataset.ragged("photometry").lengths.sum()) == 100


def test_an_import_is_timed_and_leaves_nothing(ingest, tmp_path):
    ingest.make_small(tmp_path)
    before = sorted(tmp_path.iterdir())
    found = ingest.measured(tmp_path, "curves-long", ["curves.csv"], 1)
    assert found["seconds"] > 0
    assert found["ratio"] == pytest.approx(found["seconds"] / found["pyarrow"])
    assert 50 < found["peak_mb"] < 1500
    assert sorted(tmp_path.iterdir()) == before
