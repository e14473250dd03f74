import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from skybind.data.nested import from_nested, listed_type, nested_type, to_nested

VISIT = st.fixed_dictionaries(
    {"visit": st.text(max_size=3), "flux": st.lists(st.floats(allow_nan=False, width=32))}
)
KIND = pa.list_(pa.struct([("visit", pa.string()), ("flux", pa.list_(pa.float32()))]))


@given(st.lists(st.none() | st.lists(VISIT, max_size=3), max_size=6), st.integers(0, 3))
def test_there_and_back(rows, start):
    """Null and empty stay apart; slices of a column too."""
    column = pa.array(rows, KIND).slice(start)
    nested = to_nested(column)
    assert nested.type == nested_type(KIND)
    for row, made in zip(rows[start:], nested.to_pylist(), strict=True):
        if row is None:
            assert made is None
        else:
            assert made["visit"] == [visit["visit"] for visit in row]
            assert made["flux"] == [visit["flux"] for visit in row]
    again = from_nested(nested)
    assert again.to_pylist() == column.to_pylist()
    assert again.type == listed_type(nested.type) == KIND
