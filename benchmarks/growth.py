"""Processor time and peak memory an object of every step, at one size of survey after another.

    python benchmarks/growth.py --out growth/ --sizes 1e4 1e5 1e6
    python benchmarks/growth.py --out growth/ --draw docs/images/growth.svg

The survey is two catalogue tables of the same objects (with `--light-curves` also a long table of
40 epochs an object); every step is the command of skybind, in a process of its own, whose whole
tree is watched. What every process takes before it has done anything is measured by the same step
on a survey of `--base` objects and subtracted; the plot shows the rest, an object. Time is told on
the wall and of the processor, which other work on the machine hardly moves. Two peaks are told: all
memory (resident), and without the files that are mapped into it, which the system drops when it
needs room (own). Results are kept in `growth.json`, so that the same command goes on. A
step that fails is told, counted and tried again by the next call, and the others go on; the command
then ends with 1.
"""

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pyarrow as pa
import pyarrow.parquet as pq

from skybind.drawing.style import BAND_COLOURS, GREY, new_figure, report_style, save_figure
from skybind.files import atomic_path, write_json, write_text
from skybind.locks import alone, waiting_for

#: Objects of the survey that are made at once, epochs of a light curve, classes.
MADE, EPOCHS, CLASSES = 500_000, 40, ("RRAB", "EW", "M", "ROT")
#: Share of the objects without a class.
UNLABELLED = 0.05
#: Seconds between two looks at the memory.
LOOK = 0.05
#: From which change an object on a step does not stay flat.
FLAT = 0.2
STEPS = (
    "import", "check", "features", "prepare", "pretrain", "finetune", "embed", "evaluate",
    "clusters", "classify", "predict", "search", "index", "discover", "label", "report",
)  # fmt: skip
MAPPING = """objects:
  file: first.parquet
  id: id
  ra: ra
  dec: dec
  label: class
  targets: {distance: {column: distance, unit: kpc}}
  join: [{file: second.parquet, id: id}]
  features:
    optical:
      g: {column: g, unit: mag}
      bp_rp: {column: bp_rp, unit: mag}
      parallax: {column: parallax, unit: mas}
    infrared:
      j: {column: j, unit: mag}
      k: {column: k, unit: mag}
      w1: {column: w1, unit: mag}
"""
CURVES = (
    "photometry: {file: epochs.parquet, id: id, time: {column: time, unit: d}, "
    "magnitude: {column: mag, unit: mag}, magnitude_err: err}\n"
)
MODALITY = "  {name}: {{kind: {kind}, encoder: {{name: {encoder}}}}}\n"
CONFIG = """name: growth
model: {dimension: 64}
training: {batch_size: 1024, epochs: 1}
finetuning:
  modalities: [all]
  subsets: [full]
  starts: [pretrained]
  training: {batch_size: 1024, epochs: 1}
evaluation: {supervised_epochs: 0, asked_objects: 5000, taught_objects: 20000, label_shares: [100]}
modalities:
"""


def main() -> int:
    """Measure what is not measured yet, or draw what is; gives 1 if a step failed."""
    options = parse()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.draw is not None:
        draw(chosen(options), options.draw)
        return 0
    failed: list[str] = []
    steps = [s for s in options.steps if s != "features" or options.light_curves]
    for size in [options.base, *map(int, options.sizes)]:
        folder = options.out / f"{'curves' if options.light_curves else 'tables'}-{size}"
        for step in ("make", *steps):
            try:
                if step == "make":
                    make(folder, size, options.light_curves)
                elif why := measure(options, folder, size, step):
                    failed.append(f"{size:,} {step}: {why}")
            except (OSError, psutil.Error) as error:
                failed.append(f"{size:,} {step}: {error}")
    tell(chosen(options))
    if failed:
        print(f"\n{len(failed)} steps failed:", *failed, sep="\n  ")
    return int(bool(failed))


def chosen(options: argparse.Namespace) -> list[dict[str, Any]]:
    """What was measured of the kind of survey and with the limit that are asked for."""
    asked = {"light_curves": options.light_curves, "memory": options.memory}
    return [row for row in rows_of(options.out) if all(row[k] == v for k, v in asked.items())]


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for all of it")
    parser.add_argument("--sizes", type=float, nargs="+", default=[1e4, 1e5, 1e6], help="objects")
    parser.add_argument("--base", type=int, default=1000, help="objects of the least survey")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    parser.add_argument("--light-curves", action="store_true", help="a third table, of epochs")
    parser.add_argument("--memory", help="the limit that the commands are given, such as 2GB")
    parser.add_argument("--limit", type=float, default=3600, help="seconds a step, at most")
    parser.add_argument("--draw", type=Path, help="draw what was measured (.svg, .png)")
    return parser.parse_args()


def make(folder: Path, objects: int, light_curves: bool) -> None:
    """Make a survey, a piece at a time, with its mapping and a configuration."""
    if (folder / "survey.yaml").exists():
        return
    rng = np.random.default_rng(objects)
    with atomic_path(folder) as made:
        made.mkdir()
        writers: dict[str, pq.ParquetWriter] = {}
        for start in range(0, objects, MADE):
            piece = tables(start, min(start + MADE, objects), rng, light_curves)
            for name, table in piece.items():
                if name not in writers:
                    writers[name] = pq.ParquetWriter(made / f"{name}.parquet", table.schema)
                writers[name].write_table(table)
        for writer in writers.values():
            writer.close()
        write_text(made / "survey.yaml", MAPPING + (CURVES if light_curves else ""))
        kinds = [("optical", "metadata", "mlp"), ("infrared", "metadata", "mlp")]
        kinds += [("photometry", "photometry", "folded")] if light_curves else []
        chosen = [MODALITY.format(name=n, kind=k, encoder=e) for n, k, e in kinds]
        write_text(made / "growth.yaml", CONFIG + "".join(chosen))


def tables(start: int, stop: int, rng: np.random.Generator, epochs: bool) -> dict[str, pa.Table]:
    """Make some objects: what they are, and what two surveys and a telescope see of them."""
    n = stop - start
    names = pa.array([f"s{i:010d}" for i in range(start, stop)])
    kind = rng.choice(len(CLASSES), n, p=(0.4, 0.3, 0.2, 0.1))
    distance = rng.gamma(3, 0.7, n) + 0.1
    absolute = np.array([0.6, 3.5, -1.5, 5.0])[kind] + rng.normal(0, 0.5, n)
    colour = np.array([0.4, 0.7, 3.0, 1.2])[kind] + rng.normal(0, 0.2, n)
    g = absolute + 5 * np.log10(distance) + 10

    def seen(values: np.ndarray, error: float) -> np.ndarray:
        return np.round(values + rng.normal(0, error, n), 4)

    first = {
        "id": names,
        "ra": rng.uniform(0, 360, n),
        "dec": np.degrees(np.arcsin(rng.uniform(-1, 1, n))),
        "class": pa.array(CLASSES).take(pa.array(kind, mask=rng.random(n) < UNLABELLED)),
        "distance": np.round(distance, 5),
        "g": seen(g, 0.02),
        "bp_rp": seen(colour, 0.05),
        "parallax": seen(1 / distance, 0.05),
    }
    j = g - 1.2 * colour
    second = {
        "id": names,
        "j": seen(j, 0.05),
        "k": seen(j - 0.3 * colour, 0.05),
        "w1": seen(j - 0.4 * colour, 0.08),
    }
    made = {"first": pa.table(first), "second": pa.table(second)}
    if epochs:
        owner = np.repeat(np.arange(n), EPOCHS)
        time_ = 58_000 + rng.uniform(0, 1000, len(owner))
        period = np.exp(rng.normal(0, 1, n))[owner]
        mag = g[owner] + 0.3 * np.sin(2 * np.pi * time_ / period)
        made["epochs"] = pa.table(
            {
                "id": names.take(pa.array(owner)),
                "time": np.round(time_, 5),
                "mag": np.round(mag + rng.normal(0, 0.03, len(owner)), 4),
                "err": np.full(len(owner), 0.03),
            }
        )
    return made


def command(folder: Path, step: str) -> list[str]:
    """The command of a step."""
    survey, run = str(folder / "survey"), str(folder / "run")
    config, first = str(folder / "growth.yaml"), f"s{0:010d}"
    words = {
        "import": ["data", "import", str(folder / "survey.yaml"), "--out", survey, "--overwrite"],
        "check": ["data", "check", survey],
        "features": ["data", "features", survey],
        "pretrain": ["pretrain", config, "--data", survey, "--out", run],
        "finetune": ["finetune", run],
        "embed": ["embed", run],
        "evaluate": ["evaluate", run],
        "clusters": ["clusters", run],
        "classify": ["classify", run, "--data", survey, "--out", str(folder / "classes.parquet")],
        "predict": ["predict", run, "-t", "distance", "--out", str(folder / "distance.parquet")],
        "search": ["search", run, first, "--top", "5"],
        "index": ["search", run, first, "--top", "5", "--index"],
        "discover": ["discover", run],
        "label": ["label", "propose", run, "--out", str(folder / "proposed")],
        "report": ["report", run],
    }
    if step == "prepare":
        text = "import sys; from skybind.runs.run import Run; Run.start(*sys.argv[1:]).prepare()"
        return [sys.executable, "-c", text, config, survey, run]
    return [sys.executable, "-m", "skybind", *words[step]]


def measure(options: argparse.Namespace, folder: Path, objects: int, step: str) -> str:
    """Do a step and note what it took, unless that is known; gives why it failed, or ""."""
    about = {"step": step, "objects": objects, "light_curves": options.light_curves}
    about["memory"] = options.memory

    def is_it(row: dict[str, Any]) -> bool:
        return all(row[key] == value for key, value in about.items())

    if any(is_it(row) and not row["status"] for row in rows_of(options.out)):
        return ""
    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    if options.memory is not None:
        environment["SKYBIND_MEMORY"] = options.memory
    shutil.rmtree(folder / "proposed", ignore_errors=True)  # an answered proposal is not replaced
    load, begun, before = os.getloadavg()[0], time.monotonic(), processor_time()
    with (folder / f"{step}.txt").open("w") as said:
        process = psutil.Popen(
            command(folder, step), env=environment, stdout=said, stderr=subprocess.STDOUT
        )
        resident, own = watch(process, options.limit)
    row = {
        **about,
        "seconds": time.monotonic() - begun,
        "processor": processor_time() - before,
        "resident": resident,
        "own": own,
        "load": max(load, os.getloadavg()[0]),
        "status": process.returncode,
    }
    with alone(options.out / ".growth.lock", otherwise=waiting_for("notes a result")):
        others = [other for other in rows_of(options.out) if not is_it(other)]
        write_json(options.out / "growth.json", [*others, row])
    print(
        f"{objects:10,} {step:9} {row['seconds']:9.1f} s {row['processor']:9.1f} s of processor "
        f"{resident / 1e6:8.0f} MB {own / 1e6:8.0f} MB own, load {row['load']:.1f}"
        + (f", FAILED with {process.returncode}" if process.returncode else ""),
        flush=True,
    )
    if not process.returncode:
        return ""
    if row["seconds"] > options.limit:
        return f"it took more than {options.limit:g} s"
    last = (folder / f"{step}.txt").read_text(errors="replace").strip().splitlines()[-1:]
    return f"it ended with {process.returncode} ({' '.join(last) or 'it said nothing'})"


def processor_time() -> float:
    """Processor time of all programs that were started and have ended [s]."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def watch(process: psutil.Popen, limit: float) -> tuple[int, int]:
    """Wait for a process; the most memory of it and all that it started, all and its own."""
    resident = own = 0
    until = time.monotonic() + limit
    while process.poll() is None:
        if time.monotonic() > until:
            for one in [*process.children(recursive=True), process]:
                one.kill()
        try:
            memory = [one.memory_info() for one in [process, *process.children(recursive=True)]]
        except psutil.Error:  # one of them ended meanwhile
            continue
        # a child that has not become another program yet shows its parent's memory, to the byte
        every = {m.vms: m for m in memory}.values()
        resident = max(resident, sum(m.rss for m in every))
        own = max(own, sum(m.rss - getattr(m, "shared", 0) for m in every))
        time.sleep(LOOK)
    return resident, own


def rows_of(folder: Path) -> list[dict[str, Any]]:
    """What was measured."""
    path = folder / "growth.json"
    return list(json.loads(path.read_text())) if path.exists() else []


def an_object(rows: list[dict[str, Any]], what: str) -> dict[str, dict[int, float]]:
    """Processor time or bytes an object of each step and size, beyond the least survey."""
    found: dict[str, dict[int, float]] = {}
    done = [row for row in rows if not row["status"]]
    for step in STEPS:
        of = {row["objects"]: row[what] for row in done if row["step"] == step}
        if len(of) > 1:
            least = min(of)
            found[step] = {
                n: max(of[n] - of[least], 0.0) / (n - least) for n in sorted(of) if n > least
            }
    return found


def tell(rows: list[dict[str, Any]]) -> None:
    """Print what an object takes at every size, and which steps do not stay flat."""
    for what, unit, factor in (("processor", "us", 1e6), ("own", "bytes", 1.0)):
        print(f"\n{what} an object [{unit}]")
        for step, of in an_object(rows, what).items():
            numbers = [value * factor for value in of.values()]
            grows = len(numbers) > 1 and numbers[-1] > (1 + FLAT) * numbers[-2]
            cells = " ".join(f"{number:10.1f}" for number in numbers)
            print(f"{step:10}{cells}{'   grows' if grows else ''}")


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw processor time and bytes an object against objects."""
    with report_style():
        figure = new_figure(3.8)
        axes = figure.subplots(1, 2)
        quantities = (
            ("processor", 1e6, "processor time an object [us]"),
            ("own", 1e-3, "memory an object [kB]"),
        )
        for axis, (what, factor, label) in zip(axes, quantities, strict=True):
            for number, (step, of) in enumerate(an_object(rows, what).items()):
                style = ("-", "--", ":")[number // len(BAND_COLOURS)]
                colour = BAND_COLOURS[number % len(BAND_COLOURS)]
                sizes = [n for n, value in of.items() if value > 0]
                values = [of[n] * factor for n in sizes]
                axis.plot(sizes, values, style, color=colour, marker="o", ms=3, label=step)
            axis.set(xscale="log", yscale="log", xlabel="objects", title=label)
            for ticks in (axis.xaxis, axis.yaxis):  # powers are TeX, which is not drawn
                ticks.set_major_formatter(lambda value, _: f"{value:,.10g}")
                ticks.set_minor_formatter(lambda *_: "")
            axis.grid(visible=True, color=GREY, alpha=0.3)
        axes[1].legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
        save_figure(figure, path, path.suffix[1:])


if __name__ == "__main__":
    sys.exit(main())
