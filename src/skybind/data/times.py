"""Times as surveys count them: Julian dates less a round number."""

import re
from typing import NamedTuple

#: What is added to a time of each system for the Julian date [d].
ZERO_POINTS = {
    "JD": 0.0,
    "MJD": 2400000.5,
    "RJD": 2400000.0,
    "TJD": 2440000.5,
    "BTJD": 2457000.0,  # TESS: BJD - 2457000
    "BKJD": 2454833.0,  # Kepler and K2: BJD - 2454833
}
_PREFIXES = {"B": "BJD", "H": "HJD"}
_DAYS = r"(?:[,;\s]*\(?\s*(?:in\s+)?(?:d|day|days)\)?)?"
_SYSTEM = re.compile(
    r"(?P<at>[BH]?)(?P<kind>M?JD|RJD|TJD|KJD)(?:[_\s(-]*(?:TDB|UTC|TT|TCB|TAI|UT1?)\)?)?"
    rf"(?:\s*[-−]\s*(?P<less>\d[\d,]*(?:\.\d*)?))?{_DAYS}",
    re.IGNORECASE,
)


class TimeSystem(NamedTuple):
    """What a unit of time such as `BJD - 2457000, days` says.

    Attributes
    ----------
    name : {"JD", "HJD", "BJD"}
        Where the clock stands: on Earth, at the Sun, at the barycentre of the solar system.
    zero : float
        Julian date of its zero [d].
    """

    name: str
    zero: float


def time_system(unit: str | None) -> TimeSystem | None:
    """Read a unit that counts days from a known date; None where it is none.

    Examples
    --------
    >>> time_system("BJD - 2457000, days"), time_system("MJD"), time_system("d")
    (TimeSystem(name='BJD', zero=2457000.0), TimeSystem(name='JD', zero=2400000.5), None)
    """
    found = None if unit is None else _SYSTEM.fullmatch(unit.strip())
    if found is None:
        return None
    at, kind = found["at"].upper(), found["kind"].upper()
    zero = ZERO_POINTS.get(at + kind, ZERO_POINTS.get(kind))
    if zero is None:  # KJD without the B
        return None
    if found["less"] is not None:
        zero += float(found["less"].replace(",", ""))
    return TimeSystem(_PREFIXES.get(at, "JD"), zero)
