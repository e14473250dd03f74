"""Real stars: (a) ASAS classified, (b) binding without a common set, (c) discovery in ASAS.

    python benchmarks/real_stars.py --data ../shared/data/stars --out DIR

(a) Eight classes of ASAS, at least 50 epochs (10,941 stars), five stratified folds; all labels
    and 10 % of them. Random forest and gradient boosting on hand-made features against ours from
    scratch and pre-trained without labels on the fold's training stars and the 2,968 stars outside
    the benchmark. No test star is seen in pre-training.
(b) Photometry + metadata pairs (Hipparcos stars) and spectrum + metadata pairs (MILES, STELIB)
    bound at once; then photometry -> spectrum retrieval on stars that training never saw.
(c) All of ASAS ranked by suspicion, and the stars that the catalogue calls eclipsing, undecided,
    resolved into the classes; OUT/discovery/discover.html shows it.

Interrupted, the same command goes on: periods, folds and runs that are done are kept in DIR.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from skybind.config import Config, load_config
from skybind.data.dataset import Dataset
from skybind.data.splits import Split
from skybind.evaluation.classes import evaluate_case, predict_case
from skybind.files import atomic_path, write_json
from skybind.lightcurves.features import FEATURES
from skybind.measures.calibration import softmax
from skybind.measures.retrieval import retrieval
from skybind.runs.cases import cases_of
from skybind.runs.embedding import run_embedding
from skybind.runs.run import Run
from skybind.runs.steps import run_finetuning, run_pretraining
from stars_baselines import (
    CLASSES,
    boosting,
    evaluate,
    folds,
    forest,
    load_features,
    summary,
)
from stars_data import read_asas, twins
from stars_datasets import binding_dataset, fold_split, light_curve_dataset
from stars_discovery import discover_asas

HERE = Path(__file__).parent
SEEDS = (42, 0, 66, 12, 123)
# Every star has a label here, though not all in the classes of the benchmark.
DISCOVERY = (
    "labels.column=label",
    "finetuning.subsets=[full]",
    "finetuning.starts=[pretrained]",
)


def asas_dataset(data: Path, out: Path) -> Dataset:
    """Give the ASAS dataset, made on the first call."""
    target = out / "data" / "asas"
    if not (target / "objects").exists():
        stars = read_asas(data / "asas_hipparcos")
        light_curve_dataset(stars, load_features(stars, out / "cache", "asas"), target)
    return Dataset.open(target)


def classify(data: Path, out: Path, config: Config, only: list[int] | None) -> None:
    """Part (a): every fold, every method; the results go to OUT/classification.json."""
    dataset = asas_dataset(data, out)
    labels = dataset.labels("benchmark_label")
    chosen = np.flatnonzero(labels != "")
    print(f"{len(chosen)} stars of {len(CLASSES)} classes, {len(labels) - len(chosen)} outside")
    groups = twins(read_asas(data / "asas_hipparcos"))
    write_json(out / "twins.json", _twins(groups, labels))
    write_json(out / "baselines.json", _baselines(data, out, labels, groups, chosen))
    for number, (train, test) in enumerate(folds(labels[chosen], groups[chosen])):
        if only is not None and number not in only:
            continue
        folder = out / "folds" / str(number)
        split = fold_split(dataset.object_ids, labels, groups, chosen[train], chosen[test], number)
        run = Run.start(config, dataset.path, folder, split=split)
        run_pretraining(run)
        for case in cases_of(run):
            run_finetuning(run, case)
            note = folder / "finetune" / case.name / "test.json"
            if not note.exists():
                rows = run.rows("test")
                logits, _ = predict_case(run, case, rows)
                ids = run.dataset.object_ids[rows].tolist()
                record = {**evaluate_case(run, case), "ids": ids, "logits": logits}
                write_json(note, record)
            accuracy = json.loads(note.read_text())
            print(
                f"fold {number} {case.name}: {100 * accuracy['accuracy']:.2f} % "
                f"(balanced {100 * accuracy['balanced_accuracy']:.2f} %)",
                flush=True,
            )
    collected = _collect(out, dataset.object_ids[chosen], labels[chosen])
    write_json(out / "classification.json", collected)
    print_classification(out)


def _twins(groups: np.ndarray, labels: np.ndarray) -> dict[str, int]:
    """Count the stars that stand under two names, and those that have two labels."""
    sizes = np.bincount(groups)
    several = [labels[groups == group] for group in np.flatnonzero(sizes > 1)]
    return {
        "pairs": len(several),
        "both_in_benchmark": sum(bool((found != "").all()) for found in several),
        "of_two_labels": sum(len(set(found) - {""}) > 1 for found in several),
    }


def _baselines(
    data: Path, out: Path, labels: np.ndarray, groups: np.ndarray, rows: np.ndarray
) -> dict[str, Any]:
    """Forest, boosting and their mean on the same folds; probabilities in baselines.npz."""
    stored = out / "baselines.npz"
    tests = [test for _, test in folds(labels[rows], groups[rows])]
    if not stored.exists():
        features = load_features(read_asas(data / "asas_hipparcos"), out / "cache", "asas")
        table = np.column_stack([features[name][rows] for name in FEATURES])
        made = {}
        for name, make in (("forest", forest), ("boosting", boosting)):
            for key, fraction in (("full", 1.0), ("10", 0.1)):
                _, made[f"{name}-{key}"] = evaluate(
                    make, table, labels[rows], groups[rows], fraction
                )
        with atomic_path(stored) as temporary, open(temporary, "wb") as file:
            np.savez(file, **made)
    found = dict(np.load(stored))
    for key in ("full", "10"):
        found[f"forest-{key} + boosting"] = (found[f"forest-{key}"] + found[f"boosting-{key}"]) / 2
    return {name: summary(labels[rows], shares, tests) for name, shares in found.items()}


def _collect(out: Path, ids: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """Ours over the folds, alone and with the forest: the mean of the two's probabilities.

    `ids` and `labels` are those of the benchmark's stars, in the order of baselines.npz.
    """
    found: dict[str, list[tuple[np.ndarray, np.ndarray]]] = {}
    place = {name: row for row, name in enumerate(ids.tolist())}
    for path in sorted(out.glob("folds/*/finetune/*/test.json")):
        record = json.loads(path.read_text())
        rows = np.array([place[name] for name in record["ids"]])
        ours = softmax(np.array(record["logits"]))
        found.setdefault(path.parent.name, []).append((rows, ours))
    classical = np.load(out / "baselines.npz")
    results: dict[str, Any] = {}
    for name, parts in found.items():
        tests = [rows for rows, _ in parts]
        probabilities = np.zeros((len(ids), len(CLASSES)))
        for rows, ours in parts:
            probabilities[rows] = ours
        results[name] = summary(labels, probabilities, tests)
        subset_of = "10" if "-10-" in name else "full"
        both = (probabilities + classical[f"forest-{subset_of}"]) / 2
        results[f"{name} + forest"] = summary(labels, both, tests)
    return results


def print_classification(out: Path) -> None:
    """Print the table of part (a), and the differences on the same folds."""
    rows = {**_read(out / "baselines.json"), **_read(out / "classification.json")}
    print(f"\n{'method':<46}{'accuracy':>16}{'balanced':>16}   folds")
    for name, row in rows.items():
        cells = [
            f"{100 * row[key]:.2f} ± {100 * row[f'{key}_std']:.2f}"
            for key in ("accuracy", "balanced_accuracy")
        ]
        print(f"{name:<46}{cells[0]:>16}{cells[1]:>16}   {row['folds']}")
    print(f"\n{'difference, with its standard error':<72}{'accuracy':>16}{'balanced':>16}")
    for one, other in _compared(rows):
        cells = []
        for key in ("accuracy_folds", "balanced_accuracy_folds"):
            change = 100 * (np.array(rows[one][key]) - rows[other][key])
            error = change.std(ddof=1) / np.sqrt(len(change))
            cells.append(f"{change.mean():+.2f} ± {error:.2f}")
        print(f"{one + ' - ' + other:<72}{cells[0]:>16}{cells[1]:>16}")


def _compared(rows: dict[str, Any]) -> list[tuple[str, str]]:
    """Which methods are compared: those that were tried on the same, several folds."""
    pairs = []
    for key in ("full", "10"):
        for what in ("photometry", "photometry+metadata"):
            ours = f"{what}-{key}-pretrained"
            pairs += [
                (ours, f"{what}-{key}-scratch"),
                (ours, f"forest-{key}"),
                (f"{ours} + forest", f"forest-{key}"),
                (f"{ours} + forest", f"forest-{key} + boosting"),
            ]
    return [
        (one, other)
        for one, other in pairs
        if {one, other} <= rows.keys() and rows[one]["folds"] == rows[other]["folds"] > 1
    ]


def bind(data: Path, out: Path, config: Config) -> None:
    """Part (b): photometry -> spectrum retrieval without a common training set, five seeds."""
    folder = out / "data" / "binding"
    if not (folder / "objects").exists():
        binding_dataset(data, out / "cache", folder)
    dataset = Dataset.open(folder)
    sample = dataset.column("sample")
    hip = dataset.column("hip")
    records = []
    for seed in SEEDS:
        run = Run.start(
            config.model_copy(update={"seed": seed}),
            folder,
            out / "binding" / str(seed),
            split=binding_split(dataset.object_ids, sample, hip, seed),
        )
        run_pretraining(run)
        made = run_embedding(run)
        test = made.take(np.flatnonzero(sample == "test"))
        _, first = np.unique(hip[sample == "test"], return_index=True)
        test = test.take(first)  # one row a star
        both = test.present["photometry"] & test.present["spectrum"]
        record: dict[str, Any] = {"seed": seed}
        for query, target in (("photometry", "spectrum"), ("spectrum", "photometry")):
            result = retrieval(test.vectors[query][both], test.vectors[target][both])
            record[f"{query}->{target}"] = result.plain()
        records.append(record)
    write_json(out / "binding.json", records)
    print_binding(records)


def binding_split(ids: np.ndarray, sample: np.ndarray, hip: np.ndarray, seed: int) -> Split:
    """Give a split in which a star (by Hipparcos number) is in one part only."""
    part = np.where(sample == "test", "test", "train").astype("<U10")
    stars = np.unique(hip[sample != "test"])
    drawn = np.random.default_rng(seed).permutation(stars)[: len(stars) // 10]
    part[np.isin(hip, drawn) & (sample != "test")] = "validation"
    return Split(ids, part, recipe={"kind": "binding", "seed": seed})


def print_binding(records: list[dict[str, Any]]) -> None:
    """Print recall and median rank: mean and scatter over the seeds, error of the few stars."""
    for key in ("photometry->spectrum", "spectrum->photometry"):
        results = [record[key] for record in records]
        n = results[0]["n"]
        print(f"\n{key}: {n} stars never seen in training, {len(records)} seeds")
        for k in ("1", "5"):
            values = [result["recall"][k] for result in results]
            chance = results[0]["chance_recall"][k]
            error = np.sqrt(np.mean(values) * (1 - np.mean(values)) / n)
            print(
                f"  recall@{k}: {np.mean(values):.3f} ± {np.std(values):.3f} (seeds) "
                f"± {error:.3f} (stars); chance {chance:.3f}"
            )
        ranks = [result["median_rank"] for result in results]
        print(
            f"  median rank: {np.mean(ranks):.1f} ± {np.std(ranks):.1f} (seeds); "
            f"chance {results[0]['chance_median_rank']:.1f}"
        )


def _read(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())) if path.exists() else {}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the shared stars")
    parser.add_argument("--out", type=Path, required=True, help="folder of all results")
    parser.add_argument("--part", choices=("a", "b", "c", "all"), default="all")
    parser.add_argument("--folds", type=int, nargs="*", help="only these folds of part (a)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    if arguments.part in ("a", "all"):
        config = load_config(HERE / "asas.yaml", arguments.set)
        classify(arguments.data, arguments.out, config, arguments.folds)
    if arguments.part in ("b", "all"):
        config = load_config(HERE / "binding.yaml", arguments.set if arguments.part == "b" else [])
        bind(arguments.data, arguments.out, config)
    if arguments.part in ("c", "all"):
        config = load_config(HERE / "asas.yaml", [*DISCOVERY, *arguments.set])
        discover_asas(arguments.data, arguments.out, config)


if __name__ == "__main__":
    main()
