"""Which classes and which split a configuration chooses."""

from dataclasses import dataclass

import numpy as np
import pytest

from skybind.config.schema import LabelConfig, SplitConfig
from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.data.splits import Split
from skybind.data.write import DatasetWriter
from skybind.errors import ConfigError, DataError
from skybind.runs.choosing import choose_classes, choose_split

LABELS = np.array(["EW"] * 30 + ["EA"] * 10 + ["M"] * 9 + [""] * 20)
IDS = np.array([f"o{i:02}" for i in range(len(LABELS))])


@dataclass
class Settings:
    """What is asked of a configuration."""

    labels: LabelConfig
    split: SplitConfig
    seed: int = 1

    @property
    def subsets(self):
        return self.split.subsets


def settings(labels=None, split=None, seed=1):
    return Settings(LabelConfig(**(labels or {})), SplitConfig(**(split or {})), seed)


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("choosing") / "d"
    with DatasetWriter(folder, {"label": Column("label"), "n": Column("info")}) as writer:
        sky = np.linspace(0, 50, len(IDS))
        columns = {"object_id": IDS, "ra": sky, "dec": sky, "label": LABELS}
        writer.append({**columns, "n": np.arange(len(IDS))})
    return Dataset.open(folder)


def test_classes_are_those_of_enough_objects_and_never_the_lack_of_a_label(dataset):
    assert choose_classes(settings(), dataset) == ["EA", "EW"]
    assert choose_classes(settings({"min_objects": 9}), dataset) == ["EA", "EW", "M"]
    assert choose_classes(settings({"min_objects": 11}), dataset) == ["EW"]


def test_classes_that_are_named_count_where_there_are_any_of_them(dataset):
    assert choose_classes(settings({"classes": ["M", "RRAB", "EA"]}), dataset) == ["EA", "M"]
    with pytest.raises(ConfigError, match="of RRAB or HADS; its classes are EA, EW and M"):
        choose_classes(settings({"classes": ["RRAB", "HADS"]}), dataset)


def test_without_a_column_of_labels_there_are_no_classes(dataset):
    assert choose_classes(settings({"column": "type"}), dataset) == []
    split = choose_split(settings({"column": "type"}), dataset)
    assert not split.subsets
    assert set(split.part) == {"train", "validation", "test"}
    with pytest.raises(DataError, match="type"):
        choose_classes(settings({"column": "type", "classes": ["EW"]}), dataset)


def test_the_split_has_its_own_seed_or_that_of_the_run(dataset):
    one = choose_split(settings(seed=1), dataset)
    assert one.hash == choose_split(settings(seed=1), dataset).hash
    assert one.hash != choose_split(settings(seed=2), dataset).hash
    own = choose_split(settings(split={"seed": 1}, seed=2), dataset)
    np.testing.assert_array_equal(own.part, one.part)
    assert own.hash == choose_split(settings(split={"seed": 1}, seed=3), dataset).hash
    zero = choose_split(settings(split={"seed": 0}, seed=1), dataset)
    np.testing.assert_array_equal(zero.part, choose_split(settings(seed=0), dataset).part)


def test_objects_of_other_classes_take_no_part_unless_told_to_train(dataset):
    embedded = choose_split(settings(), dataset).part
    assert set(embedded[LABELS == "M"]) == {""}
    assert (embedded[LABELS == ""] != "").all()
    trained = choose_split(settings({"others": "train"}), dataset).part
    assert (trained != "").all()


def test_a_split_that_is_given_is_put_in_the_order_of_the_dataset(dataset):
    part = np.where(np.arange(len(IDS)) % 3 == 0, "test", "train")
    order = np.random.default_rng(0).permutation(len(IDS))
    given = Split(IDS[order], part[order], {}, "by hand")
    chosen = choose_split(settings({"others": "train"}), dataset, given)
    np.testing.assert_array_equal(chosen.object_id, IDS)
    np.testing.assert_array_equal(chosen.part, part)
    # its subsets hold only objects with a class that is in use
    assert set(chosen.subsets) == {"50", "25", "10"}
    assert set(LABELS[chosen.subsets["50"]]) == {"EW", "EA"}
