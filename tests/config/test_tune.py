import pytest

from skybind.config import dump_config, load_config
from skybind.config.load import with_values
from skybind.errors import ConfigError

SPACE = """
extends: stars-small
tune:
  objective: metadata-10-pretrained
  space:
    training.learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}
    modalities.metadata.encoder.hidden: {choices: [64, 128]}
"""


def test_a_space_is_read_and_written(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(SPACE)
    config = load_config(path)
    assert config.tune.space["training.learning_rate"].log
    assert config.tune.space["modalities.metadata.encoder.hidden"].first == 64
    path.write_text(dump_config(config))
    assert load_config(path) == config


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("{low: 1}", "give low and high, or choices"),
        ("{low: 2, high: 1}", r"low \(2\) must be below high \(1\)"),
        ("{low: 0, high: 1, log: true}", "low must be above 0"),
        ("{choices: [1], low: 0, high: 1}", "not both"),
        ("{lo: 1, high: 2}", "there is no key"),
    ],
)
def test_a_wrong_range_is_told(tmp_path, entry, message):
    path = tmp_path / "mine.yaml"
    path.write_text(f"extends: stars-small\ntune: {{space: {{training.learning_rate: {entry}}}}}\n")
    with pytest.raises(ConfigError, match=message):
        load_config(path)


def test_values_are_put_in_by_dotted_keys():
    config = load_config("stars-small")
    made = with_values(
        config, {"training.learning_rate": 0.5, "modalities.metadata.encoder.hidden": 7}, "here"
    )
    assert made.training.learning_rate == 0.5
    assert made.modalities["metadata"].encoder["hidden"] == 7
    assert config.training.learning_rate != 0.5
    with pytest.raises(ConfigError, match="did you mean 'learning_rate'"):
        with_values(config, {"training.learning_rat": 0.5}, "here")
    with pytest.raises(ConfigError, match="'seed' is a value, not a section"):
        with_values(config, {"seed.x": 0.5}, "here")
