"""Pictures of the explorer for the documentation, taken of a run in Chromium.

    skybind demo stars --out demo-stars
    python tools/pictures.py demo-stars/run

They are written to docs/images/explore*.png with few colours, so that they stay small. What is
kept for them is kept in a copy of the run.
"""

import argparse
import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from skybind.explore.serve import prepare
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


def select(page: Any, condition: str) -> None:
    """Select by a condition."""
    page.fill("#condition", condition)
    page.press("#condition", "Enter")
    page.get_by_text(condition, exact=True).wait_for()  # said of what is selected
    page.wait_for_selector("#side[data-selected]")
    page.wait_for_load_state("networkidle")


#: Of each picture what is done before, the width and height of the window, and the theme.
PICTURES: dict[str, tuple[Callable[[Any], None], int, int, str]] = {
    "explore": (object_folded, 1400, 900, "light"),
    "explore-selection": (selection, 1400, 900, "light"),
    "explore-queue": (queue, 1400, 900, "light"),
    "explore-views": (views, 1400, 900, "light"),
    "explore-phone": (object_folded, 400, 800, "dark"),
}


def main() -> None:
    """Take them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--out", type=Path, default=IMAGES)
    args = parser.parse_args()
    program = shutil.which("chromium") or shutil.which("chromium-browser")
    with serving(args.run) as address, sync_playwright() as play:
        browser = play.chromium.launch(executable_path=program, args=FLAGS)
        for name, (prepared, width, height, theme) in PICTURES.items():
            size = {"width": width, "height": height}
            page = browser.new_page(viewport=size, color_scheme=theme)
            page.goto(address)
            page.wait_for_selector("body[data-ready]")
            prepared(page)
            page.wait_for_load_state("networkidle")
            page.wait_for_timeout(500)
            pixels = Image.open(BytesIO(page.screenshot())).convert("RGB")
            pixels.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
                args.out / f"{name}.png", optimize=True
            )
            page.close()
        browser.close()


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
