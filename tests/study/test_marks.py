"""A study's YAML that ends in the middle is refused; marks change nothing of what it says."""

import pytest

from skybind.config import load_config
from skybind.errors import ConfigError
from skybind.study.marks import refuse_cut, write_whole
from skybind.study.merge import Study
from skybind.study.options import StudyOptions


def begun(folder):
    asked = {
        "name": "marks",
        "simulate": {"survey": "stars", "objects": 50},
        "configurations": {"small": {"config": "stars-small"}},
        "seeds": [42],
        "tune": 2,
    }
    return Study.begin(StudyOptions.model_validate(asked), folder)


@pytest.mark.parametrize("file", ["study.yaml", "configurations/small.yaml"])
def test_a_file_that_ends_in_the_middle_is_refused(file, tmp_path):
    study = begun(tmp_path / "study")
    path = study.folder / file
    whole = path.read_bytes()
    assert Study.open(study.folder).options == study.options
    for cut in range(5, len(whole) - 4, max(1, len(whole) // 40)):
        path.write_bytes(whole[:cut])
        with pytest.raises(ConfigError, match=rf"{path.name} ends in the middle"):
            Study.open(study.folder)
    path.write_bytes(whole.rstrip())
    assert Study.open(study.folder).options == study.options


def test_what_people_change_is_read_and_so_is_a_file_without_marks(tmp_path):
    study = begun(tmp_path / "study")
    path = study.folder / "study.yaml"
    text = path.read_text().replace("tune: 2", "tune: 3  # more")
    path.write_text(text)
    assert Study.open(study.folder).options.tune == 3
    path.write_text(text.removeprefix("---\n").removesuffix("...\n"))
    assert Study.open(study.folder).options.tune == 3
    configuration = study.paths.configuration("small")
    assert load_config(configuration) == load_config("stars-small")


def test_a_file_that_stands_there_is_not_written_again(tmp_path):
    path = tmp_path / "a.yaml"
    write_whole(path, "a: 1\n")
    before = path.stat()
    write_whole(path, "a: 1\n")
    assert path.stat().st_ino == before.st_ino
    refuse_cut(path)
    refuse_cut(tmp_path / "none.yaml")
