"""A masked and denoising autoencoder of spectra: an encoder learns from what it must restore."""

import math
from collections.abc import Mapping, Sequence
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
from skybind.training.loop import TrainingResult, fit
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

    def forward(self, values: Tensor, redshift: Tensor | None = None) -> Tensor:
        """Encode (B, C, W) and restore the flux, (B, W)."""
        spectrum: Tensor = self.decoder(self.encoder(values), redshift)
        return spectrum


def hidden_windows(objects: int, pixels: int, fraction: float, window: int) -> Tensor:
    """Draw windows at random, a share `fraction` of the pixels on average.

    Windows may overlap and reach over the ends, so every pixel is hidden equally often; one of
    them is there only sometimes, so that the share is right. The draws are torch's own.

    Returns
    -------
    BoolTensor, shape (objects, pixels)
    """
    if fraction == 0:
        return torch.zeros(objects, pixels, dtype=torch.bool)
    window = min(window, pixels)
    places = pixels + window - 1
    hit = window / places  # the chance that one window hides a given pixel
    always = int(math.log(1 - fraction) / math.log(1 - hit))
    last = (1 - (1 - fraction) / (1 - hit) ** always) / hit
    start = torch.randint(places, (objects, always + 1))
    drawn = torch.ones_like(start, dtype=torch.int32)
    drawn[:, -1] = torch.rand(objects) < last
    edges = torch.zeros(objects, places + window, dtype=torch.int32)
    edges.scatter_add_(1, start, drawn)
    edges.scatter_add_(1, start + window, -drawn)
    return edges.cumsum(1)[:, window - 1 : window - 1 + pixels] > 0


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


def train_autoencoder(
    encoder: Encoder,
    options: AutoencoderOptions,
    source: Source,
    name: str,
    wavelength: np.ndarray,
    rows: Mapping[str, np.ndarray],
    training: TrainingOptions,
    out: Path,
    *,
    channels: Sequence[int],
    flux: int,
    ivar: int,
    redshift: np.ndarray | None = None,
    seed: int,
    resume: bool = False,
    progress: bool = True,
) -> TrainingResult:
    """Train an encoder of spectra by restoring them; it ends with the best epoch's weights.

    In training random windows are hidden (set to zero in every channel) and noise may be
    added; the loss is on all pixels. The validation loss is that of whole, clean spectra.

    Parameters
    ----------
    encoder : Encoder
        Trained in place.
    options : AutoencoderOptions
    source : BatchSource
        Its batches hold, besides what the encoder gets, the flux and its inverse variance.
    name : str
        The modality.
    wavelength : ndarray, shape (W,)
        Of its grid [Angstrom].
    rows : mapping of str to ndarray of int
        Objects of `train` and `validation`.
    training : TrainingOptions
    out : Path
        Folder for `last.ckpt`, `best.safetensors` and `log.csv`.
    channels : sequence of int
        Channels of a batch that the encoder gets, in its order.
    flux, ivar : int
        Channels of the flux and of its inverse variance, normalised alike.
    redshift : ndarray, shape (n,), optional
        Of every object of the source; finite for those in `rows`. For the frame `rest`.
    seed : int
        Decides the weights of the decoder, the order of objects, what is hidden.
    resume : bool
        Go on from `out/last.ckpt` if there is one.
    progress : bool
        Show the progress.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        decoder = SpectrumDecoder(encoder.out_features, wavelength, options)
    module = Autoencoder(encoder, decoder)
    layout = _Layout(list(channels), flux, ivar)
    task = _Reconstruction(module, options, source, name, rows, layout, redshift)
    return fit(task, training, Path(out), seed=seed, resume=resume, progress=progress)


class _Layout:
    """Which channel of a batch is what."""

    def __init__(self, encoded: list[int], flux: int, ivar: int) -> None:
        self.encoded, self.flux, self.ivar = encoded, flux, ivar


class _Reconstruction(Task):
    title = "reconstruction"
    score = "explained"

    def __init__(
        self,
        module: Autoencoder,
        options: AutoencoderOptions,
        source: Source,
        name: str,
        rows: Mapping[str, np.ndarray],
        layout: _Layout,
        redshift: np.ndarray | None,
    ) -> None:
        self.module: Autoencoder = module
        self.options = options
        self.source, self.name = source.select([name]), name
        self.rows = dict(rows)
        self.layout = layout
        self.redshift = None
        if options.frame == "rest":
            assert redshift is not None
            self.redshift = np.asarray(redshift, np.float32)

    def load(
        self, rows: np.ndarray, rng: np.random.Generator | None, second: np.random.Generator
    ) -> Sample:
        known = None if self.redshift is None else torch.from_numpy(self.redshift[rows])
        # augmentations of the modality would change what is to be restored
        return Sample(self.source.batch(rows, None), labels=known)

    def start(self, engine: Engine) -> None:
        self.engine = engine
        self._restore = compiled(self.module, engine.options)

    def train(self, sample: Sample) -> dict[str, Tensor]:
        values = self._values(sample)
        result = self._loss(self._spoil(values), values, sample)
        self.engine.backward(result["loss"])
        return result

    def evaluate(self, sample: Sample) -> dict[str, Tensor]:
        values = self._values(sample)
        return self._loss(values, values, sample)

    def _values(self, sample: Sample) -> Tensor:
        return sample.batch.inputs[self.name]["values"]

    def _spoil(self, values: Tensor) -> Tensor:
        """Add noise and hide windows; drawn on the CPU, so that every device sees the same."""
        options, layout = self.options, self.layout
        spoilt = values.clone()
        if options.noise:
            ivar = values[:, layout.ivar]
            sigma = torch.where(ivar > 0, ivar, torch.inf).rsqrt()
            draw = torch.randn(sigma.shape).to(values.device)
            spoilt[:, layout.flux] += options.noise * sigma * draw
        hidden = hidden_windows(
            len(values), values.shape[2], options.mask_fraction, options.mask_window
        )
        return spoilt.masked_fill(hidden.to(values.device)[:, None], 0.0)

    def _loss(self, given: Tensor, values: Tensor, sample: Sample) -> dict[str, Tensor]:
        with self.engine.autocast():
            restored = self._restore(given[:, self.layout.encoded], sample.labels)
        loss, explained, objects = reconstruction_loss(
            restored.float(),
            values[:, self.layout.flux],
            values[:, self.layout.ivar],
            self.options.weights,
        )
        return {"loss": loss, "accuracy": explained, "n": objects}

    def identity(self) -> dict[str, object]:
        return {"autoencoder": self.options.model_dump(mode="json"), "modality": self.name}
