"""Canonical correlation, against theory, numpy and scikit-learn."""

import time

import numpy as np
import pytest
from scipy.stats import norm

from skybind.errors import DataError
from skybind.measures.correlation import (
    SHRINKAGES,
    Standard,
    _directions,
    fit_canonical,
    likelihood_vectors,
)
from skybind.measures.retrieval import retrieval

RHO = np.array([0.95, 0.8, 0.5])


def two_views(n, seed, rho=RHO, noise=6):
    """Gaussian views whose canonical correlations are known, mixed into features."""
    rng = np.random.default_rng(seed)
    k = len(rho)
    u = rng.normal(size=(n, k))
    v = rho * u + np.sqrt(1 - rho**2) * rng.normal(size=(n, k))
    mixing = np.random.default_rng(1)
    x = np.hstack([u, rng.normal(size=(n, noise))]) @ mixing.normal(size=(k + noise, k + noise))
    y = np.hstack([v, rng.normal(size=(n, noise))]) @ mixing.normal(size=(k + noise, k + noise))
    return x + 5, y * 1e-14, u, v


def test_the_correlations_of_gaussian_views_are_found():
    x, y, *_ = two_views(3000, 0)
    made = fit_canonical(x, y)
    assert made.dimension >= 3
    np.testing.assert_allclose(made.correlation[:3], RHO, atol=0.05)
    assert (made.correlation[3:] < 0.1).all()


def test_the_unshrunk_correlations_are_those_of_numpy_and_scikit_learn():
    from sklearn.cross_decomposition import CCA

    x, y, *_ = two_views(400, 2)
    _, made = next(_directions(x, y, (0.0,)))
    q = [np.linalg.qr(values - values.mean(axis=0))[0] for values in (x, y)]
    exact = np.linalg.svd(q[0].T @ q[1], compute_uv=False)
    np.testing.assert_allclose(made.correlation, np.minimum(exact, 0.995), atol=1e-6)
    theirs = CCA(3, max_iter=2000).fit(x, y * 1e14).transform(x, y * 1e14)
    own = made.variates(x, y)
    for k in range(3):
        for mine, other in zip(own, theirs, strict=True):
            assert abs(np.corrcoef(mine[:, k], other[:, k])[0, 1]) > 0.999


def test_retrieval_is_what_the_true_directions_give():
    x, y, u, v = two_views(4000, 3)
    made = fit_canonical(x[:3000], y[:3000])
    ours = retrieval(*made.by_likelihood(x[3000:], y[3000:]))
    true = retrieval(*likelihood_vectors(u[3000:], v[3000:], RHO))
    assert ours.recall[10] == pytest.approx(true.recall[10], abs=2.5 * true.recall_error[10])
    assert ours.median_rank == pytest.approx(true.median_rank, rel=0.25)
    plain = retrieval(*made.by_cosine(x[3000:], y[3000:]))
    assert plain.recall[1] > 3 * plain.chance_recall[1]


@pytest.mark.parametrize("rho", [0.3, 0.8])
def test_one_correlation_beats_as_many_candidates_as_theory_says(rho):
    """The partner beats a stranger where it lies nearer to u / rho."""
    x, y, *_ = two_views(5000, 4, np.array([rho]), noise=0)
    made = fit_canonical(x[:4000], y[:4000])
    u = norm.ppf((np.arange(400) + 0.5) / 400)
    rest = norm.ppf((np.arange(400) + 0.5) / 400)
    partner = rho * u[:, None] + np.sqrt(1 - rho**2) * rest[None, :]
    centre = u[:, None] / rho
    away = np.abs(partner - centre)
    theory = (1 - norm.cdf(centre + away) + norm.cdf(centre - away)).mean()
    found = retrieval(*made.by_likelihood(x[4000:], y[4000:]))
    assert found.beaten == pytest.approx(theory, abs=0.02)


def test_shuffled_pairs_are_at_chance():
    x, y, *_ = two_views(1500, 5)
    shuffled = np.random.default_rng(0).permutation(1000)
    made = fit_canonical(x[:1000], y[:1000][shuffled])
    for found in (
        retrieval(*made.by_likelihood(x[1000:], y[1000:])),
        retrieval(*made.by_cosine(x[1000:], y[1000:])),
    ):
        assert found.beaten == pytest.approx(0.5, abs=0.06)
        assert found.recall[10] < 0.06


def test_it_takes_less_than_a_second_and_any_features():
    rng = np.random.default_rng(6)
    x, y, *_ = two_views(3000, 7, noise=60)
    x[rng.random(x.shape) < 0.1] = np.nan
    x[0, 0], y[0, 0] = np.inf, 1e30
    x[:, 4], y = 3.0, np.hstack([y, np.full((3000, 1), np.nan)])
    began = time.process_time()
    made = fit_canonical(x, y)
    assert time.process_time() - began < 5  # of a loaded machine: half a second of an idle one
    assert made.shrinkage in SHRINKAGES
    assert all(np.isfinite(one).all() for one in made.by_likelihood(x, y))


def test_what_cannot_be_fitted_is_refused():
    with pytest.raises(DataError, match="20 pairs or more; there are 5"):
        fit_canonical(np.ones((5, 2)), np.ones((5, 2)))
    with pytest.raises(DataError, match="a feature that varies"):
        fit_canonical(np.ones((50, 2)), np.arange(50.0)[:, None])
    assert Standard.of(np.array([[1.0, np.nan], [2.0, np.nan]])).kept.tolist() == [True, False]
