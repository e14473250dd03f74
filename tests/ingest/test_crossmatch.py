import numpy as np
import pandas as pd
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord
from astropy.table import Table
from typer.testing import CliRunner

import skybind as sb
from skybind.cli import app
from skybind.data.dataset import Dataset
from skybind.data.sky import unit_vectors
from skybind.errors import ConfigError, DataError
from skybind.ingest.chance import estimate_chance
from skybind.ingest.crossmatch import MEANINGS, crossmatch
from skybind.ingest.given_files import frame_of_file
from skybind.ingest.survey import import_dataset


def table(ra, dec, **columns):
    names = [f"s{i}" for i in range(len(ra))]
    return Table({"id": names, "ra": np.asarray(ra, float), "dec": np.asarray(dec, float),
                  **columns})  # fmt: skip


@pytest.fixture
def sky():
    """Stars of A, all but ten of them in B under other names, shuffled, 0.1 arcsec away."""
    rng = np.random.default_rng(11)
    n = 500
    at = SkyCoord(rng.uniform(355, 365, n) % 360, rng.uniform(80, 90, n), unit="deg")
    there = at.directional_offset_by(rng.uniform(0, 360, n) * u.deg, 0.1 * u.arcsec)
    order = rng.permutation(n)[: n - 10]
    a = table(at.ra.deg, at.dec.deg)
    b = Table({"name": [f"b{i}" for i in order], "RA_ICRS": there.ra.deg[order],
               "DE_ICRS": there.dec.deg[order]})  # fmt: skip
    return a, b


def test_every_star_finds_itself(sky):
    a, b = sky
    found = sb.crossmatch(a, b, radius=1)
    pairs = found.table
    assert len(pairs) == found.n_pairs == 490
    assert [name[1:] for name in pairs["a_id"]] == [name[1:] for name in pairs["b_id"]]
    np.testing.assert_allclose(pairs["separation"], 0.1, atol=1e-6)
    assert set(pairs["status"]) == {"clear"}
    assert pairs["separation"].unit == "arcsec"
    assert found.counts == {"clear": 490, "none": 10}
    assert found.unmatched_b == 0


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".fits", ".vot", ".ecsv", ".txt"])
def test_every_format_is_read_and_written(sky, tmp_path, ending):
    a, b = (part.copy() for part in sky)
    for name, part in (("a", a), ("b", b)):
        if ending == ".parquet":
            part.to_pandas().to_parquet(tmp_path / f"{name}.parquet")
        else:
            format = {".txt": "ascii.basic", ".vot": "votable", ".ecsv": "ascii.ecsv"}.get(ending)
            part.write(tmp_path / f"{name}{ending}", format=format)
    out = tmp_path / f"pairs{'.csv' if ending == '.txt' else ending}"
    found = crossmatch(tmp_path / f"a{ending}", tmp_path / f"b{ending}", out=out)
    assert found.n_pairs == 490
    read = frame_of_file(out).flat
    assert len(read["a_id"]) == 490
    assert [v[1:] for v in read["a_id"].tolist()] == [v[1:] for v in read["b_id"].tolist()]
    np.testing.assert_allclose(read["separation"], 0.1, atol=1e-6)
    own = {name: row for row, name in enumerate(a["id"])}
    rows = [own[name] for name in read["a_id"].tolist()]
    np.testing.assert_allclose(read["ra"], a["ra"][rows], rtol=1e-9)
    np.testing.assert_allclose(read["dec"], a["dec"][rows], rtol=1e-9)
    apart = SkyCoord(read["ra"], read["dec"], unit="deg").separation(
        SkyCoord(read["b_ra"], read["b_dec"], unit="deg")
    )
    np.testing.assert_allclose(apart.arcsec, read["separation"], atol=1e-6)
    assert not list(tmp_path.glob("*.tmp"))


def test_tables_in_memory_and_datasets_are_matched(stars):
    dataset = Dataset.open(stars)
    flat = dataset.to_pandas(["object_id", "ra", "dec"])
    moved = flat.assign(dec=flat["dec"] + 0.2 / 3600)
    for given in (dataset, stars, str(stars), flat):
        pairs = crossmatch(given, moved, 1).table
        assert pairs["a_id"].tolist() == pairs["b_id"].tolist() == flat["object_id"].tolist()
        np.testing.assert_allclose(pairs["separation"], 0.2, atol=1e-6)


def barnard(years):
    """Barnard's star after some years, by astropy."""
    star = SkyCoord("17h57m48.49847s", "+4d41m36.1139s")
    return star.spherical_offsets_by(-0.80155 * years * u.arcsec, 10.36239 * years * u.arcsec)


def test_proper_motions_lead_to_a_common_epoch():
    gaia = table(
        [barnard(0).ra.deg, 100],
        [barnard(0).dec.deg, 0],
        pmra=[-801.55, np.nan],
        pmdec=[10362.39, np.nan],
        ref_epoch=[2016.0, 2016.0],
    )
    old = table([barnard(-16).ra.deg, 100], [barnard(-16).dec.deg, 0])
    assert crossmatch(gaia, old, 1).n_pairs == 1
    moved = crossmatch(sb.Catalogue(gaia, pm=("pmra", "pmdec")), sb.Catalogue(old, epoch=2000.0), 1)
    assert moved.n_pairs == 2
    assert moved.epoch == 2000.0
    assert moved.separation[0] < 0.01
    back = crossmatch(
        sb.Catalogue(old, epoch=2000.0), sb.Catalogue(gaia, pm=("pmra", "pmdec"), epoch=2016.0), 1
    )
    assert back.epoch == 2000.0
    assert back.n_pairs == 2
    told = " ".join(moved.notes)
    assert "1 without a proper motion in A (given Table)" in told
    assert "column 'ref_epoch'" in told
    assert "not used" in " ".join(crossmatch(gaia, old, 1).notes)


def test_the_unit_of_a_proper_motion_counts():
    gaia = table([barnard(0).ra.deg], [barnard(0).dec.deg])
    gaia["pmra"] = [-0.80155] * u.arcsec / u.yr
    gaia["pmdec"] = [10.36239] * u.arcsec / u.yr
    old = table([barnard(-16).ra.deg], [barnard(-16).dec.deg])
    moved = crossmatch(
        sb.Catalogue(gaia, pm=("pmra", "pmdec"), epoch=2016), sb.Catalogue(old, epoch=2000), 1
    )
    assert moved.separation[0] < 0.01


def test_both_may_move():
    a = table([barnard(0).ra.deg], [barnard(0).dec.deg], pmra=[-801.55], pmdec=[10362.39])
    b = table([barnard(-16).ra.deg], [barnard(-16).dec.deg], pmra=[-801.55], pmdec=[10362.39])
    first = sb.Catalogue(a, pm=("pmra", "pmdec"), epoch=2016.0)
    other = sb.Catalogue(b, pm=("pmra", "pmdec"), epoch=2000.0)
    for epoch in (None, 1950.0, 2008.0):
        assert crossmatch(first, other, 1, epoch=epoch).separation[0] < 0.1
    assert crossmatch(first, other, 1).epoch == 2000.0


def test_epochs_that_are_lacking_or_no_years_are_refused():
    a = table([1], [1], pmra=[1.0], pmdec=[1.0])
    moving = sb.Catalogue(a, pm=("pmra", "pmdec"))
    with pytest.raises(ConfigError, match=r"A .* has proper motions but no epoch"):
        crossmatch(moving, a)
    with pytest.raises(ConfigError, match=r"epoch of B .* is needed"):
        crossmatch(sb.Catalogue(a, pm=("pmra", "pmdec"), epoch=2016.0), a)
    with pytest.raises(ConfigError, match=r"Julian year, such as 2016.0, and not 57388"):
        crossmatch(sb.Catalogue(a, pm=("pmra", "pmdec"), epoch=57388.0), a)
    with pytest.raises(ConfigError, match="did you mean 'pmdec'"):
        crossmatch(sb.Catalogue(a, pm=("pmra", "pmde"), epoch=2016.0), a)
    with pytest.raises(ConfigError, match="no catalogue has proper motions"):
        crossmatch(a, a, epoch=2000.0)
    apart = crossmatch(sb.Catalogue(a, epoch=2016.0), sb.Catalogue(a, epoch=2000.0))
    assert any("epochs differ" in note for note in apart.notes)


def doubtful():
    a = table([10, 10, 10, 10, 20], [0, 1, 1 + 0.6 / 3600, 2, 99])
    b = table([10, 10, 10, 10], np.array([0.2, 3600.1, 7200.5, 7199.4]) / 3600)
    return a, b


def test_doubtful_and_missing_pairs_have_a_status():
    a, b = doubtful()
    found = crossmatch(a, b, 1.0, keep="all")
    got = {row["a_id"]: (row["b_id"], row["status"]) for row in found.table}
    assert got == {
        "s0": ("s0", "clear"),
        "s1": ("s1", "several"),
        "s2": ("", "taken"),
        "s3": ("s2", "several"),
        "s4": ("", "no position"),
    }
    assert found.counts == {"clear": 1, "several": 2, "taken": 1, "no position": 1}
    text = "\n".join(found.sentences())
    assert "3 pairs within 1 arcsec of 4 objects of A" in text
    assert "1 without a position in A (given Table) (1: dec is out of range)." in text
    for status in ("clear", "several", "taken", "no position"):
        assert MEANINGS[status] in text
    assert len(crossmatch(a, b, 1.0).table) == 3
    every = crossmatch(a, b, 1.0, all_pairs=True, keep="all").table
    assert [(r["a_id"], r["b_id"]) for r in every] == [
        ("s0", "s0"), ("s1", "s1"), ("s2", "s1"), ("s3", "s2"), ("s3", "s3"), ("s4", ""),
    ]  # fmt: skip


def test_a_pair_missing_is_null_and_not_zero():
    a, b = doubtful()
    rows = crossmatch(a, b, 1.0, keep="all").to_arrow().to_pylist()
    assert rows[4] == {
        "a_id": "s4", "b_id": None, "ra": None, "dec": None, "b_ra": None, "b_dec": None,
        "separation": None, "candidates_a": 0, "candidates_b": None, "second_separation": None,
        "status": "no position",
    }  # fmt: skip


def test_twins_are_matched_once_each():
    a, b = table([5, 5], [5, 5]), table([5, 5, 5], [5, 5, 5])
    found = crossmatch(a, b, 1.0)
    assert found.n_pairs == 1
    assert set(found.status) == {"several"}
    assert crossmatch(a, b, 1.0, all_pairs=True).n_pairs == 6


def test_matches_by_chance_are_estimated():
    rng = np.random.default_rng(3)
    # 20,000 objects on a square degree, twice: pi r^2 of it within 4 arcsec of each
    a, b = (unit_vectors(rng.uniform(0, 1, 20_000), rng.uniform(-0.5, 0.5, 20_000)) for _ in "ab")
    expected = 20_000**2 * np.pi * 4**2 / 3600**2
    chance = estimate_chance(a, b, 4.0, all_pairs=True)
    assert chance.expected == pytest.approx(expected, rel=0.06)
    assert 0 < chance.error < 0.03 * expected
    # those that are there are not counted: the shift leaves them behind
    assert estimate_chance(a, a, 4.0, all_pairs=True).expected == pytest.approx(expected, rel=0.06)
    assert estimate_chance(a, b, 4.0).expected < chance.expected


def test_a_small_field_has_no_estimate(sky):
    a = table([1, 1.0001], [1, 1.0001])
    found = crossmatch(a, a, 1.0)
    assert found.chance is None
    assert "too small" in " ".join(found.sentences())
    assert "By chance one would expect 0.0" in " ".join(crossmatch(*sky).sentences())


def test_columns_are_named_or_found():
    plain = table([1], [2])
    odd = Table({"Star": ["x"], "Lon": [1.0], "Lat": [2.0]})
    with pytest.raises(DataError, match=r"B .* no columns with the usual names .* Star, Lon, Lat"):
        crossmatch(plain, odd)
    found = crossmatch(plain, sb.Catalogue(odd, id="Star", ra="Lon", dec="Lat"))
    assert found.table["b_id"].tolist() == ["x"]
    with pytest.raises(ConfigError, match="did you mean 'Lon'"):
        crossmatch(plain, sb.Catalogue(odd, ra="Lom", dec="Lat"))
    unnamed = crossmatch(plain, Table({"RAJ2000": [1.0], "DEJ2000": [2.0]}))
    assert unnamed.table["b_id"].tolist() == ["0"]
    assert any("no column of names" in note for note in unnamed.notes)
    hours = Table({"id": ["x"], "ra": [1 / 15], "dec": [2.0]})
    assert crossmatch(plain, sb.Catalogue(hours, unit="hourangle")).n_pairs == 1


def test_hours_taken_for_degrees_are_told():
    rng = np.random.default_rng(1)
    hours = table(rng.uniform(0, 24, 50), rng.uniform(-60, 60, 50))
    assert any("below 24" in note for note in crossmatch(hours, hours).notes)
    degrees = table(rng.uniform(0, 360, 50), rng.uniform(-60, 60, 50))
    assert not crossmatch(degrees, degrees).notes


def test_long_names_keep_their_digits(tmp_path):
    ids = [5853498713190525696, 5853498713190525697]
    pd.DataFrame({"source_id": ids, "ra": [1.0, 2.0], "dec": [0.0, 0.0]}).to_csv(
        tmp_path / "gaia.csv", index=False
    )
    (tmp_path / "old.csv").write_text("HIP,ra,dec\n007,1,0\n008,2,0\n")
    found = crossmatch(tmp_path / "gaia.csv", sb.Catalogue(tmp_path / "old.csv", id="HIP")).table
    assert found["a_id"].tolist() == [str(i) for i in ids]
    assert found["b_id"].tolist() == ["007", "008"]


def test_repeated_names_are_told():
    twice = Table({"id": ["a", "a", ""], "ra": [1.0, 2.0, 3.0], "dec": [0.0, 0.0, 0.0]})
    note = "1 without a name and 2 whose name occurs again in A (given Table) are matched"
    assert note in " ".join(crossmatch(twice, twice).notes)


def test_what_is_no_catalogue_is_refused(tmp_path):
    (tmp_path / "hats.properties").write_text("obs_collection=gaia\n")
    with pytest.raises(DataError, match="HATS catalogue of the type 'unknown'"):
        crossmatch(tmp_path, tmp_path)
    with pytest.raises(DataError, match="list is no catalogue"):
        crossmatch([1], [2])


@pytest.mark.parametrize(
    ("options", "message"),
    [({"radius": 0}, "radius is 0"), ({"radius": float("nan")}, "radius is nan"),
     ({"keep": "some"}, "keep is 'some'"), ({"out": "pairs.doc"}, "ends in none of")],
)  # fmt: skip
def test_options_that_do_not_fit_are_refused(options, message):
    with pytest.raises((ConfigError, DataError), match=message):
        crossmatch(table([1], [1]), table([1], [1]), **options)


def test_the_command_prints_counts_and_writes_the_table(sky, tmp_path):
    a, b = sky
    a.write(tmp_path / "a.csv")
    b.write(tmp_path / "b.fits")
    arguments = [
        "data", "crossmatch", str(tmp_path / "a.csv"), str(tmp_path / "b.fits"),
        "--radius", "0.5", "--out", str(tmp_path / "pairs.csv"), "--ra-b", "RA_ICRS",
        "--epoch-a", "2016.0", "--keep", "all",
    ]  # fmt: skip
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    assert "490 pairs within 0.5 arcsec of 500 objects of A (a.csv)" in done.output
    assert "10 none" in done.output
    assert len(Table.read(tmp_path / "pairs.csv")) == 500
    wrong = CliRunner().invoke(app, [*arguments, "--pm-a", "pmra"])
    assert "give two columns" in str(wrong.exception)


def test_positions_in_hours_and_minutes_are_read(tmp_path):
    (tmp_path / "a.csv").write_text("name,RAJ2000,DEJ2000\nx,06:37:15.9,-00:30:15\n")
    found = crossmatch(tmp_path / "a.csv", table([99.31625], [-0.504166667]))
    assert found.n_pairs == 1
    assert any("read as hours" in note for note in found.notes)


def test_a_dataset_with_upper_limits_is_matched(tmp_path):
    (tmp_path / "o.csv").write_text("id,ra,dec\na,10,5\nb,20,5\n")
    epochs = [f"{name},{k},{12 + 0.1 * k},{name == 'a' and k == 2}" for name in "ab"
              for k in range(1, 6)]  # fmt: skip
    (tmp_path / "e.csv").write_text("\n".join(["id,t,m,limit", *epochs]) + "\n")
    (tmp_path / "m.yaml").write_text(
        "objects: {file: o.csv, id: id, ra: ra, dec: dec}\n"
        "photometry: {file: e.csv, id: id, time: {column: t, unit: d}, "
        "magnitude: {column: m, unit: mag}, upper_limit: limit}\n"
    )
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    assert Dataset.open(tmp_path / "out").lengths("photometry_limits").tolist() == [1, -1]
    found = crossmatch(tmp_path / "out", Table({"id": ["x"], "ra": [10.0], "dec": [5.0]}))
    assert found.n_pairs == 1
