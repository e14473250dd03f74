"""Sections of the report: each takes the run and gives its tables, figures and sentences."""

from functools import partial

import numpy as np

from skybind.config.subsets import labels_of_subset, subset_order
from skybind.drawing.blocks import Block, Section, figure_block
from skybind.drawing.cells import readable_time
from skybind.drawing.maps import AXIS_NAMES, embedding_map
from skybind.drawing.objects import object_figure
from skybind.drawing.observed import ExampleObject
from skybind.drawing.style import combination_name
from skybind.evaluation.records import Metrics
from skybind.evaluation.run_records import AboutDataset, AboutSplit, Pretraining
from skybind.report import tables
from skybind.report.clusters import cluster_section, coloured_section, retrieved_section
from skybind.report.data import ReportData
from skybind.report.figures.bars import accuracy_bars
from skybind.report.figures.matrix import confusion_figure
from skybind.report.groups import SEEDS_TOO, Accuracy, accuracy_groups, headline, statistics_words
from skybind.report.pretraining import pretraining_section
from skybind.report.regression import regression_section
from skybind.report.retrieval import retrieval_section

# A spectrum of thousands of pixels is some 200 kB as lines; more objects become pictures.
DRAWN_AS_LINES, DRAWN_PIXELS = 8, 6000


PLAIN_WORDS = (
    " Random forest and gradient boosting see the best features there are: 50 of light curves, a "
    "catalogue's columns, a spectrum in bins, simple statistics."
)


def all_sections(run: ReportData) -> list[Section]:
    """Make all sections, in reading order.

    A run with targets and without classes, or the other way round, has no pages on the other.
    """
    of_classes = (accuracy_section, confusion_section, importance_section)
    only_targets = bool(run.metrics.regression) and not run.metrics.classification
    makers = (
        dataset_section,
        pretraining_section,
        *(() if only_targets else of_classes),
        retrieval_section,
        retrieved_section,
        regression_section,
        *(() if only_targets else (comparison_section,)),
        # the same map, once coloured by class only and once by everything, is one too many
        coloured_section if run.maps else map_section,
        cluster_section,
        examples_section,
        provenance_section,
    )
    made = [make(run) for make in makers]
    return [section for section in made if section is not None]


def dataset_section(run: ReportData) -> Section:
    """What was run on what."""
    dataset, split = run.metrics.dataset, run.metrics.split or AboutSplit()
    if dataset is None:
        return Section("data", "Data", absent="The run did not record its dataset.")
    text = dataset.provenance
    parts = [
        (
            "Objects observed in each modality.",
            tables.modality_counts(dataset),
        ),
        (
            "Overlaps: objects by the exact combination they were observed in.",
            tables.overlaps(dataset),
        ),
        (f"The split{_named(split)}.", tables.split_counts(split)),
        ("Classes of the labelled objects.", tables.class_counts(dataset)),
        ("Quarantine: observations set aside, with reasons.", tables.quarantine(dataset)),
        (
            "Measured on some of these objects, drawn by the seed; all else on all of them.",
            tables.samples(run.metrics.samples or []),
        ),
    ]
    blocks = [Block(caption, table=table) for caption, table in parts if table.rows]
    if dataset.quarantine is not None and not dataset.quarantine:
        before = f"{text.rstrip('. ')}. " if text else ""
        text = f"{before}No observation was set aside."
    return Section("data", "Data", text, blocks)


def accuracy_section(run: ReportData) -> Section:
    """Accuracy with and without pre-training."""
    trained = accuracy_groups(run.metrics.classification)
    title = "Classification with and without pre-training"
    seen = {(group.modalities, group.subset) for group in trained}
    plain = accuracy_groups(run.metrics.baseline)
    plain = [group for group in plain if (group.modalities, group.subset) in seen]
    order = {m: i for i, m in enumerate(dict.fromkeys(g.modalities for g in trained))}
    groups = [*trained, *plain]
    groups.sort(key=lambda g: (order[g.modalities], -subset_order(g.subset)))
    if not trained:
        return Section(
            "accuracy",
            title,
            absent=_no_classifier(run.metrics),
        )
    bars = figure_block(
        partial(accuracy_bars, groups),
        f"Accuracy on the test objects against the share of labels. {_error_words(groups)}"
        f"{_plain_words(run.metrics) if plain else ''}",
        run,
        "Bars of accuracy for each combination of modalities and share of labels",
    )
    bold = (
        ""
        if len({g.start for g in groups}) < 2
        else " Bold: better than all others of the same modalities and labels, by more than twice "
        "the combined standard error, of ten test objects or more."
    )
    table = Block(
        f"Accuracy on the test objects [%]. {_error_words(groups)}{bold}",
        table=tables.accuracy_table(groups),
    )
    blocks = [bars, table]
    if any(np.isfinite(group.balanced_accuracy) for group in trained):
        blocks.append(
            Block(
                "Balanced accuracy on the test objects [%]: the mean over classes, so that rare "
                "classes count as much as common ones.",
                table=tables.accuracy_table(groups, balanced=True),
                folded=True,
            )
        )
    calibration = tables.calibration_table(run.metrics.classification)
    if calibration.rows:
        blocks.append(
            Block(
                "Calibration: the logits are divided by a temperature, fitted on validation "
                "objects, so that probabilities mean what they say. The error is the mean "
                "distance of the probability of the told class from the share that is right, over "
                "the test objects.",
                table=calibration,
                folded=True,
            )
        )
    return Section("accuracy", title, blocks=blocks)


def _no_classifier(metrics: Metrics) -> str:
    """Say why there is no classifier."""
    unused = (metrics.dataset or AboutDataset()).unused_classes or {}
    labelled = sum(n for name, n in unused.items() if name)
    if not metrics.classes and labelled:
        return (
            f"No classifier was trained: no class of the {labelled:,} labelled objects has enough "
            "of them (labels.min_objects)."
        )
    if not metrics.classes:
        return "No classifier was trained: there are no labels."
    return "No classifier was trained: the step was left out."


def _plain_words(metrics: Metrics) -> str:
    """Say what trees see."""
    return f"{PLAIN_WORDS}{statistics_words(metrics.baseline)}"


def confusion_section(run: ReportData) -> Section:
    """Confusion matrix of the classifier with the most modalities and labels."""
    best = headline(accuracy_groups(run.metrics.classification))
    if best is None or not run.classes:
        return Section(
            "confusion", "Confusion matrix", absent="No classifier left a confusion matrix."
        )
    seeds = f", summed over {best.n_seeds} seeds" if best.n_seeds > 1 else ""
    caption = (
        f"{combination_name(best.modalities)}, {best.start.lower()}, "
        f"{labels_of_subset(best.subset)}{seeds}. Rows sum to 100 %; numbers of test objects in "
        "brackets."
    )
    figure = figure_block(
        partial(confusion_figure, best.confusion, run.classes), caption, run, "Confusion matrix"
    )
    return Section("confusion", "Confusion matrix", blocks=[figure])


def importance_section(run: ReportData) -> Section:
    """Class-wise accuracy of every combination."""
    importance = run.metrics.importance
    title = "Importance of the modalities"
    if importance is None:
        return Section(
            "importance",
            title,
            absent="The importance of modalities needs a classifier of several modalities and "
            "labelled test objects that have them all.",
        )
    caption = (
        "Accuracy of each class [%] when one classifier is given only some of the modalities, on "
        "the test objects that have them all. "
        + (
            "An older skybind wrote these numbers, and did not test which differ by more than "
            "chance."
            if importance.notable is None
            else "Arrows: better (▲) or worse (▼) than the best single modality in the "
            "combination, by more than chance (p below 0.05; each is tested by itself, so of "
            "twenty without a difference one is marked)."
        )
    )
    block = Block(caption, table=tables.importance_table(importance))
    return Section("importance", title, blocks=[block])


def comparison_section(run: ReportData) -> Section:
    """Nearest neighbours and baselines."""
    knn, baseline = run.metrics.knn, run.metrics.baseline
    title = "Nearest neighbours and plain baselines"
    if not knn and not baseline:
        return Section(
            "comparison", title, absent="Neither neighbours nor baselines were evaluated."
        )
    blocks = []
    if knn:
        blocks.append(
            Block(
                "Vote of the nearest training objects in the pre-trained embedding, which has "
                "seen no label.",
                table=tables.neighbour_table(knn),
            )
        )
    if baseline:
        blocks.append(
            Block(
                f"Baselines: accuracy [%] of plain methods, trained and tested on the same "
                f"objects as the classifiers.{_plain_words(run.metrics)}",
                table=tables.baseline_table(baseline),
            )
        )
    return Section("comparison", title, blocks=blocks)


def map_section(run: ReportData) -> Section:
    """The map of the embeddings."""
    panels = [panel for panel in run.map_panels if len(panel.code)]
    title = "Map of the embeddings"
    if not panels:
        return Section("map", title, absent="No map was made: there are too few embeddings.")
    what = combination_name(run.map_modalities) if run.map_modalities else "Embeddings"
    method = "principal components" if run.map_method == "pca" else AXIS_NAMES[run.map_method]
    caption = f"{what}, laid out by {method} fitted on the {panels[0].split} objects."
    if any((panel.code >= 0).any() for panel in panels):
        caption += " Colours and shapes are the catalogue's classes."
    if run.map_method == "umap":
        caption += " Only nearness has a meaning, not the axes."
    figure = partial(embedding_map, panels, run.classes, run.map_method)
    return Section("map", title, blocks=[figure_block(figure, caption, run, "Map", "png")])


def examples_section(run: ReportData) -> Section:
    """Example objects."""
    examples = [example for example in run.examples if _drawable(example)]
    if not examples:
        return Section("objects", "Example objects", absent="No object was chosen to be shown.")
    notes = []
    if any(e.light_curve is not None and e.light_curve.period for e in examples):
        notes.append("Phase is zero at minimum light, and two cycles are drawn.")
    if any(e.spectrum is not None for e in examples):
        notes.append(
            "Dotted lines mark where some common lines lie, present or not; the highest and "
            "lowest 0.2 % of the fluxes may lie outside the frame."
        )
    # in an SVG an image is embedded pixel by pixel, lines of many pixels point by point
    small = len(examples) <= DRAWN_AS_LINES and all(
        e.image is None and (e.spectrum is None or len(e.spectrum.wavelength) <= DRAWN_PIXELS)
        for e in examples
    )
    kind = "svg" if small else "png"
    blocks = [
        figure_block(
            partial(object_figure, e),
            _example_words(e),
            run,
            f"Observations of {e.object_id}",
            kind,
        )
        for e in examples
    ]
    return Section("objects", "Example objects", " ".join(notes), blocks)


def provenance_section(run: ReportData) -> Section:
    """Everything one needs to repeat the run."""
    metrics = run.metrics
    dataset, split = metrics.dataset or AboutDataset(), metrics.split or AboutSplit()
    known: dict[str, str | int | None] = {
        "Command": metrics.command,
        "Run on": readable_time(metrics.created),
        "Dataset": dataset.name,
        "Fingerprint of the dataset": dataset.fingerprint,
        "Split": split.name,
        "Hash of the split": split.hash,
        "Seeds": ", ".join(map(str, seeds(metrics))),
        "Pre-trained on": _machine(metrics.pretraining),
        **{name.capitalize(): value for name, value in metrics.machine.items()},
    }
    identity = {name: str(value) for name, value in known.items() if value not in (None, "")}
    parts = [("What makes this run this run.", identity), ("Versions.", metrics.versions)]
    blocks = [
        Block(caption, table=tables.pairs_of(values, ("", "")))
        for caption, values in parts
        if values
    ]
    if metrics.timing:
        blocks.append(Block("Wall time.", table=tables.timing_table(metrics.timing)))
    absent = "" if blocks or run.config else "The run did not record how it was made."
    return Section("provenance", "How to repeat it", blocks=blocks, absent=absent)


def _machine(pretraining: Pretraining | None) -> str | None:
    """Processor and threads of the pre-training, which may be others than the evaluation's."""
    known = (pretraining.machine if pretraining else None) or {}
    threads = known.get("threads")
    names = [known.get("accelerator"), known.get("processor"), threads and f"{threads} threads"]
    return ", ".join(str(name) for name in names if name) or None


def seeds(metrics: Metrics) -> list[int]:
    """List every seed that the metrics name."""
    named = [
        metrics.seed,
        (metrics.split or AboutSplit()).seed,
        *(entry.seed for entry in metrics.classification),
        *(entry.seed for entry in metrics.retrieval),
        *(entry.seed for entry in metrics.knn),
        *(entry.seed for entry in metrics.baseline),
        *(entry.seed for entry in metrics.regression),
    ]
    return sorted({seed for seed in named if seed is not None})


def _named(split: AboutSplit) -> str:
    words = list(dict.fromkeys(word for word in (split.name, split.method) if word))
    if split.hash:
        words.append(f"hash {split.hash}")
    return f" ({', '.join(words)})" if words else ""


def _error_words(groups: list[Accuracy]) -> str:
    most = max(group.n_seeds for group in groups)
    if most > 1:
        return f"Mean of up to {most} seeds. {SEEDS_TOO}"
    if any(np.isfinite(group.error) for group in groups):
        return "One seed; errors are standard errors from the number of test objects."
    return "One seed."


def _drawable(example: ExampleObject) -> bool:
    curve, spectrum = example.light_curve, example.spectrum
    return (
        (curve is not None and len(curve.seen) > 0)
        or (spectrum is not None and len(spectrum.wavelength) > 0)
        or example.image is not None
    )


def _example_words(example: ExampleObject) -> str:
    words = [f"{example.object_id} ({example.split})"]
    if example.true_class:
        words.append(f"catalogue class {example.true_class}")
    if example.predicted_class:
        words.append(f"predicted {example.predicted_class}")
    words += [f"{name} {value}" for name, value in example.properties.items()]
    return ", ".join(words) + "."
