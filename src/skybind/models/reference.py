"""Novelty: how far an object lies from those that a classifier was trained on."""

from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file
from torch import Tensor

from skybind.errors import ModelError
from skybind.files import atomic_path, raise_of_machine
from skybind.models.inference import Combination, sets_of
from skybind.models.leaks import hash_ids

#: Neighbours whose mean distance counts.
NEIGHBOURS = 5
#: Most objects that are kept: training objects to lie near to, validation objects to compare with.
TEACHERS, RULER = 2000, 1000
#: Longer parts are projected at random to this length (Johnson & Lindenstrauss 1984).
WIDTH = 128
#: With fewer objects of either kind, nothing is said.
LEAST = 20
#: Objects that are compared at once.
CHUNK = 4096


def shorten(part: Tensor) -> Tensor:
    """Give what is kept of a modality's part of a decision, shape (B, at most `WIDTH`)."""
    flat = part.flatten(1)
    if flat.shape[1] <= WIDTH:
        return flat
    return flat @ _signs(flat.shape[1]).to(flat)


@lru_cache(maxsize=8)
def _signs(width: int) -> Tensor:
    """A fixed random projection: distances stay as they are, to about one part in ten."""
    signs = np.random.default_rng(width).integers(0, 2, (width, WIDTH), dtype=np.int8) * 2 - 1
    return torch.from_numpy(signs.astype(np.float32) / np.float32(np.sqrt(WIDTH)))


def choose_objects(labels: np.ndarray, teacher: np.ndarray, seed: int) -> np.ndarray:
    """Draw the objects to keep; of training objects the rarer classes first.

    Parameters
    ----------
    labels : ndarray of int, shape (n,)
    teacher : ndarray of bool, shape (n,)
        Training objects; the others are validation objects.
    seed : int

    Returns
    -------
    ndarray of int
        Rows: at most `TEACHERS` training objects, then at most `RULER` validation objects.
    """
    order = np.random.default_rng(seed).permutation(len(labels))
    rank = np.zeros(len(labels), int)  # of each object among those of its class
    for label in np.unique(labels):
        own = order[labels[order] == label]
        rank[own] = np.arange(len(own))
    taught = order[teacher[order]]
    taught = taught[np.argsort(rank[taught], kind="stable")][:TEACHERS]
    return np.concatenate([taught, order[~teacher[order]][:RULER]])


@dataclass
class Reference:
    """Objects that a classifier was trained on and validated with, where they lie for it.

    Attributes
    ----------
    places : dict of str to ndarray of float32, shape (n, W)
        What each modality of each object brings to the decision (`shorten`).
    present : dict of str to ndarray of bool, shape (n,)
    teacher : ndarray of bool, shape (n,)
        Training objects; the others are validation objects.
    name : ndarray of uint64, shape (n,)
        Hashes of their ids.
    """

    places: dict[str, np.ndarray]
    present: dict[str, np.ndarray]
    teacher: np.ndarray
    name: np.ndarray
    _known: dict[Combination, "_Taught | None"] = field(default_factory=dict, repr=False)

    def novelty(
        self, places: dict[str, np.ndarray], present: dict[str, np.ndarray], object_id: np.ndarray
    ) -> np.ndarray:
        """Say how far objects lie from the training objects, beside objects of the same survey.

        The distance of an object is the mean over its modalities of 1 - cosine, to its
        `NEIGHBOURS` nearest training objects that have these modalities. Its novelty is the share
        of validation objects, which the classifier was not trained on either, that lie nearer to
        theirs (a conformal rank: uniform for more of the same survey).

        Parameters
        ----------
        places, present : dict of str to ndarray, first dimension n
        object_id : ndarray of str, shape (n,)
            No object is its own neighbour.

        Returns
        -------
        ndarray of float64, shape (n,)
            0 amid the training objects, 1 farther than all of the reference; NaN where nothing
            was observed, or too few objects of the reference have the same modalities.
        """
        result = np.full(len(object_id), np.nan)
        known = {name: present[name] for name in places if name in self.places}
        if not known or not len(object_id):
            return result
        ids = hash_ids(object_id)
        for names, rows in sets_of(known):
            taught = self._taught(names) if names else None
            if taught is None:
                continue
            for start in range(0, len(rows), CHUNK):
                some = rows[start : start + CHUNK]
                result[some] = taught.rank(_side_by_side(places, names, some), ids[some])
        return result

    def _taught(self, names: Combination) -> "_Taught | None":
        """Those with some modalities; None if there are too few. Found once for each set."""
        if names not in self._known:
            seen = np.logical_and.reduce([self.present[name] for name in names])
            near, ruler = np.flatnonzero(seen & self.teacher), np.flatnonzero(seen & ~self.teacher)
            found = None
            if len(near) >= max(LEAST, NEIGHBOURS + 1) and len(ruler) >= LEAST:
                near = near[np.argsort(self.name[near])]
                vectors = torch.from_numpy(_side_by_side(self.places, names, near))
                found = _Taught(vectors, self.name[near])
                found.learn_scale(_side_by_side(self.places, names, ruler), self.name[ruler])
            self._known[names] = found
        return self._known[names]

    def write(self, path: Path) -> None:
        """Write everything to one file."""
        arrays = {
            f"place/{name}": values.astype(np.float16) for name, values in self.places.items()
        }
        arrays |= {f"present/{name}": flags for name, flags in self.present.items()}
        arrays |= {"teacher": self.teacher, "name": self.name}
        with atomic_path(path) as temporary:
            save_file({k: np.ascontiguousarray(v) for k, v in arrays.items()}, temporary)

    @classmethod
    def read(cls, path: Path) -> "Reference":
        """Read what `write` wrote.

        Raises
        ------
        ModelError
            If the file is damaged.
        """
        try:
            arrays = load_file(path)
            places = {k[6:]: v.astype(np.float32) for k, v in arrays.items() if k[:6] == "place/"}
            present = {k[8:]: v for k, v in arrays.items() if k[:8] == "present/"}
            return cls(places, present, arrays["teacher"], arrays["name"])
        except (OSError, KeyError, SafetensorError) as error:
            raise_of_machine(error)
            raise ModelError(
                f"{path} is damaged ({error}): delete it, and classify by the run again."
            ) from error


@dataclass
class _Taught:
    """Training objects that have some modalities, and how far validation objects lie from them."""

    vectors: Tensor
    name: np.ndarray  # ascending
    scale: np.ndarray = field(default_factory=lambda: np.zeros(0))

    def learn_scale(self, vectors: np.ndarray, ids: np.ndarray) -> None:
        """Measure the validation objects."""
        self.scale = np.sort(self._distance(vectors, ids))

    def rank(self, vectors: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """Share of the validation objects that lie nearer, ties counted half, shape (n,)."""
        distance = self._distance(vectors, ids)
        left, right = (np.searchsorted(self.scale, distance, side) for side in ("left", "right"))
        return np.asarray((left + right) / (2 * len(self.scale)))

    def _distance(self, vectors: np.ndarray, ids: np.ndarray) -> np.ndarray:
        """Mean of 1 - cosine to the nearest training objects, the object itself left out."""
        cosine = torch.from_numpy(vectors) @ self.vectors.T
        place = np.searchsorted(self.name, ids).clip(max=len(self.name) - 1)
        own = np.flatnonzero(self.name[place] == ids)
        cosine[own, place[own]] = -torch.inf
        best = cosine.topk(NEIGHBOURS, dim=1).values.numpy()
        return np.asarray(1 - best.mean(axis=1), np.float64)


def _side_by_side(
    places: dict[str, np.ndarray], names: Combination, rows: np.ndarray
) -> np.ndarray:
    """Unit vectors of the modalities side by side, so that a product is the mean cosine."""
    parts = []
    for name in names:
        own = places[name][rows].astype(np.float32)
        length = np.linalg.norm(own, axis=1, keepdims=True)
        parts.append(own / np.maximum(length, 1e-12) / np.sqrt(np.float32(len(names))))
    return np.concatenate(parts, axis=1)
