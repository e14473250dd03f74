import errno
import json
import math
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field, ValidationError

from skybind.errors import DataError
from skybind.record import (
    ByLimit,
    Counts,
    Number,
    Numbers,
    Record,
    markdown,
    nested,
    plain,
    read_record,
    write_sealed,
)


class Inner(Record):
    """A part."""

    name: str = Field(..., alias="class", description="Its class.")


class Outer(Record):
    """A whole.

    Of parts.
    """

    left_out = frozenset({"k"})

    r2: Number = Field(..., description="How good [1].")
    table: Numbers = Field(..., description="A row a class.")
    counts: Counts = Field(np.zeros(0), description="Objects.")
    recall: dict[int, Number] = Field({}, description="k -> fraction.")
    outliers: ByLimit = Field({}, description="limit -> fraction.")
    k: int | None = Field(None, description="Neighbours.")
    unit: str | None = Field(None, description="Its unit.")
    kind: Literal["a", "b"] = Field("a", description="Which.")
    parts: list[Inner] = Field([], description="The parts.")


def written(record):
    """As it is on disk, where there is no NaN."""
    return json.loads(json.dumps(record.plain(), allow_nan=False))


numbers = st.floats(allow_infinity=False)


@given(
    numbers,
    st.lists(st.lists(numbers, min_size=2, max_size=2), min_size=1),
    st.dictionaries(st.integers(1, 100), numbers),
)
def test_what_is_written_is_read_again(r2, table, recall):
    record = Outer(r2=r2, table=np.array(table), counts=np.array([1, 2]), recall=recall)
    again = Outer.model_validate(written(record))
    assert again == record
    np.testing.assert_array_equal(again.table, record.table)
    assert again.counts.dtype.kind == "i"
    assert again.recall.keys() == record.recall.keys()
    assert math.isnan(again.r2) == math.isnan(r2)


def test_numbers_that_are_not_known_are_null():
    record = Outer(r2=math.nan, table=np.array([[0.5, math.nan]]), outliers={0.15: 0.1, 3: 0.2})
    assert written(record) == {
        "r2": None,
        "table": [[0.5, None]],
        "counts": [],
        "recall": {},
        "outliers": {"0.15": 0.1, "3": 0.2},
        "unit": None,
        "kind": "a",
        "parts": [],
    }
    assert Outer.model_validate(written(record)).outliers == {0.15: 0.1, 3.0: 0.2}


def test_what_a_later_version_knows_more_is_kept():
    known = {**written(Outer(r2=0.5, table=[[1.0]])), "more": {"x": [1, None]}}
    known["parts"] = [{"class": "EW", "share": 0.5}]
    record = Outer.model_validate(known)
    assert record.parts[0].name == "EW"
    changed = record.model_copy(update={"k": 3})
    assert written(changed) == known | {"k": 3}


def test_records_are_compared_by_what_they_tell_and_cannot_be_changed():
    one, two = (Outer(r2=0.5, table=[[1.0, math.nan]]) for _ in range(2))
    assert one == two
    assert one != two.model_copy(update={"unit": "dex"})
    assert one != "something else"
    with pytest.raises(ValidationError, match="frozen"):
        one.r2 = 1.0


def test_records_in_lists_and_mappings_become_plain():
    part = Inner(name="EW")
    assert plain({"a": [part, 1], "b": (part,)}) == {
        "a": [{"class": "EW"}, 1],
        "b": [{"class": "EW"}],
    }


def test_the_documentation_tells_every_field():
    text = markdown(Outer)
    assert text.startswith("A whole.\n\nOf parts.\n\n| key |")
    for line in (
        "| `r2` | number | How good [1]. |",
        "| `table` | numbers | A row a class. |",
        "| `k` | whole number, or left out | Neighbours. |",
        "| `unit` | text or null | Its unit. |",
        "| `kind` | `a` or `b` | Which. |",
        "| `parts` | list of [Inner](#inner) | The parts. |",
    ):
        assert line in text.splitlines()
    assert "| `class` | text | Its class. |" in markdown(Inner)
    assert nested(Outer) == [Inner]


class Thing(Record):
    """A thing."""

    n: int = Field(..., description="A number.")


DAMAGED = [
    *("", "{", "{}", "[]", "null", "3", '"x"', "\x00", "[" * 100_000),
    *('{"n": "x"}', '{"n": null}', '{"n": [1]}', '{"n": 1, "checksum": "0"}'),
]


@pytest.mark.parametrize("text", DAMAGED)
def test_a_damaged_file_is_one_sentence_that_names_it(tmp_path, text):
    path = tmp_path / "thing.json"
    path.write_text(text)
    with pytest.raises(DataError, match=r"thing\.json is damaged \(.*\): make it again\.$") as told:
        read_record(path, Thing, "make it again")
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 500


def test_a_machine_that_cannot_read_now_is_no_damage(tmp_path, monkeypatch):
    def fails(self, *args, **kwargs):
        raise OSError(errno.ENOMEM, "Cannot allocate memory", str(self))

    monkeypatch.setattr(Path, "read_text", fails)
    with pytest.raises(OSError, match="Cannot allocate memory"):
        read_record(tmp_path / "status.json", dict, "delete it")


def test_a_sealed_file_is_read_as_it_was_written_and_no_digit_may_change(tmp_path):
    path = tmp_path / "thing.json"
    write_sealed(path, {"n": 12, "more": [0.1, None, "ü"], "x": float("nan")})
    assert read_record(path, Thing, "").n == 12
    assert read_record(path, dict, "") == {"n": 12, "more": [0.1, None, "ü"], "x": None}
    path.write_text(path.read_text().replace("12", "13"))
    with pytest.raises(DataError, match="its checksum differs"):
        read_record(path, Thing, "make it again")


def test_no_bit_of_a_sealed_file_may_flip(tmp_path):
    """Nor one of the checksum's name, which would else be a key of a later version."""
    path = tmp_path / "thing.json"
    write_sealed(path, {"n": 12, "more": [0.1]})
    whole = path.read_bytes()
    for at in range(len(whole)):
        for bit in range(8):
            path.write_bytes(whole[:at] + bytes([whole[at] ^ (1 << bit)]) + whole[at + 1 :])
            try:
                found = read_record(path, dict, "make it again")
            except DataError:
                continue
            assert found == {"n": 12, "more": [0.1]}  # blanks tell nothing
