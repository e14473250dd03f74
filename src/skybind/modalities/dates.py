"""Light curves whose times count from another zero point than those of their column."""

from dataclasses import replace

import numpy as np

from skybind.modalities.cleaning import Cleaned, reject
from skybind.ragged import segment_median

#: Years in which a dated light curve may lie.
YEARS = (1800, 2200)
_J2000, _YEAR = 2451545.0, 365.25


def year_of(julian_date: np.ndarray) -> np.ndarray:
    """Return the years of Julian dates."""
    return 2000 + (julian_date - _J2000) / _YEAR


def zero_point_fault(julian_date: np.ndarray, unit: str, where: str) -> str | None:
    """Say that dates lie in no year of astronomy, by their median; None where they do in one.

    Parameters
    ----------
    julian_date : ndarray
        NaN where not known.
    unit : str
        By which they were read.
    where : str
        Names them in the sentence.
    """
    known = julian_date[np.isfinite(julian_date)]
    year = float(year_of(np.asarray(np.median(known)))) if len(known) else 2000
    if YEARS[0] < year < YEARS[1]:
        return None
    return (
        f"{where}: with the unit '{unit}' its times lie around the year {year:.0f}: the zero "
        "point is not right."
    )


def without_other_zero_points(cleaned: Cleaned) -> Cleaned:
    """Set aside the light curves that lie in no year of astronomy.

    One curve in MJD among others in JD lies around the year -4576.

    Parameters
    ----------
    cleaned : Cleaned
        Light curves whose times are Julian dates.
    """
    curves = cleaned.ragged
    years = year_of(segment_median(curves.fields["time"], curves.offsets))
    wrong = curves.present & ~((years > YEARS[0]) & (years < YEARS[1]))
    if not wrong.any():
        return cleaned
    reason = cleaned.reason.copy()
    for row in np.flatnonzero(wrong).tolist():
        reason[row] = f"times of another zero point (around the year {years[row]:.0f})"
    limits = cleaned.limits
    if limits is not None:
        limits = reject(limits, np.where(wrong, reason, ""), {}).ragged
    return replace(reject(curves, reason, cleaned.counts), limits=limits)
