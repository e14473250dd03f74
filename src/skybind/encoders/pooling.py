"""From a sequence of features to one vector an object, seeing only what was observed."""

from torch import Tensor


def masked_mean(features: Tensor, observed: Tensor) -> Tensor:
    """Mean over observed positions; zero where there is none.

    Parameters
    ----------
    features : Tensor (B, L, D)
    observed : Tensor of bool (B, L)

    Returns
    -------
    Tensor (B, D)
    """
    count = observed.sum(1, keepdim=True).clamp(min=1)
    total = features.masked_fill(~observed[..., None], 0).sum(1)
    return total / count.to(total.dtype)


def masked_max(features: Tensor, observed: Tensor) -> Tensor:
    """Maximum over observed positions; zero where there is none.

    Parameters
    ----------
    features : Tensor (B, L, D)
    observed : Tensor of bool (B, L)

    Returns
    -------
    Tensor (B, D)
    """
    highest = features.masked_fill(~observed[..., None], float("-inf")).amax(1)
    return highest.masked_fill(~observed.any(1, keepdim=True), 0)
