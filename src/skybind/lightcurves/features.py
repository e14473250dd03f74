"""Hand-made features of light curves: what a classical classifier of variable stars reads."""

from dataclasses import dataclass

import numpy as np

from skybind.errors import DataError
from skybind.lightcurves.fourier import FourierSums, fit_harmonics
from skybind.lightcurves.periods import Periods
from skybind.lightcurves.series import group_median, group_quantiles, photometry_series
from skybind.ragged import Ragged

# name: (unit or None, description). "Brightness" is in magnitudes, larger = fainter; the units
# are those of the column if it holds magnitudes, and linearised magnitudes if it holds fluxes.
FEATURES: dict[str, tuple[str | None, str]] = {
    "period": ("d", "Period after the comparison of harmonics; the time span if none was found"),
    "ls_period": ("d", "Period at the highest Lomb-Scargle peak; the time span if none"),
    "period_ratio": (None, "period / ls_period"),
    "ls_power": (None, "Power of the highest Lomb-Scargle peak, 0 to 1; 0 if none"),
    "ls_power_ratio": (None, "Power of the second highest peak over the highest; 1 if none"),
    "harmonics": (None, "Harmonics that describe the folded curve best"),
    "lksl_statistic": (None, "Lafler-Kinman string length at period (Clarke 2002)"),
    "lksl_double": (None, "Lafler-Kinman string length at twice ls_period"),
    "n_obs": (None, "Number of epochs used"),
    "time_span": ("d", "Last minus first epoch"),
    "median": ("mag", "Median brightness"),
    "median_error": ("mag", "Median of the standard errors"),
    "amplitude": ("mag", "95th minus 5th percentile"),
    "std": ("mag", "Standard deviation"),
    "mad": ("mag", "Median absolute deviation from the median"),
    "skewness": (None, "Third standardised moment; positive: excursions to the faint side"),
    "kurtosis": (None, "Fourth standardised moment minus 3"),
    "reduced_chi2": (None, "Variance over the mean squared error"),
    "stetson_j": (None, "Stetson J of consecutive epochs"),
    "stetson_k": (None, "Stetson K: mean over root-mean-square of the absolute residuals"),
    "eta": (None, "von Neumann ratio in time: mean squared step over variance"),
    "eta_day": (None, "The same over steps of less than 1.5 d; eta if there is none"),
    "slope": ("mag yr-1", "Slope of a straight line in time"),
    "asymmetry": (None, "(p95 - p50) / (p95 - p5)"),
    "quartile_ratio": (None, "(p75 - p25) / (p95 - p5)"),
    "middle_ratio": (None, "(p60 - p40) / (p95 - p5)"),
    "tail_faint": (None, "(maximum - p50) / (p95 - p5)"),
    "tail_bright": (None, "(p50 - minimum) / (p95 - p5)"),
    "faint_fraction": (None, "Fraction of epochs fainter than the mean by 1.5 sigma"),
    "bright_fraction": (None, "Fraction of epochs brighter than the mean by 1.5 sigma"),
    "fourier_amplitude": ("mag", "Half amplitude A1 of the first of 4 harmonics at period"),
    "r21": (None, "A2 / A1"),
    "r31": (None, "A3 / A1"),
    "r41": (None, "A4 / A1"),
    "phi21": ("rad", "phi2 - 2 phi1 of the cosine series, 0 to 2 pi"),
    "phi31": ("rad", "phi3 - 3 phi1 of the cosine series, 0 to 2 pi"),
    "variance_explained": (None, "By the Fourier series of `harmonics` terms at period"),
    "residual_chi2": (None, "Its mean squared residual in units of the errors"),
    "faint_width": (None, "Fraction of the phase spent in the fainter half of the range"),
    "rise_fraction": (None, "Phase from the faintest to the brightest point"),
    "depth_ratio": (None, "Secondary over primary minimum at period; 0 if there is one only"),
    "minima_distance": (None, "Phase between them, up to 0.5; 0 if there is one only"),
    # Orbital fold: at period where its second harmonic dominates, else at twice period; the
    # same view of every eclipsing binary, whichever of the two the search has settled on.
    "orbital_period": ("d", "Period of the orbital fold"),
    "orbital_amplitude": ("mag", "Half amplitude A2 of the orbital fold"),
    "r42_orbital": (None, "A4 / A2 of the orbital fold"),
    "r62_orbital": (None, "A6 / A2 of the orbital fold"),
    "phi42_orbital": ("rad", "phi4 - 2 phi2 of the orbital fold, 0 to 2 pi"),
    "odd_power_orbital": (None, "Share of the odd harmonics in the power of the orbital fold"),
    "depth_ratio_orbital": (None, "Secondary over primary minimum of the orbital fold"),
    "faint_width_orbital": (None, "faint_width of the orbital fold"),
}


SHORT_STEP = 1.5  # d, for eta_day


GRID = 256  # phases at which a folded Fourier series is looked at


APART = 0.15  # phase between a primary and a secondary minimum, at least


CHUNK = 1_000_000  # epochs worked on at once: bounds the memory


def light_curve_features(ragged: Ragged, periods: Periods) -> dict[str, np.ndarray]:
    """Compute the features of `FEATURES` for many light curves.

    Parameters
    ----------
    ragged : Ragged
        As for `find_periods`. Epochs that are not finite or have an error <= 0 are left out.
    periods : Periods
        Of the same objects.

    Returns
    -------
    dict of str to ndarray of float64, shape (n,)
        In the order of `FEATURES`. Finite for every curve with two good epochs or more;
        ratios whose denominator is zero (a constant curve) are zero. With fewer epochs all
        but `n_obs` are NaN.

    Raises
    ------
    DataError
        If the periods are of another number of objects.
    """
    if len(periods) != len(ragged):
        raise DataError(
            f"there are periods of {len(periods)} objects for {len(ragged)} light curves: "
            "search the periods of these light curves"
        )
    parts: list[dict[str, np.ndarray]] = []
    first = 0
    while first < len(ragged) or not parts:
        limit = ragged.offsets[first] + CHUNK
        last = max(int(np.searchsorted(ragged.offsets, limit, side="right")) - 1, first + 1)
        rows = np.arange(first, min(last, len(ragged)))
        parts.append(_chunk(ragged.take(rows), periods.take(rows)))
        first = last
    return {name: np.concatenate([part[name] for part in parts]) for name in FEATURES}


@dataclass
class _Curves:
    """Good epochs of many light curves, sorted by object and time."""

    time: np.ndarray
    value: np.ndarray
    error: np.ndarray
    owner: np.ndarray
    number: int

    @property
    def counts(self) -> np.ndarray:
        return np.bincount(self.owner, minlength=self.number)

    def mean(self, values: np.ndarray, where: np.ndarray | None = None) -> np.ndarray:
        """Mean of each light curve, 0 for one without epochs."""
        owner, values = (
            (self.owner, values) if where is None else (self.owner[where], values[where])
        )
        counts = np.bincount(owner, minlength=self.number)
        return np.bincount(owner, values, self.number).astype(float) / np.maximum(counts, 1)


def _chunk(ragged: Ragged, periods: Periods) -> dict[str, np.ndarray]:
    time, value, error = photometry_series(ragged)
    good = np.isfinite(time) & np.isfinite(value) & np.isfinite(error) & (error > 0)
    time, value, error, owner = time[good], value[good], error[good], ragged.owner[good]
    order = np.lexsort((time, owner))
    curves = _Curves(time[order], value[order], error[order], owner[order], len(ragged))
    result = _moments(curves)
    found = np.isfinite(periods.period)
    span = np.where(result["time_span"] > 0, result["time_span"], 1.0)
    period = np.where(found, periods.period, span)
    ls_period = np.where(found, periods.ls_period, span)
    terms = np.where(found, periods.harmonics, 0)
    result |= {
        "period": period,
        "ls_period": ls_period,
        "period_ratio": period / ls_period,
        "ls_power": np.where(found, periods.ls_power, 0.0),
        "ls_power_ratio": np.where(found, _ratio(periods.ls_power_second, periods.ls_power), 1.0),
        "harmonics": terms.astype(float),
        "lksl_statistic": _string_length(curves, period),
        "lksl_double": _string_length(curves, 2 * ls_period),
    }
    result |= _in_time(curves, result)
    result |= _distribution(curves)
    result |= _folded(curves, period, terms)
    single = result["r21"] <= 1
    orbital = np.where(single, 2, 1) * period
    result |= _orbital(curves, orbital, np.where(single, 2, 1) * terms)
    short = result["n_obs"] < 2
    return {
        name: np.where(short & (name != "n_obs"), np.nan, result[name].astype(float))
        for name in FEATURES
    }


def _moments(curves: _Curves) -> dict[str, np.ndarray]:
    number, owner = curves.counts, curves.owner
    rest = curves.value - curves.mean(curves.value)[owner]
    variance = curves.mean(rest**2)
    std = np.sqrt(variance)
    unit = _ratio(rest, std[owner])
    first = np.minimum(np.cumsum(number) - number, max(len(owner) - 1, 0))
    last = np.maximum(np.cumsum(number) - 1, 0)
    span = curves.time[last] - curves.time[first] if len(owner) else np.zeros(curves.number)
    days = curves.time - curves.mean(curves.time)[owner]
    # The bias of n against n - 1 and the leverage of a pair of epochs.
    pull = np.sqrt(_ratio(number, np.maximum(number - 1, 1)))[owner] * rest / curves.error
    step = _steps(curves)
    product = np.zeros(len(owner))
    product[:-1] = pull[:-1] * pull[1:]
    return {
        "n_obs": number.astype(float),
        "time_span": np.where(number > 0, span, 0.0),
        "std": std,
        "skewness": curves.mean(unit**3),
        "kurtosis": np.where(std > 0, curves.mean(unit**4) - 3, 0.0),
        "reduced_chi2": _ratio(variance, curves.mean(curves.error**2)),
        "stetson_j": curves.mean(np.sign(product) * np.sqrt(np.abs(product)), step),
        "stetson_k": _ratio(curves.mean(np.abs(pull)), np.sqrt(curves.mean(pull**2))),
        "slope": 365.25 * _ratio(curves.mean(days * rest), curves.mean(days**2)),
        "faint_fraction": curves.mean((unit > 1.5).astype(float)),
        "bright_fraction": curves.mean((unit < -1.5).astype(float)),
    }


def _in_time(curves: _Curves, moments: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    step = _steps(curves)
    change, wait = np.zeros((2, len(step)))
    change[:-1], wait[:-1] = np.diff(curves.value) ** 2, np.diff(curves.time)
    near = step & (wait < SHORT_STEP)
    any_near = np.bincount(curves.owner[near], minlength=curves.number) > 0
    eta = _ratio(curves.mean(change, step), moments["std"] ** 2)
    eta_day = _ratio(curves.mean(change, near), moments["std"] ** 2)
    return {"eta": eta, "eta_day": np.where(any_near, eta_day, eta)}


def _distribution(curves: _Curves) -> dict[str, np.ndarray]:
    levels = np.array([0, 0.05, 0.25, 0.4, 0.5, 0.6, 0.75, 0.95, 1])
    table = group_quantiles(curves.value, curves.owner, curves.number, levels)
    p0, p5, p25, p40, p50, p60, p75, p95, p100 = np.nan_to_num(table).T
    amplitude = p95 - p5
    away = np.abs(curves.value - p50[curves.owner])
    return {
        "median": p50,
        "median_error": group_median(curves.error, curves.owner, curves.number),
        "amplitude": amplitude,
        "mad": group_median(away, curves.owner, curves.number),
        "asymmetry": _ratio(p95 - p50, amplitude),
        "quartile_ratio": _ratio(p75 - p25, amplitude),
        "middle_ratio": _ratio(p60 - p40, amplitude),
        "tail_faint": _ratio(p100 - p50, amplitude),
        "tail_bright": _ratio(p50 - p0, amplitude),
    }


def _folded(curves: _Curves, period: np.ndarray, terms: np.ndarray) -> dict[str, np.ndarray]:
    """Features of the curve folded at its period."""
    sums = _sums(curves, period, max(int(terms.max(initial=0)), 4))
    # Curves with few epochs get fewer than four harmonics, so that nothing is over-fitted.
    four = fit_harmonics(sums, np.clip((curves.counts - 2) // 4, 0, 4))[:, 1:5]
    size, angle = np.abs(four), np.angle(four)
    best = fit_harmonics(sums, terms)
    model = _on_grid(best)
    rest = curves.value - _at_epochs(curves, period, best, sums.mean)
    weight = curves.error**-2.0
    left = _ratio(curves.mean(weight * rest**2), curves.mean(weight))
    faint, bright = model.argmax(axis=1), model.argmin(axis=1)
    middle = (model.max(axis=1) + model.min(axis=1)) / 2
    ratio, distance = _minima(model)
    return {
        "fourier_amplitude": size[:, 0],
        "r21": _ratio(size[:, 1], size[:, 0]),
        "r31": _ratio(size[:, 2], size[:, 0]),
        "r41": _ratio(size[:, 3], size[:, 0]),
        "phi21": (angle[:, 1] - 2 * angle[:, 0]) % (2 * np.pi),
        "phi31": (angle[:, 2] - 3 * angle[:, 0]) % (2 * np.pi),
        "variance_explained": np.clip(_ratio(sums.power - left, sums.power), 0.0, 1.0),
        "residual_chi2": curves.mean(weight * rest**2),
        "faint_width": (model > middle[:, None]).mean(axis=1),
        "rise_fraction": ((bright - faint) % GRID) / GRID,
        "depth_ratio": ratio,
        "minima_distance": distance,
    }


def _orbital(curves: _Curves, period: np.ndarray, terms: np.ndarray) -> dict[str, np.ndarray]:
    """Features of the orbital fold, which has two minima."""
    sums = _sums(curves, period, 12)
    fit = fit_harmonics(sums, np.minimum(terms, 12))
    power = np.abs(fit) ** 2
    model = _on_grid(fit)
    ratio, _ = _minima(model)
    middle = (model.max(axis=1) + model.min(axis=1)) / 2
    # All curves get the same harmonics here, as far as their epochs allow.
    fit = fit_harmonics(sums, np.clip((curves.counts - 2) // 4, 0, 8))
    size, angle = np.abs(fit), np.angle(fit)
    return {
        "orbital_period": period,
        "orbital_amplitude": size[:, 2],
        "r42_orbital": _ratio(size[:, 4], size[:, 2]),
        "r62_orbital": _ratio(size[:, 6], size[:, 2]),
        "phi42_orbital": (angle[:, 4] - 2 * angle[:, 2]) % (2 * np.pi),
        "odd_power_orbital": _ratio(power[:, 1::2].sum(axis=1), power[:, 1:].sum(axis=1)),
        "depth_ratio_orbital": ratio,
        "faint_width_orbital": (model > middle[:, None]).mean(axis=1),
    }


def _string_length(curves: _Curves, period: np.ndarray) -> np.ndarray:
    """Lafler-Kinman statistic of Clarke (2002, A&A 386, 763): 1 for noise, 0 for no scatter."""
    phase = (curves.time / period[curves.owner]) % 1.0
    value = curves.value[np.lexsort((phase, curves.owner))]
    counts = curves.counts
    following = np.arange(1, len(value) + 1)
    ends = np.cumsum(counts)[counts > 0]
    following[ends - 1] = ends - counts[counts > 0]
    change = curves.mean((value[following] - value) ** 2)
    rest = curves.value - curves.mean(curves.value)[curves.owner]
    bias = (counts - 1) / (2 * np.maximum(counts, 1))
    return np.maximum(bias, 0) * _ratio(change, curves.mean(rest**2))


def _sums(curves: _Curves, period: np.ndarray, harmonics: int) -> FourierSums:
    phase = curves.time / period[curves.owner]
    weight = curves.error**-2.0
    return FourierSums.of_phases(
        phase, curves.value, weight, curves.owner, curves.number, harmonics
    )


def _at_epochs(
    curves: _Curves, period: np.ndarray, coefficients: np.ndarray, mean: np.ndarray
) -> np.ndarray:
    step = np.exp(2j * np.pi * ((curves.time / period[curves.owner]) % 1.0))
    wave = np.ones_like(step)
    result = mean[curves.owner].copy()
    for k in range(coefficients.shape[1]):
        result += (coefficients[curves.owner, k] * wave).real
        wave *= step
    return result


def _on_grid(coefficients: np.ndarray) -> np.ndarray:
    """Fourier series on a regular grid of phases, shape (n, GRID)."""
    order = np.arange(coefficients.shape[1])
    wave = np.exp(2j * np.pi * order[:, None] * np.arange(GRID) / GRID)
    return (coefficients @ wave).real


def _minima(model: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Depth of the secondary over that of the primary minimum, and the phase between them."""
    primary = model.argmax(axis=1)
    phase = ((np.arange(GRID) - primary[:, None]) % GRID) / GRID
    away = np.minimum(phase, 1 - phase)
    local = (model > np.roll(model, 1, axis=1)) & (model >= np.roll(model, -1, axis=1))
    bright = model.min(axis=1)
    height = np.where(local & (away >= APART), model - bright[:, None], -1.0)
    place = height.argmax(axis=1)
    rows = np.arange(len(model))
    second = height[rows, place]
    ratio = _ratio(second, model.max(axis=1) - bright)
    return np.where(second > 0, ratio, 0.0), np.where(second > 0, away[rows, place], 0.0)


def _steps(curves: _Curves) -> np.ndarray:
    """Whether the next epoch belongs to the same light curve."""
    same = np.zeros(len(curves.owner), bool)
    same[:-1] = curves.owner[1:] == curves.owner[:-1]
    return same


def _ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    """Divide, with 0 where the denominator is not above zero."""
    positive = np.asarray(under) > 0
    return np.where(positive, over / np.where(positive, under, 1.0), 0.0)
