import csv

import pytest

from skybind.training.progress import ProgressDisplay, RunLog

RECORD = {
    "epoch": 3,
    "learning_rate": 0.1,
    "train/loss": 2.0,
    "validation/loss": 2.5,
    "validation/accuracy/a-b": 0.25,
    "validation/accuracy/b-c": 0.75,
    "validation/accuracy/c-d": float("nan"),
    "objects_per_second": 1234.0,
}


def test_one_plain_line_an_epoch(capsys, talking):
    with ProgressDisplay("pre-training", "found in its batch", 10) as display:
        assert display.live
        display.step(3, 1, 5, {"loss": 1.0})
        display.epoch(RECORD, True, 150.0)
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == (
        "pre-training epoch 3/10  loss 2.0000  validation loss 2.5000  found in its batch 50.0%  "
        "1,234 objects/s  left 2 min  best so far\n"
    )


@pytest.mark.parametrize(
    ("left", "words"), [(0.0, "done"), (42.0, "left 42 s"), (8000.0, "left 2 h 13 min")]
)
def test_time_left(capsys, talking, left, words):
    ProgressDisplay("x", "accuracy", 10).epoch(RECORD, False, left)
    assert capsys.readouterr().err.strip().endswith(words)


def test_nothing_is_said_unless_asked(capsys):
    with ProgressDisplay("x", "accuracy", 10) as display:
        assert not display.live
        display.epoch(RECORD, True, 1.0)
    assert capsys.readouterr().err == ""


def test_the_csv_file_has_the_columns_of_all_epochs(tmp_path):
    log = RunLog(tmp_path)
    log.write([{"epoch": 1, "loss": 2.0}, {"epoch": 2, "loss": 1.0, "extra": 5.0}])
    log.close()
    with (tmp_path / "log.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert rows == [
        {"epoch": "1", "loss": "2.0", "extra": ""},
        {"epoch": "2", "loss": "1.0", "extra": "5.0"},
    ]


def test_tensorboard_gets_the_newest_epoch(tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    log = RunLog(tmp_path)
    log.write([{"epoch": 1, "train/loss": 2.0}])
    log.write([{"epoch": 1, "train/loss": 2.0}, {"epoch": 2, "train/loss": 1.0}])
    log.close()
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [(e.step, e.value) for e in events.Scalars("train/loss")] == [(1, 2.0), (2, 1.0)]
