"""A model on a worker is the one that the work was planned with, or none."""

import shutil

import pytest

from skybind.errors import ModelError
from skybind.models.model import Model
from skybind.scale import shipped
from skybind.scale.shipped import Shipped, contents_of, key_of, open_shipped, unpack


@pytest.fixture
def folder(place, tmp_path, monkeypatch):
    monkeypatch.setattr(shipped, "_opened", {})
    monkeypatch.setattr(shipped, "_places", {})
    shutil.copytree(place / "stars-run" / "pretrain" / "model", tmp_path / "model")
    return tmp_path / "model"


def test_it_is_opened_once(folder, monkeypatch):
    opened = []
    monkeypatch.setattr(Model, "open", lambda place: opened.append(place) or object())
    model = Shipped(str(folder), key_of(folder))
    assert open_shipped(model) is open_shipped(model)
    assert opened == [folder]


def test_what_was_sent_counts_and_not_what_stands_there_now(folder, tmp_path):
    model = Shipped(str(folder), key_of(folder))
    unpack(model.key, contents_of(folder), tmp_path / "worker")
    weights = Model.open(folder).identity["weights"]
    shutil.rmtree(folder)
    assert open_shipped(model).identity["weights"] == weights


def test_another_model_is_refused(folder):
    model = Shipped(str(folder), key_of(folder))
    (folder / "calibration.json").write_text("{}")
    with pytest.raises(ModelError, match="changed since the work was planned"):
        open_shipped(model)
    shutil.rmtree(folder)
    with pytest.raises(ModelError, match="is not on this worker"):
        open_shipped(model)
