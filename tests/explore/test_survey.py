"""A run whose configuration makes no maps is explored without one."""

import shutil

import pytest
import yaml

from skybind.errors import DataError
from skybind.explore.still import write_still
from skybind.explore.survey import Survey
from skybind.explore.told import survey_told
from skybind.runs.run import Run
from tests.explore.conftest import opened_page, serving


@pytest.fixture(scope="module")
def without_maps(hostile_run, tmp_path_factory):
    folder = tmp_path_factory.mktemp("mapless") / "run"
    shutil.copytree(hostile_run, folder)
    path = folder / "config.yaml"
    config = yaml.safe_load(path.read_text(encoding="utf-8"))
    config["evaluation"]["map"] = "none"
    path.write_text(yaml.safe_dump(config), encoding="utf-8")
    return folder


def test_a_run_without_maps_opens(without_maps, tmp_path):
    survey = Survey(Run.open(without_maps), read_only=True)
    told = survey_told(survey)
    assert (told["maps"], told["method"]) == ([], "")
    with pytest.raises(DataError, match="no map"):
        write_still(survey, tmp_path / "site")
    survey.close()


def test_its_page_shows_the_sky(browser, without_maps):
    with (
        serving(without_maps, read_only=True) as explorer,
        opened_page(browser, explorer.address) as page,
    ):
        assert page.get_by_label("map", exact=True).input_value() == "sky:equatorial"
        page.wait_for_selector("#legend *")
        assert not page.locator("#error").is_visible()
