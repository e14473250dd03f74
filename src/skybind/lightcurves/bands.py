"""Which bands of light curves are common enough for features of their own."""

from collections.abc import Mapping

#: Of the light curves: bands that fewer have get no columns of their own.
BAND_SHARE = 0.05


def enough_curves(counts: Mapping[str, int], curves: int) -> tuple[list[str], list[str]]:
    """Return the bands that enough light curves have, none where there is one; and the rare ones.

    Parameters
    ----------
    counts : mapping of str to int
        Band -> light curves that have it.
    curves : int
        Light curves in all.
    """
    common = [band for band, objects in counts.items() if objects >= BAND_SHARE * curves]
    return (common if len(counts) > 1 else []), [band for band in counts if band not in common]
