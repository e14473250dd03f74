"""Regression: predicting a number, such as a redshift, from embeddings."""

from collections.abc import Iterator, Sequence

import numpy as np
from pydantic import Field

from skybind.errors import DataError
from skybind.measures.neighbours import nearest
from skybind.memory import at_once
from skybind.record import ByLimit, Number, Record

NEIGHBOURS = 16


#: Counts of the bootstrap drawn at once where memory allows.
RESAMPLED = 4_000_000


#: |dz| / (1 + z) beyond which a redshift is called wrong: photometric and spectroscopic custom.
REDSHIFT_LIMITS = (0.15, 0.05)


#: For other numbers: differences beyond this many times the scatter.
SCATTER_LIMITS = (3.0,)


NMAD = 1.4826  # median absolute deviation to standard deviation, for a normal distribution


class RegressionResult(Record):
    """How well predicted numbers agree with the true ones.

    A difference d is predicted - true, divided by 1 + true for redshifts.
    """

    n_test: int = Field(..., description="Objects that were predicted.")
    redshift: bool = Field(..., description="Whether d is divided by 1 + true.")
    r2: Number = Field(
        ...,
        description="Coefficient of determination, 1 - sum((p - t)^2) / sum((t - mean(t))^2), of "
        "the numbers themselves; null if all true numbers are the same.",
    )
    r2_error: Number = Field(..., description="Its standard error by the bootstrap over objects.")
    bias: Number = Field(..., description="Median of d, in the target's unit.")
    scatter: Number = Field(
        ...,
        description="sigma_NMAD = 1.4826 median(abs(d - median(d))) (Brammer, van Dokkum & Coppi "
        "2008), in the target's unit.",
    )
    outliers: ByLimit = Field(
        ...,
        description="limit -> fraction of the objects beyond it: of redshifts in abs(d) (0.15 as "
        "for photometric ones, 0.05), of others in units of `scatter` (3).",
    )


def knn_regression(
    train_x: np.ndarray,
    train_y: np.ndarray,
    test_x: np.ndarray,
    k: int = NEIGHBOURS,
) -> np.ndarray:
    """Predict by the mean of the k nearest training objects, weighted by 1 / distance.

    The distance is the Euclidean one between unit vectors; its k nearest are those of largest
    cosine. Training objects at distance zero, if there are any, decide alone. This is
    `KNeighborsRegressor(weights="distance")` of the AstroCLIP reports, exact, in a memory that
    does not grow with the product of the two numbers of objects.

    Parameters
    ----------
    train_x : ndarray, shape (n, D)
        Unit vectors of the training objects.
    train_y : ndarray of float, shape (n,) or (n, T)
        Their numbers, finite.
    test_x : ndarray, shape (m, D)
        Unit vectors to predict for.
    k : int
        Number of neighbours; all training objects if there are fewer.

    Returns
    -------
    ndarray of float64, shape (m,) or (m, T)

    Raises
    ------
    DataError
        If there is no training object, k is not positive, or a number is not finite.
    """
    train_y = np.asarray(train_y, dtype=np.float64)
    predicted = np.empty((len(test_x), *train_y.shape[1:]))
    for rows, index, weight in _neighbours(train_x, train_y, test_x, k):
        predicted[rows] = np.einsum("mk,mk...->m...", weight, train_y[index])
    return predicted


def knn_mean_and_spread(
    train_x: np.ndarray, train_y: np.ndarray, test_x: np.ndarray, k: int = NEIGHBOURS
) -> tuple[np.ndarray, np.ndarray]:
    """Predict as `knn_regression` does, and measure how much the neighbours' numbers differ.

    Parameters
    ----------
    train_x, train_y, test_x, k
        As of `knn_regression`; one number an object.

    Returns
    -------
    ndarray of float64, shape (m,)
        The mean.
    ndarray of float64, shape (m,)
        Standard deviation about it, weighted alike.
    """
    train_y = np.asarray(train_y, dtype=np.float64)
    mean, spread = np.empty((2, len(test_x)))
    for rows, index, weight in _neighbours(train_x, train_y, test_x, k):
        values = train_y[index]
        mean[rows] = np.einsum("mk,mk->m", weight, values)
        spread[rows] = np.sqrt((weight * (values - mean[rows, None]) ** 2).sum(axis=1))
    return mean, spread


def _neighbours(
    train_x: np.ndarray, train_y: np.ndarray, test_x: np.ndarray, k: int
) -> Iterator[tuple[slice, np.ndarray, np.ndarray]]:
    """Yield some objects, their nearest training objects, and how much each of these counts."""
    if len(train_x) == 0 or len(train_x) != len(train_y):
        raise DataError(
            f"k-NN regression needs training objects with numbers; there are {len(train_x)} "
            f"vectors and {len(train_y)} numbers."
        )
    if k < 1:
        raise DataError(f"The number of neighbours is {k}: give at least 1.")
    if not np.isfinite(train_y).all():
        raise DataError("A training object for k-NN regression has no finite number: leave it out.")
    index, _ = nearest(train_x, test_x, k)
    # the neighbours' vectors in double precision, and their differences
    chunk = at_once(16.0 * index.shape[1] * (1 + train_x.shape[1]), 1024)
    for start in range(0, len(test_x), chunk):
        rows = slice(start, start + chunk)
        # the cosine's rounding would drown small distances: they are computed from differences
        offset = train_x[index[rows]].astype(np.float64) - test_x[rows, None].astype(np.float64)
        distance = np.linalg.norm(offset, axis=2)
        same = distance == 0
        with np.errstate(divide="ignore"):
            weight = np.where(same.any(axis=1, keepdims=True), same, 1.0 / distance)
        yield rows, index[rows], weight / weight.sum(axis=1, keepdims=True)


def mlp_regression(
    train_x: np.ndarray,
    train_y: np.ndarray,
    test_x: np.ndarray,
    seed: int = 0,
    hidden: Sequence[int] = (128,),
    iterations: int = 150,
) -> np.ndarray:
    """Predict with a small multi-layer perceptron trained on (few) labelled embeddings.

    Inputs and numbers are standardised by the training objects; a tenth of those is held back
    to stop early where there are at least 200.

    Parameters
    ----------
    train_x, test_x : ndarray, shape (n, D) and (m, D)
        Embeddings, or statistics without missing values.
    train_y : ndarray of float, shape (n,)
        Numbers of the training objects.
    seed : int
        Of weights and batches.
    hidden : sequence of int
        Widths of the hidden layers.
    iterations : int
        Most epochs.

    Returns
    -------
    ndarray of float64, shape (m,)

    Raises
    ------
    DataError
        If there are fewer than two training objects.
    """
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPRegressor
    from sklearn.preprocessing import StandardScaler

    train_y = np.asarray(train_y, dtype=np.float64)
    if len(train_x) < 2 or len(train_x) != len(train_y):
        raise DataError(f"A perceptron needs labelled objects to train; there are {len(train_x)}.")
    scaler = StandardScaler().fit(train_x)
    mean, scale = train_y.mean(), train_y.std() or 1.0
    model = MLPRegressor(
        hidden_layer_sizes=tuple(hidden),
        alpha=1e-3,
        learning_rate_init=2e-3,
        batch_size=min(64, len(train_x)),
        max_iter=iterations,
        early_stopping=len(train_x) >= 200,
        n_iter_no_change=15,
        random_state=seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the number of epochs is the limit
        model.fit(scaler.transform(train_x), (train_y - mean) / scale)
    return np.asarray(model.predict(scaler.transform(test_x)), dtype=np.float64) * scale + mean


def regression_metrics(
    true: np.ndarray,
    predicted: np.ndarray,
    redshift: bool = False,
    limits: Sequence[float] | None = None,
    resamples: int = 500,
    seed: int = 0,
) -> RegressionResult:
    """Compare predicted numbers with the true ones.

    Parameters
    ----------
    true, predicted : ndarray, shape (n,)
        Finite numbers.
    redshift : bool
        Divide differences by 1 + true, as for redshifts.
    limits : sequence of float, optional
        Where outliers begin: in |dz| / (1 + z) for redshifts (0.15 as for photometric ones, and
        0.05 by default), in units of the scatter for other numbers (3 by default).
    resamples : int
        Bootstrap samples for the error of R2.
    seed : int
        Of the bootstrap.

    Returns
    -------
    RegressionResult

    Raises
    ------
    DataError
        If there is no object, the lengths differ, or a number is not finite.
    """
    true, predicted = np.asarray(true, np.float64), np.asarray(predicted, np.float64)
    if true.shape != predicted.shape or true.ndim != 1 or len(true) == 0:
        raise DataError(
            f"There are {true.size} true numbers and {predicted.size} predicted ones to compare."
        )
    if not (np.isfinite(true).all() and np.isfinite(predicted).all()):
        raise DataError("Numbers to compare are not all finite: leave out objects without one.")
    if limits is None:
        limits = REDSHIFT_LIMITS if redshift else SCATTER_LIMITS
    difference = predicted - true
    if redshift:
        difference = difference / (1.0 + true)
    bias = float(np.median(difference))
    scatter = NMAD * float(np.median(np.abs(difference - bias)))
    unit = 1.0 if redshift else scatter
    r2, r2_error = _r2_and_error(true, predicted, resamples, np.random.default_rng(seed))
    return RegressionResult(
        n_test=len(true),
        r2=r2,
        r2_error=r2_error,
        bias=bias,
        scatter=scatter,
        outliers={limit: float((np.abs(difference) > limit * unit).mean()) for limit in limits},
        redshift=redshift,
    )


def _r2_and_error(
    true: np.ndarray, predicted: np.ndarray, resamples: int, rng: np.random.Generator
) -> tuple[float, float]:
    """R2, and its standard deviation over bootstrap samples of the objects."""
    n = len(true)
    centred = true - true.mean()  # so that the sums of squares lose no digits
    columns = np.stack([(true - predicted) ** 2, centred, centred**2], axis=1)
    value = _r2(columns.sum(axis=0), n)
    if not np.isfinite(value):
        return float("nan"), float("nan")
    drawn = []
    block = at_once(16.0 * n, max(1, RESAMPLED // n))
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        counts = rng.multinomial(n, np.full(n, 1.0 / n), size=size)
        drawn.append(_r2(counts @ columns, n))
    return float(value), float(np.nanstd(np.concatenate(drawn), ddof=1))


def _r2(sums: np.ndarray, n: int) -> np.ndarray:
    """R2 from sums of squared residuals, of centred numbers and of their squares."""
    total = sums[..., 2] - sums[..., 1] ** 2 / n
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(total > 1e-12 * sums[..., 2], 1.0 - sums[..., 0] / total, np.nan)
