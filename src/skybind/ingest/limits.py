"""The columns of a dataset that keep upper limits, apart from the light curves."""

from collections.abc import Mapping
from typing import Any

from skybind.data.schema import Column


def limits_of(name: str) -> str:
    """Name of the column with the upper limits of a column of light curves."""
    return f"{name}_limits"


def limits_columns(
    observations: Mapping[str, Any], schema: Mapping[str, Column]
) -> dict[str, Column]:
    """Columns of upper limits, for the light curves whose mapping says which epochs are some.

    Parameters
    ----------
    observations : mapping of str to ObservationSpec
    schema : mapping of str to Column
        With the columns of the light curves.
    """
    made = {}
    for name, spec in observations.items():
        if any(getattr(part, "upper_limit", None) is not None for part in spec.by_band.values()):
            fields = {f: unit for f, unit in schema[name].fields.items() if not f.endswith("_err")}
            said = f"Upper limits that are no epochs of {name}"
            made[limits_of(name)] = Column("limits", None, said, modality=name, fields=fields)
    return made
