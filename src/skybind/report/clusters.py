"""The report's pages on maps coloured by columns, on clusters and on what was retrieved."""

from collections.abc import Sequence
from functools import partial

from skybind.drawing.blocks import Block, Section, figure_block
from skybind.drawing.cells import NONE, Cell, Table, cells, number, percent
from skybind.drawing.maps import AXIS_NAMES, cluster_maps, coloured_maps
from skybind.evaluation.records import Groups, Islands
from skybind.measures.clusters import Distinction
from skybind.report.data import ReportData
from skybind.report.figures.pictures import (
    IMAGES,
    OVERLAID,
    SPECTRA,
    cluster_gallery,
    retrieved_images,
    retrieved_spectra,
)
from skybind.words import join

Found = Islands | Groups
PAIRS_A_FIGURE = 4
#: Of a planted kind of fewer objects the shares say nothing.
FEWEST = 5
#: Clusters of one map that the table lists.
LISTED = 10


def retrieved_section(run: ReportData) -> Section | None:
    """Queries and what was found for them, drawn; nothing without queries."""
    if not run.queries:
        return None
    pairs = list(dict.fromkeys(pair for query in run.queries for pair in query.matches))
    text = (
        "Some test objects as queries, and the test objects whose embeddings are most alike. "
        "An arrow reads: the query's embedding of the first modality, among all embeddings of the "
        "second. Within one modality the query itself is left out; across modalities a green "
        "frame marks the query's own other view."
    )
    blocks = []
    figures = -(-len(pairs) // PAIRS_A_FIGURE)
    for part in range(figures):  # as equal as can be: nine pairs are three figures of three
        chosen = pairs[part * len(pairs) // figures : (part + 1) * len(pairs) // figures]
        if any(query.example.image is not None for query in run.queries):
            blocks.append(
                figure_block(
                    partial(retrieved_images, run.queries, chosen),
                    f"The query (blue) and images of the {IMAGES} objects most alike, best first.",
                    run,
                    "Images of queries and of the objects found",
                    "jpeg",
                )
            )
        if any(query.example.spectrum is not None for query in run.queries):
            blocks.append(
                figure_block(
                    partial(retrieved_spectra, run.queries, chosen),
                    f"Spectra of the same queries (blue; their images in the corner) over those of "
                    f"the {SPECTRA} objects most alike (grey), averaged in bins, each with mean 0 "
                    "and variance 1.",
                    run,
                    "Spectra of queries and of the objects found",
                    "jpeg",
                )
            )
    return Section("retrieved", "What is retrieved", text, blocks)


def coloured_section(run: ReportData) -> Section | None:
    """Maps of each modality coloured by columns; nothing without any."""
    views = [view for view in run.maps if view.columns]
    if not views:
        return None
    method = "principal components" if run.map_method == "pca" else AXIS_NAMES[run.map_method]
    caption = (
        f"Embeddings of each modality, and of all together, laid out by {method} fitted on "
        "training objects and applied to test objects; both are drawn. Scales of numbers end at "
        "the first and the last hundredth; grey: not known."
    )
    figure = partial(coloured_maps, views, run.map_method)
    block = figure_block(figure, caption, run, "Maps coloured by columns", "png")
    return Section("coloured", "Maps coloured by what the catalogue knows", blocks=[block])


def cluster_section(run: ReportData) -> Section | None:
    """Islands of the maps and groups of the embeddings; nothing without any."""
    entries = run.metrics.clusters
    if not entries:
        return None
    text = (
        "DBSCAN finds islands on a map; k-means divides the full space of the embedding, into as "
        "many groups as the configuration says, or else the silhouette. Clusters are numbered by "
        "size."
    )
    blocks: list[Block] = []
    for method in dict.fromkeys(entry.method for entry in entries):
        blocks += _figures(run, method, [e for e in entries if e.method == method])
    words = (
        "Each with the cluster of largest F1 score. In majority: members of the kind in clusters "
        "that hold more of it than of all else. Chance: the precision of a random group."
    )
    planted = truth_table(entries, best=True)
    if planted.rows:
        blocks.append(
            Block(
                "What the simulation planted, and where it went, by its truth table, which only "
                f"this evaluation reads: for each kind the best method and embedding. {words}",
                table=planted,
            )
        )
        blocks.append(
            Block(
                f"The same for every method and embedding. {words}",
                table=truth_table(entries),
                folded=True,
            )
        )
    for entry in entries:
        table = cluster_table(entry)
        if table.rows:
            blocks.append(
                Block(
                    f"{entry.method}, {' + '.join(entry.modalities)}: {entry.settings}. "
                    "What sets a cluster apart: columns of numbers (distance from the other "
                    "objects in standard deviations, from ranks; medians inside and outside), and "
                    "text that is more frequent.",
                    table=table,
                    folded=True,
                )
            )
    return Section("clusters", "Clusters", text, blocks)


def cluster_table(entry: Found) -> Table:
    """The largest clusters of one map, and which columns set each apart."""
    rows = [
        cells(
            str(cluster.cluster),
            "; ".join(_distinction(column) for column in cluster.columns) or "nothing",
            number(cluster.size),
            percent(cluster.size / entry.n),
        )
        for cluster in entry.clusters[:LISTED]
    ]
    return Table(["Cluster", "Set apart by", "Objects", "Share [%]"], rows, text_columns=2)


def truth_table(entries: Sequence[Found], best: bool = False) -> Table:
    """Precision and recall of planted kinds: of every method and map, or of the best of them."""
    found: dict[str, list[tuple[float, list[Cell]]]] = {}
    for entry in entries:
        for match in entry.truth:
            if match.n < FEWEST:
                continue
            hit = match.cluster >= 0
            both = match.precision + match.recall
            row = cells(
                match.kind,
                entry.method,
                " + ".join(entry.modalities),
                number(match.n),
                f"{match.cluster} ({number(match.size)})" if hit else NONE,
                percent(match.precision) if hit else NONE,
                percent(match.recall),
                percent(match.recall_of_all),
            )
            row.append(Cell(percent(match.share), "quiet"))
            score = 2 * match.precision * match.recall / both if both else 0.0
            found.setdefault(match.kind, []).append((score, row))
    rows = []
    for _, scored in sorted(found.items()):
        scored.sort(key=lambda pair: -pair[0])
        rows += [row for _, row in scored[: 1 if best else None]]
    header = ["Kind", "Method", "Embedding", "Objects", "Cluster (size)", "Precision [%]"]
    header += ["Recall [%]", "In majority [%]", "Chance [%]"]
    return Table(header, rows, text_columns=3)


def _figures(run: ReportData, method: str, entries: Sequence[Found]) -> list[Block]:
    """The maps coloured by cluster, and samples of the clusters of one map."""
    blocks = []
    views = [view for view in run.maps if method in view.clusters]
    if views:
        grey = " Grey: on no island." if method == "DBSCAN" else ""
        bare = [" + ".join(e.modalities) for e in entries if not e.n_clusters]
        if grey and bare:
            grey += f" There is none on the map of {join(bare)}."
        blocks.append(
            figure_block(
                partial(cluster_maps, views, method, run.map_method),
                (
                    f"Clusters by {method} on the maps ({_all_settings(entries)}).{grey}"
                    if method == "DBSCAN"
                    else f"Clusters by {method} in the full space, shown on the maps."
                )
                + " Colours are of clusters, not of classes.",
                run,
                f"Maps coloured by {method} cluster",
                "png",
            )
        )
    samples = [view for view in run.clusters if view.method == method]
    drawable = any(e.image or e.spectrum for view in samples for e in view.examples)
    if samples and not drawable:
        absent = (
            f"Samples of {method} clusters are not drawn: no member has an image or a spectrum."
        )
        blocks.append(Block("", absent=absent))
    elif samples:
        what = " + ".join(samples[0].modalities)
        blocks.append(
            figure_block(
                partial(cluster_gallery, samples),
                f"Random members of clusters by {method} of the {what} embeddings; at most "
                f"{OVERLAID} spectra are drawn over each other, averaged in bins.",
                run,
                f"Samples of {method} clusters",
                "jpeg",
            )
        )
    return blocks


def _all_settings(entries: Sequence[Found]) -> str:
    """The settings of all maps; said once where they are the same."""
    words = [entry.settings for entry in entries]
    if len(set(words)) == 1:
        return words[0]
    names = [" + ".join(entry.modalities) for entry in entries]
    return "; ".join(f"{name}: {setting}" for name, setting in zip(names, words, strict=True))


def _distinction(column: Distinction) -> str:
    if column.value:
        return (
            f"{column.column} = {column.value} "
            f"({100 * column.inside:.0f} % against {100 * column.outside:.0f} %)"
        )
    return (
        f"{column.column} {column.effect:+.1f} σ ({column.inside:.4g} against {column.outside:.4g})"
    )
