"""From a HATS catalogue to a trained model: memory of every process, and bytes on the disk.

    python benchmarks/hats_memory.py --out hats-memory/ --sizes 20000 60000

Surveys of `benchmarks/growth.py` with light curves, imported from plain files, become HATS
catalogues. Each is then made a dataset by the reader `hats` and trained on by two processes
(`training.devices=2`), as docs/hats.md has it. Of every step the most anonymous memory is told
(what the process holds itself; files that are mapped into it are not counted) of the process that
leads and of the largest other, and what an object adds from the smallest survey to the largest.
With `--shards 8` the catalogue is also made a dataset in so many shards, by one process: told are
the bytes of the rows that they sort, and which part of the processor time is to put them together,
which no other machine can share. Ends with 1 if a step fails, or the dataset is not the one that
was exported.
"""

import argparse
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil

import growth
from skybind.data.dataset import Dataset
from skybind.ingest.hats_restored import restore
from skybind.shards import Shard, shards_of

STEPS = ("import", "pretrain", "embed")
#: Seconds between two looks at the memory.
LOOK = 0.02
#: A small encoder that needs no periods: the memory of the data is measured.
ENCODER = "{name: informer, d_model: 16, n_heads: 2, d_ff: 32, layers: 1}"
SETTINGS = (
    "training.devices=2",
    "training.accelerator=cpu",
    "training.min_batches=null",
    "modalities.photometry.preprocessing.length=64",
    f"modalities.photometry.encoder={ENCODER}",
)
#: Largest memory of the leading process, and of the largest of the others.
Peaks = tuple[int, int]


def main() -> int:
    """Measure all, and tell."""
    options = parse()
    growth.EPOCHS = options.epochs
    measured: dict[str, list[Peaks]] = {}
    for size in options.sizes:
        folder = options.out / str(size)
        make(folder, size)
        for step, words in commands(folder).items():
            if step not in options.steps:
                continue
            begun = time.monotonic()
            peaks = watched(words, folder / f"{step}.txt")
            measured.setdefault(step, []).append(peaks)
            print(
                f"{size:9,} {step:9} {time.monotonic() - begun:7.1f} s "
                f"{peaks[0] / 1e6:7.0f} MB, others {peaks[1] / 1e6:7.0f} MB",
                flush=True,
            )
        print(f"{size:9,} bytes an object: {bytes_of(folder, size)}", flush=True)
        made = ["survey", *(["again"] if "import" in options.steps else [])]
        if options.shards:
            print(f"{size:9,} {in_shards(folder, size, options.shards)}", flush=True)
            made.append("of-shards")
        if len({Dataset.open(folder / name).fingerprint for name in made}) > 1:
            print("THE DATASET IS NOT THE ONE THAT WAS EXPORTED.")
            return 1
    more = options.sizes[-1] - options.sizes[0]
    for step, peaks in measured.items() if more > 0 else ():
        leader, others = (np.array(peaks[-1]) - np.array(peaks[0])) / more
        print(f"{step:9} bytes of memory an object: {leader:6.0f}, others {others:6.0f}")
    return 0


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for all of it")
    parser.add_argument("--sizes", type=int, nargs="+", default=[20_000, 60_000])
    parser.add_argument("--epochs", type=int, default=100, help="of a light curve")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=STEPS)
    parser.add_argument("--shards", type=int, default=0, help="import in so many, too")
    return parser.parse_args()


def make(folder: Path, size: int) -> None:
    """Make a survey, import it from plain files and export it, unless that was done."""
    growth.make(folder, size, True)
    if not (folder / "survey").exists():
        skybind("data", "import", folder / "survey.yaml", "--out", folder / "survey")
    if not (folder / "hats").exists():
        skybind("data", "export", folder / "survey", "--hats", folder / "hats")
    for name in ("again", "run", "embeddings", "of-shards", "of-shards.shards"):
        shutil.rmtree(folder / name, ignore_errors=True)


def commands(folder: Path) -> dict[str, list[object]]:
    """The commands that are measured."""
    again, run, config = folder / "again", folder / "run", folder / "growth.yaml"
    start = [sys.executable, "-m", "skybind"]
    data = [config, "--data", again, "--out", run]
    chosen = [word for setting in SETTINGS for word in ("--set", setting)]
    return {
        "import": [*start, "data", "import", folder / "hats", "--reader", "hats", "--out", again],
        "pretrain": [*start, "pretrain", *data, *chosen],
        "embed": [*start, "embed", run, "--data", again, "--out", folder / "embeddings"],
    }


def skybind(*words: object) -> None:
    """Do a command of skybind."""
    subprocess.run([sys.executable, "-m", "skybind", *map(str, words)], check=True)


def watched(words: list[object], said: Path) -> Peaks:
    """Do a command; the most anonymous memory of it, and of any that it starts."""
    with said.open("w") as out:
        process = psutil.Popen(
            [str(word) for word in words],
            env={"OMP_NUM_THREADS": "1", **os.environ},
            stdout=out,
            stderr=subprocess.STDOUT,
        )
    leader = others = 0
    while process.poll() is None:
        try:
            leader = max(leader, own(process))
            others = max(others, *map(own, process.children(recursive=True)), 0)
        except psutil.Error:  # one of them ended meanwhile
            continue
        time.sleep(LOOK)
    if process.returncode:
        raise SystemExit(f"{words} failed:\n{said.read_text()}")
    return leader, others


def in_shards(folder: Path, size: int, number: int) -> str:
    """Make a dataset of the catalogue in shards; what that takes, in a sentence."""
    out, begun = folder / "of-shards", time.process_time()
    for k in range(1, number + 1):
        restore(folder / "hats", out, shard=Shard(k, number))
    sorted_in = time.process_time() - begun
    on_disk = sum(path.stat().st_size for path in shards_of(out).rglob("*") if path.is_file())
    restore(folder / "hats", out)
    took = time.process_time() - begun
    return (
        f"in {number} shards: {on_disk / size:,.0f} bytes of sorted rows an object; sorting "
        f"{sorted_in:.1f} s of the processor, putting together {took - sorted_in:.1f} s "
        f"({1 - sorted_in / took:.0%})"
    )


def own(process: psutil.Process) -> int:
    """Bytes that a process holds itself: its mapped files, and what it shares, are not counted."""
    memory = process.memory_info()
    return int(memory.rss - memory.shared)


def bytes_of(folder: Path, size: int) -> str:
    """What stands on the disk, an object."""
    places = {
        "catalogue": folder / "hats" / "hats",
        "its margin": folder / "hats" / "hats_10arcs",
        "dataset": folder / "again",
        "prepared arrays": folder / "run" / "prepared",
        "embeddings": folder / "embeddings",
    }
    total = {
        name: sum(path.stat().st_size for path in place.rglob("*") if path.is_file()) / size
        for name, place in places.items()
    }
    return ", ".join(f"{name} {value:,.0f}" for name, value in total.items())


if __name__ == "__main__":
    sys.exit(main())
