"""Figures of the AstroM3 paper, of one run."""

from dataclasses import replace

import numpy as np
import pyarrow.compute as pc

from skybind.discovery.figures import draw_parts
from skybind.discovery.records import ClassParts, DiscoverRecord
from skybind.discovery.table import read_discovery
from skybind.discovery.views import colour_magnitude
from skybind.drawing.maps import embedding_map
from skybind.drawing.objects import object_rows
from skybind.drawing.observed import ExampleObject
from skybind.drawing.style import (
    GRID,
    MUTED,
    WIDTH,
    class_colour,
    class_marker,
    group_colour,
    new_figure,
)
from skybind.embeddings.store import Embeddings
from skybind.errors import DataError
from skybind.evaluation.clusters import read_layouts
from skybind.evaluation.truth import planted_faults
from skybind.measures.neighbours import nearest
from skybind.report.run_map import map_panels
from skybind.reproduce.published import (
    CONTRAST_COSINES,
    CROSS_COSINE,
    PHOTOMETRY,
    SIMILAR_COSINES,
    SPECTRUM,
)
from skybind.reproduce.shown import require
from skybind.reproduce.suspects import Suspect, examples_of, in_class, misclassified
from skybind.runs.run import Run
from skybind.search.nearest import contrast_order
from skybind.study.exhibits import Exhibit
from skybind.words import join

#: Objects alike in one modality among which the most unlike in another is looked for.
CONTRASTED = 10


def map_of_classes(run: Run) -> Exhibit:
    """Figure 2: the map of training and test objects, by class."""
    layouts = read_layouts(run.paths.maps)
    layout = next((one for one in layouts if set(one.modalities) == set(run.modalities)), None)
    if layout is None:
        raise DataError(f"The run in {run.folder} has no map of all modalities together.")
    method = run.config.evaluation.map
    return Exhibit(
        "figure-2-umap",
        "Figure 2",
        "Map of the training and the test objects",
        "The mean embedding of all modalities, laid out on training objects (left) and applied to "
        "test objects (right). The classes colour it; the embedding has seen none of them.",
        figure=embedding_map(map_panels(run, layout), run.classes, method),
        kind="png",
        alt="Map of the embeddings by class, training and test objects",
    )


def candidates(run: Run) -> Exhibit:
    """Figure 3: stars that the catalogue probably classifies wrongly."""
    found = misclassified(run)
    if not found:
        raise DataError("No outlier of a class has neighbours of another class.")
    return Exhibit(
        "figure-3-misclassified",
        "Figure 3",
        "Candidates for misclassifications of the catalogue",
        "Outliers of their class (outside the one DBSCAN cluster of the class, or far from its "
        "centroid in two modalities) whose neighbours are of another class, the surest first."
        + _planted(run, found),
        figure=object_rows(_titled(run, found)),
        alt="Light curves and spectra of stars with doubtful classes",
    )


def strange(run: Run) -> Exhibit:
    """Figure 4: outliers of their class with the right label."""
    found = in_class(run)
    if not found:
        raise DataError("No outlier of a class has neighbours of the same class.")
    return Exhibit(
        "figure-4-in-class-outliers",
        "Figure 4",
        "Outliers within their class",
        "Outliers of their class, as in figure 3, whose neighbours are of the same class: "
        "the label is right, the star is unusual." + _planted(run, found),
        figure=object_rows(_titled(run, found)),
        alt="Light curves and spectra of unusual stars",
    )


def rotating(run: Run, record: DiscoverRecord) -> Exhibit:
    """Figure 5: the parts of the class ROT in a colour-magnitude diagram."""
    entry, rows, part = _parts(run, record, "ROT")
    diagram = colour_magnitude(run.dataset, rows)
    if diagram is None:
        raise DataError("The catalogue has no two magnitudes to draw a diagram of.")
    figure = new_figure(3.4, 4.4)
    axes = figure.subplots()
    draw_parts(axes, diagram.colour, diagram.magnitude, part)
    axes.invert_yaxis()
    axes.set_xlabel(diagram.colour_name)
    axes.set_ylabel(diagram.magnitude_name)
    axes.legend()
    return Exhibit(
        "figure-5-rot",
        "Figure 5",
        "Two kinds of ROT: giants and dwarfs",
        "Colour and magnitude of the rotating variables; the colours are the parts of their "
        f"embeddings found by k-means, without labels. {_said_of_parts(entry)}",
        figure=figure,
        kind="png",
        alt="Colour-magnitude diagram of the class ROT",
    )


def miras(run: Run, record: DiscoverRecord) -> Exhibit:
    """Figure 6: a spectrum of each part of the class M."""
    require(run, SPECTRUM)
    entry, rows, part = _parts(run, record, "M")
    embeddings = Embeddings.read(run.paths.embeddings)
    chosen = [_middle(embeddings, rows[part == number]) for number in range(entry.k)]
    examples = examples_of(run, np.asarray(chosen))
    figure = new_figure(1.8 * entry.k + 0.3, WIDTH * 0.8)
    grid = figure.subplots(entry.k, 1, squeeze=False, sharex=True)[:, 0]
    for number, (axes, row) in enumerate(zip(grid, chosen, strict=True)):
        spectrum = examples[row].spectrum
        if spectrum is None:
            raise DataError("The Miras of a part have no spectrum.")
        axes.plot(spectrum.wavelength, spectrum.flux, color=group_colour(number), linewidth=0.7)
        axes.set_title(
            f"part {number} ({entry.sizes[number]:,} stars): {examples[row].object_id}",
            fontweight="normal",
        )
        axes.set_ylabel(f"Flux [{spectrum.flux_unit}]")
    grid[-1].set_xlabel("Wavelength [Å]")
    return Exhibit(
        "figure-6-mira",
        "Figure 6",
        "Parts of the Miras, by their spectra",
        "The spectrum nearest to the mean of each part of the class M, which k-means finds in "
        f"the embeddings without labels. {_said_of_parts(entry)}",
        figure=figure,
        alt="Spectra of Miras of each part",
    )


def unseen_classes(run: Run) -> Exhibit:
    """Figure 7: where stars of classes that were never trained on are placed."""
    path = run.paths.discover.map()
    if not path.exists():
        raise DataError(
            f"The run in {run.folder} has no map of everything: run 'skybind discover'."
        )
    table = read_discovery(path, ["x", "y"])
    position = np.stack([table["x"].to_numpy(), table["y"].to_numpy()], axis=1)
    label = run.dataset.labels(run.config.labels.column)
    known = np.isin(label, run.classes)
    unseen = [str(name) for name in np.unique(label[~known & (label != "")])]
    if not unseen:
        raise DataError("Every star of the dataset is of a class in use: none is unseen.")
    figure = new_figure(5.6, WIDTH * 0.8)
    axes = figure.subplots()
    x, y = position.T
    axes.scatter(x[known], y[known], s=3, c=GRID, linewidths=0)
    for name in run.classes:
        middle = np.nanmedian(position[label == name], axis=0)
        if np.isfinite(middle).all():
            axes.text(middle[0], middle[1], name, color=MUTED, ha="center", va="center", fontsize=8)
    for code, name in enumerate(unseen, len(run.classes)):  # no colour of a class in use
        own = label == name
        axes.scatter(
            x[own], y[own], s=26, c=class_colour(code), marker=class_marker(code),
            linewidths=0.3, edgecolors="white", label=f"{name} ({own.sum():,})",
        )  # fmt: skip
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(True)
    axes.set_box_aspect(1)
    figure.legend(loc="outside right upper", title="Unseen class")
    return Exhibit(
        "figure-7-unseen-classes",
        "Figure 7",
        "Unseen classes in the embedding",
        "Stars of classes that the model was never trained on, with or without labels, on the map "
        "of all stars (grey, with the names of the known classes at their medians).",
        figure=figure,
        kind="png",
        alt="Map with the unseen classes coloured",
    )


def similar(run: Run) -> Exhibit:
    """Figure 8: a spectrum and the two most alike."""
    require(run, SPECTRUM)
    query = _query(run, 0, (SPECTRUM,))
    embeddings = Embeddings.read(run.paths.embeddings)
    library, cosine = _alike(embeddings, query.row, SPECTRUM, SPECTRUM, 2)
    drawn = examples_of(run, np.asarray([query.row, *library]))
    rows = [(f"query: {query.object_id} ({query.label})", _only_spectrum(drawn[query.row]))]
    rows += [
        (f"{run.dataset.object_ids[row]} ({run.class_names[row]}), cosine {c:.4f}",
         _only_spectrum(drawn[row]))
        for row, c in zip(library, cosine, strict=True)
    ]  # fmt: skip
    return Exhibit(
        "figure-8-similar",
        "Figure 8",
        "Spectra alike",
        "The first spectrum of figure 4 and the two spectra most alike by the cosine "
        f"of their embeddings (published: {SIMILAR_COSINES[0]:.4f} and {SIMILAR_COSINES[1]:.4f}).",
        figure=object_rows(rows, chosen=0),
        alt="A spectrum and the two most alike",
    )


def contrast(run: Run) -> Exhibit:
    """Figure 9: alike in photometry and unlike in spectrum; and the spectrum nearest to a curve."""
    require(run, PHOTOMETRY, SPECTRUM)
    query = _query(run, -1, (PHOTOMETRY, SPECTRUM))
    embeddings = Embeddings.read(run.paths.embeddings)
    library, by_curve = _alike(embeddings, query.row, PHOTOMETRY, PHOTOMETRY, CONTRASTED)
    spectra = embeddings.vectors[SPECTRUM]
    there = embeddings.present[SPECTRUM][library]
    library, by_curve = library[there], by_curve[there]
    if not len(library):
        raise DataError(f"No star that resembles {query.object_id} in photometry has a spectrum.")
    by_spectrum = spectra[library] @ spectra[query.row]
    first = contrast_order(by_curve, by_spectrum)[0]
    crossed, cosine = _alike(embeddings, query.row, PHOTOMETRY, SPECTRUM, 1)
    drawn = examples_of(run, np.asarray([library[first], query.row, crossed[0]]))
    rows = [
        (
            f"contrast: {_name(run, library[first])}, cosine of photometry {by_curve[first]:.4f}, "
            f"of spectrum {by_spectrum[first]:.4f}",
            drawn[library[first]],
        ),
        (f"query: {query.object_id} ({query.label})", drawn[query.row]),
        (
            f"cross-modal: {_name(run, crossed[0])}, its spectrum to the query's photometry "
            f"{cosine[0]:.4f}",
            drawn[crossed[0]],
        ),
    ]
    return Exhibit(
        "figure-9-contrast",
        "Figure 9",
        "Contrast and cross-modal search",
        "Middle: the query, the last star of figure 4 with photometry and a spectrum. Top: of the "
        f"{CONTRASTED} stars with the most similar photometry the one with the least similar "
        "spectrum (published: "
        f"{CONTRAST_COSINES[PHOTOMETRY]:.4f} and {CONTRAST_COSINES[SPECTRUM]:.4f}). Bottom: the "
        "star whose spectrum is nearest to the query's photometry (published: "
        f"{CROSS_COSINE:.4f}).",
        figure=object_rows(rows, chosen=1),
        alt="A query, a star that contrasts with it, and one found across modalities",
    )


def _titled(run: Run, found: list[Suspect]) -> list[tuple[str, ExampleObject]]:
    drawn = examples_of(run, np.asarray([one.row for one in found]))
    return [
        (
            f"{one.object_id}: {one.label}"
            + (f", neighbours {one.suggested}" if one.suggested else ""),
            drawn[one.row],
        )
        for one in found
    ]


def _planted(run: Run, found: list[Suspect]) -> str:
    """Say of simulated stars what is known to be wrong or strange in those drawn."""
    faults = planted_faults(run.dataset, np.asarray([one.row for one in found]))
    if not faults:
        return " Nothing was planted in these stars." if run.dataset.schema.simulated else ""
    said = [f"{name.replace('_', ' ')} ({flags.sum()})" for name, flags in faults.items()]
    return f" What the simulation planted in the {len(found)}: {join(said)}."


def _query(run: Run, place: int, modalities: tuple[str, ...]) -> Suspect:
    """Return an outlier within its class, as the paper searches by those of its figure 4."""
    embeddings = Embeddings.read(run.paths.embeddings)
    seen = np.logical_and.reduce([embeddings.present[name] for name in modalities])
    found = [one for one in in_class(run) if seen[one.row]]
    if not found:
        raise DataError(f"No outlier within its class has {join(modalities)} to search by.")
    return found[place]


def _alike(
    embeddings: Embeddings, row: int, source: str, target: str, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the k other stars whose target embeddings are nearest to a star's, with cosines."""
    library = np.flatnonzero(embeddings.present[target])
    library = library[library != row]
    index, cosine = nearest(
        embeddings.vectors[target][library], embeddings.vectors[source][[row]], k
    )
    return library[index[0]], cosine[0]


def _name(run: Run, row: int) -> str:
    return f"{run.dataset.object_ids[row]} ({run.class_names[row] or 'no class'})"


def _only_spectrum(example: ExampleObject) -> ExampleObject:
    return replace(example, light_curve=None, image=None)


def _parts(
    run: Run, record: DiscoverRecord, name: str
) -> tuple[ClassParts, np.ndarray, np.ndarray]:
    """Return what is told of a class's parts, its objects, and the part of each."""
    entry = next((one for one in record.structure if one.name == name), None)
    if entry is None:
        raise DataError(f"The parts of the class {name} were not looked for, or it has too few.")
    table = read_discovery(run.paths.discover.parts)
    own = pc.and_(pc.equal(table["class"], name), pc.equal(table["modality"], entry.modality))
    table = table.filter(own)
    return entry, table["row"].to_numpy(), table["part"].to_numpy()


def _said_of_parts(entry: ClassParts) -> str:
    """Say how clear the parts are, and of simulated stars what they agree with."""
    text = (
        f"{entry.k} parts of {join([f'{size:,}' for size in entry.sizes])} stars "
        f"(silhouette {entry.silhouette[entry.k]:.2f}); a class without parts reaches that in "
        f"{100 * entry.p_value:.0f} % of permutations."
    )
    if entry.adjusted_rand_index:
        best = max(entry.adjusted_rand_index, key=lambda one: entry.adjusted_rand_index[one])
        index = entry.adjusted_rand_index[best]
        text += (
            f" Agreement with the simulation's {best.replace('_', ' ')}: adjusted Rand index "
            f"{index:.2f} (0: chance, 1: the same)."
        )
    return text


def _middle(embeddings: Embeddings, rows: np.ndarray) -> int:
    """Return the star whose mean embedding is nearest to the mean of some stars with a spectrum."""
    rows = rows[embeddings.present[SPECTRUM][rows]]
    if not len(rows):
        raise DataError("The Miras of a part have no spectrum.")
    vectors = embeddings.mean()[rows]
    return int(rows[(vectors @ vectors.mean(axis=0)).argmax()])
