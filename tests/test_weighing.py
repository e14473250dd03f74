"""Tables of skybind's own: weighed before they are read, whatever their footers say."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skybind import limits
from skybind.errors import DataError
from skybind.parquet import open_parquet, read_parquet, write_parquet
from skybind.weighing import Weigher
from tests import bombs
from tests.bombs import little_memory, restate, words, write_bomb, write_missing_lists
from tests.broken import expect_one_sentence

SCHEMA = pa.schema({"object_id": pa.string(), "part": pa.string(), "x": pa.float64()})
ROWS = 30_000


@pytest.fixture
def all_counts(monkeypatch):
    """Judge tables by what is on disk however small they are."""
    monkeypatch.setattr(limits, "FREE", 0)


@pytest.mark.parametrize("kind", ["words", "lies", "zeros", "rows"])
def test_bombs_of_every_kind(kind, tmp_path):
    path = tmp_path / "a.parquet"
    write_bomb(path, kind, SCHEMA)
    assert path.stat().st_size < 10**6
    column = ["x" if kind == "zeros" else "part"]
    reads = [
        lambda: read_parquet(path),
        lambda: read_parquet(path, column, again="do it again"),
        lambda: open_parquet(path).read(column),
        lambda: open_parquet(path).read_row_group(0, column),
        lambda: open_parquet(path).read_row_groups([0], column),
        lambda: open_parquet(path).iter_batches(10, columns=column),
    ]
    for read in reads:
        with (
            little_memory(),
            pytest.raises(DataError, match=r"a\.parquet would take .*KYBIND_MAX_F") as caught,
        ):
            read()
        expect_one_sentence(caught.value)
    if kind in ("words", "lies"):
        assert read_parquet(path, ["x"]).num_rows == 10**6


def test_columns_that_are_read_one_by_one_swell_together(tmp_path, monkeypatch):
    """Each alone may be read, as its file is not much smaller; whoever reads all gets gigabytes."""
    path = tmp_path / "a.parquet"
    many = pa.schema([pa.field("object_id", pa.string())] + [(f"x{i}", "f8") for i in range(40)])
    monkeypatch.setattr(bombs, "ZEROS", ROWS)
    monkeypatch.setattr(limits, "FREE", 10**5)
    write_bomb(path, "zeros", many)
    assert 8 * ROWS < limits.RATIO * path.stat().st_size < 40 * 8 * ROWS
    for read in (lambda: read_parquet(path, ["x7"]), lambda: open_parquet(path).read(["x7"])):
        with pytest.raises(DataError, match=r"a\.parquet would take 9\.6 MB or more from"):
            read()


@pytest.mark.parametrize(("n", "length"), [(10**6, 128), (3, 2**30)])
def test_missing_vectors_take_room_in_memory(n, length, tmp_path):
    path = tmp_path / "a.parquet"
    write_missing_lists(path, np.zeros(n, np.int8), length)
    reads = [
        lambda: read_parquet(path),
        lambda: read_parquet(path, ["word"]),
        lambda: open_parquet(path).read(["word"]),
    ]
    for read in reads:
        with (
            little_memory(3e8),
            pytest.raises(DataError, match=r"a\.parquet would take (512 MB|12)"),
        ):
            read()
    assert read_parquet(path, ["id"]).num_rows == n


def test_a_file_of_the_same_columns_may_tell_of_longer_lists(tmp_path):
    honest, lying = tmp_path / "a.parquet", tmp_path / "b.parquet"
    write_missing_lists(honest, names(100), 4)
    write_missing_lists(lying, names(100), 2**30)
    first = Weigher(honest, pq.read_metadata(honest), "a")
    first.check()
    with pytest.raises(DataError, match="b would take"):
        Weigher(lying, pq.read_metadata(lying), "b", first).check()


def test_embeddings_of_objects_that_mostly_have_none_pass(tmp_path):
    """Of a modality that few objects have: their names stand in the file, vectors do not."""
    path = tmp_path / "a.parquet"
    write_missing_lists(path, names(), 4096)
    assert max(limits.FREE, 1000 * path.stat().st_size) < 4 * 4096 * ROWS
    Weigher(path, pq.read_metadata(path), "a").check()


def test_text_in_lists(tmp_path):
    path = tmp_path / "a.parquet"
    lists = pa.ListArray.from_arrays(pa.array([0, 1, 10**6], pa.int32()), words())
    pq.write_table(pa.table({"x": lists}), path, compression="zstd", store_schema=False)
    with little_memory(), pytest.raises(DataError, match="would take 1e\\+03 GB"):
        read_parquet(path)


def names(n=ROWS):
    return pa.array([f"SIM{i:08}" for i in range(n)])


def constants(n=ROWS):
    """Nothing but constants, as a table of features may be of objects without light curves."""
    null = {f"f{i}": pa.nulls(n, pa.float64()) for i in range(40)}
    zero = {f"g{i}": np.zeros(n) for i in range(40)}
    return pa.table({"object_id": names(n), **null, **zero})


HONEST = {
    "split": lambda: (
        pa.table({"object_id": names(), "part": ["train"] * ROWS, "subset_50": [True] * ROWS}),
        None,
    ),
    "quarantine": lambda: (
        pa.table({
            "object_id": names(),
            "source": names(),
            "modality": ["spectrum"] * ROWS,
            "reason": ["it holds 3 finite values, and 10 are needed (see min_points)"] * ROWS,
        }),
        None,
    ),
    "embeddings": lambda: (
        pa.table({
            "object_id": names(),
            "split": [""] * ROWS,
            "spectrum": pa.nulls(ROWS, pa.list_(pa.float32(), 16)),
            "photometry": pa.FixedSizeListArray.from_arrays(
                np.random.default_rng(0).normal(size=16 * ROWS).astype(np.float32), 16
            ),
        }),
        4096,
    ),
    "constants": lambda: (constants(), 1024),
}  # fmt: skip


@pytest.mark.parametrize("kind", HONEST)
def test_constant_columns_of_honest_tables_pass_however_many_rows_there_are(
    kind, tmp_path, all_counts
):
    table, rows = HONEST[kind]()
    path = tmp_path / "a.parquet"
    write_parquet(table, path, row_group_size=rows)
    assert read_parquet(path).equals(table)
    for name in {*table.column_names[:4], table.column_names[-1]}:
        assert read_parquet(path, [name])[name].equals(table[name])
        with open_parquet(path) as file:
            assert sum(map(len, file.iter_batches(1000, columns=[name]))) == ROWS


def test_one_long_text_among_many_rows_passes(tmp_path, all_counts):
    """All as long as the longest would be 900 MB: it is read through instead."""
    long = "".join(map(chr, np.random.default_rng(0).integers(48, 123, 3 * 10**4)))
    table = pa.table({"object_id": names(), "note": ["seen", long] + ["seen"] * (ROWS - 2)})
    path = tmp_path / "a.parquet"
    write_parquet(table, path)
    weigher = Weigher(path, pq.read_metadata(path), "a")
    assert max(weigher.by_words(leaf) for leaf in weigher.leaves(["note"])) > 8e8
    assert weigher.check(["note"]) < 2e6
    assert read_parquet(path).equals(table)


def test_what_is_weighed_is_what_is_read(tmp_path):
    table = pa.table({"id": names(3000), "n": np.arange(3000), "list": [["a", "bc"]] * 3000})
    path = tmp_path / "a.parquet"
    write_parquet(table, path, row_group_size=1000)
    for source in (path, path.read_bytes(), pa.BufferReader(path.read_bytes())):
        weigher = Weigher(source, pq.read_metadata(path), "a")
        by_words = [weigher.by_words(leaf) for leaf in weigher.leaves(["id"])]
        assert len(by_words) == 3
        assert table["id"].nbytes <= sum(by_words) < 4 * table["id"].nbytes
        assert sum(leaf.size for leaf in weigher.leaves(["n"], [1])) == pytest.approx(8000, rel=0.3)
        assert {leaf.path for leaf in weigher.leaves(["list"])} == {"list.list.element"}


@pytest.mark.parametrize("change", [{3000: 2999}, {1000: 2**40}])
def test_footers_that_cannot_be_are_damage(change, tmp_path):
    path = tmp_path / "a.parquet"
    write_parquet(pa.table({"n": np.arange(3000)}), path, row_group_size=1000)
    restate(path, change)
    with pytest.raises((pa.ArrowInvalid, DataError)):
        read_parquet(path)
