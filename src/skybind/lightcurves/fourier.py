"""Weighted Fourier series of unevenly sampled light curves, many at a time."""

from dataclasses import dataclass

import numpy as np

RIDGE = 1e-6  # of the sum of weights: keeps the fit of a badly covered phase finite


@dataclass(frozen=True)
class FourierSums:
    """Everything a weighted fit of `c + sum_k a_k cos(k phase) + b_k sin(k phase)` needs.

    Attributes
    ----------
    weight : ndarray of complex, shape (m, 2 K + 1)
        `sum_i w_i exp(1j k phase_i)` for k = 0 ... 2 K, the weights summing to one.
    signal : ndarray of complex, shape (m, K + 1)
        `sum_i w_i y_i exp(1j k phase_i)` for k = 0 ... K, y with its weighted mean removed.
    mean, power : ndarray, shape (m,)
        Weighted mean and variance of the values.
    """

    weight: np.ndarray
    signal: np.ndarray
    mean: np.ndarray
    power: np.ndarray

    @property
    def harmonics(self) -> int:
        """Number of harmonics K."""
        return self.signal.shape[1] - 1

    @classmethod
    def of_frequencies(
        cls,
        time: np.ndarray,
        value: np.ndarray,
        error: np.ndarray,
        frequencies: np.ndarray,
        harmonics: int,
    ) -> "FourierSums":
        """Sums of one light curve at m trial frequencies [1/d]."""
        weight = error**-2.0
        weight = weight / weight.sum()
        mean = float(weight @ value)
        rest = value - mean
        both = np.stack([weight, weight * rest])
        step = np.exp(2j * np.pi * ((frequencies[:, None] * time) % 1.0))
        wave = np.ones_like(step)
        weights = np.empty((len(frequencies), 2 * harmonics + 1), complex)
        signals = np.empty((len(frequencies), harmonics + 1), complex)
        for k in range(2 * harmonics + 1):
            if k <= harmonics:
                weights[:, k], signals[:, k] = both @ wave.T
            else:
                weights[:, k] = wave @ weight
            wave *= step
        full = np.full(len(frequencies), 1.0)
        return cls(weights, signals, full * mean, full * (weight @ rest**2))

    @classmethod
    def of_phases(
        cls,
        phase: np.ndarray,
        value: np.ndarray,
        weight: np.ndarray,
        owner: np.ndarray,
        number: int,
        harmonics: int,
    ) -> "FourierSums":
        """Sums of `number` light curves, each at its own period.

        Parameters
        ----------
        phase : ndarray, shape (total,)
            In cycles.
        value, weight : ndarray, shape (total,)
            Values and their inverse variances.
        owner : ndarray of int, shape (total,)
            Light curve of each point.
        """

        def gather(values: np.ndarray) -> np.ndarray:
            # of no values numpy counts whole numbers
            return np.bincount(owner, values, minlength=number).astype(np.float64)

        total = gather(weight)
        weight = weight / np.where(total > 0, total, 1.0)[owner]
        mean = gather(weight * value)
        rest = value - mean[owner]
        step = np.exp(2j * np.pi * (phase % 1.0))
        wave = weight.astype(complex)
        weights = np.empty((number, 2 * harmonics + 1), complex)
        signals = np.empty((number, harmonics + 1), complex)
        for k in range(2 * harmonics + 1):
            weights[:, k] = gather(wave.real) + 1j * gather(wave.imag)
            if k <= harmonics:
                signals[:, k] = gather(wave.real * rest) + 1j * gather(wave.imag * rest)
            wave = wave * step
        return cls(weights, signals, mean, gather(weight * rest**2))


def normal_equations(sums: FourierSums) -> tuple[np.ndarray, np.ndarray]:
    """Matrix and right-hand side of the fit, in the order 1, cos, sin, cos 2, sin 2 ...

    Returns
    -------
    matrix : ndarray, shape (m, 2 K + 1, 2 K + 1)
    right : ndarray, shape (m, 2 K + 1)
    """
    order = np.arange(sums.harmonics + 1)
    minus = sums.weight[:, np.abs(order[:, None] - order)]
    sign = np.sign(order[:, None] - order)
    plus = sums.weight[:, order[:, None] + order]
    size = 2 * sums.harmonics + 1
    # Position of cos k is 2 k - 1 and of sin k is 2 k; the constant is cos 0 at 0.
    cos = np.maximum(2 * order - 1, 0)
    sin = 2 * order[1:]
    matrix = np.empty((len(sums.weight), size, size))
    matrix[:, cos[:, None], cos] = (minus.real + plus.real) / 2
    matrix[:, sin[:, None], sin] = ((minus.real - plus.real) / 2)[:, 1:, 1:]
    # sin j cos k = (sin(j + k) + sin(j - k)) / 2
    mixed = ((plus.imag + sign * minus.imag) / 2)[:, 1:, :]
    matrix[:, sin[:, None], cos] = mixed
    matrix[:, cos[:, None], sin] = mixed.transpose(0, 2, 1)
    right = np.empty((len(sums.weight), size))
    right[:, cos] = sums.signal.real
    right[:, sin] = sums.signal.imag[:, 1:]
    matrix[:, np.arange(size), np.arange(size)] += RIDGE
    return matrix, right


def harmonic_chi2(sums: FourierSums) -> np.ndarray:
    """Weighted residual variance after fits of 0, 1, ... K harmonics.

    The terms are ordered by harmonic, so one Cholesky factor serves all the nested fits.

    Returns
    -------
    ndarray, shape (m, K + 1)
        In units of the values squared, above zero.
    """
    matrix, right = normal_equations(sums)
    lower = np.linalg.cholesky(matrix)
    solved = np.linalg.solve(lower, right[:, :, None])[:, :, 0]
    gained = np.cumsum(solved**2, axis=1)[:, ::2]
    floor = 1e-12 * sums.power + 1e-300
    return np.maximum(sums.power[:, None] - gained, floor[:, None])


def fit_harmonics(sums: FourierSums, terms: np.ndarray) -> np.ndarray:
    """Coefficients of the fit with `terms` harmonics for each curve.

    Parameters
    ----------
    terms : ndarray of int, shape (m,)
        Harmonics used, 0 to K; the coefficients beyond are zero.

    Returns
    -------
    ndarray of complex, shape (m, K + 1)
        `a_k - 1j b_k`, so that the curve is `mean + Re(sum_k c_k exp(1j k phase))`;
        entry 0 is the (real) constant beside the mean.
    """
    matrix, right = normal_equations(sums)
    unused = np.arange(right.shape[1]) > 2 * np.asarray(terms)[:, None]
    matrix[unused[:, :, None] | unused[:, None, :]] = 0.0
    rows, places = np.nonzero(unused)
    matrix[rows, places, places] = 1.0
    right[unused] = 0.0
    solved = np.linalg.solve(matrix, right[:, :, None])[:, :, 0]
    result = np.zeros(sums.signal.shape, complex)
    result[:, 0] = solved[:, 0]
    result[:, 1:] = solved[:, 1::2] - 1j * solved[:, 2::2]
    return result
