from pathlib import Path

import pytest

from skybind.runs.layout import (
    BackbonePaths,
    DiscoverPaths,
    LabelPaths,
    RunPaths,
    TrainedPaths,
    model_folder,
)


@pytest.mark.parametrize("kind", [RunPaths, TrainedPaths, LabelPaths, DiscoverPaths, BackbonePaths])
def test_no_two_things_stand_at_one_place(kind):
    paths = kind(Path("folder"))
    names = [name for name, entry in vars(kind).items() if isinstance(entry, property)]
    found = [getattr(paths, name) for name in names]
    places = [getattr(one, "folder", one) for one in found]
    assert len(set(places)) == len(places) >= 5 - 2 * (kind is LabelPaths)
    assert all(Path("folder") in place.parents for place in places)


def test_a_model_is_named_itself_or_by_its_run(tmp_path):
    assert model_folder(tmp_path) == tmp_path
    RunPaths(tmp_path).model.mkdir(parents=True)
    assert model_folder(str(tmp_path)) == tmp_path / "pretrain" / "model"


def test_cases_are_the_folders_that_were_begun(tmp_path):
    paths = RunPaths(tmp_path)
    assert paths.cases() == []
    for name in ("b-full-scratch", "a-full-scratch", ".b-full-scratch.tmp"):
        paths.case(name).folder.mkdir(parents=True)
    (tmp_path / "finetune" / "notes.txt").touch()
    assert [case.folder.name for case in paths.cases()] == ["a-full-scratch", "b-full-scratch"]
