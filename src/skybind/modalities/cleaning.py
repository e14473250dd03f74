"""Cleaning of observations: what every reader and every preprocessing does first.

An observation that can be used is repaired and kept; one that cannot becomes absent, with
its reason. Nothing vanishes without being counted.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from skybind.modalities import merged
from skybind.modalities.epochs import (
    LIMIT,
    absurd_magnitudes,
    impossible_dates,
    mixed_systems,
    without_errors,
)
from skybind.modalities.order import same_as_before, sorted_by, without_duplicates
from skybind.modalities.padding import padding
from skybind.ragged import Ragged, segment_mad, segment_median

EMPTY_CURVE = "empty light curve"


ONE_EPOCH = "one epoch"


NO_EPOCH = "no epoch with a finite time and {value}"


ONLY_LIMITS = "upper limits only"


CONSTANT = "constant {value} (zero MAD)"


EMPTY_SPECTRUM = "empty spectrum"


SEVERAL = "several spectra in one: 'visit' in a mapping names what tells them apart"


NO_WAVELENGTH = "no pixel with a positive wavelength"


ALL_MASKED = "all pixels masked"


ONE_PIXEL = "one good pixel"


#: Flux of magnitude zero in the AB system, 3631 Jy, in mJy.
AB_ZERO_FLUX = 3.631e6
#: d(magnitude) / d(ln flux).
MAGNITUDE_PER_E_FOLD = 2.5 / np.log(10)


@dataclass(frozen=True)
class Cleaned:
    """Clean observations of one modality.

    Attributes
    ----------
    ragged : Ragged
        Sorted, without duplicates, finite; rejected objects are absent.
    reason : ndarray of str objects, shape (n,)
        Why an object was rejected; "" where it was not (or was never observed).
    counts : dict of str to int
        What was repaired or dropped, and how many times (zero counts are left out).
    limits : Ragged, optional
        Upper limits of light curves, sorted: `time`, `flux` or `magnitude`, perhaps `band`. They
        are in no other field. Given where the source says which epochs are limits.
    """

    ragged: Ragged
    reason: np.ndarray
    counts: dict[str, int]
    limits: Ragged | None = None


def value_field(fields: Collection[str]) -> str:
    """Name of the measured field: `flux`, or `magnitude` where that is what there is."""
    return "flux" if "flux" in fields else "magnitude"


def clean_photometry(r: Ragged) -> Cleaned:
    """Clean light curves.

    Padding at the end of an array is left out (`skybind.modalities.padding`). Epochs with a non-
    finite time or flux are dropped, and those that are no measurements: upper limits, epochs
    without an error where others of the curve have one, flagged ones, magnitudes that no star has,
    impossible dates (`skybind.modalities.epochs`). The rest is sorted by time, exact duplicates of
    an epoch dropped (epochs of one time that differ are kept: two bands, or two cameras). An error
    of 0, or one that is missing where the source calls the epoch a detection, becomes the median
    error of its curve; a curve without a single good error keeps NaN (see `error_values`). A curve
    with fewer than two epochs left, or of constant flux, becomes absent.

    Parameters
    ----------
    r : Ragged
        Fields `time`, `flux` (or `magnitude`), and optionally `flux_err` (`magnitude_err`) and
        `band`, `flag` and `system`; of a source that is read also `limit` (1 for an upper limit, 0
        for a detection, -1 where it is not said), `mask` (true where an epoch is flagged as bad)
        and `unconverted` (true where its photometric system is not that of the others).

    Returns
    -------
    Cleaned
        With the same fields, `limit`, `mask` and `unconverted` aside.
    """
    value = value_field(r.fields)
    error = f"{value}_err"
    padded = padding(r, value)
    if padded.any():
        r = r.filter(~padded)
    out, limits, counts = _measured(r, value)
    counts["epochs of padding"] = int(padded.sum())
    out, counts["unsorted light curves"] = sorted_by(out, "time")
    early_or_late = impossible_dates(out)
    counts["epochs of an impossible date"] = int(early_or_late.sum())
    if early_or_late.any():
        out = out.filter(~early_or_late)
    if error in out.fields:
        errors = out.fields[error]
        with np.errstate(invalid="ignore"):
            out.fields[error] = np.where(np.isfinite(errors) & (errors > 0), errors, np.nan)
    out, counts["duplicate epochs"] = without_duplicates(out)
    if error in out.fields:
        out.fields[error], repaired, unknown = _median_for_missing(out, error)
        counts["epochs given the median error"] = repaired
        counts["light curves without errors"] = unknown
        if repaired:  # with the median error, an epoch may equal another that had it already
            out, more = without_duplicates(out)
            counts["duplicate epochs"] += more
    counts["light curves of several photometric systems in one band"] = mixed_systems(out)
    reason = np.full(len(r), "", dtype=object)
    fewer = out.present & (out.lengths < 2)
    reason[fewer] = ONE_EPOCH
    reason[fewer & (out.lengths == 0)] = NO_EPOCH.format(value=value)
    reason[fewer & (out.lengths == 0) & (limits.lengths > 0)] = ONLY_LIMITS
    reason[r.present & (r.lengths == 0)] = EMPTY_CURVE
    flat = segment_mad(out.fields[value], out.offsets) == 0
    reason[(reason == "") & out.present & flat] = CONSTANT.format(value=value)
    return replace(reject(out, reason, counts), limits=limits)


def _measured(r: Ragged, value: str) -> tuple[Ragged, Ragged, dict[str, int]]:
    """Epochs that are measurements, those that are upper limits, and counts of the others."""
    bad_time = ~np.isfinite(r.fields["time"])
    counts = {"epochs without a finite time": int(bad_time.sum())}
    use = ~bad_time

    def leave_out(which: np.ndarray, name: str) -> None:
        nonlocal use
        counts[name] = int((use & which).sum())
        use = use & ~which

    apart = ("limit", "mask", "unconverted")
    fields = {name: values for name, values in r.fields.items() if name not in apart}
    bare = Ragged(fields, r.offsets, r.present)
    if "mask" in r.fields:
        leave_out(r.fields["mask"].astype(bool), "epochs flagged as bad")
    if "unconverted" in r.fields:
        leave_out(r.fields["unconverted"].astype(bool), "epochs of a system without an offset")
    limit = r.fields["limit"] == LIMIT if "limit" in r.fields else np.zeros(len(use), bool)
    kept = use & limit & np.isfinite(r.fields[value])
    leave_out(limit, "upper limits")
    leave_out(~np.isfinite(r.fields[value]), f"epochs without a finite {value}")
    if value == "magnitude":
        leave_out(absurd_magnitudes(r, use), "magnitudes that no star has")
    if f"{value}_err" in r.fields:
        rest = r.filter(use)
        lost = np.zeros(len(use), bool)
        lost[use] = without_errors(rest, value)
        leave_out(lost, "epochs without an error among others with one")
    limits = Ragged(
        {name: v for name, v in fields.items() if not name.endswith("_err")}, r.offsets, r.present
    ).filter(kept)
    limits = Ragged(limits.fields, limits.offsets, limits.lengths > 0)
    return bare.filter(use) if not use.all() else bare, sorted_by(limits, "time")[0], counts


def clean_spectrum(r: Ragged) -> Cleaned:
    """Clean spectra.

    Pixels without a positive wavelength are dropped, the rest sorted by wavelength, and of
    pixels with one wavelength the first is kept. A pixel is masked where its flux is not finite
    (it becomes 0), its `ivar` or `flux_err` is not a positive number, or its mask says so;
    masked pixels have `ivar` (or `flux_err`) 0. A spectrum whose errors are all NaN has
    unknown errors, which masks nothing. A spectrum with fewer than two good pixels, or of
    constant flux, or that is several in one (`skybind.modalities.merged`), becomes absent.

    Parameters
    ----------
    r : Ragged
        Fields `wavelength`, `flux`, and optionally `ivar` or `flux_err`, and `mask`.

    Returns
    -------
    Cleaned
        With the same fields, and always `mask` (True = bad).
    """
    bad_wave = ~(np.isfinite(r.fields["wavelength"]) & (r.fields["wavelength"] > 0))
    counts = {"pixels without a positive wavelength": int(bad_wave.sum())}
    out = r.filter(~bad_wave) if bad_wave.any() else r
    several = merged.in_turn(out)
    out, counts["unsorted spectra"] = sorted_by(out, "wavelength")
    several |= merged.repeated(out) | merged.sawtooth(out)
    repeated = same_as_before(out, out.fields["wavelength"])
    counts["duplicate wavelengths"] = int(repeated.sum())
    if repeated.any():
        out = out.filter(~repeated)
    mask, counts_mask = _bad_pixels(out)
    counts |= counts_mask
    flux = out.fields["flux"]
    out.fields["flux"] = np.where(np.isfinite(flux), flux, 0).astype(flux.dtype, copy=False)
    for name in ("ivar", "flux_err"):
        if name in out.fields:
            values = out.fields[name]
            out.fields[name] = np.where(mask, 0, values).astype(values.dtype, copy=False)
    out.fields["mask"] = mask
    good = out.filter(~mask) if mask.any() else out
    reason = np.full(len(r), "", dtype=object)
    reason[out.present & (good.lengths == 1)] = ONE_PIXEL
    reason[out.present & (good.lengths == 0)] = ALL_MASKED
    reason[out.present & (out.lengths == 0)] = NO_WAVELENGTH
    reason[r.present & (r.lengths == 0)] = EMPTY_SPECTRUM
    reason[(reason == "") & several] = SEVERAL
    flat = segment_mad(good.fields["flux"], good.offsets) == 0
    reason[(reason == "") & out.present & flat] = CONSTANT.format(value="flux")
    return reject(out, reason, counts)


def error_values(r: Ragged) -> np.ndarray:
    """Standard errors of cleaned observations, finite: 0 where unknown or masked.

    Taken from `flux_err`, `magnitude_err` or `ivar`, whichever there is; without any, zeros.
    """
    for name in ("flux_err", "magnitude_err"):
        if name in r.fields:
            errors = r.fields[name]
            return np.where(np.isfinite(errors), errors, 0).astype(errors.dtype, copy=False)
    if "ivar" in r.fields:
        return ivar_to_flux_err(r.fields["ivar"])
    return np.zeros(int(r.offsets[-1]), np.float32)


def ivar_to_flux_err(ivar: np.ndarray) -> np.ndarray:
    """Standard error of each pixel, 1/sqrt(ivar); 0 where `ivar` is not a positive number."""
    good = np.isfinite(ivar) & (ivar > 0)
    return np.where(good, 1 / np.sqrt(np.where(good, ivar, 1)), 0).astype(ivar.dtype, copy=False)


def flux_err_to_ivar(flux_err: np.ndarray) -> np.ndarray:
    """Inverse variance of each pixel; 0 where `flux_err` is not a positive number."""
    good = np.isfinite(flux_err) & (flux_err > 0)
    inverse = np.where(good, 1 / np.where(good, flux_err, 1).astype(float) ** 2, 0)
    return inverse.astype(flux_err.dtype, copy=False)


def magnitude_to_flux(
    magnitude: np.ndarray, error: np.ndarray | None = None
) -> tuple[np.ndarray, ...]:
    """Flux [mJy] of AB magnitudes and, where their errors are given, its error (float64)."""
    with np.errstate(over="ignore", invalid="ignore"):  # infinite, so dropped and counted
        flux = AB_ZERO_FLUX * 10 ** (-0.4 * magnitude.astype(np.float64))
    return (flux,) if error is None else (flux, flux * error / MAGNITUDE_PER_E_FOLD)


def reject(r: Ragged, reason: np.ndarray, counts: dict[str, int]) -> Cleaned:
    """Empty the objects that have a reason; counts of zero are left out."""
    rejected = reason != ""
    if rejected.any():
        r = r.filter(np.repeat(~rejected, r.lengths))
    cleaned = Ragged(r.fields, r.offsets, r.present & ~rejected)
    return Cleaned(cleaned, reason, {name: n for name, n in counts.items() if n})


def _median_for_missing(r: Ragged, error: str) -> tuple[np.ndarray, int, int]:
    """Fill missing errors with the curve's median; also how many epochs, and curves with none."""
    errors = r.fields[error]
    missing = np.isnan(errors)
    if not missing.any():
        return errors, 0, 0
    known = r.filter(~missing)
    median = segment_median(known.fields[error], known.offsets)
    unknown = (r.lengths > 0) & (known.lengths == 0)
    filled = np.where(missing, np.repeat(median, r.lengths), errors)
    repaired = int((missing & ~np.repeat(unknown, r.lengths)).sum())
    return filled.astype(errors.dtype, copy=False), repaired, int(unknown.sum())


def _bad_pixels(r: Ragged) -> tuple[np.ndarray, dict[str, int]]:
    """Which pixels are bad, and the counts of the causes."""
    mask = np.zeros(int(r.offsets[-1]), bool)
    if "mask" in r.fields:
        mask = r.fields["mask"].astype(bool)
    counts = {"pixels masked in the source": int(mask.sum())}
    no_flux = ~np.isfinite(r.fields["flux"])
    counts["pixels without a finite flux"] = int((no_flux & ~mask).sum())
    for name in ("ivar", "flux_err"):
        if name not in r.fields:
            continue
        values = r.fields[name]
        unknown = (r.filter(~np.isnan(values)).lengths == 0) & (r.lengths > 0)
        bad = ~(np.isfinite(values) & (values > 0)) & ~np.repeat(unknown, r.lengths)
        counts["spectra without errors"] = int(unknown.sum())
        counts[f"pixels without a positive {name}"] = int((bad & ~mask).sum())
        mask = mask | bad
    return mask | no_flux, counts


EMPTY_IMAGE = "empty image"


NOT_SQUARE = "image is not square"


NO_PIXELS = "all pixels masked"


CONSTANT_IMAGE = "constant image"


def clean_image(r: Ragged) -> Cleaned:
    """Clean images.

    Infinite pixels become NaN, which means masked. An image that is empty, not square, without
    a single finite pixel, or constant in every band (no coverage is written as zeros) becomes
    absent.

    Parameters
    ----------
    r : Ragged
        One field a band, each a flattened square.

    Returns
    -------
    Cleaned
        With the same fields.
    """
    counts = {}
    out = Ragged(dict(r.fields), r.offsets, r.present)
    low = np.full((len(r), len(r.fields)), np.inf)
    high = np.full_like(low, -np.inf)
    for index, (band, values) in enumerate(r.fields.items()):
        infinite = np.isinf(values)
        counts[f"masked pixels in {band}"] = int(np.isnan(values).sum())
        counts[f"infinite pixels in {band}"] = int(infinite.sum())
        if infinite.any():
            out.fields[band] = np.where(infinite, np.nan, values).astype(values.dtype)
        low[:, index], high[:, index] = _extremes(out.fields[band], r.offsets)
    sides = sides_of(r.lengths)
    reason = np.full(len(r), "", dtype=object)
    reason[r.present & (high <= low).all(axis=1)] = CONSTANT_IMAGE
    reason[r.present & (high < low).all(axis=1)] = NO_PIXELS
    reason[r.present & (sides**2 != r.lengths)] = NOT_SQUARE
    reason[r.present & (r.lengths == 0)] = EMPTY_IMAGE
    return reject(out, reason, counts)


def sides_of(lengths: np.ndarray) -> np.ndarray:
    """Pixels a side of squares of so many pixels, rounded."""
    return np.rint(np.sqrt(lengths)).astype(np.int64)


def _extremes(values: np.ndarray, offsets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and largest finite value of each object; inf and -inf where it has none."""
    some = np.diff(offsets) > 0
    low, high = np.full(len(some), np.inf), np.full(len(some), -np.inf)
    if some.any():
        starts = offsets[:-1][some]
        low[some] = np.fmin.reduceat(values, starts)
        high[some] = np.fmax.reduceat(values, starts)
    return np.where(np.isnan(low), np.inf, low), np.where(np.isnan(high), -np.inf, high)
