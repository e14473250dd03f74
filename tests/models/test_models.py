import math

import numpy as np
import pytest
import torch

from skybind.config import load_config
from skybind.errors import ConfigError, LeakError, ModelError
from skybind.modalities.source import BatchSource
from skybind.models import (
    Model,
    PairScales,
    build_binder,
    build_classifier,
    build_modalities,
    save_model,
)
from skybind.models.binder import mean_embedding
from tests.modalities.conftest import SCHEMA, make_table

SMALL = [
    "modalities.photometry.preprocessing.features=[period, amplitude]",
    "modalities.metadata.preprocessing.absolute=[g_mag]",
    "modalities.metadata.preprocessing.transforms={l: cos}",
    "model.dimension=16",
]


@pytest.fixture
def config():
    return load_config("stars-small", SMALL)


@pytest.fixture
def source(config):
    table = make_table([30, 0, 12, 50, 40, 25])
    modalities = build_modalities(config, SCHEMA)
    source = BatchSource(modalities, {n: m.prepare(table) for n, m in modalities.items()})
    source.fit(np.arange(4))
    return source


def shapes_of(source):
    return {name: modality.shape for name, modality in source.modalities.items()}


def test_embeddings_are_unit_vectors(config, source):
    binder = build_binder(config, shapes_of(source)).eval()
    embeddings = binder.embed(source.batch(np.arange(6)))
    assert list(embeddings) == ["photometry", "spectrum", "metadata"]
    for values in embeddings.values():
        assert values.shape == (6, 16)
        torch.testing.assert_close(values.norm(dim=1), torch.ones(6))


def test_weights_depend_on_the_seed_and_on_nothing_else(config, source):
    shapes = shapes_of(source)
    torch.manual_seed(1)
    one = build_binder(config, shapes).state_dict()
    torch.manual_seed(2)
    two = build_binder(config, shapes).state_dict()
    assert all(torch.equal(one[key], two[key]) for key in one)
    alone = build_binder(config, shapes, ["spectrum"]).state_dict()
    key = "encoders.spectrum.layers.0.weight"
    assert torch.equal(alone[key], one[key])
    other = build_binder(load_config("stars-small", [*SMALL, "seed=1"]), shapes).state_dict()
    assert not torch.equal(other[key], one[key])


def test_scales_are_clamped_and_may_be_fixed():
    scales = PairScales([("a", "b")], initial=300, minimum=1, maximum=100)
    assert scales.value(("a", "b")).item() == pytest.approx(100)
    published = PairScales([("a", "b")], initial=100, minimum=1, maximum=100)
    published.value(("a", "b")).backward()
    gradient = published.logs["a-b"].grad
    assert gradient is not None
    assert gradient.item() == pytest.approx(100)  # it can leave the bound that it starts at
    released = PairScales([("a", "b")], initial=100, minimum=1, maximum=100, clamp="value")
    released.value(("a", "b")).backward()
    assert released.logs["a-b"].grad.item() == 0  # weight decay alone moves it from there
    assert released.value(("a", "b")).item() == 100
    with torch.no_grad():
        released.logs["a-b"].fill_(math.log(50))
    released.value(("a", "b")).backward()
    assert released.logs["a-b"].grad.item() == pytest.approx(50)
    fixed = PairScales([("a", "b")], initial=15.5, learnable=False)
    assert float(fixed.value(("a", "b"))) == pytest.approx(15.5, rel=1e-6)
    assert not any(p.requires_grad for p in fixed.parameters())


def test_mean_embedding_uses_those_present():
    a, b = torch.tensor([[1.0, 0.0]] * 3), torch.tensor([[0.0, 1.0]] * 3)
    b[1] = float("nan")  # what an absent row holds must not matter
    present = {"a": torch.tensor([True, True, False]), "b": torch.tensor([True, False, False])}
    mean = mean_embedding({"a": a, "b": b}, present)
    torch.testing.assert_close(mean, torch.tensor([[0.5, 0.5], [1.0, 0.0], [0.0, 0.0]]))


def test_classifier_of_one_modality_reads_features_and_of_several_the_mean(config, source):
    shapes, batch = shapes_of(source), source.batch(np.arange(6))
    one = build_classifier(config, shapes, ["spectrum"], 4).eval()
    assert one.head.in_features == one.binder.encoders["spectrum"].out_features
    torch.testing.assert_close(one(batch), one.head(one.binder.features(batch, "spectrum")))
    several = build_classifier(config, shapes, ["photometry", "metadata"], 4).eval()
    embeddings, scale = several.binder.embed(batch), config.model.head_scale
    # object 1 has no photometry: its logits come from the metadata alone
    torch.testing.assert_close(several(batch)[1], several.head(scale * embeddings["metadata"][1]))
    mean = (embeddings["photometry"][0] + embeddings["metadata"][0]) / 2
    torch.testing.assert_close(several(batch)[0], several.head(scale * mean))
    torch.testing.assert_close(
        several(batch, ["metadata"])[0], several.head(scale * embeddings["metadata"][0])
    )


def test_fusion_by_concatenation_takes_zeros_for_what_is_absent(config, source):
    concat = load_config("stars-small", [*SMALL, "finetuning.fusion=concat"])
    shapes, batch = shapes_of(source), source.batch(np.arange(6))
    classifier = build_classifier(concat, shapes, ["photometry", "metadata"], 4).eval()
    binder = classifier.binder
    features = [binder.features(batch, name) for name in ("photometry", "metadata")]
    torch.testing.assert_close(classifier(batch)[0], classifier.head(torch.cat(features, 1))[0])
    without = torch.cat([torch.zeros_like(features[0]), features[1]], dim=1)
    torch.testing.assert_close(classifier(batch)[1], classifier.head(without)[1])
    torch.testing.assert_close(classifier(batch, ["metadata"]), classifier.head(without))


def test_hiding_modalities_in_training_never_hides_all(config, source):
    from skybind.models.classifier import _hide

    present = {
        "a": torch.tensor([True, True, False, False]).repeat(500),
        "b": torch.tensor([True, False, True, False]).repeat(500),
    }
    torch.manual_seed(0)
    kept = _hide(present, 0.5)
    for name in present:
        assert not (kept[name] & ~present[name]).any()
    any_before, any_after = (p["a"] | p["b"] for p in (present, kept))
    assert torch.equal(any_before, any_after)
    both = (kept["a"] & kept["b"])[::4].float().mean().item()
    assert both == pytest.approx(0.25, abs=0.08)  # both stay with probability 0.5^2


def test_classifier_takes_over_pretrained_weights(config, source):
    shapes = shapes_of(source)
    binder = build_binder(config, shapes)
    with torch.no_grad():
        for parameter in binder.parameters():
            parameter.add_(1.0)
    classifier = build_classifier(config, shapes, ["photometry", "spectrum"], 4, binder)
    for name in ("photometry", "spectrum"):
        mine, theirs = classifier.binder.encoders[name], binder.encoders[name]
        for key, value in theirs.state_dict().items():
            assert torch.equal(mine.state_dict()[key], value)


def test_a_saved_model_gives_the_same_embeddings(config, source, tmp_path):
    binder = build_binder(config, shapes_of(source)).eval()
    ids = np.array(["a", "b", "c"])
    save_model(
        tmp_path / "model",
        binder,
        config=config,
        modalities=source.modalities,
        schema=SCHEMA,
        trained_on=ids,
        identity={"split_hash": "s"},
    )
    saved = Model.open(tmp_path / "model", SCHEMA)
    again = BatchSource(saved.modalities, source.prepared)
    one, two = (
        binder.embed(source.batch(np.arange(6))),
        saved.binder.embed(again.batch(np.arange(6))),
    )
    for name in one:
        torch.testing.assert_close(one[name], two[name], rtol=0, atol=0)
    assert saved.config == config
    with pytest.raises(LeakError, match=r"1 of the 2 objects for testing \(such as 'b'\)"):
        saved.refuse_leak(np.array(["x", "b"]), "testing")
    saved.refuse_leak(np.array(["x", "y"]), "testing")


def test_a_saved_classifier_keeps_its_classes(config, source, tmp_path):
    classifier = build_classifier(config, shapes_of(source), ["spectrum"], 2).eval()
    save_model(
        tmp_path / "model",
        classifier,
        config=config,
        modalities=source.modalities,
        schema=SCHEMA,
        trained_on=np.array(["a"]),
        classes=["M", "SR"],
    )
    saved = Model.open(tmp_path / "model")
    assert saved.classes == ["M", "SR"]
    assert saved.classifier is not None
    batch = source.batch(np.arange(3))
    torch.testing.assert_close(saved.classifier(batch), classifier(batch), rtol=0, atol=0)


def test_a_model_refuses_data_it_was_not_made_for(config, source, tmp_path):
    from dataclasses import replace

    save_model(
        tmp_path / "model",
        build_binder(config, shapes_of(source)),
        config=config,
        modalities=source.modalities,
        schema=SCHEMA,
        trained_on=np.array(["a"]),
    )
    columns = dict(SCHEMA.columns)
    other_unit = replace(
        SCHEMA, columns={**columns, "parallax": replace(columns["parallax"], unit="arcsec")}
    )
    with pytest.raises(ModelError, match="'parallax' in mas, the dataset has it in arcsec"):
        Model.open(tmp_path / "model", other_unit)
    photometry = replace(columns["photometry"], fields={"time": "d", "flux": "Jy"})
    with pytest.raises(ModelError, match=r"photometry\.flux in mJy, the dataset has it in Jy"):
        Model.open(
            tmp_path / "model", replace(SCHEMA, columns={**columns, "photometry": photometry})
        )
    del columns["period"]
    with pytest.raises(ModelError, match="reads 'period', which the dataset has not"):
        Model.open(tmp_path / "model", replace(SCHEMA, columns=columns))


def test_broken_models_are_one_sentence(config, source, tmp_path):
    with pytest.raises(ModelError, match="There is no model"):
        Model.open(tmp_path)
    folder = tmp_path / "model"
    save_model(
        folder,
        build_binder(config, shapes_of(source)),
        config=config,
        modalities=source.modalities,
        schema=SCHEMA,
        trained_on=np.array(["a"]),
    )
    (folder / "weights.safetensors").write_bytes(b"not weights")
    with pytest.raises(ModelError, match="is damaged, or was replaced"):
        Model.open(folder)


def test_wrong_options_name_the_modality():
    with pytest.raises(ConfigError, match=r"modalities\.photometry\.preprocessing: .*'lenght'"):
        build_modalities(
            load_config("stars-small", ["modalities.photometry.preprocessing.lenght=3"]), SCHEMA
        )
    config = load_config("stars-small", [*SMALL, "modalities.spectrum.encoder.chanels=[3]"])
    shapes = {n: m.shape for n, m in build_modalities(config, SCHEMA).items()}
    with pytest.raises(ConfigError, match=r"modalities\.spectrum\.encoder.*channels"):
        build_binder(config, shapes)
