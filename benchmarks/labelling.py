"""Labels where they help most: accuracy against number of labels, ours against random choice.

    python benchmarks/labelling.py --run RUN --out OUT

RUN is a pre-trained and embedded run on simulated stars. Its training objects are the pool; their
catalogue labels (some wrong, as in life) answer the proposals; the classifiers, a linear one and
nearest neighbours on the frozen embeddings, are tested on the true classes of the test objects.
Each seed draws nine tenths of the pool. OUT gets labelling.json and labelling.png.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from skybind.embeddings.store import Embeddings
from skybind.evaluation.truth import truth_table
from skybind.files import atomic_path, write_json
from skybind.labelling.beliefs import form_beliefs
from skybind.labelling.strategies import STRATEGIES, propose
from skybind.measures.classification import classification_metrics, encode_labels
from skybind.measures.neighbours import knn_predict
from skybind.runs.run import Run

BUDGETS = (20, 40, 80, 160, 320, 640)
SHARE = 0.9  # of the pool, drawn by each seed
NEIGHBOURS = 5
MEASURES = ("accuracy", "balanced", "knn_accuracy", "knn_balanced")


@dataclass
class Pool:
    """The pool, the oracle and the test objects: rows of `embeddings`, codes of `classes`."""

    embeddings: Embeddings
    classes: list[str]
    catalogue: np.ndarray
    true: np.ndarray
    train: np.ndarray
    test: np.ndarray

    def __post_init__(self) -> None:
        self.vectors = self.embeddings.mean().astype(np.float64)

    @classmethod
    def of(cls, run: Run) -> "Pool":
        """That of a run: training objects with a label in use, test objects of a known class."""
        embeddings = Embeddings.read(run.folder / "embeddings")
        seen = embeddings.any_present()
        truth = truth_table(run.dataset, np.arange(len(run.dataset)))
        names = run.class_names if truth is None else np.asarray(truth["true_class"].to_pylist())
        true = encode_labels(names, run.classes)
        train, test = run.rows("train"), run.rows("test")
        train = train[seen[train] & (run.labels[train] >= 0)]
        test = test[seen[test] & (true[test] >= 0)]
        return cls(embeddings, run.classes, run.labels, true, train, test)

    def measure(self, rows: np.ndarray) -> dict[str, float]:
        """Test the classifiers that learned from the labels of `rows`."""
        x, y = self.vectors[rows], self.catalogue[rows]
        beliefs = form_beliefs(self.vectors, {}, {}, self.known(rows), self.test, len(self.classes))
        linear = classification_metrics(self.true[self.test], beliefs.guess, self.classes)
        votes = knn_predict(x, y, self.vectors[self.test], NEIGHBOURS)
        near = classification_metrics(self.true[self.test], votes, self.classes)
        values = (linear.accuracy, linear.balanced_accuracy, near.accuracy, near.balanced_accuracy)
        return dict(zip(MEASURES, values, strict=True))

    def known(self, rows: np.ndarray) -> np.ndarray:
        """Labels of all objects, -1 for those that nobody asked for."""
        labels = np.full(len(self.catalogue), -1)
        labels[rows] = self.catalogue[rows]
        return labels


def curve(pool: Pool, strategy: str, seed: int, budgets: Sequence[int]) -> list[dict[str, float]]:
    """Label in batches, up to each budget in turn; gives the measures at each."""
    rng = np.random.default_rng(seed)
    candidates = rng.choice(pool.train, round(SHARE * len(pool.train)), replace=False)
    rows = np.zeros(0, np.int64)
    records = []
    for budget in budgets:
        left = np.setdiff1d(candidates, rows)
        labels = pool.known(rows)
        own = pool.embeddings
        beliefs = form_beliefs(
            pool.vectors, own.vectors, own.present, labels, left, len(pool.classes)
        )
        proposal = propose(
            pool.vectors[left],
            beliefs,
            budget - len(rows),
            labelled=pool.vectors[rows],
            strategy=strategy,
            seed=seed,
        )
        rows = np.concatenate([rows, left[proposal.rows]])
        found = len(np.unique(pool.catalogue[rows]))
        records.append({"labels": len(rows), "classes_found": found, **pool.measure(rows)})
    return records


def area(values: np.ndarray, budgets: Sequence[int]) -> np.ndarray:
    """Mean height of curves over the logarithm of the number of labels, last axis."""
    x = np.log(np.asarray(budgets, float))
    return np.trapezoid(values, x, axis=-1) / (x[-1] - x[0])


def summarise(curves: dict[str, np.ndarray], budgets: Sequence[int]) -> dict[str, Any]:
    """Means and standard errors over seeds, and paired differences to random choice.

    Parameters
    ----------
    curves : dict of str to ndarray, shape (seeds, budgets, measures)
    budgets : sequence of int
    """
    summary: dict[str, Any] = {}
    for strategy, values in curves.items():
        summary[strategy] = {}
        for place, measure in enumerate(MEASURES):
            own, chance = values[:, :, place], curves["random"][:, :, place]
            areas = area(own, budgets)
            gain = areas - area(chance, budgets)
            summary[strategy][measure] = {
                "mean": own.mean(axis=0),
                "error": _error(own),
                "area": areas.mean(),
                "area_error": _error(areas),
                "gain": gain.mean(),
                "gain_error": _error(gain),
                "gain_by_budget": (own - chance).mean(axis=0),
                "gain_by_budget_error": _error(own - chance),
            }
    return summary


def _error(values: np.ndarray) -> np.ndarray:
    return values.std(axis=0, ddof=1) / np.sqrt(len(values))


def draw(summary: dict[str, Any], budgets: Sequence[int], path: Path, simulated: bool) -> None:
    """Draw accuracy and balanced accuracy of the linear classifier against number of labels."""
    from skybind.drawing.style import CLASS_COLOURS, new_figure, report_style

    with report_style(), atomic_path(path) as temporary:
        figure = new_figure(3.6)
        axes = figure.subplots(1, 2)
        for axis, measure, title in zip(
            axes, MEASURES[:2], ("Accuracy", "Balanced accuracy"), strict=True
        ):
            for number, (strategy, entry) in enumerate(summary.items()):
                wide = strategy in ("combined", "random")
                axis.errorbar(
                    budgets,
                    entry[measure]["mean"],
                    entry[measure]["error"],
                    label=strategy,
                    color="#1d1d1f" if strategy == "random" else CLASS_COLOURS[number],
                    linewidth=2.2 if wide else 1.1,
                    linestyle="--" if strategy == "random" else "-",
                )
            axis.set_xscale("log")
            axis.set_xticks(budgets, [str(b) for b in budgets])
            axis.minorticks_off()
            axis.set_xlabel("Labels")
            axis.set_title(title)
        axes[1].legend(loc="lower right")
        origin = "Simulated" if simulated else "Real"
        figure.suptitle(f"{origin} stars; mean and standard error over seeds", fontsize=8)
        figure.savefig(temporary, format="png", dpi=150)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--budgets", type=int, nargs="+", default=list(BUDGETS))
    parser.add_argument("--strategies", nargs="+", default=list(STRATEGIES))
    arguments = parser.parse_args()
    run = Run.open(arguments.run)
    pool = Pool.of(run)
    budgets = arguments.budgets
    curves, records = {}, {}
    for strategy in dict.fromkeys([*arguments.strategies, "random"]):
        records[strategy] = [curve(pool, strategy, s, budgets) for s in range(arguments.seeds)]
        curves[strategy] = np.asarray(
            [[[point[m] for m in MEASURES] for point in one] for one in records[strategy]]
        )
        print(strategy, np.round(curves[strategy].mean(axis=0)[:, :2], 3).tolist(), flush=True)
    summary = summarise(curves, budgets)
    for strategy, entry in summary.items():
        words = [
            f"{m} {e['area']:.4f} ({e['gain']:+.4f} ± {e['gain_error']:.4f})"
            for m, e in entry.items()
        ]
        print(f"{strategy:13s}", "; ".join(words))
    every = pool.measure(pool.train)
    write_json(
        arguments.out / "labelling.json",
        {
            "simulated": bool(run.dataset.schema.simulated),
            "pool": len(pool.train),
            "n_test": len(pool.test),
            "wrong_labels": float((pool.catalogue != pool.true)[pool.train].mean()),
            "seeds": arguments.seeds,
            "budgets": budgets,
            "all_labels": every,
            "summary": summary,
            "curves": records,
        },
    )
    draw(summary, budgets, arguments.out / "labelling.png", bool(run.dataset.schema.simulated))


if __name__ == "__main__":
    main()
