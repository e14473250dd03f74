"""Classify a catalogue of two tables by `skybind classify`: time, peak memory, accuracy.

    python benchmarks/classify.py --out DIR [--objects 1000000]

The tables are two modalities of the kind metadata (optical and infrared), drawn from one model of
six classes that overlap; a tenth of the objects lack the infrared. A classifier is trained on
20,000 of them and classifies new ones, which are written by the same model with another seed.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.data.write import DatasetWriter

CLASSES = ["DSCT", "EA", "EW", "M", "RRAB", "SR"]
WIDTHS = {"optical": 12, "infrared": 8}
PIECE = 100_000
CONFIG = """
name: two-tables
split: {subsets: []}
modalities:
  optical:
    kind: metadata
    column: optical
    encoder: &small {name: mlp, hidden: 64, layers: 2, dropout: 0.1}
  infrared: {kind: metadata, column: infrared, encoder: *small}
model: {dimension: 32, scale: {initial: 15}, head_scale: 10}
training: {batch_size: 512, epochs: 6, warmup_epochs: 1, learning_rate: 2.0e-3}
finetuning:
  modalities: [all]
  subsets: [full]
  starts: [pretrained]
  training: {batch_size: 256, epochs: 8, warmup_epochs: 1, learning_rate: 2.0e-3}
"""


def write_catalogue(path: Path, n: int, seed: int) -> None:
    """Write a catalogue of n objects."""
    centres = {
        name: np.random.default_rng([1, width]).normal(size=(len(CLASSES), width))
        for name, width in WIDTHS.items()
    }
    columns = {"label": Column("label")}
    for name, width in WIDTHS.items():
        for k in range(width):
            columns[f"{name}_{k}"] = Column("feature", "mag", f"{name} {k}", name)
    with DatasetWriter(path, columns, provenance="benchmarks/classify.py", simulated=True) as out:
        for start in range(0, n, PIECE):
            rng = np.random.default_rng([seed, start])
            size = min(PIECE, n - start)
            code = rng.integers(0, len(CLASSES), size)
            shared = rng.normal(size=(size, 1))
            rows = {
                "object_id": np.array([f"S{seed}-{start + i}" for i in range(size)]),
                "label": np.asarray(CLASSES)[code],
            }
            for name, width in WIDTHS.items():
                values = centres[name][code] + shared + rng.normal(size=(size, width)) * 1.5
                if name == "infrared":
                    values[rng.random(size) < 0.1] = np.nan
                rows |= {f"{name}_{k}": values[:, k].astype(np.float32) for k in range(width)}
            out.append(rows)


def run(command: list[str]) -> tuple[float, float]:
    """Run skybind; gives seconds and the peak of its memory [GB]."""
    began = time.perf_counter()
    process = subprocess.Popen([sys.executable, "-m", "skybind", *command])
    _, status, usage = os.wait4(process.pid, 0)
    if status:
        sys.exit(f"skybind {' '.join(command)} ended with {status}")
    return time.perf_counter() - began, usage.ru_maxrss / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--objects", type=int, default=1_000_000)
    options = parser.parse_args()
    out = options.out
    out.mkdir(parents=True, exist_ok=True)
    (out / "two-tables.yaml").write_text(CONFIG)
    write_catalogue(out / "taught", 20_000, 1)
    write_catalogue(out / "new", options.objects, 2)
    config, folder = str(out / "two-tables.yaml"), str(out / "run")
    run(["pretrain", config, "-d", str(out / "taught"), "-o", folder, "-q"])
    run(["finetune", folder, "-q"])
    table = out / "classes.parquet"
    seconds, peak = run(["classify", folder, "-d", str(out / "new"), "-o", str(table), "-q"])
    told = np.asarray(pq.read_table(table, columns=["class"])["class"].to_pylist())
    true = Dataset.open(out / "new").labels()
    novelty = pq.read_table(table, columns=["novelty"])["novelty"].to_numpy()
    print(f"{len(told):,} objects in {seconds:.0f} s ({len(told) / seconds:,.0f} a second)")
    print(f"peak memory {peak:.2f} GB")
    print(f"accuracy {(told == true).mean():.4f}, mean novelty {np.nanmean(novelty):.3f}")


if __name__ == "__main__":
    main()
