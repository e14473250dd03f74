"""Maps: embeddings laid out in two dimensions to look at."""

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from skybind.embeddings.means import unit
from skybind.errors import ConfigError, DataError

METHODS = ("umap", "pca")


NEIGHBOURS = 15


# Up to here UMAP can place others by given distances; beyond, its neighbours are approximate.
EXACT_UP_TO = 4095


#: Objects that UMAP places at once; always so many, for its random numbers depend on it.
PLACED = 8192


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
        Embeddings the map is fitted on (the training objects). UMAP looks at their direction
        only, so that neighbours are those by cosine.
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
    lay_out = _umap if method == "umap" else _pca
    fitted, placed = lay_out(np.asarray(fit_x), others, seed, options)
    return EmbeddingMap(
        method,
        np.asarray(fitted, dtype=np.float32),
        {name: np.asarray(values, dtype=np.float32) for name, values in placed.items()},
    )


def _umap(
    fit_x: np.ndarray, others: dict[str, np.ndarray], seed: int, options: dict[str, Any]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    import umap

    n = len(fit_x)
    library = unit(fit_x)
    exact = n <= EXACT_UP_TO and "metric" not in options

    def seen(values: np.ndarray) -> np.ndarray:
        return _cosine_distance(unit(values), library) if exact else unit(values)

    settings: dict[str, Any] = {
        "n_neighbors": min(NEIGHBOURS, n - 1),
        "min_dist": 0.1,
        # One matrix product; given vectors, UMAP would call a Python function for each pair.
        "metric": "precomputed" if exact else "cosine",
        "init": _start(library, seed),
        **options,
    }
    with warnings.catch_warnings():
        # UMAP warns that a seed means one thread and that distances cannot be mapped back.
        warnings.filterwarnings("ignore", module="umap")
        reducer = umap.UMAP(
            **settings, n_components=2, random_state=seed, transform_seed=seed, n_jobs=1
        )
        fitted = reducer.fit_transform(seen(fit_x))
        placed = {
            name: np.concatenate(
                [
                    np.empty((0, 2)),
                    *(
                        reducer.transform(seen(values[start : start + PLACED]))
                        for start in range(0, len(values), PLACED)
                    ),
                ]
            )
            for name, values in others.items()
        }
    return fitted, placed


def _pca(
    fit_x: np.ndarray, others: dict[str, np.ndarray], seed: int, options: dict[str, Any]
) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    from sklearn.decomposition import PCA

    reducer = PCA(n_components=2, random_state=seed, **options).fit(fit_x)
    placed = {
        name: reducer.transform(values) if len(values) else np.empty((0, 2))
        for name, values in others.items()
    }
    return reducer.transform(fit_x), placed


def _start(library: np.ndarray, seed: int) -> np.ndarray:
    """Give UMAP its first layout: principal components, scaled to 10 with a little noise.

    UMAP's own spectral start fails on few or disconnected objects; the noise parts duplicates.
    """
    fitted, _ = _pca(library, {}, seed, {})
    noise = np.random.default_rng(seed).normal(scale=1e-4, size=fitted.shape)
    scale = max(float(np.abs(fitted).max()), 1e-12)
    return (10 * fitted / scale + noise).astype(np.float32)


def _cosine_distance(x: np.ndarray, library: np.ndarray) -> np.ndarray:
    """Give 1 - cosine of unit vectors, shape (len(x), len(library)); own distance exactly 0."""
    distance = np.clip(1.0 - x @ library.T, 0.0, 2.0).astype(np.float32)
    if x.shape == library.shape and np.array_equal(x, library):
        np.fill_diagonal(distance, 0.0)
    return distance
