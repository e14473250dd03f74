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


def test_the_published_ranges_are_those_of_the_paper():
    """AstroM3's appendix; a space of one's own replaces them, and `stars` has none of them."""
    space = load_config("astrom3").tune.space
    rate, beta = space["training.learning_rate"], space["training.betas.0"]
    assert (rate.low, rate.high, rate.log) == (1e-5, 0.01, True)
    assert (beta.low, beta.high) == (0.7, 0.99)
    assert space["training.weight_decay"].high == 0.1
    dropouts = [key for key in space if key.endswith(".dropout")]
    assert len(dropouts) == 3
    assert all((space[key].low, space[key].high) == (0.0, 0.4) for key in dropouts)
    assert load_config("stars").tune.space == {}
    sets = ["modalities.metadata=null"]
    fewer = load_config("astrom3", [*sets, "model.pairs=all"]).tune.space
    assert set(space) - set(fewer) == {"modalities.metadata.encoder.dropout"}


def test_a_space_of_ones_own_replaces_another(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text("extends: astrom3\ntune: {space: {training.epochs: {low: 1, high: 9}}}\n")
    assert list(load_config(path).tune.space) == ["training.epochs"]


def test_one_of_the_entries_of_a_list_can_be_set():
    config = load_config("astrom3")
    assert with_values(config, {"training.betas.0": 0.8}, "here").training.betas == (0.8, 0.999)
    with pytest.raises(ConfigError, match=r"'training\.betas' has 2 entries, from 0"):
        with_values(config, {"training.betas.2": 0.8}, "here")


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
