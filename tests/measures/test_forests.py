import numpy as np
import pytest

from skybind.measures import forests
from skybind.measures.forests import forest_numbers, forest_probability
from skybind.memory import memory_limit

OPTIONS = {"seed": 3, "trees": 30}


@pytest.fixture(scope="module")
def survey():
    """Training objects with their classes, and others; some values are missing."""
    rng = np.random.default_rng(0)
    y = rng.integers(0, 4, 2000)
    x, query = (rng.normal(size=(n, 5)).astype(np.float32) for n in (2000, 700))
    x[:, 1] += 0.7 * y
    x[::7, 2] = query[::5, 0] = np.nan
    return x, y, query


@pytest.fixture(params=["10MB", "100MB", "2GB"])
def limited(request):
    """Several limits: some trees are held at once, or all."""
    with memory_limit(request.param):
        yield


@pytest.mark.usefixtures("limited")
@pytest.mark.parametrize("threads", [1, 2])
def test_classes_are_those_of_one_forest_of_scikit_learn_at_any_limit(survey, threads):
    from sklearn.ensemble import RandomForestClassifier

    x, y, query = survey
    names = np.asarray(["EA", "EB", "EW", "M"])
    weight = np.where(y == 1, 2.0, 1.0)
    one = RandomForestClassifier(30, random_state=3, min_samples_leaf=2)
    one.fit(x, names[y], sample_weight=weight)
    classes, found = forest_probability(
        x, names[y], query, threads=threads, weight=weight, min_samples_leaf=2, **OPTIONS
    )
    assert classes.tolist() == names.tolist()
    np.testing.assert_allclose(found, one.predict_proba(query), atol=1e-12)
    np.testing.assert_array_equal(classes[found.argmax(axis=1)], one.predict(query))


@pytest.mark.usefixtures("limited")
def test_numbers_are_those_of_one_forest_of_scikit_learn_at_any_limit(survey):
    from sklearn.ensemble import RandomForestRegressor

    x, _, query = survey
    options = {"max_features": 1 / 3, "min_samples_leaf": 5}
    one = RandomForestRegressor(30, random_state=3, **options).fit(x, x[:, 1])
    found = forest_numbers(x, x[:, 1], query, **OPTIONS, **options)
    np.testing.assert_allclose(found, one.predict(query), atol=1e-12)


def test_so_many_trees_are_held_as_the_limit_allows(survey, monkeypatch):
    x, y, query = survey
    held = []
    add = forests._add

    def noted(total, query, trees, threads):
        held.append(sum(tree.__self__.tree_.node_count for tree in trees) * (64 + 8 * 4))
        add(total, query, trees, threads)

    monkeypatch.setattr(forests, "_add", noted)
    with memory_limit("10MB"):
        forest_probability(x, y, query, **OPTIONS)
    assert len(held) > 5
    assert max(held) < 10e6 / 8
