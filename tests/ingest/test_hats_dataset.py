"""An exported catalogue is opened as it lies, and whole."""

import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest

import skybind as sb
from skybind.data.dataset import Dataset
from skybind.errors import DataError
from skybind.ingest.given import take_given
from skybind.ingest.hats_dataset import open_exported
from skybind.ingest.hats_match import near_hats
from skybind.ingest.hats_restored import restore
from skybind.ingest.readers.hats import catalogue_folder, hats_files
from skybind.ingest.survey import import_dataset
from skybind.ingest.wanted import Wanted
from skybind.scale.export import export_hats
from skybind.shards import Shard
from tests.ingest.test_hats_restored import write_survey

WANTED = {
    "photometry": Wanted(
        "photometry", "photometry", "photometry", {"time": "d", "magnitude": "mag"}
    )
}
MAPPING = """
objects:
  file: {}
  id: object_id
  ra: ra
  dec: dec
  label: label
"""


@pytest.fixture
def catalogue(tmp_path):
    write_survey(tmp_path / "survey", 100, 100)
    export_hats(tmp_path / "survey", tmp_path / "hats", rows=20)
    return tmp_path / "hats"


def test_footers_are_read_once(catalogue, monkeypatch):
    """By Arrow's dataset, which keeps them; nothing else opens a partition."""
    assert len(hats_files(catalogue)) > 1
    make, opened = pq.ParquetFile.__init__, []

    def counted(self, source, **options):
        opened.append(source)
        make(self, source, **options)

    monkeypatch.setattr(pq.ParquetFile, "__init__", counted)
    monkeypatch.setattr(pq, "read_metadata", lambda path: pytest.fail(f"{path} is read twice"))
    found = open_exported(catalogue)
    assert len(found) == 100
    assert len(opened) == 1  # the first, for the columns
    assert found.state == Dataset.open(catalogue.parent / "survey").fingerprint


def everything(dataset):
    table = dataset.table(["object_id", "ra", "dec", "photometry", "label"])
    return table.sort_by("object_id").to_pylist()


def test_objects_without_a_position_come_last_and_are_whole(catalogue):
    """Also where the main table of the collection is named."""
    whole = Dataset.open(catalogue.parent / "survey")
    expected = str(everything(whole))  # NaN differs from itself
    lost = whole.object_ids[~np.isfinite(whole.column("ra"))]
    assert len(lost) == 10
    for folder in (catalogue, catalogue_folder(catalogue)[0]):
        found = open_exported(folder)
        assert str(everything(found)) == expected
        assert sorted(found.object_ids[-10:]) == sorted(lost)
        assert found.source.starts()[-1] == 90
        whole_groups = take_given(folder, wanted=WANTED)
        assert whole_groups.dataset.object_ids.tolist() == found.object_ids.tolist()
        assert sum(len(whole_groups.shard(Shard(k, 3)).dataset) for k in (1, 2, 3)) == 100


@pytest.mark.parametrize("inner", [False, True])
def test_no_way_in_loses_objects_without_a_position(catalogue, tmp_path, inner):
    """With units of the user's it is a table, by a mapping a table in parts, and in a match."""
    names = sorted(Dataset.open(tmp_path / "survey").object_ids.tolist())
    folder = catalogue_folder(catalogue)[0] if inner else catalogue
    units = {"photometry": {"magnitude": "mag"}}
    given = take_given(folder, wanted=WANTED, units=units)
    assert sorted(given.dataset.object_ids.tolist()) == names
    assert (given.reasons["photometry"] == "").all()
    mapping = tmp_path / "m.yaml"
    mapping.write_text(MAPPING.format(folder))
    made = import_dataset(mapping, tmp_path / "out")
    assert made.objects == 100
    out = Dataset.open(tmp_path / "out")
    assert sorted(out.object_ids.tolist()) == names
    assert np.isnan(out.column("ra")).sum() == 10
    found = sb.crossmatch(folder, tmp_path / "survey", 1)
    assert any("10 without a position in A" in sentence for sentence in found.sentences())
    assert restore(folder, tmp_path / "back").objects == 100


def test_lsdb_says_what_it_does_not_match(catalogue, tmp_path):
    pytest.importorskip("lsdb", reason="LSDB is not installed (extra hats)")
    near = near_hats(catalogue, "B", 1.0)
    found = near.near(np.eye(3), 1.0)
    assert any("10 without a position in B" in note for note in found.notes)


def test_lost_objects_without_a_position_are_told(catalogue):
    (catalogue / "skybind" / "unplaced.parquet").unlink()
    with pytest.raises(DataError, match="holds 90 of 100 objects: was it copied whole"):
        open_exported(catalogue)
    shutil.rmtree(catalogue / "skybind")  # the catalogue alone was copied
    assert len(open_exported(catalogue)) == 90


def test_lost_rows_and_damaged_partitions_are_told(catalogue):
    place = catalogue_folder(catalogue)[0] / "hats.properties"
    said = place.read_text()
    place.write_text(said.replace("hats_nrows=90", "hats_nrows=91"))
    with pytest.raises(DataError, match="holds 90 rows where its properties say 91"):
        open_exported(catalogue)
    place.write_text(said)
    part = hats_files(catalogue)[-1]
    part.write_bytes(part.read_bytes()[:-9])
    with pytest.raises(DataError, match=f"cannot be read: .*{part.name}"):
        open_exported(catalogue)
