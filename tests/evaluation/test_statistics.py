"""What plain methods see: simple statistics, and the features of light curves beside them."""

import numpy as np
import pytest

from skybind.evaluation import classes, statistics
from skybind.evaluation.statistics import best_features, modality_statistics, statistics_alone
from skybind.lightcurves.columns import describe_columns, no_periods
from skybind.lightcurves.features import FEATURES, light_curve_features
from skybind.modalities.cleaning import clean_photometry
from skybind.report.groups import statistics_words
from skybind.runs.run import Run


@pytest.fixture(scope="module")
def run(trained):
    run = Run.open(trained)
    run.prepare()
    return run


def test_trees_see_the_features_of_light_curves(run):
    found = best_features(run)
    simple = {name: modality_statistics(run.source, name) for name in run.source.modalities}
    present = run.source.present("photometry")
    extra = found["photometry"].shape[1] - simple["photometry"].shape[1]
    assert 40 <= extra <= len(FEATURES) + 5
    for name in ("spectrum", "metadata"):
        np.testing.assert_array_equal(found[name], simple[name])
    assert np.isnan(found["photometry"][~present]).all()
    # a feature that needs no period, and one that is folded by the catalogue's
    curves = clean_photometry(run.dataset.ragged("photometry", np.flatnonzero(present))).ragged
    periods = no_periods(present.sum())
    periods.period[:] = run.dataset.numbers("period")[present]
    own = light_curve_features(curves, periods)
    for name in ("amplitude", "fourier_1_amplitude", "harmonics_explain"):
        if name in own:
            columns = found["photometry"][present]
            same = np.isclose(columns, own[name][:, None], equal_nan=True).mean(axis=0)
            assert same.max() > 0.9


def test_every_feature_is_described():
    described = describe_columns("photometry", "flux")
    assert len(described) >= 50


def test_what_trees_did_not_see_of_many_light_curves_is_recorded_and_told(run, monkeypatch):
    assert statistics_alone(run) == ()
    monkeypatch.setattr(statistics, "MOST", 10)
    assert statistics_alone(run) == ("photometry",)
    plain = best_features(run)
    simple = modality_statistics(run.source, "photometry")
    np.testing.assert_array_equal(plain["photometry"], simple)
    few = {name: values[:, :2] for name, values in plain.items()}
    monkeypatch.setattr(classes, "boosting_accuracy", classes.forest_accuracy)
    found = {entry.modalities: entry.statistics_of for entry in classes.baselines(run, [], few)}
    assert found[("photometry",)] == ("photometry",)
    assert found[("photometry", "spectrum", "metadata")] == ("photometry",)
    assert found[("metadata",)] is None
    words = statistics_words(classes.baselines(run, [], few))
    assert "Not of photometry: more than 50,000 light curves" in words
    assert statistics_words([]) == ""
