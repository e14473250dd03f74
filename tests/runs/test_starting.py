"""A pre-training that begins from another run's model."""

import json
import shutil

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from skybind.config import load_config
from skybind.errors import ConfigError, LeakError, ModelError
from skybind.models.model import Model
from skybind.runs.cases import choose_cases
from skybind.runs.run import Run, is_pretrained
from skybind.runs.steps import run_finetuning, run_pretraining
from skybind.simulate.write import write_stars
from tests.conftest import QUICK
from tests.test_cli import run as command

SETS = [*QUICK, "modalities.spectrum=null", "training.epochs=1"]


@pytest.fixture(scope="module")
def other(tmp_path_factory):
    """Another survey: none of its stars is in the first, and it lacks a feature."""
    folder = tmp_path_factory.mktemp("other") / "stars"
    write_stars(folder, 150, seed=11)
    for part in (folder / "objects").glob("*.parquet"):
        table = pq.read_table(part)
        names = pa.array([f"B{name}" for name in table["object_id"].to_pylist()])
        place = table.schema.get_field_index("object_id")
        renamed = table.set_column(place, "object_id", names)
        pq.write_table(renamed.replace_schema_metadata(table.schema.metadata), part)
    return folder


def start_run(other, folder, *sets):
    return Run.start(load_config("stars-small", [*SETS, *sets]), other, folder)


def test_it_begins_with_the_weights_of_the_other_and_its_own_statistics(
    trained, other, tmp_path, caplog
):
    caplog.set_level("INFO", logger="skybind")
    theirs = Model.open(trained / "pretrain" / "model")
    none = ["training.learning_rate=1.0e-12", "training.weight_decay=0"]
    run = start_run(other, tmp_path / "run", *none)
    model = run_pretraining(run, start=trained)
    for name in ("photometry", "metadata"):
        mine = model.binder.encoders[name].state_dict()
        for key, weight in theirs.binder.encoders[name].state_dict().items():
            torch.testing.assert_close(mine[key], weight, atol=1e-6, rtol=0)
        learned, before = (m.modalities[name].state() for m in (model, theirs))
        assert any((learned[key] != before[key]).any() for key in learned)
    assert "pre-training begins from the weights in" in caplog.text
    note = json.loads((tmp_path / "run" / "pretrain" / "result.json").read_text())
    assert note["start"]["weights"] == theirs.identity["weights"]
    assert note["taken"]["photometry"]["taken"] == note["taken"]["photometry"]["of"]
    # what the other was trained on stays known, in classifiers that begin from it too
    seen = Run.open(trained).dataset.object_ids[Run.open(trained).rows("train")]
    with pytest.raises(LeakError):
        model.refuse_leak(seen[:5], "testing")
    (case,) = choose_cases(run, ["metadata"], ["full"], ["pretrained"])
    run_finetuning(run, case)
    with pytest.raises(LeakError):
        Model.open(run.paths.case(case.name).model).refuse_leak(seen[:5], "testing")


def test_what_it_would_validate_and_test_on_must_be_new_to_the_other(trained, stars, tmp_path):
    run = Run.start(load_config("stars-small", [*SETS, "seed=9"]), stars, tmp_path / "run")
    with pytest.raises(LeakError, match="objects for testing"):
        run_pretraining(run, start=trained)
    assert not (tmp_path / "run" / "pretrain" / "model").exists()


def test_it_goes_on_as_it_was_begun(trained, other, tmp_path):
    """Interrupted after an epoch, the plain command goes on; another start is refused."""
    sets = ["training.epochs=3", "training.max_minutes=1.0e-9"]
    run = start_run(other, tmp_path / "run", *sets)
    run_pretraining(run, start=trained)
    assert not is_pretrained(run.paths.pretraining)
    part = json.loads((tmp_path / "run" / "pretrain" / "result.json").read_text())
    assert (part["finished"], len(part["history"])) == (False, 1)
    run_pretraining(run)  # without --start, as 'skybind run' does
    again = json.loads((tmp_path / "run" / "pretrain" / "result.json").read_text())
    assert again["start"] == part["start"]
    assert [r["train/loss"] for r in again["history"]][:1] == [part["history"][0]["train/loss"]]
    with pytest.raises(ConfigError, match="began from another model"):
        run_pretraining(run, start=run.paths.model)
    # the same model in another place is the same start
    shutil.copytree(trained / "pretrain" / "model", tmp_path / "moved")
    assert run_pretraining(run, start=tmp_path / "moved").identity["weights"]


def test_a_start_that_is_gone_is_one_sentence(trained, other, tmp_path):
    shutil.copytree(trained / "pretrain" / "model", tmp_path / "theirs")
    run = start_run(other, tmp_path / "run", "training.epochs=3", "training.max_minutes=1.0e-9")
    run_pretraining(run, start=tmp_path / "theirs")
    shutil.rmtree(tmp_path / "theirs")
    with pytest.raises(ModelError, match=r"began from the model in .* cannot be opened any more"):
        run_pretraining(run)


def test_one_that_began_at_random_is_not_begun_otherwise(trained, tmp_path):
    shutil.copytree(trained, tmp_path / "run")
    run = Run.open(tmp_path / "run")
    with pytest.raises(ConfigError, match="did not begin from another model"):
        run_pretraining(run, start=trained)


def test_the_command_takes_a_run_or_a_model(trained, other, tmp_path):
    sets = [part for key in SETS for part in ("-s", key)]
    made = ["pretrain", "stars-small", "-d", other, "-o", tmp_path / "run", *sets]
    done = command(*made, "--start", trained / "pretrain" / "model")
    assert done.exit_code == 0, done.output
    assert (tmp_path / "run" / "pretrain" / "model" / "model.json").exists()
    both = command(*made, "--start", trained, "--weights", trained)
    assert "give --weights or --start" in str(both.exception)
