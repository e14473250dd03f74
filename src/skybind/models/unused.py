"""Values of a dataset that a model, or a run, cannot use: found by its own preprocessing, told."""

from collections.abc import Mapping

import pyarrow as pa

from skybind.data.dataset import Dataset
from skybind.modalities.base import Modality
from skybind.modalities.unused import Unused, unused_notes

#: Objects that are looked at together.
CHUNK = 65536


def tell_unused(modalities: Mapping[str, Modality], dataset: Dataset) -> list[str]:
    """Say which values of flat columns count as missing though they are there.

    Parameters
    ----------
    modalities : mapping of str to Modality
        Fitted: what lies too far off counts from their training objects.
    dataset : Dataset
        Whose columns they read; one that it lacks has no values.

    Returns
    -------
    list of str
        For each modality a sentence a reason, with columns and counts.
    """
    notes = []
    flat = {name: flat_columns(modality, dataset) for name, modality in modalities.items()}
    for name, columns in flat.items():
        there = [column for column in columns if column in dataset.columns]
        found: list[Unused] = []
        for table in dataset.iter_tables(there, CHUNK) if there else ():
            nulls = pa.nulls(len(table), pa.float64())
            for column in columns:
                if column not in there:
                    table = table.append_column(column, nulls)
            found += modalities[name].unused(table)
        notes += unused_notes(found, name)
    return notes


def flat_columns(modality: Modality, dataset: Dataset) -> list[str]:
    """Columns of numbers that a modality reads."""
    observed = {*modality.schema.observations, *dataset.schema.observations}
    return [column for column in modality.columns if column not in observed]
