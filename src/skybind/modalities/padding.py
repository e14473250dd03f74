"""Padding: what fills an array of fixed length behind the last epoch of a light curve."""

import numpy as np

from skybind.ragged import Ragged


def padding(r: Ragged, value: str) -> np.ndarray:
    """Which epochs are padding: repeated ones at the end whose time is none of the curve's.

    The last epoch, with all those before it that equal it, is padding where its time occurs
    nowhere else and

    - the times ascend up to there and then go back, and it is repeated, or time and value are
      both such as fill arrays (0, -1, or nines: -99, 99.99); or
    - its time is such a number, it is repeated, and its value is such a number too, or it is
      there at least three times.

    An epoch that is only given twice keeps its place: its time is not lower than the one before.

    Parameters
    ----------
    r : Ragged
        In the order of the source, with the field `time`.
    value : {"flux", "magnitude"}

    Returns
    -------
    ndarray of bool
    """
    time, values = r.fields["time"], r.fields[value]
    found = np.zeros(len(time), bool)
    some = np.flatnonzero(r.lengths > 1)
    last = r.offsets[1:][some] - 1
    for row in some[~(time[last] > time[last - 1])].tolist():
        start, end = int(r.offsets[row]), int(r.offsets[row + 1])
        n = _padded(time[start:end], values[start:end])
        found[end - n : end] = True
    return found


def _padded(time: np.ndarray, values: np.ndarray) -> int:
    """Count the epochs at the end of one curve that are padding."""
    filler, value = float(time[-1]), float(values[-1])
    same = (time == filler) & ((values == value) | (np.isnan(values) & np.isnan(value)))
    n = len(time) if same.all() else int(np.argmin(same[::-1]))
    rest = time[: len(time) - n]
    if not len(rest) or (rest == filler).any():
        return 0
    filled = _fills(filler) and (np.isnan(value) or _fills(value))
    goes_back = bool(filler < rest[-1] and (np.diff(rest) >= 0).all())
    if (goes_back and (n > 1 or filled)) or (_fills(filler) and n > 1 and (filled or n > 2)):
        return n
    return 0


def _fills(number: float) -> bool:
    """Whether a number is one that arrays are filled with: 0, -1, or nines."""
    return number in (0, -1) or set(f"{abs(number):.5g}".replace(".", "")) == {"9"}
