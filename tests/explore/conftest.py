"""A run with hostile names, served as a user would have it, and a browser to look at it."""

import http.client
import json
import os
import shutil
import threading
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlencode, urlsplit

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from skybind.config import load_config
from skybind.discovery.outliers import find_outliers
from skybind.runs.cases import cases_of
from skybind.runs.classes import case_classes
from skybind.runs.embedding import run_embedding
from skybind.runs.run import Run
from skybind.runs.steps import run_finetuning, run_pretraining
from skybind.simulate.write import write_stars
from skybind.tables import write_table
from tests.conftest import QUICK
from tests.explore.observed import N, write_observed
from tests.runs.made_up_galaxies import tiny_config, write_galaxies

#: An object and a class whose names are markup that would run a script.
OBJECT = '"><img src=x onerror="window.hacked=1">/../& <b>7\u202e</b>'
CLASS = "<img src=x onerror='window.hacked=2'>"
FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]


@dataclass
class Served:
    """A running explorer."""

    address: str
    folder: Path

    @property
    def host(self):
        return urlsplit(self.address).netloc

    @property
    def token(self):
        return urlsplit(self.address).query.removeprefix("token=")

    def ask(self, path, method="GET", headers=None, body=b"", **values):
        """Ask as the page does; gives status, headers and body."""
        known = {"Host": self.host, "x-skybind-token": self.token, **(headers or {})}
        link = http.client.HTTPConnection(self.host, timeout=30)
        link.putrequest(method, path + (f"?{urlencode(values)}" if values else ""), True, True)
        for name, value in known.items():
            if value is not None:
                link.putheader(name, value)
        if body:
            link.putheader("Content-Length", str(len(body)))
        link.endheaders(body or None)
        answer = link.getresponse()
        body = answer.read()
        link.close()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, body

    def json(self, path, **values):
        status, _, body = self.ask(f"/api/{path}", **values)
        assert status == 200, body
        return json.loads(body)

    def send(self, path, said, headers=None):
        """Post something as the page does; gives the status and the answer."""
        sent = json.dumps(said).encode()
        status, _, body = self.ask(f"/api/{path}", "POST", headers, sent)
        return status, json.loads(body)


def _rename(folder):
    """Give an object and a class of a survey hostile names."""
    for path in sorted((folder / "objects").glob("*.parquet")):
        table = pq.read_table(path)
        names = table["object_id"].to_pylist()
        if "SIM00000007" in names:
            names[names.index("SIM00000007")] = OBJECT
        label = pc.if_else(pc.equal(table["label"], "EW"), CLASS, table["label"])
        for name, values in (("object_id", pa.array(names)), ("label", label)):
            place = table.schema.get_field_index(name)
            table = table.set_column(place, table.schema.field(name), values)
        pq.write_table(table, path, row_group_size=64)


@pytest.fixture(scope="session")
def hostile_run(tmp_path_factory):
    """Folder of a run of seconds with embeddings and classes, whose names are markup."""
    folder = tmp_path_factory.mktemp("explored")
    write_stars(folder / "stars", 400, seed=7, missing=0.3)
    _rename(folder / "stars")
    run = Run.start(load_config("stars-small", QUICK), folder / "stars", folder / "run")
    run_pretraining(run)
    run_embedding(run)
    case = cases_of(run)[-1]
    run_finetuning(run, case)
    case_classes(run, case)
    return folder / "run"


@pytest.fixture(scope="session")
def suspect_run(hostile_run, tmp_path_factory):
    """A copy of that run, in which suspects were looked for."""
    folder = tmp_path_factory.mktemp("suspects") / "run"
    shutil.copytree(hostile_run, folder)
    run = Run.open(folder)
    found = find_outliers(run, run_embedding(run)).to_arrow()
    write_table(found, run.paths.discover.outliers())
    return folder


@contextmanager
def serving(folder, **options):
    """Serve the explorer of a run on a free port."""
    pytest.importorskip("uvicorn")
    from skybind.explore.serve import prepare

    server, address, listening, close = prepare(folder, **options)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    yield Served(address, folder)
    server.should_exit = True
    thread.join(10)
    listening.close()
    close()


@pytest.fixture(scope="session")
def served(hostile_run):
    """The explorer of the run with hostile names."""
    with serving(hostile_run) as explorer:
        yield explorer


@pytest.fixture(scope="session")
def observed_run(tmp_path_factory):
    """Folder of a run of galaxies with all that can be observed."""
    folder = tmp_path_factory.mktemp("observed")
    write_galaxies(folder / "plain", N)
    write_observed(folder / "galaxies", folder / "plain")
    config = tiny_config(folder, "training.epochs=1", "training.batch_size=20")
    run = Run.start(config, folder / "galaxies", folder / "run")
    run_pretraining(run)
    run_embedding(run)
    return run.folder


@pytest.fixture(scope="session")
def observed(observed_run):
    """The explorer of that run."""
    with serving(observed_run) as explorer:
        yield explorer


@pytest.fixture(scope="module")
def judged(suspect_run):
    """The explorer of the run with suspects; what is judged in a module is forgotten after it."""
    with serving(suspect_run) as explorer:
        yield explorer
    shutil.rmtree(suspect_run / "labels", ignore_errors=True)


@pytest.fixture(scope="module")  # the loop of playwright stops asyncio in tests of other files
def browser():
    """Chromium; where it is missing the test is skipped, unless SKYBIND_BROWSER=required."""
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        program = None
    if program is None:
        reason = "the page is tested with playwright and Debian's chromium, which are not here"
        (pytest.fail if os.environ.get("SKYBIND_BROWSER") == "required" else pytest.skip)(reason)
    with sync_playwright() as play:
        started = play.chromium.launch(executable_path=program, args=FLAGS)
        yield started
        started.close()


@pytest.fixture
def page(browser, served):
    """The explorer's page, opened."""
    with opened_page(browser, served.address) as opened:
        yield opened


@contextmanager
def opened_page(browser, address, **options):
    """Open the explorer's page; errors of its scripts fail the test."""
    context = browser.new_context(viewport={"width": 1200, "height": 800}, **options)
    opened = context.new_page()
    opened.set_default_timeout(20_000)
    errors = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on("console", lambda said: said.type == "error" and errors.append(said.text))
    refused = "Failed to load resource: the server responded with a status of 400 (Bad Request)"
    opened.goto(address)
    opened.wait_for_selector("body[data-ready]")
    yield opened
    # a question that is answered by a sentence is no error of the page
    assert [error for error in errors if error != refused] == []
    assert opened.evaluate("window.hacked") is None
    context.close()


def keep_and_open(page, name):
    """Keep the objects of short periods under a name, and open them by it; gives how many."""
    page.fill("#condition", "period < 0.5")
    page.press("#condition", "Enter")
    page.wait_for_selector("#kept form")
    n = page.get_attribute("#side", "data-selected")
    page.get_by_label("Name of the selection").fill(name)
    page.keyboard.press("Enter")
    page.wait_for_selector(f"[data-kept='{name}']")
    page.get_by_role("button", name="clear").click()
    page.wait_for_selector("#side:not([data-selected])")
    page.locator(f"[data-kept='{name}'] .link").click()
    page.wait_for_selector(f"#side[data-selected='{n}']")
    return n
