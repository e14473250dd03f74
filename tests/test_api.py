import subprocess
import sys

import numpy as np
import pytest
from astropy.table import Table
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

import skybind as sb
from skybind.data.dataset import Dataset
from tests.conftest import QUICK

KEYS = [*QUICK, "finetuning.modalities=[all]", "finetuning.subsets=[full]"]


@pytest.fixture(scope="module")
def run(stars, tmp_path_factory):
    run = sb.Run.start("stars-small", Dataset.open(stars), tmp_path_factory.mktemp("api") / "run",
                       keys=KEYS)  # fmt: skip
    run.pretrain()
    return run


@pytest.fixture(scope="module")
def classifier(run):
    return run.finetune("photometry+spectrum", labels=0.25)


def test_importing_is_quick_and_names_are_completed():
    code = (
        "import sys, skybind; print([m for m in sys.modules if m.split('.')[0] in "
        "('torch', 'sklearn', 'astropy', 'pyarrow', 'numpy', 'pandas', 'lightning')]); "
        "print('Run' in dir(skybind))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["[]", "True"]


def test_every_public_name_is_there_and_no_other():
    for name in sb.__all__:
        assert getattr(sb, name) is not None
    assert set(sb.__all__) <= set(dir(sb))
    with pytest.raises(AttributeError, match="has no attribute 'Telescope'"):
        sb.Telescope  # noqa: B018


def test_a_run_is_started_by_name_file_or_configuration(run, stars, tmp_path):
    again = sb.Run.start(sb.load_config("stars-small", KEYS), stars, run.folder)
    assert again.config == run.config
    assert "pretrain" in again.steps
    with pytest.raises(sb.ConfigError, match="read by its name"):
        sb.Run.start(run.config, stars, tmp_path / "other", keys=["seed=1"])


def test_a_classifier_says_what_it_was_asked(run, classifier, stars):
    table = classifier.classify(stars)
    assert isinstance(table, Table)
    assert table["object_id"].tolist() == Dataset.open(stars).object_ids.tolist()
    assert {"class", "probability", "novelty", "modalities", "reason"} <= set(table.colnames)
    own = run.classify()
    assert own["class"].tolist() == table["class"].tolist()
    # a pre-trained model asks the best classifier of its run
    assert run.model.classify(stars)["class"].tolist() == table["class"].tolist()
    assert sb.load(run.folder, case="photometry+spectrum-25-pretrained").classes == run.classes


def test_a_model_embeds_as_the_run_does(run, stars):
    model = sb.load(run.folder)
    made, own = model.embed(stars), run.embed()
    assert made.object_id.tolist() == own.object_id.tolist()
    for name in own.modalities:
        np.testing.assert_allclose(made.vectors[name], own.vectors[name], atol=1e-5)


def test_a_model_is_a_transformer(run, stars):
    model = sb.load(run.folder)
    ids = Dataset.open(stars)
    labels = np.where(ids.labels() == "SR", 1, 0)
    pipeline = make_pipeline(model, LogisticRegression(max_iter=500)).fit(stars, labels)
    assert (pipeline.predict(stars) == labels).mean() > max(labels.mean(), 1 - labels.mean())
    assert model.get_params() == {}
    with pytest.raises(sb.ConfigError, match="no parameter 'depth'"):
        model.set_params(depth=3)


def test_numbers_are_predicted_with_errors(run, stars):
    table = run.model.predict(stars, "period")
    taught = np.asarray(table["reason"]) == "training object"
    assert taught.sum() > 200
    known = np.isfinite(table["period"])
    assert (table["period_err"][known] > 0).all()
    assert str(table["period"].unit) == "d"
    assert not (known & taught).any()


def test_a_search_is_a_table_and_a_figure(run, stars):
    name = Dataset.open(stars).object_ids[int(np.flatnonzero(run.source.present("photometry"))[0])]
    found = run.search(name, to="spectrum", by="photometry", k=5)
    assert len(found) == len(found.table) == 5
    assert found.table["rank"].tolist() == [1, 2, 3, 4, 5]
    assert len(found.plot().subfigs) == 6
    assert name in repr(found)
    assert found._repr_html_().startswith("<")


def test_maps_are_drawn_by_class_and_by_column(run):
    assert run.plot_map().axes
    assert run.plot_map("period", modalities="spectrum").axes
    with pytest.raises(sb.ConfigError, match="did you mean 'period'"):
        run.plot_map("perod")
    with pytest.raises(sb.ConfigError, match="did you mean 'spectrum'"):
        run.plot_map(modalities="spectra")


def test_things_say_what_they_are(run, classifier):
    assert "photometry + spectrum -> " in repr(classifier)
    assert "classes" in repr(classifier)
    assert "dimensions" in repr(run.model)
    assert "400 objects" in repr(run)
    for thing in (run, classifier):
        assert thing._repr_html_().count("<tr>") >= 4


def test_what_cannot_be_is_one_sentence(run, tmp_path):
    with pytest.raises(sb.ModelError, match="ships no trained model"):
        sb.load("stars-small")
    with pytest.raises(sb.ModelError, match="no model"):
        sb.load(tmp_path)
    with pytest.raises(sb.ConfigError, match="share between 0 and 1"):
        run.finetune("photometry", labels=10)
    with pytest.raises(sb.ConfigError, match="no case"):
        run.classifier("spectra-full")
