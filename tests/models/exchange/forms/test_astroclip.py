"""AstroCLIP's whole models, in the layouts of the two codes."""

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional
from typer.testing import CliRunner

from skybind.cli import app
from skybind.config import load_config
from skybind.embeddings.store import Embeddings
from skybind.encoders import InputShape, build_encoder
from skybind.encoders.vit import map_dinov2_state
from skybind.errors import ModelError
from skybind.ingest.survey import import_files
from skybind.modalities.batch import Batch
from skybind.modalities.rgb import legacy_rgb
from skybind.models.build import build_modalities
from skybind.models.model import Model
from skybind.report.exported import export_weights
from skybind.runs.published import import_weights
from tests.ingest.galaxy_files import galaxies, write_hdf5
from tests.parity.test_astroclip import GOLDEN, SPECFORMER, VIT, weights

RESNET = {"block": "bottleneck", "blocks": [1, 1], "stem": 4}
SPENDER = {"channels": [4, 6, 8]}


def yaml_of(path, start, image, spectrum, more=""):
    path.write_text(
        f"extends: {start}\nmodalities:\n  image: {image}\n  spectrum: {spectrum}\n{more}"
    )
    return path


def options(values):
    return ", ".join(f"{key}: {value}" for key, value in values.items())


@pytest.fixture(scope="module")
def original(tmp_path_factory):
    """A checkpoint of the original, with its networks pickled beside the weights as there."""
    folder = tmp_path_factory.mktemp("original")
    state = {k.removeprefix("model."): v for k, v in GOLDEN.items() if k.startswith("model.")}
    hyper = {"image_encoder": nn.Sequential(nn.Linear(2, 2)), "temperature": 15.5}
    torch.save({"state_dict": state, "hyper_parameters": hyper}, folder / "astroclip.ckpt")
    return folder


def small(folder, bins):
    image = (
        f"{{preprocessing: {{crop: 24}}, encoder: {{width: 16}}, "
        f"backbone: {{encoder: {{{options(VIT)}}}}}}}"
    )
    spectrum = (
        f"{{preprocessing: {{bins: {bins}}}, encoder: {{width: 16}}, "
        f"backbone: {{encoder: {{{options(SPECFORMER)}}}}}}}"
    )
    more = "model: {dimension: 16}\n"
    return yaml_of(folder / f"{bins}.yaml", "astroclip-original", image, spectrum, more)


def test_the_original_embeds_as_its_code_does(original, tmp_path):
    made = import_weights(original / "astroclip.ckpt", tmp_path / "m", config=small(original, 200))
    assert made.title == "model of AstroCLIP"
    model = Model.open(made.folder)
    images = GOLDEN["image.input"].transpose(2, 3)  # as they stand in the data
    inputs = {
        "image": {"values": images},
        "spectrum": {"values": GOLDEN["spectrum.200.input"][:3].transpose(1, 2)},
    }
    there = {name: torch.ones(3, dtype=torch.bool) for name in inputs}
    with torch.no_grad():
        embedded = model.binder.embed(Batch(torch.arange(3), inputs, there))
    for name, key in (("image", "image"), ("spectrum", "spectrum.200")):
        wanted = functional.normalize(GOLDEN[f"{key}.embedding"][:3], dim=-1)
        torch.testing.assert_close(embedded[name], wanted, rtol=0, atol=1e-5)
    assert float(model.binder.scales.value(("image", "spectrum"))) == pytest.approx(15.5)


def test_it_is_exported_and_taken_back_to_the_bit(original, tmp_path):
    """Its networks are those of backbones, too; the names of a whole model tell it."""
    config = small(original, 200)
    made = import_weights(original / "astroclip.ckpt", tmp_path / "m", config=config)
    export_weights(made.folder, tmp_path / "hub", "skybind")
    again = import_weights(tmp_path / "hub", tmp_path / "again")
    assert again.title == "model of skybind"
    own, theirs = (Model.open(f).binder.state_dict() for f in (made.folder, again.folder))
    assert own.keys() == theirs.keys()
    assert all(torch.equal(value, theirs[key]) for key, value in own.items())


@pytest.mark.slow
def test_its_encoders_have_a_form_in_onnx(original, tmp_path):
    pytest.importorskip("onnxruntime", reason="needs the extra 'onnx'")
    config = small(original, 200)
    made = import_weights(original / "astroclip.ckpt", tmp_path / "m", config=config)
    written = export_weights(made.folder, tmp_path / "onnx", "onnx")
    assert set(written.differences) == {"image", "spectrum"}
    assert max(written.differences.values()) < 1e-5


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("galaxies")
    some = galaxies(5, side=30)
    some["images"] *= 0.1
    write_hdf5(folder / "a.h5", {"0": some})
    import_files("astroclip_hdf5", folder / "a.h5", folder / "data")
    return folder / "data", some


@torch.no_grad()
def test_it_embeds_the_file_of_the_original_from_the_command_line(original, data, tmp_path):
    """Images as the viewer's picture with rows and columns swapped, fluxes as they are."""
    config = yaml_of(
        tmp_path / "c.yaml",
        "astroclip-original",
        f"{{preprocessing: {{crop: 24}}, encoder: {{width: 16}}, "
        f"backbone: {{encoder: {{{options(VIT)}}}}}}}",
        f"{{preprocessing: {{bins: 200}}, encoder: {{width: 16}}, "
        f"backbone: {{encoder: {{{options(SPECFORMER)}}}}}}}",
        "model: {dimension: 16}\n",
    )
    for command in (
        ["weights", "import", original / "astroclip.ckpt", "--out", tmp_path / "m", "-c", config],
        ["embed", tmp_path / "m", "--data", data[0], "--out", tmp_path / "e"],
    ):
        result = CliRunner().invoke(app, [str(part) for part in command], catch_exceptions=False)
        assert result.exit_code == 0, result.output
    found = Embeddings.read(tmp_path / "e")
    place = [found.object_id.tolist().index(str(i)) for i in data[1]["targetids"]]
    flux = torch.tensor(data[1]["spectra"][:, :200])[:, None]
    shape = InputShape(1, 200)
    network = build_encoder("specformer", shape, **SPECFORMER, pooling="tokens").eval()
    own = weights("spectrum_encoder.backbone")
    network.load_state_dict({k: v for k, v in own.items() if not k.startswith("head.")})
    head = build_encoder("attention_head", InputShape(12, network.tokens), width=16).eval()
    own = weights("spectrum_encoder")
    head.load_state_dict({k: v for k, v in own.items() if not k.startswith("backbone.")})
    wanted = functional.normalize(head(network(flux)), dim=-1)
    np.testing.assert_allclose(found.vectors["spectrum"][place], wanted, rtol=0, atol=2e-5)
    assert found.present["image"].all()
    middle = np.moveaxis(data[1]["images"][:, 3:27, 3:27], -1, 1)
    picture = torch.from_numpy(legacy_rgb(middle, "grz")).permute(0, 3, 2, 1)
    network = build_encoder("vit", InputShape(3, 24), **VIT, positions=False, pooling="tokens")
    own = map_dinov2_state(weights("image_encoder.backbone"))
    network.load_state_dict({k: v for k, v in own.items() if k not in ("cls_token", "pos_embed")})
    head = build_encoder("attention_head", InputShape(16, 16), width=16, residual=False).eval()
    own = weights("image_encoder")
    head.load_state_dict({k: v for k, v in own.items() if not k.startswith("backbone.")})
    wanted = functional.normalize(head(network.eval()(picture)), dim=-1)
    np.testing.assert_allclose(found.vectors["image"][place], wanted, rtol=0, atol=1e-5)


def reports_state(fc=(24, 16), layers=(8, 8, 16)):
    """A model of the reports, small: by the names of its code."""
    torch.manual_seed(5)
    image = build_encoder("resnet", InputShape(3, 96), **RESNET)
    spectrum = build_encoder("spender", InputShape(1, 300), **SPENDER)
    state = {f"image_encoder.backbone.{k}": v for k, v in image.state_dict().items()}
    for number, (before, after) in zip((0, 2), ((32, fc[0]), fc), strict=True):
        state[f"image_encoder.backbone.fc.{number}.weight"] = torch.randn(after, before)
        state[f"image_encoder.backbone.fc.{number}.bias"] = torch.randn(after)
    encoder = "spectrum_encoder.spec_encoder"
    state |= {f"{encoder}.{k}": v for k, v in spectrum.state_dict().items()}
    before = 4
    for number, after in enumerate(layers):
        name = f"{encoder}.mlp.additional_layers.{3 * number}"
        state[f"{name}.weight"], state[f"{name}.bias"] = (
            torch.randn(after, before),
            torch.ones(after),
        )
        state[f"{encoder}.mlp.additional_layers.{3 * number + 1}.weight"] = torch.rand(after)
        before = after
    return state | {"temperature": torch.tensor(np.log(15.5))}, image.eval(), spectrum.eval()


def test_a_model_of_the_reports_takes_its_head_from_the_shapes(tmp_path):
    state, image, spectrum = reports_state()
    # made with pytest's own classes beside it, as a trainer leaves them
    torch.save({"state_dict": state, "hyper_parameters": {"x": tmp_path}}, tmp_path / "a.ckpt")
    own = "{encoder: {name: head, hidden: [8, 8, 16], activation: prelu, dropout: 0.1}, "
    config = yaml_of(
        tmp_path / "c.yaml",
        "astroclip",
        f"{{preprocessing: {{crop: 16}}, encoder: {{hidden: [24]}}, "
        f"backbone: {{encoder: {{name: resnet, {options(RESNET)}}}}}}}",
        own + "projection: none, preprocessing: {bins: 300}, "
        f"backbone: {{encoder: {{{options(SPENDER)}}}}}}}",
        "model: {dimension: 16, scale: {initial: 2.7408}}\n",
    )
    made = import_weights(tmp_path / "a.ckpt", tmp_path / "m", config=config)
    model = Model.open(made.folder)
    images, flux = torch.rand(3, 3, 16, 16), torch.randn(3, 1, 300)
    inputs = {"image": {"values": images}, "spectrum": {"values": flux}}
    there = {name: torch.ones(3, dtype=torch.bool) for name in inputs}
    with torch.no_grad():
        embedded = model.binder.embed(Batch(torch.arange(3), inputs, there))
        x = image(images.transpose(2, 3))  # as its code gives them
        for number, last in ((0, False), (2, True)):
            name = f"image_encoder.backbone.fc.{number}"
            x = functional.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])
            x = x if last else x.relu()
        torch.testing.assert_close(embedded["image"], functional.normalize(x, dim=-1))
        x = spectrum(flux)
        for number in (0, 3, 6):
            name = f"spectrum_encoder.spec_encoder.mlp.additional_layers.{number}"
            x = functional.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])
            slope = state[f"{name.rpartition('.')[0]}.{number + 1}.weight"]
            x = functional.prelu(x, slope)
        torch.testing.assert_close(embedded["spectrum"], functional.normalize(x, dim=-1))


def test_a_temperature_of_several_numbers_is_refused(tmp_path):
    state = {
        "image_encoder.backbone.fc.0.weight": torch.zeros(2, 2),
        "spectrum_encoder.spec_encoder.mlp.additional_layers.0.weight": torch.zeros(3, 2),
        "temperature": torch.ones(2),
    }
    torch.save(state, tmp_path / "two.pth")
    with pytest.raises(ModelError, match="'temperature' is not one number"):
        import_weights(tmp_path / "two.pth", tmp_path / "m")


def test_published_sizes_of_the_reports_need_no_configuration(tmp_path, monkeypatch):
    """Either run's head is found by its shapes, and the code's scale is kept."""
    from skybind.models.exchange.formats import Beside
    from skybind.models.exchange.forms import astroclip
    from skybind.models.exchange.reading import WeightSource

    seen = []
    monkeypatch.setattr(astroclip, "_model", lambda config, *_: seen.append(config))
    for layers in ((128, 128, 128), (256, 256, 128)):
        state, _, _ = reports_state(layers=layers)
        assert astroclip._reports(state)
        assert not astroclip._original(state)
        astroclip.take_reports(WeightSource(tmp_path, None, state, ""), Beside())
        head = seen[-1].modalities["spectrum"].encoder
        assert (head["hidden"], head["activation"]) == (list(layers), "prelu")
        assert seen[-1].model.scale.initial == pytest.approx(2.7408, abs=1e-4)
        image = seen[-1].modalities["image"].preprocessing
        assert (image["stretch"], image["storage"]) == ("none", "float32")


def test_weights_that_are_not_whole_are_refused(tmp_path, original):
    checkpoint = torch.load(original / "astroclip.ckpt", weights_only=False)
    del checkpoint["state_dict"]["spectrum_encoder.mlp.decoder.bias"]
    torch.save(checkpoint, tmp_path / "torn.ckpt")
    with pytest.raises(ModelError, match=r"missing encoders\.spectrum\.head\.mlp\.decoder\.bias"):
        import_weights(tmp_path / "torn.ckpt", tmp_path / "m", config=small(tmp_path, 200))
    assert not (tmp_path / "m").exists()


def test_the_shipped_configuration_is_the_original_network():
    config = load_config("astroclip-original")
    assert (config.model.dimension, config.model.scale.initial) == (1024, 15.5)
    dataset_free = build_modalities(config, _schema())
    assert dataset_free["image"].shape == InputShape(3, 144)
    assert dataset_free["spectrum"].shape == InputShape(1, 7781)
    with torch.device("meta"):
        counts = {}
        for name, entry in config.modalities.items():
            backbone = build_encoder(shape=dataset_free[name].shape, **entry.backbone.encoder)
            shape = InputShape(backbone.out_features, backbone.tokens)
            head = build_encoder(shape=shape, **entry.encoder)
            counts[name] = [sum(p.numel() for p in m.parameters()) for m in (backbone, head)]
            assert head.out_features == 1024
    assert counts["spectrum"] == [43_160_832, 12_070_912]
    assert counts["image"][1] == 12_595_200
    assert counts["image"][0] == pytest.approx(302e6, rel=0.01)


def _schema():
    from skybind.models.exchange.galaxies import SCHEMA

    return SCHEMA
