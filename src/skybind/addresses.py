"""Room for libraries that are loaded where a limit on addresses (`ulimit -v`) leaves little.

OpenBLAS, which numpy and scipy bring along, asks for its memory while it is loaded. Where there is
none it asks again, for minutes or for ever, and nothing in Python can end that. So it is not loaded
there.
"""

import mmap
import sys
from importlib.machinery import ModuleSpec
from typing import Any

#: Bytes that have to be free: what OpenBLAS, the files beside it and malloc ask for, and more.
ROOM = 256 * 2**20
#: What is there once a library has loaded the OpenBLAS that it brings along.
_LOADED = {"numpy": "numpy.linalg._umath_linalg", "scipy": "scipy.linalg._fblas"}


class _Watched:
    """Finds no module, but refuses those that bring OpenBLAS where it would not find memory."""

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        """Refuse, or leave it to others to find a module."""
        loaded = _LOADED.get(name.partition(".")[0])
        if loaded is not None and loaded not in sys.modules:
            _check()
        return None


def watch() -> None:
    """Refuse from now on to load what brings OpenBLAS where a limit leaves it no room.

    Without a limit, or where the system has none, nothing is done.
    """
    try:
        import resource
    except ImportError:  # Windows
        return
    if resource.getrlimit(resource.RLIMIT_AS)[0] != resource.RLIM_INFINITY:
        sys.meta_path.insert(0, _Watched())


def _check() -> None:
    """Raise `MemoryError` where no room is left."""
    try:
        mmap.mmap(-1, ROOM, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ).close()
    except OSError as error:
        raise MemoryError("the limit on addresses, ulimit -v, is too low") from error
