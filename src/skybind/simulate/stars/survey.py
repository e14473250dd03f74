"""A simulated survey of variable stars: light curve, spectrum and catalogue row of each.

Objects are made in fixed blocks, each with its own random seed, so an object's numbers depend
on nothing but the seed of the survey and its own index.
"""

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from skybind.ragged import Ragged
from skybind.simulate.simulated import Plan, SimulatedSurvey, choose_observed, hide, in_chunks
from skybind.simulate.stars import cadence, faults, metadata, sky, spectra
from skybind.simulate.stars.binaries import draw_eclipsing
from skybind.simulate.stars.classes import (
    ALL_CLASSES,
    METADATA_FEATURES,
    PHOTOMETRY_FEATURES,
    Stars,
    draw_classes,
    new_stars,
)
from skybind.simulate.stars.features import light_curve_features
from skybind.simulate.stars.lightcurves import true_magnitudes
from skybind.simulate.stars.populations import draw_pulsating, draw_red, draw_rotating

BLOCK = 250


"""Objects that share a random seed."""


_TRUTH = ("true_class", "subtype", "population", "teff", "luminosity", "feh", "distance",
          "extinction", "radial_velocity", "vsini", "teff2", "luminosity2", "q", "r1", "r2",
          "cos_i", "ecc")  # fmt: skip


FAMILIES = {
    "eclipsing": draw_eclipsing,
    "pulsating": draw_pulsating,
    "red": draw_red,
    "rotating": draw_rotating,
}


@dataclass(frozen=True)
class _Plan(Plan):
    """The arguments of a simulation."""

    modalities = len(faults.MODALITIES)
    wrong_labels: float
    wrong_periods: float
    outliers: float
    other_classes: float


def simulate_stars(
    n_objects: int,
    seed: int = 0,
    missing: float = 0.0,
    progress: Callable[[int, int], None] | None = None,
    *,
    wrong_labels: float = 0.03,
    wrong_periods: float = 0.03,
    outliers: float = 0.01,
    other_classes: float = 0.03,
) -> SimulatedSurvey:
    """Simulate a survey of variable stars in the shape of AstroM3's data set.

    Parameters
    ----------
    n_objects : int
        Number of stars. About 50 KB of memory each; `iter_stars` needs less.
    seed : int
        Same seed, same survey; a longer survey begins with the objects of a shorter one.
    missing : float
        Fraction of each modality left unobserved, 0 to 2/3. Every object keeps at least one.
    progress : callable, optional
        Called with (objects done, objects in all).
    wrong_labels, wrong_periods : float
        Fraction of labels of a class they are easily confused with, and of catalogue periods
        off by a factor of two.
    outliers, other_classes : float
        Fraction of planted outliers, and of stars of classes outside the ten.

    Raises
    ------
    skybind.errors.ConfigError
        If an argument is out of range.
    """
    chunks = iter_stars(
        n_objects, seed, missing, n_objects, progress, wrong_labels=wrong_labels,
        wrong_periods=wrong_periods, outliers=outliers, other_classes=other_classes,
    )  # fmt: skip
    return next(chunks)


def iter_stars(
    n_objects: int,
    seed: int = 0,
    missing: float = 0.0,
    chunk: int = 2000,
    progress: Callable[[int, int], None] | None = None,
    *,
    wrong_labels: float = 0.03,
    wrong_periods: float = 0.03,
    outliers: float = 0.01,
    other_classes: float = 0.03,
) -> Iterator[SimulatedSurvey]:
    """Simulate a survey in chunks that fit in memory; see `simulate_stars`.

    Yields
    ------
    SimulatedSurvey
        At most `chunk` objects. The numbers do not depend on the chunk.
    """
    plan = _Plan(seed, missing, wrong_labels, wrong_periods, outliers, other_classes)
    blocks = (_simulate_block(block, plan) for block in itertools.count())
    yield from in_chunks(blocks, n_objects, chunk, progress)


def _simulate_block(block: int, plan: _Plan) -> SimulatedSurvey:
    """Simulate the objects of one block; every stage has its own random generator."""
    names = draw_classes(BLOCK, plan.other_classes, plan.generator(block, 0))
    stars = _draw_stars(names, plan.generator(block, 1))
    kind = faults.choose_outliers(BLOCK, plan.outliers, plan.generator(block, 2))
    absolute = metadata.intrinsic_magnitudes(stars)
    sky.place(stars, absolute[:, 0], plan.generator(block, 3))
    faults.disturb_stars(stars, kind, plan.generator(block, 4))
    photometry, rms = _photometry(stars, kind, block, plan)
    absolute = absolute + faults.infrared_excess(kind, plan.generator(block, 7))
    row = metadata.catalogue_row(stars, absolute, rms, plan.generator(block, 8))
    spectrum = _spectrum(stars, kind, plan.generator(block, 9))
    period, factor = faults.catalogue_periods(stars, plan.wrong_periods, plan.generator(block, 10))
    labels, wrong = faults.wrong_labels(names, plan.wrong_labels, plan.generator(block, 11))
    features = light_curve_features(
        photometry.fields["time"], photometry.fields["flux"], photometry.fields["flux_err"],
        photometry.offsets, period,
    )  # fmt: skip
    observed = choose_observed(
        BLOCK, plan.missing, len(faults.MODALITIES), plan.generator(block, 12)
    )
    index = np.arange(block * BLOCK, (block + 1) * BLOCK)
    object_id = np.array([f"SIM{i:08d}" for i in index], dtype=object)
    objects = {"object_id": object_id, "ra": stars["ra"], "dec": stars["dec"]}
    objects["label"] = labels.astype(object)
    for columns, seen in ((row, observed[:, 2]), (features, observed[:, 0])):
        objects |= {key: np.where(seen, values, np.nan) for key, values in columns.items()}
    truth = {"object_id": object_id} | {key: stars[key] for key in _TRUTH}
    truth |= {
        "true_period": stars["period"], "true_amplitude": stars["amplitude"],
        "wrong_label": wrong, "wrong_period_factor": factor, "outlier_kind": kind,
    }  # fmt: skip
    truth = {k: v.astype(object) if v.dtype.kind == "U" else v for k, v in truth.items()}
    observations = {
        "photometry": hide(photometry, observed[:, 0]),
        "spectrum": hide(spectrum, observed[:, 1]),
    }
    return SimulatedSurvey(objects, observations, truth, describe_columns())


def _draw_stars(names: np.ndarray, rng: np.random.Generator) -> Stars:
    stars = new_stars(names)
    for name, star_class in ALL_CLASSES.items():
        rows = np.flatnonzero(names == name)
        if len(rows):
            FAMILIES[star_class.family](stars, name, rows, rng)
    return stars


def _photometry(
    stars: Stars, kind: np.ndarray, block: int, plan: _Plan
) -> tuple[Ragged, np.ndarray]:
    """Observe light curves; give also the true scatter of each star [mag]."""
    rng = plan.generator(block, 5)
    time, offsets = cadence.observing_times(stars["ra"], plan.seed, rng)
    magnitude = true_magnitudes(stars, time, offsets, rng)
    lengths = np.diff(offsets)
    owner = np.repeat(np.arange(len(lengths)), lengths)
    mean = np.bincount(owner, magnitude) / lengths
    rms = np.sqrt(np.bincount(owner, (magnitude - mean[owner]) ** 2) / lengths)
    late = plan.generator(block, 6)
    faults.disturb_light_curves(magnitude, time, offsets, kind, late)
    flux, flux_err = cadence.observe(magnitude, offsets, late)
    fields = {"time": time, "flux": flux, "flux_err": flux_err}
    return Ragged(fields, offsets, np.ones(len(lengths), bool)), rms


def _spectrum(stars: Stars, kind: np.ndarray, rng: np.random.Generator) -> Ragged:
    flux = spectra.intrinsic_spectrum(stars, rng)
    faults.disturb_spectra(flux, stars, kind, rng)
    return spectra.observe(stars, flux, rng)


def describe_columns() -> dict[str, dict[str, str | None]]:
    """Describe every flat column: role, unit, description, modality."""

    def column(role: str, unit: str, text: str, modality: str | None = None) -> dict:
        return {"role": role, "unit": unit, "description": text, "modality": modality}

    columns = {
        "object_id": column("id", "", "name of the simulated object"),
        "ra": column("position", "deg", "right ascension, ICRS"),
        "dec": column("position", "deg", "declination, ICRS"),
        "label": column("label", "", "class in the catalogue; a few percent are wrong"),
    }
    for features, modality in (
        (METADATA_FEATURES, "metadata"),
        (PHOTOMETRY_FEATURES, "photometry"),
    ):
        for f in features:
            columns[f.name] = column("feature", f.unit, f.description, modality)
    return columns
