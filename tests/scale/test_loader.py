"""Batches of tensors: every object once, with its own values, whoever reads."""

import functools
import operator

import numpy as np
import pyarrow as pa
import pytest
import torch
from torch.utils.data import DataLoader

from skybind.errors import ConfigError, DataError
from skybind.scale import batches
from skybind.scale.adapter import open_catalog
from skybind.scale.export import export_hats
from skybind.scale.loader import dealt
from tests.ingest.hats_files import write_hats
from tests.ingest.test_hats_restored import write_survey


@pytest.fixture(scope="module")
def truth():
    """Objects whose values tell whose they are."""
    rng = np.random.default_rng(6)
    lengths = rng.integers(0, 6, 230)
    curves = [None if i % 17 == 0 else np.full(n, i) for i, n in enumerate(lengths.tolist())]
    kind = pa.struct([("time", pa.list_(pa.float64())), ("flux", pa.list_(pa.float32()))])
    cells = [None if c is None else {"time": c + 0.5, "flux": c} for c in curves]
    table = pa.table(
        {
            "id": np.arange(230),
            "ra": rng.uniform(0, 40, 230),
            "dec": rng.uniform(-20, 20, 230),
            "label": [None if i % 9 == 0 else f"c{i % 3}" for i in range(230)],
            "mag": pa.array([None if i % 11 == 0 else float(i) for i in range(230)]),
            "lc": pa.array(cells, kind),
            "vector": pa.array([[i, i + 1.0] for i in range(230)], pa.list_(pa.float32(), 2)),
        }
    )
    return table, curves


@pytest.fixture(scope="module")
def folder(truth, tmp_path_factory):
    out = tmp_path_factory.mktemp("loader") / "cat"
    write_hats(out, truth[0], most=20)
    return out


def ids(found):
    return [i for batch in found for i in batch["id"].tolist()]


def test_values_are_those_of_their_objects(folder, truth):
    _, curves = truth
    found = list(batches(folder, ["id", "label", "mag", "lc", "vector"], 32))
    assert [len(batch["id"]) for batch in found] == [32] * 7 + [6]
    assert sorted(ids(found)) == list(range(230))
    for batch in found:
        light = batch["lc"]
        assert light["time"].dtype == torch.float64
        assert light["flux"].dtype == torch.float32
        offsets = light["offsets"].tolist()
        for row, i in enumerate(batch["id"].tolist()):
            own = slice(offsets[row], offsets[row + 1])
            expected = [] if curves[i] is None else curves[i].tolist()
            assert light["flux"][own].tolist() == expected
            assert (light["time"][own] - 0.5).tolist() == expected
            assert light["present"][row] == (curves[i] is not None)
            assert batch["label"][row] == (None if i % 9 == 0 else f"c{i % 3}")
            mag = batch["mag"][row].item()
            assert np.isnan(mag) if i % 11 == 0 else mag == i
        vectors = batch["vector"]
        assert vectors["offsets"].tolist() == list(range(0, 2 * len(batch["id"]) + 1, 2))
        assert torch.equal(vectors["values"][::2].long(), batch["id"])


def test_padded(folder, truth):
    _, curves = truth
    for batch in batches(folder, ["id", "lc.flux"], 50, padded=True):
        light = batch["lc"]
        assert set(light) == {"flux", "mask", "present"}
        assert light["flux"].shape == light["mask"].shape
        for row, i in enumerate(batch["id"].tolist()):
            expected = [] if curves[i] is None else curves[i].tolist()
            assert light["flux"][row][light["mask"][row]].tolist() == expected
            assert not light["flux"][row][~light["mask"][row]].any()


def test_the_order_is_that_of_a_seed_and_an_epoch(folder):
    plain, first, same, other = (
        ids(batches(folder, ["id"], 32, shuffle=seed)) for seed in (None, 1, 1, 2)
    )
    assert first == same
    assert len({tuple(order) for order in (plain, first, other)}) == 3
    assert sorted(first) == sorted(plain) == list(range(230))
    again = batches(folder, ["id"], 32, shuffle=1)
    again.set_epoch(1)
    assert ids(again) != first
    assert sorted(ids(again)) == sorted(first)
    mixed = np.abs(np.diff([plain.index(i) for i in first]))
    assert np.median(mixed) > 10, "neighbours on the sky are no neighbours in a batch"


def test_processes_and_workers_share_the_objects(folder):
    parts = [ids(batches(folder, ["id"], 16, shuffle=3, rank=r, world=3)) for r in range(3)]
    assert sorted(functools.reduce(operator.iadd, parts, [])) == list(range(230))
    assert min(map(len, parts)) > 50
    loader = DataLoader(batches(folder, ["id"], 16, rank=0, world=1), None, num_workers=2)
    assert sorted(ids(loader)) == list(range(230))


def test_the_last_batch_may_be_left_out(folder):
    found = list(batches(folder, ["id"], 32, drop_last=True))
    assert [len(batch["id"]) for batch in found] == [32] * 7


def test_a_catalogue_of_lsdb_is_read_too(folder):
    lsdb = pytest.importorskip("lsdb", reason="LSDB is not installed (extra scale)")
    bright = lsdb.open_catalog(str(folder), columns="all").query("mag > 100")
    found = list(batches(bright, ["id", "lc"], 32))
    assert sorted(ids(found)) == [i for i in range(101, 230) if i % 11]
    alone = {i: n for b in batches(folder, ["id", "lc"], 99) for i, n in lengths_of(b)}
    assert all(alone[i] == n for b in found for i, n in lengths_of(b))


def lengths_of(batch):
    return zip(batch["id"].tolist(), batch["lc"]["offsets"].diff().tolist(), strict=True)


def test_partitions_are_dealt_by_their_rows():
    assert dealt([5, 9, 1, 4, 1], 2) == [[1, 2], [0, 3, 4]]
    assert dealt([3], 2) == [[0], []]


def test_what_does_not_fit_is_refused(folder, tmp_path):
    with pytest.raises(ConfigError, match=r"no column 'magg'.*'mag'"):
        batches(folder, ["magg"], 8)
    with pytest.raises(ConfigError, match=r"'lc' has no 'fluxx'.*'flux'"):
        batches(folder, ["lc.fluxx"], 8)
    with pytest.raises(ConfigError, match="'mag' is not nested"):
        batches(folder, ["mag.x"], 8)
    with pytest.raises(ConfigError, match="columns is empty"):
        batches(folder, [], 8)
    with pytest.raises(ConfigError, match="both rank and world"):
        batches(folder, ["id"], 8, rank=1)
    with pytest.raises(ConfigError, match="counts from 0"):
        batches(folder, ["id"], 8, rank=2, world=2)
    with pytest.raises(DataError, match="no HATS catalogue"):
        batches(tmp_path, ["id"], 8)


def test_what_is_in_no_partition_is_told(tmp_path, capsys, talking):
    """Also where LSDB opens it."""
    write_survey(tmp_path / "survey", 40, lost=8)
    export_hats(tmp_path / "survey", tmp_path / "hats")
    for make in (lambda where: batches(where, ["ra"], 10), open_catalog):
        make(tmp_path / "hats")
        said = capsys.readouterr().err
        assert "5 objects of" in said
        assert "have no position" in said
    assert sum(len(batch["ra"]) for batch in batches(tmp_path / "hats", ["ra"], 10)) == 35
