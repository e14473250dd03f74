"""The short table that the command line shows at the end of a run."""

import math
from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table

from skybind.config.subsets import FULL, short_subset
from skybind.drawing.cells import share
from skybind.evaluation.records import Groups, Islands, Metrics, TargetResult
from skybind.evaluation.retrieval import LIKELIHOOD
from skybind.measures.classification import ClassificationResult
from skybind.measures.retrieval import RetrievalResult


def render_summary(metrics: Metrics) -> RenderableType:
    """Render the main numbers of `metrics.json` for a terminal."""
    parts: list[RenderableType] = []
    if metrics.classification:
        parts.append(_classification(metrics))
    if metrics.retrieval:
        parts.append(_retrieval(metrics))
    if metrics.regression:
        parts.append(_regression(metrics.regression))
    return Group(*parts)


def render_clusters(records: Sequence[Islands | Groups]) -> RenderableType:
    """Render `clusters` of `metrics.json` for a terminal: the largest, and what sets them apart."""
    tables = []
    for record in records:
        title = f"{record.method}, {' + '.join(record.modalities)}"
        table = Table(title=f"{title}: {record.n_clusters} clusters", title_justify="left")
        table.add_column("cluster", justify="right")
        table.add_column("objects", justify="right")
        table.add_column("set apart by")
        for cluster in record.clusters:
            words = [
                f"{c.column} = {c.value} ({100 * c.inside:.0f} %, others {100 * c.outside:.0f} %)"
                if c.value
                else f"{c.column} {c.inside:.4g} (others {c.outside:.4g})"
                for c in cluster.columns
            ]
            table.add_row(str(cluster.cluster), str(cluster.size), "; ".join(words))
        tables.append(table)
    return Group(*tables)


def _classification(metrics: Metrics) -> Table:
    table = Table(title="Accuracy on the test objects [%]", title_justify="left")
    table.add_column("modalities")
    table.add_column("labels", justify="right")
    starts = ("from scratch", "pre-trained", "random forest", "gradient boosting")
    for name in starts:
        table.add_column(name, justify="right")
    cells: dict[tuple[str, str], dict[str, str]] = {}
    for case in metrics.classification:
        start = "pre-trained" if case.pretrained else "from scratch"
        cells.setdefault(("+".join(case.modalities), case.subset), {})[start] = _percent(case)
    for plain in metrics.baseline:
        key = ("+".join(plain.modalities), plain.subset)
        if key in cells:
            cells[key][plain.name] = _percent(plain)
    for (names, subset), row in cells.items():
        labels = "all" if subset == FULL else short_subset(subset)
        table.add_row(names, labels, *(row.get(start, "") for start in starts))
    return table


def _retrieval(metrics: Metrics) -> Table:
    """Recall of ours and of a statistician's method, on the same objects."""
    table = Table(title="Retrieval among the test objects", title_justify="left")
    for name in ("query", "found in"):
        table.add_column(name)
    plain = {
        (rival.query, rival.target): rival
        for rival in metrics.retrieval_rivals or []
        if rival.method == LIKELIHOOD
    }
    heads = ("recall@1", "recall@10", "chance@10", f"{LIKELIHOOD}@10", "median rank", "of")
    for name in heads:
        if plain or name != f"{LIKELIHOOD}@10":
            table.add_column(name, justify="right")
    for record in metrics.retrieval:
        rival = plain.get((record.query, record.target))
        table.add_row(
            record.query,
            record.target,
            _recall(record, 1),
            _recall(record, 10),
            f"{record.chance_recall[10]:.3f}",
            *([] if not plain else ["" if rival is None else _recall(rival, 10)]),
            f"{record.median_rank:.0f}",
            str(record.n),
        )
    return table


def _recall(record: RetrievalResult, k: int) -> str:
    return f"{record.recall[k]:.3f} ± {record.recall_error[k]:.3f}"


def _regression(records: Sequence[TargetResult]) -> Table:
    """Zero-shot predictions, fitted on the training objects."""
    title = "Zero-shot prediction on the test objects, against the catalogue"
    table = Table(title=title, title_justify="left")
    for name in ("target", "fitted on", "predicted from"):
        table.add_column(name)
    for name in ("R²", "bias", "sigma_NMAD", "of"):
        table.add_column(name, justify="right")
    for record in records:
        if not record.zero_shot:
            continue
        table.add_row(
            record.target,
            "+".join(record.fit),
            "+".join(record.predict),
            "" if math.isnan(record.r2) else f"{record.r2:z.3f} ± {record.r2_error:.3f}",
            f"{record.bias:+z.4f}",
            f"{record.scatter:.4f}",
            str(record.n_test),
        )
    return table


def _percent(record: ClassificationResult) -> str:
    return share(record.accuracy, record.accuracy_error)
