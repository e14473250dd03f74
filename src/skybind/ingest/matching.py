"""Which columns of a table are the observations that a model reads."""

from collections.abc import Mapping

import numpy as np

from skybind.errors import DataError
from skybind.ingest.fields import NAMES, WORDS, find_fields, missing_fields, name_of_objects
from skybind.ingest.flags import usual_flags
from skybind.ingest.frames import Frame
from skybind.ingest.lists import Lists
from skybind.ingest.names import given_names
from skybind.ingest.wanted import Wanted
from skybind.ragged import flat_index
from skybind.words import join

#: Field -> the table's column of lists.
Places = dict[str, str]


def find_feature(frame: Frame, wanted: Wanted, feature: str) -> str | None:
    """Find a flat column by the name of a feature, whatever its case."""
    places = {name.lower(): name for name in reversed(list(frame.flat))}
    for name in (*(f"{own}.{feature}" for own in _own_names(wanted)), feature):
        if name in frame.flat:
            return name
        if name.lower() in places:
            return places[name.lower()]
    return None


def find_observations(frame: Frame, wanted: Mapping[str, Wanted]) -> dict[str, Places]:
    """Find the observations of each modality that a table has.

    In a column of records that is called like the modality, its column or its kind; in columns of
    lists whose names begin so (`photometry_flux`); in columns of lists by their usual names; or
    in the only column of records that can be it.

    Raises
    ------
    DataError
        If columns can be of several modalities.
    """
    observed = {name: w for name, w in wanted.items() if w.fields}
    found: dict[str, Places] = {}
    for name, modality in observed.items():
        places = _by_own_name(frame, modality)
        if places:
            found[name] = places
    rest = {name: w for name, w in observed.items() if name not in found}
    taken = {place for places in found.values() for place in places.values()}
    plain = {name: name for name in frame.lists if "." not in name and name not in taken}
    found |= _by_usual_names(frame, rest, plain)
    records = [r for r in frame.records() if not any(p.startswith(f"{r}.") for p in taken)]
    rest = {name: w for name, w in rest.items() if name not in found}
    for record in records:
        own = _inside({name.lower(): name for name in frame.lists}, f"{record}.")
        fitting = {n: p for n, w in rest.items() if (p := _fields_in(own, w))}
        _refuse_several(frame, fitting, record)
        for name, places in fitting.items():
            if name in found:
                raise DataError(
                    f"The {frame.name} has more than one column that could be {name}: call one of "
                    f"them '{observed[name].column}'."
                )
            found[name] = places
    return found


def fold(frame: Frame, wanted: Mapping[str, Wanted]) -> Frame | None:
    """Fold a long table, one row an epoch or pixel, into one of lists, one row an object.

    The objects come in the order in which their names first occur; without a column of names all
    rows are of one. None if the flat columns are no observation, or features of objects are among
    them.
    """
    features = [
        feature
        for w in wanted.values()
        for feature in w.features
        if find_feature(frame, w, feature)
    ]
    kinds = {w.kind for w in wanted.values() if w.fields and w.kind in NAMES}
    found = {kind: find_fields(frame.flat, kind) for kind in sorted(kinds)}
    found = {kind: places for kind, places in found.items() if not missing_fields(places, kind)}
    names = name_of_objects(frame.flat)
    labels = None
    if names is not None:
        where = f"The {frame.name}, column '{names}'"
        labels = given_names(frame.flat[names], where).astype(str)
    repeated = labels is not None and len(np.unique(labels)) < len(labels)
    if not found or (features and not repeated):
        return None
    if len(found) > 1:
        raise DataError(
            f"The {frame.name} could hold a {' or a '.join(WORDS[kind] for kind in found)}: leave "
            "out the columns of the other."
        )
    (places,) = found.values()
    if labels is None:
        owner, kept = np.zeros(frame.n, np.int64), np.zeros(1, np.int64)
    else:
        _, first, inverse = np.unique(labels, return_index=True, return_inverse=True)
        rank = np.argsort(np.argsort(first))
        owner, kept = rank[inverse.ravel()], np.sort(first)
    order = np.argsort(owner, kind="stable")
    counts = np.bincount(owner, minlength=len(kept)).astype(np.int64)
    inside = set(places.values())
    flags = usual_flags(frame.flat)
    if flags is not None:
        inside.add(flags[1])
    folded = Frame(frame.name, len(kept), units=dict(frame.units))
    folded.provenance, folded.simulated = frame.provenance, frame.simulated
    folded.lists = {c: Lists(frame.flat[c][order], counts) for c in frame.flat if c in inside}
    if labels is not None:
        folded.flat = {c: v[kept] for c, v in frame.flat.items() if c not in inside}
    return folded


def image_bands(frame: Frame, wanted: Wanted, column: str) -> dict[str, Lists]:
    """Part a column of cubes (bands, y, x), or of images of one band, into the model's bands."""
    cube, bands = frame.lists[column], list(wanted.fields)
    n, shape = len(bands), cube.shape
    last = len(shape) == 3 and shape[0] != n == shape[2]
    lengths = np.where(cube.lengths % n == 0, cube.lengths // n, -1)
    lengths = np.where(cube.lengths < 0, -1, lengths)
    wrong = dict(cube.wrong)
    for row in np.flatnonzero((cube.lengths >= 0) & (lengths < 0)).tolist():
        wrong[row] = f"{cube.lengths[row]} pixels, which are no {n} bands ({', '.join(bands)})"
    own = np.maximum(cube.lengths, 0)
    starts, sizes = np.cumsum(own) - own, np.maximum(lengths, 0)
    parts = {}
    for place, band in enumerate(bands):
        index = flat_index(starts + (place if last else place * sizes), sizes)
        if last:
            within = flat_index(np.zeros(len(sizes), np.int64), sizes)
            index = index + within * (n - 1)
        parts[band] = Lists(cube.values[index], lengths, wrong)
    return parts


def _own_names(wanted: Wanted) -> list[str]:
    return list(dict.fromkeys([wanted.column, wanted.name, wanted.kind]))


def _by_own_name(frame: Frame, wanted: Wanted) -> Places:
    lower = {name.lower(): name for name in reversed(list(frame.lists))}
    for own in _own_names(wanted):
        if wanted.kind == "image" and own.lower() in lower:
            return dict.fromkeys(wanted.fields, lower[own.lower()])
        inner = _inside(lower, f"{own}.")
        if inner:
            places = _fields_in(inner, wanted)
            if not places:
                raise DataError(_lacks(frame, wanted, own, list(inner)))
            return places
        inner = _inside(lower, f"{own}_")
        if inner:  # what does not begin so may have its usual name
            plain = {name: name for name in frame.lists if "." not in name}
            places = _fields_in({**plain, **inner}, wanted)
            if set(places.values()) & set(inner.values()):
                return places
    return {}


def _inside(lower: Mapping[str, str], prefix: str) -> Places:
    """Give the columns whose names begin with a prefix, by the rest of their names."""
    prefix = prefix.lower()
    return {n[len(prefix) :]: n for key, n in lower.items() if key.startswith(prefix)}


def _lacks(frame: Frame, wanted: Wanted, column: str, fields: list[str]) -> str:
    if wanted.kind == "image":
        needed = f"the bands {', '.join(wanted.fields)}"
    else:
        missing = missing_fields(find_fields(fields, wanted.kind), wanted.kind)
        needed = f"the {' or '.join(missing)} of a {WORDS[wanted.kind]}"
    return f"{column} of the {frame.name} lacks {needed} (it has {', '.join(fields)})."


def _by_usual_names(
    frame: Frame, wanted: Mapping[str, Wanted], columns: Mapping[str, str]
) -> dict[str, Places]:
    """Find modalities among columns of lists that are called as is usual, such as `flux`."""
    found = {n: p for n, w in wanted.items() if (p := _fields_in(columns, w))}
    kinds = [wanted[name].kind for name in found]
    if len(set(kinds)) < len(kinds):
        raise DataError(
            f"The columns of the {frame.name} could be of {' or '.join(found)}: begin their names "
            f"with it, as in '{next(iter(found))}_flux'."
        )
    curve = next((n for n in found if wanted[n].kind == "photometry"), None)
    spectrum = next((n for n in found if wanted[n].kind == "spectrum"), None)
    if curve is None or spectrum is None:
        return found
    shared = set(found[curve].values()) & set(found[spectrum].values())
    if shared:  # the flux is the spectrum's where the light curve has magnitudes
        others = {c: c for c in columns if c not in found[spectrum].values()}
        found[curve] = _fields_in(others, wanted[curve])
    if not found[curve]:
        raise DataError(
            f"The column {join(sorted(shared))} of the {frame.name} could be of {curve} or of "
            f"{spectrum}: call it '{curve}_flux' or '{spectrum}_flux'."
        )
    return found


def _fields_in(columns: Mapping[str, str], wanted: Wanted) -> Places:
    """Find all that a modality needs among columns, given by what they are called; or nothing."""
    if wanted.kind == "image":
        lower = {name.lower(): column for name, column in columns.items()}
        places = {b: columns.get(b, lower.get(b.lower(), "")) for b in wanted.fields}
        return places if all(places.values()) else {}
    if wanted.kind not in NAMES:
        return {}
    fields = find_fields(columns, wanted.kind)
    if missing_fields(fields, wanted.kind):
        return {}
    return {name: columns[called] for name, called in fields.items()}


def _refuse_several(frame: Frame, fitting: Mapping[str, Places], record: str) -> None:
    if len(fitting) > 1:
        raise DataError(
            f"{record} of the {frame.name} could be {' or '.join(fitting)}: call it so."
        )
