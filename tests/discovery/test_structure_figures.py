import numpy as np
from matplotlib.colors import to_hex

from skybind.discovery.figures import structure_figure
from skybind.discovery.page_data import ColourMagnitude, MeanSpectrum, StructureView
from skybind.drawing.style import group_colour


def view(**more):
    rng = np.random.default_rng(0)
    return StructureView({}, np.repeat([0, 1], [30, 20]), rng.normal(size=(50, 2)), **more)


def test_every_panel_that_there_is_something_for():
    grid = np.linspace(4000, 9000, 50)
    spectra = [MeanSpectrum(grid, np.ones(50) * k, np.full(50, 0.1), 9) for k in (1, 2)]
    values = np.linspace(0, 1, 50)
    diagram = ColourMagnitude("bp_rp [mag]", "absolute g [mag]", values, values)
    figure = structure_figure(view(diagram=diagram, spectra=spectra), np.zeros((4, 2)))
    chart, cmd, mean = figure.axes
    assert [text.get_text() for text in chart.get_legend().get_texts()] == [
        "part 0 (30)",
        "part 1 (20)",
    ]
    assert [to_hex(part.get_facecolor()[0]) for part in chart.collections[1:]] == [
        group_colour(0),
        group_colour(1),
    ]
    assert cmd.yaxis_inverted()
    assert cmd.get_ylabel() == "absolute g [mag]"
    assert len(mean.lines) == 2
    np.testing.assert_allclose(mean.lines[1].get_ydata(), 2)


def test_mean_spectra_say_their_frame_and_whom_they_lack():
    grid, ones = np.linspace(4000, 9000, 50), np.ones(50)
    spectra = [MeanSpectrum(grid, ones, ones, 9, "rest", lacking) for lacking in (0, 4)]
    (_, mean) = structure_figure(view(spectra=spectra), np.zeros((4, 2))).axes
    assert mean.get_xlabel() == "Rest wavelength [Å]"
    names = [text.get_text() for text in mean.get_legend().get_texts()]
    assert names == ["part 0, 9", "part 1, 9 (4 more of unknown redshift)"]


def test_the_map_alone():
    assert len(structure_figure(view(), np.zeros((4, 2))).axes) == 1
