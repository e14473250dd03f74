"""The Multimodal Universe by the documented mapping: nested lists of Parquet, stacks of HDF5."""

from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from skybind.data.dataset import Dataset
from skybind.ingest.survey import import_dataset
from tests.ingest.spectrum_files import given, import_spectra

IDS = ["a1", "b2"]
# the second spectrum is a pixel shorter: padded with -1, flagged, without weight
WAVE = np.array([[3600, 3601, 3602, 3603.0], [3700, 3701, 3702, -1]], np.float32)
FLUX = np.array([[1, 2, 3, 4.0], [5, 6, 7, 7]], np.float32)
IVAR = np.array([[4, 4, 0, 1.0], [9, 9, 9, 0]], np.float32)
MASK = np.array([[0, 1, 1, 0], [0, 0, 0, 1]], bool)
PARTS = {"flux": FLUX, "ivar": IVAR, "lsf_sigma": FLUX * 0 + 1, "lambda": WAVE, "mask": MASK}
KEYS = {
    "wavelength": {"unit": "Angstrom", "missing": [-1]},
    "flux": {"unit": "1e-17 erg / (s cm2 Angstrom)"},
    "ivar": {},
    "mask": {},
}
COLUMNS = {"wavelength": "lambda"}


def keys(prefix: str) -> dict[str, dict]:
    return {
        name: {"column": prefix + COLUMNS.get(name, name), **more} for name, more in KEYS.items()
    }


def as_struct(parts: dict[str, np.ndarray]) -> pa.StructArray:
    return pa.StructArray.from_arrays([pa.array(list(v)) for v in parts.values()], list(parts))


def as_records(parts: dict[str, np.ndarray]) -> pa.Array:
    rows = zip(*parts.values(), strict=True)
    return pa.array([
        [dict(zip(parts, map(np.ndarray.item, map(np.asarray, cell)), strict=True))
         for cell in zip(*row, strict=True)]
        for row in rows
    ])  # fmt: skip


def check(spectra: dict[str, dict[str, np.ndarray]]) -> None:
    np.testing.assert_allclose(spectra["a1"]["wavelength"], WAVE[0])
    assert spectra["a1"]["mask"].tolist() == [False, True, True, False]
    np.testing.assert_allclose(spectra["a1"]["flux"][[0, 3]], [1, 4])
    np.testing.assert_allclose(spectra["a1"]["ivar"][[0, 3]], [4, 1])
    good = ~spectra["b2"]["mask"]
    np.testing.assert_allclose(spectra["b2"]["wavelength"][good], WAVE[1, :3])
    np.testing.assert_allclose(spectra["b2"]["flux"][good], [5, 6, 7])
    assert (spectra["b2"]["wavelength"] > 0).all()


@pytest.mark.parametrize("nest", [as_struct, as_records])
def test_spectra_of_parquet(tmp_path, nest):
    table = pa.table({"object_id": IDS, "spectrum": nest(PARTS), "Z": [0.1, 0.2]})
    pq.write_table(table, tmp_path / "train-00000-of-00001.parquet")
    found = import_spectra(
        tmp_path, IDS, file="train-*.parquet", id="object_id", **keys("spectrum.")
    )
    check(found.spectra)


def test_spectra_of_hdf5(tmp_path):
    with h5py.File(tmp_path / "001-of-001.hdf5", "w") as file:
        file["object_id"] = np.array(IDS, "S2")
        for name, values in PARTS.items():
            file[f"spectrum_{name}"] = values
    found = import_spectra(
        tmp_path, IDS, file="001-of-001.hdf5", id="object_id", **keys("spectrum_")
    )
    check(found.spectra)


def test_a_row_to_search_with(tmp_path):
    one = {name: values[:1] for name, values in PARTS.items()}
    table = pa.table({"object_id": IDS[:1], "spectrum": as_struct(one)})
    pq.write_table(table, tmp_path / "one.parquet")
    content = given(tmp_path / "one.parquet")
    np.testing.assert_allclose(content.fields["wavelength"], WAVE[0])
    np.testing.assert_allclose(content.fields["ivar"], IVAR[0])
    assert content.fields["mask"].tolist() == MASK[0].tolist()


def test_light_curves_of_parquet(tmp_path: Path):
    """Lists of one object of all bands; HDF5's rectangles are padded with zeros in each band."""
    curve = {
        "band": [["g", "g", "r", "r"], ["g", "r", "r", "r"]],
        "time": [[55000.0, 55001, 55000.5, 0], [55002.0, 55003, 0, 0]],
        "flux": [[10.0, 12, 20, 0], [30.0, 40, 0, 0]],
        "flux_err": [[1.0, 2, 3, 0], [4.0, 5, 0, 0]],
    }
    records = pa.StructArray.from_arrays([pa.array(v) for v in curve.values()], list(curve))
    table = pa.table({"object_id": IDS, "lightcurve": records, "obj_type": ["Ia", "II"]})
    pq.write_table(table, tmp_path / "train.parquet")
    mapping = {
        "objects": {"file": "train.parquet", "id": "object_id", "label": "obj_type"},
        "photometry": {
            "file": "train.parquet", "id": "object_id", "band": "lightcurve.band",
            "time": {"column": "lightcurve.time", "unit": "MJD", "missing": [0]},
            "flux": {"column": "lightcurve.flux", "unit": "mJy"},
            "flux_err": "lightcurve.flux_err",
        },
    }  # fmt: skip
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    summary = import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    assert summary.objects == 2
    curves = Dataset.open(tmp_path / "out").ragged("photometry")
    assert curves.lengths.tolist() == [3, 2]
    first = curves.take(np.array([0])).fields
    order = np.argsort(first["time"])
    np.testing.assert_allclose(first["time"][order] - 2400000.5, [55000, 55000.5, 55001])
    np.testing.assert_allclose(first["flux"][order], [10, 20, 12])
    np.testing.assert_allclose(first["flux_err"][order], [1, 3, 2])
    assert first["band"][order].tolist() == ["g", "r", "g"]


def test_images_of_hdf5(tmp_path: Path):
    images = np.arange(2 * 3 * 4 * 4, dtype=np.float32).reshape(2, 3, 4, 4)
    with h5py.File(tmp_path / "001-of-001.hdf5", "w") as file:
        file["object_id"] = np.array(IDS, "S2")
        file["image_array"] = images
        file["image_band"] = np.array([["DES-G", "DES-R", "DES-Z"]] * 2, "S5")
    (tmp_path / "objects.csv").write_text("id\nb2\na1\n")
    mapping = {
        "objects": {"file": "objects.csv", "id": "id"},
        "image": {
            "file": "001-of-001.hdf5", "id": "object_id", "array": "image_array",
            "bands": ["g", "r", "z"], "pixel_scale": 0.262, "unit": "nanomaggy",
        },
    }  # fmt: skip
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    read = Dataset.open(tmp_path / "out").ragged("image")
    np.testing.assert_allclose(read.take(np.array([0])).fields["r"], images[1, 1].ravel())
