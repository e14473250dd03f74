"""Hyper-parameters that a study searches before its runs."""

import numpy as np
import pytest

from skybind.config import load_config
from skybind.config.load import with_values
from skybind.data.splits import Split
from skybind.errors import ConfigError
from skybind.runs.cases import Case, config_of, options_of
from skybind.runs.run import Run
from skybind.study import work
from skybind.study.do import do_study
from skybind.study.merge import PRETRAINING, Study
from skybind.study.options import StudyOptions
from skybind.study.plan import Fitted, make_plan
from skybind.study.searches import _apart, search_config
from skybind.study.units import Unit

SPACE = (
    "{training.learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}, "
    "training.betas.0: {low: 0.7, high: 0.99}, "
    "modalities.metadata.encoder.dropout: {low: 0.0, high: 0.4}, "
    "modalities.spectrum.encoder.dropout: {low: 0.0, high: 0.4}}"
)
SHORT = [
    "training.epochs=1",
    "finetuning.training.epochs=1",
    "finetuning.overrides={}",
    "finetuning.modalities=[metadata]",
    "evaluation.map=pca",
    "evaluation.baseline=false",
]


def options(**changes):
    small = {"config": "stars-small", "set": [*SHORT, f"tune.space={SPACE}"]}
    return StudyOptions(
        **{
            "name": "tiny",
            "simulate": {"survey": "stars", "objects": 150},
            "configurations": {"small": small},
            "seeds": [1, 2],
            "subsets": ["full"],
            "steps": [],
            "tune": 2,
        }
        | changes
    )


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    folder = tmp_path_factory.mktemp("searched") / "study"
    result = do_study(options(), folder)
    assert result.failed == {}
    assert result.missing == []
    return Study.open(folder)


def test_every_training_is_searched_before_the_runs(searched):
    plan = make_plan(searched)
    searches = {unit.case: unit for unit in plan if unit.kind == "tune"}
    cases = {"metadata-full-scratch", "metadata-full-pretrained"}
    assert set(searches) == {PRETRAINING, *cases}
    first = searches[PRETRAINING].id
    assert first in searches["metadata-full-pretrained"].needs
    assert first not in searches["metadata-full-scratch"].needs
    for unit in plan:
        if unit.kind == "prepare":
            assert {one.id for one in searches.values()} <= set(unit.needs)


def test_the_runs_of_all_seeds_use_what_was_found(searched):
    found = searched.found("small", PRETRAINING).best
    for seed in (1, 2):
        config = searched.run("small", seed).config
        assert config.training.learning_rate == found["training.learning_rate"]
        assert config.training.betas[0] == found["training.betas.0"]
        encoder = config.modalities["metadata"].encoder
        assert encoder["dropout"] == found["modalities.metadata.encoder.dropout"]
        for start in ("scratch", "pretrained"):
            case = Case(("metadata",), "full", start)
            own = searched.found("small", case.name).best
            place = f"finetuning.overrides.{case.name}"
            run = searched.run("small", seed)
            training, _ = options_of(run, case)
            assert training.learning_rate == own[f"{place}.learning_rate"]
            assert training.betas == (own[f"{place}.betas.0"], 0.999)
            dropout = config_of(run, case).modalities["metadata"].encoder["dropout"]
            assert dropout == own[f"{place}.encoders.metadata.dropout"]


def test_no_object_that_a_run_tests_took_part_in_a_search(searched):
    split = Run.open(searched.paths.search("small", PRETRAINING) / "base").split
    assert set(split.part) == {"train", "validation", "test", ""}
    for seed in (1, 2):
        own = searched.run("small", seed).split
        assert set(own.part[np.isin(split.part, ["train", "validation"])]) <= {
            "train",
            "validation",
        }
    first = searched.run("small", 1).split
    left_out = split.part == ""
    assert (split.part == first.part)[~left_out].all()
    assert (searched.run("small", 2).split.part[left_out & (first.part != "")] == "test").all()
    assert searched.found("small", PRETRAINING).apart_from == [2]
    page = (searched.folder / "index.html").read_text("utf-8")
    assert "Objects that the runs of the seeds 2 test took no part in the searches." in page


def test_where_a_class_would_be_lost_the_split_stays_as_it_is():
    ids = np.array([f"s{i}" for i in range(8)])
    labels = np.array(["EW"] * 6 + ["M"] * 2)
    part = np.array(
        ["train", "train", "train", "validation", "validation", "test", "train", "test"]
    )
    own = Split(ids, part)

    def tests(*rows):
        return Split(ids, np.where(np.isin(np.arange(8), rows), "test", "train"))

    without = _apart(own, [2], [tests(0, 5)], labels)
    assert without.part.tolist() == ["", *part[1:].tolist()]
    assert without.recipe == {"apart from": [2]}
    for rows in ((6,), (3,), (0, 1, 2)):  # the only Mira, the only one to validate, most
        assert _apart(own, [2], [tests(*rows)], labels) is own


def test_a_search_stands_on_the_backbones_of_the_first_seed(tmp_path):
    small = {"config": "astroclip-small", "backbones": {"image": "moco-small"}}
    survey = {"survey": "galaxies", "objects": 100}
    asked = options(configurations={"a": small}, simulate=survey, subsets=None)
    plan = make_plan(Study.begin(asked, tmp_path / "study"))
    places = {unit.id: place for place, unit in enumerate(plan)}
    search = next(unit for unit in plan if unit.kind == "tune")
    assert "a/seed-1/backbone/image" in search.needs
    assert "a/seed-2/backbone/image" not in search.needs
    for unit in plan:
        assert all(places[need] < places[unit.id] for need in unit.needs)
    prepare = next(unit for unit in plan if unit.id == "a/seed-2/prepare")
    assert {"survey", search.id, "a/seed-2/backbone/image"} <= set(prepare.needs)


def test_the_best_of_the_trials_is_taken(searched):
    for objective, better in ((PRETRAINING, min), ("metadata-full-scratch", max)):
        found = searched.found("small", objective)
        assert len(found.trials) == 2
        assert found.value == better(found.trials)


def test_classifiers_begin_from_the_best_pretraining(searched):
    """No search of a classifier trains one of its own."""
    folder = searched.paths.search("small", "metadata-full-pretrained")
    assert not list(folder.glob("*/pretrain/model"))
    best = searched.found("small", PRETRAINING).run
    assert (searched.paths.search("small", PRETRAINING) / best / "pretrain" / "model").is_dir()


def test_it_is_on_the_page_and_another_number_of_trials_is_another_study(searched):
    page = (searched.folder / "index.html").read_text("utf-8")
    assert "Hyper-parameters" in page
    assert "metadata-full-pretrained" in page
    with pytest.raises(ConfigError, match="differ in tune"):
        do_study(options(tune=3), searched.folder)


def test_keys_of_a_classifier_are_its_own_alone():
    config = load_config("astrom3")
    case = Case(("photometry",), "10", "pretrained")
    made = search_config(Fitted(config, [case], 100), case)
    place = "finetuning.overrides.photometry-10-pretrained"
    assert set(made.tune.space) == {
        f"{place}.learning_rate",
        f"{place}.betas.0",
        f"{place}.weight_decay",
        f"{place}.plateau_factor",
        f"{place}.encoders.photometry.dropout",
    }
    assert made.tune.objective == case.name
    # what the configuration says of the case stays where it is not searched
    assert options_of(Fitted(made, [case], 100), case)[0].betas[0] == pytest.approx(0.9149369320298)


def test_ranges_of_fine_tuning_come_first_and_pretrained_weights_keep_their_sizes():
    space = (
        "tune.space={finetuning.training.learning_rate: {low: 0.001, high: 0.01}, "
        "training.learning_rate: {low: 0.1, high: 0.2}, "
        "finetuning.label_smoothing: {low: 0.0, high: 0.2}, "
        "modalities.metadata.encoder.hidden: {low: 8, high: 16}}"
    )
    config = load_config("stars-small", [space])
    for start, more in (("scratch", {"encoders.metadata.hidden"}), ("pretrained", set())):
        case = Case(("metadata",), "10", start)
        made = search_config(Fitted(config, [case], 100), case)
        place = f"finetuning.overrides.{case.name}."
        keys = {key.removeprefix(place) for key in made.tune.space}
        assert keys == {"learning_rate", "label_smoothing", *more}
        assert made.tune.space[f"{place}learning_rate"].high == 0.01
        assert made.tune.pruning
    before = search_config(Fitted(config, [], 100), None)
    assert set(before.tune.space) == {
        "training.learning_rate", "modalities.metadata.encoder.hidden",
    }  # fmt: skip
    assert before.tune.pruning


def test_without_ranges_there_is_nothing_to_search():
    config = load_config("stars-small")
    with pytest.raises(ConfigError, match=r"set tune\.space"):
        search_config(Fitted(config, [], 100), None)
    only = load_config("stars-small", ["tune.space={training.epochs: {low: 1, high: 2}}"])
    photometry = with_values(
        only, {"tune.space": {"modalities.photometry.encoder.dropout": {"low": 0, "high": 1}}}, "x"
    )
    case = Case(("metadata",), "10", "scratch")
    with pytest.raises(ConfigError, match="no ranges to search for metadata-10-scratch"):
        search_config(Fitted(photometry, [case], 100), case)
    case = Case(("metadata",), "2.5", "scratch")
    with pytest.raises(ConfigError, match="has a dot in its name"):
        search_config(Fitted(only, [case], 100), case)


def test_who_has_nothing_else_to_do_takes_trials_of_a_search(tmp_path, monkeypatch):
    """A second process joins it once; who holds the search notes how it ended."""
    study = Study.begin(options(data=str(tmp_path / "none"), simulate=None), tmp_path / "study")
    first = Unit("small/tune/pretraining", "tune", configuration="small", seed=1, case=PRETRAINING)
    after = Unit("small/seed-1/prepare", "prepare", (first.id,), configuration="small", seed=1)
    plan, joined = [first, after], []
    monkeypatch.setattr(work, "do_unit", lambda study, unit: joined.append(unit.id))
    second = work.Worker(study, plan, plan)
    with study.notes.held(first):
        states = work.states_of(study, plan)
        assert not second._do_one(states)
        assert second._join(states)
        assert not second._join(states)
    assert joined == [first.id]
    assert study.notes.read(first) is None
