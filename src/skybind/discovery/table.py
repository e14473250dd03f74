"""The table of outliers, and the levels at which a doubt counts."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.discovery.measures.density import (
    WholeClusters,
)
from skybind.discovery.measures.label_doubt import LabelDoubt
from skybind.discovery.measures.outliers import CentroidOutliers
from skybind.discovery.measures.period_doubt import PeriodDoubt
from skybind.discovery.measures.target_doubt import TargetDoubt
from skybind.embeddings.store import Embeddings
from skybind.errors import DataError
from skybind.parquet import read_parquet

# Key of the schema under which a table keeps the hash of its model's weights.
_MODEL = b"skybind-model"


#: Rows of a VOTable at most: astropy holds many times its size; Parquet has all.
VOTABLE_ROWS = 100_000


def stamped(table: pa.Table, embeddings: Embeddings) -> pa.Table:
    """Return a table that says of which model's embeddings it was made."""
    model = embeddings.model.get("weights")
    if model is None:
        return table
    known = table.schema.metadata or {}
    return table.replace_schema_metadata({**known, _MODEL: str(model).encode()})


def read_discovery(
    path: Path, columns: Sequence[str] | None = None, *, model: str | None = None
) -> pa.Table:
    """Read a table in `RUN/discover`, or some columns of it.

    Parameters
    ----------
    path : Path
    columns : sequence of str, optional
    model : str, optional
        Hash of the weights of the model that it has to be of, where it says so.

    Raises
    ------
    DataError
        If it cannot be read, or is of another model.
    """
    again = f"delete {path.parent} and run 'skybind discover' again"
    table = read_parquet(path, columns, again=again, needs=columns or ())
    stated = (table.schema.metadata or {}).get(_MODEL)
    if model is not None and stated is not None and stated.decode("ascii", "replace") != model:
        raise DataError(
            f"{path} is of another model than the embeddings of its run: "
            f"'skybind discover {path.parent.parent}' makes it anew."
        )
    return table


@dataclass
class OutlierTable:
    """Everything that makes objects suspect, in the order of the dataset.

    Attributes
    ----------
    object_id, part, label : ndarray of str, shape (n,)
        Name, part of the split, class in the catalogue ("" for none).
    classes : list of str
    centroids : CentroidOutliers or None
        Distance from the centroid of the own class; None without classes.
    doubt : LabelDoubt or None
        What the neighbours say of the label.
    periods : PeriodDoubt or None
        What the embeddings say of the catalogue period; None without light curves and periods.
    targets : list of (TargetDoubt, ndarray)
        What the neighbours say of each number of the catalogue that can be predicted, and the
        catalogue's numbers.
    outside : ndarray of bool, shape (n,)
        Outside the one main cluster of its class.
    whole : WholeClusters
        Clusters of all objects together.
    isolation, density, distance, disagreement : dict to ndarray, shape (n,)
        How lonely (`isolation`, `density_ratio`, `mahalanobis`), by modality and all together;
        how little two modalities agree, by pair.
    tails : dict of str to ndarray, shape (n,)
        Of every score: the share of training objects that are at least as strange.
    suspicion : ndarray, shape (n,)
        All of them together; the table is ranked by it.
    reasons : list of str
        In words; "" where nothing is rare.
    """

    object_id: np.ndarray
    part: np.ndarray
    label: np.ndarray
    classes: list[str]
    centroids: CentroidOutliers | None
    doubt: LabelDoubt | None
    periods: PeriodDoubt | None
    targets: list[tuple[TargetDoubt, np.ndarray]]
    outside: np.ndarray
    whole: WholeClusters
    isolation: dict[str, np.ndarray]
    density: dict[str, np.ndarray]
    distance: dict[str, np.ndarray]
    disagreement: dict[tuple[str, str], np.ndarray]
    tails: dict[str, np.ndarray] = field(default_factory=dict)
    suspicion: np.ndarray = field(default_factory=lambda: np.zeros(0))
    reasons: list[str] = field(default_factory=list)

    @property
    def ranking(self) -> np.ndarray:
        """Rows, the most suspect object first."""
        return np.argsort(-self.suspicion, kind="stable")

    def suggested(self) -> np.ndarray:
        """Class that the neighbours suggest where they doubt the label; "" elsewhere."""
        if self.doubt is None:
            return np.full(len(self.object_id), "", dtype=object)
        sure = np.nan_to_num(self.doubt.doubt, nan=-1.0) > 0
        names = np.asarray([*self.classes, ""], dtype=object)[self.doubt.suggested]
        return np.where(sure, names, "")

    def flags(self) -> dict[str, np.ndarray]:
        """Which objects are flagged by what, each shape (n,)."""
        flags = {
            "outside the main cluster of its class": self.outside,
            "in no cluster of the whole survey": self.whole.alone,
            "in a small group apart": self.whole.small,
        }
        if self.doubt is not None:
            flags["label doubted"] = np.nan_to_num(self.doubt.doubt, nan=-1.0) > 0
        if self.centroids is not None:
            for least in (1, 2):
                several = self.centroids.flagged[:, :-1].sum(axis=1) >= least
                flags[f"far from the centroid in {least} or more modalities"] = several
        if self.periods is not None:
            flags["period doubted"] = np.nan_to_num(self.periods.doubt) > SURE_PERIOD
        for target, _ in self.targets:
            flags[f"{target.name} doubted"] = np.nan_to_num(target.doubt) > SIGMAS
        return flags

    def to_arrow(self) -> pa.Table:
        """Give the table, the most suspect object first."""
        order = self.ranking
        columns: dict[str, Any] = {
            "rank": np.arange(1, len(order) + 1),
            "object_id": self.object_id[order],
            "split": self.part[order],
            "label": self.label[order],
            "suspicion": self.suspicion[order],
            "reasons": [self.reasons[row] for row in order],
            "suggested_label": self.suggested()[order].tolist(),
            "outside_main_cluster": self.outside[order],
            "in_no_cluster": self.whole.alone[order],
            "in_small_group": self.whole.small[order],
        }
        if self.doubt is not None:
            columns["label_doubt"] = self.doubt.doubt[order]
        if self.centroids is not None:
            columns["modalities_far_from_centroid"] = self.centroids.n_flagged[order]
            for column, name in enumerate(self.centroids.modalities):
                columns[f"centroid_distance_{name}"] = self.centroids.distance[order, column]
        if self.periods is not None:
            columns["period_doubt"] = self.periods.doubt[order]
            columns["period_factor"] = self.periods.factor[order]
        for target, _ in self.targets:
            columns[f"{target.name}_expected"] = target.expected[order]
            columns[f"{target.name}_spread"] = target.spread[order]
            columns[f"{target.name}_doubt"] = target.doubt[order]
        for name, values in self.isolation.items():
            columns[f"isolation_{name}"] = values[order]
        for name, values in self.density.items():
            columns[f"density_{name}"] = values[order]
        for name, values in self.distance.items():
            columns[f"distance_{name}"] = values[order]
        for (a, b), values in self.disagreement.items():
            columns[f"disagreement_{a}_{b}"] = values[order]
        return pa.table({k: pa.array(v, from_pandas=True) for k, v in columns.items()})


#: A label is called wrong in words if more than this share of the votes says so, and a period at
#: this probability: its classifier was taught with as many wrong periods as right ones, so that
#: one half means nothing.
SURE, SURE_PERIOD = 0.5, 0.8


#: A number of the catalogue is doubted in words beyond so many standard deviations.
SIGMAS = 5.0
