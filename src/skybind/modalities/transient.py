"""Light curves of transients: time from a reference, brightness against the maximum."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
import pyarrow as pa

from skybind.errors import ConfigError
from skybind.modalities.bands import Normalised
from skybind.modalities.cleaning import error_values
from skybind.ragged import Ragged
from skybind.words import nearest

if TYPE_CHECKING:
    from skybind.modalities.base import Schema

#: Standard errors above zero from which a flux is a detection.
DETECTION = 3.0
NO_DETECTION = "no detection of three standard errors"
#: Zeros of time that light curves themselves have; another is the name of a column.
FIRST, MAXIMUM = "first", "maximum"
NO_ZERO = "no '{}' to count its times from"
#: Days from a light curve in which its zero of time must lie: 0, for not known, is MJD 1858.
FARTHEST = 20 * 365.25
FAR_ZERO = "'{}' lies decades from its epochs"
#: Constants of each band: how much fainter its maximum is.
PEAK_CONSTANTS = 1


@dataclass(frozen=True)
class TimeZero:
    """What the times of light curves count from.

    Attributes
    ----------
    name : str
        `first`, `maximum`, or the name of a column.
    factor, offset : float
        From the column to days, and to the zero point of the light curves [d].
    """

    name: str
    factor: float = 1.0
    offset: float = 0.0

    @property
    def column(self) -> str | None:
        """The column of the dataset that holds it; None where the light curves do."""
        return None if self.name in (FIRST, MAXIMUM) else self.name

    @classmethod
    def find(cls, schema: "Schema", where: str, kind: str, observation: str, name: str) -> Self:
        """Find what times count from in a schema.

        Parameters
        ----------
        schema : Schema
            Of the dataset.
        where : str
            Name of the modality, for messages.
        kind : str
            Modality that a column of times is declared to belong to.
        observation : str
            Column of the light curves.
        name : str
            `first`, `maximum`, or the column.

        Raises
        ------
        ConfigError
            If there is no such column, or one counts from a known date and the other does not.
        """
        if name in (FIRST, MAXIMUM):
            return cls(name)
        key = f"modalities.{where}.preprocessing.time_zero"
        offered = schema.features(kind)
        if name not in offered:
            raise ConfigError(
                f"{key} is '{name}', which is no {kind} feature of the dataset: "
                f"{nearest(name, [FIRST, MAXIMUM, *offered])}"
            )
        system = schema.attributes(observation).get("time_system")
        zero = schema.julian_zero(name)
        if (system is None) != (zero is None):
            curves = "are no dates" if system is None else f"are Julian dates ({system})"
            own = "do not say from which date they count" if zero is None else "are dates"
            raise ConfigError(
                f"{key}: the times of '{observation}' {curves}, but those of '{name}' {own}: state "
                "the zero point of both in the mapping (such as unit: MJD)."
            )
        return cls(name, schema.factor(name, "d")) if zero is None else cls(name, 1.0, zero)

    def of(
        self, table: pa.Table, time: np.ndarray, brightness: np.ndarray, curves: Ragged
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the zero [d] of each light curve, and why it has none ("" where it has one).

        Parameters
        ----------
        table : Table
            The objects, with the column.
        time, brightness : ndarray, shape (epochs,)
            Sorted by time within each curve.
        curves : Ragged
            Whose epochs these are.

        Returns
        -------
        zero : ndarray, shape (n,)
            NaN where there is none.
        reason : ndarray of str objects, shape (n,)
        """
        reason = np.full(len(curves), "", dtype=object)
        if self.column is None:
            level = brightness if self.name == MAXIMUM else np.zeros(len(time))
            place = brightest(level, curves.owner, len(curves), detections(curves))
            zero = _at(time, place)
            reason[np.isnan(zero)] = NO_DETECTION
            return zero, reason
        own = table[self.column].cast(pa.float64()).to_numpy(zero_copy_only=False)
        zero = self.factor * own + self.offset
        unknown = ~np.isfinite(zero)
        reason[unknown] = NO_ZERO.format(self.column)
        owner = curves.owner
        near = np.abs(time - zero[owner]) < FARTHEST
        far = ~unknown & (np.bincount(owner, near, len(curves)) == 0)
        reason[far] = FAR_ZERO.format(self.column)
        return np.where(far, np.nan, zero), reason


def detections(curves: Ragged) -> np.ndarray:
    """Return which epochs are detections: every magnitude, and fluxes of three standard errors."""
    if "flux" not in curves.fields:
        return np.ones(int(curves.offsets[-1]), bool)
    flux, error = curves.fields["flux"], error_values(curves)
    return np.asarray((flux > 0) & (flux >= DETECTION * error))


def brightest(
    brightness: np.ndarray, group: np.ndarray, n: int, detected: np.ndarray
) -> np.ndarray:
    """Return the place of the brightest detection of each group, the earliest of equal ones.

    Parameters
    ----------
    brightness : ndarray, shape (epochs,)
    group : ndarray of int, shape (epochs,)
        Number of the group, 0 to n - 1, of each epoch.
    n : int
    detected : ndarray of bool, shape (epochs,)

    Returns
    -------
    ndarray of int, shape (n,)
        -1 where a group has no detection.
    """
    places = np.flatnonzero(detected)
    places = places[np.lexsort((-brightness[places], group[places]))]
    own, start = np.unique(group[places], return_index=True)
    found = np.full(n, -1, np.int64)
    found[own] = places[start]
    return found


def normalise_to_peak(
    flux: np.ndarray,
    band: np.ndarray | None,
    curves: Ragged,
    n_bands: int,
    magnitude: bool,
    detected: np.ndarray,
) -> Normalised:
    """Measure the brightness of each light curve from its maximum, the same in all bands.

    So colours, and how bright a band is against the others, stay as they are: flux over that of
    the maximum, or the magnitude of the maximum less the epoch's (0 at the maximum, negative where
    it is fainter). The constant of a band is its own maximum against that of the curve [mag].

    Parameters
    ----------
    flux : ndarray, shape (epochs,)
        Flux, on one zero point in all bands, or minus magnitude.
    band : ndarray of int, shape (epochs,), optional
    curves : Ragged
        Whose epochs these are.
    n_bands : int
    magnitude : bool
        Whether `flux` is minus a magnitude.
    detected : ndarray of bool, shape (epochs,)
    """
    n, owner = len(curves), curves.owner
    top = _at(flux, brightest(flux, owner, n, detected))
    if band is None:
        own = np.zeros((n, 0))
    else:
        cell = owner * n_bands + band
        own = _at(flux, brightest(flux, cell, n * n_bands, detected)).reshape(n, n_bands)
    known = np.where(np.isfinite(top), top, 0.0 if magnitude else 1.0)
    if magnitude:
        scale = np.ones(len(flux))
        return Normalised(flux - known[owner], scale, top, own - top[:, None])
    scale = known[owner]
    peak = 2.5 * np.log10(top)
    colour = 2.5 * np.log10(own) - peak[:, None]
    return Normalised(flux / scale, scale, peak, colour)


def _at(values: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Values at some places, NaN where the place is -1."""
    if not len(values):
        return np.full(len(place), np.nan)
    return np.where(place >= 0, values[place].astype(float), np.nan)
