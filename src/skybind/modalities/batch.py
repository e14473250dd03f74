"""A batch: tensors keyed by modality, and who was observed in what."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass
class Batch:
    """Prepared observations of some objects.

    Attributes
    ----------
    rows : Tensor of int64, shape (B,)
        Which objects of the dataset.
    inputs : dict of modality to dict of str to Tensor
        `values` and, for sequences, `mask` (1 where observed); zeros where absent.
    present : dict of modality to Tensor of bool, shape (B,)
        Whether the object was observed in the modality.
    """

    rows: Tensor
    inputs: dict[str, dict[str, Tensor]]
    present: dict[str, Tensor]

    def __len__(self) -> int:
        return len(self.rows)

    def to(self, device: torch.device | str) -> "Batch":
        """Give the batch on `device`."""
        return self._map(lambda tensor: tensor.to(device, non_blocking=True))

    def pin_memory(self) -> "Batch":
        """Give the batch in page-locked memory, from which copies to a GPU are quick."""
        return self._map(lambda tensor: tensor.pin_memory())

    def select(self, index: Tensor | slice) -> "Batch":
        """Give some of its objects."""
        return self._map(lambda tensor: tensor[index])

    def unobserved(self) -> "Batch":
        """Give the batch as of objects that were observed in nothing."""
        nothing = {name: torch.zeros_like(present) for name, present in self.present.items()}
        return replace(self, present=nothing)

    def _map(self, function: Callable[[Tensor], Tensor]) -> "Batch":
        return Batch(
            function(self.rows),
            {
                name: {key: function(tensor) for key, tensor in tensors.items()}
                for name, tensors in self.inputs.items()
            },
            {name: function(present) for name, present in self.present.items()},
        )
