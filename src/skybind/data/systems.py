"""Photometric systems of magnitudes: AB, Vega and whatever else surveys name.

No offset between two systems is built in: it depends on the very filter, and is the user's to give.
"""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

#: Band -> what is added to its magnitudes of another system: one number in a mapping, where the
#: system is stated beside it; one a system in a schema (`from_each_system`).
Offsets = dict[str, float | dict[str, float]]
#: Stands for every band that is not named.
ANY_BAND = "*"
#: What a schema says where each epoch has a system of its own, in the field `system`.
EACH = "each epoch's own"
_NAMES = {"ab": "AB", "vega": "Vega", "vegamag": "Vega", "st": "ST"}
_UNIT = re.compile(
    r"(?P<milli>m?)mag\s*\(\s*(?P<a>\w+)\s*\)|(?P<b>AB|ST|Vega)\s?mag|mag\s+(?P<c>AB|ST|Vega)",
    re.IGNORECASE,
)
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
        return canonical(found["a"] or found["b"] or found["c"])
    words = set(_WORD.findall(description)) if unit == "mag" or not unit else set()
    return words.pop() if len(words) == 1 else None


def without_system(unit: str) -> str:
    """Write a unit of magnitudes as astropy does, which knows the zero points of AB and ST alone.

    Examples
    --------
    >>> without_system("mag(Vega)"), without_system("ABmag"), without_system("mJy")
    ('mag', 'mag(AB)', 'mJy')
    """
    system, found = stated_system(unit), _UNIT.fullmatch(unit.strip())
    if found is None or system not in _NAMES.values():
        return unit
    known = "" if system == "Vega" else f"({system})"
    return f"{found['milli'] or ''}mag{known}"


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
    """Give what is added to a magnitude of a band in a system; None where it is not known.

    A bare number does not say from which system it leads: schemas of old hold such.
    """
    own = offsets.get(band, offsets.get(ANY_BAND))
    if not system or not isinstance(own, Mapping):
        return None
    found = own.get(system)
    return None if found is None else float(found)


def from_each_system(
    offsets: Mapping[str, Any], systems: Systems | None, target: str
) -> dict[str, dict[str, float]]:
    """Give offsets with the system from which each leads, as a schema holds them.

    Parameters
    ----------
    offsets : mapping
        As `Offsets`.
    systems : str, or mapping of band to str, optional
        In which the magnitudes are: from it a bare number leads. Where it is not known, or is the
        target, the number says nothing and is left out.
    target : str
        To which the offsets lead.

    Examples
    --------
    >>> from_each_system({"V": 0.02, "I": {"ST": 1.2}}, {"g": "AB", "V": "Vega"}, "AB")
    {'V': {'Vega': 0.02}, 'I': {'ST': 1.2}}
    """
    by_band = systems if isinstance(systems, Mapping) else {}
    one = systems if isinstance(systems, str) else None
    of_all = offsets.get(ANY_BAND)
    # one number for all bands leads from another system in each
    more = [] if of_all is None or isinstance(of_all, Mapping) else list(by_band)
    made: dict[str, dict[str, float]] = {}
    for band in dict.fromkeys([*offsets, *more]):
        value, own = offsets.get(band, of_all), by_band.get(band, one)
        if isinstance(value, Mapping):
            made[band] = {system: float(number) for system, number in value.items()}
        elif own and own != target:
            made[band] = {own: float(value)}
    return made


def bare_bands(offsets: Mapping[str, Any]) -> list[str]:
    """Give the bands whose offset does not say from which system it leads."""
    return [band for band, own in offsets.items() if not isinstance(own, Mapping)]


def systems_text(systems: Systems | None) -> str:
    """Give systems in words: `AB`, or `AB in g, r and Vega in V`."""
    if systems is None or isinstance(systems, str):
        return systems or "not stated"
    bands: dict[str, list[str]] = {}
    for band, name in systems.items():
        bands.setdefault(name or "a system that is not stated", []).append(band)
    return " and ".join(f"{name} in {', '.join(own)}" for name, own in bands.items())


def offsets_text(offsets: Mapping[str, Any]) -> str:
    """Give offsets in words.

    Examples
    --------
    >>> offsets_text({"V": {"Vega": 0.02}, "*": {"ST": -1}})
    '+0.02 mag to Vega in V, -1 mag to ST in all other bands'
    """
    said = []
    for band, own in offsets.items():
        each = own if isinstance(own, Mapping) else {"a system that is not stated": own}
        where = "all other bands" if band == ANY_BAND else band
        said += [f"{value:+g} mag to {system} in {where}" for system, value in each.items()]
    return ", ".join(said)


def same_system(first: Systems, second: Systems) -> bool:
    """Whether systems are the same, whatever bands there are.

    Examples
    --------
    >>> same_system({"g": "AB", "r": "AB"}, "AB"), same_system({"g": "AB", "V": "Vega"}, "AB")
    (True, False)
    """
    one, other = ({s} if isinstance(s, str) else set(s.values()) for s in (first, second))
    return first == second or (one == other and len(one) == 1)


def other_system(learned: Mapping[str, Any], given: Mapping[str, Any]) -> str | None:
    """Say that magnitudes are of another system than those that were learned from.

    Parameters
    ----------
    learned, given : mapping
        Attributes of the column, with `system` where it is known.

    Returns
    -------
    str or None
        None where the systems are the same, or that of the training data is not known.
    """
    own, here = learned.get("system"), given.get("system")
    if own is None or (here is not None and same_system(own, here)):
        return None
    own = "of each epoch" if own == EACH else systems_text(own)
    return (
        f"the photometric system {own}; that of the dataset is {systems_text(here)}, and nothing "
        "is converted"
    )
