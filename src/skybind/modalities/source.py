"""The source of batches: prepared modalities, indexed together."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from skybind.errors import DataError
from skybind.modalities.base import Modality, Prepared
from skybind.modalities.batch import Batch


class BatchSource:
    """Batches of some prepared modalities, by fancy indexing.

    Parameters
    ----------
    modalities : mapping of name to Modality
        Fitted, or to be fitted by `fit`.
    prepared : mapping of name to Prepared
    """

    def __init__(
        self, modalities: Mapping[str, Modality], prepared: Mapping[str, Prepared]
    ) -> None:
        self.modalities = dict(modalities)
        self.prepared = dict(prepared)
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
            name: modality.batch(self.prepared[name], rows, rng)
            for name, modality in self.modalities.items()
        }
        present = {
            name: torch.from_numpy(self.prepared[name].present[rows]) for name in self.modalities
        }
        return Batch(torch.from_numpy(rows.astype(np.int64)), inputs, present)

    def select(self, names: Sequence[str]) -> "BatchSource":
        """Give a source of fewer modalities, so that no others are batched."""
        return BatchSource(
            {name: self.modalities[name] for name in names},
            {name: self.prepared[name] for name in names},
        )
