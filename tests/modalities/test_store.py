import pickle

import numpy as np
import pytest
import torch

from skybind.errors import ConfigError, DataError
from skybind.modalities.base import Modality, Standardiser
from skybind.modalities.batch import Batch
from skybind.modalities.image import Image
from skybind.modalities.kinds import modality_class
from skybind.modalities.metadata import Metadata, MetadataOptions
from skybind.modalities.photometry import Photometry, PhotometryOptions
from skybind.modalities.source import BatchSource
from skybind.modalities.spectrum import Spectrum, SpectrumOptions
from skybind.modalities.store import prepare, prepared_folder, prepared_key
from skybind.modalities.stored_text import StoredText
from skybind.training.distributed import pack
from tests.modalities.conftest import make_table


class FakeDataset:
    """A table served in small chunks."""

    fingerprint = "abc"

    def __init__(self, table, chunk):
        self.table, self.chunk, self.reads = table, chunk, 0

    def __len__(self):
        return self.table.num_rows

    @property
    def columns(self):
        return self.table.column_names

    def iter_tables(self, columns, rows):
        self.reads += 1
        for start in range(0, self.table.num_rows, self.chunk):
            yield self.table.slice(start, self.chunk).select(columns)


@pytest.fixture
def table():
    return make_table([30, 0, 12, 50, 7, 0, 22])


def prepare_in(dataset, modality, root):
    return prepare(dataset, modality, prepared_folder(root, modality, dataset.fingerprint))


def photometry(schema, **options):
    return Photometry("photometry", PhotometryOptions(length=20, **options), schema)


def test_chunks_on_disk_equal_one_piece_in_memory(schema, table, tmp_path):
    modality = photometry(schema, phase=True)
    whole = modality.prepare(table)
    stored = prepare_in(FakeDataset(table, 3), modality, tmp_path)
    np.testing.assert_array_equal(stored.offsets, whole.offsets)
    np.testing.assert_array_equal(stored.present, whole.present)
    assert stored.reason.tolist() == whole.reason.tolist()
    for name, values in whole.arrays.items():
        np.testing.assert_array_equal(stored.arrays[name], values)
    assert isinstance(stored.arrays["values"], np.memmap)


def test_prepared_arrays_are_used_again_until_something_differs(schema, table, tmp_path):
    dataset = FakeDataset(table, 4)
    prepare_in(dataset, photometry(schema), tmp_path)
    prepare_in(dataset, photometry(schema), tmp_path)
    assert dataset.reads == 1
    prepare_in(dataset, photometry(schema, space="magnitude"), tmp_path)
    assert dataset.reads == 2
    keys = {prepared_key(photometry(schema), fingerprint) for fingerprint in ("abc", "abd")}
    assert len(keys) == 2


def test_an_interrupted_preparation_is_never_taken_for_a_whole_one(schema, table, tmp_path):
    class Breaks(FakeDataset):
        def iter_tables(self, columns, rows):
            yield self.table.slice(0, 2).select(columns)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare_in(Breaks(table, 2), photometry(schema), tmp_path)
    assert not prepared_folder(tmp_path, photometry(schema), "abc").exists()
    again = prepare_in(FakeDataset(table, 3), photometry(schema), tmp_path)
    whole = photometry(schema).prepare(table)
    np.testing.assert_array_equal(again.arrays["values"], whole.arrays["values"])
    assert len(list(tmp_path.iterdir())) == 1


def test_batches_carry_presence_and_can_be_cut(schema, table):
    modalities = {
        "photometry": photometry(schema),
        "metadata": Metadata("metadata", MetadataOptions(), schema),
    }
    source = BatchSource(modalities, {n: m.prepare(table) for n, m in modalities.items()})
    source.fit(np.arange(4))
    batch = source.batch(np.array([3, 1, 0]))
    assert isinstance(batch, Batch)
    assert len(batch) == 3
    assert batch.present["photometry"].tolist() == [True, False, True]
    assert batch.present["metadata"].all()
    part = batch.select(slice(1, 3))
    torch.testing.assert_close(
        part.inputs["metadata"]["values"], batch.inputs["metadata"]["values"][1:]
    )
    assert list(source.select(["metadata"]).batch(np.array([0])).inputs) == ["metadata"]


def test_modalities_of_different_datasets_do_not_mix(schema, table):
    modality = photometry(schema)
    short = modality.prepare(table.slice(0, 3))
    with pytest.raises(DataError, match="different datasets"):
        BatchSource({"a": modality, "b": modality}, {"a": short, "b": modality.prepare(table)})


def test_standardiser_ignores_what_is_missing_and_survives_constants():
    standard = Standardiser(3)
    values = np.array([[1.0, 5.0, np.nan], [3.0, 5.0, np.nan], [np.nan, 5.0, np.nan]])
    standard.fit(values)
    np.testing.assert_allclose(standard.apply(values), [[-1, 0, 0], [1, 0, 0], [0, 0, 0]])


def test_an_unknown_kind_names_its_nearest():
    with pytest.raises(ConfigError, match="did you mean 'photometry'"):
        modality_class("photometri")


def test_large_objects_are_prepared_few_at_a_time(schema, table, tmp_path):
    asked = []

    class Watched(FakeDataset):
        def iter_tables(self, columns, rows):
            asked.append(rows)
            return super().iter_tables(columns, rows)

    desi = SpectrumOptions(wavelength_min=3600, wavelength_step=0.8, bins=7781)
    for modality in (Spectrum("spectrum", desi, schema), photometry(schema)):
        prepare_in(Watched(table, 3), modality, tmp_path)
    assert asked[0] * 7781 * 8 < 20e6
    assert asked[1] == Modality.chunk
    assert Image.chunk * 152 * 152 * 3 * 4 < 40e6


def test_prepared_arrays_reach_another_process_by_name(schema, tmp_path):
    """Whatever there is of each object stays in the files: a process gets their names."""
    sizes = []
    for n in (200, 2000):
        table = make_table([30, 0, 12, *[1] * (n - 3)])
        stored = prepare_in(
            FakeDataset(table, 500), photometry(schema, phase=True), tmp_path / f"{n}"
        )
        assert isinstance(stored.reason, StoredText)
        for array in (stored.present, stored.offsets, *stored.arrays.values()):
            assert isinstance(array, np.memmap)
        sent = bytes(pack(stored))
        sizes.append(len(sent))
        received = pickle.loads(sent)
        assert received.reason.tolist() == stored.reason.tolist()
        np.testing.assert_array_equal(received.offsets, stored.offsets)
    assert sizes[1] - sizes[0] < 30  # digits of the shapes


def test_stored_text_reads_like_an_array(tmp_path):
    texts = ["", "zero MAD", "", "of several bands", "zero MAD"]
    np.asarray(texts, "S80").tofile(tmp_path / "text.bin")
    text = StoredText(np.memmap(tmp_path / "text.bin", "S80", "r"))
    plain = np.asarray(texts, object)
    assert (len(text), text.tolist(), text[1], text[-1]) == (5, texts, "zero MAD", "zero MAD")
    for key in (slice(1, 4), np.array([4, 0]), np.array([True, False, True, True, False])):
        assert text[key].tolist() == plain[key].tolist()
    assert np.flatnonzero(text != "").tolist() == [1, 3, 4]
    assert (text == "zero MAD").tolist() == (plain == "zero MAD").tolist()
    assert np.concatenate([text, plain]).tolist() == texts * 2
    assert np.where(text == "", "none", text).tolist() == [t or "none" for t in texts]
