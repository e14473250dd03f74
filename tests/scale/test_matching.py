"""Pairs of two catalogues are those of `skybind.crossmatch`, across the edges of partitions too."""

import numpy as np
import pyarrow as pa
import pytest

import skybind as sb
from skybind import scale
from skybind.errors import ConfigError, DataError
from skybind.scale.adapter import table_of

RADIUS = 30
SAID = ["separation", "candidates_a", "candidates_b", "second_separation", "status"]


def field(n, rng, width=1.5):
    """Objects in a field across the meridian, where cells of several orders meet."""
    return {"ra": rng.uniform(-width, width, n) % 360, "dec": rng.uniform(-width, width, n)}


@pytest.fixture(scope="module")
def tables():
    rng = np.random.default_rng(3)
    b = {"source_id": np.arange(1200) + 10**18, **field(1200, rng)}
    at = rng.permutation(1200)[:300]
    more = field(60, rng)
    a = {
        "id": [f"a{i}" for i in range(360)],
        "ra": np.r_[(b["ra"][at] + rng.normal(0, 0.004, 300)) % 360, more["ra"]],
        "dec": np.r_[b["dec"][at] + rng.normal(0, 0.004, 300), more["dec"]],
    }
    return pa.table(a), pa.table(b)


@pytest.fixture(scope="module")
def catalogues(lsdb, tables):
    return [
        lsdb.from_dataframe(
            table.to_pandas(), catalog_name=name, partition_rows=rows, margin_threshold=100
        )
        for table, name, rows in zip(tables, "ab", (150, 300), strict=True)
    ]


@pytest.mark.parametrize("options", [{}, {"all_pairs": True}])
def test_pairs_are_the_local_ones(tables, catalogues, options):
    assert all(catalog.npartitions > 3 for catalog in catalogues)
    a, b = (sb.Catalogue(t, id=n) for t, n in zip(tables, ("id", "source_id"), strict=True))
    local = sb.crossmatch(a, b, RADIUS, **options).to_arrow()
    found = scale.match(*catalogues, RADIUS, **options)
    made = table_of(found.compute(progress_bar=False))
    made = made.append_column("b", made["source_id_b"].cast(pa.string()))
    made = made.sort_by([("id", "ascending"), ("b", "ascending")])
    local = local.sort_by([("a_id", "ascending"), ("b_id", "ascending")])
    assert made["id"].to_pylist() == local["a_id"].to_pylist()
    assert made["b"].to_pylist() == local["b_id"].to_pylist()
    assert set(local["status"].to_pylist()) >= {"clear", "several"}
    for name in SAID:
        assert made[name].to_pylist() == local[name].to_pylist(), name


def test_positions_by_other_names(tables, catalogues):
    b = catalogues[1].rename({"ra": "RAJ2000", "dec": "DEJ2000"})
    found = scale.match(catalogues[0], b, 1, columns=["source_id"])
    assert list(found.columns) == ["id", "ra", "dec", "ra_b", "dec_b", "source_id_b", *SAID]


def test_a_margin_that_is_too_narrow_is_refused(lsdb, tables, catalogues):
    with pytest.raises(DataError, match=r"a margin of 100 arcsec, and the match needs 125"):
        scale.match(*catalogues, 50)
    bare = lsdb.from_dataframe(tables[1].to_pandas(), catalog_name="b", margin_threshold=None)
    with pytest.raises(DataError, match="no margin"):
        scale.match(catalogues[0], bare, 1)
    with pytest.raises(ConfigError, match="above 0"):
        scale.match(*catalogues, 0)
    with pytest.raises(ConfigError, match=r"no column 'name'"):
        scale.match(*catalogues, 1, id_a="name")
