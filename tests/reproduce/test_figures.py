"""Figures of the papers on small studies: what they show is what was asked."""

import numpy as np
import pyarrow.parquet as pq
import pytest
from matplotlib.colors import to_hex

from skybind.drawing.style import class_colour
from skybind.embeddings.store import Embeddings
from skybind.errors import DataError
from skybind.reproduce import stars_figures as figures
from skybind.reproduce import suspects
from skybind.reproduce.galaxies import cluster_map, coloured, islands_explained
from skybind.reproduce.overview import overview


def titles(exhibit):
    return [part.get_suptitle() for part in exhibit.figure.subfigs]


def test_suspects_are_outliers_that_the_neighbours_judge(stars):
    run = stars.run
    table = {
        row["object_id"]: row for row in pq.read_table(run.paths.discover.outliers()).to_pylist()
    }
    wrong, strange = suspects.misclassified(run, 3), suspects.in_class(run, 3)
    assert wrong
    assert strange
    for one in wrong:
        entry = table[one.object_id]
        assert entry["label_doubt"] > 0.5
        assert one.suggested
        assert one.suggested != one.label
        assert entry["outside_main_cluster"] or entry["modalities_far_from_centroid"] >= 2
        assert run.dataset.object_ids[one.row] == one.object_id
    for one in strange:
        assert table[one.object_id]["label_doubt"] < 0
        assert one.label == run.class_names[one.row]
    doubts = [table[one.object_id]["label_doubt"] for one in wrong]
    assert doubts == sorted(doubts, reverse=True)


def test_without_discoveries_there_are_no_suspects(stars):
    with pytest.raises(DataError, match="skybind discover"):
        suspects.misclassified(stars.runs[1].run)


def test_every_suspect_is_drawn(stars):
    found = suspects.misclassified(stars.run)
    exhibit = figures.candidates(stars.run)
    assert titles(exhibit) == [
        f"{one.object_id}: {one.label}, neighbours {one.suggested}" for one in found
    ]
    assert "What the simulation planted" in exhibit.caption or "Nothing was" in exhibit.caption


def test_the_similar_are_those_of_largest_cosine(stars):
    exhibit = figures.similar(stars.run)
    embeddings = Embeddings.read(stars.run.paths.embeddings)
    query, first, second = titles(exhibit)
    row = embeddings.object_id.tolist().index(query.split(" ")[1])
    cosine = embeddings.vectors["spectrum"] @ embeddings.vectors["spectrum"][row]
    cosine[row] = -2
    cosine[~embeddings.present["spectrum"]] = -2
    best = np.argsort(-cosine)[:2]
    for title, index in zip((first, second), best, strict=True):
        assert title.startswith(embeddings.object_id[index])
        assert title.endswith(f"{cosine[index]:.4f}")


def test_the_contrast_is_alike_in_one_and_unlike_in_another(stars):
    contrast, query, crossed = titles(figures.contrast(stars.run))
    embeddings = Embeddings.read(stars.run.paths.embeddings)
    place = {name: row for row, name in enumerate(embeddings.object_id.tolist())}
    row = place[query.split(" ")[1]]
    curve = embeddings.vectors["photometry"] @ embeddings.vectors["photometry"][row]
    curve[~embeddings.present["photometry"]] = -2
    curve[row] = -2
    ten = np.argsort(-curve)[:10]
    ten = ten[embeddings.present["spectrum"][ten]]
    spectrum = embeddings.vectors["spectrum"] @ embeddings.vectors["spectrum"][row]
    assert place[contrast.split(" ")[1]] == ten[spectrum[ten].argmin()]
    across = embeddings.vectors["spectrum"] @ embeddings.vectors["photometry"][row]
    across[~embeddings.present["spectrum"]] = -2
    across[row] = -2
    assert place[crossed.split(" ")[1]] == across.argmax()


def test_unseen_classes_each_have_a_colour(stars):
    exhibit = figures.unseen_classes(stars.run)
    label = stars.run.dataset.labels("label")
    unseen = sorted(set(label.tolist()) - set(stars.run.classes) - {""})
    (legend,) = exhibit.figure.legends
    assert [text.get_text().split(" ")[0] for text in legend.get_texts()] == unseen
    colours = [to_hex(handle.get_facecolor()[0]) for handle in legend.legend_handles]
    first = len(stars.run.classes)  # none has the colour of a class in use
    assert colours == [class_colour(first + place) for place in range(len(unseen))]


def test_parts_of_a_class_are_drawn_in_its_colours_and_magnitudes(stars):
    exhibit = figures.rotating(stars.run, stars.discoveries)
    (axes,) = exhibit.figure.axes
    drawn = sum(len(points.get_offsets()) for points in axes.collections)
    (entry,) = [one for one in stars.discoveries.structure if one.name == "ROT"]
    assert drawn == sum(entry.sizes)
    assert axes.yaxis_inverted()
    with pytest.raises(DataError, match="class M"):
        figures.miras(stars.run, stars.discoveries)


def test_the_overview_tells_every_weight(stars):
    from skybind.models.model import Model

    exhibit = overview(stars.run)
    encoders = Model.open(stars.run.paths.model).binder.encoders
    words = [text.get_text() for text in exhibit.figure.subfigs[0].axes[0].texts]
    for encoder in encoders.values():
        weights = sum(p.numel() for p in encoder.parameters())
        assert any(f"{weights:,} parameters" in text for text in words)


def test_maps_and_clusters_of_galaxies(galaxies):
    for modalities in (("image",), ("spectrum",), ("image", "spectrum")):
        exhibit = coloured(galaxies.data, modalities, 9)
        names = [axes.get_title() for axes in exhibit.figure.axes if axes.get_title()]
        assert [name.split(" ")[0] for name in names] == ["redshift", "log_mass"]
    assert "clusters" in cluster_map(galaxies.data, "k-means", "spectrum", 13).caption
    with pytest.raises(DataError, match="no map of metadata"):
        coloured(galaxies.data, ("metadata",), 9)


def test_islands_are_explained_by_dbscan_itself():
    exhibit = islands_explained()
    (legend,) = exhibit.figure.legends
    counts = [int(text.get_text().rpartition("(")[2][:-1]) for text in legend.get_texts()]
    assert sum(counts) == 34
    assert all(counts)
