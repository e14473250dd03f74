import json
from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skybind.data.splits import Split, column_split, make_split, random_split, sky_split
from skybind.data.subsets import PARTS, draw_share, release_cap, water_fill
from skybind.errors import DataError

# AstroM3, table of the class distribution: EW SR EA RRAB EB ROT RRC HADS M DSCT
TRAIN = [4890, 3647, 2343, 1886, 1571, 1454, 624, 226, 216, 206]
VALIDATION = [597, 479, 272, 231, 207, 189, 93, 29, 30, 25]
TEST = [681, 464, 301, 234, 198, 196, 79, 26, 22, 24]


@pytest.mark.parametrize(
    ("counts", "fraction", "cap"),
    [
        (TRAIN, 0.5, 1209),
        (TRAIN, 0.25, 516),
        (VALIDATION, 0.5, 149),
        (VALIDATION, 0.25, 64),
        (VALIDATION, 0.1, 21),
        (TEST, 0.5, 160),
        (TEST, 0.25, 69),
        (TEST, 0.1, 22),
    ],
)
def test_water_filling_gives_the_caps_of_the_paper(counts, fraction, cap):
    assert water_fill(counts, fraction) == cap


@pytest.mark.parametrize(
    ("counts", "caps"),
    [(TRAIN, [1209, 516, 166]), (VALIDATION, [149, 64, 21]), (TEST, [160, 69, 22])],
)
def test_the_rule_of_the_release_gives_all_nine_caps_of_the_paper(counts, caps):
    assert [release_cap(counts, share) for share in (0.5, 0.25, 0.1)] == caps


def test_the_one_cap_that_water_filling_does_not_give():
    # it fills a tenth of 17,063 training objects with 10 classes of 170; the paper has 166
    assert water_fill(TRAIN, 0.1) == 170
    labels = np.repeat([f"c{i}" for i in range(10)], TRAIN)
    part = np.full(len(labels), "train")
    for rule, cap in (("water-filling", 170), ("release", 166)):
        keep = draw_share(part, labels, 0.1, 42, rule)
        assert np.unique(labels[keep], return_counts=True)[1].tolist() == [cap] * 10


def test_the_rule_of_the_release_never_empties_a_class():
    assert release_cap([50] * 10, 0.1) == water_fill([50] * 10, 0.1) == 5  # its own would be 0
    assert release_cap([40], 0.5) == 20


@given(st.lists(st.integers(1, 500), min_size=1, max_size=12), st.floats(0.05, 1))
def test_the_cap_is_the_largest_that_fits(counts, fraction):
    cap = water_fill(counts, fraction)
    kept = np.minimum(counts, cap).sum()
    more = np.minimum(counts, cap + 1).sum()
    target = fraction * sum(counts)
    assert kept <= target + 1e-9 or cap == 1
    assert more > target - 1e-6 or more == kept == sum(counts)


def ids(n: int) -> np.ndarray:
    return np.array([f"s{i}" for i in range(n)])


def test_random_split_keeps_the_proportions_of_every_class():
    labels = np.repeat(["a", "b", "c"], [1000, 100, 10])
    split = random_split(ids(1110), labels, seed=1)
    for name, n in (("a", 1000), ("b", 100), ("c", 10)):
        parts = split.part[labels == name]
        assert [(parts == part).sum() for part in ("train", "validation", "test")] == [
            n * 8 // 10,
            n // 10,
            n // 10,
        ]


def test_a_seed_fixes_the_split_and_another_one_changes_it():
    labels = np.repeat(["a", "b"], 100)
    assert (
        random_split(ids(200), labels, seed=3).hash == random_split(ids(200), labels, seed=3).hash
    )
    assert (
        random_split(ids(200), labels, seed=3).hash != random_split(ids(200), labels, seed=4).hash
    )


def test_the_hash_knows_members_not_order():
    split = random_split(ids(50), seed=0)
    order = np.random.default_rng(0).permutation(50)
    assert Split(split.object_id[order], split.part[order]).hash == split.hash
    moved = split.part.copy()
    moved[0] = "test" if moved[0] != "test" else "train"
    assert Split(split.object_id, moved).hash != split.hash


def test_the_hash_knows_who_is_in_which_subset():
    labels = np.repeat(["a", "b"], 50)
    split = make_split("random", ids(100), labels=labels, subsets=("50", "10"))
    order = np.random.default_rng(0).permutation(100)
    turned = Split(
        split.object_id[order],
        split.part[order],
        {name: split.subsets[name][order] for name in ("10", "50")},
    )
    assert turned.hash == split.hash
    flipped = split.subsets["10"].copy()
    flipped[3] = not flipped[3]
    without = Split(split.object_id, split.part)
    hashes = {
        split.hash,
        without.hash,
        Split(split.object_id, split.part, split.subsets | {"10": flipped}).hash,
        Split(split.object_id, split.part, {"50": split.subsets["50"]}).hash,
        Split(split.object_id, split.part, {"25": split.subsets["50"]}).hash,
    }
    assert len(hashes) == 5


def rewritten(path, change):
    """Change columns of a split's file and keep its schema, hash included."""
    table = pq.read_table(path)
    for name, values in change.items():
        table = table.set_column(table.column_names.index(name), name, pa.array(values))
    pq.write_table(table, path)


def test_a_changed_subset_is_noticed(tmp_path):
    path = tmp_path / "s.parquet"
    split = make_split("random", ids(40), labels=np.repeat(["a", "b"], 20), subsets=("50",))
    split.write(path)
    rewritten(path, {"subset_50": ~split.subsets["50"]})
    with pytest.raises(DataError, match="was changed after it was made"):
        Split.read(path)


def test_a_file_whose_hash_covers_the_parts_alone_is_still_read(tmp_path):
    path = tmp_path / "s.parquet"
    split = make_split("random", ids(40), labels=np.repeat(["a", "b"], 20), subsets=("50",))
    split.write(path)
    table = pq.read_table(path)
    older = {"hash": Split(split.object_id, split.part).hash, "recipe": split.recipe}
    pq.write_table(table.replace_schema_metadata({b"skybind": json.dumps(older).encode()}), path)
    assert Split.read(path).subsets["50"].tolist() == split.subsets["50"].tolist()
    moved = np.where(split.part == "test", "train", split.part)
    rewritten(path, {"part": moved})
    with pytest.raises(DataError, match="was changed after it was made"):
        Split.read(path)


def test_sky_split_keeps_regions_whole():
    rng = np.random.default_rng(0)
    n = 20_000
    ra, dec = rng.uniform(0, 360, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))
    split = sky_split(ids(n), ra, dec, seed=0, cell=10)
    share = [(split.part == part).mean() for part in ("train", "validation", "test")]
    np.testing.assert_allclose(share, [0.8, 0.1, 0.1], atol=0.02)
    # an object a millionth of a degree beside another nearly always shares its part
    again = sky_split(ids(n), ra, dec + 1e-6 * np.sign(-dec), seed=0, cell=10)
    assert (again.part == split.part).mean() > 0.9999


def test_sky_split_at_the_edges_of_the_sky():
    ra = np.array([0, 360, 359.999999, 0, 180.0])
    dec = np.array([90, -90, 0, 0, 0.0])
    assert set(sky_split(ids(5), ra, dec).part) <= {"train", "validation", "test"}


def test_sky_split_names_an_object_without_position():
    with pytest.raises(DataError, match="'s1' has none"):
        sky_split(ids(3), np.array([1, np.nan, 2]), np.zeros(3))


def test_column_split_with_and_without_a_table_of_values():
    split = column_split(
        ids(3), np.array(["2014", "2016", "x"]), {"train": ["2014"], "test": ["2016"]}
    )
    assert split.part.tolist() == ["train", "test", ""]
    assert column_split(ids(2), np.array(["train", "test"])).part.tolist() == ["train", "test"]
    with pytest.raises(DataError, match="'spam'"):
        column_split(ids(1), np.array(["spam"]))


def test_subsets_are_nested_in_their_parts_and_capped():
    labels = np.repeat([f"c{i}" for i in range(10)], TRAIN)
    split = make_split("random", ids(len(labels)), labels=labels, subsets=("50", "10"), seed=42)
    for part in ("train", "validation", "test"):
        whole, half = split.rows(part), split.rows(part, "50")
        assert set(half) < set(whole)
        counts = np.unique(labels[whole], return_counts=True)[1]
        kept = np.unique(labels[half], return_counts=True)[1]
        assert kept.tolist() == np.minimum(counts, water_fill(counts, 0.5)).tolist()
    assert split.rows("train", "full").tolist() == split.rows("train").tolist()


def test_objects_without_a_label_are_in_no_subset():
    labels = np.array(["a", "", "b", ""] * 10)
    split = random_split(ids(40)).with_subset("50", labels, seed=0)
    assert not split.subsets["50"][labels == ""].any()


def test_write_and_read_round_trip(tmp_path):
    labels = np.repeat(["a", "ü"], 20)
    split = make_split("random", ids(40), labels=labels, subsets=("25",))
    split.write(tmp_path / "s.parquet")
    again = Split.read(tmp_path / "s.parquet")
    assert again.hash == split.hash
    assert again.recipe == split.recipe
    assert again.part.tolist() == split.part.tolist()
    assert again.subsets["25"].tolist() == split.subsets["25"].tolist()


def test_a_split_in_csv_keeps_names_that_look_like_numbers(tmp_path):
    (tmp_path / "s.csv").write_text("object_id,part\n007,train\n12345678901234567890,test\n9,\n")
    split = Split.read(tmp_path / "s.csv")
    assert split.object_id.tolist() == ["007", "12345678901234567890", "9"]
    assert split.part.tolist() == ["train", "test", ""]


def test_a_changed_split_is_found_out(tmp_path):
    path = tmp_path / "s.parquet"
    random_split(ids(20)).write(path)
    table = pq.read_table(path)
    part = table["part"].to_pylist()
    part[0] = "test" if part[0] != "test" else "train"
    changed = table.set_column(1, "part", pa.array(part))
    pq.write_table(changed, path)
    with pytest.raises(DataError, match="changed after it was made"):
        Split.read(path)


def test_align_follows_the_dataset_and_leaves_out_strangers():
    split = Split(
        ids(3), np.array(["train", "test", "validation"]), {"10": np.array([1, 0, 1], bool)}
    )
    aligned = split.align(np.array(["s2", "new", "s0"]))
    assert aligned.part.tolist() == ["validation", "", "train"]
    assert aligned.subsets["10"].tolist() == [True, False, True]
    grown = split.grown(ids(4))
    same = replace(grown, object_id=ids(4)).align(ids(4))  # nothing is to be moved
    assert same.part is grown.part
    assert (same.appended, grown.appended) == (0, 1)


@pytest.mark.parametrize("fractions", [(0.5, 0.5), (0.9, 0.2, -0.1), (0.8, 0.1, 0.2)])
def test_fractions_that_do_not_add_up_are_refused(fractions):
    with pytest.raises(DataError, match="add up to 1"):
        random_split(ids(5), fractions=fractions)


def test_classes_too_small_for_their_shares_leave_no_part_empty(caplog):
    """Nine objects of nine classes: each class alone would train, and nothing validate."""
    caplog.set_level("INFO", "skybind")
    split = random_split(ids(9), np.array([f"c{i}" for i in range(9)]), seed=2)
    assert [len(split.rows(part)) for part in PARTS] == [7, 1, 1]
    assert split.recipe["classes"] == "not heeded"
    assert "(validation and test would be empty)" in caplog.text
    caplog.clear()
    large = random_split(ids(200), np.array(["a", "b"] * 100), seed=2)
    assert "classes" not in large.recipe
    assert not caplog.text
    few = random_split(ids(2), np.array(["a", "b"]), seed=2)  # too few in any case
    assert len(few.rows("validation")) == 0
    assert not caplog.text
