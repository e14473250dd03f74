import json
import threading
import time

import pytest

from skybind import tune as module
from skybind.config import load_config
from skybind.config.load import with_values
from skybind.errors import ConfigError, ModelError
from skybind.runs.run import Run
from skybind.simulate.stars.classes import CLASSES
from skybind.tune import tune

QUICK = [
    "modalities.photometry=null",
    "modalities.spectrum=null",
    "modalities.metadata.preprocessing.drop=0.1",
    "model.dimension=8",
    "training.epochs=1",
    "training.batch_size=64",
    "finetuning.training.epochs=1",
    "finetuning.overrides={}",
    "finetuning.modalities=[each]",
    "finetuning.subsets=['10']",
    f"labels.classes=[{', '.join(CLASSES)}]",
]
pytest.importorskip("optuna", reason="needs the extra 'tune' (optuna)")

RATES = {"low": 1e-4, "high": 1e-2, "log": True}


def settings(objective="metadata-10-scratch", space=None, **extra):
    space = {"finetuning.training.learning_rate": RATES} if space is None else space
    tuned = json.dumps({"objective": objective, "space": space, **extra})
    return load_config("stars-small", [*QUICK, f"tune={tuned}"])


@pytest.fixture
def cheap(monkeypatch):
    """A search whose trials cost nothing: the value is a parabola of log10(rate)."""
    calls = []

    def value(self, values):
        calls.append(values)
        rate = values["finetuning.training.learning_rate"]
        if rate > 5e-3:
            raise ModelError("The loss is not finite.")
        return 1 - abs(rate - 1e-3) * 100

    monkeypatch.setattr(module._Search, "value", value)
    return calls


def test_a_search_resumed_gives_the_trials_of_an_uninterrupted_one(stars, tmp_path, cheap):
    config = settings()
    whole = tune(config, stars, tmp_path / "whole", trials=8)
    assert len(cheap) == 8
    tune(config, stars, tmp_path / "parts", trials=3)

    kept = module._Search.value

    def killed(self, values):
        raise KeyboardInterrupt

    module._Search.value = killed
    with pytest.raises(KeyboardInterrupt):
        tune(config, stars, tmp_path / "parts", trials=8)
    module._Search.value = kept
    parts = tune(config, stars, tmp_path / "parts", trials=8)
    assert [t["values"] for t in parts.trials] == [t["values"] for t in whole.trials]
    assert parts.best == whole.best
    # what is done is not done again
    before = len(cheap)
    assert tune(config, stars, tmp_path / "parts", trials=8).best == whole.best
    assert len(cheap) == before


def test_the_best_of_the_trials_is_given_and_those_that_failed_say_why(stars, tmp_path, cheap):
    result = tune(settings(), stars, tmp_path, trials=25)
    values = [trial["value"] for trial in result.trials if trial["value"] is not None]
    assert result.value == max(values)
    rate = result.best["finetuning.training.learning_rate"]
    assert rate == pytest.approx(1e-3, rel=0.3)
    failed = [trial for trial in result.trials if trial["value"] is None]
    assert failed
    assert all(trial["reason"] == "The loss is not finite." for trial in failed)
    assert load_config(result.config).finetuning.training.learning_rate == rate


def test_a_real_search_judges_by_validation_objects_and_shares_what_it_can(
    stars, tmp_path, capsys, talking
):
    space = {"finetuning.training.learning_rate": {"choices": [1e-5, 3e-2]}}
    config = settings("metadata-10-pretrained", space)
    config = with_values(config, {"finetuning.training.epochs": 12}, "test")
    result = tune(config, stars, tmp_path, trials=3)
    assert result.best == {"finetuning.training.learning_rate": 3e-2}
    assert 0.3 < result.value <= 1
    assert "trial 3 (finetuning.training.learning_rate" in capsys.readouterr().err
    # one pre-training and one preparation for all, and no test object was ever predicted
    assert [p.parent.parent.name for p in tmp_path.glob("**/pretrain/model")] == ["base"]
    assert not list(tmp_path.glob("**/metrics.json"))
    run = next((tmp_path / "trials").iterdir())
    assert (run / "prepared").resolve() == (tmp_path / "prepared").resolve()
    Run.start(load_config(result.config), stars, tmp_path / "next")


def test_pretraining_is_judged_by_its_validation_loss(stars, tmp_path):
    space = {"modalities.metadata.encoder.hidden": {"low": 8, "high": 64, "log": True}}
    result = tune(settings("pretraining", space), stars, tmp_path, trials=2)
    assert result.value == min(trial["value"] for trial in result.trials)
    assert isinstance(result.best["modalities.metadata.encoder.hidden"], int)
    losses = {
        json.loads((run / "pretrain/result.json").read_text())["best_loss"]
        for run in (tmp_path / "trials").iterdir()
    }
    assert losses == {trial["value"] for trial in result.trials}


@pytest.mark.parametrize(
    ("config", "message"),
    [
        (lambda: settings(space={}), r"tune\.space is empty"),
        (lambda: settings(space={"split.kind": {"choices": ["sky"]}}), "decides the data"),
        (lambda: settings(space={"seed": {"low": 1, "high": 2}}), "decides the data"),
        (lambda: settings(space={"training.epoch": RATES}), "did you mean 'epochs'"),
        (lambda: settings("metadata-10-scrach"), "did you mean 'metadata-10-scratch'"),
        (
            lambda: settings("pretraining", {"training.batch_size": {"low": 8, "high": 64}}),
            r"set training\.validation_batch_size",
        ),
    ],
)
def test_a_search_that_cannot_be_is_refused(stars, tmp_path, config, message):
    with pytest.raises(ConfigError, match=message):
        tune(config(), stars, tmp_path, trials=1)


def test_another_space_is_refused(stars, tmp_path, cheap):
    tune(settings(), stars, tmp_path, trials=1)
    other = {"finetuning.training.learning_rate": {**RATES, "high": 2e-2}}
    with pytest.raises(ConfigError, match="holds a search of another configuration"):
        tune(settings(space=other), stars, tmp_path, trials=1)


def test_two_searches_in_one_folder_share_its_trials(stars, tmp_path, cheap, monkeypatch):
    """While the first is at its second trial another program comes, and leaves it that one."""
    config = settings()
    inner, value = [], module._Search.value

    def beside(self, values):
        if len(cheap) == 1 and not inner:
            inner.append(threading.Thread(target=search_too))
            inner[0].start()
            while len(cheap) < 4:  # all that the other may take
                time.sleep(0.01)
        return value(self, values)

    results = []

    def search_too():
        results.append(tune(config, stars, tmp_path, trials=5))

    monkeypatch.setattr(module._Search, "value", beside)
    first = tune(config, stars, tmp_path, trials=5)
    inner[0].join()
    assert len(cheap) == 5
    assert len(first.trials) == 5
    assert results[0].trials == first.trials  # it waited for the last one
    rates = [trial["values"]["finetuning.training.learning_rate"] for trial in first.trials]
    assert len(set(rates)) == 5


def test_a_trial_above_the_median_of_the_others_is_stopped_early(stars, tmp_path, monkeypatch):
    """Four good rates, then one at which nothing is learned: it ends after five epochs of ten."""
    rates = [0.02, 0.021, 0.022, 0.023, 1e-9]
    in_turn = iter(range(5))

    def suggest(trial, key, entry):
        trial.suggest_categorical(key, list(range(5)))
        return entry.choices[next(in_turn)]

    monkeypatch.setattr(module, "_suggest", suggest)
    config = settings("pretraining", {"training.learning_rate": {"choices": rates}}, pruning=True)
    config = with_values(config, {"training.epochs": 10}, "test")
    result = tune(config, stars, tmp_path, trials=5)
    assert [trial["value"] is None for trial in result.trials] == [False] * 4 + [True]
    assert result.trials[4]["reason"].startswith("stopped after 5 epochs: its validation loss")
    assert result.value == min(trial["value"] for trial in result.trials[:4])
    lengths = [len(log.read_text().splitlines()) - 1 for log in tmp_path.glob("trials/*/*/log.csv")]
    assert sorted(lengths) == [5, 10, 10, 10, 10]


def test_a_search_that_does_not_prune_is_that_of_before_there_was_pruning(stars, tmp_path, cheap):
    """Its journal goes on: the key that came later does not make it another search."""
    tune(settings(), stars, tmp_path, trials=2)
    assert len(tune(settings(pruning=False), stars, tmp_path, trials=3).trials) == 3
    with pytest.raises(ConfigError, match="another configuration"):
        tune(settings(pruning=True), stars, tmp_path, trials=3)
