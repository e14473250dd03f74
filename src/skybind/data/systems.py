"""Photometric systems of magnitudes: AB, Vega and whatever else surveys name.

No offset between two systems is built in: it depends on the very filter, and is the user's to give.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

#: Band -> what is added to its magnitudes of another system: one number, or one a system.
Offsets = dict[str, float | dict[str, float]]
#: Stands for every band that is not named.
ANY_BAND = "*"
#: What a schema says where each epoch has a system of its own, in the field `system`.
EACH = "each epoch's own"
_NAMES = {"ab": "AB", "vega": "Vega", "vegamag": "Vega", "st": "ST"}
_UNIT = re.compile(r"m?mag\(\s*(\w+)\s*\)|(AB|ST)mag", re.IGNORECASE)
_WORD = re.compile(r"\b(AB|Vega)\b")

#: One name, or band -> name.
Systems = str | Mapping[str, str]


def canonical(name: str) -> str:
    """Give the name of a system as all write it: AB, Vega; another stays what it is.

    Examples
    --------
    >>> canonical("ab"), canonical(" VEGA "), canonical("Natural")
    ('AB', 'Vega', 'Natural')
    """
    return _NAMES.get(name.strip().lower(), name.strip())


def stated_system(unit: str | None, description: str = "") -> str | None:
    """Give the system that a unit such as `mag(AB)`, or a description of magnitudes, states.

    Examples
    --------
    >>> stated_system("mag(AB)"), stated_system("mag", "PSF magnitude (Vega)"), stated_system("mag")
    ('AB', 'Vega', None)
    """
    found = _UNIT.fullmatch(unit.strip()) if unit else None
    if found is not None:
        return canonical(found[1] or found[2])
    words = set(_WORD.findall(description)) if unit == "mag" or not unit else set()
    return words.pop() if len(words) == 1 else None


def each_system(systems: Systems | None, bands: np.ndarray | None, n: int) -> np.ndarray:
    """Give the system of each epoch, "" where it is not known, shape (n,).

    Parameters
    ----------
    systems : str, or mapping of band to str, optional
    bands : ndarray of str, shape (n,), optional
    n : int
    """
    if isinstance(systems, str):
        return np.full(n, systems, object)
    if not systems or bands is None:
        return np.full(n, "", object)
    return np.asarray([systems.get(str(band), "") for band in bands.tolist()], object)


def in_system(
    magnitude: np.ndarray,
    systems: np.ndarray,
    target: np.ndarray,
    bands: np.ndarray | None,
    offsets: Mapping[str, Any],
) -> tuple[np.ndarray, np.ndarray]:
    """Convert magnitudes to another system, as far as an offset is known.

    Parameters
    ----------
    magnitude : ndarray, shape (n,)
        [mag].
    systems, target : ndarray of str, shape (n,)
        In which each is, and shall be; "" where it is not known.
    bands : ndarray of str, shape (n,), optional
    offsets : mapping
        As `Offsets`.

    Returns
    -------
    converted : ndarray, shape (n,)
    left : ndarray of bool, shape (n,)
        Which stay as they are although they are in another system, or in one that is not known.
    """
    shift = np.zeros(len(magnitude))
    left = systems != target
    where = np.full(len(magnitude), "", object) if bands is None else bands
    places: dict[tuple[str, str], list[int]] = {}
    for i in np.flatnonzero(left).tolist():
        places.setdefault((str(where[i]), str(systems[i])), []).append(i)
    for (band, system), rows in places.items():
        offset = offset_of(offsets, band, system)
        if offset is not None:
            shift[rows] = offset
            left[rows] = False
    return magnitude + shift, left


def offset_of(offsets: Mapping[str, Any], band: str, system: str) -> float | None:
    """Give what is added to a magnitude of a band in a system; None where it is not known."""
    own = offsets.get(band, offsets.get(ANY_BAND))
    if not system or own is None:
        return None
    found = own.get(system) if isinstance(own, Mapping) else own
    return None if found is None else float(found)


def systems_text(systems: Systems | None) -> str:
    """Give systems in words: `AB`, or `AB in g, r and Vega in V`."""
    if systems is None or isinstance(systems, str):
        return systems or "not stated"
    bands: dict[str, list[str]] = {}
    for band, name in systems.items():
        bands.setdefault(name, []).append(band)
    return " and ".join(f"{name} in {', '.join(own)}" for name, own in bands.items())
