"""The match of skybind as an algorithm of LSDB's: the other half of the adapter."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from lsdb import AbstractCrossmatchAlgorithm

from skybind.data.sky import judge, unit_vectors
from skybind.ingest.crossmatch import status_of
from skybind.scale.adapter import OWNER

#: What is said of each pair.
SAID = {
    "separation": pa.float64(),
    "candidates_a": pa.int64(),
    "candidates_b": pa.int64(),
    "second_separation": pa.float64(),
    "status": pa.string(),
}


class Pairing(AbstractCrossmatchAlgorithm):
    """Pairs of the objects on the left with those on the right that have no owner.

    On the right stand both catalogues with their margins, so that it is known what else is near
    to either of a pair.
    """

    extra_columns = pd.DataFrame(
        {name: pd.Series(dtype=pd.ArrowDtype(kind)) for name, kind in SAID.items()}
    )

    def __init__(self, radius: float, all_pairs: bool, name: str) -> None:
        super().__init__()
        self.radius, self.all_pairs, self.name = radius, all_pairs, name

    def perform_crossmatch(self, crossmatch_args: Any) -> tuple[np.ndarray, np.ndarray, Any]:
        """Find the pairs of one partition: rows on the left, rows on the right, what is said."""
        left, right = crossmatch_args.left_df, crossmatch_args.right_df
        info = crossmatch_args.right_catalog_info
        vectors = unit_vectors(*(_numbers(right[c]) for c in (info.ra_column, info.dec_column)))
        known = np.isfinite(vectors).all(axis=1)
        owner = right[OWNER].to_numpy(object)
        owned = pd.notna(owner)
        rows_a, rows_b = np.flatnonzero(owned & known), np.flatnonzero(~owned & known)
        judged = judge(vectors[rows_a], vectors[rows_b], self.radius)
        place = {name: row for row, name in enumerate(left[self.name].astype(str).tolist())}
        on_left = np.array([place.get(owner[row], -1) for row in rows_a], np.int64)
        lefts = on_left[judged.pairs.a] if len(judged.pairs) else np.zeros(0, np.int64)
        chosen = (lefts >= 0) & (judged.mutual | self.all_pairs)
        said = {
            "separation": judged.pairs.separation,
            "candidates_a": judged.candidates_a,
            "candidates_b": judged.candidates_b,
            "second_separation": judged.second,
            "status": status_of(judged),
        }
        table = pa.table(
            {
                name: pa.array(said[name][chosen], kind, from_pandas=True)
                for name, kind in SAID.items()
            }
        )
        rights = rows_b[judged.pairs.b[chosen]]
        return lefts[chosen], rights, table.to_pandas(types_mapper=pd.ArrowDtype)


def _numbers(column: Any) -> np.ndarray:
    return np.asarray(column.to_numpy(float, na_value=np.nan))
