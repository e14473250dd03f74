"""Numbers of AstroM3, as printed, to stand beside ours.

Source: Rizhko & Bloom (2024), AstroM3, arXiv:2411.08842 (tables 1 to 5, section 4, appendix).
Table 1 of the reports on AstroCLIP stands in `skybind.report.regression`.
"""

from dataclasses import dataclass

Combination = tuple[str, ...]

PHOTOMETRY, SPECTRUM, METADATA = "photometry", "spectrum", "metadata"
ALL: Combination = (PHOTOMETRY, SPECTRUM, METADATA)
#: Runs that every accuracy of AstroM3 is a mean of.
RUNS = 5


@dataclass(frozen=True)
class Value:
    """A mean over runs and their standard deviation, in percent."""

    mean: float
    deviation: float

    def __str__(self) -> str:
        return f"{self.mean:.1f} ± {self.deviation:.1f}"


@dataclass(frozen=True)
class Class:
    """A row of table 1: what a class is, and how many objects it has."""

    description: str
    objects: int


CLASSES = {
    "EW": Class("W Ursae Majoris type binaries", 6168),
    "SR": Class("Semi-regular variables", 4590),
    "EA": Class("Detached Algol-type binaries", 2916),
    "RRAB": Class("Fundamental mode RR Lyrae variables", 2351),
    "EB": Class("β Lyrae-type binaries", 1976),
    "ROT": Class("Spotted variables with rotational modulation", 1839),
    "RRC": Class("First overtone RR Lyrae variables", 796),
    "HADS": Class("High amplitude δ Scuti type variables", 281),
    "M": Class("Mira variables", 268),
    "DSCT": Class("δ Scuti type variables", 255),
}

SUBSETS = ("full", "50", "25", "10")

#: Tables 2 and 4: (modalities, subset of the labels) -> accuracy without and with CLIP.
ACCURACY: dict[tuple[Combination, str], tuple[Value, Value]] = {
    ((SPECTRUM,), "full"): (Value(76.278, 0.931), Value(77.396, 0.614)),
    ((METADATA,), "full"): (Value(85.623, 0.628), Value(85.855, 0.856)),
    ((PHOTOMETRY,), "full"): (Value(84.642, 6.317), Value(91.468, 0.446)),
    (ALL, "full"): (Value(94.065, 0.390), Value(94.153, 0.577)),
    ((SPECTRUM,), "50"): (Value(68.072, 1.759), Value(71.609, 1.814)),
    ((SPECTRUM,), "25"): (Value(63.729, 1.637), Value(67.869, 1.303)),
    ((SPECTRUM,), "10"): (Value(46.677, 3.486), Value(59.235, 1.399)),
    ((PHOTOMETRY,), "50"): (Value(89.177, 0.518), Value(90.272, 0.695)),
    ((PHOTOMETRY,), "25"): (Value(83.218, 2.709), Value(88.434, 0.781)),
    ((PHOTOMETRY,), "10"): (Value(83.073, 1.762), Value(90.720, 1.359)),
    ((METADATA,), "50"): (Value(82.035, 1.452), Value(83.830, 1.083)),
    ((METADATA,), "25"): (Value(79.649, 1.148), Value(81.953, 1.492)),
    ((METADATA,), "10"): (Value(76.524, 1.309), Value(79.073, 1.711)),
    (ALL, "50"): (Value(91.870, 0.470), Value(91.978, 0.746)),
    (ALL, "25"): (Value(90.741, 1.053), Value(92.073, 1.066)),
    (ALL, "10"): (Value(88.264, 2.188), Value(90.628, 1.509)),
}

#: Table 3: part -> class -> objects of the full set and of the subsets 50, 25, 10.
DISTRIBUTION: dict[str, dict[str, tuple[int, int, int, int]]] = {
    "train": {
        "EW": (4890, 1209, 516, 166),
        "SR": (3647, 1209, 516, 166),
        "EA": (2343, 1209, 516, 166),
        "RRAB": (1886, 1209, 516, 166),
        "EB": (1571, 1209, 516, 166),
        "ROT": (1454, 1209, 516, 166),
        "RRC": (624, 624, 516, 166),
        "HADS": (226, 226, 226, 166),
        "M": (216, 216, 216, 166),
        "DSCT": (206, 206, 206, 166),
    },
    "validation": {
        "EW": (597, 149, 64, 21),
        "SR": (479, 149, 64, 21),
        "EA": (272, 149, 64, 21),
        "RRAB": (231, 149, 64, 21),
        "EB": (207, 149, 64, 21),
        "ROT": (189, 149, 64, 21),
        "RRC": (93, 93, 64, 21),
        "HADS": (29, 29, 29, 21),
        "M": (30, 30, 30, 21),
        "DSCT": (25, 25, 25, 21),
    },
    "test": {
        "EW": (681, 160, 69, 22),
        "SR": (464, 160, 69, 22),
        "EA": (301, 160, 69, 22),
        "RRAB": (234, 160, 69, 22),
        "EB": (198, 160, 69, 22),
        "ROT": (196, 160, 69, 22),
        "RRC": (79, 79, 69, 22),
        "HADS": (26, 26, 26, 22),
        "M": (22, 22, 22, 22),
        "DSCT": (24, 24, 24, 22),
    },
}

#: Columns of table 5.
COMBINATIONS: tuple[Combination, ...] = (
    (PHOTOMETRY,),
    (SPECTRUM,),
    (METADATA,),
    (PHOTOMETRY, SPECTRUM),
    (SPECTRUM, METADATA),
    (PHOTOMETRY, METADATA),
    ALL,
)

#: The test objects of table 5: 160 of EW, SR, EA, RRAB, EB and ROT, as its shares of 1/160 show.
IMPORTANCE_SUBSET = "50"

#: Table 5: class -> accuracy in percent, by `COMBINATIONS`.
IMPORTANCE: dict[str, tuple[float, ...]] = {
    "DSCT": (91.67, 70.83, 75.00, 95.83, 75.00, 95.83, 91.67),
    "EA": (78.75, 35.62, 64.38, 80.00, 65.62, 86.25, 85.62),
    "EB": (80.00, 58.75, 47.50, 76.25, 62.50, 76.88, 76.88),
    "EW": (70.00, 66.88, 78.75, 88.75, 76.88, 88.75, 90.00),
    "HADS": (100.00, 23.08, 76.92, 100.00, 76.92, 92.31, 96.15),
    "M": (95.45, 54.55, 90.91, 95.45, 90.91, 95.45, 95.45),
    "ROT": (91.25, 84.38, 92.50, 97.50, 96.25, 99.38, 100.00),
    "RRAB": (96.88, 64.38, 94.38, 97.50, 95.00, 100.00, 100.00),
    "RRC": (86.08, 63.29, 86.08, 92.41, 86.08, 94.94, 94.94),
    "SR": (98.12, 94.38, 96.88, 98.75, 98.12, 100.00, 100.00),
}
IMPORTANCE_AVERAGE = (88.82, 61.61, 80.33, 92.24, 82.33, 92.98, 93.07)

#: Section 4.5: cosines of the objects that its searches found.
SIMILAR_COSINES = (0.8784, 0.8451)
CONTRAST_COSINES = {"photometry": 0.7749, "spectrum": 0.1430}
CROSS_COSINE = 0.4872

#: Appendix: what the search of hyper-parameters drew from, and how the keys of each end here.
SEARCHED = {
    "Learning rate": ("1e-5 to 1e-2, logarithmic", "training.learning_rate"),
    "Dropout of photometry, spectrum and metadata": ("0 to 0.4", ".encoder.dropout"),
    "Adam's β1": ("0.7 to 0.99", "training.betas.0"),
    "Weight decay": ("1e-5 to 1e-1, logarithmic", "training.weight_decay"),
    "Factor of the learning rate at a plateau": ("0.1 to 1", "training.plateau_factor"),
}
