"""Part (c) of real_stars.py: `skybind discover` on ASAS, and how far its resolved labels hold.

The catalogue calls a fifth of its stars `E`: eclipsing, undecided. To know what probabilities
that are given to them are worth, the eclipsing stars of the first fold's test part are called
`E?` in the dataset, as if they were undecided too, and resolved by the same command; a forest on
the features does the same, its probabilities calibrated in the same way.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from skybind.config import Config
from skybind.data.dataset import Dataset
from skybind.data.splits import Split
from skybind.discovery.discover import DiscoverOptions, discover
from skybind.files import write_json
from skybind.lightcurves.features import FEATURES
from skybind.measures.calibration import pool_weights, pooled
from skybind.runs.cases import cases_of
from skybind.runs.run import Run
from skybind.runs.steps import run_finetuning, run_pretraining
from stars_baselines import CLASSES, benchmark_rows, folds, forest, load_features
from stars_data import Stars, read_asas, twins
from stars_datasets import fold_split, light_curve_dataset

ECLIPSING = ("EA", "EB", "EW")
UNDECIDED, HIDDEN = "E", "E?"
SURE = (0.5, 0.7, 0.9)


def discover_asas(data: Path, out: Path, config: Config) -> None:
    """Train on ASAS, run discovery, and print what the undecided stars are; OUT/discovery.json."""
    stars = read_asas(data / "asas_hipparcos")
    features = load_features(stars, out / "cache", "asas")
    truth = stars.columns["label"]
    groups = twins(stars)
    chosen = benchmark_rows(stars)
    train, test = (chosen[rows] for rows in folds(truth[chosen], groups[chosen])[0])
    hidden = test[np.isin(truth[test], ECLIPSING)]
    dataset = hidden_dataset(stars, features, hidden, out / "data" / "asas-discovery")
    split = fold_split(dataset.object_ids, truth, groups, train, test, 0)
    run = Run.start(config, dataset.path, out / "discovery", split=split)
    run_pretraining(run)
    for case in cases_of(run):
        run_finetuning(run, case)
    discover(run, DiscoverOptions(resolve=(UNDECIDED, HIDDEN)))
    table = pq.read_table(run.folder / "discover" / "labels.parquet").to_pydict()
    row_of = {name: row for row, name in enumerate(dataset.object_ids.tolist())}
    rows = np.array([row_of[name] for name in table["object_id"]])
    suggested, probability = np.array(table["suggested"]), np.array(table["probability"])
    own = np.array(table["label"]) == UNDECIDED
    table_of = np.column_stack([features[name] for name in FEATURES])
    shares = forest_shares(table_of, truth, split, rows[~own])
    named = np.isin(split.part, ("train", "validation")) & np.isin(truth, CLASSES)
    result = {
        "ours": hidden_accuracy(truth[rows[~own]], suggested[~own], probability[~own]),
        "classifier alone": _alone(truth, table, rows, ~own, "classifier"),
        "votes alone": _alone(truth, table, rows, ~own, "votes"),
        "forest": hidden_accuracy(
            truth[rows[~own]], np.array(sorted(CLASSES))[shares.argmax(1)], shares.max(1)
        ),
        "undecided": undecided_classes(
            suggested[own], probability[own], features["orbital_period"][rows[own]]
        ),
        "labelled": undecided_classes(
            truth[named], np.ones(int(named.sum())), features["orbital_period"][named]
        ),
    }
    write_json(out / "discovery.json", result)
    print_discovery(result)
    print(f"The page: {run.folder / 'discover.html'}")


def forest_shares(
    table: np.ndarray, truth: np.ndarray, split: Split, rows: np.ndarray
) -> np.ndarray:
    """A forest's probabilities, as sure as suits the validation stars, as ours are."""
    known = np.isin(truth, CLASSES)
    train = np.flatnonzero((split.part == "train") & known)
    held = np.flatnonzero((split.part == "validation") & known)
    made = forest(0).fit(table[train], truth[train])
    # a vote of one of 500 trees is shared out, no class is impossible
    logarithms = np.log(made.predict_proba(table[np.concatenate([rows, held])]) + 1 / 500)
    labels = np.searchsorted(made.classes_, truth[held])
    weights = pool_weights([logarithms[len(rows) :]], labels)
    return pooled([logarithms[: len(rows)]], weights)


def _alone(
    truth: np.ndarray, table: dict[str, list[Any]], rows: np.ndarray, which: np.ndarray, kind: str
) -> dict[str, Any]:
    """Judge one of the two opinions by itself."""
    shares = np.array([table[f"{kind}_{name}"] for name in CLASSES], float).T[which]
    return hidden_accuracy(truth[rows[which]], np.array(CLASSES)[shares.argmax(1)], shares.max(1))


def hidden_dataset(
    stars: Stars, features: dict[str, np.ndarray], hidden: np.ndarray, target: Path
) -> Dataset:
    """Give the dataset in which the hidden stars' label is `E?`, made if it is not there."""
    if (target / "objects").exists():
        made = Dataset.open(target)
        if np.array_equal(np.flatnonzero(made.labels("label") == HIDDEN), np.sort(hidden)):
            return made
    label = stars.columns["label"].astype("<U16")
    label[hidden] = HIDDEN
    changed = Stars({**stars.columns, "label": label}, stars.photometry, stars.spectrum)
    light_curve_dataset(changed, features, target)
    return Dataset.open(target)


def hidden_accuracy(
    truth: np.ndarray, suggested: np.ndarray, probability: np.ndarray
) -> dict[str, Any]:
    """How many of the hidden stars are resolved rightly: all, by class, and of the sure ones."""
    right = suggested == truth
    return {
        "n": len(truth),
        "accuracy": float(right.mean()),
        "mean_probability": float(probability.mean()),
        "classes": {name: float(right[truth == name].mean()) for name in ECLIPSING},
        "sure": {
            str(least): {
                "share": float((probability >= least).mean()),
                "accuracy": float(right[probability >= least].mean()),
            }
            for least in SURE
        },
    }


def undecided_classes(
    suggested: np.ndarray, probability: np.ndarray, period: np.ndarray
) -> dict[str, dict[str, Any]]:
    """How many stars each class got, how surely, and their orbital periods [d]."""
    found: dict[str, dict[str, Any]] = {}
    for name in CLASSES:
        mine = suggested == name
        if mine.any():
            found[name] = {
                "n": int(mine.sum()),
                "sure": {str(least): int((probability[mine] >= least).sum()) for least in SURE},
                "period_percentiles": np.percentile(period[mine], (16, 50, 84)).tolist(),
            }
    return found


def print_discovery(result: dict[str, Any]) -> None:
    """Print how well hidden stars were resolved, and what the undecided ones are."""
    for name in ("ours", "classifier alone", "votes alone", "forest"):
        row = result[name]
        by_class = ", ".join(f"{key} {100 * value:.1f}" for key, value in row["classes"].items())
        print(
            f"\n{name}: {row['n']} eclipsing stars hidden, resolved rightly "
            f"{100 * row['accuracy']:.1f} % (mean probability {100 * row['mean_probability']:.1f}; "
            f"{by_class})"
        )
        for least, part in row["sure"].items():
            print(
                f"  probability at least {least}: {100 * part['share']:.1f} % of the stars, "
                f"{100 * part['accuracy']:.1f} % right"
            )
    for name, title in (("undecided", UNDECIDED), ("labelled", "labelled")):
        least = f"at least {', '.join(map(str, SURE))}"
        print(f"\n{title:<10}{'stars':>7}   {least:<29}orbital period [d]")
        for label, row in result[name].items():
            low, middle, high = row["period_percentiles"]
            sure = ", ".join(str(n) for n in row["sure"].values())
            print(f"{label:<10}{row['n']:>7}   {sure:<29}{middle:.3f} ({low:.3f} to {high:.3f})")
