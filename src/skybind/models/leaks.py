"""Which objects a model has seen, so that it is never tested on them.

Seen are those that it was trained on, and those that chose its epoch. Of each the model keeps
hashes: of its name, of its name as people might write it, of its observations and of its row in a
catalogue; and its position. So an object is known again under another name, and no name can be read
from a model.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from skybind.data.places import near
from skybind.data.seen import (
    ALONE,
    NONE,
    PLACE,
    ROW,
    TRAINED,
    VALIDATED,
    Observed,
    Seen,
    hash_ids,
    hash_names,
    many_spellings,
    placed,
    told_by_case,
)
from skybind.errors import LeakError
from skybind.progress import say

#: Key of a model's identity that says whose weights it began with.
PUBLISHED = "published"
#: In a model's identity: modality -> form of the published weights of its frozen backbone.
BACKBONES = "published_backbones"
_TOLD: set[str] = set()

#: What objects under two names have in common.
WHAT = "light curve, spectrum, image, catalogue row or position"

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


def tell_older(seen: Seen, key: Any, of: str = "The model") -> None:
    """Say once that it is not known where training objects are, or some, of an older skybind.

    Parameters
    ----------
    seen : Seen
    key : optional
        What tells one model from another: its weights.
    of : str
        What has seen them.
    """
    n = len(seen.unplaced)
    if not n or f"{of} {key}" in _TOLD:
        return
    _TOLD.add(f"{of} {key}")
    which = (
        f"has weights of an older skybind, which kept neither positions nor catalogue rows of the "
        f"{n:,} objects that these were trained on"
        if (TRAINED, PLACE) in seen.hashes
        else "is of an older skybind and keeps neither positions nor catalogue rows of its "
        "training objects"
    )
    say(
        f"{of} {which}: under another name these are known by what that name and their "
        "observations tell alone."
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
        found = held(hashes, seen.hashes.get((role, "id"), NONE))
        if found.any():
            used = f", which used the split {split}" if split is not None else ""
            raise LeakError(
                f"{int(found.sum())} of the {len(object_id)} objects for {purpose} (such as "
                f"'{object_id[found][0]}') {_WHAT[role].format(of=of, used=used)}: use the split "
                "that it was trained with, or objects it never saw."
            )


@dataclass(frozen=True)
class Twins:
    """Which objects something has seen under another name.

    Attributes
    ----------
    sure : ndarray of bool, shape (n,)
        Whose name differs from a seen one only in case, blanks, width or form of its letters; that
        have the light curve, spectrum or image of a seen object; or its catalogue row, at the same
        place or where one of the two has no position. Case counts where names of the objects'
        dataset, or of that of the seen objects, differ in nothing else.
    likely : ndarray of bool, shape (n,)
        That are within 1 arcsec of a seen object, and nothing else tells.
    moved : ndarray of bool, shape (n,)
        That have the catalogue row of a seen object at another place, and nothing else tells. They
        are told at most.
    """

    sure: np.ndarray
    likely: np.ndarray
    moved: np.ndarray

    @property
    def either(self) -> np.ndarray:
        """Those that are sure and likely."""
        return self.sure | self.likely


def seen_twins(
    object_id: np.ndarray,
    seen: Seen,
    purpose: str,
    observed: Observed = (),
    among: Iterable[np.ndarray] | None = None,
) -> Twins:
    """Find objects that something has seen under another name.

    Parameters
    ----------
    object_id : ndarray of str, shape (n,)
    seen : Seen
    purpose : str
        As of `refuse_seen`.
    observed : Observed
        Fingerprints of the objects.
    among : iterable of ndarray of str, optional
        All names of the dataset that the objects are some of, piece by piece; by default no others
        than these. Read only if it matters.
    """
    hashes, names = hash_ids(object_id), hash_names(object_id)
    cased = hash_names(object_id, fold=False)
    alike = np.zeros(len(object_id), bool)
    for role in _roles(purpose):
        alike |= held(names, seen.hashes.get((role, "name"), NONE))
    sure = alike & ~_told_apart((names, cased), alike, among)
    likely, moved = np.zeros((2, len(object_id)), bool)
    lost = ~placed(observed, len(object_id))
    for role in _roles(purpose):
        sure |= held(cased, seen.hashes.get((role, "cased"), NONE))
        here, row = np.zeros((2, len(object_id)), bool)
        for kind, own in observed:
            known = seen.hashes.get((role, kind), NONE)
            if kind == PLACE:
                here |= near(own, known)
            elif kind == ROW:
                row |= _same(own, known)
                sure |= _same(own, seen.hashes.get((role, ALONE), NONE))
            else:
                sure |= _same(own, known)
        sure |= row & (here | lost)
        likely |= here
        moved |= row
    new = np.ones(len(object_id), bool)
    for role in (TRAINED, VALIDATED):
        new &= ~held(hashes, seen.hashes.get((role, "id"), NONE))
    likely &= ~sure
    return Twins(sure & new, likely & new, moved & ~sure & ~likely & new)


def held(own: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Which numbers are among others, of which there may be very many and which ascend."""
    place = np.minimum(np.searchsorted(known, own), max(len(known) - 1, 0))
    return known[place] == own if len(known) else np.zeros(len(own), bool)


def _same(own: np.ndarray, known: np.ndarray) -> np.ndarray:
    return (own != 0) & held(own, known)


def _told_apart(
    own: tuple[np.ndarray, np.ndarray], alike: np.ndarray, among: Iterable[np.ndarray] | None
) -> np.ndarray:
    """Which of the objects that are `alike` another name of their dataset only case tells from.

    `own` are the hashes of their names without case, and with it.
    """
    if not alike.any():
        return alike
    names = own[0]
    if among is None:
        return np.isin(names, many_spellings(*own))
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
    *,
    same: bool = False,
) -> None:
    """Refuse objects that something has seen under another name; or say how many there are.

    Parameters
    ----------
    object_id, seen, of, purpose
        As of `refuse_seen`.
    observed : Observed
        Fingerprints of the objects.
    allow : bool
        Say how many there are, and go on.
    same : bool
        What was seen is of the same dataset: there two rows within 1 arcsec, with other values, may
        be two stars, and are told.

    Raises
    ------
    LeakError
        If there are any and they are not allowed.
    """
    twins = seen_twins(object_id, seen, purpose, observed)
    found = twins.sure if same else twins.either
    if found.any():
        what = (
            f"{_count(object_id, found, purpose)} are objects that {of} has seen under another "
            f"name, or have their {WHAT}"
        )
        if not allow:
            raise LeakError(
                f"{what}: leave them out of the test, or go on with --allow-twins (for good: "
                "evaluation.allow_twins=true)."
            )
        say(f"{what}: what is measured on them is better than for objects it never saw.")
    told = twins.moved | twins.likely if same else twins.moved
    if told.any():
        say(tell_likely(_count(object_id, told, purpose), of))


def tell_likely(objects: str, of: str) -> str:
    """Say that some objects may be ones that something has seen under another name."""
    return (
        f"{objects} are within 1 arcsec of an object that {of} has seen, or have its catalogue "
        "row elsewhere, and nothing else tells whether they are the same: if they are, what is "
        "measured on them is too good."
    )


def _count(object_id: np.ndarray, found: np.ndarray, purpose: str) -> str:
    number = f"{int(found.sum()):,} of the {len(object_id):,}"
    return f"{number} objects for {purpose} (such as '{object_id[found][0]}')"


def refuse_leak(
    object_id: np.ndarray,
    seen: Seen,
    identity: Mapping[str, Any],
    purpose: str,
    observed: Observed = (),
    allow_twins: bool = False,
    *,
    same: bool = False,
) -> None:
    """Refuse objects that a model of some identity has seen, see `Model.refuse_leak`.

    `same` is that of `refuse_twins`.

    Raises
    ------
    LeakError
    """
    tell_unknown(identity)
    tell_older(seen, identity.get("weights"))
    refuse_seen(object_id, seen, "this model", purpose, identity.get("split_hash"))
    refuse_twins(object_id, seen, "this model", purpose, observed, allow_twins, same=same)


def _roles(purpose: str) -> tuple[str, ...]:
    return (TRAINED,) if purpose == "validation" else (TRAINED, VALIDATED)
