"""Which objects a model was trained on, so that it is never tested on them."""

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from skybind.errors import LeakError
from skybind.progress import say

#: Key of a model's identity that says whose weights it began with.
PUBLISHED = "published"
#: In a model's identity: modality -> form of the published weights of its frozen backbone.
BACKBONES = "published_backbones"
_TOLD: set[str] = set()


def hash_ids(object_id: np.ndarray) -> np.ndarray:
    """Hash object ids to 64 bits each."""
    digests = b"".join(hashlib.blake2b(str(i).encode(), digest_size=8).digest() for i in object_id)
    return np.frombuffer(digests, np.uint64)


def tell_unknown(identity: Mapping[str, Any]) -> None:
    """Say once that a model began with weights of which the training objects are not known."""
    known = identity.get(PUBLISHED)
    if known is None or str(known) in _TOLD:
        return
    _TOLD.add(str(known))
    file = known["file"] if isinstance(known, Mapping) else known
    say(
        f"The model began with published weights ({file}), and which objects these were trained "
        "on is not known: leaks of them cannot be refused."
    )


def began_with(identity: Mapping[str, Any] | None) -> dict[str, Any]:
    """Give what a model that goes on from another keeps of its identity."""
    return {PUBLISHED: identity[PUBLISHED]} if identity and PUBLISHED in identity else {}


def refuse_seen(
    object_id: np.ndarray, trained_on: np.ndarray, what: str, purpose: str, split: Any = None
) -> None:
    """Refuse objects that something was trained on.

    Parameters
    ----------
    object_id : ndarray of str
        The objects that shall be used for `purpose`.
    trained_on : ndarray of uint64
        Hashes of the training objects' ids.
    what : str
        What was trained on them: "this model".
    purpose : str
        What they shall be used for: "testing".
    split : optional
        Hash of the split that the training used.

    Raises
    ------
    LeakError
        If any of `object_id` was a training object.
    """
    seen = np.isin(hash_ids(object_id), trained_on)
    if seen.any():
        used = f", which used the split {split}" if split is not None else ""
        raise LeakError(
            f"{int(seen.sum())} of the {len(object_id)} objects for {purpose} (such as "
            f"'{object_id[seen][0]}') were training objects of {what}{used}: use the split "
            "that it was trained with, or objects it never saw."
        )
