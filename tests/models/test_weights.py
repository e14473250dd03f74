"""Weights of frozen backbones, from checkpoints in the layouts of those who published them."""

import argparse
import os
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from skybind.config import load_config
from skybind.encoders import InputShape, build_encoder
from skybind.errors import ConfigError, ModelError
from skybind.models.backbones import save_backbone
from skybind.models.build import build_binder, build_modalities
from skybind.models.exchange.reading import read_source
from skybind.models.weights import load_file_weights, read_tensors
from tests.modalities.conftest import SCHEMA

RESNET = {"stem": 8, "blocks": [1, 1]}
SPENDER = {"channels": [4, 6, 8]}
INF = float("inf")
WIDTH = 16  # features of that ResNet


def resnet(seed):
    torch.manual_seed(seed)
    return build_encoder("resnet", InputShape(3, 24), **RESNET)


def spender(seed):
    torch.manual_seed(seed)
    return build_encoder("spender", InputShape(1, 300), **SPENDER)


def same(a, b):
    return all(torch.equal(value, b.state_dict()[key]) for key, value in a.state_dict().items())


def prefixed(prefix, state):
    return {prefix + key: value for key, value in state.items()}


@pytest.fixture
def lightning(tmp_path):
    """A checkpoint in the layout of Stein et al.: two encoders, a head on each, a queue."""
    torch.manual_seed(1)
    fc = {
        "fc.0.weight": torch.randn(WIDTH, WIDTH),
        "fc.0.bias": torch.randn(WIDTH),
        "fc.2.weight": torch.randn(12, WIDTH),
        "fc.2.bias": torch.randn(12),
    }
    state = prefixed("encoder_q.", resnet(1).state_dict() | fc)
    state |= prefixed("encoder_k.", resnet(2).state_dict() | {k: v + 1 for k, v in fc.items()})
    state["queue"] = torch.randn(12, 32)
    path = tmp_path / "resnet.ckpt"
    checkpoint = {"epoch": 3, "global_step": 10, "state_dict": state, "hyper_parameters": {"lr": 1}}
    torch.save(checkpoint, path)
    return path, fc, checkpoint


def test_the_query_encoder_of_a_moco_checkpoint(lightning):
    path, fc, _ = lightning
    encoder = resnet(0)
    head = load_file_weights(encoder, path, "resnet")
    assert same(encoder, resnet(1))
    assert len(head.layers) == 2
    assert torch.equal(head.layers[1][0], fc["fc.2.weight"])


def config(weights, **changes):
    overrides = {
        "encoder": {"name": "head", "hidden": [WIDTH]},
        "backbone": {"encoder": {"name": "resnet", **RESNET}, "weights": str(weights)},
    } | changes
    return load_config("stars-small", ["model.dimension=12"]).model_copy(
        update={"modalities": {"image": _entry(overrides)}}
    )


def _entry(raw):
    from skybind.config.schema import ModalityConfig

    return ModalityConfig(**raw)


def test_its_fc_starts_a_head_of_that_shape(lightning):
    path, fc, _ = lightning
    shapes = {"image": InputShape(3, 24)}
    binder = build_binder(config(path), shapes)
    assert torch.equal(binder.encoders["image"].head.layers[0].weight, fc["fc.0.weight"])
    assert torch.equal(binder.projections["image"].bias, fc["fc.2.bias"])
    whole = {"name": "head", "hidden": [WIDTH], "out": 12}
    binder = build_binder(config(path, encoder=whole, projection="none"), shapes)
    assert torch.equal(binder.encoders["image"].head.layers[3].weight, fc["fc.2.weight"])
    assert not list(binder.projections.parameters())
    for other in ({"hidden": [WIDTH + 1]}, {"hidden": [WIDTH], "activation": "gelu"}):
        binder = build_binder(config(path, encoder={"name": "head"} | other), shapes)
        assert not torch.equal(binder.projections["image"].bias, fc["fc.2.bias"])


def test_without_a_projection_the_widths_must_agree(lightning):
    with pytest.raises(ConfigError, match=r"model\.dimension = 12 features, not 16"):
        build_binder(config(lightning[0], projection="none"), {"image": InputShape(3, 24)})


@pytest.mark.parametrize(
    "nest",
    [
        lambda state: state,
        lambda state: {"model": state},
        lambda state: {"model": prefixed("encoder.", state), "losses": np.zeros((3, 2))},
        lambda state: {"model": [prefixed("encoder.", state), {"decoder.0.bias": torch.ones(2)}]},
    ],
    ids=["bare", "model", "autoencoder", "list"],
)
def test_spenders_file_in_any_nesting_without_its_perceptron(tmp_path, nest):
    state = spender(1).state_dict() | {"mlp.0.weight": torch.zeros(3, 4)}
    torch.save(nest(state), tmp_path / "spender.pt")
    encoder = spender(0)
    load_file_weights(encoder, tmp_path / "spender.pt", "spender")
    assert same(encoder, spender(1))


def test_safetensors_and_half_precision_and_no_counters(tmp_path):
    state = {
        key: value.half() if value.is_floating_point() else value
        for key, value in resnet(1).state_dict().items()
        if not key.endswith("num_batches_tracked")
    }
    save_file(state, tmp_path / "weights.safetensors")
    encoder = resnet(0)
    load_file_weights(encoder, tmp_path / "weights.safetensors", "resnet")
    torch.testing.assert_close(encoder.conv1.weight, resnet(1).conv1.weight, atol=1e-3, rtol=1e-3)
    assert encoder.conv1.weight.dtype == torch.float32


class Harmful:
    """Unpickled, it makes a folder."""

    def __init__(self, folder):
        self.folder = folder

    def __reduce__(self):
        return os.mkdir, (str(self.folder),)


def test_python_objects_beside_the_tensors_are_not_made(lightning, tmp_path):
    _, _, checkpoint = lightning
    checkpoint["hyper_parameters"] = {
        "arguments": argparse.Namespace(lr=1),
        "encoder": torch.nn.Sequential(torch.nn.Linear(2, 2)),
        "path": tmp_path,
        "harm": Harmful(tmp_path / "harm"),
        "entries": [Harmful(tmp_path / "harm"), {Harmful(tmp_path / "harm"): 1}],
    }
    torch.save(checkpoint, tmp_path / "objects.ckpt")
    encoder = resnet(0)
    head = load_file_weights(encoder, tmp_path / "objects.ckpt", "resnet")
    assert same(encoder, resnet(1))
    assert len(head.layers) == 2
    assert not (tmp_path / "harm").exists()
    torch.save(Harmful(tmp_path / "harm"), tmp_path / "harm.ckpt")
    for whole in (tmp_path / "harm.ckpt", tmp_path / "model.ckpt"):
        if not whole.exists():
            torch.save(torch.nn.Sequential(resnet(1)), whole)  # a model itself, not its state
        with pytest.raises(ModelError, match=r"within Python objects.*save its state_dict\(\)"):
            load_file_weights(resnet(0), whole, "resnet")
    assert not (tmp_path / "harm").exists()


def test_arrays_of_an_older_numpy_are_read(tmp_path):
    """Which names its functions otherwise: a pickle by hand."""
    state = spender(1).state_dict()
    torch.save({"model": state, "losses": np.float64(1.5)}, tmp_path / "new.pt")
    with (
        zipfile.ZipFile(tmp_path / "new.pt") as new,
        zipfile.ZipFile(tmp_path / "old.pt", "w") as old,
    ):
        assert any(b"numpy._core" in new.read(name) for name in new.namelist())
        for name in new.namelist():
            old.writestr(name, new.read(name).replace(b"numpy._core", b"numpy.core"))
    encoder = spender(0)
    load_file_weights(encoder, tmp_path / "old.pt", "spender")
    assert same(encoder, spender(1))


def test_what_does_not_fit_is_said_in_a_sentence(lightning, tmp_path):
    path, _, checkpoint = lightning
    with pytest.raises(ModelError, match="There is no file of weights at"):
        load_file_weights(resnet(0), tmp_path / "gone.ckpt", "resnet")
    (tmp_path / "text.ckpt").write_text("no weights")
    with pytest.raises(ModelError, match=r"text\.ckpt"):
        load_file_weights(resnet(0), tmp_path / "text.ckpt", "resnet")
    with pytest.raises(ModelError, match=r"no weights of the encoder 'spender'.*conv1\.0\.weight"):
        load_file_weights(spender(0), path, "spender")
    wide = build_encoder("resnet", InputShape(3, 24), stem=9, blocks=[1, 1])
    with pytest.raises(ModelError, match=r"shape conv1\.weight \(8, 3, 7, 7\) for \(9, 3, 7, 7\)"):
        load_file_weights(wide, path, "resnet")
    del checkpoint["state_dict"]["encoder_q.bn1.bias"]
    torch.save(checkpoint, tmp_path / "torn.ckpt")
    with pytest.raises(ModelError, match=r"missing bn1\.bias"):
        load_file_weights(resnet(0), tmp_path / "torn.ckpt", "resnet")
    both = {"a": resnet(1).state_dict(), "b": resnet(2).state_dict()}
    torch.save(both, tmp_path / "both.pt")
    with pytest.raises(ModelError, match=r"several encoders that fit 'resnet' \('a\.', 'b\.'\)"):
        load_file_weights(resnet(0), tmp_path / "both.pt", "resnet")


def test_what_lightning_keeps_beside_the_weights_is_no_weight(lightning, tmp_path):
    _, _, checkpoint = lightning
    checkpoint["callbacks"] = {"ModelCheckpoint{'monitor': None}": {"kth_value": torch.tensor(INF)}}
    checkpoint["optimizer_states"] = [{"state": {0: {"exp_avg": torch.ones(2)}}}]
    torch.save(checkpoint, tmp_path / "whole.ckpt")
    found = read_source(tmp_path / "whole.ckpt").tensors
    assert set(found) == {f"state_dict.{name}" for name in checkpoint["state_dict"]}


def endless():
    held = {}
    held["again"] = held
    return held


@pytest.mark.parametrize(
    ("what", "told"),
    [
        (endless, "nested without an end"),
        (lambda: {"a": torch.zeros(1).expand(10**11)}, r"'a' is said to have 100,000,000,000 num"),
        (lambda: {"a": torch.eye(3).to_sparse()}, "'a' is sparse"),
        (lambda: {"a": torch.zeros(3, device="meta")}, "'a' is without values"),
        (lambda: {"a": torch.zeros(3, dtype=torch.complex64)}, "'a' is complex"),
    ],
)
def test_tensors_that_are_no_plain_arrays_are_refused(what, told, tmp_path):
    torch.save(what(), tmp_path / "a.pth")
    for read in (read_tensors, read_source):
        with pytest.raises(ModelError, match=told):
            read(tmp_path / "a.pth")


def test_a_file_that_unpacks_to_more_than_it_is_is_refused_before(tmp_path):
    torch.save(resnet(1).state_dict(), tmp_path / "plain.pt")
    with (
        zipfile.ZipFile(tmp_path / "plain.pt") as plain,
        zipfile.ZipFile(tmp_path / "packed.pt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in plain.namelist():
            packed.writestr(name, plain.read(name))
    assert read_tensors(tmp_path / "plain.pt")
    with pytest.raises(ModelError, match="it is packed, which torch never does"):
        read_tensors(tmp_path / "packed.pt")


def test_numbers_of_eight_bits_are_read_and_whole_numbers_are_no_weights(tmp_path):
    state = resnet(1).state_dict()
    eight = {key: value.to(torch.float8_e4m3fn) for key, value in state.items()}
    torch.save(eight, tmp_path / "eight.pt")
    assert read_source(tmp_path / "eight.pt").tensors.keys() == state.keys()
    state["conv1.weight"] = (100 * state["conv1.weight"]).to(torch.int8)
    torch.save(state, tmp_path / "whole.pt")
    with pytest.raises(ModelError, match=r"kind conv1\.weight torch\.int8"):
        load_file_weights(resnet(0), tmp_path / "whole.pt", "resnet")


def test_a_saved_backbone_is_refused_under_options_that_its_weights_do_not_show(tmp_path):
    modality = build_modalities(load_config("stars-small"), SCHEMA)["spectrum"]
    shape = InputShape(3, 300)
    made = {**SPENDER, "pools": [5, 5], "dropout": 0.1}
    save_backbone(
        tmp_path / "own",
        "spender",
        made,
        build_encoder("spender", shape, **made),
        modality=modality,
        shape=shape,
        trained_on=np.array(["a"]),
    )

    def build(**options):
        backbone = {
            "encoder": {"name": "spender", **SPENDER, **options},
            "weights": str(tmp_path / "own"),
        }
        raw = {"kind": "spectrum", "backbone": backbone, "encoder": {"name": "head"}}
        entry = {"modalities": {"image": _entry(raw)}}
        return build_binder(config("random").model_copy(update=entry), {"image": shape})

    assert build(pools=[5, 5]).backboned  # dropout is off in what is frozen
    with pytest.raises(ModelError, match=r"image\.backbone\.encoder is not that of .*\[5, 5\]"):
        build()


def test_tokens_may_be_had_of_a_backbone_that_was_trained_on_their_mean(tmp_path):
    modality = build_modalities(load_config("stars-small"), SCHEMA)["spectrum"]
    shape, small = InputShape(1, 300), {"width": 8, "layers": 1, "heads": 2}
    own = build_encoder("specformer", shape, **small)
    save_backbone(
        tmp_path / "own",
        "specformer",
        small,
        own,
        modality=modality,
        shape=shape,
        trained_on=np.array(["a"]),
    )

    def build(pooling, head, **options):
        encoder = {"name": "specformer", **small, **options, "pooling": pooling}
        backbone = {"encoder": encoder, "weights": str(tmp_path / "own")}
        raw = {"kind": "spectrum", "backbone": backbone, "encoder": head}
        entry = {"modalities": {"image": _entry(raw)}}
        made = config("random").model_copy(update=entry)
        return build_binder(made, {"image": shape}).backboned["image"].backbone

    flux = torch.randn(2, 1, 300)
    head = {"name": "attention_head", "width": 8}
    with torch.no_grad():
        tokens = build("tokens", head)(flux)
        torch.testing.assert_close(tokens.mean(1), own.eval()(flux), rtol=0, atol=1e-6)
        assert torch.equal(build("mean", {"name": "head"})(flux), own(flux))
    with pytest.raises(ModelError, match="is not that of"):
        build("tokens", head, window=30, overlap=0)
    with pytest.raises(ConfigError, match="attends to the tokens of a backbone"):
        build("mean", head)


def test_without_weights_it_says_which_and_how_to_make_ones_own():
    entry = {"backbone": {"encoder": {"name": "resnet50"}}, "encoder": {"name": "head"}}
    with pytest.raises(
        ConfigError,
        match=r"modalities\.image\.backbone\.weights is not set.*Stein.*pretrain-backbone image'",
    ):
        build_binder(config("random", **entry), {"image": InputShape(3, 24)})


def test_the_reports_configuration_trains_what_they_trained():
    """4.5 M parameters of the image's fc (June 2024, section 3.2), and the heads of spectra."""
    random = [f"modalities.{name}.backbone.weights=random" for name in ("image", "spectrum")]
    shapes = {"image": InputShape(3, 96), "spectrum": InputShape(1, 7781)}
    binder = build_binder(load_config("astroclip", random), shapes)
    trained = {name for name, p in binder.named_parameters() if p.requires_grad}
    assert not any("backbone" in name for name in trained)
    count = {
        part: sum(p.numel() for n, p in binder.named_parameters() if n in trained and part in n)
        for part in ("image", "spectrum")
    }
    assert count == {"image": 4_458_624, "spectrum": 230_272}
    assert float(binder.scales.value(("image", "spectrum"))) == pytest.approx(15.5, rel=1e-6)
    for hidden, size in (("[128, 128, 128]", 66_304), ("[256, 256, 128]", 165_120)):
        prelu = f"{{name: head, hidden: {hidden}, activation: prelu, dropout: 0.1}}"
        runs = [f"modalities.spectrum.encoder={prelu}", "modalities.spectrum.projection=none"]
        made = build_binder(load_config("astroclip", [*random, *runs]), shapes, ["spectrum"])
        assert sum(p.numel() for p in made.parameters() if p.requires_grad) == size
    with pytest.raises(ConfigError, match=r"Spender's published weights.*backbone spectrum'"):
        build_binder(load_config("astroclip", random[:1]), shapes)


def test_both_file_formats_give_the_same(tmp_path):
    state = {"fc.weight": torch.randn(3, 2), "fc.bias": torch.randn(3)}
    save_file(state, tmp_path / "weights.safetensors")
    torch.save(state, tmp_path / "weights.pth")
    for name in ("weights.safetensors", "weights.pth"):
        loaded = read_tensors(tmp_path / name)
        assert loaded.keys() == state.keys()
        assert torch.equal(loaded["fc.weight"], state["fc.weight"])


class Bomb:
    def __reduce__(self):
        return print, ("executed",)


def test_nothing_is_unpickled(tmp_path, capsys):
    torch.save({"fc.weight": Bomb()}, tmp_path / "evil.pth")
    with pytest.raises(ModelError, match=r"evil.pth holds its tensors within Python objects"):
        read_tensors(tmp_path / "evil.pth")
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize("name", ["broken.safetensors", "broken.pth", "none.safetensors", "no.pth"])
def test_files_that_are_no_weights_are_refused(tmp_path, name):
    said = f"no file of weights at .*{name}"
    if name.startswith("broken"):
        (tmp_path / name).write_bytes(b"not weights at all")
        said = f"{name} cannot be read as weights"
    with pytest.raises(ModelError, match=said):
        read_tensors(tmp_path / name)


def test_a_checkpoint_of_other_things_is_refused(tmp_path):
    torch.save({"epoch": 3, "state_dict": {}}, tmp_path / "checkpoint.pth")
    with pytest.raises(ModelError, match="holds no tensor: name the file of the weights"):
        read_source(tmp_path / "checkpoint.pth")
