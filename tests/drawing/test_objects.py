"""A band has one colour in a whole survey, and is named also where it is alone."""

import numpy as np
from matplotlib.colors import same_color

from skybind.drawing.bands import STYLES, BandStyle, band_styles
from skybind.drawing.folding import fold
from skybind.drawing.objects import object_figure
from skybind.drawing.observed import ExampleObject, LightCurve, Limits
from skybind.drawing.style import BAND_COLOURS

BANDS = ["g", "i", "r"]


def curve(names, **options):
    time = np.arange(40.0)
    band = np.resize(np.array(names), 40)
    return LightCurve(time, np.sin(time), 0.1 + 0 * time, 7.3, band=band, **options)


def drawn(example):
    """Colour of each band by the figure: in time and in phase; and the names in its legend."""
    figure = object_figure(example)
    found = [
        {line.get_label(): line.get_color() for line in axes.lines if line.get_marker() == "o"}
        for axes in figure.axes
    ]
    legend = figure.axes[0].get_legend()
    return found, None if legend is None else [text.get_text() for text in legend.get_texts()]


def test_a_band_has_one_colour_whatever_else_was_observed():
    both, alone = (
        ExampleObject("a", light_curve=curve(n, bands=BANDS)) for n in (["g", "r"], ["r"])
    )
    (time, phase), names = drawn(both)
    (one, other), single = drawn(alone)
    assert time == phase
    assert names == ["g", "r"]
    assert single == ["r"]
    assert same_color(time["r"], one["r"])
    assert same_color(time["r"], other["r"])
    assert time["r"] == BAND_COLOURS[2] != time["g"]


def test_a_band_that_the_survey_has_not_follows_its_own():
    assert band_styles(curve(["V", "r"], bands=BANDS)) == {
        "r": BandStyle(BAND_COLOURS[2], 0),
        "V": BandStyle(BAND_COLOURS[3], 0),
    }


def test_no_two_bands_of_a_light_curve_look_alike():
    names = [f"b{number:02d}" for number in range(20)]
    styles = band_styles(curve(names, bands=names))
    assert len({*styles.values()}) == 20
    assert [one.shape for one in styles.values()] == [n // 6 for n in range(20)]
    figure = object_figure(ExampleObject("a", light_curve=curve(names, bands=names)))
    axes = figure.axes[0]
    lines = [line for line in axes.lines if line.get_label() in names]
    assert len({(line.get_color(), line.get_marker()) for line in lines}) == 20
    handles = axes.get_legend().legend_handles
    assert len({(one.get_color(), one.get_marker()) for one in handles}) == 20
    # in a survey of more bands than there are styles, too
    many = [f"b{number:02d}" for number in range(2 * len(STYLES))]
    some = [many[0], many[1], many[len(STYLES)]]
    styles = band_styles(curve(some, bands=many))
    assert styles["b00"] == STYLES[0]
    assert len({*styles.values()}) == 3


def test_upper_limits_of_a_seventh_band_have_its_shape():
    names = list("abcdefg")
    limits = Limits(np.array([50.0, 51]), np.array([-3.0, -3.1]), np.array(["a", "g"]))
    known = curve(names, bands=names, limits=limits)
    lines = object_figure(ExampleObject("a", light_curve=known)).axes[0].lines
    marks = {line.get_marker() for line in lines if tuple(line.get_xdata()) == (51.0,)}
    assert marks == {"s", 11}


def test_a_curve_without_bands_has_no_legend():
    time = np.arange(40.0)
    (found,), legend = drawn(ExampleObject("a", light_curve=LightCurve(time, np.sin(time))))
    assert list(found.values()) == [BAND_COLOURS[0]]
    assert legend is None


def test_upper_limits_are_drawn_in_time_and_phase():
    limits = Limits(
        np.array([50.0, 51, 52]), np.array([-3.0, -3.1, -3.2]), np.array(["r", "g", "r"])
    )
    known = curve(["g", "r"], bands=BANDS, limits=limits)
    figure = object_figure(ExampleObject("a", light_curve=known))
    time, phase = figure.axes
    open_ = [line for line in time.lines if line.get_marker() == "v"]
    assert {tuple(line.get_xdata()): line.get_color() for line in open_} == {
        (50.0, 52.0): BAND_COLOURS[2],
        (51.0,): BAND_COLOURS[0],
    }
    assert time.get_ylim()[0] < -3.2
    legend = [text.get_text() for text in time.get_legend().get_texts()]
    assert legend == ["g", "r", "upper limit"]
    # they are folded as the epochs are
    folded = np.sort(
        [x for line in phase.lines if line.get_marker() == "v" for x in line.get_xdata()]
    )
    turns = (limits.time - known.time[0]) / 7.3 + fold(known)[0]
    np.testing.assert_allclose(folded, np.sort([*np.mod(turns, 1), *(np.mod(turns, 1) + 1)]))


def test_upper_limits_without_bands_are_drawn_once():
    limits = Limits(np.array([50.0, 51]), np.array([-3.0, -3.1]))
    figure = object_figure(ExampleObject("a", light_curve=curve(["g", "r"], limits=limits)))
    (only,) = [line for line in figure.axes[0].lines if line.get_marker() == "v"]
    assert only.get_xdata().tolist() == [50.0, 51.0]
