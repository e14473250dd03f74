import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.neighbors import KNeighborsClassifier

from skybind.errors import ConfigError, DataError
from skybind.measures.maps import project_map


def clusters(n, seed=0):
    rng = np.random.default_rng(seed)
    centres = np.eye(16)[:4]
    y = np.arange(n) % 4
    x = centres[y] + 0.1 * rng.normal(size=(n, 16))
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32), y


def test_umap_keeps_clusters_and_places_others_among_them():
    x, y = clusters(240)
    new_x, new_y = clusters(40, seed=1)
    result = project_map(x, {"test": new_x, "none": new_x[:0]}, seed=3)
    assert result.method == "umap"
    assert result.fitted.shape == (240, 2)
    assert result.others["none"].shape == (0, 2)
    found = KNeighborsClassifier(5).fit(result.fitted, y).predict(result.others["test"])
    assert (found == new_y).mean() > 0.95
    again = project_map(x, {"test": new_x}, seed=3)
    np.testing.assert_array_equal(again.fitted, result.fitted)
    np.testing.assert_array_equal(again.others["test"], result.others["test"])


def test_umap_of_very_few_objects():
    x, _ = clusters(6)
    result = project_map(x, {"test": x[:2]}, seed=0)
    assert np.isfinite(result.fitted).all()
    assert result.others["test"].shape == (2, 2)


def test_pca_is_that_of_scikit_learn():
    x, _ = clusters(60)
    new_x, _ = clusters(10, seed=1)
    result = project_map(x, {"test": new_x}, method="pca")
    oracle = PCA(2).fit(x)
    assert result.method == "pca"
    np.testing.assert_allclose(result.fitted, oracle.transform(x), atol=1e-5)
    np.testing.assert_allclose(result.others["test"], oracle.transform(new_x), atol=1e-5)


def test_bad_input_is_one_sentence():
    x, _ = clusters(10)
    with pytest.raises(ConfigError, match="no map method 'tsne'"):
        project_map(x, method="tsne")
    with pytest.raises(DataError, match="at least 4"):
        project_map(x[:3])
    with pytest.raises(DataError, match="not finite"):
        project_map(x, {"test": np.full((1, 16), np.nan)}, method="pca")
