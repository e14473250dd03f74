"""Time and memory of imports, beside plain pyarrow reading of the same files.

    python benchmarks/ingest.py --out DIR

A catalogue of 1,000,000 rows, 2,500 light curves (folders of CSV and of FITS files, beside both of
which the CSV files are read; a long table), a long table too large for memory, its rows in any
order (`--rows`, 60,000,000 by default), a tenth of them also in the columns of ZTF, and a survey of
many objects (`--objects`, 10,000,000 by default) with four epochs each in a long table: whole, its
first thousand objects, and two tables of the objects joined. Each import is a process of its own,
whose peak of memory is told; times are medians of `--repeat` (the large tables are read once). What
is made stays in DIR, so that the next call only imports.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pcsv
import pyarrow.parquet as pq
from astropy.table import Table

from memory import peak_memory
from skybind.files import atomic_path, write_json
from skybind.ingest.survey import import_dataset

CATALOGUE_ROWS, CURVES, EPOCHS, SOURCES = 1_000_000, 2_500, 200, 20_000
#: Rows of the large table that are made at a time.
MADE = 2_000_000
CURVE = "time: {column: time, unit: d}, magnitude: {column: mag, unit: mag}, magnitude_err: err"
CATALOGUE = (
    "objects:\n  file: catalogue.FORMAT\n  id: id\n  ra: ra\n  dec: dec\n"
    "  features:\n    metadata:\n"
    "      parallax: {column: plx, unit: mas}\n      g_mag: {column: g, unit: mag}\n"
    "      bp_rp: {column: bp_rp, unit: mag}\n"
)
LONG = "objects: {file: OBJECTS, id: id}\nphotometry: {file: TABLE, id: id, " + CURVE + "}\n"
FOLDER = (
    "objects: {file: objects.csv, id: id}\n"
    "photometry: {folder: curves, pattern: '{id}.ENDING', " + CURVE + "}\n"
)
ZTF = "objects: {file: sources.csv, id: id}\nphotometry: {file: ztf.csv, format: ztf}\n"
MANY = "objects: {file: TABLE, id: id, features: {metadata: {x: x}}}\n"
JOINED = "objects: {file: many.parquet, id: id, join: [{file: more.parquet, id: id}], features: "
MANY_CASES = {
    "many-curves": MANY.replace("TABLE", "many.parquet") + LONG.partition("\n")[2],
    "many-few": MANY.replace("TABLE", "few.parquet") + LONG.partition("\n")[2],
    "many-joined": JOINED + "{metadata: {x: x, y: y}}}\n",
}
CASES = {
    "catalogue, CSV": ("catalogue-csv", ["catalogue.csv"]),
    "catalogue, Parquet": ("catalogue-parquet", ["catalogue.parquet"]),
    "curves, a file each": ("curves-csv", ["curves/*.csv"]),
    "curves, a FITS file each": ("curves-fits", ["curves/*.csv"]),
    "curves, long CSV": ("curves-long", ["curves.csv"]),
    "large long table, Parquet": ("large-parquet", ["large.parquet"]),
    "large long table, CSV": ("large-csv", ["large.csv"]),
    "large table of ZTF, CSV": ("large-ztf", ["ztf.csv"]),
    "many objects, long table": ("many-curves", ["many.parquet", "epochs.parquet"]),
    "a thousand of these": ("many-few", ["few.parquet", "epochs.parquet"]),
    "many objects, two tables": ("many-joined", ["many.parquet", "more.parquet"]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, required=True, help="folder of what is made")
    parser.add_argument("--rows", type=int, default=60_000_000, help="of the large table; 0: none")
    parser.add_argument("--objects", type=int, default=10_000_000, help="of the survey; 0: none")
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--one", nargs=2, help=argparse.SUPPRESS)  # a process of its own
    options = parser.parse_args()
    if options.one:
        print(json.dumps(one(options.out, *options.one)))
        return
    options.out.mkdir(parents=True, exist_ok=True)
    make_small(options.out)
    make_large(options.out, options.rows)
    make_many(options.out, options.objects)
    rows = []
    print(f"{'':28}{'import [s]':>12}{'pyarrow [s]':>13}{'ratio':>8}{'peak [MB]':>11}")
    for what, (case, files) in CASES.items():
        large = {"large": options.rows, "many": options.objects}.get(case.partition("-")[0])
        if large == 0:
            continue
        found = measured(options.out, case, files, options.repeat if large is None else 1)
        rows.append({"what": what, **found})
        print(
            f"{what:28}{found['seconds']:12.2f}{found['pyarrow']:13.2f}{found['ratio']:8.1f}"
            f"{found['peak_mb']:11.0f}",
            flush=True,
        )
        write_json(
            options.out / "ingest.json",
            {"rows_of_large": options.rows, "objects": options.objects, "rows": rows},
        )


def measured(folder: Path, case: str, files: list[str], repeat: int) -> dict[str, float]:
    """Median time of an import and of plain reading, in turn; the highest peak of the import."""
    seconds, plain, peak = [], [], 0.0
    for _ in range(repeat):
        made = process(folder, "import", case)
        seconds.append(made["seconds"])
        peak = max(peak, made["peak_mb"])
        plain.append(sum(process(folder, "read", file)["seconds"] for file in files))
    own, other = statistics.median(seconds), statistics.median(plain)
    return {"seconds": own, "pyarrow": other, "ratio": own / other, "peak_mb": peak}


def process(folder: Path, action: str, what: str) -> dict[str, float]:
    """Do one thing in a process of its own."""
    command = [sys.executable, __file__, "--out", str(folder), "--one", action, what]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    return dict(json.loads(done.stdout.splitlines()[-1]))


def one(folder: Path, action: str, what: str) -> dict[str, float]:
    """Import a case, or read files piece by piece with pyarrow alone; seconds and peak memory."""
    began = time.perf_counter()
    if action == "import":
        target = folder / f"dataset-{what}"
        import_dataset(folder / f"{what}.yaml", target, overwrite=True)
        seconds = time.perf_counter() - began
        shutil.rmtree(target)
    else:
        for file in sorted(folder.glob(what)):
            read = pq.ParquetFile(file).iter_batches() if file.suffix == ".parquet" else (
                pcsv.open_csv(file, pcsv.ReadOptions(use_threads=False))
            )  # fmt: skip
            for _ in read:
                pass
        seconds = time.perf_counter() - began
    return {"seconds": seconds, "peak_mb": peak_memory() / 1e6}


def make_small(folder: Path) -> None:
    """Make the catalogue and the light curves, with their mappings."""
    for format in ("csv", "parquet"):
        text = CATALOGUE.replace("FORMAT", format)
        (folder / f"catalogue-{format}.yaml").write_text(text)
    for ending in ("csv", "fits"):
        (folder / f"curves-{ending}.yaml").write_text(FOLDER.replace("ENDING", ending))
    long = LONG.replace("OBJECTS", "objects.csv").replace("TABLE", "curves.csv")
    (folder / "curves-long.yaml").write_text(long)
    rng = np.random.default_rng(0)

    def catalogue() -> pa.Table:
        n = CATALOGUE_ROWS
        return pa.table(
            {
                "id": pa.array(np.arange(n) + 5_853_498_713_190_525_696),
                "ra": rng.uniform(0, 360, n),
                "dec": np.degrees(np.arcsin(rng.uniform(-1, 1, n))),
                "plx": np.round(rng.normal(1, 0.5, n), 4),
                "g": np.round(rng.uniform(8, 20, n), 4),
                "bp_rp": np.round(rng.normal(1, 0.4, n), 4),
            }
        )

    table = once(folder / "catalogue.parquet", lambda p: pq.write_table(catalogue(), p))
    once(folder / "catalogue.csv", lambda p: pcsv.write_csv(pq.read_table(table), p))
    names = [f"star{i:05d}" for i in range(CURVES)]
    once(folder / "objects.csv", lambda p: p.write_text("\n".join(["id", *names]) + "\n"))
    owner = np.repeat(np.arange(CURVES), EPOCHS)
    curves = once(folder / "curves.csv", lambda p: pcsv.write_csv(epochs(owner, names, rng), p))
    if not (folder / "curves").exists():
        whole = pcsv.read_csv(curves)
        with atomic_path(folder / "curves") as made:
            made.mkdir()
            for i, name in enumerate(names):
                own = whole.slice(i * EPOCHS, EPOCHS).drop_columns(["id"])
                pcsv.write_csv(own, made / f"{name}.csv")
                columns = {column: own[column].to_numpy() for column in own.column_names}
                Table(columns).write(made / f"{name}.fits")


def make_large(folder: Path, rows: int) -> None:
    """Make a long table with its rows in any order, piece by piece, as Parquet and as CSV."""
    for format in ("csv", "parquet"):
        text = LONG.replace("OBJECTS", "sources.csv").replace("TABLE", f"large.{format}")
        (folder / f"large-{format}.yaml").write_text(text)
    names = [f"source{i:06d}" for i in range(SOURCES)]
    once(folder / "sources.csv", lambda p: p.write_text("\n".join(["id", *names]) + "\n"))
    if not rows:
        return
    note = folder / "large.rows"
    there = note.exists() and (folder / "ztf.csv").exists()
    if there and note.read_text() == str(rows):
        return
    rng = np.random.default_rng(1)
    with atomic_path(folder / "large.parquet") as a, atomic_path(folder / "large.csv") as b:
        schema = epochs(np.zeros(1, int), names, rng).schema
        with pq.ParquetWriter(a, schema) as parquet, pcsv.CSVWriter(b, schema) as text:
            for start in range(0, rows, MADE):
                made = epochs(rng.integers(0, SOURCES, min(MADE, rows - start)), names, rng)
                parquet.write_table(made)
                text.write_table(made)
    make_ztf(folder, rows // 10, names)
    note.write_text(str(rows))


def make_ztf(folder: Path, rows: int, names: list[str]) -> None:
    """Make light curves with the columns of ZTF's light curve service."""
    rng = np.random.default_rng(2)
    with atomic_path(folder / "ztf.csv") as path:
        made = epochs(rng.integers(0, SOURCES, rows), names, rng)
        hjd = made["time"].to_numpy() + 2_400_000.5
        columns = {
            "oid": made["id"],
            "hjd": hjd,
            "mjd": made["time"],
            "mag": made["mag"],
            "magerr": made["err"],
            "catflags": rng.choice([0, 0, 0, 32768], rows),
            "filtercode": pa.array(["zg", "zr"]).take(pa.array(rng.integers(0, 2, rows))),
        }
        pcsv.write_csv(pa.table(columns), path)
    (folder / "large-ztf.yaml").write_text(ZTF)


def make_many(folder: Path, objects: int) -> None:
    """Make a survey of many objects, piece by piece: two tables of them, and their epochs."""
    for case, text in MANY_CASES.items():
        (folder / f"{case}.yaml").write_text(text.replace("TABLE", "epochs.parquet"))
    note = folder / "many.objects"
    if not objects or (note.exists() and note.read_text() == str(objects)):
        return
    rng = np.random.default_rng(3)

    def tables(start: int, stop: int) -> dict[str, pa.Table]:
        names = [f"s{i:010d}" for i in range(start, stop)]
        n = len(names)
        return {
            "many": pa.table({"id": names, "x": rng.normal(size=n)}),
            "more": pa.table({"id": names, "y": rng.normal(size=n)}),
            "epochs": epochs(np.repeat(np.arange(n), 4), names, rng),
        }

    first = tables(0, 1000)
    pq.write_table(first["many"], folder / "few.parquet")
    with ExitStack() as stack:
        writers = {
            name: stack.enter_context(
                pq.ParquetWriter(
                    stack.enter_context(atomic_path(folder / f"{name}.parquet")), t.schema
                )
            )
            for name, t in first.items()
        }
        for start in range(0, objects, MADE // 4):
            for name, table in tables(start, min(start + MADE // 4, objects)).items():
                writers[name].write_table(table)
    note.write_text(str(objects))


def epochs(owner: np.ndarray, names: list[str], rng: np.random.Generator) -> pa.Table:
    """Give epochs of the objects."""
    n = len(owner)
    return pa.table(
        {
            "id": pa.array(names).take(pa.array(owner)),
            "time": np.round(58_000 + rng.uniform(0, 1000, n), 5),
            "mag": np.round(rng.normal(14, 0.3, n), 4),
            "err": np.round(rng.uniform(0.01, 0.05, n), 4),
        }
    )


def once(path: Path, make: Callable[[Path], Any]) -> Path:
    """Make a file unless it is there."""
    if not path.exists():
        with atomic_path(path) as temporary:
            make(temporary)
    return path


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
