"""Arrays of AstroM3Processed: rows of three numbers, or normalised as the release trains on them.

The normalised form holds light curves with nine numbers an epoch (time scaled to [0, 1],
(flux - mean)/MAD, error/MAD, then constants: four features, log10(MAD), time span in years) and
spectra of three channels on a grid of 2 Angstrom ((flux - mean)/MAD, error/MAD, log10(MAD)). It is
brought back to days and fluxes: of the flux the mean is lost, all else is what it was.
"""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.errors import DataError
from skybind.ingest.plan import Row, quarantine_row
from skybind.ingest.readers.values import numbers
from skybind.ragged import Ragged, offsets_of, segment_mad

#: Wavelengths of normalised spectra [Angstrom].
GRID = np.arange(3850.0, 9000.0, 2.0)
#: Numbers of an epoch in the normalised form, and those before its constants.
CHANNELS, MEASURED = 9, 3
DAYS_A_YEAR = 365  # of the release
#: How far mean and MAD of a normalised curve may lie from 0 and 1: they are of single precision.
NEAR = 0.01
#: The same of a spectrum, which the release normalises in double precision.
MAD_NEAR = 1e-4


@dataclass(frozen=True)
class Matrices:
    """Matrices of any number of rows, one an object.

    Attributes
    ----------
    values : ndarray, shape (rows of all, width)
    offsets : ndarray of int64, shape (n + 1,)
    present : ndarray of bool, shape (n,)
    aside : dict of int to str
        Objects whose matrix cannot be used, and why; they are absent.
    """

    values: np.ndarray
    offsets: np.ndarray
    present: np.ndarray
    aside: dict[int, str] = field(default_factory=dict)

    @property
    def width(self) -> int:
        """Numbers a row."""
        return int(self.values.shape[1])

    def ragged(self, names: tuple[str, str, str]) -> Ragged:
        """Give the first three numbers of each row as fields; times in double precision."""
        kinds = {"time": np.float64}
        fields = {
            name: self.values[:, i].astype(kinds.get(name, np.float32))
            for i, name in enumerate(names)
        }
        return Ragged(fields, self.offsets, self.present)


def read_matrices(table: pa.Table, column: str, where: str) -> Matrices:
    """Read a column of lists of lists, the inner ones of one length.

    An object with inner lists of another length than most, or with text that is no number, is set
    aside.

    Raises
    ------
    DataError
        If it is no such column, or no object can be used.
    """
    array = whole_column(table, column)
    present = array.is_valid().to_numpy(zero_copy_only=False)
    try:
        rows = _as_lists(array.drop_null())
        counts = np.asarray(rows.value_lengths(), np.int64)
        inner = _as_lists(rows.flatten())
        widths = np.asarray(inner.value_lengths().fill_null(0), np.int64)
        values, text = numbers(inner.flatten().to_numpy(zero_copy_only=False))
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, AttributeError, TypeError) as error:
        raise DataError(_no_matrices(where, column)) from error
    objects = np.flatnonzero(present)
    owner = np.repeat(objects, counts)
    width = _usual_width(widths, owner)
    aside = dict.fromkeys(
        np.repeat(owner, widths)[text].tolist(), f"'{column}' holds text that is no number"
    )
    uneven = widths != width
    for row, other in zip(owner[uneven].tolist(), widths[uneven].tolist(), strict=True):
        aside[row] = f"'{column}' has a row of {other} numbers, not {width} as others"
    if aside and len(aside) == len(np.unique(owner)):
        raise DataError(_no_matrices(where, column))
    good = ~np.isin(owner, list(aside))
    lengths = np.zeros(len(array), np.int64)
    lengths[objects] = counts
    lengths[list(aside)], present[list(aside)] = 0, False
    kept = values[np.repeat(good, widths)].reshape(-1, width)
    return Matrices(kept, offsets_of(lengths), present, aside)


def _usual_width(widths: np.ndarray, owner: np.ndarray) -> int:
    """Length of the first row of most objects."""
    if not len(widths):
        return MEASURED
    _, first = np.unique(owner, return_index=True)
    found, often = np.unique(widths[first], return_counts=True)
    return int(found[np.argmax(often)])


def _no_matrices(where: str, column: str) -> str:
    return f"{where}: column '{column}' is no list of equal rows of numbers."


def whole_column(table: pa.Table, column: str) -> pa.Array:
    """Give a column in one piece."""
    array = table[column].combine_chunks()
    return pa.concat_arrays(array.chunks) if isinstance(array, pa.ChunkedArray) else array


def _as_lists(array: pa.Array) -> pa.Array:
    """Give an array whose rows are lists of any length, also where they are of a fixed one."""
    if pa.types.is_fixed_size_list(array.type):
        return array.cast(pa.list_(array.type.value_type))
    return array


def photometry_of(matrices: Matrices, ids: np.ndarray, where: str) -> tuple[Ragged, list[Row]]:
    """Give light curves in days and mJy, and what was set aside.

    Normalised ones (see the module) are brought back, their times counted from the first epoch
    and their fluxes from the mean.

    Raises
    ------
    DataError
        If the rows are of another width.
    """
    names = ("time", "flux", "flux_err")
    if matrices.width == MEASURED:
        return matrices.ragged(names), []
    if matrices.width != CHANNELS:
        raise DataError(
            f"{where}: column 'photometry' has {matrices.width} numbers an epoch where "
            f"AstroM3Processed has {MEASURED}, or {CHANNELS} if it is normalised."
        )
    values, lengths = matrices.values.copy(), np.diff(matrices.offsets)
    some = np.flatnonzero(lengths)
    if not len(some):
        return Matrices(np.zeros((0, MEASURED)), matrices.offsets, matrices.present).ragged(
            names
        ), []
    held = matrices.offsets[some]
    low, high = np.minimum.reduceat(values, held), np.maximum.reduceat(values, held)
    mean = np.add.reduceat(values[:, 1], held) / lengths[some]
    mad = segment_mad(values[:, 1], matrices.offsets)[some]
    scaled = (np.abs(mean) < NEAR) & (np.abs(mad - 1) < NEAR)
    scaled &= (np.abs(low[:, 0]) < NEAR) & (np.abs(high[:, 0] - 1) < NEAR)
    scaled &= (low[:, MEASURED:] == high[:, MEASURED:]).all(axis=1)
    scaled |= lengths[some] == 1  # the cleaning sets these aside
    quarantine = [
        quarantine_row(
            ids[some[k]], where, "photometry",
            "its nine channels are not those of a whole normalised light curve (times from "
            f"{low[k, 0]:.3g} to {high[k, 0]:.3g}, fluxes with mean {mean[k]:.3g}, "
            f"MAD {mad[k]:.3g})",
        )
        for k in np.flatnonzero(~scaled).tolist()
    ]  # fmt: skip
    place = np.repeat(np.arange(len(some)), lengths[some])
    divisor = 10.0 ** low[place, -2]
    values[:, 0] *= low[place, -1] * DAYS_A_YEAR
    values[:, 1] *= divisor
    values[:, 2] *= divisor
    good = matrices.present.copy()
    good[some[~scaled]] = False
    whole = Matrices(values, matrices.offsets, matrices.present).ragged(names)
    kept = whole.filter(np.repeat(good, lengths))
    return Ragged(kept.fields, kept.offsets, good), quarantine


def curve_constants(matrices: Matrices) -> np.ndarray | None:
    """Give the four features that stand in normalised light curves, NaN where there is no epoch.

    None where the light curves are not normalised.
    """
    if matrices.width != CHANNELS:
        return None
    found = np.full((len(matrices.present), 4), np.nan)
    some = np.flatnonzero(np.diff(matrices.offsets) > 0)
    found[some] = matrices.values[matrices.offsets[:-1][some], MEASURED : MEASURED + 4]
    return found


def spectra_of(
    matrices: Matrices, names: tuple[str, str, str], ids: np.ndarray, where: str
) -> tuple[Ragged, list[Row]]:
    """Give spectra with their wavelengths, and what was set aside; see `photometry_of`.

    The release takes the MAD of a spectrum over its pixels of non-zero flux. Where there were
    pixels of zero flux, they are found by this, and the mean is restored too.
    """
    lengths = np.diff(matrices.offsets)
    if matrices.width == MEASURED:
        return _unknown_errors(matrices.ragged(names), names[2]), []
    if matrices.width != len(GRID) or not np.isin(lengths[matrices.present], (0, 3)).all():
        raise DataError(
            f"{where}: column 'spectra' is neither rows of {MEASURED} numbers nor normalised "
            f"spectra of {MEASURED} channels with {len(GRID)} pixels, as AstroM3Processed has them."
        )
    some = np.flatnonzero(lengths == MEASURED)
    quarantine, good = [], matrices.present & (lengths == MEASURED)
    fluxes, errors = [], []
    for k, row in enumerate(some.tolist()):
        flux, error, scale = matrices.values.reshape(-1, MEASURED, len(GRID))[k]
        restored = _flux_before(flux, scale)
        if restored is None:
            good[row] = False
            reason = "its three channels are not those of a normalised spectrum (mean or MAD)"
            quarantine.append(quarantine_row(ids[row], where, "spectrum", reason))
            continue
        fluxes.append(restored)
        errors.append(error * 10.0 ** scale[0])
    kept = np.where(good, len(GRID), 0)
    fields: dict[str, Any] = {
        names[0]: np.tile(GRID, int(good.sum())).astype(np.float32),
        names[1]: np.concatenate([*fluxes, np.zeros(0)]).astype(np.float32),
        names[2]: np.concatenate([*errors, np.zeros(0)]).astype(np.float32),
    }
    empty = matrices.present & (lengths == 0)
    made = Ragged(fields, np.concatenate([[0], np.cumsum(kept)]), good | empty)
    return _unknown_errors(made, names[2]), quarantine


def _unknown_errors(spectra: Ragged, name: str) -> Ragged:
    """Say of spectra whose third column is 0 throughout that it is not known: their flux is."""
    none = spectra.filter(spectra.fields[name] != 0).lengths == 0
    errors = np.where(np.repeat(none, spectra.lengths), np.float32(np.nan), spectra.fields[name])
    return Ragged({**spectra.fields, name: errors}, spectra.offsets, spectra.present)


def _flux_before(normal: np.ndarray, scale: np.ndarray) -> np.ndarray | None:
    """Flux of a spectrum before it was normalised; None where it is not as the release makes it."""
    if np.ptp(scale) or not abs(normal.mean()) < NEAR:
        return None
    divisor = 10.0 ** scale[0]
    if abs(_mad(normal) - 1) < MAD_NEAR / 10:
        return normal * divisor
    values, counts = np.unique(normal, return_counts=True)
    repeated = values[counts > 1]
    off = np.array([abs(_mad(normal[normal != value]) - 1) for value in repeated])
    if not len(off) or not off.min() < MAD_NEAR:
        return normal * divisor if abs(_mad(normal) - 1) < MAD_NEAR else None
    return (normal - repeated[np.argmin(off)]) * divisor


def _mad(values: np.ndarray) -> float:
    """Median absolute deviation about the median."""
    return float(np.median(np.abs(values - np.median(values)))) if len(values) else np.nan
