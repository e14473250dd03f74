"""From a run's folder to its report."""

import itertools
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from skybind.drawing.from_dataset import load_as_read
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
from skybind.runs.alone import changes_run
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
@changes_run
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
    objects = _Objects(run, chosen, found, sampled)
    return ReportData(
        metrics=metrics,
        config=run.paths.config.read_text(encoding="utf-8"),
        links=[(page.name, "Discoveries")] if page.exists() else [],
        published=run.config.evaluation.published,
        map_panels=_map_panels(run, layouts),
        map_method=run.config.evaluation.map,
        map_modalities=tuple(embeddings.modalities),
        examples=_examples(run, chosen, objects.plain),
        maps=_map_views(run, layouts, metrics),
        predictions=prediction_views(run, metrics),
        queries=[objects.query(row, by_pair) for row, by_pair in found],
        clusters=[
            ClusterView(modalities, method, number, size, objects.members(modalities, members))
            for modalities, method, number, size, members in sampled
        ],
    )


#: Ordered pair of modalities -> rows of what was found, and cosines.
Retrieved = dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]
#: Modalities of a map, method, number and size of a cluster, and rows of some members.
Sampled = tuple[tuple[str, ...], str, int, int, np.ndarray]


class _Objects:
    """What was observed of the objects that a report shows, read together.

    Queries are drawn as the modality reads them that they are searched by, what is found as the
    one that is searched, members of clusters as the ones that were clustered.
    """

    def __init__(
        self,
        run: Run,
        chosen: np.ndarray,
        found: list[tuple[int, Retrieved]],
        sampled: list[Sampled],
    ) -> None:
        queries = np.array([row for row, _ in found], dtype=np.int64)
        wanted: list[tuple[tuple[str, ...], np.ndarray]] = [((), chosen), ((), queries)]
        for _, by_pair in found:
            for (by, to), (rows, _) in by_pair.items():
                wanted += [((by, to), queries), ((to, by), rows)]
        wanted += [(modalities, rows) for modalities, *_, rows in sampled]
        targets = targets_of(run.dataset, run.config.evaluation.targets)
        read = load_as_read(run, wanted, targets)
        self.plain = read[0]
        self._read = {first: objects for (first, _), objects in zip(wanted, read, strict=True)}

    def query(self, row: int, by_pair: Retrieved) -> QueryView:
        """One query and what was found for it."""
        found = {
            (by, to): [
                Match(self._read[to, by][int(other)], float(cosine), int(other) == row)
                for other, cosine in zip(*matches, strict=True)
            ]
            for (by, to), matches in by_pair.items()
        }
        return QueryView(self.plain[row], found, {pair: self._read[pair][row] for pair in found})

    def members(self, modalities: tuple[str, ...], rows: np.ndarray) -> list[ExampleObject]:
        """Members of a cluster on the map of some modalities."""
        return [self._read[modalities][row] for row in rows.tolist()]


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
                    run.dataset.plotted(name, layout.rows),
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
        `train` or `validation`, as in `TargetResult`.
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


def _retrieved(run: Run, embeddings: Embeddings) -> list[tuple[int, Retrieved]]:
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
    found: list[Retrieved] = [{} for _ in queries]
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


def _sampled(run: Run, layouts: list[Layout], metrics: Metrics) -> list[Sampled]:
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
