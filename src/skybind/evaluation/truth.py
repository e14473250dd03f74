"""What a simulator planted, read from the truth table. Only evaluations read it, never training."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from skybind.data.dataset import Dataset
from skybind.data.schema import ID
from skybind.parquet import read_parquet
from skybind.texts import to_texts

#: Text of more different values than this is a name, not a kind.
KINDS = 20


#: Columns that say what is wrong with an object begin so, end so, or are called so.
FAULT_START = "wrong_"


FAULT_END = ("_kind", "_fault")


FAULT_NAMES = ("artefact", "large_spiral")


#: A number, 1 where nothing is wrong: they end so.
FAULT_NUMBER = "_factor"


def truth_table(dataset: Dataset, rows: np.ndarray) -> pa.Table | None:
    """Give the truth of some objects, in their order (null where it has none); None without it."""
    path = dataset.path / "truth.parquet"
    if not path.exists():
        return None
    table = read_parquet(path, again="simulate the survey again", needs=[ID])
    wanted = pa.array(dataset.object_ids[rows].tolist(), pa.string())
    places = pc.index_in(wanted, table[ID].combine_chunks().cast(pa.string()))
    return table.take(places)


def planted_faults(dataset: Dataset, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Which of some objects have which planted fault.

    A column tells faults if it begins with `wrong_`, ends in `_kind` or `_fault`, or is `artefact`
    or `large_spiral` (others, as `quiescent`, are traits). Of text, each value is a fault as well
    (`outlier: outburst`). A number that ends in `_factor` is a fault where it is not 1. Faults that
    no object has are left out.
    """
    table = truth_table(dataset, rows)
    faults: dict[str, np.ndarray] = {}
    if table is None:
        return faults
    for name in table.column_names:
        kind = table.schema.field(name).type
        if pa.types.is_boolean(kind) and _names_fault(name):
            faults[name] = _flags(table, name)
        elif name.endswith(FAULT_NUMBER):
            values = table[name].cast(pa.float64()).fill_null(1.0).to_numpy()
            faults[name.removesuffix(FAULT_NUMBER)] = np.abs(values - 1) > 1e-6
        elif _is_text(table, name) and _names_fault(name):
            faults |= _by_value(_text(table, name), name.removesuffix("_kind"))
    return {name: flags for name, flags in faults.items() if flags.any()}


def truth_traits(dataset: Dataset, rows: np.ndarray) -> dict[str, np.ndarray]:
    """What is true of some objects and no fault, as text of few values: subtypes and the like.

    "" where unknown; a true-or-false column gives `yes` and `no`.
    """
    table = truth_table(dataset, rows)
    traits: dict[str, np.ndarray] = {}
    if table is None:
        return traits
    for name in table.column_names:
        if pa.types.is_boolean(table.schema.field(name).type):
            if not _names_fault(name):
                traits[name] = np.where(_flags(table, name), "yes", "no")
        elif name != ID and _is_text(table, name) and not _names_fault(name):
            traits[name] = _text(table, name)
    return {
        name: text for name, text in traits.items() if 1 < len(np.unique(text[text != ""])) <= KINDS
    }


def planted_kinds(dataset: Dataset, rows: np.ndarray) -> dict[str, np.ndarray]:
    """Every kind of object that a simulator made: of each fault, and of each value of a trait.

    What most of the objects are is no kind.
    """
    kinds = planted_faults(dataset, rows)
    for name, text in truth_traits(dataset, rows).items():
        if set(np.unique(text)) <= {"yes", "no"}:
            kinds[name] = text == "yes"
        else:
            kinds |= _by_value(text, name)
    return {name: flags for name, flags in kinds.items() if 0 < flags.mean() < 0.5}


def _names_fault(name: str) -> bool:
    return name.startswith(FAULT_START) or name.endswith(FAULT_END) or name in FAULT_NAMES


def _by_value(text: np.ndarray, name: str) -> dict[str, np.ndarray]:
    """Objects of which a text says anything, and those of each of its values if they are few."""
    values = np.unique(text[text != ""])
    kinds = {name: text != ""}
    if 1 < len(values) <= KINDS:
        kinds |= {f"{name}: {value}": text == value for value in values}
    return kinds


def _flags(table: pa.Table, name: str) -> np.ndarray:
    return np.asarray(table[name].fill_null(False).to_numpy())


def _is_text(table: pa.Table, name: str) -> bool:
    kind = table.schema.field(name).type
    return pa.types.is_string(kind) or pa.types.is_large_string(kind)


def _text(table: pa.Table, name: str) -> np.ndarray:
    text = to_texts(table[name])
    return np.where(text == "none", "", text)
