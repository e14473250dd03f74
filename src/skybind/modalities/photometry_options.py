"""Options of the preprocessing of light curves."""

from typing import Literal

from pydantic import Field

from skybind.modalities.base import ModalityOptions
from skybind.modalities.computed import Source

#: Bands that are found when a run is started.
COMMON = "common"


class PhotometryOptions(ModalityOptions):
    """Preprocessing of a light curve (AstroM3, section 3.1)."""

    length: int = Field(200, description="Epochs of a batch; longer curves are cropped.", gt=1)
    crop: Literal["window", "sample"] = Field(
        "window",
        description="How a longer curve is cut: a window of consecutive epochs (paper; random in "
        "training, the central one otherwise), or epochs sampled over the whole curve.",
    )
    padding: Literal["zero", "constants"] = Field(
        "zero",
        description="Shorter curves are filled with zeros in all channels (paper), or the "
        "constants of the object are repeated there too (release, whose attention sees them).",
    )
    ties: Literal["source", "value"] = Field(
        "source",
        description="Epochs of one time stay in the order of the dataset, or are sorted by flux "
        "and its error (release).",
    )
    features: list[str] | None = Field(
        None,
        description="Features repeated along the curve: columns of the dataset, or quantities "
        "that are computed (amplitude). By default all that `periods` allows: the computed ones "
        "of the whole curve, or the catalogue's.",
    )
    transforms: dict[str, Literal["none", "log"]] = Field(
        {"period": "log"}, description="What to do to a feature before it is standardised."
    )
    standardise_constants: bool = Field(
        False,
        description="Standardise log10(MAD) and the time span too, not only the features "
        "(the release does not).",
    )
    space: Literal["flux", "magnitude"] = Field(
        "flux",
        description="Normalise fluxes (paper), or magnitudes (brighter is larger): the dataset's "
        "values are converted.",
    )
    phase: bool = Field(
        False,
        description="Add sine and cosine of the phase at the period and at twice it; zero where "
        "no period is known.",
    )
    periods: Source = Field(
        "auto",
        description="Whose periods and features: the catalogue's, or those computed from the light "
        "curves; auto: computed ones where the dataset holds them, else the catalogue's, else they "
        "are computed first; none: no folding.",
    )
    period: str = Field("period", description="Column of the catalogue's period [d].")
    bands: Literal["common"] | list[str] | None = Field(
        None,
        description="Bands in use: each is marked in the epochs and has constants of its own; "
        "epochs in others are left out. common: those that a twentieth of the light curves have, "
        "found when a run starts. null: all epochs are taken as of one band (published).",
        min_length=1,
    )
    normalise: Literal["band", "peak"] = Field(
        "band",
        description="band: brightness less its mean over its MAD, each of `bands` by itself, its "
        "colour and amplitude as constants (paper). peak: for transients, flux over that of the "
        "brightest detection, or magnitudes from it, the same for all bands, so that colours stay; "
        "constants are the maximum and that of each band. Fluxes must have one zero point in all "
        "bands.",
    )
    time_zero: str | None = Field(
        None,
        description="For transients: what times count from: `first`, the first detection in use; "
        "`maximum`, the brightest one; or the name of a photometry feature that holds a time of "
        "each object; dates are no inputs then. null: times are scaled, from 0 at the first epoch "
        "to 1 at the last (paper).",
    )
    time_scale: float = Field(
        20.0,
        description="With `time_zero`, times are asinh(days from zero / this): in proportion near "
        "zero, as a logarithm far from it.",
        gt=0,
    )
    drop: float = Field(
        0.0, description="Training: drop up to this fraction of the epochs.", ge=0, lt=1
    )
    noise: float = Field(
        0.0, description="Training: add noise of this many times the uncertainty.", ge=0
    )
