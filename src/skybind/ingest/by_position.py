"""Observations of another survey, joined to the objects by position."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from skybind.data.sky import judge
from skybind.errors import DataError
from skybind.ingest.catalogues import Catalogue, Places, places_of
from skybind.ingest.chance import estimate_chance
from skybind.ingest.crossmatch import common_epoch
from skybind.ingest.frames import Frame
from skybind.ingest.near import NearSpec
from skybind.ingest.observation_spec import ObservationSpec
from skybind.ingest.plan import Flat
from skybind.ingest.readers.contents import read_bytes
from skybind.ingest.readers.folders import pattern_columns
from skybind.ingest.readers.stacks import open_arrays
from skybind.ingest.readers.tables import Table, read_table
from skybind.ingest.readers.whole import read_whole


@dataclass
class Near:
    """Sources that belong to objects.

    Attributes
    ----------
    names : ndarray, shape (n,)
        Name of each object's source, None without one.
    rows : ndarray of int, shape (n,)
        Its first row in the table of sources, -1 without one.
    notes : list of str
        What was found, in sentences.
    left_out : dict of int to str
        Objects whose match was left out, and why.
    index : Table, optional
        Whose rows these are, where positions do not stand beside the observations.
    """

    names: np.ndarray
    rows: np.ndarray
    notes: list[str]
    left_out: dict[int, str] = field(default_factory=dict)
    index: Table | None = None


def sources_of(spec: ObservationSpec, base: Path) -> tuple[Frame, Table | None]:
    """Read names and positions of the sources; second, the index whole if there is one."""
    near = spec.join
    assert near is not None
    name = [spec.id] if spec.id is not None else []
    index = near.index or spec.index
    if index is not None:
        text = name + (pattern_columns(spec.pattern) if spec.pattern else [])
        table = read_table(read_bytes(base / index), index, text=text, nested=False)
        return Frame(index, len(table), dict(table.columns), units=dict(table.units)), table
    file = str(spec.file)
    if spec.stacked:
        arrays = open_arrays(spec, base)
        n = len(arrays[str(spec.id)][()])
        flat = {key: np.asarray(arrays[key][()]) for key in arrays if arrays[key].shape == (n,)}
        flat = {k: np.char.decode(v, "utf-8") if v.dtype.kind == "S" else v
                for k, v in flat.items()}  # fmt: skip
        return Frame(file, n, flat, units=dict(arrays.units)), None
    wanted = [c for c in (spec.id, near.ra, near.dec) if c is not None]
    columns = wanted if len(wanted) == 3 else None
    table = read_whole(spec, base, text=name, nested=False, columns=columns)
    return Frame(file, len(table), dict(table.columns), units=dict(table.units)), None


def join_by_position(spec: ObservationSpec, base: Path, objects: Frame, modality: str) -> Near:
    """Give each object the source of its observations by position; as `nearest_sources`.

    Parameters
    ----------
    spec : ObservationSpec
        With a `join`.
    base : Path
        Folder that the mapping's paths are relative to.
    objects : Frame
        With `object_id`, `ra`, `dec` [deg] and the columns of the proper motions.
    modality : str
        Name of the observation, for messages.
    """
    assert spec.join is not None
    sources, index = sources_of(spec, base)
    found = nearest_sources(spec.join, objects, sources, spec.id, modality)
    found.index = index
    return found


def nearest_sources(
    near: NearSpec, objects: Frame, sources: Frame, id: str | None, what: str
) -> Near:
    """Give each object the source that is its mutual nearest within the radius.

    Rows of one name are one source, at their mean position; without names each row is one.

    Parameters
    ----------
    near : NearSpec
    objects : Frame
        With `object_id`, `ra`, `dec` [deg] and the columns of the proper motions.
    sources : Frame
        With their positions.
    id : str or None
        Column of their names.
    what : str
        What is joined, for messages.

    Raises
    ------
    DataError
        If nothing has a position, or no source is near an object.
    """
    pm = None if near.pm is None else (near.pm[0], near.pm[1])
    own = places_of(Catalogue(objects, "object_id", pm=pm, epoch=near.epoch), objects, "objects")
    columns = (id, near.ra, near.dec, near.unit)
    other = places_of(Catalogue(sources, *columns, epoch=near.other_epoch), sources, what)
    epoch = common_epoch(own, other, None)
    vectors, first = _sources(other, id is not None)
    judged = judge(own.vectors(epoch), vectors, near.radius)
    pairs = judged.pairs.take(judged.mutual)
    if not len(pairs):
        raise DataError(
            f"{what}: no source of {other.name} lies within {near.radius:g} arcsec of an "
            "object: are positions, units and epochs right?"
        )
    doubtful = (judged.several | judged.near_second)[judged.mutual]
    rows = np.full(objects.n, -1)
    rows[own.known[pairs.a]] = first[pairs.b]
    left_out = {}
    if near.ambiguous == "leave out":
        reason = f"more than one candidate around {near.radius:g} arcsec"
        left_out = dict.fromkeys(own.known[pairs.a[doubtful]].tolist(), reason)
        rows[list(left_out)] = -1
    names = np.full(objects.n, None, object)
    names[rows >= 0] = other.object_id[rows[rows >= 0]]
    said = "left out" if left_out else "ambiguous, of which the nearest is taken"
    counted = f"; {doubtful.sum():,} {said}" if doubtful.any() else ""
    notes = [
        f"{what}: {int((rows >= 0).sum()):,} of {objects.n:,} objects have one of "
        f"{len(first):,} sources within {near.radius:g} arcsec{counted}."
    ]
    chance = estimate_chance(own.vectors(epoch), vectors, near.radius)
    if chance is not None:
        notes.append(f"{what}: {chance.expected:,.1f} of these are expected by chance.")
    notes += [f"{what}: {note}" for note in (*own.notes, *other.notes) if _told(note)]
    return Near(names, rows, notes, left_out)


def _sources(other: Places, named: bool) -> tuple[np.ndarray, np.ndarray]:
    """Mean positions of the sources as unit vectors, and the first row of each."""
    known, vectors = other.known, other.vectors()
    if not named:
        return vectors, known
    keep = np.flatnonzero(other.object_id[known] != "")
    known, vectors = known[keep], vectors[keep]
    _, first, inverse = np.unique(
        other.object_id[known].astype(str), return_index=True, return_inverse=True
    )
    total = np.stack([np.bincount(inverse, vectors[:, axis]) for axis in range(3)], axis=1)
    return total / np.linalg.norm(total, axis=1, keepdims=True), known[first]


def _told(note: str) -> bool:
    # rows of one source, and rows that are joined whatever they are called
    return "whose name occurs again" not in note and "its rows are numbered" not in note


def objects_frame(
    flat: Mapping[str, Flat], columns: Mapping[str, np.ndarray], units: Mapping[str, str]
) -> Frame:
    """Names, positions and proper motions of the objects, as a catalogue."""
    own = {name: np.asarray(flat[name]) for name in ("object_id", "ra", "dec")}
    return Frame(
        "the table of objects",
        len(own["ra"]),
        {**own, **columns},
        units={"ra": "deg", "dec": "deg"} | {k: v for k, v in units.items() if k in columns},
    )


def picked(values: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Give the texts of some rows, "" where there is none (-1)."""
    return np.where(rows < 0, "", values[np.maximum(rows, 0)])
