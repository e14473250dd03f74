import pytest

from skybind.drawing.style import report_style
from skybind.evaluation.run_records import Epoch, EpochLoss
from skybind.study.figures import training_curves


def history(rates):
    return [
        Epoch(
            epoch=number,
            train=EpochLoss(loss=3.0 - number),
            validation=EpochLoss(loss=3.5 - number),
            learning_rate=rate,
        )
        for number, rate in enumerate(rates, start=1)
    ]


@pytest.mark.parametrize(("rates", "scale"), [((1e-6, 1e-3), "log"), ((2e-3, 1e-3), "linear")])
def test_losses_share_their_axis_and_rates_are_numbers_that_can_be_read(rates, scale):
    with report_style():
        figure = training_curves({42: history(rates), 7: history(rates)})
        figure.draw_without_rendering()
    train, validation, rate = figure.axes
    assert train.get_ylim() == validation.get_ylim()
    assert [line.get_ydata().tolist() for line in train.lines] == [[2.0, 1.0]] * 2
    assert [line.get_ydata().tolist() for line in rate.lines] == [list(rates)] * 2
    assert rate.get_yscale() == scale
    words = [tick.get_text() for tick in rate.get_yticklabels()]
    assert all(float(word) > -1 for word in words)  # not $\mathdefault{10^{-3}}$
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.get_texts()] == ["42", "7"]
