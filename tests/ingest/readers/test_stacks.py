"""Spectra and light curves that lie in arrays with one row an object."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml
from astropy.io import fits

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.errors import ConfigError, DataError, SkybindError
from skybind.ingest.readers.arrays import OPENERS
from skybind.ingest.survey import import_dataset

SHARED = Path(__file__).parents[4] / "shared" / "data" / "galaxies"
N, PIXELS = 4, 30
RNG = np.random.default_rng(0)
FLUX = RNG.normal(5, 1, (N, PIXELS)).astype(np.float32)
IVAR = np.full((N, PIXELS), 4, np.float32)
WAVE = np.linspace(400, 900, PIXELS)
SPEC = {"wavelength": {"column": "wave", "unit": "nm"}, "flux": "flux", "ivar": "ivar"}
ARRAYS = {"wave": WAVE, "flux": FLUX, "ivar": IVAR}


def npz(path: Path, **arrays: Any) -> str:
    np.savez(path / "all.npz", **arrays)
    return "all.npz"


def hdf5(path: Path, **arrays: Any) -> str:
    with h5py.File(path / "all.h5", "w") as file:
        for name, values in arrays.items():
            file[name] = values
    return "all.h5"


def fits_images(path: Path, **arrays: Any) -> str:
    images = [fits.ImageHDU(values, name=name) for name, values in arrays.items()]
    fits.HDUList([fits.PrimaryHDU(), *images]).writeto(path / "all.fits")
    return "all.fits"


def run(folder: Path, file: str, spec: dict[str, Any] = SPEC, kind: str = "spectrum") -> Dataset:
    (folder / "o.csv").write_text("name\na\nb\nc\nd\n")
    if file.endswith(".fits"):
        spec = {**spec, "format": "fits_images"}
        for name, value in spec.items():  # FITS writes names of extensions in capitals
            if name in SPEC:
                column = {"column": value} if isinstance(value, str) else dict(value)
                spec[name] = {**column, "column": column["column"].upper()}
    mapping = {"objects": {"file": "o.csv", "id": "name"}, kind: {"file": file, **spec}}
    (folder / "m.yaml").write_text(yaml.safe_dump(mapping))
    import_dataset(folder / "m.yaml", folder / "out", overwrite=True)
    d = Dataset.open(folder / "out")
    assert check_dataset(d.path) == []
    return d


@pytest.mark.parametrize("makes", [npz, hdf5, fits_images])
@pytest.mark.parametrize("own", [False, True])
def test_spectra_of_one_grid_or_of_their_own(tmp_path, makes, own):
    wave = WAVE + np.arange(N)[:, None] if own else WAVE
    d = run(tmp_path, makes(tmp_path, **{**ARRAYS, "wave": wave}))
    r = d.ragged("spectrum")
    np.testing.assert_array_equal(r.fields["flux"].reshape(N, PIXELS), FLUX)
    want = np.broadcast_to(wave * 10, (N, PIXELS))
    np.testing.assert_allclose(r.fields["wavelength"].reshape(N, PIXELS), want, rtol=1e-6)


def test_rows_are_joined_by_name_and_read_in_any_order(tmp_path):
    names = np.array(["d", "x", "a", "c"])
    d = run(tmp_path, hdf5(tmp_path, names=names.astype("S"), **ARRAYS), {**SPEC, "id": "names"})
    assert d.present("spectrum").tolist() == [True, False, True, True]
    r = d.ragged("spectrum")
    np.testing.assert_array_equal(r.fields["flux"].reshape(3, -1), FLUX[[2, 3, 0]])
    (row,) = read_quarantine(d.path)
    assert (row["object_id"], row["modality"]) == ("x", "spectrum")


@pytest.mark.parametrize("makes", [npz, hdf5, fits_images])
def test_the_names_of_the_rows_may_stand_in_a_table_beside_the_arrays(tmp_path, makes):
    (tmp_path / "index.csv").write_text("exposure,star\n1,d\n2,x\n3,a\n4,d\n")
    d = run(tmp_path, makes(tmp_path, **ARRAYS), {**SPEC, "index": "index.csv", "id": "star"})
    assert d.present("spectrum").tolist() == [True, False, False, True]
    np.testing.assert_array_equal(d.ragged("spectrum").fields["flux"].reshape(2, -1), FLUX[[2, 0]])
    rows = {row["object_id"]: row["reason"] for row in read_quarantine(d.path)}
    assert rows["d"] == "the name occurs twice: its first row counts (row 1)"
    assert "x" in rows


@pytest.mark.parametrize(
    ("keys", "index", "said"),
    [
        ({"id": "star"}, "star\na\nb\n", "does not hold one name for each of the 4 rows of 'flux'"),
        ({"id": "sta"}, "star\na\nb\nc\nd\n", "did you mean 'star'"),
        ({}, "star\na\n", "give both"),
    ],
)
def test_an_index_that_does_not_fit_is_refused(tmp_path, keys, index, said):
    (tmp_path / "index.csv").write_text(index)
    with pytest.raises(SkybindError, match=said):
        run(tmp_path, npz(tmp_path, **ARRAYS), {**SPEC, "index": "index.csv", **keys})


def test_long_integers_join_without_losing_digits(tmp_path):
    ids = 39627733000000001 + np.arange(N)
    file = npz(tmp_path, targetid=ids[::-1], **ARRAYS)
    (tmp_path / "o.csv").write_text("id\n" + "\n".join(map(str, ids)) + "\n")
    mapping = {
        "objects": {"file": "o.csv", "id": "id"},
        "spectrum": {"file": file, "id": "targetid", **SPEC},
    }
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    r = Dataset.open(tmp_path / "out").ragged("spectrum")
    np.testing.assert_array_equal(r.fields["flux"].reshape(N, -1), FLUX[::-1])


def test_light_curves_in_an_array(tmp_path):
    time = np.sort(RNG.uniform(0, 9, (N, 6)), axis=1)
    magnitude = RNG.normal(12, 1, (N, 6))
    file = npz(tmp_path, t=time, m=magnitude)
    spec = {
        "time": {"column": "t", "unit": "d"},
        "magnitude": {"column": "m", "unit": "mag", "missing": [99]},
    }
    r = run(tmp_path, file, spec, "photometry").ragged("photometry")
    np.testing.assert_array_equal(r.fields["time"].reshape(N, 6), time)
    np.testing.assert_allclose(r.fields["magnitude"].reshape(N, 6), magnitude, rtol=1e-6)


def test_bad_rows_are_set_aside(tmp_path):
    flux = FLUX.copy()
    flux[1], flux[2] = np.nan, 0
    d = run(tmp_path, npz(tmp_path, **{**ARRAYS, "flux": flux}))
    assert d.present("spectrum").tolist() == [True, False, False, True]
    assert len(read_quarantine(d.path)) == 2


STOPS: dict[str, tuple[Callable[[Path], str], dict[str, Any], str]] = {
    "no wavelength": (lambda p: npz(p, flux=FLUX, ivar=IVAR), SPEC, "has no array 'wave'"),
    "too few pixels": (
        lambda p: npz(p, wave=WAVE[:5], flux=FLUX, ivar=IVAR), SPEC, "does not fit 'flux'",
    ),
    "three axes": (
        lambda p: npz(p, wave=WAVE, flux=FLUX[..., None], ivar=IVAR), SPEC, "does not fit",
    ),
    "too few rows": (
        lambda p: npz(p, wave=WAVE, flux=FLUX[:2], ivar=IVAR), SPEC, "has 2 rows where the table",
    ),
    "no unit": (
        lambda p: npz(p, **ARRAYS), {**SPEC, "wavelength": "wave"}, "has no unit",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", STOPS)
def test_a_wrong_array_stops_the_import_with_one_sentence(tmp_path, what):
    makes, spec, sentence = STOPS[what]
    with pytest.raises((DataError, ConfigError), match=sentence) as caught:
        run(tmp_path, makes(tmp_path), spec)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


REAL: dict[str, tuple[str, dict[str, Any], dict[str, Any], int]] = {
    "desihigh_desi_spectra": (
        "catalog.csv",
        {"id": "targetid", "label": "spectype", "targets": {"redshift": "z"}},
        {
            "spectrum": {
                "file": "spectra.npz", "id": "targetid", "flux": "flux",
                "wavelength": {"column": "wave", "unit": "Angstrom"},
            },
        },
        213,
    ),
    "mosviz_deep2": (
        "deep2_pairs.csv",
        {"id": "objno", "ra": "ra_deg", "dec": "dec_deg", "targets": {"redshift": "z_derived"}},
        {
            "spectrum": {
                "file": "deep2_pairs.npz", "id": "objno", "flux": "flux", "ivar": "ivar",
                "wavelength": {"column": "wave", "unit": "Angstrom"},
            },
            "image": {
                "file": "deep2_pairs.npz", "id": "objno", "array": "image_VI",
                "bands": ["V", "I"], "pixel_scale": 0.03, "unit": "electron / s",
            },
        },
        39,
    ),
    "hubbleds_sdss_spectra": (
        "catalog.csv",
        {"id": "spec_file", "ra": "ra_deg", "dec": "dec_deg", "label": "morph_folder"},
        {
            "spectrum": {
                "file": "spectra_f16.npz", "flux": "flux", "ivar": "ivar",
                "wavelength": {"column": "loglam", "unit": "dex(Angstrom)"},
            },
        },
        1766,
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if REAL[n][3] > 1000 else n for n in REAL],
)
def test_real_arrays(tmp_path, name):
    folder = SHARED / name
    if not folder.exists():
        pytest.skip("no shared galaxy data beside the repository")
    table, objects, observations, n = REAL[name]
    mapping = {
        "objects": {"file": str(folder / table), **objects},
        **{k: {**spec, "file": str(folder / spec["file"])} for k, spec in observations.items()},
    }
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    summary = import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    d = Dataset.open(tmp_path / "out")
    assert summary.objects == n
    assert summary.observed == dict.fromkeys(observations, n)
    assert summary.quarantined == {}
    assert check_dataset(d.path) == []
    with np.load(folder / next(iter(observations.values()))["file"]) as arrays:
        flux = arrays["flux"][7].astype(np.float32)
    got = d.ragged("spectrum", np.array([7])).fields
    good = ~got["mask"]
    assert good.sum() > 3000
    if len(flux) == len(good):
        np.testing.assert_array_equal(got["flux"][good], flux[good])


def test_one_row_of_fluxes_is_not_given_to_every_object(tmp_path):
    file = npz(tmp_path, wave=np.arange(4000.0, 4004), flux=np.arange(4.0), ivar=np.ones(4))
    with pytest.raises(DataError, match="one row of numbers"):
        run(tmp_path, file)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_rows_of_an_npz_are_those_of_its_arrays(tmp_path, save):
    long = np.arange(3000, dtype=">i4").reshape(1000, 3)
    arrays = {"flux": FLUX, "turned": np.asfortranarray(FLUX), "wave": WAVE.astype(">f8"),
              "names": np.array(["a", "bc"]), "long": long, "none": np.zeros((0, 3))}  # fmt: skip
    save(tmp_path / "all.npz", **arrays)
    found = OPENERS["npz"](tmp_path / "all.npz", "all.npz", None)
    assert isinstance(found["flux"], np.ndarray) == (save is np.savez_compressed)
    for key, values in arrays.items():
        assert found[key].shape == values.shape
        np.testing.assert_array_equal(found[key][()], values)
    for rows in ([], [2], [0, 1, 3], [1, 1, 2], [0, 999], [5, 300, 301, 900]):
        ids = np.asarray(rows, np.int64)
        np.testing.assert_array_equal(found.rows("long", ids), long[ids])


def test_a_damaged_byte_of_an_npz_is_found(tmp_path):
    np.savez(tmp_path / "all.npz", flux=FLUX)
    data = bytearray((tmp_path / "all.npz").read_bytes())
    place = data.find(FLUX.tobytes())
    data[place + 50] ^= 1
    (tmp_path / "all.npz").write_bytes(bytes(data))
    with pytest.raises(DataError, match=r"cannot be read as npz: 'flux\.npy' is damaged"):
        OPENERS["npz"](tmp_path / "all.npz", "all.npz", None)


def test_objects_in_an_npz_are_refused(tmp_path):
    np.savez(tmp_path / "all.npz", flux=np.array([{"a": 1}], object))
    with pytest.raises(DataError, match=r"'flux\.npy' holds objects, not numbers"):
        OPENERS["npz"](tmp_path / "all.npz", "all.npz", None)
