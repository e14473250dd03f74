"""The explorer in a notebook: what a cell shows, and that its frame is the page."""

import functools
import http.server
import sys
import threading

import pytest

import skybind as sb
from skybind.errors import ModelError
from tests.explore.conftest import OBJECT


@pytest.fixture(scope="module")
def explorer(hostile_run):
    pytest.importorskip("uvicorn")
    with sb.load(hostile_run).explore(height=500, read_only=True) as opened:
        yield opened


def shown(value):
    """HTML that a notebook shows of a value, by IPython's own formatter."""
    formatters = pytest.importorskip("IPython.core.formatters")
    return formatters.DisplayFormatter().format(value)[0]["text/html"]


@pytest.fixture
def hosted(tmp_path):
    """Serve a page around some HTML at an address of this machine; gives where."""
    servers = []

    def page(html, host="localhost"):
        (tmp_path / "notebook.html").write_text(f"<!doctype html><h1>cell</h1>{html}")
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
        servers.append(http.server.ThreadingHTTPServer((host, 0), handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://{host}:{servers[-1].server_port}/notebook.html"

    yield page
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_cell_shows_the_page(explorer, browser, hosted):
    html = shown(explorer)
    assert 'height="500"' in html
    context = browser.new_context(viewport={"width": 1100, "height": 700})
    page = context.new_page()
    page.goto(hosted(html))
    frame = page.frame_locator("iframe")
    frame.locator("body[data-ready]").wait_for(timeout=30_000)
    frame.locator("#query").fill(OBJECT)
    frame.locator("#query").press("Enter")
    frame.locator("#side[data-id]").wait_for(timeout=30_000)
    assert frame.locator("#side h2").inner_text().startswith('"><img src=x')
    context.close()


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="127.0.0.2 is Linux's own")
def test_a_page_of_another_host_shows_nothing(explorer, browser, hosted):
    context = browser.new_context()
    page = context.new_page()
    said = []
    page.on("console", lambda message: said.append(message.text))
    page.goto(hosted(shown(explorer), "127.0.0.2"))
    page.wait_for_timeout(500)
    assert page.frame_locator("iframe").locator("#query").count() == 0
    assert any("frame-ancestors" in text for text in said)
    context.close()


def test_it_ends(hostile_run):
    pytest.importorskip("uvicorn")
    explorer = sb.Run.open(hostile_run).explore(read_only=True)
    assert str(hostile_run) in repr(explorer)
    explorer.close()
    assert not explorer._thread.is_alive()


def test_a_model_alone_is_no_survey(hostile_run, tmp_path):
    model = sb.load(hostile_run)
    assert model.run_folder == hostile_run.resolve()
    model.folder = tmp_path
    with pytest.raises(ModelError, match=r"stands in no run.*skybind.Run.open"):
        model.explore()
