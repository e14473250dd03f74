"""What a dataset offers a configuration: counts of all objects, and a look at a sample of them."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.data.splits import PARTS, Split
from skybind.errors import DataError
from skybind.modalities.metadata import Metadata
from skybind.progress import step
from skybind.runs.curve_facts import look_at_curves, pieces, sample_rows

#: Positive values of which the high ones (95th percentile) are so many times the low ones (5th)
#: are better seen as logarithms.
WIDE = 30.0
#: Pixels a side that an image must have.
SMALLEST = 8


@dataclass(frozen=True)
class SpectrumFacts:
    """One column of spectra; wavelengths in Angstrom.

    Attributes
    ----------
    name : str
    objects : int
    first, last : float
        Three quarters of the spectra begin above `first`, and end below `last`.
    common : (float, float)
        Where half of the spectra, at least, begin below and end above.
    step : float
        Median distance of two pixels.
    errors, calibrated : bool
        Whether fluxes have uncertainties, and a unit.
    """

    name: str
    objects: int
    first: float
    last: float
    common: tuple[float, float]
    step: float
    errors: bool
    calibrated: bool


@dataclass(frozen=True)
class ImageFacts:
    """One column of images.

    Attributes
    ----------
    sides : (int, int)
        Pixels a side: 5th percentile, and the largest.
    bands : list of str
    pixel_scale : float or None
        [arcsec/pixel]
    display : bool
        Whether they are pictures for people, without fluxes.
    """

    name: str
    objects: int
    sides: tuple[int, int]
    bands: list[str]
    pixel_scale: float | None
    display: bool


@dataclass(frozen=True)
class CatalogueFacts:
    """One group of features of the catalogue.

    Attributes
    ----------
    gaps : float
        Largest share of objects that lack a feature, among those that have any.
    wide : list of str
        Features that are positive everywhere and span a wide range.
    """

    name: str
    objects: int
    features: list[str]
    gaps: float
    wide: list[str]


@dataclass(frozen=True)
class SurveyFacts:
    """What a dataset has.

    Attributes
    ----------
    name : str
        Name of its folder.
    objects : int
    modalities : list of facts
        In the order of the dataset, catalogue rows last.
    present : dict of str to ndarray of bool
        Which objects have each of them.
    left : dict of str to str
        What cannot be used, and why.
    labels : dict of str to (dict of str to int)
        Label column -> objects of each class, the largest first; "" counts those without.
    targets : dict of str to int
        Target -> objects that have it.
    splits : list of str
        Names of splits whose three parts have objects.
    """

    name: str
    objects: int
    modalities: list[Any]
    present: dict[str, np.ndarray]
    left: dict[str, str]
    labels: dict[str, dict[str, int]]
    targets: dict[str, int]
    splits: list[str]


@step("looking at the dataset")
def look_at(dataset: Dataset) -> SurveyFacts:
    """Look what is in a dataset, in bounded memory.

    Objects, classes, targets and epochs are counted over all objects; what light curves, spectra
    and images are like is read from a sample of them.
    """
    modalities: list[Any] = []
    present: dict[str, np.ndarray] = {}
    left: dict[str, str] = {}
    looks: dict[str, Callable[..., Any]] = {
        "photometry": look_at_curves,
        "spectrum": _spectra,
        "image": _images,
    }
    for name, kind in dataset.schema.kinds.items():
        if kind not in looks:
            left[name] = f"say how observations of the kind '{kind}' are preprocessed and encoded"
            continue
        lengths = dataset.lengths(name)
        if not (lengths >= 0).any():
            left[name] = "no object was observed so"
            continue
        found = looks[kind](dataset, name, dataset.schema.columns[name], lengths)
        if isinstance(found, str):
            left[name] = found
            continue
        present[name] = lengths >= 0
        modalities.append(found)
    for group in Metadata.offered(dataset.schema):
        seen = dataset.present(group)
        if seen.any():
            present[group] = seen
            modalities.append(_catalogue(dataset, group, seen))
        else:
            left[group] = "no object has a value"
    roles = dataset.schema.with_role
    targets = {name: int(np.isfinite(dataset.numbers(name)).sum()) for name in roles("target")}
    return SurveyFacts(
        dataset.path.resolve().name,
        len(dataset),
        modalities,
        present,
        left,
        {name: _counts(dataset.labels(name)) for name in roles("label")},
        targets,
        _usable_splits(dataset),
    )


def _spectra(
    dataset: Dataset, name: str, column: Column, lengths: np.ndarray
) -> SpectrumFacts | str:
    rows = sample_rows(np.flatnonzero(lengths > 1))
    first, last, steps = [], [], []
    for piece in pieces(dataset, name, rows):
        wave = piece.fields["wavelength"].astype(float)
        for a, b in pairwise(piece.offsets):
            own = np.sort(wave[a:b][np.isfinite(wave[a:b]) & (wave[a:b] > 0)])
            if len(own) > 1:
                first.append(own[0])
                last.append(own[-1])
                steps.append(np.median(np.diff(own)))
    if not first:
        return "no spectrum has two wavelengths"
    return SpectrumFacts(
        name,
        int((lengths >= 0).sum()),
        float(np.percentile(first, 25)),
        float(np.percentile(last, 75)),
        (float(np.median(first)), float(np.median(last))),
        float(np.median(steps)),
        bool({"ivar", "flux_err"} & set(column.fields)),
        bool(column.fields.get("flux")),
    )


def _images(dataset: Dataset, name: str, column: Column, lengths: np.ndarray) -> ImageFacts | str:
    observed = np.sqrt(lengths[lengths >= 0])
    sides = int(np.percentile(observed, 5)), int(observed.max())
    if sides[0] < SMALLEST:
        return f"images of less than {SMALLEST} pixels a side show too little"
    scale = column.attributes.get("pixel_scale")
    return ImageFacts(
        name,
        int((lengths >= 0).sum()),
        sides,
        list(column.fields),
        None if scale is None else float(scale),
        column.attributes.get("stretch", "linear") != "linear",
    )


def _catalogue(dataset: Dataset, group: str, seen: np.ndarray) -> CatalogueFacts:
    gaps, wide = 0.0, []
    features = dataset.schema.features(group)
    for name in features:
        values = dataset.numbers(name)[seen]
        finite = values[np.isfinite(values)]
        gaps = max(gaps, 1 - len(finite) / len(values))
        magnitude = str(dataset.schema.columns[name].unit) in ("mag", "deg", "rad")
        if len(finite) and finite.min() > 0 and not magnitude:
            low, high = np.percentile(finite, [5, 95])
            if high > WIDE * low:
                wide.append(name)
    return CatalogueFacts(group, int(seen.sum()), features, gaps, wide)


def _counts(labels: np.ndarray) -> dict[str, int]:
    names, counts = np.unique(labels, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {str(names[i]): int(counts[i]) for i in order}


def _usable_splits(dataset: Dataset) -> list[str]:
    """Names of the stored splits of which every part has objects of the dataset."""
    names = []
    for path in sorted((dataset.path / "splits").glob("*.parquet")):
        try:
            split = Split.read(path).align(dataset.object_ids)
        except (DataError, pa.ArrowException):
            continue  # 'skybind data check' tells what is wrong with it
        if all(len(split.rows(part)) for part in PARTS):
            names.append(path.stem)
    return names
