"""Tables in parts: a list of files, a glob, a folder, or a HATS catalogue, read as one table."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from skybind.errors import DataError
from skybind.ingest.file_spec import FileSpec
from skybind.ingest.lists import Lists
from skybind.ingest.readers.contents import read_bytes
from skybind.ingest.readers.curves import read_curves
from skybind.ingest.readers.hats import common_units, hats_files, is_hats, unplaced_files
from skybind.ingest.readers.tables import SUFFIXES, Table
from skybind.words import nearest


def part_files(spec: FileSpec, base: Path) -> list[str]:
    """Name the files of a table, relative to `base`, in the order in which they are read.

    Those of a glob or a folder come in the order of their names, those of a HATS catalogue in that
    of its HEALPix index, and at the end what has no position.

    Raises
    ------
    DataError
        If a glob or a folder has none, or a HATS catalogue cannot be used.
    """
    found: list[str] = []
    for name in spec.parts or [str(spec.file)]:
        path = base / name
        if path.is_dir() and is_hats(path):
            found += _named([*hats_files(path), *unplaced_files(path)], base)
            continue
        if path.is_dir():
            files = [p for p in path.iterdir() if _is_table(p)]
            none = f"The folder {path} holds no table ({', '.join(SUFFIXES)})."
        elif any(c in name for c in "*?[") and not path.exists():
            root = Path(Path(name).anchor) if Path(name).is_absolute() else base
            files = [p for p in root.glob(name.removeprefix(Path(name).anchor)) if p.is_file()]
            none = f"No file is called as in {path}."
        else:
            found.append(name)
            continue
        if not files:
            raise DataError(none)
        found += _named(sorted(files), base)
    return found


def read_parts(spec: FileSpec, base: Path, **options: Any) -> Table:
    """Read a table, or its parts one after the other.

    Parameters
    ----------
    spec : FileSpec
    base : Path
        Folder that the mapping's paths are relative to.
    **options
        See `skybind.ingest.readers.tables.read_table`.

    Raises
    ------
    DataError
        If one cannot be read, or has other columns or units than the first.
    """
    names, common = part_files(spec, base), units_of_all(spec, base)
    tables = [
        read_curves(read_bytes(base / name), name, spec, partial(_beside, base / name), **options)
        for name in names
    ]
    for table in tables:
        table.units = {**common, **table.units}
    if len(tables) == 1:
        return tables[0]
    first = tables[0]
    for table in tables[1:]:
        check_alike(table, first)
    joined = Table(str(spec.file), {}, dict(first.units), known=first.known)
    joined.inferred = first.inferred
    joined.columns = {
        column: _joined([table.columns[column] for table in tables]) for column in first.columns
    }
    joined.lists = {
        column: _joined_lists([table.lists[column] for table in tables]) for column in first.lists
    }
    joined.bad_rows = [f"{table.name}: {bad}" for table in tables for bad in table.bad_rows]
    joined.notes = [f"{table.name}: {note}" for table in tables for note in table.notes]
    return joined


def units_of_all(spec: FileSpec, base: Path) -> dict[str, str]:
    """Give the units that catalogues among the files of a mapping state for all their parts."""
    found: dict[str, str] = {}
    for name in spec.parts or [str(spec.file)]:
        if (base / name).is_dir() and is_hats(base / name):
            found |= common_units(base / name)
    return found


def _named(files: Sequence[Path], base: Path) -> list[str]:
    return [str(p.relative_to(base)) if p.is_relative_to(base) else str(p) for p in files]


def _beside(path: Path, name: str) -> bytes:
    return read_bytes(path.parent / Path(name).name)


def _is_table(path: Path) -> bool:
    ending = Path(path.name.lower().removesuffix(".gz")).suffix
    return path.is_file() and not path.name.startswith((".", "_")) and ending in SUFFIXES


def check_alike(table: Table, first: Table) -> None:
    """Refuse a part of other columns or units than the first."""
    for one, other in ((table, first), (first, table)):
        here, there = ([*each.columns, *each.lists] for each in (one, other))
        for column in there:
            if column not in here:
                hint = _hint(column, one.known or here)
                raise DataError(
                    f"{one.name} has no column '{column}', which {other.name} has: {hint}"
                )
    for column in (*first.columns, *first.lists):
        units = [each.units.get(column) for each in (first, table)]
        if units[0] != units[1]:
            raise DataError(
                f"{table.name} has '{column}' in '{units[1] or 'no unit'}' where {first.name} has "
                f"'{units[0] or 'no unit'}'."
            )


def _hint(column: str, names: Sequence[str]) -> str:
    return nearest(column, names[:30]) if names else "it has none."


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    """String columns together; empty ones have no type of their own."""
    parts = [part for part in parts if len(part)] or parts[:1]
    if any(part.dtype.kind == "O" for part in parts):
        parts = [part.astype(object) for part in parts]
    return np.concatenate(parts)


def _joined_lists(parts: list[Lists]) -> Lists:
    starts = np.cumsum([0, *map(len, parts)])
    wrong = {
        int(start) + row: what
        for start, part in zip(starts[:-1], parts, strict=True)
        for row, what in part.wrong.items()
    }
    lengths = np.concatenate([part.lengths for part in parts])
    shape = next((part.shape for part in parts if part.shape), ())
    return Lists(_joined([part.values for part in parts]), lengths, wrong, shape)
