"""A model of which any file was changed is never opened, by no way."""

import json
import shutil

import numpy as np
import pytest

import skybind as sb
from skybind.errors import ModelError, SkybindError
from skybind.files import file_hash
from skybind.models.model import Model
from skybind.models.stored import note_files, read_note
from skybind.report.exported import export_weights
from skybind.runs.published import import_weights
from tests.parity.hub import write_model

FILES = ("weights.safetensors", "preprocessing.safetensors", "trained_on.npy", "seen.safetensors")
DOORS = {
    "model": Model.open,
    "load": sb.load,
    "import": lambda folder: import_weights(folder, folder.parent / "taken"),
    "export": lambda folder: export_weights(folder, folder.parent / "out", "skybind"),
}


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    root = tmp_path_factory.mktemp("saved")
    import_weights(write_model(root / "hub", "meta"), root / "model", standardised=True)
    return root / "model"


def flipped(data):
    changed = bytearray(data)
    changed[-3] ^= 1  # the last numbers: nothing but a checksum finds it
    return bytes(changed)


BREAKS = {"flipped": flipped, "cut": lambda data: data[:-9], "empty": lambda data: b""}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("how", BREAKS)
@pytest.mark.parametrize("name", FILES)
def test_a_file_that_was_changed_is_named(saved, tmp_path, name, how, door):
    shutil.copytree(saved, tmp_path / "m")
    path = tmp_path / "m" / name
    path.write_bytes(BREAKS[how](path.read_bytes()))
    with pytest.raises(SkybindError, match=f"{name} (is damaged, or was replaced|cannot be)"):
        DOORS[door](tmp_path / "m")


def test_training_objects_cannot_be_forgotten(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "m")
    np.save(tmp_path / "m" / "trained_on.npy", np.array([3], np.uint64))
    with pytest.raises(ModelError, match=r"trained_on\.npy is damaged, or was replaced"):
        Model.open(tmp_path / "m")
    (tmp_path / "m" / "trained_on.npy").unlink()
    with pytest.raises(ModelError, match=r"trained_on\.npy cannot be read"):
        Model.open(tmp_path / "m")


def test_a_letter_of_the_note_counts(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "m")
    path = tmp_path / "m" / "model.json"
    first, second = read_note(saved)["classes"][:2]
    text = path.read_text()
    path.write_text(text.replace(f'"{first}"', '"?"').replace(f'"{second}"', f'"{first}"'))
    with pytest.raises(ModelError, match=r"model\.json is damaged, or was changed"):
        Model.open(tmp_path / "m")


def test_a_model_of_an_older_skybind_opens_with_a_sentence(saved, tmp_path, caplog):
    shutil.copytree(saved, tmp_path / "m")
    path = tmp_path / "m" / "model.json"
    note = {k: v for k, v in json.loads(path.read_text()).items() if k not in ("files", "hash")}
    path.write_text(json.dumps(note))
    (tmp_path / "m" / "seen.safetensors").unlink()
    caplog.set_level("INFO", logger="skybind")
    Model.open(tmp_path / "m")
    assert "was saved by an older skybind" in caplog.text


def test_the_weights_of_an_older_model_are_compared_with_their_hash(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "m")
    path, weights = tmp_path / "m" / "model.json", tmp_path / "m" / "weights.safetensors"
    note = {k: v for k, v in read_note(saved).items() if k not in ("files", "hash")}
    path.write_text(json.dumps(note))
    Model.open(tmp_path / "m")
    weights.write_bytes(flipped(weights.read_bytes()))
    for use in (Model.open, lambda folder: note_files(folder, ())):
        with pytest.raises(ModelError, match=r"weights\.safetensors is damaged, or was replaced"):
            use(tmp_path / "m")
    assert "files" not in json.loads(path.read_text())


def test_what_comes_to_a_model_is_noted_and_nothing_else(saved, tmp_path):
    folder = tmp_path / "m"
    shutil.copytree(saved, folder)
    before = read_note(folder)["files"]
    (folder / "README.md").write_text("a card that somebody will change")
    (folder / "calibration.json").write_text("{}")
    weights = folder / "weights.safetensors"
    weights.write_bytes(flipped(weights.read_bytes()))  # must not become what was saved
    note_files(folder, ["calibration.json"])
    noted = read_note(folder)["files"]
    assert noted == {**before, "calibration.json": file_hash(folder / "calibration.json")}
    with pytest.raises(ModelError, match=r"weights\.safetensors is damaged, or was replaced"):
        Model.open(folder)
    weights.write_bytes((saved / weights.name).read_bytes())
    (folder / "README.md").write_text("changed")
    Model.open(folder)
