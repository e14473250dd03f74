"""What stands for "not known": the sentinels that a mapping names."""

from collections.abc import Sequence

import numpy as np

from skybind.ingest.readers.values import number_text


def stands_for_missing(raw: np.ndarray, missing: Sequence[str]) -> np.ndarray:
    """Find the entries that a mapping's `missing` names.

    A number equals a sentinel if it is the sentinel in the column's own precision: 99.98999786 of
    a float32 column is 99.99. The same number written otherwise (99.990, 9.999e1) counts among
    text, and so does a float32 that was copied to double precision.

    Parameters
    ----------
    raw : ndarray
        A column as a file holds it: numbers, dates or objects; of any shape.
    missing : sequence of str
        Numbers and words.

    Returns
    -------
    ndarray of bool
        Of the shape of `raw`.
    """
    found = np.zeros(raw.shape, bool)
    if not len(missing):
        return found
    numbers = [number for number in map(_number, missing) if number is not None]
    if raw.dtype.kind in "fiub":
        for number in numbers:
            found |= _equals(raw, number)
        return found
    if raw.dtype.kind == "M":
        return np.isin(np.datetime_as_string(raw, "D"), list(missing))
    words = {word.strip() for word in missing}
    known: dict[str, bool] = {}
    flat = found.reshape(-1)  # a view: `found` was just made
    for i, cell in enumerate(raw.reshape(-1).tolist()):
        text = str(cell)
        if text not in known:
            known[text] = text.strip() in words or _same_number(_number(text), numbers)
        flat[i] = known[text]
    return found


def _number(text: str) -> float | int | None:
    text = number_text(text)
    try:
        return int(text)
    except ValueError:
        try:
            return float(text)
        except ValueError:
            return None


def _same_number(number: float | int | None, numbers: Sequence[float | int]) -> bool:
    if number is None:
        return False
    if isinstance(number, int):  # perhaps of 20 digits
        return number in numbers
    return any(bool(_equals(np.asarray(number), other)) for other in numbers)


def _equals(values: np.ndarray, number: float | int) -> np.ndarray:
    """Where numbers are a number as their type can hold it, to its last two digits in binary."""
    kind = values.dtype.type
    if values.dtype.kind != "f":
        whole = np.isfinite(number) and number == int(number)
        return values == int(number) if whole else np.zeros(values.shape, bool)
    found = np.zeros(values.shape, bool)
    # a float32 that was copied to double precision keeps the digits of its type
    rounded = (kind, np.float32) if kind is np.float64 else (kind,)
    with np.errstate(over="ignore", invalid="ignore"):
        for precision in rounded:
            nearest = kind(precision(number))
            found |= values == nearest
            if np.isfinite(nearest) and nearest != 0:
                found |= np.abs(values - nearest) <= 2 * np.spacing(np.abs(nearest))
    return found
