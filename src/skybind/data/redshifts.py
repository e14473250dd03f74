"""Redshifts of objects, whatever role their columns have: they place lines and rest frames."""

import numpy as np
import pyarrow as pa

from skybind.data.dataset import Dataset
from skybind.data.quantities import quantity_of
from skybind.modalities.computed import is_standardised


def redshift_columns(dataset: Dataset) -> list[str]:
    """Return the names of the columns that hold redshifts: the targets first, then all others.

    One that is standardised is none: what it was is not known.
    """
    columns, found = dataset.schema.columns, []
    for name in dataset.flat_columns:
        kind = dataset.arrow_schema.field(name).type
        number = pa.types.is_floating(kind) or pa.types.is_integer(kind)
        plain = not is_standardised(columns[name].attributes)
        if number and plain and quantity_of(name, columns[name]) == "redshift":
            found.append(name)
    return sorted(found, key=lambda name: columns[name].role != "target")


def redshifts_of(dataset: Dataset, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return the redshifts of some objects.

    Where the first column knows none, the next is asked. What lies at or below -1 is no redshift
    but a sign for none.

    Returns
    -------
    redshift : ndarray of float64, shape (n,)
        NaN where not known.
    column : ndarray of str, shape (n,)
        Which it is of; "" where not known.
        None instead of both where the dataset has no redshifts at all.
    """
    names = redshift_columns(dataset)
    if not names:
        return None
    redshift = np.full(len(rows), np.nan)
    column = np.full(len(rows), "", dtype=object)
    for name in names:
        values = np.asarray(dataset.column(name, rows), float)
        new = np.isnan(redshift) & np.isfinite(values) & (values > -1)
        redshift[new], column[new] = values[new], name
    return redshift, column
