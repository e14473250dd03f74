"""What a sound dataset holds that was probably not meant."""

import numpy as np
import pytest

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
