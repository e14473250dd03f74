"""Metadata: a row of a catalogue, one number a feature."""

from typing import Any, ClassVar, Literal

import numpy as np
import pyarrow as pa
import torch
from pydantic import Field
from torch import Tensor

from skybind.errors import ConfigError
from skybind.modalities.base import (
    TRANSFORMS,
    Modality,
    ModalityOptions,
    Prepared,
    Schema,
    Standardiser,
    WholeSchema,
    feature_matrix,
    finished_features,
    register_modality,
)
from skybind.modalities.shape import InputShape
from skybind.modalities.unused import NO_LOGARITHM, Unused, unused_features


class MetadataOptions(ModalityOptions):
    """Preprocessing of a catalogue row (AstroM3, section 3.3 and 'Dataset Assembly')."""

    features: list[str] | None = Field(
        None, description="Features to use, in order; all of the dataset's by default."
    )
    exclude: list[str] = Field([], description="Features to leave out.")
    transforms: dict[str, Literal["none", "log", "sin", "cos"]] = Field(
        {},
        description="What to do to a feature before it is standardised, e.g. {b: sin, l: cos}; "
        "names that the dataset does not have are passed over.",
    )
    absolute: list[str] = Field(
        [],
        description="Apparent magnitudes to turn into absolute ones, M = m + 5 log10(parallax "
        "[mas]) - 10. Names that the dataset does not have are passed over.",
    )
    parallax: str = Field("parallax", description="Column of the parallax [mas].")
    parallax_not_positive: Literal["missing", "1 mas"] = Field(
        "missing",
        description="Absolute magnitudes where the parallax is not positive: missing, or made as "
        "if it were 1 mas (release).",
    )
    missing_flags: bool = Field(
        False, description="Add one 0/1 channel a feature that says where it is missing."
    )
    drop: float = Field(
        0.0,
        description="Training: hide each feature with this probability (it becomes the mean).",
        ge=0,
        lt=1,
    )
    clip: float | None = Field(
        None, description="Clip standardised features at plus and minus this many sigma.", gt=0
    )


@register_modality
class Metadata(Modality):
    """Flat features of a catalogue; an object is present where at least one is finite.

    Those that the dataset marks as standardised are taken as they are.
    """

    kind: ClassVar[str] = "metadata"
    Options: ClassVar[type[ModalityOptions]] = MetadataOptions
    options: MetadataOptions

    @classmethod
    def offered(cls, schema: WholeSchema) -> list[str]:
        """Return what a dataset has for this kind: groups of features of no observation."""
        return schema.catalogues

    def __init__(self, name: str, options: Any, schema: Schema, column: str | None = None) -> None:
        super().__init__(name, options, schema, column)
        offered = schema.features(self.column)
        wanted = options.features if options.features is not None else offered
        for feature in [*wanted, *options.exclude]:
            if feature not in offered:
                raise ConfigError(
                    f"modalities.{name}: the dataset has no {self.column} feature '{feature}'."
                )
        self.features = [feature for feature in wanted if feature not in options.exclude]
        if not self.features:
            raise ConfigError(f"modalities.{name}: the dataset has no {self.column} features.")
        #: Places of features that are transformed and standardised already.
        self.finished = finished_features(schema, self.features)
        raw = [name for place, name in enumerate(self.features) if place not in self.finished]
        self._absolute = [feature for feature in raw if feature in options.absolute]
        if self._absolute and options.parallax not in offered:
            raise ConfigError(
                f"modalities.{name}.preprocessing.absolute needs the parallax, but the dataset "
                f"has no feature '{options.parallax}'."
            )
        self._transforms = {name: options.transforms.get(name, "none") for name in raw}
        angles = [name for name in raw if self._transforms[name] in ("sin", "cos")]
        magnitudes = {name: schema.factor(name, "mag") for name in self._absolute}
        # what a transform takes, from what the dataset states
        self._factors = magnitudes | {name: schema.factor(name, "deg") for name in angles}
        if self._absolute:
            self._to_mas = schema.factor(options.parallax, "mas")
        self.standard = Standardiser(len(self.features))

    @property
    def columns(self) -> list[str]:
        extra = [self.options.parallax] if self._absolute else []
        return list(dict.fromkeys(self.features + extra))

    @property
    def shape(self) -> InputShape:
        factor = 2 if self.options.missing_flags else 1
        return InputShape(channels=factor * len(self.features), length=None)

    @property
    def channel_names(self) -> list[str]:
        flags = [f"{name} missing" for name in self.features] if self.options.missing_flags else []
        return [*self.features, *flags]

    @property
    def augments(self) -> bool:
        return self.options.drop > 0

    def transform_of(self, feature: str) -> str:
        """Return what is done to a feature before it is standardised."""
        own = self._transforms.get(feature, "none")
        if feature not in self._absolute:
            return own
        return "absolute" if own == "none" else f"absolute, {own}"

    def prepare(self, table: pa.Table) -> Prepared:
        values = feature_matrix(table, self.features)
        values *= [self._factors.get(feature, 1.0) for feature in self.features]
        reason = np.full(len(values), "", dtype=object)
        if self._absolute:
            parallax = self._to_mas * feature_matrix(table, [self.options.parallax])[:, 0]
            negative = np.isfinite(parallax) & (parallax <= 0)
            instead = 1.0 if self.options.parallax_not_positive == "1 mas" else np.nan
            shift = 5 * np.log10(np.where(negative, instead, parallax)) - 10
            places = [self.features.index(feature) for feature in self._absolute]
            values[:, places] += shift[:, None]
            made = "of 1 mas" if instead == 1 else "masked"
            reason[negative] = f"parallax not positive: absolute magnitudes {made}"
        for index, feature in enumerate(self.features):
            transform = TRANSFORMS[self._transforms.get(feature, "none")]
            values[:, index] = transform(values[:, index])
        values[~np.isfinite(values)] = np.nan
        present = np.isfinite(values).any(axis=1)
        return Prepared({"values": values.astype(np.float64)}, present, reason)

    def unused(self, table: pa.Table) -> list[Unused]:
        made = self.prepare(table).arrays["values"]
        reasons = {name: NO_LOGARITHM for name, t in self._transforms.items() if t == "log"}
        reasons |= dict.fromkeys(
            self._absolute, f"magnitudes of objects without a positive {self.options.parallax}"
        )
        return unused_features(table, self.features, made, self.standard.absurd(made), reasons)

    def fit(self, prepared: Prepared, rows: np.ndarray) -> None:
        values = prepared.arrays["values"][rows]
        self.standard.fit(values)
        self.standard.leave(self.finished)

    def state(self) -> dict[str, np.ndarray]:
        return self.standard.state("features")

    def load_state(self, state: dict[str, np.ndarray]) -> None:
        self.standard.load_state("features", state)

    def batch(
        self, prepared: Prepared, rows: np.ndarray, rng: np.random.Generator | None = None
    ) -> dict[str, Tensor]:
        raw = prepared.arrays["values"][rows]
        values = self.standard.apply(raw)
        if self.options.clip is not None:
            values = np.clip(values, -self.options.clip, self.options.clip)
        if rng is not None and self.options.drop:
            hidden = rng.random(values.shape, dtype=np.float32) < self.options.drop
            values = np.where(hidden, np.float32(0), values)
        if self.options.missing_flags:
            flags = ~np.isfinite(raw) & prepared.present[rows][:, None]
            values = np.concatenate([values, flags.astype(np.float32)], axis=1)
        values[~prepared.present[rows]] = 0
        return {"values": torch.from_numpy(values)}

    def summary(self, prepared: Prepared, rows: np.ndarray) -> np.ndarray:
        return np.asarray(prepared.arrays["values"][rows], dtype=np.float64)
