import collections

import pytest

from skybind.study import Study
from skybind.study.chapters import default_chapters


@pytest.mark.parametrize("name", ["compared", "all", "accuracy", "all-configurations"])
def test_no_name_of_a_configuration_makes_two_exhibits_of_one_name(tiny, tmp_path, name):
    entry = tiny.configurations["small"]
    configurations = {"small": entry, name: entry}
    study = Study.begin(tiny.model_copy(update={"configurations": configurations}), tmp_path / "s")
    chapters = default_chapters(study)
    keys = collections.Counter(one.key for chapter in chapters for one in chapter.exhibits)
    assert len(chapters) == 3
    assert keys.most_common(1)[0][1] == 1
