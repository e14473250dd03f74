"""The papers that can be made again, by name."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from skybind.errors import ConfigError
from skybind.reproduce.astroclip import ASTROCLIP
from skybind.reproduce.astrom3 import ASTROM3
from skybind.reproduce.paper import Paper
from skybind.study.do import StudyResult, do_study
from skybind.study.options import with_whole_paths
from skybind.study.plan import Shard
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
    name: str,
    out: str | Path,
    *,
    data: str | Mapping[int, str] | None = None,
    config: str | None = None,
    sets: Sequence[str] = (),
    seeds: Sequence[int] | None = None,
    objects: int | None = None,
    small: bool = False,
    shard: Shard | None = None,
    workers: int = 1,
) -> StudyResult:
    """Make a paper again, or go on with it: every table and figure, in one page and in files.

    Parameters
    ----------
    name : str
        `astrom3` or `astroclip`.
    out : str or Path
        Folder of the study; the page is `index.html` in it.
    data : str or mapping of int to str, optional
        Folder of a dataset, or one a seed; a survey is simulated without it.
    config : str, optional
        Another configuration than the paper's: a shipped one, or a YAML file.
    sets : sequence of str
        Keys set otherwise, each `key=value`.
    seeds : sequence of int, optional
        The paper's by default, or those that `data` names.
    objects : int, optional
        Of the simulated survey; the paper's number by default.
    small : bool
        The size for a laptop.
    shard : Shard, optional
        Do only this part of the work; the page is made by a call without.
    workers : int
        Processes on this machine that share the work.

    Raises
    ------
    ConfigError
        If there is no such paper, a key is unknown, or another study stands in `out`.
    """
    paper = paper_of(name)
    if data is not None and objects is not None:
        raise ConfigError("A number of objects is of a simulated survey: give it, or data.")
    if isinstance(data, Mapping):
        data, seeds = dict(data), seeds or list(data)
    options = paper.options(
        small=small, data=data, config=config, sets=sets, seeds=seeds, objects=objects
    )
    return do_study(
        with_whole_paths(options, Path.cwd()),
        out,
        shard=shard,
        workers=workers,
        chapters=paper.chapters,
    )
