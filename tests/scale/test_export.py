"""A dataset as a HATS catalogue: LSDB opens it, and it comes back as it was."""

import shutil

import numpy as np
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from skybind.cli import app
from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.data.splits import Split
from skybind.data.spread import Spread
from skybind.data.stored_splits import split_dataset
from skybind.data.write import DatasetWriter
from skybind.errors import ConfigError, DataError
from skybind.ingest.append import append_survey
from skybind.ingest.hats_dataset import dataset_of, open_exported
from skybind.ingest.hats_restored import restore
from skybind.lightcurves.stored import compute_features
from skybind.parquet import TableWriter
from skybind.ragged import Ragged, offsets_of
from skybind.scale.adapter import open_catalog, partition_of
from skybind.scale.export import export_hats
from skybind.visits import Visits
from tests.scale.test_adapter import hash_of

PIXELS = {"wavelength": "Angstrom", "flux": None}


def ragged(fields, lengths, rng):
    """Lists of random values, absent where a length is negative."""
    lengths = np.asarray(lengths)
    own = np.maximum(lengths, 0)
    values = {
        name: rng.normal(9, 1, own.sum()).astype(np.float64 if name == "time" else np.float32)
        for name in fields
    }
    return Ragged(values, np.concatenate([[0], np.cumsum(own)]), lengths >= 0)


@pytest.fixture(scope="module")
def survey(tmp_path_factory):
    """Light curves, images, visits of spectra, two objects without a position, a split."""
    folder, rng = tmp_path_factory.mktemp("survey") / "survey", np.random.default_rng(4)
    columns = {
        "photometry": Column(
            "observation", modality="photometry", fields={"time": "d", "flux": "mJy"},
            attributes={"time_system": "BJD"},
        ),
        "image": Column(
            "observation", modality="image", fields={"g": "nmgy", "r": "nmgy"},
            attributes={"pixel_scale": 0.262},
        ),
        "spectrum": Column("observation", modality="spectrum", fields=PIXELS),
        "spectrum_visits": Column(
            "visits", modality="spectrum", fields={"visit": None, "time": "d", **PIXELS}
        ),
        "parallax": Column("feature", "mas", "Parallax", "metadata"),
        "label": Column("label"),
    }  # fmt: skip
    with DatasetWriter(folder, columns, provenance="nowhere") as writer:
        for start, n in ((0, 90), (90, 61)):
            ra, dec = rng.uniform(0, 360, n), rng.uniform(-90, 90, n)
            if start:
                ra[:2] = np.nan
            lengths = rng.integers(-1, 40, n)
            counts = rng.integers(0, 4, n)
            k = int(counts.sum())
            spectra = ragged(PIXELS, rng.integers(5, 9, k), rng)
            names = np.array([f"v{i}" for i in range(k)], object)
            visits = Visits(spectra, offsets_of(counts), names, 57000.0 + np.arange(k))
            writer.append({
                "object_id": np.array([f"s{start + i}" for i in range(n)]),
                "ra": ra, "dec": dec,
                "photometry": ragged(["time", "flux"], np.where(lengths == 0, -1, lengths), rng),
                "image": ragged(["g", "r"], np.where(rng.random(n) < 0.3, -1, 16), rng),
                "spectrum": visits.first(), "spectrum_visits": visits,
                "parallax": np.where(rng.random(n) < 0.2, np.nan, rng.normal(1, 0.1, n)),
                "label": np.where(rng.random(n) < 0.5, "A", "B"),
            })  # fmt: skip
        writer.quarantine([{"object_id": "s1", "source": "a", "modality": "image", "reason": "b"}])
    split_dataset(folder, "mine", kind="random", label="label", seed=1)
    compute_features(folder, periods_only=True)
    return folder


@pytest.fixture(scope="module")
def exported(survey):
    out = survey.parent / "survey-hats"
    return export_hats(survey, out, rows=40, margin=3600)


def test_it_comes_back_as_it_was(survey, exported, tmp_path):
    summary = restore(exported.out, tmp_path / "back")
    first, again = Dataset.open(survey), Dataset.open(tmp_path / "back")
    assert again.fingerprint == first.fingerprint
    assert again.schema == first.schema
    assert again.source.table(again.columns).equals(first.source.table(first.columns))
    assert summary.objects == 151
    assert Split.read(tmp_path / "back/splits/mine.parquet").hash == (
        Split.read(survey / "splits/mine.parquet").hash
    )
    names = {p.relative_to(survey) for p in survey.rglob("*") if p.is_file()}
    assert {p.relative_to(again.path) for p in again.path.rglob("*") if p.is_file()} == names
    assert check_dataset(again.path) == check_dataset(survey)


def test_every_object_is_in_one_partition(survey, exported):
    dataset = Dataset.open(survey)
    main = exported.out / exported.out.name
    files = sorted((main / "dataset").rglob("Npix=*.parquet"))
    assert len(files) == exported.partitions > 8
    ids = [name for file in files for name in pq.read_table(file)["object_id"].to_pylist()]
    placed = np.isfinite(dataset.column("ra"))
    assert sorted(ids) == sorted(dataset.object_ids[placed].tolist())
    assert (exported.objects, exported.unplaced) == (149, 2)
    assert "2 more have no position" in exported.text
    assert max(pq.read_metadata(file).num_rows for file in files) <= 40


def test_lsdb_opens_it_and_matches_it(survey, exported):
    lsdb = pytest.importorskip("lsdb", reason="LSDB is not installed (extra scale)")
    import pandas as pd

    catalog = lsdb.open_catalog(str(exported.out), columns="all")
    assert str(catalog.dtypes["photometry"]).startswith("nested<time: [double], flux: [float]>")
    assert len(catalog.margin) == exported.in_margins > 0
    assert str(catalog.dtypes["spectrum_visits"]).startswith("nested<visit: [string]")
    dataset = Dataset.open(survey)
    stored, opened = open_exported(exported.out), open_catalog(exported.out)
    tables = list(stored.iter_tables(stored.columns, 10**6))
    assert len(tables.pop()) == 2  # without a position, which LSDB does not see
    for number, table in enumerate(tables):
        own = dataset_of(partition_of(opened, number), "partition").table(stored.columns)
        assert hash_of(own) == hash_of(table)
    ra, dec = dataset.column("ra"), dataset.column("dec")
    near = pd.DataFrame({"other": np.arange(40), "ra": ra[:40], "dec": dec[:40] * (1 - 1e-7)})
    other = lsdb.from_dataframe(near, catalog_name="other", highest_order=0, margin_threshold=None)
    pairs = other.crossmatch(
        catalog, radius_arcsec=1, suffixes=("", "_of"), suffix_method="all_columns"
    ).compute(progress_bar=False)
    assert pairs.sort_values("other")["object_id_of"].tolist() == dataset.object_ids[:40].tolist()


def test_the_commands(survey, tmp_path):
    hats, back = tmp_path / "hats", tmp_path / "back"
    runner = CliRunner()
    made = runner.invoke(app, ["data", "export", str(survey), "--hats", str(hats), "--margin", "0"])
    assert made.exit_code == 0, made.output
    assert "149 objects are in" in made.output
    assert not list(hats.glob("*arcs"))
    done = runner.invoke(app, ["data", "import", str(hats), "--reader", "hats", "--out", str(back)])
    assert done.exit_code == 0, done.output
    assert Dataset.open(back).fingerprint == Dataset.open(survey).fingerprint


def test_what_is_lacking_is_refused(survey, exported, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(exported.out, copy)
    shutil.rmtree(copy / "skybind")
    with pytest.raises(DataError, match="was not made by 'skybind data export --hats'"):
        restore(copy, tmp_path / "back")
    shutil.copytree(exported.out / "skybind", copy / "skybind")
    (copy / "skybind" / "unplaced.parquet").unlink()
    with pytest.raises(DataError, match="149 of 151 objects"):
        restore(copy, tmp_path / "back")
    assert not (tmp_path / "back").exists()
    with pytest.raises(DataError, match="exists already"):
        export_hats(survey, exported.out)
    with pytest.raises(ConfigError, match="at least one object"):
        export_hats(survey, tmp_path / "new", rows=0)


def test_objects_without_a_position_are_written_and_read_some_at_a_time(tmp_path, monkeypatch):
    n = 5000
    ra = np.where(np.arange(n) % 100 == 0, 1.0, np.nan)
    with DatasetWriter(tmp_path / "data", {"parallax": Column("feature", "mas")}) as writer:
        writer.append({
            "object_id": np.array([f"s{i}" for i in range(n)]), "ra": ra, "dec": ra,
            "parallax": np.arange(n, dtype=float),
        })  # fmt: skip
    sizes = []

    def noted(kind, name):
        real = getattr(kind, name)

        def call(self, table, *others):
            sizes.append(len(table))
            return real(self, table, *others)

        monkeypatch.setattr(kind, name, call)

    noted(TableWriter, "write_table")
    done = export_hats(tmp_path / "data", tmp_path / "hats")
    assert done.unplaced == sum(sizes) - 50 == 4950  # and the partition
    assert max(sizes) == 1024
    monkeypatch.undo()
    sizes.clear()
    noted(Spread, "add")
    restore(done.out, tmp_path / "back")
    assert sum(sizes) == n
    assert max(sizes) == 1024
    assert (
        Dataset.open(tmp_path / "back").fingerprint == Dataset.open(tmp_path / "data").fingerprint
    )
    table = Dataset.open(tmp_path / "back").table(["parallax"])
    np.testing.assert_array_equal(table["parallax"], np.arange(n))


def test_what_is_no_position_is_kept_beside_it_and_what_grew_comes_back(survey, tmp_path):
    """-999 is no right ascension, and a dataset that was appended to is as good as another."""
    more, grown = tmp_path / "more", tmp_path / "grown"
    shutil.copytree(survey, grown)
    column = Column("feature", "mas", "Parallax", "metadata")
    with DatasetWriter(more, {"parallax": column}, provenance="later") as writer:
        writer.append({
            "object_id": np.array(["a", "b"]), "ra": np.array([-999.0, 3.0]),
            "dec": np.array([1.0, 2.0]), "parallax": np.array([1.0, np.nan]),
        })  # fmt: skip
    append_survey(grown, more)
    done = export_hats(grown, tmp_path / "hats", rows=40)
    assert (done.objects, done.unplaced) == (150, 3)
    restore(done.out, tmp_path / "back")
    assert Dataset.open(tmp_path / "back").fingerprint == Dataset.open(grown).fingerprint
