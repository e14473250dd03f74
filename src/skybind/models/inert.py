"""Tensors of checkpoints that hold Python objects beside them, without making these objects.

Lightning's checkpoints often hold whatever a model was built with. Unpickling looks classes and
functions up by their names in the file and calls them; here a fixed few are known, which rebuild
tensors, and every other name stands for an object that does nothing. No code is found through the
file.
"""

import pickle
from collections import OrderedDict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch


class Nothing:
    """Stands where a file has an object of a class that is not looked up."""

    def __new__(cls, *_: Any, **__: Any) -> "Nothing":
        """Make one, whatever it is made with."""
        return object.__new__(cls)

    def __call__(self, *_: Any, **__: Any) -> "Nothing":
        """Give another one."""
        return Nothing()

    def __setstate__(self, _: Any) -> None:
        """Forget what it should hold."""

    def __setitem__(self, _: Any, __: Any) -> None:
        """Forget an entry."""

    def append(self, _: Any) -> None:
        """Forget an element."""

    def extend(self, _: Any) -> None:
        """Forget some elements."""

    add = append


_KNOWN: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch", "Size"): torch.Size,
    ("torch._utils", "_rebuild_tensor"): torch._utils._rebuild_tensor,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
}


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        return _KNOWN.get((module, name), Nothing)


def read_inert(path: Path) -> Any:
    """Read a checkpoint of `torch.save`: tensors, numbers, text, and `Nothing` for all else.

    Parameters
    ----------
    path : Path

    Raises
    ------
    Exception
        Whatever torch raises of a file that it cannot read.
    """
    module = SimpleNamespace(
        Unpickler=_Unpickler, load=lambda file, **_: _Unpickler(file).load(), __name__="inert"
    )
    return torch.load(path, map_location="cpu", weights_only=False, pickle_module=module)
