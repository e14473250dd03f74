"""Work in shards, some of them killed, against the same work in one piece: every byte is compared.

    python benchmarks/shards.py --out shards/

Two tables of a survey are imported. Then one is simulated and a small model trained, and features,
embeddings, classes, predictions, the scores of discover and an index are made: each in one piece,
and in `--shards` shards as `--workers` parallel processes in random order, of which `--kills` a
command get SIGKILL at random moments and are done again later. The exit status is 1 if anything
differs.
"""

import argparse
import os
import random
import shutil
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq

from skybind.embeddings.store import Embeddings
from skybind.files import file_hash

#: Objects of a shard of an import, and epochs of each.
OBJECTS, EPOCHS = 2048, 10
MAPPING = """
objects: {file: a, format: csv, id: name, ra: ra, dec: dec,
          features: {metadata: {colour: {column: bp_rp, unit: mag}}}}
photometry: {file: b, format: csv, id: star, time: {column: time, unit: JD - 2400000.5},
             magnitude: {column: mag, unit: mag}, magnitude_err: err}
"""
#: What is cheap of discover besides the scores.
FEW = ("--map", "pca", "--permutations", 2, "--top", 0)
CHEAP = ("training.epochs=2", "finetuning.training.epochs=2", "finetuning.modalities=[all]")


def main() -> None:
    """Do all, and print what differs."""
    arguments = parse()
    random.seed(arguments.seed)
    out = arguments.out
    data, run = out / "survey", out / "run"
    if not data.exists():
        done("simulate", "stars", data, "-n", arguments.objects, "--seed", 1)
    sets = [part for text in CHEAP for part in ("--set", text)]
    done("run", "stars-small", "--data", data, "--out", run, *sets)
    copy = out / "copy"  # features are written into the dataset
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(data, copy, ignore=shutil.ignore_patterns("features"))
    shutil.rmtree(data / "features", ignore_errors=True)
    mapping = write_tables(out / "files", OBJECTS * arguments.shards)
    print(f"{'':10} one piece  shards  killed  the same", flush=True)
    wrong = [
        compare(arguments, "import", lambda _, o: ["data", "import", mapping, "--out", o]),
        compare(arguments, "features", lambda d, _: ["data", "features", d, "--processes", 1]),
        compare(arguments, "embed", lambda d, o: ["embed", run, "--data", d, "--out", o]),
        compare(
            arguments,
            "classify",
            lambda d, o: ["classify", run, "--data", d, "--out", f"{o}.parquet"],
        ),
        compare(
            arguments,
            "predict",
            lambda d, o: ["predict", run, "-t", "period", "--data", d, "--out", f"{o}.parquet"],
        ),
        compare(arguments, "discover", lambda _, o: ["discover", copied(run, o), *FEW]),
        compare(
            arguments,
            "index",
            lambda _, o: ["index", copied(out / "embed-shards", o), "--to", "photometry"],
        ),
    ]
    sys.exit(any(wrong))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for all of it")
    parser.add_argument("--objects", type=int, default=4000)
    parser.add_argument("--shards", type=int, default=64)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--kills", type=int, default=3, help="of each command")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def compare(arguments: argparse.Namespace, name: str, command) -> bool:
    """Do one command both ways; gives whether the results differ."""
    out = arguments.out
    one, other = out / f"{name}-one", out / f"{name}-shards"
    for path in out.glob(f"{name}-*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    begun = time.monotonic()
    done(*command(out / "survey", one))
    whole = time.monotonic() - begun
    begun = time.monotonic()
    killed = in_shards(arguments, command(out / "copy", other))
    done(*command(out / "copy", other))
    took = time.monotonic() - begun
    made = contents(name, out / "survey", one)
    same = made.equals(contents(name, out / "copy", other), check_metadata=True)
    told = f"{name:10} {whole:7.1f} s {took:6.1f} s {killed:5} {'yes' if same else 'NO':>10}"
    print(told, flush=True)
    return not same


def write_tables(folder: Path, n: int) -> Path:
    """Write a catalogue and a long table of light curves in no order; gives their mapping."""
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(0)
    names = pa.array([f"s{number}" for number in range(n)])
    place = {"ra": rng.uniform(0, 360, n), "dec": rng.uniform(-60, 60, n)}
    pcsv.write_csv(pa.table({"name": names, **place, "bp_rp": rng.normal(1, 0.3, n)}), folder / "a")
    star, rows = rng.integers(0, n + 10, EPOCHS * n), EPOCHS * n  # some are of no object
    curves = {"time": rng.uniform(58000, 59000, rows), "mag": rng.normal(15, 1, rows)}
    names = pa.array([f"s{number}" for number in range(n + 10)]).take(pa.array(star))
    pcsv.write_csv(pa.table({"star": names, **curves, "err": np.full(rows, 0.01)}), folder / "b")
    (folder / "survey.yaml").write_text(MAPPING)
    return folder / "survey.yaml"


def copied(source: Path, out: Path) -> Path:
    """Give a copy of a folder to each way of doing a command that writes into it."""
    place = out / "copy"
    if not place.exists():
        shutil.copytree(source, place)
    return place


def in_shards(arguments: argparse.Namespace, command: list) -> int:
    """Do all shards of a command; gives how many processes were killed."""
    waiting = deque(random.sample(range(1, arguments.shards + 1), arguments.shards))
    doomed = set(random.sample(list(waiting), arguments.kills))
    running: dict[subprocess.Popen, tuple[int, float]] = {}
    killed = 0
    while waiting or running:
        while waiting and len(running) < arguments.workers:
            number = waiting.popleft()
            dies = time.monotonic() + random.uniform(0.3, 2.0) if number in doomed else float("inf")
            process = start(*command, "--shard", f"{number}/{arguments.shards}")
            running[process] = number, dies
        time.sleep(0.02)
        for process, (number, dies) in list(running.items()):
            if process.poll() is not None:
                del running[process]
                if process.returncode == -9:
                    killed += 1
                    doomed.discard(number)
                    waiting.append(number)
                elif process.returncode:
                    sys.exit(f"shard {number} ended with {process.returncode}")
            elif time.monotonic() > dies:
                process.kill()
    return killed


def contents(name: str, data: Path, out: Path) -> pa.Table:
    """Read what a command made."""
    if name == "embed":
        return Embeddings.read(out).to_arrow()
    if name == "import":
        return hashes(sorted(path for path in out.rglob("*.*") if path.name != "made.json"))
    if name == "discover":  # the notes beside the tables have times
        files = (out / "copy/discover").rglob("*.*")
        return hashes(sorted(path for path in files if path.suffix in (".parquet", ".csv", ".npz")))
    if name == "index":
        files = sorted((out / "copy.index").rglob("*.*"))
        return hashes(files)
    path = data / "features/photometry.parquet" if name == "features" else Path(f"{out}.parquet")
    return pq.read_table(path)


def hashes(files: list[Path]) -> pa.Table:
    """Tell files by name and content."""
    return pa.table(
        {"file": [path.name for path in files], "hash": [file_hash(path) for path in files]}
    )


def start(*command: object) -> subprocess.Popen:
    """Start a command of skybind, quietly, on one thread."""
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE}
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "skybind", *map(str, command), "-q"]
    return subprocess.Popen(words, env=environment, **quiet)


def done(*command: object) -> None:
    """Run a command of skybind, and end if it fails."""
    process = start(*command)
    _, errors = process.communicate()
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))}: {errors.decode()}")


if __name__ == "__main__":
    main()
