"""Gaia: epoch photometry of DR3, as the archive's DataLink and its bulk download write it.

DATA_STRUCTURE=INDIVIDUAL or COMBINED: one row an epoch and band, with time, mag, flux,
flux_over_error, band (G, BP, RP), rejected_by_photometry and rejected_by_variability. RAW, and
the files `EpochPhotometry_*.csv`: G, BP and RP side by side (g_transit_time, bp_obs_time, ...), a
row a transit or lists a row a source (Gaia DR3 documentation, chapter on the data
model, `epoch_photometry`; Riello et al. 2021, A&A 649, A3).

Times are barycentric Julian dates (TCB) less 2455197.5. Magnitudes are of the Vega system; their
error is 2.5 / ln 10 over flux_over_error. By default an epoch is left out that either flag
rejects; in RAW: photometry_flag_noisy_data (G), photometry_flag_bp_reject and _rp_reject, and
variability_flag_g_reject, _bp_reject, _rp_reject.
"""

from dataclasses import replace

import numpy as np

from skybind.errors import DataError
from skybind.ingest.lists import Lists, lists_of_text
from skybind.ingest.readers.curves import Look, flag_column, number_column
from skybind.ingest.readers.registry import CurveFormat, register_curves
from skybind.ingest.readers.tables import Table
from skybind.modalities.cleaning import MAGNITUDE_PER_E_FOLD

#: Of each band in RAW: how its columns begin, that of its time, and of the flags that reject.
RAW = {
    "G": ("g_transit", "g_transit_time", "photometry_flag_noisy_data", "variability_flag_g_reject"),
    "BP": ("bp", "bp_obs_time", "photometry_flag_bp_reject", "variability_flag_bp_reject"),
    "RP": ("rp", "rp_obs_time", "photometry_flag_rp_reject", "variability_flag_rp_reject"),
}
_VALUES = ("mag", "flux", "flux_error", "flux_over_error")
_FLAGS = ("rejected_by_photometry", "rejected_by_variability")


def is_gaia(look: Look) -> bool:
    """Whether a table is of Gaia's epoch photometry, in either layout."""
    one = ("time", "mag", "band", "flux_over_error", *_FLAGS)
    return look.has(*one) or look.has("g_transit_time", "g_transit_mag", "bp_obs_time")


def tidy(table: Table) -> Table:
    """Give one row an epoch and band, with `magnitude_err` and `rejected`."""
    if "g_transit_time" in table.lists or "g_transit_time" in table.columns:
        table = _stacked(_unfolded(table))
    for name in ("time", "mag", *_VALUES):
        if name in table.lists:
            raise DataError(f"{table.name}: '{name}' holds lists: this layout is none of Gaia's.")
    with np.errstate(divide="ignore", invalid="ignore"):
        error = MAGNITUDE_PER_E_FOLD / number_column(table, "flux_over_error")
    table.columns["magnitude_err"] = np.where(error > 0, error, np.nan)
    rejected = np.zeros(len(table), bool)
    for flag in _FLAGS:
        rejected |= flag_column(table, flag)
    table.columns["rejected"] = rejected
    return table


def _unfolded(table: Table) -> Table:
    """Lay the lists of sources out, one row a transit; a table without lists stays."""
    names = [
        n for n in table.columns if n.startswith(("g_", "bp_", "rp_", "photometry_flag", "var"))
    ]
    lists = dict(table.lists)
    for name in names:
        found = lists_of_text(table.columns[name], bracketed=True)
        if found is not None:
            lists[name] = found
    if not lists:
        return table
    time = lists["g_transit_time"]
    lengths, rows = np.maximum(time.lengths, 0), np.arange(len(table))
    columns = {
        name: np.repeat(values, lengths)
        for name, values in table.columns.items()
        if name not in lists
    }
    for name, own in lists.items():
        if _fits(own, time):
            columns[name] = own.of_rows(rows, lengths)
        elif name in {column for band in RAW.values() for column in band[1:]} or name.endswith(
            "mag"
        ):
            raise DataError(
                f"{table.name}: the lists of {name} are of another length than those of "
                "g_transit_time."
            )
    return replace(table, columns=columns, lists={})


def _fits(own: Lists, time: Lists) -> bool:
    return not own.wrong and bool(((own.lengths == time.lengths) | (own.lengths < 0)).all())


def _stacked(table: Table) -> Table:
    """Put the three bands of each transit below one another, in the order of the transits."""
    n = len(table)
    made: dict[str, list[np.ndarray]] = {}
    for begin, time, noisy, variability in RAW.values():
        parts = {"time": number_column(table, time)}
        parts |= {name: number_column(table, f"{begin}_{name}") for name in _VALUES}
        for flag, column in zip(_FLAGS, (noisy, variability), strict=True):
            parts[flag] = flag_column(table, column)
        for name, values in parts.items():
            made.setdefault(name, []).append(values)
    columns = {name: np.column_stack(parts).ravel() for name, parts in made.items()}
    columns["band"] = np.tile(np.asarray(list(RAW), object), n)
    for name in ("source_id", "transit_id"):
        if name in table.columns:
            columns[name] = np.repeat(table.columns[name], len(RAW))
    seen = np.isfinite(columns["time"])  # a band may be missing of a transit
    columns = {name: values[seen] for name, values in columns.items()}
    return replace(table, columns=columns, lists={}, known=[*table.known, *columns])


register_curves(
    "gaia",
    CurveFormat(
        "Gaia DR3",
        {
            "id": "source_id",
            "time": {"column": "time", "unit": "BJD - 2455197.5"},
            "magnitude": {"column": "mag", "unit": "mag"},
            "system": "Vega",
            "magnitude_err": {"column": "magnitude_err", "unit": "mag"},
            "band": "band",
            "mask": "rejected",
        },
        known_by=is_gaia,
        tidy=tidy,
        text=("source_id",),
    ),
)
