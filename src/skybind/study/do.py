"""A study from its options to its page."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from skybind.progress import say
from skybind.study.chapters import default_chapters
from skybind.study.exhibits import Chapter
from skybind.study.merge import Study
from skybind.study.options import StudyOptions
from skybind.study.page import write_study_page
from skybind.study.plan import SURVEY, Shard, make_plan, of_shard
from skybind.study.units import now
from skybind.study.work import FAILED, TODO, Worker, states_of
from skybind.study.written import write_exhibits

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
    since = now()
    study = Study.begin(options, out)
    plan = make_plan(study)
    if plan[0].id == SURVEY:  # what the runs have depends on it
        Worker(study, plan, plan[:1], since).work()
        plan = make_plan(study)
    own = plan if shard is None else of_shard(plan, shard)
    Worker(study, plan, own, since).work()
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


def make_page(study: Study, chapters: Chapters = default_chapters) -> Path:
    """Write the exhibits and the page of a study from what is done of it."""
    made = list(chapters(study))
    write_exhibits(made, study.folder)
    page = write_study_page(study, made, study.paths.page)
    say(f"The page is {page}.")
    return page
