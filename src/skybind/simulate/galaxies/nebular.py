"""Light of ionised gas: which lines, how strong, from which source.

H alpha follows the star-formation rate (Murphy et al. 2011, for the mass function of Kroupa),
Balmer ratios are those of case B at 10^4 K (Osterbrock & Ferland 2006), metal lines follow the
oxygen abundance through the calibrations of Pettini & Pagel (2004), which trace the star-forming
branch of the diagram of Baldwin, Phillips & Terlevich; active nuclei mix in towards the Seyfert
corner (Kewley et al. 2006), old stars give the weak LINER-like lines of passive galaxies.
"""

import numpy as np

from skybind.simulate.galaxies.population import Galaxies

LINES = {
    "[OII]3727": 3727.09, "[OII]3729": 3729.88, "[NeIII]3870": 3869.86, "H8": 3890.15,
    "He": 3971.20, "Hd": 4102.89, "Hg": 4341.68, "[OIII]4364": 4364.44, "Hb": 4862.68,
    "[OIII]4960": 4960.30, "[OIII]5008": 5008.24, "HeI5877": 5877.25, "[OI]6302": 6302.05,
    "[NII]6550": 6549.86, "Ha": 6564.61, "[NII]6585": 6585.27, "[SII]6718": 6718.29,
    "[SII]6733": 6732.68, "[ArIII]7138": 7137.77, "[SIII]9071": 9071.10, "[SIII]9533": 9533.20,
}  # fmt: skip


"""Names and vacuum wavelengths at rest [Angstrom]."""


WAVELENGTHS = np.array(list(LINES.values()))


SUN = 3.828e33


_KENNICUTT = 5.37e-42  # solar masses/yr per erg/s in H alpha


# old stars ionise gas: H alpha per solar mass of stars, for an equivalent width of about 1 A
_OLD_STARS = 3.5e28


def line_luminosities(g: Galaxies, rate: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Give the luminosity of every line before dust.

    Parameters
    ----------
    g : dict of str to ndarray, shape (n,)
        The galaxies.
    rate : ndarray, shape (n,)
        Star-formation rate of the last 10 Myr [solar masses/yr].

    Returns
    -------
    ndarray, shape (n, n_lines)
        erg/s, in the order of `LINES`.
    """
    n = len(rate)
    young = rate / _KENNICUTT
    active = g["agn"] * young / np.maximum(1 - g["agn"], 0.1)
    active = active + (g["agn"] > 0) * g["agn"] * 0.7 * _OLD_STARS * 3 * 10 ** g["log_mass"]
    old = g["liner"] * _OLD_STARS * 10 ** g["log_mass"] * np.exp(rng.normal(0, 0.5, n))
    ratios = (star_forming_ratios(g["oh"], rng), _seyfert_ratios(n, rng), _liner_ratios(n, rng))
    total = np.zeros((n, len(LINES)))
    for source, ratio in zip((young, active, old), ratios, strict=True):
        for column, name in enumerate(LINES):
            total[:, column] += source * ratio[name]
    return total


def star_forming_ratios(oh: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Give line strengths relative to H alpha for an oxygen abundance 12 + log(O/H), (n,)."""
    n = len(oh)
    n2 = np.minimum((oh - 8.90) / 0.57, -0.32) + rng.normal(0, 0.05, n)
    # O3N2 = log([OIII]/H beta / ([NII]/H alpha)); it turns over in metal-poor gas
    o3 = np.minimum((oh - 8.90) / 0.57 + (8.73 - oh) / 0.32, 0.75) + rng.normal(0, 0.08, n)
    o2 = np.clip(0.12 - 0.9 * (oh - 8.5), -0.6, 0.2) + rng.normal(0, 0.07, n)
    s2 = -0.50 - 0.35 * np.abs(oh - 8.6) + rng.normal(0, 0.05, n)
    return _ratios(10**n2, 10**o3, 10**o2, 10**s2, np.full(n, 0.03))


def _seyfert_ratios(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    n2, o3 = 10 ** rng.normal(0.0, 0.10, n), 10 ** rng.normal(0.85, 0.13, n)
    return _ratios(n2, o3, 10 ** rng.normal(0.0, 0.15, n), np.full(n, 0.5), np.full(n, 0.14))


def _liner_ratios(n: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    n2, o3 = 10 ** rng.normal(0.12, 0.10, n), 10 ** rng.normal(0.25, 0.15, n)
    return _ratios(n2, o3, 10 ** rng.normal(0.10, 0.15, n), np.full(n, 0.9), np.full(n, 0.18))


def _ratios(
    n2: np.ndarray, o3: np.ndarray, o2: np.ndarray, s2: np.ndarray, o1: np.ndarray
) -> dict[str, np.ndarray]:
    """Fill in all lines from [NII]/Ha, [OIII]/Hb, [OII]/Ha, [SII]/Ha and [OI]/Ha."""
    one = np.ones(len(n2))
    hb = one / 2.86
    return {
        "[OII]3727": 0.42 * o2, "[OII]3729": 0.58 * o2, "[NeIII]3870": 0.08 * o3 * hb,
        "H8": 0.107 * hb, "He": 0.159 * hb, "Hd": 0.259 * hb, "Hg": 0.468 * hb,
        "[OIII]4364": 0.008 * o3 * hb, "Hb": hb, "[OIII]4960": o3 * hb / 2.98,
        "[OIII]5008": o3 * hb, "HeI5877": 0.04 * one, "[OI]6302": o1, "[NII]6550": n2 / 3.05,
        "Ha": one, "[NII]6585": n2, "[SII]6718": 0.58 * s2, "[SII]6733": 0.42 * s2,
        "[ArIII]7138": 0.025 * one, "[SIII]9071": 0.09 * one, "[SIII]9533": 0.22 * one,
    }  # fmt: skip
