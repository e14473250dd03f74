"""What the page of a user's own study shows: accuracy, retrieval, regression, losses, runs."""

from functools import partial

from skybind.drawing.cells import NONE, Table, cells, number
from skybind.errors import DataError
from skybind.evaluation.records import Metrics
from skybind.report.figures.bars import accuracy_bars, retrieval_bars
from skybind.report.groups import accuracy_groups, retrieval_groups
from skybind.report.tables import baseline_table, neighbour_table, retrieval_table
from skybind.study.compared import (
    accuracy_by_start,
    compared_configurations,
    gains,
    words_of_tests,
)
from skybind.study.exhibits import Chapter, Exhibit, Maker, gather
from skybind.study.figures import training_curves, training_histories
from skybind.study.found import searched
from skybind.study.merge import Study
from skybind.study.regressed import regression_over_seeds

_SPREAD = "Mean and standard deviation (n − 1) over the seeds."
_JOINED = (
    "Mean over the seeds; its error holds their scatter and the finite number of test objects."
)


def default_chapters(study: Study) -> list[Chapter]:
    """Give the chapters of a study: configurations compared, then one of each."""
    chapters = []
    if len(study.configurations) > 1:
        maker = ("all-configurations", "", "Accuracy of the configurations", _compared)
        chapters.append(Chapter("compared", "Configurations compared", "", gather(study, [maker])))
    return [*chapters, *(_chapter(study, name) for name in study.configurations)]


def _chapter(study: Study, name: str) -> Chapter:
    found = [
        *([("searched", "Hyper-parameters", searched)] if study.options.tune else []),
        ("accuracy", "Accuracy on the test objects", _accuracy),
        ("gains", "What pre-training brings", _gains),
        ("accuracy-bars", "Accuracy by labels", _bars),
        ("baselines", "Plain methods on the same objects", _baselines),
        ("neighbours", "Votes of nearest neighbours", _neighbours),
        ("retrieval", "Retrieval across modalities", _retrieval),
        ("regression", "Predicted numbers", _regression),
        ("training", "Losses and learning rates", _training),
        ("runs", "Runs", _runs),
    ]
    known = [run.metrics for run in study.runs(name)]
    wanted = [e for e in found if not known or any(_applies(e[0], one) for one in known)]
    makers: list[tuple[str, str, str, Maker]] = [
        (f"{name}-{key}", "", title, partial(make, name, f"{name}-{key}", title))
        for key, title, make in wanted
    ]
    return Chapter(name, name, study.configs[name].description, gather(study, makers))


def _applies(key: str, metrics: Metrics) -> bool:
    """Whether there is anything of a kind: a run without labels has no page on classes."""
    needs = {
        "accuracy": metrics.classification,
        "gains": metrics.classification,
        "accuracy-bars": metrics.classification,
        "baselines": metrics.baseline,
        "neighbours": metrics.knn,
        "retrieval": metrics.retrieval,
        "regression": metrics.regression,
    }
    return key not in needs or bool(needs[key])


def _accuracy(name: str, key: str, title: str, study: Study) -> Exhibit:
    entries = study.metrics(name).classification
    caption = f"{_SPREAD} {words_of_tests(entries)}".strip()
    return Exhibit(key, "", title, caption, table=accuracy_by_start(entries))


def _gains(name: str, key: str, title: str, study: Study) -> Exhibit:
    entries = study.metrics(name).classification
    table = gains(entries)
    if not table.rows:
        raise DataError("No classifier was trained both from scratch and pre-trained.")
    caption = (
        "Accuracy of each start less that from scratch with the same seed: mean and standard "
        "deviation over the seeds, with Student's paired t and the p of both tests "
        "(docs/studies.md)."
    )
    return Exhibit(key, "", title, caption, table=table)


def _bars(name: str, key: str, title: str, study: Study) -> Exhibit:
    metrics = study.metrics(name)
    trained = {(entry.modalities, entry.subset) for entry in metrics.classification}
    plain = [e for e in metrics.baseline if (e.modalities, e.subset) in trained]
    figure = accuracy_bars(accuracy_groups([*metrics.classification, *plain]))
    return Exhibit(key, "", title, _JOINED, figure=figure, alt="Accuracy by share of labels")


def _baselines(name: str, key: str, title: str, study: Study) -> Exhibit:
    return Exhibit(key, "", title, _JOINED, table=baseline_table(study.metrics(name).baseline))


def _neighbours(name: str, key: str, title: str, study: Study) -> Exhibit:
    return Exhibit(key, "", title, _JOINED, table=neighbour_table(study.metrics(name).knn))


def _retrieval(name: str, key: str, title: str, study: Study) -> Exhibit:
    groups = retrieval_groups(study.metrics(name).retrieval)
    return Exhibit(
        key, "", title, f"{_JOINED} Chance is that of one seed's test objects.",
        table=retrieval_table(groups), figure=retrieval_bars(groups), alt="Recall beside chance",
    )  # fmt: skip


def _regression(name: str, key: str, title: str, study: Study) -> Exhibit:
    table = regression_over_seeds(study.metrics(name).regression)
    caption = f"R². {_SPREAD} An arrow reads: fitted on the first, predicted from the second."
    return Exhibit(key, "", title, caption, table=table)


def _training(name: str, key: str, title: str, study: Study) -> Exhibit:
    histories = training_histories(study.runs(name))
    caption = (
        "A colour a seed: the sum of all pairs on training and validation objects. Lines that "
        "coincide, such as equal rates, hide each other."
    )
    return Exhibit(
        key, "", title, caption, figure=training_curves(histories), alt="Loss by epoch of each seed"
    )


def _runs(name: str, key: str, title: str, study: Study) -> Exhibit:
    runs = study.runs(name)
    if not runs:
        raise DataError(f"No run of {name} was evaluated yet.")
    rows, links = [], []
    for one in runs:
        about = one.metrics.pretraining
        epochs = NONE if about is None else number(len(about.history))
        best = NONE if about is None else number(about.best_epoch)
        split = one.metrics.split
        counts = "" if split is None else " / ".join(f"{n:,}" for n in split.counts.values())
        folder = one.run.folder.relative_to(study.folder).as_posix()
        rows.append(cells(str(one.seed), folder, epochs, best, counts))
        for path in (one.run.paths.report, one.run.paths.discover_page):
            if path.exists():
                link = path.relative_to(study.folder).as_posix()
                links.append((link, f"{path.stem} of seed {one.seed}"))
    head = ["Seed", "Folder", "Epochs", "Kept epoch", "Train / validation / test"]
    caption = "Every command of skybind works on these folders."
    return Exhibit(
        key, "", title, caption, table=Table(head, rows, text_columns=2), links=tuple(links)
    )


def _compared(study: Study) -> Exhibit:
    metrics = {name: study.metrics(name) for name in study.configurations if study.runs(name)}
    if len(metrics) < 2:
        raise DataError("Fewer than two configurations were evaluated yet.")
    caption = (
        f"{_SPREAD} Marked: p below 0.05 by the paired test against {next(iter(metrics))} with the "
        "same seeds."
    )
    table = compared_configurations(metrics)
    if not table.rows:
        raise DataError("No classifier was trained.")
    return Exhibit("all-configurations", "", "Accuracy of the configurations", caption, table=table)
