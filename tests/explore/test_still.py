"""A still copy holds what the explorer answers, and a plain server of files shows it."""

import csv
import io
import json
import re
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
from typer.testing import CliRunner

from skybind.cli import app
from skybind.data.dataset import Dataset
from skybind.data.schema import Column, DatasetSchema
from skybind.data.where import fulfilled
from skybind.drawing.observed import ExampleObject, LightCurve
from skybind.errors import DataError
from skybind.explore.neighbours import neighbours
from skybind.explore.objects import curve_json, folded, object_page
from skybind.explore.selection import exported
from skybind.explore.still import _write_values, write_still
from skybind.explore.survey import Survey
from skybind.files import plain_json
from skybind.runs.run import Run
from skybind.search.search import SearchOptions
from tests.explore.conftest import OBJECT

N = 40


@pytest.fixture(scope="module")
def survey(hostile_run):
    opened = Survey(Run.open(hostile_run), read_only=True)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def site(survey, tmp_path_factory):
    folder = tmp_path_factory.mktemp("still") / "site"
    assert write_still(survey, folder, N) == N
    return folder


def held(site, name):
    return json.loads((site / "data" / name).read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def copy(site):
    return held(site, "copy.json")


@pytest.fixture(scope="module")
def address(site):
    """The copy, from Python's own server of files."""
    command = [sys.executable, "-u", "-m", "http.server", "0", "-b", "127.0.0.1", "-d", str(site)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        port = re.search(r"port (\d+)", server.stdout.readline()).group(1)
        yield f"http://127.0.0.1:{port}/"
        server.terminate()


@pytest.fixture
def still(browser, address):
    """The copy, opened; errors of its scripts and what it lacks fail the test."""
    context = browser.new_context(viewport={"width": 1200, "height": 800})
    page = context.new_page()
    page.set_default_timeout(20_000)
    errors = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda said: said.type == "error" and errors.append(said.text))
    page.on("request", lambda asked: asked.url.startswith(address) or errors.append(asked.url))
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    yield page
    assert [e for e in errors if not e.startswith(("data:", "blob:"))] == []
    assert page.evaluate("window.hacked") is None
    context.close()


def singles(content):
    """The same with every number in single precision, as a copy holds what was observed."""
    if isinstance(content, dict):
        return {key: singles(value) for key, value in content.items()}
    if isinstance(content, list):
        return [singles(value) for value in content]
    return float(np.float32(content)) if isinstance(content, float) else content


def test_objects_are_told_as_the_explorer_tells_them(survey, site, copy):
    assert len(copy["rows"]) == N == len(list((site / "data" / "objects").iterdir()))
    row = copy["rows"][3]
    own = held(site, f"objects/{row}.json")
    name = str(survey.run.dataset.object_ids[row])
    assert singles(own["page"]) == singles(object_page(survey, name))
    assert own["page"]["catalogue"] == object_page(survey, name)["catalogue"]
    assert set(own["alike"]) == {"", *own["page"]["modalities"]}
    for by, alike in own["alike"].items():
        options = SearchOptions(source=[by] if by else None, k=12)
        assert alike == plain_json(neighbours(survey, name, options))
    assert len(own["alike"][""]["matches"]) == 12


def test_maps_and_columns_are_told_whole(survey, site, copy):
    (layout,) = survey.maps.values()
    with pa.ipc.open_stream(site / "data" / "map-0.arrow") as stream:
        np.testing.assert_array_equal(stream.read_all()["row"].to_numpy(), layout.rows)
    names = [column["name"] for column in copy["survey"]["columns"]]
    with pa.ipc.open_stream(site / "data" / f"column-0-{names.index('period')}.arrow") as stream:
        period = stream.read_all()["value"].to_numpy()
    own = survey.run.dataset.column("period", layout.rows)
    assert period.dtype == own.dtype
    np.testing.assert_array_equal(period, own)


def test_a_person_searches_and_folds(survey, copy, still):
    assert f"{N} of these have their light curves" in still.inner_text("#still")
    rows = copy["rows"]
    seen = survey.run.dataset.present("photometry")
    name = next(str(survey.run.dataset.object_ids[row]) for row in rows if seen[row])
    still.fill("#query", name[:-1])
    still.locator("#found [role=option]", has_text=name).click()
    still.wait_for_selector(f'#side[data-id="{name}"]')
    still.wait_for_selector("#folded[data-period]")
    still.wait_for_selector(f'#alike[data-drawn="{name}"]')
    assert still.locator("#alike li").count() == 12
    (example,) = survey.examples([survey.row(name)])
    period = 0.37 * example.light_curve.period
    asked = "([id, period]) => skybindStill('fold', { id, period }).then((a) => a.json())"
    phase = np.array(still.evaluate(asked, [name, period])["phase"])
    apart = np.mod(phase - folded(example, period)["phase"] + 0.5, 1) - 0.5
    np.testing.assert_allclose(apart, 0, atol=2e-5)


def test_a_copy_folds_as_python_does(survey, site, copy, still):
    rng = np.random.default_rng(5)
    row = copy["rows"][0]
    own = held(site, f"objects/{row}.json")
    name = own["page"]["object_id"]
    still.route(f"**/objects/{row}.json", lambda route: route.fulfill(body=json.dumps(own)))
    for n, bands, gap in ((300, "gri", 0.3), (60, "V", 0.0), (80, "", 0.1), (9, "gr", 0.0)):
        time = np.sort(rng.uniform(0, 200, n))
        band = rng.choice(list(bands), n) if bands else None
        time = time[np.mod(time / 0.617, 1) >= gap]
        band = None if band is None else band[: len(time)]
        offset = 0.0 if band is None else np.unique(band, return_inverse=True)[1] * 3.0
        value = offset + np.abs(np.sin(np.pi * time / 0.617)) + rng.normal(0, 0.1, len(time))
        value[::17] += 4
        error = rng.uniform(0.05, 0.3, len(time))
        error[::11] = np.nan
        curve = LightCurve(time, value, error if n != 60 else None, band=band)
        own["page"]["curve"] = plain_json(curve_json(curve))
        still.reload()
        still.wait_for_selector("body[data-ready]")
        asked = "([id, period]) => skybindStill('fold', { id, period }).then((a) => a.json())"
        phase = np.array(still.evaluate(asked, [name, 0.617])["phase"])
        there = folded(ExampleObject(name, light_curve=curve), 0.617)["phase"]
        apart = np.mod(phase - there + 0.5, 1) - 0.5
        np.testing.assert_allclose(apart, 0, atol=2e-5)


def test_a_copy_folds_what_is_longer_than_a_stack(site, copy, still):
    row = copy["rows"][0]
    own = held(site, f"objects/{row}.json")
    time = np.arange(150_000) / 4320
    curve = LightCurve(time, 1 - np.abs(np.cos(np.pi * time / 0.617)))
    own["page"]["curve"] = plain_json(curve_json(curve))
    still.route(f"**/objects/{row}.json", lambda route: route.fulfill(body=json.dumps(own)))
    asked = (
        "(id) => skybindStill('fold', { id, period: 0.617 }).then((a) => a.json())"
        ".then(({ phase }) => phase.slice(0, 10))"
    )
    phase = np.array(still.evaluate(asked, own["page"]["object_id"]))
    apart = np.mod(time[:10] / 0.617 - phase + 0.5, 1) - 0.5  # faintest at 0
    np.testing.assert_allclose(apart, 0, atol=2e-3)


def test_what_it_lacks_is_a_sentence(survey, copy, still):
    shown = set(held_ids(survey, copy))
    (layout,) = survey.maps.values()
    ids = survey.run.dataset.object_ids[layout.rows].tolist()
    other = next(name for name in ids if name not in shown and name != OBJECT)
    for name, says in ((other, "is none of them"), ("SIM9", "no object 'SIM9'")):
        still.fill("#query", name)
        still.press("#query", "Enter")
        still.wait_for_function(f"document.getElementById('error').innerText.includes(`{says}`)")


#: Conditions of the language of `skybind.data.where`, all of which have some objects.
CONDITIONS = [
    "period < 1 and label == 'RRAB'",
    "not (period < 1 or label in ('RRAB', \"ROT\"))",
    "label not in ('RRAB', 'M') and period is not null",
    "NOT period >= 0.5",
    "bp_rp > 1.1",
    "parallax * 2 - 1 > -parallax / 3 or parallax = 0",
    "-parallax < -0.5",
    "`parallax` - (ra - dec) <= 1.5e2",
    "object_id != 'SIM00000003' and ra / dec > 1",
    "ra > 100 and ra < 200 or dec < -.5",
]
REFUSED = ["perod < 1", "period <", "period", "label < 1", "1 < 2", "0 < period < 1", "period in 3"]


@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_selects_what_the_explorer_selects(survey, still, condition):
    (layout,) = survey.maps.values()
    own = np.sort(layout.rows[fulfilled(survey.run.dataset, condition, layout.rows)])
    assert 0 < len(own) < len(layout.rows)
    still.fill("#condition", condition)
    still.press("#condition", "Enter")
    still.wait_for_selector(f"#side[data-selected='{len(own)}']")
    np.testing.assert_array_equal(np.sort(asked_rows(still, "where", condition)), own)
    held_here = f"{len(own)} of the {len(layout.rows)} objects in this copy selected"
    assert still.inner_text("#side h2") == held_here


def asked_rows(still, path, text, by=""):
    """Rows that the copy answers, read as the page does."""
    script = (
        "([path, text, by]) => skybindStill(path, { condition: text, by }, new Blob([text]))"
        ".then((a) => a.arrayBuffer()).then((b) => Array.from(new Uint8Array(b)))"
    )
    body = bytes(still.evaluate(script, [path, text, by]))
    return pa.ipc.open_stream(body).read_all()["row"].to_numpy()


def test_a_column_of_single_precision_is_asked_by_what_it_shows(site, copy, still):
    place = copy["asked"].index("parallax")
    path = f"values/{place}.json"
    n = len(held(site, path)["values"])
    columns = {"parallax": np.resize(np.array([0.1, 0.2, np.nan, 0.3], np.float32), n)}
    dataset = Dataset.from_table(
        pa.table({"object_id": np.arange(n).astype(str), **columns}),
        DatasetSchema({"parallax": Column("feature")}),
    )
    folder = site.parent / "single"
    assert _write_values(
        SimpleNamespace(run=SimpleNamespace(dataset=dataset)), folder, np.arange(n)
    )
    written = (folder / f"{dataset.arrow_schema.get_field_index('parallax')}.json").read_text()
    still.route(f"**/{path}", lambda route: route.fulfill(body=written))
    rows = np.array(held(site, "cards.json")["row"])
    for condition in ("parallax == 0.1", "parallax in (0.1, 0.3)", "parallax <= 0.2"):
        own = fulfilled(dataset, condition)
        assert own.any()
        np.testing.assert_array_equal(asked_rows(still, "where", condition), rows[own])


@pytest.mark.parametrize("condition", REFUSED)
def test_what_is_no_condition_is_refused_as_the_explorer_refuses_it(survey, still, condition):
    with pytest.raises(DataError):
        fulfilled(survey.run.dataset, condition)
    still.fill("#condition", condition)
    still.press("#condition", "Enter")
    still.wait_for_function(
        "document.getElementById('error').innerText.includes('cannot be asked')"
    )


def test_names_and_classes_select(survey, still):
    (layout,) = survey.maps.values()
    names = survey.run.dataset.object_ids[layout.rows]
    some = np.sort(layout.rows[:3])
    text = f"{names[0]}, {names[1]}\n{names[2]} nobody"
    np.testing.assert_array_equal(asked_rows(still, "chosen", text, "names"), some)
    for by, values in (
        ("class", survey.run.class_names),
        ("predicted class", np.asarray(survey.classes.table["class"].to_pylist())),
    ):
        own = np.sort(layout.rows[values[layout.rows] == "RRAB"])
        np.testing.assert_array_equal(np.sort(asked_rows(still, "chosen", "RRAB", by)), own)
    ways = still.get_by_label("select by").locator("option").all_inner_texts()
    assert ways == ["where", "ids", "class", "predicted"]


def test_objects_alike_are_opened_and_what_needs_a_server_is_not_offered(survey, copy, still):
    shown = held_ids(survey, copy)
    seen = survey.run.dataset.present("photometry")
    name = next(n for n, row in zip(shown, copy["rows"], strict=True) if seen[row])
    still.fill("#query", name)
    still.press("#query", "Enter")
    still.wait_for_selector(f'#alike[data-drawn="{name}"]')
    asked = still.locator("#alike select")
    assert [one.get_attribute("aria-label") for one in asked.all()] == ["by"]
    asked.select_option("photometry")
    still.wait_for_function("document.getElementById('alike').innerText.includes('photometry →')")
    still.wait_for_selector(f'#alike[data-drawn="{name}"]')
    matches = still.locator("#alike [data-id]").all()
    assert len(matches) == 12
    for button in matches:
        assert button.is_enabled() == (button.get_attribute("data-id") in shown)
        assert ("not in this copy" in button.inner_text()) == button.is_disabled()
    other = next((button for button in matches if button.is_enabled()), None)
    if other is not None:
        name = other.get_attribute("data-id")
        other.click()
        still.wait_for_selector(f'#side[data-id="{name}"]')
    still.keyboard.press("q")
    assert not still.locator("#queues").is_visible()
    assert not still.locator("#error").is_visible()
    still.keyboard.press("?")
    keys = still.inner_text("#help")
    assert "queue" not in keys
    for said in ("skybind", survey.run.dataset.fingerprint, "run (stars-small, seed"):
        assert said in keys


def held_ids(survey, copy):
    return survey.run.dataset.object_ids[copy["rows"]].tolist()


def test_a_selection_is_saved_as_the_explorer_saves_it(survey, still):
    (layout,) = survey.maps.values()
    rows = layout.rows[[5, 0, 17, len(layout.rows) - 1]]
    asked = (
        "(rows) => skybindStill('export', { ending: '.csv' }, Int32Array.from(rows).buffer)"
        ".then((a) => a.text())"
    )
    text = still.evaluate(asked, rows.tolist())
    own = exported(survey, rows, ".csv").decode()
    assert list(csv.reader(io.StringIO(text))) == list(csv.reader(io.StringIO(own)))
    told = asked.replace("'export', { ending: '.csv' }", "'selection', {}")
    told = told.replace("text()", "json()")
    listed = still.evaluate(told, rows.tolist())
    assert listed["n"] == 4
    names = [row["object_id"] for row in listed["listed"]]
    assert names == survey.run.dataset.object_ids[rows].tolist()


def test_other_files_are_left_alone(survey, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(DataError, match="holds other files"):
        write_still(survey, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    with pytest.raises(DataError, match="at least 1"):
        write_still(survey, tmp_path / "site", 0)
    assert not (tmp_path / "site").exists()


def test_a_copy_by_the_command(hostile_run, tmp_path):
    command = ["explore", str(hostile_run), "--static", str(tmp_path / "site")]
    done = CliRunner().invoke(app, [*command, "--static-objects", "2"])
    assert done.exit_code == 0, done.output
    assert len(list((tmp_path / "site" / "data" / "objects").iterdir())) == 2
    page = (tmp_path / "site" / "index.html").read_text()
    assert page.index("still.js") < page.index("app.js")
    again = CliRunner().invoke(app, command)
    assert again.exit_code != 0


def test_who_judged_is_not_in_the_copy(suspect_run, tmp_path):
    opened = Survey(Run.open(suspect_run))
    write_still(opened, tmp_path / "one", 1)
    (row,) = held(tmp_path / "one", "copy.json")["rows"]
    name = str(opened.run.dataset.object_ids[row])
    opened.judgements.judge(name, "unsure", None, "Leavitt", {"queue": "label"})
    write_still(opened, tmp_path / "two", 1)
    opened.judgements.undo("Leavitt")
    opened.close()
    told = held(tmp_path / "two", f"objects/{row}.json")["page"]["judged"]
    assert (told["verdict"], told["who"], told["seen"]) == ("unsure", "", {})
    every = b"".join(path.read_bytes() for path in (tmp_path / "two").rglob("*") if path.is_file())
    for said in ("Leavitt", str(suspect_run), str(opened.run.dataset.path.parent)):
        assert said.encode() not in every
