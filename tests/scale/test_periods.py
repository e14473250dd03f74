"""Periods and features of a catalogue are those of `skybind data features`, to the byte."""

import shutil

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skybind import scale
from skybind.errors import DataError
from skybind.lightcurves.stored import compute_features
from skybind.scale.adapter import table_of
from skybind.scale.periods import find_curves


def test_periods_are_the_local_ones(lsdb, place, tmp_path):
    shutil.copytree(place / "stars", tmp_path / "stars")
    compute_features(tmp_path / "stars", periods_only=True)
    local = pq.read_table(tmp_path / "stars" / "features" / "photometry.parquet")
    found = scale.features(place / "hats", periods_only=True).compute(progress_bar=False)
    made = table_of(found)
    few = lsdb.open_catalog(str(place / "hats"), columns=["object_id", "photometry"])
    again = table_of(scale.features(few, periods_only=True).compute(progress_bar=False))
    assert again.combine_chunks().equals(made.combine_chunks())
    assert made.column_names == ["ra", "dec", *local.column_names, "reason"]
    local, made = local.sort_by("object_id"), made.sort_by("object_id")
    assert local["photometry_period"].null_count < len(local)
    for name in local.column_names:
        assert made[name].combine_chunks().equals(local[name].combine_chunks()), name
    none = np.array(made["photometry_period"].is_null())
    assert none.any()
    assert [r is not None for r in made["reason"].to_pylist()] == none.tolist()


def test_a_period_of_foreign_light_curves_is_the_true_one(lsdb):
    """Magnitudes of two bands in a nested column that is called otherwise."""
    import pandas as pd
    from nested_pandas import NestedFrame

    rng = np.random.default_rng(2)
    lists = []
    for period in (0.37, 2.2):
        time = np.sort(rng.uniform(0, 300, 150))
        mag = 14 + 0.4 * np.sin(2 * np.pi * time / period) + rng.normal(0, 0.02, 150)
        lists.append((time, mag, np.where(np.arange(150) % 2, "g", "r")))
    kinds = (pa.float64(), pa.float64(), pa.string())
    names = ("mjd", "mag", "band")
    cells = {
        name: pd.Series([row[i] for row in lists], dtype=pd.ArrowDtype(pa.list_(kind)))
        for i, (name, kind) in enumerate(zip(names, kinds, strict=True))
    }
    data = pd.DataFrame({"source_id": [7, 8], "ra": [10.0, 200.0], "dec": [5.0, -5.0]})
    data = NestedFrame(data).assign(**cells).nest_lists(list(names), "lc")
    catalog = lsdb.from_dataframe(data, catalog_name="foreign", margin_threshold=None)
    found = scale.features(catalog, keep=["source_id"])
    assert "photometry_g_amplitude" in found.columns
    rows = table_of(found.compute(progress_bar=False)).sort_by("source_id").to_pylist()
    assert [row["object_id"] for row in rows] == ["7", "8"]
    assert [row["photometry_period"] for row in rows] == pytest.approx([0.37, 2.2], rel=1e-3)


def test_a_catalogue_without_light_curves_is_refused(lsdb):
    import pandas as pd

    from skybind.scale.adapter import open_catalog

    plain = pd.DataFrame({"id": [1, 2], "ra": [3.0, 4], "dec": [5.0, 6], "flux": [7.0, 8]})
    with pytest.raises(DataError, match="no light curves"):
        find_curves(
            open_catalog(lsdb.from_dataframe(plain, catalog_name="plain", margin_threshold=None))
        )
