"""Light curves as a HATS catalogue through two Dask workers, one of them killed: every byte.

    python benchmarks/scale.py --out scale/

A small model is trained on simulated stars. `--objects` light curves are simulated and exported as
a HATS catalogue, which is then classified by the command on this machine, and by `--workers` Dask
processes of 2 GB each, of which one gets SIGKILL when a third of the partitions are written. The
exit status is 1 if a byte differs. Needs the extra `scale`.
"""

import argparse
import os
import resource
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from skybind import scale
from skybind.data.dataset import Dataset
from skybind.data.schema import DEC, ID, RA
from skybind.data.write import DatasetWriter
from skybind.ingest.readers.hats import hats_files, hats_table
from skybind.parquet import ContentHash
from skybind.ragged import Ragged

CHEAP = (
    "training.epochs=2",
    "finetuning.training.epochs=2",
    "finetuning.modalities=[photometry]",
)


def main() -> None:
    """Do all, and print what differs."""
    arguments = parse()
    out = arguments.out
    out.mkdir(parents=True, exist_ok=True)
    print("                          s   peak MB", flush=True)
    run, data, hats = out / "run", out / "survey", out / "hats"
    prepare(arguments, run, data, hats)
    for path in (out / "classes.parquet", out / "by_dask"):
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    local = ["classify", run, "--data", hats, "--out", out / "classes.parquet"]
    timed("one process", *local)
    killed, again, peak, seconds = by_dask(arguments, hats, run, out / "by_dask")
    workers = f"{arguments.workers} workers"
    print(f"{workers:20} {seconds:6.0f} {peak / 1e6:9.0f}  (the largest worker)", flush=True)
    same = equal(out / "classes.parquet", out / "by_dask")
    n, parts = hats_rows(hats), len(hats_files(hats))
    print(f"{n:,} objects in {parts} partitions; {killed} worker killed, {again} started again.")
    print("Every byte is the same." if same else "THE RESULTS DIFFER.")
    sys.exit(not same)


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, required=True, help="folder for all of it")
    parser.add_argument("--objects", type=int, default=200_000)
    parser.add_argument("--rows", type=int, default=2500, help="most objects of a partition")
    parser.add_argument("--workers", type=int, default=2)
    return parser.parse_args()


def prepare(arguments: argparse.Namespace, run: Path, data: Path, hats: Path) -> None:
    """Make the model, the light curves and the catalogue, as far as they are not there."""
    training = arguments.out / "training"
    if not training.exists():
        done("simulate", "stars", training, "-n", 1000, "--seed", 1)
    sets = [part for text in CHEAP for part in ("--set", text)]
    if not (run / "finetune").exists():
        timed("training", "pretrain", "stars-small", "--data", training, "--out", run, *sets)
        timed("fine-tuning", "finetune", run)
    if not data.exists():
        write_curves(training, data, arguments.objects)
    if not hats.exists():
        timed("exporting", "data", "export", data, "--hats", hats, "--rows", arguments.rows)


def write_curves(stars: Path, out: Path, n: int) -> None:
    """Write light curves all over the sky: those of simulated stars, each with other noise."""
    dataset, rng = Dataset.open(stars), np.random.default_rng(2)
    schema = dataset.schema.select([ID, RA, DEC, "photometry"])
    curves = dataset.ragged("photometry")
    seen = np.flatnonzero(curves.present)
    with DatasetWriter(out, {"photometry": schema.columns["photometry"]}, simulated=True) as writer:
        for start in range(0, n, 5000):
            k = min(5000, n - start)
            own = curves.take(rng.choice(seen, k))
            fields = dict(own.fields)
            noise = rng.normal(size=len(fields["flux"])) * fields["flux_err"]
            fields["flux"] = (fields["flux"] + noise).astype(np.float32)
            columns = {
                ID: np.array([f"c{start + i:08d}" for i in range(k)]),
                RA: rng.uniform(0, 360, k),
                DEC: np.degrees(np.arcsin(rng.uniform(-1, 1, k))),
                "photometry": Ragged(fields, own.offsets, own.present),
            }
            writer.append(columns)


def by_dask(
    arguments: argparse.Namespace, hats: Path, run: Path, out: Path
) -> tuple[int, int, int, float]:
    """Classify by workers; gives how many were killed and started again, bytes and seconds."""
    from distributed import Client, LocalCluster

    begun = time.monotonic()
    with (
        LocalCluster(
            n_workers=arguments.workers,
            threads_per_worker=1,
            memory_limit="2GB",
            dashboard_address=None,
        ) as cluster,
        Client(cluster) as client,
    ):
        first = client.run(os.getpid)
        parts = len(hats_files(hats))
        killer = threading.Thread(target=kill_one, args=(out, first, parts // 3), daemon=True)
        killer.start()
        scale.write(scale.classify(hats, run), out)
        seconds = time.monotonic() - begun
        killer.join(1)
        client.wait_for_workers(arguments.workers, timeout=120)  # the new one may still start
        now = client.run(os.getpid)
        again = len(set(now.values()) - set(first.values()))
        peak = max(client.run(peak_bytes).values())
    gone = len(set(first.values()) - set(now.values()))
    return gone, again, peak, seconds


def kill_one(out: Path, workers: dict[str, int], after: int) -> None:
    """Kill a worker when some partitions are written."""
    work = out.parent / f".{out.name}.unfinished"
    while sum(1 for _ in work.rglob("Npix=*")) < max(1, after):
        time.sleep(0.05)
    os.kill(next(iter(workers.values())), signal.SIGKILL)


def peak_bytes() -> int:
    """Give the largest memory that this process had."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def equal(table: Path, catalogue: Path) -> bool:
    """Whether the classes in a table and in a catalogue are the same to the bit."""
    one = pq.read_table(table)
    other = hats_table(catalogue).select(one.column_names).cast(one.schema)
    hashes = []
    for rows in (one, other):
        hashes.append(ContentHash())
        hashes[-1].add(rows)
    return hashes[0].hexdigest() == hashes[1].hexdigest()


def hats_rows(hats: Path) -> int:
    """Count the objects of a catalogue."""
    return sum(pq.read_metadata(path).num_rows for path in hats_files(hats))


def timed(name: str, *command: object) -> None:
    """Run a command of skybind, and print what it took."""
    begun = time.monotonic()
    peak = done(*command)
    print(f"{name:20} {time.monotonic() - begun:6.0f} {peak / 1e6:9.0f}", flush=True)


def done(*command: object) -> int:
    """Run a command of skybind on one thread; gives its largest memory, and ends if it fails."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-m", "skybind", *map(str, command), "-q"]
    process = subprocess.Popen(words, env=environment, stdout=subprocess.DEVNULL)
    _, status, used = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"{' '.join(map(str, command))} failed")
    return used.ru_maxrss * 1024


if __name__ == "__main__":
    main()
