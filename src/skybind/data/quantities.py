"""What the numbers of a column are, where it matters: redshifts, magnitudes, colours.

A column's attribute `quantity` says it. Where it has none, its unit and its name do, as catalogues
write them: `z_spec`, `bp_rp`, `e_j_mag`, `M_G`.
"""

import re
from itertools import pairwise
from typing import Literal, get_args

from skybind.data.schema import Column

Quantity = Literal["redshift", "magnitude", "absolute magnitude", "colour", "uncertainty"]

_REDSHIFT = re.compile(r"(red_?shift|z)(_(spec|phot|hp|best|cmb|helio|true|catalogue))?", re.I)
_UNCERTAINTY = re.compile(r"(e|err|error|sigma)_.+|.+_(e|err|error|unc|uncertainty)", re.I)
_MAGNITUDE = re.compile(r"mag(\(.+\))?")
# Words in the name of what has the unit of a magnitude, and is no brightness
_ERROR = re.compile(r"\w*(err|error|unc|uncertainty|sigmpro|msigcom)", re.I)
_OTHER = re.compile(
    r"amp\w*|range|std|stddev|sd|var|variance|rms|mad|iqr|scatter|spread|deviation|jitter|noise"
    r"|sigma|slope|trend|delta\w*|diff\w*|dmag|resid\w*|(mag)?lim\w*|limmag|depth|offset|excess"
    r"|ext|extinction|a[vugrizjhk]|a0|azero|e?bv|e?bp(min)?rp|reddening"
    r"|distmod|mu|dm\d*|modulus|kcorr\w*|bc|zp|zeropoint",
    re.I,
)
_BAND = r"(?:fuv|nuv|bp|rp|bt|vt|ks|w[1-4]|[ubvrigzyjhk])"
_REDDENING = re.compile(rf"E_?\(?(?i:{_BAND}[-_]?{_BAND})\)?(_\w+)?|[eE]\(.+\).*")
# The word ab is the system
_EXTINCTION = re.compile(rf"(?!ab(_|$))a_?\(?({_BAND}|0)\)?(_.+)?", re.I)
_COLOUR = re.compile(rf"(?!uv$|ir$|bj$|z[gri]$){_BAND}m?{_BAND}0?|colou?r\w*", re.I)
# One band each: of photographic plates, and DECam's wide one beside a word for magnitudes
_ONE = re.compile(r"b_?j|vr(?=_mag|mag)|(?<=mag_)vr", re.I)
_ONE_BAND = re.compile(rf"{_BAND}0?", re.I)
# Of absolute magnitudes M is a capital; MU is a modulus, and mg_gspphot is Gaia's
_ABSOLUTE = re.compile(
    r"(?!MU$)M_?([UBVRIGJHKLYZugrizyv]|Ks|BP|RP|[FN]?UV|W[1-4]|bol|peak|max|\d+)0?(_[a-z]\w*)?"
    r"|mg_gspphot\w*"
)
_ABSOLUTE_WORD = re.compile(r"abs|absolute|\w*absmag\w*|mabs\w*", re.I)


def quantity_of(name: str, column: Column) -> Quantity | None:
    """Give what a column of numbers is; None where neither attribute nor name and unit say it.

    A redshift has no unit: a `z` in mag is the brightness in that band. Amplitudes, extinctions,
    distance moduli and the like have the unit of a magnitude and are none.

    Examples
    --------
    >>> [quantity_of(name, Column("feature", "mag")) for name in ("g_mag", "b_v", "e_g_mag")]
    ['magnitude', 'colour', 'uncertainty']
    >>> [quantity_of(name, Column("feature", "mag")) for name in ("M_G", "A_V", "amplitude")]
    ['absolute magnitude', None, None]
    >>> quantity_of("z", Column("target")), quantity_of("z", Column("feature", "mag"))
    ('redshift', 'magnitude')
    """
    said = column.attributes.get("quantity")
    if said in get_args(Quantity):
        return said
    if column.unit in (None, ""):
        return "redshift" if _REDSHIFT.fullmatch(name) else None
    if _MAGNITUDE.fullmatch(column.unit):
        return _in_magnitudes(name)
    return "uncertainty" if _UNCERTAINTY.fullmatch(name) else None


def _in_magnitudes(name: str) -> Quantity | None:
    """Give what a column is whose unit is that of magnitudes."""
    words = [word for word in re.split(r"[_\W]+", _parted(name)) if word]
    if any(map(_ERROR.fullmatch, words)):
        return "uncertainty"
    if _REDDENING.fullmatch(name) or _EXTINCTION.fullmatch(name):
        return None
    if _UNCERTAINTY.fullmatch(name):
        return "uncertainty"
    if _ABSOLUTE.fullmatch(name) or any(map(_ABSOLUTE_WORD.fullmatch, words)):
        return "absolute magnitude"
    one_band = _ONE.search(name) and "mag" in name.lower()
    if not one_band and (any(map(_COLOUR.fullmatch, [*words, name])) or _of_two_bands(words)):
        return "colour"
    if any(map(_OTHER.fullmatch, [*words, name.replace("_", "")])):
        return None
    return "magnitude"


def _of_two_bands(words: list[str]) -> bool:
    """Return whether two bands follow one another, as in `phot_bp_rp` or `g_min_r`."""
    plain = [word for word in words if word.lower() not in ("min", "minus")]
    bands = [_ONE_BAND.fullmatch(word) is not None for word in plain]
    return any(one and other for one, other in pairwise(bands))


def _parted(name: str) -> str:
    """Part words that only capitals tell apart: `psfMagErr`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
