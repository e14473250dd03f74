"""Doing the units of a study: each once, by whichever process comes first."""

import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from skybind.config.backbone import load_backbone_config
from skybind.data.dataset import Dataset
from skybind.errors import DataError, SkybindError
from skybind.evaluation.clusters import cluster_again
from skybind.evaluation.evaluate import evaluate_run
from skybind.evaluation.records import write_metrics
from skybind.files import json_hash
from skybind.locks import alone, myself, now, waiting_for
from skybind.once import result_of
from skybind.progress import muted, say
from skybind.report.from_run import write_report
from skybind.runs.backbones import pretrain_backbone
from skybind.runs.cases import Case, cases_of
from skybind.runs.choosing import choose_split, with_own_split
from skybind.runs.embedding import run_embedding
from skybind.runs.fitting import fit_to_data
from skybind.runs.run import Run
from skybind.runs.sharing import share_prepared
from skybind.runs.steps import run_finetuning, run_pretraining
from skybind.study.earlier import put_aside
from skybind.study.made import data_digest, digest_of, made_by
from skybind.study.merge import Study
from skybind.study.options import simulate
from skybind.study.plan import SURVEY
from skybind.study.searches import search
from skybind.study.units import Unit, UnitNote
from skybind.words import duration

#: Time between two looks at what others do [s].
POLL = 1.0

DONE, FAILED, TODO = "done", "failed", "to do"


@dataclass(frozen=True)
class State:
    """How far a unit is.

    Attributes
    ----------
    state : str
        `done`, `failed` or `to do`.
    note : UnitNote or None
        What is noted of it.
    """

    state: str
    note: UnitNote | None = None


def states_of(study: Study, plan: Sequence[Unit], since: str = "") -> dict[str, State]:
    """Say of every unit how far it is.

    Parameters
    ----------
    study : Study
    plan : sequence of Unit
        All units.
    since : str
        What failed before this time (ISO 8601, UTC) is to be done again.
    """
    keys = keys_of(study, plan)
    found: dict[str, State] = {}
    for unit in plan:
        note = study.notes.read(unit)
        state = TODO
        current = note is not None and note.done and note.key == keys[unit.id]
        if current and made_by(study, unit).exists():
            state = DONE
        elif note is not None and not note.done and note.at >= since:
            state = FAILED
        if state == DONE and any(found[need].state != DONE for need in unit.needs):
            state = TODO  # what it was made of is gone
        found[unit.id] = State(state, note)
    return found


def keys_of(study: Study, plan: Sequence[Unit]) -> dict[str, str]:
    """Say of every unit what decides it: made from anything else it is done again.

    That is the configuration, and the content of what it is made of, the dataset too. So what was
    deleted is made again with all that depends on it, if it does not come out the same. A study
    may grow; then runs get more classifiers, and their results are made anew.
    """
    digests = {unit.id: digest_of(study, unit) for unit in plan}
    keys: dict[str, str] = {}
    known = {unit.id: unit for unit in plan}
    for unit in plan:
        content: dict[str, object] = {need: digests[need] for need in unit.needs}
        if unit.kind in ("tune", "backbone", "prepare"):
            assert unit.seed is not None  # only the survey has none
            content["configuration"] = study.digest(unit.configuration)
            content["dataset"] = data_digest(study, unit.seed)
        elif unit.kind == "evaluate":
            content["configuration"] = study.digest(unit.configuration, evaluation=True)
        for name in unit.after:
            note = study.notes.read(known[name])
            if note is not None and note.done:
                content[name] = digests[name]
        keys[unit.id] = json_hash(content)
    return keys


class Worker:
    """One process that does units of a study, as others may beside it.

    Parameters
    ----------
    study : Study
    plan : sequence of Unit
        All units.
    own : sequence of Unit
        Those to be done; what they need is done too, where nobody else is at it.
    since : str
        What failed before this time is tried again.
    beside : int
        Processes that share the machine, this one included.
    """

    def __init__(
        self,
        study: Study,
        plan: Sequence[Unit],
        own: Sequence[Unit],
        since: str = "",
        beside: int = 1,
    ) -> None:
        self.beside = beside
        self.study, self.plan, self.since = study, list(plan), since
        self.known = {unit.id: unit for unit in plan}
        self.own = {unit.id for unit in own}
        self._waited: set[str] = set()
        self._joined: set[str] = set()

    def work(self) -> None:
        """Do units until those of this worker are done or have failed."""
        while (states := states_of(self.study, self.plan, self.since)) and self._left(states):
            if not self._do_one(states) and not self._join(states):
                self._wait(states)

    def _left(self, states: Mapping[str, State]) -> list[Unit]:
        """Units that are to do for this worker: its own, and all that those need, in order."""
        able = [
            unit
            for unit in self.plan
            if states[unit.id].state == TODO and not self._hopeless(unit, states)
        ]
        wanted = set(self.own)
        for unit in reversed(able):
            if unit.id in wanted:
                wanted |= {*unit.needs, *unit.after}
        return [unit for unit in able if unit.id in wanted]

    def _hopeless(self, unit: Unit, states: Mapping[str, State]) -> bool:
        """Whether something that a unit needs has failed."""
        return any(
            states[need].state == FAILED
            or (states[need].state == TODO and self._hopeless(self.known[need], states))
            for need in unit.needs
        )

    def _do_one(self, states: Mapping[str, State]) -> bool:
        """Do the first unit that can be done and that nobody is at; its own come first."""
        ready = [unit for unit in self._left(states) if self._ready(unit, states)]
        for unit in sorted(ready, key=lambda unit: unit.id not in self.own):
            with self.study.notes.held(unit) as mine:
                if not mine:
                    continue
                fresh = states_of(self.study, self.plan, self.since)
                if fresh[unit.id].state == TODO and self._ready(unit, fresh):
                    self._do(unit, sum(state.state == DONE for state in fresh.values()))
                return True
        return False

    def _ready(self, unit: Unit, states: Mapping[str, State]) -> bool:
        return all(states[need].state == DONE for need in unit.needs) and all(
            states[name].state != TODO or self._hopeless(self.known[name], states)
            for name in unit.after
        )

    def _do(self, unit: Unit, done: int) -> None:
        """Do a unit that is held, and note it."""
        say(f"{done + 1} of {len(self.plan)}: {unit.id}")
        key = keys_of(self.study, self.plan)[unit.id]
        began, reason, seconds = time.perf_counter(), "", 0.0
        try:
            with muted():
                seconds = do_unit(self.study, unit) or 0.0
        except SkybindError as error:
            reason = str(error)
        except (MemoryError, OSError, RuntimeError) as error:  # of the machine: memory, disk, GPU
            say(traceback.format_exc(), 30)
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"
        if reason:
            say(f"{unit.id} failed: {reason}", 30)
        seconds = max(seconds, time.perf_counter() - began)
        me = myself()
        note = UnitNote(
            not reason, key, seconds, reason, me.host, me.pid, now(), _threads(), self.beside
        )
        self.study.notes.write(unit, note)
        if not reason:
            say(f"{unit.id}: {duration(seconds)}")

    def _join(self, states: Mapping[str, State]) -> bool:
        """Take trials of a search that somebody else is at, while there is nothing else to do.

        Who holds the search notes how it ended.
        """
        for unit in self._left(states):
            if unit.kind == "tune" and unit.id not in self._joined and self._ready(unit, states):
                self._joined.add(unit.id)
                say(f"joining {unit.id}")
                with suppress(SkybindError), muted():
                    do_unit(self.study, unit)
                return True
        return False

    def _wait(self, states: Mapping[str, State]) -> None:
        """Wait for what others do, and say so once."""
        for unit in self._left(states):
            holder = self.study.notes.holder(unit)
            if holder is not None and unit.id not in self._waited:
                self._waited.add(unit.id)
                say(f"waiting for {unit.id}, {holder}.")
        time.sleep(POLL)


def _threads() -> int:
    import torch

    return torch.get_num_threads()


def do_unit(study: Study, unit: Unit) -> float | None:
    """Do one unit, or go on with it; gives its time [s] where it knows of earlier attempts."""
    if unit.kind == SURVEY:
        _simulate(study)
        return None
    assert unit.seed is not None  # only the survey has none
    if unit.kind in ("tune", "backbone", "prepare"):
        put_aside(study, unit)
    if unit.kind == "tune":
        search(study, unit.configuration, unit.case)
        return None
    if unit.kind == "backbone":
        return _train_backbone(study, unit)
    if unit.kind == "prepare":
        _prepare(study, unit.configuration, unit.seed)
        return None
    run = study.run(unit.configuration, unit.seed)
    if unit.kind == "finetune":
        return float(run_finetuning(run, _case(run, unit.case))["seconds"])
    if unit.kind == "pretrain":
        run_pretraining(run)
        note = result_of(run.paths.pretraining.folder) or {}
        return float(note.get("seconds", 0.0))
    steps: dict[str, Callable[[], object]] = {
        "embed": partial(run_embedding, run),
        "evaluate": partial(_evaluate, run, unit),
        "clusters": partial(cluster_again, run),
        "discover": partial(_discover, run),
        "report": partial(write_report, run),
    }
    steps[unit.kind]()
    return None


def _simulate(study: Study) -> None:
    """Simulate the survey of a study."""
    wanted = study.options.simulate
    assert wanted is not None  # otherwise there is no such unit
    if not (study.paths.data / "objects").exists():  # else killed before it was noted; it is whole
        simulate(wanted, study.paths.data)


def _backbone_folder(study: Study, unit: Unit) -> Path:
    assert unit.seed is not None
    return study.paths.backbone(unit.configuration, unit.seed, unit.case)


def _train_backbone(study: Study, unit: Unit) -> float:
    """Train a backbone on the training objects of the run that will take it; gives its time."""
    assert unit.seed is not None
    wanted = study.options.configurations[unit.configuration].backbones[unit.case]
    dataset = Dataset.open(study.data(unit.seed))
    config = fit_to_data(study.config(unit.configuration, unit.seed), dataset)
    split = choose_split(with_own_split(config, dataset), dataset)
    backbone = load_backbone_config(wanted.config, [*wanted.set, f"seed={unit.seed}"])
    made = pretrain_backbone(backbone, dataset.path, _backbone_folder(study, unit), split=split)
    return float(made.training["seconds"])


def _prepare(study: Study, configuration: str, seed: int) -> None:
    """Begin a run and prepare its observations; the arrays are shared by the runs of a study."""
    folder = study.paths.run(configuration, seed)
    with alone(study.paths.preparing, otherwise=waiting_for("prepares data of the study")):
        run = Run.start(study.config(configuration, seed), study.data(seed), folder)
        share_prepared(study.paths.prepared, folder)
        run.prepare()
    study.forget(configuration, seed)


def _case(run: Run, name: str) -> Case:
    for case in cases_of(run):
        if case.name == name:
            return case
    raise DataError(f"The run in {run.folder} has no classifier '{name}': delete it to begin anew.")


def _evaluate(run: Run, unit: Unit) -> None:
    """Measure everything with the classifiers that are there; their times are added up."""
    wanted = {name.rpartition("/")[2] for name in unit.after}
    cases = [c for c in cases_of(run) if c.name in wanted and run.paths.case(c.name).model.exists()]
    metrics = evaluate_run(run, cases)
    timing = {**metrics.timing, "all": sum(metrics.timing.values())}
    write_metrics(metrics.model_copy(update={"timing": timing}), run.paths.metrics)


def _discover(run: Run) -> None:
    from skybind.discovery.discover import discover

    discover(run)
