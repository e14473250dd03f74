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
from skybind.files import atomic_path
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


def shorten(name: str, part: Tensor) -> Tensor:
    """Give what is kept of a modality's part of a decision, shape (B, at most `WIDTH`)."""
    del name
    flat = part.flatten(1)
    if flat.shape[1] <= WIDTH:
        return flat
    return flat @ _signs(flat.shape[1]).to(flat)


@lru_cache(maxsize=8)
def _signs(width: int) -> Tensor:
    """A fixed random projection: distances stay as they are, to about one part in ten."""
    signs = np.random.default_rng(width).integers(0, 2, (width, WIDTH), dtype=np.int8) * 2 - 1
    return torch.from_numpy(signs.astype(np.float32) / np.float32(np.sqrt(WIDTH)))


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
    _scales: dict[tuple[str, ...], np.ndarray] = field(default_factory=dict, repr=False)

    @classmethod
    def choose(
        cls,
        places: dict[str, np.ndarray],
        present: dict[str, np.ndarray],
        labels: np.ndarray,
        teacher: np.ndarray,
        object_id: np.ndarray,
        seed: int,
    ) -> "Reference":
        """Draw the objects to keep; of training objects the rarer classes first.

        Parameters
        ----------
        places, present : dict of str to ndarray, first dimension n
        labels : ndarray of int, shape (n,)
        teacher : ndarray of bool, shape (n,)
        object_id : ndarray of str, shape (n,)
        seed : int
        """
        rng = np.random.default_rng(seed)
        order = rng.permutation(len(labels))
        rank = np.zeros(len(labels), int)  # of each object among those of its class
        for label in np.unique(labels):
            own = order[labels[order] == label]
            rank[own] = np.arange(len(own))
        taught = order[teacher[order]]
        taught = taught[np.argsort(rank[taught], kind="stable")][:TEACHERS]
        kept = np.concatenate([taught, order[~teacher[order]][:RULER]])
        return cls(
            {name: values[kept] for name, values in places.items()},
            {name: flags[kept] for name, flags in present.items()},
            teacher[kept],
            hash_ids(object_id[kept]),
        )

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
        names = [name for name in places if name in self.places]
        if not names or not len(object_id):
            return result
        sets = np.stack([present[name] for name in names], axis=1)
        ids = hash_ids(object_id)
        for some in np.unique(sets, axis=0):
            rows = np.flatnonzero((sets == some).all(axis=1))
            chosen = [name for name, there in zip(names, some, strict=True) if there]
            if chosen:
                result[rows] = self._ranks(places, chosen, ids, rows)
        return result

    def _ranks(
        self, places: dict[str, np.ndarray], names: list[str], ids: np.ndarray, rows: np.ndarray
    ) -> np.ndarray:
        scale = self._scales.get(tuple(names))
        if scale is None:
            scale = self._scales[tuple(names)] = self._scale(names)
        found = np.full(len(rows), np.nan)
        for start in range(0, len(rows) if len(scale) else 0, CHUNK):
            some = rows[start : start + CHUNK]
            distance = self._distance(self._join(places, names, some), ids[some], names)
            left, right = (np.searchsorted(scale, distance, side) for side in ("left", "right"))
            found[start : start + CHUNK] = (left + right) / (2 * len(scale))
        return found

    def _scale(self, names: list[str]) -> np.ndarray:
        """Distances of the validation objects that have some modalities, ascending."""
        seen = np.logical_and.reduce([self.present[name] for name in names])
        ruler = np.flatnonzero(seen & ~self.teacher)
        if (seen & self.teacher).sum() < max(LEAST, NEIGHBOURS + 1) or len(ruler) < LEAST:
            return np.zeros(0)
        own = self._join(self.places, names, ruler)
        return np.sort(self._distance(own, self.name[ruler], names))

    def _distance(self, asked: np.ndarray, ids: np.ndarray, names: list[str]) -> np.ndarray:
        """Mean of 1 - cosine to the nearest training objects, the object itself left out."""
        seen = np.logical_and.reduce([self.present[name] for name in names])
        taught = np.flatnonzero(seen & self.teacher)
        near = torch.from_numpy(self._join(self.places, names, taught))
        cosine = torch.from_numpy(asked) @ near.T
        order = np.argsort(self.name[taught])
        place = np.searchsorted(self.name[taught], ids, sorter=order).clip(max=len(taught) - 1)
        own = np.flatnonzero(self.name[taught][order[place]] == ids)
        cosine[own, order[place[own]]] = -torch.inf
        best = cosine.topk(NEIGHBOURS, dim=1).values.numpy()
        return np.asarray(1 - best.mean(axis=1), np.float64)

    @staticmethod
    def _join(
        places: dict[str, np.ndarray],
        names: list[str],
        rows: np.ndarray,
    ) -> np.ndarray:
        """Unit vectors of the modalities side by side, so that a product is the mean cosine."""
        parts = []
        for name in names:
            own = places[name][rows].astype(np.float32)
            length = np.linalg.norm(own, axis=1, keepdims=True)
            parts.append(own / np.maximum(length, 1e-12) / np.sqrt(np.float32(len(names))))
        return np.concatenate(parts, axis=1)

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
            raise ModelError(
                f"{path} is damaged ({error}): delete it, and classify by the run again."
            ) from error
