"""Which classes and which split a configuration chooses."""

import shutil
import tempfile
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from skybind.config import load_config
from skybind.config.schema import LabelConfig, SplitConfig
from skybind.data.dataset import Dataset
from skybind.data.schema import Column, DatasetSchema
from skybind.data.splits import Split, make_split
from skybind.data.twins import find_twins
from skybind.data.write import DatasetWriter
from skybind.errors import ConfigError, DataError
from skybind.runs.choosing import (
    choose_classes,
    choose_split,
    refuse_empty_parts,
    with_own_split,
)

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


@pytest.fixture
def twelve(tmp_path):
    with DatasetWriter(tmp_path / "d", {"label": Column("label")}) as writer:
        sky = np.linspace(0, 50, 12)
        writer.append(
            {"object_id": IDS[:12], "ra": sky, "dec": sky, "label": ["EA"] * 8 + ["M"] * 4}
        )
    return Dataset.open(tmp_path / "d")


@pytest.mark.parametrize("seed", range(5))
def test_a_tiny_survey_has_two_objects_to_validate(twelve, seed, caplog):
    caplog.set_level("INFO", logger="skybind")
    made = make_split("random", twelve.object_ids, seed=seed).part
    assert (made == "validation").sum() == 1
    split = choose_split(settings({"min_objects": 5}, seed=seed), twelve)
    assert len(split.rows("validation")) == 2
    assert len(split.rows("train")) >= 4
    assert set(split.part[8:]) == {""}  # objects of a class that is not in use take no part
    assert "are taken as such too" in caplog.text
    refuse_empty_parts(split)
    none = choose_split(settings(split={"fractions": (0.9, 0, 0.1)}, seed=seed), twelve)
    assert not len(none.rows("validation"))


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


@pytest.fixture
def own(dataset, tmp_path):
    """A dataset that brings a split with a subset, and its parts."""
    folder = shutil.copytree(dataset.path, tmp_path / "own")
    part = np.where(np.arange(len(IDS)) % 2 == 0, "train", "test").astype("<U10")
    part[:6] = "validation"
    keep = np.arange(len(IDS)) < 20
    Split(IDS, part, {"10": keep}, {"kind": "published"}).write(folder / "splits/published.parquet")
    return Dataset.open(folder), part


def test_the_split_that_a_dataset_brings_is_used_with_its_subsets(own, caplog):
    caplog.set_level("INFO", logger="skybind")
    dataset, part = own
    config = with_own_split(load_config("stars", ["labels.others=train"]), dataset)
    assert config.split.name == "published"
    said = caplog.text
    assert "The split is 'published', which the dataset" in said
    assert "32 train, 6 validation and 31 test" in said
    assert "split.name=none" in said
    chosen = choose_split(config, dataset)
    np.testing.assert_array_equal(chosen.part, part)
    assert np.flatnonzero(chosen.subsets["10"]).tolist() == list(range(20))
    assert chosen.subsets["25"].any()  # it lacks that one, which is drawn


def test_a_new_split_beside_one_that_is_there_has_to_be_asked_for(own, dataset):
    config = load_config("stars", ["split.name=none"])
    assert with_own_split(config, own[0]) is config
    assert choose_split(config, own[0]).hash == choose_split(config, dataset).hash
    with pytest.raises(ConfigError, match=r"set split.name to published, or to none"):
        with_own_split(load_config("stars", ["split.kind=sky"]), own[0])
    with pytest.raises(ConfigError, match="no split 'publish': did you mean 'published'"):
        choose_split(load_config("stars", ["split.name=publish"]), own[0])


def test_of_several_splits_none_is_taken_without_a_word(own, caplog):
    caplog.set_level("INFO", logger="skybind")
    dataset, part = own
    Split(IDS, part).write(dataset.path / "splits/mine.parquet")
    config = load_config("stars")
    assert with_own_split(config, dataset) is config
    assert "holds the splits mine and published" in caplog.text


def test_a_dataset_without_a_split_gets_a_new_one(dataset, caplog):
    caplog.set_level("INFO", logger="skybind")
    config = load_config("stars")
    assert with_own_split(config, dataset) is config
    assert not caplog.text


def test_a_split_of_two_parts_gets_training_objects_to_validate(own, caplog):
    caplog.set_level("INFO", logger="skybind")
    dataset, part = own
    two = np.where(part == "validation", "train", part)
    Split(IDS, two).write(dataset.path / "splits/two.parquet")
    config = load_config("stars", ["split.name=two", "labels.others=train"])
    chosen = choose_split(config, dataset)
    assert set(chosen.part[two == "train"]) == {"train", "validation"}
    assert (chosen.part == "test").sum() == (two == "test").sum()
    drawn = (chosen.part == "validation").sum()
    assert abs(drawn - (two == "train").sum() / 9) < 2  # 0.1 of 0.8 + 0.1
    assert "has no validation objects" in caplog.text
    assert choose_split(config, dataset).hash == chosen.hash


@given(
    train=st.integers(2, 60),
    test=st.integers(0, 5),
    classes=st.integers(1, 12),
    twins=st.integers(0, 8),
    share=st.sampled_from([0.01, 0.05, 0.1, 0.3]),
    seed=st.integers(0, 3),
)
@examples(max_examples=60, deadline=None)
def test_a_training_part_of_any_size_gets_objects_to_validate(
    train, test, classes, twins, share, seed
):
    n = train + test
    ids = np.array([f"g{i:03}" for i in range(n)])
    ra = np.linspace(0, 90, n)
    ra[1 : min(twins, train)] = ra[0]  # as near as the first
    labels = [f"class {i % classes}" for i in range(n)]
    table = pa.table({"object_id": ids, "ra": ra, "dec": np.zeros(n), "label": labels})
    columns = {"object_id": "id", "ra": "position", "dec": "position", "label": "label"}
    schema = DatasetSchema({name: Column(role) for name, role in columns.items()})
    with tempfile.TemporaryDirectory() as folder:
        dataset = Dataset.from_table(table, schema, folder)
        two = Split(ids, np.array(["train"] * train + ["test"] * test))
        (dataset.path / "splits").mkdir()
        two.write(dataset.path / "splits" / "two.parquet")
        parts = {"fractions": (0.9 - share, share, 0.1), "name": "two", "subsets": []}
        chosen = choose_split(settings({"others": "train"}, parts, seed), dataset)
    assert (chosen.part == "test").sum() == test
    validated, trained = ((chosen.part == one).sum() for one in ("validation", "train"))
    assert validated + trained == train
    group = find_twins(dataset).group[:train]
    for name in np.unique(group):
        assert len(set(chosen.part[:train][group == name])) == 1
    if len(np.unique(group)) >= 2 and (group == group[0]).sum() <= train // 2:
        assert validated >= min(2, train // 2)
        assert trained >= 1


def test_percentages_are_cut_by_the_rule_of_the_configuration(dataset):
    # 16 of 30 and 10 objects: water fills to 8 and 8; the release takes 16 - 2 * 10 from 10
    given = Split(IDS, np.full(len(IDS), "train"))
    for rule, cap in (("water-filling", 8), ("release", 6)):
        asked = settings(split={"subset_rule": rule, "subsets": ["40"]})
        kept = choose_split(asked, dataset, given).subsets["40"]
        assert np.unique(LABELS[kept], return_counts=True)[1].tolist() == [cap, cap]
