"""An exported catalogue is opened as it lies, and whole."""

import pyarrow.parquet as pq
import pytest

from skybind.data.dataset import Dataset
from skybind.errors import DataError
from skybind.ingest.hats_dataset import open_exported
from skybind.ingest.readers.hats import catalogue_folder, hats_files
from skybind.scale.export import export_hats
from tests.ingest.test_hats_restored import write_survey


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
    assert len(found) == 90
    assert len(opened) == 1  # the first, for the columns
    assert found.state == Dataset.open(catalogue.parent / "survey").fingerprint


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
