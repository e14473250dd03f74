"""Files made to fit a model: one observation each, or one file with a table of objects."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from skybind.errors import DataError
from skybind.ingest.fields import OBJECTS
from skybind.ingest.frames import Frame, frame_of
from skybind.ingest.given_rows import Given, Rows
from skybind.ingest.given_table import take_frame
from skybind.ingest.one_file import Content, FileError, read_file
from skybind.ingest.readers.contents import read_bytes
from skybind.ingest.readers.tables import open_table
from skybind.ingest.wanted import Wanted, fit_fields
from skybind.ragged import Ragged


def take_files(paths: Sequence[Path], wanted: Mapping[str, Wanted]) -> Given:
    """Make files of one observation each fit a model; one that cannot be read is a row too.

    Raises
    ------
    DataError
        If there are no files.
    """
    if not paths:
        raise DataError("No files were given: there is nothing to use.")
    found: dict[int, Content] = {}
    errors: dict[int, FileError] = {}
    for i, path in enumerate(paths):
        try:
            found[i] = read_file(path, wanted)
        except FileError as error:
            errors[i] = error
    return _given(paths, found, errors, wanted)


def take_file(
    path: Path, wanted: Mapping[str, Wanted], units: Mapping[str, Any] | None = None
) -> Given:
    """Make one file fit a model: an observation, or a table of objects, of epochs or of pixels.

    Raises
    ------
    DataError
        If it is neither.
    """
    single: DataError | None = None
    if not units:
        try:
            return _given([path], {0: read_file(path, wanted)}, {}, wanted)
        except FileError as error:
            single = error
    try:
        return take_frame(frame_of_file(path), wanted, units)
    except DataError as error:
        raise (single or error) from None


def _given(
    paths: Sequence[Path],
    found: Mapping[int, Content],
    errors: Mapping[int, FileError],
    wanted: Mapping[str, Wanted],
) -> Given:
    names = [path.name for path in paths]
    if len(set(names)) < len(names):
        names = [str(path) for path in paths]
    rows = Rows("given files" if len(paths) > 1 else paths[0].name, names, wanted)
    for i, error in errors.items():
        rows.reasons[error.modality][i] = str(error).rstrip(".")
    rows.notes += dict.fromkeys(note for content in found.values() for note in content.notes)
    for name, modality in wanted.items():
        own = {i: content for i, content in found.items() if content.modality == name}
        if own and modality.fields:
            _observations(rows, modality, own, len(paths))
        for feature in modality.features if own and not modality.fields else ():
            values = np.full(len(paths), np.nan)
            for i, content in own.items():
                values[i] = content.features.get(feature, np.nan)
            rows.numbers(feature, values)
    return rows.given()


def _observations(rows: Rows, wanted: Wanted, contents: Mapping[int, Content], n: int) -> None:
    """String the observations of files together."""
    units = next(iter(contents.values())).units
    parts = {i: content.fields for i, content in contents.items()}
    if any(list(content.units) != list(units) for content in contents.values()):
        # some have fluxes, some magnitudes: all become fluxes, which may be negative
        units = next(content.units for content in contents.values() if "flux" in content.units)
        fluxes = replace(wanted, fields=units)
        fitted = {i: fit_fields(c.fields, c.units, fluxes, rows.where) for i, c in contents.items()}
        rows.notes += dict.fromkeys(note for one in fitted.values() for note in one.notes)
        parts = {i: one.fields for i, one in fitted.items()}
    present = np.isin(np.arange(n), list(parts))
    lengths = np.zeros(n + 1, np.int64)
    for i, fields in parts.items():
        lengths[i + 1] = len(next(iter(fields.values())))
    flat = {name: np.concatenate([parts[i][name] for i in sorted(parts)]) for name in units}
    rows.observations(wanted, Ragged(flat, np.cumsum(lengths), present), units)


def frame_of_file(path: Path, text: Sequence[str] = ()) -> Frame:
    """Read a table with one row an object.

    Parameters
    ----------
    path : Path
    text : sequence of str
        Columns to read as text, besides those that are usual for names.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    usual = [form(name) for name in OBJECTS for form in (str.lower, str.upper, str.capitalize)]
    table = open_table(read_bytes(path), path.name, [*usual, *text])
    frame = frame_of(table)
    if frame is None:  # a text file
        frame = Frame(path.name, len(table), units=dict(table.units))
        frame.notes = [f"{path.name}: {note}." for note in table.told()]
        for name, values in table.columns.items():
            frame.add(name, values)
        frame.lists |= table.lists
    frame.name = path.name
    return frame
