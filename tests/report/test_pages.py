"""Pages on regression, retrieval, maps and clusters, from known numbers."""

import numpy as np
import pytest

from skybind.drawing.cells import NONE
from skybind.drawing.maps import cluster_maps, coloured_maps
from skybind.drawing.observed import ColourColumn, ExampleObject, MapView, Picture, Spectrum
from skybind.evaluation.records import Groups, Islands, Metrics, TargetResult
from skybind.report.build import headline_facts, render_report
from skybind.report.clusters import (
    cluster_section,
    cluster_table,
    coloured_section,
    retrieved_section,
    truth_table,
)
from skybind.report.data import ReportData
from skybind.report.figures.pictures import cluster_gallery, retrieved_images, retrieved_spectra
from skybind.report.figures.regression import arrow_name, prediction_figure
from skybind.report.regression import (
    best_zero_shot,
    comparison_table,
    published_table,
    regression_section,
    zero_shot_table,
)
from skybind.report.views import ClusterView, Match, PredictionView, QueryView
from tests.report.made_up import changed

KNN = {"method": "k-NN", "inputs": "embeddings", "k": 16, "share": 100.0, "seed": 1}
PUBLISHED = {"redshift": "redshift", "log_mass": "stellar mass"}
PLANTED = [("DBSCAN", 0.9, 0.6), ("k-means", 0.1, 1.0)]
PAIRS = [("image", "image"), ("spectrum", "spectrum"), ("spectrum", "image")]


def entry(r2, fit="image", predict="image", target="redshift", protocol="train", **more):
    known = {
        **KNN,
        "target": target,
        "unit": None,
        "fit": fit.split("+"),
        "predict": predict.split("+"),
        "protocol": protocol,
        "n_train": 800,
        "n_test": 100,
        "redshift": target == "redshift",
        "r2": r2,
        "r2_error": 0.012,
        "bias": -0.0015,
        "scatter": 0.0213,
        "outliers": {"0.15": 0.021, "0.05": 0.117} if target == "redshift" else {"3": 0.03},
        "truth": None,
    }
    return TargetResult.model_validate(known | more)


def entries():
    found = [entry(0.1 * n, *pair) for n, pair in enumerate(PAIRS, 5)]
    found += [entry(0.3, *pair, protocol="validation") for pair in PAIRS]
    found += [entry(0.55, target="log_mass", unit="dex")]
    for share, r2 in ((10.0, 0.31), (100.0, 0.62)):
        found.append(entry(r2, method="MLP", share=share))
        found.append(entry(r2 + 0.1, method="ridge", inputs="statistics", share=share))
    return found


def texts(table):
    return [[cell.text for cell in row] for row in table.rows]


def example(rng, name, picture=True):
    wavelength = np.arange(3600.0, 9800, 4)
    spectrum = Spectrum(wavelength, rng.normal(1, 0.1, len(wavelength)), redshift=0.2)
    image = Picture(rng.random((24, 24, 3)), 0.262) if picture else None
    return ExampleObject(name, spectrum=spectrum, image=image, properties={"redshift": "0.2"})


def make_galaxies(simulated=True):
    rng = np.random.default_rng(0)
    pool = [example(rng, f"g{i}") for i in range(8)]
    maps = [
        MapView(
            names,
            np.repeat(["train", "test"], [80, 20]),
            rng.normal(size=(100, 2)),
            [
                ColourColumn("redshift", np.append(rng.random(99), np.nan)),
                ColourColumn("morphology", rng.choice(["spiral", "elliptical", ""], 100)),
            ],
            {"DBSCAN": rng.integers(-1, 3, 100), "k-means": rng.integers(0, 4, 100)},
        )
        for names in (("image",), ("image", "spectrum"))
    ]
    true = rng.random(200)
    predictions = [
        PredictionView(
            "redshift", None, (a,), (b,), true, true + rng.normal(0, 0.05, 200), 0.9, 0.01
        )
        for a, b in PAIRS
    ]
    names = ("image", "spectrum")
    matches = {
        (a, b): [Match(other, 0.9, other is pool[0]) for other in pool[:5]]
        for a in names
        for b in names
    }
    clusters = [
        ClusterView(("image",), method, number, 40, pool[:6])
        for method in ("DBSCAN", "k-means")
        for number in range(2)
    ]
    metrics = {
        "metrics_version": 1,
        "dataset": {"simulated": simulated, "n_objects": 100},
        "regression": [entry.plain() for entry in entries()],
        "clusters": [planted(*found).plain() for found in PLANTED],
    }
    return ReportData(
        Metrics.model_validate(metrics), maps=maps, predictions=predictions, clusters=clusters,
        queries=[QueryView(pool[0], matches), QueryView(pool[1], matches)], published=PUBLISHED,
    )  # fmt: skip


def planted(method, precision, recall, **more):
    settings = (
        {"map": "umap", "radius": 0.2, "min_samples": 5}
        if method == "DBSCAN"
        else {"k": 4, "silhouette": {"3": 0.1, "4": 0.25}}
    )
    column = {"column": "mag_r", "value": "", "effect": -2.34, "inside": 18.2, "outside": 20.125}
    text = {"column": "kind", "value": "spiral", "effect": 1.0, "inside": 0.8, "outside": 0.4}
    column["p_value"] = text["p_value"] = 1e-9
    known = {
        "method": method,
        "modalities": ["image"],
        **settings,
        "n": 100,
        "n_clusters": 2,
        "n_alone": 3,
        "clusters": [
            {"cluster": 0, "size": 70, "examples": [], "columns": []},
            {"cluster": 1, "size": 27, "examples": [], "columns": [column, text]},
        ],
        "truth": [
            {
                "kind": "artefact", "n": 10, "share": 0.1, "cluster": 1, "size": 27,
                "precision": precision, "recall": recall, "clusters": [1],
                "precision_of_all": precision, "recall_of_all": recall, **more,
            }
        ],
    }  # fmt: skip
    kind = Islands if method == "DBSCAN" else Groups
    return kind.model_validate(known)


def test_halves_that_chose_the_epoch_are_not_shown_beside_test_objects():
    """What a program of before measured has no place among numbers of other objects."""
    own = [entry(0.5, "image"), entry(0.3, "image", protocol="held-out")]
    assert texts(zero_shot_table(own))[0][-1] == NONE
    own[1] = entry(0.3, "image", protocol="validation")
    assert texts(zero_shot_table(own))[0][-1] == "0.300 ± 0.012"


def test_zero_shot_numbers_stand_in_the_table_with_both_protocols():
    own = [e for e in entries() if e.target == "redshift"]
    rows = texts(zero_shot_table(own))
    assert rows[0] == [
        "image", "800", "100", "0.500 ± 0.012", "-0.0015", "0.0213", "2.1 ± 1.5", "11.7 ± 3.2",
        "0.300 ± 0.012",
    ]  # fmt: skip
    assert [row[0] for row in rows] == ["image", "spectrum", "spectrum → image"]
    with_truth = [entry(0.6, truth=entry(0.93).plain())]
    table = zero_shot_table(with_truth)
    assert table.header[3:5] == ["R², truth", "R²"]
    assert texts(table)[0][3:5] == ["0.930 ± 0.012", "0.600 ± 0.012"]


def test_methods_stand_side_by_side_for_every_share_of_the_labels():
    table = comparison_table(entries())
    assert table.header[3:] == ["10 % of labels", "100 % of labels"]
    assert texts(table) == [
        ["Image", "MLP", "embeddings", "0.310 ± 0.012", "0.620 ± 0.012"],
        ["Image", "ridge", "statistics", "0.410 ± 0.012", "0.720 ± 0.012"],
    ]


def test_a_method_without_enough_labels_for_the_smallest_share_keeps_its_row():
    rest = [e for e in entries() if not (e.method == "ridge" and e.share == 10.0)]
    assert texts(comparison_table(rest))[1] == [
        "Image",
        "ridge",
        "statistics",
        "–",
        "0.720 ± 0.012",
    ]


def test_published_numbers_stand_beside_the_same_quantity_only():
    rows = texts(published_table(entries(), PUBLISHED))
    assert rows[0] == ["redshift", "image", "0.500 ± 0.012", "0.300 ± 0.012", "0.71", "0.65"]
    assert [row[-2:] for row in rows] == [
        ["0.71", "0.65"], ["0.97", "0.87"], ["0.64", "0.59"], ["0.66", "0.57"],
    ]  # fmt: skip
    assert published_table([entry(0.5, "photometry")], PUBLISHED).rows == []
    # whatever a column is called, only what the configuration says is compared
    assert published_table(entries(), {}).rows == []
    named = {"mean_mass_of_black_hole": "stellar mass"}
    assert published_table([entry(0.5, target="log_mass")], named).rows == []
    assert len(published_table([entry(0.5, target="mean_mass_of_black_hole")], named).rows) == 1
    caption = regression_section(make_galaxies()).blocks[-1].caption
    assert "DESI" in caption
    assert "Other data than this run's" in caption


def test_the_report_speaks_of_r2_where_there_are_no_classes():
    run = make_galaxies()
    facts = {fact.label: fact.value for fact in headline_facts(run)}
    assert facts["R² of redshift from the spectrum, zero-shot on test"] == "0.600"
    known = [one.plain() for one in run.metrics.regression]
    known[1]["truth"] = entry(0.94).plain()
    changed(run, regression=known)
    labels = [fact.label for fact in headline_facts(run) if fact.value == "0.600"]
    assert labels == [  # the number of the figure, and what the simulation knows beside it
        "R² of redshift from the spectrum, zero-shot on test, against the catalogue "
        "(against the truth 0.940)"
    ]
    assert best_zero_shot([entry(None)], "redshift") is None


@pytest.mark.parametrize("simulated", [True, False])
def test_every_figure_says_whether_its_data_are_simulated(simulated):
    page = render_report(make_galaxies(simulated))
    words = "Simulated data." if simulated else "Real observations."
    assert page.count("<figcaption>") == page.count(f"{words}</figcaption>") >= 8
    assert "Confusion matrix" not in page
    assert page.count("data:image/jpeg") == 4


def test_pages_without_anything_to_show_are_left_out():
    empty = ReportData(Metrics())
    for section in (regression_section, retrieved_section, coloured_section, cluster_section):
        assert section(empty) is None


def test_planted_kinds_are_shown_by_the_method_that_finds_them_best():
    found = [planted("DBSCAN", 0.9, 0.6), planted("k-means", 0.1, 1.0)]
    assert texts(truth_table(found, best=True)) == [
        ["artefact", "DBSCAN", "image", "10", "1 (27)", "90.0", "60.0", "60.0", "10.0"]
    ]
    assert [row[1] for row in texts(truth_table(found))] == ["DBSCAN", "k-means"]
    few = planted("k-means", 0.1, 1.0, n=4)
    assert [row[1] for row in texts(truth_table([found[0], few]))] == ["DBSCAN"]
    lost = texts(truth_table([planted("DBSCAN", 0.0, 0.0, cluster=-1)]))[0]
    assert lost[4:7] == ["–", "–", "0.0"]


def test_the_settings_of_maps_are_told_apart_where_they_differ():
    run = make_galaxies()
    own = planted("DBSCAN", 0.9, 0.6).plain()
    other = own | {"modalities": ["image", "spectrum"]}
    changed(run, clusters=[own, other])
    assert "on the maps (radius 0.20, 5 samples)." in cluster_section(run).blocks[0].caption
    changed(run, clusters=[own, other | {"radius": 0.45}])
    words = "(image: radius 0.20, 5 samples; image + spectrum: radius 0.45, 5 samples)"
    assert words in cluster_section(run).blocks[0].caption


def test_clusters_are_described_in_words():
    rows = texts(cluster_table(planted("DBSCAN", 0.9, 0.6)))
    assert rows[0] == ["0", "nothing", "70", "70.0"]
    assert rows[1][1] == ("mag_r -2.3 σ (18.2 against 20.12); kind = spiral (80 % against 40 %)")


def test_predictions_are_drawn_on_common_axes_with_their_r2():
    figure = prediction_figure(make_galaxies().predictions)
    assert [axes.get_title() for axes in figure.axes] == [
        "image", "spectrum", "spectrum → image",
    ]  # fmt: skip
    assert len({(axes.get_xlim(), axes.get_ylim()) for axes in figure.axes}) == 1
    assert all(axes.texts[0].get_text() == "R² = 0.900 ± 0.010" for axes in figure.axes)
    assert arrow_name(["image", "spectrum"], ["image", "spectrum"]) == "image + spectrum"


def test_predictions_that_are_all_the_same_are_drawn_too():
    same = PredictionView("z", None, ("a",), ("a",), np.ones(30), np.ones(30), np.nan, np.nan)
    assert len(prediction_figure([same]).axes[0].texts) == 0


def test_retrieved_objects_are_drawn_and_the_partner_framed():
    run = make_galaxies()
    pairs = list(run.queries[0].matches)
    figure = retrieved_images(run.queries, pairs)
    axes = [axes for block in figure.subfigs for axes in block.axes]
    assert len(axes) == 2 * (1 + 3 * 4)
    green = [
        a
        for a in axes
        if a.spines["left"].get_edgecolor()[1] > 0.5 and a.spines["left"].get_visible()
    ]
    assert len(green) == 2 * 4  # the first match of every block of both rows
    figure = retrieved_spectra(run.queries, pairs)
    assert len(figure.axes) == 2 * 4
    assert all(len(a.get_lines()) == 6 for a in figure.axes)  # five matches and the query


def test_objects_without_image_or_spectrum_are_drawn_as_missing():
    rng = np.random.default_rng(1)
    bare = example(rng, "bare", picture=False)
    dark = ExampleObject("dark", image=Picture(rng.random((8, 8, 3))))
    view = ClusterView(("image",), "DBSCAN", 0, 2, [bare, dark])
    figure = cluster_gallery([view])
    assert len(figure.axes) == 7
    query = QueryView(bare, {("image", "image"): [Match(dark, 0.1, False)]})
    assert len(retrieved_images([query], [("image", "image")]).subfigs) == 2
    assert len(retrieved_spectra([query], [("image", "image")]).axes[0].get_lines()) == 1


def test_maps_are_coloured_by_numbers_and_by_text():
    views = make_galaxies().maps
    figure = coloured_maps(views, "umap")
    titles = [axes.get_title() for axes in figure.axes]
    assert titles[:2] == ["redshift", "morphology"]
    legend = next(axes.get_legend() for axes in figure.axes if axes.get_legend())
    assert {text.get_text() for text in legend.get_texts()} == {"spiral", "elliptical"}
    figure = cluster_maps(views, "DBSCAN", "umap")
    numbers = [text.get_text() for text in figure.axes[0].texts]
    assert numbers == ["0", "1", "2"]
