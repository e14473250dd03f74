"""Where a run binds two spectra of an object, the page draws the one that is asked for."""

import json
from contextlib import closing
from dataclasses import replace

import numpy as np
import pytest

from skybind.data.dataset import Dataset
from skybind.data.write import DatasetWriter
from skybind.explore.objects import object_page
from skybind.explore.still import write_still
from skybind.explore.survey import Survey
from skybind.runs.embedding import run_embedding
from skybind.runs.run import Run
from skybind.runs.steps import run_pretraining
from skybind.search.figure import draw_search
from skybind.search.search import SearchOptions, search
from tests.explore.conftest import opened_page, serving
from tests.runs.made_up_galaxies import tiny_config, write_galaxies

N = 60
#: The second spectrum is the first with its flux times this.
TIMES = 100
#: An object without the first.
ALONE = N - 1


def write_two(folder, source):
    """Galaxies as in `source`, each with a second spectrum in a column of its own."""
    known = Dataset.open(source)
    columns = {name: known.schema.columns[name] for name in ("spectrum", "redshift", "morphology")}
    columns["spectrum"] = replace(columns["spectrum"], modality="spectrum")
    second = known.ragged("spectrum")
    second = replace(second, fields={**second.fields, "flux": second.fields["flux"] * TIMES})
    first = known.ragged("spectrum")
    first = first.filter(first.owner != ALONE)
    first.present[ALONE] = False
    with DatasetWriter(folder, {**columns, "arm": columns["spectrum"]}) as writer:
        writer.append(
            {
                "object_id": known.object_ids,
                "spectrum": first,
                "arm": second,
                "redshift": known.column("redshift"),
                "morphology": known.labels("morphology").astype(object),
            }
        )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A run whose modalities are called otherwise than their columns."""
    folder = tmp_path_factory.mktemp("several")
    write_galaxies(folder / "plain", N)
    write_two(folder / "galaxies", folder / "plain")
    plain = tiny_config(folder, "training.epochs=1", "training.batch_size=20")
    entry = plain.modalities["spectrum"]
    modalities = {
        name: entry.model_copy(update={"kind": "spectrum", "column": column})
        for name, column in (("fine", "arm"), ("coarse", "spectrum"))
    }
    config = plain.model_copy(update={"modalities": modalities})
    run = Run.start(config, folder / "galaxies", folder / "run")
    run_pretraining(run)
    run_embedding(run)
    return run.folder


def level(fluxes):
    return float(np.nanmedian(np.asarray(fluxes, float)))


@pytest.mark.parametrize(("name", "column"), [("fine", "arm"), ("coarse", "spectrum")])
def test_the_command_draws_what_it_searched(folder, name, column):
    options = SearchOptions(source=[name], k=2)
    found = search(folder, ["g3"], options)
    dataset = Dataset.open(folder.parent / "galaxies")
    for part in draw_search(found, dataset).subfigs:
        (axes,) = part.axes
        assert axes.get_xlabel() == f"Wavelength [Å], {column}"
        assert (level(axes.lines[0].get_ydata()) > TIMES / 2) == (column == "arm")


def test_the_page_draws_what_is_asked_for(folder, browser):
    with serving(folder) as explorer, opened_page(browser, f"{explorer.address}#id=g3") as page:
        title = page.locator("#side section h3", has_text="Spectrum")
        page.wait_for_selector("#alike[data-drawn]")
        assert title.inner_text() == "Spectrum: arm"
        asked = []
        page.on("request", lambda one: "/api/small" in one.url and asked.append(one.url))
        page.get_by_label("by", exact=True).select_option("coarse")
        page.wait_for_function("document.querySelectorAll('#alike canvas').length === 12")
        rows = [m["row"] for m in explorer.json("neighbours", id="g3", by="coarse")["matches"]]
        assert asked[-1].endswith("of=coarse")
        drawn = explorer.json("small", rows=",".join(map(str, rows)), of="coarse")["small"]
        usual = explorer.json("small", rows=",".join(map(str, rows)))["small"]
        assert all(level(one["spectrum"]["y"]) < TIMES / 2 for one in drawn)
        assert all(level(one["spectrum"]["y"]) > TIMES / 2 for one in usual)
        page.get_by_label("drawn is", exact=True).select_option("coarse")
        page.wait_for_function(
            "document.querySelector('#side h3').textContent === 'Spectrum: spectrum'"
        )
        assert "of=coarse" in page.url
        assert level(explorer.json("object", id="g3", of="coarse")["spectrum"]["flux"]) < TIMES / 2


def test_what_another_object_was_drawn_as_does_not_hide_one(folder):
    with closing(Survey(Run.open(folder), read_only=True)) as survey:
        there, alone = (object_page(survey, f"g{n}", "coarse") for n in (3, ALONE))
        assert (there["of"], there["others"]) == ("coarse", ["coarse"])
        assert (alone["of"], alone["others"]) == ("", [])
        assert alone["spectrum"] == object_page(survey, f"g{ALONE}")["spectrum"]
        assert level(alone["spectrum"]["flux"]) > TIMES / 2


def test_a_still_copy_holds_both(folder, tmp_path):
    survey = Survey(Run.open(folder), read_only=True)
    write_still(survey, tmp_path / "site", 3)
    survey.close()
    for path in (tmp_path / "site" / "data" / "objects").glob("*.json"):
        small = json.loads(path.read_text())["small"]
        assert set(small) == {"", "coarse"}
        assert (
            level(small[""]["spectrum"]["y"]) > TIMES / 2 > level(small["coarse"]["spectrum"]["y"])
        )
