"""Search of hyper-parameters with Optuna, judged by validation objects alone."""

import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skybind.config import Config, dump_config
from skybind.config.begun import as_begun, dump_as_before
from skybind.config.load import with_values
from skybind.data.splits import Split
from skybind.errors import ConfigError, SkybindError
from skybind.evaluation.classes import predict_case
from skybind.files import json_hash, write_text
from skybind.locks import alone, free, tried, waiting_for
from skybind.measures.classification import classification_metrics
from skybind.models.model import Model
from skybind.once import note_of
from skybind.progress import muted, say, step
from skybind.runs.cases import Case, cases_of
from skybind.runs.layout import RunPaths
from skybind.runs.run import Run
from skybind.runs.sharing import share_prepared
from skybind.runs.steps import run_finetuning, run_pretraining
from skybind.training.watch import watched
from skybind.words import nearest

if TYPE_CHECKING:
    import optuna


# What decides the data, or says what is measured, is no hyper-parameter.
_FIXED = ("seed", "labels", "split", "evaluation", "tune", "name", "description")

# Time between two looks at what others do [s].
_POLL = 1.0

# So many trials, and so many epochs of each, are never stopped.
_SPARED = 4

# Optuna's remarks on a trial.
_REASON, _AGAIN = "reason", "interrupted"


@dataclass(frozen=True)
class TuneResult:
    """How a search went.

    Attributes
    ----------
    best : dict of str to value
        Keys and values of the best trial.
    value : float
        Its validation loss (`pretraining`) or accuracy.
    trials : list of dict
        Each finished trial: `number`, `value` (None if it failed or was stopped), `values`,
        `reason`.
    config : Path
        The configuration with the best values, for `skybind run`.
    """

    best: dict[str, Any]
    value: float
    trials: list[dict[str, Any]]
    config: Path


def tune(
    config: Config,
    data: str | Path,
    out: str | Path,
    *,
    trials: int,
    split: Split | None = None,
    start: str | Path | None = None,
) -> TuneResult:
    """Search the ranges of `config.tune.space`; interrupted, the same call goes on.

    Each trial is a run of its own under `out/trials`; test objects are never looked at. The
    journal `out/study.journal` is Optuna's. Interrupted and resumed, the trials are those of
    an uninterrupted search. Several programs, on any machines that see the folder, may search in
    it at once: each takes trials until there are enough, and then waits for those of the others.

    Parameters
    ----------
    config : Config
    data : str or Path
        The dataset's folder.
    out : str or Path
        The search's folder.
    trials : int
        Trials in all, those of earlier calls included; one that fails counts.
    split : Split, optional
        Use it instead of the one that the configuration describes.
    start : str or Path, optional
        A pre-trained model that classifiers begin from, where the search varies no pre-training;
        by default one is trained for it.

    Raises
    ------
    ConfigError
        If the space is empty or a key cannot be searched, if another search stands in `out`, or
        if no trial succeeded.
    """
    _check_space(config)
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    begun = RunPaths(folder / "base").config
    if begun.exists():
        config = as_begun(config, begun)
    with _alone(folder):
        study = _open_study(config, folder)
    search = _Search(config, Path(data), folder, split, start)
    told = False
    while True:
        with ExitStack() as held:
            with _alone(folder):
                trial, running = _take(study, config, folder, trials, held)
                if trial is None and not running:
                    return _result(study, config, folder)
            if trial is not None:
                _tell(study, trial, search)
                continue
        if not told:
            say(f"{running} of the trials are under way in other programs; they are waited for.")
            told = True
        time.sleep(_POLL)


class _Search:
    """What every trial shares."""

    def __init__(
        self,
        config: Config,
        data: Path,
        folder: Path,
        split: Split | None,
        start: str | Path | None,
    ) -> None:
        self.config, self.data, self.folder, self.split = config, data, folder, split
        self.start: Model | None = None
        with self._alone("base"):
            first = self._start("base", config)
            self.case = self._find_case(first)
            only_finetuning = all(key.startswith("finetuning.") for key in config.tune.space)
            if self.case is not None and self.case.start == "pretrained" and only_finetuning:
                # the same for all trials
                self.start = run_pretraining(first) if start is None else Model.open(start)

    def value(self, values: Mapping[str, Any]) -> float:
        """Validation loss or accuracy with some values."""
        name = json_hash(dict(values))
        with self._alone(name):  # another program may have drawn the same values
            return self._measure(f"trials/{name}", with_values(self.config, values, "the search"))

    def _measure(self, name: str, config: Config) -> float:
        run = self._start(name, config)
        if self.case is None:
            run_pretraining(run)
            note = note_of(run.paths.pretraining.folder) or {}
            return float(note["best_loss"])
        if self.case.start == "pretrained" and self.start is None:
            run_pretraining(run)
        run_finetuning(run, self.case, pretrained=self.start)
        rows = run.rows("validation", self.case.subset)
        rows = rows[run.labels[rows] >= 0]
        logits, classes = predict_case(run, self.case, rows)
        result = classification_metrics(run.labels[rows], logits.argmax(1), classes)
        return float(getattr(result, self.config.tune.metric))

    def _alone(self, name: str) -> AbstractContextManager[None]:
        """Hold what several programs would make in one place."""
        waiting = waiting_for(f"makes {name} of the search")
        return alone(_lock(self.folder, name), otherwise=waiting)

    def _start(self, name: str, config: Config) -> Run:
        run = Run.start(config, self.data, self.folder / name, split=self.split)
        share_prepared(RunPaths(self.folder).prepared, run.folder)
        return run

    def _find_case(self, run: Run) -> Case | None:
        objective = self.config.tune.objective
        if objective == "pretraining":
            return None
        cases = {case.name: case for case in cases_of(run)}
        if objective not in cases:
            raise ConfigError(
                f"tune.objective '{objective}' is no fine-tuning of the configuration: "
                f"{nearest(objective, ['pretraining', *cases])}"
            )
        return cases[objective]


def _check_space(config: Config) -> None:
    space = config.tune.space
    if not space:
        raise ConfigError(
            "tune.space is empty: give keys and ranges, such as "
            "training.learning_rate: {low: 1.0e-4, high: 1.0e-2, log: true}."
        )
    for key in space:
        if key.split(".")[0] in _FIXED:
            raise ConfigError(
                f"tune.space names '{key}', which decides the data or the measure: search what "
                "the model or its training is."
            )
    sizes = "training.batch_size" in space and config.training.validation_batch_size is None
    if sizes and config.tune.objective == "pretraining":
        raise ConfigError(
            "tune.space names 'training.batch_size': a contrastive loss depends on the size of "
            "its batches, so set training.validation_batch_size to compare trials."
        )
    for key, entry in space.items():
        with_values(config, {key: entry.first}, "tune.space")


def _alone(folder: Path) -> AbstractContextManager[None]:
    """Hold the book-keeping of a search, for moments: other programs may search along."""
    return alone(folder / "lock", otherwise=lambda who: None)


def _lock(folder: Path, name: str) -> Path:
    (folder / "locks").mkdir(exist_ok=True)
    return folder / "locks" / name


def _open_study(config: Config, folder: Path) -> "optuna.Study":
    try:
        import optuna
    except ImportError as error:
        raise ConfigError(
            "Searching hyper-parameters needs Optuna: pip install 'skybind[tune]'."
        ) from error
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    pretraining = config.tune.objective == "pretraining"
    study = optuna.create_study(
        storage=JournalStorage(JournalFileBackend(str(folder / "study.journal"))),
        study_name="tune",
        direction="minimize" if pretraining else "maximize",
        load_if_exists=True,
    )
    content = config.model_dump(mode="json", exclude={"name", "description"})
    identity = json_hash(dump_as_before(content))
    if study.user_attrs.setdefault("config", identity) != identity:
        raise ConfigError(
            f"{folder} holds a search of another configuration or space: choose another folder."
        )
    study.set_user_attr("config", identity)
    return study


def _ended(study: "optuna.Study") -> "list[optuna.trial.FrozenTrial]":
    every = study.get_trials(deepcopy=False)
    return [t for t in every if t.state.is_finished() and t.user_attrs.get(_REASON) != _AGAIN]


def _finished(study: "optuna.Study") -> int:
    return len(_ended(study))


def _take(
    study: "optuna.Study", config: Config, folder: Path, trials: int, held: ExitStack
) -> tuple["optuna.Trial | None", int]:
    """Take the next trial, if there are not enough yet, and hold it.

    Those of programs that ended are done again first. Gives also how many others are at.
    """
    from optuna.trial import TrialState

    running = 0
    for other in study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
        if not free(_lock(folder, f"trial-{other.number}")):
            running += 1
            continue
        study._storage.set_trial_user_attr(other._trial_id, _REASON, _AGAIN)
        study.tell(other.number, state=TrialState.FAIL)
        study.enqueue_trial(other.params)
    done = _finished(study)
    if done + running >= trials:
        return None, running
    trial = _next(study, config, done + running)
    held.enter_context(tried(_lock(folder, f"trial-{trial.number}")))
    return trial, running


def _next(study: "optuna.Study", config: Config, number: int) -> "optuna.Trial":
    """Ask for a trial; what is drawn depends on the seed and the trials so far only."""
    from optuna.pruners import MedianPruner
    from optuna.samplers import TPESampler

    study.sampler = TPESampler(seed=config.seed + number)
    study.pruner = MedianPruner(n_startup_trials=_SPARED, n_warmup_steps=_SPARED + 1)
    return study.ask()


class _Stopped(SkybindError):
    """A trial that is not worth more epochs."""


def _tell(study: "optuna.Study", trial: "optuna.Trial", search: _Search) -> None:
    from optuna.trial import TrialState

    values = {key: _suggest(trial, key, entry) for key, entry in search.config.tune.space.items()}
    pruning = search.config.tune.pruning
    looking = watched(partial(_watch, trial, search.case)) if pruning else nullcontext()
    try:
        with step(f"trial {_finished(study) + 1}", told=False), muted(), looking:
            value = search.value(values)
    except SkybindError as error:
        stopped = isinstance(error, _Stopped)
        trial.set_user_attr(_REASON, str(error))
        study.tell(trial, state=TrialState.PRUNED if stopped else TrialState.FAIL)
        said = str(error) if stopped else f"failed: {error}"
    else:
        study.tell(trial, value)
        said = f"{value:.4f}"
    text = ", ".join(f"{key} {_short(value)}" for key, value in values.items())
    say(f"trial {_finished(study)} ({text}): {said}")


def _watch(
    trial: "optuna.Trial", case: Case | None, title: str, history: Sequence[Mapping[str, float]]
) -> None:
    """Report the epochs of the training that is judged, and stop it if it is of no use."""
    if title != ("pre-training" if case is None else "fine-tuning"):
        return
    reported = trial.study.get_trials(deepcopy=False)[trial.number].intermediate_values
    for record in history[len(reported) :]:
        loss = record["validation/loss"]
        # of an accuracy the search wants the largest, so a loss counts with the other sign
        trial.report(loss if case is None else -loss, int(record["epoch"]))
    if trial.should_prune():
        raise _Stopped(
            f"stopped after {len(history)} epochs: its validation loss was above the median of "
            "the other trials."
        )


def _suggest(trial: "optuna.Trial", key: str, entry: Any) -> Any:
    if entry.choices is not None:
        # Optuna keeps simple values only; a list is chosen by its place
        return entry.choices[trial.suggest_categorical(key, list(range(len(entry.choices))))]
    whole = isinstance(entry.low, int) and isinstance(entry.high, int)
    if whole and (entry.step is None or entry.step == int(entry.step)):
        step = int(entry.step or 1)
        return trial.suggest_int(key, entry.low, entry.high, step=step, log=entry.log)
    return trial.suggest_float(key, entry.low, entry.high, step=entry.step, log=entry.log)


def _values(trial: "optuna.trial.FrozenTrial", config: Config) -> dict[str, Any]:
    chosen = {}
    for key, value in trial.params.items():
        choices = config.tune.space[key].choices
        chosen[key] = value if choices is None else choices[value]
    return chosen


def _result(study: "optuna.Study", config: Config, folder: Path) -> TuneResult:
    finished = _ended(study)
    if not any(_value(trial) is not None for trial in finished):
        raise ConfigError(
            f"No trial succeeded; the first failed so: {finished[0].user_attrs.get(_REASON)}"
        )
    best = _values(study.best_trial, config)
    path = folder / "best.yaml"
    write_text(path, dump_config(with_values(config, best, "the search")))
    return TuneResult(
        best=best,
        value=study.best_value,
        trials=[
            {
                "number": number,
                "value": _value(trial),
                "values": _values(trial, config),
                "reason": trial.user_attrs.get(_REASON, ""),
            }
            for number, trial in enumerate(finished, start=1)
        ],
        config=path,
    )


def _value(trial: "optuna.trial.FrozenTrial") -> float | None:
    """What a trial reached; None of one that failed or was stopped."""
    from optuna.trial import TrialState

    return trial.value if trial.state == TrialState.COMPLETE else None


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
