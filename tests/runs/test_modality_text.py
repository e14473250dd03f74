"""Preprocessing and encoder that fit what a modality is like."""

import pytest

from skybind.encoders import build_encoder
from skybind.modalities.kinds import modality_class
from skybind.modalities.shape import InputShape
from skybind.runs.curve_facts import LightCurveFacts
from skybind.runs.modality_text import modality_section, size_of
from skybind.runs.survey_facts import CatalogueFacts, ImageFacts, SpectrumFacts


def light_curves(**how):
    usual = {
        "name": "photometry", "objects": 500, "sampled": 500, "epochs": 50, "long": 73,
        "magnitudes": True, "bands": {}, "used": [], "outside": 0, "features": [],
        "span": 300.0, "survey": 310.0, "fading": 0.3, "early": 0.0,
        "source": "searched", "periodic": 0.9, "tried": 40,
    }  # fmt: skip
    return LightCurveFacts(**{**usual, **how})


def test_periodic_curves_are_folded_and_others_are_not():
    folded = modality_section(light_curves(), "photometry", False)
    assert folded.keys["encoder"]["name"] == "folded"
    assert folded.keys["preprocessing"]["phase"] is True
    assert folded.keys["preprocessing"]["length"] == 80
    assert "computes periods and features of all first" in " ".join(folded.reasons)
    other = modality_section(light_curves(periodic=0.2), "photometry", False)
    assert other.keys["encoder"]["name"] == "informer"
    assert other.keys["preprocessing"]["periods"] == "none"
    assert "not folded" in " ".join(other.reasons)
    known = modality_section(light_curves(source="catalogue"), "photometry", False)
    assert "folded by it. With 'periods: computed' features" in " ".join(known.reasons)


def test_several_bands_are_never_one_without_a_word():
    bands = {"g": (900, 400), "r": (800, 390), "Y": (4, 3), "": (7, 2)}
    section = modality_section(
        light_curves(bands=bands, used=["g", "r"], outside=5), "photometry", False
    )
    assert section.keys["preprocessing"]["bands"] == ["g", "r"]
    said = " ".join(section.reasons)
    for words in (
        "g (400 curves, 900 epochs) and r (390 curves, 800 epochs)",
        "Each is normalised by itself",
        "left out: Y (3 curves, 4 epochs)",
        "7 epochs that name no band are left out",
        "5 curves have fewer than two epochs",
    ):
        assert words in said
    unnamed = modality_section(light_curves(), "photometry", False)
    assert "name no bands: all epochs of a curve are taken as of one band" in unnamed.reasons[1]
    assert "bands" not in unnamed.keys["preprocessing"]


def test_transients_keep_their_colours_and_count_from_where_they_begin():
    how = {"periodic": 0.1, "span": 60.0, "survey": 1500.0, "fading": 1.5, "used": ["g", "r"]}
    how |= {"bands": {"g": (900, 400), "r": (800, 390)}, "features": ["redshift"]}
    section = modality_section(light_curves(**how), "photometry", False)
    options = section.keys["preprocessing"]
    assert (options["normalise"], options["time_zero"]) == ("peak", "first")
    assert options["transforms"] == {"redshift": "log"}
    assert options["phase"] is False
    said = " ".join(section.reasons)
    assert "last 60 d in the median, the survey 1,500 d, and they fade by 1.5 mag" in said
    assert "normalised by itself" not in said
    late = modality_section(light_curves(**how, early=0.3), "photometry", False)
    assert late.keys["preprocessing"]["time_zero"] == "maximum"
    assert "30% of them were detected more than 200 d before it" in " ".join(late.reasons)
    for other in ({"periodic": 0.9}, {"span": 1200.0}, {"fading": 0.1}):
        section = modality_section(light_curves(**how | other), "photometry", False)
        assert "time_zero" not in section.keys["preprocessing"]


@pytest.mark.parametrize("width", [4.0, 60.0, 300.0, 5000.0, 20000.0])
@pytest.mark.parametrize("step", [0.02, 1.4, 30.0])
def test_any_grid_of_spectra_has_an_encoder_that_takes_it(width, step):
    found = SpectrumFacts("s", 400, 4000, 4000 + width, (4000, 4000 + width), step, True, True)
    keys = modality_section(found, "spectrum", False).keys
    options = modality_class("spectrum").Options(**keys["preprocessing"])
    assert 5 <= len(options.grid) <= 1700
    assert options.grid[0] <= 4000
    assert options.grid[-1] + options.wavelength_step >= 4000 + width - 1e-6
    shape = InputShape(len(options.channels), len(options.grid))
    assert build_encoder(**keys["encoder"], shape=shape).out_features > 0


def test_spectra_are_averaged_only_where_the_grid_is_coarser():
    fine = SpectrumFacts("s", 400, 3900, 5000, (3900, 5000), 1.4, False, False)
    keys = modality_section(fine, "spectrum", False).keys
    assert keys["preprocessing"]["resample"] == "linear"
    assert keys["preprocessing"]["channels"] == ["flux"]
    coarse = SpectrumFacts("s", 400, 3600, 9800, (3600, 9800), 0.8, True, True)
    keys = modality_section(coarse, "spectrum", False).keys
    assert keys["preprocessing"]["resample"] == "conserving"
    assert keys["preprocessing"]["wavelength_step"] == 4.0
    assert keys["preprocessing"]["channels"] == ["flux", "uncertainty", "scale"]


def test_images_keep_their_middle_and_pictures_their_values():
    section = modality_section(
        ImageFacts("image", 400, (300, 320), ["g", "r"], 0.262, False), "image", False
    )
    assert section.keys["preprocessing"]["binning"] == 2
    assert section.keys["preprocessing"]["crop"] == 64
    assert section.keys["preprocessing"]["stretch"] == "asinh"
    assert "0.262 arcsec" in section.reasons[0]
    picture = modality_section(
        ImageFacts("image", 400, (48, 48), ["red", "green", "blue"], None, True), "image", False
    )
    assert picture.keys["preprocessing"]["crop"] == 48
    assert picture.keys["preprocessing"]["stretch"] == "none"
    assert "noise" not in picture.keys["preprocessing"]


def test_gaps_get_flags_and_one_alone_gets_two_views():
    whole = CatalogueFacts("metadata", 400, ["a", "b"], 0.0, [])
    assert modality_section(whole, "metadata", False).keys["preprocessing"] == {"clip": 8}
    gaps = CatalogueFacts("metadata", 400, ["a", "b"], 0.25, ["b"])
    options = modality_section(gaps, "metadata", True).keys["preprocessing"]
    assert options == {"clip": 8, "missing_flags": True, "transforms": {"b": "log"}, "drop": 0.2}


def test_more_objects_make_larger_encoders_with_less_dropout():
    assert [size_of(n) for n in (999, 1000, 19_999, 20_000)] == ["few", "some", "some", "many"]
    found = [
        modality_section(CatalogueFacts("metadata", n, ["a"], 0, []), "metadata", False)
        for n in (100, 5000, 50_000)
    ]
    assert [s.keys["encoder"]["hidden"] for s in found] == [64, 128, 256]
    assert [s.keys["encoder"]["dropout"] for s in found] == [0.3, 0.1, 0.1]


def test_another_name_says_kind_and_column():
    keys = modality_section(light_curves(name="I band"), "I_band", False).keys
    assert (keys["kind"], keys["column"]) == ("photometry", "I band")
