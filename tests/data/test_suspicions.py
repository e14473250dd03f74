"""What a sound dataset holds that was probably not meant."""

import weakref

import numpy as np
import pytest

from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.data.suspicions import find_suspicions
from skybind.data.write import DatasetWriter


def survey(folder, values):
    n = len(values)
    column = {"x": Column("feature", modality="metadata")}
    with DatasetWriter(folder, column) as writer:
        names = np.array([f"s{i}" for i in range(n)])
        nowhere = np.full(n, np.nan)
        writer.append({"object_id": names, "ra": nowhere, "dec": nowhere, "x": values})
    return folder


def found(folder):
    return [(v.where, v.count, v.example) for v in find_suspicions(folder) if "rules" in v.what]


@pytest.mark.parametrize("value", [1e30, -9999, 99999])
def test_a_value_that_rules_the_deviation_of_its_feature_is_named(tmp_path, value):
    values = np.random.default_rng(0).normal(5, 1, 200)
    values[7] = value
    assert found(survey(tmp_path / "d", values)) == [("x", 1, "s7")]


@pytest.mark.parametrize("draw", ["normal", "lognormal", "standard_cauchy", "poisson"])
def test_heavy_tails_are_no_fault(tmp_path, draw):
    options = {"lognormal": {"sigma": 3}, "poisson": {"lam": 0.1}}.get(draw, {})
    values = getattr(np.random.default_rng(1), draw)(size=2000, **options).astype(float)
    assert found(survey(tmp_path / "d", values)) == []


def test_one_feature_is_held_at_a_time(tmp_path, monkeypatch):
    rng = np.random.default_rng(2)
    number, n = np.arange(90) % 3, 90
    values = {f"x{i}": rng.normal(size=n) for i in range(4)}
    values |= {
        "x1": number * 2.0,
        "x2": number * 1.5,
        "x3": np.append(rng.normal(size=n - 1), 1e30),
    }
    columns = {name: Column("feature", modality="metadata") for name in values}
    columns |= {name: Column("label") for name in ("kind", "word")}
    columns |= {name: Column("target") for name in ("t", "u")}
    values |= {
        "kind": np.array(["a", "b", "None"])[number],
        "word": np.array(["p", "q"])[number % 2],
    }
    values |= {"t": number * 1.5, "u": rng.normal(size=n)}
    nowhere = np.full(n, np.nan)
    with DatasetWriter(tmp_path / "d", columns) as writer:
        names = np.array([f"s{i}" for i in range(n)])
        writer.append({"object_id": names, "ra": nowhere, "dec": nowhere, **values})
    read, held = [], []
    numbers = Dataset.numbers

    def counted(self, name):
        held.append(sum(was() is not None for was in read))
        found = numbers(self, name)
        if name.startswith("x"):
            read.append(weakref.ref(found))
        return found

    monkeypatch.setattr(Dataset, "numbers", counted)
    assert [str(v) for v in find_suspicions(tmp_path / "d")] == [
        "x3: lies so far from all others that it rules their standard deviation, first at 's89'.",
        "kind: has the class 'None', which looks like a missing value (30 times).",
        "x1: has one value for each class of kind: it tells the label.",
        "x2: has one value for each class of kind: it tells the label.",
        "x2: equals the target t.",
    ]
    assert len(read) == 4
    assert max(held) == 0
