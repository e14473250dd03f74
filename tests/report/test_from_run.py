"""What a report draws of its objects: the column that each modality reads."""

from types import SimpleNamespace

import numpy as np
import pytest

from skybind.config.schema import ModalityConfig
from skybind.report.figures.pictures import retrieved_spectra
from skybind.report.from_run import _Objects
from tests.drawing.test_from_dataset import named_spectra

START = {"blue": 3800.0, "red": 6000.0}
ENTRY = ModalityConfig(kind="spectrum", encoder={"name": "mlp"}, preprocessing={})


@pytest.fixture
def run():
    """A run whose modality of fine spectra reads the second column."""
    modalities = {
        name: ENTRY.model_copy(update={"column": column})
        for name, column in (("lores", "blue"), ("hires", "red"))
    }
    return SimpleNamespace(
        dataset=named_spectra(START),
        config=SimpleNamespace(modalities=modalities, evaluation=SimpleNamespace(targets=[])),
        class_names=np.full(3, ""),
    )


def test_queries_and_matches_are_drawn_as_they_were_searched(run):
    pairs = [(by, to) for by in ("lores", "hires") for to in ("lores", "hires")]
    by_pair = {pair: (np.array([1, 2]), np.array([0.9, 0.8])) for pair in pairs}
    objects = _Objects(run, np.array([0]), [(0, by_pair)], [])
    figure = retrieved_spectra([objects.query(0, by_pair)], pairs)
    read = {"lores": START["blue"], "hires": START["red"]}
    for axes, (by, to) in zip(figure.axes, pairs, strict=True):
        *found, query = [line.get_xdata()[0] for line in axes.lines]
        assert query == pytest.approx(read[by], abs=30)
        assert found == pytest.approx([read[to]] * 2, abs=30)


def test_members_of_a_cluster_are_drawn_as_they_were_clustered(run):
    rows = np.array([1, 2])
    clusters = [((name,), "k-means", 0, 2, rows) for name in ("hires", "lores")]
    objects = _Objects(run, np.array([0]), [], clusters)
    for name, column in (("hires", "red"), ("lores", "blue")):
        drawn = objects.members((name,), rows)
        assert [one.object_id for one in drawn] == ["b", "c"]
        assert {one.spectrum.wavelength[0] for one in drawn} == {START[column]}
