import numpy as np
import pytest

from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.data.splits import Split
from skybind.data.stored_splits import extend_split, split_dataset
from skybind.data.twins import find_twins
from skybind.data.write import DatasetWriter
from skybind.errors import DataError
from skybind.ingest.append import append_dataset
from skybind.ragged import Ragged, offsets_of


def written(folder, ra, names=None):
    """A dataset of positions alone."""
    names = [f"s{i:04d}" for i in range(len(ra))] if names is None else names
    with DatasetWriter(folder, {"label": Column("label")}, overwrite=True) as writer:
        writer.append(
            {
                "object_id": np.asarray(names),
                "ra": np.asarray(ra, float),
                "dec": np.zeros(len(ra)),
                "label": np.asarray(["M", "EW"] * len(ra))[: len(ra)],
            }
        )
    return folder


@pytest.fixture
def grown(tmp_path):
    """100 objects with a split, and 50 more; the last three are twins of older ones."""
    folder = written(tmp_path / "stars", np.arange(100.0))
    split = split_dataset(folder, "main", label="label", subsets=["50"], seed=3)
    parts = [int(split.rows(part)[0]) for part in ("train", "validation", "test")]
    place = np.concatenate([np.arange(147.0), np.asarray(parts) + 0.5 / 3600])
    stored = (folder / "splits" / "main.parquet").read_bytes()
    written(folder, place)
    (folder / "splits").mkdir()
    (folder / "splits" / "main.parquet").write_bytes(stored)
    return folder, split


def test_objects_keep_their_parts_and_new_ones_get_one(grown):
    folder, before = grown
    done = extend_split(folder, "main")
    after = Split.read(folder / "splits" / "main.parquet")
    np.testing.assert_array_equal(after.part[:100], before.part)
    np.testing.assert_array_equal(after.subsets["50"][:100], before.subsets["50"])
    assert not after.subsets["50"][100:].any()
    assert len(after.object_id) == 150
    assert done.added == {"train": 39, "validation": 5, "test": 6}  # 47 drawn, three follow
    assert sum(done.added.values()) == 50
    assert after.recipe["extended"] == [{"from": before.hash, "objects": 50}]


def curves(folder, names, times, places):
    """A dataset of light curves that rise in time, each from a brightness of its own."""
    fields = {"time": "d", "magnitude": "mag"}
    columns = {"photometry": Column("observation", modality="photometry", fields=fields)}
    values = np.concatenate([t + place for t, place in zip(times, places, strict=True)])
    lengths = [len(t) for t in times]
    own = Ragged(
        {"time": np.concatenate(times), "magnitude": values.astype("f4")},
        offsets_of(np.asarray(lengths)),
        np.ones(len(times), bool),
    )
    with DatasetWriter(folder, columns) as writer:
        writer.append(
            {
                "object_id": np.asarray(names),
                "ra": np.arange(len(names)) + 100.0 * names[0].startswith("x"),
                "dec": np.zeros(len(names)),
                "photometry": own,
            }
        )
    return folder


@pytest.mark.parametrize("nights", [1, 2])
def test_a_renamed_copy_of_what_gained_epochs_goes_where_the_original_is(tmp_path, nights):
    names, places = [f"s{i:02d}" for i in range(40)], np.arange(40.0)
    early = np.arange(8.0)
    folder = curves(tmp_path / "stars", names, [early] * 40, places)
    split = split_dataset(folder, "main", seed=1)
    for night in range(nights):
        more = curves(
            tmp_path / f"night{night}", names, [np.arange(3.0) + 50 + 9 * night] * 40, places
        )
        append_dataset(folder, more)
    append_dataset(
        folder, curves(tmp_path / "copies", [f"x{i:02d}" for i in range(40)], [early] * 40, places)
    )
    done = extend_split(folder, "main")
    assert done.followed == 40
    np.testing.assert_array_equal(done.split.part[40:], split.part)
    assert find_twins(Dataset.open(folder)).by_data == 40


def test_twins_go_where_their_twin_is(grown):
    folder, _ = grown
    done = extend_split(folder, "main")
    assert done.split.part[-3:].tolist() == ["train", "validation", "test"]
    assert done.followed == 3


def test_a_second_time_changes_nothing(grown):
    folder, _ = grown
    extend_split(folder, "main")
    file = folder / "splits" / "main.parquet"
    before = file.read_bytes()
    assert not sum(extend_split(folder, "main").added.values())
    assert file.read_bytes() == before


def test_regions_of_the_sky_stay_whole(tmp_path):
    folder = written(tmp_path / "stars", np.arange(0, 360, 3.0))
    split_dataset(folder, "sky", kind="sky")
    stored = (folder / "splits" / "sky.parquet").read_bytes()
    written(folder, np.concatenate([np.arange(0, 360, 3.0), np.arange(0, 360, 3.0) + 0.01]))
    (folder / "splits").mkdir()
    (folder / "splits" / "sky.parquet").write_bytes(stored)
    part = extend_split(folder, "sky").split.part
    np.testing.assert_array_equal(part[:120], part[120:])


def test_what_cannot_be_extended_is_refused(tmp_path):
    folder = written(tmp_path / "stars", np.arange(20.0))
    split_dataset(folder, "main")
    with pytest.raises(DataError, match="did you mean 'main'"):
        extend_split(folder, "mian")
    split = Split.read(folder / "splits" / "main.parquet")
    split.recipe = {"kind": "column"}
    split.write(folder / "splits" / "main.parquet")
    with pytest.raises(DataError, match="follows a column"):
        extend_split(folder, "main")


def test_a_split_is_not_written_beside_other_objects(tmp_path, monkeypatch):
    folder = written(tmp_path / "stars", np.arange(20.0))

    def replaced(dataset):
        found = find_twins(dataset)
        written(folder, np.arange(21.0))
        return found

    monkeypatch.setattr("skybind.data.stored_splits.find_twins", replaced)
    with pytest.raises(DataError, match="has changed since it was opened"):
        split_dataset(folder, "main")
    assert not (folder / "splits").exists()
