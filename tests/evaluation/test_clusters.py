from types import SimpleNamespace

import numpy as np
import pytest

from skybind.config.evaluation import EvaluationConfig
from skybind.embeddings.store import Embeddings
from skybind.evaluation.clusters import (
    cluster_run,
    lay_out,
    mapped_model,
    read_layouts,
    write_layouts,
)

N, D = 60, 4


@pytest.fixture
def galaxies():
    """Embeddings whose images know one half of what there is, and spectra the other."""
    rng = np.random.default_rng(4)
    kind = rng.integers(0, 4, N)
    axes = np.eye(D)
    sees = {"image": kind // 2, "spectrum": kind % 2}
    vectors = {}
    for name, side in sees.items():
        noisy = axes[side] + 0.02 * rng.normal(size=(N, D))
        vectors[name] = noisy / np.linalg.norm(noisy, axis=1, keepdims=True)
    present = {name: np.ones(N, bool) for name in vectors}
    present["spectrum"][:6] = False
    split = np.repeat(["train", "test"], [40, 20])
    names = np.array([f"g{i}" for i in range(N)])
    return Embeddings(names, split, vectors, present), kind


class Dataset:
    flat_columns: tuple[str, ...] = ()
    object_ids = np.array([f"g{i}" for i in range(N)])
    simulated = False
    truth = None


def run_with(**options):
    evaluation = EvaluationConfig(map="pca", **options)
    config = SimpleNamespace(evaluation=evaluation, seed=1)
    return SimpleNamespace(config=config, dataset=Dataset())


def test_side_by_side_are_those_that_have_all_modalities(galaxies, monkeypatch):
    embeddings, kind = galaxies
    monkeypatch.setattr("skybind.evaluation.clusters.planted_kinds", lambda *_: {})
    both = ("image", "spectrum")
    mean = lay_out(run_with(), embeddings, both)
    side = run_with(combined="concatenated", groups=4)
    layout = lay_out(side, embeddings, both)
    assert mean is not None
    assert layout is not None
    assert set(mean.rows) == set(range(N))
    assert set(layout.rows) == set(range(6, N))
    [_, groups] = cluster_run(side, embeddings, [layout], side.config.evaluation)
    assert (groups.k, groups.settings[:6]) == (4, "k = 4,")
    # of the mean, an image of one kind and a spectrum of the other way round are alike
    pairs = {(int(a), int(b)) for a, b in zip(kind[layout.rows], layout.group, strict=True)}
    assert len(pairs) == 4
    alone = lay_out(side, embeddings, ("image",))
    assert alone is not None
    assert set(alone.rows) == set(range(N))


def test_the_mean_confuses_what_lies_side_by_side(galaxies, monkeypatch):
    embeddings, kind = galaxies
    monkeypatch.setattr("skybind.evaluation.clusters.planted_kinds", lambda *_: {})
    run = run_with(groups=4)
    layout = lay_out(run, embeddings, ("image", "spectrum"))
    assert layout is not None
    cluster_run(run, embeddings, [layout], run.config.evaluation)
    whole = layout.rows >= 6
    pairs = set(zip(kind[layout.rows][whole].tolist(), layout.group[whole].tolist(), strict=True))
    assert len(pairs) > 4


def test_more_groups_than_objects_allow_are_fewer_and_it_is_said(galaxies, monkeypatch, caplog):
    embeddings, _ = galaxies
    monkeypatch.setattr("skybind.evaluation.clusters.planted_kinds", lambda *_: {})
    caplog.set_level("INFO", logger="skybind")
    run = run_with(groups=50)
    layout = lay_out(run, embeddings, ("image",))
    assert layout is not None
    [_, groups] = cluster_run(run, embeddings, [layout], run.config.evaluation)
    assert groups.k == 30
    assert "60 objects of image are divided into 30 groups" in caplog.text


@pytest.mark.parametrize("model", ["abc123", None])
def test_maps_say_of_which_model_they_are(galaxies, tmp_path, model):
    run, path = run_with(), tmp_path / "maps.parquet"
    layout = lay_out(run, galaxies[0], ("image",))
    assert layout is not None
    assert mapped_model(path) is None
    write_layouts(path, [layout], run.dataset.object_ids, model)
    assert mapped_model(path) == model
    np.testing.assert_array_equal(read_layouts(path)[0].position, layout.position)
