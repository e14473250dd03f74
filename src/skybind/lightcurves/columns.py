"""Periods and features of light curves as columns: one definition at import, in training, later.

Whoever needs such columns calls `compute_columns` (of some light curves) or `with_computed` (of a
chunk of a table): the dataset that is made, the file that is searched for, the new objects that
are embedded or classified. A column says which definition it follows (`Column.attributes`), so
that a model knows what it was trained on and is given the same, or nothing and a sentence.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from skybind.data.schema import Column, DatasetSchema
from skybind.lightcurves.features import FEATURES, light_curve_features
from skybind.lightcurves.periods import Periods, find_periods
from skybind.modalities.cleaning import clean_photometry, magnitude_to_flux, value_field
from skybind.modalities.computed import (
    PERIOD,
    computed_name,
    definition,
    is_computed,
    same_definition,
)
from skybind.ragged import Ragged
from skybind.words import join

if TYPE_CHECKING:
    from skybind.modalities.base import Schema

DEFINITION = "skybind light curve features"
VERSION = 1  # raise it when any number changes: models trained on others must notice

FAP, ALIASES = "period_log10_fap", ("period_alias_1", "period_alias_2")

#: What else is told of a period; kept for people, no feature of a model.
_TOLD: dict[str, tuple[str | None, str]] = {
    FAP: (
        None,
        "log10 of the false-alarm probability of the highest Lomb-Scargle peak against white "
        "noise (Baluev 2008)",
    ),
    ALIASES[0]: ("d", "Second best period, no multiple or simple fraction of the best"),
    ALIASES[1]: ("d", "Third best period, no multiple or simple fraction of the others"),
}

#: The search of the period; the same in every band.
SEARCHED = ("period", "ls_period", "period_ratio", "ls_power", "ls_power_ratio", "harmonics")

_NAMES = list(FEATURES)

#: What means something without a period.
_UNFOLDED = frozenset(_NAMES[_NAMES.index("n_obs") : _NAMES.index("fourier_amplitude")])

Definitions = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True)
class ComputedColumns:
    """What was computed of some light curves.

    Attributes
    ----------
    columns : dict of str to ndarray of float64, shape (n,)
        NaN where a curve is absent, is too short, or has no period that is needed.
    notes : list of str
        Sentences about the columns that were not computed, and why.
    periods : Periods or None
        What the search found, with significance and aliases; None if there was none to do.
    """

    columns: dict[str, np.ndarray]
    notes: list[str] = field(default_factory=list)
    periods: Periods | None = None


def describe_columns(
    observation: str, brightness: str, bands: Sequence[str] = (), *, periods_only: bool = False
) -> dict[str, Column]:
    """Describe the columns that are computed of a column of light curves.

    Parameters
    ----------
    observation : str
        The column.
    brightness : str
        What it holds: magnitude, or flux, whose features are in linearised magnitudes.
    bands : sequence of str
        Bands whose features are computed apart.
    periods_only : bool
        Leave out what is no result of the period search.

    Returns
    -------
    dict of str to Column
        By name (see `computed_name`); the attributes are the definition of each.
    """
    known = {name: FEATURES[name] for name in SEARCHED} | _TOLD if periods_only else {}
    known = known or {**FEATURES, **_TOLD}
    wanted = [(name, "") for name in known]
    if not periods_only:
        wanted += [(name, band) for band in bands for name in FEATURES if name not in SEARCHED]
    columns = {}
    for name, band in wanted:
        unit, text = known[name]
        text = "Period after the comparison of harmonics" if name == PERIOD else text
        text = text.replace("; the time span if none", "")
        where = f" in band {band}" if band else ""
        if brightness == "flux" and unit is not None and unit.startswith("mag"):
            where += ", in magnitudes of the flux over its median, to first order"
        attributes = {
            "definition": DEFINITION,
            "version": VERSION,
            "observation": observation,
            "brightness": brightness,
            "quantity": name,
        }
        columns[computed_name(observation, name, band)] = Column(
            "info" if name in _TOLD else "feature",
            unit,
            f"{text}; computed from the light curve '{observation}'{where}",
            None if name in _TOLD else "photometry",
            attributes=attributes | ({"band": band} if band else {}),
        )
    return columns


def compute_columns(
    curves: Ragged,
    definitions: Definitions,
    known: Mapping[str, np.ndarray] | None = None,
    *,
    observation: str = "photometry",
    periods: Periods | None = None,
) -> ComputedColumns:
    """Compute columns of light curves by their definitions, or say why not.

    Parameters
    ----------
    curves : Ragged
        n light curves: `time` [d], `flux` or `magnitude`, their errors and `band` where known.
        They are cleaned as at import.
    definitions : mapping of column to its attributes
        The columns that are wanted, as a schema has them (`schema.attributes(name)`, of a dataset
        or of what was saved with a model). One without a definition is a catalogue's, and is not
        computed.
    known : mapping of column to ndarray, shape (n,), optional
        Values that are known; they stay where finite. A period among them is folded by.
    observation : str
        Column that the light curves are of.
    periods : Periods, optional
        Of these light curves, if they were searched before.

    Returns
    -------
    ComputedColumns
        Every column of `definitions`, in order.
    """
    known = {name: np.asarray(v, float) for name, v in (known or {}).items() if name in definitions}
    brightness = value_field(curves.fields)
    wanted, notes = _possible(definitions, known, observation, brightness, "band" in curves.fields)
    given = {name: np.full(len(curves), np.nan) for name in definitions} | known
    if all(np.isfinite(given[name]).all() for name in wanted):
        return ComputedColumns(given, notes)
    cleaned = clean_photometry(curves).ragged
    if brightness != next(definitions[name]["brightness"] for name in wanted):
        cleaned = _as_fluxes(cleaned)
    needs_period = any(quantity not in _UNFOLDED for quantity, _ in wanted.values())
    if periods is None:
        periods = find_periods(cleaned) if needs_period else no_periods(len(curves))
    own = next((known[n] for n, (q, _) in wanted.items() if q == PERIOD and n in known), None)
    if own is not None:
        periods = replace(periods, period=np.where(own > 0, own, periods.period))
    made = _measure(cleaned, periods, wanted.values())
    for name, what in wanted.items():
        given[name] = np.where(np.isfinite(given[name]), given[name], made[what])
    return ComputedColumns(given, notes, periods if needs_period else None)


def to_compute(columns: Iterable[str], schema: "Schema", own: DatasetSchema) -> list[str]:
    """Return the columns that have to be computed of a dataset before a model can read it.

    Those that the dataset lacks, or has by another definition than the model knows, and that can
    be computed by that one.

    Parameters
    ----------
    columns : iterable of str
        All that are needed, as `Modality.columns` says.
    schema : Schema
        Of the dataset that the model was made for: it has the definitions.
    own : DatasetSchema
        Of the dataset.
    """
    needed = []
    for name in columns:
        said = schema.attributes(name)
        column = own.columns.get(name)
        there = column is not None and same_definition(said, column.attributes)
        if not there and not why_not(said, own):
            needed.append(name)
    return needed


def why_not(said: Mapping[str, Any], own: DatasetSchema) -> str:
    """Return why a column cannot be computed of a dataset, as half a sentence; "" if it can.

    Parameters
    ----------
    said : mapping
        Attributes of the column.
    own : DatasetSchema
        Of the dataset.
    """
    observation = said.get("observation", "")
    if observation not in own.observations:
        return _reason(said, "", "", False)
    fields = own.fields(observation)
    return _reason(said, observation, value_field(fields), "band" in fields)


def with_computed(
    table: pa.Table, columns: Iterable[str], schema: "Schema"
) -> tuple[pa.Table, list[str]]:
    """Add columns to a chunk of objects, computed from its light curves.

    Parameters
    ----------
    table : Table
        With the columns of the light curves.
    columns : iterable of str
        Those that are needed and not there (see `to_compute`).
    schema : Schema
        Of the dataset that the model was made for: it has the definitions.

    Returns
    -------
    Table
        With all of `columns`; null where a value cannot be had.
    notes : list of str
        Sentences about columns that stay empty, and why.
    """
    missing = [name for name in columns if name not in table.column_names]
    definitions = {name: schema.attributes(name) for name in missing}
    made: dict[str, np.ndarray] = {}
    notes: list[str] = []
    for observation in dict.fromkeys(d.get("observation", "") for d in definitions.values()):
        own = {n: d for n, d in definitions.items() if d.get("observation", "") == observation}
        if observation in table.column_names:
            curves = Ragged.from_arrow(table[observation])
            found = compute_columns(curves, own, observation=observation)
            made, notes = made | found.columns, notes + found.notes
        else:
            made |= {name: np.full(table.num_rows, np.nan) for name in own}
            notes += _possible(own, {}, "")[1]
    for name in missing:
        values = pa.array(made[name], pa.float64(), mask=~np.isfinite(made[name]))
        table = table.append_column(name, values)
    return table, notes


def _possible(
    definitions: Definitions,
    known: Mapping[str, np.ndarray],
    observation: str,
    brightness: str = "",
    banded: bool = False,
) -> tuple[dict[str, tuple[str, str]], list[str]]:
    """Return (quantity, band) of the columns that can be computed, and sentences on the others."""
    wanted = {}
    reasons: dict[str, list[str]] = {}
    for name, said in definitions.items():
        reason = _reason(said, observation, brightness, banded)
        if not reason:
            wanted[name] = (str(said["quantity"]), str(said.get("band", "")))
        elif name not in known:
            reasons.setdefault(reason, []).append(name)
    notes = [
        f"{join(names)} {'is' if len(names) == 1 else 'are'} {reason}: left empty."
        for reason, names in reasons.items()
    ]
    return wanted, notes


def _reason(said: Mapping[str, Any], observation: str, brightness: str, banded: bool) -> str:
    """Return why a column cannot be computed of light curves; "" if it can."""
    if not is_computed(said):
        return "the catalogue's, and what a light curve gives is of another definition"
    if said["observation"] != observation:
        return f"computed from '{said['observation']}', which is not there"
    if (said["definition"], said["version"]) != (DEFINITION, VERSION):
        return f"{definition(said)}, and this skybind computes version {VERSION}"
    if brightness == "flux" != said["brightness"]:
        return "of magnitudes, and the light curve is in fluxes"
    if said.get("band") and not banded:
        return "of one band, and the light curve names no bands"
    return ""


def _measure(
    curves: Ragged, periods: Periods, wanted: Iterable[tuple[str, str]]
) -> dict[tuple[str, str], np.ndarray]:
    """Compute quantities of clean light curves, by (quantity, band)."""
    wanted = list(wanted)
    made: dict[tuple[str, str], np.ndarray] = {}
    found = np.isfinite(periods.period)
    for band in dict.fromkeys(band for _, band in wanted):
        own = curves
        if band:
            own = curves.filter(np.asarray(curves.fields["band"], object) == band)
        features = light_curve_features(own, periods)
        features |= {
            FAP: periods.log10_fap,
            ALIASES[0]: periods.alias_1,
            ALIASES[1]: periods.alias_2,
        }
        for quantity, place in wanted:
            if place == band:
                there = curves.present if quantity in _UNFOLDED else curves.present & found
                made[quantity, band] = np.where(there, features[quantity], np.nan)
    return made


def _as_fluxes(curves: Ragged) -> Ragged:
    """Turn magnitudes to fluxes, as the preprocessing of a model that reads fluxes does."""
    fields = dict(curves.fields)
    names = [name for name in ("magnitude", "magnitude_err") if name in fields]
    fluxes = magnitude_to_flux(*(fields.pop(name).astype(float) for name in names))
    return replace(curves, fields=fields | dict(zip(("flux", "flux_err"), fluxes, strict=False)))


def no_periods(number: int) -> Periods:
    """Give periods of light curves that were not searched: none is known."""
    nothing = np.full(number, np.nan)
    none = np.zeros(number, np.int64)
    return Periods(nothing, nothing, nothing, nothing, none, nothing, nothing, nothing)
