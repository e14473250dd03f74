"""Given values that stand for "not known", and such as no training object had.

The sentinels that the import of the training data declared count in what is given too; a number
far from all that a model was trained on is used, and told.
"""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np

from skybind.data.systems import stated_system
from skybind.errors import ConfigError, DataError
from skybind.ingest.fields import (
    calendar_note,
    check_calendar_unit,
    check_dates,
    field_values,
    logarithm_notes,
    rounded_times,
)
from skybind.ingest.flat import catalogue_numbers
from skybind.ingest.preview.values import looks_like_nines, suspects
from skybind.ingest.readers.registry import Fields
from skybind.ingest.readers.sentinels import stands_for_missing
from skybind.ingest.readers.values import calendar, texts
from skybind.ingest.systems import given_magnitude
from skybind.ingest.wanted import Wanted, feature_in_unit
from skybind.ragged import Ragged
from skybind.words import join

#: Beyond the range of the training objects by this part of the width that 98 % of them fill.
FAR = 0.5
#: Relative difference of equal numbers of single precision.
ROUNDING = 1e-6
#: Different sentinels that a sentence names.
LISTED = 3


def given_numbers(
    raw: np.ndarray,
    feature: str,
    wanted: Wanted,
    column: str,
    unit: str | None,
    where: str,
    system: str | None = None,
) -> tuple[np.ndarray, dict[int, str], list[str]]:
    """Read given numbers of a catalogue, in the model's unit.

    What stood for "not known" in the training data does here, and what is far from it is told.

    Parameters
    ----------
    raw : ndarray, shape (n,)
        As it was given.
    feature : str
        As the model calls it.
    wanted : Wanted
        What reads it.
    column : str
        Its name in what was given, for the reasons.
    unit : str or None
        That it states; of dates and durations days in any case.
    where : str
        The column, for the sentences.
    system : str, optional
        Photometric system of magnitudes, where the unit does not say it.

    Returns
    -------
    values : ndarray of float64, shape (n,)
        NaN where there is none.
    reasons : dict of int to str
        As of `catalogue_numbers`.
    notes : list of str
        What was assumed, counts as not known, or lies far outside.

    Raises
    ------
    DataError
        If the unit does not fit.
    """
    missing, target = wanted.missing.get(feature, []), wanted.features[feature]
    values, reasons = catalogue_numbers(raw, column, missing)
    notes = missing_notes(sentinels_in(raw, missing), where)
    dates = calendar(raw[~stands_for_missing(raw, missing)])
    if dates is not None:
        check_calendar_unit(dates, unit, where)
        notes.append(calendar_note(dates, where))
        unit = dates
    elif unit is None and target:
        notes.append(f"{where} states no unit: taken as in {target}.")
    values = feature_in_unit(values, feature, unit, target, where)
    own = system or stated_system(unit)
    values, said = given_magnitude(values, own, wanted.systems.get(feature, {}), where)
    notes += said
    return values, reasons, notes + far_notes(values, feature, wanted, where)


def sentinels_in(raw: np.ndarray, missing: Sequence[str]) -> Counter[str]:
    """Count the values that stand for "not known", by how they are written."""
    absent = stands_for_missing(raw, missing)
    found = raw[absent]
    if found.dtype.kind == "f":  # 99.99, whatever its precision makes of it
        return Counter(f"{value:.7g}" for value in found.tolist())
    return Counter(texts(found).tolist() if len(found) else [])


def missing_notes(found: Counter[str], where: str) -> list[str]:
    """Say which given values stand for "not known", as the import of the training data declared."""
    if not found:
        return []
    one = found.total() == 1
    often = found.most_common(LISTED)
    listed = join([word if one else f"{word} {n:,} times" for word, n in often])
    more = ", and more" if len(found) > LISTED else ""
    return [
        f"{where}: {listed}{more} {'counts' if one else 'count'} as not known, as the import of "
        "the training data declared."
    ]


def far_notes(values: np.ndarray, feature: str, wanted: Wanted, where: str) -> list[str]:
    """Say which given numbers lie far outside what the model was trained on.

    That is beyond the range of the training objects by half the width that 98 % of them fill; or
    by any distance, if a number is written as sentinels are (-99, 9999, 99.99).

    Parameters
    ----------
    values : ndarray, shape (n,)
        In the model's unit, NaN where there is none.
    feature : str
    wanted : Wanted
    where : str
        The column, for the sentences.
    """
    if feature not in wanted.ranges:
        return []
    low, first, last, high = wanted.ranges[feature]
    known = values[np.isfinite(values)]
    beyond = np.maximum(low - known, known - high)
    outside = beyond > ROUNDING * max(abs(low), abs(high))
    far = outside & (beyond > FAR * (last - first))
    for i in np.flatnonzero(outside & ~far).tolist():
        far[i] = looks_like_nines(known[i])
    if not far.any():
        return []
    worst = float(known[far][np.argmax(beyond[far])])
    unit = wanted.features[feature]
    unit = f" {unit}" if unit else ""
    reach = f"what the model was trained on ({_brief(low)} to {_brief(high)}{unit})"
    if far.sum() == 1:
        said = f"{worst:.6g}{unit} lies far outside {reach}"
    else:
        said = f"{far.sum():,} values lie far outside {reach}, {worst:.6g}{unit} farthest"
    return [f"{where}: {said}; what is not known is to be left empty."]


def given_fields(
    raw: Fields, wanted: Wanted, where: str, stated: Mapping[str, str | None]
) -> tuple[Fields, list[str]]:
    """Read given fields of an observation; as of `field_values`, with the sentinels of `wanted`.

    Parameters
    ----------
    raw : dict of str to ndarray
    wanted : Wanted
    where : str
        Names what was given, for messages.
    stated : mapping of str to (str or None)
        Units of the fields as they are stated: dates have none but days.

    Returns
    -------
    fields : dict of str to ndarray
    notes : list of str
        What counts as not known.

    Raises
    ------
    DataError
        If a field holds dates that are no times, or whose unit says that they are numbers.
    """
    fields: Fields = {}
    notes = []
    for name, values in raw.items():
        missing = wanted.missing.get(name, [])
        known = values[~stands_for_missing(values, missing)]
        try:
            check_dates(name, known, stated.get(name), f"{where}, {name}")
        except ConfigError as error:
            raise DataError(str(error)) from None
        fields[name] = field_values(name, values, missing)
        if name == "time":
            said = rounded_times(values, stated.get(name), f"{where}, {name}")
            notes += [f"{sentence}." for sentence in said]
        if name == "wavelength":
            said = logarithm_notes(values, stated.get(name), f"{where}, {name}")
            notes += [f"{sentence}." for sentence in said]
        notes += missing_notes(sentinels_in(values, missing), f"{where}, {name}")
    return fields, notes


def _brief(number: float) -> str:
    """Write a number to four digits, or to the last before the point where it has more."""
    return f"{number:.0f}" if 1e4 <= abs(number) < 1e15 else f"{number:.4g}"


def suspect_notes(observed: Ragged, where: str) -> list[str]:
    """Say which values of observations, cleaned, look as if they meant "not known"."""
    notes = []
    for name in ("flux", "magnitude", "flux_err", "magnitude_err"):
        if name not in observed.fields:
            continue
        values = observed.fields[name]
        good = np.isfinite(values)
        if "mask" in observed.fields:
            good &= ~observed.fields["mask"].astype(bool)
        for suspect in suspects(values[good]) if good.any() else []:
            notes.append(
                f"{where}, {name}: {suspect.count:,} values are {suspect.value}, which looks like "
                "'not known' and is taken as measured: leave them empty if they are not."
            )
    return notes
