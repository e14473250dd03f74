import io
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from rich.console import Console

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.info import dataset_info, render_info
from skybind.data.quarantine import read_quarantine
from skybind.data.schema import METADATA_KEY, Column, DatasetSchema
from skybind.data.splits import random_split
from skybind.data.write import DatasetWriter
from skybind.errors import DataError
from skybind.ragged import Ragged

PHOTOMETRY = Column(
    "observation",
    modality="photometry",
    fields={"time": "d", "flux": "mJy", "flux_err": "mJy", "band": None},
)
COLUMNS = {
    "label": Column("label", None, "Class"),
    "bp_rp": Column("feature", "mag", "Colour", "metadata"),
    "period": Column("feature", "d", "Period", "photometry"),
    "photometry": PHOTOMETRY,
}


def curves(lengths: list[int | None], start: float = 0) -> Ragged:
    counts = [n or 0 for n in lengths]
    total = sum(counts)
    rng = np.random.default_rng(0)
    time = np.concatenate([np.arange(n) for n in counts] or [[]]) + start
    return Ragged(
        {
            "time": time.astype(float),
            "flux": rng.normal(10, 1, total).astype(np.float32),
            "flux_err": np.full(total, 0.5, np.float32),
            "band": np.full(total, "V", object),
        },
        np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        np.array([n is not None for n in lengths]),
    )


def chunk(names: list[str], lengths: list[int | None], start: float = 0) -> dict:
    n = len(names)
    return {
        "object_id": np.array(names),
        "ra": np.linspace(0, 300, n),
        "dec": np.linspace(-80, 80, n),
        "label": np.array(["M", "", "EW"] * n)[:n],
        "bp_rp": np.where(np.arange(n) % 2, np.nan, 1.5),
        "period": np.arange(n) + 0.5,
        "photometry": curves(lengths, start),
    }


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "data"
    with DatasetWriter(path, COLUMNS, provenance="made for a test", simulated=True) as writer:
        writer.append(chunk(["a", "b", "c"], [3, None, 5]))
        writer.append(chunk(["d", "e"], [None, None]))
        writer.quarantine(
            [{"object_id": "z", "source": "z.csv", "modality": "photometry", "reason": "one epoch"}]
        )
        writer.truth({"object_id": np.array(["a"]), "planted": np.array([1.0])})
    return path


def test_what_is_written_is_read(folder):
    d = Dataset.open(folder)
    assert len(d) == 5
    assert d.object_ids.tolist() == ["a", "b", "c", "d", "e"]
    assert d.schema.columns["photometry"] == PHOTOMETRY
    assert d.schema.provenance == "made for a test"
    assert d.schema.simulated
    assert d.schema.modalities == ["photometry", "metadata"]
    assert d.labels().tolist() == ["M", "", "EW", "M", ""]
    np.testing.assert_array_equal(d.column("bp_rp"), [1.5, np.nan, 1.5, 1.5, np.nan])
    r = d.ragged("photometry")
    assert r.lengths.tolist() == [3, 0, 5, 0, 0]
    assert r.fields["band"].tolist() == ["V"] * 8
    np.testing.assert_array_equal(r.fields["flux"], curves([3, None, 5]).fields["flux"])
    assert d.ragged("photometry", np.array([2, 0])).lengths.tolist() == [5, 3]
    assert read_quarantine(folder)[0]["reason"] == "one epoch"
    assert pq.read_table(folder / "truth.parquet")["planted"].to_pylist() == [1.0]


def test_presence_and_lengths(folder):
    d = Dataset.open(folder)
    assert d.present("photometry").tolist() == [True, False, True, False, False]
    assert d.lengths("photometry").tolist() == [3, -1, 5, -1, -1]
    assert d.present("metadata").tolist() == [True, False, True, True, False]
    with pytest.raises(DataError, match="no 'image' \\(it has photometry, metadata\\)"):
        d.present("image")


def test_chunks_are_in_order_and_complete(folder):
    sizes, names = [], []
    for table in Dataset.open(folder).iter_tables(["object_id"], rows=2):
        sizes.append(len(table))
        names += table["object_id"].to_pylist()
    assert max(sizes) <= 2
    assert names == ["a", "b", "c", "d", "e"]


def test_the_fingerprint_knows_the_content(folder, tmp_path):
    first = Dataset.open(folder).fingerprint
    assert Dataset.open(folder).fingerprint == first
    other = tmp_path / "other"
    with DatasetWriter(other, COLUMNS) as writer:
        writer.append(chunk(["a", "b", "c"], [3, None, 5], start=1))
    assert Dataset.open(other).fingerprint != first


def test_a_sound_dataset_has_no_violation(folder):
    random_split(Dataset.open(folder).object_ids).write(folder / "splits" / "random.parquet")
    assert check_dataset(folder) == []


def test_info_counts_what_is_there(folder):
    split = random_split(np.array(list("abcde")), fractions=(0.6, 0.2, 0.2))
    split = split.with_subset("50", np.array(["x"] * 5), seed=0)
    split.write(folder / "splits" / "random.parquet")
    (folder / "splits" / "bad.parquet").write_bytes(b"no")
    info = dataset_info(folder)
    assert (info.objects, info.simulated) == (5, True)
    assert info.modalities["photometry"].objects == 2
    assert info.modalities["photometry"].median_length == 4
    assert info.modalities["metadata"].fields == {"bp_rp": "mag"}
    assert info.overlaps == {
        ("photometry", "metadata"): 2,
        ("metadata",): 1,
        (): 2,
    }
    assert sum(info.overlaps.values()) == info.objects
    assert info.labels == {"label": {"": 2, "EW": 1, "M": 2}}
    assert info.splits["random"].hash == split.hash
    assert info.splits["random"].parts == {"train": 3, "validation": 1, "test": 1}
    assert info.splits["random"].subsets["50"]["train"] == 1
    assert "bad" in info.damaged_splits
    assert info.quarantine == {("photometry", "one epoch"): 1}
    assert info.n_bytes == sum(p.stat().st_size for p in (folder / "objects").iterdir())


def test_info_is_printed_whole(folder):
    from rich.console import Console

    console = Console(width=120, record=True, file=open("/dev/null", "w"))  # noqa: SIM115
    console.print(render_info(dataset_info(folder)))
    text = console.export_text()
    for part in ("photometry + metadata", "made for a test", "(simulated)", "one epoch", "EW"):
        assert part in text


def test_nothing_appears_when_writing_fails(tmp_path):
    def write_and_fail():
        with DatasetWriter(tmp_path / "d", COLUMNS) as writer:
            writer.append(chunk(["a"], [2]))
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_and_fail()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"object_id": np.array(["a", "a"])}, "'a' occurs more than once"),
        ({"label": np.array(["M"])}, "'label' has 1 rows, object_id has 2"),
        ({"spam": np.zeros(2)}, "'spam' was given but is not in the schema"),
        ({"bp_rp": np.zeros((2, 2))}, "'bp_rp' has 2 dimensions"),
        ({"photometry": np.zeros(2)}, "'photometry' holds observations: give it as Ragged"),
    ],
)
def test_the_writer_refuses_what_does_not_fit(tmp_path, change, sentence):
    columns = {**chunk(["a", "b"], [2, 2]), **change}
    with pytest.raises(DataError, match=sentence), DatasetWriter(tmp_path / "d", COLUMNS) as writer:
        writer.append(columns)
    assert list(tmp_path.iterdir()) == []


def test_the_writer_needs_every_column_and_an_object(tmp_path):
    columns = chunk(["a"], [2])
    del columns["label"]
    sentence = "'label' is in the schema but was not given"
    with pytest.raises(DataError, match=sentence), DatasetWriter(tmp_path / "d", COLUMNS) as writer:
        writer.append(columns)
    with pytest.raises(DataError, match="No objects"), DatasetWriter(tmp_path / "d", COLUMNS):
        pass


def test_a_dataset_is_not_overwritten_unasked(folder):
    with pytest.raises(DataError, match="already a dataset"):
        DatasetWriter(folder, COLUMNS)
    with DatasetWriter(folder, {"label": Column("label")}, overwrite=True) as writer:
        writer.append({"object_id": np.array(["new"]), "label": np.array(["M"])})
    assert Dataset.open(folder).object_ids.tolist() == ["new"]


def test_foreign_folders_and_files_are_left_alone(tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").touch()
    (tmp_path / "file").touch()
    with pytest.raises(DataError, match="holds other files"):
        DatasetWriter(tmp_path / "photos", COLUMNS, overwrite=True)
    with pytest.raises(DataError, match="is a file"):
        DatasetWriter(tmp_path / "file", COLUMNS)


def test_the_schema_survives_json():
    schema = DatasetSchema(COLUMNS, "somewhere", True)
    raw = json.loads(schema.to_metadata()[METADATA_KEY])
    assert DatasetSchema.from_dict(raw) == schema
    assert schema.features("photometry") == ["period"]
    assert schema.with_role("label") == ["label"]


def test_a_role_that_is_none_is_refused():
    with pytest.raises(DataError, match="'spam'"):
        Column("spam")


def images(sizes: list[int], start: int = 0) -> Ragged:
    counts = np.square(sizes)
    values = np.arange(start, start + counts.sum(), dtype=np.float32)
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
    return Ragged({"g": values, "r": -values}, offsets, np.array(sizes) > 0)


IMAGE = Column(
    "observation",
    modality="image",
    fields={"g": "nmgy", "r": "nmgy"},
    attributes={"pixel_scale": 0.262, "stretch": "linear"},
)


def test_attributes_of_a_column_are_kept(tmp_path):
    with DatasetWriter(tmp_path / "d", {"image": IMAGE}) as writer:
        writer.append({"object_id": np.array(["a", "b"]), "image": images([4, 6])})
    schema = Dataset.open(tmp_path / "d").schema
    assert schema.attributes("image") == {"pixel_scale": 0.262, "stretch": "linear"}
    assert schema.fields("image") == {"g": "nmgy", "r": "nmgy"}


def test_row_groups_of_large_rows_are_small(tmp_path, monkeypatch):
    monkeypatch.setattr("skybind.data.write.ROW_GROUP_BYTES", 10_000)
    with DatasetWriter(tmp_path / "d", {"image": IMAGE}) as writer:
        writer.append({"object_id": np.array(list("abcdefgh")), "image": images([20] * 8)})
    footer = pq.ParquetFile(tmp_path / "d" / "objects" / "part-00000.parquet").metadata
    assert [footer.row_group(i).num_rows for i in range(footer.num_row_groups)] == [3, 3, 2]


def test_text_alone_is_written_with_a_dictionary(folder):
    part = next((folder / "objects").glob("*.parquet"))
    group = pq.ParquetFile(part).metadata.row_group(0)
    encoded = {}
    for i in range(group.num_columns):
        column = group.column(i)
        encoded[column.path_in_schema] = any("DICTIONARY" in e for e in column.encodings)
    text = {"object_id", "label", "photometry.band.list.element"}
    assert {name for name, has in encoded.items() if has} == text & set(encoded)
    assert {"object_id", "label", "photometry.flux.list.element"} <= set(encoded)


def test_rows_are_taken_from_their_row_groups_in_any_order(tmp_path, monkeypatch):
    monkeypatch.setattr("skybind.data.write.ROW_GROUP_BYTES", 10_000)
    with DatasetWriter(tmp_path / "d", {"image": IMAGE}) as writer:
        for part in range(3):
            ids = np.array([f"{part}{i}" for i in range(5)])
            writer.append({"object_id": ids, "image": images([20] * 5, start=2000 * part)})
    d = Dataset.open(tmp_path / "d")
    rows = np.array([13, 0, 4, 13, 7])
    assert d.table(["object_id"], rows)["object_id"].to_pylist() == ["23", "00", "04", "23", "12"]
    taken = d.ragged("image", rows)
    np.testing.assert_array_equal(taken.fields["g"], d.ragged("image").take(rows).fields["g"])
    assert len(d.ragged("image", np.array([], int))) == 0
    with pytest.raises(DataError, match="row 15"):
        d.table(["object_id"], np.array([15]))


def test_epochs_and_objects_of_each_band_are_counted(tmp_path):
    """Over several files, with epochs of no band, an object without a curve, and 25 rare bands."""
    names = np.array(["g", "r", "g", "", "r", "r"] + [f"b{i:02d}" for i in range(25)], object)
    lengths = [2, None, 3, 1, 25]
    with DatasetWriter(tmp_path / "d", COLUMNS) as writer:
        for prefix in ("a", "b"):
            made = chunk([f"{prefix}{i}" for i in range(5)], lengths)
            made["photometry"].fields["band"] = names
            writer.append(made)
    bands = Dataset.open(tmp_path / "d").bands("photometry")
    assert {n: bands[n] for n in ("g", "r", "")} == {"g": (4, 4), "r": (6, 6), "": (2, 2)}
    assert len(bands) == 28
    assert Dataset.open(tmp_path / "d").band_names("photometry") == list(bands)
    info = dataset_info(tmp_path / "d")
    assert info.modalities["photometry"].bands == bands
    console = Console(width=100, file=io.StringIO())
    console.print(render_info(info))
    shown = console.file.getvalue()
    rows = [line.replace("│", " ").split() for line in shown.splitlines()]
    assert ["r", "6", "6"] in rows
    assert ["(none)", "2", "2"] in rows
    assert "8 more" in shown


def flat_dataset(**columns):
    """A dataset in memory of an identifier and some columns."""
    n = len(next(iter(columns.values())))
    table = pa.table({"object_id": [f"s{i}" for i in range(n)], **columns})
    schema = DatasetSchema({"object_id": Column("id"), **dict.fromkeys(columns, Column("info"))})
    return Dataset.from_table(table, schema)


def test_no_digit_of_a_column_is_lost():
    """A float keeps integers up to 2^53; beyond, one that is missing must not change the rest."""
    source = 5853498713190525697
    d = flat_dataset(
        source_id=pa.array([source, None, 2**53 + 1]),
        flag=pa.array([1, None, 3]),
        seen=pa.array([True, None, False]),
        when=pa.array([0, None, 1], pa.timestamp("us")),
    )
    assert d.column("source_id").tolist() == [source, None, 2**53 + 1]
    np.testing.assert_array_equal(d.column("flag"), [1, np.nan, 3])
    np.testing.assert_array_equal(d.column("seen"), [1, np.nan, 0])
    assert np.isnat(d.column("when")).tolist() == [False, True, False]
    assert d.column("source_id", np.array([0])).tolist() == [source]


def test_figures_and_measures_have_numbers_of_any_size():
    d = flat_dataset(source_id=pa.array([5853498713190525697, None]), label=["M", None])
    for values in (d.plotted("source_id"), d.numbers("source_id")):
        np.testing.assert_array_equal(values, [5.853498713190525697e18, np.nan])
    assert d.plotted("label").tolist() == ["M", ""]


def test_times_are_no_numbers():
    """Their microseconds would be taken for days."""
    d = flat_dataset(when=pa.array([0, None], pa.timestamp("us")))
    with pytest.raises(DataError, match="should hold numbers, not text or times"):
        d.numbers("when")
