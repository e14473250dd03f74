"""Photometry: a light curve, with constants derived from it."""

from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import torch
from pydantic import Field
from torch import Tensor

from skybind.errors import ConfigError, DataError
from skybind.modalities.bands import BAND_CONSTANTS, TOO_FEW, choose_bands, normalise_bands
from skybind.modalities.base import (
    TRANSFORMS,
    Modality,
    ModalityOptions,
    Prepared,
    RankScaler,
    Schema,
    Standardiser,
    feature_matrix,
    finished_features,
    register_modality,
)
from skybind.modalities.cleaning import (
    MAGNITUDE_PER_E_FOLD,
    clean_photometry,
    error_values,
    magnitude_to_flux,
)
from skybind.modalities.computed import FLUX_ZERO, Source, choose_columns
from skybind.modalities.shape import InputShape
from skybind.ragged import Ragged, segment_mad

PHASE_CHANNELS = 4


class PhotometryOptions(ModalityOptions):
    """Preprocessing of a light curve (AstroM3, section 3.1)."""

    length: int = Field(200, description="Epochs of a batch; longer curves are cropped.", gt=1)
    crop: Literal["window", "sample"] = Field(
        "window",
        description="How a longer curve is cut: a window of consecutive epochs (paper; random in "
        "training, the central one otherwise), or epochs sampled over the whole curve.",
    )
    features: list[str] | None = Field(
        None,
        description="Features repeated along the curve: columns of the dataset, or quantities "
        "that are computed (amplitude). By default all that `periods` allows: the computed ones "
        "of the whole curve, or the catalogue's.",
    )
    transforms: dict[str, Literal["none", "log"]] = Field(
        {"period": "log"}, description="What to do to a feature before it is standardised."
    )
    standardise_constants: bool = Field(
        False,
        description="Standardise log10(MAD) and the time span too, not only the features "
        "(the release does not).",
    )
    space: Literal["flux", "magnitude"] = Field(
        "flux",
        description="Normalise fluxes (paper), or magnitudes (brighter is larger): the dataset's "
        "values are converted.",
    )
    phase: bool = Field(
        False,
        description="Add sine and cosine of the phase at the period and at twice it; zero where "
        "no period is known.",
    )
    periods: Source = Field(
        "auto",
        description="Whose periods and features: the catalogue's, or those computed from the light "
        "curves; auto: computed ones where the dataset holds them, else the catalogue's, else they "
        "are computed first; none: no folding.",
    )
    period: str = Field("period", description="Column of the catalogue's period [d].")
    bands: list[str] | None = Field(
        None,
        description="Bands in use; each is normalised by itself, marked in the epochs, and gives "
        "its colour and amplitude as constants; epochs in others are left out. null: all epochs "
        "are taken as of one band (published).",
        min_length=1,
    )
    drop: float = Field(
        0.0, description="Training: drop up to this fraction of the epochs.", ge=0, lt=1
    )
    noise: float = Field(
        0.0, description="Training: add noise of this many times the uncertainty.", ge=0
    )


@register_modality
class Photometry(Modality):
    """Epochs x channels: scaled time, normalised flux and uncertainty, then constants.

    Channels: 0 time scaled to [0, 1] over the whole curve; 1 (flux - mean)/MAD; 2
    uncertainty/MAD; then the features (standardised; computed ones by rank), log10(MAD), and the
    time span in years, repeated along the curve; with `bands`, the level and amplitude of each band
    (constants before log10(MAD)) and a channel a band, 1 where the epoch is in it; with `phase`,
    at the end, sine and cosine of the
    phase at the period and at twice the period. Phase zero is the faintest part of the curve
    folded at twice the period; in training it is drawn at random.
    """

    kind: ClassVar[str] = "photometry"
    Options: ClassVar[type[ModalityOptions]] = PhotometryOptions
    options: PhotometryOptions

    def __init__(self, name: str, options: Any, schema: Schema, column: str | None = None) -> None:
        super().__init__(name, options, schema, column)
        if self.column not in schema.observations:
            raise DataError(f"modalities.{name}: the dataset has no column '{self.column}'.")
        if self.needs_flux_zero and FLUX_ZERO in schema.attributes(self.column):
            raise ConfigError(
                f"modalities.{name}.preprocessing.space is magnitude, but the fluxes of "
                f"'{self.column}' are counted from their mean, of which none can be made: set it "
                "to flux."
            )
        chosen = choose_columns(
            schema,
            name,
            self.kind,
            self.column,
            features=options.features,
            period=options.period,
            source=options.periods,
        )
        self.features, self.quantities = chosen.features, chosen.quantities
        self.finished = finished_features(schema, self.features)
        self.period_column = chosen.period if options.phase else None
        self._to_days = schema.factor(self.period_column, "d") if self.period_column else 1.0
        self.bands = list(options.bands or [])
        #: Places of the computed features: some have wild tails, and a sigma says little of them.
        self.ranked = [i for i, feature in enumerate(self.features) if feature in self.quantities]
        self.ranks = RankScaler(len(self.ranked))
        self.standard = Standardiser(len(self.features) + BAND_CONSTANTS * len(self.bands) + 2)

    @property
    def columns(self) -> list[str]:
        period = [self.period_column] if self.period_column else []
        return list(dict.fromkeys([self.column, *self.features, *period]))

    @property
    def shape(self) -> InputShape:
        channels = 5 + len(self.features) + (1 + BAND_CONSTANTS) * len(self.bands)
        phase = PHASE_CHANNELS if self.options.phase else 0
        return InputShape(channels=channels + phase, length=self.options.length)

    @property
    def channel_names(self) -> list[str]:
        levels = [f"{band} {what}" for band in self.bands for what in ("level", "amplitude")]
        constants = [*self.features, *levels, "log MAD", "time span"]
        phase = [f"phase {n}" for n in range(PHASE_CHANNELS)] if self.options.phase else []
        return ["time", "flux", "error", *constants, *self.bands, *phase]

    @property
    def augments(self) -> bool:
        return True  # longer curves are cropped at random

    @property
    def needs_flux_zero(self) -> bool:
        return bool(self.options.space == "magnitude")

    def prepare(self, table: pa.Table) -> Prepared:
        cleaned = clean_photometry(Ragged.from_arrow(table[self.column]))
        curves, reason = cleaned.ragged, cleaned.reason.astype(object)
        present, arrays = curves.present, {}
        if self.bands:
            curves, arrays["band"] = choose_bands(curves, self.bands, self.name)
            few = present & (curves.lengths < 2)
            reason[few], present = TOO_FEW, present & ~few
        time = curves.fields["time"].astype(np.float64)
        flux, error = self._brightness(curves)
        normal, scale, mad, levels = self._normalise(flux, arrays.get("band"), curves)
        constant = present & ~(mad > 0)
        reason[constant & (reason == "")] = "zero MAD"
        present = present & ~constant
        mad = np.where(present, mad, 1.0)
        first, last = _ends(time, curves)
        span = np.where(last > first, last - first, 1.0)
        owner = curves.owner
        values = np.empty((len(time), 3), np.float32)
        values[:, 0] = (time - first[owner]) / span[owner]
        values[:, 1], values[:, 2] = normal, error / scale
        raw = feature_matrix(table, self.features)
        for index, feature in enumerate(self.features):
            transform = TRANSFORMS["none" if index in self.finished else self._transform(feature)]
            raw[:, index] = transform(raw[:, index])
        constants = np.column_stack([raw, levels, np.log10(mad), (last - first) / 365])
        constants[~present] = np.nan
        arrays |= {"values": values, "constants": constants}
        flat = ("values", "band") if self.bands else ("values",)
        if self.options.phase:
            period = (
                self._to_days * feature_matrix(table, [self.period_column])[:, 0]
                if self.period_column
                else np.full(len(curves), np.nan)
            )
            brightness = normal if self.bands else flux
            arrays["phase"], arrays["has_phase"] = _phase(time, brightness, period, first, curves)
            flat = (*flat, "phase")
        return Prepared(arrays, present, reason, curves.offsets, flat)

    def fit(self, prepared: Prepared, rows: np.ndarray) -> None:
        rows = rows[prepared.present[rows]]
        constants = prepared.arrays["constants"][rows]
        for number, band in enumerate(self.bands):
            amplitude = constants[:, len(self.features) + BAND_CONSTANTS * number + 1]
            if not np.isfinite(amplitude).any():
                raise DataError(
                    f"modalities.{self.name}: no training object was observed in band '{band}': "
                    "leave it out of preprocessing.bands."
                )
        self.standard.fit(constants)
        self.standard.leave(self.finished)
        self.ranks.fit(constants[:, self.ranked])
        if not self.options.standardise_constants:
            self.standard.mean[-2:], self.standard.scale[-2:] = 0, 1

    def state(self) -> dict[str, np.ndarray]:
        ranks = self.ranks.state("ranks") if self.ranked else {}
        return {**self.standard.state("constants"), **ranks}

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        self.standard.load_state("constants", state)
        if self.ranked:
            self.ranks.load_state("ranks", state)

    def batch(
        self, prepared: Prepared, rows: np.ndarray, rng: np.random.Generator | None = None
    ) -> dict[str, Tensor]:
        assert prepared.offsets is not None
        options = self.options
        starts = np.asarray(prepared.offsets)[rows]
        lengths = np.where(
            prepared.present[rows], np.asarray(prepared.offsets)[rows + 1] - starts, 0
        )
        place, mask = self._crop(lengths, rng)
        if rng is not None and options.drop:
            limit = options.drop * rng.random(len(rows), dtype=np.float32)
            mask &= rng.random(mask.shape, dtype=np.float32) >= limit[:, None]
        index = np.where(mask, starts[:, None] + place, 0)
        epochs = _gather(prepared.arrays["values"], index)
        if rng is not None and options.noise:
            draw = rng.standard_normal(mask.shape, dtype=np.float32)
            epochs[..., 1] += options.noise * draw * epochs[..., 2]
        constants = self.standard.apply(prepared.arrays["constants"][rows])
        constants[:, self.ranked] = self.ranks.apply(
            prepared.arrays["constants"][rows][:, self.ranked]
        )
        values = np.empty((*mask.shape, self.shape.channels), np.float32)
        values[..., :3] = epochs
        after = 3 + constants.shape[1]
        values[..., 3:after] = constants[:, None, :]
        if self.bands:
            band = _gather(prepared.arrays["band"], index)
            values[..., after : after + len(self.bands)] = band[..., None] == np.arange(
                len(self.bands)
            )
        if options.phase:
            self._add_phase(values, prepared, rows, index, rng)
        values *= mask[..., None]
        return {
            "values": torch.from_numpy(values),
            "mask": torch.from_numpy(mask.astype(np.float32)),
        }

    def summary(self, prepared: Prepared, rows: np.ndarray) -> np.ndarray:
        """Catalogue features, number of epochs, and moments and quantiles of the flux."""
        tensors = self.batch(prepared, rows)
        flux, error = tensors["values"][..., 1].numpy(), tensors["values"][..., 2].numpy()
        seen = tensors["mask"].numpy() > 0
        count = np.maximum(seen.sum(1), 1)
        mean = (flux * seen).sum(1) / count
        centred = np.where(seen, flux - mean[:, None], 0)
        spread = np.sqrt((centred**2).sum(1) / count)
        spread = np.maximum(spread, 1e-6)
        moments = [(centred**power).sum(1) / count / spread**power for power in (3, 4)]
        steps = np.diff(centred, axis=1) * (seen[:, 1:] & seen[:, :-1])
        neumann = (steps**2).sum(1) / np.maximum((centred**2).sum(1), 1e-6)
        ranked = np.sort(np.where(seen, flux, np.inf), axis=1)
        quantiles = [
            ranked[np.arange(len(rows)), (fraction * (count - 1)).astype(int)]
            for fraction in (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
        ]
        noise = (error * seen).sum(1) / count
        statistics = np.stack([spread, *moments, neumann, noise, *quantiles, count], axis=1)
        return np.concatenate([prepared.arrays["constants"][rows], statistics], axis=1)

    def _transform(self, feature: str) -> str:
        """Return what is done to a feature, by its column or by the quantity that it holds."""
        known = self.options.transforms
        return known.get(feature) or known.get(self.quantities.get(feature, ""), "none")

    def _brightness(self, curves: Ragged) -> tuple[np.ndarray, np.ndarray]:
        """Give flux and its uncertainty, or minus magnitude and its uncertainty, as asked."""
        error = error_values(curves).astype(np.float64)
        if "flux" in curves.fields:
            flux = curves.fields["flux"].astype(np.float64)
            if self.options.space == "flux":
                return flux, error
            # a magnitude needs a positive flux: faint epochs are held at one sigma
            floor = np.maximum(flux, np.maximum(error, 1e-12))
            return 2.5 * np.log10(floor), MAGNITUDE_PER_E_FOLD * error / floor
        magnitude = curves.fields["magnitude"].astype(np.float64)
        if self.options.space == "magnitude":
            return -magnitude, error
        flux, flux_err = magnitude_to_flux(magnitude, error)
        return flux, flux_err

    def _normalise(
        self, flux: np.ndarray, band: np.ndarray | None, curves: Ragged
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Normalised flux and its scale (epochs,), MAD (objects,), constants of the bands."""
        n, owner = len(curves), curves.owner
        if band is not None:
            magnitude = self.options.space == "magnitude"
            made = normalise_bands(flux, band, curves, len(self.bands), magnitude)
            return made.residual, made.scale, made.mad, made.constants.reshape(n, -1)
        mean = np.bincount(owner, flux, n) / np.maximum(curves.lengths, 1)
        mad = segment_mad(flux, curves.offsets)
        scale = np.where(curves.present & (mad > 0), mad, 1.0)[owner]
        return (flux - mean[owner]) / scale, scale, mad, np.zeros((n, 0))

    def _crop(
        self, lengths: np.ndarray, rng: np.random.Generator | None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Choose epochs: their places in the curve (B, L) and which are real (B, L)."""
        length = self.options.length
        slot = np.arange(length)
        excess = np.maximum(lengths - length, 0)
        if self.options.crop == "window":
            shift = excess // 2 if rng is None else rng.integers(0, excess + 1)
            place = shift[:, None] + slot
        else:
            step = np.maximum(lengths / length, 1.0)[:, None]
            jitter = 0.5 if rng is None else rng.random((len(lengths), length))
            place = np.where(step > 1, np.floor((slot + jitter) * step), slot).astype(np.int64)
        mask = slot < np.minimum(lengths, length)[:, None]
        return place, mask

    def _add_phase(
        self,
        values: np.ndarray,
        prepared: Prepared,
        rows: np.ndarray,
        index: np.ndarray,
        rng: np.random.Generator | None,
    ) -> None:
        phase = 2 * np.pi * _gather(prepared.arrays["phase"], index)
        if rng is not None:
            phase = phase + (2 * np.pi * rng.random(len(rows), dtype=np.float32))[:, None]
        known = prepared.arrays["has_phase"][rows][:, None]
        values[..., -4], values[..., -3] = np.sin(2 * phase) * known, np.cos(2 * phase) * known
        values[..., -2], values[..., -1] = np.sin(phase) * known, np.cos(phase) * known


def _gather(values: np.ndarray, index: np.ndarray) -> np.ndarray:
    """Take flat values by index; zeros where no object has any."""
    if not len(values):
        return np.zeros((*index.shape, *values.shape[1:]), np.float32)
    return np.asarray(values[index])


def _ends(time: np.ndarray, curves: Ragged) -> tuple[np.ndarray, np.ndarray]:
    """First and last time of each sorted curve; zeros where there is none."""
    some = curves.lengths > 0
    first, last = np.zeros(len(curves)), np.zeros(len(curves))
    first[some] = time[curves.offsets[:-1][some]]
    last[some] = time[curves.offsets[1:][some] - 1]
    return first, last


def _phase(
    time: np.ndarray, flux: np.ndarray, period: np.ndarray, first: np.ndarray, curves: Ragged
) -> tuple[np.ndarray, np.ndarray]:
    """Phase at twice the period, zero at the faintest part, and whether there is a period."""
    known = np.isfinite(period) & (period > 0)
    safe = np.where(known, period, 1.0)
    owner, n, bins = curves.owner, len(curves), 40
    phase = np.mod((time - first[owner]) / (2 * safe[owner]), 1.0)
    cell = owner * bins + np.minimum((phase * bins).astype(np.int64), bins - 1)
    total = np.bincount(cell, flux, n * bins).reshape(n, bins)
    count = np.bincount(cell, minlength=n * bins).reshape(n, bins)
    window = (np.roll(total, 1, 1) + total + np.roll(total, -1, 1)) / np.maximum(
        np.roll(count, 1, 1) + count + np.roll(count, -1, 1), 1
    )
    window[count == 0] = np.inf
    faintest = (np.argmin(window, axis=1) + 0.5) / bins
    return np.mod(phase - faintest[owner], 1.0).astype(np.float32), known.astype(np.float32)
