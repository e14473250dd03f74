"""Observations of a preview: light curves, spectra and images as they were read."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.ingest.preview.values import Range, missing_advice, range_of
from skybind.modalities.cleaning import value_field
from skybind.ragged import Ragged

#: How the names begin of what the cleaning leaves out, and what it puts right.
_LEFT_OUT = ("epochs", "duplicate epochs", "upper limits", "magnitudes")
_KEPT = ("epochs given the median error",)
#: Shares of epochs left out, or of pixels masked, above which a sentence says so.
_MANY = 0.2
#: A band with fewer objects than this share is told.
_FEW = 0.05


@dataclass
class ObservedColumn:
    """What became of one column of observations.

    Attributes
    ----------
    name : str
    column : Column
        Its kind, units and attributes in the dataset.
    stated : dict of str to (str or None)
        Field -> unit that the mapping or the file states.
    read, observed : int
        Objects that were read, and those that have a usable observation.
    all_observed : int or None
        Objects of the whole survey that have one, as far as names tell.
    lengths : Range
        Epochs, or pixels (of images, pixels a side).
    values : dict of str to Range
        Of each field that holds numbers; masked pixels are not known.
    bands : dict of str to (int, int)
        Of light curves: band -> objects, epochs.
    masked : float
        Share of pixels.
    repaired : dict of str to int
        What the cleaning left out or put right, and how many times.
    """

    name: str
    column: Column
    stated: dict[str, str | None]
    read: int
    observed: int
    all_observed: int | None
    lengths: Range
    values: dict[str, Range]
    bands: dict[str, tuple[int, int]] = field(default_factory=dict)
    masked: float = 0.0
    repaired: dict[str, int] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """photometry, spectrum or image."""
        return self.column.modality or self.name

    @property
    def times(self) -> str:
        """What the times of light curves are, in words."""
        system = self.column.attributes.get("time_system")
        if system is not None:
            return f"{self.stated.get('time')}, kept as {system}"
        middle = self.values["time"].median
        if 2.3e6 < middle < 2.7e6:
            return "not stated; they look like Julian dates (JD, HJD or BJD)"
        if 1e4 < middle < 1e5:
            return "not stated; they look like MJD, or JD - 2400000"
        return "not stated; days from some start"

    @property
    def brightness(self) -> str:
        """Of light curves, the field that was measured: flux or magnitude."""
        return value_field(self.values)

    @property
    def left_out(self) -> dict[str, int]:
        """Epochs of light curves that are not used, by reason."""
        return {
            what: n
            for what, n in self.repaired.items()
            if what.startswith(_LEFT_OUT) and what not in _KEPT
        }

    @property
    def share_left_out(self) -> float:
        """Share of all epochs that is left out."""
        kept = sum(epochs for _, epochs in self.bands.values())
        out = sum(self.left_out.values())
        return out / (kept + out) if out else 0.0

    @property
    def suggestions(self) -> list[str]:
        """Sentences on what should be looked at."""
        if not self.observed:
            seen = "" if self.all_observed is None else f" of {self.all_observed:,} that have one"
            return [f"{self.name}: no object{seen} could be used, see what was set aside."]
        found = []
        for name, numbers in self.values.items():
            for suspect in numbers.suspects:
                found.append(missing_advice(name, suspect, self.name))
            if name.endswith("_err") and numbers.constant:
                found.append(f"{self.name}: every error is {numbers.low:g}.")
        if self.share_left_out > _MANY:
            found.append(
                f"{self.name}: {100 * self.share_left_out:.0f} % of the epochs are left out."
            )
        if self.masked > _MANY:
            found.append(f"{self.name}: {100 * self.masked:.0f} % of the pixels are masked.")
        rare = [b for b, (objects, _) in self.bands.items() if objects < _FEW * self.observed]
        if rare:
            found.append(
                f"{self.name}: fewer than {100 * _FEW:.0f} % of the light curves have the band "
                f"{' or '.join(rare)}."
            )
        return found


def observed_column(
    dataset: Dataset,
    name: str,
    stated: Mapping[str, str | None],
    all_observed: int | None,
    repaired: Mapping[str, int],
) -> ObservedColumn:
    """Look at a column of observations as the dataset holds it."""
    ragged, column = dataset.ragged(name), dataset.schema.columns[name]
    kind = column.modality or name
    units = {field: stated.get(f"{name}.{field}") for field in column.fields}
    values, masked = _values(ragged, column, units)
    lengths = ragged.lengths[ragged.present].astype(float)
    return ObservedColumn(
        name,
        column,
        units,
        len(ragged),
        int(ragged.present.sum()),
        all_observed,
        range_of(np.sqrt(lengths) if kind == "image" else lengths),
        values,
        _bands(ragged) if kind == "photometry" else {},
        masked,
        dict(repaired),
    )


def _values(
    ragged: Ragged, column: Column, stated: Mapping[str, str | None]
) -> tuple[dict[str, Range], float]:
    """Ranges of the fields that hold numbers, and the share of masked pixels."""
    mask = ragged.fields.get("mask")
    bad = np.zeros(int(ragged.offsets[-1]), bool) if mask is None else mask.astype(bool)
    found, unknown = {}, 0
    for name, raw in ragged.fields.items():
        if name == "mask" or raw.dtype.kind not in "fiu":
            continue
        flat = np.where(bad & (name != "wavelength"), np.nan, raw.astype(np.float64))
        found[name] = range_of(flat, column.fields.get(name), stated.get(name))
        unknown += found[name].missing
    if column.modality == "image":
        return found, unknown / max(1, len(bad) * len(found))
    return found, float(bad.mean()) if len(bad) else 0.0


def _bands(ragged: Ragged) -> dict[str, tuple[int, int]]:
    """Objects and epochs of each band, the most frequent first; one '' without bands."""
    total = len(next(iter(ragged.fields.values())))
    raw = ragged.fields.get("band")
    names = ["" if b is None else str(b) for b in raw.tolist()] if raw is not None else [""] * total
    epochs = Counter(names)
    objects = Counter(band for _, band in set(zip(ragged.owner.tolist(), names, strict=True)))
    return {band: (objects[band], n) for band, n in epochs.most_common()}
