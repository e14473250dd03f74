"""Training by several processes: the same as by one, how fast, and what a lost process costs.

    python benchmarks/ranks.py --out ranks/ --objects 100000 --batch 32768 --chunk 1024

Pre-training without dropout on two catalogue tables (of `benchmarks/growth.py`), by one process
and by `--processes` under torchrun, `--repeat` times in turn, one thread each: largest relative
difference of the losses and of the best weights from those of one process, and objects a second.
Then the same with a process killed with SIGKILL in the middle of the training, at random `--kills`
times, each followed by the same command again; all of it has to end as the undisturbed. Ends with
1 where something differs by more than rounding.
"""

import argparse
import csv
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
from safetensors.numpy import load_file

from growth import make

#: Relative difference that rounding in another order makes of losses, absolute of weights: the
#: sum of a batch is split, and a few steps of Adam amplify the last digit.
LOSSES, WEIGHTS = 1e-4, 1e-3


def main() -> None:
    """Measure and tell."""
    options = parse()
    survey = options.out / "survey"
    if not survey.exists():
        make(options.out / "made", options.objects, False)
        skybind(1, "data", "import", options.out / "made" / "survey.yaml", "--out", survey)
    took: dict[int, list[float]] = {1: [], options.processes: []}
    ok = True
    for turn in range(options.repeat):
        for processes in took:
            run = options.out / f"run-{processes}"
            shutil.rmtree(run, ignore_errors=True)
            status, said = pretrain(options, processes, run)
            if status:
                raise SystemExit(said)
            took[processes].append(speed(run))
        ok &= same(options.out / "run-1", run, f"{options.processes} processes, turn {turn + 1}")
    medians = {n: statistics.median(values) for n, values in took.items()}
    for n, values in took.items():
        each = ", ".join(f"{value:,.0f}" for value in values)
        print(f"{n} process(es), one thread each: {medians[n]:,.0f} objects/s ({each})")
    print(f"{medians[options.processes] / medians[1]:.2f} times as fast")
    rng = np.random.default_rng(options.seed)
    run = options.out / "run-killed"
    shutil.rmtree(run, ignore_errors=True)
    for number in range(options.kills):
        begun = time.monotonic()
        status, said = pretrain(options, options.processes, run, rng)
        told = [line for line in said.splitlines() if line.startswith("skybind: ")]
        print(f"kill {number + 1}: status {status} after {time.monotonic() - begun:.0f} s; {told}")
        ok &= status == 0 or len(told) == 1
        ok &= "/skybind/" not in said  # no line of ours in a traceback
    if options.kills:
        status, said = pretrain(options, options.processes, run)
        if status:
            raise SystemExit(said)
        ok &= same(options.out / "run-1", run, f"{options.processes} processes, killed before")
    print(f"load {os.getloadavg()[0]:.1f}")
    sys.exit(0 if ok else 1)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for all of it")
    parser.add_argument("--objects", type=int, default=100_000)
    parser.add_argument("--batch", type=int, default=32_768, help="objects of a batch")
    parser.add_argument("--chunk", type=int, default=1024, help="embedded at once (cached)")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    return options


def begin(processes: int, said: Path, *words: object) -> psutil.Popen:
    """Start a command of skybind, by torchrun where several processes are wanted."""
    start = [sys.executable]
    if processes > 1:
        start += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    with said.open("w") as out:
        return psutil.Popen(
            [*start, "-m", "skybind", *map(str, words)],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=out,
            stderr=subprocess.STDOUT,
        )


def skybind(processes: int, *words: object) -> None:
    """Do a command of skybind."""
    if begin(processes, Path(os.devnull), *words).wait():
        raise SystemExit(f"failed: {' '.join(map(str, words))}")


def pretrain(
    options: argparse.Namespace,
    processes: int,
    run: Path,
    rng: np.random.Generator | None = None,
) -> tuple[int, str]:
    """Pre-train; with a generator, one of the processes is killed while it trains."""
    settings = {
        "training.batch_size": options.batch,
        "training.validation_batch_size": 2048,
        "training.cached_chunk": options.chunk,
        "training.epochs": options.epochs,
        "training.min_batches": "null",
        "training.drop_last": "false",
        "model.dimension": 64,
        # every process draws its own dropout
        "modalities.optical.encoder.dropout": 0,
        "modalities.infrared.encoder.dropout": 0,
    }
    words: list[object] = ["pretrain", options.out / "made" / "growth.yaml"]
    words += ["--data", options.out / "survey", "--out", run]
    for key, value in settings.items():
        words += ["--set", f"{key}={value}"]
    said = options.out / f"{run.name}.txt"
    program = begin(processes, said, *words)
    if rng is not None:
        kill_one(program, run / "pretrain" / "log.csv", rng)
    return program.wait(), said.read_text()


def kill_one(program: psutil.Popen, log: Path, rng: np.random.Generator) -> None:
    """Kill one of the processes within some seconds from the first epoch that ends from now on."""
    before = epochs(log)
    while program.poll() is None and epochs(log) <= before:
        time.sleep(0.05)
    moment = time.monotonic() + rng.uniform(0, 3)
    while program.poll() is None and time.monotonic() < moment:
        time.sleep(0.05)
    found = (
        [one for one in program.children() if "RANK" in one.environ()]
        if program.is_running()
        else []
    )
    if program.poll() is None and found:
        found[int(rng.integers(len(found)))].kill()


def epochs(log: Path) -> int:
    """How many epochs the log tells of."""
    return len(rows(log)) if log.exists() else 0


def rows(log: Path) -> list[dict[str, str]]:
    """The rows of a log, an epoch each."""
    with log.open(newline="") as file:
        return list(csv.DictReader(file))


def speed(run: Path) -> float:
    """Training objects a second: the median of the epochs after the first."""
    every = [float(row["objects_per_second"]) for row in rows(run / "pretrain" / "log.csv")]
    return statistics.median(every[1:] or every)


def same(one: Path, other: Path, what: str) -> bool:
    """Tell how far losses and weights differ, and whether that is rounding."""
    logs = [rows(run / "pretrain" / "log.csv") for run in (one, other)]
    losses = [
        abs(float(a[key]) / float(b[key]) - 1)
        for a, b in zip(*logs, strict=True)
        for key in ("train/loss", "validation/loss")
    ]
    files = [load_file(run / "pretrain" / "best.safetensors") for run in (one, other)]
    weights = [float(np.abs(files[0][name] - files[1][name]).max()) for name in files[0]]
    print(f"{what}: losses differ by {max(losses):.1e}, weights by {max(weights):.1e}", flush=True)
    return max(losses) < LOSSES and max(weights) < WEIGHTS


if __name__ == "__main__":
    main()
