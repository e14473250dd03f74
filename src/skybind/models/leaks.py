"""Which objects a model has seen, so that it is never tested on them.

Seen are those that it was trained on, and those that chose its epoch. Of each the model keeps
hashes: of its name, of its name as people might write it, and of its observations. So an object is
known again under another name, and no name can be read from a model.
"""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from skybind.data.seen import (
    NONE,
    TRAINED,
    VALIDATED,
    Observed,
    Seen,
    hash_ids,
    hash_names,
    told_by_case,
)
from skybind.errors import LeakError
from skybind.progress import say

#: Key of a model's identity that says whose weights it began with.
PUBLISHED = "published"
#: In a model's identity: modality -> form of the published weights of its frozen backbone.
BACKBONES = "published_backbones"
_TOLD: set[str] = set()

_WHAT = {
    TRAINED: "were training objects of {of}{used}",
    VALIDATED: "chose the epoch of {of}{used}",
}


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
    object_id: np.ndarray, seen: Seen, of: str, purpose: str, split: Any = None
) -> None:
    """Refuse objects that something has seen under the same name.

    Parameters
    ----------
    object_id : ndarray of str
        The objects that shall be used for `purpose`.
    seen : Seen
    of : str
        What has seen them: "this model".
    purpose : str
        What they shall be used for: "testing". Objects that chose an epoch may do so again: for
        "validation" only those that were trained on are refused.
    split : optional
        Hash of the split that the training used.

    Raises
    ------
    LeakError
        If any of `object_id` was seen.
    """
    hashes = hash_ids(object_id)
    for role in _roles(purpose):
        found = np.isin(hashes, seen.hashes.get((role, "id"), NONE))
        if found.any():
            used = f", which used the split {split}" if split is not None else ""
            raise LeakError(
                f"{int(found.sum())} of the {len(object_id)} objects for {purpose} (such as "
                f"'{object_id[found][0]}') {_WHAT[role].format(of=of, used=used)}: use the split "
                "that it was trained with, or objects it never saw."
            )


def twins_among(
    object_id: np.ndarray,
    seen: Seen,
    purpose: str,
    observed: Observed = (),
    among: Iterable[np.ndarray] | None = None,
) -> np.ndarray:
    """Which objects something has seen under another name.

    Parameters
    ----------
    object_id : ndarray of str, shape (n,)
    seen : Seen
    purpose : str
        As of `refuse_seen`.
    observed : Observed
        Fingerprints of their observations.
    among : iterable of ndarray of str, optional
        All names of the dataset that the objects are some of, piece by piece; by default no others
        than these. Read only if it matters.

    Returns
    -------
    ndarray of bool, shape (n,)
        Whose name differs from a seen one only in case, blanks, width or form of its letters, or
        that has the light curve, spectrum or image of a seen object. Case counts where names of
        `object_id` (of `among`), or of the dataset of the seen objects, differ in nothing else.
    """
    hashes, names = hash_ids(object_id), hash_names(object_id)
    cased = hash_names(object_id, fold=False)
    alike = np.zeros(len(object_id), bool)
    for role in _roles(purpose):
        alike |= np.isin(names, seen.hashes.get((role, "name"), NONE))
    found = alike & ~_told_apart(object_id, names, alike, among)
    for role in _roles(purpose):
        found |= np.isin(cased, seen.hashes.get((role, "cased"), NONE))
        for kind, own in observed:
            found |= (own != 0) & np.isin(own, seen.hashes.get((role, kind), NONE))
    for role in (TRAINED, VALIDATED):
        found &= ~np.isin(hashes, seen.hashes.get((role, "id"), NONE))
    return found


def _told_apart(
    object_id: np.ndarray, names: np.ndarray, alike: np.ndarray, among: Iterable[np.ndarray] | None
) -> np.ndarray:
    """Which of the objects that are `alike` another name of their dataset only case tells from."""
    if among is None or not alike.any():
        return told_by_case(object_id)
    wanted = names[alike]
    every = np.concatenate([some[np.isin(hash_names(some), wanted)] for some in among])
    return np.isin(names, hash_names(every[told_by_case(every)]))


def refuse_twins(
    object_id: np.ndarray,
    seen: Seen,
    of: str,
    purpose: str,
    observed: Observed = (),
    allow: bool = False,
) -> None:
    """Refuse objects that something has seen under another name; or say how many there are.

    Raises
    ------
    LeakError
        If there are any and they are not allowed.
    """
    found = twins_among(object_id, seen, purpose, observed)
    if not found.any():
        return
    what = (
        f"{int(found.sum())} of the {len(object_id)} objects for {purpose} (such as "
        f"'{object_id[found][0]}') are objects that {of} has seen under another name, or have "
        "their light curve, spectrum or image"
    )
    if not allow:
        raise LeakError(
            f"{what}: leave them out of the test, or go on with --allow-twins (for good: "
            "evaluation.allow_twins=true)."
        )
    say(f"{what}: what is measured on them is better than for objects it never saw.")


def refuse_leak(
    object_id: np.ndarray,
    seen: Seen,
    identity: Mapping[str, Any],
    purpose: str,
    observed: Observed = (),
    allow_twins: bool = False,
) -> None:
    """Refuse objects that a model of some identity has seen, see `Model.refuse_leak`.

    Raises
    ------
    LeakError
    """
    tell_unknown(identity)
    refuse_seen(object_id, seen, "this model", purpose, identity.get("split_hash"))
    refuse_twins(object_id, seen, "this model", purpose, observed, allow_twins)


def _roles(purpose: str) -> tuple[str, ...]:
    return (TRAINED,) if purpose == "validation" else (TRAINED, VALIDATED)
