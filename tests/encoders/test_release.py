"""Against the numbers that the published code gave for small random weights."""

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.nn.functional import cross_entropy, linear, normalize

from skybind.encoders import build_encoder
from skybind.encoders.release import (
    ReleaseState,
    load_parameters,
    map_astrom3_state,
    to_astrom3_state,
)
from skybind.encoders.release_config import read_arguments, translate_arguments
from skybind.errors import ModelError
from skybind.models.weights import read_tensors
from skybind.training.losses import pairs_loss

REFERENCE = Path(__file__).parents[3] / "shared" / "reference"
needs_reference = pytest.mark.skipif(
    not (REFERENCE / "golden").is_dir(), reason="needs ../shared/reference beside the repository"
)
WEIGHTS = REFERENCE / "golden" / "astrom3_small_weights.safetensors"
CONFIG = REFERENCE / "golden" / "astrom3_small_config.json"
PAIRS = {
    "ps": ("photometry", "spectrum"),
    "sm": ("spectrum", "metadata"),
    "mp": ("metadata", "photometry"),
}
PUBLISHED = """{
    "classification": false, "num_classes": 10, "hidden_dim": 512, "fusion": "avg", "seq_len": 200,
    "p_enc_in": 9, "p_d_model": 128, "p_dropout": 0.245, "p_factor": 1, "p_output_attention": false,
    "p_n_heads": 4, "p_d_ff": 512, "p_activation": "gelu", "p_e_layers": 8, "s_dropout": 0.339,
    "s_conv_channels": [3, 64, 64, 32, 32], "s_kernel_size": 3, "s_mp_kernel_size": 4,
    "m_input_dim": 34, "m_hidden_dim": 512, "m_dropout": 0.16
}"""


def _build(config):
    return {
        modality: build_encoder(spec.name, spec.shape, **spec.options).eval()
        for modality, spec in config.encoders.items()
    }


@pytest.fixture
def golden():
    """Encoders with the reference weights, the other parameters, inputs and wanted outputs."""
    mapped = map_astrom3_state(read_tensors(WEIGHTS))
    encoders = _build(translate_arguments(read_arguments(CONFIG), CONFIG.name))
    for modality, encoder in encoders.items():
        load_parameters(encoder, mapped["encoders"][modality], f"{modality} encoder")
    wanted = load_file(REFERENCE / "golden" / "astrom3_small_io.safetensors")
    return encoders, mapped, wanted


def _embeddings(encoders, mapped, wanted):
    inputs = {
        "photometry": (wanted["photometry"], wanted["photometry_mask"]),
        "spectrum": (wanted["spectra"],),
        "metadata": (wanted["metadata"],),
    }
    embeddings = {}
    for modality, encoder in encoders.items():
        projection = mapped["projections"][modality]
        features = encoder(*inputs[modality])
        embeddings[modality] = normalize(
            linear(features, projection["weight"], projection["bias"]), dim=1
        )
    return embeddings


@needs_reference
@torch.no_grad()
def test_features_and_embeddings_are_the_published_codes(golden):
    encoders, mapped, wanted = golden
    features = encoders["photometry"](wanted["photometry"], wanted["photometry_mask"])
    assert (features - wanted["photometry_encoder_output"]).abs().max() < 1e-5
    for modality, embedding in _embeddings(encoders, mapped, wanted).items():
        name = {"spectrum": "spectra"}.get(modality, modality)
        assert (embedding - wanted[f"{name}_embedding"]).abs().max() < 1e-5


@needs_reference
@torch.no_grad()
def test_losses_are_the_published_codes(golden):
    embeddings = _embeddings(*golden)
    _, mapped, wanted = golden
    for name, (first, second) in PAIRS.items():
        scale = mapped["log_scales"][first, second].exp().clamp(1, 100)
        logits = scale * embeddings[first] @ embeddings[second].T
        assert (logits - wanted[f"logits_{name}"]).abs().max() < 1e-5 * scale
        diagonal = torch.arange(len(logits))
        loss = cross_entropy(logits, diagonal) + cross_entropy(logits.T, diagonal)
        # 1e-5, or the last digit of a float32 where the loss is tens
        assert loss.item() == pytest.approx(wanted[f"loss_{name}"].item(), rel=1e-6, abs=1e-5)
        present = dict.fromkeys(embeddings, torch.ones(len(logits), dtype=torch.bool))
        own = pairs_loss(embeddings, present, [(first, second)], _OneScale(scale))
        assert own["loss"].item() == pytest.approx(
            wanted[f"loss_{name}"].item(), rel=1e-6, abs=1e-5
        )
        assert own[f"n/{first}-{second}"] == len(logits)


class _OneScale:
    def __init__(self, scale):
        self._scale = scale

    def value(self, pair):
        return self._scale


def _published_state(tmp_path, projections=True):
    config = translate_arguments(json.loads(PUBLISHED), "config.json")
    encoders = _build(config)
    parameters = 0
    state = ReleaseState(encoders={}, projections={}, log_scales={}, classifier=None)
    for modality, encoder in encoders.items():
        state["encoders"][modality] = encoder.state_dict()
        layer = torch.nn.Linear(encoder.out_features, config.embedding_size)
        state["projections"][modality] = layer.state_dict()
        parameters += sum(p.numel() for m in (encoder, layer) for p in m.parameters())
    for pair in PAIRS.values():
        state["log_scales"][pair] = torch.tensor(100.0).log()
        parameters += 1
    return state, parameters


@needs_reference
def test_published_configuration_has_exactly_the_published_names_and_shapes(tmp_path):
    state, parameters = _published_state(tmp_path)
    wanted = {}
    for line in (REFERENCE / "keys_astrom3_clip.txt").read_text().splitlines():
        name, shape = line.split("\t")
        wanted[name] = tuple(int(n) for n in shape.strip("()").split(",") if n.strip())
    assert {name: tuple(v.shape) for name, v in to_astrom3_state(state).items()} == wanted
    assert parameters == 15_869_827


def test_mapping_there_and_back_loses_nothing(tmp_path):
    state, _ = _published_state(tmp_path)
    state["classifier"] = torch.nn.Linear(512, 10).state_dict()
    back = map_astrom3_state(to_astrom3_state(state))
    assert back.keys() == state.keys()
    assert back["log_scales"] == state["log_scales"]
    for part in ("encoders", "projections"):
        assert back[part].keys() == state[part].keys()
        for modality in PAIRS["ps"] + ("metadata",):
            for name, value in state[part][modality].items():
                assert back[part][modality][name] is value
            assert back[part][modality].keys() == state[part][modality].keys()
    assert back["classifier"] == state["classifier"]


@pytest.mark.parametrize("modality", ["photometry", "spectrum", "metadata"])
def test_classifier_of_one_modality_has_names_without_prefix(tmp_path, modality):
    whole, _ = _published_state(tmp_path)
    width = whole["projections"][modality]["weight"].shape[1]
    single = ReleaseState(
        encoders={modality: whole["encoders"][modality]},
        projections={},
        log_scales={},
        classifier=torch.nn.Linear(width, 10).state_dict(),
    )
    released = to_astrom3_state(single)
    assert not any("_encoder." in name or "_proj." in name for name in released)
    assert {"fc.weight", "fc.bias"} <= released.keys()
    back = map_astrom3_state(released)
    assert list(back["encoders"]) == [modality]
    assert back["encoders"][modality].keys() == whole["encoders"][modality].keys()
    assert back["classifier"]["weight"].shape == (10, width)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda s: s.update({"image_encoder.x": torch.zeros(1)}), "unexpected image_encoder.x"),
        (lambda s: s.update({"logit_scale_ps.x": torch.zeros(1)}), "unexpected logit_scale_ps.x"),
        (lambda s: s.pop("spectra_proj.bias"), "missing spectra_proj.bias"),
        (lambda s: s.update({"fc.weight": torch.zeros(1)}), "missing fc.bias"),
        (
            lambda s: [s.pop(n) for n in list(s) if n.startswith("metadata_encoder")],
            r"missing metadata_encoder.\*",
        ),
        (
            lambda s: s["photometry_encoder.enc_embedding.position_embedding.pe"].mul_(2),
            "is not the sinusoidal table",
        ),
    ],
)
def test_mapping_names_what_does_not_belong(tmp_path, change, said):
    released = to_astrom3_state(_published_state(tmp_path)[0])
    change(released)
    with pytest.raises(ModelError, match=said):
        map_astrom3_state(released)


def test_an_encoder_alone_without_a_classifier_is_not_whole(tmp_path):
    encoder = _published_state(tmp_path)[0]["encoders"]["metadata"]
    with pytest.raises(ModelError, match=r"missing fc.weight, fc.bias"):
        map_astrom3_state(encoder)


def test_parameters_that_do_not_fit_are_named():
    layer = torch.nn.Linear(3, 2)
    with pytest.raises(ModelError, match=r"head: missing bias; unexpected scale; shape weight"):
        load_parameters(layer, {"weight": torch.zeros(2, 4), "scale": torch.ones(1)}, "head")
    load_parameters(layer, {"weight": torch.zeros(2, 3), "bias": torch.ones(2)}, "head")
    assert layer(torch.ones(1, 3)).tolist() == [[1.0, 1.0]]


def test_the_release_has_no_place_for_other_modalities():
    state = ReleaseState(
        encoders={"image": {}},
        projections={},
        log_scales={("image", "image"): torch.ones(())},
        classifier=None,
    )
    with pytest.raises(ModelError, match=r"no place for .*image"):
        to_astrom3_state(state)


def test_config_that_is_none_is_refused(tmp_path):
    path = tmp_path / "config.json"
    with pytest.raises(ModelError, match="cannot be read"):
        read_arguments(path)
    path.write_text("[1]")
    with pytest.raises(ModelError, match="holds no mapping"):
        read_arguments(path)
    path.write_text(PUBLISHED.replace("p_d_ff", "p_df"))
    with pytest.raises(ModelError, match="the key 'p_d_ff' is missing"):
        translate_arguments(read_arguments(path), str(path))
