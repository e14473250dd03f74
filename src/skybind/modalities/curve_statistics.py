"""Simple statistics of prepared light curves, as a plain classifier would be given."""

import numpy as np


def curve_statistics(flux: np.ndarray, error: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """Return moments and quantiles of the flux, its noise, and the number of epochs.

    Parameters
    ----------
    flux, error : ndarray, shape (n, epochs)
        Normalised.
    seen : ndarray of bool, shape (n, epochs)
        Which are real.

    Returns
    -------
    ndarray, shape (n, 13)
    """
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
        ranked[np.arange(len(flux)), (fraction * (count - 1)).astype(int)]
        for fraction in (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
    ]
    noise = (error * seen).sum(1) / count
    return np.stack([spread, *moments, neumann, noise, *quantiles, count], axis=1)
