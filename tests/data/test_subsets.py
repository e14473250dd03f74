from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skybind.data.splits import Split, make_split
from skybind.data.stored_splits import split_dataset
from skybind.data.subsets import draw_each, draw_subset
from skybind.errors import ConfigError, DataError

IDS = np.array([f"s{i}" for i in range(1000)])
LABELS = np.repeat(["a", "b", "c", ""], [700, 200, 60, 40])


def test_percentages_are_drawn_as_ever():
    """The hash is that of version 0.1, which drew the same objects."""
    split = make_split("random", IDS, labels=LABELS, subsets=("50", "10", "2.5"), seed=7)
    assert split.hash == "0e2790c8eb44b205"


@given(st.integers(1, 80), st.integers(0, 5))
def test_so_many_training_objects_a_class_and_all_that_choose_and_measure(number, seed):
    split = make_split("random", IDS, labels=LABELS, subsets=(f"{number}-each",), seed=seed)
    train, few = split.rows("train"), split.rows("train", f"{number}-each")
    assert set(few) <= set(train)
    for name in "abc":
        assert (LABELS[few] == name).sum() == min(number, (LABELS[train] == name).sum())
    assert not (LABELS[few] == "").any()
    for part in ("validation", "test"):
        rows = split.rows(part)
        assert split.rows(part, f"{number}-each").tolist() == rows[LABELS[rows] != ""].tolist()


def test_smaller_numbers_lie_within_larger_ones_and_seeds_differ():
    part = np.full(len(LABELS), "train")
    sizes = [draw_each(part, LABELS, number, seed=3) for number in (1, 5, 20, 100)]
    for small, large in pairwise(sizes):
        assert (small <= large).all()
        assert small.sum() < large.sum()
    assert (draw_each(part, LABELS, 5, seed=4) != sizes[1]).any()


def test_a_name_that_is_no_subset_is_refused():
    with pytest.raises(DataError, match="A subset is a percentage of the labels"):
        draw_subset("some", np.full(1000, "train"), LABELS, 0)


def test_splits_agree_if_what_both_have_is_the_same():
    split = make_split("random", IDS, labels=LABELS, subsets=("50",), seed=7)
    more = split.with_subset("5-each", LABELS, seed=7)
    assert more.hash != split.hash
    assert more.agrees(split)
    assert split.agrees(more)
    assert more.with_subset("5-each", LABELS, seed=8) is more  # it is there already
    other = Split(split.object_id, split.part, {"50": ~split.subsets["50"]})
    assert not split.agrees(other)
    assert not split.agrees(make_split("random", IDS, labels=LABELS, subsets=("50",), seed=8))


@pytest.mark.parametrize("name", ["../../x", "a/b", ".hidden", "", "a" * 101, "a\0b", "a\nb"])
def test_a_split_never_lands_outside_its_folder(name, tmp_path):
    with pytest.raises(ConfigError, match="becomes the name of a file"):
        split_dataset(tmp_path, name)
    assert not list(tmp_path.iterdir())
