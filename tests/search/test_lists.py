import numpy as np
import pytest

from skybind.search.lists import Lists, join_arrays, join_lists, write_lists

COUNT, M = 7, 3


@pytest.fixture
def made():
    rng = np.random.default_rng(0)
    lists = rng.choice([0, 1, 2, 4, 6], 500)  # two are empty
    codes = rng.integers(0, 256, (500, M)).astype(np.uint8)
    return lists, np.sort(rng.choice(9000, 500, replace=False)), codes


def written(folder, *arrays):
    folder.mkdir()
    write_lists(folder, COUNT, *arrays)
    return Lists.open(folder)


def test_a_list_holds_its_objects_in_order(made, tmp_path):
    lists, rows, _ = made
    found = written(tmp_path / "a", *made)
    assert len(found) == 500
    for number in range(COUNT):
        own = found.rows[found.starts[number] : found.starts[number + 1]]
        assert own.tolist() == rows[lists == number].tolist()


@pytest.mark.parametrize("few", [False, True])
def test_scores_are_sums_of_entries(made, tmp_path, few):
    lists, rows, codes = made
    found = written(tmp_path / "a", *made)
    rng = np.random.default_rng(1)
    table, cosines = rng.normal(size=(M, 256)).astype(np.float32), np.array([0.5, -1, 2, 0])
    numbers = np.array([6, 0, 3, 4])
    keep = rng.random(9000) < 0.3 if few else None
    got, scores = found.scores(numbers, cosines.astype(np.float32), table, keep)
    expected = {
        int(row): cosines[numbers == number][0] + table[np.arange(M), code].sum()
        for row, number, code in zip(rows, lists, codes, strict=True)
        if number in numbers and (keep is None or keep[row])
    }
    assert dict(zip(got.tolist(), scores, strict=True)) == pytest.approx(expected, abs=1e-5)


def test_joined_stretches_are_the_lists_of_all(made, tmp_path):
    whole = written(tmp_path / "whole", *made)
    bounds = [0, 120, 121, 500]
    for i in range(3):
        written(tmp_path / f"{i}", *(values[bounds[i] : bounds[i + 1]] for values in made))
    (tmp_path / "joined").mkdir()
    join_lists([tmp_path / f"{i}" for i in range(3)], tmp_path / "joined")
    joined = Lists.open(tmp_path / "joined")
    for name in ("starts", "rows", "codes"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))
        files = [(tmp_path / f / f"{name}.npy").read_bytes() for f in ("joined", "whole")]
        assert files[0] == files[1]


def test_arrays_are_joined_one_after_another(tmp_path):
    for i in range(3):
        np.save(tmp_path / f"{i}.npy", np.full((i + 1, 2), i))
    join_arrays([tmp_path / f"{i}.npy" for i in range(3)], tmp_path / "all.npy")
    assert np.load(tmp_path / "all.npy")[:, 0].tolist() == [0, 1, 1, 2, 2, 2]
