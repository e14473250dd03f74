"""Phase of the epochs of a light curve."""

import numpy as np

from skybind.ragged import Ragged

#: Sine and cosine at the period and at twice the period.
PHASE_CHANNELS = 4


def phase_from_faintest(
    time: np.ndarray, flux: np.ndarray, period: np.ndarray, first: np.ndarray, curves: Ragged
) -> tuple[np.ndarray, np.ndarray]:
    """Return the phase at twice the period, zero at the faintest part, and whether there is one."""
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
