import json

import numpy as np
import pytest

from skybind.errors import DataError
from skybind.measures.importance import all_combinations, changes, mean_importance, modality_table

P, S, M = "photometry", "spectra", "metadata"

# Table "modality contributions" of the AstroM3 paper (arXiv:2411.08842): accuracy in percent
# of P, S, M, PS, SM, MP, all, and the published arrows of the last four columns.
PAPER = {
    "DSCT": ([91.67, 70.83, 75.00, 95.83, 75.00, 95.83, 91.67], "+=+="),
    "EA": ([78.75, 35.62, 64.38, 80.00, 65.62, 86.25, 85.62], "++++"),
    "EB": ([80.00, 58.75, 47.50, 76.25, 62.50, 76.88, 76.88], "-+--"),
    "EW": ([70.00, 66.88, 78.75, 88.75, 76.88, 88.75, 90.00], "+-++"),
    "HADS": ([100.00, 23.08, 76.92, 100.00, 76.92, 92.31, 96.15], "==--"),
    "M": ([95.45, 54.55, 90.91, 95.45, 90.91, 95.45, 95.45], "===="),
    "ROT": ([91.25, 84.38, 92.50, 97.50, 96.25, 99.38, 100.00], "++++"),
    "RRAB": ([96.88, 64.38, 94.38, 97.50, 95.00, 100.00, 100.00], "++++"),
    "RRC": ([86.08, 63.29, 86.08, 92.41, 86.08, 94.94, 94.94], "+=++"),
    "SR": ([98.12, 94.38, 96.88, 98.75, 98.12, 100.00, 100.00], "++++"),
}


def test_arrows_are_those_of_the_paper():
    columns = [(P,), (S,), (M,), (P, S), (S, M), (M, P), (P, S, M)]
    accuracy = np.array([row for row, _ in PAPER.values()])
    expected = [["-=+".index(sign) - 1 for sign in arrows] for _, arrows in PAPER.values()]
    found = changes(accuracy, columns)
    np.testing.assert_array_equal(found[:, 3:], expected)
    assert (found[:, :3] == 0).all()
    average = accuracy.mean(axis=0)
    assert average[0] == pytest.approx(88.82, abs=0.006)
    np.testing.assert_array_equal(changes(average, columns)[3:], [1, 1, 1, 1])


def test_combinations():
    assert all_combinations([P, S, M]) == [
        (P,),
        (S,),
        (M,),
        (P, S),
        (P, M),
        (S, M),
        (P, S, M),
    ]
    assert all_combinations([P]) == [(P,)]


def test_table_from_predictions():
    truth = np.array([0, 0, 0, 0, 1, 1, -1])
    predictions = {
        (P, S): np.array([0, 0, 0, 1, 1, 1, 0]),
        (P,): np.array([0, 0, 1, 1, 1, 1, 0]),
        (S,): np.array([0, 1, 1, 1, 1, 0, 0]),
    }
    table = modality_table(predictions, truth, ["EA", "EW", "SR"])
    assert table.combinations == ((P,), (S,), (P, S))
    np.testing.assert_array_equal(table.n_class, [4, 2, 0])
    np.testing.assert_allclose(table.accuracy[:2], [[0.5, 0.25, 0.75], [1.0, 0.5, 1.0]])
    assert np.isnan(table.accuracy[2]).all()
    np.testing.assert_allclose(table.average, [0.75, 0.375, 0.875])
    np.testing.assert_array_equal(table.change, [[0, 0, 1], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(table.average_change, [0, 0, 1])
    stored = json.loads(json.dumps(table.plain(), allow_nan=False))
    assert stored["accuracy"][2] == [None, None, None]
    assert stored["combinations"][2] == [P, S]


def test_all_columns_are_about_the_same_objects():
    truth = np.array([0, 0, 1, 1])
    predictions = {(P,): np.array([0, 1, 1, -1]), (S,): np.array([-1, 0, 1, 0])}
    table = modality_table(predictions, truth, ["EA", "EW"])
    np.testing.assert_array_equal(table.n_class, [1, 1])
    np.testing.assert_allclose(table.accuracy, [[0, 1], [1, 1]])


def test_nothing_in_common_is_one_sentence():
    with pytest.raises(DataError, match="every combination"):
        modality_table({(P,): np.array([0, -1]), (S,): np.array([-1, 0])}, np.array([0, 0]), ["EA"])
    with pytest.raises(DataError, match="every combination"):
        modality_table({}, np.array([0]), ["EA"])


def test_tables_of_several_seeds_are_averaged_and_their_objects_added():
    predictions = {(P,): np.array([0, 0, 1]), (S,): np.array([0, 1, 0])}
    first = modality_table(predictions, np.array([0, 0, 1]), ["EA", "EW"])
    predictions = {(P,): np.array([0, 1]), (S,): np.array([0, 0])}
    second = modality_table(predictions, np.array([0, 0]), ["EA", "EW"])  # no EW is tested
    mean = mean_importance([first, second])
    np.testing.assert_allclose(mean.accuracy, [[0.75, 0.75], [1, 0]])
    np.testing.assert_allclose(mean.average, (first.average + second.average) / 2)
    np.testing.assert_array_equal(mean.n_class, [4, 1])
    assert mean.n_test == 5
    nobody = mean_importance([second, second])
    assert np.isnan(nobody.accuracy[1]).all()


def test_only_differences_beyond_chance_are_notable():
    """Of 6 objects won and none lost chance makes 1 in 32, of 5 it makes 1 in 16."""
    for won, notable in ((5, 0), (6, 1)):
        truth = np.repeat([0, 1], 20)
        alone = truth.copy()
        alone[:won] = 1
        predictions = {(P,): alone, (S,): 1 - truth, (P, S): truth}
        table = modality_table(predictions, truth, ["EA", "EW"])
        np.testing.assert_array_equal(table.change, [[0, 0, 1], [0, 0, 0]])
        np.testing.assert_array_equal(table.notable, [[0, 0, notable], [0, 0, 0]])
        assert mean_importance([table]).notable.tolist() == table.notable.tolist()


def test_the_average_is_notable_beyond_twice_its_error():
    truth = np.repeat([0, 1], 50)
    for won, notable in ((2, 0), (12, 1)):
        alone = truth.copy()
        alone[:won] = 1
        predictions = {(P,): alone, (S,): np.zeros_like(truth), (P, S): truth}
        table = modality_table(predictions, truth, ["EA", "EW"])
        assert table.average_change.tolist() == [0, 0, 1]
        assert table.average_notable.tolist() == [0, 0, notable]


def test_over_seeds_it_is_the_seeds_that_differ():
    rng = np.random.default_rng(0)
    truth = np.repeat([0, 1], 40)

    def table(gain):
        alone, both = truth.copy(), truth.copy()
        alone[:10] = 1
        both[: 10 - gain] = 1
        predictions = {(P,): alone, (S,): rng.integers(0, 2, 80), (P, S): both}
        return modality_table(predictions, truth, ["EA", "EW"])

    always = mean_importance([table(gain) for gain in (3, 4, 3, 4)])
    assert (always.notable[0, 2], always.average_notable[2]) == (1, 1)
    by_chance = mean_importance([table(gain) for gain in (9, -9, 8, -4)])
    assert by_chance.change[0, 2] == 1
    assert (by_chance.notable[0, 2], by_chance.average_notable[2]) == (0, 0)
