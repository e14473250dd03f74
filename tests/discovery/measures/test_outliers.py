import numpy as np
import pytest
from sklearn.cluster import DBSCAN

from skybind.discovery.measures.density import loneliness
from skybind.discovery.measures.outliers import (
    centroid_outliers,
    class_centroids,
    disagreement,
    main_cluster,
    suspicion,
    upper_tail,
)
from skybind.errors import DataError


def unit(values: np.ndarray) -> np.ndarray:
    return values / np.linalg.norm(values, axis=1, keepdims=True)


@pytest.fixture
def blobs() -> tuple[np.ndarray, np.ndarray]:
    """Three tight classes of 60 on a sphere of 16 dimensions."""
    rng = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], 60)
    vectors = unit(np.eye(16)[labels] + 0.08 * rng.normal(size=(180, 16)))
    return vectors, labels


def test_centroid_is_the_unit_mean_and_small_classes_have_none() -> None:
    vectors = unit(np.array([[1, 0], [0, 1]] * 5 + [[0, 1]], float))
    labels = np.array([0] * 10 + [1])
    centroids = class_centroids(vectors, labels, 2)
    np.testing.assert_allclose(centroids[0], [np.sqrt(0.5)] * 2)
    assert np.isnan(centroids[1]).all()


def test_far_objects_are_flagged_and_sent_to_the_closest_class(
    blobs: tuple[np.ndarray, np.ndarray],
) -> None:
    vectors, labels = blobs
    vectors = np.vstack([vectors, vectors[labels == 1][:2]])
    labels = np.append(labels, [0, -1])  # one of class 1 that is labelled 0, one without a label
    present = np.ones(182, bool)
    present[5] = False
    found = centroid_outliers(
        {"spectrum": vectors}, {"spectrum": present}, labels, np.arange(180), 3
    )
    assert found.flagged[180, 0]
    assert found.closest[180, 0] == 1
    assert found.closest[181, 0] == 1
    assert np.isnan(found.distance[181, 0])
    assert not found.flagged[181, 0]
    assert np.isnan(found.distance[5, 0])
    assert found.closest[5, 0] == -1
    # by construction about a percent of the reference objects is beyond the 99th percentile
    assert found.flagged[:180].sum() == 3
    np.testing.assert_array_equal(found.n_flagged, found.flagged[:, 0])
    with pytest.raises(DataError, match="percentile"):
        centroid_outliers({"a": vectors}, {"a": present}, labels, np.arange(180), 3, 100)


def test_disagreement_ranks_swapped_modalities_first(
    blobs: tuple[np.ndarray, np.ndarray],
) -> None:
    vectors, labels = blobs
    other = vectors.copy()
    other[0] = vectors[labels == 2][0]
    present = {"a": np.ones(180, bool), "b": np.ones(180, bool)}
    present["b"][1] = False
    scores = disagreement({"a": vectors, "b": other}, present, np.arange(180))
    score = scores["a", "b"]
    assert np.nanargmax(score) == 0
    assert np.isnan(score[1])


def test_upper_tail_is_an_empirical_p_value() -> None:
    score = np.array([1.0, 2.0, 3.0, 4.0, np.nan])
    tail = upper_tail(score, np.arange(5))
    np.testing.assert_allclose(tail[:4], [1.0, 4 / 5, 3 / 5, 2 / 5])
    assert np.isnan(tail[4])
    assert upper_tail(np.array([9.0, 1.0]), np.array([1]))[0] == 0.5


def test_isolation_is_the_mean_distance_without_itself(
    blobs: tuple[np.ndarray, np.ndarray],
) -> None:
    vectors, _ = blobs
    lonely = np.vstack([vectors, -np.eye(16)[:1]])
    result = loneliness(lonely, np.ones(181, bool), np.arange(181), few=3).isolation
    assert result.argmax() == 180
    cosine = lonely @ lonely.T
    np.fill_diagonal(cosine, -np.inf)
    expected = 1 - np.sort(cosine, axis=1)[:, -3:].mean(axis=1)
    np.testing.assert_allclose(result, expected, atol=1e-12)


def test_main_cluster_leaves_one_cluster_and_the_strays(
    blobs: tuple[np.ndarray, np.ndarray],
) -> None:
    vectors, labels = blobs
    members = np.vstack([vectors[labels == 0], vectors[labels == 1][:3], -vectors[:1]])
    found = main_cluster(members)
    assert found.outside[-4:].all()
    assert found.outside[:60].mean() < 0.1
    clusters = DBSCAN(eps=found.radius, min_samples=5, metric="precomputed").fit_predict(
        np.clip(1 - members @ members.T, 0, 2)
    )
    assert clusters.max() == 0
    assert not main_cluster(vectors[:3]).outside.any()


def test_main_cluster_of_a_sample_agrees_with_that_of_all(
    blobs: tuple[np.ndarray, np.ndarray],
) -> None:
    vectors, labels = blobs
    members = np.vstack([vectors[labels == 0], -vectors[:1]])
    found = main_cluster(members, most=40)
    assert found.outside[-1]
    assert found.outside[:60].mean() < 0.25


def test_suspicion_is_the_strongest_evidence_and_a_tenth_of_the_next() -> None:
    tails = [np.array([1e-3, 1e-3, np.nan]), np.array([1.0, 1e-3, 0.1])]
    np.testing.assert_allclose(suspicion(tails), [3.0, 3.3, 1.0])
