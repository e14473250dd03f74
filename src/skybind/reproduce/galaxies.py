"""Tables and figures of the two reports on AstroCLIP.

Numbers of figures and tables are those of the June 2024 report; December 2023 has the same, but
for the neighbours drawn in figure 6.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from torch import nn

from skybind.config.schema import ModalityConfig
from skybind.drawing.cells import NONE, Cell, Table, cells, signed
from skybind.drawing.maps import cluster_maps, coloured_maps
from skybind.drawing.observed import Group, MapView
from skybind.drawing.style import BLUE, GREY, ORANGE, new_figure
from skybind.encoders.backbone import Backboned
from skybind.errors import DataError
from skybind.evaluation.records import VALIDATION, Groups, Islands, TargetResult
from skybind.measures.significance import spread
from skybind.models.model import Model
from skybind.report.data import ReportData
from skybind.report.figures.pictures import (
    cluster_gallery,
    retrieved_images,
    retrieved_spectra,
)
from skybind.report.figures.regression import arrow_name, prediction_figure
from skybind.report.from_run import prediction_views
from skybind.report.regression import PUBLISHED
from skybind.reproduce.overview import IMAGE, size_of
from skybind.reproduce.shown import column_of, require
from skybind.runs.run import Run
from skybind.study.exhibits import Exhibit
from skybind.study.regressed import with_error
from skybind.words import join

SPECTRUM = "spectrum"
#: Neighbours drawn in figure 6 of the December and of the June report.
DECEMBER, JUNE = 4, 3


def procedure_table(run: Run, name: str, number: str) -> Exhibit:
    """Figures 2 and 3: the way of an observation to its embedding, a row a step."""
    require(run, name)
    entry, model = run.config.modalities[name], Model.open(run.paths.model)
    shape = run.shapes[name]
    rows = [("Observed", _observed(run, name), "", "")]
    rows += [("Preprocessing", said, "", "") for said in _prepared(entry)]
    rows.append(("Input", size_of(shape, entry.kind or name), "", ""))
    encoder = model.binder.encoders[name]
    rows += [
        (title, what, f"{total:,}", f"{trained:,}")
        for title, what, total, trained in _networks(entry, encoder)
    ]
    projection = model.binder.projections[name]
    weights = sum(p.numel() for p in projection.parameters())
    rows.append(("Projection", entry.projection, f"{weights:,}", f"{weights:,}"))
    rows.append(("Embedding", f"unit vector of {run.config.model.dimension}", "", ""))
    header = ["Step", "What", "Parameters", "Trained"]
    return Exhibit(
        f"{number.lower().replace(' ', '-')}-{name}",
        number,
        f"From the {name} to its embedding",
        "What is done, in order, and the parameters of each network.",
        table=Table(header, [cells(*row) for row in rows], text_columns=2),
    )


def islands_explained() -> Exhibit:
    """Figure 4: what DBSCAN calls a core point, a border point and noise."""
    from sklearn.cluster import DBSCAN

    rng = np.random.default_rng(4)
    points = np.concatenate([rng.normal(0, 0.32, (26, 2)), rng.uniform(-1.6, 1.6, (8, 2))])
    radius, least = 0.35, 5
    made = DBSCAN(eps=radius, min_samples=least).fit(points)
    core = np.zeros(len(points), bool)
    core[made.core_sample_indices_] = True
    figure = new_figure(3.6, 4.8)
    axes = figure.subplots()
    kinds = {
        f"core: {least} or more points within ε": (core, BLUE),
        "border: within ε of a core point": (~core & (made.labels_ >= 0), ORANGE),
        "noise: in no cluster": (made.labels_ < 0, GREY),
    }
    from matplotlib.patches import Circle

    for words, (own, colour) in kinds.items():
        axes.scatter(
            points[own, 0],
            points[own, 1],
            s=18,
            c=colour,
            linewidths=0,
            label=f"{words} ({own.sum()})",
        )
        for x, y in points[own]:
            axes.add_patch(Circle((x, y), radius, fill=False, ec=colour, lw=0.5, alpha=0.5))
    axes.set_aspect("equal")
    axes.set_xticks([])
    axes.set_yticks([])
    figure.legend(loc="outside lower center")
    return Exhibit(
        "figure-4-dbscan",
        "Figure 4",
        "How DBSCAN finds islands",
        f"Points made up for the purpose; circles have the radius ε; min_samples is {least}. "
        "Clusters grow from core points to all points within ε.",
        figure=figure,
        alt="Core points, border points and noise",
    )


def retrieved(data: ReportData, images: int) -> Exhibit:
    """Figure 6: queries and the images found, in all pairs of modalities."""
    _require_queries(data)
    report = "December" if images == DECEMBER else "June"
    return Exhibit(
        f"figure-6-images-{images}",
        f"Figure 6 ({report})",
        f"Images of the {images} galaxies most alike",
        "Test galaxies drawn at random as queries (blue frame); an arrow reads: the query's "
        "embedding of the first modality among all embeddings of the second. Green: the query's "
        "own other view.",
        figure=retrieved_images(data.queries, _pairs(data), images),
        kind="png",
        alt="Images of queries and of the galaxies found",
    )


def retrieved_curves(data: ReportData) -> Exhibit:
    """Figure 7: the spectra of queries over those found."""
    _require_queries(data)
    return Exhibit(
        "figure-7-spectra",
        "Figure 7",
        "Spectra of the five galaxies most alike",
        "The same queries: their spectra (blue, the image in the corner) over those of the five "
        "galaxies found (grey), averaged in bins, each with mean 0 and variance 1.",
        figure=retrieved_spectra(data.queries, _pairs(data)),
        kind="png",
        alt="Spectra of queries and of the galaxies found",
    )


def r2_table(entries: Sequence[TargetResult], quantities: Mapping[str, str]) -> Exhibit:
    """Table 1: R2 of the test galaxies, beside both published columns."""
    rows, neighbours = [], set()
    names = {quantity: target for target, quantity in quantities.items()}
    for (quantity, fit, predict), (original, reproduction) in PUBLISHED.items():
        used = [
            entry
            for entry in entries
            if entry.method == "k-NN"
            and entry.protocol == VALIDATION
            and entry.key == (names.get(quantity), (fit,), (predict,))
        ]
        neighbours |= {str(entry.k) for entry in used}
        own = [entry.r2 for entry in used]
        how = f"{predict} embeddings" if fit == predict else "cross-modal"
        row = cells(quantity.capitalize(), how, f"{original:.2f}", f"{reproduction:.2f}")
        rows.append([*row, *_mean_r2(own, reproduction)])
    if all(row[4].text == NONE for row in rows):
        raise DataError(
            "The run predicts neither redshift nor stellar mass by its validation objects: measure "
            "it again ('skybind evaluate'), if an older skybind did."
        )
    header = ["Property", "Neighbours among", "Published: AstroCLIP v1", "Published: reproduction"]
    return Exhibit(
        "table-1-r2",
        "Table 1",
        "Zero-shot prediction of redshift and stellar mass",
        f"R² of the mean of the {join(sorted(neighbours))} nearest neighbours "
        "(published: 16), weighted by 1/distance: fitted on the validation galaxies, tested on the "
        "test galaxies (the reports: on two halves of what was held back). Mean and standard "
        "deviation over the seeds; "
        "what is published is of one run, so that no test can compare them. Cross-modal: fitted "
        "on spectra, predicted from images.",
        table=Table([*header, "Here", "Here − reproduction"], rows, text_columns=2),
    )


def predicted(run: Run, data: ReportData, quantity: str) -> Exhibit:
    """Figure 8: predicted against true, of the test galaxies."""
    target = next((name for name, what in data.published.items() if what == quantity), quantity)
    views = [
        view
        for view in prediction_views(run, data.metrics, VALIDATION)
        if view.target == target and (view.fit, view.predict) in _SHOWN
    ]
    if not views:
        raise DataError(f"There are no predictions of the {quantity} by the validation galaxies.")
    views.sort(key=lambda view: _SHOWN.index((view.fit, view.predict)))
    return Exhibit(
        f"figure-8-{quantity.replace(' ', '-')}",
        "Figure 8",
        f"Zero-shot prediction of {quantity}",
        "The test galaxies, by the validation galaxies, against the catalogue: "
        + ", ".join(arrow_name(view.fit, view.predict) for view in views)
        + ". Grey: galaxies; blue: their number in bins; lines: a density estimate.",
        figure=prediction_figure(views),
        kind="png",
        alt=f"Predicted against true {quantity}",
    )


#: Fitted on, predicted from: the rows of figure 8.
_SHOWN: list[tuple[Group, Group]] = [
    ((IMAGE,), (IMAGE,)),
    ((SPECTRUM,), (SPECTRUM,)),
    ((SPECTRUM,), (IMAGE,)),
]


def coloured(data: ReportData, modalities: tuple[str, ...], number: int) -> Exhibit:
    """Figures 9 to 11: maps coloured by redshift and stellar mass."""
    view = _map(data, modalities)
    names = [name for name in data.published if name in {c.name for c in view.columns}]
    shown = replace(view, columns=[c for c in view.columns if c.name in names] or view.columns)
    which = modalities[0] if len(modalities) == 1 else "combined image and spectrum"
    return Exhibit(
        f"figure-{number}-map-{'-'.join(modalities)}",
        f"Figure {number}",
        f"Map of the {which} embeddings",
        "Coloured by redshift and stellar mass; scales end at the first and the last hundredth; "
        "grey: not known.",
        figure=coloured_maps([shown], data.map_method),
        kind="png",
        alt=f"Map of the {which} embeddings, coloured",
    )


def cluster_map(data: ReportData, method: str, name: str, number: int) -> Exhibit:
    """Figures 12 and 13: the clusters on the map."""
    view, entry = _map(data, (name,)), _clusters(data, method, name)
    figure = cluster_maps([view], method, data.map_method)
    return Exhibit(
        f"figure-{number}-{method.lower()}-map",
        f"Figure {number}",
        f"{method} of the {name} embeddings",
        f"{entry.n_clusters} cluster{'' if entry.n_clusters == 1 else 's'} ({entry.settings}), "
        f"{entry.n_alone:,} galaxies in none, "
        f"found {'on the map' if entry.space == 'map' else 'in all dimensions'}; numbered by size.",
        figure=figure,
        kind="png",
        alt=f"Map of the {name} embeddings with clusters",
    )


def cluster_samples(data: ReportData, method: str, name: str, shown: str, number: int) -> Exhibit:
    """Figures 12 to 14: images or spectra of random galaxies of the clusters."""
    views = [v for v in data.clusters if v.method == method and v.modalities == (name,)]
    if not views:
        raise DataError(f"No cluster by {method} of the {name} embeddings has samples to draw.")
    bare = [
        replace(
            view,
            examples=[
                replace(one, spectrum=None) if shown == IMAGE else replace(one, image=None)
                for one in view.examples
            ],
        )
        for view in views
    ]
    what, entry = "Images" if shown == IMAGE else "Spectra", _clusters(data, method, name)
    all_drawn = len(views) >= entry.n_clusters
    largest = "" if all_drawn else f"{len(views)} largest of {entry.n_clusters} "
    return Exhibit(
        f"figure-{number}-{method.lower()}-{shown}",
        f"Figure {number}",
        f"{what} of galaxies in the clusters by {method}",
        f"{what} of random galaxies of the {largest}clusters of the {name} embeddings."
        + ("" if shown == IMAGE else " Colours tell the galaxies of one cluster apart."),
        figure=cluster_gallery(bare),
        kind="png",
        alt=f"{what} of galaxies by cluster",
    )


def _map(data: ReportData, modalities: tuple[str, ...]) -> MapView:
    found = next((view for view in data.maps if set(view.modalities) == set(modalities)), None)
    if found is None:
        raise DataError(f"There is no map of {' + '.join(modalities)}.")
    return found


def _clusters(data: ReportData, method: str, name: str) -> Islands | Groups:
    for entry in data.metrics.clusters:
        if entry.method == method and entry.modalities == (name,):
            return entry
    raise DataError(f"No clusters of the {name} embeddings were looked for by {method}.")


def _pairs(data: ReportData) -> list[tuple[str, str]]:
    return list(dict.fromkeys(pair for query in data.queries for pair in query.matches))


def _require_queries(data: ReportData) -> None:
    if not data.queries:
        raise DataError("No test galaxy has all modalities: there is nothing to retrieve.")


def _mean_r2(values: Sequence[float], published: float) -> list[Cell]:
    if not values:
        return cells(NONE, NONE)
    found = spread(values)
    text = with_error(found.mean, found.deviation, 3)
    less = found.mean - published
    return [
        Cell(text, values=(found.mean, found.deviation)[: min(found.n, 2)]),
        Cell(signed(less, 2), values=(less,)),
    ]


def _observed(run: Run, name: str) -> str:
    column = run.dataset.schema.columns[column_of(run, name)]
    units = {unit for unit in column.fields.values() if unit}
    if len(units) == 1:
        return f"{', '.join(column.fields)} [{units.pop()}]"
    return ", ".join(f"{f} [{unit}]" if unit else f for f, unit in column.fields.items())


def _prepared(entry: ModalityConfig) -> list[str]:
    """Options of the preprocessing that the configuration sets, a line each."""
    return [f"{name}: {value}" for name, value in entry.preprocessing.items() if value is not None]


def _networks(entry: ModalityConfig, encoder: nn.Module) -> list[tuple[str, str, int, int]]:
    """Backbone and head, or the one encoder, with their parameters: all, and trained."""
    parts: list[tuple[str, str, nn.Module]] = [("Encoder", str(entry.encoder["name"]), encoder)]
    if entry.backbone is not None and isinstance(encoder, Backboned):
        backbone, head = encoder.backbone, encoder.head
        parts = [("Backbone, frozen", str(entry.backbone.encoder["name"]), backbone)]
        parts.append(("Head", str(entry.encoder["name"]), head))
    return [
        (
            title,
            what,
            sum(p.numel() for p in module.parameters()),
            sum(p.numel() for p in module.parameters() if p.requires_grad),
        )
        for title, what, module in parts
    ]
