"""Figures checked by what is drawn and by the boxes of their texts."""

from dataclasses import replace

import numpy as np
import pytest

from skybind.drawing.maps import embedding_map
from skybind.drawing.objects import LINES, air_wavelength, object_figure
from skybind.drawing.observed import ExampleObject, LightCurve, MapPanel, Spectrum
from skybind.drawing.style import CLASS_COLOURS, class_colour, class_marker, inline, report_style
from skybind.evaluation.run_records import Epoch, EpochLoss
from skybind.report.figures.bars import accuracy_bars, retrieval_bars
from skybind.report.figures.curves import loss_curves
from skybind.report.figures.matrix import confusion_figure
from skybind.report.groups import accuracy_groups, retrieval_groups


@pytest.fixture(autouse=True)
def look():
    with report_style():
        yield


def assert_texts_are_apart(figure):
    """No text lies on another or sticks out of the figure."""
    figure.draw_without_rendering()
    renderer = figure.canvas.get_renderer()
    boxes = [(t.get_text(), t.get_window_extent(renderer)) for t in _texts(figure) if t.get_text()]
    assert boxes
    for i, (text, box) in enumerate(boxes):
        assert figure.bbox.x0 - 1 <= box.x0, text
        assert box.x1 <= figure.bbox.x1 + 1, text
        assert figure.bbox.y0 - 1 <= box.y0, text
        assert box.y1 <= figure.bbox.y1 + 1, text
        for other, second in boxes[i + 1 :]:
            wide = min(box.x1, second.x1) - max(box.x0, second.x0)
            high = min(box.y1, second.y1) - max(box.y0, second.y0)
            assert wide <= 1 or high <= 1, (text, other)


def _texts(figure):
    """All texts that are drawn; tick labels only within the limits."""
    texts = [*figure.texts, *(t for legend in figure.legends for t in legend.get_texts())]
    for axes in figure.axes:
        texts += [*axes.texts, axes.title, axes._left_title, axes.xaxis.label, axes.yaxis.label]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            texts += [
                tick.label1
                for tick in axis.get_major_ticks()
                if tick.label1.get_visible() and low <= tick.get_loc() <= high
            ]
    return texts


def test_no_text_overlaps(run):
    metrics = run.metrics
    figures = [
        loss_curves(metrics.pretraining.history, 21),
        accuracy_bars(accuracy_groups(metrics.classification)),
        accuracy_bars(accuracy_groups(metrics.classification[:2])),
        retrieval_bars(retrieval_groups(metrics.retrieval)),
        retrieval_bars(retrieval_groups(metrics.retrieval[:1])),
        confusion_figure(np.full((10, 10), 33), run.classes),
        confusion_figure(np.eye(2, dtype=int), ["star", "galaxy"]),
        embedding_map(run.map_panels, run.classes, "umap"),
        embedding_map(run.map_panels[:1], run.classes, "pca"),
        *[object_figure(example) for example in run.examples],
    ]
    for figure in figures:
        assert_texts_are_apart(figure)


def test_every_axis_has_a_label_with_a_unit(run):
    figure = object_figure(run.examples[0])
    labels = {axes.get_xlabel() for axes in figure.axes} | {a.get_ylabel() for a in figure.axes}
    assert labels == {
        "Time − 2457000 [d]",
        "Phase (two cycles)",
        "Wavelength [Å]",
        "Flux [mJy]",
        "Flux [arbitrary units]",
    }


def test_bars_have_the_heights_and_errors_of_the_groups(run):
    groups = accuracy_groups(run.metrics.classification)
    figure = accuracy_bars(groups)
    heights = sorted(p.get_height() for axes in figure.axes for p in axes.patches)
    np.testing.assert_allclose(heights, sorted(100 * group.accuracy for group in groups))
    assert figure.axes[0].get_ylim() == (0, 100)


def test_losses_drawn_are_those_of_the_history(run):
    history = run.metrics.pretraining.history
    figure = loss_curves(history, None)
    assert len(figure.axes) == 4
    train, validation = figure.axes[1].get_lines()
    assert figure.axes[1].get_title("left") == "photometry-spectrum"
    np.testing.assert_allclose(
        train.get_ydata(), [e.train.pairs["photometry-spectrum"] for e in history]
    )
    np.testing.assert_allclose(
        validation.get_ydata(), [e.validation.pairs["photometry-spectrum"] for e in history]
    )
    single = [Epoch(epoch=1, train=EpochLoss(loss=2.0, pairs={"a-b": 2.0}))]
    assert len(loss_curves(single).axes) == 1


def test_recall_of_zero_is_an_arrow_at_the_edge(run):
    entries = retrieval_groups(run.metrics.retrieval[:1])
    entries[0].recall[1] = 0.0
    axes = retrieval_bars(entries).axes[0]
    markers = [line.get_marker() for line in axes.get_lines()]
    assert "<" in markers
    assert axes.get_xlim()[0] > 0


def test_every_epoch_is_drawn_with_its_error(run):
    curve = run.examples[0].light_curve
    curve.band = np.where(np.arange(220) < 200, "g", "V")
    axes = object_figure(run.examples[0]).axes[0]
    _errors_v, points_v, errors_g, points_g = axes.get_lines()
    np.testing.assert_array_equal(points_g.get_ydata(), curve.value[:200])
    np.testing.assert_array_equal(points_v.get_ydata(), curve.value[200:])
    drawn = errors_g.get_ydata().reshape(-1, 3)
    np.testing.assert_allclose(drawn[:, 1] - drawn[:, 0], 2 * curve.error[:200])
    assert np.isnan(drawn[:, 2]).all()
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["V", "g"]


def test_magnitudes_are_drawn_bright_end_up():
    curve = LightCurve(
        np.arange(5.0), np.arange(5.0) + 12, value_name="Magnitude", value_unit="mag"
    )
    axes = object_figure(ExampleObject("a", light_curve=curve)).axes[0]
    assert axes.yaxis_inverted()
    assert axes.get_ylabel() == "Magnitude [mag]"


def test_a_catalogues_period_is_folded_once_and_a_found_one_at_half_and_double_too():
    time = np.sort(np.random.default_rng(1).uniform(0, 50, 80))
    curve = LightCurve(time, np.sin(2 * np.pi * time / 1.5), period=1.5)
    found = ["P = 1.5 d", "P/2 = 0.75 d", "2P = 3 d"]
    for searched, titles in ((False, found[:1]), (True, found)):
        figure = object_figure(ExampleObject("a", light_curve=replace(curve, searched=searched)))
        assert [axes.get_title(loc="left") for axes in figure.axes[1:]] == titles
        assert_texts_are_apart(figure)


def test_lines_lie_where_the_spectrum_is_measured():
    # Air wavelengths of H alpha, H beta (NIST) and the strongest Ca II triplet line.
    assert air_wavelength(LINES["Hα"][0]) == pytest.approx(6562.80, abs=0.05)
    assert air_wavelength(LINES["Hβ"][0]) == pytest.approx(4861.34, abs=0.05)
    assert air_wavelength(LINES["Ca II"][1]) == pytest.approx(8542.09, abs=0.05)

    def drawn(**options):
        spectrum = Spectrum(np.arange(6000.0, 7000), np.ones(1000), **options)
        axes = object_figure(ExampleObject("a", spectrum=spectrum)).axes[0]
        return [line.get_xdata()[0] for line in axes.get_lines()[1:]], axes.texts[0].get_text()

    assert drawn() == ([6564.61], "Hα")
    shifted, _ = drawn(redshift=0.001)  # a fast star
    assert shifted == pytest.approx([6564.61 * 1.001])
    galaxy, _ = drawn(redshift=0.3)
    rest = [4862.69, 4960.30, 5008.24, 5168.76, 5174.13, 5185.05]
    assert sorted(galaxy) == pytest.approx([1.3 * line for line in rest])
    air, _ = drawn(vacuum=False)
    assert air == pytest.approx([6562.80], abs=0.05)


def test_colours_of_classes_are_distinct_and_the_same_everywhere():
    assert len(set(CLASS_COLOURS)) == 10
    looks = {(class_colour(code), class_marker(code)) for code in range(70)}
    assert len(looks) == 70
    rng = np.random.default_rng(0)
    panels = [MapPanel("test", rng.normal(size=(9, 2)), np.repeat([1, 4, -1], 3))]
    figure = embedding_map(panels, list("abcdefg"), "umap")
    legend = figure.legends[0]
    assert [text.get_text() for text in legend.get_texts()] == ["b", "e", "no class"]
    assert legend.legend_handles[0].get_color() == class_colour(1)


def test_confusion_matrix_shows_shares_of_the_true_class():
    figure = confusion_figure(np.array([[3, 1], [0, 0]]), ["EA", "EW"])
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.texts] == ["75", "25"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["EA (4)", "EW (0)"]
    many = confusion_figure(np.eye(30, dtype=int), [f"c{i}" for i in range(30)])
    assert not many.axes[0].texts


def test_names_are_drawn_as_they_are():
    figure = confusion_figure(np.eye(2, dtype=int), ["$\\frac", "a_b$"])
    assert inline(figure).startswith("data:")


def test_inline_gives_the_same_bytes_each_time():
    history = [Epoch(epoch=n, train=EpochLoss(loss=2.0 / n)) for n in (1, 2)]
    first, second = (inline(loss_curves(history), "svg") for _ in range(2))
    assert first == second
    assert first.startswith("data:image/svg+xml;base64,")
    assert inline(loss_curves(history), "png").startswith("data:image/png;base64,iVBOR")


def test_the_legend_of_a_narrow_figure_is_whole(run):
    first = accuracy_groups(run.metrics.classification)[0]
    starts = ["From scratch", "Pre-trained", "Random forest", "Gradient boosting"]
    figure = accuracy_bars([replace(first, start=start) for start in starts])
    figure.draw_without_rendering()
    box = figure.legends[0].get_window_extent()
    assert figure.bbox.x0 <= box.x0
    assert box.x1 <= figure.bbox.x1
    assert [text.get_text() for text in figure.legends[0].get_texts()] == starts


def test_a_short_axis_of_recall_has_no_unwritten_labels(run):
    entry = retrieval_groups(run.metrics.retrieval[:1])[0]
    whole = dict.fromkeys(entry.recall, 1.0)
    axes = retrieval_bars([replace(entry, recall=whole, chance_recall=whole)]).axes[0]
    axes.figure.draw_without_rendering()
    labels = [label.get_text() for label in axes.get_xticklabels(which="both")]
    assert "100" in labels
    assert not any("$" in label for label in labels)


def test_the_legend_of_a_map_says_what_is_grey(run):
    def words(**options):
        figure = embedding_map(run.map_panels, run.classes, "umap", **options)
        return [text.get_text() for text in figure.legends[0].get_texts()]

    assert words()[-1] == "no class"
    assert words(others="all others")[-1] == "all others"
