"""Papers on data or with a configuration that are not theirs."""

from types import SimpleNamespace

import pytest
import yaml

from skybind.errors import ConfigError, DataError
from skybind.reproduce import galaxies as of_galaxies
from skybind.reproduce import stars_figures as figures
from skybind.reproduce import stars_tables as tables
from skybind.reproduce.papers import PAPERS
from skybind.study.do import do_study, make_page
from tests.reproduce.conftest import STARS


@pytest.fixture(scope="module")
def without_spectra(stars, tmp_path_factory):
    """AstroM3's study of the same stars with two modalities, from scratch alone, one seed."""
    folder = tmp_path_factory.mktemp("other")
    config = folder / "two.yaml"
    config.write_text(yaml.safe_dump({"extends": "stars-small", "modalities": {"spectrum": None}}))
    sets = [
        *STARS,
        "finetuning.modalities=[all]",
        "finetuning.starts=[scratch]",
        "split.subsets=[]",
    ]
    options = PAPERS["astrom3"].options(
        data=str(stars.study.paths.data), config=str(config), sets=sets, seeds=[1]
    )
    options = options.model_copy(update={"subsets": ["full"], "steps": []})
    return do_study(options, folder / "study", chapters=lambda study: []).study


def test_what_needs_a_modality_that_is_not_bound_is_absent_and_costs_nothing_else(without_spectra):
    paper = PAPERS["astrom3"]
    page = make_page(without_spectra, paper.chapters).read_text("utf-8")
    assert "has no spectrum: it binds photometry and metadata" in page
    run = without_spectra.run("astrom3", 1)
    for make in (figures.similar, figures.contrast):
        with pytest.raises(DataError, match="has no spectrum"):
            make(run)
    with pytest.raises(DataError, match="has no image"):
        of_galaxies.procedure_table(run, "image", "Figure 2")


def test_table_5_says_which_classifier_it_is_of_and_on_which_objects(stars, without_spectra):
    run = without_spectra.run("astrom3", 1)
    caption = tables.importance_table([run]).caption
    assert "photometry and metadata (from scratch, 100 % of labels)" in caption
    assert "all test objects (in the paper those of the 50 % subset" in caption
    assert "mean of 1 seed;" in caption
    as_published = tables.importance_table([one.run for one in stars.runs]).caption
    assert "photometry, spectrum and metadata (pre-trained, 100 % of labels)" in as_published
    assert "on the test objects of the 50 % subset as in the paper" in as_published


def test_seeds_that_cannot_be_are_refused_in_a_sentence():
    paper = PAPERS["astrom3"]
    with pytest.raises(ConfigError, match="'42' is named twice"):
        paper.options(seeds=[42, 42])
    with pytest.raises(ConfigError, match="data names no dataset for the seed 0"):
        paper.options(data={42: "stars"}, seeds=[0])


def test_columns_may_have_other_names_than_their_modalities(stars, galaxies):
    """As `modalities.image.column` says, where a dataset calls its images otherwise."""

    def named(run, modality, column):
        entry = run.config.modalities[modality].model_copy(update={"column": column})
        modalities = {**run.config.modalities, modality: entry}
        config = run.config.model_copy(update={"modalities": modalities})
        return SimpleNamespace(
            dataset=run.dataset, config=config, folder=run.folder, paths=run.paths,
            shapes=run.shapes, rows=run.rows,
        )  # fmt: skip

    other = of_galaxies.procedure_table(
        named(galaxies.run, "image", "spectrum"), "image", "Figure 2"
    )
    assert "wavelength" in other.table.rows[0][1].text
    with pytest.raises(DataError, match="no metadata"):
        tables.feature_table(named(stars.run, "metadata", "elsewhere"))


def test_r2_tells_the_neighbours_that_were_asked(galaxies):
    entries = [
        one.model_copy(update={"k": 5}) for one in galaxies.metrics.regression if one.k is not None
    ]
    caption = of_galaxies.r2_table(entries, galaxies.data.published).caption
    assert "mean of the 5 nearest neighbours (published: 16)" in caption
