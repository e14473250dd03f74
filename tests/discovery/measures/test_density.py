import itertools

import numpy as np
import pytest

from skybind.discovery.measures.density import (
    knee,
    loneliness,
    mahalanobis,
    reference_reach,
    whole_clusters,
)
from skybind.discovery.measures.label_doubt import label_doubt, neighbour_votes
from skybind.discovery.measures.outliers import centroid_outliers, disagreement
from skybind.discovery.measures.period_doubt import typicality
from skybind.discovery.measures.target_doubt import neighbour_medians, target_doubt
from skybind.memory import memory_limit


def unit(values):
    return values / np.linalg.norm(values, axis=1, keepdims=True)


@pytest.fixture
def sky():
    """Two clusters of 100, five like objects apart, and three loners at the end."""
    rng = np.random.default_rng(0)
    centres = np.eye(12)
    parts = [centres[0] + 0.04 * rng.normal(size=(100, 12))]
    parts.append(centres[1] + 0.08 * rng.normal(size=(100, 12)))
    parts.append(centres[2] + 0.01 * rng.normal(size=(6, 12)))
    parts.append(centres[[3, 4, 5]])
    return unit(np.concatenate(parts)), np.ones(209, bool), np.arange(209)


def test_density_ratio_is_the_local_outlier_factor(sky):
    from sklearn.neighbors import LocalOutlierFactor

    vectors, present, reference = sky
    oracle = LocalOutlierFactor(n_neighbors=20).fit(vectors)
    found = loneliness(vectors, present, reference).density
    np.testing.assert_allclose(found, -oracle.negative_outlier_factor_, rtol=1e-6)


def test_density_ratio_of_new_objects_is_that_of_novelty(sky):
    from sklearn.neighbors import LocalOutlierFactor

    vectors, present, _ = sky
    oracle = LocalOutlierFactor(n_neighbors=20, novelty=True).fit(vectors[:150])
    found = loneliness(vectors, present, np.arange(150)).density
    np.testing.assert_allclose(found[150:], -oracle.score_samples(vectors[150:]), rtol=1e-6)


def test_absent_objects_have_no_score_and_are_no_neighbours(sky):
    vectors, present, reference = sky
    present = present.copy()
    present[:50] = False
    broken = np.where(present[:, None], vectors, np.nan)

    def density(*given):
        return loneliness(*given).density

    for score in (density, mahalanobis):
        found = score(broken, present, reference)
        assert np.isnan(found[:50]).all()
        np.testing.assert_allclose(found[50:], score(vectors[50:], present[50:], np.arange(159)))


def test_mahalanobis_weighs_directions_by_their_variance():
    rng = np.random.default_rng(1)
    vectors = rng.normal(size=(2000, 3)) * [10, 1, 1]
    vectors[0], vectors[1] = [15, 0, 0], [0, 6, 0]
    found = mahalanobis(vectors, np.ones(2000, bool), np.arange(2000))
    assert found[1] > found[0]


def test_loners_are_in_no_cluster_and_like_strangers_are_a_small_group(sky):
    vectors, present, reference = sky
    found = whole_clusters(vectors, present, reference)
    assert np.flatnonzero(found.alone).tolist() == [206, 207, 208]
    assert np.flatnonzero(found.small).tolist() == list(range(200, 206))
    assert len(np.unique(found.cluster[:100])) == 1
    assert found.cluster[0] != found.cluster[150]


def test_new_objects_join_clusters_without_making_them(sky):
    vectors, present, _ = sky
    found = whole_clusters(vectors, present, np.arange(200))
    assert found.alone[200:].all()
    assert found.alone[:200].mean() < 0.05


def test_knee_is_where_a_flat_curve_turns_up():
    curve = np.concatenate([np.linspace(0.1, 0.2, 95), [0.5, 0.8, 1.1, 1.4, 1.7]])
    assert knee(curve) == pytest.approx(0.2)


def test_little_memory_gives_the_same_scores():
    rng = np.random.default_rng(2)
    vectors = unit(rng.normal(size=(3000, 24))).astype(np.float32)
    present = rng.random(3000) < 0.9
    reference = np.sort(rng.choice(3000, 1200, replace=False))
    labels = rng.integers(-1, 3, 3000)
    values = vectors[:, 0] + rng.normal(0, 0.1, 3000)

    def scores():
        lonely = loneliness(vectors, present, reference)
        doubt = label_doubt(vectors, present, labels, reference, 3)
        target = target_doubt("z", values, {"a": vectors}, {"a": present}, reference)
        pair = {"a": vectors, "b": vectors[::-1]}
        both = {"a": present, "b": present[::-1]}
        return [
            lonely.isolation,
            lonely.density,
            mahalanobis(vectors, present, reference),
            doubt.votes,
            target.expected,
            target.doubt,
            centroid_outliers(pair, both, labels, reference, 3).distance,
            disagreement(pair, both, reference)["a", "b"],
        ]

    whole = scores()
    with memory_limit("10MB"):
        for one, other in zip(whole, scores(), strict=True):
            np.testing.assert_allclose(other, one, rtol=1e-6, atol=1e-7)


def test_objects_that_are_asked_about_in_pieces_have_the_same_bytes():
    rng = np.random.default_rng(3)
    vectors = unit(rng.normal(size=(700, 24))).astype(np.float32)
    vectors[500:520] = vectors[0]  # and some that are equal
    present = rng.random(700) < 0.9
    reference = np.sort(rng.choice(700, 300, replace=False))
    labels = rng.integers(-1, 3, 700)
    values = np.where(rng.random(700) < 0.8, vectors[:, 0] + 0.1, np.nan)
    reach = reference_reach(vectors, present, reference)
    folded = unit(vectors + rng.normal(0, 0.1, vectors.shape)).astype(np.float32)
    library = reference[present[reference]]

    def scores(rows, **options):
        asked = present, reference
        lonely = loneliness(vectors, *asked, rows=rows, **options)
        return [
            lonely.isolation,
            lonely.density,
            neighbour_votes(vectors, present, labels, reference, 3, rows=rows),
            neighbour_medians(values, vectors, *asked, redshift=True, rows=rows),
            typicality(folded[rows], vectors, present, library, rows),
        ]

    bounds = [0, 1, 2, 9, 9, 310, 311, 699, 700]
    stretches = [np.arange(a, b) for a, b in itertools.pairwise(bounds)]
    pieces = zip(*(scores(rows, reach=reach) for rows in stretches), strict=True)
    for whole, several in zip(scores(np.arange(700)), pieces, strict=True):
        assert np.isfinite(whole).any()
        assert whole.tobytes() == np.concatenate(several).tobytes()
