"""Several spectra of an object: their mean is its place, and each has its own."""

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch

from skybind.config import load_config
from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.data.write import DatasetWriter
from skybind.embeddings.store import Embeddings
from skybind.errors import DataError
from skybind.ingest.given import take_given
from skybind.ingest.wanted import wanted_modalities
from skybind.modalities.source import BatchSource
from skybind.models import build_binder, build_classifier, build_modalities
from skybind.models.inference import decide, embed_source, iter_sources
from skybind.ragged import Ragged, offsets_of
from skybind.visits import Visits
from tests.modalities.conftest import SCHEMA, make_table

SMALL = [
    "modalities.photometry.preprocessing.features=[period, amplitude]",
    "modalities.metadata.preprocessing.absolute=[g_mag]",
    "model.dimension=16",
]
COUNTS = [3, 1, 2, 0, 1]
IDS = np.array(["a", "b", "c", "d", "e"])


@pytest.fixture(scope="module")
def sources():
    """A source of five objects with visits, and one in which every visit is an object."""
    config = load_config("stars-small", SMALL)
    total = sum(COUNTS)
    table = make_table([20, 30, 25, 40, 0])
    each = make_table([20] * total, seed=1)
    ragged = Ragged.from_arrow(each["spectrum"])
    names = np.asarray([f"v{i}" for i in range(total)], object)
    visits = Visits(ragged, offsets_of(COUNTS), names, 57000.0 + np.arange(total))
    place = table.column_names.index("spectrum")
    table = table.set_column(place, "spectrum", visits.first().to_arrow())
    table = table.append_column("spectrum_visits", visits.to_arrow())
    modalities = build_modalities(config, SCHEMA)
    made = {name: modality.prepare(table) for name, modality in modalities.items()}
    source = BatchSource(modalities, made)
    source.fit(np.arange(4))
    alone = {"spectrum": modalities["spectrum"].prepare(each)}
    shapes = {name: modality.shape for name, modality in modalities.items()}
    torch.manual_seed(0)
    binder = build_binder(config, shapes).eval()
    return source, BatchSource({"spectrum": modalities["spectrum"]}, alone), binder, config, shapes


def means(values):
    owner = np.repeat(np.arange(5), COUNTS)
    return np.stack([values[owner == i].sum(0) / max((owner == i).sum(), 1) for i in range(5)])


def test_an_object_lies_at_the_mean_of_its_visits(sources):
    source, alone, binder, _, _ = sources
    found = embed_source(binder, source, IDS, np.full(5, ""))
    total = sum(COUNTS)
    names, none = np.arange(total).astype(str), np.full(total, "")
    each = embed_source(binder, alone, names, none, modalities=["spectrum"])
    expected = means(each["spectrum"])
    length = np.linalg.norm(expected, axis=1, keepdims=True)
    expected = np.divide(expected, length, out=np.zeros_like(expected), where=length > 0)
    np.testing.assert_allclose(found["spectrum"], expected, atol=1e-6)
    assert found.present["spectrum"].tolist() == [True, True, True, False, True]
    visits = found.visits["spectrum"]
    np.testing.assert_allclose(visits.vectors, each["spectrum"], atol=1e-6)
    assert visits.object_id.tolist() == ["a", "a", "a", "b", "c", "c", "e"]
    assert visits.visit.tolist() == [f"v{i}" for i in range(total)]
    assert visits.time.tolist() == [57000.0 + i for i in range(total)]
    assert list(found.visits) == ["spectrum"]


def test_vectors_of_visits_are_kept_beside_the_embeddings(sources, tmp_path):
    source, _, binder, _, _ = sources
    found = embed_source(binder, source, IDS, np.full(5, ""), model={"weights": "1"})
    found.write(tmp_path / "e")
    again = Embeddings.read(tmp_path / "e")
    for name in ("object_id", "visit", "time", "vectors"):
        own, other = (getattr(e.visits["spectrum"], name) for e in (found, again))
        np.testing.assert_array_equal(own, other)
    some = again.take(np.array([2, 0]))
    assert some.visits["spectrum"].object_id.tolist() == ["a", "a", "a", "c", "c"]
    found.write(tmp_path / "e")  # which replaces them
    (tmp_path / "f").mkdir()
    other = embed_source(binder, source, IDS, np.full(5, ""), model={"weights": "2"})
    other.write(tmp_path / "f")
    (tmp_path / "f/visits-spectrum.parquet").replace(tmp_path / "e/visits-spectrum.parquet")
    with pytest.raises(DataError, match="another model"):
        Embeddings.read(tmp_path / "e")
    (tmp_path / "e/visits-spectrum.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(DataError, match="cannot be read"):
        Embeddings.read(tmp_path / "e")


def test_the_visit_that_is_most_alike_is_named(sources):
    source, _, binder, _, _ = sources
    visits = embed_source(binder, source, IDS, np.full(5, "")).visits["spectrum"]
    wanted = visits.vectors[[2, 4, 3, 0]]
    found = visits.nearest(np.array(["a", "c", "b", "d"]), wanted)
    assert found.visit.tolist() == ["v2", "v4", "v3", ""]
    assert found.n.tolist() == [3, 2, 1, 0]
    np.testing.assert_allclose(found.cosine[:3], 1, atol=1e-6)
    assert np.isnan(found.cosine[3])
    assert found.time[:3].tolist() == [57002, 57004, 57003]


@pytest.mark.parametrize("fusion", ["mean", "concat"])
def test_classes_are_decided_by_the_mean_of_the_visits(sources, fusion):
    source, alone, _, _, shapes = sources
    torch.manual_seed(0)
    config = load_config("stars-small", [*SMALL, f"finetuning.fusion={fusion}"])
    classifier = build_classifier(config, shapes, list(shapes), 4).eval()
    rows = np.array([2, 0, 4])
    found = decide(classifier, source, rows, place=lambda part: part)
    total = sum(COUNTS)
    with torch.no_grad():
        each = classifier.parts(alone.batch(np.arange(total)), ["spectrum"])["spectrum"].numpy()
        part = means(each)
        if fusion == "mean":
            length = np.linalg.norm(part, axis=1, keepdims=True)
            part = np.divide(part, length, out=np.zeros_like(part), where=length > 0)
        batch = source.batch(rows)
        parts = classifier.parts(batch, ["photometry", "metadata"])
        own = {"spectrum": torch.from_numpy(part[rows]).float()}
        parts = {name: (parts | own)[name] for name in ("photometry", "spectrum", "metadata")}
        expected = classifier.join(parts, batch.present).numpy()
    np.testing.assert_allclose(found.places["spectrum"], part[rows], atol=1e-5)
    np.testing.assert_allclose(found.logits[tuple(parts)], expected, atol=1e-4)


def test_embeddings_of_which_no_visit_can_be_used_are_read_again(sources, tmp_path):
    source, _, binder, _, _ = sources
    found = embed_source(binder, source, IDS, np.full(5, ""))
    found.take(np.array([3])).write(tmp_path / "e")
    again = Embeddings.read(tmp_path / "e")
    assert again.visits["spectrum"].vectors.shape == (0, 16)


def test_every_way_in_takes_all_visits(sources, tmp_path):
    """The dataset, its folder, a renamed column, and the table as it is in its files."""
    source, _, binder, _, _ = sources
    total = sum(COUNTS)
    each = make_table([20] * total, seed=1)
    names = np.asarray([f"v{i}" for i in range(total)], object)
    ragged = Ragged.from_arrow(each["spectrum"])
    visits = Visits(ragged, offsets_of(COUNTS), names, 57000.0 + np.arange(total))
    fields = {"wavelength": "Angstrom", "flux": None, "ivar": None}
    columns = {
        "spectrum": Column("observation", modality="spectrum", fields=fields),
        "spectrum_visits": Column("visits", modality="spectrum", fields=fields),
    }
    with DatasetWriter(tmp_path / "d", columns) as writer:
        writer.append({"object_id": IDS, "spectrum": visits.first(), "spectrum_visits": visits})
    dataset = Dataset.open(tmp_path / "d")
    table = pq.read_table(tmp_path / "d/objects/part-00000.parquet")
    wanted = wanted_modalities(dataset.schema, {"spectrum": ("spectrum", "spectrum")})
    modality = source.modalities["spectrum"]
    found = []
    for data in (dataset, tmp_path / "d", table):
        given = take_given(data, wanted=wanted).dataset
        (made,) = [own for _, own in iter_sources({"spectrum": modality}, given)]
        found.append(embed_source(binder, made, IDS, np.full(5, ""), modalities=["spectrum"]))
        assert len(found[-1].visits["spectrum"]) == total
        np.testing.assert_array_equal(found[-1]["spectrum"], found[0]["spectrum"])
    plain = take_given(table.replace_schema_metadata(None), wanted=wanted)
    assert any("spectrum_visits" in note for note in plain.notes)
