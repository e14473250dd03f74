"""The units of a study, in an order in which each comes after those that it needs."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skybind.config import Config, TrainingOptions
from skybind.config.backbone import load_backbone_config
from skybind.config.subsets import FULL, read_subset
from skybind.data.dataset import Dataset
from skybind.plugins import use_plugins
from skybind.progress import muted
from skybind.runs.cases import Case, cases_in, options_of
from skybind.runs.choosing import choose_classes
from skybind.runs.fitting import fit_to_data
from skybind.shards import Shard
from skybind.study.merge import PRETRAINING, Study
from skybind.study.units import Unit
from skybind.training.pace import choose_pace

#: The unit that simulates the survey.
SURVEY = "survey"

# Work of an object in an epoch of training is 1 a modality; that of preparing or embedding it, of
# what is measured of it, and of pages. They only divide a study into shards.
_PREPARE, _EMBED, _EVALUATE, _PAGE = 1.0, 0.4, 2.0, 1.0


@dataclass(frozen=True)
class Fitted:
    """A configuration as it fits the dataset of a seed."""

    config: Config
    cases: list[Case]
    objects: int


def make_plan(study: Study) -> list[Unit]:
    """List the units of a study; the same for every process that asks.

    The classifiers of a run depend on what its dataset has. Where the survey is not simulated
    yet, they are those that the configuration asks for.
    """
    units = []
    if study.options.simulate is not None:
        n = study.options.simulate.objects
        units.append(Unit(SURVEY, "survey", amount=n, weight=n))
    for configuration in study.configurations:
        fits: dict[Path, Fitted] = {}  # but for the seed they are the same on the same data
        for seed in study.seeds:
            data = study.data(seed)
            if data not in fits:
                fits[data] = fit(study, configuration, seed)
            fitted = fits[data]
            backbones = _backbones(study, configuration, seed, fitted)
            units += backbones
            if seed == study.seeds[0]:
                searches = _searches(study, configuration, fitted, [one.id for one in backbones])
                units += searches
            before = [one.id for one in (*searches, *backbones)]
            units += _units_of_run(study, configuration, seed, fitted, before)
    return units


def fit(
    study: Study, configuration: str, seed: int, searched: Collection[str] | None = None
) -> Fitted:
    """Fit a configuration to the dataset of a seed, as its run does.

    Parameters
    ----------
    study : Study
    configuration : str
    seed : int
    searched : collection of str, optional
        Searches of hyper-parameters whose results are used; all by default.
    """
    config = study.config(configuration, seed, searched)
    use_plugins(config.plugins)
    if study.options.simulate is not None and not (study.paths.data / "objects").exists():
        return Fitted(config, cases_in(config), study.options.simulate.objects)
    dataset = Dataset.open(study.data(seed))
    with muted():
        config = fit_to_data(config, dataset)
    cases = cases_in(config) if choose_classes(config, dataset) else []
    return Fitted(config, cases, len(dataset))


def _backbones(study: Study, configuration: str, seed: int, fitted: Fitted) -> list[Unit]:
    """The backbones that are trained for a run."""
    survey = () if study.options.simulate is None else (SURVEY,)
    share = fitted.objects * fitted.config.split.fractions[0]
    return [
        Unit(
            f"{configuration}/seed-{seed}/backbone/{modality}", "backbone", survey,
            configuration=configuration, seed=seed, case=modality, amount=share * epochs,
            weight=share * epochs,
        )
        for modality, epochs in _backbone_epochs(study, configuration).items()
    ]  # fmt: skip


def _searches(
    study: Study, configuration: str, fitted: Fitted, backbones: Sequence[str]
) -> list[Unit]:
    """The searches of hyper-parameters: of the pre-training, and of each classifier after it.

    They stand on the backbones of the first seed.
    """
    trials = study.options.tune
    if trials is None:
        return []
    survey = (*(() if study.options.simulate is None else (SURVEY,)), *backbones)
    share = trials * fitted.objects * fitted.config.split.fractions[0]

    def unit(objective: str, needs: tuple[str, ...], passes: float, wide: int) -> Unit:
        return Unit(
            f"{configuration}/tune/{objective}", "tune", needs, configuration=configuration,
            seed=study.seeds[0], case=objective, amount=passes, weight=passes * wide,
        )  # fmt: skip

    passes = _passes(fitted.config.training, share / trials) * trials
    first = unit(PRETRAINING, survey, passes, len(fitted.config.modalities))
    units = [first]
    for case in fitted.cases:
        options, _ = options_of(fitted, case)
        passes = _passes(options, share / trials * _share(case.subset)) * trials
        needs = (*survey, first.id) if case.start == "pretrained" else survey
        units.append(unit(case.name, needs, passes, len(case.modalities)))
    return units


def _units_of_run(
    study: Study, configuration: str, seed: int, fitted: Fitted, before: Sequence[str]
) -> list[Unit]:
    """The units of one run, but for its backbones, which are among those that come before."""
    name = f"{configuration}/seed-{seed}"
    survey = () if study.options.simulate is None else (SURVEY,)
    config, n = fitted.config, fitted.objects
    wide = len(config.modalities)

    def unit(kind: str, needs: Sequence[str], amount: float, weight: float, **more: Any) -> Unit:
        ending = f"{kind}/{more['case']}" if "case" in more else kind
        return Unit(
            f"{name}/{ending}", kind, tuple(needs), configuration=configuration, seed=seed,
            amount=amount, weight=weight, **more,
        )  # fmt: skip

    share = n * config.split.fractions[0]
    prepare = unit("prepare", [*survey, *before], n, n * wide * _PREPARE)
    trained = _passes(config.training, share)
    pretrain = unit("pretrain", [prepare.id], trained, trained * wide)
    tuning = []
    for case in fitted.cases:
        before = pretrain.id if case.start == "pretrained" else prepare.id
        options, _ = options_of(fitted, case)
        passes = _passes(options, share * _share(case.subset))
        weight = passes * len(case.modalities)
        tuning.append(unit("finetune", [before], passes, weight, case=case.name))
    embed = unit("embed", [pretrain.id], n, n * wide * _EMBED)
    after = tuple(one.id for one in tuning)
    # each classifier looks at all objects, in its modalities
    looks = n * sum(len(case.modalities) for case in fitted.cases) / wide
    weight = n * wide * _EVALUATE + looks * wide * _EMBED
    evaluate = unit("evaluate", [embed.id], looks, weight, after=after)
    units = [prepare, pretrain, *tuning, embed, evaluate]
    pages: list[Unit] = []
    for step in ("clusters", "discover", "report"):
        if step in study.options.steps:
            after = tuple(one.id for one in pages)
            pages.append(unit(step, [evaluate.id], n, n * wide * _PAGE, after=after))
    return units + pages


def _passes(options: TrainingOptions, objects: float) -> float:
    """Count the objects that a training looks at: at most, as it may stop early."""
    return objects * choose_pace(options, max(round(objects), 1)).epochs


def _backbone_epochs(study: Study, configuration: str) -> dict[str, int]:
    """Modality -> epochs of the backbone that is trained for it."""
    wanted = study.options.configurations[configuration].backbones
    return {
        modality: load_backbone_config(entry.config, entry.set).training.epochs
        for modality, entry in wanted.items()
    }


def _share(subset: str) -> float:
    """Share of the objects in a subset of the labels, roughly."""
    if subset == FULL:
        return 1.0
    percentage = read_subset(subset).percentage
    return 0.1 if percentage is None else percentage / 100


def of_shard(plan: Sequence[Unit], shard: Shard) -> list[Unit]:
    """Give the units of one shard: a stretch of the plan with its share of the work.

    So the units of one seed stay together as far as they can.
    """
    total = sum(unit.weight for unit in plan)
    chosen, before = [], 0.0
    for unit in plan:
        middle = (before + unit.weight / 2) / total if total else 0.0
        before += unit.weight
        if min(int(middle * shard.of), shard.of - 1) == shard.number - 1:
            chosen.append(unit)
    return chosen
