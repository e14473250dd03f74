"""What a model has seen: hashes of names and observations, by which objects are known again."""

import hashlib
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

#: How objects were used: to train on, or to choose the epoch.
TRAINED, VALIDATED = "trained", "validated"
NONE = np.zeros(0, np.uint64)


def hash_ids(object_id: np.ndarray | Sequence[str]) -> np.ndarray:
    """Hash object ids to 64 bits each."""
    digests = b"".join(hashlib.blake2b(str(i).encode(), digest_size=8).digest() for i in object_id)
    return np.frombuffer(digests, np.uint64)


def plain_name(name: str) -> str:
    """Give a name without what people write in different ways: width, accents' form, case, blanks.

    >>> plain_name("Ｓtar 07 ") == plain_name("STAR07")
    True
    """
    return "".join(unicodedata.normalize("NFKC", name).casefold().split())


def hash_names(object_id: np.ndarray | Sequence[str]) -> np.ndarray:
    """Hash object ids as `plain_name` writes them, to 64 bits each."""
    return hash_ids([plain_name(str(name)) for name in object_id])


#: Fingerprints of the observations of some objects by kind, each of shape (n,); 0 for none.
Observed = Sequence[tuple[str, np.ndarray]]


@dataclass(frozen=True)
class Seen:
    """Hashes of the objects that a model has seen.

    Attributes
    ----------
    hashes : dict of (str, str) to ndarray of uint64
        By role (`trained`, `validated`) and what is hashed: `id`, `name`, or the kind of an
        observation. Sorted, each once.
    """

    hashes: Mapping[tuple[str, str], np.ndarray] = field(default_factory=dict)

    @classmethod
    def of(
        cls,
        trained: np.ndarray,
        validated: np.ndarray | None = None,
        observed: Mapping[str, Observed] | None = None,
    ) -> Self:
        """Hash the names of objects, and keep the fingerprints of their observations.

        Parameters
        ----------
        trained, validated : ndarray of str
            Names of the objects that it was trained on, and of those that chose the epoch.
        observed : mapping of role to Observed, optional
            Fingerprints of their observations (`skybind.data.fingerprints`).
        """
        names: dict[str, Sequence[str] | np.ndarray] = {
            TRAINED: trained,
            VALIDATED: [] if validated is None else validated,
        }
        found: dict[tuple[str, str], list[np.ndarray]] = {}
        for role, ids in names.items():
            found[role, "id"] = [hash_ids(ids)]
            found[role, "name"] = [hash_names(ids)]
            for kind, hashes in (observed or {}).get(role, ()):
                found.setdefault((role, kind), []).append(hashes[hashes != 0])
        return cls({key: _once(parts) for key, parts in found.items()})

    @property
    def trained_on(self) -> np.ndarray:
        """Hashes of the names of the training objects."""
        return self.hashes.get((TRAINED, "id"), NONE)

    @property
    def knows_twins(self) -> bool:
        """Whether it knows more than the names as they were written."""
        return (TRAINED, "name") in self.hashes

    def joined(self, others: Iterable["Seen"]) -> "Seen":
        """Join what several have seen; what is not known of one is not known of all."""
        every = [self, *others]
        keys = {key for seen in every for key in seen.hashes}
        return Seen({key: _once([s.hashes.get(key, NONE) for s in every]) for key in sorted(keys)})


def _once(parts: Sequence[np.ndarray]) -> np.ndarray:
    return np.unique(np.concatenate([NONE, *parts]))
