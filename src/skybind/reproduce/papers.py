"""The papers that can be made again, by name."""

from pathlib import Path

from skybind.errors import ConfigError
from skybind.reproduce.astroclip import ASTROCLIP
from skybind.reproduce.astrom3 import ASTROM3
from skybind.reproduce.paper import Paper
from skybind.shards import Shard
from skybind.study.do import StudyResult, do_study
from skybind.study.options import StudyOptions, with_whole_paths
from skybind.words import nearest

PAPERS = {paper.name: paper for paper in (ASTROM3, ASTROCLIP)}


def paper_of(name: str) -> Paper:
    """Return the paper of a name.

    Raises
    ------
    ConfigError
        If there is none.
    """
    if name not in PAPERS:
        raise ConfigError(f"There is no paper '{name}': {nearest(name, list(PAPERS))}")
    return PAPERS[name]


def reproduce(
    paper: str | Paper,
    out: str | Path,
    options: StudyOptions | None = None,
    *,
    shard: Shard | None = None,
    workers: int = 1,
) -> StudyResult:
    """Make a paper again, or go on with it: every table and figure, in one page and in files.

    Parameters
    ----------
    paper : str or Paper
        `astrom3` or `astroclip`.
    out : str or Path
        Folder of the study; the page is `index.html` in it.
    options : StudyOptions, optional
        As `Paper.options` gives them; the paper's size and data by default.
    shard : Shard, optional
        Do only this part of the work; the page is made by a call without.
    workers : int
        Processes on this machine that share the work.

    Raises
    ------
    ConfigError
        If there is no such paper, or another study stands in `out`.
    """
    paper = paper_of(paper) if isinstance(paper, str) else paper
    options = with_whole_paths(options or paper.options(), Path.cwd())
    return do_study(options, out, shard=shard, workers=workers, chapters=paper.chapters)
