"""The map of everything, as tables that other programs open: embedding-atlas and TOPCAT."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from skybind.data.placed import placed
from skybind.discovery.notes import MAP_NOTES
from skybind.discovery.table import VOTABLE_ROWS, stamped
from skybind.embeddings.store import Embeddings
from skybind.evaluation.clusters import describing_columns
from skybind.evaluation.statistics import modality_sets
from skybind.measures.maps import project_map
from skybind.measures.neighbours import nearest
from skybind.runs.layout import DiscoverPaths
from skybind.runs.run import Run
from skybind.tables import legible, write_table

NEIGHBOURS = 15


#: Of more objects than this the neighbours are left out: `skybind search --index` finds them.
MOST = 200_000


def map_everything(
    run: Run, embeddings: Embeddings, method: str, options: Mapping[str, Any]
) -> dict[tuple[str, ...], np.ndarray]:
    """Lay out all objects: a map of each modality and of all together.

    Fitted on training objects (at most `evaluation.map_objects`, drawn by the seed) and applied
    to all others, new ones included.

    Returns
    -------
    dict of tuple of str to ndarray of float32, shape (n, 2)
        By modalities; NaN where an object has none of them. Maps with fewer than ten training
        objects are left out.
    """
    maps = {}
    for group in modality_sets(embeddings.modalities):
        rng = np.random.default_rng(run.config.seed)
        seen = embeddings.any_present(group)
        train = run.rows("train")
        train = train[seen[train]]
        if len(train) < 10:
            continue
        size = min(len(train), run.config.evaluation.map_objects)
        fitted = np.sort(rng.choice(train, size, replace=False))
        rest = np.setdiff1d(np.flatnonzero(seen), fitted)
        vectors = embeddings.mean(group)
        made = project_map(
            vectors[fitted],
            {"rest": vectors[rest]} if len(rest) else {},
            method=method,
            seed=run.config.seed,
            **options,
        )
        position = np.full((len(seen), 2), np.nan, np.float32)
        position[fitted] = made.fitted
        if len(rest):
            position[rest] = made.others["rest"]
        maps[group] = position
    return maps


def write_atlas(
    run: Run,
    embeddings: Embeddings,
    maps: Mapping[tuple[str, ...], np.ndarray],
    outliers: pa.Table,
    paths: DiscoverPaths,
) -> None:
    """Write the map of everything.

    One row an object: its columns of the dataset, `suspicion` and `reasons`, `x` and `y` (of all
    modalities together), `x_NAME` and `y_NAME` (of one), and `neighbors`: a struct of `ids` (row
    numbers of this table) and `distances` (cosine), as embedding-atlas takes them.

    Parameters
    ----------
    run : Run
    embeddings : Embeddings
        Of all of the run's objects, in the dataset's order.
    maps : mapping
        As `map_everything` gives them.
    outliers : Table
        As `OutlierTable.to_arrow` gives it.
    paths : DiscoverPaths
        Where `map.parquet` and `map.vot` (without neighbours: it has no structs) shall stand.
    """
    rows = np.arange(len(run.dataset))
    columns: dict[str, Any] = {
        "object_id": embeddings.object_id.tolist(),
        "split": embeddings.split.tolist(),
    }
    for name, values in describing_columns(run.dataset, rows).items():
        text = values.dtype.kind in "OUS"
        columns[name] = values.astype(str).tolist() if text else values
    place = {name: i for i, name in enumerate(outliers["object_id"].to_pylist())}
    order = pa.array([place[name] for name in columns["object_id"]])
    for name in ("suspicion", "reasons"):
        columns[name] = outliers[name].take(order).combine_chunks()
    for group, position in maps.items():
        end = f"_{group[0]}" if len(group) < len(embeddings.modalities) else ""
        columns[f"x{end}"], columns[f"y{end}"] = position[:, 0], position[:, 1]
    table = pa.table({k: pa.array(v, from_pandas=True) for k, v in columns.items()})
    table = stamped(placed(table, run.dataset, MAP_NOTES), embeddings)
    shown = table
    if len(table) > VOTABLE_ROWS:  # the most suspect, in the order of the dataset
        ranked = np.argsort(-np.asarray(columns["suspicion"]), kind="stable")
        shown = table.take(np.sort(ranked[:VOTABLE_ROWS]))
    write_table(legible(shown), paths.map(".vot"))
    found = _neighbours(embeddings)
    if found is not None:
        table = table.append_column("neighbors", found)
    write_table(table, paths.map())


def _neighbours(embeddings: Embeddings) -> pa.Array | None:
    """The nearest objects of each as a struct of row numbers and cosine distances."""
    rows = np.flatnonzero(embeddings.any_present())
    if not 1 < len(rows) <= MOST:
        return None
    vectors = embeddings.mean()[rows]
    index, cosine = nearest(vectors, vectors, NEIGHBOURS + 1)
    own = index == np.arange(len(rows))[:, None]
    own[~own.any(axis=1), -1] = True
    shape = (len(rows), index.shape[1] - 1)
    ids, distances = rows[index[~own]], np.clip(1 - cosine[~own], 0, 2)
    width = np.zeros(len(embeddings), np.int32)
    width[rows] = shape[1]
    offsets = pa.array(np.concatenate([[0], width.cumsum()]).astype(np.int32))
    arrays = [
        pa.ListArray.from_arrays(offsets, pa.array(ids)),
        pa.ListArray.from_arrays(offsets, pa.array(distances.astype(np.float32))),
    ]
    return pa.StructArray.from_arrays(arrays, ["ids", "distances"])
