import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from skybind.config import load_config
from skybind.data.schema import Column, DatasetSchema
from skybind.encoders import InputShape, build_encoder
from skybind.errors import ModelError
from skybind.modalities.photometry import Photometry, PhotometryOptions
from skybind.models import build_modalities
from skybind.models.backbones import (
    check_backbones,
    load_backbone,
    read_backbone,
    save_backbone,
)
from skybind.models.leaks import hash_ids
from skybind.models.noted import write_note
from tests.modalities.conftest import SCHEMA

OPTIONS = {"channels": [8, 6], "kernel_size": 5}
SHAPE = InputShape(3, 64)


@pytest.fixture
def spectrum():
    return build_modalities(load_config("stars-small"), SCHEMA)["spectrum"]


@pytest.fixture
def folder(tmp_path, spectrum):
    torch.manual_seed(0)
    encoder = build_encoder("galspecnet", SHAPE, **OPTIONS).eval()
    save_backbone(
        tmp_path / "backbone",
        "galspecnet",
        OPTIONS,
        encoder,
        modality=spectrum,
        shape=SHAPE,
        trained_on=np.array(["b", "a"]),
        identity={"split_hash": "abc"},
    )
    return tmp_path / "backbone", encoder


@torch.no_grad()
def test_a_saved_backbone_gives_the_same_features_and_knows_itself(folder, spectrum):
    path, encoder = folder
    again, note = load_backbone(path, SHAPE)
    assert not again.training
    values = torch.randn(2, 3, 64)
    assert torch.equal(again(values), encoder(values))
    assert note.encoder == {"name": "galspecnet", "options": OPTIONS}
    assert (note.kind, note.shape) == ("spectrum", SHAPE)
    assert note.preprocessing == spectrum.options.model_dump(mode="json")
    assert note.trained_on.tolist() == sorted(hash_ids(np.array(["a", "b"])).tolist())
    assert note.identity["split_hash"] == "abc"
    assert len(note.identity["weights"]) == 16


def test_the_folder_of_its_pre_training_will_do(folder):
    path, _ = folder
    assert load_backbone(path.parent)[1].identity == load_backbone(path)[1].identity


def test_what_is_wrong_is_said_in_a_sentence(folder, tmp_path):
    path, _ = folder
    with pytest.raises(ModelError, match="was trained on 3 channels of length 64, these inputs"):
        load_backbone(path, InputShape(3, 65))
    with pytest.raises(ModelError, match=r"it has no backbone\.json"):
        load_backbone(tmp_path / "nothing")
    text = (path / "backbone.json").read_text()
    (path / "backbone.json").write_text(text.replace('"backbone_version": 1', '"x": 1'))
    with pytest.raises(ModelError, match="is damaged, or was changed"):
        read_backbone(path)
    note = json.loads(text)
    write_note(path / "backbone.json", {k: v for k, v in note.items() if k[:9] != "backbone_"})
    with pytest.raises(ModelError, match="cannot be read"):
        read_backbone(path)
    note["encoder"]["options"]["channels"] = [8, 7]
    write_note(path / "backbone.json", note)
    with pytest.raises(ModelError, match="do not fit the galspecnet encoder"):
        load_backbone(path)


def test_the_weights_of_an_older_backbone_are_compared_with_their_hash(folder):
    path, _ = folder
    note = json.loads((path / "backbone.json").read_text())
    note = {key: value for key, value in note.items() if key not in ("files", "hash")}
    (path / "backbone.json").write_text(json.dumps(note))
    read_backbone(path)
    data = bytearray((path / "weights.safetensors").read_bytes())
    data[-3] ^= 1
    (path / "weights.safetensors").write_bytes(data)
    with pytest.raises(ModelError, match=r"weights\.safetensors is damaged, or was replaced"):
        read_backbone(path)


@pytest.mark.parametrize("here", ["AB", "Vega", None])
def test_a_backbone_that_meets_another_photometric_system_says_so(caplog, here):
    def curves(system):
        said = {} if system is None else {"system": system}
        fields = {"time": "d", "magnitude": "mag"}
        return DatasetSchema(
            {"photometry": Column("observation", None, "", "photometry", fields, said)}
        )

    modality = Photometry("photometry", PhotometryOptions(features=[]), curves(here))
    learned = {"fields": [], "attributes": {"system": "AB"}}  # of light curves none is named
    encoder = SimpleNamespace(preprocessing={}, observation=learned)
    caplog.set_level("INFO", "skybind")
    check_backbones(SimpleNamespace(backboned={"photometry": encoder}), {"photometry": modality})
    told = "modalities.photometry was trained in the photometric system AB; that of the dataset is"
    assert (f"{told} {here or 'not stated'}" in caplog.text) == (here != "AB")
