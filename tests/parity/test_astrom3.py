"""AstroM3 to the digit: against numbers of its public release (commit 8bed51b).

`make_astrom3.py` tells how the golden files were made: stars as on the hub (`_norm`), with curves
of 5 to 400 epochs, ties, a repeated epoch, spectra that end within the grid, and pixels without
flux or error.
"""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from skybind.config import load_config
from skybind.data.dataset import Dataset
from skybind.data.splits import Split
from skybind.encoders.release import map_astrom3_state
from skybind.ingest.survey import import_files
from skybind.modalities.batch import Batch
from skybind.modalities.source import BatchSource
from skybind.models.binder import Binder
from skybind.models.build import build_binder, build_classifier, build_modalities
from skybind.models.exchange.astrom3_network import fill
from skybind.models.exchange.reading import read_source
from skybind.training.losses import matched, pairs_loss
from skybind.training.metrics import Meter
from skybind.training.pretrain import pretrain

FILES = Path(__file__).parent / "astrom3"
WANTED = load_file(FILES / "outputs.safetensors")
NAMES = {"photo": "photometry", "spectra": "spectrum", "meta": "metadata"}
#: The network of the golden files; with so large a factor its attention draws nothing.
SMALL = [
    "modalities.photometry.encoder.d_model=8",
    "modalities.photometry.encoder.n_heads=2",
    "modalities.photometry.encoder.d_ff=16",
    "modalities.photometry.encoder.layers=2",
    "modalities.photometry.encoder.factor=100",
    "modalities.photometry.encoder.dropout=0",
    "modalities.spectrum.encoder.channels=[4, 4, 4, 32]",
    "modalities.spectrum.encoder.dropout=0",
    "modalities.metadata.encoder.hidden=16",
    "modalities.metadata.encoder.dropout=0",
    "model.dimension=16",
    "training.learning_rate=0.00392",
    "training.betas=[0.926, 0.999]",
    "training.weight_decay=0.00467",
    "training.warmup_epochs=0",
    "training.epochs=3",
]


class Stars:
    """The golden stars, imported, with the published configuration on them."""

    def __init__(self, folder: Path) -> None:
        import_files("astrom3_hub", FILES / "full_42_norm", folder)
        self.dataset = Dataset.open(folder)
        split = Split.read(folder / "splits" / "published.parquet").align(self.dataset.object_ids)
        self.rows = {part: split.rows(part) for part in ("train", "validation", "test")}
        self.config = load_config("astrom3", SMALL)
        modalities = build_modalities(self.config, self.dataset.schema)
        prepared = {n: m.prepare(self.dataset.table(m.columns)) for n, m in modalities.items()}
        assert all(some.present.all() for some in prepared.values())
        self.source = BatchSource(modalities, prepared)
        self.source.fit(self.rows["train"])
        self.shapes = {name: modality.shape for name, modality in modalities.items()}

    def batch(self, part: str) -> Batch:
        """All stars of a part, as validation sees them."""
        return self.source.batch(self.rows[part], None)

    def binder(self) -> Binder:
        """The network with the weights of the golden files."""
        binder = build_binder(self.config, self.shapes)
        fill(binder, map_astrom3_state(read_source(self.weights).tensors))
        return binder

    weights = FILES / "clip.safetensors"


@pytest.fixture(scope="module")
def stars(tmp_path_factory):
    return Stars(tmp_path_factory.mktemp("parity") / "stars")


@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_what_the_networks_are_given(stars, part):
    inputs = stars.batch(part).inputs
    np.testing.assert_array_equal(inputs["photometry"]["mask"], WANTED[f"{part}.mask"])
    for name, kind in (("photometry", "photometry"), ("metadata", "metadata")):
        want = WANTED[f"{part}.{kind}"]
        np.testing.assert_allclose(inputs[name]["values"], want, rtol=1e-5, atol=1e-5)
    spectra = inputs["spectrum"]["values"][:, :, ::3]
    np.testing.assert_allclose(spectra, WANTED[f"{part}.spectra"], rtol=1e-5, atol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("part", ["train", "validation", "test"])
def test_embeddings(stars, part):
    embeddings = stars.binder().eval().embed(stars.batch(part))
    for name, values in embeddings.items():
        np.testing.assert_allclose(values, WANTED[f"{part}.embedding.{name}"], atol=1e-5)


@torch.no_grad()
def test_losses(stars):
    binder, batch = stars.binder().eval(), stars.batch("test")
    found = pairs_loss(binder.embed(batch), batch.present, binder.pairs, binder.scales)
    losses = [found[f"loss/{'-'.join(pair)}"] for pair in binder.pairs]
    np.testing.assert_allclose(losses, WANTED["test.losses"], rtol=1e-5)


@torch.no_grad()
@pytest.mark.parametrize("kind", ["photo", "spectra", "meta", "all"])
def test_each_classifier(stars, kind):
    names = (NAMES[kind],) if kind in NAMES else tuple(stars.config.modalities)
    classifier = build_classifier(stars.config, stars.shapes, names, 10, stars.binder()).eval()
    head = load_file(FILES / "heads.safetensors")
    classifier.head.load_state_dict({key: head[f"{kind}.fc.{key}"] for key in ("weight", "bias")})
    logits = classifier(stars.batch("test"))
    want = WANTED[f"test.logits.{kind}"]
    np.testing.assert_allclose(logits, want, atol=1e-5)
    assert logits.argmax(1).tolist() == want.argmax(1).tolist()


class _Scales:
    def value(self, pair):
        return {"photometry": 5.0, "spectrum": 9.0, "metadata": 14.0}[pair[0]]


def test_objects_that_are_their_own_likeliest_partners(stars):
    """By which the release keeps pre-trained weights, too (`training.keep_by: accuracy`)."""
    assert stars.config.training.keep_by == "accuracy"
    golden = load_file(FILES / "matched.safetensors")
    names, pairs = ("photometry", "spectrum", "metadata"), stars.config.pairs
    meter, apart = Meter(), Meter()
    for batch in range(2):
        embeddings = {name: golden[f"{batch}.{name}"] for name in names}
        present = {n: torch.ones(len(v), dtype=torch.bool) for n, v in embeddings.items()}
        meter.add(matched(embeddings, present, pairs, _Scales()))
        apart.add(pairs_loss(embeddings, present, pairs, _Scales()))
        means = meter.means()
        assert round(means["accuracy"] * means["n"]) == golden[f"{batch}.right"].item()
    assert meter.accuracy() == means["accuracy"]
    assert abs(meter.accuracy() - apart.accuracy()) > 0.05  # the pairs by themselves say less


def test_three_steps_of_training(stars, tmp_path):
    binder = stars.binder()
    for module in binder.modules():
        if isinstance(module, torch.nn.Dropout):
            module.p = 0.0
    rows = {"train": stars.rows["train"], "validation": stars.rows["train"]}
    result = pretrain(binder, stars.source, rows, stars.config.training, tmp_path, seed=0)
    losses = [record["train/loss"] for record in result.history]
    np.testing.assert_allclose(losses, [WANTED[f"step.{k}.loss"] for k in range(3)], rtol=1e-5)
    accuracies = [record["validation/accuracy"] for record in result.history]
    assert result.best_epoch == 1 + accuracies.index(max(accuracies))
    final = load_last(tmp_path, binder)
    scale = final.scales.logs["photometry-spectrum"].item()
    assert scale == pytest.approx(WANTED["trained.logit_scale_ps"].item(), abs=1e-6)
    weight = final.projections["photometry"].weight.detach()
    np.testing.assert_allclose(weight, WANTED["trained.photometry_proj.weight"], atol=1e-5)
    first = final.encoders["spectrum"].state_dict()
    want = WANTED["trained.spectra_encoder.layers.0.weight"]
    same = [v for v in first.values() if v.shape == want.shape]
    np.testing.assert_allclose(same[0], want, atol=1e-5)


def load_last(folder: Path, binder: Binder) -> Binder:
    """The network after the last step, whichever epoch was the best."""
    state = torch.load(folder / "last.ckpt", weights_only=True)
    binder.load_state_dict(state["module"])
    return binder
