import json

import numpy as np
import pyarrow as pa
import pytest

from skybind.drawing.observed import ExampleObject, LightCurve
from skybind.errors import SkybindError
from skybind.explore.kept import OTHERS, Kept
from skybind.explore.survey import Survey
from skybind.parquet import read_parquet, write_parquet
from skybind.runs.run import Run


@pytest.fixture(scope="module")
def survey(suspect_run):
    opened = Survey(Run.open(suspect_run))
    yield opened
    opened.close()


@pytest.fixture
def kept(survey):
    yield Kept(survey)
    for path in survey.run.paths.selections.glob("*"):
        path.unlink()


def rows_of(survey, condition):
    return np.flatnonzero(condition(survey.run.dataset.column("period")))


def test_kept_opened_and_deleted(survey, kept):
    rows = rows_of(survey, lambda period: period < 0.5)
    kept.keep("short", rows[::-1], "period < 0.5")
    (told,) = Kept(survey).known()
    assert (told["name"], told["n"], told["said"]) == ("short", len(rows), "period < 0.5")
    np.testing.assert_array_equal(kept.rows("short"), rows)
    table = read_parquet(survey.run.paths.selections / "short.parquet")
    assert table["object_id"].to_pylist() == survey.run.dataset.object_ids[rows].tolist()
    kept.keep("short", rows[:3], "three of them")  # in the place of the first
    assert [told["n"] for told in kept.known()] == [3]
    kept.forget("short")
    assert kept.known() == []
    with pytest.raises(SkybindError, match="no kept selection 'short'"):
        kept.rows("short")


def test_what_sets_it_apart_is_what_it_was_selected_by(survey, kept):
    short = rows_of(survey, lambda period: period < 0.5)
    kept.keep("short", short, "")
    told = kept.compared("short", OTHERS)
    assert told["n"] == [len(short), len(survey.run.dataset) - len(short)]
    (entry,) = [entry for entry in told["columns"] if entry["column"] == "period"]
    period = survey.run.dataset.column("period")
    assert entry["effect"] < -1
    assert entry["unit"] == "d"
    assert entry["inside"] == pytest.approx(np.nanmedian(period[short]))
    # two halves at random are not set apart by anything
    rng = np.random.default_rng(1)
    order = rng.permutation(len(survey.run.dataset))
    kept.keep("one", order[:200], "")
    kept.keep("other", order[200:], "")
    assert kept.compared("one", "other")["columns"] == []


def test_objects_in_both_are_left_out(survey, kept):
    kept.keep("a", np.arange(0, 200), "")
    kept.keep("b", np.arange(150, 400), "")
    told = kept.compared("a", "b")
    assert (told["n"], told["both"]) == ([150, 200], 50)
    kept.keep("c", np.arange(160, 190), "")
    with pytest.raises(SkybindError, match="nothing that the other does not"):
        kept.compared("c", "b")


def test_mean_curves_and_spectra(survey, kept):
    kept.keep("stars", np.flatnonzero(survey.run.class_names == "RRAB"), "")
    told = kept.compared("stars", "")
    curve = told["curves"][0]
    assert curve["n"] >= 2
    value = np.array(curve["value"])
    # phase zero is at minimum light, and an RRab rises more steeply than it falls
    assert min(value.argmin(), len(value) - value.argmin()) <= 5
    turned = np.roll(value, -value.argmin())
    assert turned.argmax() < len(value) / 2
    (one, other) = told["spectra"]
    assert np.nanmedian(np.array(one["flux"], float)) == pytest.approx(1, abs=0.1)
    assert one["n"] >= 2
    assert len(other["wavelength"]) == len(other["flux"])


def test_bands_are_averaged_about_their_means(survey, kept, monkeypatch):
    time = np.linspace(0, 100, 400)
    band = np.where(np.arange(400) % 2, "g", "r")
    value = np.sin(2 * np.pi * time / 0.6173) + np.where(band == "g", 50.0, 0.0)
    curve = LightCurve(time, value, None, 0.6173, band=band)
    star = ExampleObject("x", split="", light_curve=curve)
    monkeypatch.setattr(survey, "examples", lambda rows: [star] * len(rows))
    found = np.array(kept._mean_curve(np.arange(3))["value"])
    sine = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(40) + 0.5) / 40)
    np.testing.assert_allclose(found, sine, atol=0.1)


def test_the_error_of_a_mean_is_that_of_the_curves_in_its_bin(survey, kept, monkeypatch):
    """Of one curve it is not known: zero would say that the mean is exact."""

    def star(phase, level):
        value = np.append(level, [0.0, 1.0])  # from the faintest to the brightest
        phase = np.append(phase, [0.0, 39.5 / 40])
        curve = LightCurve(phase + 2.0, value, None, 1.0)
        return ExampleObject("x", split="", light_curve=curve)

    monkeypatch.setattr("skybind.explore.kept.fold", lambda curve: curve.time - 2.0)
    monkeypatch.setattr("numpy.nanpercentile", lambda values, q: (0.0, 1.0))
    bins = (np.arange(40) + 0.5) / 40
    stars = [star(bins, np.full(40, 0.2)), star(bins[:20], np.full(20, 0.6))]
    stars[1].light_curve.time = np.append(stars[1].light_curve.time, np.full(20, 2.0))
    stars[1].light_curve.value = np.append(stars[1].light_curve.value, np.zeros(20))
    monkeypatch.setattr(survey, "examples", lambda rows: stars)
    told = kept._mean_curve(np.arange(2))
    assert told["value"][5] == pytest.approx(0.4)
    assert told["error"][5] == pytest.approx(np.std([0.2, 0.6], ddof=1) / np.sqrt(2))
    assert told["value"][25] == pytest.approx(0.2)
    assert np.isnan(told["error"][20:39]).all()


def test_objects_that_are_no_longer_there_are_told(judged, survey, kept):
    kept.keep("some", np.arange(5), "")
    path = survey.run.paths.selections / "some.parquet"
    table = read_parquet(path)
    ids = [*table["object_id"].to_pylist()[:3], "gone", "too"]
    write_parquet(pa.table({"object_id": ids}), path)
    body = pa.ipc.open_stream(judged.ask("/api/kept/rows", name="some")[2]).read_all()
    assert body["row"].to_pylist() == [0, 1, 2]
    said = json.loads(body.schema.metadata[b"skybind"])["said"]
    assert said == "2 of its objects are not in the dataset any more"


@pytest.mark.parametrize("name", ["", "../x", "a/b", ".hidden", "x" * 101, "nul"])
def test_a_name_is_no_path(kept, name):
    for act in (lambda: kept.keep(name, np.arange(3), ""), lambda: kept.forget(name)):
        with pytest.raises(SkybindError, match="becomes the name of a file"):
            act()
    with pytest.raises(SkybindError, match="becomes the name of a file"):
        kept.rows(name)


def test_nothing_is_kept_read_only_or_of_nothing(suspect_run, kept):
    looked = Survey(Run.open(suspect_run), read_only=True)
    with pytest.raises(SkybindError, match="--read-only"):
        Kept(looked).keep("a", np.arange(3), "")
    looked.close()
    with pytest.raises(SkybindError, match="Nothing is selected"):
        kept.keep("a", np.arange(0), "")


def _compare_again(page):
    page.evaluate("document.querySelector('#compared canvas').id = 'old'")
    page.get_by_role("button", name="Compare the two").click()
    page.wait_for_selector("#old", state="detached")
    page.wait_for_function("document.querySelectorAll('#compared canvas').length == 2")


def _listeners(page):
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")
    session.send("HeapProfiler.collectGarbage")
    said = session.send("Performance.getMetrics")["metrics"]
    session.detach()
    return next(entry["value"] for entry in said if entry["name"] == "JSEventListeners")


def test_on_the_page(browser, judged, kept):
    from tests.explore.conftest import keep_and_open, opened_page

    with opened_page(browser, judged.address) as page:
        keep_and_open(page, "short")
        page.get_by_role("button", name="Compare the two").click()
        page.wait_for_selector("#apart")
        assert "period" in page.inner_text("#apart")
        page.wait_for_function("document.querySelectorAll('#compared canvas').length == 2")
        _compare_again(page)
        before = _listeners(page)
        for _ in range(5):
            _compare_again(page)
        assert _listeners(page) < before + 20  # a plot has seven: those that are gone have none
        page.get_by_label("Name of the selection").fill("../x")
        page.keyboard.press("Enter")
        page.wait_for_selector("#error", state="visible")
        assert "becomes the name of a file" in page.inner_text("#error")
        page.get_by_label("Name of the selection").fill("Short")
        page.keyboard.press("Enter")
        page.wait_for_function("document.getElementById('error').innerText.includes('is kept')")
        assert page.locator("[data-kept]").count() == 1
        page.get_by_role("button", name="Delete short").click()
        assert [known["name"] for known in kept.known()] == ["short"]
        page.get_by_role("button", name="Delete short for good").click()
        page.wait_for_selector("[data-kept='short']", state="detached")
    status, _, _ = judged.ask("/api/kept/keep", "POST", {"Origin": "http://evil.example"}, name="x")
    assert status == 403
    assert json.loads(judged.ask("/api/kept")[2])["kept"] == []
