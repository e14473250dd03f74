"""The vector of each observation, where an object may have several of a kind."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.embeddings.shards import FORMAT_VERSION, ID, METADATA_KEY
from skybind.errors import DataError, quoted
from skybind.files import raise_of_machine
from skybind.parquet import read_parquet, read_schema, write_parquet
from skybind.visits import NAME, TIME

VECTOR = "vector"
PATTERN = "visits-*.parquet"


@dataclass(frozen=True)
class NearestVisit:
    """Which visit of some objects is most like something; arrays of shape (r,).

    Attributes
    ----------
    visit : ndarray of str
        "" where an object has none.
    time : ndarray of float64
        Days; NaN where not known.
    cosine : ndarray of float64
    n : ndarray of int
        Visits of the object.
    """

    visit: np.ndarray
    time: np.ndarray
    cosine: np.ndarray
    n: np.ndarray


@dataclass
class VisitVectors:
    """Unit vectors of visits, object by object.

    Attributes
    ----------
    object_id, visit : ndarray of str, shape (V,)
        Whose they are, and what the source calls each.
    time : ndarray of float64, shape (V,)
        Days; NaN where not known.
    vectors : ndarray of float32, shape (V, D)
    """

    object_id: np.ndarray
    visit: np.ndarray
    time: np.ndarray
    vectors: np.ndarray

    def __len__(self) -> int:
        return len(self.object_id)

    def nearest(self, object_id: np.ndarray, wanted: np.ndarray) -> NearestVisit:
        """Find the visit of each object that is most like a vector.

        Parameters
        ----------
        object_id : ndarray of str, shape (r,)
        wanted : ndarray, shape (r, D)
            Unit vectors, one for each object.
        """
        order = np.argsort(self.object_id, kind="stable")
        names = self.object_id[order]
        first = np.searchsorted(names, object_id)
        count = np.searchsorted(names, object_id, "right") - first
        found = NearestVisit(
            np.full(len(object_id), "", object),
            np.full(len(object_id), np.nan),
            np.full(len(object_id), np.nan),
            count,
        )
        for i in np.flatnonzero(count).tolist():
            mine = order[first[i] : first[i] + count[i]]
            cosine = self.vectors[mine].astype(np.float64) @ wanted[i]
            best = int(np.argmax(cosine))
            found.visit[i], found.time[i] = self.visit[mine[best]], self.time[mine[best]]
            found.cosine[i] = cosine[best]
        return found

    def take(self, object_id: np.ndarray) -> "VisitVectors":
        """Select the visits of some objects."""
        kept = np.flatnonzero(np.isin(self.object_id, object_id))
        return VisitVectors(
            self.object_id[kept], self.visit[kept], self.time[kept], self.vectors[kept]
        )

    def to_arrow(self) -> pa.Table:
        """Give the table that is stored: object, visit, time [d], vector."""
        vectors = np.ascontiguousarray(self.vectors, np.float32)
        return pa.table(
            {
                ID: pa.array(self.object_id.tolist(), pa.string()),
                NAME: pa.array(self.visit.tolist(), pa.string()),
                TIME: pa.array(self.time, pa.float64(), from_pandas=True),
                VECTOR: pa.FixedSizeListArray.from_arrays(
                    pa.array(vectors.ravel()), vectors.shape[1]
                ),
            }
        )

    @classmethod
    def from_arrow(cls, table: pa.Table) -> "VisitVectors":
        """Read a table as `to_arrow` gives it."""
        stored = table[VECTOR].combine_chunks()
        values = np.asarray(stored.flatten(), np.float32)
        values = values.reshape(len(table), stored.type.list_size)
        return cls(
            np.asarray(table[ID].to_pylist(), str),
            np.asarray(table[NAME].to_pylist(), object),
            table[TIME].to_numpy(),
            values,
        )


def joined(parts: Sequence[VisitVectors]) -> VisitVectors:
    """Put the visits of several lots of objects together."""
    return VisitVectors(
        np.concatenate([part.object_id for part in parts]),
        np.concatenate([part.visit for part in parts]),
        np.concatenate([part.time for part in parts]),
        np.concatenate([part.vectors for part in parts]),
    )


def write_visits(
    folder: Path, visits: Mapping[str, VisitVectors], model: Mapping[str, Any]
) -> None:
    """Write `visits-MODALITY.parquet` into a folder of embeddings that is being made."""
    for name, own in visits.items():
        described = {"format_version": FORMAT_VERSION, "kind": "visits", "model": dict(model)}
        metadata = {METADATA_KEY: json.dumps(described, sort_keys=True).encode()}
        table = own.to_arrow().replace_schema_metadata(metadata)
        write_parquet(table, folder / f"visits-{name}.parquet")


def read_visits(
    folder: str | Path,
    model: Mapping[str, Any],
    modalities: Sequence[str] | None = None,
    object_id: Sequence[str] | None = None,
) -> dict[str, VisitVectors]:
    """Read the visits beside embeddings, by modality; there may be none.

    Parameters
    ----------
    folder : str or Path
        Of the embeddings.
    model : mapping
        Identity of the model that made these.
    modalities : sequence of str, optional
        Only of these.
    object_id : sequence of str, optional
        Only those of these objects.

    Raises
    ------
    DataError
        If a file is damaged, or was made by another model than the embeddings.
    """
    found = {}
    for path in sorted(Path(folder).glob(PATTERN)):
        name = path.stem.removeprefix("visits-")
        if modalities is not None and name not in modalities:
            continue
        some = None if object_id is None else [(ID, "in", list(object_id))]
        try:
            table = read_parquet(path, filters=some)
            note = json.loads((read_schema(path).metadata or {}).get(METADATA_KEY, b"{}"))
            vectors = VisitVectors.from_arrow(table)
        except (pa.ArrowException, OSError, KeyError, ValueError) as error:
            raise_of_machine(error)
            raise DataError(
                f"The vectors of visits in {path} cannot be read: {quoted(error)}."
            ) from error
        if note.get("model") != dict(model):
            raise DataError(
                f"{path} was made by another model than the embeddings beside it: embed again."
            )
        found[name] = vectors
    return found
