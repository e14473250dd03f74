"""Runs, backbones and searches that an older version began go on as they were begun."""

from pathlib import Path

import pytest
import yaml

from skybind.config import dump_config, load_config
from skybind.config.backbone import load_backbone_config
from skybind.config.begun import as_begun, dump_as_before
from skybind.errors import ConfigError
from skybind.files import json_hash

OLD = Path(__file__).parents[1] / "data" / "v0.1"
LATER = ("min_batches", "min_steps", "min_patience")


def written_by_an_older_version(config, path):
    """The file of a run that was begun before there were some keys."""
    content = yaml.safe_load(dump_config(config))
    for section in (content["training"], content["finetuning"]["training"]):
        for key in LATER:
            del section[key]
    for override in content["finetuning"]["overrides"].values():
        for key in LATER:
            override.pop(key, None)
    path.write_text(yaml.safe_dump(content))


def test_keys_that_there_were_not_then_keep_the_meaning_of_then(tmp_path, caplog):
    caplog.set_level("INFO", logger="skybind")
    config = load_config("stars-small")
    assert config.training.min_batches == 4
    assert "min_steps" in config.finetuning.overrides["*-10"]
    written_by_an_older_version(config, tmp_path / "config.yaml")
    begun = as_begun(config, tmp_path / "config.yaml")
    assert begun == load_config(tmp_path / "config.yaml")
    for training in (begun.training, begun.finetuning.training):
        assert [getattr(training, key) for key in LATER] == [None] * 3
    assert "min_steps" not in begun.finetuning.overrides["*-10"]
    (message,) = caplog.messages
    assert message.startswith(f"{tmp_path} was begun by a skybind that did not know")
    for key in ("training.min_batches", "finetuning.overrides.*-10.min_steps"):
        assert key in message


def test_keys_that_it_has_are_those_of_now(tmp_path):
    config = load_config("stars-small")
    written_by_an_older_version(config, tmp_path / "config.yaml")
    other = load_config("stars-small", ["training.learning_rate=0.5", "seed=3"])
    begun = as_begun(other, tmp_path / "config.yaml")
    assert (begun.training.learning_rate, begun.seed) == (0.5, 3)
    fewer = load_config("stars-small", ["modalities.spectrum=null"])
    assert list(as_begun(fewer, tmp_path / "config.yaml").modalities) == ["photometry", "metadata"]


def test_nothing_changes_in_what_this_version_began(tmp_path, caplog):
    caplog.set_level("INFO", logger="skybind")
    for config in (load_config("galaxies-small"), load_backbone_config("moco-small")):
        (tmp_path / "config.yaml").write_text(dump_config(config))
        assert as_begun(config, tmp_path / "config.yaml") == config
    assert not caplog.messages


def test_what_the_data_decided_at_the_start_stays_decided(tmp_path):
    column = "modalities.spectrum.column"
    begun = load_config("stars-small", ["labels.classes=[M, SR]", f"{column}=blue"])
    (tmp_path / "config.yaml").write_text(dump_config(begun))
    now = load_config("stars-small", ["labels.classes=null"])
    assert as_begun(now, tmp_path / "config.yaml") == begun
    named = load_config("stars-small", ["labels.classes=[M, EW]", f"{column}=red"])
    assert as_begun(named, tmp_path / "config.yaml") == named


def test_the_hash_of_an_old_search_is_still_its_hash():
    config = load_config(OLD / "stars-run" / "config.yaml")
    content = config.model_dump(mode="json", exclude={"name", "description"})
    assert json_hash(dump_as_before(content)) == "252322c28fe24ca5"  # version 0.1 had it


def test_a_file_that_cannot_be_read_is_one_sentence(tmp_path):
    (tmp_path / "config.yaml").write_text("a: [1")
    with pytest.raises(ConfigError, match="cannot be read"):
        as_begun(load_config("stars-small"), tmp_path / "config.yaml")


def test_sections_that_may_change_are_as_given_though_a_key_came_later(tmp_path):
    content = yaml.safe_load(dump_config(load_config("stars-small")))
    del content["evaluation"]["allow_twins"], content["training"]["keep_by"]
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(content))
    sets = ["evaluation.allow_twins=true", "training.keep_by=accuracy"]
    now = load_config("stars-small", sets)
    begun = as_begun(now, tmp_path / "config.yaml", ("evaluation",))
    assert (begun.evaluation.allow_twins, begun.training.keep_by) == (True, "loss")
    assert not as_begun(now, tmp_path / "config.yaml").evaluation.allow_twins
