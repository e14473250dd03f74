"""A trained model makes the same of one truth, in whatever form it is given."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from skybind import memory
from skybind.data.dataset import Dataset
from skybind.models.model import Model

FOLDER = Path(__file__).parents[1] / "data" / "v0.1"


@pytest.fixture(scope="module")
def stars():
    return Dataset.open(FOLDER / "stars")


@pytest.fixture(scope="module")
def model():
    return Model.open(FOLDER / "stars-run" / "pretrain" / "model")


@pytest.fixture(scope="module")
def known(stars, model):
    return model.embed_dataset(stars)


def as_records(stars):
    """One mapping an object and modality: what a person would write."""
    found: dict = {name: [] for name in ("photometry", "spectrum")}
    for star in stars:
        for name, cells in found.items():
            seen = star[name]
            fields = None if seen is None else {field: seen[field] for field in seen}
            if name == "photometry" and fields is not None:
                flat = ("amplitude", "period", "lksl_statistic", "rfr_score")
                fields |= {key: star[key] for key in flat if star[key] is not None}
            cells.append(fields)
    metadata = [star.metadata or None for star in stars]
    return {**found, "metadata": metadata, "object_id": stars.object_ids.tolist()}


FORMS = {
    "folder": lambda stars: stars.path,
    "dataset": lambda stars: stars,
    "astropy": lambda stars: stars.to_table(stars.columns),
    "pandas": lambda stars: stars.to_pandas(stars.columns),
    "arrow": lambda stars: stars.table(stars.columns).combine_chunks(),
    "records": as_records,
}


@pytest.mark.parametrize("form", FORMS)
def test_embeddings_do_not_depend_on_the_form(stars, model, known, form):
    if form == "pandas":
        pytest.importorskip("pandas")
    found = model.embed(FORMS[form](stars))
    assert found.object_id.tolist() == stars.object_ids.tolist()
    for name in model.modalities:
        np.testing.assert_array_equal(found.present[name], known.present[name])
        np.testing.assert_allclose(found[name], known[name], atol=2e-5)
    assert found.present["spectrum"].sum() not in (0, len(stars))


def test_rows_keep_their_order_and_bad_ones_do_not_spoil_others(stars, model, known):
    rows = np.array([17, 3, 41])
    table = stars.table(stars.columns, rows).combine_chunks()
    places = table.column_names.index("photometry")
    curves = table["photometry"].to_pylist()
    curves[1] = {"time": [1.0, 2.0], "flux": [1.0], "flux_err": [1.0]}
    kind = table.schema.field("photometry").type
    spoiled = table.set_column(places, "photometry", pa.array(curves, kind))
    given = model.take(spoiled)
    assert given.dataset.object_ids.tolist() == stars.object_ids[rows].tolist()
    assert given.reasons["photometry"][1].startswith("lists of different length")
    found = model.embed(spoiled)
    assert not found.present["photometry"][1]
    for name in model.modalities:
        keep = [0, 2] if name == "photometry" else [0, 1, 2]
        np.testing.assert_allclose(found[name][keep], known[name][rows[keep]], atol=2e-5)


def test_many_vectors_lie_in_a_file_while_they_are_made(stars, model, known, monkeypatch):
    """All vectors of a survey may be more than memory; they are the same there."""
    large = []

    def noted(shape, dtype):
        large.append(shape)
        return memory.zeros(shape, dtype)

    monkeypatch.setattr(memory, "HELD", 0)
    monkeypatch.setattr("skybind.models.model.zeros", noted)
    found = model.embed_dataset(stars)
    assert large == [(len(stars), model.binder.dimension)] * len(known.vectors)
    for name, vectors in known.vectors.items():
        assert isinstance(found[name].base, np.memmap)
        np.testing.assert_array_equal(found[name], vectors)
