"""What has the data of a query is the query itself, in whatever modality it was found."""

import numpy as np
import pytest

from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.data.write import DatasetWriter
from skybind.ragged import Ragged
from skybind.search.copies import copies_of
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
    row = {name: round(float(dataset.numbers(name)[3]), 7) for name in "abcde"}
    query = Query("x.csv", {}, kind="metadata", features={**row, "of another survey": 1.0})
    assert copies_of(query, dataset, ROWS).tolist() == [True, False, False, False, True]
    del row["a"]  # four numbers may agree by chance
    assert not copies_of(Query("x.csv", {}, features=row), dataset, ROWS).any()
    assert not copies_of(query, dataset, np.array([-1, -1])).any()
