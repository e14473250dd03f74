from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from typer.testing import CliRunner

from skybind.cli import app
from skybind.config import load_config
from skybind.encoders import InputShape, build_encoder
from skybind.errors import ConfigError, ModelError
from skybind.models.backbones import check_backbones, load_backbone, read_backbone, read_head
from skybind.models.build import build_binder, build_modalities
from skybind.models.exchange.formats import Beside, find_format
from skybind.models.exchange.galaxies import SCHEMA
from skybind.models.exchange.reading import WeightSource
from skybind.models.model import Model
from skybind.models.saving import save_model
from skybind.report.card import CardText, DataFacts, model_card
from skybind.runs.published import import_weights
from tests.parity.test_astroclip import GOLDEN, weights

KEYS = Path(__file__).parents[5] / "shared" / "reference"
RESNET = {"block": "bottleneck", "blocks": [1, 1, 1, 3], "stem": 4}
SPENDER = {"channels": [4, 6, 8]}


@pytest.fixture
def given(tmp_path):
    """A configuration of a small network, as a file; and where to save."""

    def write(start, name, encoder, **preprocessing):
        options = ", ".join(f"{k}: {v}" for k, v in encoder.items())
        prepared = ", ".join(f"{k}: {v}" for k, v in preprocessing.items())
        path = tmp_path / f"{name}.yaml"
        path.write_text(
            f"extends: {start}\nmodalities:\n  {name}:\n    preprocessing: {{{prepared}}}\n"
            f"    backbone: {{encoder: {{{options}}}}}\n"
        )
        return path

    return write


def random(name, shape, seed=0, **options):
    torch.manual_seed(seed)
    return build_encoder(name, shape, **options).eval()


def stein_checkpoint(path):
    """Both networks of momentum contrast, and the layers on each."""
    state, fc = {}, {}
    for prefix, seed in (("encoder_q.", 1), ("encoder_k.", 2)):
        network = random("resnet", InputShape(3, 96), seed, **RESNET)
        fc[prefix] = {f"fc.{i}.{n}": torch.randn(*s) for i, o in ((0, 128), (2, 16)) for n, s in
                      (("weight", (o, 128)), ("bias", (o,)))}  # fmt: skip
        state |= {prefix + k: v for k, v in (network.state_dict() | fc[prefix]).items()}
    torch.save({"epoch": 1, "state_dict": state, "hyper_parameters": {"lr": 0.03}}, path)
    return fc["encoder_q."]


def test_steins_checkpoint_is_a_backbone_with_what_stood_on_it(tmp_path, given):
    fc = stein_checkpoint(tmp_path / "resnet50.ckpt")
    config = given("astroclip", "image", {"name": "resnet", **RESNET}, stretch="stein")
    made = import_weights(tmp_path / "resnet50.ckpt", tmp_path / "own", config=config)
    assert made.title == "backbone of Stein et al."
    assert "stretch stein" in made.notes[0]
    encoder, note = load_backbone(made.folder)
    images, wanted = torch.rand(2, 3, 96, 96), random("resnet", InputShape(3, 96), 1, **RESNET)
    with torch.no_grad():
        assert torch.equal(encoder(images), wanted(images))
    assert note.preprocessing["stretch"] == "stein"
    assert note.observation["fields"] == [["g", "nmgy"], ["r", "nmgy"], ["z", "nmgy"]]
    layers = read_head(made.folder)
    assert torch.equal(layers[0][0], fc["fc.0.weight"])
    assert torch.equal(layers[1][1], fc["fc.2.bias"])


def test_a_run_takes_it_and_its_preprocessing_and_starts_its_head_from_the_layers(tmp_path, given):
    fc = stein_checkpoint(tmp_path / "resnet50.ckpt")
    network = {"name": "resnet", **RESNET}
    config = given("astroclip", "image", network, stretch="stein")
    made = import_weights(tmp_path / "resnet50.ckpt", tmp_path / "own", config=config)
    changes = [
        f"modalities.image.backbone.weights={made.folder}",
        "modalities.image.encoder={name: head, hidden: [128]}",
        "modalities.spectrum=null",
        "model.dimension=16",
        "model.pairs=all",
    ]
    for stretch, refused in (("stein", False), ("none", True)):
        chosen = load_config(
            config, [*changes, f"modalities.image.preprocessing.stretch={stretch}"]
        )
        modalities = build_modalities(chosen, SCHEMA)
        binder = build_binder(chosen, {name: m.shape for name, m in modalities.items()})
        assert torch.equal(binder.encoders["image"].head.layers[0].weight, fc["fc.0.weight"])
        assert torch.equal(binder.projections["image"].weight, fc["fc.2.weight"])
        if refused:
            with pytest.raises(ConfigError, match="stretch is none, the backbone was trained with"):
                check_backbones(binder, modalities)
        else:
            check_backbones(binder, modalities)
            save_model(tmp_path / "model", binder, config=chosen, modalities=modalities,
                       schema=SCHEMA, trained_on=np.zeros(0, str))  # fmt: skip
    card = model_card(Model.open(tmp_path / "model"), CardText(), DataFacts(), [], [])
    assert "The weights of the image backbone: Stein, G. et al. 2021" in card
    assert "Melchior" not in card
    shapes = {name: m.shape for name, m in modalities.items()}
    for weights_, origin in (("random", ""), (tmp_path / "resnet50.ckpt", "stein")):
        own = load_config(config, [*changes, f"modalities.image.backbone.weights={weights_}"])
        assert build_binder(own, shapes).encoders["image"].origin == origin


def test_spenders_file(tmp_path, given):
    network = random("spender", InputShape(1, 7781), **SPENDER)
    state = {f"encoder.{k}": v for k, v in network.state_dict().items()}
    state |= {"encoder.mlp.0.weight": torch.randn(3, 4), "decoder.mlp.0.weight": torch.randn(3, 4)}
    torch.save({"model": [state], "losses": torch.zeros(3)}, tmp_path / "spender.pt")
    config = given("astroclip", "spectrum", {"name": "spender", **SPENDER})
    made = import_weights(tmp_path / "spender.pt", tmp_path / "own", config=config)
    encoder, note = load_backbone(made.folder)
    flux = torch.randn(2, 1, 7781)
    with torch.no_grad():
        assert torch.equal(encoder(flux), network(flux))
    assert note.preprocessing["normalise"] == "zscore"
    assert not read_head(made.folder)


def test_specformer_from_the_command_line(tmp_path, given):
    """With the numbers of the public code; fluxes that are not normalised have a unit."""
    state = weights("spectrum_encoder.backbone")
    torch.save({"state_dict": state, "hyper_parameters": {"a": Path("x")}}, tmp_path / "s.ckpt")
    network = {"name": "specformer", "width": 12, "layers": 2, "heads": 3, "positions": 40}
    config = given("astroclip-original", "spectrum", network, bins=200)
    command = ["weights", "import", tmp_path / "s.ckpt", "--out", tmp_path / "own", "-c", config]
    result = CliRunner().invoke(app, [str(part) for part in command])
    assert result.exit_code == 0, result.output
    assert f"The backbone of SpecFormer is in {tmp_path / 'own'}." in result.output
    encoder, note = load_backbone(tmp_path / "own")
    with torch.no_grad():
        tokens = encoder(GOLDEN["spectrum.200.input"].transpose(1, 2))
    torch.testing.assert_close(tokens, GOLDEN["spectrum.200.tokens"], rtol=0, atol=1e-5)
    assert note.observation["fields"] == [["flux", "1e-17 erg / (s cm2 Angstrom)"]]


@pytest.mark.parametrize("student", [False, True])
def test_the_vision_transformer_of_the_teacher(tmp_path, given, student):
    state = {f"teacher.backbone.{k}": v for k, v in weights("image_encoder.backbone").items()}
    if student:
        state |= {k.replace("teacher", "student"): v + 1 for k, v in state.items()}
    save_file({k: v.contiguous() for k, v in state.items()}, tmp_path / "dino.safetensors")
    network = {"name": "vit", "patch": 6, "width": 16, "layers": 4, "heads": 2}
    config = given("astroclip-original", "image", network, crop=24)
    path = config.read_text().replace("heads: 2", "heads: 2, positions: false, pooling: tokens")
    config.write_text(path)
    made = import_weights(tmp_path / "dino.safetensors", tmp_path / "own", config=config)
    encoder, _ = load_backbone(made.folder)
    with torch.no_grad():
        tokens = encoder(GOLDEN["image.input"])
    torch.testing.assert_close(tokens, GOLDEN["image.tokens"], rtol=0, atol=1e-5)


@pytest.mark.skipif(not KEYS.exists(), reason="needs the lists of published names")
@pytest.mark.parametrize(
    ("list_", "form"), [("keys_stein21_resnet50", "stein"), ("keys_spender_encoder", "spender")]
)
def test_published_names_and_shapes_are_those_of_the_usual_networks(list_, form, tmp_path):
    tensors = {}
    for line in (KEYS / f"{list_}.txt").read_text().splitlines():
        if not line.startswith("#") and line:
            name, shape = line.split("\t")
            tensors[name] = torch.zeros([int(n) for n in shape.strip("()").split(",") if n.strip()])
    source = WeightSource(tmp_path / "file", None, tensors, "")
    found = find_format(source)
    assert found.name == form
    made = found.take(source, Beside())
    assert len(made.head) == (2 if form == "stein" else 0)
    made.save(tmp_path / "own", {})
    assert read_backbone(tmp_path / "own")[0].encoder["name"] in ("resnet50", "spender")


def test_what_does_not_fit_is_said(tmp_path, given):
    stein_checkpoint(tmp_path / "a.ckpt")
    with pytest.raises(ModelError, match="weights do not fit the resnet50 encoder"):
        import_weights(tmp_path / "a.ckpt", tmp_path / "own")
    with pytest.raises(ConfigError, match="need no --data"):
        import_weights(tmp_path / "a.ckpt", tmp_path / "own", classes=["a"])
    config = given("astroclip", "image", {"name": "resnet", **RESNET})
    config.write_text(config.read_text() + "  spectrum: {backbone: null}\n")
    save_file(load_file_of_spender(), tmp_path / "b.safetensors")
    with pytest.raises(ConfigError, match=r"has no modalities\.spectrum\.backbone"):
        import_weights(tmp_path / "b.safetensors", tmp_path / "own", config=config)
    assert not (tmp_path / "own").exists()


def load_file_of_spender():
    network = random("spender", InputShape(1, 7781), **SPENDER)
    return {k: v.contiguous() for k, v in network.state_dict().items()}
