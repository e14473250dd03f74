"""Short text of many objects on the disk, nearly always empty: decoded where it is asked for."""

from typing import Any

import numpy as np


class StoredText:
    """An array of text that is mapped from its file, and reads like one of `object` in memory.

    Decoded as a whole it would take 4 bytes of every object for each letter of the longest text.

    Parameters
    ----------
    encoded : ndarray of bytes, shape (n,)
        In UTF-8.
    """

    def __init__(self, encoded: np.ndarray) -> None:
        self._encoded = encoded

    def __len__(self) -> int:
        return len(self._encoded)

    def __getitem__(self, rows: Any) -> Any:
        """Return the text of one object, or those of several as an array."""
        found = self._encoded[rows]
        if isinstance(found, bytes):
            return found.decode()
        texts, known = np.full(len(found), "", object), {b"": ""}
        for row in np.flatnonzero(found != b""):
            texts[row] = known.setdefault(bytes(found[row]), bytes(found[row]).decode())
        return texts

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.asarray(self[:], dtype)

    def __eq__(self, text: object) -> Any:
        return np.asarray(self._encoded == str(text).encode())

    def __ne__(self, text: object) -> Any:
        return ~(self == text)

    def tolist(self) -> list[str]:
        """Return all texts."""
        return list(self[:])
