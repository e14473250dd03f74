import numpy as np
import pyarrow as pa
import pytest

from skybind import texts
from skybind.texts import is_text, to_texts

NAMES = ["Böotes-2", None, "", "a", "α Cen 😀", "x" * 40, "Gaia DR3 12"]
PLAIN = [name or "" for name in NAMES]


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()])
@pytest.mark.parametrize("rows", [1, 2, 100])
def test_text_is_that_of_arrow_whatever_the_pieces(monkeypatch, kind, rows):
    monkeypatch.setattr(texts, "_ROWS", rows)
    column = pa.chunked_array([pa.array(NAMES[:3], kind), pa.array(NAMES[3:], kind)])
    for given in (column, column.combine_chunks(), column.slice(2, 4), column.dictionary_encode()):
        found = to_texts(given)
        assert found.dtype.kind == "U"
        assert found.tolist() == [value or "" for value in given.to_pylist()]


def test_what_is_no_text_is_written_as_arrow_casts_it():
    assert to_texts(pa.array([1, None, -30])).tolist() == ["1", "", "-30"]
    assert to_texts(pa.array([], pa.string())).tolist() == []
    assert to_texts(pa.array([None, None], pa.string())).tolist() == ["", ""]
    assert to_texts(pa.nulls(2)).tolist() == ["", ""]
    with pytest.raises(pa.ArrowException):
        to_texts(pa.array([[1], [2]]))


def test_it_is_told_which_columns_hold_text():
    assert all(
        map(is_text, [pa.string(), pa.large_string(), pa.dictionary(pa.int8(), pa.string())])
    )
    assert not any(map(is_text, [pa.int8(), pa.binary(), pa.dictionary(pa.int8(), pa.int64())]))


def test_ids_take_no_more_than_their_array():
    """Python's texts of all of them at once would take ten times the room."""
    import tracemalloc

    names = pa.array(np.char.add("star", np.arange(400_000).astype(str)), pa.string())
    tracemalloc.start()
    try:
        found = to_texts(names)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < found.nbytes + 16e6
