"""Files of a dataset that is appended to: linked, or written under a new name."""

import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from skybind.data.quarantine import read_quarantine, write_quarantine
from skybind.data.schema import ID
from skybind.data.sources import ParquetSource
from skybind.data.write import ROW_GROUP, TRUTH, group_rows, part_writer
from skybind.errors import DataError
from skybind.files import atomic_path, linked_place, remove_leftovers
from skybind.parquet import read_parquet, write_parquet

_PART = re.compile(r"part-(\d+)(-g\d+)?")
#: What skybind itself leaves hidden for a while; other hidden files are the user's (`.git`).
_PASSING = re.compile(r"\..*\.(tmp|old|lock|holder|unfinished)")


def with_columns(table: pa.Table, schema: pa.Schema) -> pa.Table:
    """Give a table the columns of a schema, null where it lacks one."""
    names = table.column_names
    arrays = [
        table[field.name] if field.name in names else pa.nulls(table.num_rows, field.type)
        for field in schema
    ]
    return pa.Table.from_arrays(arrays, schema=schema)


def then(first: Path, tables: Iterator[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """Read a file, then go on with tables."""
    source = ParquetSource([first])
    for table in source.batches(source.schema.names, ROW_GROUP):
        yield with_columns(table, schema)
    yield from tables


def write_part(target: Path, schema: pa.Schema, tables: Iterator[pa.Table]) -> None:
    """Write a file of objects from tables of some of them."""
    with part_writer(target, schema) as writer:
        for table in tables:
            writer.write_table(table, group_rows(table))


def number_of(part: Path) -> tuple[str, int, int]:
    """Take the name of a file of objects apart: without its generation, its number, that.

    Raises
    ------
    DataError
        If skybind did not name it.
    """
    found = _PART.fullmatch(part.stem)
    if found is None:
        raise DataError(
            f"{part} has a name that skybind does not give: the files of objects are called "
            "part-00000.parquet and so on."
        )
    generation = int(found[2].removeprefix("-g")) if found[2] else 0
    return f"part-{found[1]}", int(found[1]), generation


def refuse_doubles(names: pa.Array, where: str) -> None:
    """Refuse objects of which two have one name: the second would be another object.

    Raises
    ------
    DataError
    """
    counts = pc.value_counts(names)
    twice = counts.filter(pc.greater(counts.field("counts"), 1))
    if len(twice):
        raise DataError(
            f"{where} has the object '{twice[0]['values']}' more than once: keep one of them."
        )


def join_truth(old: Path, new: Path, target: Path) -> None:
    """Write what simulators planted in two datasets; of an object in both the old one counts."""
    files = [folder / TRUTH for folder in (old, new) if (folder / TRUTH).exists()]
    if not files:
        return
    again = "simulate the survey again"
    tables = [read_parquet(file, again=again, needs=[ID]) for file in files]
    known = tables[0][ID].combine_chunks()
    more = [t.filter(pc.invert(pc.is_in(t[ID], value_set=known))) for t in tables[1:]]
    whole = pa.concat_tables([tables[0], *more], promote_options="permissive")
    with atomic_path(target / TRUTH) as temporary:
        write_parquet(whole, temporary)


def join_quarantine(old: Path, more: Sequence[Mapping[str, Any]], target: Path) -> None:
    """Write what was set aside of a dataset and of what is appended; each row once."""
    known = read_quarantine(old)
    there = {tuple(row.values()) for row in known}
    fresh = {tuple(row.values()): row for row in more if tuple(row.values()) not in there}
    if fresh:
        write_quarantine(target, [*known, *fresh.values()])


def link_rest(old: Path, work: Path, ours: set[str]) -> None:
    """Link whatever else stands in a dataset's folder."""
    for path in sorted(old.rglob("*")):
        name = path.relative_to(old).as_posix()
        passing = any(_PASSING.fullmatch(part) for part in path.relative_to(old).parts)
        if name.startswith("objects/") or name in ours or passing or (work / name).exists():
            continue
        if path.is_symlink() or path.is_file():
            link(path, work / name)
        else:
            (work / name).mkdir(parents=True, exist_ok=True)


def bring_back(folder: Path) -> None:
    """Bring a dataset back that a killed process had moved aside to put another in its place."""
    if not folder.exists():
        remove_leftovers(linked_place(folder))


def link(path: Path, target: Path) -> None:
    """Give a file a second name, or copy it where that cannot be."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.link(path, target, follow_symlinks=False)
    except OSError:
        shutil.copy2(path, target, follow_symlinks=False)
