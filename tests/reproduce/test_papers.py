"""Whole papers: what their studies are asked to do, and that every item is on the page."""

import numpy as np
import pytest

from skybind.config import load_config
from skybind.errors import ConfigError
from skybind.reproduce.galaxies import r2_table
from skybind.reproduce.papers import PAPERS, paper_of
from skybind.study.do import make_page


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


def test_data_of_ones_own_replace_the_simulation():
    options = PAPERS["astrom3"].options(data={1: "a", 2: "b"})
    assert options.seeds == [1, 2]
    assert options.simulate is None
    with pytest.raises(ConfigError, match="of a simulated survey"):
        PAPERS["astrom3"].options(data="stars", objects=100)
    with pytest.raises(ConfigError, match="did you mean 'astrom3'"):
        paper_of("astrom")


def missing_of(chapters):
    return {
        one.number: one.absent for chapter in chapters for one in chapter.exhibits if one.absent
    }


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
    assert "91.5 ± 0.4" in (page.parent / "tables" / "table-2-clip.csv").read_text("utf-8")


def test_every_item_of_astroclip_is_on_the_page(galaxies):
    paper = PAPERS["astroclip"]
    chapters = paper.chapters(galaxies.study)
    numbers = {one.number.split(" (")[0] for chapter in chapters for one in chapter.exhibits}
    assert numbers == {f"Figure {n}" for n in range(1, 15)} | {"Table 1"}
    assert missing_of(chapters) == {}


def test_r2_is_that_of_the_held_out_halves(galaxies):
    exhibit = r2_table(galaxies.metrics.regression, galaxies.data.published)
    entries = {
        (entry.target, entry.fit, entry.predict): entry.r2
        for entry in galaxies.metrics.regression
        if entry.method == "k-NN" and entry.protocol == "held-out"
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
