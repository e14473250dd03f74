"""What the page is told of spectra and light curves, where numbers are unknown or doubted."""

from functools import partial
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from skybind.config.schema import ModalityConfig
from skybind.data.dataset import Dataset
from skybind.data.schema import Column, DatasetSchema
from skybind.drawing.objects import GALAXY_LINES, LINES
from skybind.drawing.observed import ExampleObject, LightCurve, Spectrum
from skybind.drawing.style import BAND_COLOURS
from skybind.explore.objects import (
    curve_json,
    expected_redshift,
    others_of,
    position_of,
    spectrum_json,
    thumbnails,
)
from skybind.explore.survey import Survey
from skybind.files import plain_json

GRID = np.linspace(4000, 7000, 100)


def names(lines):
    return {line["name"] for line in lines}


def test_a_band_has_the_same_colour_large_and_small():
    time = np.arange(30.0)
    told = []
    for names in (["g", "r"], ["r"]):
        band = np.resize(np.array(names), 30)
        curve = LightCurve(time, np.sin(time), period=3.3, band=band, bands=["g", "r"])
        example = ExampleObject("a", light_curve=curve)
        survey = SimpleNamespace(examples=lambda rows, first, example=example: [example])
        (small,) = thumbnails(survey, [0])
        assert small["curve"]["band"] == band.tolist()
        for key in ("bands", "shapes"):
            assert small["curve"][key] == curve_json(curve)[key]
        told.append(curve_json(curve)["bands"])
    assert told == [{"g": "ink", "r": BAND_COLOURS[1]}, {"r": BAND_COLOURS[1]}]


def test_a_seventh_band_has_a_shape():
    band = np.array(list("abcdefg"))
    told = curve_json(LightCurve(np.arange(7.0), np.arange(7.0), band=band, bands=band.tolist()))
    assert told["bands"]["g"] == told["bands"]["a"]
    assert told["shapes"] == {**dict.fromkeys("abcdef", 0), "g": 1}


def test_an_unknown_redshift_has_no_lines():
    told = plain_json(spectrum_json(Spectrum(GRID, GRID, redshift=np.nan)))
    assert (told["redshift"], told["lines"]) == (None, [])
    star = spectrum_json(Spectrum(GRID, GRID))
    assert names(star["lines"]) == set(LINES)


def test_a_doubted_redshift_has_lines_beside_the_catalogue_s():
    told = spectrum_json(Spectrum(GRID, GRID, 0.001, "z"), (0.3, True))
    assert (told["redshift"], told["redshift_of"]) == (0.001, "z")
    assert names(told["lines"]) == set(LINES)
    assert (told["expected"]["redshift"], told["expected"]["doubts"]) == (0.3, True)
    assert names(told["expected"]["lines"]) == set(GALAXY_LINES)
    assert spectrum_json(Spectrum(GRID, GRID, 0.1))["expected"] is None


@pytest.mark.parametrize(
    ("expected", "doubt", "found"),
    [(0.3, 9.0, (0.3, True)), (0.3, 1.0, (0.3, False)), (0.3, None, (0.3, False)),
     (None, None, None)],
)  # fmt: skip
def test_the_redshift_of_the_most_alike(expected, doubt, found):
    columns = {"object_id": Column("id"), "mass": Column("target"), "z": Column("target")}
    table = pa.table({"object_id": ["a"], "mass": [1.0], "z": [0.001]})
    suspects = {"mass_expected": [9.0], "mass_doubt": [9.0]}
    suspects |= {"z_expected": [expected], "z_doubt": [doubt]}
    survey = SimpleNamespace(
        run=SimpleNamespace(dataset=Dataset.from_table(table, DatasetSchema(columns))),
        suspects=pa.table(suspects),
        suspect_rows=np.array([0]),
    )
    assert expected_redshift(survey, 0) == found
    survey.suspect_rows = np.array([-1])
    assert expected_redshift(survey, 0) is None


def test_the_light_curve_that_the_model_reads_is_shown():
    fields = {"time": "d", "magnitude": "mag", "magnitude_err": "mag"}
    about = Column("observation", modality="photometry", fields=fields)
    columns = {"object_id": Column("id"), "photometry_g": about, "photometry_r": about}
    time, error = np.arange(12.0).tolist(), [0.01] * 12
    curves = {
        name: [{"time": time, "magnitude": [value, value + 1] * 6, "magnitude_err": error}]
        for name, value in (("photometry_g", 15.0), ("photometry_r", 14.0))
    }
    dataset = Dataset.from_table(pa.table({"object_id": ["a"], **curves}), DatasetSchema(columns))
    entry = ModalityConfig(
        kind="photometry", column="photometry_r", encoder={"name": "mlp"}, preprocessing={}
    )
    run = SimpleNamespace(
        dataset=dataset, class_names=[""], config=SimpleNamespace(modalities={"red": entry})
    )
    survey = SimpleNamespace(run=run, targets=[], _examples={})
    (example,) = Survey.examples(survey, [0])
    assert example.light_curve.value.min() == 14.0
    # a second modality has the other column
    green = entry.model_copy(update={"column": "photometry_g"})
    run.config.modalities["green"] = green
    assert others_of(survey, ["red", "green"]) == ["green"]
    for first, value in (("green", 15.0), ("red", 14.0), ("", 14.0)):
        survey.examples = partial(Survey.examples, survey)
        (small,) = thumbnails(survey, [0], [first])
        assert min(small["curve"]["y"]) == value
    assert curve_json(Survey.examples(survey, [0], ["green"])[0].light_curve)["column"] == (
        "photometry_g"
    )


@pytest.mark.parametrize(
    ("ra", "dec", "position"),
    [(10.5, -3.25, [10.5, -3.25]), (-999.0, -999.0, [None, None]), (None, 3.0, [None, None])],
)
def test_what_a_catalogue_writes_for_an_unknown_place_is_none(ra, dec, position):
    catalogue = [{"name": "ra", "value": ra}, {"name": "dec", "value": dec}]
    assert position_of(catalogue) == position
    assert position_of([]) == [None, None]
