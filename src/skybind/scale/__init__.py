"""LSDB catalogues and Dask: periods, embeddings, classes and matches of any number of objects.

What LSDB opens (HATS catalogues of light curves, spectra and images in nested columns) goes through
skybind partition by partition, lazily, on whatever runs Dask (docs/hats.md). With the extra
`scale`, of which nothing is imported before it is used; `batches` reads HATS catalogues without it.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from skybind.scale.export import export_hats
    from skybind.scale.loader import Batches, batches
    from skybind.scale.matching import match
    from skybind.scale.periods import features
    from skybind.scale.using import classify, embed
    from skybind.scale.writing import write

_PLACES = {
    "Batches": "loader",
    "batches": "loader",
    "classify": "using",
    "embed": "using",
    "export_hats": "export",
    "features": "periods",
    "match": "matching",
    "write": "writing",
}

__all__ = ["Batches", "batches", "classify", "embed", "export_hats", "features", "match", "write"]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module 'skybind.scale' has no attribute '{name}'")
    return getattr(importlib.import_module(f"skybind.scale.{_PLACES[name]}"), name)
