"""Embeddings of a dataset that grew: new and changed vectors among those that stay."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from skybind.embeddings.shards import Shards
from skybind.embeddings.store import SHARD_ROWS, Embeddings, refuse_others, write_state
from skybind.embeddings.visits import VisitVectors, joined, write_visits
from skybind.files import atomic_path, link_or_copy


def grown_embeddings(
    old: Embeddings, fresh: Embeddings, object_id: np.ndarray, rows: np.ndarray
) -> Embeddings:
    """Put the embeddings of new and changed objects among those of a dataset before it grew.

    Parameters
    ----------
    old : Embeddings
        Of the first objects.
    fresh : Embeddings
        Of the rows that are new or changed; theirs are the identity and the state that are kept.
    object_id : ndarray of str, shape (n,)
        Of all objects, in order.
    rows : ndarray of int, shape (m,)
    """
    index = np.arange(len(object_id))
    index[rows] = len(old) + np.arange(len(rows))

    def joint(one: np.ndarray, other: np.ndarray) -> np.ndarray:
        return np.asarray(np.concatenate([one, other])[index])

    visits = {}
    for name, own in fresh.visits.items():
        parts = [own]
        if name in old.visits:
            stayed = old.object_id[~np.isin(old.object_id, object_id[rows])]
            parts.insert(0, old.visits[name].take(stayed))
        both = joined(parts)
        place = {str(one): number for number, one in enumerate(object_id.tolist())}
        order = np.argsort([place[str(one)] for one in both.object_id.tolist()], kind="stable")
        visits[name] = VisitVectors(
            both.object_id[order], both.visit[order], both.time[order], both.vectors[order]
        )
    return Embeddings(
        object_id,
        joint(old.split, fresh.split),
        {name: joint(old.vectors[name], values) for name, values in fresh.vectors.items()},
        {name: joint(old.present[name], flags) for name, flags in fresh.present.items()},
        fresh.model,
        visits,
        fresh.state,
    )


def write_grown(embeddings: Embeddings, folder: Path, rows: np.ndarray, kept: int) -> None:
    """Write embeddings of a dataset that grew over those of before, whole or not at all.

    Files in which nothing changed are the same files: what was made of them, as an index, can be
    added to.

    Parameters
    ----------
    embeddings : Embeddings
        Of all objects.
    folder : Path
        Which holds the embeddings of before.
    rows : ndarray of int64
        Objects that are new or changed, ascending.
    kept : int
        Objects of before.
    """
    refuse_others(folder)
    before = Shards.open(folder)
    alone = replace(embeddings, visits={})
    with atomic_path(folder) as temporary:
        temporary.mkdir()
        write_state(temporary, embeddings.state)
        write_visits(temporary, embeddings.visits, embeddings.model)
        for part in before.parts:
            low, high = np.searchsorted(rows, [part.first, part.first + part.n])
            if low == high and embeddings.model == before.model:
                link_or_copy(part.path, temporary / part.path.name)
            else:
                own = alone.take(np.arange(part.first, part.first + part.n))
                own.write_shard(temporary, int(part.path.stem.removeprefix("part-")))
        number = 1 + int(before.parts[-1].path.stem.removeprefix("part-"))
        for start in range(kept, len(embeddings), SHARD_ROWS):
            own = alone.take(np.arange(start, min(start + SHARD_ROWS, len(embeddings))))
            own.write_shard(temporary, number)
            number += 1
        Shards.open(temporary)  # of one model
