import http.client
import io
import json
from urllib.parse import urlencode

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from skybind.data.where import fulfilled
from skybind.runs.run import Run
from tests.explore.conftest import CLASS


def post(served, path, body, **values):
    """Send bytes as the page does; gives status and answer."""
    link = http.client.HTTPConnection(served.host, timeout=30)
    headers = {"Host": served.host, "x-skybind-token": served.token}
    link.request("POST", f"/api/{path}?{urlencode(values)}", body, headers)
    answer = link.getresponse()
    content = answer.read()
    link.close()
    return answer.status, content


def sent(rows):
    return np.asarray(rows, "<i4").tobytes()


@pytest.fixture(scope="module")
def run(hostile_run):
    return Run.open(hostile_run)


def test_a_condition_selects_what_fulfils_it(served, run):
    condition = "period < 1 and label == 'RRAB'"
    status, _, body = served.ask("/api/where", condition=condition)
    assert status == 200
    rows = pa.ipc.open_stream(body).read_all()["row"].to_numpy()
    np.testing.assert_array_equal(rows, np.flatnonzero(fulfilled(run.dataset, condition)))
    assert len(rows) > 5


@pytest.mark.parametrize("condition", ["perod < 1", "period <", "__import__('os').system('x')"])
def test_a_wrong_condition_is_a_sentence(served, condition):
    status, _, body = served.ask("/api/where", condition=condition)
    assert status == 400
    assert "'" in json.loads(body)["error"]


def test_a_selection_is_told(served, run):
    rows = np.array([5, 3, 300, 17])
    status, body = post(served, "selection", sent(rows))
    told = json.loads(body)
    assert status == 200
    assert told["n"] == 4
    assert [row["object_id"] for row in told["listed"]] == run.dataset.object_ids[rows].tolist()
    counts = dict(map(tuple, told["classes"]))
    assert sum(counts.values()) == 4
    assert counts[str(run.class_names[3]) or "no class"] >= 1


@pytest.mark.parametrize("ending", [".csv", ".parquet", ".vot", ".fits", ".ecsv"])
def test_an_export_is_read_back_with_its_units(served, run, ending):
    rows = np.flatnonzero(run.class_names == CLASS)[:7]
    status, body = post(served, "export", sent(rows), ending=ending)
    assert status == 200
    if ending == ".parquet":
        table = pq.read_table(io.BytesIO(body))
        names, values = table["object_id"].to_pylist(), table["parallax"].to_numpy()
        assert table.schema.field("parallax").metadata[b"unit"] == b"mas"
        assert table.schema.field("predicted_class").metadata[b"description"]
        label = table["label"].to_pylist()
        seen = Table.read(io.BytesIO(body), format="parquet")
        assert (str(seen["parallax"].unit), str(seen["ra"].unit)) == ("mas", "deg")
        assert "parallax" in seen["parallax"].description
        assert seen["predicted_class"].description
    else:
        names_of = {".vot": "votable", ".fits": "fits", ".csv": "ascii.csv", ".ecsv": "ascii.ecsv"}
        table = Table.read(io.BytesIO(body), format=names_of[ending])
        parallax = table["parallax [mas]" if ending == ".csv" else "parallax"]
        names, values = [str(n) for n in table["object_id"]], np.ma.filled(parallax, np.nan)
        label = [str(t) for t in table["label"]]
        if ending != ".csv":
            assert str(table["parallax"].unit) == "mas"
            assert str(table["ra"].unit) == "deg"
            assert "parallax" in table["parallax"].description
            assert table["ra"].info.meta["ucd"] == "pos.eq.ra;meta.main"
            assert table["dec"].info.meta["ucd"] == "pos.eq.dec;meta.main"
        else:
            assert {"ra [deg]", "dec [deg]", "period [d]", "predicted_class"} <= set(table.colnames)
    assert names == run.dataset.object_ids[rows].tolist()
    np.testing.assert_allclose(values, run.dataset.column("parallax", rows), rtol=1e-6)
    assert label == [CLASS] * 7


@pytest.mark.parametrize(
    ("path", "body", "values", "status", "says"),
    [
        ("export", sent([1]), {"ending": "/../x.csv"}, 400, "no format"),
        ("export", sent([]), {"ending": ".csv"}, 400, "Nothing is selected"),
        ("export", sent([1]), {}, 400, "lacks 'ending'"),
        ("selection", sent([400]), {}, 400, "has not"),
        ("selection", sent([-1]), {}, 400, "has not"),
        ("selection", b"abc", {}, 400, "damaged"),
    ],
)
def test_what_is_wrong_is_a_sentence(served, path, body, values, status, says):
    found, content = post(served, path, body, **values)
    assert found == status
    assert says in json.loads(content)["error"]


def test_nothing_selected_is_told(served):
    status, body = post(served, "selection", sent([]))
    assert (status, json.loads(body)["n"]) == (200, 0)


def test_too_much_is_refused(served, monkeypatch):
    monkeypatch.setattr("skybind.explore.app.HEAVIEST", 1000)
    status, content = post(served, "selection", sent(np.zeros(251, int)))
    assert status == 413
    assert "give less" in json.loads(content)["error"]


def test_another_page_cannot_send(served):
    headers = {"Origin": "http://evil.example"}
    assert served.ask("/api/export?ending=.csv", method="POST", headers=headers)[0] == 403
    headers = {"x-skybind-token": None}
    assert served.ask("/api/export?ending=.csv", method="POST", headers=headers)[0] == 401
