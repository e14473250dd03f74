"""HATS catalogues in a match by position: the same comes out as of one file with their rows."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

import skybind as sb
from skybind.cli import app
from skybind.errors import ConfigError, DataError
from skybind.ingest import hats_match
from skybind.ingest.catalogues import Catalogue
from tests.ingest.hats_files import write_hats


def lsdb():
    return pytest.importorskip("lsdb", reason="LSDB is not installed (extra hats)")


def catalogue(n, rng, width=1.5):
    """Objects in a field across the meridian, where cells of several orders meet."""
    return pa.table(
        {
            "source_id": np.arange(n) + 5_853_498_713_190_525_696,
            "ra": rng.uniform(-width, width, n) % 360,
            "dec": rng.uniform(-width, width, n),
            "pmra": rng.normal(0, 50, n),
            "pmdec": rng.normal(0, 50, n),
            "lc": pa.array([[1.0, 2.0]] * n),
        }
    )


@pytest.fixture
def folder(tmp_path):
    """B as HATS and as a file, in the same order; A near some of it, and elsewhere."""
    rng = np.random.default_rng(3)
    b = catalogue(1500, rng)
    rows = write_hats(tmp_path / "b", b, most=100)
    pq.write_table(b.take(rows), tmp_path / "b.parquet")
    at = rng.permutation(1500)[:200]
    ra, dec = b["ra"].to_numpy()[at], b["dec"].to_numpy()[at]
    a = {
        "id": [f"a{i}" for i in range(260)],
        "ra": np.concatenate([ra + rng.normal(0, 0.004, 200), rng.uniform(100, 110, 60)]) % 360,
        "dec": np.concatenate([dec + rng.normal(0, 0.004, 200), rng.uniform(0, 9, 60)]),
    }
    pq.write_table(pa.table(a), tmp_path / "a.parquet")
    write_hats(tmp_path / "a", pa.table(a))
    return tmp_path


OPTIONS = [{}, {"all_pairs": True}, {"keep": "all"}]


def assert_same(found, expected):
    assert found.to_arrow().equals(expected.to_arrow())
    assert found.counts == expected.counts
    assert found.unmatched_b == expected.unmatched_b
    assert str(found.chance) == str(expected.chance)
    told = [
        sentence.replace(str(found.b.name), str(expected.b.name)) for sentence in found.sentences()
    ]
    assert told == expected.sentences()


@pytest.mark.parametrize("options", OPTIONS)
def test_a_catalogue_is_matched_as_its_rows(folder, options, monkeypatch):
    monkeypatch.setattr(hats_match, "find_spec", lambda name: None)
    expected = sb.crossmatch(folder / "a.parquet", folder / "b.parquet", 30, **options)
    assert expected.n_pairs > 100
    assert expected.chance.expected > 5
    assert_same(sb.crossmatch(folder / "a.parquet", folder / "b", 30, **options), expected)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("radius", [3, 30])
def test_lsdb_brings_the_same(folder, options, radius):
    """Across the edges of cells too: its margin is that of the positions."""
    lsdb()
    expected = sb.crossmatch(folder / "a.parquet", folder / "b.parquet", radius, **options)
    found = sb.crossmatch(folder / "a.parquet", folder / "b", radius, **options)
    assert_same(found, expected)
    assert 0 < len(found.b.ra) < 500, "not all of B was read"
    assert found.b.unread == 1500 - len(found.b.ra)


def test_lsdb_finds_nothing_elsewhere(folder):
    lsdb()
    there = pa.table({"id": ["x"], "ra": [250.0], "dec": [30.0]})
    found = sb.crossmatch(there, folder / "b", 1, keep="all")
    assert (found.n_pairs, found.counts, found.unmatched_b) == (0, {"none": 1}, 1500)
    assert "and 1,500 of B" in found.sentences()[0]


def test_lsdb_of_a_small_field(tmp_path):
    """The shift of the estimate by chance is a tenth of the field, which LSDB does not tell."""
    lsdb()
    rng = np.random.default_rng(4)
    b = catalogue(300, rng, width=0.05)
    rows = write_hats(tmp_path / "b", b)
    pq.write_table(b.take(rows), tmp_path / "b.parquet")
    expected = sb.crossmatch(tmp_path / "b.parquet", tmp_path / "b.parquet", 2)
    found = sb.crossmatch(tmp_path / "b.parquet", tmp_path / "b", 2)
    assert_same(found, expected)
    assert found.chance.distance < 60


@pytest.mark.parametrize(
    ("given", "radius"),
    [({"pm": ("pmra", "pmdec"), "epoch": 2016.0}, 1), ({"ra": "dec"}, 1), ({}, 61)],
)
def test_what_lsdb_cannot_do_is_done_in_memory(folder, given, radius, monkeypatch):
    monkeypatch.setattr(hats_match, "find_spec", lambda name: True)
    assert hats_match.near_hats(folder / "b", "B", 1) is not None
    assert hats_match.near_hats(Catalogue(folder / "b", **given), "B", radius) is None
    assert hats_match.near_hats(folder / "b.parquet", "B", 1) is None


def test_proper_motions_of_a_catalogue_count(folder):
    given = {"pm": ("pmra", "pmdec"), "epoch": 2016.0}
    other = Catalogue(folder / "a.parquet", epoch=2000.0)
    found, expected = (
        sb.crossmatch(Catalogue(folder / name, **given), other, 30) for name in ("b", "b.parquet")
    )
    assert found.epoch == 2000.0
    assert found.to_arrow().equals(expected.to_arrow())


def test_a_catalogue_without_its_columns_is_refused(folder):
    with pytest.raises(ConfigError, match=r"no column 'pmRA'.*'pmra'"):
        sb.crossmatch(Catalogue(folder / "b", pm=("pmRA", "pmdec"), epoch=2000.0), folder / "a")
    write_hats(folder / "margin", pq.read_table(folder / "a.parquet"), kind="margin")
    with pytest.raises(DataError, match="of the type 'margin'"):
        sb.crossmatch(folder / "a.parquet", folder / "margin")


def test_the_command_takes_folders(folder, monkeypatch):
    monkeypatch.setattr(hats_match, "find_spec", lambda name: None)
    out = folder / "pairs.csv"
    done = CliRunner().invoke(
        app,
        ["data", "crossmatch", str(folder / "a"), str(folder / "b"), "-r", "30", "-o", str(out)],
    )
    assert done.exit_code == 0, done.output
    assert out.read_text().count("\n") > 100
