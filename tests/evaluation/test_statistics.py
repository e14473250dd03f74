"""What plain methods see: simple statistics, and the features of light curves beside them."""

import numpy as np
import pytest

from skybind.evaluation.statistics import best_features, modality_statistics
from skybind.lightcurves.columns import describe_columns, no_periods
from skybind.lightcurves.features import FEATURES, light_curve_features
from skybind.modalities.cleaning import clean_photometry
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
