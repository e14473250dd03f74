"""What is watched while somebody clicks on the explorer's page: errors, refusals, memory."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

#: Questions that may be refused with a sentence (400): what was typed, chosen or dropped is theirs.
MAY_REFUSE = {
    *(
        "find",
        "where",
        "chosen",
        "object",
        "neighbours",
        "file",
        "samp",
        "samp/listen",
        "export",
        "fold",
    ),
    "power",
    *("kept/keep", "kept/forget", "kept/rows", "compared", "train", "undo", "judge", "queue"),
}
#: What Chromium says of those, and of its own drawing without a graphics card.
NO_FAULT = (
    "Failed to load resource: the server responded with a status of 400",
    "GPU stall due to ReadPixels",
)
#: What only faults write to the terminal.
LOGGED = re.compile(r"Traceback|could not answer|^ERROR|Exception|Warning", re.M)
#: Of the page, once it waits for nothing: what is blank, stuck, or contradicts itself.
CONTRADICTIONS = (Path(__file__).parent / "contradictions.js").read_text("utf-8")
#: Of each measure: its unit, and how much it may grow in an hour.
LIMITS: dict[str, tuple[str, float]] = {
    "heap": ("MB", 4.0),
    "nodes": ("", 2000.0),
    "listeners": ("", 400.0),
    "server": ("MB", 40.0),
    "browser": ("MB", 100.0),
}
#: Samples after a (re)load that fill what is held on purpose, and samples that make a slope.
WARMING, FEWEST = 5, 15


@dataclass
class Watch:
    """What was seen of one page, its server and what they said.

    Parameters
    ----------
    page : Page
        Of playwright.
    address : str
        Of the explorer.
    log : Path
        What the server writes to the terminal.
    """

    page: Any
    address: str
    log: Path
    faults: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    open: set[Any] = field(default_factory=set)
    read: int = 0

    def __post_init__(self) -> None:
        page, host = self.page, urlsplit(self.address).netloc
        page.on("pageerror", lambda error: self.faults.append(f"error of a script: {error}"))
        page.on("crash", lambda _: self.faults.append("the page crashed"))
        page.on("console", self._said)
        page.on("response", self._answered)
        for event in ("requestfinished", "requestfailed"):
            page.on(event, lambda request: self.open.discard(request))

        def asked(request: Any) -> None:
            self.open.add(request)
            where = urlsplit(request.url)
            if where.scheme not in ("data", "blob") and where.netloc != host:
                self.faults.append(f"the page asks {where.netloc} by itself")

        page.on("request", asked)

    def _said(self, message: Any) -> None:
        if message.type not in ("error", "warning"):
            return
        known = [sign for sign in NO_FAULT if sign in message.text]
        if known:
            self.left_out[known[0]] += 1
        else:
            self.faults.append(f"{message.type} in the console: {message.text[:300]}")

    def _answered(self, response: Any) -> None:
        if response.status < 400:
            return
        path = urlsplit(response.url).path.removeprefix("/api/")
        if response.status == 400 and path in MAY_REFUSE:
            self.refused[path] += 1
        else:
            self.faults.append(f"{response.status} from {path}, {urlsplit(response.url).query}")

    def logged(self) -> None:
        """Read what the server wrote since."""
        with self.log.open("rb") as file:
            file.seek(self.read)
            written = file.read()
        self.read += len(written)
        text = written.decode("utf-8", "replace")
        if LOGGED.search(text):
            self.faults.append(f"the server's terminal: {text[-3000:]}")

    def settled(self, patience: float = 30.0) -> None:
        """Wait until the page asks nothing any more, and look whether it contradicts itself."""
        quiet = waited = 0.0
        while quiet < 0.6 and waited < patience:
            self.page.wait_for_timeout(100)
            waited += 0.1
            quiet = 0.0 if self.open else quiet + 0.1
        if waited >= patience:
            asked = [urlsplit(request.url).path for request in self.open]
            self.faults.append(f"no answer after {patience:.0f} s: {asked}")
        self.faults += self.page.evaluate(CONTRADICTIONS)


def held(session: Any, own: Callable[[], tuple[float, float]]) -> dict[str, float]:
    """Measure what the page, the server and the browser hold, after the garbage was collected.

    Parameters
    ----------
    session : CDPSession
        Of the page.
    own : callable
        Gives the memory of the server and of the browser [MB].
    """
    for _ in range(2):  # what a finaliser lets go is collected by the second
        session.send("HeapProfiler.collectGarbage")
    said = session.send("Performance.getMetrics")["metrics"]
    known = {entry["name"]: float(entry["value"]) for entry in said}
    server, browser = own()
    return {
        "heap": known["JSHeapUsedSize"] / 1e6,
        "nodes": known["Nodes"],
        "listeners": known["JSEventListeners"],
        "server": server,
        "browser": browser,
    }


def slope(hours: np.ndarray, values: np.ndarray, life: np.ndarray) -> tuple[float, float] | None:
    """Return the slope of a measure by least squares, and its standard error.

    All lives of the page (from one load of it to the next) share the slope, and have a height each.

    Parameters
    ----------
    hours, values, life : ndarray, shape (N,)
        When, how much, and in which life of the page.

    Returns
    -------
    slope, error : float
        An hour; None of fewer than `FEWEST` samples, or of one moment.
    """
    x, y = hours.astype(float).copy(), values.astype(float).copy()
    lives = np.unique(life)
    for one in lives:
        x[life == one] -= x[life == one].mean()
        y[life == one] -= y[life == one].mean()
    spread = (x**2).sum()
    free = len(x) - len(lives) - 1
    if len(x) < FEWEST or free < 1 or spread == 0:
        return None
    found = float((x * y).sum() / spread)
    return found, float(np.sqrt(((y - found * x) ** 2).sum() / free / spread))


def growth(samples: list[dict[str, float]]) -> list[dict[str, Any]]:
    """Say of each measure whether it grew over the second half.

    It grows if its slope is above the limit of `LIMITS`, and above twice its standard error.
    """
    told = []
    half = samples[-1]["hour"] / 2 if samples else 0.0
    for name, (unit, limit) in LIMITS.items():
        # the server lives on when the page is loaded again
        lives = [0.0 if name == "server" else sample["life"] for sample in samples]
        since = [lives[: i + 1].count(one) for i, one in enumerate(lives)]
        used = [
            i for i, sample in enumerate(samples) if sample["hour"] >= half and since[i] > WARMING
        ]
        of = [np.array([samples[i][key] for i in used]) for key in ("hour", name)]
        found = slope(*of, np.array([lives[i] for i in used]))
        entry: dict[str, Any] = {
            "measure": name,
            "unit": unit,
            "limit": limit,
            "samples": len(used),
        }
        if found is not None:
            rate, error = found
            entry |= {"slope": rate, "error": error, "first": of[1][0], "last": of[1][-1]}
            entry["grows"] = rate > limit and rate > 2 * error
        told.append(entry)
    return told
