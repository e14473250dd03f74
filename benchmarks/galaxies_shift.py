"""Pre-training by shifts: on a logarithmic grid a redshift is a shift, which needs no label.

Of each spectrum two pieces are cut, at random places; one cut further to the red shows the lines
further to the blue, as a galaxy of lower redshift does. A linear map of the encoder's features
must tell by how much the two pieces are shifted against one another, while a decoder restores
both from their noisy views with hidden windows. So the features must say where the lines are.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from skybind.config.backbone import AutoencoderOptions
from skybind.data.dataset import Dataset
from skybind.data.splits import Split
from skybind.encoders import build_encoder
from skybind.files import write_json
from skybind.modalities.base import Prepared
from skybind.modalities.shape import InputShape
from skybind.modalities.source import BatchSource
from skybind.modalities.spectrum import Spectrum, SpectrumOptions
from skybind.modalities.store import prepare, prepared_folder
from skybind.models.backbones import load_backbone, save_backbone
from skybind.runs.workshop import encoder_features
from skybind.training.autoencoder import SpectrumDecoder, reconstruction_loss

#: The whole grid; two SDSS pixels of 69 km/s, twice: 276 km/s a bin.
FIRST, STEP, BINS = 3810.0, 4e-4, 950
#: Pieces begin up to this many bins later or earlier than in the middle: dz of about 0.038.
REACH = 40
ENCODER = {"channels": [24, 48, 96], "kernels": [5, 11, 21], "pools": [5, 3], "positions": True}
VIEWS = {"noise": 0.5, "hide": 0.3, "hide_length": 30}


@dataclass(frozen=True)
class Recipe:
    """How long and how fast an encoder is trained."""

    epochs: int = 10
    batch: int = 32
    learning_rate: float = 3e-3
    seed: int = 0


def whole_spectrum(dataset: Dataset) -> Spectrum:
    """The modality on the whole grid, which pieces are cut from."""
    return _spectrum(dataset, FIRST, BINS, channels=["flux", "ivar"], **VIEWS)


def middle_spectrum(dataset: Dataset) -> Spectrum:
    """The modality that the trained encoder takes: the piece in the middle of the grid."""
    return _spectrum(dataset, FIRST * 10 ** (REACH * STEP), BINS - 2 * REACH, **VIEWS)


def pieces(spectra: Tensor, first: Tensor, length: int) -> Tensor:
    """Cut (B, C, W) from bin `first`, (B,), on: (B, C, length)."""
    index = first[:, None] + torch.arange(length)
    return spectra.gather(2, index[:, None].expand(-1, spectra.shape[1], -1))


def pretrain_by_shifts(
    dataset: Dataset, split: Split, folder: Path, cache: Path, recipe: Recipe
) -> None:
    """Train an encoder on the split's training objects and save it as a backbone."""
    if (folder / "backbone.json").exists():
        return
    whole, middle = whole_spectrum(dataset), middle_spectrum(dataset)
    prepared = prepare(dataset, whole, prepared_folder(cache, whole, dataset.fingerprint))
    length = BINS - 2 * REACH
    torch.manual_seed(recipe.seed)
    rng = np.random.default_rng(recipe.seed)
    encoder = build_encoder("spender", InputShape(1, length), **ENCODER)
    options = AutoencoderOptions(hidden=[256, 256])
    decoder = SpectrumDecoder(encoder.out_features, middle.grid, options)
    place = nn.Linear(encoder.out_features, 1)
    parameters = [*encoder.parameters(), *decoder.parameters(), *place.parameters()]
    rows = {part: split.rows(part) for part in ("train", "validation")}
    steps = len(rows["train"]) // recipe.batch
    optimizer = torch.optim.AdamW(parameters, lr=recipe.learning_rate)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, recipe.learning_rate, total_steps=recipe.epochs * steps, pct_start=0.1
    )
    history = []
    for epoch in range(1, recipe.epochs + 1):
        encoder.train()
        losses = []
        order = rng.permutation(rows["train"])
        for batch in order[: steps * recipe.batch].reshape(steps, -1):
            loss, terms = _loss(encoder, decoder, place, whole, prepared, batch, rng)
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            schedule.step()
            losses.append(terms)
        encoder.eval()
        with torch.no_grad():
            held = np.random.default_rng(1)
            _, seen = _loss(encoder, decoder, place, whole, prepared, rows["validation"], held)
        history.append({"epoch": epoch, "train": np.mean(losses, axis=0), "validation": seen})
        print(f"  {folder.parent.name}: epoch {epoch}, {history[-1]['train']}, {seen}", flush=True)
    save_backbone(
        folder,
        "spender",
        ENCODER,
        encoder,
        modality=middle,
        shape=middle.shape,
        trained_on=dataset.object_ids[rows["train"]],
        identity={"method": "shifts", "dataset": dataset.fingerprint, "split_hash": split.hash},
    )
    write_json(folder.parent / f"{folder.name}.json", history)


def spectrum_features(dataset: Dataset, folder: Path, cache: Path) -> np.ndarray:
    """Features of every object by a saved backbone of spectra, (n, F)."""
    encoder, note = load_backbone(folder)
    modality = Spectrum("spectrum", SpectrumOptions(**note.preprocessing), dataset.schema)
    prepared = prepare(dataset, modality, prepared_folder(cache, modality, dataset.fingerprint))
    source = BatchSource({"spectrum": modality}, {"spectrum": prepared})
    return encoder_features(encoder, source, "spectrum", np.arange(len(dataset)))


def _loss(
    encoder: nn.Module,
    decoder: nn.Module,
    place: nn.Module,
    whole: Spectrum,
    prepared: Prepared,
    rows: np.ndarray,
    rng: np.random.Generator,
) -> tuple[Tensor, list[float]]:
    """Error of the shift between two pieces, and of their restoration."""
    length = BINS - 2 * REACH
    clean = whole.batch(prepared, rows)["values"]
    places, losses = [], []
    first = torch.from_numpy(rng.integers(0, 2 * REACH + 1, (2, len(rows))))
    for start in first:
        view = pieces(whole.batch(prepared, rows, rng)["values"][:, :1], start, length)
        flux, ivar = pieces(clean, start, length).unbind(1)
        mean, scale = flux.mean(1, keepdim=True), flux.std(1, keepdim=True).clamp(min=1e-6)
        hidden = view[:, 0] == 0
        view = torch.where(hidden, 0.0, (view[:, 0] - mean) / scale)[:, None]
        features = encoder(view)
        places.append(place(features)[:, 0])
        restored = decoder(features)
        losses.append(reconstruction_loss(restored, (flux - mean) / scale, ivar * scale**2)[0])
    shift = (first[0] - first[1]).float() / REACH
    moved = nn.functional.smooth_l1_loss(places[1] - places[0], shift, beta=0.1)
    restoring = 0.5 * (losses[0] + losses[1])
    return moved + restoring, [moved.item(), restoring.item()]


def _spectrum(dataset: Dataset, first: float, bins: int, **changes: object) -> Spectrum:
    options = {
        "wavelength_min": first,
        "wavelength_step": STEP,
        "bins": bins,
        "spacing": "log",
        "resample": "conserving",
        "normalise": "zscore",
        "channels": ["flux"],
        **changes,
    }
    return Spectrum("spectrum", SpectrumOptions(**options), dataset.schema)
