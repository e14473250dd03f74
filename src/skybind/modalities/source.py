"""The source of batches: prepared modalities, indexed together."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from skybind.errors import DataError
from skybind.modalities.base import Modality, Prepared
from skybind.modalities.batch import Batch
from skybind.modalities.rows import taken

#: Names of the arrays of cached features, and of which objects have augmented views.
FEATURES, VIEWED = "features", "viewed"


class BatchSource:
    """Batches of some prepared modalities, by fancy indexing.

    Parameters
    ----------
    modalities : mapping of name to Modality
        Fitted, or to be fitted by `fit`.
    prepared : mapping of name to Prepared
        Where one holds `features` of a frozen backbone, (n, 1 + views, F), they are batched
        instead of its observations: the first, clean view for inference, a random one of the
        others in training where the object is `viewed`.
    origins : mapping of name to str
        Of those features: a hash of the backbone and the preprocessing that gave them.
    """

    def __init__(
        self,
        modalities: Mapping[str, Modality],
        prepared: Mapping[str, Prepared],
        origins: Mapping[str, str] | None = None,
    ) -> None:
        self.modalities = dict(modalities)
        self.prepared = dict(prepared)
        self.origins = dict(origins or {})
        lengths = {len(p) for p in self.prepared.values()}
        if len(lengths) != 1:
            raise DataError(f"The modalities were prepared for different datasets: {lengths}.")
        self._length = lengths.pop()

    def __len__(self) -> int:
        return self._length

    def fit(self, rows: np.ndarray) -> None:
        """Fit the preprocessing of every modality on the training objects `rows`."""
        for name, modality in self.modalities.items():
            modality.fit(self.prepared[name], rows)

    def present(self, name: str) -> np.ndarray:
        """Which objects can be used in a modality, shape (n,) bool."""
        return self.prepared[name].present

    def batch(self, rows: np.ndarray, rng: np.random.Generator | None = None) -> Batch:
        """Make the batch of objects `rows`; with a generator, as in training."""
        rows = np.asarray(rows)
        inputs = {
            name: _features(self.prepared[name], rows, rng)
            if FEATURES in self.prepared[name].arrays
            else modality.batch(self.prepared[name], rows, rng)
            for name, modality in self.modalities.items()
        }
        present = {
            name: torch.from_numpy(self.prepared[name].present[rows]) for name in self.modalities
        }
        return Batch(torch.from_numpy(rows.astype(np.int64)), inputs, present)

    def visits(self, name: str) -> "BatchSource | None":
        """Give all observations of a modality one a row, where an object may have several.

        Object `i` owns the rows `offsets[i]:offsets[i + 1]` of `prepared[name].offsets`. None where
        an object has one, or where the features of a frozen backbone stand in.
        """
        if FEATURES in self.prepared[name].arrays:
            return None
        modality = self.modalities[name]
        each = modality.each(self.prepared[name])
        return None if each is None else BatchSource({name: modality}, {name: each})

    def take(self, rows: np.ndarray) -> "BatchSource":
        """Give a source of fewer objects, in the order given."""
        prepared = {name: taken(own, rows) for name, own in self.prepared.items()}
        return BatchSource(self.modalities, prepared, self.origins)

    def select(self, names: Sequence[str]) -> "BatchSource":
        """Give a source of fewer modalities, so that no others are batched."""
        return BatchSource(
            {name: self.modalities[name] for name in names},
            {name: self.prepared[name] for name in names},
            {name: self.origins[name] for name in names if name in self.origins},
        )


def _features(
    prepared: Prepared, rows: np.ndarray, rng: np.random.Generator | None
) -> dict[str, Tensor]:
    """Give one view of each object's cached features, (B, F)."""
    features, view = prepared.arrays[FEATURES], np.zeros(len(rows), np.int64)
    if rng is not None and features.shape[1] > 1:
        draw = rng.integers(1, features.shape[1], len(rows))
        view = np.where(prepared.arrays[VIEWED][rows], draw, 0)
    return {FEATURES: torch.from_numpy(np.ascontiguousarray(features[rows, view]))}
