import csv
from pathlib import Path

import pytest
import yaml

from skybind.config import config_names, dump_config, load_config
from skybind.config.load import without_modalities
from skybind.errors import ConfigError

HYPERPARAMETERS = Path(__file__).parents[3] / "shared/reference/astrom3_hyperparameters.csv"


def test_the_published_configuration_to_the_digit():
    config = load_config("astrom3")
    training = config.training
    assert (training.batch_size, training.drop_last, training.epochs) == (512, True, 100)
    assert training.learning_rate == 0.0039210319036872545
    assert training.betas == (0.9261921550228268, 0.999)
    assert training.weight_decay == 0.004670071421955371
    assert training.gradient_clip == 45
    assert (training.warmup_epochs, training.warmup_start) == (10, 1e-5)
    assert (training.plateau_factor, training.plateau_patience) == (0.1125080808385063, 3)
    assert training.early_stop_patience == 6
    assert (training.keep_by, training.loss_mean) == ("accuracy", "batches")
    classifiers = config.finetuning.training
    assert (classifiers.epochs, classifiers.gradient_clip) == (50, 5)
    assert (classifiers.keep_by, classifiers.loss_mean) == ("accuracy", "batches")
    assert config.split.subset_rule == "release"
    assert config.model.dimension == 512
    assert config.pairs == [
        ("photometry", "spectrum"),
        ("spectrum", "metadata"),
        ("metadata", "photometry"),
    ]
    scale = config.model.scale
    assert (scale.learnable, scale.initial, scale.minimum, scale.maximum) == (True, 100, 1, 100)
    assert config.model.loss == "sum"


@pytest.mark.skipif(not HYPERPARAMETERS.exists(), reason="the reference is not here")
def test_the_hyper_parameters_of_every_published_configuration():
    config = load_config("astrom3")
    with HYPERPARAMETERS.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 13
    for row in rows:
        name = row["modality"]
        if name == "pre-training":
            training = config.training.model_dump()
            dropouts = {name: m.encoder["dropout"] for name, m in config.modalities.items()}
        else:
            every = config.finetuning.overrides.get(name, {})
            own = config.finetuning.overrides[f"{name}-{row['subset']}"]
            training = config.finetuning.training.model_dump() | every | own
            dropouts = {name: own["encoders"][name]["dropout"]}
        for key in ("learning_rate", "weight_decay", "plateau_factor"):
            assert float(training[key]) == float(row[key]), (row["subset"], key)
        for key in ("epochs", "batch_size", "plateau_patience", "warmup_epochs"):
            assert training[key] == int(row[key])
        assert training["early_stop_patience"] == int(row["early_stopping_patience"])
        assert list(training["betas"]) == [float(row["beta1"]), float(row["beta2"])]
        clip = training["gradient_clip"]
        assert (None if row["gradient_clip"] == "" else float(row["gradient_clip"])) == clip
        known = {m: float(row[f"dropout_{m}"]) for m in config.modalities if row[f"dropout_{m}"]}
        assert dropouts == known


@pytest.mark.parametrize("name", ["stars", "stars-small"])
def test_our_own_configurations_take_nothing_of_the_release(name):
    config = load_config(name)
    assert config.split.subset_rule == "water-filling"
    assert (config.training.loss_mean, config.finetuning.training.keep_by) == ("objects", "loss")
    assert config.model.scale.clamp == "logarithm"
    assert config.modalities["photometry"].preprocessing["padding"] == "zero"
    assert config.modalities["spectrum"].preprocessing["edges"] == "zero"
    assert not any(key.startswith("metadata") for key in config.finetuning.overrides)


def test_the_reports_configuration_to_the_digit():
    config = load_config("astroclip")
    training = config.training
    assert (training.optimizer, training.learning_rate, training.weight_decay) == (
        "adam",
        5e-4,
        0.2,
    )
    assert (training.batch_size, training.epochs, training.warmup_epochs) == (512, 80, 0)
    assert (training.plateau_factor, training.plateau_patience) == (0.5, 5)
    assert (training.plateau_by, training.keep_by) == ("validation", "last")
    assert (config.evaluation.combined, config.evaluation.groups) == ("concatenated", 10)
    assert training.early_stop_patience is None
    assert training.gradient_clip is None
    scale = config.model.scale
    assert (scale.learnable, scale.initial) == (False, 15.5)
    assert (config.model.dimension, config.model.loss) == (128, "mean")
    assert config.pairs == [("image", "spectrum")]
    assert sum(config.split.fractions) == pytest.approx(1)
    assert config.split.fractions[0] == 0.9
    assert min(config.split.fractions) > 0  # what chose the rate does not test it
    backbones = [m.backbone.encoder["name"] for m in config.modalities.values()]
    assert backbones == ["resnet50", "spender"]
    assert all(m.backbone.weights is None for m in config.modalities.values())


def test_paths_of_weights_hold_from_any_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    key = "modalities.image.backbone.weights"
    config = load_config("astroclip", [f"{key}=mine/weights.ckpt"])
    assert config.modalities["image"].backbone.weights == str(tmp_path / "mine" / "weights.ckpt")
    config = load_config("astroclip", [f"{key}=random"])
    assert config.modalities["image"].backbone.weights == "random"


@pytest.mark.parametrize("name", ["astrom3", "astroclip", "stars", "stars-small"])
def test_shipped_configurations_survive_a_round_trip(name, tmp_path):
    config = load_config(name)
    (tmp_path / "same.yaml").write_text(dump_config(config))
    assert load_config(tmp_path / "same.yaml") == config
    assert name in config_names()
    assert config.description


def test_extending_overriding_and_removing(tmp_path):
    text = "extends: stars-small\ntraining: {epochs: 3}\nmodalities: {spectrum: null}\n"
    (tmp_path / "mine.yaml").write_text(text)
    config = load_config(tmp_path / "mine.yaml", ["model.dimension=32", "labels.classes=[M, SR]"])
    base = load_config("stars-small")
    assert config.name == "mine"
    assert config.training.epochs == 3
    assert config.training.learning_rate == base.training.learning_rate
    assert list(config.modalities) == ["photometry", "metadata"]
    assert config.model.dimension == 32
    assert config.labels.classes == ["M", "SR"]


def test_another_encoder_replaces_all_of_the_old_ones_options(tmp_path):
    text = "extends: stars\nmodalities: {spectrum: {encoder: {name: mlp, hidden: 9}}}\n"
    (tmp_path / "mine.yaml").write_text(text)
    config = load_config(tmp_path / "mine.yaml")
    assert config.modalities["spectrum"].encoder == {"name": "mlp", "hidden": 9}
    # while an option alone is merged
    config = load_config("stars", ["modalities.spectrum.encoder.dropout=0.5"])
    assert config.modalities["spectrum"].encoder["name"] == "galspecnet"


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("traning.epochs=2", "no key 'traning': did you mean 'training'"),
        ("training.epoch=2", "no key 'training.epoch': did you mean 'epochs'"),
        ("modalities.spectrum.encodr=2", "'modalities.spectrum.encodr': did you mean 'encoder'"),
        ("training.epochs=many", "training.epochs: input should be a valid integer"),
        ("training.epochs=0", "training.epochs: input should be greater"),
        ("training", "does not set a key"),
        ("seed.x.y=1", "is a value, not a section"),
        ("model.pairs=[[photometry, image]]", "'image', which is not among modalities"),
        ("finetuning.subsets=[full, '5-all']", "a number of objects a class ('5-each'), not"),
        ("finetuning.subsets=['100']", "between 0 and 100 ('10')"),
        ("split.name=../main", "split.name '../main' becomes the name of a file"),
        ("modalities={a/b: {encoder: {name: mlp}}}", "The modality's name 'a/b' becomes"),
        ("modalities={a+b: {encoder: {name: mlp}}}", "called 'a+b', but '+' joins modalities"),
        ("modalities={all: {encoder: {name: mlp}}}", "'each' and 'all' stand for them"),
        ("finetuning.modalities=[photometry+x]", "'x', which is not among modalities"),
        ("modalities.spectrum.encoder={hidden: 3}", "the encoder has no name"),
        ("model.scale.initial=-1", "model.scale.initial"),
        ("split.subsets=[abc]", "a subset is a percentage of the labels between 0 and 100"),
        ("split.subsets=['150']", "('5-each'), not '150'"),
    ],
)
def test_what_is_wrong_is_one_sentence(override, sentence):
    with pytest.raises(ConfigError) as caught:
        load_config("stars-small", [override])
    assert sentence in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: [1", "is not YAML"),
        ("- 1", "is not a mapping"),
        (
            "extends: star",
            "no configuration 'star', neither a shipped one nor a file: did you mean",
        ),
        ("extends: bad.yaml", "extends itself"),
        ("name: x", "the key 'modalities' is missing"),
        ("\x00\x01", "is not YAML"),
        ("modalities: {a: {encoder: {name: mlp}}}\n42: x", "there is no key '42'"),
        ("modalities: {a: {encoder: {name: mlp}}}\nnull: x", "every key must be text"),
    ],
)
def test_broken_files_are_one_sentence(text, sentence, tmp_path):
    path = tmp_path / "bad.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load_config(path)
    assert sentence in str(caught.value)


def test_what_speaks_of_a_removed_modality_goes_with_it(tmp_path):
    """A modality that is taken out takes its pairs, cases and overrides along, and no others."""
    cases = "finetuning.modalities=[each, photometry+spectrum, spectrum, all]"
    changes = "{spectrum-10: {epochs: 3}, photometry+spectrum: {epochs: 4}, '*-25': {epochs: 5}}"
    sets = [cases, f"finetuning.overrides={changes}", "modalities.spectrum=null"]
    config = load_config("astrom3", sets)
    assert config.pairs == [("metadata", "photometry")]
    assert config.finetuning.modalities == ["each", "photometry", "all"]
    assert list(config.finetuning.overrides) == ["*-25"]
    (tmp_path / "mine.yaml").write_text("extends: astroclip\nmodalities: {image: null}\n")
    assert load_config(tmp_path / "mine.yaml").pairs == [("spectrum", "spectrum")]
    # of names that begin alike the longest is meant
    raw = {
        "modalities": {"blue": {}, "blue-far": {}},
        "finetuning": {"overrides": {"blue-far-10": {}, "blue-10": {}, "blue-far+blue": {}}},
    }
    left = without_modalities(raw, ["blue"])
    assert list(left["finetuning"]["overrides"]) == ["blue-far-10"]


def test_one_modality_is_paired_with_itself():
    removed = ["modalities.spectrum=null", "modalities.metadata=null", "model.pairs=all"]
    config = load_config("stars-small", removed)
    assert config.pairs == [("photometry", "photometry")]
    assert config.modality_sets == [("photometry",)]


def test_dump_is_yaml_with_every_key():
    keys = yaml.safe_load(dump_config(load_config("stars")))
    assert keys["training"]["early_stop_patience"] == 6
    assert keys["modalities"]["photometry"]["preprocessing"]["phase"] is True
