"""What is simulated: the classes, their proportions and brightness, and the columns.

Class names are those of the ASAS-SN catalogue of variable stars (Jayasinghe et al. 2018-2023,
after the VSX); counts are table 1 of Rizhko & Bloom (2024), AstroM3.
"""

from dataclasses import dataclass

import numpy as np

Stars = dict[str, np.ndarray]


"""Physical parameters of a block of objects: one array of shape (n,) a parameter."""


@dataclass(frozen=True)
class StarClass:
    """A class of variable stars.

    Attributes
    ----------
    weight : float
        Relative number of objects: among the ten, or among the other classes.
    family : str
        Which recipe draws its stars: `eclipsing`, `pulsating`, `red` or `rotating`.
    v_bright, v_faint : float
        Range of the mean V magnitude.
    v_slope : float
        d log10 N / dm of the counts within that range; 0.6 is a uniform volume.
    confused_with : tuple of str
        Labels that a catalogue gives it by mistake.
    """

    weight: float
    family: str
    v_bright: float
    v_faint: float
    v_slope: float
    confused_with: tuple[str, ...]


CLASSES: dict[str, StarClass] = {
    "EW": StarClass(6168, "eclipsing", 11.0, 16.3, 0.25, ("EB", "EB", "RRC", "ROT", "EA")),
    "SR": StarClass(4590, "red", 11.0, 15.5, 0.12, ("M", "ROT", "ROT")),
    "EA": StarClass(2916, "eclipsing", 11.0, 16.0, 0.2, ("EB", "EB", "EW", "ROT")),
    "RRAB": StarClass(2351, "pulsating", 11.5, 16.8, 0.28, ("RRC", "EW", "EB", "HADS")),
    "EB": StarClass(1976, "eclipsing", 11.0, 16.0, 0.2, ("EA", "EW", "EW")),
    "ROT": StarClass(1839, "rotating", 11.0, 15.8, 0.2, ("SR", "EW", "EB")),
    "RRC": StarClass(796, "pulsating", 11.5, 16.5, 0.25, ("EW", "EW", "RRAB", "DSCT")),
    "HADS": StarClass(281, "pulsating", 11.0, 16.3, 0.25, ("DSCT", "RRAB", "EW", "RRC")),
    "M": StarClass(268, "red", 11.5, 15.8, 0.12, ("SR",)),
    "DSCT": StarClass(255, "pulsating", 11.0, 14.8, 0.2, ("HADS", "EW", "RRC")),
}


"""The ten classes of AstroM3, in the order of its table 1."""


OTHER_CLASSES: dict[str, StarClass] = {
    "RRD": StarClass(15, "pulsating", 12.0, 16.8, 0.28, ("RRC",)),
    "DCEP": StarClass(15, "pulsating", 11.0, 15.5, 0.15, ("SR",)),
    "DCEPS": StarClass(10, "pulsating", 11.0, 15.5, 0.15, ("RRC",)),
    "SRD": StarClass(20, "red", 11.0, 15.5, 0.12, ("SR",)),
    "ROT:": StarClass(25, "rotating", 11.0, 15.8, 0.2, ("ROT",)),
    "VAR": StarClass(15, "red", 11.5, 16.0, 0.12, ("SR",)),
}


"""Classes outside the ten: rare or uncertain ones, to test how a model places the unseen."""


ALL_CLASSES = CLASSES | OTHER_CLASSES


@dataclass(frozen=True)
class Column:
    """One flat column: its unit and what it holds."""

    name: str
    unit: str
    description: str


METADATA_FEATURES = (
    Column("mean_vmag", "mag", "mean magnitude in the visible band"),
    Column("phot_g_mean_mag", "mag", "Gaia G mean magnitude"),
    Column("e_phot_g_mean_mag", "mag", "uncertainty of phot_g_mean_mag"),
    Column("phot_bp_mean_mag", "mag", "Gaia BP mean magnitude"),
    Column("e_phot_bp_mean_mag", "mag", "uncertainty of phot_bp_mean_mag"),
    Column("phot_rp_mean_mag", "mag", "Gaia RP mean magnitude"),
    Column("e_phot_rp_mean_mag", "mag", "uncertainty of phot_rp_mean_mag"),
    Column("bp_rp", "mag", "BP minus RP mean magnitude"),
    Column("parallax", "mas", "parallax"),
    Column("parallax_error", "mas", "uncertainty of parallax"),
    Column("parallax_over_error", "", "parallax divided by its uncertainty"),
    Column("pmra", "mas/yr", "proper motion in right ascension, times cos(dec)"),
    Column("pmra_error", "mas/yr", "uncertainty of pmra"),
    Column("pmdec", "mas/yr", "proper motion in declination"),
    Column("pmdec_error", "mas/yr", "uncertainty of pmdec"),
    Column("j_mag", "mag", "2MASS J magnitude"),
    Column("e_j_mag", "mag", "uncertainty of j_mag"),
    Column("h_mag", "mag", "2MASS H magnitude"),
    Column("e_h_mag", "mag", "uncertainty of h_mag"),
    Column("k_mag", "mag", "2MASS Ks magnitude"),
    Column("e_k_mag", "mag", "uncertainty of k_mag"),
    Column("w1_mag", "mag", "WISE W1 magnitude"),
    Column("e_w1_mag", "mag", "uncertainty of w1_mag"),
    Column("w2_mag", "mag", "WISE W2 magnitude"),
    Column("e_w2_mag", "mag", "uncertainty of w2_mag"),
    Column("w3_mag", "mag", "WISE W3 magnitude"),
    Column("w4_mag", "mag", "WISE W4 magnitude"),
    Column("j_k", "mag", "J minus Ks magnitude"),
    Column("w1_w2", "mag", "W1 minus W2 magnitude"),
    Column("w3_w4", "mag", "W3 minus W4 magnitude"),
    Column("pm", "mas/yr", "total proper motion"),
    Column("ruwe", "", "renormalised unit weight error of the astrometric fit"),
    Column("l", "deg", "Galactic longitude"),
    Column("b", "deg", "Galactic latitude"),
)


"""The metadata features of AstroM3, its table of features, in its order."""


PHOTOMETRY_FEATURES = (
    Column("amplitude", "mag", "2.5 to 97.5 percentile range of the light curve"),
    Column("period", "d", "catalogue period; orbital period of eclipsing binaries"),
    Column("lksl_statistic", "", "Lafler-Kinman string length at the catalogue period"),
    Column("rfr_score", "", "share of the variance that the folded light curve explains"),
)


STAR_PARAMETERS = {
    "feh": 0.0,  # [Fe/H], dex
    "teff": 5800.0,  # of the star, or of the primary, K
    "luminosity": 1.0,  # solar units
    "teff2": 5800.0,  # of the secondary
    "luminosity2": 0.0,  # 0: no secondary
    "mass": 1.0,  # total mass of what sets logg, solar units
    "period": 1.0,  # true period, d
    "amplitude": 0.1,  # peak-to-peak in V, mag; of eclipsing binaries: an outcome
    "vsini": 5.0,  # km/s
    "activity": 0.0,  # chromospheric emission, 0 none to 1 saturated
    "dust": 0.0,  # circumstellar dust: W2 excess, mag
    "r1": 0.0,  # radii in units of the orbit's semi-major axis
    "r2": 0.0,
    "q": 1.0,  # mass ratio M2/M1
    "cos_i": 0.0,
    "ecc": 0.0,
    "omega": 0.0,  # argument of periastron, rad
}


def new_stars(names: np.ndarray) -> Stars:
    """Make the table of physical parameters, all at their defaults.

    Parameters
    ----------
    names : ndarray of str, shape (n,)
        True class of each object.
    """
    n = len(names)
    stars: Stars = {key: np.full(n, value) for key, value in STAR_PARAMETERS.items()}
    stars["true_class"] = names
    stars["subtype"] = np.full(n, "", dtype="U16")
    stars["population"] = np.full(n, "thin", dtype="U8")
    return stars


def draw_classes(n: int, other: float, rng: np.random.Generator) -> np.ndarray:
    """Draw true classes in the paper's proportions, a share `other` from outside the ten."""
    names = np.where(rng.random(n) < other, _draw(OTHER_CLASSES, n, rng), _draw(CLASSES, n, rng))
    return names.astype("U8")


def _draw(table: dict[str, StarClass], n: int, rng: np.random.Generator) -> np.ndarray:
    weights = np.array([c.weight for c in table.values()])
    return rng.choice(list(table), n, p=weights / weights.sum())
