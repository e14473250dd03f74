"""Every key is explained, in the program and in docs/configuration.md."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from skybind.config import Config, TrainingOptions, load_config
from skybind.encoders import build_encoder, encoder_names
from skybind.encoders.registry import encoder_table
from skybind.errors import ConfigError
from skybind.modalities.kinds import kinds
from skybind.modalities.shape import InputShape
from skybind.runs.keys import PREFACE, REQUIRED, config_keys, keys_as_markdown, keys_as_text
from tests.test_cli import run

DOCS = Path(__file__).parents[2] / "docs"


def keys(section=None):
    return {key.name: key for part in config_keys(section) for key in part.keys}


def test_every_key_says_what_it_means_and_what_it_may_be():
    for section in config_keys():
        assert section.title
        for key in section.keys:
            assert len(key.meaning) > 8, f"{key.name} has no description"
            assert key.default
            assert "any value" not in key.values or key.name.startswith("tune.")


def leaves(tree, prefix=""):
    if not isinstance(tree, dict) or not tree:
        return {prefix}
    return set().union(
        *(leaves(value, f"{prefix}.{key}".strip(".")) for key, value in tree.items())
    )


def test_no_key_of_a_configuration_is_missing():
    known = keys()
    dumped = load_config("galaxies-small").model_dump(mode="json")
    modality = dumped["modalities"].pop("image")
    del dumped["modalities"]
    free = ("finetuning.overrides", "tune.space", "evaluation.published")
    for key in leaves(dumped):
        assert key in known or key.startswith(free), key
    for key in modality:
        assert f"modalities.NAME.{key}" in known
    assert {s.short for s in config_keys("modalities")} >= {*kinds(), *encoder_names()}


def test_defaults_and_ranges_are_those_that_hold():
    known = keys()
    assert known["training.learning_rate"].default == "0.00392"
    assert known["training.learning_rate"].values == "number, above 0"
    assert known["training.batch_size"].values == "whole number, at least 2"
    assert known["training.betas"].values == "list of 2 numbers"
    assert known["training.precision"].values == "`32` or `bf16-mixed` or `16-mixed`"
    assert known["training.min_steps"].values == "whole number, at least 1, or null"
    assert (known["training.epochs"].default, known["finetuning.training.epochs"].default) == (
        "100",
        "50",
    )
    assert known["modalities"].default == REQUIRED
    informer = keys("informer")
    assert informer["modalities.NAME.encoder.dropout"].values == "number, 0 to 1"
    assert informer["modalities.NAME.encoder.attention"].values == "`exact` or `probsparse`"
    with pytest.raises(ValidationError):
        TrainingOptions(batch_size=1)
    with pytest.raises(ConfigError, match="dropout between 0 and 1"):
        build_encoder("informer", InputShape(9, 40), dropout=1.1)


def test_defaults_of_encoders_can_be_built():
    for name in encoder_names():
        defaults = {option.name: option.default for option in encoder_table(name)}
        channels = {"folded": 9, "specformer": 1}.get(name, 3)
        built = build_encoder(name, InputShape(channels, 420), **defaults)
        assert built.settings == {"name": name, **defaults}


def test_a_part_is_asked_for_by_section_kind_encoder_or_key():
    assert set(keys("training")) == {f"training.{name}" for name in TrainingOptions.model_fields}
    assert {s.name for s in config_keys("model")} == {"model", "model.scale"}
    assert all(name.startswith("modalities.NAME.preprocessing.") for name in keys("photometry"))
    assert "modalities.NAME.preprocessing.phase" in keys("photometry")
    assert list(keys("training.epochs")) == ["training.epochs"]
    assert {"moco.queue", "probe.objects"} <= set(keys("backbone"))
    with pytest.raises(ConfigError, match="no section or key 'trainin': did you mean 'training'"):
        config_keys("trainin")


def test_the_page_is_the_programs():
    """`make docs` writes it anew."""
    page = (DOCS / "configuration.md").read_text("utf-8")
    assert page == PREFACE + keys_as_markdown(config_keys())
    for line in page.splitlines():
        if line.startswith("| "):
            assert line.replace("\\|", "").count("|") == 5


def test_text_keeps_to_the_width_and_says_the_same():
    for width in (40, 120):
        text = keys_as_text(config_keys("training"), width)
        meanings = [line for line in text.splitlines() if line.startswith(" " * 6)]
        assert max(map(len, meanings)) <= width
    assert " ".join(text.split()).count("Optimiser steps, at least") == 1


def test_the_command_prints_it():
    printed = run("config", "keys", "training.epochs").output
    assert "training.epochs = 100  (whole number, at least 1)" in printed
    assert run("config", "keys", "--markdown").output == (DOCS / "configuration.md").read_text(
        "utf-8"
    )
    assert "| `labels.column` |" in run("config", "keys", "labels", "--markdown").output
    assert Config.model_fields["seed"].description in run("config", "keys").output
