"""Studies and papers from Python: done, or gone on with, and their tables as tables."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from skybind.words import html_facts, nearest

if TYPE_CHECKING:
    import pyarrow as pa
    from pandas import DataFrame

    from skybind.study import Study, StudyOptions, StudyResult


@dataclass(repr=False)
class Studied:
    """A study that was done: its page, its tables, and what is missing.

    `studied["table-2-clip"]` is a table of the page, unrounded, with published values, standard
    deviations and marks in columns of their own.

    Attributes
    ----------
    study : skybind.study.Study
        Runs, and results with all seeds together.
    page : Path
        `index.html`.
    failed : dict of str to str
        Units of work that failed, with the reasons.
    missing : list of str
        Units that were not done for it.
    """

    study: "Study"
    page: Path
    failed: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Folder of the study."""
        return self.study.folder

    @cached_property
    def tables(self) -> list[str]:
        """Names of the tables."""
        return sorted(path.stem for path in (self.folder / "tables").glob("*.csv"))

    @cached_property
    def figures(self) -> dict[str, Path]:
        """Name -> the figure as PDF; a PNG of the same name stands beside it."""
        return {path.stem: path for path in sorted((self.folder / "figures").glob("*.pdf"))}

    def __getitem__(self, name: str) -> "pa.Table":
        """Read a table of the page.

        Raises
        ------
        DataError
            If there is none of that name.
        """
        from pyarrow import csv

        from skybind.errors import DataError

        if name not in self.tables:
            hint = nearest(name, self.tables) if self.tables else "it has none."
            raise DataError(f"The page {self.page} has no table '{name}': {hint}")
        return csv.read_csv(self.folder / "tables" / f"{name}.csv")

    def to_pandas(self, name: str) -> "DataFrame":
        """Read a table of the page as a data frame of pandas.

        Raises
        ------
        DataError
            If there is none of that name, or pandas is not installed.
        """
        from skybind.tables import to_pandas

        return to_pandas(self[name])

    def _facts(self) -> dict[str, str]:
        facts = {"page": str(self.page), "tables": ", ".join(self.tables) or "none"}
        return facts | ({"failed": ", ".join(self.failed)} if self.failed else {})

    def __repr__(self) -> str:
        failed = f", {len(self.failed)} units failed" if self.failed else ""
        return (
            f"<Studied {self.study.options.name}: {self.page}, {len(self.tables)} tables{failed}>"
        )

    def _repr_html_(self) -> str:
        return html_facts(self.study.options.name, self._facts())


def run_study(
    options: "str | Path | Mapping[str, Any] | StudyOptions", out: str | Path, *, workers: int = 1
) -> Studied:
    """Do a study, or go on with it: configurations x seeds x subsets of the labels, and one page.

    Parameters
    ----------
    options : str, Path, mapping or StudyOptions
        The YAML file that `skybind study` takes, or what it holds (docs/studies.md).
    out : str or Path
        Folder of the study.
    workers : int
        Processes on this machine that share the work.

    Raises
    ------
    ConfigError
        If the options are wrong, or another study stands in `out`.
    """
    from skybind.config.load import validate
    from skybind.study import StudyOptions, do_study, read_options
    from skybind.study.options import with_whole_paths

    if isinstance(options, str | Path):
        asked = read_options(options)
    elif isinstance(options, StudyOptions):
        asked = with_whole_paths(options, Path.cwd())
    else:
        named = {"name": Path(out).name, **options}
        asked = with_whole_paths(validate(StudyOptions, named, "the study"), Path.cwd())
    return _studied(do_study(asked, out, workers=workers))


def reproduce_paper(
    paper: str,
    out: str | Path,
    *,
    small: bool = False,
    data: str | Path | Mapping[int, str | Path] | None = None,
    config: str | Path | None = None,
    sets: Sequence[str] = (),
    seeds: Sequence[int] | None = None,
    objects: int | None = None,
    tune: int | None = None,
    workers: int = 1,
) -> Studied:
    """Make a published paper again, or go on with it (docs/reproduce.md).

    Parameters
    ----------
    paper : str
        `astrom3` or `astroclip`.
    out : str or Path
        Folder of the study.
    small : bool
        A small survey and small networks, for a laptop.
    data : str, Path or mapping of seed to folder, optional
        A dataset, or one a seed; without it a survey is simulated.
    config : str or Path, optional
        Another configuration than the paper's.
    sets : sequence of str
        Keys set otherwise, each `key=value`.
    seeds : sequence of int, optional
        The paper's by default.
    objects : int, optional
        Of the simulated survey; the paper's number by default.
    tune : int, optional
        Trials of a search of hyper-parameters for each training, before the runs.
    workers : int
        Processes on this machine that share the work.

    Raises
    ------
    ConfigError
        If there is no such paper, the options contradict, or another study stands in `out`.
    """
    from skybind.reproduce.papers import paper_of, reproduce

    if isinstance(data, Mapping):
        given: str | dict[int, str] | None = {seed: str(path) for seed, path in data.items()}
    else:
        given = None if data is None else str(data)
    asked = paper_of(paper).options(
        small=small,
        data=given,
        config=None if config is None else str(config),
        sets=sets,
        seeds=seeds,
        objects=objects,
        tune=tune,
    )
    return _studied(reproduce(paper, out, asked, workers=workers))


def _studied(result: "StudyResult") -> Studied:
    assert result.page is not None  # that of a shard alone is
    return Studied(result.study, result.page, result.failed, result.missing)
