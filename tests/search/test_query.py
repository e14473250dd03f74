"""A light curve in a file: columns by the model's own definition, and its period told and drawn."""

import csv
from functools import partial

import numpy as np
import pytest

from skybind.data.dataset import Dataset
from skybind.drawing.objects import object_panels
from skybind.runs.embedding import run_embedding
from skybind.runs.run import Run
from skybind.runs.steps import run_pretraining
from skybind.search.figure import from_file, write_search_figure
from skybind.search.search import SearchOptions, search
from tests.lightcurves.made_up import sines, write_curves
from tests.runs.test_columns import config

PERIODS = np.geomspace(0.3, 9, 60)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A binder of two epochs on light curves without any period."""
    folder = tmp_path_factory.mktemp("folded")
    survey = write_curves(folder / "survey", sines(PERIODS))
    training = {"epochs": 2, "batch_size": 16, "warmup_epochs": 0}
    settings = {**config(drop=0.2).model_dump(), "training": training}
    started = Run.start(config().model_validate(settings), survey, folder / "run")
    run_pretraining(started)
    run_embedding(started)
    return started


@pytest.fixture
def file(run, tmp_path):
    curve = run.dataset.ragged("photometry", np.array([20]))
    with (tmp_path / "curve.csv").open("w", newline="") as text:
        writer = csv.writer(text)
        writer.writerow(["HJD", "mag", "mag_err"])
        writer.writerows(zip(*curve.fields.values(), strict=True))
    return tmp_path / "curve.csv"


def test_a_file_gets_the_columns_that_the_model_was_trained_on(run, file):
    found = search(run.folder, [file], SearchOptions(k=3))
    assert found.object_id[0] == "s20"
    assert found.cosine[0] == pytest.approx(1, abs=1e-4)
    query = found.queries[0]
    for name, value in query.features.items():
        assert value == pytest.approx(run.dataset.numbers(name)[20], rel=1e-3, abs=1e-5), name
    assert len(query.features) == 50
    assert any(note.startswith("50 features are computed") for note in query.notes)
    assert not any("lacks" in note or "the catalogue" in note for note in query.notes)


def test_upper_limits_in_a_file_are_drawn_and_not_searched_by(run, file, tmp_path):
    lines = file.read_text().splitlines()
    time = [float(line.split(",")[0]) for line in lines[1:]]
    limited = tmp_path / "limits.csv"
    more = [f"{max(time) + 1 + n},>{19 + n}," for n in range(3)]
    limited.write_text("\n".join([*lines, *more]) + "\n")
    plain, found = (search(run.folder, [path], SearchOptions(k=3)) for path in (file, limited))
    np.testing.assert_array_equal(found.cosine, plain.cosine)
    assert any("3 upper limits are left out" in note for note in found.notes)
    drawn = from_file(found.queries[0], run.dataset).light_curve
    assert len(drawn.time) == len(time)
    assert drawn.limits.value.tolist() == [19, 20, 21]
    np.testing.assert_allclose(drawn.limits.time, max(time) + 1 + np.arange(3))
    assert from_file(plain.queries[0], run.dataset).light_curve.limits is None


def test_its_period_is_told_with_significance_and_aliases(run, file):
    (query,) = search(run.folder, [file], SearchOptions(k=1)).queries
    assert query.searched
    assert query.period == pytest.approx(PERIODS[20], rel=0.01)
    aliases = [run.dataset.numbers(f"photometry_period_alias_{i}")[20] for i in (1, 2)]
    (told,) = [note for note in query.notes if note.startswith("The period found")]
    assert f"{query.period:.6g} d (false-alarm probability" in told
    assert f"next best {aliases[0]:.5g} and {aliases[1]:.5g} d" in told


def test_a_period_that_is_given_is_folded_by(run, file):
    values = {"photometry_period": 3.0}
    given = search(run.folder, [file], SearchOptions(k=1, values=values))
    (query,) = given.queries
    assert (query.period, query.searched) == (3.0, False)
    assert query.features["photometry_period"] == 3.0
    assert not any("period found" in note for note in query.notes)
    assert given.cosine[0] < 0.9999


def test_a_period_that_was_found_is_drawn_with_its_half_and_double(run, file, tmp_path):
    found = search(run.folder, [file], SearchOptions(k=2))
    panels = object_panels(from_file(found.queries[0], run.dataset))
    folds = {
        draw.keywords["name"]: curve.period
        for draw, curve, _ in panels
        if isinstance(draw, partial)
    }
    period = found.queries[0].period
    assert folds == {"P": period, "P/2": period / 2, "2P": 2 * period}
    write_search_figure(found, Dataset.open(run.dataset.path), tmp_path / "found.png")
    assert (tmp_path / "found.png").stat().st_size > 10_000
