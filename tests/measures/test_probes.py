import numpy as np
import pytest

from skybind.measures.probes import probe_features


def test_a_linear_number_is_read_off_and_noise_is_not():
    rng = np.random.default_rng(0)
    features = rng.normal(size=(400, 5)) * [1, 10, 100, 1, 1] + 50
    y = features[:, 0] - 0.02 * features[:, 2]
    noise = rng.normal(size=400)
    good = probe_features(features[:300], y[:300], features[300:], y[300:])
    bad = probe_features(features[:300], noise[:300], features[300:], noise[300:])
    assert good.linear > 0.999
    assert 0.6 < good.neighbours < good.linear
    assert bad.linear < 0.1
    assert bad.neighbours < 0.1
    assert (good.n_train, good.n_test) == (300, 100)


def test_the_unit_of_a_feature_does_not_matter():
    rng = np.random.default_rng(1)
    features, y = rng.normal(size=(120, 4)), rng.normal(size=120)
    y = y * 0.1 + features[:, 0]
    scaled = features * [1, 1e3, 1e-3, 1] + [0, 5, 0, -2]
    one = probe_features(features[:90], y[:90], features[90:], y[90:])
    two = probe_features(scaled[:90], y[:90], scaled[90:], y[90:])
    assert one.neighbours == pytest.approx(two.neighbours, abs=1e-6)
    assert one.linear == pytest.approx(two.linear, abs=1e-6)


def test_a_constant_feature_changes_nothing():
    rng = np.random.default_rng(2)
    features = rng.normal(size=(80, 3))
    y = features @ [1.0, 2.0, 0.0]
    more = np.concatenate([features, np.full((80, 1), 7.0)], axis=1)
    one = probe_features(features[:60], y[:60], features[60:], y[60:])
    two = probe_features(more[:60], y[:60], more[60:], y[60:])
    assert one.linear == pytest.approx(two.linear, abs=1e-6)
