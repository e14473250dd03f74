"""What the matches of a search tell: contrast, prediction by neighbours, duplicates."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from skybind.errors import DataError

ARCSEC = np.pi / 180 / 3600


def contrast_order(alike: np.ndarray, unlike: np.ndarray) -> np.ndarray:
    """Rank matches that are alike in one modality by how unlike they are in another.

    Parameters
    ----------
    alike : ndarray, shape (k,)
        Cosines in the modality that was searched; the larger goes first between equals.
    unlike : ndarray, shape (k,)
        Cosines in the other modality; NaN (not observed) goes last.

    Returns
    -------
    ndarray of int, shape (k,)
        The order, the most unlike first.
    """
    return np.lexsort((-np.asarray(alike), np.asarray(unlike)))


@dataclass(frozen=True)
class NumberPrediction:
    """A number predicted by the mean of the matches.

    Attributes
    ----------
    column : str
    n : int
        Matches in which it is known.
    mean, spread : float
        Their mean and standard deviation (n - 1); NaN with none, and with one for the spread.
    median : float
    """

    column: str
    n: int
    mean: float
    spread: float
    median: float


@dataclass(frozen=True)
class ClassPrediction:
    """A class predicted by the matches' votes.

    Attributes
    ----------
    column : str
    n : int
        Matches in which it is known.
    fractions : dict of str to float
        Share of the votes of each class, the largest first.
    """

    column: str
    n: int
    fractions: dict[str, float]


def predict_column(column: str, values: np.ndarray) -> NumberPrediction | ClassPrediction:
    """Predict what a column holds for an object from its matches.

    Parameters
    ----------
    column : str
        Its name.
    values : ndarray, shape (k,)
        Of the matches: numbers (NaN where not known), or text ("" where not known).
    """
    values = np.asarray(values)
    if values.dtype.kind in "UO":
        names, counts = np.unique(values[values != ""].astype(str), return_counts=True)
        order = np.lexsort((names, -counts))
        n = int(counts.sum())
        shares = {str(names[i]): float(counts[i] / n) for i in order}
        return ClassPrediction(column, n, shares)
    known = values[np.isfinite(values.astype(float))].astype(float)
    n = len(known)
    return NumberPrediction(
        column,
        n,
        float(known.mean()) if n else np.nan,
        float(known.std(ddof=1)) if n > 1 else np.nan,
        float(np.median(known)) if n else np.nan,
    )


@dataclass(frozen=True)
class SpectrumPrediction:
    """The spectrum that the matches say an object should have, up to a factor.

    Attributes
    ----------
    wavelength : ndarray, shape (W,)
        [Angstrom]
    flux : ndarray, shape (W,)
        Mean of the matches' fluxes, each divided by its median over the common range; NaN where
        none was observed. Spectra without a positive median have no level and are left out.
    spread : ndarray, shape (W,)
        Their standard deviation (n - 1); NaN where fewer than two were observed.
    n : ndarray of int, shape (W,)
        Number of matches observed at each wavelength.
    column : str
        Of the spectra.
    frame : {"observed", "rest"}
        Of the wavelengths.
    left_out : int
        Spectra that are not averaged, as their redshift is not known.
    averaged : int
        Spectra that are, of at least one wavelength.
    """

    wavelength: np.ndarray
    flux: np.ndarray
    spread: np.ndarray
    n: np.ndarray
    column: str = "spectrum"
    frame: str = "observed"
    left_out: int = 0
    averaged: int = 0

    @property
    def axis(self) -> str:
        """What its wavelengths are called."""
        return f"{self.frame.capitalize()} wavelength"

    @property
    def title(self) -> str:
        """What it is."""
        lost = f" ({self.left_out} without a redshift left out)" if self.left_out else ""
        of = f"{self.averaged} {'match' if self.averaged == 1 else 'matches'}"
        return f"Mean {self.column} of {of} in the {self.frame} frame, and its spread{lost}"


def predict_spectrum(
    spectra: Sequence[tuple[np.ndarray, np.ndarray]], grid: np.ndarray | None = None
) -> SpectrumPrediction:
    """Average the spectra of matches.

    Parameters
    ----------
    spectra : sequence of (wavelength, flux)
        Wavelengths [Angstrom] increase; a flux that is NaN is masked, and so is what lies
        between it and the next pixels.
    grid : ndarray, optional
        Wavelengths [Angstrom] to give it at; those of the spectrum with most pixels by default,
        of several the one in the middle. What has no pixel among them is not averaged.

    Raises
    ------
    DataError
        If there is no spectrum with a finite flux, or none has a level.
    """
    every = [(np.asarray(w, float), np.asarray(f, float)) for w, f in spectra]
    usable = [(w, f) for w, f in every if np.isfinite(f).sum() > 1]
    if not usable:
        raise DataError("None of the matches has a spectrum: none can be predicted.")
    if grid is None:
        most = max(len(w) for w, _ in usable)
        longest = sorted((w for w, _ in usable if len(w) == most), key=lambda w: w[0])
        grid = longest[len(longest) // 2]
    stack = np.stack([np.interp(grid, w, f, left=np.nan, right=np.nan) for w, f in usable])
    stack = stack[np.isfinite(stack).any(axis=1)]
    common = np.isfinite(stack).all(axis=0)
    if not common.any():
        common[:] = True
    level = np.nanmedian(np.where(common, stack, np.nan), axis=1)
    # dividing by a level below zero would turn a spectrum upside down
    stack = stack[level > 0] / level[level > 0, None]
    if not len(stack):
        raise DataError("The spectra of the matches are noise around zero: none can be predicted.")
    n = np.isfinite(stack).sum(axis=0)
    filled = np.where(np.isfinite(stack), stack, 0.0)
    mean = np.divide(filled.sum(0), n, out=np.full(len(grid), np.nan), where=n > 0)
    squares = np.where(np.isfinite(stack), (stack - mean) ** 2, 0.0).sum(axis=0)
    spread = np.sqrt(np.divide(squares, n - 1, out=np.full(len(grid), np.nan), where=n > 1))
    return SpectrumPrediction(np.asarray(grid, float), mean, spread, n, averaged=len(stack))


@dataclass(frozen=True)
class DuplicateRule:
    """When a match counts as the same object, and when as the same data.

    Attributes
    ----------
    radius : float
        Largest separation of two positions of one object [arcsec].
    same_data : float
        Cosine above which two observations are one and the same: noise keeps two separate
        observations of one object below it, so that only equal (or copied) data reach it.
    """

    radius: float = 1.0
    same_data: float = 1 - 1e-6


#: What a match is to the query, from the surest to the least.
RELATIONS = ("itself", "same position", "same data", "unlike", "alike")
#: Those that are the query itself.
SAME = RELATIONS[:3]


def tell_relation(
    cosine: np.ndarray,
    same_id: np.ndarray,
    separation: np.ndarray,
    rule: DuplicateRule | None = None,
    unlike: np.ndarray | None = None,
) -> np.ndarray:
    """Tell for every match what it is to the query.

    `itself`: the same name. `same position`: another entry of the same object. `same data`: the
    observation is a copy, under another name and position. `unlike`: the nearest there is, but
    farther than objects of the survey are from their nearest. `alike`: all others.

    Parameters
    ----------
    cosine : ndarray, shape (k,)
        Between observations of the same modality; NaN where they are of different ones.
    same_id : ndarray of bool, shape (k,)
    separation : ndarray, shape (k,)
        Distance in the sky [arcsec]; NaN where a position is not known.
    rule : DuplicateRule, optional
    unlike : ndarray of bool, shape (k,), optional
        Which are too far to be alike (`skybind.search.alike`); none by default.
    """
    rule = rule or DuplicateRule()
    far = np.zeros(len(cosine), bool) if unlike is None else unlike
    with np.errstate(invalid="ignore"):
        conditions = [
            np.asarray(same_id, bool),
            separation <= rule.radius,
            cosine >= rule.same_data,
            far,
        ]
    return np.select(conditions, list(RELATIONS[:-1]), RELATIONS[-1])


def separation(ra: float, dec: float, ras: np.ndarray, decs: np.ndarray) -> np.ndarray:
    """Angular distance of positions from one position [arcsec]; all in degrees.

    By the haversine formula, which keeps its precision at small distances.
    """
    a, d = np.radians(ra), np.radians(dec)
    b, e = np.radians(ras), np.radians(decs)
    h = np.sin((e - d) / 2) ** 2 + np.cos(d) * np.cos(e) * np.sin((b - a) / 2) ** 2
    return 2 * np.arcsin(np.sqrt(np.clip(h, 0, 1))) / ARCSEC
