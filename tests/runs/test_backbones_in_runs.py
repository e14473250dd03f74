"""Runs whose images go through a frozen ResNet."""

import json
import shutil
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from skybind.config import Config
from skybind.config.load import merge, validate
from skybind.data.dataset import Dataset
from skybind.data.fingerprints import observation_hashes
from skybind.data.schema import Column
from skybind.data.seen import TRAINED, Seen
from skybind.data.write import DatasetWriter
from skybind.embeddings.store import Embeddings
from skybind.encoders import InputShape, build_encoder
from skybind.errors import ConfigError, LeakError, ModelError
from skybind.evaluation.classes import evaluate_case
from skybind.evaluation.supervised import supervised_predictions
from skybind.modalities.source import BatchSource
from skybind.models import build_binder, build_modalities
from skybind.models.backbones import check_backbones, load_backbone, save_backbone
from skybind.models.frozen_features import without_features
from skybind.models.leaks import hash_ids
from skybind.models.model import Model
from skybind.models.noted import write_note
from skybind.models.seen import write_seen
from skybind.ragged import Ragged
from skybind.runs.cases import Case
from skybind.runs.choosing import choose_split
from skybind.runs.embedding import embed_anything, run_embedding
from skybind.runs.run import Run
from skybind.runs.steps import find_pretrained, run_finetuning, run_pretraining
from skybind.training.pretrain import pretrain

SIDE, CROP = 28, 16
BACKBONE = {"name": "resnet", "stem": 4, "blocks": [1, 1]}
CASE = Case(("image",), "full", "pretrained")


@pytest.fixture(scope="module")
def galaxies(tmp_path_factory):
    """Round blobs of two sizes; of every tenth there is no image. The row tells size and flux."""
    n, rng = 200, np.random.default_rng(0)
    radius, flux = np.where(np.arange(n) % 2, 1.5, 3.0), rng.uniform(5, 20, n)
    y, x = np.indices((SIDE, SIDE)) - (SIDE - 1) / 2
    shape = np.exp(-(x**2 + y**2) / (2 * radius[:, None, None] ** 2))
    bands = {}
    for band, colour in (("g", 0.5), ("r", 1.0), ("z", 1.5)):
        clean = colour * (flux / radius**2)[:, None, None] * shape
        bands[band] = (clean + rng.normal(0, 0.1, clean.shape)).astype(np.float32).ravel()
    whole = Ragged(bands, SIDE**2 * np.arange(n + 1), np.ones(n, bool))
    present = np.arange(n) % 10 != 3
    kept = whole.filter(np.repeat(present, SIDE**2))
    columns = {
        "image": Column(
            "observation",
            modality="image",
            fields=dict.fromkeys(bands, "nmgy"),
            attributes={"pixel_scale": 0.262, "stretch": "linear"},
        ),
        "size": Column("feature", modality="metadata", unit="pix"),
        "flux": Column("feature", modality="metadata", unit="nmgy"),
        "label": Column("label"),
    }
    folder = tmp_path_factory.mktemp("survey") / "galaxies"
    with DatasetWriter(folder, columns, provenance="blobs", simulated=True) as writer:
        writer.append(
            {
                "object_id": np.array([f"g{i}" for i in range(n)]),
                "ra": rng.uniform(0, 360, n),
                "dec": rng.uniform(-60, 60, n),
                "image": Ragged(kept.fields, kept.offsets, present),
                "size": radius * rng.normal(1, 0.05, n),
                "flux": flux * rng.normal(1, 0.05, n),
                "label": np.where(radius > 2, "large", "small"),
            }
        )
    return folder


def settings(weights, **changes):
    raw = {
        "modalities": {
            "image": {
                "preprocessing": {"crop": CROP, "rotation": 30, "noise": 0.5},
                "backbone": {"encoder": BACKBONE, "weights": str(weights), "views": 2},
                "encoder": {"name": "head", "hidden": [24], "dropout": 0.1},
            },
            "metadata": {"encoder": {"name": "mlp", "hidden": 16}},
        },
        "model": {"dimension": 8},
        "training": {"epochs": 2, "batch_size": 32, "warmup_epochs": 0},
        "finetuning": {
            "training": {"epochs": 2, "batch_size": 32, "warmup_epochs": 0},
            "modalities": ["image"],
            "subsets": ["full"],
        },
    }
    return validate(Config, merge(raw, changes), "test")


def preprocessing(**changes):
    return {"modalities": {"image": {"preprocessing": changes}}}


@pytest.fixture(scope="module")
def backbone(galaxies, tmp_path_factory):
    """A saved backbone that knows the training objects of the runs here as its own."""
    config, dataset = settings("random"), Dataset.open(galaxies)
    modality = build_modalities(config, dataset.schema)["image"]
    train = choose_split(config, dataset).rows("train")
    modality.fit(modality.prepare(dataset.table(["image"])), train)
    torch.manual_seed(3)
    shape = InputShape(3, CROP)
    encoder = build_encoder(shape=shape, **BACKBONE)
    with torch.no_grad():  # running statistics as training leaves them
        encoder.train()(torch.randn(16, 3, CROP, CROP))
    folder = tmp_path_factory.mktemp("backbones") / "image"
    save_backbone(
        folder,
        "resnet",
        {key: value for key, value in BACKBONE.items() if key != "name"},
        encoder,
        modality=modality,
        shape=shape,
        trained_on=dataset.object_ids[train],
    )
    return folder, encoder.eval()


@pytest.fixture(scope="module")
def run(galaxies, backbone, tmp_path_factory):
    run = Run.start(settings(backbone[0]), galaxies, tmp_path_factory.mktemp("runs") / "run")
    run_pretraining(run)
    run_finetuning(run, CASE)
    return run


def frozen(saved):
    return saved.binder.backboned["image"].backbone.state_dict()


def test_frozen_is_frozen_to_the_bit(run, backbone):
    """After pre-training and fine-tuning: weights and running statistics are those of the file."""
    original = backbone[1].state_dict()
    assert any(key.endswith("running_mean") for key in original)
    for model in ("pretrain/model", f"finetune/{CASE.name}/model"):
        after = frozen(Model.open(run.folder / model))
        assert after.keys() == original.keys()
        assert all(torch.equal(after[key], original[key]) for key in original)
    fresh = build_binder(run.config, run.shapes).backboned["image"].head.state_dict()
    trained = find_pretrained(run.folder).binder.backboned["image"].head.state_dict()
    assert not any(torch.equal(trained[key], fresh[key]) for key in fresh)


def test_training_through_the_backbone_gives_what_training_on_its_features_gives(
    galaxies, backbone, tmp_path
):
    """Without augmentation; and there too it stays as it was to the bit."""
    plain = settings(backbone[0], **preprocessing(rotation=0.0, flip=False, noise=0.0))
    run = Run.start(plain, galaxies, tmp_path / "run")
    images = run.source.present("image")
    rows = {part: run.rows(part)[images[run.rows(part)]] for part in ("train", "validation")}
    prepared = {name: without_features(p) for name, p in run.source.prepared.items()}
    trained = {}
    for name, source in (
        ("cached", run.source),
        ("live", BatchSource(run.source.modalities, prepared)),
    ):
        binder = build_binder(plain, run.shapes)
        pretrain(binder, source, rows, plain.training, tmp_path / name, seed=1)
        trained[name] = binder.state_dict()
    for key, value in trained["cached"].items():
        torch.testing.assert_close(trained["live"][key], value, atol=1e-5, rtol=1e-4)
    for key, value in backbone[1].state_dict().items():
        assert torch.equal(trained["live"][f"encoders.image.backbone.{key}"], value)


def test_training_read_the_cached_features(run):
    folders = list((run.folder / "prepared").glob("image-features-*"))
    assert len(folders) == 1
    inputs = run.source.batch(run.rows("train")[:4]).inputs["image"]
    assert set(inputs) == {"features"}
    prepared = run.source.prepared["image"]
    assert prepared.arrays["features"].shape[1] == 3
    trained = np.zeros(len(run.dataset), bool)
    trained[run.rows("train")] = True
    np.testing.assert_array_equal(prepared.arrays["viewed"], trained & prepared.present)


def test_without_a_cache_every_batch_goes_through_the_backbone(galaxies, backbone, tmp_path):
    changes = {"modalities": {"image": {"backbone": {"cache": False}}}}
    run = Run.start(settings(backbone[0], **changes), galaxies, tmp_path / "run")
    run_pretraining(run)
    assert not list((run.folder / "prepared").glob("image-features-*"))
    rows, rng = run.rows("train")[:4], np.random.default_rng(1)
    one, two = (run.source.batch(rows, rng).inputs["image"]["values"] for _ in range(2))
    assert not torch.equal(one, two)  # a view of its own every time
    for key, value in backbone[1].state_dict().items():
        assert torch.equal(frozen(Model.open(run.paths.pretraining.model))[key], value)


def test_tokens_of_a_backbone_go_to_a_head_that_attends_to_them(galaxies, tmp_path):
    vit = {"name": "vit", "patch": 4, "width": 8, "layers": 1, "heads": 2, "pooling": "tokens"}
    image = {
        "backbone": {"encoder": vit, "weights": "random", "views": 2},
        "encoder": {"name": "attention_head", "width": 8, "dropout": 0.0},
    }
    raw = settings("random").model_dump()
    raw["modalities"]["image"] |= image
    run = Run.start(validate(Config, raw, "test"), galaxies, tmp_path / "run")
    run_pretraining(run)
    assert run.source.prepared["image"].arrays["features"].shape == (200, 3, 16, 8)
    own = run_embedding(run)
    written, _ = embed_anything(run.folder, galaxies, tmp_path / "again")
    again = Embeddings.read(written)
    np.testing.assert_allclose(again.vectors["image"], own.vectors["image"], atol=1e-6, rtol=0)
    raw["modalities"]["image"]["encoder"] = {"name": "head"}
    with pytest.raises(ConfigError, match="gives 16 tokens an object, which the encoder 'head'"):
        Run.start(validate(Config, raw, "test"), galaxies, tmp_path / "other")
    raw["modalities"]["image"] |= {"backbone": None, "encoder": vit}
    with pytest.raises(ConfigError, match="encoder gives tokens: choose another pooling"):
        Run.start(validate(Config, raw, "test"), galaxies, tmp_path / "other")


def test_views_of_validation_objects_are_cached_where_these_are_validated_on(
    galaxies, backbone, tmp_path
):
    config = settings(backbone[0], training={"validation_views": "augmented"})
    run = Run.start(config, galaxies, tmp_path / "run")
    prepared = run.prepare().prepared["image"]
    both = np.zeros(len(run.dataset), bool)
    both[np.concatenate([run.rows("train"), run.rows("validation")])] = True
    np.testing.assert_array_equal(prepared.arrays["viewed"], both & prepared.present)


def test_embeddings_without_the_cache_are_the_same(run, galaxies, tmp_path):
    """`embed` of a dataset goes through the backbone; so it does on a machine without its file."""
    own = run_embedding(run)
    written, _ = embed_anything(run.folder, galaxies, tmp_path / "again")
    again = Embeddings.read(written)
    np.testing.assert_allclose(again.vectors["image"], own.vectors["image"], atol=1e-6, rtol=0)


def test_a_saved_model_needs_no_file_of_weights(run, galaxies, backbone, tmp_path):
    folder = tmp_path / "moved"
    (run.folder / "pretrain" / "model").rename(folder)
    hidden = backbone[0].rename(tmp_path / "hidden")
    try:
        saved = Model.open(folder, Dataset.open(galaxies).schema)
        assert torch.equal(
            next(iter(frozen(saved).values())), next(iter(backbone[1].state_dict().values()))
        )
    finally:
        hidden.rename(backbone[0])
        folder.rename(run.folder / "pretrain" / "model")


def test_a_model_knows_what_its_backbone_was_trained_on(run, backbone, galaxies):
    ids, images = run.dataset.object_ids, run.source.present("image")
    unseen_by_pretraining = [i for i in run.rows("train") if not images[i]]
    assert unseen_by_pretraining
    saved = Model.open(run.folder / "finetune" / CASE.name / "model")
    assert np.isin(hash_ids(ids[unseen_by_pretraining]), saved.trained_on).all()
    assert evaluate_case(run, CASE).n_test > 0  # the test objects are nobody's


def test_a_pretrained_run_goes_on_without_its_file_of_weights(run, galaxies, backbone, tmp_path):
    before = run.source.prepared["image"].arrays["features"]
    hidden = backbone[0].rename(tmp_path / "hidden")
    try:
        again = Run.open(run.folder)
        after = again.source.prepared["image"].arrays["features"]
        assert after.filename == before.filename
        assert evaluate_case(again, CASE).n_test > 0
        images = again.source.present("image")
        train, test = (again.rows(p)[images[again.rows(p)]] for p in ("train", "test"))
        size = again.dataset.numbers("size")[:, None]
        predicted = supervised_predictions(again, "image", size, train, test)
        assert np.isfinite(predicted).all()
    finally:
        hidden.rename(backbone[0])


def test_other_weights_in_the_same_place_are_refused(galaxies, backbone, tmp_path):
    """A run that is not pre-trained yet must not go on with another backbone."""
    folder = tmp_path / "backbone"
    shutil.copytree(backbone[0], folder)
    Run.start(settings(folder), galaxies, tmp_path / "run")
    weights = load_file(folder / "weights.safetensors")
    weights["bn1.bias"] += 1
    save_file(weights, folder / "weights.safetensors")
    write_note(folder / "backbone.json", json.loads((folder / "backbone.json").read_text()))
    with pytest.raises(ConfigError, match=r"not those that the run in .* was started with"):
        _ = Run.open(tmp_path / "run").source


def test_another_split_tests_on_what_the_backbone_saw_and_is_refused(galaxies, backbone, tmp_path):
    with pytest.raises(LeakError, match="were training objects of the backbone of 'image'"):
        Run.start(settings(backbone[0], seed=5), galaxies, tmp_path / "leaky")
    assert not (tmp_path / "leaky").exists()


def test_a_backbone_that_saw_a_test_image_under_another_name_is_refused_before_training(
    galaxies, backbone, tmp_path, caplog
):
    folder = tmp_path / "backbone"
    shutil.copytree(backbone[0], folder)
    run = Run.start(settings(folder), galaxies, tmp_path / "run")
    hashes = observation_hashes(run.dataset, "image")
    rows = run.rows("test")
    twin = rows[hashes[rows] != 0][0]
    observed = {TRAINED: [("image", hashes[[twin]])]}
    write_seen(folder, Seen.of(np.array(["elsewhere"]), observed=observed))
    write_note(folder / "backbone.json", json.loads((folder / "backbone.json").read_text()))
    name = run.dataset.object_ids[twin]
    said = rf"1 of the .* for testing \(such as '{name}'\) are objects that the backbone of 'image'"
    with pytest.raises(LeakError, match=said):
        Run.open(run.folder).prepare()
    run.change_evaluation(allow_twins=True)
    caplog.set_level("INFO", logger="skybind")
    run.prepare()
    assert "the backbone of 'image' has seen under another name" in caplog.text


def test_other_preprocessing_than_the_backbones_is_refused(galaxies, backbone, tmp_path):
    other = settings(backbone[0], **preprocessing(stretch="none"))
    with pytest.raises(ConfigError, match="stretch is none, the backbone was trained with asinh"):
        Run.start(other, galaxies, tmp_path / "other")
    louder = settings(backbone[0], **preprocessing(noise=1.0))  # training only: no matter
    Run.start(louder, galaxies, tmp_path / "fine")


def test_other_bands_units_or_pixels_than_the_backbones_are_refused(galaxies, backbone, tmp_path):
    """The same three channels, but not the same numbers."""
    turned = settings(backbone[0], **preprocessing(bands=["z", "r", "g"]))
    with pytest.raises((ConfigError, ModelError), match=r"bands is|trained on g \[nmgy\], r"):
        Run.start(turned, galaxies, tmp_path / "turned")
    own = settings(backbone[0])
    for changes, sentence in (
        ({"fields": dict.fromkeys("zrg", "nmgy")}, r"trained on g \[nmgy\], r .*has z \[nmgy\]"),
        ({"fields": dict.fromkeys("grz", "uJy")}, r"trained on g \[nmgy\].* has g \[uJy\]"),
        ({"attributes": {"pixel_scale": 0.4, "stretch": "linear"}}, r"pixel_scale 0\.262"),
    ):
        schema = deepcopy(Dataset.open(galaxies).schema)
        schema.columns["image"] = replace(schema.columns["image"], **changes)
        modalities = build_modalities(own, schema)
        binder = build_binder(own, {name: m.shape for name, m in modalities.items()})
        with pytest.raises(ModelError, match=sentence):
            check_backbones(binder, modalities)


def test_views_of_which_there_is_one_are_no_pair(galaxies, backbone, tmp_path):
    alone = settings(backbone[0], model={"pairs": [["image", "image"], ["image", "metadata"]]})
    Run.start(alone, galaxies, tmp_path / "two")
    one = {"backbone": {"views": 1}}
    raw = merge(alone.model_dump(mode="json"), {"modalities": {"image": one}})
    with pytest.raises(ConfigError, match=r"backbone\.views is 1.*set at least 2"):
        Run.start(validate(Config, raw, "test"), galaxies, tmp_path / "one")


def test_images_are_normalised_as_the_backbones_were(galaxies, backbone, tmp_path):
    """Also where this run's training objects would give other means."""
    split = choose_split(settings("random"), Dataset.open(galaxies))
    train = split.rows("train")
    split.part[train[: len(train) // 2]] = ""
    run = Run.start(settings(backbone[0]), galaxies, tmp_path / "half", split=split)
    wanted = load_backbone(backbone[0])[1].statistics
    assert wanted["mean"].any()
    for key, value in run.modalities["image"].state().items():
        np.testing.assert_array_equal(value, wanted[key])


def test_fine_tuning_from_another_runs_model_caches_its_own_backbone(galaxies, run, tmp_path):
    """The model's backbone counts, not the one that this run's configuration names."""
    other = Run.start(settings("random", seed=5), galaxies, tmp_path / "other", split=run.split)
    run_finetuning(other, CASE, pretrained=find_pretrained(run.folder))
    assert len(list((other.folder / "prepared").glob("image-features-*"))) == 2
    tuned = Model.open(other.folder / "finetune" / CASE.name / "model")
    original = frozen(find_pretrained(run.folder))
    assert all(torch.equal(value, original[key]) for key, value in frozen(tuned).items())
    assert evaluate_case(other, CASE).n_test > 0
