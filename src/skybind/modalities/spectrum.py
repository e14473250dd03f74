"""Spectrum: flux against wavelength, resampled to one grid."""

from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import torch
from pydantic import Field, model_validator
from torch import Tensor

from skybind.errors import DataError
from skybind.modalities.base import Modality, ModalityOptions, Prepared, Schema, register_modality
from skybind.modalities.cleaning import clean_spectrum, flux_err_to_ivar
from skybind.modalities.resampling import Resampled, interpolate, rebin
from skybind.modalities.shape import InputShape
from skybind.ragged import Ragged, offsets_of
from skybind.visits import NAME, TIME, Visits, visits_of

#: Cells of the grid, over all objects, that are prepared at once.
CHUNK_CELLS = 2_000_000
#: Bytes of the name of a visit that are kept with the prepared arrays.
VISIT_NAME = 128
MEASURES = {"mad": "MAD", "zscore": "standard deviation"}


class SpectrumOptions(ModalityOptions):
    """Preprocessing of a spectrum (AstroM3, section 3.2; AstroCLIP)."""

    wavelength_min: float = Field(
        3850.0, description="First wavelength of the grid [Angstrom].", gt=0
    )
    wavelength_max: float = Field(9000.0, description="End of the grid, exclusive [Angstrom].")
    wavelength_step: float = Field(
        2.0, description="Step of the grid [Angstrom, or dex of a log grid].", gt=0
    )
    bins: int | None = Field(
        None,
        description="Bins of the grid, instead of its end (DESI: 7781 from 3600 in steps of 0.8).",
        ge=2,
    )
    spacing: Literal["linear", "log"] = Field(
        "linear", description="Steps of the grid in wavelength, or in its decimal logarithm."
    )
    resample: Literal["linear", "conserving"] = Field(
        "linear",
        description="linear: interpolate, masked pixels are bridged; conserving: average over each "
        "bin, so that flux is kept and its uncertainty carried along, masked pixels take no part.",
    )
    edges: Literal["zero", "extend"] = Field(
        "zero",
        description="Where a spectrum ends within the grid: zero, or its last flux and uncertainty "
        "go on (release; for linear alone).",
    )
    masked: Literal["bridge", "use"] = Field(
        "bridge",
        description="Pixels without a positive uncertainty, and flagged ones: take no part, or are "
        "taken as they come (release; for linear alone).",
    )
    normalise: Literal["mad", "zscore", "none"] = Field(
        "mad",
        description="Subtract the mean and divide by the median absolute deviation (AstroM3), or "
        "by the standard deviation (AstroCLIP), of the spectrum's observed pixels; none: flux as "
        "it is (SpecFormer, which standardises it itself).",
    )
    mad_over: Literal["observed", "nonzero"] = Field(
        "observed",
        description="Pixels of the median absolute deviation: all observed ones (paper), or those "
        "of non-zero resampled flux (release).",
    )
    channels: list[Literal["flux", "uncertainty", "ivar", "scale"]] = Field(
        ["flux", "uncertainty", "scale"],
        description="What an encoder gets: normalised flux, its uncertainty, its inverse variance, "
        "log10 of the divisor.",
        min_length=1,
    )
    noise: float = Field(
        0.0, description="Training: add noise of this many times the uncertainty.", ge=0
    )
    hide: float = Field(
        0.0, description="Training: hide up to this fraction of the bins, in windows.", ge=0, lt=1
    )
    hide_length: int = Field(100, description="Training: bins of a hidden window.", ge=1)
    visits: Literal["all", "first"] = Field(
        "all",
        description="Of an object with several spectra. all: training draws one each time, and an "
        "embedding is the mean of all; first: only the first counts.",
    )

    @model_validator(mode="after")
    def _grid_has_bins(self) -> "SpectrumOptions":
        if self.bins is None and self.wavelength_max <= self.wavelength_min:
            raise ValueError("wavelength_max is not larger than wavelength_min")
        if self.resample != "linear" and (self.edges != "zero" or self.masked != "bridge"):
            raise ValueError("edges and masked belong to resample: linear")
        if len(set(self.channels)) != len(self.channels):
            raise ValueError("channels names one twice")
        return self

    @property
    def grid(self) -> np.ndarray:
        """Wavelengths of the grid [Angstrom]."""
        first, step = self.wavelength_min, self.wavelength_step
        if self.spacing == "log":
            first = np.log10(first)
        if self.bins is not None:
            places = first + step * np.arange(self.bins)
        else:
            last = self.wavelength_max
            places = np.arange(first, np.log10(last) if self.spacing == "log" else last, step)
        return 10**places if self.spacing == "log" else places


@register_modality
class Spectrum(Modality):
    """Channels on a grid of wavelengths: flux, uncertainty, scale, as the options say.

    Flux and uncertainty are normalised by each spectrum's own mean and divisor; bins that were
    not observed are zero in them. By default as stars have it: (flux - mean)/MAD,
    uncertainty/MAD, and log10(MAD) repeated, with the MAD the median absolute deviation about
    the median, without the factor of a normal distribution (AstroM3's release).
    """

    kind: ClassVar[str] = "spectrum"
    Options: ClassVar[type[ModalityOptions]] = SpectrumOptions
    options: SpectrumOptions

    def __init__(self, name: str, options: Any, schema: Schema, column: str | None = None) -> None:
        super().__init__(name, options, schema, column)
        if self.column not in schema.observations:
            raise DataError(f"modalities.{name}: the dataset has no column '{self.column}'.")
        self.grid = self.options.grid
        self.chunk = int(np.clip(CHUNK_CELLS // len(self.grid), 1, Modality.chunk))

    @property
    def columns(self) -> list[str]:
        return [self.column]

    @property
    def also_reads(self) -> list[str]:
        return [visits_of(self.column)] if self.options.visits == "all" else []

    @property
    def needs(self) -> dict[str, list[str]]:
        # what is not normalised has a meaning in its unit alone
        return {self.column: ["flux"]} if self.options.normalise == "none" else {}

    @property
    def shape(self) -> InputShape:
        return InputShape(channels=len(self.options.channels), length=len(self.grid))

    @property
    def channel_names(self) -> list[str]:
        return list(self.options.channels)

    @property
    def augments(self) -> bool:
        return self.options.noise > 0 or self.options.hide > 0

    @property
    def keeps_uncertainty(self) -> bool:
        """Whether the prepared arrays hold the uncertainty beside the flux."""
        return bool({"uncertainty", "ivar"} & set(self.options.channels)) or self.options.noise > 0

    def prepare(self, table: pa.Table) -> Prepared:
        """Clean and normalise a chunk of objects.

        Where the table holds visits, the arrays are of all that can be used, with offsets.
        """
        first = Ragged.from_arrow(table[self.column])
        if not set(self.also_reads) & set(table.column_names):
            return self._prepare(first)
        visits = Visits.from_arrow(table[visits_of(self.column)]).or_first(first)
        blocks = [
            self._prepare(visits.ragged.take(np.arange(start, min(start + self.chunk, total))))
            for total in [len(visits.ragged)]
            for start in range(0, max(total, 1), self.chunk)
        ]
        usable = np.concatenate([block.present for block in blocks])
        reasons = np.concatenate([block.reason for block in blocks])
        owner = visits.owner
        offsets = offsets_of(np.bincount(owner[usable], minlength=len(first)))
        present = np.diff(offsets) > 0
        reason = np.full(len(first), "", object)
        lost = np.flatnonzero(~usable & ~present[owner])[::-1]
        reason[owner[lost]] = reasons[lost]  # of several the first one's
        arrays = {
            name: np.concatenate([block.arrays[name][block.present] for block in blocks])
            for name in blocks[0].arrays
        }
        named = [name.encode()[:VISIT_NAME] for name in visits.name[usable].tolist()]
        arrays |= {NAME: np.asarray(named, f"S{VISIT_NAME}"), TIME: visits.time[usable]}
        return Prepared(arrays, present, reason, offsets, tuple(arrays))

    def each(self, prepared: Prepared) -> Prepared | None:
        if prepared.offsets is None:
            return None
        n = int(prepared.offsets[-1])
        return Prepared(prepared.arrays, np.ones(n, bool), np.full(n, "", object))

    def _prepare(self, ragged: Ragged) -> Prepared:
        """Clean and normalise spectra, one an object."""
        cleaned = clean_spectrum(ragged)
        ragged, reason = cleaned.ragged, cleaned.reason.astype(object)
        flux, error, seen = self._resample(ragged)
        outside = ragged.present & ~seen.any(axis=1)
        reason[outside & (reason == "")] = "no pixel in the wavelength range"
        present = ragged.present & ~outside
        mean, scale = self._mean_and_scale(flux, seen)
        zero = present & ~(scale > 0) & (reason == "")
        reason[zero] = f"zero {MEASURES.get(self.options.normalise)}"
        present &= scale > 0
        scale = np.where(present, scale, 1.0)
        values = np.zeros((len(flux), 1 + self.keeps_uncertainty, len(self.grid)), np.float32)
        values[:, 0] = np.where(seen, (flux - mean[:, None]) / scale[:, None], 0.0)
        if self.keeps_uncertainty:
            values[:, 1] = np.where(seen, error / scale[:, None], 0.0)
        values[~present] = 0
        log_scale = np.where(present, np.log10(scale), 0.0).astype(np.float32)
        return Prepared({"values": values, "log_scale": log_scale}, present, reason)

    def fit(self, prepared: Prepared, rows: np.ndarray) -> None:
        """Nothing to learn: every spectrum is normalised by itself."""

    def batch(
        self, prepared: Prepared, rows: np.ndarray, rng: np.random.Generator | None = None
    ) -> dict[str, Tensor]:
        places = _places(prepared, rows, rng)
        stored = _taken(prepared.arrays["values"], places)
        if rng is not None and self.options.noise:
            draw = rng.standard_normal(stored[:, 0].shape, dtype=np.float32)
            stored[:, 0] += self.options.noise * draw * stored[:, 1]
        if rng is not None and self.options.hide:
            hidden = hidden_windows(
                len(rows), len(self.grid), self.options.hide, self.options.hide_length, rng
            )
            stored *= ~hidden[:, None]
        values = np.empty((len(rows), len(self.options.channels), len(self.grid)), np.float32)
        for index, channel in enumerate(self.options.channels):
            if channel == "scale":
                values[:, index] = _taken(prepared.arrays["log_scale"], places)[:, None]
            elif channel == "ivar":
                values[:, index] = flux_err_to_ivar(stored[:, 1])
            else:
                values[:, index] = stored[:, 0 if channel == "flux" else 1]
        return {"values": torch.from_numpy(values)}

    def summary(self, prepared: Prepared, rows: np.ndarray) -> np.ndarray:
        """Mean normalised flux and (if kept) uncertainty in 100 bins, and log10 of the scale."""
        places = _places(prepared, rows)
        values = _taken(prepared.arrays["values"], places)
        edges = np.linspace(0, values.shape[2], min(100, values.shape[2]) + 1).astype(int)
        sums = np.add.reduceat(values, edges[:-1], axis=2) / np.diff(edges)
        uncertainty = [np.log10(sums[:, 1] + 1e-6)] if self.keeps_uncertainty else []
        log_scale = _taken(prepared.arrays["log_scale"], places)[:, None]
        return np.concatenate([sums[:, 0], *uncertainty, log_scale], axis=1)

    def _resample(self, ragged: Ragged) -> Resampled:
        """Flux and uncertainty on the grid, and where they are known, as the options say."""
        if self.options.resample == "conserving":
            return rebin(ragged, self.grid)
        if self.options.masked == "use":
            every = np.zeros(len(ragged.fields["mask"]), bool)
            ragged = Ragged({**ragged.fields, "mask": every}, ragged.offsets, ragged.present)
        flux, error, seen = interpolate(ragged, self.grid, extend=self.options.edges == "extend")
        if self.options.edges == "extend":
            seen |= seen.any(axis=1, keepdims=True)
        return flux, error, seen

    def _mean_and_scale(self, flux: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Mean of each spectrum and what it is divided by, both (n,)."""
        if self.options.normalise == "none":
            return np.zeros(len(flux)), seen.any(axis=1).astype(float)
        if self.options.normalise == "zscore":
            mean = _masked_mean(flux, seen)
            return mean, np.sqrt(_masked_mean((flux - mean[:, None]) ** 2, seen))
        if self.options.mad_over == "nonzero":
            return _masked_mean(flux, np.ones_like(seen)), _masked_mad(flux, seen & (flux != 0))
        return _masked_mean(flux, seen), _masked_mad(flux, seen)


def _places(
    prepared: Prepared, rows: np.ndarray, rng: np.random.Generator | None = None
) -> np.ndarray:
    """Where the spectra of some objects are, -1 for none; of several the first, or one drawn."""
    if prepared.offsets is None:
        return np.asarray(rows)
    first, counts = prepared.offsets[rows], np.diff(prepared.offsets)[rows]
    drawn = first if rng is None else first + rng.integers(0, np.maximum(counts, 1))
    return np.where(counts > 0, drawn, -1)


def _taken(values: np.ndarray, places: np.ndarray) -> np.ndarray:
    """Rows of an array, in memory; zeros for the place -1."""
    if not len(values):
        return np.zeros((len(places), *values.shape[1:]), values.dtype)
    taken = np.array(values[np.maximum(places, 0)])
    taken[places < 0] = 0
    return taken


def hidden_windows(
    n: int, length: int, fraction: float, window: int, rng: np.random.Generator
) -> np.ndarray:
    """Draw bins to hide: windows at random places that cover up to a fraction, (n, length)."""
    window = min(window, length)
    most = max(1, round(fraction * length / window))
    start = rng.integers(0, length - window + 1, (n, most))
    used = np.arange(most) < rng.integers(0, most + 1, n)[:, None]
    change = np.zeros((n, length + 1), np.int64)
    row = np.broadcast_to(np.arange(n)[:, None], start.shape)
    np.add.at(change, (row[used], start[used]), 1)
    np.add.at(change, (row[used], start[used] + window), -1)
    return np.cumsum(change, axis=1)[:, :length] > 0


def _masked_mean(values: np.ndarray, use: np.ndarray) -> np.ndarray:
    return np.where(use, values, 0).sum(1) / np.maximum(use.sum(1), 1)


def _masked_mad(values: np.ndarray, use: np.ndarray) -> np.ndarray:
    """Median absolute deviation about the median over the pixels in `use`; 0 if there are none."""
    empty = ~use.any(axis=1)
    kept = np.where(use, values, np.nan)
    kept[empty] = 0
    deviation = np.abs(kept - np.nanmedian(kept, axis=1, keepdims=True))
    return np.where(empty, 0, np.nanmedian(deviation, axis=1))
