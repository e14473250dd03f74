import re
from pathlib import Path

import pytest

from skybind.errors import ConfigError
from skybind.study.options import read_options

WHOLE = """
data: stars/
configurations:
  plain: stars-small
  changed: {config: mine.yaml, set: [training.epochs=1]}
seeds: [42, 0]
subsets: [full, 50, 5-each]
"""


def read(tmp_path, text):
    path = tmp_path / "my-study.yaml"
    path.write_text(text)
    return read_options(path)


def test_a_study_is_read_with_paths_relative_to_its_file(tmp_path):
    (tmp_path / "mine.yaml").write_text("extends: stars-small\n")
    options = read(tmp_path, WHOLE)
    assert options.name == "my-study"
    assert options.data == str(tmp_path / "stars")
    assert options.configurations["plain"].config == "stars-small"
    assert options.configurations["changed"].config == str(tmp_path / "mine.yaml")
    assert options.subsets == ["full", "50", "5-each"]
    assert options.steps == ["report"]


def test_each_seed_may_have_a_dataset_of_its_own(tmp_path):
    text = WHOLE.replace("data: stars/", "data: {42: a, 0: b}")
    options = read(tmp_path, text)
    assert options.folder_of(0) == tmp_path / "b"
    with pytest.raises(ConfigError, match="no dataset for the seed 0"):
        read(tmp_path, text.replace(", 0: b", ""))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("seeds:", "seed:"), "no key 'seed': did you mean 'seeds'"),
        (("set: [", "sets: ["), "'configurations.changed.sets': did you mean 'set'"),
        (("[42, 0]", "[42, 42]"), "'42' is named twice"),
        (("[42, 0]", "[]"), "seeds"),
        (("50, ", "150, "), "subsets: a subset is a percentage"),
        (("data: stars/", ""), "give data .* or simulate"),
        (("data: stars/", "simulate: {survey: star, objects: 5}"), "simulate.survey"),
        (
            ("data: stars/", "simulate: {survey: stars, objects: 5, mising: 1}"),
            "did you mean 'missing'",
        ),
        (("plain:", "../up:"), "becomes the name of a file"),
        (("seeds:", "steps: [reports]\nseeds:"), "steps"),
    ],
)
def test_what_is_wrong_is_said_by_its_key(tmp_path, change, said):
    with pytest.raises(ConfigError, match=said):
        read(tmp_path, WHOLE.replace(*change))


def test_options_of_the_simulator_pass_through(tmp_path):
    text = WHOLE.replace("data: stars/", "simulate: {survey: galaxies, objects: 9, missing: 0.1}")
    simulation = read(tmp_path, text).simulate
    assert simulation is not None
    assert simulation.model_extra == {"missing": 0.1}


def test_the_study_of_the_documentation_is_read(tmp_path):
    page = Path(__file__).parents[2] / "docs" / "studies.md"
    text = re.search(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)[1]
    options = read(tmp_path, text)
    assert list(options.configurations)[:2] == ["plain", "wide"]
    assert options.subsets == ["full", "50", "25", "10"]
    other = text.replace("data: stars/", "").replace("# simulate", "simulate")
    assert read(tmp_path, other.replace("     instead of data", "")).simulate.objects == 21440


def test_keys_may_be_set_by_a_mapping(tmp_path):
    text = WHOLE.replace(
        "[training.epochs=1]",
        "{training.epochs: 5, training.learning_rate: 1e-5, model.pairs: [[a, b]], x: null}",
    )
    entry = read(tmp_path, text).configurations["changed"]
    assert entry.set == [
        "training.epochs=5", "training.learning_rate=1e-5", "model.pairs=[[a, b]]", "x=null",
    ]  # fmt: skip
