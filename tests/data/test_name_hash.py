"""Names compared by hashes are the names compared letter by letter."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skybind import memory
from skybind.data import name_hash
from skybind.data.name_hash import first_of_each, hash_names, rows_of_names

TEXTS = st.lists(st.text("ab0é\0 ", max_size=20), max_size=40)


def column(texts):
    return pa.array(texts, pa.large_string())


@pytest.fixture(params=["hashes", "one hash"])
def hashes(request, monkeypatch):
    """Also with all texts of one hash, so that only the letters tell."""
    if request.param == "one hash":
        monkeypatch.setattr(name_hash, "hash_names", lambda n: np.zeros(len(n), np.uint64))


@pytest.mark.parametrize("rows", [2, 1 << 20])
@settings(max_examples=30, deadline=None)
@given(wanted=TEXTS, names=TEXTS)
def test_rows_are_the_first_of_each_name(rows, wanted, names):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(name_hash, "_ROWS", rows)
        found = rows_of_names(column(wanted), column(names)).tolist()
    assert found == [names.index(name) if name in names else -1 for name in wanted]


def test_fewer_are_compared_at_a_time_where_memory_is_short(monkeypatch):
    monkeypatch.setattr(name_hash, "_LEAST", 3)
    names = column([f"s{i}" for i in range(50)])
    index, real, sizes = name_hash.NameIndex(names), name_hash.hash_names, []
    monkeypatch.setattr(name_hash, "hash_names", lambda n: (sizes.append(len(n)), real(n))[1])
    for share in (memory.BLOCK, 20 * name_hash._ROW / memory.DEFAULT):
        monkeypatch.setattr(memory, "BLOCK", share)
        assert index.rows(names).tolist() == list(range(50))
    assert sizes == [50, 20, 20, 10]


@settings(max_examples=30, deadline=None)
@given(TEXTS)
def test_the_first_of_each(names):
    found = first_of_each(column(names)).tolist()
    assert found == [name not in names[:row] for row, name in enumerate(names)]


@pytest.mark.usefixtures("hashes")
def test_texts_of_one_hash_are_told_apart():
    names = ["a", "b", "a", "", "c", "b"]
    assert first_of_each(column(names)).tolist() == [True, True, False, True, True, False]
    wanted = ["c", "d", "a", "", "b"]
    assert rows_of_names(column(wanted), column(names)).tolist() == [4, -1, 0, 3, 1]


def test_a_hash_does_not_depend_on_the_column(monkeypatch):
    names = [f"Gaia DR3 {585_349_871_319_052 + i}" for i in range(500)] + ["", "a", "a" * 300]
    whole = hash_names(column(names))
    assert len(np.unique(whole)) == len(names)
    monkeypatch.setattr(name_hash, "_BYTES", 40)
    np.testing.assert_array_equal(hash_names(column(names)), whole)
    np.testing.assert_array_equal(hash_names(column(names).slice(7, 90)), whole[7:97])


def test_hashes_of_many_names_differ():
    names = pa.array(np.arange(100_000) + 5_853_498_713_190_525_696).cast(pa.large_string())
    assert len(np.unique(hash_names(names))) == 100_000
