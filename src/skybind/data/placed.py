"""Tables of objects for other programs: with positions, units and descriptions."""

from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skybind.data.dataset import Dataset
from skybind.data.name_hash import rows_of_names
from skybind.data.schema import DEC, ID, RA
from skybind.tables import Notes, described


def placed(
    table: pa.Table,
    dataset: Dataset,
    notes: Mapping[str, Notes] | None = None,
    somewhere: bool | None = None,
) -> pa.Table:
    """Give a table of objects their positions, and its columns units and descriptions.

    Parameters
    ----------
    table : Table
        With a column `object_id`.
    dataset : Dataset
        That the objects are of.
    notes : mapping of str to (unit or None, description), optional
        Of columns, by name, or by the beginning of the name and `*`. Columns of the dataset are
        described by its schema.
    somewhere : bool, optional
        Whether it has columns of positions, where it is one of several tables that go together; by
        default, if any of its objects has one.

    Returns
    -------
    Table
        With `ra` and `dec` [deg] behind `object_id`, unless it has them or no object has any.
    """
    ids = pc.fill_null(table[ID].combine_chunks().cast(pa.large_string()), "")
    rows = rows_of_names(ids, pa.array(dataset.object_ids, pa.large_string()))
    if not {RA, DEC} & set(table.column_names):
        at = table.column_names.index(ID) + 1
        position = {name: dataset.numbers(name) for name in (RA, DEC)}
        for name, values in reversed(position.items()):
            if np.isfinite(values).any() if somewhere is None else somewhere:
                found = np.where(rows >= 0, values[rows], np.nan)
                table = table.add_column(at, name, pa.array(found, from_pandas=True))
    return described(table, {**notes_of(dataset), **(notes or {})})


def in_turn(
    tables: Iterable[pa.Table],
    dataset: Dataset,
    notes: Mapping[str, Notes],
    row: int = 0,
    whole: Dataset | None = None,
) -> Iterator[pa.Table]:
    """Give tables of a dataset's objects, one after another from `row`, their positions.

    All have the same columns, those of the tables of other parts of `whole` too.
    """
    somewhere = has_positions(whole or dataset)
    for table in tables:
        own = dataset.stretch(row, row + len(table))
        yield placed(table, own, notes, somewhere)
        row += len(table)


def has_positions(dataset: Dataset) -> bool:
    """Say whether any object has a position; no more is read than tells."""
    return any(
        pc.any(pc.is_finite(part[name])).as_py()
        for part in dataset.iter_tables([RA, DEC])
        for name in (RA, DEC)
    )


def notes_of(dataset: Dataset) -> dict[str, Notes]:
    """Return unit and description of every column of a dataset."""
    columns = dataset.schema.columns
    known = {name: (entry.unit, entry.description or "") for name, entry in columns.items()}
    return {**known, RA: ("deg", "Right ascension (ICRS)"), DEC: ("deg", "Declination (ICRS)")}
