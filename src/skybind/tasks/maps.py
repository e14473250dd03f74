"""Maps: embeddings laid out in two dimensions to look at."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from skybind.errors import ConfigError, DataError

METHODS = ("umap", "pca")
NEIGHBOURS = 15


@dataclass(frozen=True)
class EmbeddingMap:
    """A map fitted on some objects and applied to others.

    Attributes
    ----------
    method : str
        `umap` or `pca`.
    fitted : ndarray of float32, shape (n, 2)
        Where the objects that made the map lie; without unit or meaning of the axes.
    others : dict of str to ndarray of float32, shape (m, 2)
        Where the other objects lie on the same map.
    """

    method: str
    fitted: np.ndarray
    others: dict[str, np.ndarray]


def project_map(
    fit_x: np.ndarray,
    others: Mapping[str, np.ndarray] | None = None,
    method: str = "umap",
    seed: int = 0,
    **options: Any,
) -> EmbeddingMap:
    """Fit a map of two dimensions on some embeddings and place others on it.

    Parameters
    ----------
    fit_x : ndarray, shape (n, D)
        Embeddings the map is fitted on (the training objects).
    others : mapping of str to ndarray, shape (m, D), optional
        Embeddings placed on it without changing it (the test objects).
    method : {"umap", "pca"}
        UMAP (McInnes et al. 2018) as in the paper, or the two principal components.
    seed : int
        Seed of the layout; the same seed gives the same map.
    **options
        Passed to the method (`n_neighbors`, `min_dist`, ... of UMAP).

    Returns
    -------
    EmbeddingMap

    Raises
    ------
    ConfigError
        If the method is unknown.
    DataError
        If there are fewer than four objects, or values are not finite.
    """
    if method not in METHODS:
        raise ConfigError(f"There is no map method '{method}': take {' or '.join(METHODS)}.")
    others = dict(others or {})
    if len(fit_x) < 4:
        raise DataError(f"A map needs at least 4 objects to fit; there are {len(fit_x)}.")
    if not all(np.isfinite(values).all() for values in (fit_x, *others.values())):
        raise DataError("Embeddings for a map hold values that are not finite.")
    reducer = _umap(len(fit_x), seed, options) if method == "umap" else _pca(seed, options)
    with warnings.catch_warnings():
        # UMAP warns that a seed means one thread, which is what we ask for.
        warnings.filterwarnings("ignore", module="umap")
        fitted = reducer.fit_transform(fit_x)
        placed = {
            name: reducer.transform(values) if len(values) else np.empty((0, 2))
            for name, values in others.items()
        }
    return EmbeddingMap(
        method,
        np.asarray(fitted, dtype=np.float32),
        {name: np.asarray(values, dtype=np.float32) for name, values in placed.items()},
    )


def _umap(n: int, seed: int, options: dict[str, Any]) -> Any:
    import umap

    settings: dict[str, Any] = {
        "n_neighbors": min(NEIGHBOURS, n - 1),
        "min_dist": 0.1,
        "metric": "cosine",
        # Principal components: deterministic, and without the eigensolver that fails on few rows.
        "init": "pca",
    }
    return umap.UMAP(
        **{**settings, **options},
        n_components=2,
        random_state=seed,
        transform_seed=seed,
        n_jobs=1,
    )


def _pca(seed: int, options: dict[str, Any]) -> Any:
    from sklearn.decomposition import PCA

    return PCA(n_components=2, random_state=seed, **options)
