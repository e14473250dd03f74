"""An index of many vectors: building it, adding to it, and searching by it with one thread.

    python benchmarks/index.py --objects 10000000 --out index/

Vectors like those of a survey are made file by file, with a catalogue of positions, and the
commands `skybind index` and `skybind search` are run on them as a user does. Printed are times,
bytes, peak memory, recall of the 10 nearest against the exact search of the same queries, and
latency of one query after another. Memory is resident, of all processes of a command and of the
largest; `own` is without the files that are mapped into it, which the system drops when it needs
room. `--out` keeps what was made; the same command goes on with it.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np

from memory import peak_memory
from search import clustered
from skybind.data.cone import Cone
from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.data.write import DatasetWriter
from skybind.embeddings.store import Embeddings
from skybind.embeddings.stream import EmbeddingStream
from skybind.files import write_json
from skybind.measures.neighbours import exact_nearest
from skybind.processes import in_order
from skybind.search.index import open_index, recall_of
from skybind.search.positions import open_positions

K = 10
SHARD = 100_000  # objects of a file
VIEW = "view"
MODEL = {"weights": "benchmark"}


def main() -> None:
    """Do all, and print it."""
    args = parse()
    if args.stage:
        print(json.dumps(STAGES[args.stage](args)))
        return
    with tempfile.TemporaryDirectory() as temporary:
        args.out = args.out or Path(temporary)
        args.out.mkdir(parents=True, exist_ok=True)
        write_json(args.out / "index.json", measure(args))


def parse() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=128)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--radius", type=float, default=1.0, help="of cones [deg]")
    parser.add_argument("--out", type=Path, help="folder to keep all in")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    return parser.parse_args()


def measure(args: argparse.Namespace) -> dict[str, object]:
    """Everything, one command after another."""
    out = args.out
    told: dict[str, object] = {
        "objects": args.objects,
        "dimension": args.dimension,
        "processes": args.processes,
        "load before": os.getloadavg(),
    }

    def tell(name: str, values: dict[str, object]) -> None:
        told[name] = values
        print(f"{name}: {json.dumps(values)}", flush=True)

    tell("made", make(args))
    one = {"OMP_NUM_THREADS": "1"}
    index = ["index", out / "embeddings", "--data", out / "data", "--processes", args.processes]
    if not (out / "embeddings.index").exists():
        tell("built", command(index, one))
    tell(
        "bytes",
        {
            name: size_of(out / name)
            for name in ("embeddings", "embeddings.index", "embeddings.positions", "data")
        },
    )
    tell("exact", stage("exact", args, one))
    tell("search", stage("latency", args, one))
    tell("cones", stage("cones", args, one))
    asked = ["search", out / "embeddings", f"o{args.objects // 3}", "--data", out / "data"]
    tell("command", command([*asked, "--index"], one))
    tell("command, cone", command([*asked, "--index", "--cone", "150 20 1"], one))
    added = out / "added"
    shutil.rmtree(added, ignore_errors=True)
    added.mkdir()
    for path in (out / "embeddings").iterdir():
        (added / path.name).hardlink_to(path)
    shutil.copytree(out / "embeddings.index", out / "added.index", dirs_exist_ok=True)
    part(args, -(-args.objects // SHARD), folder=added, n=SHARD)
    tell(f"added {SHARD:,}", command(["index", added], one))
    for folder in (added, out / "added.index"):
        shutil.rmtree(folder)
    told["load after"] = os.getloadavg()
    return told


def make(args: argparse.Namespace) -> dict[str, object]:
    """Write embeddings file by file, and a catalogue of their objects."""
    begin = time.perf_counter()
    folder = args.out / "embeddings"
    if not (args.out / "data").exists():
        folder.mkdir(exist_ok=True)
        files = range(-(-args.objects // SHARD))
        for _ in in_order(partial(part, args, folder=folder), files, args.processes):
            pass
        rng = np.random.default_rng(3)
        columns = {"magnitude": Column("feature", "mag", modality="metadata")}
        with DatasetWriter(args.out / "data", columns) as writer:
            for number in files:
                n = min(SHARD, args.objects - number * SHARD)
                writer.append({"object_id": names(number, n), **positions(n, rng)})
    return {"seconds": round(time.perf_counter() - begin, 1), "peak GB": peak_memory() / 1e9}


def part(args: argparse.Namespace, number: int, *, folder: Path, n: int | None = None) -> None:
    """Write one file of embeddings."""
    n = n or min(SHARD, args.objects - number * SHARD)
    vectors = clustered(n, args.dimension, np.random.default_rng([7, number]))
    every = np.ones(n, bool)
    made = Embeddings(names(number, n), np.full(n, ""), {VIEW: vectors}, {VIEW: every}, MODEL)
    made.write_shard(folder, number)


def names(number: int, n: int) -> np.ndarray:
    """Names of the objects of a file."""
    return np.char.add("o", np.arange(number * SHARD, number * SHARD + n).astype(str))


def positions(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Positions all over the sky, and magnitudes."""
    return {
        "ra": rng.uniform(0, 360, n),
        "dec": np.degrees(np.arcsin(rng.uniform(-1, 1, n))),
        "magnitude": rng.uniform(10, 20, n),
    }


def queries(args: argparse.Namespace) -> np.ndarray:
    """Vectors that are alike, and none of those that are searched."""
    return clustered(args.queries, args.dimension, np.random.default_rng([8, 0]))


def exact(args: argparse.Namespace) -> dict[str, object]:
    """Compare all queries with all vectors, and then one."""
    stream = EmbeddingStream.open(args.out / "embeddings")
    begin = time.perf_counter()
    found = exact_nearest(stream.chunks([VIEW]), queries(args), K)
    middle = time.perf_counter()
    exact_nearest(stream.chunks([VIEW]), queries(args)[:1], K)
    np.savez(args.out / "exact.npz", row=found.row, cosine=found.cosine)
    return {
        "all queries s": round(middle - begin, 2),
        "one query s": round(time.perf_counter() - middle, 2),
        "peak GB": peak_memory() / 1e9,
    }


def latency(args: argparse.Namespace) -> dict[str, object]:
    """Recall, and the time of each query; the second time what it reads is in the cache."""
    begin = time.perf_counter()
    index = open_index(EmbeddingStream.open(args.out / "embeddings"), [VIEW])
    opened = time.perf_counter() - begin
    took, used, found = [], [], []
    for _ in range(2):
        took.append(np.zeros(args.queries))
        used.append(np.zeros(args.queries))
        for i, query in enumerate(queries(args)):
            begin, before = time.perf_counter(), time.process_time()
            found.append(index.search(query[None], K))
            took[-1][i] = 1e3 * (time.perf_counter() - begin)
            used[-1][i] = 1e3 * (time.process_time() - before)
    rows = np.concatenate([one.row for one in found[: args.queries]])
    cosines = np.concatenate([one.cosine for one in found[: args.queries]])
    with np.load(args.out / "exact.npz") as truth:
        recall = recall_of(rows, truth["row"])
        same = rows == truth["row"]
        error = np.abs(cosines - truth["cosine"])[same].max()
    return {
        "nprobe": index.note.probes,
        "lists": index.note.lists,
        "candidates a match": index.note.candidates,
        "recall of 10": round(float(recall.mean()), 4),
        "its error": round(float(recall.std() / np.sqrt(len(recall))), 4),
        "recall stated": index.note.recall[VIEW],
        "largest error of a cosine": float(error),
        "open s": round(opened, 3),
        "first ms": quantiles(took[0]),
        "again ms": quantiles(took[1]),
        "processor ms": quantiles(used[1]),
        "peak GB": peak_memory() / 1e9,
    }


def cones(args: argparse.Namespace) -> dict[str, object]:
    """Find the most alike in random cones; every tenth is compared with reading all positions."""
    stream = EmbeddingStream.open(args.out / "embeddings")
    dataset = Dataset.open(args.out / "data")
    index, sky = open_index(stream, [VIEW]), open_positions(stream, dataset)
    rng = np.random.default_rng(4)
    every = dataset.numbers("ra"), dataset.numbers("dec")
    took, used, held = (np.zeros(args.queries) for _ in range(3))
    wrong = 0
    for i, query in enumerate(queries(args)):
        place = positions(1, rng)
        cone = Cone(float(place["ra"][0]), float(place["dec"][0]), args.radius)
        begin, before = time.perf_counter(), time.process_time()
        rows = sky.in_cone(cone)
        index.compare(query[None], K, rows)
        took[i], held[i] = 1e3 * (time.perf_counter() - begin), len(rows)
        used[i] = 1e3 * (time.process_time() - before)
        if i % 10 == 0:
            wrong += not np.array_equal(rows, np.flatnonzero(cone.holds(*every)))
    return {
        "radius deg": args.radius,
        "objects in a cone": quantiles(held),
        "ms": quantiles(took),
        "processor ms": quantiles(used),
        "wrong": wrong,
        "peak GB, with all positions": peak_memory() / 1e9,
    }


def quantiles(values: np.ndarray) -> dict[str, float]:
    """Give the median and the 95th percentile."""
    return {"median": float(np.median(values)), "95 %": float(np.quantile(values, 0.95))}


def size_of(folder: Path) -> int:
    """Bytes of a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


STAGES = {"exact": exact, "latency": latency, "cones": cones}


def stage(name: str, args: argparse.Namespace, more: dict[str, str]) -> dict[str, object]:
    """Do one stage in a process of its own."""
    given = ["objects", "dimension", "queries", "radius", "out"]
    options = [text for key in given for text in (f"--{key}", str(getattr(args, key)))]
    done = subprocess.run(
        [sys.executable, __file__, "--stage", name, *options],
        env={**os.environ, **more},
        check=True,
        capture_output=True,
        text=True,
    )
    found: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    return found


def command(words: list[object], more: dict[str, str]) -> dict[str, object]:
    """Run a command of skybind; gives its time, processor time and peak memory."""
    begin = time.perf_counter()
    before = os.times()
    process = subprocess.Popen(
        [sys.executable, "-m", "skybind", *map(str, words)],
        env={**os.environ, **more},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    peaks = np.zeros(4)
    while process.poll() is None:
        held = np.array(memory_of(process.pid)).reshape(-1, 2)
        peaks = np.maximum(peaks, [*held.sum(axis=0), *held.max(axis=0, initial=0)])
        time.sleep(0.05)
    said = process.stdout.read() if process.stdout else ""
    if process.returncode:
        sys.exit(said)
    after = os.times()
    used = sum(after[i] - before[i] for i in (2, 3))
    return {
        "seconds": round(time.perf_counter() - begin, 1),
        "processor s": round(used, 1),
        "peak GB": peaks[0] / 1e9,
        "own": peaks[1] / 1e9,
        "of one process": peaks[2] / 1e9,
        "its own": peaks[3] / 1e9,
    }


def memory_of(root: int) -> list[tuple[int, int]]:
    """Memory of a process and of all below it [bytes]: resident, and without mapped files."""
    parents, pages = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            stat = (folder / "stat").read_text().rpartition(")")[2].split()
            resident, shared = (folder / "statm").read_text().split()[1:3]
        except OSError:  # it has ended
            continue
        parents[int(folder.name)] = int(stat[1])
        pages[int(folder.name)] = int(resident), int(resident) - int(shared)
    own = {root}
    while more := {pid for pid, parent in parents.items() if parent in own} - own:
        own |= more
    size = os.sysconf("SC_PAGE_SIZE")
    return [(pages[pid][0] * size, pages[pid][1] * size) for pid in own if pid in pages]


if __name__ == "__main__":
    main()
