import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from skybind.labelling.beliefs import Beliefs, form_beliefs, learn
from tests.labelling.crowds import beliefs_of, blobs


def test_doubt_entropy_and_disagreement_have_their_limits():
    sure, even, two = [1.0, 0.0, 0.0], [1 / 3] * 3, [0.5, 0.5, 0.0]
    beliefs = beliefs_of([sure, even, two])
    np.testing.assert_allclose(beliefs.doubt, [0, 1, 1], atol=1e-12)
    np.testing.assert_allclose(beliefs.entropy, [0, 1, np.log(2) / np.log(3)], atol=1e-12)
    assert beliefs.guess[0] == 0
    nan = [np.nan] * 3
    beliefs = beliefs_of(
        [sure] * 4,
        a=np.array([sure, sure, sure, nan]),
        b=np.array([sure, [0.0, 1.0, 0.0], nan, nan]),
    )
    np.testing.assert_allclose(beliefs.disagreement, [0, 1, 0, 0], atol=1e-12)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 6), st.integers(1, 4))
def test_scores_stay_between_0_and_1_and_do_not_know_the_order_of_classes(seed, classes, parts):
    rng = np.random.default_rng(seed)
    draw = lambda: rng.dirichlet(np.full(classes, 0.3), 12)  # noqa: E731
    probability, by = draw(), {str(i): draw() for i in range(parts)}
    order = rng.permutation(classes)
    one = Beliefs(probability, by, True)
    other = Beliefs(probability[:, order], {k: v[:, order] for k, v in by.items()}, True)
    for name in ("doubt", "entropy", "disagreement"):
        values = getattr(one, name)
        assert ((values >= 0) & (values <= 1 + 1e-9)).all()
        np.testing.assert_allclose(values, getattr(other, name), atol=1e-9)


def test_learning_gives_nothing_to_classes_without_a_label():
    x, y = blobs([20, 20, 20])
    known = y != 1
    probability = learn(x[known], y[known], x, 3)
    np.testing.assert_allclose(probability.sum(axis=1), 1)
    assert (probability[:, 1] == 0).all()
    assert (probability[known].argmax(axis=1) == y[known]).all()
    assert learn(x[y == 1], y[y == 1], x, 3) is None


def test_beliefs_come_from_each_modality_that_an_object_has():
    x, y = blobs([30, 30])
    present = {"a": np.ones(60, bool), "b": np.arange(60) % 2 == 0}
    labels = np.where(np.arange(60) % 3 == 0, y, -1)
    rows = np.flatnonzero(labels < 0)
    beliefs = form_beliefs(x, {"a": x, "b": x}, present, labels, rows, 2)
    assert beliefs.known
    assert (beliefs.guess == y[rows]).all()
    assert np.isfinite(beliefs.by_modality["a"]).all()
    seen = np.isfinite(beliefs.by_modality["b"]).all(axis=1)
    assert (seen == present["b"][rows]).all()
    nothing = form_beliefs(x, {"a": x}, present, np.full(60, -1), rows, 2)
    assert not nothing.known
    np.testing.assert_allclose(nothing.probability, 0.5)
