"""Further tables of the same objects, and observations under another survey's names."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from astropy.table import Table

from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.errors import ConfigError, DataError
from skybind.ingest.survey import import_dataset

OBJECTS = "star,ra,type\n007,1,EW\nb,2,EA\nc,3,RRab\n"
#: Out of order, one name twice, one of no object, none for c.
MORE = """name,ra,g,tess,tic
b,20,14.5,b7,900719925474099312
007,10,13.5,a7,12
z,30,1,z7,3
b,0,0,x,4
"""
EPOCHS = "tess,t,m\n" + "".join(
    f"{name},{day},{value + day / 10}\n"
    for day in range(1, 6)
    for name, value in (("a7", 12.0), ("b7", 14.0), ("q7", 9.0))
)


def run(folder, objects=None, photometry=None, more=MORE, name="more.csv"):
    (folder / "o.csv").write_text(OBJECTS)
    (folder / "e.csv").write_text(EPOCHS)
    if isinstance(more, str):
        (folder / name).write_text(more)
    mapping = {
        "objects": {
            "file": "o.csv",
            "id": "star",
            "label": "type",
            "join": [{"file": name, "id": "name", "prefix": "gaia_"}],
            "features": {"metadata": {"g": {"column": "gaia_g", "unit": "mag"}}},
            "info": {"tic": "gaia_tic"},
            **(objects or {}),
        }
    }
    if photometry is not None:
        mapping["photometry"] = {
            "time": {"column": "t", "unit": "d"},
            "magnitude": {"column": "m", "unit": "mag"},
            **photometry,
        }
    (folder / "m.yaml").write_text(yaml.safe_dump(mapping, sort_keys=False))
    summary = import_dataset(folder / "m.yaml", folder / "out", overwrite=True)
    return Dataset.open(folder / "out"), summary


def test_each_object_gets_the_row_of_its_name(tmp_path):
    data, summary = run(tmp_path)
    assert data.object_ids.tolist() == ["007", "b", "c"]
    assert np.allclose(data.numbers("g"), [13.5, 14.5, np.nan], equal_nan=True)
    assert [str(data[i]["tic"]) for i in range(2)] == ["12", "900719925474099312"]
    assert data[2]["tic"] in (None, "")
    (told,) = summary.notes
    assert told.startswith("more.csv: 2 of 3 objects have a row in it; 1 of its names is of no")
    assert "1 row repeats a name and does not count" in told


@pytest.mark.parametrize("ending", ["fits", "parquet", "ecsv", "vot"])
def test_units_come_with_the_columns_of_any_format(tmp_path, ending):
    table = Table({"name": ["b", "007"], "g": np.array([14.5, 13.5], "f4")})
    table["g"].unit = "mag"
    if ending == "parquet":
        field = pa.field("g", pa.float32(), metadata={"unit": "mag"})
        schema = pa.schema([pa.field("name", pa.string()), field])
        arrays = [pa.array(["b", "007"]), pa.array([14.5, 13.5], pa.float32())]
        pq.write_table(pa.Table.from_arrays(arrays, schema=schema), tmp_path / "more.parquet")
    else:
        format = {"vot": "votable", "ecsv": "ascii.ecsv"}.get(ending, ending)
        table.write(tmp_path / f"more.{ending}", format=format)
    features = {"features": {"metadata": {"g": "gaia_g"}}, "info": {}}
    data, _ = run(tmp_path, features, more=None, name=f"more.{ending}")
    assert np.allclose(data.numbers("g"), [13.5, 14.5, np.nan], equal_nan=True)
    if ending != "parquet":
        assert data.schema.columns["g"].unit == "mag"


def test_observations_under_the_names_of_another_survey(tmp_path):
    data, summary = run(tmp_path, photometry={"file": "e.csv", "id": "tess", "match": "gaia_tess"})
    assert summary.observed["photometry"] == 2
    assert data.present("photometry").tolist() == [True, True, False]
    first = {name: data[name].photometry["magnitude"][0].value for name in ("007", "b")}
    assert first == pytest.approx({"007": 12.1, "b": 14.1})
    rows = {row["object_id"]: row["reason"] for row in read_quarantine(data.path)}
    assert rows == {"q7": "no such object in the table of objects (5 rows)"}


def test_a_name_of_two_objects_belongs_to_the_first(tmp_path):
    more = "name,g,tess,tic\n007,13.5,a7,1\nb,14.5,a7,2\n"
    data, _ = run(
        tmp_path, photometry={"file": "e.csv", "id": "tess", "match": "gaia_tess"}, more=more
    )
    assert data.present("photometry").tolist() == [True, False, False]
    rows = {row["object_id"]: row["reason"] for row in read_quarantine(data.path)}
    assert rows["b"] == "'a7' (gaia_tess) is of the object 007 already"


@pytest.mark.parametrize(
    ("objects", "more", "said"),
    [
        (
            {"join": [{"file": "more.csv", "id": "name"}], "ra": "ra"},
            MORE,
            r"'ra' is a column of more.csv and",
        ),
        ({"label": "gaia_tes"}, MORE, "'gaia_tess'"),
        ({}, "name,g,tic\nx,1,2\n", r"no row of any object: the first name .* '007', .* 'x'"),
        ({"join": [{"file": "more.csv", "id": "nam"}]}, MORE, "did you mean 'name'"),
        ({"join": [{"file": "no.csv", "id": "name"}]}, MORE, "There is no file"),
        ({"join": [{"file": "more.csv", "id": "name", "match": "sta"}]}, MORE, "'star'"),
    ],
)
def test_what_cannot_be_joined_stops_with_one_sentence(tmp_path, objects, more, said):
    with pytest.raises(DataError, match=said) as stopped:
        run(tmp_path, objects, more=more)
    assert "\n" not in str(stopped.value)


def test_match_without_id_is_refused(tmp_path):
    photometry = {"folder": "lc", "pattern": "{id}.csv", "match": "gaia_tess"}
    with pytest.raises(ConfigError, match="give both"):
        run(tmp_path, photometry=photometry)


def test_a_changed_table_begins_the_import_anew(tmp_path):
    run(tmp_path)
    data, _ = run(tmp_path, more=MORE.replace("13.5", "15.25"))
    assert data.numbers("g")[0] == 15.25


@pytest.mark.parametrize("everyone", [True, False])
def test_dates_and_whole_numbers_keep_their_kind_where_an_object_has_no_row(tmp_path, everyone):
    names = ["007", "b", "c"] if everyone else ["007", "b"]
    days = np.array(["2020-01-01", "2021-01-01", "2022-01-01"], "datetime64[us]")[: len(names)]
    table = {"name": names, "seen": days, "visits": np.arange(3, 3 + len(names))}
    pq.write_table(pa.table(table), tmp_path / "more.parquet")
    info = {"features": {}, "info": {"seen": "gaia_seen", "visits": "gaia_visits"}}
    data, _ = run(tmp_path, info, more=None, name="more.parquet")
    assert data.numbers("seen")[:2].tolist() == [2458849.5, 2459215.5]
    assert data.numbers("visits")[:2].tolist() == [3, 4]
    assert np.isfinite(data.numbers("visits")[2]) == everyone


def test_names_of_another_survey_are_read_as_names_are(tmp_path):
    more = "name,tess\n007,12.0\nb,13.0\nc,nan\n"
    (tmp_path / "lc.csv").write_text(EPOCHS.replace("a7", "12").replace("b7", "13"))
    data, summary = run(
        tmp_path,
        {"features": {}, "info": {"tess": "gaia_tess"}},
        photometry={"file": "lc.csv", "id": "tess", "match": "gaia_tess"},
        more=more,
    )
    assert summary.observed["photometry"] == 2
    assert data.present("photometry").tolist() == [True, True, False]


ARCSEC = 1 / 3600
#: Beside a, twice beside b (the second nearer), beside nothing.
NEAR = (
    "source,RAJ2000,DEJ2000,g,tic\n"
    f"x1,{1 + 0.5 * ARCSEC},0,13.5,900719925474099312\n"
    f"x2,{2 - 0.8 * ARCSEC},0,20,1\n"
    f"x3,{2 + 0.3 * ARCSEC},0,14.5,2\n"
    "x4,77,0,9,3\n"
)


def near(folder, keys, objects="star,ra,dec,type\n007,1,0,EW\nb,2,0,EA\nc,3,0,RRab\n", **more):
    (folder / "o.csv").write_text(objects)
    (folder / "e.csv").write_text(EPOCHS.replace("a7", "007").replace("b7", "b"))
    (folder / "near.csv").write_text(NEAR)
    mapping = {
        "objects": {
            "file": "o.csv",
            "id": "star",
            "ra": "ra",
            "dec": "dec",
            "label": "type",
            "join": [{"file": "near.csv", "prefix": "gaia_", **keys}],
            "features": {"metadata": {"g": {"column": "gaia_g", "unit": "mag"}}},
            "info": {"tic": "gaia_tic"},
            **more,
        },
        "photometry": {
            "file": "e.csv",
            "id": "tess",
            "time": {"column": "t", "unit": "d"},
            "magnitude": {"column": "m", "unit": "mag"},
        },
    }
    (folder / "m.yaml").write_text(yaml.safe_dump(mapping, sort_keys=False))
    summary = import_dataset(folder / "m.yaml", folder / "out", overwrite=True)
    return Dataset.open(folder / "out"), summary


@pytest.mark.parametrize(
    "keys",
    [
        {"radius": 1},
        {"radius": 1, "id": "source"},
        {"radius": 1, "ra": "RAJ2000", "dec": "DEJ2000"},
    ],
)
def test_each_object_gets_the_row_of_its_position(tmp_path, keys):
    data, summary = near(tmp_path, keys)
    np.testing.assert_allclose(data.numbers("g"), [13.5, 14.5, np.nan])
    assert data.table(["tic"])["tic"].to_pylist() == ["900719925474099312", "2", None]
    (note,) = [n for n in summary.notes if "of 3 objects have one of" in n]
    assert note.startswith("near.csv: 2 of 3 objects have one of 4 sources within 1 arcsec; 1 amb")


def test_an_ambiguous_row_is_left_out_where_it_is_asked_for(tmp_path):
    data, _ = near(tmp_path, {"radius": 1, "ambiguous": "leave out"})
    np.testing.assert_allclose(data.numbers("g"), [13.5, np.nan, np.nan])
    rows = read_quarantine(tmp_path / "out")
    assert [(r["object_id"], r["source"]) for r in rows if "candidate" in r["reason"]] == [
        ("b", "near.csv")
    ]


def test_objects_are_moved_to_the_epoch_of_the_catalogue(tmp_path):
    # 1 arcsec / yr: after 10 yr the object a stands where x1 is 10 arcsec further
    objects = (
        "star,ra,dec,type,pa,pd\n"
        f"007,{1 - 9.5 * ARCSEC},0,EW,1000,0\nb,2,0,EA,0,0\nc,3,0,RRab,0,0\n"
    )
    keys = {"radius": 1, "pm": ["pa", "pd"], "epoch": 2000, "other_epoch": 2010}
    data, _ = near(tmp_path, keys, objects)
    np.testing.assert_allclose(data.numbers("g"), [13.5, 14.5, np.nan])
    with_none, _ = near(tmp_path, {"radius": 1}, objects)
    np.testing.assert_allclose(with_none.numbers("g"), [np.nan, 14.5, np.nan])


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({}, "give 'id', the column of names, or 'radius'"),
        ({"radius": 1, "match": "star"}, "'radius' and 'match' exclude each other"),
        ({"radius": 0.01}, "no source of near.csv .* lies within 0.01 arcsec"),
        ({"radius": 1, "prefix": "", "ra": "RAJ2000", "dec": "nowhere"}, "'nowhere'"),
    ],
)
def test_a_join_by_position_that_cannot_be_is_refused(tmp_path, keys, message):
    with pytest.raises((ConfigError, DataError), match=message):
        near(tmp_path, keys)


def test_objects_without_positions_are_not_joined_by_them(tmp_path):
    with pytest.raises(ConfigError, match="needs those of the objects"):
        near(tmp_path, {"radius": 1}, ra=None, dec=None)


def test_a_catalogue_by_name_and_one_by_position(tmp_path):
    (tmp_path / "names.csv").write_text("name,h\n007,1.5\nc,2.5\n")
    join = [
        {"file": "names.csv", "id": "name", "prefix": "n_"},
        {"file": "near.csv", "radius": 1, "prefix": "gaia_"},
    ]
    features = {"metadata": {"g": {"column": "gaia_g"}, "h": {"column": "n_h"}}}
    data, _ = near(tmp_path, {}, join=join, features=features)
    np.testing.assert_allclose(data.numbers("g"), [13.5, 14.5, np.nan])
    np.testing.assert_allclose(data.numbers("h"), [1.5, np.nan, 2.5])


@pytest.mark.parametrize("ambiguous", ["nearest", "leave out"])
def test_a_row_whose_name_stands_before_takes_no_source_from_its_object(tmp_path, ambiguous):
    """The second row of 007 is nearer to the source, and it is the first that is kept."""
    objects = f"star,ra,dec,type\n007,1,0,EW\n007,{1 + 0.4 * ARCSEC},0,EW\nc,3,0,RRab\n"
    data, summary = near(tmp_path, {"radius": 1, "ambiguous": ambiguous}, objects)
    np.testing.assert_allclose(data.numbers("g"), [13.5, np.nan])
    assert any(note.startswith("near.csv: 1 of 2 objects have one") for note in summary.notes)


@pytest.mark.parametrize("prefix", ["gaia_", ""])
def test_names_that_a_position_gave_find_the_rows_of_a_third_table(tmp_path, prefix):
    """Positions give names, names give more columns, and observations under these names."""
    (tmp_path / "third.csv").write_text("source,mass\nx3,1.5\nx1,0.5\nx9,9\n")
    lines = [
        f"{x},{day},{m + day / 10}" for day in range(1, 6) for x, m in (("x1", 12), ("x3", 14))
    ]
    (tmp_path / "more.csv").write_text("\n".join(["source,t,m", *lines]) + "\n")
    joins = [
        {"file": "near.csv", "radius": 1, "id": "source", "prefix": prefix},
        {"file": "third.csv", "id": "source", "match": f"{prefix}source", "prefix": "t_"},
    ]
    features = {"mass": "t_mass", "g": {"column": f"{prefix}g", "unit": "mag"}}
    data, summary = near(
        tmp_path,
        {},
        join=joins,
        features={"metadata": features},
        info={"gaia": f"{prefix}source", "third": "t_source"},
    )
    np.testing.assert_allclose(data.numbers("g"), [13.5, 14.5, np.nan])
    np.testing.assert_allclose(data.numbers("mass"), [0.5, 1.5, np.nan])
    assert data.table(["gaia"])["gaia"].to_pylist() == ["x1", "x3", None]
    assert data.table(["third"])["third"].to_pylist() == ["x1", "x3", None]
    assert any(note.startswith("third.csv: 2 of 3 objects have a row") for note in summary.notes)
    text = (tmp_path / "m.yaml").read_text()
    mapping = yaml.safe_load(text)
    mapping["photometry"] |= {"file": "more.csv", "id": "source", "match": f"{prefix}source"}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    import_dataset(tmp_path / "m.yaml", tmp_path / "again")
    found = Dataset.open(tmp_path / "again").ragged("photometry")
    assert found.lengths.tolist() == [5, 5, 0]
    assert found.fields["magnitude"][5] == pytest.approx(14.1)


def test_names_of_two_tables_under_one_name_are_refused(tmp_path):
    (tmp_path / "far.csv").write_text(NEAR.replace("x", "y"))
    joins = [{"file": file, "radius": 1, "id": "source"} for file in ("near.csv", "far.csv")]
    info = {"gaia": "source"}
    with pytest.raises(DataError, match=r"'source' is a column of far\.csv and of a table before"):
        near(tmp_path, {}, join=joins, features={}, info=info)
