"""Spectrum: flux against wavelength, resampled to one grid."""

from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import torch
from pydantic import Field
from torch import Tensor

from skybind.errors import DataError
from skybind.modalities.base import Modality, ModalityOptions, Prepared, Schema, register_modality
from skybind.modalities.cleaning import clean_spectrum, error_values
from skybind.modalities.shape import InputShape
from skybind.ragged import Ragged


class SpectrumOptions(ModalityOptions):
    """Preprocessing of a spectrum (AstroM3, section 3.2)."""

    wavelength_min: float = Field(3850.0, description="First wavelength of the grid [Angstrom].")
    wavelength_max: float = Field(9000.0, description="End of the grid, exclusive [Angstrom].")
    wavelength_step: float = Field(2.0, description="Step of the grid [Angstrom].", gt=0)
    mad_over: Literal["observed", "nonzero"] = Field(
        "observed",
        description="Pixels of the median absolute deviation: all observed ones (paper), or those "
        "of non-zero resampled flux (release).",
    )
    noise: float = Field(
        0.0, description="Training: add noise of this many times the uncertainty.", ge=0
    )


@register_modality
class Spectrum(Modality):
    """Three channels on a grid: (flux - mean)/MAD, uncertainty/MAD, log10(MAD) repeated.

    Flux and uncertainty are interpolated linearly; masked pixels (ivar = 0) are bridged
    from their neighbours, and pixels beyond the observed range are zero in the first two
    channels. The MAD is the median absolute deviation about the median, without the
    factor of a normal distribution (release).
    """

    kind: ClassVar[str] = "spectrum"
    Options: ClassVar[type[ModalityOptions]] = SpectrumOptions
    options: SpectrumOptions

    def __init__(self, name: str, options: Any, schema: Schema, column: str | None = None) -> None:
        super().__init__(name, options, schema, column)
        if self.column not in schema.observations:
            raise DataError(f"modalities.{name}: the dataset has no column '{self.column}'.")
        self.grid = np.arange(
            options.wavelength_min, options.wavelength_max, options.wavelength_step
        )

    @property
    def columns(self) -> list[str]:
        return [self.column]

    @property
    def shape(self) -> InputShape:
        return InputShape(channels=3, length=len(self.grid))

    @property
    def augments(self) -> bool:
        return self.options.noise > 0

    def prepare(self, table: pa.Table) -> Prepared:
        cleaned = clean_spectrum(Ragged.from_arrow(table[self.column]))
        ragged, reason = cleaned.ragged, cleaned.reason.astype(object)
        flux, error, seen = resample(ragged, self.grid)
        outside = ragged.present & ~seen.any(axis=1)
        reason[outside & (reason == "")] = "no pixel in the wavelength range"
        present = ragged.present & ~outside
        counted = seen & (flux != 0) if self.options.mad_over == "nonzero" else seen
        mean_over = np.ones_like(seen) if self.options.mad_over == "nonzero" else seen
        mean = _masked_mean(flux, mean_over)
        mad = _masked_mad(flux, counted)
        reason[present & ~(mad > 0) & (reason == "")] = "zero MAD"
        present &= mad > 0
        mad = np.where(present, mad, 1.0)
        values = np.zeros((len(flux), 2, len(self.grid)), np.float32)
        values[:, 0] = np.where(seen, (flux - mean[:, None]) / mad[:, None], 0.0)
        values[:, 1] = np.where(seen, error / mad[:, None], 0.0)
        values[~present] = 0
        log_mad = np.where(present, np.log10(mad), 0.0).astype(np.float32)
        return Prepared({"values": values, "log_mad": log_mad}, present, reason)

    def fit(self, prepared: Prepared, rows: np.ndarray) -> None:
        """Nothing to learn: every spectrum is normalised by itself."""

    def batch(
        self, prepared: Prepared, rows: np.ndarray, rng: np.random.Generator | None = None
    ) -> dict[str, Tensor]:
        values = np.empty((len(rows), 3, len(self.grid)), np.float32)
        values[:, :2] = prepared.arrays["values"][rows]
        values[:, 2] = prepared.arrays["log_mad"][rows][:, None]
        if rng is not None and self.options.noise:
            draw = rng.standard_normal(values[:, 0].shape, dtype=np.float32)
            values[:, 0] += self.options.noise * draw * values[:, 1]
        return {"values": torch.from_numpy(values)}

    def summary(self, prepared: Prepared, rows: np.ndarray) -> np.ndarray:
        """Mean normalised flux and uncertainty in 100 bins of wavelength, and log10(MAD)."""
        values = prepared.arrays["values"][rows]
        edges = np.linspace(0, values.shape[2], min(100, values.shape[2]) + 1).astype(int)
        sums = np.add.reduceat(values, edges[:-1], axis=2) / np.diff(edges)
        log_mad = prepared.arrays["log_mad"][rows][:, None]
        return np.concatenate([sums[:, 0], np.log10(sums[:, 1] + 1e-6), log_mad], axis=1)


def resample(ragged: Ragged, grid: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Interpolate spectra linearly onto a grid.

    Parameters
    ----------
    ragged : Ragged
        Cleaned: fields wavelength (increasing) [Angstrom], flux, mask, and perhaps errors.
    grid : ndarray, shape (W,)

    Returns
    -------
    flux, uncertainty : ndarray, shape (n, W)
        Zero beyond the observed range.
    seen : ndarray of bool, shape (n, W)
        Whether the grid point lies within the observed range.
    """
    n = len(ragged)
    flux = np.zeros((n, len(grid)))
    error = np.zeros_like(flux)
    seen = np.zeros(flux.shape, bool)
    good = ~ragged.fields["mask"]
    wavelength, values = ragged.fields["wavelength"], ragged.fields["flux"]
    sigma = error_values(ragged)
    for i in np.flatnonzero(ragged.present):
        part = slice(ragged.offsets[i], ragged.offsets[i + 1])
        keep = good[part]
        w = wavelength[part][keep]
        if not len(w):
            continue
        flux[i] = np.interp(grid, w, values[part][keep], left=0, right=0)
        error[i] = np.interp(grid, w, sigma[part][keep], left=0, right=0)
        seen[i] = (grid >= w[0]) & (grid <= w[-1])
    return flux, error, seen


def _masked_mean(values: np.ndarray, use: np.ndarray) -> np.ndarray:
    return np.where(use, values, 0).sum(1) / np.maximum(use.sum(1), 1)


def _masked_mad(values: np.ndarray, use: np.ndarray) -> np.ndarray:
    """Median absolute deviation about the median over the pixels in `use`; 0 if there are none."""
    empty = ~use.any(axis=1)
    kept = np.where(use, values, np.nan)
    kept[empty] = 0
    deviation = np.abs(kept - np.nanmedian(kept, axis=1, keepdims=True))
    return np.where(empty, 0, np.nanmedian(deviation, axis=1))
