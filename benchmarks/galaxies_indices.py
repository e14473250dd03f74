"""Line indices measured by hand: the 4000 Angstrom break and equivalent widths.

All are defined at rest, so they need the redshift: here the one of the catalogue, which the
embeddings are not given. A table of such indices says how far one comes with knowing it.

Wavelengths of the definitions are in air, as published, and turned into vacuum ones.
"""

from dataclasses import dataclass

import numpy as np

#: Share of a band's width that good pixels must cover.
COVERAGE = 0.8

Band = tuple[float, float]


@dataclass(frozen=True)
class Line:
    """A line and the continuum on both of its sides.

    Attributes
    ----------
    band, blue, red : (float, float)
        At rest, in air [Angstrom].
    emission : bool
        Whether the equivalent width counts as positive in emission; otherwise in absorption.
    """

    band: Band
    blue: Band
    red: Band
    emission: bool = True


#: Balogh et al. (1999): the narrow break.
BREAK: tuple[Band, Band] = ((3850.0, 3950.0), (4000.0, 4100.0))

LINES: dict[str, Line] = {
    # Balogh et al. (1999)
    "ew_oii": Line((3713.0, 3741.0), (3653.0, 3713.0), (3741.0, 3801.0)),
    # Worthey & Ottaviani (1997), H delta A
    "hdelta_a": Line((4083.5, 4122.25), (4041.6, 4081.5), (4128.5, 4161.0), emission=False),
    # Trager et al. (1998), Lick indices
    "lick_hbeta": Line(
        (4847.875, 4876.625), (4827.875, 4847.875), (4876.625, 4891.625), emission=False
    ),
    "lick_mgb": Line((5160.125, 5192.625), (5117.7, 5142.7), (5191.375, 5206.375), emission=False),
    # bands as wide as the lines of the instrument, continua free of other lines
    "ew_hbeta": Line((4851.0, 4871.0), (4800.0, 4840.0), (4880.0, 4930.0)),
    "ew_oiii": Line((4997.0, 5017.0), (4970.0, 4994.0), (5020.0, 5060.0)),
    "ew_halpha": Line((6554.0, 6573.5), (6490.0, 6535.0), (6600.0, 6650.0)),
    "ew_nii": Line((6574.5, 6593.5), (6490.0, 6535.0), (6600.0, 6650.0)),
    "ew_sii": Line((6708.0, 6739.0), (6660.0, 6700.0), (6745.0, 6790.0)),
}


def air_to_vacuum(wavelength: np.ndarray | float) -> np.ndarray:
    """Turn wavelengths in air into those in vacuum [Angstrom] (Ciddor 1996, as in the VALD)."""
    air = np.asarray(wavelength, np.float64)
    s = (1e4 / air) ** 2
    index = (
        1
        + 0.00008336624212083
        + 0.02408926869968 / (130.1065924522 - s)
        + 0.0001599740894897 / (38.92568793293 - s)
    )
    return air * index


def mean_flux(
    wavelength: np.ndarray,
    flux: np.ndarray,
    good: np.ndarray,
    redshift: np.ndarray,
    band: Band,
) -> np.ndarray:
    """Mean flux density of each object in a band at rest; pixels count by their overlap.

    Parameters
    ----------
    wavelength : ndarray, shape (W,)
        Observed, in vacuum, ascending [Angstrom].
    flux : ndarray, shape (n, W)
    good : ndarray of bool, shape (n, W)
        Pixels that count.
    redshift : ndarray, shape (n,)
    band : (float, float)
        At rest, in air [Angstrom].

    Returns
    -------
    ndarray, shape (n,)
        NaN where good pixels cover less than `COVERAGE` of the band.
    """
    edges = np.concatenate(
        [
            [1.5 * wavelength[0] - 0.5 * wavelength[1]],
            0.5 * (wavelength[1:] + wavelength[:-1]),
            [1.5 * wavelength[-1] - 0.5 * wavelength[-2]],
        ]
    )
    width = np.where(good, np.diff(edges), 0.0)
    ends = air_to_vacuum(np.array(band)) * (1 + np.asarray(redshift, np.float64))[:, None]
    light = _between(edges, np.where(good, flux, 0.0) * width, ends)
    covered = _between(edges, width, ends)
    enough = covered > COVERAGE * (ends[:, 1] - ends[:, 0])
    return np.where(enough, light / np.where(enough, covered, 1.0), np.nan)


def break_4000(
    wavelength: np.ndarray, flux: np.ndarray, good: np.ndarray, redshift: np.ndarray
) -> np.ndarray:
    """D_n(4000): mean flux per frequency redward of the break over that blueward, (n,)."""
    per_frequency = flux * wavelength**2
    blue, red = (mean_flux(wavelength, per_frequency, good, redshift, band) for band in BREAK)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(blue > 0, red / blue, np.nan)


def equivalent_width(
    wavelength: np.ndarray, flux: np.ndarray, good: np.ndarray, redshift: np.ndarray, line: Line
) -> np.ndarray:
    """Equivalent width at rest [Angstrom], (n,), over a continuum that is a straight line.

    The continuum runs through the mean fluxes in the middles of the two side bands.
    """
    inside, blue, red = (
        mean_flux(wavelength, flux, good, redshift, band)
        for band in (line.band, line.blue, line.red)
    )
    middle, left, right = (float(np.mean(band)) for band in (line.band, line.blue, line.red))
    continuum = blue + (red - blue) * (middle - left) / (right - left)
    first, last = air_to_vacuum(np.array(line.band))
    with np.errstate(divide="ignore", invalid="ignore"):
        absorbed = np.where(continuum > 0, (1 - inside / continuum) * (last - first), np.nan)
    return -absorbed if line.emission else absorbed


def line_indices(
    wavelength: np.ndarray, flux: np.ndarray, good: np.ndarray, redshift: np.ndarray
) -> dict[str, np.ndarray]:
    """Give D_n(4000) and every line of `LINES`, each of shape (n,); see `mean_flux`."""
    indices = {"dn4000": break_4000(wavelength, flux, good, redshift)}
    for name, line in LINES.items():
        indices[name] = equivalent_width(wavelength, flux, good, redshift, line)
    return indices


def _between(edges: np.ndarray, amount: np.ndarray, ends: np.ndarray) -> np.ndarray:
    """Sum up the amounts in bins between two places a row, (n,), with parts of bins."""
    total = np.concatenate([np.zeros((len(amount), 1)), np.cumsum(amount, axis=1)], axis=1)
    right = np.clip(np.searchsorted(edges, ends.ravel()), 1, len(edges) - 1).reshape(ends.shape)
    place = np.clip((ends - edges[right - 1]) / (edges[right] - edges[right - 1]), 0, 1)
    before = np.take_along_axis(total, right - 1, axis=1)
    sums = before + place * (np.take_along_axis(total, right, axis=1) - before)
    return sums[:, 1] - sums[:, 0]
