"""A study's folder, and its results with all seeds together."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import yaml

from skybind.config import Config, dump_config, load_config
from skybind.config.begun import as_begun, dump_as_before
from skybind.config.load import validate, with_values
from skybind.config.written import plain_yaml
from skybind.data.dataset import Dataset
from skybind.errors import ConfigError, DataError, quoted
from skybind.evaluation.records import Importance, Metrics, read_metrics
from skybind.files import json_hash, raise_of_machine
from skybind.locks import alone, waiting_for
from skybind.measures.importance import mean_importance
from skybind.runs.checks import differences
from skybind.runs.layout import BackbonePaths, RunPaths
from skybind.runs.run import Run
from skybind.runs.status import read_status
from skybind.study.chosen import CHOSEN, Chosen, read_chosen
from skybind.study.layout import StudyPaths
from skybind.study.marks import refuse_cut, write_whole
from skybind.study.options import StudyOptions
from skybind.study.units import Notes
from skybind.words import nearest

#: The search of the pre-training's hyper-parameters; those of classifiers have their names.
PRETRAINING = "pretraining"

# What stands in the folder of a study of which nothing is done yet, perhaps interrupted.
_BEGUN = ("study.yaml", "configurations", "lock", "lock.holder", "measured")

#: Keys of a study that say nothing of its results.
_WORDS = ("name", "description", "memory")


@dataclass(frozen=True)
class StudyRun:
    """One run of a study that was evaluated."""

    configuration: str
    seed: int
    run: Run
    metrics: Metrics


class Study:
    """Configurations x seeds in one folder.

    Use `Study.open`, or `Study.begin`, which also goes on with what stands there.

    Attributes
    ----------
    folder : Path
    options : StudyOptions
    configs : dict of str to Config
        Each configuration by its name in the study; its seed is not that of any run.
    notes : Notes
        Which units are done.
    """

    def __init__(self, folder: Path, options: StudyOptions, configs: Mapping[str, Config]) -> None:
        self.folder, self.options, self.configs = folder, options, dict(configs)
        self.notes = Notes(self.paths.units)
        self._metrics: dict[Path, tuple[int, Metrics]] = {}
        self._runs: dict[Path, Run] = {}

    @classmethod
    def begin(cls, options: StudyOptions, out: str | Path, *, write: bool = True) -> Self:
        """Begin a study in a folder, or go on with the one that stands there.

        A study may grow: configurations, seeds, subsets and steps may be added to it, and its data
        may be moved. One of which nothing is done yet may become any other.

        Parameters
        ----------
        options : StudyOptions
        out : str or Path
        write : bool
            Whether what is asked is noted in the folder.

        Raises
        ------
        ConfigError
            If another study stands there, or anything else.
        """
        folder = Path(out)
        paths = StudyPaths(folder)
        configs = _configs(options)
        folder.mkdir(parents=True, exist_ok=True)
        waiting = waiting_for(f"begins the study in {folder}")
        with alone(paths.lock, otherwise=waiting):
            if paths.units.exists() and paths.options.exists():
                options, configs = _grown(cls.open(folder), options, configs)
            else:
                cls.refuse_others(folder)
            if write:
                for name, config in configs.items():
                    write_whole(paths.configuration(name), dump_config(config))
                write_whole(paths.options, _dump(options))
        return cls(folder, options, configs)

    @staticmethod
    def refuse_others(folder: Path) -> None:
        """Refuse a folder for a new study that holds anything else.

        Raises
        ------
        ConfigError
        """
        if any(path.name not in _BEGUN for path in folder.iterdir()):
            raise ConfigError(
                f"{folder} holds other files: choose an empty or a new folder for the study."
            )

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open the folder of a study.

        Raises
        ------
        DataError
            If there is none.
        """
        folder = Path(folder)
        paths = StudyPaths(folder)
        if not paths.options.exists():
            raise DataError(f"There is no study in {folder}: begin one with 'skybind study'.")
        refuse_cut(paths.options)
        try:
            raw = plain_yaml(paths.options.read_text("utf-8"))
        except (UnicodeDecodeError, OSError, yaml.YAMLError) as error:
            raise_of_machine(error)
            raise ConfigError(
                f"{paths.options} cannot be read ({quoted(error)}): mend it, or ask for the study "
                "again in another folder."
            ) from error
        options = validate(StudyOptions, raw, str(paths.options))
        for name in options.configurations:
            refuse_cut(paths.configuration(name))
        configs = {n: load_config(paths.configuration(n)) for n in options.configurations}
        return cls(folder, options, configs)

    @property
    def paths(self) -> StudyPaths:
        """Where everything stands."""
        return StudyPaths(self.folder)

    @property
    def configurations(self) -> list[str]:
        """Names of the configurations."""
        return list(self.options.configurations)

    @property
    def seeds(self) -> list[int]:
        """The seeds, as they were given."""
        return list(self.options.seeds)

    def data(self, seed: int) -> Path:
        """Folder of the dataset of a seed."""
        return self.options.folder_of(seed) or self.paths.data

    def config(
        self, configuration: str, seed: int, searched: Collection[str] | None = None
    ) -> Config:
        """Give the configuration of a run, with what is trained and what was searched for it.

        Parameters
        ----------
        configuration : str
        seed : int
        searched : collection of str, optional
            Searches whose results are used; all by default.
        """
        values: dict[str, Any] = {"seed": seed}
        for objective, found in self.searches(configuration).items():
            if searched is None or objective in searched:
                values |= found.values
        for modality in self.options.configurations[configuration].backbones:
            folder = self.paths.backbone(configuration, seed, modality).resolve()
            values[f"modalities.{modality}.backbone.weights"] = str(BackbonePaths(folder).backbone)
        return with_values(self.configs[configuration], values, "the study")

    def found(self, configuration: str, objective: str) -> Chosen | None:
        """Give what a search of hyper-parameters found; None where it is not done."""
        path = self.paths.chosen(configuration, objective)
        try:
            return read_chosen(path)
        except (FileNotFoundError, NotADirectoryError):
            return None

    def searches(self, configuration: str) -> dict[str, Chosen]:
        """Give what the searches of a configuration found, by their objectives."""
        if self.options.tune is None:
            return {}
        folder = self.paths.search(configuration, PRETRAINING).parent
        names = sorted(path.parent.name for path in folder.glob(f"*/{CHOSEN}"))
        every = {name: self.found(configuration, name) for name in names}
        return {name: found for name, found in every.items() if found is not None}

    def run(self, configuration: str, seed: int) -> Run:
        """Open the run of a configuration and a seed; twice asked for, it is opened once.

        Raises
        ------
        DataError
            If it was not begun yet.
        """
        folder = self.paths.run(configuration, seed)
        if folder not in self._runs:
            self._runs[folder] = Run.open(folder, data=self.data(seed))
        return self._runs[folder]

    def runs(self, configuration: str) -> list[StudyRun]:
        """Give the runs of a configuration that were evaluated, in the order of the seeds."""
        if configuration not in self.configs:
            known = list(self.options.configurations)
            raise ConfigError(
                f"The study has no configuration '{configuration}': {nearest(configuration, known)}"
            )
        found = []
        for seed in self.seeds:
            metrics = self._read(RunPaths(self.paths.run(configuration, seed)).metrics)
            if metrics is not None:
                found.append(StudyRun(configuration, seed, self.run(configuration, seed), metrics))
        return found

    def metrics(self, configuration: str) -> Metrics:
        """Give the results of a configuration with all its seeds together.

        Entries of lists keep their seed, so that what groups them (`skybind.report.groups`)
        averages over seeds. The importance of the modalities is the mean over the seeds. What
        belongs to one run (its pre-training, split, times) is in `runs(...)`, and here where there
        is one seed alone.

        Raises
        ------
        DataError
            If no run of it was evaluated yet.
        """
        runs = self.runs(configuration)
        if not runs:
            raise DataError(
                f"No run of {configuration} in {self.folder} was evaluated yet: go on with the "
                f"study ('skybind study status {self.folder}' says how far it is)."
            )
        return merge_metrics([run.metrics for run in runs])

    def forget(self, configuration: str, seed: int) -> None:
        """Open a run anew the next time: it was begun, or gone on with, otherwise."""
        self._runs.pop(self.paths.run(configuration, seed), None)

    def digest(self, configuration: str, *, evaluation: bool = False) -> str:
        """Hash what decides the runs of a configuration, or how they are evaluated."""
        config = self.configs[configuration]
        if evaluation:
            return json_hash(config.evaluation.model_dump(mode="json"))
        free = {"seed", "evaluation", "tune", *_WORDS}
        content = dump_as_before(config.model_dump(mode="json", exclude=free))
        backbones = self.options.configurations[configuration].backbones
        if backbones:
            content = {**content, "trained": {n: b.model_dump() for n, b in backbones.items()}}
        if self.options.tune is not None:
            content = {**content, "tuned": self.options.tune}
        return json_hash(content)

    @cached_property
    def simulated(self) -> bool | None:
        """Whether its objects are simulated; None if nobody said."""
        if self.options.simulate is not None:
            return True
        return Dataset.open(self.data(self.seeds[0])).schema.simulated

    def _read(self, path: Path) -> Metrics | None:
        if not path.exists():
            return None
        made = path.stat().st_mtime_ns
        if path not in self._metrics or self._metrics[path][0] != made:
            self._metrics[path] = made, read_metrics(path)
        return self._metrics[path][1]


def merge_metrics(metrics: list[Metrics]) -> Metrics:
    """Put the results of several seeds into one record: lists are strung together.

    The importance of the modalities is averaged, if it is of the same classifier in all; what
    belongs to one run is left out of several.

    Raises
    ------
    DataError
        If their classes differ.
    """
    first = metrics[0]
    for other in metrics[1:]:
        if other.classes != first.classes:
            raise DataError(
                f"The runs of the seeds {first.seed} and {other.seed} have other classes, so that "
                "their results cannot be averaged: name the classes (labels.classes) in the "
                "configuration of a new study."
            )
    lists = ("classification", "retrieval", "knn", "baseline", "regression", "clusters")
    together: dict[str, Any] = {
        name: [entry for one in metrics for entry in getattr(one, name)] for name in lists
    }
    if len(metrics) > 1:
        together |= {"importance": _importance(metrics), "seed": None, "timing": {}}
        together |= {"pretraining": None, "split": None}
    return first.model_copy(update=together)


def _importance(metrics: list[Metrics]) -> Importance | None:
    """Average the importance of the modalities over seeds; None unless all have the same table."""
    found = [one.importance for one in metrics if one.importance is not None]
    same = {(one.case, one.classes, one.combinations) for one in found}
    if len(found) < len(metrics) or len(same) != 1:
        return None
    return Importance(**mean_importance(found).model_dump(), case=found[0].case)


def _configs(options: StudyOptions) -> dict[str, Config]:
    """Read the configurations of a study."""
    configs = {}
    for name, entry in options.configurations.items():
        sets = list(entry.set)
        if options.subsets is not None:
            sets.append(f"finetuning.subsets={options.subsets!r}")
        configs[name] = load_config(entry.config, sets)
    return configs


def _grown(
    old: Study, options: StudyOptions, configs: Mapping[str, Config]
) -> tuple[StudyOptions, dict[str, Config]]:
    """Check that what is asked now holds what was asked before; gives it with the old seeds first.

    What is shown of one seed, and searched with it, stays that of the same one.
    """
    configs = {
        name: as_begun(config, path) if (path := old.paths.configuration(name)).exists() else config
        for name, config in configs.items()
    }
    refuse = f"{old.folder} holds another study"
    rest = "choose another folder, or delete that one."
    for key in ("configurations", "seeds", "subsets", "steps"):
        before, after = getattr(old.options, key) or [], getattr(options, key) or []
        gone = [value for value in before if value not in after]
        if gone:
            raise ConfigError(f"{refuse} (its {key} have {gone[0]}, which these lack): {rest}")
    if old.options.tune != options.tune:
        raise ConfigError(f"{refuse} (they differ in tune): {rest}")
    for key in ("data", "simulate"):
        before, after = getattr(old.options, key), getattr(options, key)
        grown = isinstance(before, dict) and isinstance(after, dict)
        same = before == after or (grown and before.items() <= after.items())
        if not same and not (key == "data" and _moved(old, options)):
            raise ConfigError(f"{refuse} (they differ in {key}): {rest}")
    for name, config in old.configs.items():
        was, is_now = (of.configurations[name].backbones for of in (old.options, options))
        if was != is_now:
            raise ConfigError(f"{refuse} (the backbones of its {name} differ): {rest}")
        differ = [
            key for key in differences(config, configs[name])
            if key not in ("seed", "finetuning.subsets", *_WORDS)
        ]  # fmt: skip
        if differ:
            raise ConfigError(f"{refuse} (its {name} differs in {differ[0]}): {rest}")
    seeds = list(dict.fromkeys([*old.seeds, *options.seeds]))
    return options.model_copy(update={"seeds": seeds}), configs


def _moved(old: Study, options: StudyOptions) -> bool:
    """Whether the data of a study are the same in other folders: those of the runs begun there."""
    for seed in old.seeds:
        was, is_now = old.options.folder_of(seed), options.folder_of(seed)
        if was is None or is_now is None:
            return False
        if was == is_now:
            continue
        found = Dataset.open(is_now, computed=()).fingerprint
        runs = [old.paths.run(name, seed) for name in old.configurations]
        begun = [read_status(run).fingerprint for run in runs if RunPaths(run).note.exists()]
        if not begun and (was / "objects").exists():
            begun = [Dataset.open(was, computed=()).fingerprint]
        if not begun or set(begun) != {found}:
            return False
    return True


def _dump(options: StudyOptions) -> str:
    raw = options.model_dump(mode="json", exclude_none=True)
    return yaml.safe_dump(raw, sort_keys=False, allow_unicode=True)
