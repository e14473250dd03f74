import pytest
import torch
from safetensors.torch import load_file

from skybind.encoders import build_encoder
from skybind.encoders.release import map_astrom3_state
from skybind.encoders.release_config import read_arguments, translate_arguments
from skybind.errors import ModelError
from skybind.modalities.batch import Batch
from skybind.models import Binder, PairScales
from skybind.models.exchange.astrom3_network import fill
from skybind.models.exchange.reading import read_source
from tests.encoders.test_release import CONFIG, PAIRS, REFERENCE, WEIGHTS, needs_reference

pytestmark = needs_reference


def binder_of_the_golden_files():
    config = translate_arguments(read_arguments(CONFIG), CONFIG.name)
    encoders = {
        name: build_encoder(spec.name, spec.shape, **spec.options)
        for name, spec in config.encoders.items()
    }
    pairs = list(PAIRS.values())
    return Binder(encoders, config.embedding_size, pairs, PairScales(pairs)).eval()


@torch.no_grad()
def test_golden_losses_through_a_binder():
    """Weights by name, batch, embeddings and losses: the published code's numbers."""
    from skybind.training.losses import pairs_loss

    binder = binder_of_the_golden_files()
    fill(binder, map_astrom3_state(read_source(WEIGHTS).tensors))
    wanted = load_file(REFERENCE / "golden" / "astrom3_small_io.safetensors")
    n = len(wanted["metadata"])
    inputs = {
        "photometry": {"values": wanted["photometry"], "mask": wanted["photometry_mask"]},
        "spectrum": {"values": wanted["spectra"]},
        "metadata": {"values": wanted["metadata"]},
    }
    present = {name: torch.ones(n, dtype=torch.bool) for name in inputs}
    embeddings = binder.embed(Batch(torch.arange(n), inputs, present))
    result = pairs_loss(embeddings, present, binder.pairs, binder.scales)
    for key, pair in PAIRS.items():
        loss = result[f"loss/{'-'.join(pair)}"].item()
        assert loss == pytest.approx(wanted[f"loss_{key}"].item(), rel=1e-6, abs=1e-5)


def test_weights_of_something_else_are_named():
    binder = binder_of_the_golden_files()
    state = load_file(WEIGHTS)
    state["spectra_proj.bias"] = torch.zeros(3)
    with pytest.raises(ModelError, match="spectrum projection"):
        fill(binder, map_astrom3_state(state))
