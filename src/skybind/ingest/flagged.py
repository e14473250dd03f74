"""What the columns of a table say of its epochs: flags that are heeded and kept, upper limits."""

from collections.abc import Collection
from typing import TYPE_CHECKING

import numpy as np

from skybind.data.where import columns_of, fulfilled_rows
from skybind.errors import ConfigError
from skybind.ingest.flags import (
    FLAG_NAMES,
    Usual,
    any_bit,
    limit_field,
    limit_flags,
    usual_flags,
    whole_flags,
)
from skybind.ingest.observation_spec import ObservationSpec, PhotometrySpec
from skybind.ingest.readers.registry import Fields
from skybind.ingest.readers.tables import Table

if TYPE_CHECKING:
    from skybind.ingest.observed import Stored

#: The kept flag of an epoch that has none.
NO_FLAG = -1


def flag_fields(
    table: Table,
    spec: ObservationSpec,
    stored: "Stored",
    mask: np.ndarray | None,
    written: np.ndarray,
) -> Fields:
    """Give `flag`, `mask` and `limit` of the epochs of a table, as far as they are read.

    Parameters
    ----------
    table : Table
    spec : ObservationSpec
    stored : Stored
        How the dataset keeps the observations.
    mask : ndarray of bool, optional
        What the column of the mapping calls bad.
    written : ndarray of bool
        Brightnesses that are written as limits (`>16.5`).
    """
    made: Fields = {}
    if "flag" in stored.units and isinstance(spec, PhotometrySpec):
        found = usual_flags(table.known or table.columns) if stored.usual is not None else None
        made["flag"] = _kept(table, kept_flags(spec, found))
    if "mask" in stored.read:
        bad = np.zeros(len(table), bool) if mask is None else mask
        good = getattr(spec, "good", None)
        if good is not None:
            bad = bad | ~_fulfilled(table, good)
        flags = usual_flags(table.known or table.columns) if stored.usual is not None else None
        if flags is not None and flags[1] in table.columns:
            bad = bad | any_bit(table[flags[1]], flags[0].bitmask, f"{table.name}, '{flags[1]}'")
        made["mask"] = bad
    if "limit" in stored.read:
        limit = spec.upper_limit if isinstance(spec, PhotometrySpec) else None
        said = None
        if limit is not None and limit.where is not None:
            # where neither can be told, a value is missing: it is not said what the epoch is
            yes, no = (_fulfilled(table, c) for c in (limit.where, f"not ({limit.where})"))
            made["limit"] = limit_field(yes, written, known=yes | no)
            return made
        if limit is not None and limit.column in _brightness(spec):
            said = written
        elif limit is not None and limit.column is not None:
            where = f"{table.name}, column '{limit.column}' (upper_limit)"
            said = limit_flags(table[limit.column], where)
        made["limit"] = limit_field(said, written)
    return made


def _kept(table: Table, column: str | None) -> np.ndarray:
    """Give the flags of a table's epochs as they are, -1 where an epoch has none."""
    if column is None or column not in table.columns:
        return np.full(len(table), NO_FLAG)
    values, known = whole_flags(table[column], f"{table.name}, '{column}'")
    return np.where(known, values, NO_FLAG)


def kept_flags(spec: PhotometrySpec, usual: tuple[Usual, str] | None) -> str | None:
    """Name the column of flags that is kept with a light curve; None where none is.

    By default it is kept where some bits alone mean bad: the others tell something of the epochs
    that stay. Where any flag does, those that stay have none.

    Raises
    ------
    ConfigError
        If the mapping asks for it, and no one column is named.
    """
    if spec.keep_flags is False:
        return None
    if spec.mask is not None:
        return spec.mask.column if spec.keep_flags or spec.mask.mask is not None else None
    named = columns_of(spec.good) if spec.good is not None else []
    if spec.keep_flags and len(named) == 1:
        return named[0]
    if usual is not None and spec.good is None:
        return usual[1]
    if spec.keep_flags:
        raise ConfigError(
            "keep_flags: it is not said which column holds the flags: name it, "
            "mask: {column: NAME, bits: []}."
        )
    return None


def _brightness(spec: ObservationSpec) -> list[str]:
    """Columns whose cells may say themselves that they are limits (`>16.5`)."""
    return [c.column for name, c in spec.fields().items() if name in ("flux", "magnitude")]


def _fulfilled(table: Table, condition: str) -> np.ndarray:
    for name in columns_of(condition):
        table[name]  # which says what it has instead
    return fulfilled_rows(table.columns, condition)


def columns_read(spec: ObservationSpec) -> list[str]:
    """Columns that may be read of a table: of the fields, of conditions, of surveys' flags."""
    fields = [column.column for column in spec.fields().values()]
    return [*fields, *spec.more_columns(), *FLAG_NAMES]


def flag_columns(spec: ObservationSpec, columns: Collection[str]) -> list[str]:
    """Columns that are read beside the fields: of conditions, limits and the survey's flags."""
    more = spec.more_columns()
    if spec.kind == "photometry" and "mask" not in spec.fields():
        found = usual_flags(columns)
        more += [] if found is None else [found[1]]
    return more
