"""HATS catalogues: the same comes out as of one Parquet file with their rows."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.errors import SkybindError
from skybind.ingest.given import take_given
from skybind.ingest.preview.make import preview_survey
from skybind.ingest.readers import hats, long_pieces, pieces
from skybind.ingest.survey import import_dataset
from skybind.ingest.wanted import Wanted
from tests.ingest.hats_files import healpix, write_collection, write_hats

N = 150
CURVES = {
    "id": "source_id",
    "time": {"column": "lc.mjd", "unit": "MJD"},
    "magnitude": {"column": "lc.mag", "unit": "mag", "missing": [99.99]},
    "magnitude_err": "lc.err",
    "band": "lc.band",
}
LAYOUTS = {
    "catalogue": (write_hats, {}),
    "collection": (write_collection, {}),
    "folders": (write_hats, {"suffix": "/"}),
    "suffix": (write_hats, {"suffix": ".snappy.parquet"}),
    "hipscat": (write_hats, {"properties": "catalog_info.json"}),
}


@pytest.fixture
def table():
    """Objects in two fields, each with a nested light curve; of some it is null or empty."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(0, 9, N)
    curves = [
        {
            "mjd": np.sort(rng.uniform(58000, 58100, n)).round(4).tolist(),
            "mag": np.where(rng.random(n) < 0.1, 99.99, rng.normal(14, 0.3, n)).tolist(),
            "err": rng.uniform(0.01, 0.02, n).tolist(),
            "band": rng.choice(["g", "r"], n).tolist(),
        }
        for n in lengths
    ]
    curves[5] = None
    kinds = {"mjd": pa.float64(), "mag": pa.float32(), "err": pa.float64(), "band": pa.string()}
    nested = pa.struct([(name, pa.list_(kind)) for name, kind in kinds.items()])
    return pa.table(
        {
            "source_id": np.arange(N) + 5_853_498_713_190_525_696,
            "ra": np.where(np.arange(N) % 3, 40, 200) + rng.uniform(0, 3, N),
            "dec": rng.uniform(-3, 3, N),
            "g": rng.normal(15, 1, N).round(3),
            "kind": rng.choice(["RRAB", "EW"], N),
            "lc": pa.array(curves, nested),
        }
    )


def as_records(table):
    """Light curves as lists of structs, as an array of observations."""

    def records(row):
        cells = zip(*row.values(), strict=True)
        return [dict(zip(row, own, strict=True)) for own in cells]

    rows = [None if row is None else records(row) for row in table["lc"].to_pylist()]
    kind = table["lc"].type
    fields = [(kind.field(i).name, kind.field(i).type.value_type) for i in range(kind.num_fields)]
    nested = pa.list_(pa.struct(fields))
    return table.set_column(table.column_names.index("lc"), "lc", pa.array(rows, nested))


def mapping(tmp_path, catalogue, **more):
    objects = {"file": catalogue, "id": "source_id", "ra": "ra", "dec": "dec", "label": "kind",
               "features": {"metadata": {"g_mag": {"column": "g", "unit": "mag"}}}}  # fmt: skip
    path = tmp_path / "m.yaml"
    path.write_text(
        yaml.safe_dump({"objects": objects, "photometry": {"file": catalogue, **CURVES} | more})
    )
    return path  # fmt: skip


def brought(tmp_path, catalogue, **more):
    """Import, and give all that came of it, with the rows of the quarantine but for their file."""
    out = tmp_path / "out"
    summary = import_dataset(mapping(tmp_path, catalogue, **more), out, overwrite=True)
    d = Dataset.open(out)
    curves = d.ragged("photometry")
    lost = sorted((row["object_id"], row["reason"]) for row in read_quarantine(out))
    flat = {name: d.column(name) for name in ("ra", "dec", "g_mag", "label")}
    return list(d.object_ids), flat, curves, lost, summary.repaired


def assert_same(one, other):
    assert one[0] == other[0]
    assert one[3:] == other[3:]
    for name, values in one[1].items():
        np.testing.assert_array_equal(values, other[1][name], err_msg=name)
    np.testing.assert_array_equal(one[2].offsets, other[2].offsets)
    np.testing.assert_array_equal(one[2].present, other[2].present)
    for name, values in one[2].fields.items():
        np.testing.assert_array_equal(values, other[2].fields[name], err_msg=name)


def test_the_index_is_that_of_healpix():
    """Centres of cells of order 0 (Gorski et al. 2005, figure 4); the last child is the north."""
    centres = {4: (0, 0), 5: (90, 0), 7: (270, 0), 0: (45, 41.0), 8: (45, -41.0)}
    for cell, (ra, dec) in centres.items():
        assert healpix([ra], [dec])[0] >> 58 == cell
    around = healpix([1.0, 359.0, 1.0, 359.0], [0.1, 0.1, -0.1, -0.1])
    assert (around >> 58).tolist() == [4] * 4
    assert healpix([0.0], [1.0])[0] >> 56 == 4 * 4 + 3


@pytest.mark.parametrize("records", [False, True])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_catalogue_is_its_rows(tmp_path, table, layout, records):
    table = as_records(table) if records else table
    write, options = LAYOUTS[layout]
    rows = write(tmp_path / "cat", table, **options)
    assert len(set((tmp_path / "cat").rglob("Norder=*"))) > 1, "cells of several orders"
    pq.write_table(table.take(rows), tmp_path / "plain.parquet")
    found = brought(tmp_path, "cat")
    assert_same(found, brought(tmp_path, "plain.parquet"))
    assert found[2].present.sum() > 100
    ids = table["source_id"].to_pylist()
    assert sorted(found[0]) == sorted(map(str, ids)), "64 bits, each once"
    own = table["lc"][ids.index(int(found[0][0]))].as_py()
    if not records:
        curve = found[2].take(np.array([0])).fields
        kept = np.asarray(own["mag"]) < 99
        np.testing.assert_allclose(curve["time"], np.asarray(own["mjd"])[kept] + 2400000.5)


@pytest.mark.parametrize("pieces_of", [1 << 10, 1 << 24])
def test_in_pieces_it_is_the_same(tmp_path, table, monkeypatch, pieces_of):
    rows = write_hats(tmp_path / "cat", table)
    pq.write_table(table.take(rows), tmp_path / "plain.parquet")
    expected = brought(tmp_path, "plain.parquet")
    monkeypatch.setattr(pieces, "LARGE", 0)
    monkeypatch.setattr(pieces, "PIECE", pieces_of)
    monkeypatch.setattr(long_pieces, "PART", 4000)
    assert_same(brought(tmp_path, "cat"), expected)


def test_measurements_of_sources_are_a_long_table(tmp_path, table):
    rng = np.random.default_rng(1)
    epochs = pa.table(
        {
            "source_id": np.repeat(table["source_id"].to_numpy(), 4),
            "ra": np.repeat(table["ra"].to_numpy(), 4),
            "dec": np.repeat(table["dec"].to_numpy(), 4),
            "mjd": 58000 + rng.permutation(4 * N) / 7,
            "mag": rng.normal(14, 0.2, 4 * N),
        }
    )
    rows = write_hats(tmp_path / "sources", epochs, kind="source")
    assert len(rows) == 4 * N
    plain = table.drop_columns(["lc"])
    write_hats(tmp_path / "cat", plain)
    pq.write_table(epochs.take(rows), tmp_path / "epochs.parquet")
    spec = {"time": {"column": "mjd", "unit": "MJD"}, "magnitude": {"column": "mag", "unit": "mag"},
            "magnitude_err": None, "band": None}  # fmt: skip
    one = brought(tmp_path, "cat", file="sources", **spec)
    assert_same(one, brought(tmp_path, "cat", file="epochs.parquet", **spec))
    assert one[2].lengths.tolist() == [4] * N


def test_a_dry_run_reads_it(tmp_path, table):
    write_hats(tmp_path / "cat", table)
    found = preview_survey(mapping(tmp_path, "cat"), 20)
    assert (found.total, len(found.dataset)) == (N, 20)


def test_a_changed_partition_is_noticed(tmp_path, table, monkeypatch):
    """What an interrupted import goes on with: its sources are the partitions themselves."""
    from skybind.ingest.survey import survey_plan

    write_hats(tmp_path / "cat", table)
    sources = survey_plan(mapping(tmp_path, "cat")).sources
    parts = sorted((tmp_path / "cat").glob("dataset/Norder=*/Dir=*/Npix=*"))
    assert sorted(set(sources)) == parts


@pytest.mark.parametrize("kind", ["margin", "association", "index", "map"])
def test_what_holds_no_objects_is_refused(tmp_path, table, kind):
    write_hats(tmp_path / "cat", table, kind=kind, hats_primary_table_url="gaia")
    with pytest.raises(SkybindError, match=f"type '{kind}' of 'gaia', whose rows are no objects"):
        brought(tmp_path, "cat")


def first_partition(folder):
    return sorted(folder.rglob("Npix=*"))[0]


def lose(folder):
    first_partition(folder).unlink()


def shorten(folder):
    path = first_partition(folder)
    pq.write_table(pq.read_table(path, partitioning=None).slice(1), path)


def damage(folder):
    path = first_partition(folder)
    path.write_bytes(path.read_bytes()[:-20])


def mix(folder):
    path = first_partition(folder)
    path.with_name("Npix=99.parquet").write_bytes(path.read_bytes())


def unnamed(folder):
    (folder / "hats.properties").unlink()


def unlisted(folder):
    (folder / "partition_info.csv").unlink()
    lose(folder)


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (lose, "lacks 1 of its .* partitions, the first Norder=2, Npix=.*copied whole"),
        (unlisted, "lacks 1 of its .* partitions"),
        (shorten, "holds 149 rows where its properties say 150"),
        (damage, "Npix=.*cannot be read as parquet"),
        (mix, "holds 1 partitions that it does not list, the first .*Npix=99"),
        (unnamed, "has no hats.properties: name the folder of the whole catalogue"),
    ],
)
def test_a_catalogue_that_is_not_whole_is_refused(tmp_path, table, harm, said):
    write_hats(tmp_path / "cat", table)
    harm(tmp_path / "cat")
    with pytest.raises(SkybindError, match=said):
        brought(tmp_path, "cat")
    assert not (tmp_path / "out").exists()


def test_a_part_of_a_catalogue_is_refused(tmp_path, table):
    """The folder `dataset` alone does not tell a margin from a catalogue."""
    write_hats(tmp_path / "cat", table)
    with pytest.raises(SkybindError, match="name the folder of the whole catalogue"):
        brought(tmp_path, "cat/dataset")


def test_a_collection_without_its_table_is_refused(tmp_path, table):
    write_collection(tmp_path / "cat", table)
    (tmp_path / "cat/main").rename(tmp_path / "elsewhere")
    with pytest.raises(SkybindError, match="no folder of its main table, 'main'"):
        brought(tmp_path, "cat")


def vo(table, **units):
    """The table with units as VOParquet has them: a VOTable without rows, in the metadata."""
    fields = "".join(
        f'<FIELD name="{name}" datatype="double" unit="{u}"/>' for name, u in units.items()
    )
    content = (
        '<?xml version="1.0"?><VOTABLE version="1.5" xmlns="http://www.ivoa.net/xml/VOTable/v1.3">'
        f"<RESOURCE><TABLE>{fields}</TABLE></RESOURCE></VOTABLE>"
    )
    keys = {"IVOA.VOTable-Parquet.version": "1.0", "IVOA.VOTable-Parquet.content": content}
    return table.replace_schema_metadata(keys)


def parallaxes(folder, name):
    mapping = {
        "objects": {
            "file": name,
            "id": "source_id",
            "features": {"metadata": {"parallax": "plx", "g": "g"}},
        },
        "photometry": {"file": name, **CURVES},
    }
    mapping["photometry"]["magnitude"] = {"column": "lc.mag", "missing": [99.99]}
    (folder / "m.yaml").write_text(yaml.safe_dump(mapping))
    import_dataset(folder / "m.yaml", folder / "out", overwrite=True)
    return Dataset.open(folder / "out")


UNITS = {"plx": "arcsec", "g": "mag", "lc.mag": "mmag"}


@pytest.mark.parametrize("layout", ["one file", "catalogue", "collection", "pieces"])
def test_units_of_voparquet_are_read(tmp_path, table, layout, monkeypatch):
    """HATS has them in `_common_metadata` alone; a file of its own in its footer."""
    table = table.append_column("plx", pa.array(np.full(N, 0.002)))
    if layout == "one file":
        pq.write_table(vo(table, **UNITS), tmp_path / "cat")
        (tmp_path / "cat").rename(tmp_path / "cat.parquet")
        name = "cat.parquet"
    else:
        write = write_collection if layout == "collection" else write_hats
        write(tmp_path / "cat", table)
        root = tmp_path / "cat" / ("main/dataset" if layout == "collection" else "dataset")
        pq.write_metadata(vo(table, **UNITS).schema, root / "_common_metadata")
        name = "cat"
    if layout == "pieces":
        monkeypatch.setattr(pieces, "LARGE", 100)
    data = parallaxes(tmp_path, name)
    np.testing.assert_allclose(data.numbers("parallax"), 2)  # mas
    assert data.schema.columns["parallax"].unit == "mas"
    assert data.schema.columns["g"].unit == "mag"
    known = data.ragged("photometry").fields["magnitude"]
    assert len(known) > 100
    assert np.nanmax(np.abs(known - 0.014)) < 0.003  # read as mmag


def test_a_catalogue_is_given_to_a_model(tmp_path, table):
    table = table.append_column("parallax", pa.array(np.full(N, 0.002)))
    rows = write_hats(tmp_path / "cat", table)
    schema = vo(table, parallax="arcsec").schema
    pq.write_metadata(schema, tmp_path / "cat/dataset/_common_metadata")
    wanted = {"metadata": Wanted("metadata", "metadata", "metadata", features={"parallax": "mas"})}
    given = take_given(tmp_path / "cat", wanted=wanted)
    np.testing.assert_allclose(given.dataset.numbers("parallax"), 2)
    names = table["source_id"].to_numpy()[rows].astype(str)
    assert sorted(given.dataset.object_ids) == sorted(names)
    curves = {"photometry": Wanted("photometry", "photometry", "photometry",
                                   {"time": "d", "magnitude": "mag"})}  # fmt: skip
    observed = take_given(tmp_path / "cat", wanted=curves).dataset.ragged("photometry")
    assert observed.present.sum() > 100


def test_a_catalogue_too_large_for_memory_is_to_be_imported_first(tmp_path, table, monkeypatch):
    write_hats(tmp_path / "cat", table)
    monkeypatch.setattr(hats, "MOST", 1000)
    wanted = {"metadata": Wanted("metadata", "metadata", "metadata", features={"g": "mag"})}
    with pytest.raises(SkybindError, match="make a dataset of it with 'skybind data import'"):
        take_given(tmp_path / "cat", wanted=wanted)
