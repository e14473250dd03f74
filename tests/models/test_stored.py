"""model.json may have come from anywhere."""

import json
import shutil

import numpy as np
import pytest
from safetensors.numpy import load_file as load_arrays
from safetensors.numpy import save_file as save_arrays
from safetensors.torch import load_file, save_file

from skybind.errors import ModelError, SkybindError
from skybind.models.model import Model
from skybind.models.stored import note_files
from skybind.runs.published import import_weights
from tests.parity.hub import write_model

ENCODER = ("config", "modalities", "metadata", "encoder")


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A small classifier."""
    root = tmp_path_factory.mktemp("saved")
    import_weights(write_model(root / "hub", "meta"), root / "model", standardised=True)
    return root / "model"


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        (("kind",), "encoder", "kind: input should be"),
        (("modalities",), 3, "valid list"),
        (("modalities",), ["image"], "do not fit its configuration"),
        (("classes",), [3], "valid string"),
        (("classes",), ["EW"] * 10, "a class is named twice"),
        (("config",), None, "valid dictionary"),
        (("plugins",), 3, "valid list"),
        (("schema",), {}, r"schema\.observations: field required"),
        (("identity",), {}, r"identity\.weights: field required"),
        ((*ENCODER, "hidden"), 10**12, "weights, and its .* is 1,000,000,000,000"),
        ((*ENCODER, "layers"), 10**9, "weights, and its .* is 1,000,000,000"),
        ((*ENCODER, "hidden"), -1, "hidden at least 1"),
        ((*ENCODER, "layers"), 1, "do not fit its configuration"),
        (("config", "model", "dimension"), 10**12, "model.dimension is"),
    ],
)
def test_a_note_with_nonsense_is_refused_in_a_sentence(saved, tmp_path, path, value, said):
    shutil.copytree(saved, tmp_path / "m")
    file = tmp_path / "m" / "model.json"
    note = json.loads(file.read_text())
    place = note
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    file.write_text(json.dumps(note))
    note_files(tmp_path / "m", ())
    with pytest.raises(SkybindError, match=said) as error:
        Model.open(tmp_path / "m")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda values: values[:1], r"are of shape \(1,\), where \(34,\) are needed"),
        (lambda values: None, r"are none, where \(34,\)"),
        (lambda values: values * np.nan, "are not all finite"),
    ],
)
@pytest.mark.parametrize("key", ["metadata/features.mean", "metadata/features.scale"])
def test_statistics_that_are_not_those_of_the_features_are_refused(
    saved, tmp_path, key, change, said
):
    """One deviation would be taken for all features."""
    shutil.copytree(saved, tmp_path / "m")
    file = tmp_path / "m" / "preprocessing.safetensors"
    state = load_arrays(file)
    state[key] = change(state[key])
    save_arrays({k: np.ascontiguousarray(v) for k, v in state.items() if v is not None}, file)
    note_files(tmp_path / "m", [file.name])
    with pytest.raises(ModelError, match=said):
        Model.open(tmp_path / "m")


def test_the_folder_of_a_model_is_imported_as_it_is(saved, tmp_path):
    """Its weights have the name that skybind gives them, not the hub's."""
    assert import_weights(saved, tmp_path / "m").title == "model of skybind"
    Model.open(tmp_path / "m")


def test_weights_that_were_replaced_are_not_imported(saved, tmp_path):
    shutil.copytree(saved, tmp_path / "m")
    (tmp_path / "m" / "weights.safetensors").rename(tmp_path / "m" / "model.safetensors")
    import_weights(tmp_path / "m", tmp_path / "first")
    state = load_file(tmp_path / "m" / "model.safetensors")
    save_file({name: 2 * value for name, value in state.items()}, tmp_path / "m/model.safetensors")
    with pytest.raises(ModelError, match=r"model\.safetensors is damaged, or was replaced"):
        import_weights(tmp_path / "m", tmp_path / "second")


def test_weights_of_others_are_told_from_a_model(tmp_path):
    folder = write_model(tmp_path / "hub", "meta")
    with pytest.raises(ModelError, match="become one by 'skybind weights import'"):
        Model.open(folder)
    with pytest.raises(ModelError, match=r"it has no model\.json\.$"):
        Model.open(tmp_path)
