import http.client
import json
from urllib.parse import urlencode

import numpy as np
import pytest
from astropy.io import fits
from astropy.table import Table

from skybind.runs.cases import finished_cases, widest_case
from skybind.runs.classify import classify_anything
from skybind.runs.run import Run
from skybind.search.search import SearchOptions, search
from tests.explore.conftest import OBJECT


def send(served, content, **values):
    link = http.client.HTTPConnection(served.host, timeout=60)
    headers = {"Host": served.host, "x-skybind-token": served.token}
    link.request("POST", f"/api/file?{urlencode(values)}", content, headers)
    answer = link.getresponse()
    told = json.loads(answer.read())
    link.close()
    return answer.status, told


@pytest.fixture(scope="module")
def run(hostile_run):
    return Run.open(hostile_run)


@pytest.fixture(scope="module")
def curve(run, tmp_path_factory):
    """A light curve of the survey as a CSV file."""
    row = np.flatnonzero(run.dataset.present("photometry"))[3]
    seen = run.dataset[int(row)].photometry
    path = tmp_path_factory.mktemp("own") / "curve.csv"
    columns = (seen._fields[name].tolist() for name in ("time", "flux", "flux_err"))
    lines = [f"{t!r},{f!r},{e!r}" for t, f, e in zip(*columns, strict=True)]
    path.write_text("\n".join(["time,flux,flux_err", *lines]) + "\n")
    return path


@pytest.fixture(scope="module")
def spectrum(run, tmp_path_factory):
    """A spectrum of the survey as a LAMOST file."""
    row = int(np.flatnonzero(run.dataset.present("spectrum"))[3])
    seen = run.dataset[row].spectrum
    fields = {n: seen._fields[n].astype(">f4") for n in ("flux", "ivar", "wavelength")}
    zero = np.zeros(len(seen), ">f4")
    data = np.stack([fields["flux"], fields["ivar"], fields["wavelength"], zero, zero])
    path = tmp_path_factory.mktemp("own") / "spec-55859-F5902_sp01-001.fits"
    steps = np.log10(seen._fields["wavelength"][[0, -1]])
    grid = {"COEFF0": steps[0], "COEFF1": (steps[1] - steps[0]) / (len(seen) - 1)}
    header = fits.Header({"TELESCOP": "LAMOST", "OBJNAME": "x", **grid})
    fits.PrimaryHDU(data, header).writeto(path)
    return path, str(run.dataset.object_ids[row])


def test_a_light_curve_is_searched_for_as_the_command_does(served, run, curve):
    status, told = send(served, curve.read_bytes(), name="my curve.csv", k=5)
    assert status == 200, told
    assert told["name"] == "my curve.csv"
    expected = search(run.folder, [curve], SearchOptions(k=5))
    assert [m["object_id"] for m in told["found"]["matches"]] == expected.object_id.tolist()
    assert told["modality"] == "photometry"
    # folded again at another period
    phase = served.json("fold", file=told["number"], period=0.37)["phase"]
    assert len(phase) == len(told["curve"]["time"])
    assert 0 <= min(phase) <= max(phase) < 1


def test_upper_limits_of_a_file_go_to_the_page(served, curve):
    more = b"2459999.5,<0.5,\n2459998.5,<0.25,\n"
    status, told = send(served, curve.read_bytes() + more, name="limits.csv")
    assert status == 200, told
    assert told["curve"]["limits"]["time"] == [2459999.5, 2459998.5]
    assert told["curve"]["limits"]["value"] == [0.5, 0.25]
    plain = send(served, curve.read_bytes(), name="curve.csv")[1]
    assert plain["curve"]["limits"] is None
    assert told["curve"]["value"] == plain["curve"]["value"]
    assert told["found"]["matches"] == plain["found"]["matches"]


def test_a_lamost_file_finds_the_object_that_it_is_of(served, spectrum):
    path, name = spectrum
    status, told = send(served, path.read_bytes(), name=path.name, to="spectrum")
    assert status == 200, told
    best = told["found"]["matches"][0]
    assert best["object_id"] == name
    assert best["cosine"] > 0.999
    status, told = send(served, path.read_bytes(), name=path.name, to="photometry", k=3)
    assert told["found"]["target"] == ["photometry"]
    assert len(told["found"]["matches"]) == 3


@pytest.mark.parametrize(
    ("content", "name", "says"),
    [
        (b"", "a.csv", "is empty"),
        (b"\x00\xff" * 500, "noise.fits", "noise.fits"),
        (b"u,v\n1,2\n", "../../etc/table.csv", "table.csv"),
        (b"time,flux\n", "a" * 300 + ".csv", ".csv"),
        (b"<script>alert(1)</script>", OBJECT, ""),
        (b"SIMPLE  =                    T" + b" " * 3000, "cut.fits", "cut.fits"),
        (b"PK\x03\x04" + b"\x00" * 200, "bomb.npz", "bomb.npz"),
    ],
)
def test_what_cannot_be_read_is_a_sentence(served, content, name, says):
    status, told = send(served, content, name=name)
    assert status == 400
    assert says in told["error"]
    assert "/tmp" not in told["error"]
    assert "skybind-explore-" not in told["error"]


def test_a_file_that_is_too_large_is_refused(served, monkeypatch):
    monkeypatch.setattr("skybind.explore.app.HEAVIEST", 1000)
    assert send(served, b"x" * 1001, name="a.csv")[0] == 413


def test_a_file_that_was_never_sent(served):
    status, _, body = served.ask("/api/fold", file=999, period=1)
    assert status == 400
    assert "drop it on the page again" in json.loads(body)["error"]


def test_nothing_of_a_file_stays(served, curve, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert send(served, curve.read_bytes(), name="curve.csv")[0] == 200
    assert list(tmp_path.iterdir()) == []
    assert send(served, b"nonsense", name="curve.csv")[0] == 400
    assert list(tmp_path.iterdir()) == []


def test_the_period_goes_with_the_file(served, run, curve):
    """The model folds by the catalogue's period: given, it changes what is alike."""
    values = {"period": 0.5123}
    status, told = send(served, curve.read_bytes(), name=curve.name, values=" period = 0.5123")
    assert status == 200, told
    assert told["features"]["period"] == told["curve"]["period"] == 0.5123
    assert not told["curve"]["searched"]
    expected = search(run.folder, [curve], SearchOptions(k=12, values=values))
    assert [m["object_id"] for m in told["found"]["matches"]] == expected.object_id.tolist()
    for wrong in ("period=x", "perod=1", "period"):
        status, told = send(served, curve.read_bytes(), name=curve.name, values=wrong)
        assert status == 400
        assert wrong.partition("=")[0] in told["error"]


def test_its_class_is_that_of_the_command(served, run, curve, spectrum, tmp_path):
    case = widest_case(finished_cases(run)) or finished_cases(run)[0]
    for path in (curve, spectrum[0]):
        told = send(served, path.read_bytes(), name=path.name)[1]["classes"]
        classify_anything(run.folder, [path], tmp_path / "c.csv", case=case.name)
        (expected,) = Table.read(tmp_path / "c.csv")
        assert told["class"] == expected["class"]
        assert told["modalities"] == expected["modalities"]
        assert told["novelty"] == pytest.approx(expected["novelty"], abs=1e-3)
        for name, p in told["probabilities"].items():
            assert p == pytest.approx(expected[f"p_{name}"], abs=2e-3), name


def test_no_more_are_found_than_a_page_shows(served, curve, monkeypatch):
    monkeypatch.setattr("skybind.explore.app.MOST", 7)
    told = send(served, curve.read_bytes(), name=curve.name, k=10**9)[1]
    assert len(told["found"]["matches"]) == 7


def test_on_the_page(page, curve, spectrum):
    for path in (curve, spectrum[0]):
        page.set_input_files("#file", path)
        page.wait_for_selector(f"#side[data-file='{path.name}']")
        assert page.locator("#alike li").count() == 12
        assert page.locator("#side .plot canvas").count() >= 1
        assert page.locator("#side .classes tr").count() >= 6
        assert "nearest neighbours there" in page.inner_text("#place")
        assert page.get_attribute("#plot", "data-guest") == path.name
    page.get_by_label("map", exact=True).select_option("sky:galactic")
    page.wait_for_selector("#plot[data-guest='']")
    page.set_input_files("#file", curve)
    page.wait_for_selector("#side[data-file='curve.csv']")
    page.get_by_label("What goes with the file").fill("period=0.5123")
    page.keyboard.press("Enter")
    page.wait_for_selector("#side[data-file='curve.csv'][data-values='period=0.5123']")
    assert float(page.get_attribute("#folded", "data-period")) == 0.5123
    assert "the period that you gave" in page.inner_text("#side")


def test_a_selection_takes_the_place_of_a_file(page, curve):
    page.set_input_files("#file", curve)
    page.wait_for_selector("#side[data-file='curve.csv']")
    page.fill("#condition", "period < 0.5")
    page.press("#condition", "Enter")
    page.wait_for_selector("#side[data-selected]:not([data-file])")
    page.click("#queues")
    page.wait_for_selector("#side[data-queues]:not([data-selected])")


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    """A light curve like none of the survey."""
    rng = np.random.default_rng(0)
    time, flux = np.sort(rng.uniform(0, 1000, 300)), 10 + rng.normal(0, 1e-4, 300)
    lines = [f"{t!r},{f!r},0.01" for t, f in zip(time.tolist(), flux.tolist(), strict=True)]
    path = tmp_path_factory.mktemp("odd") / "odd.csv"
    path.write_text("\n".join(["time,flux,flux_err", *lines]) + "\n")
    return path


def test_a_file_like_nothing_is_told_so(page, odd):
    page.set_input_files("#file", odd)
    page.wait_for_selector("#side[data-file='odd.csv']")
    warned = page.locator("#alike .doubt")
    assert "Nothing like odd.csv was found: the nearest has a cosine of 0." in warned.inner_text()
    # what was noticed in the file stands once, and names the page's own field
    every = page.locator("#side .notes li, #alike > p:not(#place)").all_inner_texts()
    assert len(set(every)) == len(every)
    assert any("in the field 'with the values'" in note for note in every)
    assert not any("--" in note for note in every)
    assert page.locator("label", has_text="with the values").is_visible()
