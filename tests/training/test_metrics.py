import math

import pytest
import torch

from skybind.training.metrics import Meter, mean_accuracy


def pair_values(loss, accuracy, n, name="a-b"):
    return {
        f"loss/{name}": torch.tensor(loss),
        f"accuracy/{name}": torch.tensor(accuracy),
        f"n/{name}": torch.tensor(n),
    }


def test_means_are_weighted_by_rows():
    meter = Meter()
    meter.add({"loss": torch.tensor(99.0)} | pair_values(1.0, 0.5, 30))
    meter.add({"loss": torch.tensor(99.0)} | pair_values(4.0, 1.0, 10))
    means = meter.means()
    assert means["loss/a-b"] == pytest.approx(1.75)
    assert means["accuracy/a-b"] == pytest.approx(0.625)
    assert means["n/a-b"] == 40
    assert means["loss"] == pytest.approx(1.75)


def test_the_loss_is_the_sum_over_pairs_that_have_rows():
    meter = Meter()
    meter.add(pair_values(1.0, 0.5, 3, "a-b") | pair_values(2.0, 0.5, 5, "b-c"))
    meter.add(pair_values(0.0, 0.0, 0, "a-b") | pair_values(0.0, 0.0, 0, "c-d"))
    means = meter.means()
    assert means["loss"] == pytest.approx(3.0)
    assert math.isnan(means["loss/c-d"])
    assert meter.accuracy() == pytest.approx(0.5)


def test_classification_has_no_pairs():
    meter = Meter()
    for loss, hits, n in [(1.0, 0.25, 4), (2.0, 0.5, 2)]:
        values = {"loss": loss, "accuracy": hits, "n": n}
        meter.add({key: torch.tensor(value) for key, value in values.items()})
    assert meter.means() == pytest.approx({"loss": 8 / 6, "accuracy": 2 / 6, "n": 6})


def test_names_the_loss_that_is_not_finite():
    meter = Meter()
    assert meter.bad() is None
    meter.add(pair_values(1.0, 0.5, 3, "a-b") | pair_values(2.0, 0.5, 5, "b-c"))
    assert meter.bad() is None
    meter.add(pair_values(1.0, 0.5, 3, "a-b") | pair_values(math.inf, 0.5, 5, "b-c"))
    assert meter.bad() == "loss/b-c"
    assert Meter().means() == {}


def test_batches_count_alike_where_that_is_asked():
    meter = Meter("batches")
    meter.add(pair_values(1.0, 0.5, 30))
    meter.add(pair_values(4.0, 1.0, 10))
    meter.add(pair_values(0.0, 0.0, 0))  # a batch in which nothing took part counts for nothing
    means = meter.means()
    assert means["loss"] == pytest.approx(2.5)
    assert means["accuracy/a-b"] == pytest.approx(0.625)  # accuracies are of objects
    assert means["n/a-b"] == 40
    plain = Meter("batches")
    for loss, n in ((1.0, 512), (3.0, 4)):
        plain.add({k: torch.tensor(v) for k, v in (("loss", loss), ("accuracy", 0.5), ("n", n))})
    assert plain.means()["loss"] == pytest.approx(2.0)


def test_views_of_one_observation_do_not_raise_the_accuracy_of_pairs():
    record = {
        "validation/accuracy/a-a": 0.98,
        "validation/accuracy/a-b": 0.1,
        "validation/accuracy/b-c": 0.2,
        "validation/accuracy/left-right-left-right": 0.9,
        "validation/accuracy/a-c": math.nan,
        "train/accuracy/a-b": 0.7,
    }
    assert mean_accuracy(record, "validation/") == pytest.approx(0.15)
    assert mean_accuracy({"accuracy/a-a": 0.98}) == 0.98  # there is nothing else
    assert mean_accuracy({"accuracy": 0.5}) == 0.5
    assert math.isnan(mean_accuracy({}))
