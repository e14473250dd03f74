"""Speed and memory of search, against a bare matrix product with top-k on the same vectors.

    OMP_NUM_THREADS=1 python benchmarks/search.py --out search.json

On vectors without any structure (`random`) and on vectors like those of a survey (`clustered`:
classes of very different sizes, each of few dimensions, with noise). Every timing is the median of
several, in alternating order. Memory is the peak of a process that does nothing else.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from memory import peak_memory
from skybind.embeddings.store import Embeddings
from skybind.embeddings.stream import EmbeddingStream
from skybind.measures.neighbours import Nearest, exact_nearest

K = 10
SHARD = 100_000
CLASSES, RANK = 300, 24


def clustered(n: int, dimension: int, rng: np.random.Generator) -> np.ndarray:
    """Unit vectors of 300 classes (sizes as 1 / rank), 24 dimensions each, and 10 % noise."""
    shape = np.random.default_rng(5)  # the same classes for objects and queries
    centres = _unit(shape.standard_normal((CLASSES, dimension), dtype=np.float32))
    bases = shape.standard_normal((CLASSES, RANK, dimension), dtype=np.float32)
    bases /= np.sqrt(dimension)
    width = np.arange(1, RANK + 1, dtype=np.float32) ** -0.7
    width *= 0.7 / np.sqrt((width**2).sum())
    share = 1 / np.arange(1, CLASSES + 1)
    owner = rng.choice(CLASSES, n, p=share / share.sum())
    vectors = rng.standard_normal((n, dimension), dtype=np.float32)
    vectors *= 0.1 / np.sqrt(dimension)
    for c in range(CLASSES):
        rows = np.flatnonzero(owner == c)
        latent = rng.standard_normal((len(rows), RANK), dtype=np.float32) * width
        vectors[rows] += centres[c] + latent @ bases[c]
    return _unit(vectors)


def random(n: int, dimension: int, rng: np.random.Generator) -> np.ndarray:
    """Unit vectors in random directions."""
    return _unit(rng.standard_normal((n, dimension), dtype=np.float32))


KINDS: dict[str, Callable[[int, int, np.random.Generator], np.ndarray]] = {
    "random": random,
    "clustered": clustered,
}


def _unit(vectors: np.ndarray) -> np.ndarray:
    for start in range(0, len(vectors), SHARD):
        part = vectors[start : start + SHARD]
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return vectors


def make(folder: Path, kind: str, n: int, dimension: int, queries: int) -> dict[str, float]:
    """Write vectors as one array and as embeddings, and queries drawn alike."""
    begin = time.perf_counter()
    rng = np.random.default_rng(11)
    (folder / "embeddings").mkdir(parents=True)
    np.save(folder / "queries.npy", KINDS[kind](queries, dimension, rng))
    whole = np.lib.format.open_memmap(
        folder / "vectors.npy", "w+", dtype=np.float32, shape=(n, dimension)
    )
    for number, start in enumerate(range(0, n, SHARD)):
        part = KINDS[kind](min(SHARD, n - start), dimension, rng)
        whole[start : start + len(part)] = part
        ids = np.char.add("o", np.arange(start, start + len(part)).astype(str))
        every = np.ones(len(part), bool)
        shard = Embeddings(ids, np.full(len(part), ""), {"view": part}, {"view": every})
        shard.write_shard(folder / "embeddings", number)
    whole.flush()
    return {"make_s": time.perf_counter() - begin}


def time_exact(folder: Path, repeats: int) -> dict[str, float]:
    """Seconds of our exact search and of the bare product with top-k, in one piece and blocks."""
    import torch

    vectors, queries = np.load(folder / "vectors.npy"), np.load(folder / "queries.npy")
    rows = np.arange(len(vectors))
    bare_vectors, bare_queries = torch.from_numpy(vectors), torch.from_numpy(queries)

    def bare() -> np.ndarray:
        return torch.topk(bare_queries @ bare_vectors.T, K, dim=1).indices.numpy()

    def bare_blocks() -> np.ndarray:
        best = torch.full((len(queries), K), -2.0)
        row = torch.zeros((len(queries), K), dtype=torch.int64)
        for start in range(0, len(vectors), 16384):
            cosines = bare_queries @ bare_vectors[start : start + 16384].T
            top = torch.topk(cosines, min(K, cosines.shape[1]), dim=1)
            both = torch.cat([best, top.values], 1)
            best, order = torch.topk(both, K, dim=1)
            row = torch.gather(torch.cat([row, top.indices + start], 1), 1, order)
        return row.numpy()

    def ours() -> np.ndarray:
        return exact_nearest([(rows, vectors)], queries, K).row

    work = {"ours": ours, "bare": bare, "bare_blocks": bare_blocks}
    seconds: dict[str, list[float]] = {name: [] for name in work}
    found = {}
    for repeat in range(repeats):
        for name in list(work)[:: 1 if repeat % 2 == 0 else -1]:
            begin = time.perf_counter()
            found[name] = work[name]()
            seconds[name].append(time.perf_counter() - begin)
    result = {f"{name}_s": float(np.median(values)) for name, values in seconds.items()}
    result["agreement"] = float((found["ours"] == found["bare"]).mean())
    fastest = min(result["bare_s"], result["bare_blocks_s"])
    result["ratio_to_bare"] = result["ours_s"] / result["bare_s"]
    result["ratio_to_faster_bare"] = result["ours_s"] / fastest
    return result


def time_streamed(folder: Path) -> dict[str, float]:
    """Seconds of the exact search from disk: all queries at once, and one."""
    stream, queries = EmbeddingStream.open(folder / "embeddings"), np.load(folder / "queries.npy")
    begin = time.perf_counter()
    exact_nearest(stream.chunks(["view"]), queries, K)
    middle = time.perf_counter()
    exact_nearest(stream.chunks(["view"]), queries[:1], K)
    return {"all_s": middle - begin, "one_s": time.perf_counter() - middle}


def time_index(folder: Path, repeats: int) -> dict[str, float]:
    """Build an index; its recall and speed against the exact search of the same queries."""
    from skybind.search.index import recall_of
    from skybind.search.index_build import build_index

    vectors, queries = np.load(folder / "vectors.npy"), np.load(folder / "queries.npy")
    stream = EmbeddingStream.open(folder / "embeddings")
    begin = time.perf_counter()
    index = build_index(stream, ["view"])
    built = time.perf_counter() - begin
    rows = np.arange(len(vectors))
    slow: list[float] = []
    fast: list[float] = []
    exact, found = None, None
    for _ in range(repeats):
        begin = time.perf_counter()
        exact = exact_nearest([(rows, vectors)], queries, K)
        middle = time.perf_counter()
        found = index.search(queries, K)
        slow.append(middle - begin)
        fast.append(time.perf_counter() - middle)
    assert isinstance(exact, Nearest)
    assert isinstance(found, Nearest)
    return {
        "build_s": built,
        "lists": index.note.lists,
        "probes": index.note.probes,
        "recall": float(recall_of(found.row, exact.row).mean()),
        "recall_reported": index.note.recall["view"],
        "exact_s": float(np.median(slow)),
        "index_s": float(np.median(fast)),
        "speed_up": float(np.median(slow) / np.median(fast)),
    }


def use_memory(folder: Path, how: str) -> dict[str, float]:
    """Peak memory of one search, in units of the vectors."""
    queries = np.load(folder / "queries.npy")
    stream = EmbeddingStream.open(folder / "embeddings")
    size = len(stream) * queries.shape[1] * 4
    if how == "exact":
        vectors = np.load(folder / "vectors.npy")
        exact_nearest([(np.arange(len(vectors)), vectors)], queries, K)
    elif how == "streamed":
        exact_nearest(stream.chunks(["view"]), queries, K)
    else:
        from skybind.search.index import open_index

        open_index(stream, ["view"]).search(queries, K)
    peak = peak_memory()
    return {"peak_gb": peak / 1e9, "vectors_gb": size / 1e9, "ratio": peak / size}


def child(stage: str, folder: Path, *arguments: str) -> dict[str, float]:
    """Run one stage in a process of its own."""
    command = [sys.executable, __file__, "--stage", stage, "--folder", str(folder), *arguments]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(folder.name, stage, result, flush=True)
    return result


def measure(kind: str, args: argparse.Namespace, folder: Path, n: int) -> dict[str, object]:
    """Everything on one kind of vectors."""
    shape = [str(number) for number in (n, args.dimension, args.queries)]
    options = ["--objects", shape[0], "--dimension", shape[1], "--queries", shape[2]]
    # a child starts with its parent's peak memory, so that the parent must stay small
    child("make", folder, *options, "--kinds", kind)
    repeats = ["--repeats", str(args.repeats)]
    results: dict[str, object] = {
        "objects": n,
        "exact": child("exact", folder, *repeats),
        "streamed": child("streamed", folder),
        "memory_exact": child("memory-exact", folder),
        "memory_streamed": child("memory-streamed", folder),
    }
    if not args.no_index:
        results["index"] = child("index", folder, *repeats)
        results["memory_index"] = child("memory-index", folder)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--objects", type=int, default=1_000_000)
    parser.add_argument("--dimension", type=int, default=512)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--kinds", default="clustered,random")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--quick", action="store_true", help="20,000 x 64, 100 queries")
    parser.add_argument("--no-index", action="store_true", help="only the exact search")
    parser.add_argument("--stage", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.stage:
        shape = (args.objects, args.dimension, args.queries)
        stages = {
            "make": lambda: make(args.folder, args.kinds, *shape),
            "exact": lambda: time_exact(args.folder, args.repeats),
            "streamed": lambda: time_streamed(args.folder),
            "index": lambda: time_index(args.folder, args.repeats),
        }
        if args.stage in stages:
            print(json.dumps(stages[args.stage]()))
        else:
            print(json.dumps(use_memory(args.folder, args.stage.removeprefix("memory-"))))
        return
    if args.quick:
        args.objects, args.dimension, args.queries = 20_000, 64, 100
    results: dict[str, object] = {
        "dimension": args.dimension,
        "queries": args.queries,
        "threads": os.environ.get("OMP_NUM_THREADS"),
    }
    for kind in args.kinds.split(","):
        with tempfile.TemporaryDirectory() as temporary:
            results[kind] = measure(kind, args, Path(temporary) / kind, args.objects)
        results["load"] = os.getloadavg()
        if args.out:
            args.out.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
