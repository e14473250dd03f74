"""Stellar absorption: a compact recipe of lines and molecular bands on a logarithmic grid.

Not a model atmosphere: strengths follow tables of equivalent width against temperature, with
simple dependences on log g and [Fe/H]. Gray & Corbally (2009, Stellar Spectral Classification)
for the run of features with type; band heads from Pearse & Gaydon (1976), wavelengths in vacuum.
"""

from dataclasses import dataclass
from functools import cache

import numpy as np

LOG_START, LOG_STEP, N_PIXELS = 3.5560, 1e-4, 4320


WAVELENGTH = 10 ** (LOG_START + LOG_STEP * np.arange(N_PIXELS))


"""Grid of the templates [Angstrom, vacuum]: wider than the observed range."""


TEFF_NODES = np.concatenate(
    [np.arange(2600, 4200, 100), np.arange(4200, 6200, 200), np.arange(6200, 10000, 400),
     np.arange(10000, 14001, 1000)]
).astype(float)  # fmt: skip


LOGG_NODES = np.array([0.0, 2.0, 3.5, 4.6])


FEH_NODES = np.array([-2.2, -1.4, -0.7, 0.0, 0.4])


BALMER = {"Ha": 6564.6, "Hb": 4862.7, "Hg": 4341.7, "Hd": 4102.9, "He": 3971.2, "H8": 3890.2,
          "H9": 3836.5, "H10": 3799.0, "H11": 3771.7, "H12": 3751.2, "H13": 3735.4,
          "H14": 3723.0}  # fmt: skip


# share of the strength of H beta; the highest members melt into the Balmer jump
_BALMER_SHARE = (0.92, 1.0, 1.05, 1.1, 1.05, 0.95, 0.8, 0.7, 0.6, 0.5, 0.45, 0.4)


_PASCHEN = (8865.2, 8752.9, 8667.4, 8600.8, 8547.7, 8504.8, 8469.6, 8440.3, 8415.6)


# equivalent width of H beta in dwarfs [Angstrom] against Teff
_T_BALMER = np.array([3500.0, 4500, 5000, 5800, 6500, 7000, 7500, 8000, 8700, 9500, 10500, 12500])


_W_BALMER = np.array([0.4, 1.2, 1.7, 3.4, 5.7, 7.5, 9.8, 12.5, 16.0, 17.0, 15.0, 10.5])


# strength of neutral metal lines, solar abundance, in units of the Sun
_T_METAL = np.array([3000.0, 3500, 4000, 4500, 5000, 5772, 6500, 7500, 8500, 10000, 13000])


_F_METAL = np.array([1.9, 2.1, 2.1, 1.8, 1.45, 1.0, 0.65, 0.35, 0.15, 0.05, 0.0])


_T_K = np.array([3000.0, 4000, 5000, 6000, 7000, 8000, 9000, 10000, 12000])


_W_K = np.array([14.0, 17.0, 14.0, 9.0, 5.0, 2.6, 1.1, 0.5, 0.2])


_T_CH = np.array([3500.0, 4000, 4500, 5000, 5500, 6200, 6900, 7500])


_F_CH = np.array([1.2, 1.4, 1.4, 1.3, 1.1, 0.6, 0.2, 0.0])


_T_CAT = np.array([3000.0, 4000, 5000, 6000, 7000, 8000, 10000])


_F_CAT = np.array([0.9, 1.1, 1.1, 0.9, 0.7, 0.4, 0.1])


# of the weak metal lines, in units of their optical depth at 3700 Angstrom
_BLANKET_LIMIT = 1.4


@dataclass(frozen=True)
class _Line:
    wavelength: float
    width: float  # equivalent width in the Sun, Angstrom
    gravity: float = 0.0  # d log10 W / d log g
    excess: float = 0.0  # d log10 W per 1000 K below 5772 K, beyond that of all metals


_METAL_LINES = (
    _Line(4227.9, 3.1, 0.05, 0.16), _Line(5168.8, 1.0, 0.06, 0.06), _Line(5174.1, 1.2, 0.09, 0.06),
    _Line(5185.0, 1.6, 0.09, 0.06), _Line(5891.6, 0.8, 0.10, 0.22), _Line(5897.6, 0.65, 0.10, 0.22),
    _Line(8185.5, 0.6, 0.18, 0.10), _Line(8197.1, 0.9, 0.18, 0.10), _Line(7667.0, 0.6, 0.10, 0.15),
    _Line(7701.1, 0.6, 0.10, 0.15), _Line(4078.9, 0.8, -0.15), _Line(4216.7, 0.6, -0.18),
    _Line(4031.9, 1.2), _Line(4047.0, 2.2), _Line(4064.7, 1.8), _Line(4072.9, 1.6),
    _Line(4133.2, 1.2), _Line(4145.0, 1.4), _Line(4203.2, 1.2), _Line(4251.3, 1.2),
    _Line(4261.7, 1.2), _Line(4273.0, 1.6), _Line(4309.1, 1.2), _Line(4326.9, 1.8),
    _Line(4384.8, 2.4), _Line(4405.9, 1.6), _Line(4416.4, 1.2), _Line(4428.5, 1.0, -0.05, 0.1),
    _Line(4455.9, 1.0), _Line(4482.3, 0.8), _Line(4529.9, 1.0), _Line(4555.3, 0.7, -0.1),
    _Line(4669.4, 1.2), _Line(4704.3, 0.8), _Line(4891.9, 1.2), _Line(4921.9, 1.2),
    _Line(4958.9, 1.6), _Line(5013.5, 0.8, -0.05), _Line(5042.9, 1.0), _Line(5080.0, 1.0),
    _Line(5108.5, 0.7), _Line(5206.8, 1.2, 0, 0.12), _Line(5228.6, 1.2), _Line(5271.3, 1.8),
    _Line(5329.8, 1.6), _Line(5372.9, 1.0), _Line(5398.6, 0.9), _Line(5407.3, 0.8),
    _Line(5431.2, 0.8), _Line(5448.4, 1.0), _Line(5530.0, 0.7, 0.04), _Line(5588.0, 0.8),
    _Line(5617.2, 0.7), _Line(5711.0, 0.6), _Line(5859.1, 0.6), _Line(6104.4, 0.4, 0.05, 0.1),
    _Line(6123.9, 0.5, 0.05, 0.1), _Line(6138.3, 0.6), _Line(6163.9, 0.6, 0.05, 0.1),
    _Line(6193.3, 0.5), _Line(6232.4, 0.4), _Line(6255.0, 0.4), _Line(6337.1, 0.4),
    _Line(6401.8, 0.4), _Line(6440.9, 0.4), _Line(6464.4, 0.5), _Line(6496.8, 0.8, -0.12),
    _Line(6594.7, 0.4), _Line(6679.8, 0.4), _Line(7148.1, 0.4), _Line(7513.1, 0.4),
    _Line(8329.2, 0.5), _Line(8390.1, 0.6), _Line(8516.4, 0.5), _Line(8690.9, 0.7),
    _Line(8809.2, 0.7, 0.04), _Line(8826.6, 0.5),
)  # fmt: skip


# head, extent to the red [Angstrom], relative strength
_TIO = (
    (4763.0, 120.0, 0.6), (4956.0, 150.0, 0.9), (5168.0, 200.0, 1.0), (5449.0, 140.0, 0.8),
    (5599.0, 120.0, 0.5), (5761.0, 110.0, 0.6), (5849.0, 150.0, 1.0), (6160.0, 200.0, 1.4),
    (6570.0, 60.0, 0.3), (6653.0, 180.0, 1.0), (7055.0, 220.0, 1.0), (7126.0, 150.0, 0.6),
    (7591.0, 160.0, 1.0), (7668.0, 200.0, 0.8), (8207.0, 120.0, 0.35), (8434.0, 140.0, 1.0),
    (8862.0, 150.0, 0.8),
)  # fmt: skip


_VO = ((7336.0, 120.0, 0.8), (7398.0, 120.0, 0.5), (7853.0, 160.0, 1.0), (7897.0, 160.0, 0.7),
       (8538.0, 160.0, 0.7), (8624.0, 140.0, 0.6))  # fmt: skip


# the Swan bands degrade to the blue, the red system of CN to the red
_C2 = ((4384.0, 120.0, 0.5), (4738.5, 200.0, 1.1), (5166.8, 260.0, 1.5), (5637.4, 260.0, 1.1),
       (6192.9, 220.0, 0.5))  # fmt: skip


_CN = ((5731.0, 160.0, 0.25), (6207.0, 200.0, 0.3), (6480.0, 200.0, 0.35), (6927.0, 220.0, 0.6),
       (7090.0, 220.0, 0.5), (7260.0, 200.0, 0.4), (7878.0, 250.0, 0.8), (8069.0, 250.0, 0.7),
       (8270.0, 200.0, 0.5), (8780.0, 250.0, 0.3))  # fmt: skip


@cache
def absorption(carbon: bool) -> np.ndarray:
    """Give the flux relative to the continuum at every node of the grid.

    Parameters
    ----------
    carbon : bool
        Of carbon stars (C2, CN) instead of oxygen-rich ones (TiO, VO).

    Returns
    -------
    ndarray of float32, shape (n_teff, n_logg, n_feh, n_pixels)
    """
    teff, logg, feh = np.meshgrid(TEFF_NODES, LOGG_NODES, FEH_NODES, indexing="ij")
    depth = optical_depth(teff.ravel(), logg.ravel(), feh.ravel(), carbon)
    return np.exp(-depth).astype(np.float32).reshape(*teff.shape, N_PIXELS)


def optical_depth(
    teff: np.ndarray,
    logg: np.ndarray,
    feh: np.ndarray,
    carbon: bool,
    wavelength: np.ndarray = WAVELENGTH,
) -> np.ndarray:
    """Sum all lines and bands.

    Parameters
    ----------
    teff, logg, feh : ndarray, shape (n,)
        K, cgs dex, dex.
    carbon : bool
        As in `absorption`.
    wavelength : ndarray, shape (n_pixels,)
        Vacuum, Angstrom, growing; logarithmic steps of about `LOG_STEP`.

    Returns
    -------
    ndarray, shape (n, n_pixels)
    """
    tau = np.zeros((len(teff), len(wavelength)))
    _hydrogen(tau, wavelength, teff, logg)
    _metals(tau, wavelength, teff, logg, feh)
    if carbon:
        cool = np.clip((4300 - teff) / 1200, 0, 1.6)
        _bands(tau, wavelength, _C2, cool, redward=False)
        _bands(tau, wavelength, _CN, cool, redward=True)
        violet = np.exp(-(wavelength - 3700) / 450)
        tau += 2.5 * cool[:, None] * violet
    else:
        rich = 10 ** (0.45 * np.clip(feh, -2.5, 0.4))
        _bands(tau, wavelength, _TIO, tio_strength(teff, logg) * rich, redward=True)
        _bands(tau, wavelength, _VO, np.clip((3350 - teff) / 450, 0, 2.5) * rich, redward=True)
        # hydrides mark cool dwarfs: MgH at 5211, CaH near 6385 and 6800
        dwarf = np.clip((logg - 3) / 1.5, 0, 1)
        for centre, width, weight, onset in (
            (5190, 45, 0.35, 5200),
            (6385, 25, 0.5, 4100),
            (6830, 60, 0.8, 4200),
        ):
            strength = weight * dwarf * np.clip((onset - teff) / 1500, 0, 1)
            shape = np.exp(-0.5 * ((wavelength - centre) / width) ** 2)
            tau += strength[:, None] * shape
    return tau


def tio_strength(teff: np.ndarray, logg: np.ndarray) -> np.ndarray:
    """Give the strength of TiO: from about 4200 K down, a little hotter in dwarfs."""
    onset = np.where(logg > 3, 4250.0, 4150.0)
    return np.clip((onset - teff) / 650, 0, None) ** 1.2


def balmer_width(teff: np.ndarray, logg: np.ndarray) -> np.ndarray:
    """Give the equivalent width of H beta [Angstrom]; Stark wings shrink with gravity."""
    hot = np.clip((teff - 6500) / 2500, 0, 1)
    return np.interp(teff, _T_BALMER, _W_BALMER) * 10 ** (0.11 * hot * (logg - 4.2))


def _hydrogen(tau: np.ndarray, wavelength: np.ndarray, teff: np.ndarray, logg: np.ndarray) -> None:
    width = balmer_width(teff, logg)
    for centre, share in zip(BALMER.values(), _BALMER_SHARE, strict=True):
        _broad(tau, wavelength, centre, share * width)
    for centre in _PASCHEN:
        _broad(tau, wavelength, centre, 0.25 * np.clip(width - 4, 0, None))
    jump = 1 / (1 + np.exp((wavelength - 3710) / 12))
    tau += 0.055 * width[:, None] * jump


def _metals(
    tau: np.ndarray,
    wavelength: np.ndarray,
    teff: np.ndarray,
    logg: np.ndarray,
    feh: np.ndarray,
) -> None:
    # on the flat part of the curve of growth strengths go slower than abundance
    strength = np.interp(teff, _T_METAL, _F_METAL) * 10 ** (0.38 * feh)
    cool = (5772 - np.clip(teff, 3200, 8000)) / 1000
    for line in _METAL_LINES:
        width = line.width * strength * 10 ** (line.gravity * (logg - 4.4) + line.excess * cool)
        _broad(tau, wavelength, line.wavelength, width)
    calcium = 1.1 * 10 ** (0.18 * feh)
    for centre, share in ((3934.8, 1.0), (3969.6, 0.85)):
        _broad(tau, wavelength, centre, share * np.interp(teff, _T_K, _W_K) * calcium)
    triplet = np.interp(teff, _T_CAT, _F_CAT) * calcium * 10 ** (-0.09 * (logg - 4.4))
    for centre, width in ((8500.4, 1.3), (8544.4, 3.1), (8664.5, 2.6)):
        _broad(tau, wavelength, centre, width * triplet)
    band = np.interp(teff, _T_CH, _F_CH) * 10 ** (0.18 * feh) * 10 ** (-0.03 * (logg - 4.4))
    tau += 0.40 * band[:, None] * np.exp(-((np.abs(wavelength - 4304) / 13) ** 4))
    cyanogen = strength * 10 ** (-0.06 * (logg - 4.4)) * (teff < 6500)
    for head, weight in ((3884.0, 0.30), (4217.0, 0.08)):
        shape = np.where(head > wavelength, np.exp((wavelength - head) / 30), 0)
        tau += weight * cyanogen[:, None] * shape
    # the blanketing levels off in the near ultraviolet, where it has taken most of the light
    violet = np.minimum(np.exp(-(wavelength - 3700) / 420), _BLANKET_LIMIT)
    blanket = np.interp(teff, _T_METAL, _F_METAL) * 10 ** (0.55 * feh)
    tau += 0.48 * blanket[:, None] * violet * _forest(len(wavelength))


def _forest(n_pixels: int) -> np.ndarray:
    """Give a fixed pattern of mean one that stands for the thousands of weak metal lines."""
    rng = np.random.default_rng(1859)
    rough = rng.gamma(1.2, 1.0, n_pixels)
    kernel = np.exp(-0.5 * (np.arange(-6, 7) / 1.8) ** 2)
    return np.convolve(rough, kernel / kernel.sum(), mode="same") / 1.2


def _broad(tau: np.ndarray, wavelength: np.ndarray, centre: float, width: np.ndarray) -> None:
    """Add a damped line of about that equivalent width [Angstrom]; strong ones grow wings."""
    gamma = np.maximum(width / 3, 1.1)
    reach = min(40 * float(gamma.max()), 250.0)
    low, high = np.searchsorted(wavelength, (centre - reach, centre + reach))
    offset = (wavelength[low:high] - centre) / gamma[:, None]
    peak = 1.25 * width / (np.pi * gamma)
    tau[:, low:high] += peak[:, None] / (1 + offset**2)


def _bands(
    tau: np.ndarray, wavelength: np.ndarray, bands: tuple[tuple[float, float, float], ...],
    strength: np.ndarray, redward: bool,
) -> None:  # fmt: skip
    """Add band heads that fade to the red or to the blue."""
    for head, extent, weight in bands:
        beyond = (wavelength - head) if redward else (head - wavelength)
        # the head itself is smoothed over a few Angstrom so that spectra can be shifted
        edge = 1 / (1 + np.exp(-np.clip(beyond / 2.5, -50, 50)))
        shape = edge * np.exp(-np.clip(beyond, 0, None) / extent)
        tau += weight * strength[:, None] * shape
