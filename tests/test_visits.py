"""Several observations of one kind an object."""

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skybind.ragged import Ragged, offsets_of
from skybind.visits import Visits


def visits_of(counts, seed=0):
    """Give visits of so many an object; each has one to three pixels, whose flux is its number."""
    rng = np.random.default_rng(seed)
    total = sum(counts)
    lengths = rng.integers(1, 4, total)
    flux = np.repeat(np.arange(total, dtype=np.float32), lengths)
    ragged = Ragged({"flux": flux}, offsets_of(lengths), np.ones(total, bool))
    time = np.where(np.arange(total) % 3 == 2, np.nan, 57000.5 + np.arange(total))
    names = np.asarray([f"v{i}" for i in range(total)], object)
    return Visits(ragged, offsets_of(counts), names, time)


def told(visits):
    """What visits hold, object by object."""
    each = [
        (visits.name[i], str(visits.time[i]), pixels(visits.ragged, i))
        for i in range(len(visits.name))
    ]
    return [each[visits.offsets[i] : visits.offsets[i + 1]] for i in range(len(visits))]


def pixels(ragged, i):
    return ragged.take(np.array([i])).fields["flux"].tolist()


@given(counts=st.lists(st.integers(0, 4), max_size=6), data=st.data())
def test_arrow_holds_visits_and_rows_are_taken_as_of_a_list(counts, data):
    visits = visits_of(counts)
    whole = told(visits)
    column = pa.chunked_array([visits.to_arrow()])
    assert column.null_count == counts.count(0)
    assert told(Visits.from_arrow(column)) == whole
    rows = data.draw(st.lists(st.integers(0, max(len(counts) - 1, 0)), max_size=5))
    rows = rows if counts else []
    assert told(visits.take(np.asarray(rows, int))) == [whole[row] for row in rows]
    cut = pa.chunked_array([column.chunk(0)[:2], column.chunk(0)[2:]])
    assert told(Visits.from_arrow(cut)) == whole
    n = sum(counts)
    keep = np.asarray(data.draw(st.lists(st.booleans(), min_size=n, max_size=n)), bool)
    kept = [[v for v in own if keep[int(v[0][1:])]] for own in whole]
    assert told(visits.filter(keep)) == kept


def test_the_first_visit_of_each_object():
    visits = visits_of([2, 0, 3])
    first = visits.first()
    assert first.present.tolist() == [True, False, True]
    assert [pixels(first, i)[:1] for i in range(3)] == [[0], [], [2]]


def test_an_object_without_visits_has_the_one_observation_that_is_known():
    visits = visits_of([1, 0, 0])
    flux = {"flux": np.array([50, 60, 61], np.float32)}
    first = Ragged(flux, np.array([0, 1, 3, 3]), np.array([True, True, False]))
    found = told(visits.or_first(first))
    assert found[0] == told(visits)[0]
    assert found[1] == [("", "nan", [60, 61])]
    assert found[2] == []


@pytest.mark.parametrize("column", [pa.array([[1, 2]]), pa.array([[{"visit": "a"}]])])
def test_what_holds_no_visits_is_told(column):
    with pytest.raises(ValueError, match=r"no list of structs|lack"):
        Visits.from_arrow(column)
