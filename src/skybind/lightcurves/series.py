"""Light curves as plain numbers: one sense of brightness, and statistics of groups."""

import numpy as np

from skybind.errors import DataError
from skybind.ragged import Ragged


def photometry_series(ragged: Ragged) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Time, value and error of a photometry column, with fainter = larger.

    Magnitudes stay as they are. Fluxes become linearised magnitudes
    `-(2.5 / ln 10) (flux / median - 1)`, which also holds for negative single fluxes.
    With a `band` field, the median of each object's band is moved to the object's median.

    Returns
    -------
    time, value, error : ndarray of float64, shape (total,)
        The error is 1 everywhere if the column has none.
    """
    kind = next((name for name in ("magnitude", "flux") if name in ragged.fields), None)
    if kind is None or "time" not in ragged.fields:
        raise DataError(
            f"a light curve needs the fields 'time' and 'magnitude' or 'flux', "
            f"this one has {sorted(ragged.fields)}: name its columns so in the mapping"
        )
    value = ragged.fields[kind].astype(float)
    error = ragged.fields.get(f"{kind}_err")
    error = np.ones_like(value) if error is None else error.astype(float)
    owner = ragged.owner
    if kind == "flux":
        middle = group_median(value, owner, len(ragged))
        size = group_median(np.abs(value), owner, len(ragged))
        scale = np.where(middle > 0, middle, np.where(size > 0, size, 1.0))[owner]
        value = -2.5 / np.log(10) * (value - middle[owner]) / scale
        error = 2.5 / np.log(10) * error / scale
    if "band" in ragged.fields:
        names, code = np.unique(ragged.fields["band"].astype(str), return_inverse=True)
        group = owner * len(names) + code
        shift = group_median(value, group, len(ragged) * len(names))[group]
        value = value - shift + group_median(value, owner, len(ragged))[owner]
    return ragged.fields["time"].astype(float), value, error


def group_median(values: np.ndarray, group: np.ndarray, groups: int) -> np.ndarray:
    """Median of the finite values of each group, NaN for a group without any."""
    return group_quantiles(values, group, groups, np.array([0.5]))[:, 0]


def group_quantiles(
    values: np.ndarray, group: np.ndarray, groups: int, levels: np.ndarray
) -> np.ndarray:
    """Quantiles of the finite values of each group, linear between order statistics.

    Parameters
    ----------
    values, group : ndarray, shape (total,)
        Values and the group, 0 to `groups - 1`, of each.
    levels : ndarray, shape (q,)
        Between 0 and 1.

    Returns
    -------
    ndarray, shape (groups, q)
        NaN for a group without finite values.
    """
    finite = np.isfinite(values)
    values, group = values[finite], group[finite]
    ordered = np.append(values[np.lexsort((values, group))], np.nan)
    counts = np.bincount(group, minlength=groups)
    starts = np.cumsum(counts) - counts
    place = levels[None, :] * (np.maximum(counts, 1) - 1)[:, None]
    low = place.astype(np.int64)
    high = np.minimum(low + 1, np.maximum(counts, 1)[:, None] - 1)
    lower, upper = ordered[starts[:, None] + low], ordered[starts[:, None] + high]
    result = lower + (upper - lower) * (place - low)
    return np.where(counts[:, None] > 0, result, np.nan)
