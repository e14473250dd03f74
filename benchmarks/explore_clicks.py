"""Hours of random clicks on the explorer's page: no error in the console, no growing memory.

    python benchmarks/explore_clicks.py --out DIR --minutes 120 --seed 0

A run of simulated stars is made in DIR, if there is none, and copied: the clicks change it.
`skybind explore` serves the copy in a process of its own, and headless Chromium does what a person
may do, one deed after another (`explore_actions.py`), while `explore_watch.py` looks for errors.
Memory of page, server and browser is measured each minute after the garbage was collected; its
slope over the second half decides whether it grows. Progress is told on stderr; what was found
stands in DIR/clicks-SEED.json too. The exit status is 1 where a fault was found: the deeds before
it are told with it.
"""

import argparse
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from explore_actions import Words, do
from explore_watch import Watch, growth, held
from skybind.data.dataset import Dataset
from skybind.files import write_json
from skybind.runs.run import Run

FLAGS = [
    "--no-sandbox",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    # no name but this machine's leads anywhere, so that a link that is clicked asks nobody
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
STARS = 600
#: Of a run of half a minute that has everything: classifier, maps, discoveries.
SHORT = [
    "training.epochs=2",
    "training.batch_size=64",
    "finetuning.training.epochs=2",
    "finetuning.overrides={}",
    "finetuning.modalities=[photometry, all]",
    "finetuning.subsets=['25']",
    "evaluation.map=pca",
    "evaluation.examples=2",
]
#: Seconds after which a deed is taken for one that hangs.
HANGS = 90
#: What Chromium keeps of the answers to a page for the tools of developers, of which playwright is
#: one [bytes]: without these a page of objects does not grow. It is filled after every load, so
#: that it does not look like growth until it is full.
KEPT = 210e6
FILL = """async (bytes) => {
  const address = document.querySelector("script[src]").src;
  for (let n = 0; n < bytes; )
    n += (await (await fetch(`${address}?${n}`, { cache: "no-store" })).text()).length;
}"""
#: Deeds that are told before a fault, and after how many the page is looked at when it is at rest.
TOLD, RESTS = 12, 25


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of what is made")
    parser.add_argument("--run", type=Path, help="click on a copy of this run")
    parser.add_argument("--minutes", type=float, default=120)
    parser.add_argument("--actions", type=int, default=10**9, help="end after so many")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--pause", type=float, default=0.3, help="seconds of a deed, at least")
    parser.add_argument(
        "--sample", type=float, default=60, help="seconds between measures of memory"
    )
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    made = args.run or make(args.out / "made")
    data = Run.open(made).dataset.path
    folder = args.out / f"clicked-{args.seed}"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(made, folder)
    words = words_of(Dataset.open(data), args.out)
    with serving(folder, data, args.out / f"server-{args.seed}.log") as (address, process, log):
        found = click(address, process, log, words, args)
    write_json(args.out / f"clicks-{args.seed}.json", found)
    raise SystemExit(tell(found))


def make(folder: Path) -> Path:
    """Return a run of simulated stars that has everything; it is made once."""
    run, done = folder / "run", folder / "done"
    if done.exists():
        return run
    shutil.rmtree(folder, ignore_errors=True)
    settings = [part for text in SHORT for part in ("--set", text)]
    stars = str(folder / "stars")
    for command in (
        ["simulate", "stars", stars, "-n", str(STARS), "--seed", "1", "--missing", "0.3"],
        ["run", "stars-small", "--data", stars, "--out", str(run), *settings],
        ["classify", str(run)],
        ["discover", str(run)],
    ):
        say(" ".join(command[:2]))
        subprocess.run([sys.executable, "-m", "skybind", *command, "-q"], check=True)
    done.touch()
    return run


def words_of(stars: Dataset, out: Path) -> Words:
    """Return what is typed of a survey, and files of its objects and of nonsense."""
    rng = np.random.default_rng(0)
    names = [str(name) for name in rng.choice(stars.object_ids, 40, replace=False)]
    classes = sorted({str(name) for name in stars.labels("label") if name})
    folder = out / "dropped"
    folder.mkdir(exist_ok=True)
    row = int(np.flatnonzero(stars.present("photometry"))[3])
    seen = stars[row].photometry
    columns = (seen._fields[name].tolist() for name in ("time", "flux", "flux_err"))
    lines = [f"{t!r},{f!r},{e!r}" for t, f, e in zip(*columns, strict=True)]
    contents = {
        "curve.csv": "\n".join(["time,flux,flux_err", *lines]).encode(),
        "three.csv": "\n".join(["time,flux,flux_err", *lines[:3]]).encode(),
        "empty.csv": b"",
        "words.csv": b"u,v\n1,2\n",
        "noise.fits": rng.bytes(5000),
        "cut.fits": b"SIMPLE  =                    T" + b" " * 2850,
        "<img src=x onerror=window.hacked=3>.csv": b"time,flux\n1,x\n",
        "\u202elong" + "g" * 200 + ".vot": b"<VOTABLE><!DOCTYPE x></VOTABLE>",
    }
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    return Words(names, classes, sorted(folder.iterdir()))


@contextlib.contextmanager
def serving(run: Path, data: Path, log: Path) -> Iterator[tuple[str, psutil.Process, Path]]:
    """Serve a run with `skybind explore`; gives address, process and what it writes."""
    command = [sys.executable, "-m", "skybind", "explore", str(run), "--data", str(data)]
    with (
        log.open("wb") as out,
        subprocess.Popen([*command, "--no-browser"], stdout=out, stderr=out) as p,
    ):
        try:
            while "Ctrl-C" not in (text := log.read_text("utf-8", "replace")):
                if p.poll() is not None:
                    raise SystemExit(f"The explorer did not start: {text}")
                time.sleep(0.1)
            address = text[text.index("http://") :].split()[0]
            yield address, psutil.Process(p.pid), log
        finally:
            p.terminate()


def click(
    address: str, process: psutil.Process, log: Path, words: Words, args: argparse.Namespace
) -> dict[str, Any]:
    """Open the page and click until the time is over or a fault is found; gives what was found."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as play:
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = play.chromium.launch(executable_path=program, args=FLAGS)
        context = browser.new_context(viewport={"width": 1200, "height": 800})
        page = context.new_page()
        page.set_default_timeout(30_000)
        page.on("filechooser", lambda chooser: None)  # so that no window of the system waits
        others: list[Any] = []
        context.on("page", lambda opened: others.append(opened))
        page.on("download", lambda saved: others.append(saved))
        watch = Watch(page, address, log)
        page.goto(address)
        page.wait_for_selector("body[data-ready]")
        page.evaluate(FILL, KEPT)
        found = Clicker(page, watch, process, words, args, others).work()
        browser.close()
    return found


class Clicker:
    """Does one deed after another on a page, and samples what is held."""

    def __init__(
        self,
        page: Any,
        watch: Watch,
        process: psutil.Process,
        words: Words,
        args: argparse.Namespace,
        others: list[Any],
    ) -> None:
        self.page, self.watch, self.process, self.words = page, watch, process, words
        self.args, self.others = args, others
        self.session = page.context.new_cdp_session(page)
        self.session.send("Performance.enable")
        self.session.send("Page.resetNavigationHistory")  # nothing is before the page to go back to
        self.life = 0
        self.done: deque[str] = deque(maxlen=TOLD)
        self.kinds: Counter[str] = Counter()
        self.samples: list[dict[str, float]] = []
        self.began = time.monotonic()

    def work(self) -> dict[str, Any]:
        """Click until the time is over or there is a fault; gives what was found."""
        until, next_sample = self.began + 60 * self.args.minutes, self.began
        number, watch = 0, self.watch
        while not watch.faults and number < self.args.actions and time.monotonic() < until:
            began = time.monotonic()
            try:
                self.act(number)
                if number % RESTS == RESTS - 1:
                    watch.settled()
            except Exception as error:
                watch.faults.append(f"the page does not answer: {str(error)[:600]}")
                break
            number += 1
            if time.monotonic() >= next_sample and not watch.faults:
                self.sample(number)
                next_sample += self.args.sample
            self.page.wait_for_timeout(1000 * max(0.02, self.args.pause - time.monotonic() + began))
        if not watch.faults:
            watch.settled()
        watch.logged()
        return {
            "seed": self.args.seed,
            "minutes": (time.monotonic() - self.began) / 60,
            "actions": number,
            "kinds": dict(self.kinds.most_common()),
            "loads": self.life + 1,
            "refused": dict(watch.refused.most_common()),
            "left_out": dict(watch.left_out),
            "faults": watch.faults,
            "last": list(self.done),
            "growth": growth(self.samples),
            "samples": self.samples,
        }

    def act(self, number: int) -> None:
        """Do one deed, and see to it that the page is there after it."""
        signal.signal(signal.SIGALRM, _hangs)
        signal.alarm(HANGS)
        told = do(self.page, self.args.seed, number, self.words)
        self.done.append(f"#{number} {told}  [{self.page.url.partition('#')[2]}]")
        self.kinds[told.split()[0]] += 1
        for other in self.others:  # a page of another host, or a table that was saved
            (other.delete if hasattr(other, "suggested_filename") else other.close)()
        self.others.clear()
        self.page.wait_for_selector("body[data-ready]")
        signal.alarm(0)
        if told.startswith("reload"):
            self.life += 1
            self.page.evaluate(FILL, KEPT)

    def sample(self, number: int) -> None:
        """Measure memory, look at the page and the terminal, and say how far it is."""
        self.watch.settled()
        self.watch.logged()
        hour = (time.monotonic() - self.began) / 3600
        one = {"hour": hour, "life": self.life, "number": number}
        self.samples.append({**one, **held(self.session, self.memory)})
        now = self.samples[-1]
        say(
            f"{60 * hour:6.1f} min  {number:6} deeds  {now['heap']:.1f} MB of JavaScript, "
            f"{now['nodes']:.0f} nodes, {now['listeners']:.0f} listeners; server "
            f"{now['server']:.0f} MB, browser {now['browser']:.0f} MB"
        )

    def memory(self) -> tuple[float, float]:
        """Memory of the server and of the browser's processes, of their own [MB]."""
        browser = 0
        for child in psutil.Process(os.getpid()).children(recursive=True):
            with contextlib.suppress(psutil.Error):
                browser += child.memory_full_info().uss if "chrom" in child.name() else 0
        return self.process.memory_full_info().uss / 1e6, browser / 1e6


def _hangs(number: int, frame: Any) -> None:
    raise TimeoutError(f"it hangs for {HANGS} s")


def tell(found: dict[str, Any]) -> int:
    """Print what was found; gives the exit status."""
    print(
        f"{found['actions']:,} deeds in {found['minutes']:.1f} minutes, seed {found['seed']}: "
        + ", ".join(f"{n:,} {kind}" for kind, n in found["kinds"].items())
    )
    print(
        f"the page was loaded {found['loads']} times; refused with a sentence: {found['refused']}"
    )
    for entry in found["growth"]:
        if "slope" not in entry:
            print(f"{entry['measure']:10} too short to tell: {entry['samples']} samples")
            continue
        verdict = "GROWS" if entry["grows"] else "does not grow"
        print(
            f"{entry['measure']:10}{entry['slope']:+10.2f} ± {entry['error']:.2f} {entry['unit']} "
            f"an hour (limit {entry['limit']:g}), {entry['first']:.1f} to {entry['last']:.1f}: "
            f"{verdict}"
        )
    for fault in found["faults"]:
        print(f"FAULT: {fault}")
    if found["faults"]:
        print("The last deeds:", *found["last"], sep="\n  ")
    return int(bool(found["faults"]) or any(entry.get("grows") for entry in found["growth"]))


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
