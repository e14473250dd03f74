"""The curves of labels: areas, paired differences, and rounds that ask the oracle only."""

import sys
from pathlib import Path

import numpy as np
import pytest

from skybind.embeddings.store import Embeddings

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def labelling():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    sys.modules.pop("labelling", None)
    import labelling

    yield labelling
    sys.path.remove(str(ROOT / "benchmarks"))


@pytest.fixture
def pool(labelling):
    """Three crowds of 300 in two modalities; the last hundred objects test."""
    rng = np.random.default_rng(0)
    true = rng.choice(3, 400, p=[0.8, 0.15, 0.05])
    crowd = np.eye(6)[true]
    vectors = {}
    for name in ("a", "b"):
        values = crowd + 0.5 * rng.normal(size=(400, 6))
        vectors[name] = values / np.linalg.norm(values, axis=1, keepdims=True)
    embeddings = Embeddings(
        np.arange(400).astype(str),
        np.repeat(["train", "test"], [300, 100]),
        vectors,
        {name: np.ones(400, bool) for name in vectors},
    )
    catalogue = np.where(rng.random(400) < 0.03, (true + 1) % 3, true)
    train, test = np.arange(300), np.arange(300, 400)
    return labelling.Pool(embeddings, ["x", "y", "z"], catalogue, true, train, test)


def test_the_area_is_the_mean_height_over_the_logarithm(labelling):
    budgets = (10, 100, 1000)
    assert labelling.area(np.array([0.4, 0.4, 0.4]), budgets) == pytest.approx(0.4)
    assert labelling.area(np.array([0.0, 0.5, 1.0]), budgets) == pytest.approx(0.5)
    assert labelling.area(np.array([0.0, 1.0, 1.0]), budgets) == pytest.approx(0.75)


def test_gains_are_paired_by_seed(labelling):
    rng = np.random.default_rng(0)
    chance = np.repeat(rng.random((5, 1, 1)), 3, axis=1) * np.ones(4)
    summary = labelling.summarise({"random": chance, "ours": chance + 0.1}, (10, 20, 40))
    entry = summary["ours"]["balanced"]
    assert entry["gain"] == pytest.approx(0.1)
    assert entry["gain_error"] == pytest.approx(0, abs=1e-12)
    assert entry["area_error"] > 0.05
    assert summary["random"]["balanced"]["gain"] == 0


def test_a_curve_asks_as_often_as_it_may_and_learns(labelling, pool):
    budgets = (4, 24, 120)
    for strategy in ("combined", "random"):
        points = labelling.curve(pool, strategy, 0, budgets)
        assert [point["labels"] for point in points] == list(budgets)
        assert points[-1]["balanced"] > 0.85  # chance: 0.33
    again = labelling.curve(pool, "random", 0, budgets)
    assert again == points
    assert labelling.curve(pool, "random", 1, budgets) != points


def test_only_the_labels_asked_for_are_known(labelling, pool):
    known = pool.known(np.array([3, 7]))
    assert np.flatnonzero(known >= 0).tolist() == [3, 7]
    assert known[7] == pool.catalogue[7]
