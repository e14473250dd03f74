from types import SimpleNamespace

from skybind.study.chosen import Chosen
from skybind.study.found import searched


def test_the_median_is_of_the_trials_that_ended():
    entry = Chosen(
        values={},
        best={"training.learning_rate": 0.00123456},
        value=1.0,
        measure="validation loss",
        trials=[4.0, None, 1.0, 2.0, 3.0],
        run="trials/a",
    )
    found = {"pretraining": entry}
    study = SimpleNamespace(searches=lambda name: found, seeds=[42, 0])
    exhibit = searched("astrom3", "chosen", "Chosen", study)
    words = [cell.text for cell in exhibit.table.rows[0]]
    assert words == [
        "pretraining", "4 of 5", "validation loss", "1", "2.5", "training.learning_rate 0.00123",
    ]  # fmt: skip
    assert "Where the seeds 0 have splits of their own" in exhibit.caption
    found["pretraining"] = entry.model_copy(update={"apart_from": [0]})
    caption = searched("astrom3", "chosen", "Chosen", study).caption
    assert "Objects that the runs of the seeds 0 test took no part" in caption
    assert "of their own" not in caption
