"""Retrieval beside plain methods, and the brightness that they may live on."""

import numpy as np
import pytest

from skybind.embeddings.store import Embeddings
from skybind.evaluation.brightness import brightness_of
from skybind.evaluation.retrieval import (
    BRIGHTNESS,
    CONTROLS,
    COSINE,
    LIKELIHOOD,
    OURS,
    REFITTED,
    _fitted,
    retrieval_rivals,
    retrieve_run,
)
from skybind.measures.retrieval import retrieval
from skybind.runs.run import Run


@pytest.fixture(scope="module")
def run(trained):
    run = Run.open(trained)
    run.prepare()
    return run


@pytest.fixture(scope="module")
def rivals(run):
    return retrieval_rivals(run, Embeddings.read(run.paths.embeddings))


def test_every_pair_has_every_method_and_ours_is_that_of_the_report(run, rivals):
    pairs = {(r.query, r.target) for r in rivals}
    assert len(pairs) == 6
    for pair in pairs:
        own = [r.method for r in rivals if (r.query, r.target) == pair]
        assert {OURS, LIKELIHOOD, COSINE, BRIGHTNESS, *CONTROLS} == set(own)
    told = {
        (r.query, r.target): r.recall
        for r in retrieve_run(run, Embeddings.read(run.paths.embeddings))
    }
    for rival in rivals:
        if rival.method == OURS:
            assert rival.recall == told[rival.query, rival.target]


def test_controls_are_at_chance(rivals):
    off = [(r.beaten - 0.5) / r.beaten_error for r in rivals if r.method in CONTROLS]
    assert np.abs(off).max() < 4.5
    assert np.abs(np.mean(off)) < 2


def test_a_correlation_of_exchanged_pairs_is_at_chance_where_both_views_share_their_brightness():
    off = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        bright = rng.normal(16, 2, 300)
        seen = {
            name: bright[:, None] + rng.normal(0, 0.1, (300, 3)) * rng.uniform(0, 3, 3)
            for name in "ab"
        }
        parts = (np.arange(150), np.arange(150, 300), seed)
        for vectors in _fitted(seen, ("a", "b"), parts)[REFITTED].values():
            found = retrieval(*vectors)
            if found.beaten_error > 0:  # else it found no direction: all are alike, at chance
                off.append((found.beaten - 0.5) / found.beaten_error)
    assert len(off) >= 8
    assert np.abs(off).max() < 4


def test_brightness_tells_less_among_objects_that_are_as_bright(rivals):
    own = [r for r in rivals if r.method == BRIGHTNESS and {r.query, r.target} != set()]
    every = np.mean([r.beaten for r in own])
    alike = np.mean([r.matched.beaten for r in own if r.matched is not None])
    assert every > 0.65
    assert alike < every - 0.1


def test_brightness_is_that_of_the_observations(run):
    dataset = run.dataset
    found = brightness_of(run, "photometry")
    for row in np.flatnonzero(dataset.present("photometry"))[:20]:
        curve = dataset.ragged("photometry", np.array([row])).fields
        value = np.nanmedian(curve["flux"]) if "flux" in curve else np.nanmedian(curve["magnitude"])
        expected = -2.5 * np.log10(value) if "flux" in curve else value
        assert found[row] == pytest.approx(expected, rel=1e-6)
    assert np.isnan(found[~dataset.present("photometry")]).all()
    catalogue = brightness_of(run, "metadata")
    known = np.isfinite(found) & np.isfinite(catalogue)
    assert np.corrcoef(found[known], catalogue[known])[0, 1] > 0.8
