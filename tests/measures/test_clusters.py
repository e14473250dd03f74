from statistics import NormalDist

import numpy as np
import pytest

from skybind.errors import DataError
from skybind.measures import clusters
from skybind.measures.clusters import (
    by_size,
    distinctions,
    island_radius,
    islands,
    kmeans,
    match_truth,
)


@pytest.fixture
def sea():
    """A large and a small island, and three lone objects."""
    rng = np.random.default_rng(0)
    large = rng.uniform(0, 2, (300, 2))
    small = rng.uniform(5, 5.4, (30, 2))
    lone = np.array([[20.0, 0], [30, 0], [40, 0]])
    return np.concatenate([small, large, lone])


def test_islands_are_found_and_numbered_by_size(sea):
    found = islands(sea, radius=0.5)
    assert [set(found[part]) for part in (slice(30), slice(30, 330), slice(330, None))] == [
        {1},
        {0},
        {-1},
    ]


def test_the_reports_settings_are_the_defaults(sea):
    from sklearn.cluster import DBSCAN

    oracle = DBSCAN(eps=0.20, min_samples=5).fit_predict(sea)
    ours = islands(sea)
    np.testing.assert_array_equal(ours == -1, oracle == -1)
    np.testing.assert_array_equal(by_size(oracle), ours)


def test_the_radius_grows_with_the_spacing_of_a_sparse_map():
    rng = np.random.default_rng(5)
    dense = rng.uniform(0, 8, (20_000, 2))
    assert island_radius(dense) == 0.20
    sparse = island_radius(dense[:500])
    assert 0.5 < sparse < 1.2
    assert island_radius(10 * dense[:500]) == pytest.approx(10 * sparse)
    assert (islands(dense[:500]) == 0).mean() < 0.2  # crumbs
    assert (islands(dense[:500], sparse) == 0).mean() > 0.95
    assert island_radius(dense[:3]) == 0.20


def test_impossible_islands_are_refused(sea):
    for change in ({"radius": 0}, {"min_samples": 0}, {"position": sea * np.nan}):
        with pytest.raises(DataError):
            islands(**{"position": sea} | change)
    assert len(islands(np.zeros((0, 2)))) == 0


def test_kmeans_chooses_the_number_of_groups_that_there_are(monkeypatch):
    rng = np.random.default_rng(1)
    centres = rng.normal(size=(5, 16)) * 4
    truth = np.repeat(np.arange(5), [200, 100, 80, 60, 40])
    vectors = centres[truth] + 0.3 * rng.normal(size=(480, 16))
    result = kmeans(vectors, seed=3)
    assert (result.k, set(result.silhouette)) == (5, set(range(2, 13)))
    np.testing.assert_array_equal(result.label, truth)
    np.testing.assert_array_equal(kmeans(vectors, seed=3).label, result.label)
    monkeypatch.setattr(clusters, "FITTED_UP_TO", 200)  # the others join their nearest centre
    np.testing.assert_array_equal(kmeans(vectors, ks=[5], seed=3).label, truth)


@pytest.mark.filterwarnings("ignore:Number of distinct clusters")
def test_kmeans_of_too_few_or_of_equal_objects():
    with pytest.raises(DataError, match="too few"):
        kmeans(np.eye(3))
    assert set(kmeans(np.ones((30, 4)), ks=[2, 3]).silhouette) == {2, 3}


def test_numbers_that_set_a_cluster_apart_are_in_standard_deviations():
    rng = np.random.default_rng(2)
    inside = np.arange(2000) < 60
    columns = {
        "size": rng.normal(3, 0.5, 2000) + 2.0 * inside,
        "faint": np.where(inside, rng.normal(21, 1, 2000), rng.normal(20, 1, 2000)),
        "nothing": rng.normal(size=2000),
        "constant": np.ones(2000),
        "missing": np.full(2000, np.nan),
    }
    columns["size"][::7] = np.nan
    found = distinctions(inside, columns)
    assert [entry.column for entry in found] == ["size", "faint"]
    assert found[0].effect == pytest.approx(4, abs=0.5)
    assert found[0].inside - found[0].outside == pytest.approx(2, abs=0.25)
    assert found[1].effect == pytest.approx(1, abs=0.35)
    assert len(distinctions(inside, columns, top=1)) == 1


@pytest.mark.parametrize("share", [0.1, 0.011, 0.009, 0.0])
def test_a_column_of_two_values_does_not_make_a_huge_effect(share):
    rng = np.random.default_rng(3)
    inside = np.arange(4000) < 800
    double = np.where(rng.random(4000) < np.where(inside, 0.9, share), 0.3, 0.0)
    rounded = double + rng.normal(0, 1e-6, 4000)
    a, b = (double[inside] > 0).mean(), (double[~inside] > 0).mean()
    larger = a * (1 - b) + (a * b + (1 - a) * (1 - b)) / 2  # equal pairs count half
    expected = np.sqrt(2) * NormalDist().inv_cdf(larger)
    for column in (double, rounded):
        (found,) = distinctions(inside, {"double": column})
        assert found.effect == pytest.approx(expected, abs=0.15)


def test_outliers_do_not_hide_an_effect():
    rng = np.random.default_rng(3)
    inside = np.arange(1000) < 200
    column = rng.normal(size=1000) + 2 * inside
    column[::97] = 1e9
    (found,) = distinctions(inside, {"column": column})
    assert found.effect == pytest.approx(2, abs=0.3)


def test_values_that_do_not_overlap_have_a_finite_effect():
    inside = np.arange(1000) < 200
    (found,) = distinctions(inside, {"column": np.where(inside, 5.0, 1.0)})
    assert 5 < found.effect < 8


def test_text_that_is_frequent_in_a_cluster():
    rng = np.random.default_rng(4)
    inside = np.arange(1000) < 50
    kind = rng.choice(["spiral", "elliptical", ""], 1000, p=[0.45, 0.45, 0.1]).astype(object)
    kind[:40] = "spiral"
    kind[40:50] = "lens"
    found = distinctions(inside, {"kind": kind, "noise": rng.choice(["a", "b"], 1000)})
    assert {(entry.column, entry.value) for entry in found} == {
        ("kind", "spiral"),
        ("kind", "lens"),
    }
    lens = next(entry for entry in found if entry.value == "lens")
    assert (lens.inside, lens.outside) == (pytest.approx(0.2), 0)
    assert lens.effect > 5


def test_a_random_group_is_set_apart_by_nothing():
    rng = np.random.default_rng(6)
    columns = {f"c{i}": rng.normal(size=500) for i in range(40)}
    columns |= {f"t{i}": rng.choice(list("abcde"), 500) for i in range(10)}
    assert distinctions(rng.random(500) < 0.1, columns) == []


def test_truth_is_matched_with_precision_and_recall():
    label = np.array([0] * 80 + [1] * 10 + [2] * 6 + [-1] * 4)
    artefact = np.zeros(100, bool)
    artefact[80:88] = True  # eight of the ten in cluster 1
    artefact[90:95] = True  # five of the six in cluster 2
    artefact[[0, 99]] = True  # one lost in the crowd, one on no island
    (match,) = match_truth(label, {"artefact": artefact, "never": np.zeros(100, bool)})
    assert (match.kind, match.n, match.cluster, match.size) == ("artefact", 15, 1, 10)
    assert match.share == pytest.approx(0.15)
    assert (match.precision, match.recall) == (pytest.approx(0.8), pytest.approx(8 / 15))
    assert match.clusters == (1, 2)
    assert match.precision_of_all == pytest.approx(13 / 16)
    assert match.recall_of_all == pytest.approx(13 / 15)


def test_truth_on_no_cluster_is_not_found():
    nothing = np.full(10, -1)
    (match,) = match_truth(nothing, {"artefact": np.arange(10) < 3})
    assert (match.cluster, match.recall, match.recall_of_all, match.clusters) == (-1, 0, 0, ())
    label = np.array([0] * 7 + [-1] * 3)
    (match,) = match_truth(label, {"artefact": np.arange(10) >= 7})
    assert (match.cluster, match.precision) == (-1, 0)
