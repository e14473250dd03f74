"""How many steps a training makes, and of how many objects."""

import json

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from skybind.config import load_config
from skybind.config.training import TrainingOptions
from skybind.training.batches import training_batches
from skybind.training.pace import SMALLEST_BATCH, choose_pace, paced

OURS = {"min_batches": 4, "min_steps": 300, "min_patience": 50}


def options(**changes):
    return TrainingOptions(**{"batch_size": 256, "epochs": 36, "warmup_epochs": 2} | changes)


def test_four_hundred_and_fifty_pairs():
    """The default once gave them one step of 256 an epoch, and lost the other 194."""
    pace = choose_pace(options(**OURS), 450)
    assert (pace.batch_size, pace.steps_per_epoch) == (112, 4)
    assert (pace.epochs, pace.steps) == (75, 300)
    # 36 epochs became 75, so 2 became 4, and 6 became 12.5; 50 steps are 12.5 epochs
    assert (pace.warmup_epochs, pace.early_stop_patience) == (4, 13)
    assert pace.plateau_patience == 7


def test_long_trainings_of_few_objects_are_patient_too():
    pace = choose_pace(options(epochs=200, min_patience=50, min_batches=4), 60)
    assert (pace.batch_size, pace.steps_per_epoch, pace.epochs) == (20, 3, 200)
    assert (pace.early_stop_patience, pace.plateau_patience) == (17, 9)
    assert choose_pace(options(early_stop_patience=None, **OURS), 60).early_stop_patience is None


@given(st.integers(2, 3000), st.integers(2, 600), st.integers(1, 12), st.booleans())
@example(23, 6, 6, True)
@example(5, 3, 2, True)
@example(3, 2, 2, False)
@example(3, 2, 2, True)
def test_no_epoch_loses_a_large_share_of_its_objects(objects, batch_size, batches, drop_last):
    asked = options(batch_size=batch_size, min_batches=batches, drop_last=drop_last)
    pace = choose_pace(asked, objects)
    cut = training_batches(np.arange(objects), pace.batch_size, drop_last, 0, 0)
    assert len(cut) == pace.steps_per_epoch
    assert all(len(batch) > 1 for batch in cut)
    assert all(len(batch) <= batch_size + 1 for batch in cut)  # one object joins the others
    assert len(cut) >= min(batches, max(objects // SMALLEST_BATCH, 1))
    kept = sum(map(len, cut))
    if objects // batch_size >= batches:
        assert pace.batch_size == batch_size
    else:
        assert objects - kept < max(batches, 2)
        assert kept > 0.8 * objects or objects < 20
    if not drop_last:
        assert kept == objects


@given(st.integers(2, 5000), st.integers(1, 500), st.integers(1, 100))
def test_at_least_so_many_steps_and_as_patient_in_proportion(objects, steps, patience):
    asked = options(min_steps=steps, early_stop_patience=patience, min_batches=4)
    pace = choose_pace(asked, objects)
    assert pace.steps >= steps
    assert pace.epochs >= asked.epochs
    assert pace.steps - pace.steps_per_epoch < steps or pace.epochs == asked.epochs
    ratio = pace.epochs / asked.epochs
    assert pace.early_stop_patience == pytest.approx(patience * ratio, abs=0.5)


@pytest.mark.parametrize("objects", [2, 450, 1706, 17063, 37000])
@pytest.mark.parametrize("name", ["astrom3", "astroclip"])
def test_the_published_configurations_train_as_published(name, objects):
    config = load_config(name)
    for asked in (config.training, config.finetuning.training):
        trained, pace = paced(asked, objects, "training")
        assert trained == asked
        assert pace.to_dict()["objects"] == objects


@pytest.mark.parametrize(("name", "objects"), [("stars-small", 2334), ("galaxies-small", 2400)])
def test_the_demonstrations_have_objects_enough(name, objects):
    config = load_config(name)
    assert choose_pace(config.training, objects).differences(config.training) == ""
    assert config.training.min_batches is not None
    cases = [(config.finetuning.training, objects)]
    for name, change in config.finetuning.overrides.items():
        asked = config.finetuning.training.model_copy(update=change)
        cases.append((asked, 230 if name == "*-10" else objects))
    for asked, labels in cases:
        assert choose_pace(asked, labels).differences(asked) == ""


def test_what_was_chosen_is_said(caplog):
    caplog.set_level("INFO", logger="skybind")
    trained, _ = paced(options(**OURS), 450, "pre-training")
    assert caplog.messages == [
        "pre-training: 450 training objects are few, so there are batches of 112 (not 256), "
        "75 epochs (not 36), an early stop after 13 epochs (not 6): 4 steps an epoch, 300 in all."
    ]
    # a contrastive loss depends on the size of its batches
    assert trained.validation_batch_size == 256
    assert paced(options(), 5000, "pre-training")[0].validation_batch_size is None
    assert len(caplog.messages) == 1


def test_without_the_keys_large_batches_of_few_objects_are_said(caplog):
    caplog.set_level("INFO", logger="skybind")
    asked = options()
    assert paced(asked, 450, "pre-training")[0] == asked
    assert caplog.messages == [
        "pre-training: an epoch of 450 objects has 1 step with batches of 256 and leaves 194 of "
        "them out: set training.min_batches and training.min_steps to count in steps."
    ]


def test_who_sets_the_epochs_gets_so_many(tmp_path):
    assert load_config("stars-small").training.min_steps == 300
    assert load_config("stars-small", ["training.epochs=2"]).training.min_steps is None
    both = ["training.min_steps=70", "training.epochs=2"]
    for sets in (both, both[::-1]):
        training = load_config("stars-small", sets).training
        assert (training.epochs, training.min_steps) == (2, 70)
    mine = tmp_path / "mine.yaml"
    mine.write_text("extends: stars-small\nfinetuning: {training: {epochs: 3}}\n")
    config = load_config(mine)
    assert (config.training.min_steps, config.finetuning.training.min_steps) == (300, None)
    assert config.finetuning.training.min_batches == 4


def test_a_run_notes_what_it_chose(trained):
    note = json.loads((trained / "pretrain" / "result.json").read_text())
    assert note["pace"]["batch_size"] == note["pace"]["objects"] // 4
    assert note["pace"]["steps"] == note["pace"]["epochs"] * note["pace"]["steps_per_epoch"]
    assert note["pace"]["epochs"] == len(note["history"]) == 2
