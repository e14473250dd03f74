"""Which modality carried a decision: the log-probability of the class, shared out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np
from pydantic import Field

from skybind.errors import DataError
from skybind.record import Number, Record

Combination = tuple[str, ...]


@dataclass(frozen=True)
class Contributions:
    """What every modality of an object adds to the log-probability of the class decided on.

    Attributes
    ----------
    modalities : tuple of str
        The columns.
    predicted : ndarray of int, shape (n,)
        The class decided on from all modalities of the object; -1 without any.
    probability : ndarray of float, shape (n,)
        Of that class; NaN without any.
    share : ndarray of float, shape (n, M)
        Shapley values (Shapley 1953) [nat]: their sum is the log-probability of the predicted
        class less the logarithm of its frequency; 0 for a modality that is absent, NaN for an
        object that has none.
    without : ndarray of float, shape (n, M)
        By how much the log-probability of that class falls if the modality is left out [nat];
        NaN where it is absent or the only one.
    """

    modalities: tuple[str, ...]
    predicted: np.ndarray
    probability: np.ndarray
    share: np.ndarray
    without: np.ndarray

    @property
    def carrier(self) -> np.ndarray:
        """Column of the modality with the largest share, shape (n,); -1 without any."""
        known = np.isfinite(self.share).all(axis=1)
        return np.where(known, np.nan_to_num(self.share).argmax(axis=1), -1)


def contributions(
    logits: Mapping[Combination, np.ndarray],
    present: Mapping[str, np.ndarray],
    prior: np.ndarray,
) -> Contributions:
    """Share a decision out among the modalities that it was made from.

    Parameters
    ----------
    logits : mapping of combination to ndarray, shape (n, C)
        Of every non-empty set of modalities; an object that lacks some of a set is classified
        from the others, NaN if it has none of them.
    present : mapping of modality to ndarray of bool, shape (n,)
    prior : ndarray, shape (C,)
        Frequencies of the classes: what is known without any observation.

    Raises
    ------
    DataError
        If a combination is missing.
    """
    names = tuple(present)
    logs = {frozenset(names_): _log_softmax(values) for names_, values in logits.items()}
    subsets = [frozenset(c) for k in range(1, len(names) + 1) for c in combinations(names, k)]
    for subset in subsets:
        if subset not in logs:
            raise DataError(f"There are no logits from {' + '.join(sorted(subset))}.")
    everything = logs[frozenset(names)]
    seen = np.isfinite(everything).all(axis=1)
    predicted = np.where(seen, np.nan_to_num(everything, nan=-np.inf).argmax(axis=1), -1)
    code = np.maximum(predicted, 0)
    nothing = np.log(np.maximum(prior, 1e-12))[code]

    def worth(subset: frozenset[str]) -> np.ndarray:
        """Log-probability of the class decided on, known from some modalities."""
        if not subset:
            return nothing
        own = np.take_along_axis(logs[subset], code[:, None], axis=1)[:, 0]
        return np.where(np.isfinite(own), own, nothing)

    share = np.zeros((len(code), len(names)))
    without = np.full((len(code), len(names)), np.nan)
    for column, name in enumerate(names):
        rest = [other for other in names if other != name]
        for size in range(len(rest) + 1):
            weight = factorial(size) * factorial(len(rest) - size) / factorial(len(names))
            for others in combinations(rest, size):
                base = frozenset(others)
                share[:, column] += weight * (worth(base | {name}) - worth(base))
        if rest:
            left = np.logical_or.reduce([present[other] for other in rest]) & present[name]
            drop = worth(frozenset(names)) - worth(frozenset(rest))
            without[left & seen, column] = drop[left & seen]
    share[~seen] = np.nan
    probability = np.where(seen, np.exp(worth(frozenset(names))), np.nan)
    return Contributions(names, predicted, probability, share, without)


class Carried(Record):
    """What carried the decisions for one class."""

    name: str = Field(..., alias="class", description="The class that was predicted.")
    n: int = Field(..., description="Objects.")
    share: dict[str, Number] = Field(
        ..., description="modality -> mean share in the log-probability of the class [nat]."
    )
    carried: dict[str, Number] = Field(
        ..., description="modality -> how often it had the largest share (a fraction)."
    )


def summary(found: Contributions, classes: Sequence[str], rows: np.ndarray) -> list[Carried]:
    """Mean share of every modality, and how often it carried the decision, by predicted class."""
    records = []
    for code, name in enumerate(classes):
        members = rows[found.predicted[rows] == code]
        if not len(members):
            continue
        carrier = np.bincount(found.carrier[members], minlength=len(found.modalities))
        share = found.share[members].mean(axis=0).tolist()
        carried = (carrier / len(members)).tolist()
        records.append(
            Carried(
                name=name,
                n=len(members),
                share=dict(zip(found.modalities, share, strict=True)),
                carried=dict(zip(found.modalities, carried, strict=True)),
            )
        )
    return records


def _log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits.astype(float) - logits.max(axis=1, keepdims=True)
    return np.asarray(shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True)))
