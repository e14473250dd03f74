import numpy as np
import pytest

from skybind.data.computed import ComputedTable
from skybind.data.dataset import Dataset
from skybind.ingest.append import append_dataset
from skybind.lightcurves import grown
from skybind.lightcurves.grown import grow_columns
from skybind.lightcurves.stored import compute_features
from skybind.simulate.write import write_stars
from tests.growing import piece


def test_chunks_of_an_interrupted_work_are_those_of_their_rows(tmp_path, monkeypatch):
    write_stars(tmp_path / "all", 7, seed=5)
    piece(tmp_path / "all", tmp_path / "stars", np.arange(5))
    (summary,) = compute_features(tmp_path / "stars", periods_only=True, out=tmp_path / "features")
    before = ComputedTable.open(summary.path)
    append_dataset(tmp_path / "stars", piece(tmp_path / "all", tmp_path / "new", np.arange(5, 7)))
    data, target = Dataset.open(tmp_path / "stars", computed=()), tmp_path / "made.parquet"

    def killed(*given):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(grown, "write_computed", killed)
        with pytest.raises(KeyboardInterrupt):
            grow_columns(before, data, np.asarray([5, 6]), target, tmp_path / "aside", 1)
    # more rows count as changed, as after a correction that was taken back
    grow_columns(before, data, np.asarray([1, 5, 6]), target, tmp_path / "aside", 1)
    (whole,) = compute_features(tmp_path / "all", periods_only=True, out=tmp_path / "whole")
    made, expected = (
        ComputedTable.open(p).source.table(["object_id", "photometry_period"])
        for p in (target, whole.path)
    )
    assert made.equals(expected)
