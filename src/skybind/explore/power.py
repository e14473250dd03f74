"""The periodogram of an object's light curve, thinned out to what a page can draw."""

from typing import Any

import numpy as np

from skybind.drawing.observed import ExampleObject, LightCurve
from skybind.errors import DataError
from skybind.files import plain_json
from skybind.lightcurves.period_search import PeriodOptions, power_spectrum

#: Points of the drawing; each is the highest of those that fall together.
POINTS = 1200


def power_of(example: ExampleObject) -> dict[str, Any]:
    """Return the Lomb-Scargle power of an object's light curve.

    Light curves of several bands are searched together, each about its own mean.

    Returns
    -------
    dict
        `period` [d] of each point, ascending, and its `power` from 0 to 1.

    Raises
    ------
    DataError
        If there is no light curve in which periods could be searched.
    """
    curve = example.light_curve
    if curve is None:
        raise DataError(f"{example.object_id} has no light curve in which to search for periods.")
    value, error = centred(curve)
    time = np.asarray(curve.time, float)
    frequency, power = power_spectrum(time, value, error, PeriodOptions())
    if not len(frequency):
        raise DataError(f"The light curve of {example.object_id} is too short for a periodogram.")
    place = np.log(frequency / frequency[0]) / np.log(frequency[-1] / frequency[0])
    which = np.minimum((place * POINTS).astype(int), POINTS - 1)
    # the highest of each bin stands last when sorted by bin and power
    order = np.lexsort((power, which))
    last = np.flatnonzero(np.diff(which[order], append=POINTS))
    top = order[last][::-1]
    told: dict[str, Any] = plain_json({"period": 1 / frequency[top], "power": power[top]})
    return told


def centred(curve: LightCurve) -> tuple[np.ndarray, np.ndarray]:
    """Return values about the mean of their band, and errors as light curves are cleaned.

    Loaders give 0 where an error is not known: it becomes the median of the others, and 1 where
    none is known.
    """
    value = np.array(curve.value, float)
    error = np.zeros(len(value)) if curve.error is None else np.array(curve.error, float)
    known = np.isfinite(error) & (error > 0)
    error = np.where(known, error, np.median(error[known]) if known.any() else 1.0)
    if curve.band is not None:
        for name in np.unique(curve.band):
            own = curve.band == name
            value[own] -= np.nanmean(value[own])
    return value, error
