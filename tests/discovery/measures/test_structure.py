import numpy as np
import pytest
from sklearn.metrics import adjusted_rand_score

from skybind.discovery.measures import structure
from skybind.discovery.measures.structure import adjusted, landings, sub_clusters
from skybind.errors import DataError
from skybind.memory import memory_limit


def test_two_parts_are_found_and_one_is_left_alone() -> None:
    rng = np.random.default_rng(1)
    parts = np.repeat([0, 1], [80, 40])
    two = rng.normal(size=(120, 12)) * np.linspace(1.5, 0.3, 12)
    two[:, 3] += 6 * parts
    found = sub_clusters(two, permutations=39)
    assert found.k == 2
    assert found.significant
    assert adjusted_rand_score(parts, found.label) > 0.9
    assert np.bincount(found.label).tolist() == sorted(np.bincount(found.label), reverse=True)

    one = rng.normal(size=(120, 12)) * np.linspace(1.5, 0.3, 12)
    assert not sub_clusters(one, permutations=39).significant


def test_the_test_holds_its_level() -> None:
    rng = np.random.default_rng(2)
    p = [sub_clusters(rng.normal(size=(60, 4)), (2, 3), 19, seed).p_value for seed in range(20)]
    assert np.mean(np.array(p) <= 0.05) < 0.2
    assert np.mean(p) > 0.3


def test_brightness_is_taken_out() -> None:
    rng = np.random.default_rng(3)
    parts = np.repeat([0, 1], 100)
    brightness = rng.normal(size=200)
    vectors = 0.3 * rng.normal(size=(200, 6))
    vectors[:, 0] += 5 * brightness + brightness**2
    vectors[:, 1] += 2 * parts
    raw = sub_clusters(vectors, (2,), 5)
    clean = sub_clusters(adjusted(vectors, brightness[:, None]), (2,), 19)
    assert adjusted_rand_score(parts, raw.label) < 0.2
    assert adjusted_rand_score(parts, clean.label) > 0.9
    residual = adjusted(vectors, brightness[:, None])
    assert abs(np.corrcoef(residual[:, 0], brightness)[0, 1]) < 1e-9
    np.testing.assert_allclose(residual.mean(axis=0), 0, atol=1e-12)
    # a constant and an unknown column explain nothing
    useless = np.stack([np.ones(200), np.full(200, np.nan)], axis=1)
    np.testing.assert_allclose(adjusted(vectors, useless), vectors - vectors.mean(0))


def test_too_few_objects_are_refused() -> None:
    with pytest.raises(DataError, match="too few"):
        sub_clusters(np.zeros((10, 3)))


def test_landings_rank_the_known_classes() -> None:
    names = np.array(["", "RRD", "RRD", "VAR", "VAR"])
    votes = np.array([[1, 0], [0.2, 0.8], [0.4, 0.6], [1, 0], [np.nan, np.nan]])
    found = landings(names, votes, np.array([0.5, 0.5, 0.005, 0.5, 0.5]), ["M", "RRAB"])
    assert [landing.name for landing in found] == ["RRD", "VAR"]
    assert found[0].classes == ("RRAB", "M")
    np.testing.assert_allclose(found[0].share, [0.7, 0.3])
    assert found[0].lonely == 0.5
    assert found[1].n == 1


def test_a_single_outlier_is_no_part() -> None:
    rng = np.random.default_rng(3)
    vectors = rng.normal(size=(60, 5))
    vectors[0] = 40
    found = sub_clusters(vectors, permutations=1)
    assert np.bincount(found.label).min() >= 5 or max(found.silhouette.values()) == -1


@pytest.mark.parametrize("rank", [1, 4, 14])
def test_components_of_many_objects_are_the_same_up_to_signs(
    rank: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(5)
    scale = np.linspace(3, 0.5, rank)
    vectors = (rng.normal(size=(9000, rank)) * scale) @ np.linalg.qr(rng.normal(size=(14, rank)))[
        0
    ].T + 2
    whole = structure._principal(vectors)
    monkeypatch.setattr(structure, "WHOLE", 5000)
    with memory_limit("10MB"):
        blocks = structure._principal(vectors)
    assert blocks.shape == whole.shape == (9000, min(rank, 10))
    np.testing.assert_allclose(np.abs(blocks), np.abs(whole), atol=1e-6)
