"""The page of discoveries: one HTML file that needs nothing else."""

from functools import partial
from pathlib import Path

import numpy as np

from skybind.discovery.figures import structure_figure, suspect_figure
from skybind.discovery.measures.label_doubt import FEWEST_AGREED, FEWEST_VOTERS
from skybind.discovery.page_data import DiscoverData, ObjectPage, StructureView
from skybind.discovery.page_tables import (
    carried_table,
    comparison_table,
    detection_table,
    flag_table,
    label_table,
    landing_table,
    neighbour_table,
    outlier_table,
    part_table,
    structure_table,
)
from skybind.discovery.table import VOTABLE_ROWS
from skybind.drawing.blocks import Block, Section, figure_block
from skybind.drawing.cells import number
from skybind.drawing.maps import embedding_map
from skybind.drawing.observed import MapPanel
from skybind.drawing.page import Fact, render_page
from skybind.drawing.style import report_style
from skybind.files import write_text
from skybind.measures.significance import LEVEL
from skybind.report.tables import pairs_of, samples
from skybind.runs.layout import RunPaths


def write_discover_page(data: DiscoverData, folder: str | Path) -> Path:
    """Write `discover.html` into a run's folder.

    Parameters
    ----------
    data : DiscoverData
    folder : str or Path

    Returns
    -------
    Path
        The file.
    """
    paths = RunPaths(Path(folder))
    with report_style():
        sections = [
            outlier_section(data),
            detection_section(data),
            structure_section(data),
            new_class_section(data),
            importance_section(data),
            label_section(data),
            *(object_section(page, data) for page in data.objects),
        ]
    shown = [section for section in sections if section is not None]
    links = [(paths.report.name, "Report of the run")] if paths.report.exists() else []
    write_text(
        paths.discover_page,
        render_page(
            data.title, data.record.simulated, _facts(data), shown, kind="discoveries", links=links
        ),
    )
    return paths.discover_page


_NO_CLASSES = "No class of the catalogue is in use, so that no other can lie among them."


def _suspects(data: DiscoverData) -> list[Block]:
    """The table of the most suspect objects; nothing where none has a reason."""
    if not data.objects:
        return []
    return [Block("The most suspect objects; each has a section below.", table=outlier_table(data))]


def outlier_section(data: DiscoverData) -> Section:
    """The ranked table, and how many objects each test flags."""
    text = (
        "Objects by suspicion: the rarest thing about each, as -log10 of the share of training "
        "objects that are at least as strange, corrected for the number of tests of a kind. All "
        f"{data.record.n_objects:,} objects are in discover/outliers.csv, .parquet and "
        f"{_votable_words(data)}.vot."
    )
    if not data.objects:
        text += " No object has a reason to be suspected, or none was to be listed."
    outliers = data.record.outliers
    blocks = [
        *_suspects(data),
        Block(
            f"Objects flagged by each test (percentile {outliers.percentile:g} of the distances "
            f"from a class's centroid).{_overlap_words(data)}",
            table=flag_table(outliers.flagged, data.record.n_objects),
        ),
    ]
    if data.record.samples:
        caption = "Measured on some of the objects, drawn by the seed; all else on all of them."
        blocks.append(Block(caption, table=samples(data.record.samples)))
    return Section("outliers", "Outliers and suspected errors", text, blocks)


def _votable_words(data: DiscoverData) -> str:
    """What of the objects a VOTable has, where it has not all."""
    some = data.record.n_objects > VOTABLE_ROWS
    return f"the first {VOTABLE_ROWS:,} in " if some else ""


def _overlap_words(data: DiscoverData) -> str:
    """How many of the doubted labels are no errors, or why none is doubted."""
    right = data.record.outliers.labels_right
    doubted = data.record.outliers.flagged.get("label doubted")
    if doubted is None:
        few = f" No label is doubted: fewer than {FEWEST_VOTERS} training objects have one."
        return few if data.record.classes else ""
    if not doubted:
        return ""
    if right is None:
        return (
            " Labels doubted may be right, where classes overlap; how many are cannot be said: the "
            f"neighbours of fewer than {FEWEST_AGREED} objects agree."
        )
    return (
        f" Of the {number(doubted)} labels doubted about {number(right)} are right, if labels are "
        "wrong as often everywhere as where nine tenths of the neighbours' votes agree: classes "
        "overlap."
    )


def detection_section(data: DiscoverData) -> Section | None:
    """How well planted faults are found, beside two usual methods; nothing for real data."""
    records = data.record.detection
    if not records:
        return None
    text = (
        "What the simulation planted is known. For each kind: the score made for it, fixed before "
        "looking; and, chosen with the truth in hand, the best score of this program and the best "
        "of isolation forest and local outlier factor on the same embeddings (each modality, their "
        "mean, and all side by side). These see no labels, periods or redshifts of the catalogue."
    )
    caption = (
        "Average precision, and precision (equal to recall) among as many objects as were planted; "
        "chance is the share of the kind. Bold: a score made for the kind, if above the best of "
        "every other method by a paired bootstrap with p < 0.05; what was chosen with the truth "
        "in hand is never bold."
    )
    main = [record for record in records if ":" not in record.kind]
    rest = [record for record in records if ":" in record.kind]
    blocks = [Block(caption, table=detection_table(main))]
    if rest:
        blocks.append(Block("The same by sub-kind.", table=detection_table(rest), folded=True))
    return Section("detection", "Planted faults found", text, blocks)


def structure_section(data: DiscoverData) -> Section:
    """Parts of classes, and what sets them apart."""
    title = "Parts of the classes"
    if not data.structures:
        return Section(
            "structure", title, absent="There is no class with enough objects to divide."
        )
    text = (
        "Each class is divided by k-means in its embeddings, without objects whose label is "
        "doubted and without what the quality of the observations explains. The number of parts "
        "has the largest silhouette; p is the share of permuted classes, without parts, that "
        f"divide as well.{_tested_words(data)} Observations that differ: where parts differ in a "
        "brightness, an uncertainty or the signal to noise at least as much as in anything else, "
        "they are likely to be those, not kinds of objects."
    )
    records = [view.record for view in data.structures]
    caption = "All classes."
    if any(record.silhouette[record.k] <= -1 for record in records):
        caption += " Without parts: every division leaves fewer than five objects in one of them."
    blocks = [Block(caption, table=structure_table(records))]
    for view in data.structures:
        if view.record.p_value <= LEVEL:
            blocks += _parts(view, data)
    return Section("structure", title, text, blocks)


def _tested_words(data: DiscoverData) -> str:
    """How small p can get, and how many tests chance passes."""
    records = data.record.structure
    known = [record.permutations for record in records if record.permutations]
    words = ""
    if known:
        least = 1 / (1 + max(known))
        words = f" Of {max(known):,} permutations p cannot fall below {least:.2g}."
        if least > LEVEL:
            words += " So nothing can be significant here: raise --permutations to 99."
    return f"{words} {len(records)} tests pass by chance {len(records) * LEVEL:.1f} times."


def _parts(view: StructureView, data: DiscoverData) -> list[Block]:
    record = view.record
    name = record.name if record.modality == "all" else f"{record.name} ({record.modality})"
    what = [
        f"{name}: its {record.k} parts on the map of all objects (grey); "
        "colours are of parts, not of classes."
    ]
    if view.diagram is not None:
        absolute = view.diagram.magnitude_name.startswith("absolute")
        what.append(
            "Colour-magnitude diagram"
            + (" of the objects whose parallax is above 3 standard errors." if absolute else ".")
        )
    if view.spectra:
        what.append("Mean spectra, each spectrum divided by its median; bands are standard errors.")
    figure = figure_block(
        partial(structure_figure, view, data.position),
        " ".join(what),
        data,
        f"Parts of {name}",
        "png",
    )
    table = part_table(record)
    if not table.rows:
        return [figure]
    caption = (
        f"{name}: what sets its parts apart; effects of numbers in standard deviations, from ranks."
    )
    return [figure, Block(caption, table=table)]


def new_class_section(data: DiscoverData) -> Section:
    """Where classes that were never trained on come to lie."""
    records = data.record.new_classes
    title = "Classes that are not in use"
    if not records:
        used = "All classes of the catalogue are in use." if data.record.classes else _NO_CLASSES
        return Section("new", title, absent=used)
    # after the classes in use, so that each looks as it does in other figures
    names = [*data.record.classes, *sorted(record.name for record in records)]
    code = {name: i for i, name in enumerate(names) if i >= len(data.record.classes)}
    codes = np.asarray([code.get(name, -1) for name in data.label.tolist()])
    seen = np.isfinite(data.position).all(axis=1)
    panel = MapPanel("all", data.position[seen], codes[seen])
    method = "umap" if data.record.map is None else data.record.map.method
    figure = partial(embedding_map, [panel], names, method, others="all others")
    caption = "Objects of classes that were not trained on; grey: all others."
    blocks = [
        figure_block(figure, caption, data, "New classes on the map", "png"),
        Block(
            "Where they land: shares of the votes of the nearest training objects. Lonely: farther "
            "from all of them than 99 % of them are from each other.",
            table=landing_table(records),
        ),
    ]
    return Section("new", title, blocks=blocks)


def importance_section(data: DiscoverData) -> Section:
    """Tables of every measure, and what carried the decisions."""
    title = "Importance of the modalities"
    tables = data.record.importance
    if not tables:
        absent = "It needs two modalities and test objects that have all of them."
        return Section("importance", title, absent=absent)
    text = (
        "One classifier (or search, or prediction) given only some modalities, on the same test "
        "objects. Errors are standard errors: Wilson's of shares, of R² by the bootstrap. Arrows "
        "compare with the best single modality of the combination and are bold where a paired "
        "bootstrap says that p < 0.05. Many cells are compared: one in twenty is bold by chance."
    )
    words = {
        "accuracy": "Accuracy [%] by class",
        "retrieval": "Retrieval [%] by what is looked for",
        "regression": "R² [%]",
    }
    blocks = [
        Block(f"{words[entry.measure]}: {entry.method}.", table=comparison_table(entry))
        for entry in tables
    ]
    carried = data.record.decisions
    if carried is not None:
        blocks.append(
            Block(
                f"What carried the decisions of {carried.case} on {carried.n:,} test "
                "objects, by predicted class: mean share of each modality in the log-probability "
                "of the class (Shapley values [nat]), and how often it had the largest share. "
                "Every object is in discover/decisions.parquet.",
                table=carried_table(carried.classes),
            )
        )
    return Section("importance", title, text, blocks)


def label_section(data: DiscoverData) -> Section | None:
    """Objects of no class in use, and the classes suggested for them."""
    labels = data.record.labels
    if labels is None:
        return None
    which = ", ".join(labels.resolved) or "no label"
    text = (
        f"{labels.n:,} objects have none of the classes in use ({which}); for "
        f"{labels.n_sure:,} one class has a probability above one half, by the neighbours' "
        "votes and the classifier if there is one, joined with weights fitted on the validation "
        "objects. It says which known class is nearest, not that an object belongs to a known "
        "class. All are in discover/labels.csv."
    )
    table = label_table(labels.suggested)
    blocks = [Block("Suggested classes of these.", table=table)] if table.rows else []
    return Section("labels", "Suggested classes", text, blocks)


def object_section(page: ObjectPage, data: DiscoverData) -> Section:
    """One suspect object: observations, neighbours, catalogue."""
    example = page.example
    label = f"Labelled {example.true_class}" if example.true_class else "No label"
    reasons = page.reasons or "No single thing about it is rare."
    text = f"{label}, {example.split or 'outside the split'}. {reasons[:1].upper()}{reasons[1:]}."
    blocks = []
    if _drawable(page):
        caption = f"{example.object_id}, suspicion {page.suspicion:z.2f}."
        kind = "png" if example.image is not None else "svg"
        figure = partial(suspect_figure, example)
        blocks.append(
            figure_block(figure, caption, data, f"Observations of {example.object_id}", kind)
        )
    blocks.append(
        Block(
            "Nearest neighbours in the mean embedding of all modalities.",
            table=neighbour_table(page.neighbours),
        )
    )
    blocks.append(
        Block("Its row of the catalogue.", table=pairs_of(page.catalogue, ("", "")), folded=True)
    )
    return Section(f"object-{page.rank}", f"{example.object_id}", text, blocks)


def _drawable(page: ObjectPage) -> bool:
    example = page.example
    return any(x is not None for x in (example.light_curve, example.spectrum, example.image))


def _facts(data: DiscoverData) -> list[Fact]:
    record = data.record
    flagged = record.outliers.flagged
    facts = [Fact(number(record.n_objects), "objects")]
    for key, words in (
        ("label doubted", f"labels doubted by the neighbours{_right_words(data)}"),
        ("period doubted", "periods doubted"),
        ("redshift doubted", "redshifts doubted"),
        ("in no cluster of the whole survey", "objects in no cluster of the whole survey"),
    ):
        if key in flagged:
            facts.append(Fact(number(flagged[key]), words))
    divided = [entry for entry in record.structure if entry.p_value <= LEVEL]
    if record.structure:
        own = sum(entry.observed is None for entry in divided)
        words = f"of {len(record.structure)} classes have parts"
        if rest := len(divided) - own:
            words += f"; {rest} more divide by how they were observed"
        facts.append(Fact(number(own), words))
    return facts


def _right_words(data: DiscoverData) -> str:
    right = data.record.outliers.labels_right
    if not data.record.outliers.flagged.get("label doubted"):
        return ""
    if right is None:
        return ", of which some may be right: how many cannot be said of so few objects"
    return f", of which about {number(right)} are right if labels are wrong as often everywhere"
