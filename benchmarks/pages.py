"""Every page that skybind writes, looked at as a picture, wide and narrow.

    python benchmarks/pages.py --out DIR
    python benchmarks/pages.py --out DIR --runs demo-stars/run demo-galaxies/run

Three small surveys that are easily forgotten are simulated, trained on, searched for strange
objects and for objects to label: one with light curves alone, one without labels, one of 12
objects. Each of their pages, and of the runs that are given, is opened in headless Chromium at 1400
and at 400 pixels. What a person would stumble over is printed: what is wider than the window,
pictures that do not show or do not say what they are, words such as `nan` and `undefined`, errors
in the console. DIR/pictures has all of them, to be looked at. The exit status is 1 where something
was found.
"""

import argparse
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from skybind.data.dataset import Dataset
from skybind.data.write import DatasetWriter
from skybind.simulate.write import write_stars

WIDTHS = (1400, 400)
#: Short training: the pages are looked at, not the numbers.
SHORT = ["training.epochs=2", "finetuning.training.epochs=2", "evaluation.examples=3"]
#: What tells of something wrong, on a page that is open.
LOOK = """() => {
  const found = [];
  const root = document.documentElement;
  const wide = root.clientWidth;
  const scrolls = (e) => {
    for (let p = e; p; p = p.parentElement)
      if (/auto|scroll|hidden/.test(getComputedStyle(p).overflowX)) return true;
    return false;
  };
  if (root.scrollWidth > wide) found.push(`the page is ${root.scrollWidth} pixels wide`);
  for (const e of document.querySelectorAll("body *"))
    if (e.getBoundingClientRect().right > wide + 1 && !scrolls(e)) {
      found.push(`${e.tagName.toLowerCase()} ${e.id} ${e.className} ends beyond the window`);
      break;
    }
  for (const i of document.querySelectorAll("img")) {
    if (!i.complete || !i.naturalWidth) found.push(`a picture does not show: ${i.alt}`);
    if (!i.alt) found.push("a picture does not say what it is");
  }
  const odd = /\\b(nan|NaN|None|undefined|inf|null)\\b.{0,40}/g;
  const words = document.body.innerText.match(odd) ?? [];
  for (const word of words.slice(0, 5)) found.push(`it says "${word}"`);
  return found;
}"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of what is made")
    parser.add_argument("--runs", type=Path, nargs="*", default=[], help="runs to look at as well")
    args = parser.parse_args()
    runs = [*made(args.out), *args.runs]
    pages = [page for run in runs for page in sorted(run.rglob("*.html"))]
    faults = look(pages, args.out / "pictures")
    print(f"{len(pages)} pages, {len(WIDTHS)} widths each: {faults} faults")
    sys.exit(1 if faults else 0)


def made(out: Path) -> Iterator[Path]:
    """Make the small surveys and their runs, where they are not there yet."""
    if not (out / "stars").exists():
        write_stars(out / "stars", 240, seed=3)
    whole = Dataset.open(out / "stars")
    columns = list(whole.schema.columns)
    light = [n for n, c in whole.schema.columns.items() if n == "photometry" or c.role == "label"]
    surveys = {
        "light-curves": (light, 240),
        "no-labels": ([n for n in columns if whole.schema.columns[n].role != "label"], 240),
        "twelve": (columns, 12),
    }
    for name, (kept, n) in surveys.items():
        run = out / name / "run"
        if not (out / name / "labels").exists():
            shutil.rmtree(out / name, ignore_errors=True)
            data = out / name / "survey"
            copy_some(whole, data, kept, n)
            skybind("config", "new", "--data", data, "--out", out / name / "new.yaml")
            short = [word for key in SHORT for word in ("--set", key)]
            skybind("run", out / name / "new.yaml", "--data", data, "--out", run, *short)
            skybind("discover", run)
            asked = ("-n", "5", "--only-answers", "--out", out / name / "labels")
            skybind("label", "propose", run, *asked)
        yield out / name


def copy_some(whole: Dataset, path: Path, columns: list[str], n: int) -> None:
    """Write some columns of the first objects of a dataset."""
    rows = np.arange(n)
    kept = [name for name in columns if name not in ("object_id", "ra", "dec")]
    meaning = {name: whole.schema.columns[name] for name in kept}
    with DatasetWriter(path, meaning, provenance=whole.schema.provenance, simulated=True) as writer:
        flat = [name for name in kept if not meaning[name].nested]
        made: dict[str, Any] = {
            name: whole.column(name, rows) for name in ("object_id", "ra", "dec", *flat)
        }
        for name in kept:
            if meaning[name].nested:
                made[name] = whole.ragged(name).take(rows)
        writer.append(made)


def skybind(*words: object) -> None:
    """Run a command of skybind; a failure ends all."""
    command = [sys.executable, "-m", "skybind", *map(str, words)]
    print("skybind", *words, flush=True)
    if subprocess.run(command, check=False, stdout=subprocess.DEVNULL).returncode:
        raise SystemExit(f"It failed: {' '.join(command)}")


def look(pages: list[Path], pictures: Path) -> int:
    """Take a picture of each page at each width, print what is wrong, and count it."""
    from playwright.sync_api import sync_playwright

    pictures.mkdir(parents=True, exist_ok=True)
    faults = 0
    with sync_playwright() as play:
        program = shutil.which("chromium") or shutil.which("chromium-browser")
        browser = play.chromium.launch(executable_path=program, args=["--no-sandbox"])
        for page in pages:
            for width in WIDTHS:
                found = looked(browser, page, width, pictures)
                faults += len(found)
                for fault in found:
                    print(f"{page} at {width}: {fault}", flush=True)
        browser.close()
    return faults


def looked(browser: Any, page: Path, width: int, pictures: Path) -> list[str]:
    """Open a page and take its picture; give what is wrong with it."""
    opened = browser.new_page(viewport={"width": width, "height": 1000})
    errors: list[str] = []
    opened.on("console", lambda m: errors.append(m.text) if m.type == "error" else None)
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.goto(page.resolve().as_uri())
    name = "-".join([*page.resolve().parts[-4:-1], page.stem])
    opened.screenshot(path=pictures / f"{name}-{width}.png", full_page=True)
    found = opened.evaluate(LOOK)
    opened.close()
    return [*errors, *found]


if __name__ == "__main__":
    main()
