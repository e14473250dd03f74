"""Preparing AstroM3's batches one object after the other, the way published loaders do it.

It is what `throughput.py` compares with: plain numpy on observations that lie in memory.
"""

import numpy as np
import torch

from skybind.data.dataset import Dataset
from skybind.modalities.base import feature_matrix
from skybind.modalities.metadata import Metadata
from skybind.modalities.photometry import Photometry
from skybind.modalities.source import BatchSource
from skybind.modalities.spectrum import Spectrum
from skybind.ragged import Ragged


class OneAtATime:
    """Batches of photometry, spectrum and metadata (AstroM3's preprocessing, centre crops).

    Parameters
    ----------
    dataset : Dataset
        With fluxes and inverse variances, as simulated.
    source : BatchSource
        Its fitted modalities give the statistics to standardise with.
    """

    def __init__(self, dataset: Dataset, source: BatchSource) -> None:
        photometry, spectrum, metadata = (
            source.modalities[name] for name in ("photometry", "spectrum", "metadata")
        )
        assert isinstance(photometry, Photometry)
        assert isinstance(spectrum, Spectrum)
        assert isinstance(metadata, Metadata)
        self.photometry, self.spectrum, self.metadata = photometry, spectrum, metadata
        self.curves = _tables(dataset.ragged("photometry"), ("time", "flux", "flux_err"))
        self.spectra = _tables(dataset.ragged("spectrum"), ("wavelength", "flux", "ivar"))
        self.curve_features = feature_matrix(
            dataset.table(photometry.features), photometry.features
        )
        self.rows = feature_matrix(dataset.table(metadata.features), metadata.features)
        names = metadata.features
        self.parallax = names.index("parallax")
        self.magnitudes = [names.index(name) for name in metadata.options.absolute]
        self.cosines = [
            names.index(n) for n, t in metadata.options.transforms.items() if t == "cos"
        ]
        self.sines = [names.index(n) for n, t in metadata.options.transforms.items() if t == "sin"]
        self.logarithms = [
            photometry.features.index(n)
            for n, t in photometry.options.transforms.items()
            if t == "log"
        ]

    def batch(self, rows: np.ndarray) -> dict[str, torch.Tensor]:
        """Prepare the objects and stack their tensors."""
        makers = {"photometry": self.curve, "spectrum": self.pixels, "metadata": self.row}
        made = {name: [torch.from_numpy(make(i)) for i in rows] for name, make in makers.items()}
        return {name: torch.stack(tensors) for name, tensors in made.items()}

    def curve(self, i: int) -> np.ndarray:
        """Prepare a light curve, (L, 9)."""
        length = self.photometry.options.length
        values = np.zeros((length, 5 + len(self.photometry.features)), np.float32)
        curve = self.curves[i]
        curve = np.unique(curve[np.isfinite(curve).all(1)], axis=0)  # sorted by time too
        if len(curve) < 2:
            return values
        time, flux, error = curve.T
        span = time[-1] - time[0]
        mad = _mad(flux)
        if mad == 0:
            return values
        channels = np.stack(
            [(time - time[0]) / span, (flux - flux.mean()) / mad, error / mad], axis=1
        )
        start = max(0, len(channels) - length) // 2
        channels = channels[start : start + length]
        constants = np.concatenate([self.curve_features[i], [np.log10(mad), span / 365]])
        constants[self.logarithms] = np.log10(constants[self.logarithms])
        standard = self.photometry.standard
        constants = np.nan_to_num((constants - standard.mean) / standard.scale)
        values[: len(channels), :3] = channels
        values[:, 3:] = constants  # of the padding too, as the release
        return values

    def pixels(self, i: int) -> np.ndarray:
        """Prepare a spectrum, (3, W)."""
        grid = self.spectrum.grid
        spectrum = self.spectra[i]
        spectrum = spectrum[np.isfinite(spectrum).all(1)]  # masked pixels too, as the release
        if len(spectrum) < 2:
            return np.zeros((3, len(grid)), np.float32)
        wavelength, flux, ivar = spectrum.T
        flux = np.interp(grid, wavelength, flux)
        error = 1 / np.sqrt(np.where(ivar > 0, ivar, np.inf))
        error = np.interp(grid, wavelength, error)
        mad = _mad(flux[flux != 0])
        scaled = (flux - flux.mean()) / mad
        return np.stack([scaled, error / mad, np.full(len(grid), np.log10(mad))]).astype(np.float32)

    def row(self, i: int) -> np.ndarray:
        """Prepare a catalogue row, (34,)."""
        row = self.rows[i].copy()
        parallax = row[self.parallax]
        row[self.magnitudes] += 5 * np.log10(1 if parallax <= 0 else parallax) - 10
        row[self.cosines] = np.cos(np.radians(row[self.cosines]))
        row[self.sines] = np.sin(np.radians(row[self.sines]))
        standard = self.metadata.standard
        return np.nan_to_num((row - standard.mean) / standard.scale).astype(np.float32)


def _mad(values: np.ndarray) -> float:
    return float(np.median(np.abs(values - np.median(values))))


def _tables(ragged: Ragged, fields: tuple[str, ...]) -> list[np.ndarray]:
    """One array (n, fields) for each object."""
    columns = np.stack([ragged.fields[name].astype(np.float64) for name in fields], axis=1)
    return np.split(columns, ragged.offsets[1:-1])
