"""What the page of a user's own study shows: accuracy, retrieval, regression, losses, runs."""

from functools import partial

from skybind.errors import DataError
from skybind.report.groups import accuracy_groups
from skybind.report.tables import accuracy_table
from skybind.study.exhibits import Chapter, Exhibit, Maker, gather
from skybind.study.merge import Study


def default_chapters(study: Study) -> list[Chapter]:
    """Give the chapters of a study, one a configuration."""
    return [_chapter(study, name) for name in study.configurations]


def _chapter(study: Study, name: str) -> Chapter:
    makers: list[tuple[str, str, str, Maker]] = [
        (f"{name}-accuracy", "", "Accuracy on the test objects", partial(_accuracy, name)),
    ]
    return Chapter(name, name, "", gather(study, makers))


def _accuracy(name: str, study: Study) -> Exhibit:
    groups = accuracy_groups(study.metrics(name).classification)
    if not groups:
        raise DataError("No classifier was trained.")
    return Exhibit(
        f"{name}-accuracy", "", "Accuracy on the test objects", table=accuracy_table(groups)
    )
