"""What the numbers of a column are, where it matters: redshifts, magnitudes, colours.

A column's attribute `quantity` says it. Where it has none, its name does, as catalogues write it:
`z_spec`, `bp_rp`, `e_j_mag`.
"""

import re
from typing import Literal

from skybind.data.schema import Column

Quantity = Literal["redshift", "magnitude", "colour", "uncertainty"]

_REDSHIFT = re.compile(r"(red_?shift|z)(_(spec|phot|hp|best|cmb|helio|true|catalogue))?", re.I)
_UNCERTAINTY = re.compile(r"(e|err|error|sigma)_.+|.+_(e|err|error|unc|uncertainty)", re.I)
_COLOUR = re.compile(r"[a-z]{1,2}\d?[_-][a-z]{1,2}\d?", re.I)  # two bands, as b_v or w1_w2


def quantity_of(name: str, column: Column) -> Quantity | None:
    """Give what a column of numbers is; None where neither attribute nor name and unit say it.

    A redshift has no unit: a `z` in mag is the brightness in that band.

    Examples
    --------
    >>> [quantity_of(name, Column("feature", "mag")) for name in ("g_mag", "b_v", "e_g_mag")]
    ['magnitude', 'colour', 'uncertainty']
    >>> quantity_of("z", Column("target")), quantity_of("z", Column("feature", "mag"))
    ('redshift', 'magnitude')
    """
    said = column.attributes.get("quantity")
    if said in ("redshift", "magnitude", "colour", "uncertainty"):
        return said
    if column.unit in (None, ""):
        return "redshift" if _REDSHIFT.fullmatch(name) else None
    if _UNCERTAINTY.fullmatch(name):
        return "uncertainty"
    if column.unit != "mag":
        return None
    return "colour" if _COLOUR.fullmatch(name) else "magnitude"
