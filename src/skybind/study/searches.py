"""Hyper-parameters of a study, searched before its runs: of the pre-training and each classifier.

Every search is judged by validation objects of the first seed; what it finds is used by the runs
of all seeds (AstroM3, appendix A). Objects that the run of another seed tests take no part in it,
where enough are left without them.
"""

from pathlib import Path
from typing import Any

import numpy as np

from skybind.config import Config
from skybind.config.load import with_values
from skybind.config.tune import Range
from skybind.data.dataset import Dataset
from skybind.data.splits import Split
from skybind.errors import ConfigError, DataError
from skybind.files import json_hash
from skybind.progress import muted
from skybind.runs.cases import Case, options_of
from skybind.runs.choosing import choose_classes, choose_split, with_own_split
from skybind.runs.fitting import fit_to_data
from skybind.runs.layout import RunPaths
from skybind.runs.sharing import share_prepared
from skybind.study.chosen import Chosen, write_chosen
from skybind.study.merge import PRETRAINING, Study
from skybind.study.plan import Fitted, fit
from skybind.tune import tune

#: In the recipe of a split: the seeds whose test objects take no part in it.
APART = "apart from"


def search(study: Study, configuration: str, objective: str) -> None:
    """Search the hyper-parameters of the pre-training, or of a classifier by its name.

    Interrupted, the same call goes on; several processes share the trials.

    Raises
    ------
    ConfigError
        If the configuration has no ranges, or no trial succeeded.
    """
    seed = study.seeds[0]
    fitted = fit(study, configuration, seed, searched=())
    case = next((case for case in fitted.cases if case.name == objective), None)
    if case is not None and case.start == "pretrained":
        fitted = fit(study, configuration, seed, searched=(PRETRAINING,))
    config = search_config(fitted, case)
    folder = study.paths.search(configuration, objective)
    share_prepared(study.paths.prepared, folder)
    assert study.options.tune is not None  # otherwise there is no such unit
    split = split_of_searches(study, configuration)
    found = tune(
        config,
        study.data(seed),
        folder,
        trials=study.options.tune,
        split=split,
        start=_best_pretraining(study, configuration, case),
    )
    chosen: dict[str, Any] = dict(found.best)
    if case is not None:
        overrides = with_values(config, found.best, "the search").finetuning.overrides
        chosen = {f"finetuning.overrides.{case.name}": overrides[case.name]}
    write_chosen(
        study.paths.chosen(configuration, objective),
        Chosen(
            values=chosen,
            best=found.best,
            value=found.value,
            measure="validation loss" if case is None else config.tune.metric,
            trials=[trial["value"] for trial in found.trials],
            apart_from=split.recipe.get(APART, []),
            run=f"trials/{json_hash(dict(found.best))}",
        ),
    )


def split_of_searches(study: Study, configuration: str) -> Split:
    """Return the split of the first seed, without the objects that other seeds test.

    A hyper-parameter that was chosen by an object is not tested on it. Where a class would have no
    training objects left, or fewer than a third of the objects of a part or of a subset of it
    would be left, it is the split of the first seed as it is. Made once a
    study: seeds that are added later are not heeded, as their runs use what was found before.
    `recipe["apart from"]` names the seeds that were.
    """
    path = study.paths.search_split(configuration)
    if not path.exists():
        first, *others = study.seeds
        split = _split_of_run(study, configuration, first)
        tested = [_split_of_run(study, configuration, seed) for seed in others]
        _apart(split, others, tested, _labels(study, configuration)).write(path)
    return Split.read(path)


def _split_of_run(study: Study, configuration: str, seed: int) -> Split:
    """Return the split that the run of a seed will have."""
    dataset = Dataset.open(study.data(seed))
    with muted():
        config = fit_to_data(study.config(configuration, seed, ()), dataset)
        return choose_split(with_own_split(config, dataset), dataset)


def _labels(study: Study, configuration: str) -> np.ndarray:
    """Return the classes in use of the first seed's objects, "" of others."""
    dataset = Dataset.open(study.data(study.seeds[0]))
    classes = choose_classes(study.configs[configuration], dataset)
    if not classes:
        return np.full(len(dataset), "", dtype=str)
    labels = dataset.labels(study.configs[configuration].labels.column)
    return np.where(np.isin(labels, classes), labels, "")


def _apart(split: Split, seeds: list[int], others: list[Split], labels: np.ndarray) -> Split:
    """Take the test objects of other splits out of a split, unless too little is left."""
    tested = [one.object_id[one.part == "test"] for one in others]
    out = np.isin(split.object_id, np.concatenate([split.object_id[:0], *tested]))
    part = np.where(out & (split.part != "test"), "", split.part)
    for name in ("train", "validation"):
        for subset in (None, *split.subsets):
            before = split.rows(name, subset)
            after = before[part[before] == name]
            lost = name == "train" and {*labels[before]} != {*labels[after]}
            if lost or len(after) < max(min(2, len(before)), len(before) / 3):
                return split
    return Split(split.object_id, part, split.subsets, {**split.recipe, APART: seeds})


def search_config(fitted: Fitted, case: Case | None) -> Config:
    """Give the configuration of a search: its objective, and the keys that decide it alone.

    Of a classifier these are its own training and the options of its encoders, as overrides of
    the one case, so that the pre-training stays as it is. Ranges of `finetuning.training` come
    before those of `training`; where the weights are pre-trained, dropout alone is searched of the
    encoders. Trials that fall behind are stopped early.

    Raises
    ------
    ConfigError
        If the configuration has no ranges that concern it.
    """
    config = fitted.config
    values: dict[str, Any] = {"tune.pruning": True}
    if case is None:
        every = config.tune.space.items()
        space = {key: entry for key, entry in every if not key.startswith("finetuning.")}
        values["tune.objective"] = PRETRAINING
    else:
        if "." in case.name:  # which parts the names of keys
            raise ConfigError(f"{case.name} cannot be searched: its subset has a dot in its name.")
        place = f"finetuning.overrides.{case.name}"
        options, _ = options_of(fitted, case)
        space = {f"{place}.{key}": entry for key, entry in _of_case(config, case).items()}
        override = dict(config.finetuning.overrides.get(case.name, {}))
        override.setdefault("betas", list(options.betas))  # of which one entry may be searched
        values |= {place: override, "tune.objective": case.name}
    if not space:
        what = "the pre-training" if case is None else case.name
        raise ConfigError(
            f"The configuration {config.name} has no ranges to search for {what}: set tune.space, "
            "such as {training.learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}}."
        )
    values["tune.space"] = {key: entry.model_dump() for key, entry in space.items()}
    return with_values(config, values, "the search")


def _of_case(config: Config, case: Case) -> dict[str, Range]:
    """Give the ranges that concern a case, by the keys of its override."""
    found: dict[str, Range] = {}
    for key, entry in config.tune.space.items():
        section, _, rest = key.partition(".")
        name, _, option = rest.partition(".encoder.")
        if section == "training":
            found.setdefault(rest, entry)
        elif section == "finetuning" and not rest.startswith("overrides."):
            found[rest.removeprefix("training.")] = entry
        elif (
            section == "modalities"
            and name in case.modalities
            and (option == "dropout" or (option and case.start == "scratch"))
        ):
            found[f"encoders.{name}.{option}"] = entry
    return found


def _best_pretraining(study: Study, configuration: str, case: Case | None) -> Path | None:
    """Model of the best trial of the pre-training, for classifiers that begin from one."""
    if case is None or case.start != "pretrained":
        return None
    found = study.found(configuration, PRETRAINING)
    if found is None:
        raise DataError(f"The pre-training of {configuration} was not searched yet.")
    folder = study.paths.search(configuration, PRETRAINING) / found.run
    return RunPaths(folder).model
