import operator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.data.where import fulfilled
from skybind.data.write import DatasetWriter
from skybind.errors import DataError


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    folder = tmp_path_factory.mktemp("where") / "data"
    columns = {
        "label": Column("label"),
        "period": Column("feature", "d", modality="photometry"),
        "mag g": Column("feature", "mag", modality="metadata"),
        "n": Column("info"),
        "targetid": Column("info"),
        "class": Column("info"),
        "small": Column("info"),
        "single": Column("info"),
    }
    with DatasetWriter(folder, columns) as writer:
        writer.append(
            {
                "object_id": np.array(list("abcdef")),
                "ra": np.arange(6.0),
                "dec": -np.arange(6.0),
                "label": np.array(["EW", "EA", "", "RRAB", "EW", "M"]),
                "period": np.array([0.3, 2.0, 1.0, np.nan, 0.9, 300.0]),
                "mag g": np.array([12.0, 13, 14, 15, 16, np.nan]),
                "n": np.array([1, 2, 3, 4, 5, 6]),
                "targetid": 39627658660906390 + np.arange(6),
                "class": np.array([0, 1, 2, 0, 1, 2]),
                "small": np.array([1, 2, 3, 100, 101, 127], np.int8),
                "single": np.array([0.1, 0.2, 0.3, np.nan, 5, 1e10], np.float32),
            }
        )
    return Dataset.open(folder)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("period < 1", "ae"),
        ("period <= 1 and label == 'EW'", "ae"),
        ("label = 'EA' or period > 100", "bf"),
        ("label == 'EW' or label == 'EA' and period > 1", "abe"),
        ("(label == 'EW' or label == 'EA') and period > 0.5", "be"),
        ("not period < 1", "bcf"),
        ("not not period < 1", "ae"),
        ("label in ('EW', \"M\")", "aef"),
        ("label not in ('EW', 'M')", "bd"),
        ("period is null", "d"),
        ("label is not null and period is not null", "abef"),
        ("`mag g` - 2 * period >= 11", "ace"),
        ("n / 2 == 1.5", "c"),
        ("dec > -1.5 and -ra < -0.5", "b"),
        ("n != 1 AND n in (1, 2, 3)", "bc"),
        ("period in (1, 2)", "bc"),
        # numbers of single precision are what they are shown as, in every test
        ("single == 0.1", "a"),
        ("single in (0.1, 0.3)", "ac"),
        ("single not in (0.1, 0.3)", "bef"),
        ("single != 0.1", "bcef"),
        ("single <= 0.1", "a"),
        ("single > 0.2", "cef"),
        ("single + 0.1 == 0.2", "a"),
        ("single is null", "d"),
        ("single == 1e10", "f"),
        ("n in (1, 2.0)", "ab"),
        ("n * 2 > 9 and n + 0.5 < 6", "e"),
        ("targetid == 39627658660906391", "b"),
        ("targetid in (39627658660906391, 39627658660906393)", "bd"),
        ("targetid > 39627658660906394", "f"),
        ("n < 99999999999999999999", "abcdef"),
        ("n < 00000000000000000000000000002", "a"),
        ("n=1or n=2", "ab"),
        ("n in(- 1,-2.5, 3)", "c"),
        ("period\n  NOT  IN (1, 2)\n  Or label Is NOT Null aNd TRUE", "abdef"),
        ("(period < 1) is null", "d"),
        ("(n > 3) == (n < 9)", "def"),
        ("class == 1", "be"),  # a word of Python's, and no word of the language
        ("label == 'n' or `label` != \"it's\"", "abdef"),
        (r"label != 'E\x57'", "abdef"),  # text is taken as it stands
        # eight bits would wrap around
        ("small + small > 127", "def"),
        ("small * 100 < 0", ""),
        ("n is null or not (n > 1 and (n < 6 or n < 3))", "af"),
    ],
)
def test_conditions(dataset, text, expected):
    kept = fulfilled(dataset, text)
    assert "".join(dataset.object_ids[kept]) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("peroid < 1", "did you mean 'period'"),
        ("period <", "its end"),
        ("period < 1 label", "'label'"),
        ("(period < 1", r"'\)' is expected"),
        ("period < 1 ; drop", "cannot be read from '; drop'"),
        ("__import__('os').system('x')", "no"),
        ("label in ('EW', 3)", "mixes"),
        ("label < 3", "does not fit its columns"),
        ("label is 3", "'null'"),
        ("1 < 2", "names no column"),
        ("", "its end"),
        ("period + 1", "no condition"),
        ("label", "no condition"),
        ("period < 1 <> 2", "where '>' stands"),
        ("0 < period < 1", "joined by 'and' or 'or'"),
        ("period < (1 label", "an operator, 'and' or 'or' is expected where 'label' stands"),
        ("period < 1)", "where '\\)' stands"),
        ("period == null", "after 'is' or 'is not' only"),
        ("period is (null)", "after 'is' or 'is not' only"),
        ("not null", "where 'null' stands"),
        ("period < +1", "where '\\+' stands"),
        ("period < ()", "where '\\(' stands"),
        ("period (1)", "where '\\(' stands"),
        ("period ** 2 > 1", "where '\\*' stands"),
        ("period // 2 > 1", "where '/' stands"),
        ("not", "its end"),
        ("label in 'EW'", "a list"),
        ("n in ()", "a list"),
        ("n in (1,)", "a list"),
        ("n in (1, period)", "a list"),
        ("n in (1) + 1", "a list"),
        ("n in (39627658660906391, 0.5)", "mixes"),
        ("n.real > 1", r"cannot be read from '\.real > 1'"),
        ("n[0] > 1", "cannot be read from"),
        ("(lambda: n)() > 1", "'lambda', which the dataset has not"),
        ("label == 'EW", "cannot be read from ''EW'"),
        ("targetid * 1000 > 0", "64 bits"),
        ("9223372036854775807 + n > 0", "64 bits"),
    ],
)
def test_what_is_wrong_is_said_in_one_sentence(dataset, text, message):
    with pytest.raises(DataError, match=message):
        fulfilled(dataset, text)


def test_long_conditions_and_lists(dataset):
    def kept(text):
        return "".join(dataset.object_ids[fulfilled(dataset, text)])

    assert kept(" or ".join(["n = 2", "n = 5"] * 1500)) == "be"
    assert kept(" + ".join(["n"] * 300) + " <= 600") == "ab"
    assert kept("(" * 100 + "n = 2" + ")" * 100) == "b"
    many = ", ".join(map(str, range(39627658660906392, 39627658661006392)))
    assert kept(f"targetid in ({many})") == "cdef"
    assert kept("9" * 5000 + " > n") == "abcdef"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("(", ""),
        ("(", ")"),
        ("not (", ")"),
        ("not ", ""),
        ("-", ""),
        ("n < ", ""),
        ("n + ", ""),
        ("n = 1 or ", ""),
        ("n = 1 and not (", ")"),
        ("n in (", ""),
    ],
)
@pytest.mark.parametrize("times", [5000, 100_000])
def test_hostile_conditions_end_in_a_sentence(dataset, before, after, times):
    with pytest.raises(DataError) as error:
        fulfilled(dataset, before * times + "n = 1" + after * times)
    assert len(str(error.value)) < 300


def test_only_the_columns_named_are_read_piece_by_piece(dataset, monkeypatch):
    asked = []
    whole = Dataset.iter_tables

    def two_rows(self, columns, rows):
        asked.append((tuple(columns), rows))
        return whole(self, columns, 2)

    monkeypatch.setattr(Dataset, "iter_tables", two_rows)
    kept = fulfilled(dataset, "period < 1 and n > 1 or period is null")
    assert dataset.object_ids[kept].tolist() == ["d", "e"]
    assert asked == [(("period", "n"), 65536)]


def known(function):
    return lambda *values: None if None in values else function(*values)


# What conditions mean, once more: parts are (how tightly they bind, text, one value an object),
# in Python, None where a value is missing.
NUMBERS = {
    "period": [0.3, 2.0, 1.0, None, 0.9, 300.0],
    "`mag g`": [12.0, 13.0, 14.0, 15.0, 16.0, None],
    "n": [1, 2, 3, 4, 5, 6],
    "small": [1, 2, 3, 100, 101, 127],
}
TEXTS = {"label": ["EW", "EA", None, "RRAB", "EW", "M"], "object_id": list("abcdef")}
OPERATORS = {
    "OR": (0, lambda a, b: True if True in (a, b) else None if None in (a, b) else False),
    "and": (1, lambda a, b: False if False in (a, b) else None if None in (a, b) else True),
    "<": (3, known(operator.lt)),
    ">=": (3, known(operator.ge)),
    "=": (3, known(operator.eq)),
    "!=": (3, known(operator.ne)),
    "+": (4, known(operator.add)),
    "-": (4, known(operator.sub)),
    "*": (5, known(operator.mul)),
    "/": (5, known(lambda a, b: float(np.divide(float(a), float(b))))),
}


def binding(part, level):
    """Text of a part, in parentheses if it binds less tightly than that."""
    return part[1] if part[0] >= level else f"({part[1]})"


def joined(left, sign, right):
    level, function = OPERATORS[sign]
    # tests do not chain; all others join from the left
    text = f"{binding(left, level + (level == 3))} {sign} {binding(right, level + 1)}"
    return level, text, [function(a, b) for a, b in zip(left[2], right[2], strict=True)]


def negated(part, word, level, function):
    return level, f"{word} {binding(part, level)}", [known(function)(v) for v in part[2]]


def listed(part, values, negative):
    text = f"{binding(part, 4)} {'NOT ' * negative}in ({', '.join(map(repr, values))})"
    # a missing value is in no list, and not known to be outside
    return 3, text, [v is not None and (v in values) != negative for v in part[2]]


def missing(part, negative):
    text = f"{binding(part, 4)} is {'not ' * negative}Null"
    return 3, text, [(v is None) != negative for v in part[2]]


def joins(parts, signs):
    return st.builds(joined, parts, st.sampled_from(signs), parts)


def columns(table):
    return st.sampled_from([(7, name, values) for name, values in table.items()])


def literals(written):
    return st.sampled_from([(7, text, [value] * 6) for text, value in written.items()])


COMPARED = ["<", ">=", "=", "!="]
AMOUNTS = st.recursive(
    columns(NUMBERS) | literals({"1": 1, "0.3": 0.3, "014": 14, ".5e1": 5.0}),
    lambda inner: (
        joins(inner, ["+", "-", "*", "/"])
        | inner.map(lambda part: negated(part, "-", 6, operator.neg))
    ),
    max_leaves=4,
)
WORDS = columns(TEXTS) | literals({"'EW'": "EW", '"M"': "M", "'c'": "c"})
TESTS = (
    joins(AMOUNTS, COMPARED)
    | joins(WORDS, COMPARED)
    | st.builds(
        listed, AMOUNTS, st.lists(st.sampled_from([1, 2.0, 0.3, -3]), min_size=1), st.booleans()
    )
    | st.builds(listed, WORDS, st.lists(st.sampled_from(["EW", "a"]), min_size=1), st.booleans())
    | st.builds(missing, AMOUNTS | WORDS, st.booleans())
)
CONDITIONS = st.recursive(
    TESTS,
    lambda inner: (
        joins(inner, ["OR", "and"])
        | inner.map(lambda part: negated(part, "Not", 2, operator.not_))
        | st.builds(missing, inner, st.booleans())
    ),
    max_leaves=5,
)


@given(CONDITIONS)
@settings(max_examples=200, deadline=None)
def test_conditions_mean_what_python_makes_of_them(dataset, condition):
    _, text, values = condition
    kept = fulfilled(dataset, f"n > 0 and ({text})")  # so that a column is there
    assert kept.tolist() == [value is True for value in values]
