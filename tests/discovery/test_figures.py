import numpy as np

from skybind.discovery.figures import suspect_figure
from skybind.drawing.observed import ExampleObject, LightCurve, Spectrum


def curve(period, name="Magnitude"):
    time = np.sort(np.random.default_rng(0).uniform(0, 100, 200))
    return LightCurve(time, 15 + np.sin(2 * np.pi * time / 2.0), period=period, value_name=name)


def titles(figure):
    return [axes.get_title() for axes in figure.axes]


def test_a_periodic_light_curve_is_folded_at_half_once_and_twice_the_period():
    figure = suspect_figure(ExampleObject("A", light_curve=curve(2.0)))
    texts = " ".join(titles(figure))
    for words in (": 1 d", ": 2 d", ": 4 d"):
        assert words in texts
    folded = [axes for axes in figure.axes if ": " in axes.get_title()]
    assert len(folded) == 3
    assert all(axes.yaxis_inverted() for axes in folded)


def test_without_a_period_there_are_no_folds():
    wavelength = np.linspace(4000, 9000, 100)
    spectrum = Spectrum(wavelength, np.ones(100))
    figure = suspect_figure(ExampleObject("A", light_curve=curve(None), spectrum=spectrum))
    assert len(figure.axes) == 2


def test_only_a_spectrum():
    spectrum = Spectrum(np.linspace(4000, 9000, 100), np.ones(100))
    assert len(suspect_figure(ExampleObject("A", spectrum=spectrum)).axes) == 1
