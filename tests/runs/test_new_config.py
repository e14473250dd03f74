"""`config new`: what it writes loads, and runs."""

import pytest

import skybind as sb
from skybind.config import load_config
from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.errors import ConfigError
from skybind.runs.new_config import config_text, new_config, write_new_config
from skybind.runs.run import Run
from skybind.runs.steps import run_pretraining
from skybind.study import run_all
from tests.runs.made_up_galaxies import write_galaxies
from tests.runs.made_up_surveys import (
    catalogue_and_curves,
    light_curves_only,
    supernovae,
    two_telescopes,
    write,
)

#: A run of seconds.
SHORT = [
    "training.epochs=1",
    "finetuning.training.epochs=1",
    "finetuning.subsets=[full]",
    "finetuning.starts=[pretrained]",
    "evaluation.map=none",
    "evaluation.examples=1",
    "evaluation.supervised_epochs=0",
]


def fitted(path, folder):
    """The configuration of a dataset as a user has it: from the file."""
    new_config(path, folder / "mine.yaml")
    return load_config(folder / "mine.yaml", SHORT)


def test_simulated_stars(stars, tmp_path):
    config = fitted(stars, tmp_path)
    assert list(config.modalities) == ["photometry", "spectrum", "metadata"]
    assert config.modalities["photometry"].encoder["name"] == "folded"
    assert config.name == "mine"
    run = Run.start(config, stars, tmp_path / "run")
    assert list(run_pretraining(run).modalities) == list(config.modalities)


def test_galaxies_with_targets(tmp_path):
    write_galaxies(tmp_path / "galaxies", 120)
    config = fitted(tmp_path / "galaxies", tmp_path)
    assert config.modalities["image"].preprocessing["crop"] == 20
    metrics = run_all(config, tmp_path / "galaxies", tmp_path / "run")
    assert {row.target for row in metrics.regression} >= {"redshift"}


def test_transients(tmp_path):
    path = supernovae(tmp_path / "sn")
    config = fitted(path, tmp_path)
    options = config.modalities["photometry"].preprocessing
    assert options["bands"] == ["g", "r"]
    assert options["time_zero"] == "first"
    assert list(Run.start(config, path, tmp_path / "begun").modalities) == [
        "photometry", "spectrum", "metadata",
    ]  # fmt: skip
    # the shipped one runs from end to end, and goes on with its bands
    small = ["modalities.photometry.preprocessing.length=12", "finetuning.modalities=[photometry]"]
    shipped = load_config(
        "transients-small",
        [*SHORT, *small, "finetuning.training.epochs=15", "training.batch_size=32"],
    )
    metrics = run_all(shipped, path, tmp_path / "run")
    run = Run.start(shipped, path, tmp_path / "run")
    assert run.config.modalities["photometry"].preprocessing["bands"] == ["g", "r"]
    assert list(run.modalities) == ["photometry", "spectrum", "metadata"]
    assert {pair.query for pair in metrics.retrieval} == {"photometry", "spectrum", "metadata"}
    # classes that fade at other rates are told apart by their light curves
    (alone,) = [c for c in metrics.classification if c.modalities == ("photometry",)]
    assert alone.accuracy == 1


def test_light_curves_of_two_bands_alone(tmp_path):
    path = light_curves_only(tmp_path / "d", bands=["g", "r"])
    config = fitted(path, tmp_path)
    assert config.modalities["photometry"].preprocessing["bands"] == ["g", "r"]
    assert config.finetuning.modalities == []
    run_all(config, path, tmp_path / "run")
    assert (tmp_path / "run" / "report.html").exists()


def test_light_curves_and_a_catalogue_without_labels(tmp_path):
    path = catalogue_and_curves(tmp_path / "d")
    run_all(fitted(path, tmp_path), path, tmp_path / "run")
    # folded by periods that were found first, as the comment says
    assert "computes periods and features" in " ".join((tmp_path / "mine.yaml").read_text().split())
    run = Run.open(tmp_path / "run")
    assert run.modalities["photometry"].period_column == "photometry_period"


def test_two_columns_of_light_curves(tmp_path):
    path = two_telescopes(tmp_path / "d")
    config = fitted(path, tmp_path)
    kinds = {name: entry.kind for name, entry in config.modalities.items()}
    assert kinds == {"near_infrared": "photometry", "optical": "photometry"}
    assert config.labels.column == "kind"
    metrics = run_all(config, path, tmp_path / "run")
    assert metrics.classification


def test_in_python_it_is_a_configuration(tmp_path):
    path = two_telescopes(tmp_path / "d")
    config = sb.new_config(Dataset.open(path))
    assert isinstance(config, sb.Config)
    assert config == load_config(_file(tmp_path, config_text(path)))


def _file(folder, text):
    (folder / "d.yaml").write_text(text)
    return folder / "d.yaml"


def test_nothing_is_replaced(tmp_path):
    path = light_curves_only(tmp_path / "d")
    (tmp_path / "mine.yaml").write_text("precious")
    with pytest.raises(ConfigError, match=r"mine\.yaml exists already: choose another name"):
        write_new_config(path, tmp_path / "mine.yaml")
    assert (tmp_path / "mine.yaml").read_text() == "precious"
    with pytest.raises(ConfigError, match="There is no folder"):
        write_new_config(path, tmp_path / "nowhere" / "mine.yaml")


def test_a_dataset_with_nothing_to_bind_is_refused(tmp_path):
    path = write(tmp_path / "d", 2, {"note": Column("info")}, {"note": ["a", "b"]})
    with pytest.raises(ConfigError, match="has nothing to bind; a configuration needs light"):
        config_text(path)
