"""Names of objects that no terminal, table or log could hold as they are."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


def with_controls(names: pa.Array | np.ndarray | Sequence[str]) -> np.ndarray:
    r"""Return which names have a control character: NUL, an end of line, an escape.

    Examples
    --------
    >>> with_controls(["V1 Cyg", "a\nb", "\x1b[2J"])
    array([False,  True,  True])
    """
    array = names if isinstance(names, pa.Array) else pa.array(names, pa.string())
    found = pc.match_substring_regex(array, r"[\p{Cc}\x{2028}\x{2029}]")
    return np.asarray(pc.fill_null(found, False))
