"""A table in memory made to fit a model: every row that can be used, and why others cannot."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from skybind.data.schema import DEC, RA, same_attribute
from skybind.data.systems import EACH
from skybind.errors import DataError
from skybind.ingest.fields import NEEDED, find_position, name_of_objects, stated_unit
from skybind.ingest.flags import any_bit, no_measurements, usual_flags, with_written_limits
from skybind.ingest.frames import Frame
from skybind.ingest.given_rows import Given, Rows
from skybind.ingest.lists import why_unusable
from skybind.ingest.matching import (
    Places,
    find_feature,
    find_observations,
    fold,
    image_bands,
)
from skybind.ingest.names import given_names
from skybind.ingest.plausible import given_fields, given_numbers
from skybind.ingest.positions import positions, read_as_hours
from skybind.ingest.readers.values import numbers
from skybind.ingest.wanted import Wanted, fit_fields, in_unit
from skybind.ragged import Ragged
from skybind.words import join, nearest


def take_frame(
    frame: Frame, wanted: Mapping[str, Wanted], units: Mapping[str, Any] | None = None
) -> Given:
    """Make a table fit a model.

    Parameters
    ----------
    frame : Frame
    wanted : mapping of str to Wanted
    units : mapping, optional
        Units by column, or by modality and column; they count more than what the table states.

    Raises
    ------
    DataError
        If nothing in it can be used, columns could be of several modalities, or a unit does not
        fit.
    """
    if not frame.n:
        raise DataError(f"The {frame.name} has no rows: there is nothing to use.")
    _state_units(frame, wanted, units or {})
    places = find_observations(frame, wanted)
    notes = list(frame.notes)
    if not places:
        folded = fold(frame, wanted)
        if folded is not None:
            one = f"{frame.n} rows of the {frame.name} are taken as of {folded.n} object"
            notes.append(one + ("." if folded.n == 1 else "s, by their names."))
            frame, places = folded, find_observations(folded, wanted)
    return _Taking(frame, wanted, places, notes).given()


class _Taking:
    """The columns of a table, taken one after the other."""

    def __init__(
        self,
        frame: Frame,
        wanted: Mapping[str, Wanted],
        places: dict[str, Places],
        notes: list[str],
    ) -> None:
        self.frame, self.wanted, self.places = frame, wanted, places
        self.rows = Rows(frame.name, names_of(frame), wanted)
        self.rows.notes[:0] = notes

    def given(self) -> Given:
        """Take all that the model reads."""
        self._positions()
        for name, modality in self.wanted.items():
            if name in self.places:
                self._observations(modality)
            for feature in modality.features:
                self._feature(modality, feature)
        if self.rows.empty:
            raise DataError(self._nothing())
        return self.rows.given(self.frame.provenance, self.frame.simulated)

    def _positions(self) -> None:
        frame = self.frame
        for axis, column in zip((RA, DEC), find_position(frame.flat) or (), strict=False):
            raw, unit, where = (
                frame.flat[column],
                frame.units.get(column),
                f"{column} of the {frame.name}",
            )
            values, reasons = positions(raw, axis, column, unit, where)
            said = read_as_hours(axis, raw, column, unit)
            self.rows.notes += [f"{self.rows.where}: {sentence}" for sentence in said]
            if reasons:
                first = next(iter(reasons.values()))
                self.rows.notes.append(f"{len(reasons)} rows have no {axis}: {first}.")
            self.rows.numbers(axis, values)

    def _feature(self, wanted: Wanted, feature: str) -> None:
        """Take a number of the catalogue, if it is there."""
        column = find_feature(self.frame, wanted, feature)
        said = self.frame.attributes.get(column or "", {})
        if column is None or not wanted.takes(feature, said):
            return
        stated = self.frame.units.get(column)
        where = f"{column} of the {self.frame.name}"
        raw = self.frame.flat[column]
        values, reasons, notes = given_numbers(
            raw, feature, wanted, column, stated, where, said.get("system")
        )
        self.rows.notes += notes
        told = self.rows.reasons[wanted.name]
        for row, reason in reasons.items():
            told[row] = told[row] or reason
        self.rows.numbers(feature, values)

    def _observations(self, wanted: Wanted) -> None:
        """Take observations; rows whose lists cannot be used get a reason."""
        places, frame = self.places[wanted.name], self.frame
        if wanted.kind == "image" and len(set(places.values())) < max(2, len(places)):
            column = next(iter(places.values()))
            lists = image_bands(frame, wanted, column)
        else:
            lists = {name: frame.lists[column] for name, column in places.items()}
        units = {
            name: stated_unit(name, column.rpartition(".")[2], frame.units.get(column))
            for name, column in places.items()
        }
        reason = why_unusable(lists, places, wanted.kind)
        if wanted.kind == "image":
            self._check_scale(wanted, reason)
        whole = np.max([each.lengths for each in lists.values()], axis=0)
        rows = np.flatnonzero((whole >= 0) & (reason == ""))
        lengths = whole[rows]
        raw = {name: each.of_rows(rows, lengths) for name, each in lists.items()}
        raw = with_written_limits(raw) if wanted.kind == "photometry" else raw
        self._note_text(raw, places)
        where = f"{wanted.column} of the {frame.name}"
        stated = {name: frame.units.get(column) for name, column in places.items()}
        fields, said = (
            (raw, []) if wanted.kind == "image" else given_fields(raw, wanted, where, stated)
        )
        self.rows.notes += said
        left_out = np.zeros(0, bool)
        if wanted.kind == "photometry":
            usual = self._usual_flags(places, rows, lengths)
            left_out, _, notes = no_measurements(fields, usual, where)
            units.pop("limit", None)
            self.rows.notes += notes
        fitted = fit_fields(fields, units, wanted, where, self._system(wanted, places))
        self.rows.notes += fitted.notes
        present = np.zeros(frame.n, bool)
        present[rows] = True
        offsets = np.zeros(frame.n + 1, np.int64)
        offsets[1:][rows] = lengths
        self.rows.reasons[wanted.name] = reason
        ragged = Ragged(fitted.fields, np.cumsum(offsets), present)
        if left_out.any():
            ragged = ragged.filter(~left_out)
        self.rows.observations(wanted, ragged, fitted.units)

    def _system(self, wanted: Wanted, places: Places) -> Any:
        """Photometric system of magnitudes, where a dataset or a format says it."""
        record = places.get("magnitude", "").rpartition(".")[0]
        said = self.frame.attributes
        found = said.get(places.get("magnitude", ""), said.get(record, {})).get("system")
        return None if found == EACH else found

    def _usual_flags(
        self, places: Places, rows: np.ndarray, lengths: np.ndarray
    ) -> np.ndarray | None:
        """Tell which epochs a survey's own flags call bad; None where there are none."""
        inside = next(iter(places.values())).rpartition(".")[0]
        group = f"{inside}." if inside else ""
        names = {n.removeprefix(group): n for n in self.frame.lists if n.startswith(group)}
        found = usual_flags(names)
        if found is None:
            return None
        lists = self.frame.lists[names[found[1]]]
        same = np.array_equal(np.maximum(lists.lengths[rows], 0), lengths)
        if not same:
            return None
        return any_bit(lists.of_rows(rows, lengths), found[0].bitmask, names[found[1]])

    def _check_scale(self, wanted: Wanted, reason: np.ndarray) -> None:
        """Refuse images of another pixel scale than the model's; without any it is the model's."""
        scale = wanted.attributes.get("pixel_scale")
        column = find_feature(self.frame, wanted, "pixel_scale")
        if column is None or scale is None:
            if scale is not None and wanted.attributes.get("stretch") != "display":
                where = f"{wanted.column} of the {self.frame.name}"
                self.rows.notes.append(
                    f"{where}: no pixel_scale is stated; taken as {scale:.4g} arcsec."
                )
            return
        own = numbers(self.frame.flat[column])[0]
        stated = self.frame.units.get(column)
        own = in_unit(own, stated, "arcsec", f"{column} of the {self.frame.name}")
        for row in np.flatnonzero(np.isfinite(own) & (reason == "")).tolist():
            if not same_attribute(float(scale), float(own[row])):
                reason[row] = (
                    f"{own[row]:.4g} arcsec a pixel, the model's images have {scale:.4g}: "
                    "resample it"
                )

    def _note_text(self, raw: Mapping[str, np.ndarray], places: Places) -> None:
        for name, values in raw.items():
            if name == "band" or values.dtype.kind != "O":
                continue
            bad = int(numbers(values)[1].sum())
            if bad:
                self.rows.notes.append(
                    f"{bad:,} values of {places[name]} are text that is no number: they are "
                    "taken as missing."
                )

    def _nothing(self) -> str:
        """Say what was looked for and what is there."""
        sought = []
        for modality in self.wanted.values():
            if modality.kind in NEEDED:
                needed = " and ".join("/".join(group) for group in NEEDED[modality.kind])
                sought.append(f"{modality.column} (lists of {needed})")
            elif modality.fields:
                sought.append(f"{modality.column} (images in {', '.join(modality.fields)})")
            else:
                some = list(modality.features)[:3]
                sought.append(f"{modality.column} ({', '.join(some)} ...)")
        names = [m.column for m in self.wanted.values()]
        names += [feature for m in self.wanted.values() for feature in m.features]
        have = self.frame.columns
        near = next((h for h in (nearest(c, names) for c in have) if h.startswith("did")), "")
        listed = f"it has {', '.join(have[:8]) or 'no columns'}{' ...' if len(have) > 8 else ''}"
        return (
            f"{self.rows.where} has none of {join(sought)} ({listed}){'; ' + near if near else '.'}"
        )


def names_of(frame: Frame) -> list[str]:
    """Name the objects: by their column, the index, or else the numbers of the rows.

    Raises
    ------
    DataError
        If names are floating-point numbers that lost digits.
    """
    column = name_of_objects(frame.flat)
    if column is not None:
        found = given_names(frame.flat[column], f"The {frame.name}, column '{column}'")
    else:
        found = np.full(frame.n, "", object) if frame.index is None else frame.index
    return [name or str(row) for row, name in enumerate(found.tolist())]


def _state_units(frame: Frame, wanted: Mapping[str, Wanted], units: Mapping[str, Any]) -> None:
    """Enter the units that were given by keyword.

    Raises
    ------
    DataError
        If a name is none of the table's.
    """
    columns = {**frame.flat, **frame.lists}
    for name, unit in units.items():
        inner = unit if isinstance(unit, Mapping) else {name: unit}
        group = name if isinstance(unit, Mapping) else ""
        owner = next((w for w in wanted.values() if group in (w.name, w.column, w.kind)), None)
        if group and owner is None and group not in frame.records():
            raise DataError(
                f"units: there is no modality '{group}': {nearest(group, list(wanted))}"
            )
        for column, own in inner.items():
            places = [f"{group}.{column}", f"{group}_{column}", column] if group else [column]
            place = next((p for p in places if p in columns), None)
            if place is None:
                known = [c.rpartition(".")[2] if group else c for c in columns]
                raise DataError(
                    f"units: the {frame.name} has no column '{column}': {nearest(column, known)}"
                )
            frame.units[place] = str(own) or "1"
