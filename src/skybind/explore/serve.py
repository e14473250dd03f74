"""Starting the explorer: a server on this machine, and a browser that looks at it."""

import html
import logging
import secrets
import socket
import tempfile
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager, nullcontext
from pathlib import Path
from threading import Timer
from typing import TYPE_CHECKING

from skybind.errors import ConfigError
from skybind.files import raise_of_machine
from skybind.progress import say, told_elsewhere
from skybind.runs.run import Run

if TYPE_CHECKING:
    from uvicorn import Server

LOOPBACK = "127.0.0.1"
#: Addresses of this machine that no other one reaches.
OWN = (LOOPBACK, "localhost", "::1")
#: Addresses that stand for every one of this machine's.
ANY = ("0.0.0.0", "::")

#: A page that leads to the explorer.
_LEADS = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>skybind explore</title>
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={address}"></head>
<body><a href="{address}">The explorer</a></body></html>
"""


def explore(
    folder: str | Path,
    *,
    data: str | Path | None = None,
    host: str = LOOPBACK,
    port: int = 0,
    browser: bool = True,
    read_only: bool = False,
) -> None:
    """Open a run in a browser, and answer its page until the program is interrupted.

    Parameters
    ----------
    folder : str or Path
        Of a run with embeddings.
    data : str or Path, optional
        The dataset, where it is not where the run was started on it.
    host : str
        Address to listen at; by default this machine alone.
    port : int
        Port to listen at; any free one by default.
    browser : bool
        Open a browser.
    read_only : bool
        Write nothing into the run's folder.

    Raises
    ------
    ConfigError
        If the extra `explore` is not installed, or the port is taken or none.
    DataError
        If the run has no embeddings.
    """
    server, address, listening, close = prepare(folder, data, host, port, read_only)
    say(f"The explorer is at {address}")
    if host not in OWN:
        say(
            f"It listens at {host}, unencrypted: whoever sees the address above, or the traffic, "
            "can look at this run."
        )
    say("Ctrl-C ends it.")
    try:
        with told_elsewhere(), _browser(address) if browser else nullcontext():
            # the page tells what is under way, and the address stays in sight
            server.run(sockets=[listening])
    finally:
        listening.close()
        close()


@contextmanager
def _browser(address: str) -> Iterator[None]:
    """Open a browser at an address that nobody else on this machine can read.

    Command lines are seen by all, so the browser is given a file that leads to the address: it is
    this user's alone, and deleted at the end. Where none can be written, no browser is opened.
    """
    with ExitStack() as stack:
        try:
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="skybind-explore-"))
            path = Path(folder) / "explorer.html"
            path.touch(mode=0o600)
            path.write_text(_LEADS.format(address=html.escape(address)), encoding="utf-8")
        except OSError as error:
            say(f"No browser is opened ({error}): open the address above.", logging.WARNING)
        else:
            opening = Timer(0.5, webbrowser.open, [path.as_uri()])
            stack.callback(opening.cancel)
            opening.start()
        yield


def explore_still(
    folder: str | Path, out: str | Path, *, data: str | Path | None = None, objects: int = 1000
) -> Path:
    """Write a still copy of the explorer, which any server of files shows; gives its folder.

    Parameters
    ----------
    folder : str or Path
        Of a run with embeddings.
    out : str or Path
        The folder to make.
    data : str or Path, optional
        The dataset, where it is not where the run was started on it.
    objects : int
        Most objects whose observations it has, drawn from the maps by the run's seed.

    Raises
    ------
    DataError
        If the run has no embeddings or no map, or `out` holds other files.
    """
    from skybind.explore.still import write_still
    from skybind.explore.survey import Survey

    survey = Survey(Run.open(folder, data=data), read_only=True)
    try:
        write_still(survey, out, objects)
    finally:
        survey.close()
    say(f"A still copy stands in {out}: 'python -m http.server -d {out}' shows it, for one.")
    return Path(out)


def prepare(
    folder: str | Path,
    data: str | Path | None = None,
    host: str = LOOPBACK,
    port: int = 0,
    read_only: bool = False,
    framed: bool = False,
) -> "tuple[Server, str, socket.socket, Callable[[], None]]":
    """Open a run, and return a server of it with its address, its socket and what closes it.

    Notebooks on this machine may show its page in a frame if it is `framed`.
    """
    try:
        import uvicorn

        from skybind.explore.app import make_app
    except ImportError as error:
        raise ConfigError(
            f"The explorer needs {error.name}, which is not installed: pip install "
            "'skybind[explore]'."
        ) from error
    from skybind.explore.survey import Survey

    listening = _listen(host, port)
    try:
        survey = Survey(Run.open(folder, data=data), read_only)
    except BaseException:
        listening.close()
        raise
    port = listening.getsockname()[1]
    token = secrets.token_urlsafe(24)
    app = make_app(survey, token, _hosts(host, port), framed)
    config = uvicorn.Config(app, log_level="warning", access_log=False, server_header=False)
    shown = _bracketed(host) if host not in ANY else socket.gethostname()
    return uvicorn.Server(config), f"http://{shown}:{port}/?token={token}", listening, survey.close


def _hosts(host: str, port: int) -> set[str]:
    """Return the values of the header Host that are the explorer's own, in lower case."""
    names = {host}
    if host in OWN or host in ANY:
        names |= set(OWN)
    if host in ANY:
        names |= {socket.gethostname(), socket.getfqdn(), _outside()}
    found = {f"{_bracketed(name)}:{port}".lower() for name in names}
    if port == 80:  # browsers leave out the port of http
        found |= {_bracketed(name).lower() for name in names}
    return found


def _bracketed(host: str) -> str:
    """Return a host as it stands in an address: IPv6 in brackets."""
    return f"[{host}]" if ":" in host else host


def _listen(host: str, port: int) -> socket.socket:
    """Return a listening socket.

    Raises
    ------
    ConfigError
        If the port is taken or none, or the address is not this machine's.
    """
    if not 0 <= port <= 65535:
        raise ConfigError(f"There is no port {port}: choose one from 1 to 65535, or 0 for any.")
    kind = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(kind, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        raise_of_machine(error)
        listening.close()
        raise ConfigError(
            f"The explorer cannot listen at {host}, port {port} ({error.strerror}): choose "
            "another --port, or none for any that is free."
        ) from error
    listening.listen(64)
    return listening


def _outside() -> str:
    """Return the address under which others reach this machine."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as probe:
        try:
            probe.connect(("192.0.2.1", 9))  # an address of documentation: nothing is sent
        except OSError:
            return LOOPBACK
        return str(probe.getsockname()[0])
