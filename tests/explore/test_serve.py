"""Where the explorer listens, and under which names it is asked."""

import os
import socket
import stat
import time
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import parse_qs, urlsplit
from urllib.request import url2pathname

import pytest

from skybind.errors import ConfigError
from skybind.explore import serve
from skybind.progress import task, work


@pytest.mark.parametrize(
    ("host", "port", "some"),
    [
        ("127.0.0.1", 8000, {"127.0.0.1:8000", "localhost:8000"}),
        ("localhost", 8000, {"127.0.0.1:8000", "localhost:8000"}),
        ("127.0.0.1", 80, {"127.0.0.1", "localhost", "127.0.0.1:80"}),
        ("::1", 8000, {"[::1]:8000", "localhost:8000"}),
        ("::1", 80, {"[::1]", "[::1]:80"}),
        ("0.0.0.0", 8000, {"127.0.0.1:8000", "localhost:8000", "star.example.org:8000"}),
        ("192.0.2.7", 8000, {"192.0.2.7:8000"}),
    ],
)
def test_names_of_the_explorer(monkeypatch, host, port, some):
    monkeypatch.setattr(socket, "getfqdn", lambda: "Star.example.org")
    known = serve._hosts(host, port)
    assert some <= known
    assert ("127.0.0.1" in known) == (port == 80 and host in serve.OWN)
    assert ("localhost:8000" in known) == (port == 8000 and host != "192.0.2.7")


@pytest.mark.parametrize("port", [-1, 70000])
def test_a_port_that_cannot_be_is_a_sentence(port):
    with pytest.raises(ConfigError, match=f"no port {port}: choose"):
        serve._listen("127.0.0.1", port)


@pytest.mark.parametrize(("host", "shown"), [("localhost", "localhost"), ("::1", "[::1]")])
def test_this_machine_alone_is_no_network(hostile_run, monkeypatch, host, shown):
    uvicorn = pytest.importorskip("uvicorn")
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: None)
    said = []
    monkeypatch.setattr(serve, "say", said.append)
    try:
        serve.explore(hostile_run, host=host, browser=False, read_only=True)
    except ConfigError:
        pytest.skip("this machine has no IPv6")
    assert f"http://{shown}:" in said[0]
    assert not any("unencrypted" in sentence for sentence in said)


def test_while_it_is_open_nothing_is_told_but_what_happens(
    hostile_run, monkeypatch, capsys, talking
):
    uvicorn = pytest.importorskip("uvicorn")
    monkeypatch.setattr(work, "SILENCE", 0.05)
    monkeypatch.setattr(work, "TICK", 0.01)
    monkeypatch.setattr(
        uvicorn.Server, "run", lambda self, sockets: capsys.readouterr() and time.sleep(0.3)
    )
    with task("at work", told=False, drawn=False):  # as every command is
        serve.explore(hostile_run, browser=False, read_only=True)
        assert "at work" not in capsys.readouterr().err


def test_the_token_stands_on_no_command_line(hostile_run, monkeypatch):
    """Other users of the machine read what a browser was started with, but not the file."""
    uvicorn = pytest.importorskip("uvicorn")
    opened, said, seen = [], [], []
    monkeypatch.setattr(serve.webbrowser, "open", opened.append)
    monkeypatch.setattr(serve, "say", said.append)

    def run(server, sockets):
        until = time.monotonic() + 10
        while not opened and time.monotonic() < until:
            time.sleep(0.01)
        path = Path(url2pathname(urlsplit(opened[0]).path))
        modes = [stat.S_IMODE(place.stat().st_mode) for place in (path, path.parent)]
        seen.extend([path, *modes, path.read_text(encoding="utf-8")])
        raise KeyboardInterrupt

    monkeypatch.setattr(uvicorn.Server, "run", run)
    with pytest.raises(KeyboardInterrupt):
        serve.explore(hostile_run, read_only=True)
    address = said[0].removeprefix("The explorer is at ")
    token = parse_qs(urlsplit(address).query)["token"][0]
    assert opened[0].startswith("file://")
    assert token not in opened[0]
    path, mode, folder_mode, page = seen
    assert f'content="0; url={address}"' in page
    if os.name == "posix":
        assert (mode, folder_mode) == (0o600, 0o700)
    assert not path.parent.exists()


def test_no_browser_is_opened_after_the_end(hostile_run, monkeypatch):
    uvicorn = pytest.importorskip("uvicorn")
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: None)
    opened = []
    monkeypatch.setattr(serve.webbrowser, "open", opened.append)
    serve.explore(hostile_run, read_only=True)
    time.sleep(0.7)
    assert not opened


def test_without_a_place_for_the_redirect_it_serves_all_the_same(hostile_run, monkeypatch, caplog):
    uvicorn = pytest.importorskip("uvicorn")
    served = []
    monkeypatch.setattr(uvicorn.Server, "run", lambda self, sockets: served.append(1))

    def full(**options):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(serve, "tempfile", SimpleNamespace(TemporaryDirectory=full))
    with caplog.at_level("WARNING", logger="skybind"):
        serve.explore(hostile_run, read_only=True)
    assert served
    assert "No browser is opened" in caplog.text
