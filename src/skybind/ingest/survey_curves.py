"""Light curves of one file in the format of a survey, which no mapping describes."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from skybind.data.sky import ARCSEC, unit_vectors
from skybind.data.systems import EACH, Systems
from skybind.errors import DataError
from skybind.ingest.flags import no_measurements
from skybind.ingest.frames import Frame
from skybind.ingest.observation_spec import PhotometrySpec
from skybind.ingest.observed import observation_fields, settle
from skybind.ingest.plausible import missing_notes, sentinels_in
from skybind.ingest.readers.contents import read_bytes
from skybind.ingest.readers.curves import read_curves
from skybind.ingest.readers.registry import Fields, curve_format
from skybind.ingest.readers.tables import Table
from skybind.ingest.readers.unfold import places_of, unfold
from skybind.ingest.readers.values import numbers, texts

#: Observations of one star that a survey names by filter and field (ZTF) lie so close [arcsec].
PLACE = 2.0


@dataclass
class SurveyCurves:
    """The epochs of one or several objects, flagged ones and limits left out.

    Attributes
    ----------
    fields : dict of str to ndarray, shape (epochs,)
    units : dict of str to (str or None)
    names : ndarray of str, shape (epochs,), optional
        Of the objects, where the format names them.
    notes : list of str
        What was left out or assumed, in sentences.
    system : str, or mapping of band to str, optional
        Photometric system of the magnitudes; a field `system` says it of each.
    limits : dict of str to ndarray
        The same fields of the upper limits of all objects.
    """

    fields: Fields
    units: dict[str, str | None]
    names: np.ndarray | None
    notes: list[str]
    system: Systems | None = None
    limits: Fields = field(default_factory=dict)

    @property
    def objects(self) -> int:
        """Number of objects."""
        return 1 if self.names is None else len(np.unique(self.names.astype(str)))

    def frame(self, name: str) -> Frame:
        """Give the epochs as a long table."""
        made = Frame(name, len(next(iter(self.fields.values()))))
        if self.names is not None:
            made.add("object_id", self.names)
        for column, values in self.fields.items():
            made.add(column, values)
        made.units |= {column: unit for column, unit in self.units.items() if unit is not None}
        made.notes = list(self.notes)
        if self.system is not None and "magnitude" in self.fields:
            made.attributes["magnitude"] = {"system": self.system}
        return made


def read_survey_curves(
    path: Path, data: bytes, format: str, missing: Mapping[str, Sequence[str]] | None = None
) -> SurveyCurves:
    """Read light curves in the format of a survey.

    Parameters
    ----------
    path : Path
        Of the file, beside which others may stand that it needs.
    data : bytes
        What it holds.
    format : str
        One of `skybind.ingest.readers.registry.curve_formats`.
    missing : mapping of str to sequence of str, optional
        Field -> what else stands for "not known".

    Raises
    ------
    DataError
        If it cannot be read so.
    """
    known = curve_format(format)
    assert known is not None
    spec = PhotometrySpec.model_validate({"folder": ".", "pattern": "{id}", "format": format})
    more = _add_missing(spec, missing or {})
    band = [spec.band.column] if spec.band is not None else []
    table = read_curves(
        data, path.name, spec, lambda name: read_bytes(path.parent / Path(name).name), text=band
    )
    id = known.keys.get("id")
    names = texts(table.columns[str(id)]) if id in table.columns else None
    notes = [f"{path.name}: {note}." for note in table.told()]
    if names is not None and _one_place(table):
        if len(np.unique(names.astype(str))) > 1:
            notes.append(f"{path.name}: all of {id} lie within {PLACE:g} arcsec: taken as one.")
        names = None
    unfolded = unfold(table, places_of(spec, table), spec.kind)
    if unfolded is not None:
        for reason in unfolded.reasons.values():
            raise DataError(f"{path.name}: {reason}.")
        table = unfolded.table
        names = None if names is None else np.repeat(names[unfolded.rows], unfolded.lengths)
    stored = settle(spec, table)
    fields = observation_fields(table, spec, stored)
    for name, words in more.items():
        column = spec.fields()[name].column
        found = sentinels_in(table[column], words) if column in table.columns else Counter()
        notes += missing_notes(found, f"{path.name}, {name}")
    mask = fields.pop("mask", None)
    left_out, limit, said = no_measurements(fields, mask, path.name)
    limits = {name: values[limit] for name, values in fields.items()}
    fields = {name: values[~left_out] for name, values in fields.items()}
    if names is not None:
        names = names[~left_out]
    system = stored.attributes.get("system")
    system = None if system == EACH else system
    return SurveyCurves(fields, dict(stored.units), names, notes + said, system, limits)


def _add_missing(
    spec: PhotometrySpec, missing: Mapping[str, Sequence[str]]
) -> dict[str, list[str]]:
    """Add sentinels to the columns of a format; gives those that it does not have itself."""
    added = {}
    for name, column in spec.fields().items():
        own = [word for word in missing.get(name, []) if word not in column.missing]
        added[name], column.missing = own, column.missing + own
    return added


def _one_place(table: Table) -> bool:
    """Whether all rows of a table lie at one place of the sky; false where it tells none."""
    places = {name.lower(): name for name in table.columns}
    if not {"ra", "dec"} <= set(places):
        return False
    ra, dec = (numbers(table.columns[places[name]])[0] for name in ("ra", "dec"))
    if not len(ra) or not (np.isfinite(ra) & np.isfinite(dec)).all():
        return False
    at = unit_vectors(ra, dec)
    return bool(np.linalg.norm(at - at[0], axis=1).max() < PLACE * ARCSEC)
