import json

import numpy as np
import pyarrow as pa
import pytest
from astropy import units as u
from astropy.coordinates import SkyCoord

from skybind.data.schema import Column
from skybind.errors import DataError
from skybind.explore.survey import Survey
from skybind.explore.views import chosen_rows, scatter, sky
from skybind.runs.run import Run
from tests.explore.conftest import CLASS, OBJECT


@pytest.fixture(scope="module")
def survey(hostile_run):
    opened = Survey(Run.open(hostile_run), read_only=True)
    yield opened
    opened.close()


def test_the_sky_in_both_frames(survey, monkeypatch):
    dataset = survey.run.dataset
    ra = dataset.numbers("ra")
    plain = sky(survey, "equatorial")
    np.testing.assert_array_equal(plain["x"], ra[plain["row"]])
    turned = sky(survey, "galactic")
    np.testing.assert_array_equal(turned["row"], np.arange(len(dataset)))
    # the poles and the centre of the galaxy (J2000), Reid & Brunthaler 2004
    known = {"ra": [192.85948, 266.40500], "dec": [27.12825, -28.93617]}
    monkeypatch.setattr(
        type(dataset), "numbers", lambda self, name: np.array([*known[name], np.nan])
    )
    found = sky(survey, "galactic")
    np.testing.assert_array_equal(found["row"], [0, 1])
    # what catalogues write for an unknown place is none
    known = {name: [*values, -999.0] for name, values in known.items()}
    for frame in ("equatorial", "galactic"):
        np.testing.assert_array_equal(sky(survey, frame)["row"], [0, 1])
    np.testing.assert_array_equal(chosen_rows(survey, "cone", "0 90 180")[0], [0, 1])
    np.testing.assert_allclose(found["y"], [90, 0], atol=0.01)
    assert min(found["x"][1], 360 - found["x"][1]) < 0.01


def test_two_columns_with_their_units(survey):
    points, said = scatter(survey, "period", "amplitude")
    dataset = survey.run.dataset
    both = np.isfinite(dataset.column("period")) & np.isfinite(dataset.column("amplitude"))
    np.testing.assert_array_equal(points["row"], np.flatnonzero(both))
    np.testing.assert_array_equal(points["x"], dataset.column("period")[both])
    assert (said["x"]["unit"], said["x"]["magnitude"]) == ("d", False)
    assert (said["y"]["unit"], said["y"]["magnitude"]) == ("mag", False)  # an amplitude is none
    magnitudes = [
        name
        for name, column in dataset.schema.columns.items()
        if column.unit == "mag" and "magnitude" in column.description.lower()
    ]
    assert scatter(survey, "period", magnitudes[0])[1]["y"]["magnitude"]


def test_the_brightest_stand_at_the_top_of_absolute_magnitudes_too(survey, monkeypatch):
    absolute = Column("feature", "mag", attributes={"quantity": "absolute magnitude"})
    monkeypatch.setitem(survey.run.dataset.schema.columns, "period", absolute)
    assert scatter(survey, "amplitude", "period")[1]["y"]["magnitude"]


@pytest.mark.parametrize(
    "text", ["285.8 11.1 40", "285.8, 11.1, 2400'", "19:03:12 +11:06:00 40d", '285.8 11.1 144000"']
)
def test_a_cone_is_that_of_astropy(survey, text):
    dataset = survey.run.dataset
    own = SkyCoord(dataset.numbers("ra"), dataset.numbers("dec"), unit="deg")
    inside = own.separation(SkyCoord(285.8, 11.1, unit="deg")) <= 40 * u.deg
    rows, _ = chosen_rows(survey, "cone", text)
    np.testing.assert_array_equal(rows, np.flatnonzero(inside))
    assert 0 < len(rows) < len(dataset)


def test_names_one_a_line_or_between_commas(survey):
    ids = survey.run.dataset.object_ids
    assert OBJECT in ids[7]
    for text in (f"{ids[3]}\n{OBJECT}\n", f"{ids[3]}, {ids[7]}", f"{ids[7]}\n{ids[3]}"):
        assert chosen_rows(survey, "names", text)[0].tolist() == [3, 7]
    rows, said = chosen_rows(survey, "names", f"{ids[3]} nobody {ids[5]}")
    assert rows.tolist() == [3, 5]
    assert said == "1 of 3 names are not there: nobody"


def test_a_class(survey):
    rows, _ = chosen_rows(survey, "class", CLASS)
    np.testing.assert_array_equal(rows, np.flatnonzero(survey.run.class_names == CLASS))


@pytest.mark.parametrize(
    ("by", "text", "says"),
    [
        ("cone", "1 2", "RA DEC RADIUS"),
        ("cone", "1 2 x", "no cone"),
        ("cone", "1 nan 1", "declination"),
        ("cone", "1 95 1", "declination"),
        ("cone", "1 2 0", "radius"),
        ("cone", "1:x 2 1", "no cone"),
        ("names", "nobody, noone", "no object 'nobody'"),
        ("names", " \n", "No names"),
        ("class", "RRAc", "did you mean"),
        ("path", "/etc/passwd", "Nothing can be chosen"),
    ],
)
def test_what_cannot_be_chosen_is_one_sentence(survey, by, text, says):
    with pytest.raises(DataError, match=says):
        chosen_rows(survey, by, text)


def test_columns_without_numbers_are_refused(survey):
    with pytest.raises(DataError, match="holds no numbers"):
        scatter(survey, "period", "label")
    with pytest.raises(DataError, match="no frame 'ecliptic'"):
        sky(survey, "ecliptic")


def test_the_endpoints_answer_arrow(served, survey):
    status, _, body = served.ask("/api/scatter", x="period", y="amplitude")
    assert status == 200
    table = pa.ipc.open_stream(body).read_all()
    assert table.column_names == ["x", "y", "row"]
    assert json.loads(table.schema.metadata[b"skybind"])["x"]["unit"] == "d"
    status, _, body = served.ask("/api/chosen", "POST", None, b"285.8 11.1 40", by="cone")
    assert status == 200
    assert len(pa.ipc.open_stream(body).read_all()) > 0
    # the colours of all objects, by their rows
    status, _, body = served.ask("/api/column", name="period")
    assert len(pa.ipc.open_stream(body).read_all()) == len(survey.run.dataset)
