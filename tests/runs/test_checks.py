"""A run that was begun with other values says which, and how to go on with it."""

import re
import shlex
from pathlib import Path

import pytest

from skybind.config import Config, load_config
from skybind.errors import ConfigError
from skybind.runs.checks import refuse_other_configuration, refuse_unsafe_names
from tests.broken import expect_one_sentence

FOLDER = Path("run")


def refused(old, new):
    with pytest.raises(ConfigError, match="holds a run of another configuration") as caught:
        refuse_other_configuration(FOLDER, old, new)
    expect_one_sentence(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "sets",
    [
        ["training.keep_by=loss"],
        ["training.keep_by=loss", "seed=7", "training.betas=[0.5, 0.9]"],
        ["labels.classes=[M, 'on']", "training.gradient_clip=null", "training.warmup_start=1e-7"],
    ],
)
def test_the_sentence_names_what_goes_on_with_it(sets):
    old, new = load_config("astrom3", sets), load_config("astrom3")
    words = shlex.split(re.search(r"by (--set .*), choose", refused(old, new))[1])
    assert words[::2] == ["--set"] * len(sets)
    refuse_other_configuration(FOLDER, old, load_config("astrom3", words[1::2]))


def test_the_accuracy_that_became_usual_is_undone_by_one_key():
    old, new = load_config("astrom3", ["training.keep_by=loss"]), load_config("astrom3")
    assert refused(old, new) == (
        "run holds a run of another configuration (they differ in training.keep_by): go on with "
        "it as it was begun by --set training.keep_by=loss, choose another folder, or delete that "
        "one."
    )


def test_a_key_that_was_not_there_or_very_many_are_not_listed():
    old = load_config("stars-small", ["modalities.spectrum=null"])
    assert "--set" not in refused(old, load_config("stars-small"))
    assert "--set" not in refused(load_config("astroclip"), load_config("astrom3"))


def test_a_run_of_before_may_have_a_device_as_a_name_that_a_new_one_may_not():
    photometry = load_config("stars-small").modalities["photometry"].model_dump(mode="json")
    config = load_config("stars-small").model_dump(mode="json")
    config |= {"modalities": {"aux": photometry}, "model": {**config["model"], "pairs": []}}
    config["split"]["name"] = "nul"
    known = Config.model_validate(config)
    assert list(known.modalities) == ["aux"]
    with pytest.raises(ConfigError, match="'aux' becomes the name of a file, but is that of a dev"):
        refuse_unsafe_names(known)
