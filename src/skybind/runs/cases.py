"""The classifiers that a run fine-tunes: which modalities, labels and initial weights."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase as fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from pydantic import BaseModel

from skybind.config import Config, TrainingOptions
from skybind.config.load import merge, validate
from skybind.config.schema import ENCODERS, ModalityConfig
from skybind.config.subsets import FULL, is_subset, subset_order
from skybind.config.training import LossOptions
from skybind.encoders.registry import check_options
from skybind.errors import ConfigError, DataError
from skybind.once import NOTE, result_of
from skybind.record import checked, wrong_in
from skybind.runs.layout import RunPaths
from skybind.words import nearest

if TYPE_CHECKING:
    from skybind.runs.run import Run


class HasConfig(Protocol):
    """A run, or what will be one."""

    @property
    def config(self) -> Config:
        """Its configuration."""


@dataclass(frozen=True)
class Case:
    """One classifier to fine-tune.

    Attributes
    ----------
    modalities : tuple of str
    subset : str
        `full`, a percentage of the labels, or a number of objects a class.
    start : str
        `scratch` or `pretrained`.
    frozen : bool
        Whether the encoders stay as they are.
    """

    modalities: tuple[str, ...]
    subset: str
    start: str
    frozen: bool = False

    @property
    def name(self) -> str:
        """Name of its folder, such as `photometry-10-pretrained`."""
        frozen = "-frozen" if self.frozen else ""
        return f"{'+'.join(self.modalities)}-{self.subset}-{self.start}{frozen}"


def cases_of(run: "Run") -> list[Case]:
    """Give the cases that the run's configuration asks for; none if there are no labels."""
    return cases_in(run.config) if run.classes else []


def cases_in(config: Config) -> list[Case]:
    """Give the cases that a configuration asks for, of a dataset with labels."""
    wanted = config.finetuning
    return [
        Case(names, subset, start, wanted.frozen)
        for names in config.modality_sets
        for subset in wanted.subsets
        for start in wanted.starts
        if not (wanted.frozen and start == "scratch")
    ]


def choose_cases(
    run: "Run",
    modalities: list[str] | None = None,
    subsets: list[str] | None = None,
    starts: list[str] | None = None,
    frozen: bool = False,
) -> list[Case]:
    """Give the cases named, or those of the configuration where nothing is named.

    Subsets that the run's split lacks are drawn and stored.

    Raises
    ------
    ConfigError
        If a modality, a subset or a start is unknown.
    """
    wanted = run.config.finetuning
    names = list(run.config.modalities)
    sets = run.config.modality_sets
    if modalities:
        sets = [tuple(names) if entry == "all" else tuple(entry.split("+")) for entry in modalities]
    for name in (name for group in sets for name in group):
        if name not in names:
            raise ConfigError(f"There is no modality '{name}': {nearest(name, names)}")
    known = [FULL, *run.split.subsets]
    for subset in subsets or []:
        if subset not in known and not is_subset(subset):
            raise ConfigError(
                f"There is no subset '{subset}', and it is neither a percentage of the labels "
                f"('10') nor a number of objects a class ('5-each'): {nearest(subset, known)}"
            )
    for start in starts or []:
        if start not in ("scratch", "pretrained"):
            raise ConfigError(f"A start is scratch or pretrained, not '{start}'.")
    frozen = frozen or wanted.frozen
    run.draw_subsets([subset for subset in subsets or wanted.subsets if subset != FULL])
    return [
        Case(group, subset, start, frozen)
        for group in sets
        for subset in (subsets or wanted.subsets)
        for start in (starts or wanted.starts)
        if not (frozen and start == "scratch")
    ]


class CaseNote(BaseModel):
    """What `result.json` of a fine-tuning must hold, besides what the training told."""

    modalities: tuple[str, ...]
    subset: str
    start: str
    frozen: bool
    n_train: int

    @property
    def case(self) -> Case:
        """The case."""
        return Case(self.modalities, self.subset, self.start, self.frozen)


def _case_note(folder: Path) -> CaseNote | None:
    """Read the note of a fine-tuning that is done; None of one that is not.

    Raises
    ------
    DataError
        If it is damaged, or of another case than its folder's.
    """
    note = result_of(folder)
    if note is None:
        return None
    try:
        found = checked(note, CaseNote)
        if found.case.name != folder.name:
            raise ValueError(f"it is of the case {found.case.name}")
    except ValueError as error:
        raise DataError(
            f"{folder / NOTE} is damaged ({wrong_in(error)}): delete {folder} to fine-tune again."
        ) from error
    return found


def case_result(run: "Run", case: Case) -> CaseNote:
    """Read how the fine-tuning of a case went.

    Raises
    ------
    DataError
        If it is not done.
    """
    result = _case_note(run.paths.case(case.name).folder)
    if result is None:
        raise DataError(
            f"The run in {run.folder} has no classifier {case.name} yet: run 'skybind finetune'."
        )
    return result


def stored_cases(folder: Path) -> list[Case]:
    """Give the cases that have been fine-tuned in the folder of a run, by name."""
    cases = []
    for paths in RunPaths(folder).cases():
        note = _case_note(paths.folder)
        if note is not None:
            cases.append(note.case)
    return cases


def finished_cases(run: "Run") -> list[Case]:
    """Give the cases that have been fine-tuned in a run's folder."""
    cases, order = stored_cases(run.folder), cases_of(run)
    return sorted(cases, key=lambda c: (order.index(c) if c in order else len(order), c.name))


def options_of(run: HasConfig, case: Case) -> tuple[TrainingOptions, LossOptions]:
    """Give the training and the loss of a case: the section's, with the overrides that name it.

    Raises
    ------
    ConfigError
        If an override names no case at all, or an option is unknown.
    """
    wanted = run.config.finetuning
    merged = wanted.training.model_dump()
    merged |= {name: getattr(wanted, name) for name in LossOptions.model_fields}
    for key in wanted.overrides:
        _check_override(run, key)
    for change in _overrides_of(run, case):
        merged = merge(merged, {key: new for key, new in change.items() if key != ENCODERS})
    where = f"finetuning.overrides of {case.name}"
    loss = {name: merged.pop(name) for name in LossOptions.model_fields}
    return validate(TrainingOptions, merged, where), validate(LossOptions, loss, where)


def config_of(run: HasConfig, case: Case) -> Config:
    """Give the configuration with the encoders of a case: the run's, with the overrides of it.

    Raises
    ------
    ConfigError
        If an override names a modality that the case has not, or an option is unknown.
    """
    entries: dict[str, ModalityConfig] = {}
    for change in _overrides_of(run, case):
        for name, options in dict(change.get(ENCODERS) or {}).items():
            where = f"finetuning.overrides of {case.name}, {ENCODERS}.{name}"
            if name not in run.config.modalities:
                raise ConfigError(f"{where}: {nearest(name, list(run.config.modalities))}")
            if name not in case.modalities or not isinstance(options, Mapping):
                wrong = "takes options by name" if name in case.modalities else "is not in it"
                raise ConfigError(f"{where}: the modality {wrong}.")
            entry = entries.get(name, run.config.modalities[name])
            encoder = {**entry.encoder, **options}
            try:
                check_options(entry.encoder["name"], options)
            except ConfigError as error:
                raise ConfigError(f"{where}: {error}") from error
            entries[name] = entry.model_copy(update={"encoder": encoder})
    if not entries:
        return run.config
    return run.config.model_copy(update={"modalities": {**run.config.modalities, **entries}})


def _overrides_of(run: HasConfig, case: Case) -> list[dict[str, Any]]:
    """Give the overrides that name a case, from general to special."""
    return [
        change
        for name in _keys(case.modalities, case.subset, case.start)
        for key, change in run.config.finetuning.overrides.items()
        if fnmatch(name, key) or _parse(name, case.modalities) == _parse(key, case.modalities)
    ]


def _check_override(run: HasConfig, key: str) -> None:
    """Refuse the key of an override that can name no case, whatever cases are asked for.

    A pattern may come from a configuration that this one extends, and find nothing here.
    """
    if "*" not in key and _parse(key, run.config.modalities) is None:
        raise ConfigError(
            f"finetuning.overrides names '{key}', which is no case: {nearest(key, _possible(run))}"
        )


def _parse(key: str, names: Collection[str]) -> tuple[frozenset[str], str, str] | None:
    """Read modalities, subset and start off the name of a case; None if it names none.

    The order of the modalities does not matter. Names of modalities and subsets may hold a '-'.
    """
    words = key.split("-")
    for end in range(1, len(words) + 1):
        group, rest = frozenset("-".join(words[:end]).split("+")), words[end:]
        start = rest.pop() if rest[-1:] in (["scratch"], ["pretrained"]) else ""
        subset = "-".join(rest)
        known = subset == FULL or is_subset(subset) or (not subset and not start)
        if group <= set(names) and known:
            return group, subset, start
    return None


def _possible(run: HasConfig) -> list[str]:
    """Names of cases, for a hint."""
    sets = {*run.config.modality_sets, *((name,) for name in run.config.modalities)}
    subsets = [FULL, *run.config.subsets]
    starts = ("scratch", "pretrained")
    return sorted({key for s in sets for u in subsets for t in starts for key in _keys(s, u, t)})


def _keys(modalities: tuple[str, ...], subset: str, start: str) -> list[str]:
    """Names that overrides may call a case by, from general to special."""
    names = "+".join(modalities)
    return [names, f"{names}-{subset}", f"{names}-{subset}-{start}"]


def check_cases(run: "Run") -> None:
    """Find what is wrong with the options of any fine-tuning before anything long begins."""
    for case in cases_of(run):
        options_of(run, case)
        config_of(run, case)


def widest_case(cases: Sequence[Case]) -> Case | None:
    """The case of most modalities, most labels, pre-trained if there is one."""
    several = [case for case in cases if len(case.modalities) > 1]
    if not several:
        return None
    return max(several, key=rank_of)


def rank_of(case: Case) -> tuple[int, float, bool]:
    """Rank a case by its modalities, then by its labels, then by its start."""
    return len(case.modalities), subset_order(case.subset), case.start == "pretrained"
