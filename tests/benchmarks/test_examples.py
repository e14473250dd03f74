"""The forests beside the runs on real surveys see what they should."""

import numpy as np
import pytest

import skybind as sb
from benchmarks import examples
from skybind.measures.classification import classification_metrics
from tests.runs.made_up_surveys import supernovae


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("examples")
    path = supernovae(folder / "sn")
    return sb.Run.start("transients-small", path, folder / "run")


def test_features_of_all_bands_and_of_each_without_empty_columns(run):
    table = examples.light_curve_table(run)
    assert len(table) == 60
    assert np.isfinite(table).any(0).all()
    assert table.shape[1] > 20
    np.testing.assert_array_equal(examples.epochs_table(run), np.full((60, 2), 6))


def test_forests_by_modality_and_what_the_sampling_alone_tells(run):
    found = examples.forests(run)
    assert list(found) == [("photometry",), ("metadata",), ("photometry", "metadata")]
    # the classes fade at other rates; neither their redshifts nor their sampling differ
    assert found["photometry",].accuracy == 1
    assert found["metadata",].accuracy < 1
    told = examples.forest(run, ("photometry",), examples.epochs_table(run))
    assert told.accuracy == pytest.approx(0.5, abs=0.01)


def test_a_part_of_a_survey_is_drawn_once(run, tmp_path):
    part = examples.drawn(run.dataset.path, 25, tmp_path / "part")
    again = examples.drawn(run.dataset.path, 25, tmp_path / "part")
    assert part == again
    ids = sb.Dataset.open(part).object_ids
    assert len(set(ids)) == 25
    assert set(ids) <= set(run.dataset.object_ids)


def test_the_largest_class_against_all_others():
    truth = np.repeat([0, 1, 2], [8, 3, 1])
    found = np.array([0] * 6 + [1, 2] + [1, 2, 0] + [1])
    result = classification_metrics(truth, found, ["Ia", "II", "Ic"])
    # six of eight, and three of the four others are not called Ia
    share, error = examples.largest_or_not(result)
    assert share == pytest.approx(0.75)
    assert error == pytest.approx(np.sqrt(0.75 * 0.25 / 8 + 0.75 * 0.25 / 4) / 2)
