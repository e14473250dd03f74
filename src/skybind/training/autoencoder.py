"""A masked and denoising autoencoder of spectra: an encoder learns from what it must restore."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from skybind.config.backbone import AutoencoderOptions
from skybind.config.training import TrainingOptions
from skybind.encoders.registry import Encoder
from skybind.training.batches import Sample, Source
from skybind.training.fit import fit
from skybind.training.loop import TrainingResult
from skybind.training.task import Engine, Task, compiled


class RestFrame(nn.Module):
    """Rest-frame spectra on a logarithmic grid of their own, shifted to the observed grid.

    On a logarithmic grid a redshift is a shift; flux between its points is interpolated
    linearly. The factor 1 + z by which a flux density falls is left to the normalisation.

    Parameters
    ----------
    observed : ndarray, shape (W,)
        Observed wavelengths [Angstrom].
    redshifts : (float, float)
        Range to be covered.
    """

    log_observed: Tensor
    log_rest: Tensor

    def __init__(self, observed: np.ndarray, redshifts: tuple[float, float]) -> None:
        super().__init__()
        log_observed = np.log(np.asarray(observed, np.float64))
        low = log_observed[0] - math.log1p(redshifts[1])
        high = log_observed[-1] - math.log1p(redshifts[0])
        step = (log_observed[-1] - log_observed[0]) / (len(observed) - 1)
        log_rest = np.linspace(low, high, math.ceil((high - low) / step) + 1)
        self._step = float(log_rest[1] - log_rest[0])
        # differences from the first rest wavelength keep their digits in single precision
        self.register_buffer(
            "log_observed", torch.from_numpy(log_observed - low).float(), persistent=False
        )
        self.register_buffer("log_rest", torch.from_numpy(log_rest), persistent=False)

    @property
    def wavelength(self) -> np.ndarray:
        """The rest-frame grid [Angstrom], shape (R,)."""
        return np.exp(self.log_rest.cpu().numpy())

    def forward(self, rest: Tensor, redshift: Tensor) -> Tensor:
        """Redshift and resample: (B, R) and (B,) -> (B, W)."""
        shifted = self.log_observed[None] - torch.log1p(redshift.float())[:, None]
        place = (shifted / self._step).clamp(0, rest.shape[1] - 1)
        left = place.long().clamp(max=rest.shape[1] - 2)
        part = (place - left).to(rest.dtype)
        return torch.lerp(rest.gather(1, left), rest.gather(1, left + 1), part)


class SpectrumDecoder(nn.Module):
    """A perceptron from features to a spectrum, at rest and then redshifted if so wished.

    Parameters
    ----------
    features : int
        Of the encoder.
    wavelength : ndarray, shape (W,)
        Observed wavelengths [Angstrom].
    options : AutoencoderOptions
    """

    def __init__(self, features: int, wavelength: np.ndarray, options: AutoencoderOptions) -> None:
        super().__init__()
        rest = options.frame == "rest"
        self.rest = RestFrame(wavelength, options.redshift_range) if rest else None
        pixels = len(wavelength) if self.rest is None else len(self.rest.log_rest)
        code = [] if options.latent is None else [options.latent]
        widths = [features, *code, *options.hidden]
        steps: list[nn.Module] = []
        for before, after in pairwise(widths):
            steps += [nn.Linear(before, after), nn.PReLU(after)]
        self.layers = nn.Sequential(*steps, nn.Linear(widths[-1], pixels))

    def forward(self, features: Tensor, redshift: Tensor | None = None) -> Tensor:
        """Give spectra on the observed grid, shape (B, W)."""
        spectrum: Tensor = self.layers(features)
        if self.rest is None:
            return spectrum
        assert redshift is not None
        return self.rest(spectrum.float(), redshift)


class Autoencoder(nn.Module):
    """An encoder and the decoder that is dropped after training."""

    def __init__(self, encoder: Encoder, decoder: SpectrumDecoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = decoder

    def forward(
        self, values: Tensor, mask: Tensor | None = None, redshift: Tensor | None = None
    ) -> Tensor:
        """Encode what the encoder takes and restore the flux, (B, W)."""
        spectrum: Tensor = self.decoder(self.encoder(values, mask), redshift)
        return spectrum


def reconstruction_loss(
    restored: Tensor,
    flux: Tensor,
    ivar: Tensor,
    weights: Literal["relative", "ivar"] = "relative",
) -> tuple[Tensor, Tensor, Tensor]:
    """Squared residuals weighted by inverse variance; pixels without any count nothing.

    Parameters
    ----------
    restored, flux, ivar : Tensor, shape (B, W)
        `flux` may be anything where `ivar` is zero.
    weights : {"relative", "ivar"}
        `relative`: inverse variances over their mean in the spectrum; `ivar`: as they are, so
        that the loss is chi squared a pixel.

    Returns
    -------
    loss : Tensor
        Scalar, mean over the objects that have a pixel.
    explained : Tensor
        Share of the weighted variance of these spectra that is restored, no gradient.
    objects : Tensor
        How many have a pixel.
    """
    seen = ivar > 0
    pixels = seen.sum(1)
    used = pixels > 0
    weight = torch.where(seen, ivar, 0.0)
    total = weight.sum(1, keepdim=True)
    if weights == "relative":
        weight = weight * (pixels[:, None] / torch.where(total > 0, total, 1.0))
        total = pixels[:, None].to(weight.dtype)
    flux = torch.where(seen, flux, 0.0)
    each = (weight * torch.where(seen, restored - flux, 0.0) ** 2).sum(1)
    loss = (each / pixels.clamp(min=1)).sum() / used.sum().clamp(min=1)
    with torch.no_grad():
        mean = (weight * flux).sum(1, keepdim=True) / torch.where(total > 0, total, 1.0)
        variance = (weight * torch.where(seen, flux - mean, 0.0) ** 2).sum()
        explained = 1 - each.sum() / variance.clamp(min=torch.finfo(variance.dtype).tiny)
    return loss, explained, used.sum()


def equal_where_unknown(flux: Tensor, ivar: Tensor) -> Tensor:
    """Give the observed pixels of spectra without any inverse variance the same one, 1.

    Otherwise spectra that come without errors, as in the files of AstroCLIP, would count nothing.

    Parameters
    ----------
    flux, ivar : Tensor, shape (B, W)
        Where a pixel was not observed, `flux` is zero or NaN and `ivar` zero; where it is not
        known, `ivar` is zero everywhere.
    """
    unknown = ~(ivar > 0).any(1, keepdim=True)
    return torch.where(unknown, ((flux != 0) & flux.isfinite()).to(ivar.dtype), ivar)


@dataclass(frozen=True)
class Restored:
    """What an autoencoder gets, and what it gives back.

    Attributes
    ----------
    name : str
        The modality that the encoder gets.
    target : str
        The modality that is restored, of two channels: flux, and its inverse variance; all
        pixels of a spectrum count the same where that is not known.
    wavelength : ndarray, shape (W,)
        Of its grid [Angstrom].
    redshift : ndarray, shape (n,), optional
        Of every object of the source; finite for those that are trained on. For the frame `rest`.
    """

    name: str
    target: str
    wavelength: np.ndarray
    redshift: np.ndarray | None = None


def train_autoencoder(
    encoder: Encoder,
    options: AutoencoderOptions,
    source: Source,
    restored: Restored,
    rows: Mapping[str, np.ndarray],
    training: TrainingOptions,
    out: Path,
    *,
    seed: int,
    resume: bool = False,
) -> TrainingResult:
    """Train an encoder of spectra by restoring them; it ends with the best epoch's weights.

    The encoder gets training views (with windows hidden and noise added, as the modality's
    options say) and all pixels are to be restored. The validation loss is that of whole, clean
    spectra.

    Parameters
    ----------
    encoder : Encoder
        Trained in place.
    options : AutoencoderOptions
    source : BatchSource
    restored : Restored
    rows : mapping of str to ndarray of int
        Objects of `train` and `validation`.
    training : TrainingOptions
    out : Path
        Folder for `last.ckpt`, `best.safetensors` and `log.csv`.
    seed : int
        Decides the weights of the decoder, the order of objects and the views.
    resume : bool
        Go on from `out/last.ckpt` if there is one.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        decoder = SpectrumDecoder(encoder.out_features, restored.wavelength, options)
    module = Autoencoder(encoder, decoder)
    task = _Reconstruction(module, options, source, restored, rows)
    return fit(task, training, Path(out), seed=seed, resume=resume)


class _Reconstruction(Task):
    title = "reconstruction"
    score = "explained"

    def __init__(
        self,
        module: Autoencoder,
        options: AutoencoderOptions,
        source: Source,
        restored: Restored,
        rows: Mapping[str, np.ndarray],
    ) -> None:
        self.module: Autoencoder = module
        self.options = options
        self.name, self.target = restored.name, restored.target
        self.given, self.restored = source.select([self.name]), source.select([self.target])
        self.rows = dict(rows)
        self.redshift = None
        if options.frame == "rest":
            assert restored.redshift is not None
            self.redshift = np.asarray(restored.redshift, np.float32)

    def load(
        self, rows: np.ndarray, rng: np.random.Generator | None, second: np.random.Generator
    ) -> Sample:
        known = None if self.redshift is None else torch.from_numpy(self.redshift[rows])
        return Sample(self.given.batch(rows, rng), self.restored.batch(rows), known)

    def start(self, engine: Engine) -> None:
        self.engine = engine
        self._restore = compiled(self.module, engine.options)

    def train(self, sample: Sample) -> dict[str, Tensor]:
        result = self.evaluate(sample)
        self.engine.backward(result["loss"])
        return result

    def evaluate(self, sample: Sample) -> dict[str, Tensor]:
        assert sample.second is not None
        inputs = sample.batch.inputs[self.name]
        flux, ivar = sample.second.inputs[self.target]["values"].unbind(1)
        ivar = equal_where_unknown(flux, ivar)
        with self.engine.autocast():
            restored = self._restore(inputs["values"], inputs.get("mask"), sample.labels)
        loss, explained, objects = reconstruction_loss(
            restored.float(), flux, ivar, self.options.weights
        )
        return {"loss": loss, "accuracy": explained, "n": objects}

    def identity(self) -> dict[str, object]:
        return {"autoencoder": self.options.model_dump(mode="json"), "modality": self.name}
