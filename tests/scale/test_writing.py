"""What was made becomes a HATS catalogue, whole or not at all, which LSDB opens and matches."""

import time

import pyarrow.parquet as pq
import pytest

from skybind import scale
from skybind.errors import ConfigError, DataError
from skybind.ingest.readers.hats import hats_files, hats_table
from skybind.models.stored import read_note
from skybind.scale.adapter import properties_of, table_of, write_catalog
from skybind.version import __version__


@pytest.fixture(scope="module")
def planned(place):
    return scale.classify(place / "hats", place / "stars-run", modalities=["photometry"])


@pytest.fixture(scope="module")
def written(place, planned):
    return scale.write(planned, place / "classes")


def test_lsdb_opens_it_again(lsdb, planned, written):
    again = lsdb.open_catalog(str(written), columns="all")
    assert again.dtypes.equals(planned.dtypes)
    made, first = (table_of(c.compute(progress_bar=False)) for c in (again, planned))
    assert made.combine_chunks().equals(first.combine_chunks())
    assert len(made) == 60
    assert again.margin.hc_structure.catalog_info.margin_threshold == 10


def test_it_says_where_it_comes_from(lsdb, place, written):
    said = properties_of(lsdb.open_catalog(str(written)))
    assert said["skybind_version"] == __version__
    assert said["skybind_did"] == "classify"
    model = place / "stars-run" / "finetune" / "photometry-full-scratch" / "model"
    assert said["skybind_weights"] == read_note(model)["identity"]["weights"]


def test_it_is_matched_with_the_catalogue_that_it_is_of(lsdb, place, written):
    left, right = (lsdb.open_catalog(str(p), columns="all") for p in (written, place / "hats"))
    pairs = left.crossmatch(
        right, radius_arcsec=1, suffixes=("", "_of"), suffix_method="all_columns"
    ).compute(progress_bar=False)
    assert len(pairs) == 60
    assert (pairs["object_id"] == pairs["object_id_of"]).all()


def test_skybind_reads_it_too(written):
    assert len(hats_table(written)) == 60


def fails_once(frame, flag, done):
    """Fail, once, when a partition is written."""
    until = time.monotonic() + 30
    while not flag.exists() and time.monotonic() < until:
        if any(done.rglob("*_done")):
            flag.touch()
            raise OSError("the disk is gone")
        if len(frame) < 15:  # a small partition goes on
            break
        time.sleep(0.01)
    return frame


def test_it_goes_on_where_it_stopped(lsdb, place, tmp_path):
    """Partitions that are written are not computed again."""
    catalog = lsdb.open_catalog(str(place / "hats"), columns=["object_id"])
    sizes = [pq.read_metadata(file).num_rows for file in hats_files(place / "hats")]
    assert min(sizes) < 15 <= max(sizes)
    out = tmp_path / "out"
    planned = catalog.map_partitions(
        fails_once, tmp_path / "flag", tmp_path / ".out.unfinished", meta=catalog.meta
    )
    with pytest.raises(RuntimeError, match="the disk is gone"):
        scale.write(planned, out)
    assert not out.exists()
    (work,) = (tmp_path / ".out.unfinished").iterdir()
    done = [path.name for path in work.rglob("*_done")]
    before = {path.name: path.stat().st_mtime_ns for path in work.rglob("Npix=*")}
    assert 0 < len(done) < catalog.npartitions
    scale.write(planned, out)
    (tmp_path / "flag").unlink()
    after = {path.name: path.stat().st_mtime_ns for path in out.rglob("Npix=*")}
    finished = [f"Npix={name.split('_')[1]}.parquet" for name in done]
    assert {name: after[name] for name in finished} == {name: before[name] for name in finished}
    assert len(hats_table(out)) == 60
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_it_takes_no_place_of_another(place, planned, written):
    with pytest.raises(DataError, match="exists already"):
        scale.write(planned, written)
    with pytest.raises(ConfigError, match="no catalogue of LSDB"):
        scale.write({}, place / "nowhere")


def test_what_lsdb_cannot_go_on_with_is_done_anew(tmp_path):
    """It was killed between two of its notes on a partition."""

    class Catalog:
        def get_healpix_pixels(self):
            return [1]

        def write_catalog(self, folder, **_):
            if (tmp_path / "work" / "half").exists():
                raise ValueError("The existing files do not match. Cannot resume write.")
            (tmp_path / "work" / "whole").touch()

    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "half").touch()
    write_catalog(Catalog(), tmp_path / "work", "name")
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["whole"]
