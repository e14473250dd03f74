"""Random clicks on the page find no fault, and what watches them finds every kind of fault."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module", autouse=True)
def _benchmarks_can_be_imported():
    sys.path.insert(0, str(BENCHMARKS))
    yield
    sys.path.remove(str(BENCHMARKS))


def test_a_hundred_random_deeds_find_no_fault(browser, suspect_run, tmp_path):
    command = [sys.executable, str(BENCHMARKS / "explore_clicks.py"), "--out", str(tmp_path)]
    options = ["--run", str(suspect_run), "--actions", "100", "--pause", "0", "--sample", "10"]
    ended = subprocess.run([*command, *options], capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    found = json.loads((tmp_path / "clicks-0.json").read_text())
    assert found["actions"] == 100
    assert len(found["kinds"]) >= 8
    assert found["samples"][0]["heap"] > 1


STILL = """<input type=text placeholder=name><input type=search id=query>
<input type=search id=condition>
<select><option>a<option>b<option>c</select><button>one</button><button>two</button>
<canvas id=points></canvas><div id=side style="height:50px"></div><input type=file id=file>"""


def test_a_deed_depends_on_its_number_and_the_seed(browser, tmp_path):
    from explore_actions import Words, do

    (tmp_path / "a.csv").write_text("time,flux\n")
    words = Words(["S1", "S2"], ["EW"], [tmp_path / "a.csv"])
    done = []
    for seed in (1, 1, 2):
        page = browser.new_page()
        page.set_content(STILL)
        done.append([do(page, seed, number, words) for number in range(25)])
        page.close()
    assert done[0] == done[1] != done[2]
    assert any("S1" in told or "S2" in told for told in done[0] + done[2])  # words that fit


@pytest.fixture
def watch(browser, served, tmp_path):
    """What watches a page of the explorer."""
    from explore_watch import Watch

    page = browser.new_page()
    log = tmp_path / "log"
    log.write_text("The explorer is at http://...\n")
    watching = Watch(page, served.address, log)
    page.goto(served.address)
    page.wait_for_selector("body[data-ready]")
    yield watching
    page.close()


def test_a_page_at_rest_has_no_fault(watch):
    watch.settled()
    watch.logged()
    assert watch.faults == []


@pytest.mark.parametrize(
    ("done", "sign"),
    [
        ("console.warn('well')", "warning in the console: well"),
        ("setTimeout(() => { throw new Error('oh') })", "error of a script: oh"),
        ("void Promise.reject(new Error('late'))", "error of a script: late"),
        ("window.hacked = 5", "a script of a name ran: 5"),
        ("document.body.replaceChildren(side, legend); side.replaceChildren()", "blank"),
        ("side.innerHTML = '<p role=status>looking …</p>'", "waits for nothing: looking"),
        ("side.dataset.id = 'X'", "beside the map is X"),
        ("side.dataset.selected = '7'", "7 are selected, not"),
        ("history.replaceState(null, '', '#colour=ra')", "the address tells the colour ra"),
        ("fetch('/api/card?row=1').then((answer) => answer.text())", "401 from card"),
        ("void fetch('https://example.invalid/').catch(() => 0)", "example.invalid"),
    ],
)
def test_each_fault_of_the_page_is_found(watch, done, sign):
    watch.page.evaluate(f"() => {{ {done}; }}")
    watch.page.wait_for_timeout(300)
    watch.settled()
    assert any(sign in fault for fault in watch.faults), watch.faults


def test_an_error_of_the_server_is_found(watch):
    watch.page.route("**/api/object*", lambda route: route.fulfill(status=500, body='{"error":""}'))
    watch.page.fill("#query", "SIM00000001")
    watch.page.press("#query", "Enter")
    watch.settled()
    assert any(fault.startswith("500 from object") for fault in watch.faults)
    watch.faults.clear()
    watch.log.write_text(watch.log.read_text() + "Traceback (most recent call last):\n")
    watch.logged()
    watch.logged()  # what was read is told once
    assert len(watch.faults) == 1


def samples(rate, jump=0.0):
    """A memory that grows at a rate an hour, with a reload in the middle that lets go of some."""
    noise = np.random.default_rng(0).normal(0, 0.5, 120)
    for minute in range(120):
        value = 50 + rate * minute / 60 + noise[minute] - jump * (minute >= 90)
        one = dict.fromkeys(("heap", "nodes", "listeners", "server", "browser"), value)
        yield {"hour": minute / 60, "life": int(minute >= 90), **one}


@pytest.mark.parametrize(("rate", "grows"), [(0, False), (2, False), (8, True)])
@pytest.mark.parametrize("jump", [0, 30])
def test_memory_that_grows_is_told_from_noise_and_reloads(rate, grows, jump):
    from explore_watch import growth

    found = {entry["measure"]: entry for entry in growth(list(samples(rate, jump)))}
    assert found["heap"]["grows"] == grows
    assert found["heap"]["slope"] == pytest.approx(rate, abs=3 * found["heap"]["error"])
    assert found["heap"]["error"] < 1.5


def test_a_few_samples_tell_nothing():
    from explore_watch import growth

    assert all("grows" not in entry for entry in growth(list(samples(100))[:12]))
    assert all("grows" not in entry for entry in growth([]))
