"""What is planted: wrong labels and periods, outliers, and modalities left unobserved."""

import numpy as np

from skybind.simulate.stars.binaries import Rng
from skybind.simulate.stars.classes import ALL_CLASSES, Stars
from skybind.simulate.stars.lines import BALMER
from skybind.simulate.stars.spectra import add_line, planck

OUTLIER_KINDS = (
    "emission spectrum",
    "wrong spectrum",
    "outburst",
    "fading",
    "high velocity",
    "infrared excess",
)


MODALITIES = ("photometry", "spectrum", "metadata")


def choose_outliers(n: int, fraction: float, rng: Rng) -> np.ndarray:
    """Give the kind of outlier of each object, empty for most."""
    kind = rng.choice(OUTLIER_KINDS, n)
    return np.where(rng.random(n) < fraction, kind, "").astype("U20")


def disturb_stars(stars: Stars, kind: np.ndarray, rng: Rng) -> None:
    """Plant the outliers that concern the star itself: its motion and its dust."""
    rows = np.flatnonzero(kind == "high velocity")
    angle = rng.uniform(0, 2 * np.pi, len(rows))
    speed = rng.uniform(350, 700, len(rows)) / (4.74047 * stars["distance"][rows])
    stars["pmra"][rows] += speed * np.cos(angle)
    stars["pmdec"][rows] += speed * np.sin(angle)
    stars["radial_velocity"][rows] += rng.choice([-1, 1], len(rows)) * rng.uniform(
        250, 500, len(rows)
    )


def infrared_excess(kind: np.ndarray, rng: Rng) -> np.ndarray:
    """Give the change of the magnitudes by a cool companion or disc, V ... W4, (n, 11)."""
    shape = np.array([0, 0, 0, 0, -0.1, -0.3, -0.7, -1.4, -2.0, -3.5, -4.5])
    return (kind == "infrared excess")[:, None] * shape * rng.uniform(0.6, 1.3, (len(kind), 1))


def disturb_light_curves(
    magnitude: np.ndarray, time: np.ndarray, offsets: np.ndarray, kind: np.ndarray, rng: Rng
) -> None:
    """Plant outbursts and fadings of months, in place."""
    n = len(kind)
    owner = np.repeat(np.arange(n), np.diff(offsets))
    first, last = time[offsets[:-1]], time[offsets[1:] - 1]
    start = first + rng.uniform(0.1, 0.7, n) * (last - first)
    length = rng.uniform(60, 300, n)
    height = rng.uniform(0.8, 2.5, n)
    age = (time - start[owner]) / length[owner]
    # a steep beginning and a slow return, as novae and R CrB stars do
    shape = np.where(age > 0, np.exp(-np.maximum(age, 0)) * -np.expm1(-8 * np.maximum(age, 0)), 0)
    sign = (kind == "fading").astype(float) - (kind == "outburst")
    magnitude += (sign * height)[owner] * shape


def disturb_spectra(flux: np.ndarray, stars: Stars, kind: np.ndarray, rng: Rng) -> None:
    """Plant Balmer emission, and spectra that belong to another star, in place."""
    rows = np.flatnonzero(kind == "wrong spectrum")
    others = rng.integers(0, len(kind), len(rows))
    flux[rows] = flux[others].copy()
    emission = (kind == "emission spectrum") * rng.uniform(15, 60, len(kind))
    continuum = planck(stars["teff"])
    for name, share in (("Ha", 1.0), ("Hb", 0.35), ("Hg", 0.15)):
        add_line(flux, continuum, BALMER[name], share * emission, sigma=3.0)


def wrong_labels(names: np.ndarray, fraction: float, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Give the catalogue's labels, and which of them are wrong."""
    wrong = rng.random(len(names)) < fraction
    pick = rng.random(len(names))
    labels = names.copy()
    for row in np.flatnonzero(wrong):
        choices = ALL_CLASSES[names[row]].confused_with
        labels[row] = choices[int(pick[row] * len(choices))]
    return labels, wrong


def catalogue_periods(stars: Stars, fraction: float, rng: Rng) -> tuple[np.ndarray, np.ndarray]:
    """Give catalogue periods and the planted factor: 0.5, 1 or 2.

    Strictly periodic stars have errors of some 1e-6; the periods of red variables a few percent.
    """
    n = len(stars["period"])
    red = np.isin(stars["true_class"], ["SR", "SRD", "VAR", "M"])
    loose = np.isin(stars["true_class"], ["ROT", "ROT:"])
    relative = np.select([red, loose], [0.03, 0.003], 2e-6)
    # two peaks of a multi-periodic giant: now and then the catalogue has the other
    other = red & (stars["true_class"] != "M") & (rng.random(n) < 0.2)
    factor = np.where(rng.random(n) < fraction, rng.choice([0.5, 2.0], n), 1.0)
    period = stars["period"] * factor * (1 + relative * rng.normal(0, 1, n))
    return period * np.where(other, 10 ** rng.normal(0, 0.25, n), 1.0), factor
