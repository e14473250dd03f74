"""Whole experiments: one run in one go, and studies of configurations x seeds x subsets."""

from skybind.study.do import StudyResult, do_study, make_page, several_seeds
from skybind.study.exhibits import Chapter, Exhibit, Maker, gather
from skybind.study.merge import Study, StudyRun
from skybind.study.options import StudyOptions, read_options
from skybind.study.page import write_study_page
from skybind.study.whole import demo_galaxies, demo_stars, run_all
from skybind.study.written import write_exhibits

__all__ = [
    "Chapter",
    "Exhibit",
    "Maker",
    "Study",
    "StudyOptions",
    "StudyResult",
    "StudyRun",
    "demo_galaxies",
    "demo_stars",
    "do_study",
    "gather",
    "make_page",
    "read_options",
    "run_all",
    "several_seeds",
    "write_exhibits",
    "write_study_page",
]
