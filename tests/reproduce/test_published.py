"""What was typed from the paper is checked by what must be true of it."""

import numpy as np
import pytest

from skybind.reproduce.published import (
    ACCURACY,
    ALL,
    CLASSES,
    COMBINATIONS,
    DISTRIBUTION,
    IMPORTANCE,
    IMPORTANCE_AVERAGE,
    SUBSETS,
)
from skybind.simulate.stars.classes import CLASSES as SIMULATED


def test_the_parts_of_table_3_are_the_objects_of_table_1():
    for name, entry in CLASSES.items():
        parts = [DISTRIBUTION[part][name][0] for part in DISTRIBUTION]
        assert sum(parts) == entry.objects == SIMULATED[name].weight
    assert sum(entry.objects for entry in CLASSES.values()) == 21_440


@pytest.mark.parametrize("part", list(DISTRIBUTION))
def test_every_class_of_a_subset_is_cut_at_one_cap(part):
    counts = np.asarray(list(DISTRIBUTION[part].values()))
    for column in range(1, len(SUBSETS)):
        cap = counts[:, column].max()
        np.testing.assert_array_equal(counts[:, column], np.minimum(counts[:, 0], cap))


def test_the_averages_of_table_5_are_those_of_its_rows():
    values = np.asarray(list(IMPORTANCE.values()))
    assert values.shape == (len(CLASSES), len(COMBINATIONS))
    np.testing.assert_allclose(values.mean(axis=0), IMPORTANCE_AVERAGE, atol=0.006)


def test_table_5_is_of_whole_numbers_of_the_test_objects_of_the_half():
    """Its shares are whole numbers of 160, 79, 26, 24 and 22 objects: the 50 % subset."""
    for name, shares in IMPORTANCE.items():
        n = DISTRIBUTION["test"][name][SUBSETS.index("50")]
        right = np.asarray(shares) * n / 100
        np.testing.assert_allclose(right, np.round(right), atol=0.02)


def test_every_combination_of_tables_2_and_4_is_there():
    names = [("spectrum",), ("photometry",), ("metadata",), ALL]
    assert set(ACCURACY) == {(one, subset) for one in names for subset in SUBSETS}
    # the text of section 4.2: "by 12.56 % at the 10 % data split" of the spectra
    before, after = ACCURACY[("spectrum",), "10"]
    assert after.mean - before.mean == pytest.approx(12.56, abs=0.005)
