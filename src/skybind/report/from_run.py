"""From a run's folder to its report."""

import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from skybind.drawing.from_dataset import columns_of, load_examples
from skybind.drawing.observed import ColourColumn, ExampleObject, MapPanel, MapView
from skybind.embeddings.store import Embeddings
from skybind.errors import ConfigError, DataError
from skybind.evaluation.clusters import Layout, read_layouts
from skybind.evaluation.predictions import read_predictions
from skybind.evaluation.records import Metrics, read_metrics
from skybind.evaluation.targets import targets_of
from skybind.measures.retrieval import top_matches
from skybind.progress import step
from skybind.report.build import build_report
from skybind.report.data import ReportData
from skybind.report.figures.pictures import IMAGES, SAMPLES, SPECTRA
from skybind.report.run_map import class_order, map_panels
from skybind.report.views import ClusterView, Match, PredictionView, QueryView
from skybind.runs.cases import Case, finished_cases, widest_case
from skybind.runs.classes import case_classes
from skybind.runs.embedding import stored_embeddings
from skybind.runs.run import Run
from skybind.words import nearest

#: Clusters of each method whose samples are drawn.
DRAWN_CLUSTERS = 8


#: Columns that colour the maps at most, unless the configuration names them.
COLOURS = 4


PLANTED_CLUSTERS = 4  # of those drawn


# The map whose clusters are drawn: the reports' choice (figures 12 and 13) where there is one.
SAMPLED_KIND = {"DBSCAN": "image", "k-means": "spectrum"}


@step("drawing the report")
def write_report(run: Run) -> Path:
    """Write `report.html` of an evaluated run; gives its path.

    Raises
    ------
    DataError
        If the run was not evaluated yet.
    """
    return build_report(report_data(run), run.paths.report)


def report_data(run: Run) -> ReportData:
    """Read all that the report of an evaluated run shows.

    Raises
    ------
    DataError
        If the run was not evaluated yet.
    """
    metrics, page = read_metrics(run.paths.metrics), run.paths.discover_page
    _refuse_other_metrics(run, metrics)
    embeddings = stored_embeddings(run)
    layouts = read_layouts(run.paths.maps)
    chosen = _chosen_examples(run)
    found = _retrieved(run, embeddings)
    sampled = _sampled(run, layouts, metrics)
    rows = [chosen, *(rows for _, by_pair in found for rows, _ in by_pair.values())]
    rows += [np.array([row for row, _ in found], dtype=np.int64), *(rows for *_, rows in sampled)]
    targets = targets_of(run.dataset, run.config.evaluation.targets)
    objects = load_examples(
        run.dataset, np.concatenate(rows), targets, run.class_names, columns_of(run)
    )
    return ReportData(
        metrics=metrics,
        config=run.paths.config.read_text(encoding="utf-8"),
        links=[(page.name, "Discoveries")] if page.exists() else [],
        published=run.config.evaluation.published,
        map_panels=_map_panels(run, layouts),
        map_method=run.config.evaluation.map,
        map_modalities=tuple(embeddings.modalities),
        examples=_examples(run, chosen, objects),
        maps=_map_views(run, layouts, metrics),
        predictions=prediction_views(run, metrics),
        queries=[
            QueryView(
                objects[row],
                {
                    pair: [
                        Match(objects[int(other)], float(cosine), int(other) == row)
                        for other, cosine in zip(*matches, strict=True)
                    ]
                    for pair, matches in by_pair.items()
                },
            )
            for row, by_pair in found
        ],
        clusters=[
            ClusterView(modalities, method, number, size, [objects[int(r)] for r in members])
            for modalities, method, number, size, members in sampled
        ],
    )


def _map_panels(run: Run, layouts: list[Layout]) -> list[MapPanel]:
    """The map of all modalities together, a panel a part, coloured by class."""
    whole = next((one for one in layouts if set(one.modalities) == set(run.modalities)), None)
    if whole is None:
        return []
    return map_panels(run, whole)


def _map_views(run: Run, layouts: list[Layout], metrics: Metrics) -> list[MapView]:
    """Every map with the columns and clusters that colour it, where clusters were looked for."""
    if not metrics.clusters:
        return []
    schema = run.dataset.schema
    wanted = run.config.evaluation.map_columns
    targets = run.config.evaluation.targets
    for name in wanted or []:
        if name not in schema.columns:
            raise ConfigError(
                f"evaluation.map_columns names '{name}', which the dataset does not have: "
                f"{nearest(name, list(schema.columns))}"
            )
    names = wanted
    if names is None:
        own = schema.with_role("target") if targets is None else targets
        names = [*own, *schema.with_role("label")][:COLOURS]
    return [
        MapView(
            layout.modalities,
            layout.part,
            layout.position,
            [
                ColourColumn(
                    name,
                    run.dataset.column(name, layout.rows),
                    schema.columns[name].unit,
                    class_order(run) if name == run.config.labels.column else (),
                )
                for name in names
            ],
            {"DBSCAN": layout.island, "k-means": layout.group},
        )
        for layout in layouts
    ]


def prediction_views(run: Run, metrics: Metrics, protocol: str = "train") -> list[PredictionView]:
    """Return the predictions by neighbours with the R2 that the metrics give them.

    Parameters
    ----------
    run : Run
    metrics : Metrics
        Of the run.
    protocol : str
        `train` or `held-out`, as in `TargetResult`.
    """
    entries = {
        entry.key: entry
        for entry in metrics.regression
        if entry.method == "k-NN" and entry.protocol == protocol
    }
    views = []
    for one in read_predictions(run.paths.predictions):
        if one.protocol != protocol:
            continue
        entry = entries.get((one.target, one.fit, one.predict))
        if entry is not None:
            views.append(
                PredictionView(
                    one.target, entry.unit, one.fit, one.predict, one.true, one.predicted,
                    entry.r2, entry.r2_error,
                )
            )  # fmt: skip
    return views


def _retrieved(
    run: Run, embeddings: Embeddings
) -> list[tuple[int, dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]]]:
    """Queries and the objects found, by ordered pair of modalities; none without images."""
    n = run.config.evaluation.queries
    names = embeddings.modalities
    if not n or not any(modality.kind == "image" for modality in run.modalities.values()):
        return []
    test = run.rows("test")
    every = np.logical_and.reduce([embeddings.present[name][test] for name in names])
    if not every.any():
        return []
    rng = np.random.default_rng(run.config.seed)
    candidates = test[every]
    queries = np.sort(rng.choice(candidates, min(n, len(candidates)), replace=False))
    found: list[dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]] = [{} for _ in queries]
    for a, b in itertools.product(names, names):
        library = test[embeddings.present[b][test]]
        own = np.searchsorted(library, queries) if a == b else None
        index, cosine = top_matches(
            embeddings.vectors[a][queries],
            embeddings.vectors[b][library],
            max(IMAGES, SPECTRA),
            own,
        )
        for number in range(len(queries)):
            found[number][a, b] = (library[index[number]], cosine[number])
    return list(zip(queries.tolist(), found, strict=True))


def _sampled(
    run: Run, layouts: list[Layout], metrics: Metrics
) -> list[tuple[tuple[str, ...], str, int, int, np.ndarray]]:
    """Random members of clusters: the largest, and those that a rare planted kind is most of."""
    rng = np.random.default_rng(run.config.seed)
    sampled = []
    for method, kind in SAMPLED_KIND.items():
        entries = {entry.modalities: entry for entry in metrics.clusters if entry.method == method}
        layout = _of_kind(run, [one for one in layouts if one.modalities in entries], kind)
        if layout is None:
            continue
        label = layout.island if method == "DBSCAN" else layout.group
        entry = entries[layout.modalities]
        rarest = sorted(entry.truth, key=lambda match: match.share)
        planted = [number for match in rarest for number in match.clusters][:PLANTED_CLUSTERS]
        largest = [cluster.cluster for cluster in entry.clusters]
        numbers = sorted(list(dict.fromkeys([*planted, *largest]))[:DRAWN_CLUSTERS])
        for number in numbers:
            members = layout.rows[label == number]
            chosen = rng.choice(members, min(SAMPLES, len(members)), replace=False)
            sampled.append((layout.modalities, method, number, len(members), chosen))
    return sampled


def _of_kind(run: Run, layouts: list[Layout], kind: str) -> Layout | None:
    """The map of the first modality of a kind; else that of all modalities."""
    for layout in layouts:
        if len(layout.modalities) == 1 and run.modalities[layout.modalities[0]].kind == kind:
            return layout
    return layouts[-1] if layouts else None


def _refuse_other_metrics(run: Run, metrics: Metrics) -> None:
    """Refuse numbers that were measured with another split than the run has.

    Raises
    ------
    DataError
    """
    measured = metrics.split.hash if metrics.split is not None else None
    if measured is not None and not run.split.grew_from(measured):
        raise DataError(
            f"{run.paths.metrics} was measured with the split {measured}, the run's is "
            f"{run.split.hash}: run 'skybind evaluate' again."
        )


def _chosen_examples(run: Run) -> np.ndarray:
    """Choose test objects, one a class as far as they go, observed in as much as possible."""
    rows = run.rows("test")
    n = min(run.config.evaluation.examples, len(rows))
    if not n:
        return np.zeros(0, dtype=np.int64)
    observed = np.sum([run.source.present(name)[rows] for name in run.source.modalities], axis=0)
    rng = np.random.default_rng(run.config.seed)
    order = np.lexsort((rng.random(len(rows)), -observed))
    rank_in_class = np.zeros(len(rows), int)
    counts: dict[int, int] = {}
    for place in order:
        label = int(run.labels[rows[place]])
        rank_in_class[place] = counts.get(label, 0)
        counts[label] = rank_in_class[place] + 1
    return rows[order[np.argsort(rank_in_class[order], kind="stable")[:n]]]


def _examples(
    run: Run, rows: np.ndarray, objects: Mapping[int, ExampleObject]
) -> list[ExampleObject]:
    """The chosen objects with what the classifier of most modalities says of them."""
    examples = [objects[row] for row in rows.tolist()]
    case: Case | None = widest_case(finished_cases(run))
    if case is None or not examples:
        return examples
    told = case_classes(run, case).table["class"].take(rows).to_pylist()
    for example, name in zip(examples, told, strict=True):
        example.predicted_class = name
    return examples
