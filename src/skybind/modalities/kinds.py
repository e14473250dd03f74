"""The kinds of modality, found by name."""

from skybind.errors import ConfigError

# imported, they register themselves
from skybind.modalities import image, metadata, photometry, spectrum  # noqa: F401
from skybind.modalities.base import KINDS, Modality
from skybind.plugins import find_more
from skybind.words import nearest


def modality_class(kind: str) -> type[Modality]:
    """Find a modality class by its kind.

    Raises
    ------
    ConfigError
        If there is none; the nearest name is suggested.
    """
    if not is_kind(kind):
        raise ConfigError(f"There is no modality of kind '{kind}': {nearest(kind, list(KINDS))}")
    return KINDS[kind]


def is_kind(kind: str) -> bool:
    """Return whether a kind is registered, plugins included."""
    if kind not in KINDS:
        find_more()
    return kind in KINDS


def kinds() -> list[str]:
    """Return the names of all kinds, sorted."""
    return sorted(KINDS)
