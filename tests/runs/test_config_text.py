"""The text of a new configuration: it loads, and says what it does."""

import numpy as np
import pytest

from skybind.config.load import validate
from skybind.config.schema import Config
from skybind.config.written import read_yaml
from skybind.runs.config_text import comment, counted, flow, safe_name, write_facts
from skybind.runs.survey_facts import CatalogueFacts, SpectrumFacts, SurveyFacts

N = 2000


def facts(**how):
    seen = np.ones(N, bool)
    usual = {
        "name": "survey",
        "objects": N,
        "modalities": [
            SpectrumFacts("spectrum", N, 4000, 9000, (4000, 9000), 2.0, True, True),
            CatalogueFacts("metadata", N, ["g_mag"], 0.0, []),
        ],
        "present": {"spectrum": seen, "metadata": seen},
        "left": {},
        "labels": {},
        "targets": {},
        "splits": [],
    }
    return SurveyFacts(**{**usual, **how})


def written(**how):
    text = write_facts(facts(**how), "survey")
    return text, validate(Config, read_yaml(text), "text")


def sentences(text):
    return " ".join(line.strip().lstrip("# ") for line in text.splitlines())


def test_it_is_short_and_its_lines_fit():
    text, config = written(labels={"label": {"a": 900, "b": 900, "c": 200}})
    assert len(text.splitlines()) < 80
    assert max(map(len, text.splitlines())) <= 100
    assert list(config.modalities) == ["spectrum", "metadata"]
    assert config.pairs == [("spectrum", "metadata")]


def test_rare_classes_and_objects_without_one_are_told():
    counts = {"EW": 1500, "": 250, "RRC": 244, "odd": 6}
    text, config = written(labels={"kind": counts, "other": {"x": N}})
    said = sentences(text)
    assert "2 classes of 'kind': EW (1,500) and RRC (244)." in said
    assert "but not classified: odd (6)" in said
    assert "250 objects have no 'kind'" in said
    assert "Other labels that could be classified: 'other'." in said
    assert (config.labels.column, config.labels.min_objects) == ("kind", 10)
    assert config.finetuning.subsets == ["full", "10", "5-each"]


def test_the_column_that_is_called_label_is_classified():
    labels = {"other": {"x": 1000, "y": 1000}, "label": {"a": 1000, "b": 1000}}
    assert written(labels=labels)[1].labels.column == "label"


def test_no_two_classes_and_nothing_is_classified():
    text, config = written(labels={"label": {"a": 1995, "b": 5}})
    assert config.labels.min_objects > 1995
    assert config.finetuning.modalities == []
    assert "nothing is classified" in sentences(text)
    text, config = written()
    assert config.finetuning.modalities == []
    assert "no label" in text


@pytest.mark.parametrize(
    ("counts", "subsets"),
    [
        ({"a": 400, "b": 400}, ["full", "10", "5-each"]),
        ({"a": 12, "b": 12}, ["full", "5-each"]),
        ({"a": 10, "b": 11}, ["full", "5-each"]),
    ],
)
def test_subsets_are_those_that_the_classes_allow(counts, subsets):
    assert written(labels={"label": counts})[1].finetuning.subsets == subsets


def test_pairs_that_share_no_objects_are_not_bound():
    seen = np.arange(N) < N // 2
    text, config = written(present={"spectrum": seen, "metadata": ~seen})
    assert "spectrum and metadata (0)" in sentences(text)
    assert set(config.pairs) == {("spectrum", "spectrum"), ("metadata", "metadata")}
    assert config.modalities["metadata"].preprocessing["drop"] > 0  # its two views must differ
    assert "a space of its own" in sentences(text)


def test_targets_with_few_values_are_left_out_and_spectra_bound_with_themselves():
    text, config = written(targets={"redshift": 1900, "mass": 12})
    assert config.evaluation.targets == ["redshift"]
    assert config.pairs == [("spectrum", "metadata"), ("spectrum", "spectrum")]
    assert "redshift (1,900) and mass (12)" in sentences(text)


def test_a_split_of_the_dataset_is_taken_and_few_objects_test_more():
    text, config = written(splits=["official", "other"])
    assert config.split.name == "official"
    assert "It has other too." in text
    text, config = written()
    assert "Twins, at one position or with the same data, stay on one side." in sentences(text)
    assert config.split.fractions == (0.8, 0.1, 0.1)
    assert written(objects=300)[1].split.fractions == (0.6, 0.2, 0.2)


def test_few_objects_make_a_smaller_space_and_fewer_steps():
    sizes = [written(objects=n)[1] for n in (300, 5000, 100_000)]
    assert [config.model.dimension for config in sizes] == [64, 128, 256]
    steps = [config.training.min_steps for config in sizes]
    assert steps == sorted(steps)


@pytest.mark.parametrize("name", ["no", "1.10", "é: {x}", "# a", "all", "", ".x", "a+b"])
def test_no_name_breaks_the_file(name):
    columns = [CatalogueFacts(name, N, [name], 0.5, [name])]
    _, config = written(
        name=name,
        modalities=columns,
        present={name: np.ones(N, bool)},
        left={f"{name}\nseed: 7": "no\nreason"},
        labels={name: {name or "x": 1000, "y\nz": 900, "rare\n  - x": 2}},
    )
    (entry,) = config.modalities.values()
    assert entry.column == name or name in config.modalities
    assert entry.preprocessing["transforms"] == {name: "log"}
    assert config.labels.column == name
    assert config.seed == 42


def test_names_of_modalities_stay_apart():
    columns = [CatalogueFacts(name, N, ["a"], 0.0, []) for name in ("x y", "x_y")]
    seen = {name: np.ones(N, bool) for name in ("x y", "x_y")}
    _, config = written(modalities=columns, present=seen)
    assert [entry.column for entry in config.modalities.values()] == ["x y", "x_y"]
    assert len(config.modalities) == 2


def test_helpers():
    assert counted({f"c{i}": i for i in range(14)}).endswith("c11 (11) and 2 more")
    assert counted({}) == "none"
    assert comment("a\nb", 2) == ["  # a b"]
    assert flow("no") == "'no'"
    assert safe_name("g-band (AB)") == "g-band_AB_"
