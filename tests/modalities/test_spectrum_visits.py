"""Spectra of which an object has several: training draws one, the first stands for it otherwise."""

import numpy as np
import pyarrow as pa
import pytest

from skybind.modalities.spectrum import Spectrum, SpectrumOptions
from skybind.modalities.store import prepare
from skybind.ragged import Ragged, offsets_of
from skybind.visits import Visits
from tests.modalities.conftest import SCHEMA

GRID = np.arange(4000.0, 4200, 2)
#: Frequency of each visit's wave, object by object; the last object is known by one spectrum only.
WAVES = [[1, 2, 3], [4], [], [5]]


def table(bad=(), far=()):
    """Objects with 3, 1, no and 1 spectra; those in `bad` are constant, in `far` off the grid."""
    waves = [wave for own in WAVES for wave in own]
    n, length = len(waves), len(GRID)
    flux = [
        np.sin(GRID * wave / 20) + wave if wave not in bad else np.ones(length) for wave in waves
    ]
    shift = np.repeat([5000.0 if wave in far else 0.0 for wave in waves], length)
    ragged = Ragged(
        {"wavelength": np.tile(GRID, n) + shift, "flux": np.concatenate(flux)},
        np.arange(n + 1) * length,
        np.ones(n, bool),
    )
    counts = [len(own) for own in WAVES]
    names = np.asarray([f"v{wave}" for wave in waves], object)
    visits = Visits(ragged, offsets_of(counts), names, 57000.0 + np.arange(n))
    first = visits.first()
    known = visits.filter(visits.owner < 3)
    return pa.table({"spectrum": first.to_arrow(), "spectrum_visits": known.to_arrow()})


def build(**options):
    grid = {"wavelength_min": 4000, "wavelength_max": 4200, "wavelength_step": 2}
    return Spectrum("spectrum", SpectrumOptions(**grid, **options), SCHEMA)


def shapes(modality, values):
    """Which wave each spectrum is, 0 for zeros."""
    flat = values["values"].numpy()[:, 0]
    alone = {
        wave: np.sin(GRID * wave / 20) - np.sin(GRID * wave / 20).mean() for wave in range(1, 6)
    }
    found = []
    for one in flat:
        if not one.any():
            found.append(0)
            continue
        cosines = {
            w: abs(one @ s) / np.linalg.norm(one) / np.linalg.norm(s) for w, s in alone.items()
        }
        found.append(max(cosines, key=cosines.get))
        assert cosines[found[-1]] == pytest.approx(1, abs=1e-4)
    return found


def test_the_first_visit_stands_for_the_object_and_training_draws_among_all():
    modality = build()
    prepared = modality.prepare(table())
    assert prepared.present.tolist() == [True, True, False, True]
    rows = np.array([3, 0, 2, 1])
    assert shapes(modality, modality.batch(prepared, rows)) == [5, 1, 0, 4]
    rng = np.random.default_rng(0)
    drawn = [shapes(modality, modality.batch(prepared, rows, rng)) for _ in range(60)]
    counts = np.bincount([some[1] for some in drawn])
    assert counts[1:].min() > 10  # three visits, a third each
    assert {tuple(some[i] for i in (0, 2, 3)) for some in drawn} == {(5, 0, 4)}


def test_the_spectra_of_an_object_are_normalised_as_if_they_were_alone():
    modality, alone = build(), build(visits="first")
    each = modality.each(modality.prepare(table()))
    first = alone.prepare(table())
    assert alone.each(first) is None
    values = modality.batch(each, np.arange(5))["values"].numpy()
    own = alone.batch(first, np.array([0, 1, 3]))["values"].numpy()
    np.testing.assert_array_equal(values[[0, 3, 4]], own)
    assert each.arrays["visit"].tolist() == [b"v1", b"v2", b"v3", b"v4", b""]
    assert each.arrays["time"][:4].tolist() == [57000, 57001, 57002, 57003]


def test_a_visit_that_cannot_be_used_costs_no_other():
    modality = build()
    prepared = modality.prepare(table(bad=(1, 4), far=(2,)))
    assert prepared.present.tolist() == [True, False, False, True]
    assert prepared.reason.tolist() == ["", "constant flux (zero MAD)", "", ""]
    assert shapes(modality, modality.batch(prepared, np.arange(4))) == [3, 0, 0, 5]
    simple = modality.summary(prepared, np.array([1, 0]))[:, :100]
    assert not simple[0].any()
    assert simple[1].any()


def test_arrays_on_disk_are_those_in_memory(tmp_path):
    class Dataset:
        fingerprint, columns = "x", ["spectrum", "spectrum_visits"]

        def __len__(self):
            return 4

        def iter_tables(self, columns, rows):
            assert columns == ["spectrum", "spectrum_visits"]
            yield table().slice(0, 1)
            yield table().slice(1)

    modality = build()
    kept, whole = prepare(Dataset(), modality, tmp_path / "p"), modality.prepare(table())
    np.testing.assert_array_equal(kept.offsets, whole.offsets)
    rows = np.arange(4)
    for rng in (None, 1):
        ones, others = (
            modality.batch(p, rows, None if rng is None else np.random.default_rng(rng))
            for p in (kept, whole)
        )
        np.testing.assert_array_equal(ones["values"], others["values"])
    assert kept.arrays["visit"].tolist() == whole.arrays["visit"].tolist()


def test_without_visits_nothing_is_drawn():
    modality = build()
    prepared = modality.prepare(table().select(["spectrum"]))
    rng = np.random.default_rng(0)
    modality.batch(prepared, np.arange(4), rng)
    assert rng.random() == np.random.default_rng(0).random()
    assert prepared.offsets is None
