"""What a simulator planted, read from the truth table. Only evaluations read it, never training."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from skybind.data.dataset import ID, Dataset

#: Text of more different values than this is a name, not a kind.
KINDS = 20
#: Names of columns that say what is wrong with an object end like this; text names the fault, a
#: number is 1 where nothing is wrong.
FAULT_TEXT, FAULT_NUMBER = ("_kind",), ("_factor",)


def truth_table(dataset: Dataset, rows: np.ndarray) -> pa.Table | None:
    """Give the truth of some objects, in their order (null where it has none); None without it."""
    path = dataset.path / "truth.parquet"
    if not path.exists():
        return None
    table = pq.read_table(path)
    wanted = pa.array(dataset.object_ids[rows].tolist(), pa.string())
    places = pc.index_in(wanted, table[ID].combine_chunks().cast(pa.string()))
    return table.take(places)


def truth_traits(dataset: Dataset, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Text columns of the truth that are of few values, "" where unknown: subtypes and the like."""
    table = truth_table(dataset, rows)
    traits: dict[str, np.ndarray] = {}
    if table is None:
        return traits
    for name in table.column_names:
        if name == ID or name.endswith(FAULT_TEXT) or not _is_text(table, name):
            continue
        text = _text(table, name)
        if 1 < len(np.unique(text[text != ""])) <= KINDS:
            traits[name] = text
    return traits


def planted_faults(dataset: Dataset, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Which of some objects have which planted fault.

    A true-or-false column is a fault of its name; a text column that ends in `_kind` is one of its
    name, and each of its values is one (`outlier_kind: outburst`); a number that ends in `_factor`
    is one where it is not 1. Faults that no object has are left out.
    """
    table = truth_table(dataset, rows)
    faults: dict[str, np.ndarray] = {}
    if table is None:
        return faults
    for name in table.column_names:
        kind = table.schema.field(name).type
        if pa.types.is_boolean(kind):
            faults[name] = table[name].fill_null(False).to_numpy()
        elif name.endswith(FAULT_NUMBER):
            values = table[name].cast(pa.float64()).fill_null(1.0).to_numpy()
            faults[name.removesuffix("_factor")] = np.abs(values - 1) > 1e-6
        elif _is_text(table, name) and name.endswith(FAULT_TEXT):
            text = _text(table, name)
            faults[name.removesuffix("_kind")] = text != ""
            for value in np.unique(text[text != ""]):
                faults[f"{name.removesuffix('_kind')}: {value}"] = text == value
    return {name: flags for name, flags in faults.items() if flags.any()}


def _is_text(table: pa.Table, name: str) -> bool:
    kind = table.schema.field(name).type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _text(table: pa.Table, name: str) -> np.ndarray:
    text = np.asarray(table[name].fill_null("").to_pylist(), dtype=str)
    return np.where(text == "none", "", text)
