"""Time and memory of the explorer on a large survey, beside the aims that were set for it.

    python benchmarks/explore.py --out DIR --objects 1000000

The survey is made of simulated stars with all columns of their catalogue, a light curve each and a
spectrum of every twentieth; its vectors lie about the centres of the classes. `skybind explore` is
a process of its own, and Debian's Chromium, headless, is what looks at it. Times are medians. What
is made stays in DIR, so that the next call only measures; without --out it is deleted.
"""

import argparse
import contextlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np

from skybind.config import load_config
from skybind.data.dataset import Dataset
from skybind.data.splits import Split
from skybind.data.write import DatasetWriter
from skybind.embeddings.store import SHARD_ROWS, Embeddings
from skybind.evaluation.clusters import Layout, write_layouts
from skybind.files import write_json
from skybind.ragged import Ragged
from skybind.runs.run import Run
from skybind.simulate.write import write_stars

#: Stars that are simulated; the survey repeats them, each time at other fluxes.
SIMULATED, EVERY = 2_000, 20
#: Objects that are written at a time.
MADE = 20_000
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
#: Of each measure: what it is called, its aim, and the unit.
AIMS = {
    "first_picture": ("first picture", 3.0, "s"),
    "colour": ("colour change", 0.3, "s"),
    "lasso": ("lasso of a tenth", 0.5, "s"),
    "object": ("object page, answer of the server", 0.15, "s"),
    "object_drawn": ("object page, drawn", 0.15, "s"),
    "neighbours": ("neighbours, exact", 0.4, "s"),
    "memory": ("server's memory at most", 1.5, "GB"),
}
#: Notes when the page has drawn: what follows an event is shown two frames later.
WATCH = """
window.at = {};
const note = (name) => requestAnimationFrame(() => requestAnimationFrame(() => {
  window.at[name] = performance.now();
}));
addEventListener("DOMContentLoaded", () => {
  new MutationObserver((changes) => {
    for (const { attributeName, target } of changes)
      if (target.hasAttribute(attributeName)) note(attributeName);
  }).observe(document.body, { attributes: true, subtree: true,
                              attributeFilter: ["data-drawn", "data-selected", "data-id"] });
});
for (const name of ["change", "mouseup", "submit"])
  addEventListener(name, () => { window.at[name] = performance.now(); }, true);
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=128)
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--out", type=Path, help="folder of what is made, which stays")
    args = parser.parse_args()
    temporary = None if args.out else tempfile.mkdtemp(prefix="skybind-explore-")
    folder = Path(temporary or args.out) / f"{args.objects}x{args.dimension}"
    try:
        if not (folder / "run" / "maps.parquet").exists():
            shutil.rmtree(folder, ignore_errors=True)
            made = subprocess.run([sys.executable, "-c", _making(folder, args)], check=False)
            if made.returncode:
                raise SystemExit("The survey could not be made.")
        found = measure(folder, args.repeat)
        tell(found)
        write_json(folder / "explore.json", {"objects": args.objects, **found})
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _making(folder: Path, args: argparse.Namespace) -> str:
    """Return the program that makes the survey in a process of its own: its memory goes back."""
    here = str(Path(__file__).parent)
    arguments = f"Path({str(folder)!r}), {args.objects}, {args.dimension}"
    return (
        f"import sys; from pathlib import Path; sys.path.insert(0, {here!r}); "
        f"from explore import make; make({arguments})"
    )


def make(folder: Path, n: int, dimension: int) -> None:
    """Make the dataset, a run on it, its vectors and its map."""
    began = time.perf_counter()
    write_stars(folder / "few", SIMULATED, seed=1)
    write_survey(Dataset.open(folder / "few"), folder / "survey", n)
    dataset = Dataset.open(folder / "survey")
    rng = np.random.default_rng(2)
    part = rng.choice(["train", "validation", "test"], n, p=[0.7, 0.1, 0.2])
    run = Run.start(
        load_config("stars-small", [f"model.dimension={dimension}"]),
        dataset,
        folder / "run",
        split=Split(dataset.object_ids, part, recipe={"kind": "benchmark"}),
    )
    _, code = np.unique(dataset.labels("label"), return_inverse=True)
    centres = rng.normal(0, 1, (code.max() + 1, dimension)).astype(np.float32)
    model = {"weights": "benchmark"}
    for number, start in enumerate(range(0, n, SHARD_ROWS)):
        own = slice(start, min(start + SHARD_ROWS, n))
        values = centres[code[own]]
        values += rng.normal(0, 0.7, values.shape).astype(np.float32)
        values /= np.linalg.norm(values, axis=1, keepdims=True)
        every = np.ones(len(values), bool)
        shard = Embeddings(
            dataset.object_ids[own], part[own], {"photometry": values}, {"photometry": every}, model
        )
        shard.write_shard(run.paths.embeddings, number)
    places = rng.normal(0, 4, (code.max() + 1, 2))[code] + rng.normal(0, 1, (n, 2))
    none = np.full(n, -1)
    layout = Layout(
        ("photometry",), np.arange(n), part, places.astype(np.float32), none, none.copy()
    )
    write_layouts(run.paths.maps, [layout], dataset.object_ids, "benchmark")
    print(f"made in {time.perf_counter() - began:.0f} s", flush=True)


def write_survey(few: Dataset, path: Path, n: int) -> None:
    """Write n objects: the few over and over, their fluxes and numbers a little different."""
    flat = [name for name in few.flat_columns if name not in ("ra", "dec")]
    known = {name: few.column(name) for name in flat}
    curves, spectra = few.ragged("photometry"), few.ragged("spectrum")
    rng = np.random.default_rng(3)
    columns = {k: c for k, c in few.schema.columns.items() if k not in ("object_id", "ra", "dec")}
    text = "simulated stars over and over, to measure the explorer"
    with DatasetWriter(path, columns, provenance=text, simulated=True) as writer:
        for start in range(0, n, MADE):
            number = np.arange(start, min(start + MADE, n))
            of = number % len(few)
            made: dict[str, Any] = {
                "object_id": np.char.add("S", np.char.zfill(number.astype(str), 8)),
                "ra": rng.uniform(0, 360, len(number)),
                "dec": np.degrees(np.arcsin(rng.uniform(-1, 1, len(number)))),
            }
            for name, values in known.items():
                own = values[of]
                if own.dtype.kind == "f":
                    own = own * rng.normal(1, 0.01, len(own)).astype(own.dtype)
                made[name] = own
            made["photometry"] = _brighter(curves.take(of), rng)
            seen = number % EVERY == 0
            some = spectra.take(of[seen])
            offsets = np.concatenate([[0], np.cumsum(np.where(seen, spectra.lengths[of], 0))])
            made["spectrum"] = Ragged(some.fields, offsets, seen)
            writer.append(made)


def _brighter(curves: Ragged, rng: np.random.Generator) -> Ragged:
    factor = rng.uniform(0.5, 2, len(curves)).astype(np.float32)[curves.owner]
    fields = dict(curves.fields)
    for name in ("flux", "flux_err"):
        fields[name] = fields[name] * factor
    return Ragged(fields, curves.offsets, curves.present)


@contextlib.contextmanager
def serving(run: Path) -> Iterator[tuple[str, int, float]]:
    """Serve a run with `skybind explore`; gives address, process and seconds until it answered."""
    command = [sys.executable, "-m", "skybind", "explore", str(run), "--no-browser"]
    began = time.perf_counter()
    with subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as p:
        assert p.stderr is not None
        address = ""
        for line in p.stderr:
            if "http://" in line:
                address = line[line.index("http://") :].strip()
            if "Ctrl-C" in line:
                break
        if not address:
            raise SystemExit("The explorer did not start.")
        try:
            yield address, p.pid, time.perf_counter() - began
        finally:
            p.terminate()


def memory(process: int) -> dict[str, float]:
    """Highest memory of a process, and what it holds of files and of its own now [GB]."""
    text = Path(f"/proc/{process}/status").read_text()
    said = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    names = {"memory": "VmHWM", "own": "RssAnon", "files": "RssFile"}
    return {name: int(said[key].split()[0]) * 1024 / 1e9 for name, key in names.items()}


def measure(folder: Path, repeat: int) -> dict[str, Any]:
    """Measure everything; gives medians and all that they are of."""
    load = os.getloadavg()
    rng = np.random.default_rng(5)
    with serving(folder / "run") as (address, process, started):
        token = urlsplit(address).query.removeprefix("token=")
        base = address[: address.index("/?")]

        def asked(path: str) -> float:
            request = urllib.request.Request(
                f"{base}/api/{path}", headers={"x-skybind-token": token}
            )
            began = time.perf_counter()
            with urllib.request.urlopen(request) as answer:
                answer.read()
            return time.perf_counter() - began

        objects = json.loads(_read(f"{base}/api/survey", token))["objects"]
        asked("object?id=S00000000")  # what is read once for all
        asked("neighbours?id=S00000000")
        names = [f"S{number:08d}" for number in rng.integers(0, objects, 4 * repeat + 1)]
        times: dict[str, list[float]] = {
            "object": [asked(f"object?id={name}") for name in names[: 2 * repeat]],
            "neighbours": [asked(f"neighbours?id={name}") for name in names[: 2 * repeat]],
        }
        times |= looked(address, names[2 * repeat :], repeat, objects)
        held = memory(process)
    return {
        "load": load,
        "load_after": os.getloadavg(),
        "cores": os.cpu_count(),
        "start_s": started,
        "selected": times.pop("selected")[0],
        "medians": {name: statistics.median(values) for name, values in times.items()},
        "times": times,
        **{f"{name}_gb": value for name, value in held.items()},
    }


def _read(address: str, token: str) -> bytes:
    request = urllib.request.Request(address, headers={"x-skybind-token": token})
    with urllib.request.urlopen(request) as answer:
        return bytes(answer.read())


def looked(address: str, names: list[str], repeat: int, objects: int) -> dict[str, list[float]]:
    """Look at the page: first picture, colours, lasso, objects [s]."""
    from playwright.sync_api import sync_playwright

    times: dict[str, list[float]] = {}
    with sync_playwright() as play:
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = play.chromium.launch(executable_path=program, args=FLAGS)
        for _ in range(repeat):
            page = browser.new_page(viewport={"width": 1200, "height": 800})
            page.set_default_timeout(120_000)
            page.add_init_script(WATCH)
            page.goto(address)
            page.wait_for_function("window.at['data-drawn'] > 0")
            times.setdefault("first_picture", []).append(page.evaluate("at['data-drawn']") / 1000)
            page.wait_for_selector("body[data-ready]")
            if len(times["first_picture"]) < repeat:
                page.close()
        colours = ["period", "class", "parallax", "split", "bp_rp", "ra"]
        times["colour"] = [_coloured(page, colours[i % 6]) for i in range(repeat)]
        times["object_drawn"] = [_opened(page, name) for name in names]
        half = 0.25
        for _ in range(4):  # as wide as holds a tenth
            _, n = _lassoed(page, half)
            half *= min(2.0, max(0.5, (objects / 10 / max(n, 1)) ** 0.5))
        lassos = [_lassoed(page, half) for _ in range(repeat)]
        times["lasso"], times["selected"] = [t for t, _ in lassos], [lassos[0][1]]
        browser.close()
    return times


def _coloured(page: Any, name: str) -> float:
    """Choose a colour; gives the seconds until the map has it."""
    return _until(
        page, "change", "data-drawn", lambda: page.get_by_label("colour").select_option(name)
    )


def _opened(page: Any, name: str) -> float:
    """Open an object by its name; gives the seconds until it is shown, before its neighbours."""
    page.fill("#query", name)
    seconds = _until(page, "submit", "data-id", lambda: page.press("#query", "Enter"))
    page.wait_for_selector(f'#alike[data-drawn="{name}"]')
    page.wait_for_timeout(300)
    return seconds


def _lassoed(page: Any, half: float) -> tuple[float, int]:
    """Draw around the middle of the map; gives the seconds until the selection is told, and n."""
    if page.get_attribute("#side", "data-selected") is not None:
        page.get_by_role("button", name="clear").click()
    page.wait_for_timeout(500)
    box = page.locator("#points").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    side = half * min(box["width"], box["height"])
    # it ends far from where it begins: a release near there is a click
    corners = [(-1, -1), (1, -1), (1, 1), (-1, 1), (-1, -0.2)]
    if page.get_attribute("#lasso", "aria-pressed") != "true":
        page.click("#lasso")
    (x0, y0), *others = [(middle[0] + side * x, middle[1] + side * y) for x, y in corners]
    page.mouse.move(x0, y0)
    page.mouse.down()
    for x, y in others:
        page.mouse.move(x, y, steps=6)
        page.wait_for_timeout(100)
    seconds = _until(page, "mouseup", "data-selected", page.mouse.up)
    return seconds, int(page.get_attribute("#side", "data-selected"))


def _until(page: Any, event: str, change: str, act: Callable[[], Any]) -> float:
    """Do something; gives the seconds from its event to the change that it makes."""
    page.evaluate(f"delete window.at['{change}']; delete window.at['{event}']")
    act()
    page.wait_for_function(f"window.at['{change}'] > 0")
    return float(page.evaluate(f"at['{change}'] - at['{event}']")) / 1000


def tell(found: dict[str, Any]) -> None:
    """Print the measures beside their aims, and what else the machine did."""
    values = {**found["medians"], "memory": found["memory_gb"]}
    print(f"{'':36}{'measured':>11}{'aim':>9}")
    for name, (what, aim, unit) in AIMS.items():
        met = "yes" if values[name] <= aim else "no"
        print(f"{what:36}{values[name]:9.3f} {unit:2}{aim:7.2f} {unit:2}  {met}")
    print(f"{found['selected']:,} objects in the lasso; ready after {found['start_s']:.1f} s")
    print(
        f"memory at the end: {found['own_gb']:.2f} GB own, {found['files_gb']:.2f} GB mapped files"
    )
    load = "; ".join(f"{found[name][0]:.1f}" for name in ("load", "load_after"))
    print(f"load average before and after, {found['cores']} cores: {load}")


if __name__ == "__main__":
    main()
