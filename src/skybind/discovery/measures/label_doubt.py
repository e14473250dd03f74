"""Is a label right? Asked of the neighbours."""

from dataclasses import dataclass

import numpy as np

from skybind.errors import DataError
from skybind.measures.neighbours import nearest
from skybind.memory import at_once

#: Neighbours that vote on a label.
VOTERS = 16


#: Fewer reference objects than this doubt no label: of fewer, those that vote are most of all there
#: are, near or far.
FEWEST_VOTERS = 2 * VOTERS


#: Neighbours agree if one class has so much of the votes; fewer objects that they agree on than
#: this say nothing of the others.
AGREED, FEWEST_AGREED = 0.9, 100


#: Objects that are judged at once where memory allows.
ASKED = 65536


@dataclass(frozen=True)
class LabelDoubt:
    """What the neighbours of an object say of its label.

    Attributes
    ----------
    suggested : ndarray of int, shape (n,)
        The class that the neighbours vote for; -1 where the object was not observed.
    support : ndarray of float, shape (n,)
        Share of the votes that the suggested class has.
    own : ndarray of float, shape (n,)
        Share of the votes for the object's own label; NaN if it has none.
    doubt : ndarray of float, shape (n,)
        How sure it is that the label is wrong: the share of the best other class less `own`, from
        -1 (all neighbours agree with the label) to 1; NaN without a label or an observation.
    votes : ndarray of float, shape (n, C)
        Shares of all classes; NaN where the object was not observed.
    """

    suggested: np.ndarray
    support: np.ndarray
    own: np.ndarray
    doubt: np.ndarray
    votes: np.ndarray


def neighbour_votes(
    vectors: np.ndarray,
    present: np.ndarray,
    labels: np.ndarray,
    reference: np.ndarray,
    n_classes: int,
    neighbours: int = VOTERS,
    *,
    rows: np.ndarray | None = None,
) -> np.ndarray:
    """Ask the nearest reference objects what class each object belongs to.

    An object never votes for itself. The votes are weighted by the inverse frequency of the
    classes to the power of one half, a compromise between the class that is more common and the
    class that is nearer.

    Parameters
    ----------
    vectors : ndarray, shape (n, D)
        Unit vectors.
    present : ndarray of bool, shape (n,)
    labels : ndarray of int, shape (n,)
        Class codes; -1 for none.
    reference : ndarray of int
        Rows that vote; those without a class or an observation do not.
    n_classes : int
    neighbours : int
        How many vote.
    rows : ndarray of int, shape (m,), optional
        The objects that they are asked about; all by default.

    Returns
    -------
    ndarray of float64, shape (m, C)
        Share of the votes of each class; NaN where not observed.

    Raises
    ------
    DataError
        If no reference object has a class.
    """
    voters = reference[(labels[reference] >= 0) & present[reference]]
    if not len(voters):
        raise DataError("No reference object has a label, so that none can vote.")
    asked = np.arange(len(labels)) if rows is None else rows
    seen = present[asked]
    shares = np.full((len(asked), n_classes), np.nan)
    shares[seen] = _votes(vectors, asked[seen], voters, labels, n_classes, neighbours)
    return shares


def doubt_of(shares: np.ndarray, labels: np.ndarray) -> LabelDoubt:
    """Tell from the neighbours' votes which labels are doubtful.

    Parameters
    ----------
    shares : ndarray, shape (n, C)
        As `neighbour_votes` gives them.
    labels : ndarray of int, shape (n,)
        Class codes; -1 for none.
    """
    n = len(labels)
    rows = np.flatnonzero(np.isfinite(shares).all(axis=1))
    votes = shares[rows]
    suggested = np.full(n, -1)
    support, own = np.full(n, np.nan), np.full(n, np.nan)
    suggested[rows] = votes.argmax(axis=1)
    support[rows] = votes.max(axis=1)
    labelled = labels[rows] >= 0
    own[rows[labelled]] = votes[labelled, labels[rows[labelled]]]
    votes[labelled, labels[rows[labelled]]] = 0
    doubt = np.full(n, np.nan)
    doubt[rows[labelled]] = votes[labelled].max(axis=1) - own[rows[labelled]]
    return LabelDoubt(suggested, support, own, doubt, shares)


def label_doubt(
    vectors: np.ndarray,
    present: np.ndarray,
    labels: np.ndarray,
    reference: np.ndarray,
    n_classes: int,
    neighbours: int = VOTERS,
) -> LabelDoubt:
    """Return `doubt_of` the labels by `neighbour_votes`, whose parameters these are."""
    shares = neighbour_votes(vectors, present, labels, reference, n_classes, neighbours)
    return doubt_of(shares, labels)


def labels_right(doubt: LabelDoubt) -> int | None:
    """Estimate about how many of the doubted labels are right.

    Classes overlap, and neighbours err there more often than catalogues do. Where nearly all
    neighbours agree the classes do not overlap, so that a label that differs is wrong: if labels
    are wrong as often everywhere, so many are wrong in all, and all other doubts are about
    labels that are right. Where classes overlap labels may well be wrong more often: it is no
    lower bound.

    Parameters
    ----------
    doubt : LabelDoubt

    Returns
    -------
    int or None
        None if too few objects have neighbours that agree.
    """
    labelled = np.isfinite(doubt.doubt)
    doubted = labelled & (np.nan_to_num(doubt.doubt, nan=-1.0) > 0)
    agreed = labelled & (doubt.support >= AGREED)
    if agreed.sum() < FEWEST_AGREED:
        return None
    wrong = (agreed & doubted).sum() / agreed.sum() * labelled.sum()
    return int(max(doubted.sum() - np.ceil(wrong), 0))


def _votes(
    vectors: np.ndarray,
    rows: np.ndarray,
    voters: np.ndarray,
    labels: np.ndarray,
    n_classes: int,
    neighbours: int,
) -> np.ndarray:
    """Return each class's share of the votes of the nearest voters, shape (rows, C)."""
    counts = np.bincount(labels[voters], minlength=n_classes)
    weight = 1 / np.sqrt(np.maximum(counts, 1))
    votes, shelf = np.zeros((len(rows), n_classes)), vectors[voters]
    step = at_once(40 * (neighbours + 1) + 4 * vectors.shape[1], ASKED)
    for start in range(0, len(rows), step):
        some = rows[start : start + step]
        index, _ = nearest(shelf, vectors[some], neighbours + 1)
        found = voters[index]
        # the object itself is its own nearest neighbour: it goes, otherwise the farthest does
        is_self = found == some[:, None]
        keep = ~is_self
        keep[~is_self.any(axis=1), neighbours:] = False
        for column in range(found.shape[1]):
            code = labels[found[:, column]]
            votes[start + np.arange(len(some)), code] += keep[:, column] * weight[code]
    votes /= np.maximum(votes.sum(axis=1, keepdims=True), 1e-12)
    return votes
