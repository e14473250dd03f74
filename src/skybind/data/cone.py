"""A cone on the sky: all positions within a radius of one."""

import re
from dataclasses import dataclass

import numpy as np

from skybind.errors import DataError

_UNITS = {"": 1.0, "d": 1.0, "°": 1.0, "'": 1 / 60, "′": 1 / 60, '"': 1 / 3600, "″": 1 / 3600}


@dataclass(frozen=True)
class Cone:
    """All positions within a radius of one; in degrees."""

    ra: float
    dec: float
    radius: float

    @classmethod
    def read(cls, text: str) -> "Cone":
        """Read `RA DEC RADIUS`, in degrees or as `10:12:33 -05:11:22 5'`.

        Raises
        ------
        DataError
            If it is none.
        """
        parts = text.replace(",", " ").split()
        if len(parts) != 3:
            raise DataError(
                "A cone is RA DEC RADIUS, in degrees (285.8 11.1 0.5), or 10:12:33 -05:11:22 5'."
            )
        found = re.fullmatch(r"([0-9.eE+-]+?)([d°'′\"″]?)", parts[2])
        try:
            if found is None:
                raise ValueError
            radius = float(found[1]) * _UNITS[found[2]]
            if ":" in parts[0]:
                from astropy.coordinates import SkyCoord

                centre = SkyCoord(parts[0], parts[1], unit=("hourangle", "deg"))
                ra, dec = float(centre.ra.deg), float(centre.dec.deg)
            else:
                ra, dec = float(parts[0]), float(parts[1])
        except ValueError as error:
            raise DataError(f"'{' '.join(parts)}' is no cone: RA DEC RADIUS in degrees.") from error
        if not (np.isfinite(ra) and -90 <= dec <= 90 and 0 < radius <= 180):
            raise DataError(
                "A cone needs a declination from -90 to 90 degrees, and a radius up to 180."
            )
        return cls(ra, dec, radius)

    def holds(self, ra: np.ndarray, dec: np.ndarray) -> np.ndarray:
        """Which positions [deg] lie in it, as bool; one that is not known (NaN) does not."""
        from astropy.coordinates import angular_separation

        own = np.radians([self.ra, self.dec])
        apart = np.degrees(angular_separation(np.radians(ra), np.radians(dec), own[0], own[1]))
        return np.asarray(apart <= self.radius)


def known_positions(ra: np.ndarray, dec: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Give positions [deg], NaN where they are none: -999 is no place."""
    with np.errstate(invalid="ignore"):
        known = (np.abs(ra) <= 360) & (np.abs(dec) <= 90)
    return np.where(known, ra, np.nan), np.where(known, dec, np.nan)
