"""How the bands of a light curve are told apart: by colour, and beyond six by shape too."""

from typing import NamedTuple

import numpy as np

from skybind.drawing.observed import LightCurve
from skybind.drawing.style import BAND_COLOURS, BAND_MARKERS


class BandStyle(NamedTuple):
    """How the epochs of a band are drawn: colour, and number of a shape of `BAND_MARKERS`."""

    colour: str
    shape: int


#: All that look different.
STYLES = [BandStyle(c, shape) for shape in range(len(BAND_MARKERS)) for c in BAND_COLOURS]


def band_styles(curve: LightCurve) -> dict[str, BandStyle]:
    """Return the style of each band that a light curve has, the same for all of its survey.

    In a survey of more bands than there are styles one may give way to the next that is free, so
    that no two bands of a light curve look alike.
    """
    limits = None if curve.limits is None else curve.limits.band
    seen = [bands for bands in (curve.band, limits) if bands is not None]
    own = np.unique(np.concatenate(seen).astype(str)).tolist() if seen else []
    known = [*curve.bands, *(band for band in own if band not in curve.bands)]
    place = {band: number for number, band in enumerate(known)}
    found: dict[str, BandStyle] = {}
    for band in sorted(own, key=lambda band: place[band]):
        turned = [STYLES[(place[band] + n) % len(STYLES)] for n in range(len(STYLES))]
        found[band] = next((style for style in turned if style not in found.values()), turned[0])
    return found
