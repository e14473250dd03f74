"""Phases of a light curve, zero at the minimum of a curve that is fitted to it."""

import numpy as np

from skybind.drawing.observed import LightCurve

#: Harmonics that are fitted, at least and at most, and epochs that each needs.
FEWEST, MOST, EPOCHS = 2, 6, 5
#: Penalty of a harmonic's amplitude, times the square of its number and the sum of the weights.
#: It holds the curve back in gaps and moves no minimum that epochs show.
STIFFNESS = 1e-3
#: Phases at which the curve is looked at, and how near to one of them an epoch has to be.
PLACES, NEAR = 1000, 0.02
#: Epochs beyond so many standard deviations (by the median) of the curve count the less, in so
#: many fits.
LIMIT, FITS = 2.5, 8
#: Values that differ by no more than this share of the largest are the same: what is left of a fit
#: through values that are whole magnitudes is rounding, and of equal minima the first counts.
SAME = 1e-9


def fold(curve: LightCurve) -> np.ndarray:
    """Return the phase of each epoch at the period, in [0, 1), zero at minimum light.

    Minimum light is that of a Fourier series of few terms, fitted to all bands together, each
    with a mean of its own, by the epochs' errors; outliers count less. Only where there are
    epochs is the minimum looked for. Of fewer epochs than a series needs the faintest is it.
    explore-page/src/fold.ts does the same for still copies.
    """
    phase = np.mod(curve.time / curve.period, 1.0)
    return np.mod(phase - minimum_phase(curve, phase), 1.0)


def minimum_phase(curve: LightCurve, phase: np.ndarray) -> float:
    """Return the phase of minimum light, in [0, 1); 0 without any brightness that is known."""
    faint = np.asarray(curve.value, float) * (-1.0 if curve.value_name == "Flux" else 1.0)
    known = np.isfinite(faint) & np.isfinite(phase)
    if not known.any():
        return 0.0
    faint, phase = faint[known], phase[known]
    weight = _weights(curve, known)
    bands, band = np.zeros(1), np.zeros(len(faint), int)
    if curve.band is not None:
        bands, band = np.unique(curve.band[known], return_inverse=True)
    same = SAME * float(np.abs(faint).max())
    harmonics = min(MOST, (len(faint) - len(bands)) // EPOCHS)
    if harmonics < FEWEST:
        return float(phase[_faintest(faint - _means(faint, weight, band), same)])
    constants = (band[:, None] == np.arange(len(bands))).astype(float)
    design = np.concatenate([constants, _waves(phase, harmonics)], axis=1)
    number = np.repeat(np.arange(1, harmonics + 1), 2)
    penalty = np.concatenate([np.zeros(len(bands)), number**2.0]) * STIFFNESS
    own = weight
    for _ in range(FITS):
        matrix = (design * own[:, None]).T @ design + np.diag(penalty * own.sum())
        found = np.linalg.solve(matrix, (design * own[:, None]).T @ faint)
        away = np.abs(faint - design @ found) * np.sqrt(weight)
        scale = LIMIT * 1.4826 * float(np.median(away))
        least = same * float(np.sqrt(weight.max()))
        own = weight * np.minimum(1.0, scale / np.maximum(away, scale)) if scale > least else weight
    places = (np.arange(PLACES) + 0.5) / PLACES
    fitted = _waves(places, harmonics) @ found[len(bands) :]
    ordered = np.sort(phase)
    after = np.searchsorted(ordered, places)
    gap = np.minimum(
        np.mod(ordered[after % len(ordered)] - places, 1.0),
        np.mod(places - ordered[after - 1], 1.0),
    )
    return float(places[_faintest(np.where(gap < NEAR, fitted, -np.inf), same)])


def _faintest(values: np.ndarray, same: float) -> int:
    """Where the first of the largest values stands."""
    return int((values >= values.max() - same).argmax())


def _weights(curve: LightCurve, known: np.ndarray) -> np.ndarray:
    """Inverse variances; no epoch counts more than twice one of the median error."""
    if curve.error is None:
        return np.ones(int(known.sum()))
    error = np.asarray(curve.error, float)[known]
    good = np.isfinite(error) & (error > 0)
    if not good.any():
        return np.ones(len(error))
    middle = float(np.median(error[good]))
    return 1.0 / (np.where(good, error, middle) ** 2 + middle**2)


def _means(values: np.ndarray, weight: np.ndarray, band: np.ndarray) -> np.ndarray:
    """Weighted mean of each epoch's band."""
    return (np.bincount(band, weight * values) / np.bincount(band, weight))[band]


def _waves(phase: np.ndarray, harmonics: int) -> np.ndarray:
    """Cosine and sine of every harmonic, shape (n, 2 `harmonics`)."""
    angle = 2 * np.pi * phase[:, None] * np.arange(1, harmonics + 1)
    return np.stack([np.cos(angle), np.sin(angle)], axis=2).reshape(len(phase), -1)
