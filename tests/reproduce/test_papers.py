"""Whole papers: what their studies are asked to do, and that every item is on the page."""

import csv

import numpy as np
import pytest
from typer.testing import CliRunner

from skybind.cli import app
from skybind.config import load_config
from skybind.errors import ConfigError
from skybind.reproduce.galaxies import r2_table
from skybind.reproduce.papers import PAPERS, paper_of
from skybind.study.do import make_page
from skybind.study.written import write_exhibits
from tests.study.latex import check_latex


def test_the_full_study_is_the_paper():
    options = PAPERS["astrom3"].options()
    assert options.simulate.objects == 21_440
    assert options.seeds == [42, 0, 66, 12, 123]
    assert options.configurations["astrom3"].config == "astrom3"
    assert options.configurations["astrom3"].set == []
    assert options.subsets == ["full", "50", "25", "10"]
    galaxies = PAPERS["astroclip"].options()
    assert galaxies.simulate.objects == 10_000
    assert set(galaxies.configurations["astroclip"].backbones) == {"image", "spectrum"}


@pytest.mark.parametrize("name", list(PAPERS))
@pytest.mark.parametrize("small", [False, True])
def test_the_configurations_of_both_sizes_can_be_read(name, small):
    entry = PAPERS[name].options(small=small).configurations[name]
    config = load_config(entry.config, entry.set)
    assert set(entry.backbones) <= set(config.modalities)


def test_backbones_fit_a_smaller_survey():
    """Momentum contrast refuses a queue of more objects than it is trained on."""
    for objects, queue in ((120, 60), (1_100, 512), (None, 512), (5_000, 512)):
        options = PAPERS["astroclip"].options(small=True, objects=objects)
        image = options.configurations["astroclip"].backbones["image"]
        assert f"moco.queue={queue}" in image.set


def test_data_of_ones_own_replace_the_simulation():
    options = PAPERS["astrom3"].options(data={1: "a", 2: "b"})
    assert options.seeds == [1, 2]
    assert options.simulate is None
    with pytest.raises(ConfigError, match="of a simulated survey"):
        PAPERS["astrom3"].options(data="stars", objects=100)
    with pytest.raises(ConfigError, match="did you mean 'astrom3'"):
        paper_of("astrom")


def test_what_differs_from_the_papers_configuration_is_said(caplog):
    paper = PAPERS["astroclip"]
    plain = paper.options()
    assert plain.description == paper.description
    assert not caplog.text
    own = paper.options(config="astroclip-small").description
    assert "differs from the paper's (astroclip) in" in own
    assert "The backbones of image and spectrum, which the study of the paper trains" in own
    assert own.removeprefix(paper.description).strip() in caplog.text
    one = paper.options(sets=["training.epochs=3"]).description
    assert one.endswith("(astroclip) in 1 key: training.epochs.")


def test_a_dry_run_lists_the_work_and_writes_nothing(tmp_path):
    words = ["reproduce", "astrom3", "--small", "-n", "100", "--seeds", "1", "--dry-run"]
    sets = ["training.epochs=1", "training.min_steps=2", "finetuning.training.epochs=1",
            "finetuning.training.min_steps=2"]  # fmt: skip
    sets = [part for one in sets for part in ("--set", one)]
    done = CliRunner().invoke(app, [*words, *sets, "--out", str(tmp_path / "study"), "-q"])
    assert done.exit_code == 0, done.output
    *units, together = done.output.splitlines()
    assert units[0] == "survey: to do, 100 objects"
    assert any(line.startswith("astrom3/seed-1/pretrain: to do, ") for line in units)
    assert together.startswith(f"{len(units)} of {len(units)} units; time left: ")
    assert not list(tmp_path.iterdir())


def missing_of(chapters):
    return {
        one.number: one.absent for chapter in chapters for one in chapter.exhibits if one.absent
    }


#: Columns of words in the tables of the papers, beside the first.
WORDS = {
    "Labels", "Description", "Unit", "Neighbours among", "What", "Range", "Outliers", "Modality",
}  # fmt: skip


def csv_numbers(folder):
    """Table -> (column, first cell of the row) -> number: no cell but of words holds more."""
    found = {}
    for path in sorted(folder.glob("*.csv")):
        columns, rows = check_latex(path.with_suffix(".tex").read_text("utf-8"))
        assert columns >= 2
        assert rows >= 2
        head, *rows = csv.reader(path.read_text("utf-8").splitlines())
        assert len(set(head)) == len(head), path.name
        table = found.setdefault(path.stem, {})
        for row in rows:
            for name, text in zip(head[1:], row[1:], strict=True):
                words = name in WORDS or name.endswith("mark") or path.stem == "appendix-search"
                if text and not words:
                    table[name, row[0]] = float(text)
    return found


def test_importance_of_the_modalities_is_the_mean_over_the_seeds(stars):
    own = [one.metrics.importance for one in stars.runs]
    assert len(own) == 2
    together = stars.metrics.importance
    np.testing.assert_allclose(together.average, np.mean([one.average for one in own], axis=0))
    assert together.case == own[0].case
    assert together.n_test == sum(one.n_test for one in own)


def test_every_item_of_astrom3_is_on_the_page(stars):
    paper = PAPERS["astrom3"]
    page = make_page(stars.study, paper.chapters)
    text = page.read_text("utf-8")
    numbers = {one.number for part in paper.parts for one in part.exhibits}
    assert {f"Figure {n}" for n in range(1, 10)} | {f"Table {n}" for n in range(1, 7)} <= numbers
    for number in numbers:
        assert f"{number}." in text
    # the parts of the class M were not looked for by this fixture
    assert set(missing_of(paper.chapters(stars.study))) == {"Figure 6"}
    assert (page.parent / "tables" / "table-2-clip.tex").exists()
    assert (page.parent / "figures" / "figure-9-contrast.pdf").exists()
    numbers = csv_numbers(page.parent / "tables")
    assert numbers["table-2-clip"]["Published, CLIP", "Photometry"] == 91.468
    assert numbers["table-2-clip"]["Published, CLIP, standard deviation", "Photometry"] == 0.446
    table = numbers["table-5-modalities"]
    every = "Photometry + spectrum + metadata"
    assert table[f"{every}, published", "EW"] == 90.0
    ours = table[every, "EW"]
    assert table[f"{every}, less published", "EW"] == pytest.approx(ours - 90.0, abs=1e-6)
    assert (f"{every}, standard deviation", "EW") in table
    assert numbers["table-3-distribution"]["Train, full, published", "EW"] == 4890
    searched = (page.parent / "tables" / "appendix-search.csv").read_text("utf-8")
    assert "Adam's β1,0.7 to 0.99,0.7 to 0.99\n" in searched


def test_every_item_of_astroclip_is_on_the_page(galaxies):
    paper = PAPERS["astroclip"]
    chapters = paper.chapters(galaxies.study)
    numbers = {one.number.split(" (")[0] for chapter in chapters for one in chapter.exhibits}
    assert numbers == {f"Figure {n}" for n in range(1, 15)} | {"Table 1"}
    assert missing_of(chapters) == {}
    write_exhibits(chapters, galaxies.study.folder)
    numbers = csv_numbers(galaxies.study.folder / "tables")
    assert numbers["table-1-r2"]["Published: AstroCLIP v1", "Redshift"] == 0.64


def test_r2_is_that_of_the_test_objects_by_the_validation_objects(galaxies):
    exhibit = r2_table(galaxies.metrics.regression, galaxies.data.published)
    entries = {
        (entry.target, entry.fit, entry.predict): entry.r2
        for entry in galaxies.metrics.regression
        if entry.method == "k-NN" and entry.protocol == "validation"
    }
    row = {cell.text: r for r in exhibit.table.rows for cell in r[1:2]}["cross-modal"]
    shown = float(row[4].text.replace("−", "-"))
    assert row[0].text == "Stellar mass"
    assert shown == pytest.approx(entries["log_mass", ("spectrum",), ("image",)], abs=6e-4)
    assert np.isfinite(shown)


def test_the_backbones_saw_no_test_object(galaxies):
    """They are trained on the split of the run, which would be refused otherwise."""
    from skybind.models.backbones import read_backbone

    run = galaxies.run
    for name in ("image", "spectrum"):
        path = galaxies.study.paths.backbone("astroclip", 3, name) / "backbone"
        assert run.config.modalities[name].backbone.weights == str(path.resolve())
        note, _ = read_backbone(path)
        assert len(note.trained_on) <= len(run.rows("train"))
