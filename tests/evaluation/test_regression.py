import numpy as np
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from skybind.cli.summary import render_clusters, render_summary
from skybind.embeddings.store import Embeddings
from skybind.errors import ConfigError, DataError
from skybind.evaluation.by_neighbours import predict_targets
from skybind.evaluation.clusters import cluster_again, planted_kinds, read_layouts
from skybind.evaluation.predict import predict_anything
from skybind.evaluation.predictions import read_predictions
from skybind.evaluation.records import read_metrics
from skybind.report.from_run import write_report
from skybind.runs.run import Run
from skybind.study import run_all
from tests.runs.made_up_galaxies import tiny_config, write_galaxies


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A whole run on a tiny survey of galaxies, with its metrics."""
    folder = tmp_path_factory.mktemp("galaxies")
    write_galaxies(folder / "data")
    metrics = run_all(tiny_config(folder), folder / "data", folder / "run")
    return folder, metrics


def chosen(metrics, **wanted):
    return [
        entry
        for entry in metrics.regression
        if all(getattr(entry, key) == value for key, value in wanted.items())
    ]


def test_every_pair_of_modalities_predicts_every_target(whole):
    _, metrics = whole
    pairs = [
        (("image",), ("image",)),
        (("spectrum",), ("spectrum",)),
        (("image", "spectrum"), ("image", "spectrum")),
        (("image",), ("spectrum",)),
        (("spectrum",), ("image",)),
    ]
    for target in ("redshift", "brightness"):
        for protocol in ("train", "validation"):
            found = chosen(metrics, target=target, method="k-NN", protocol=protocol)
            assert [(entry.fit, entry.predict) for entry in found] == pairs
    assert {entry.redshift for entry in chosen(metrics, target="redshift")} == {True}
    assert {entry.redshift for entry in chosen(metrics, target="brightness")} == {False}


def test_what_images_tell_is_predicted_and_planted_errors_count_against_the_catalogue(whole):
    _, metrics = whole
    (entry,) = chosen(
        metrics,
        target="redshift",
        method="k-NN",
        protocol="train",
        fit=("image",),
        predict=("image",),
    )
    assert entry.truth.r2 > 0.6
    assert entry.truth.r2 > entry.r2 + 0.1
    assert entry.n_train in (179, 180)  # one object has no redshift
    (entry,) = chosen(
        metrics, target="brightness", method="random forest", share=100, fit=("image",)
    )
    assert entry.r2 > 0.8
    assert entry.truth is None


def test_baselines_and_few_labels_are_on_the_same_objects(whole):
    _, metrics = whole
    for share, n in ((10.0, 18), (100.0, 180)):
        for method in ("MLP", "random forest", "ridge", "supervised"):
            found = chosen(metrics, target="brightness", method=method, share=share)
            if n < 20:  # too few to be worth a number
                assert found == []
            else:
                assert {entry.n_train for entry in found} == {n}
                assert len(found) == (2 if method == "supervised" else 3)


def test_predictions_are_kept_and_give_the_metrics(whole):
    from skybind.measures.regression import regression_metrics

    folder, metrics = whole
    kept = read_predictions(folder / "run" / "regression.parquet")
    assert len(kept) == 20
    assert [one.protocol for one in kept].count("validation") == 10
    run = Run.open(folder / "run")
    test = set(run.dataset.object_ids[run.rows("test")])
    for one in kept:
        (entry,) = chosen(
            metrics,
            target=one.target,
            method="k-NN",
            protocol=one.protocol,
            fit=one.fit,
            predict=one.predict,
        )
        assert regression_metrics(one.true, one.predicted).r2 == pytest.approx(entry.r2)
        assert set(one.object_id) <= test  # none that chose the epoch
        assert entry.n_train <= len(run.rows(one.protocol))


def test_predictions_of_an_older_file_are_those_of_the_training_objects(whole, tmp_path):
    folder, _ = whole
    path = folder / "run" / "regression.parquet"
    table = pq.read_table(path)
    old = table.filter(pc.equal(table["protocol"], "train")).drop_columns(["protocol"])
    pq.write_table(old, tmp_path / "old.parquet")
    kept = [one for one in read_predictions(path) if one.protocol == "train"]
    for one, two in zip(read_predictions(tmp_path / "old.parquet"), kept, strict=True):
        assert (one.target, one.protocol, one.fit) == (two.target, "train", two.fit)
        np.testing.assert_array_equal(one.predicted, two.predicted)


def test_new_objects_are_predicted_across_modalities(whole, tmp_path):
    folder, _ = whole
    true = write_galaxies(tmp_path / "new", 80, seed=9, with_spectra=False, name="new")
    run = Run.open(folder / "run")
    found = predict_anything(
        run, "redshift", tmp_path / "z.parquet", data=tmp_path / "new",
        fit=["spectrum"], predict=["image"],
    )  # fmt: skip
    assert (found.n, found.known, found.taught) == (80, 80, 0)
    table = pq.read_table(tmp_path / "z.parquet")
    assert np.corrcoef(table["redshift"].to_numpy(), true)[0, 1] > 0.5
    away = np.abs(table["redshift"].to_numpy() - true) / table["redshift_err"].to_numpy()
    assert 0.5 < (away < 1).mean() < 0.85  # errors are standard errors
    found = predict_anything(run, "redshift", tmp_path / "own.parquet")
    n, known, taught = found.n, found.known, found.taught
    assert (n, known) == (300, 120 + (5 in run.rows("train")))  # no training object tells itself
    reasons = pq.read_table(tmp_path / "own.parquet")["reason"].to_pylist()
    assert taught == reasons.count("training object") == 300 - known
    assert reasons.count("") == known
    predict_anything(run, "redshift", tmp_path / "own.csv")
    assert (
        (tmp_path / "own.csv").read_text().startswith('"object_id","ra","dec","split","redshift"')
    )
    with pytest.raises(DataError, match="ends in none of"):
        predict_anything(run, "redshift", tmp_path / "own.txt")
    with pytest.raises(ConfigError, match="imag"):
        predict_anything(run, "redshift", tmp_path / "z.parquet", fit=["imag"])


def test_maps_and_clusters_are_kept_and_described(whole):
    folder, metrics = whole
    layouts = read_layouts(folder / "run" / "maps.parquet")
    assert [layout.modalities for layout in layouts] == [
        ("image",), ("spectrum",), ("image", "spectrum"),
    ]  # fmt: skip
    run = Run.open(folder / "run")
    for layout in layouts:
        assert set(layout.rows) == {*run.rows("train"), *run.rows("test")}
        assert set(layout.rows[layout.part == "test"]) == set(run.rows("test"))
    assert [entry.method for entry in metrics.clusters] == ["DBSCAN", "k-means"] * 3
    for entry in metrics.clusters:
        layout = next(one for one in layouts if one.modalities == entry.modalities)
        label = layout.island if entry.method == "DBSCAN" else layout.group
        assert entry.n_clusters == label.max() + 1
        for cluster in entry.clusters:
            assert cluster.size == (label == cluster.cluster).sum()
        (match,) = entry.truth
        assert match.kind == "artefact"
        kinds = planted_kinds(run.dataset, layout.rows)
        assert match.n == kinds["artefact"].sum()
        inside = label == match.cluster
        assert match.precision == pytest.approx(kinds["artefact"][inside].mean())


def test_a_group_of_k_means_is_set_apart_by_its_redshift(whole):
    _, metrics = whole
    columns = [
        column.column
        for entry in metrics.clusters
        if entry.method == "k-means"
        for cluster in entry.clusters
        for column in cluster.columns
    ]
    assert {"redshift", "morphology"} & set(columns)
    assert "object_id" not in columns


def test_the_report_shows_all_of_it_and_says_that_it_is_simulated(whole):
    folder, _ = whole
    page = (folder / "run" / "report.html").read_text()
    for words in (
        "What is retrieved",
        "Predicting redshift and brightness",
        "Published: AstroCLIP v1",
        "Maps coloured by what the catalogue knows",
        "Clusters",
        "artefact",
    ):
        assert words in page
    assert "Confusion matrix" not in page
    assert page.count("<figcaption>") == page.count("Simulated data.</figcaption>") > 8
    assert len(page) < 15e6


def test_the_terminal_shows_it_too(whole):
    from rich.console import Console

    _, metrics = whole
    console = Console(record=True, width=140)
    console.print(render_summary(metrics), render_clusters(metrics.clusters))
    text = console.export_text()
    assert "Zero-shot prediction" in text
    found = metrics.retrieval[0]
    assert f"{found.recall[10]:.3f} ± {found.recall_error[10]:.3f}" in text
    assert ("canonical" in text) == bool(metrics.retrieval_rivals)
    assert "k-means, image + spectrum" in text


def test_clusters_again_with_another_radius(whole):
    folder, metrics = whole
    run = Run.open(folder / "run")
    again = cluster_again(run, radius=50.0)
    islands = [entry for entry in again if entry.method == "DBSCAN"]
    assert [entry.n_clusters for entry in islands] == [1, 1, 1]
    stored = read_metrics(folder / "run" / "metrics.json")
    assert stored.clusters == again
    assert stored.regression == metrics.regression
    # the configuration tells how they were found, and another evaluation finds the same
    opened = Run.open(folder / "run")
    assert opened.config == run.config
    assert opened.config.evaluation.island_radius == 50.0
    assert write_report(run).stat().st_size > 0


def test_embeddings_of_another_model_predict_nothing(whole):
    folder, _ = whole
    run = Run.open(folder / "run")
    own = Embeddings.read(folder / "run" / "embeddings")
    other = Embeddings(own.object_id, own.split, own.vectors, own.present, {"weights": "others"})
    with pytest.raises(DataError, match="another model"):
        predict_targets(run, own, other, "redshift", ["image"], ["image"])
