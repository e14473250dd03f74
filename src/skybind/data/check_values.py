"""The rules that the values of observations keep, and which are broken."""

from collections import Counter
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from skybind.ragged import Ragged
from skybind.visits import NAME, observations_in

Note = Callable[[str, str, np.ndarray, np.ndarray], None]


def check_observation(
    column: pa.Array, name: str, kind: str, object_id: np.ndarray, note: Note
) -> None:
    """Note every rule that a chunk of observations breaks.

    Parameters
    ----------
    column : Array
        A struct of lists.
    name, kind : str
        Of the observation.
    object_id : ndarray of str, shape (n,)
    note : callable
        Called with the field, the sentence, which objects (n,) and the names of all.
    """
    if not pa.types.is_struct(column.type):
        return  # said once, of the column
    sound = _one_length(column, name, object_id, note)
    if sound is None:
        return
    r = Ragged.from_arrow(sound)
    checks = {"photometry": _photometry, "spectrum": _spectrum, "image": _image}
    for field, what, bad in checks.get(kind, lambda r: [])(r):
        values = np.zeros(len(r), bool)
        values[r.owner[bad]] = True
        note(f"{name}.{field}", what, values, object_id)


def check_visits(column: pa.Array, name: str, kind: str, object_id: np.ndarray, note: Note) -> None:
    """Note every rule that a chunk of visits breaks; parameters as of `check_observation`.

    Parameters
    ----------
    column : Array
        A list of structs of lists.
    """
    if not pa.types.is_list(column.type) or not pa.types.is_struct(column.type.value_type):
        return  # said once, of the column
    counts = column.value_lengths().fill_null(0).to_numpy()
    empty = column.is_valid().to_numpy(zero_copy_only=False) & (counts == 0)
    note(name, "is an empty list", empty, object_id)
    visits = column.flatten()
    for field, what, bad in _visit_names(visits, np.repeat(np.arange(len(counts)), counts)):
        note(f"{name}.{field}", what, np.bincount(bad, minlength=len(counts)) > 0, object_id)
    check_observation(observations_in(visits), name, kind, np.repeat(object_id, counts), note)


def _visit_names(visits: pa.StructArray, owner: np.ndarray) -> list[tuple[str, str, np.ndarray]]:
    """Objects with visits that are null, or that have the name of another one."""
    if visits.type.get_field_index(NAME) < 0:
        return []  # said once, of the column
    names = visits.field(NAME).to_pylist()
    pairs = Counter(zip(owner.tolist(), names, strict=True))
    nameless = [row for (row, name), _ in pairs.items() if name is None]
    twice = [row for (row, name), n in pairs.items() if n > 1 and name]
    return [
        (NAME, "is null", np.asarray(nameless, np.int64)),
        (NAME, "is the name of two visits of one object", np.asarray(twice, np.int64)),
    ]


def _one_length(
    column: pa.StructArray, name: str, object_id: np.ndarray, note: Note
) -> pa.StructArray | None:
    """Note lists that are missing or of unequal length; give the rest, None if it has no lists."""
    present = column.is_valid().to_numpy(zero_copy_only=False)
    bad = np.zeros(len(column), bool)
    first: np.ndarray | None = None
    for index in range(column.type.num_fields):
        field = column.type.field(index)
        if not (pa.types.is_list(field.type) or pa.types.is_large_list(field.type)):
            return None
        lengths = column.field(index).value_lengths().fill_null(-1).to_numpy()
        optional = present & (lengths < 0) & (field.name in ("band", "mask"))
        lost = present & (lengths < 0) & ~optional
        note(f"{name}.{field.name}", "is null where the object was observed", lost, object_id)
        first = lengths if first is None else first
        unequal = present & ~lost & ~optional & (first >= 0) & (lengths != first)
        note(f"{name}.{field.name}", "has another length than its neighbours", unequal, object_id)
        bad |= lost | unequal | optional
    if first is None:
        return None
    note(name, "has no values where the object was observed", present & (first == 0), object_id)
    mask = pa.array(bad | ~present)
    return pa.StructArray.from_arrays(
        [column.field(i) for i in range(column.type.num_fields)],
        fields=list(column.type),
        mask=mask,
    )


Finding = tuple[str, str, np.ndarray]


def _photometry(r: Ragged) -> list[Finding]:
    value = "flux" if "flux" in r.fields else "magnitude"
    if "time" not in r.fields or value not in r.fields:
        return []
    found = _ordered(r, "time", "unsorted")
    found.append((value, "is not finite", ~np.isfinite(_numbers(r, value))))
    error = f"{value}_err"
    if error in r.fields:
        errors = _numbers(r, error)
        found.append((error, "is not positive", np.isinf(errors) | (errors <= 0)))
        # NaN for a whole light curve means that its errors are not known
        found.append((error, "is NaN for a part of the curve", _partly_nan(r, errors)))
    same = _same_as_before(r, _numbers(r, "time"))
    for name in r.fields:
        same &= _same_as_before(r, r.fields[name])
    found.append(("time", "holds an epoch twice", same))
    return found


def _spectrum(r: Ragged) -> list[Finding]:
    if "wavelength" not in r.fields or "flux" not in r.fields:
        return []
    found = _ordered(r, "wavelength", "unsorted")
    wavelength = _numbers(r, "wavelength")
    found.append(("wavelength", "is not positive", wavelength <= 0))
    found.append(("wavelength", "occurs twice", _same_as_before(r, wavelength)))
    found.append(("flux", "is not finite", ~np.isfinite(_numbers(r, "flux"))))
    masked = _numbers(r, "mask") != 0 if "mask" in r.fields else np.zeros(len(wavelength), bool)
    if "ivar" in r.fields:
        ivar = _numbers(r, "ivar")
        found.append(("ivar", "is negative or infinite", np.isinf(ivar) | (ivar < 0)))
        found.append(("ivar", "is NaN for a part of the spectrum", _partly_nan(r, ivar)))
    if "flux_err" in r.fields:
        errors = _numbers(r, "flux_err")
        bad = (np.isinf(errors) | (errors <= 0)) & ~masked
        found.append(("flux_err", "is not positive where the pixel is not masked", bad))
        found.append(("flux_err", "is NaN for a part of the spectrum", _partly_nan(r, errors)))
    return found


def _image(r: Ragged) -> list[Finding]:
    side = np.rint(np.sqrt(r.lengths)).astype(np.int64)
    not_square = np.repeat(side**2 != r.lengths, r.lengths)
    first = next(iter(r.fields))
    found: list[Finding] = [(first, "is no square of pixels", not_square)]
    return found + [(band, "is infinite", np.isinf(_numbers(r, band))) for band in r.fields]


def _ordered(r: Ragged, field: str, what: str) -> list[Finding]:
    values = _numbers(r, field)
    falls = np.zeros(len(values), bool)
    falls[1:] = values[1:] < values[:-1]
    falls[r.offsets[:-1][r.lengths > 0]] = False
    return [(field, "is not finite", ~np.isfinite(values)), (field, f"is {what}", falls)]


def _same_as_before(r: Ragged, values: np.ndarray) -> np.ndarray:
    same = np.zeros(len(values), bool)
    same[1:] = values[1:] == values[:-1]
    if values.dtype.kind == "f":
        same[1:] |= np.isnan(values[1:]) & np.isnan(values[:-1])
    same[r.offsets[:-1][r.lengths > 0]] = False
    return same


def _partly_nan(r: Ragged, values: np.ndarray) -> np.ndarray:
    missing = np.isnan(values)
    whole = r.filter(~missing).lengths == 0
    return missing & ~np.repeat(whole, r.lengths)


def _numbers(r: Ragged, field: str) -> np.ndarray:
    values = r.fields[field]
    if values.dtype.kind not in "fiub":
        values = np.asarray([np.nan if v is None else v for v in values.tolist()], dtype=object)
    try:
        return values.astype(np.float64)
    except (TypeError, ValueError):
        return np.zeros(len(values))  # text where numbers should be: said once, of the column
