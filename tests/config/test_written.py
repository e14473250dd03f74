"""Values that YAML takes for numbers, truth values or dates, where text is wanted."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from skybind.config import dump_config, load_config
from skybind.config.load import with_values
from skybind.config.written import plain_yaml, read_yaml, settle
from skybind.errors import ConfigError
from skybind.ingest.mapping import load_mapping


@pytest.mark.parametrize(
    ("override", "found", "wanted"),
    [
        ("training.precision=32", lambda c: c.training.precision, "32"),
        ("split.subsets=[50, 2.50]", lambda c: c.split.subsets, ["50", "2.50"]),
        # octal, sexagesimal, a truth value, a date, a number with an exponent
        (
            "labels.classes=[1, 010, 12:30, NO, 2024-01-02, 1.0e+3]",
            lambda c: c.labels.classes,
            ["1", "010", "12:30", "NO", "2024-01-02", "1.0e+3"],
        ),
        ("name=1.10", lambda c: c.name, "1.10"),
        ("description=2024", lambda c: c.description, "2024"),
        ("labels.column=1", lambda c: c.labels.column, "1"),
        ("evaluation.targets=[1]", lambda c: c.evaluation.targets, ["1"]),
        ("tune.objective=1", lambda c: c.tune.objective, "1"),
    ],
)
def test_what_looks_like_a_number_is_taken_as_the_text_it_is(override, found, wanted, tmp_path):
    config = load_config("stars-small", ["finetuning.subsets=[full]", override])
    assert found(config) == wanted
    (tmp_path / "same.yaml").write_text(dump_config(config))
    assert load_config(tmp_path / "same.yaml") == config


def test_numbers_stay_numbers_where_numbers_are_wanted():
    config = load_config(
        "stars-small",
        [
            "training.learning_rate=1",
            "training.betas=[0.5, 0.25]",
            "evaluation.baseline=no",
            "modalities.spectrum.preprocessing.noise=2",
            "modalities.spectrum.encoder.channels=[8, 8]",
        ],
    )
    assert config.training.learning_rate == 1
    assert config.training.betas == (0.5, 0.25)
    assert config.evaluation.baseline is False
    assert config.modalities["spectrum"].preprocessing["noise"] == 2
    assert config.modalities["spectrum"].encoder["channels"] == [8, 8]


def test_a_number_that_names_nothing_is_refused_as_before():
    with pytest.raises(ConfigError, match=r"training.precision: input should be '32'.*'64'"):
        load_config("stars-small", ["training.precision=64"])


def test_names_of_sections_may_look_like_numbers(tmp_path):
    text = "modalities: {1: {kind: metadata, encoder: {name: mlp}}}\nmodel: {pairs: [[1, 1]]}\n"
    (tmp_path / "odd.yaml").write_text(text)
    config = load_config(tmp_path / "odd.yaml")
    assert list(config.modalities) == ["1"]
    assert config.pairs == [("1", "1")]


def test_values_that_a_search_tries_are_taken_too():
    config = load_config("stars-small")
    assert with_values(config, {"training.precision": 32}, "here").training.precision == "32"


def test_columns_of_a_survey_may_be_called_by_numbers(tmp_path):
    text = "objects: {file: a.csv, id: 0, ra: 01, dec: 1.10, label: no}\n"
    (tmp_path / "mapping.yaml").write_text(text)
    objects = load_mapping(tmp_path / "mapping.yaml").objects
    columns = [objects.ra.column, objects.dec.column, objects.label.column]
    assert (objects.id, columns) == ("0", ["01", "1.10", "no"])


PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(PLAIN)
def test_without_a_wish_for_text_it_reads_what_safe_yaml_reads(content):
    text = yaml.safe_dump(content)
    assert settle(read_yaml(text)) == yaml.safe_load(text)


@given(st.integers() | st.floats(allow_nan=False) | st.booleans() | st.dates())
def test_where_text_is_wanted_it_is_what_stands_there(value):
    text = yaml.safe_dump([value], default_flow_style=True)[1:].partition("]")[0]
    assert settle(read_yaml(f"[{text}]"), list[str]) == [text]


@pytest.mark.parametrize(
    "text", ["!!python/object/apply:os.system [ls]", "!!python/name:os.system"]
)
def test_nothing_but_plain_data_is_made(text):
    with pytest.raises(yaml.YAMLError):
        read_yaml(text)


def chain(levels: int) -> str:
    return "\n".join(["a0: &a0 x", *(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, levels))])


def bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    for i in range(1, levels):
        lines.append(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]")
    return "\n".join(lines)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a: 1\nb: 2\na: 3", "'a' is written twice, in lines 1 and 3"),
        ("x:\n  1: a\n  '1': b", "'1' is written twice, in lines 2 and 3"),
        ("{a: 1, a: 1}", "'a' is written twice"),
        (bomb(9), "over 200,000 values"),
        ("&a [*a]", "stands for what it is a part of"),
        ("a: &a\n  b: *a", "stands for what it is a part of"),
        ("[" * 100_000, "nested more than 60 levels"),
        ("{a: " * 100_000, "nested more than 60 levels"),
        ("- " * 1000 + "x", "nested more than 60 levels"),
        (chain(99), "60 levels"),
        ("x" * 4_000_001, "more than 4,000,000 characters"),
        ("!!python/object/apply:os.system [ls]", "could not determine a constructor"),
    ],
)  # fmt: skip
def test_what_no_configuration_holds_is_refused(text, sentence):
    with pytest.raises(yaml.YAMLError, match=sentence):
        read_yaml(text)


def test_aliases_and_merged_keys_are_read():
    text = "base: &b {x: 1, y: 2}\nown:\n  <<: *b\n  y: 3\nagain: *b"
    own = {"x": 1, "y": 3}
    assert plain_yaml(text) == {"base": {"x": 1, "y": 2}, "own": own, "again": {"x": 1, "y": 2}}


@pytest.mark.parametrize("text", ["2024-99-99", "1" * 5000, "1:" * 300 + "1"])
def test_what_is_no_number_after_all_is_text(text):
    assert plain_yaml(f"a: {text}") == {"a": text}
