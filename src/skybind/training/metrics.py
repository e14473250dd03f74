"""Means over the batches of an epoch."""

import math
from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from skybind.training.losses import is_self_pair


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
        """Mean of the accuracies so far, as `mean_accuracy` gives it."""
        return mean_accuracy(self.means())


def mean_accuracy(values: Mapping[str, float], part: str = "") -> float:
    """Average the accuracies of an epoch's record.

    Two views of one observation find each other far more easily than two modalities do, so pairs
    of a modality with itself count only where there are no others.

    Parameters
    ----------
    values : mapping of str to float
        `accuracy`, or `accuracy/PAIR` of each pair, behind `part`; NaN where no row took part.
    part : str
        What their names begin with, such as `validation/`.

    Returns
    -------
    float
        NaN if there is none.
    """
    start = f"{part}accuracy"
    if start in values:  # of all together
        return values[start]
    known = {key: v for key, v in values.items() if key.startswith(start) and not math.isnan(v)}
    across = [v for key, v in known.items() if not is_self_pair(key.removeprefix(f"{start}/"))]
    counted = across or list(known.values())
    return sum(counted) / len(counted) if counted else math.nan


def _numbers(sums: dict[str, Tensor]) -> dict[str, float]:
    """Read sums off the device, all at once."""
    if not sums:
        return {}
    return dict(zip(sums, torch.stack(list(sums.values())).tolist(), strict=True))


def _weight(key: str) -> str:
    _, separator, pair = key.partition("/")
    return f"n{separator}{pair}"
