"""Photometry: a light curve, with constants derived from it."""

from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import torch
from torch import Tensor

from skybind.errors import ConfigError, DataError
from skybind.modalities.bands import (
    BAND_CONSTANTS,
    TOO_FEW,
    Normalised,
    brightness_of,
    choose_bands,
    normalise_bands,
    normalise_curves,
)
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
from skybind.modalities.cleaning import clean_photometry
from skybind.modalities.computed import FLUX_ZERO, choose_columns
from skybind.modalities.crop import crop
from skybind.modalities.curve_statistics import curve_statistics
from skybind.modalities.order import by_value, first_and_last
from skybind.modalities.phase import PHASE_CHANNELS, phase_from_faintest
from skybind.modalities.photometry_options import COMMON, PhotometryOptions
from skybind.modalities.shape import InputShape
from skybind.modalities.transient import (
    FIRST,
    MAXIMUM,
    NO_DETECTION,
    PEAK_CONSTANTS,
    TimeZero,
    detections,
    normalise_to_peak,
)
from skybind.modalities.unused import NO_LOGARITHM, Unused, unused_features
from skybind.ragged import Ragged


@register_modality
class Photometry(Modality):
    """Epochs x channels: time, normalised flux and uncertainty, then constants.

    Channels: 0 time scaled to [0, 1] over the whole curve, or from `time_zero`; 1 (flux - mean)/MAD
    or, with `normalise: peak`, brightness against the maximum; 2 uncertainty on the same scale;
    then the features (standardised; computed ones by rank), log10(MAD) or the maximum, and the
    time span in years, repeated along the curve; with `bands`, the constants of each band (before
    log10(MAD)) and a channel a band, 1 where the epoch is in it; with `phase`, at the end, sine and
    cosine of the phase at the period and at twice the period. Phase zero is the faintest part of
    the curve folded at twice the period; in training it is drawn at random.
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
                f"modalities.{name}.preprocessing: the fluxes of '{self.column}' are counted from "
                "their mean, so no magnitude, maximum or detection is known: set space to flux, "
                "normalise to band and time_zero to null or a column."
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
        self.period_column = chosen.period if options.phase else None
        self._to_days = schema.factor(self.period_column, "d") if self.period_column else 1.0
        self.time_zero: TimeZero | None = None
        if options.time_zero is not None:
            self.time_zero = TimeZero.find(schema, name, self.kind, self.column, options.time_zero)
            # a date says when, not what: a shift of all times changes nothing
            zero, dated = self.time_zero.column, schema.julian_zero
            self.features = [f for f in self.features if f != zero and dated(f) is None]
        self.finished = finished_features(schema, self.features)
        if options.bands == COMMON:
            raise ConfigError(
                f"modalities.{name}.preprocessing.bands: the common bands are found when a run is "
                "started: name them here."
            )
        self.bands = list(options.bands or [])
        self.band_constants = PEAK_CONSTANTS if options.normalise == "peak" else BAND_CONSTANTS
        #: Places of the computed features: some have wild tails, and a sigma says little of them.
        self.ranked = [i for i, feature in enumerate(self.features) if feature in self.quantities]
        self.ranks = RankScaler(len(self.ranked))
        levels = self.band_constants * len(self.bands)
        self.standard = Standardiser(len(self.features) + levels + 2)

    @property
    def columns(self) -> list[str]:
        period = [self.period_column] if self.period_column else []
        zero = [self.time_zero.column] if self.time_zero and self.time_zero.column else []
        return list(dict.fromkeys([self.column, *self.features, *period, *zero]))

    @property
    def shape(self) -> InputShape:
        channels = 5 + len(self.features) + (1 + self.band_constants) * len(self.bands)
        phase = PHASE_CHANNELS if self.options.phase else 0
        return InputShape(channels=channels + phase, length=self.options.length)

    @property
    def channel_names(self) -> list[str]:
        peak = self.options.normalise == "peak"
        of_bands = ("peak",) if peak else ("level", "amplitude")
        levels = [f"{band} {what}" for band in self.bands for what in of_bands]
        constants = [*self.features, *levels, "peak" if peak else "log MAD", "time span"]
        phase = [f"phase {n}" for n in range(PHASE_CHANNELS)] if self.options.phase else []
        time = "time" if self.time_zero is None else f"time since {self.options.time_zero}"
        return [time, "flux", "error", *constants, *self.bands, *phase]

    @property
    def augments(self) -> bool:
        return True  # longer curves are cropped at random

    @property
    def needs_flux_zero(self) -> bool:
        options = self.options
        measured = options.time_zero in (FIRST, MAXIMUM)
        return options.space == "magnitude" or options.normalise == "peak" or measured

    def prepare(self, table: pa.Table) -> Prepared:
        cleaned = clean_photometry(Ragged.from_arrow(table[self.column]))
        curves, reason = cleaned.ragged, cleaned.reason.astype(object)
        if self.options.ties == "value":
            curves = by_value(curves)
        present, arrays = curves.present, {}
        if self.bands:
            curves, arrays["band"] = choose_bands(curves, self.bands, self.name)
            few = present & (curves.lengths < 2)
            reason[few], present = TOO_FEW, present & ~few
        time = curves.fields["time"].astype(np.float64)
        flux, error = brightness_of(curves, self.options.space == "magnitude")
        made = self._normalise(flux, arrays.get("band"), curves)
        unusable = present & ~np.isfinite(made.size)
        why = NO_DETECTION if self.options.normalise == "peak" else "zero MAD"
        reason[unusable & (reason == "")] = why
        present = present & ~unusable
        first, last = first_and_last(time, curves)
        values = np.empty((len(time), 3), np.float32)
        values[:, 0], lacking = self._time(table, time, flux, curves)
        reason[present & (lacking != "")] = lacking[present & (lacking != "")]
        present = present & (lacking == "")
        values[:, 1], values[:, 2] = made.residual, error / made.scale
        constants = np.column_stack(
            [self._features(table), made.constants, made.size, (last - first) / 365]
        )
        constants[~present] = np.nan
        arrays |= {"values": values, "constants": constants}
        flat = ("values", "band") if self.bands else ("values",)
        if self.options.phase:
            period = (
                self._to_days * feature_matrix(table, [self.period_column])[:, 0]
                if self.period_column
                else np.full(len(curves), np.nan)
            )
            brightness = made.residual if self.bands else flux
            arrays["phase"], arrays["has_phase"] = phase_from_faintest(
                time, brightness, period, first, curves
            )
            flat = (*flat, "phase")
        return Prepared(arrays, present, reason, curves.offsets, flat)

    def _features(self, table: pa.Table) -> np.ndarray:
        """Give the flat features, transformed, (objects, features)."""
        made = feature_matrix(table, self.features)
        for index, feature in enumerate(self.features):
            transform = TRANSFORMS["none" if index in self.finished else self.transform_of(feature)]
            made[:, index] = transform(made[:, index])
        return made

    def unused(self, table: pa.Table) -> list[Unused]:
        made = self._features(table)
        n = len(self.features)
        rest = np.zeros((len(made), len(self.standard.mean) - n))
        absurd = self.standard.absurd(np.column_stack([made, rest]))[:, :n]
        absurd[:, self.ranked] = False  # a rank is never far
        logs = dict.fromkeys(self.features, NO_LOGARITHM)
        return unused_features(table, self.features, made, absurd, logs)

    def fit(self, prepared: Prepared, rows: np.ndarray) -> None:
        constants = prepared.arrays["constants"][rows[prepared.present[rows]]]
        for number, band in enumerate(self.bands):
            last = len(self.features) + self.band_constants * (number + 1) - 1
            if not np.isfinite(constants[:, last]).any():
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
        place, mask = crop(lengths, options.length, options.crop, rng)
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
        outside = ~mask
        values[..., :3][outside] = values[..., after:][outside] = 0
        if options.padding == "zero":
            values[..., 3:after][outside] = 0
        return {
            "values": torch.from_numpy(values),
            "mask": torch.from_numpy(mask.astype(np.float32)),
        }

    def summary(self, prepared: Prepared, rows: np.ndarray) -> np.ndarray:
        """Catalogue features, number of epochs, and moments and quantiles of the flux."""
        tensors = self.batch(prepared, rows)
        flux, error = tensors["values"][..., 1].numpy(), tensors["values"][..., 2].numpy()
        seen = tensors["mask"].numpy() > 0
        statistics = curve_statistics(flux, error, seen)
        return np.concatenate([prepared.arrays["constants"][rows], statistics], axis=1)

    def transform_of(self, feature: str) -> str:
        """Return what is done to a feature, by its column or by the quantity that it holds."""
        known = self.options.transforms
        return known.get(feature) or known.get(self.quantities.get(feature, ""), "none")

    def _time(
        self, table: pa.Table, time: np.ndarray, flux: np.ndarray, curves: Ragged
    ) -> tuple[np.ndarray, np.ndarray]:
        """Give the channel of time (epochs,), and why an object has none (objects,)."""
        first, last = first_and_last(time, curves)
        owner = curves.owner
        if self.time_zero is None:
            span = np.where(last > first, last - first, 1.0)
            return (time - first[owner]) / span[owner], np.full(len(curves), "", dtype=object)
        zero, lacking = self.time_zero.of(table, time, flux, curves)
        since = time - np.where(lacking == "", zero, first)[owner]
        return np.arcsinh(since / self.options.time_scale), lacking

    def _normalise(self, flux: np.ndarray, band: np.ndarray | None, curves: Ragged) -> Normalised:
        magnitude = self.options.space == "magnitude"
        if self.options.normalise == "peak":
            found, n = detections(curves), len(self.bands)
            return normalise_to_peak(flux, band, curves, n, magnitude, found)
        if band is None:
            return normalise_curves(flux, curves)
        return normalise_bands(flux, band, curves, len(self.bands), magnitude)

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
