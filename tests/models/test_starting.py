"""What a binder takes of another model, tensor by tensor."""

from dataclasses import replace

import pytest
import torch

from skybind.config import load_config
from skybind.data.schema import Column
from skybind.data.seen import Seen
from skybind.errors import ModelError
from skybind.models.build import build_binder, build_modalities
from skybind.models.model import Model
from skybind.models.starting import take_weights
from tests.modalities.conftest import SCHEMA as FEW

MORE = {f"mag{i}": Column("feature", "mag", modality="metadata") for i in range(4)}
SCHEMA = replace(FEW, columns={**FEW.columns, **MORE})

SMALL = [
    "model.dimension=8",
    "modalities.photometry.encoder={name: informer, d_model: 8, n_heads: 2, d_ff: 8, layers: 1}",
    "modalities.photometry.preprocessing={length: 20}",
    "modalities.spectrum.encoder={name: galspecnet, channels: [4], pool_size: 8}",
    "modalities.spectrum.preprocessing={wavelength_step: 20}",
    "modalities.metadata.encoder={name: mlp, hidden: 6, layers: 2}",
    "modalities.metadata.preprocessing.absolute=[]",
]


def made(*sets, seed=0, keep=None):
    """A model, opened from nowhere."""
    config = load_config("stars-small", [*SMALL, *sets, f"seed={seed}"])
    modalities = build_modalities(config, SCHEMA)
    binder = build_binder(config, {name: m.shape for name, m in modalities.items()})
    return Model(config, binder, None, modalities, [], {}, Seen(), None, keep)


def names_of(features):
    return f"modalities.metadata.preprocessing.features=[{', '.join(features)}]"


FEATURES = SCHEMA.features("metadata")


def test_all_is_taken_where_all_fits():
    start, here = made(seed=1), made(seed=2)
    taken = take_weights(here.binder, here.modalities, start)
    for key, weight in here.binder.state_dict().items():
        assert torch.equal(weight, start.binder.state_dict()[key]), key
    for name, entry in taken.items():
        assert entry.taken == entry.of > 0
        assert entry.sentence(name) == name


def test_of_channels_those_of_the_same_meaning_are_taken():
    one, two = FEATURES[:4], [FEATURES[5], FEATURES[2], FEATURES[0]]
    start, here = made(names_of(one), seed=1), made(names_of(two), seed=2)
    before = here.binder.encoders["metadata"].model[0].weight.clone()
    taken = take_weights(here.binder, here.modalities, start)["metadata"]
    weight = here.binder.encoders["metadata"].model[0].weight
    theirs = start.binder.encoders["metadata"].model[0].weight
    assert torch.equal(weight[:, 1], theirs[:, 2])
    assert torch.equal(weight[:, 2], theirs[:, 0])
    assert torch.equal(weight[:, 0], before[:, 0])
    assert taken.partly == ["encoder.model.0.weight"]
    assert (taken.taken, taken.anew) == (taken.of - 1, [])
    assert "prepared otherwise in features" in taken.sentence("metadata")


def test_the_same_number_of_other_features_is_not_taken_for_the_same():
    start = made(names_of(FEATURES[:3]), seed=1)
    here = made(names_of(FEATURES[3:6]), seed=2)
    before = here.binder.encoders["metadata"].model[0].weight.clone()
    taken = take_weights(here.binder, here.modalities, start)["metadata"]
    assert taken.anew == ["encoder.model.0.weight"]
    assert torch.equal(here.binder.encoders["metadata"].model[0].weight, before)
    for key in ("model.0.bias", "model.3.weight"):
        found = here.binder.encoders["metadata"].state_dict()[key]
        assert torch.equal(found, start.binder.encoders["metadata"].state_dict()[key])


def test_what_does_not_fit_begins_anew_and_is_named():
    start = made("modalities.spectrum.preprocessing={wavelength_step: 10}", seed=1)
    wider = "modalities.photometry.encoder={name: folded, bins: 20, width: 4}"
    here = made(wider, "modalities.photometry.preprocessing={length: 20, phase: true}", seed=2)
    fresh = build_binder(here.config, {n: m.shape for n, m in here.modalities.items()})
    taken = take_weights(here.binder, here.modalities, start)
    assert taken["photometry"].taken == 0
    assert taken["photometry"].sentence("photometry") == (
        "photometry at random (the model's encoder is informer, not folded)"
    )
    for key, weight in here.binder.encoders["photometry"].state_dict().items():
        assert torch.equal(weight, fresh.encoders["photometry"].state_dict()[key])
    # twice as many pixels: the convolutions fit, what reads all positions does not
    spectrum = taken["spectrum"]
    assert spectrum.anew == ["projection.weight"]
    assert "prepared otherwise in wavelength_step" in spectrum.sentence("spectrum")


def test_modalities_that_the_model_lacks_begin_at_random():
    start = made("modalities.spectrum=null", "modalities.photometry=null", seed=1)
    here = made(seed=2)
    taken = take_weights(here.binder, here.modalities, start)
    assert taken["spectrum"].sentence("spectrum") == (
        "spectrum at random (the model has only metadata)"
    )
    assert taken["metadata"].taken == taken["metadata"].of


def test_a_model_of_which_nothing_fits_is_refused(tmp_path):
    start = made("modalities.metadata=null", seed=1, keep=tmp_path)
    here = made("modalities.spectrum=null", "modalities.photometry=null", seed=2)
    with pytest.raises(ModelError, match=r"No weight of the model in .* fits"):
        take_weights(here.binder, here.modalities, start)


def test_scales_of_pairs_that_both_bind_are_taken():
    start, here = made(seed=1), made("modalities.spectrum=null", seed=2)
    with torch.no_grad():
        for number, log in enumerate(start.binder.scales.logs.values()):
            log.fill_(number + 0.5)
    take_weights(here.binder, here.modalities, start)
    pair = ("photometry", "metadata")
    assert here.binder.scales.value(pair) == start.binder.scales.value(pair)


def test_names_of_channels_are_as_many_as_the_channels():
    config = load_config(
        "stars-small",
        ["modalities.metadata.preprocessing.missing_flags=true",
         "modalities.photometry.preprocessing.bands=[V, g]"],
    )  # fmt: skip
    for modality in build_modalities(config, SCHEMA).values():
        names = modality.channel_names
        assert len(names) == len(set(names)) == modality.shape.channels
