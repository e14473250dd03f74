"""Open Supernova Catalog: photometry of one object a JSON file.

`{"SN2011fe": {"photometry": [{"time", "u_time", "magnitude", "e_magnitude", "band", "upperlimit",
"system", ...}, ...]}}`, numbers as text (Guillochon et al. 2017, ApJ 835, 64; Open Astronomy
Catalog Schema 1.0, "photometry"). Times are MJD unless u_time says JD; of an interval, its
middle. Entries with `upperlimit` are limits; those of fluxes and counts in the radio and X-rays,
and of models (`model`, `realization`), are passed over and counted.
"""

from collections import Counter
from math import nan
from typing import Any

import numpy as np

from skybind.data.times import ZERO_POINTS, time_system
from skybind.errors import DataError
from skybind.ingest.readers.curves import Look
from skybind.ingest.readers.json_table import entry_fault, parsed_json
from skybind.ingest.readers.registry import CurveFormat, register_curves
from skybind.ingest.readers.tables import Table
from skybind.words import join

_SIMULATED = ("model", "realization")
_WORDS = ("band", "system", "upperlimit", "u_time")
#: No modified Julian date of a supernova is so large: that of the year 185 is -611,000.
_FAR = 1e6


def is_supernova(look: Look) -> bool:
    """Whether a file is of the Open Supernova Catalog."""
    return look.text.lstrip().startswith("{") and all(
        key in look.data for key in (b'"photometry"', b'"sources"')
    )


def read(data: bytes, name: str) -> Table:
    """Read the photometry of all objects of a file.

    Raises
    ------
    DataError
        If it is no JSON of the catalogue's form.
    """
    found = parsed_json(data, name)
    if not isinstance(found, dict) or not all(isinstance(v, dict) for v in found.values()):
        raise DataError(f"{name} is no file of the Open Supernova Catalog: it names no object.")
    rows: list[tuple[Any, ...]] = []
    broken: list[str] = []
    passed: Counter[str] = Counter()
    systems: dict[str, set[str]] = {}
    for event, entry in found.items():
        points = entry.get("photometry") or []
        if not isinstance(points, list):
            broken.append(f"{event}: its photometry is no list")
            continue
        for point in points:
            reason = _passed_over(point)
            when = nan if reason else _time(point, name)
            reason = reason or ("whose 'time' does not fit its unit" if abs(when) > _FAR else "")
            if reason:
                passed[reason] += 1
                continue
            word = str(point.get("system") or "")
            systems.setdefault(_band(point), set()).add(word)
            rows.append((event, when, *_values(point), word))
    cells = [np.asarray(own, object) for own in list(zip(*rows, strict=True)) or [()] * 7]
    event, time, magnitude, magnitude_err, band, limit, system = cells
    table = Table(
        name,
        {
            "name": event,
            "mjd": time.astype(float),
            "magnitude": magnitude,
            "e_magnitude": magnitude_err,
            "band": band,
            "upperlimit": limit,
            "system": system,
        },
        bad_rows=broken,
    )
    if passed:
        reasons = join([f"{n} {reason}" for reason, n in passed.items()])
        table.bad_rows.append(f"entries of photometry are left out: {reasons}")
    for own_band, own in sorted(systems.items()):
        if len(own - {""}) > 1:
            said = join(sorted(own - {""}))
            table.bad_rows.append(f"magnitudes of {said} stand side by side in band {own_band}")
    return table


def _passed_over(point: Any) -> str:
    """Why an entry is no magnitude; "" if it is one."""
    fault = entry_fault(
        point, ("magnitude", "e_magnitude"), ("band", "system", "upperlimit", "u_time")
    )
    if fault:
        return fault
    if any(key in point for key in _SIMULATED):
        return "of a model"
    if point.get("magnitude") in (None, ""):
        return "without a magnitude"
    time = point.get("time")
    if time in (None, "", []):
        return "without a time"
    times = time if isinstance(time, list) else [time]
    odd = any(t is None or isinstance(t, bool | list | dict) for t in times)
    return "whose 'time' is no number" if odd else ""


def _time(point: dict[str, Any], name: str) -> float:
    """Modified Julian date of an entry."""
    unit = str(point.get("u_time") or "MJD")
    system = time_system(unit)
    if system is None:
        raise DataError(f"{name}: the unit of time '{unit[:40]}' is not known (MJD, JD).")
    times = point["time"] if isinstance(point["time"], list) else [point["time"]]
    try:
        middle = float(np.mean([float(time) for time in times]))
    except (ValueError, OverflowError):
        return nan
    return middle + system.zero - ZERO_POINTS["MJD"]


def _band(point: dict[str, Any]) -> str:
    return str(point.get("band") or "")


def _values(point: dict[str, Any]) -> tuple[Any, ...]:
    return point["magnitude"], point.get("e_magnitude"), _band(point), point.get("upperlimit")


register_curves(
    "osc",
    CurveFormat(
        "Open Supernova Catalog",
        {
            "id": "name",
            "time": {"column": "mjd", "unit": "MJD"},
            "magnitude": {"column": "magnitude", "unit": "mag"},
            "magnitude_err": {"column": "e_magnitude", "unit": "mag"},
            "band": "band",
            "upper_limit": "upperlimit",
            "system": {"column": "system"},
        },
        known_by=is_supernova,
        read=read,
    ),
)
