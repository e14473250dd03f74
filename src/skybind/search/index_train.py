"""What an index is trained with, and how many of its lists are looked at: both by samples."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from skybind.embeddings.located import Group, Located, read_groups
from skybind.errors import DataError
from skybind.measures.neighbours import Nearest
from skybind.search.alike import least_alike
from skybind.search.index import (
    CANDIDATES,
    NEIGHBOURS,
    QUANTISER,
    TRUTH,
    EmbeddingIndex,
    IndexNote,
    read_arrays,
    recall_of,
)
from skybind.search.quantiser import train_quantiser

#: Objects for the centres, a list.
TRAINING = 40
#: Row groups that the sample is taken from: of more, so many drawn at random.
GROUPS = 2048
#: Objects of each modality by which the probes are chosen, and as many that measure recall.
SAMPLE = 200


@dataclass(frozen=True)
class Truth:
    """Queries, and their exact neighbours among some objects.

    Attributes
    ----------
    names : list of str
        Modalities that queries are of; several joined by '+'.
    kind : ndarray of int, shape (m,)
        Which of these a query is of.
    own : ndarray of int64, shape (m,)
        Its row: objects are asked for their neighbours.
    vectors : ndarray of float32, shape (m, D)
    found : Nearest
        Itself among them; of no objects before any are compared.
    """

    names: list[str]
    kind: np.ndarray
    own: np.ndarray
    vectors: np.ndarray
    found: Nearest

    @classmethod
    def read(cls, folder: Path) -> "Truth":
        """Read it from a folder."""
        stored = read_arrays(folder / TRUTH)
        found = Nearest(stored["row"], stored["cosine"])
        names = stored["names"].tolist()
        return cls(names, stored["kind"], stored["own"], stored["vectors"], found)

    def write(self, folder: Path) -> None:
        """Write it to a folder."""
        with (folder / TRUTH).open("wb") as file:
            np.savez(
                file,
                names=np.asarray(self.names),
                kind=self.kind,
                own=self.own,
                vectors=self.vectors,
                row=self.found.row,
                cosine=self.found.cosine,
            )

    def with_found(self, parts: Sequence[Nearest]) -> "Truth":
        """Give the nearest of what was found in several parts."""
        row = np.concatenate([part.row for part in parts], axis=1)
        cosine = np.concatenate([part.cosine for part in parts], axis=1)
        order = np.lexsort((row, np.where(row < 0, np.inf, -cosine)))[:, : NEIGHBOURS + 1]
        best = Nearest(*(np.take_along_axis(values, order, axis=1) for values in (row, cosine)))
        return replace(self, found=best)

    def others(self, kind: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Rows, vectors and exact neighbours of the queries of one kind, themselves left out."""
        mine = np.flatnonzero(self.kind == kind)
        own = self.own[mine]
        return own, self.vectors[mine], without(self.found.row[mine], own, NEIGHBOURS)


def train(
    folder: Path, groups: Sequence[Group], target: Sequence[str], lists: int | None, seed: int
) -> None:
    """Draw samples of embeddings, and write quantiser and queries to a folder.

    Parameters
    ----------
    folder : Path
    groups : sequence of Group
        All row groups of the embeddings, of all modalities whose vectors can be compared.
    target : sequence of str
        Modalities that are searched.
    lists : int, optional
        About 1.3 sqrt(n) by default, as a power of two.
    seed : int

    Raises
    ------
    DataError
        If no object has the modality, or faiss is missing.
    """
    rng = np.random.default_rng(seed)
    n = sum(_held(group, target) for group in groups)
    if not n:
        raise DataError(
            f"No object has {' or '.join(target)}: there is nothing to build an index of."
        )
    lists = lists or _default_lists(n)
    names = list(groups[0].present)
    kinds = [[name] for name in names] + ([list(target)] if len(target) > 1 else [])
    chosen = np.sort(rng.choice(len(groups), min(len(groups), GROUPS), replace=False))
    some = [groups[i] for i in chosen.tolist()]
    share = TRAINING * lists / max(1, sum(_held(group, target) for group in some))
    each = -(-4 * SAMPLE // len(some))
    sample: list[np.ndarray] = []
    asked: list[list[tuple[np.ndarray, np.ndarray]]] = [[] for _ in kinds]
    for located in read_groups(some, names):
        vectors = located.mean(target)[1]
        sample.append(vectors[rng.random(len(vectors)) < share])
        for number, kind in enumerate(kinds):
            asked[number].append(_drawn(located, kind, each, rng))
    training = np.concatenate(sample)
    lists = min(lists, len(training))
    train_quantiser(training[rng.permutation(len(training))], lists, seed).write(folder / QUANTISER)
    _queries(kinds, asked, rng).write(folder)


def _queries(
    kinds: Sequence[Sequence[str]],
    asked: Sequence[Sequence[tuple[np.ndarray, np.ndarray]]],
    rng: np.random.Generator,
) -> Truth:
    """Cut what was drawn to the number of queries that is wanted, in random order."""
    own, vectors, kind = [], [], []
    for number, parts in enumerate(asked):
        rows, found = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
        few = rng.permutation(len(rows))[: 2 * SAMPLE]
        own.append(rows[few])
        vectors.append(found[few])
        kind.append(np.full(len(few), number))
    nothing = np.zeros((sum(map(len, own)), 0))
    return Truth(
        ["+".join(names) for names in kinds],
        np.concatenate(kind),
        np.concatenate(own),
        np.concatenate(vectors),
        Nearest(nothing.astype(np.int64), nothing),
    )


def _drawn(
    located: Located, kind: Sequence[str], number: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    rows, vectors = located.mean(kind)
    few = rng.permutation(len(rows))[:number]
    return rows[few], vectors[few]


def _held(group: Group, target: Sequence[str]) -> int:
    """Objects of a row group that have one of the modalities, or somewhat fewer."""
    return max(group.present[name] for name in target)


def _default_lists(n: int) -> int:
    """About 1.3 sqrt(n), as a power of two, and no more than leaves 32 objects a list."""
    wanted = 2 ** round(np.log2(1.3 * np.sqrt(n)))
    return int(max(1, min(wanted, n // 32)))


def tune(index: EmbeddingIndex, truth: Truth, recall: float) -> IndexNote:
    """Find how many lists to look at, and measure the recall with other objects.

    Queries of every modality are tried, for one of another modality lies apart from the vectors
    and needs more lists; the worst of them decides.
    """
    note = index.note
    k = min(NEIGHBOURS, max(1, note.n - 1))
    kinds = [number for number in range(len(truth.names)) if (truth.kind == number).any()]
    asked = [truth.others(kind) for kind in kinds]
    ranks = [_ranks(index, vectors[::2], exact[::2]) for _, vectors, exact in asked]

    def recalls(probes: int, candidates: int, half: int) -> list[np.ndarray]:
        """Recall of each query, a kind each, by one half of the sample."""
        values = []
        # as many as a search for k takes, which has not to find the query itself
        each = max(1, candidates * k // (k + 1))
        for own, vectors, exact in asked:
            some = slice(half, None, 2) if len(own) > 1 else slice(0, 1)
            found = index.search(vectors[some], k + 1, None, probes, each).row
            values.append(recall_of(without(found, own[some], k), exact[some]))
        return values

    def covered(probes: int) -> list[np.ndarray]:
        """Recall if all in the lists that are looked at were compared exactly."""
        return [_share(rank < probes, rank >= 0) for rank in ranks]

    probes, candidates = 1, CANDIDATES
    while probes < note.lists and not _enough(covered(probes), recall):
        probes = min(note.lists, _more(probes))
    while not _enough(found := recalls(probes, candidates, 0), recall):
        lost = [
            float(np.nanmean(c) - r.mean()) for c, r in zip(covered(probes), found, strict=True)
        ]
        every = candidates * k >= note.n
        if every and probes == note.lists:
            break
        if probes == note.lists or (max(lost) > (1 - recall) / 2 and not every):
            candidates *= 2
        else:
            probes = min(note.lists, _more(probes))
    measured = recalls(probes, candidates, 1)
    return replace(
        note,
        probes=probes,
        candidates=candidates,
        wanted=recall,
        recall={truth.names[i]: float(r.mean()) for i, r in zip(kinds, measured, strict=True)},
        alike={truth.names[kind]: _alike(truth, kind) for kind in kinds},
    )


def _more(probes: int) -> int:
    return max(probes + 1, probes + probes // 4)


def _enough(values: Sequence[np.ndarray], recall: float) -> bool:
    """Whether the recall is reached for certain: by more than its standard error."""
    return all(r.mean() == 1 or r.mean() - r.std() / np.sqrt(len(r)) >= recall for r in values)


def _share(hits: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Share of what is known of each line that is hit; 1 where nothing is known."""
    n = known.sum(axis=1)
    return np.where(n > 0, (hits & known).sum(axis=1) / np.maximum(n, 1), 1.0)


def _ranks(index: EmbeddingIndex, vectors: np.ndarray, exact: np.ndarray) -> np.ndarray:
    """For each exact neighbour how many lists are nearer to the query than its own; -1 of none."""
    rows = np.unique(exact[exact >= 0])
    if not len(rows):
        return exact
    quantiser = index.quantiser
    lists = quantiser.lists_of(index.vectors.take(rows, index.note.modalities)[1])[0]
    cosines = vectors @ quantiser.centres.T
    place = np.argsort(np.argsort(-cosines, axis=1, kind="stable"), axis=1)
    of = lists[np.clip(np.searchsorted(rows, exact), 0, len(rows) - 1)]
    return np.where(exact >= 0, np.take_along_axis(place, of, axis=1), -1)


def _alike(truth: Truth, kind: int) -> float:
    mine = truth.kind == kind
    return least_alike(truth.own[mine], Nearest(truth.found.row[mine], truth.found.cosine[mine]))


def without(found: np.ndarray, own: np.ndarray, k: int) -> np.ndarray:
    """Leave the own row out of each line of rows found, and give the first k that remain."""
    place = np.argsort(found == own[:, None], axis=1, kind="stable")
    return np.take_along_axis(found, place, axis=1)[:, :k]
