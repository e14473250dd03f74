import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skybind.ragged import Ragged, flat_index, padded_blocks, segment_mad, segment_median

row = st.one_of(st.none(), st.lists(st.integers(-9, 9), max_size=6))
rows = st.lists(row, max_size=8)


def build(objects: list[list[int] | None]) -> Ragged:
    lengths = [len(values or []) for values in objects]
    flat = [value for values in objects for value in values or []]
    return Ragged(
        {"x": np.array(flat, float), "band": np.array([f"b{v}" for v in flat], object)},
        np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
        np.array([values is not None for values in objects], bool),
    )


def lists(r: Ragged, field: str = "x") -> list[list[float] | None]:
    return [
        r.fields[field][r.offsets[i] : r.offsets[i + 1]].tolist() if r.present[i] else None
        for i in range(len(r))
    ]


@given(rows)
def test_arrow_round_trip_keeps_values_and_absence(objects):
    r = build(objects)
    arrow = r.to_arrow()
    assert arrow.is_valid().to_pylist() == [values is not None for values in objects]
    again = Ragged.from_arrow(arrow)
    assert lists(again) == lists(r) == objects
    assert lists(again, "band") == lists(r, "band")


@given(rows, st.integers(0, 3))
def test_arrow_of_chunks_and_slices(objects, skip):
    arrow = build(objects).to_arrow()
    chunked = pa.chunked_array([arrow.slice(0, skip), arrow.slice(skip)], arrow.type)
    assert lists(Ragged.from_arrow(chunked)) == objects
    assert lists(Ragged.from_arrow(arrow.slice(skip))) == objects[skip:]


@given(rows, st.data())
def test_take_is_list_indexing(objects, data):
    index = data.draw(st.lists(st.integers(0, max(len(objects) - 1, 0)), max_size=9))
    index = index if objects else []
    taken = build(objects).take(np.array(index, int))
    assert lists(taken) == [objects[i] for i in index]


@given(rows, st.randoms(use_true_random=False))
def test_filter_drops_values_not_objects(objects, random):
    r = build(objects)
    keep = np.array([random.random() < 0.5 for _ in r.fields["x"]], bool)
    left = iter(keep.tolist())
    want = [None if o is None else [v for v in o if next(left)] for o in objects]
    assert lists(r.filter(keep)) == want


@given(rows)
def test_owner_names_the_object_of_each_value(objects):
    want = [i for i, values in enumerate(objects) for _ in values or []]
    assert build(objects).owner.tolist() == want


@given(rows)
def test_medians_are_numpys(objects):
    r = build(objects)
    median, mad = segment_median(r.fields["x"], r.offsets), segment_mad(r.fields["x"], r.offsets)
    for i, values in enumerate(objects):
        if values:
            assert median[i] == np.median(values)
            assert mad[i] == np.median(np.abs(values - np.median(values)))
        else:
            assert np.isnan([median[i], mad[i]]).all()


@settings(deadline=None)
@given(st.lists(st.integers(0, 300), max_size=40), st.integers(1, 1000))
def test_blocks_hold_every_object_once_and_stay_small(lengths, size):
    lengths = np.array(lengths, int)
    seen = []
    for members, filled in padded_blocks(lengths, size):
        assert filled.sum(axis=1).tolist() == lengths[members].tolist()
        assert filled.size <= max(size, lengths[members].max())
        seen += members.tolist()
    assert sorted(seen) == np.flatnonzero(lengths).tolist()


def test_flat_index_of_slices():
    assert flat_index(np.array([5, 0, 7]), np.array([2, 0, 3])).tolist() == [5, 6, 7, 8, 9]
    assert flat_index(np.array([], int), np.array([], int)).tolist() == []


def test_lists_of_unequal_length_are_refused():
    lists_type = pa.list_(pa.float64())
    array = pa.StructArray.from_arrays(
        [pa.array([[1.0, 2.0]], lists_type), pa.array([[1.0]], lists_type)], ["time", "flux"]
    )
    with pytest.raises(ValueError, match="'flux' has another length"):
        Ragged.from_arrow(array)


def test_an_empty_text_field_keeps_its_type():
    assert build([None]).to_arrow().type.field("band").type == pa.list_(pa.string())
