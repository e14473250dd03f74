"""Means over the batches of an epoch."""

import math
from typing import Literal

import torch
from torch import Tensor


class Meter:
    """Mean of losses and accuracies over batches, weighted by the rows that took part.

    With `of="batches"` every batch in which rows took part has the same weight in the losses.

    A batch's values come as `loss`, `accuracy` and `n` (rows), or for each pair as
    `loss/PAIR`, `accuracy/PAIR` and `n/PAIR`. Sums stay on the device until asked for.
    """

    def __init__(self, of: Literal["objects", "batches"] = "objects") -> None:
        self._of = of
        self._sums: dict[str, Tensor] = {}
        self._batches: dict[str, Tensor] = {}

    def add(self, values: dict[str, Tensor]) -> None:
        """Take in the values of one batch."""
        for key, value in values.items():
            weight = values.get(_weight(key))
            if weight is None:  # the sum over pairs follows from the pairs
                continue
            if self._of == "batches" and key.startswith("loss"):
                weight = (weight > 0).to(value.dtype)
                self._batches[key] = self._batches.get(key, 0) + weight
            term = value.detach() if key == _weight(key) else value.detach() * weight
            if term.device.type != "mps":  # which has no 64 bits
                term = term.double()
            self._sums[key] = self._sums[key] + term if key in self._sums else term

    def bad(self) -> str | None:
        """Name of the first loss that is not finite so far, or None (waits for the device)."""
        losses = {k: v for k, v in self._sums.items() if k.startswith("loss")}
        if not losses:
            return None
        finite = torch.isfinite(torch.stack(list(losses.values()))).tolist()
        return next((k for k, good in zip(losses, finite, strict=True) if not good), None)

    def means(self) -> dict[str, float]:
        """Means by name, row counts as they are; NaN where no row took part."""
        if not self._sums:
            return {}
        sums, batches = _numbers(self._sums), _numbers(self._batches)
        result = {}
        for key, value in sums.items():
            weight = batches.get(key, sums[_weight(key)])
            if key == _weight(key):
                result[key] = value
            else:
                result[key] = value / weight if weight else math.nan
        if "loss" not in result:
            pairs = [v for k, v in result.items() if k.startswith("loss/")]
            used = [v for v in pairs if not math.isnan(v)]
            result = {"loss": sum(used) if used else math.nan} | result
        return result

    def accuracy(self) -> float:
        """Mean of the accuracies so far; NaN if there is none."""
        values = [v for k, v in self.means().items() if k.startswith("accuracy") and v == v]
        return sum(values) / len(values) if values else math.nan


def _numbers(sums: dict[str, Tensor]) -> dict[str, float]:
    """Read sums off the device, all at once."""
    if not sums:
        return {}
    return dict(zip(sums, torch.stack(list(sums.values())).tolist(), strict=True))


def _weight(key: str) -> str:
    _, separator, pair = key.partition("/")
    return f"n{separator}{pair}"
