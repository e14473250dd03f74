"""Light curves without any period: what a run reaches that has to find them by itself.

    python benchmarks/periods_found.py --out DIR

A survey of stars is simulated and written as survey files: a table of objects, one of epochs and
one of spectra. They are imported twice, with the true period and the catalogue's features of the
light curve, and without any of them. `stars-small` runs on both, on the second without another
command, and once more without periods (`periods=none`). All three share one split. Printed are the
accuracies on the test stars, what the true periods are ahead by, and the speed of the search.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import yaml

from skybind.config import load_config
from skybind.data.dataset import Dataset
from skybind.ingest.survey import import_dataset
from skybind.lightcurves.stored import compute_features
from skybind.progress import set_verbosity
from skybind.ragged import Ragged
from skybind.runs.layout import RunPaths
from skybind.simulate.stars.features import light_curve_features
from skybind.simulate.write import write_stars
from skybind.study import run_all

NONE = "modalities.photometry.preprocessing.periods=none"
RUNS = {"true": ("true", []), "found": ("bare", []), "none": ("bare", [NONE])}
WORDS = {"true": "true periods", "found": "periods found", "none": "no periods"}
#: Three tenths of the stars test; nothing is measured but classification.
SETTINGS = [
    "split.fractions=[0.6, 0.1, 0.3]",
    "finetuning.modalities=[photometry, all]",
    "finetuning.subsets=[full]",
    "finetuning.starts=[pretrained]",
    "evaluation.map=none",
    "evaluation.importance=false",
]
CASES = ("photometry-full-pretrained", "photometry+spectrum+metadata-full-pretrained")


def write_survey(folder: Path, number: int, seed: int) -> None:
    """Simulate stars and write them as survey files, with two mappings."""
    write_stars(folder / "simulated", number, seed=seed)
    stars = Dataset.open(folder / "simulated")
    truth = pq.read_table(folder / "simulated" / "truth.parquet")["true_period"].to_numpy()
    metadata = stars.schema.features("metadata")
    curves = stars.ragged("photometry")
    fields = [curves.fields[name].astype(float) for name in ("time", "flux", "flux_err")]
    period = np.where(truth > 0, truth, np.nan)
    known = light_curve_features(*fields, curves.offsets, np.where(truth > 0, truth, 1.0))
    known |= {"period": period}
    flat = stars.table(["object_id", "ra", "dec", "label", *metadata])
    for name, values in known.items():
        flat = flat.append_column(f"own_{name}", pa.array(values, from_pandas=True))
    pq.write_table(flat, folder / "stars.parquet")
    write_long(stars, "photometry", folder / "epochs.parquet")
    write_long(stars, "spectrum", folder / "spectra.parquet")
    units = {name: stars.schema.columns[name].unit for name in (*metadata, *known)}
    for name, own in (("true", list(known)), ("bare", [])):
        text = yaml.safe_dump(mapping(metadata, own, units), sort_keys=False)
        (folder / f"{name}.yaml").write_text(text)


def write_long(stars: Dataset, column: str, path: Path) -> None:
    """Write observations as a long table: one row an epoch or pixel."""
    writer = None
    for table in stars.iter_tables(["object_id", column], 500):
        ragged = Ragged.from_arrow(table[column])
        names = np.asarray(table["object_id"].to_pylist())[ragged.owner]
        chunk = pa.table({"name": names, **ragged.fields})
        writer = writer or pq.ParquetWriter(path, chunk.schema)
        writer.write_table(chunk)
    if writer is not None:
        writer.close()


def mapping(metadata: list[str], own: list[str], units: dict[str, str | None]) -> dict[str, Any]:
    """Say which column is what; `own` are features of the light curve."""
    features = {"metadata": {name: column(name, units[name]) for name in metadata}}
    if own:
        features["photometry"] = {name: column(f"own_{name}", units[name]) for name in own}
    return {
        "simulated": True,
        "objects": {
            "file": "stars.parquet",
            "id": "object_id",
            "ra": "ra",
            "dec": "dec",
            "label": "label",
            "features": features,
        },
        "photometry": {
            "file": "epochs.parquet",
            "id": "name",
            "time": column("time", "d"),
            "flux": column("flux", "mJy"),
            "flux_err": "flux_err",
        },
        "spectrum": {
            "file": "spectra.parquet",
            "id": "name",
            "wavelength": column("wavelength", "Angstrom"),
            "flux": "flux",
            "ivar": "ivar",
        },
    }


def column(name: str, unit: str | None) -> dict[str, str]:
    return {"column": name} if unit is None else {"column": name, "unit": unit}


def right(run: Path, case: str) -> np.ndarray:
    """Which test stars of the classes in use a classifier gets right, in order of their names."""
    table = pq.read_table(RunPaths(run).case(case).classes).sort_by("object_id")
    split, label, found = (
        np.asarray(table[name].to_pylist(), object) for name in ("split", "label", "class")
    )
    used = [name[2:] for name in table.column_names if name.startswith("p_")]
    return (found == label)[(split == "test") & np.isin(label.astype(str), used)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--objects", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--processes", type=int, default=2)
    arguments = parser.parse_args()
    set_verbosity("normal")
    out = arguments.out
    if not (out / "bare.yaml").exists():
        write_survey(out, arguments.objects, arguments.seed)
    for name in ("true", "bare"):
        if not (out / name).exists():
            import_dataset(out / f"{name}.yaml", out / name)
    began = time.perf_counter()
    (made,) = compute_features(
        out / "bare", out=out / "timing", processes=arguments.processes, again=True
    )
    seconds = time.perf_counter() - began
    metrics = {}
    for name, (data, settings) in RUNS.items():
        config = load_config("stars-small", [*SETTINGS, *settings])
        metrics[name] = run_all(config, out / data, out / f"run-{name}")
    print(f"\n{made.curves} light curves in {seconds:.0f} s with {arguments.processes} processes: "
          f"{made.curves / seconds:.0f} a second\n")  # fmt: skip
    print("| accuracy [%] | photometry | all modalities |\n| --- | --- | --- |")
    for name in RUNS:
        cells = [
            f"{100 * case.accuracy:.1f} ± {100 * case.accuracy_error:.1f}"
            for case in metrics[name].classification
        ]
        print(f"| {WORDS[name]} | {' | '.join(cells)} |")
    for case in CASES:
        one, other = (right(out / f"run-{name}", case) for name in ("true", "found"))
        ahead = one.astype(int) - other
        error = ahead.std() / np.sqrt(len(ahead))
        print(f"{case}: true periods are ahead by {100 * ahead.mean():.1f} ± {100 * error:.1f} "
              f"points, {len(ahead)} test stars")  # fmt: skip


if __name__ == "__main__":
    main()
