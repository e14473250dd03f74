"""A study from its options to its page."""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from skybind.config.load import validate
from skybind.drawing.style import report_style
from skybind.errors import ConfigError
from skybind.locks import alone, now, waiting_for
from skybind.processes import side_by_side
from skybind.progress import (
    draw_nothing,
    say,
    set_verbosity,
    step,
    told_elsewhere,
    verbosity,
)
from skybind.shards import Shard
from skybind.study.chapters import default_chapters
from skybind.study.exhibits import Chapter
from skybind.study.forecast import look_at, measured_times, words_of
from skybind.study.layout import StudyPaths
from skybind.study.merge import Study
from skybind.study.options import StudyOptions, with_whole_paths
from skybind.study.page import write_study_page
from skybind.study.plan import SURVEY, make_plan, of_shard
from skybind.study.status import expected_times, study_status
from skybind.study.units import Unit
from skybind.study.work import DONE, FAILED, TODO, State, Worker, states_of
from skybind.study.written import write_exhibits
from skybind.training.launcher import processes
from skybind.words import duration

#: Gives the chapters of a study's page.
Chapters = Callable[[Study], Sequence[Chapter]]


@dataclass(frozen=True)
class StudyResult:
    """What doing a study came to.

    Attributes
    ----------
    study : Study
    page : Path or None
        The page; None of a shard.
    failed : dict of str to str
        Units that failed, with the reasons.
    missing : list of str
        Units that are not done for it.
    """

    study: Study
    page: Path | None
    failed: dict[str, str]
    missing: list[str]


def do_study(
    options: StudyOptions,
    out: str | Path,
    *,
    shard: Shard | None = None,
    workers: int = 1,
    chapters: Chapters = default_chapters,
) -> StudyResult:
    """Do a study, or its part; interrupted, the same call goes on.

    Parameters
    ----------
    options : StudyOptions
    out : str or Path
        Folder of the study; `index.html` stands there at the end.
    shard : Shard, optional
        Do only this part; the page is made by a call without.
    workers : int
        Processes on this machine that share the work.
    chapters : callable
        Gives what the page shows.

    Raises
    ------
    ConfigError
        If another study stands in `out`, or a configuration cannot be.
    """
    if workers > 1 and processes() > 1:
        raise ConfigError(
            "Under torchrun or srun every process takes part in each training: give --workers to "
            "a program that was started alone, or --shard to several."
        )
    since = now()
    study = Study.begin(options, out)
    say(words_of(look_at(study, here=True)))
    plan = make_plan(study)
    if plan[0].id == SURVEY:  # what the runs have depends on it
        Worker(study, plan, plan[:1], since).work()
        plan = make_plan(study)
    own = plan if shard is None else of_shard(plan, shard)
    if workers == 1:
        Worker(study, plan, own, since).work()
    else:
        crew = _Crew(study.folder, shard, since, verbosity(), workers)
        with told_elsewhere():
            side_by_side(crew, workers)
    states = states_of(study, plan, since)
    failed = {
        unit.id: state.note.reason
        for unit in plan
        if (state := states[unit.id]).state == FAILED and state.note is not None
    }
    names = {unit.id for unit in own}
    missing = [unit.id for unit in plan if unit.id in names and states[unit.id].state == TODO]
    page = None if shard is not None else make_page(study, chapters)
    return StudyResult(study, page, failed, missing)


def foresee(options: StudyOptions, out: str | Path, shard: Shard | None = None) -> list[str]:
    """Say what `do_study` would do, and how long it would take here; nothing is done or written.

    Returns
    -------
    list of str
        A line a unit: how far it is, how many objects it looks at (one of an epoch each time, at
        most) and how long it takes or took; then all together.

    Raises
    ------
    ConfigError
        As of `do_study`.
    """
    with tempfile.TemporaryDirectory(prefix="skybind-study-") as folder:
        begun = StudyPaths(Path(out)).options.exists()
        study = Study.begin(options, out if begun else folder, write=False)
        if not begun and Path(out).exists():
            Study.refuse_others(Path(out))
        plan = make_plan(study)
        states = states_of(study, plan)
        measured = measured_times(study, here=True, keep=False)
        expected = expected_times(plan, states, measured)
        own = {unit.id for unit in (plan if shard is None else of_shard(plan, shard))}
        lines = [
            _foreseen(unit, states[unit.id], expected.get(unit.id))
            for unit in plan
            if unit.id in own
        ]
        said = words_of(study_status(study, measured))
        return [*lines, f"{len(own):,} of {len(plan):,} units; {said}"]


def _foreseen(unit: Unit, state: State, seconds: float | None) -> str:
    words = [state.state]
    if unit.amount:
        words.append(f"{unit.amount:,.0f} objects")
    if state.state == DONE and state.note is not None:
        words.append(f"took {duration(state.note.seconds)}")
    elif seconds is not None:
        words.append(f"about {duration(seconds)}")
    return f"{unit.id}: {', '.join(words)}"


@dataclass(frozen=True)
class _Crew:
    """What each of several processes does."""

    folder: Path
    shard: Shard | None
    since: str
    verbosity: int
    workers: int

    def __call__(self, place: int) -> None:
        """Do units until none is left."""
        set_verbosity(self.verbosity)
        draw_nothing()
        study = Study.open(self.folder)
        plan = make_plan(study)
        own = plan if self.shard is None else of_shard(plan, self.shard)
        Worker(study, plan, own, self.since, self.workers).work()


def several_seeds(
    config: str | Path, data: str | Path, seeds: Sequence[int], sets: Sequence[str] = ()
) -> StudyOptions:
    """Give the study of one configuration with several seeds.

    Parameters
    ----------
    config : str or Path
        Name of a shipped configuration, or a YAML file.
    data : str or Path
        The dataset's folder.
    seeds : sequence of int
    sets : sequence of str
        Keys set otherwise, each `key=value`.
    """
    name = Path(config).stem
    raw = {
        "name": name,
        "data": str(data),
        "configurations": {name: {"config": str(config), "set": list(sets)}},
        "seeds": list(seeds),
    }
    return with_whole_paths(validate(StudyOptions, raw, "the study"), Path.cwd())


def make_page(study: Study, chapters: Chapters = default_chapters) -> Path:
    """Write the exhibits and the page of a study from what is done of it."""
    waiting = waiting_for("makes the page of the study")
    with alone(study.paths.drawing, otherwise=waiting), step("drawing the page of the study"):
        with report_style():
            made = list(chapters(study))
        made = write_exhibits(made, study.folder)
        return write_study_page(study, made, study.paths.page)
