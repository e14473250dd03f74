"""Arrays with a row a spectrum, of which an object may have several."""

import h5py
import numpy as np
import pytest

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.errors import ConfigError, DataError
from skybind.ingest.survey import import_dataset

WAVE = np.arange(4000.0, 4100, 2)
NAMES = ["b", "a", "x", "a", "", "a", "b", "x"]
NIGHTS = [57003.5, 57002.0, 57001.0, 57001.0, 57000.0, 57002.0, 57001.5, 57009.0]
MAPPING = (
    "objects: {{file: o.csv, id: id}}\n"
    "spectrum: {{file: s.{ending}, id: name, visit: {visit}, "
    "wavelength: {{column: wave, unit: Angstrom}}, flux: {{column: flux, unit: ''}}{more}}}\n"
)


def imported(folder, ending="npz", visit="{column: night, unit: MJD}", more="", nights=NIGHTS):
    """Import objects a, c and b; the flux of a row begins with its number."""
    flux = np.arange(len(NAMES))[:, None] + 0.01 * np.arange(50)
    arrays = {"wave": WAVE, "flux": flux, "night": np.asarray(nights)}
    arrays["name"] = np.asarray(NAMES)
    if more:
        rows = zip(arrays.pop("name"), arrays.pop("night"), strict=True)
        (folder / "i.csv").write_text("name,night\n" + "\n".join(f"{a},{b}" for a, b in rows))
    if ending == "npz":
        np.savez(folder / "s.npz", **arrays)
    else:
        with h5py.File(folder / "s.hdf5", "w") as file:
            for name, values in arrays.items():
                text = values.dtype.kind == "U"
                file[name] = np.char.encode(values, "utf-8") if text else values
    (folder / "o.csv").write_text("id\na\nc\nb\n")
    (folder / "m.yaml").write_text(MAPPING.format(ending=ending, visit=visit, more=more))
    import_dataset(folder / "m.yaml", folder / "out")
    return Dataset.open(folder / "out")


@pytest.mark.parametrize("more", ["", ", index: i.csv"])
@pytest.mark.parametrize("ending", ["npz", "hdf5"])
def test_each_row_is_a_visit(tmp_path, ending, more):
    dataset = imported(tmp_path, ending, more=more)
    assert check_dataset(tmp_path / "out") == []
    visits = dataset.visits("spectrum")
    assert visits.counts.tolist() == [3, 0, 2]
    rows = [int(visits.ragged.take(np.array([i])).fields["flux"][0]) for i in range(5)]
    assert rows == [3, 1, 5, 6, 0]  # by time; of one night in the order of the rows
    assert visits.name.tolist() == ["57001", "57002", "57002 (2)", "57001.5", "57003.5"]
    nights = np.array([57001, 57002, 57002, 57001.5, 57003.5])
    np.testing.assert_allclose(visits.time, 2400000.5 + nights)
    first = dataset.ragged("spectrum")
    assert first.present.tolist() == [True, False, True]
    np.testing.assert_allclose(first.fields["flux"][:2], [3, 3.01])
    lost = {row["object_id"]: row["reason"] for row in read_quarantine(tmp_path / "out")}
    assert lost == {
        "": "1 row without an id",
        "x": "no such object in the table of objects (2 rows)",
    }


def test_names_of_visits_may_be_text(tmp_path):
    nights = ["n2", "n3", "", "n1", "n9", "n10", "n1", "n1"]
    visits = imported(tmp_path, visit="night", nights=nights).visits("spectrum")
    assert visits.name.tolist() == ["n1", "n10", "n3", "n1", "n2"]
    assert np.isnan(visits.time).all()


def test_a_column_that_does_not_fit_is_told(tmp_path):
    with pytest.raises(DataError, match="does not hold one value for each of the 8 spectra"):
        imported(tmp_path, visit="wave")
    with pytest.raises(DataError, match="nihgt"):
        imported(tmp_path, visit="nihgt")


def test_rows_without_names_have_no_visits(tmp_path):
    (tmp_path / "m.yaml").write_text(
        "objects: {file: o.csv, id: id}\n"
        "spectrum: {file: s.npz, visit: night, wavelength: wave, flux: flux}\n"
    )
    with pytest.raises(ConfigError, match="of the rows of arrays with an 'id'"):
        import_dataset(tmp_path / "m.yaml", tmp_path / "out")


def test_a_damaged_row_costs_only_its_visit(tmp_path):
    imported(tmp_path, "hdf5")
    with h5py.File(tmp_path / "s.hdf5", "a") as file:
        flux = file["flux"][()]
        del file["flux"]
        made = file.create_dataset("flux", data=flux, chunks=(1, 50), compression="gzip")
        file.flush()
        places = [made.id.get_chunk_info_by_coord((row, 0)).byte_offset for row in (1, 3)]
    with (tmp_path / "s.hdf5").open("r+b") as raw:
        for place in places:
            raw.seek(place + 4)
            raw.write(b"damage")
    import_dataset(tmp_path / "m.yaml", tmp_path / "again")
    dataset = Dataset.open(tmp_path / "again")
    assert check_dataset(tmp_path / "again") == []
    visits = dataset.visits("spectrum")
    assert visits.counts.tolist() == [1, 0, 2]  # of a, rows 3 and 1 are lost
    assert visits.name.tolist() == ["57002 (2)", "57001.5", "57003.5"]
    assert [int(visits.ragged.take(np.array([i])).fields["flux"][0]) for i in range(3)] == [5, 6, 0]
    lost = [r["reason"] for r in read_quarantine(tmp_path / "again") if r["object_id"] == "a"]
    assert sorted(reason.rpartition(" (visit")[2] for reason in lost) == [" 57001)", " 57002)"]
    assert all("'flux' is damaged" in reason for reason in lost)
