"""What a model has seen: hashes of names and observations, by which objects are known again."""

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

#: How objects were used: to train on, or to choose the epoch.
TRAINED, VALIDATED = "trained", "validated"
#: What objects are known by in a catalogue, beside the kinds of observations: where they are, and
#: the hash of their row.
PLACE, ROW = "@place", "@row"
#: Hashes of the rows of objects without a position.
ALONE = "@row-alone"
#: Hashes of the names of training objects of which an older skybind kept neither.
OLDER = "@older"
NONE = np.zeros(0, np.uint64)
_NOBODY = np.zeros(0, str)
#: Names that are hashed at a time.
_PIECE = 1 << 16
_BLANKS = re.compile(r"((?<=\d)\s+(?=\d))|\s+")


def hash_ids(object_id: np.ndarray | Sequence[str]) -> np.ndarray:
    """Hash object ids to 64 bits each."""
    found = np.empty(len(object_id), np.uint64)
    for start in range(0, len(found), _PIECE):  # as Python's texts they take ten times the room
        some = object_id[start : start + _PIECE]
        digests = (hashlib.blake2b(str(i).encode(), digest_size=8).digest() for i in some)
        found[start : start + len(some)] = np.frombuffer(b"".join(digests), np.uint64)
    return found


def plain_name(name: str, fold: bool = True) -> str:
    """Give a name without what people write in different ways: width, accents' form, case, blanks.

    A blank between two digits is kept: there it parts two numbers.

    Parameters
    ----------
    name : str
    fold : bool
        Leave out the difference of case too.

    >>> plain_name("Ｓtar 07 ") == plain_name("STAR07")
    True
    >>> plain_name("LMC_SC1 12345") == plain_name("LMC_SC11 2345")
    False
    """
    plain = unicodedata.normalize("NFKC", name)
    return _BLANKS.sub(lambda found: " " if found[1] else "", plain.casefold() if fold else plain)


def hash_names(object_id: np.ndarray | Sequence[str], fold: bool = True) -> np.ndarray:
    """Hash object ids as `plain_name` writes them, to 64 bits each."""
    found = np.empty(len(object_id), np.uint64)
    for start in range(0, len(found), _PIECE):
        some = [plain_name(str(name), fold) for name in object_id[start : start + _PIECE]]
        found[start : start + len(some)] = hash_ids(some)
    return found


def told_by_case(names: np.ndarray | Sequence[str]) -> np.ndarray:
    """Which of some names have another among them that only case tells from them, (n,) bool."""
    folded = hash_names(names)
    return np.isin(folded, many_spellings(folded, hash_names(names, fold=False)))


def many_spellings(folded: np.ndarray, cased: np.ndarray) -> np.ndarray:
    """Hashes without case of names that are spelt in several ways, by those with it."""
    order = np.argsort(folded, kind="stable")
    folded, cased = folded[order], cased[order]
    several = (folded[1:] == folded[:-1]) & (cased[1:] != cased[:-1])
    return np.unique(folded[1:][several])


#: Fingerprints of some objects by kind of observation, `PLACE` and `ROW`, each of shape (n,); 0 for
#: none. `skybind.data.fingerprints` makes them.
Observed = Sequence[tuple[str, np.ndarray]]


@dataclass(frozen=True)
class Seen:
    """Hashes of the objects that a model has seen.

    Attributes
    ----------
    hashes : dict of (str, str) to ndarray of uint64
        By role (`trained`, `validated`) and what is hashed: `id`, `cased` and `name` (plain names
        with case and without; the latter not of names that only case tells apart), the kind of an
        observation, or a row of a catalogue (`ROW`, and `ALONE`, those of objects without a
        position). `PLACE` are the positions themselves. `OLDER` are names of those that came from
        a model which knew neither. Sorted, each once.
    """

    hashes: Mapping[tuple[str, str], np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        trained: np.ndarray,
        validated: np.ndarray | None = None,
        observed: Mapping[str, Observed] | None = None,
        among: np.ndarray | None = None,
    ) -> Self:
        """Hash the names of objects, and keep the fingerprints of their observations.

        Parameters
        ----------
        trained, validated : ndarray of str
            Names of the objects that it was trained on, and of those that chose the epoch.
        observed : mapping of role to Observed, optional
            Fingerprints of their observations (`skybind.data.fingerprints`).
        among : ndarray of str, optional
            Other names of the dataset that they are of; by default none. Those above may be among
            them, and are hashed again then.
        """
        names = {TRAINED: trained, VALIDATED: _NOBODY if validated is None else validated}
        folded = {role: hash_names(ids) for role, ids in names.items()}
        cased = {role: hash_names(ids, fold=False) for role, ids in names.items()}
        others = _NOBODY if among is None else among
        told = many_spellings(
            np.concatenate([*folded.values(), hash_names(others)]),
            np.concatenate([*cased.values(), hash_names(others, fold=False)]),
        )
        found: dict[tuple[str, str], list[np.ndarray]] = {}
        for role, ids in names.items():
            found[role, "id"] = [hash_ids(ids)]
            found[role, "cased"] = [cased[role]]
            found[role, "name"] = [folded[role][~np.isin(folded[role], told)]]
            own = (observed or {}).get(role, ())
            for kind, hashes in own:
                found.setdefault((role, kind), []).append(hashes[hashes != 0])
                if kind == ROW:
                    alone = hashes[(hashes != 0) & ~placed(own, len(hashes))]
                    found.setdefault((role, ALONE), []).append(alone)
        return cls({key: _once(parts) for key, parts in found.items()})

    @property
    def knows_places(self) -> bool:
        """Whether positions of all training objects were kept; an older skybind kept none."""
        return (TRAINED, PLACE) in self.hashes and not len(self.unplaced)

    @property
    def unplaced(self) -> np.ndarray:
        """Names' hashes of training objects of which neither position nor row was kept."""
        known = (TRAINED, PLACE) in self.hashes
        return self.hashes.get((TRAINED, OLDER), NONE) if known else self.trained_on

    @property
    def trained_on(self) -> np.ndarray:
        """Hashes of the names of the training objects."""
        return self.hashes.get((TRAINED, "id"), NONE)

    def joined(self, others: Iterable["Seen"]) -> "Seen":
        """Join what several have seen; of which of it positions are not known is kept."""
        every = [self, *others]
        keys = {key for seen in every for key in seen.hashes}
        made = {key: _once([s.hashes.get(key, NONE) for s in every]) for key in sorted(keys)}
        unplaced = _once([seen.unplaced for seen in every])
        return Seen(made | ({(TRAINED, OLDER): unplaced} if len(unplaced) else {}))


def placed(observed: Observed, n: int) -> np.ndarray:
    """Which of n objects have a position, (n,) bool."""
    known = [codes != 0 for kind, codes in observed if kind == PLACE]
    return np.logical_or.reduce(known) if known else np.zeros(n, bool)


def _once(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.unique(np.concatenate([NONE, *parts]))
