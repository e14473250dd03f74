"""What has the data of a query is the query itself, in whatever modality it was found."""

import numpy as np
import pytest

from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.data.write import DatasetWriter
from skybind.ragged import Ragged
from skybind.search.copies import _same, copies_of
from skybind.search.query import Query

COLUMNS = {
    "photometry": Column("observation", modality="photometry", fields={"time": "d", "flux": "mJy"}),
    "spectrum": Column(
        "observation", modality="spectrum", fields={"wavelength": "Angstrom", "flux": None}
    ),
    **{name: Column("feature", modality="metadata") for name in "abcdef"},
}
N = 12
ROWS = np.array([3, -1, 0, 7, 3])


def observations(rng, axis):
    fields = {axis: np.tile(np.arange(40.0), N), "flux": rng.normal(size=40 * N).astype("f4")}
    return Ragged(fields, np.arange(N + 1) * 40, np.ones(N, bool))


@pytest.fixture
def dataset(tmp_path):
    """Stars whose times and wavelengths are the same; 7 has the spectrum of 3."""
    rng = np.random.default_rng(0)
    columns = {"photometry": observations(rng, "time"), "spectrum": observations(rng, "wavelength")}
    spectra = columns["spectrum"].fields["flux"].reshape(N, 40)
    spectra[7] = spectra[3]
    with DatasetWriter(tmp_path / "d", COLUMNS) as writer:
        ids = np.array([f"s{i}" for i in range(N)])
        features = {name: rng.normal(size=N) for name in "abcdef"}
        writer.append(
            {"object_id": ids, "ra": np.arange(N) * 1.0, "dec": np.zeros(N)} | columns | features
        )
    return Dataset.open(tmp_path / "d")


def of_file(fields, kind):
    length = len(next(iter(fields.values())))
    observed = Ragged(fields, np.array([0, length]), np.array([True]))
    return Query("x.csv", {}, kind=kind, column=kind, observed=observed)


@pytest.mark.parametrize(
    "change",
    [
        lambda time, flux: (time, flux),
        lambda time, flux: (time, np.round(flux.astype(float), 2)),
        lambda time, flux: (time, np.round(flux.astype(float), 1)),
        lambda time, flux: (time, np.array([float(f"{x:.3g}") for x in flux])),
        lambda time, flux: (time[::-1], flux[::-1]),
        lambda time, flux: (time[5:30], flux[5:30]),
        lambda time, flux: (np.append(time, np.nan), np.append(flux, 3)),
        lambda time, flux: (np.append(time, [50, 51]), np.append(flux, [1, 2])),
    ],
)
def test_a_light_curve_in_a_file_is_known_by_its_values(dataset, change):
    fields = dataset.ragged("photometry", np.array([3])).fields
    time, flux = change(fields["time"], fields["flux"])
    query = of_file({"time": time, "flux": flux}, "photometry")
    assert copies_of(query, dataset, ROWS).tolist() == [True, False, False, False, True]
    noisy = of_file({"time": time, "flux": flux + np.linspace(-0.1, 0.1, len(flux))}, "photometry")
    assert not copies_of(noisy, dataset, ROWS).any()
    assert not copies_of(
        of_file({"time": time[:4], "flux": flux[:4]}, "photometry"), dataset, ROWS
    ).any()


def test_a_spectrum_in_a_file_is_found_under_every_name(dataset):
    query = of_file(dataset.ragged("spectrum", np.array([3])).fields, "spectrum")
    assert copies_of(query, dataset, ROWS).tolist() == [True, False, False, True, True]


def test_an_object_is_known_by_all_that_it_has(dataset):
    query = Query("s7", {}, row=7)
    assert copies_of(query, dataset, np.array([0, 3, 7]), 7).tolist() == [False, True, True]


def test_a_catalogue_row_is_known_by_the_features_that_are_given(dataset):
    row = {name: float(f"{dataset.numbers(name)[3]:.5g}") for name in "abcde"}
    query = Query("x.csv", {}, kind="metadata", features={**row, "of another survey": 1.0})
    assert copies_of(query, dataset, ROWS).tolist() == [True, False, False, False, True]
    del row["a"]  # four numbers may agree by chance
    assert not copies_of(Query("x.csv", {}, features=row), dataset, ROWS).any()
    assert not copies_of(query, dataset, np.array([-1, -1])).any()


def star(peak, seed):
    """An image of 64 pixels a side of a star on a noisy sky."""
    y, x = np.mgrid[:64, :64]
    sky = np.random.default_rng(seed).normal(100, 5, (64, 64))
    return (peak * np.exp(-((x - 32) ** 2 + (y - 32) ** 2) / 8) + sky).ravel()


def test_a_bright_value_does_not_decide_for_the_others():
    one, two = star(50_000, 0), star(8_000, 1)
    assert not _same([one], [two], axis=False)
    assert not _same([two], [one], axis=False)
    assert _same([one], [np.rint(one)], axis=False)
    rng = np.random.default_rng(2)
    wave = np.linspace(3800, 9200, 3900)
    first = 10 + 3 * np.sin(wave / 300) + rng.normal(0, 0.5, 3900)
    first[1000] = 8000  # a cosmic ray
    second = 12 - 3 * np.cos(wave / 200) + rng.normal(0, 0.5, 3900)
    assert not _same([wave, first], [wave, second], axis=True)
    assert not _same([wave, second], [wave, first], axis=True)
    assert _same([wave, np.round(first, 1)], [wave, first], axis=True)
    time = np.arange(0, 27, 0.02)
    first = 1000 + rng.normal(0, 1, time.size) + 20 * np.sin(time)
    first[50] = 30_000
    second = 1000 + rng.normal(0, 1, time.size) + 5 * np.sin(3 * time)
    assert not _same([time, first], [time, second], axis=True)
    assert _same([time[::3], first[::3]], [time, first], axis=True)


def test_what_agrees_by_chance_is_not_the_same():
    """Images blank but for a star each, counts of few photons, and stars written as constant."""
    bare = [np.where(image > 1000, image, 0) for image in (star(50_000, 0), star(30_000, 1))]
    assert np.mean(bare[0] == bare[1]) > 0.95
    assert not _same(bare[:1], bare[1:], axis=False)
    assert _same(bare[:1], [bare[0].copy()], axis=False)
    rng = np.random.default_rng(3)
    time = np.arange(200.0)
    counts, other = rng.poisson(0.05, (2, 200)).astype(float)
    assert np.mean(counts == other) > 0.85
    assert not _same([time, counts], [time, other], axis=True)
    assert _same([time, counts], [time, counts], axis=True)
    few = np.array([3.0, 1, 2, 1, 2])  # which many stars may have in five epochs
    assert not _same([time[:5], few], [time[:5], few], axis=True)
    quiet = 15 + rng.normal(0, 0.004, (2, 200))
    assert not _same([time, np.round(quiet[0], 2)], [time, quiet[1]], axis=True)


def test_coarse_rows_are_not_the_same_by_chance(tmp_path):
    columns = {name: Column("feature", modality="metadata") for name in "abcdef"}
    with DatasetWriter(tmp_path / "d", columns) as writer:
        rows = {name: np.array([1.5, 2.5]) + i for i, name in enumerate("abcdef")}
        places = {"ra": np.arange(2.0), "dec": np.zeros(2)}
        writer.append({"object_id": np.array(["s0", "s1"])} | places | rows)
    query = Query("x.csv", {}, kind="metadata", features={n: v[0] for n, v in rows.items()})
    assert not copies_of(query, Dataset.open(tmp_path / "d"), np.arange(2)).any()
