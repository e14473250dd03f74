"""Pictures of the explorer for the documentation, taken of a run in Chromium.

    skybind demo stars --out demo-stars
    python tools/pictures.py demo-stars/run [demo-galaxies/run]

Those of galaxies are taken where a run of galaxies is given, too. They are written to
docs/images/explore*.png with few colours, so that they stay small. What is kept for them is kept
in a copy of the run.
"""

import argparse
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from PIL import Image
from playwright.sync_api import sync_playwright

from skybind.explore.serve import explore_still, prepare
from skybind.runs.run import Run

IMAGES = Path(__file__).parents[1] / "docs" / "images"
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
COLOURS = 256


def object_folded(page: Any) -> None:
    """One star: its curve in time and folded, its spectrum, what is like it."""
    select(page, "label == 'RRAB' and period > 0.5")
    page.locator(".listed tbody button").first.click()
    page.wait_for_selector("#folded[data-period]")


def selection(page: Any) -> None:
    """Stars that were chosen by a condition; the others are grey."""
    select(page, "period < 1 and label == 'EW'")


def queue(page: Any) -> None:
    """A queue of doubted labels, with the keys and the periodogram."""
    page.keyboard.press("q")
    page.click("[data-queue='label']")
    page.wait_for_selector("#judge .verdicts")
    if page.locator("#power-button").count():
        page.click("#power-button")
        page.wait_for_selector("#power canvas")


def views(page: Any) -> None:
    """Period and a colour of the stars, and two kept classes that are compared."""
    for name in ("RRAB", "EW"):
        select(page, f"label == '{name}'")
        page.get_by_label("Name of the selection").fill(name)
        page.get_by_role("button", name="keep", exact=True).click()
        page.wait_for_selector(f"[data-kept='{name}']")
    page.get_by_label("map", exact=True).select_option("scatter")
    page.wait_for_timeout(1000)
    page.get_by_label("x", exact=True).select_option("period")
    page.get_by_label("y", exact=True).select_option("bp_rp")
    page.get_by_label("Logarithm of x").check()
    page.get_by_label("compare", exact=True).select_option("RRAB")
    page.get_by_label("with", exact=True).select_option("EW")
    page.get_by_label("Compare the two").click()
    page.wait_for_selector("#apart")
    page.locator("#compared").scroll_into_view_if_needed()


def own_file(page: Any) -> None:
    """A light curve of one's own: its class, its place on the map, what is like it."""
    rng = np.random.default_rng(3)
    time = np.sort(rng.uniform(0, 900, 150))
    phase = np.mod(time / 0.5672, 1.0)
    flux = 6 * (1 + 0.9 * np.exp(-phase * 4.0)) * (1 + 0.01 * rng.standard_normal(len(time)))
    rows = "\n".join(f"{t:.5f},{f:.4f},{0.01 * f:.4f}" for t, f in zip(time, flux, strict=True))
    content = f"time,flux,flux_err\n{rows}\n".encode()
    given = {"name": "my_star.csv", "mimeType": "text/csv", "buffer": content}
    page.set_input_files("#file", given)
    page.wait_for_selector("#side[data-file]")
    # the model folds by the catalogue's period: the one that was found is given for it
    page.get_by_label("What goes with the file").fill("period=0.5672")
    page.get_by_role("button", name="search again").click()
    page.wait_for_selector("#side[data-values^='period'][data-file]")
    page.wait_for_selector("#place")
    page.locator(".plot").first.scroll_into_view_if_needed()


def contrast(page: Any) -> None:
    """What is like a star in its light curve, and unlike it in its spectrum."""
    object_folded(page)
    for name, value in (("by", "photometry"), ("but unlike in", "spectrum")):
        page.wait_for_selector("#alike[data-drawn]")
        page.get_by_label(name, exact=True).select_option(value)
        page.wait_for_timeout(1000)
    page.wait_for_selector("#alike[data-drawn]")
    page.locator("#alike").scroll_into_view_if_needed()
    page.evaluate("document.getElementById('alike').scrollIntoView()")


def still(page: Any) -> None:
    """A still copy, from a plain server of files, searched by a condition."""
    select(page, "period < 0.4 and label == 'RRAB'")
    page.locator(".listed tbody button").first.click()
    page.wait_for_selector("#side[data-id], #error:not([hidden])")


def galaxy(page: Any) -> None:
    """A galaxy: image and spectrum, what is like it."""
    page.keyboard.press("/")
    page.locator("#query").press_sequentially("SIM", delay=20)
    page.locator("#found [role=option]").first.click()
    page.wait_for_selector("#alike[data-drawn]")


def select(page: Any, condition: str) -> None:
    """Select by a condition."""
    page.fill("#condition", condition)
    page.press("#condition", "Enter")
    page.get_by_text(condition, exact=True).wait_for()  # said of what is selected
    page.wait_for_selector("#side[data-selected]")
    page.wait_for_load_state("networkidle")


#: Of each picture what is done before, the width and height of the window, and the theme.
Pictures = dict[str, tuple[Callable[[Any], None], int, int, str]]
PICTURES: Pictures = {
    "explore": (object_folded, 1400, 900, "light"),
    "explore-selection": (selection, 1400, 900, "light"),
    "explore-queue": (queue, 1400, 900, "light"),
    "explore-views": (views, 1400, 900, "light"),
    "explore-phone": (object_folded, 400, 800, "dark"),
    "explore-file": (own_file, 1200, 800, "light"),
    "explore-contrast": (contrast, 1200, 800, "light"),
}
STILL: Pictures = {"explore-still": (still, 1200, 800, "light")}
GALAXIES: Pictures = {"explore-galaxy": (galaxy, 1200, 800, "light")}


def main() -> None:
    """Take them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("galaxies", type=Path, nargs="?", help="a run of galaxies")
    parser.add_argument("--out", type=Path, default=IMAGES)
    parser.add_argument("--only", nargs="+", default=[], help="names of pictures; all by default")
    args = parser.parse_args()
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=FLAGS)
        places: list[tuple[Pictures, Callable[[Path], Any], Path | None]] = [
            (PICTURES, serving, args.run),
            (STILL, serving_still, args.run),
            (GALAXIES, serving, args.galaxies),
        ]
        for pictures, served_by, run in places:
            wanted = {n: p for n, p in pictures.items() if not args.only or n in args.only}
            if run is None or not wanted:
                continue
            with served_by(run) as address:
                for name, picture in wanted.items():
                    take(browser, address, args.out / f"{name}.png", *picture)
        browser.close()


def take(
    browser: Any,
    address: str,
    path: Path,
    prepared: Callable[[Any], None],
    width: int,
    height: int,
    theme: str,
) -> None:
    """Take one picture of the page at an address, with few colours."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=theme)
    page.set_default_timeout(120_000)
    page.goto(address)
    page.wait_for_selector("body[data-ready]")
    prepared(page)
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(500)
    pixels = Image.open(BytesIO(page.screenshot())).convert("RGB")
    few = pixels.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    few.save(path, optimize=True)
    page.close()


@contextmanager
def serving_still(run: Path) -> Iterator[str]:
    """Serve a still copy of a run from Python's own server of files."""
    with TemporaryDirectory(prefix="skybind-pictures-") as folder:
        site = explore_still(run, Path(folder) / "site", objects=300)
        server = ThreadingHTTPServer(
            ("127.0.0.1", 0), partial(SimpleHTTPRequestHandler, directory=str(site))
        )
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()


@contextmanager
def serving(run: Path) -> Iterator[str]:
    """Serve a copy of a run."""
    with TemporaryDirectory(prefix="skybind-pictures-") as folder:
        copy = Path(folder) / "run"
        shutil.copytree(run, copy)
        yield from served(copy, Run.open(run).dataset.path)


def served(run: Path, data: Path) -> Iterator[str]:
    """Serve a run for as long as its address is held."""
    server, address, listening, close = prepare(run, data=data)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield address
    finally:
        server.should_exit = True
        thread.join(10)
        listening.close()
        close()


if __name__ == "__main__":
    main()
