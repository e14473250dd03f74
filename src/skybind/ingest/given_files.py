"""Files made to fit a model: one observation each, or one file with a table of objects."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from skybind.errors import DataError
from skybind.ingest.fields import OBJECTS
from skybind.ingest.file_content import Content, FileError
from skybind.ingest.frames import Frame, frame_of, listed, number_of_objects
from skybind.ingest.given_rows import Given, Rows
from skybind.ingest.given_table import names_of, take_frame
from skybind.ingest.one_file import read_file
from skybind.ingest.readers.contents import other_tables, read_bytes, unzipped
from skybind.ingest.readers.curves import known_curves
from skybind.ingest.readers.look import Look
from skybind.ingest.readers.tables import format_of_content, open_table
from skybind.ingest.survey_curves import read_survey_curves
from skybind.ingest.wanted import Wanted, fit_fields
from skybind.ragged import Ragged
from skybind.words import join, nearest

#: What may be given of objects beside their observations.
BESIDE = ("object_id", "ra", "dec")


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


def are_files(observations: Mapping[str, Any]) -> bool:
    """Whether observations that were given by name are files: a path each, or lists of paths."""
    own = [listed(v, True) for name, v in observations.items() if name not in BESIDE]
    return any(_all_files(cells) and any(cell is not None for cell in cells) for cells in own)


def take_named_files(observations: Mapping[str, Any], wanted: Mapping[str, Wanted]) -> Given:
    """Make files that were given by modality fit a model: `photometry=[paths], spectrum=[paths]`.

    Parameters
    ----------
    observations : mapping of str to path or sequence of (path or None)
        By modality, one file an object, None where an object has none; `object_id`, `ra` and
        `dec` [deg] beside them.
    wanted : mapping of str to Wanted

    Raises
    ------
    DataError
        If lists differ in length, a modality is none of the model's, or files and arrays are
        mixed.
    """
    beside = {name: listed(v, False) for name, v in observations.items() if name in BESIDE}
    files: dict[str, list[Any]] = {}
    for name, value in observations.items():
        if name in BESIDE:
            continue
        files[_modality(name, wanted)] = cells = listed(value, True)
        if not _all_files(cells):
            raise DataError(f"{name} holds no files, as others do: give either files or arrays.")
    n = number_of_objects({**files, **beside})
    rows = Rows("given files", _names_of(files, beside.get("object_id"), n), wanted)
    for name, cells in files.items():
        found: dict[int, Content] = {}
        for i, path in enumerate(cells):
            if path is not None:
                try:
                    found[i] = read_file(path, {name: wanted[name]})
                except FileError as error:
                    rows.reasons[name][i] = str(error).rstrip(".")
        _fill(rows, wanted[name], found, n)
    for axis in set(beside) - {"object_id"}:
        rows.numbers(axis, np.asarray(beside[axis], float))
    return rows.given()


def _all_files(cells: list[Any]) -> bool:
    return all(cell is None or isinstance(cell, str | Path) for cell in cells)


def _modality(name: str, wanted: Mapping[str, Wanted]) -> str:
    """Find the modality of a name, which may be that of its column or kind."""
    own = [w.name for w in wanted.values() if name in (w.name, w.column, w.kind)]
    if len(own) != 1:
        which = nearest(name, list(wanted)) if not own else f"say which: {join(own)}."
        raise DataError(f"There is no one modality '{name}': {which}")
    return own[0]


def _names_of(files: Mapping[str, list[Any]], given: list[Any] | None, n: int) -> list[str]:
    """Name the objects: as they are given, or by their first file."""
    if given is not None:
        return [str(name) for name in given]
    paths = [next((c[i] for c in files.values() if c[i] is not None), f"row {i}") for i in range(n)]
    return _file_names([Path(path) for path in paths])


def _file_names(paths: Sequence[Path]) -> list[str]:
    """Name objects by their files; by the whole paths where two files have one name."""
    names = [path.name for path in paths]
    return names if len(set(names)) == len(names) else [str(path) for path in paths]


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
        frame = frame_of_file(path)
    except DataError as error:
        raise (single or error) from None
    names_of(frame)  # names that lost digits are refused whatever else is wrong
    try:
        return take_frame(frame, wanted, units)
    except DataError as error:
        raise (single or error) from None


def _given(
    paths: Sequence[Path],
    found: Mapping[int, Content],
    errors: Mapping[int, FileError],
    wanted: Mapping[str, Wanted],
) -> Given:
    what = "given files" if len(paths) > 1 else paths[0].name
    rows = Rows(what, _file_names(paths), wanted)
    for i, error in errors.items():
        rows.reasons[error.modality][i] = str(error).rstrip(".")
    for name, modality in wanted.items():
        own = {i: content for i, content in found.items() if content.modality == name}
        _fill(rows, modality, own, len(paths))
    return rows.given()


def _fill(rows: Rows, wanted: Wanted, contents: Mapping[int, Content], n: int) -> None:
    """Fill what one modality reads with the contents of files."""
    rows.notes += [
        note
        for note in dict.fromkeys(note for content in contents.values() for note in content.notes)
        if note not in rows.notes
    ]
    if contents and wanted.fields:
        _observations(rows, wanted, contents, n)
    for feature in wanted.features if contents and not wanted.fields else ():
        values = np.full(n, np.nan)
        for i, content in contents.items():
            values[i] = content.features.get(feature, np.nan)
        rows.numbers(feature, values)


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
    data = read_bytes(path)
    survey = known_curves(Look(data, path.name))
    if survey is not None:
        return read_survey_curves(path, data, survey).frame(path.name)
    usual = [form(name) for name in OBJECTS for form in (str.lower, str.upper, str.capitalize)]
    table = open_table(data, path.name, [*usual, *text])
    frame = frame_of(table)
    if frame is None:  # a text file
        frame = Frame(path.name, len(table), units=dict(table.units))
        frame.notes = [f"{path.name}: {note}." for note in table.told()]
        for name, values in table.columns.items():
            frame.add(name, values)
        frame.lists |= table.lists
    plain = unzipped(data, path.name)
    several = other_tables(plain, format_of_content(plain, path.name))
    frame.notes += [f"{path.name}: {note}." for note in several]
    frame.name = path.name
    return frame
