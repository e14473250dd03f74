"""What the makers of one paper's exhibits share: the first seed's run, its report, discoveries."""

from collections.abc import Callable
from functools import cached_property

from skybind.discovery.records import DiscoverRecord
from skybind.errors import DataError
from skybind.evaluation.records import Metrics
from skybind.record import read_record
from skybind.report.data import ReportData
from skybind.report.from_run import report_data
from skybind.runs.run import Run
from skybind.study.exhibits import Exhibit
from skybind.study.merge import Study, StudyRun
from skybind.words import join


class Shown:
    """Results of one configuration of a study, each read once.

    Tables are over all seeds; figures show the run of the first.

    Parameters
    ----------
    study : Study
    configuration : str
    """

    def __init__(self, study: Study, configuration: str) -> None:
        self.study, self.configuration = study, configuration

    @cached_property
    def runs(self) -> list[StudyRun]:
        """The evaluated runs, in the order of the seeds.

        Raises
        ------
        DataError
            If there is none yet.
        """
        runs = self.study.runs(self.configuration)
        if not runs:
            raise DataError(f"No run of {self.configuration} was evaluated yet.")
        return runs

    @property
    def run(self) -> Run:
        """The run of the first seed."""
        return self.runs[0].run

    @cached_property
    def metrics(self) -> Metrics:
        """The results of all seeds together."""
        return self.study.metrics(self.configuration)

    @cached_property
    def data(self) -> ReportData:
        """What the report of the first seed shows."""
        return report_data(self.run)

    @cached_property
    def discoveries(self) -> DiscoverRecord:
        """What the embeddings of the first seed tell by themselves.

        Raises
        ------
        DataError
            If they were not asked yet.
        """
        path = self.run.paths.discover.record
        if not path.exists():
            raise DataError(f"The run in {self.run.folder} has no discoveries yet.")
        return read_record(path, DiscoverRecord, "run 'skybind discover' again")


def require(run: Run, *modalities: str) -> None:
    """Check that a run has the modalities that an exhibit is of.

    Raises
    ------
    DataError
        If one is missing.
    """
    missing = [name for name in modalities if name not in run.config.modalities]
    if missing:
        have = join(list(run.config.modalities))
        raise DataError(f"The run in {run.folder} has no {join(missing)}: it binds {have}.")


def column_of(run: Run, modality: str) -> str:
    """Return the dataset's column of a modality, as a run that was begun takes it."""
    return run.config.modalities[modality].column_of(modality)


#: Makes one exhibit; a `SkybindError` that it raises is the reason why there is none.
Make = Callable[[Shown], Exhibit]
