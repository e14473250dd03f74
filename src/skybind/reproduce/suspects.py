"""The stars that AstroM3's figures show: likely misclassified, and strange within their class."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from skybind.discovery.table import SURE, read_discovery
from skybind.drawing.from_dataset import columns_of, load_examples
from skybind.drawing.observed import ExampleObject
from skybind.errors import DataError
from skybind.runs.run import Run

#: Stars in the paper's figures 3 and 4.
MISCLASSIFIED, IN_CLASS = 5, 4


@dataclass(frozen=True)
class Suspect:
    """An outlier of its class.

    Attributes
    ----------
    row : int
        In the dataset.
    object_id, label, suggested, reasons : str
        Name, catalogue's class, class of its neighbours ("" where they agree), and why.
    """

    row: int
    object_id: str
    label: str
    suggested: str
    reasons: str


def misclassified(run: Run, most: int = MISCLASSIFIED) -> list[Suspect]:
    """Return outliers of their class whose neighbours are of another, the surest first.

    As the paper found them (section 4.3): outside the one DBSCAN cluster of the class, or
    beyond the percentile of distances from its centroid in two modalities (section 4.5), and
    of another class by their neighbours.
    """
    table = _outliers(run)
    doubt = table["label_doubt"].to_numpy()
    found = _outlying(table) & (np.nan_to_num(doubt, nan=-1.0) > SURE)
    order = np.flatnonzero(found)[np.argsort(-doubt[found], kind="stable")]
    return _suspects(run, table, order[:most])


def in_class(run: Run, most: int = IN_CLASS) -> list[Suspect]:
    """Return outliers of their class whose neighbours confirm it, the strangest first."""
    table = _outliers(run)
    doubt = np.nan_to_num(table["label_doubt"].to_numpy(), nan=1.0)
    found = _outlying(table) & (doubt < 0)
    return _suspects(run, table, np.flatnonzero(found)[:most])


def examples_of(run: Run, rows: np.ndarray) -> dict[int, ExampleObject]:
    """Read some stars to draw."""
    return load_examples(run.dataset, rows, [], run.class_names, columns_of(run))


def _outliers(run: Run) -> pa.Table:
    path = run.paths.discover.outliers()
    if not path.exists():
        raise DataError(f"The run in {run.folder} has no discoveries: run 'skybind discover'.")
    table = read_discovery(path)
    missing = {"label_doubt", "modalities_far_from_centroid"} - set(table.column_names)
    if missing:
        raise DataError(f"The run in {run.folder} has no classes, or too few labels to doubt one.")
    return table.filter(pa.compute.not_equal(table["label"], ""))


def _outlying(table: pa.Table) -> np.ndarray:
    outside = table["outside_main_cluster"].to_numpy()
    far = table["modalities_far_from_centroid"].to_numpy() >= 2
    return np.asarray(outside | far)


def _suspects(run: Run, table: pa.Table, places: np.ndarray) -> list[Suspect]:
    row_of = {str(name): row for row, name in enumerate(run.dataset.object_ids)}
    return [
        Suspect(
            row_of[entry["object_id"]],
            entry["object_id"],
            entry["label"],
            entry["suggested_label"],
            entry["reasons"],
        )
        for entry in table.take(pa.array(places)).to_pylist()
    ]
