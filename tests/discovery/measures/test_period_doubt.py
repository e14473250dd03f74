import numpy as np
import pytest

from skybind.discovery.measures.period_doubt import FACTORS, period_doubt
from skybind.errors import DataError


def survey(n: int, wrong: np.ndarray, seed: int = 0) -> dict[float, np.ndarray]:
    """Embeddings that turn with the ratio of folding period and true period."""
    rng = np.random.default_rng(seed)
    noise = 0.3 * rng.normal(size=(n, 8))
    folded = {}
    for factor in FACTORS:
        step = np.log2(factor * wrong)
        values = np.zeros((n, 8))
        values[np.arange(n), np.clip(2 + np.round(step), 0, 7).astype(int)] = 1
        values = values + noise
        folded[factor] = values / np.linalg.norm(values, axis=1, keepdims=True)
    return folded


def test_wrong_periods_are_found_with_their_factor() -> None:
    wrong = np.ones(400)
    wrong[:8], wrong[390:] = 2.0, 0.5
    folded = survey(400, wrong)
    others = np.tile(np.eye(8)[2], (400, 1))
    others[100] = np.nan
    usable = np.ones(400, bool)
    usable[50] = False
    made = period_doubt(folded, others, usable, np.arange(300))
    assert np.isnan(made.doubt[50])
    assert np.isnan(made.factor[50])
    found = np.argsort(-np.nan_to_num(made.doubt))[:18]
    assert set(found) == {*range(8), *range(390, 400)}
    # the catalogue has twice the true period: it must be halved
    assert (made.factor[:8] == 0.5).all()
    assert (made.factor[390:] == 2.0).all()
    assert (made.factor[200:300] == 1.0).mean() > 0.95
    again = period_doubt(folded, others, usable, np.arange(300))
    np.testing.assert_array_equal(again.probability, made.probability)


def test_it_works_without_other_modalities() -> None:
    wrong = np.ones(200)
    wrong[:5] = 2.0
    made = period_doubt(survey(200, wrong), None, np.ones(200, bool), np.arange(200))
    assert set(np.argsort(-made.doubt)[:5]) == set(range(5))


def test_what_is_missing_is_said() -> None:
    folded = survey(60, np.ones(60))
    with pytest.raises(DataError, match="too few"):
        period_doubt(folded, None, np.ones(60, bool), np.arange(20))
    del folded[4.0]
    with pytest.raises(DataError, match=r"4\.0 times"):
        period_doubt(folded, None, np.ones(60, bool), np.arange(60))
