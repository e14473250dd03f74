"""`features: computed` in a mapping: the import ends with the columns that the command makes."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.errors import ConfigError, DataError, ProcessError
from skybind.ingest.survey import import_dataset
from skybind.lightcurves import stored
from skybind.lightcurves.stored import compute_features
from tests.lightcurves.made_up import sines

PERIODS = [0.6, 2.2, 9.0] * 20


@pytest.fixture
def files(tmp_path):
    """Survey files of light curves without any period, and a function that writes a mapping."""
    curves = sines(PERIODS)
    names = np.asarray([f"s{row}" for row in range(len(curves))])
    pq.write_table(pa.table({"name": names, "per": PERIODS}), tmp_path / "stars.parquet")
    epochs = {"name": names[curves.owner], **curves.fields}
    pq.write_table(pa.table(epochs), tmp_path / "epochs.parquet")

    def write(features="computed", flat=None):
        objects = {"file": "stars.parquet", "id": "name"}
        if flat:
            objects["info"] = {flat: "per"}
        photometry = {
            "file": "epochs.parquet",
            "id": "name",
            "time": {"column": "time", "unit": "d"},
            "magnitude": {"column": "magnitude", "unit": "mag"},
            "magnitude_err": "magnitude_err",
            "features": features,
        }
        path = tmp_path / "mapping.yaml"
        path.write_text(yaml.safe_dump({"objects": objects, "photometry": photometry}))
        return path

    return write


def test_an_import_computes_what_the_command_would(files, tmp_path):
    summary = import_dataset(files(), tmp_path / "computed")
    import_dataset(files(None), tmp_path / "bare")
    assert Dataset.open(tmp_path / "bare").computed == []
    compute_features(tmp_path / "bare")
    made, known = Dataset.open(tmp_path / "computed"), Dataset.open(tmp_path / "bare")
    assert made.schema.columns == known.schema.columns
    assert made.table(list(made.schema.columns)).equals(known.table(list(known.schema.columns)))
    np.testing.assert_allclose(made.column("photometry_period"), PERIODS, rtol=0.01)
    assert check_dataset(tmp_path / "computed") == []
    note = "53 columns are computed from 'photometry': 60 light curves, 60 periods"
    assert any(text.startswith(note) for text in summary.notes)
    written = json.loads((tmp_path / "computed" / "import.json").read_text())
    assert written["notes"] == summary.notes


@pytest.mark.parametrize("error", [KeyboardInterrupt, ProcessError])
def test_an_import_that_was_stopped_keeps_what_was_computed(files, tmp_path, monkeypatch, error):
    def stopping(curves, definitions, **options):
        if done:
            raise error
        done.append(len(curves))
        return computed(curves, definitions, **options)

    done, computed = [], stored.compute_columns
    monkeypatch.setattr(stored, "compute_columns", stopping)
    with pytest.raises(error):
        import_dataset(files(), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    left = []

    def counting(curves, definitions, **options):
        left.append(len(curves))
        return computed(curves, definitions, **options)

    monkeypatch.setattr(stored, "compute_columns", counting)
    import_dataset(files(), tmp_path / "out")
    assert (done, left) == ([50], [10])
    assert np.isfinite(Dataset.open(tmp_path / "out").column("photometry_period")).all()
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_dir()) == ["out"]


def test_what_is_wrong_is_said_before_anything_is_read(files, tmp_path):
    with pytest.raises(ConfigError, match=r"photometry\.features"):
        import_dataset(files("all"), tmp_path / "out")
    with pytest.raises(DataError, match="'photometry_period' of its own"):
        import_dataset(files(flat="photometry_period"), tmp_path / "out")
    assert not (tmp_path / "out").exists()
