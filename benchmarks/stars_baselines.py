"""Classical classifiers of the ASAS stars: a random forest and gradient boosting on features.

    python benchmarks/stars_baselines.py --data ../shared/data/stars --cache CACHE --out OUT.json

Eight classes, at least 50 epochs (10,941 stars), five stratified folds, all labels and 10 % of
each fold's training labels. Stars that are in the set under two names stay in one fold. Periods
and features are computed once and kept in CACHE.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skybind.files import atomic_path, write_json
from skybind.lightcurves.features import FEATURES, light_curve_features
from skybind.lightcurves.periods import find_periods
from stars_data import Stars, read_asas, read_debosscher, twins

CLASSES = ("M", "EW", "EA", "RRAB", "EB", "DSCT", "RRC", "ROT")
LEAST_EPOCHS = 50
FOLDS = 5
SEED = 0


def load_features(stars: Stars, cache: Path, name: str) -> dict[str, np.ndarray]:
    """Features of every star of a set; periods are found on the first call (ten minutes)."""
    assert stars.photometry is not None
    started = time.time()

    def progress(done: int, every: int) -> None:
        print(f"periods of {name}: {done}/{every}, {time.time() - started:.0f} s", flush=True)

    periods = find_periods(stars.photometry, cache=cache / name, progress=progress)
    features = light_curve_features(stars.photometry, periods)
    with atomic_path(cache / f"{name}_features.npz") as temporary, open(temporary, "wb") as file:
        np.savez(
            file, object_id=stars.columns["object_id"], label=stars.columns["label"], **features
        )
    return features


def benchmark_rows(stars: Stars) -> np.ndarray:
    """Rows of the benchmark: the classes with at least 50 epochs."""
    enough = stars.columns["n_obs"] >= LEAST_EPOCHS
    return np.flatnonzero(np.isin(stars.columns["label"], CLASSES) & enough)


def folds(
    labels: np.ndarray, groups: np.ndarray, seed: int = SEED
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Give the five stratified folds as (training rows, test rows); a group is in one fold."""
    from sklearn.model_selection import StratifiedKFold

    _, first, group = np.unique(groups, return_index=True, return_inverse=True)
    splitter = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    fold = np.empty(len(first), int)
    for number, (_, test) in enumerate(splitter.split(first, labels[first])):
        fold[test] = number
    fold = fold[group]
    return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(FOLDS)]


def subset(labels: np.ndarray, rows: np.ndarray, fraction: float, seed: int) -> np.ndarray:
    """Stratified fraction of the training rows, the same for every method."""
    if fraction >= 1:
        return rows
    from sklearn.model_selection import train_test_split

    kept, _ = train_test_split(rows, train_size=fraction, stratify=labels[rows], random_state=seed)
    return np.sort(kept)


def forest(seed: int) -> Any:
    """Random forest of 500 trees."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(500, random_state=seed, n_jobs=1)


def boosting(seed: int) -> Any:
    """Histogram gradient boosting; without the penalty its trees diverge on the rare classes."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(
        max_iter=100, max_leaf_nodes=15, l2_regularization=5.0, random_state=seed
    )


def evaluate(
    make: Callable[[int], Any],
    table: np.ndarray,
    labels: np.ndarray,
    groups: np.ndarray,
    fraction: float,
) -> tuple[dict[str, Any], np.ndarray]:
    """Test a method on every fold; gives what `summary` does and the probabilities (n, classes).

    The classes stand in alphabetical order.
    """
    probabilities = np.empty((len(labels), len(CLASSES)))
    parts = folds(labels, groups)
    for number, (train, test) in enumerate(parts):
        train = subset(labels, train, fraction, seed=number)
        made = make(number).fit(table[train], labels[train])
        probabilities[test] = made.predict_proba(table[test])
    return summary(labels, probabilities, [test for _, test in parts]), probabilities


def summary(
    labels: np.ndarray, probabilities: np.ndarray, tests: Sequence[np.ndarray]
) -> dict[str, Any]:
    """Mean accuracies over the folds, their scatter, and the confusion matrix of all test stars."""
    from sklearn.metrics import accuracy_score, balanced_accuracy_score, confusion_matrix

    predicted = np.array(sorted(CLASSES))[probabilities.argmax(1)]
    result: dict[str, Any] = {"folds": len(tests)}
    for name, score in (
        ("accuracy", accuracy_score),
        ("balanced_accuracy", balanced_accuracy_score),
    ):
        values = [float(score(labels[test], predicted[test])) for test in tests]
        result |= {name: float(np.mean(values)), f"{name}_std": float(np.std(values))}
        result[f"{name}_folds"] = values
    every = np.concatenate(tests)
    confusion = confusion_matrix(labels[every], predicted[every], labels=list(CLASSES))
    return result | {"confusion": confusion.tolist()}


def print_confusion(confusion: Sequence[Sequence[int]]) -> None:
    """Rows are the true class, columns the predicted one, in percent of the row."""
    print(" " * 6 + "".join(f"{name:>7}" for name in CLASSES))
    for name, row in zip(CLASSES, confusion, strict=True):
        total = max(sum(row), 1)
        print(f"{name:<6}" + "".join(f"{100 * count / total:7.1f}" for count in row))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of the shared stars")
    parser.add_argument("--cache", type=Path, required=True, help="folder for periods")
    parser.add_argument("--out", type=Path, required=True, help="JSON file of the results")
    arguments = parser.parse_args()
    folder = arguments.data / "asas_hipparcos"
    load_features(read_debosscher(folder), arguments.cache, "debosscher")
    stars = read_asas(folder)
    features = load_features(stars, arguments.cache, "asas")
    rows = benchmark_rows(stars)
    labels = stars.columns["label"][rows]
    groups = twins(stars)[rows]
    table = np.column_stack([features[name][rows] for name in FEATURES])
    print(f"{len(rows)} stars, {table.shape[1]} features")
    results = {}
    for fraction in (1.0, 0.1):
        for name, make in (("forest", forest), ("boosting", boosting)):
            started = time.time()
            key = f"{name}-{fraction:.0%}"
            results[key], _ = evaluate(make, table, labels, groups, fraction)
            accuracy, balanced = (results[key][k] for k in ("accuracy", "balanced_accuracy"))
            print(f"{key}: {accuracy:.2%} (balanced {balanced:.2%}), {time.time() - started:.0f} s")
            print_confusion(results[key]["confusion"])
    write_json(arguments.out, {"classes": CLASSES, "stars": len(rows), "results": results})


if __name__ == "__main__":
    main()
