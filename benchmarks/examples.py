"""The five surveys of examples/: imported, configured, trained, and set beside a random forest.

    python benchmarks/examples.py --out DIR [--only NAME ...] [--objects N]

Each survey is imported by its mapping, `config new` writes a configuration, and the run has it, but
for the settings below. The forest (500 trees) is trained and tested on the same objects: on the
columns of a catalogue (gaps are a branch of its trees), or on the 50 features of light curves, of
all bands together and of each common band, at the periods that the run folds by. Where these are a
catalogue's, or there are none (supernovae), the features of the period search itself say nothing,
and folded curves are described by six harmonics. Where light curves have bands, a second forest
sees nothing but the number of epochs in each: what it reaches is told by how the objects were
followed, not by what they are. The last column is the balanced accuracy of the largest class
against all others. The run's own plain methods on simple statistics stand below. What
is there already is not made again.
"""

import argparse
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

import skybind as sb
from skybind.data.dataset import Dataset
from skybind.evaluation.records import Metrics
from skybind.files import atomic_path
from skybind.lightcurves.columns import compute_columns, describe_columns
from skybind.lightcurves.periods import Periods
from skybind.lightcurves.stored import common_bands
from skybind.measures.baselines import forest_accuracy
from skybind.measures.classification import ClassificationResult
from skybind.study import run_all

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
NAMES = ("chandra", "catalina-south", "supernovae", "catalina-north", "sdss-spirals")
#: Three tenths of the objects test; only the classifiers with all labels are trained.
SETTINGS = (
    "split.fractions=[0.6, 0.1, 0.3]",
    "evaluation.map=none",
    "evaluation.importance=false",
)
CLASSIFIERS = ("finetuning.subsets=[full]", "finetuning.starts=[pretrained]")
TREES = 500
HARMONICS = 6


def imported(name: str, out: Path, objects: int | None) -> Path:
    """Import a survey, or a random part of its objects."""
    folder = out / "data" / name
    if not (folder / "objects").exists():
        sb.import_survey(EXAMPLES / f"{name}.yaml", folder)
    if objects is not None and objects < len(Dataset.open(folder)):
        folder = drawn(folder, objects, out / "data" / f"{name}-{objects}")
    return folder


def drawn(folder: Path, number: int, part: Path) -> Path:
    """Write a dataset of so many objects of another, drawn at random."""
    if not part.exists():
        table = pq.read_table(folder / "objects")
        rows = np.sort(np.random.default_rng(0).permutation(len(table))[:number])
        with atomic_path(part) as temporary:
            (temporary / "objects").mkdir(parents=True)
            pq.write_table(
                table.take(rows), temporary / "objects" / "part-00000.parquet", row_group_size=1024
            )
    return part


def light_curve_table(run: sb.Run) -> np.ndarray:
    """Features of the light curves at the periods that the run folds by, (n, F)."""
    dataset = run.dataset
    columns = [dataset.numbers(name) for name in dataset.schema.features("photometry")]
    if "photometry_period" not in dataset.columns:
        curves = dataset.ragged("photometry")
        n = len(curves)
        known = "period" in dataset.columns
        period = dataset.numbers("period") if known else np.full(n, np.nan)
        unknown, harmonics = np.full(n, np.nan), np.full(n, HARMONICS)
        periods = Periods(period, period, *[unknown] * 2, harmonics, *[unknown] * 3)
        described = describe_columns(
            "photometry", "magnitude", common_bands(dataset, "photometry")[0]
        )
        wanted = {name: column.attributes for name, column in described.items()}
        columns += compute_columns(curves, wanted, periods=periods).columns.values()
    table = np.column_stack(columns)
    return table[:, np.isfinite(table).any(0)]


def epochs_table(run: sb.Run) -> np.ndarray:
    """Epochs of the light curves in each common band, (n, bands)."""
    curves, bands = run.dataset.ragged("photometry"), common_bands(run.dataset, "photometry")[0]
    numbers = [curves.filter(curves.fields["band"] == band).lengths for band in bands]
    return np.column_stack(numbers).astype(float) if bands else np.zeros((len(curves), 0))


def forests(run: sb.Run) -> dict[tuple[str, ...], ClassificationResult]:
    """Train a forest on the features of each modality that has some, and of all such together."""
    tables = {}
    for name, modality in run.config.modalities.items():
        if (modality.kind or name) == "photometry":
            tables[name] = light_curve_table(run)
        elif features := run.dataset.schema.features(name):
            tables[name] = np.column_stack([run.dataset.numbers(column) for column in features])
    sets = [(name,) for name in tables]
    if len(sets) > 1:
        sets.append(tuple(tables))
    return {
        names: forest(run, names, np.column_stack([tables[name] for name in names]))
        for names in sets
    }


def forest(run: sb.Run, names: tuple[str, ...], table: np.ndarray) -> ClassificationResult:
    """Train and test a forest on the objects that have any of some modalities."""
    there = np.any([run.source.prepared[name].present for name in names], axis=0)
    used = there & (run.labels >= 0)
    train, test = (rows[used[rows]] for rows in (run.rows("train"), run.rows("test")))
    return forest_accuracy(
        table[train], run.labels[train], table[test], run.labels[test],
        run.config.seed, run.classes, trees=TREES, threads=2,
    )  # fmt: skip


def tell(name: str, run: sb.Run, metrics: Metrics) -> None:
    """Print what came out of a survey as tables."""
    print(f"\n## {name}: {len(run.dataset):,} objects")
    if metrics.classification:
        print("\n| modalities | method | test objects | accuracy [%] | balanced | largest |")
        print("| --- | --- | --- | --- | --- | --- |")
        for case in metrics.classification:
            tell_class(case.modalities, f"skybind, {case.start.lower()}", case)
        for names, result in forests(run).items():
            tell_class(names, "forest on features", result)
        if "photometry" in run.config.modalities and (epochs := epochs_table(run)).size:
            told = forest(run, ("photometry",), epochs)
            tell_class(("photometry",), "forest on numbers of epochs alone", told)
        for plain in metrics.baseline:
            tell_class(plain.modalities, f"{plain.name} on simple statistics", plain)
    if metrics.retrieval:
        print("\n| query -> found in | objects | recall@1 | recall@10 | chance | median rank |")
        print("| --- | --- | --- | --- | --- | --- |")
    for pair in metrics.retrieval:
        recall = [f"{pair.recall[k]:.3f} ± {pair.recall_error[k]:.3f}" for k in (1, 10)]
        chance = f"{pair.chance_recall[1]:.3f}, {pair.chance_recall[10]:.3f}"
        rank = f"{pair.median_rank:g} ({pair.chance_median_rank:g})"
        cells = [f"{pair.query} -> {pair.target}", str(pair.n), *recall, chance, rank]
        print(f"| {' | '.join(cells)} |")
    if metrics.regression:
        print("\n| target | from | fitted on | method | test objects | R2 | scatter |")
        print("| --- | --- | --- | --- | --- | --- | --- |")
    for made in metrics.regression:
        if made.protocol == "train" and made.share == 100:
            method = f"{made.method} on {made.inputs}"
            cells = [" + ".join(made.predict), " + ".join(made.fit), method, str(made.n_test)]
            r2 = f"{made.r2:.2f} ± {made.r2_error:.2f}"
            print(f"| {made.target} | {' | '.join(cells)} | {r2} | {made.scatter:.3f} |")
    print(f"\nThe run took {metrics.timing['all']:.0f} s.", flush=True)


def tell_class(names: tuple[str, ...], method: str, result: ClassificationResult) -> None:
    """Print the accuracies of one method, the last of the largest class against all others."""
    accuracy = f"{100 * result.accuracy:.1f} ± {100 * result.accuracy_error:.1f}"
    balanced = f"{100 * result.balanced_accuracy:.1f} ± {100 * result.balanced_accuracy_error:.1f}"
    largest = "{:.1f} ± {:.1f}".format(*(100 * value for value in largest_or_not(result)))
    cells = [" + ".join(names), method, str(result.n_test), accuracy, balanced, largest]
    print(f"| {' | '.join(cells)} |")


def largest_or_not(result: ClassificationResult) -> tuple[float, float]:
    """Balanced accuracy of the largest class against all others, with its error.

    Where three quarters of the objects are of one class, an accuracy says little.
    """
    confusion = np.asarray(result.confusion)  # true classes in rows
    largest = int(confusion.sum(1).argmax())
    own, others = confusion[largest], np.delete(confusion, largest, axis=0)
    right = np.array([own[largest], others.sum() - others[:, largest].sum()])
    number = np.maximum([own.sum(), others.sum()], 1)
    share = right / number
    return float(share.mean()), float(np.sqrt((share * (1 - share) / number).sum()) / 2)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True, help="folder of data, runs and results")
    parser.add_argument("--only", nargs="*", choices=NAMES, default=NAMES, metavar="NAME")
    parser.add_argument("--objects", type=int, help="of each survey, drawn at random; all if not")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    arguments = parser.parse_args()
    sb.set_verbosity("normal")
    (arguments.out / "configs").mkdir(parents=True, exist_ok=True)
    for name in arguments.only:
        data = imported(name, arguments.out, arguments.objects)
        path = arguments.out / "configs" / f"{data.name}.yaml"
        if not path.exists():
            sb.new_config(data, path)
        classified = bool(sb.load_config(path).finetuning.modalities)
        settings = [*SETTINGS, *(CLASSIFIERS if classified else ()), *arguments.set]
        folder = arguments.out / "runs" / data.name
        metrics = run_all(sb.load_config(path, settings), data, folder)
        tell(data.name, sb.Run.open(folder), metrics)


if __name__ == "__main__":
    main()
