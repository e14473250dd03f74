"""Image cutouts: FITS of every header, pictures, and arrays of all objects."""

import gzip
import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import yaml
from astropy.io import fits
from PIL import Image

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.errors import ConfigError, DataError
from skybind.ingest.build import ImportSummary
from skybind.ingest.survey import import_dataset

SHARED = Path(__file__).parents[4] / "shared" / "data" / "galaxies"
CUBE = np.random.default_rng(0).normal(0, 1, (3, 8, 8)).astype(np.float32)
LEGACY = {"SURVEY": "LegacySurvey", "BANDS": "grz", "BAND0": "g", "BAND1": "r", "BAND2": "z"}
CD = {"CD1_1": -0.262 / 3600, "CD1_2": 0.0, "CD2_1": 0.0, "CD2_2": 0.262 / 3600}
BANDS = {"bands": ["g", "r", "z"]}
SCALE = {"pixel_scale": 0.262}


def fits_bytes(*images: tuple[np.ndarray | None, dict[str, Any]]) -> bytes:
    hdus = [
        (fits.ImageHDU if i else fits.PrimaryHDU)(image, fits.Header(header))
        for i, (image, header) in enumerate(images)
    ]
    buffer = io.BytesIO()
    fits.HDUList(hdus).writeto(buffer)
    return buffer.getvalue()


def cutout(header: dict[str, Any] = LEGACY | CD, image: np.ndarray = CUBE) -> bytes:
    return fits_bytes((image, header))


def run(
    folder: Path, files: dict[str, bytes], spec: dict[str, Any] | None = None, names: str = "abc"
) -> tuple[Dataset, ImportSummary]:
    (folder / "cut").mkdir(exist_ok=True)
    for name, content in files.items():
        (folder / "cut" / name).write_bytes(content)
    (folder / "o.csv").write_text("\n".join(["name", *names]) + "\n")
    suffix = next(iter(files)).partition(".")[2]
    image = {"folder": "cut", "pattern": "{id}." + suffix, **(spec or {})}
    mapping = {"objects": {"file": "o.csv", "id": "name"}, "image": image}
    (folder / "m.yaml").write_text(yaml.safe_dump(mapping))
    summary = import_dataset(folder / "m.yaml", folder / "out", overwrite=True)
    d = Dataset.open(folder / "out")
    assert check_dataset(d.path) == []
    assert sum(summary.quarantined.values()) == len(read_quarantine(d.path))
    return d, summary


def one(d: Dataset, row: int = 0) -> dict[str, np.ndarray]:
    return d.ragged("image").take(np.array([row])).fields


def column(d: Dataset) -> Any:
    return d.schema.columns["image"]


EXTENSIONS = [(CUBE[i], {"EXTNAME": band, **CD}) for i, band in enumerate("grz")]
LAYOUTS: dict[str, tuple[bytes, dict[str, Any]]] = {
    "Legacy Surveys": (cutout(), {}),
    "BANDS only": (cutout({"BANDS": "grz", "PIXSCALE": 0.262}), {"unit": "nmgy"}),
    "BANDS with commas": (cutout({"BANDS": "g,r,z", "PIXSCALE": 0.262}), {"unit": "nmgy"}),
    "CDELT": (cutout({**LEGACY, "CDELT1": -0.262 / 3600}), {}),
    "CDELT in arcsec": (cutout({**LEGACY, "CDELT1": -0.262, "CUNIT1": "arcsec"}), {}),
    "turned": (
        cutout({**LEGACY, "CD1_1": 0.0, "CD1_2": 0.262 / 3600, "CD2_1": 0.262 / 3600, "CD2_2": 0}),
        {},
    ),
    "all from the mapping": (cutout({}), {**BANDS, **SCALE, "unit": "nmgy"}),
    "bands last": (cutout(LEGACY | CD, np.moveaxis(CUBE, 0, 2).repeat(1, 0)), {}),
    "gzipped": (gzip.compress(cutout()), {}),
    "in an extension": (fits_bytes((None, {}), (CUBE, LEGACY | CD)), {}),
    "in a named extension": (
        fits_bytes((np.ones((4, 4)), {}), (CUBE, LEGACY | CD)), {"hdu": 1},
    ),
    "an extension a band": (fits_bytes((None, {}), *EXTENSIONS), {"unit": "nmgy"}),
    "other extensions too": (
        fits_bytes((None, {}), (CUBE[0] * 0, {"EXTNAME": "MASK"}), *EXTENSIONS),
        {**BANDS, **SCALE, "unit": "nmgy"},
    ),
    "FILTER": (
        fits_bytes(
            *[(CUBE[i], {"FILTER": f"{b} DECam", **CD}) for i, b in enumerate("grz")]
        ),
        {"unit": "nmgy"},
    ),
    "doubles": (cutout(LEGACY | CD, CUBE.astype(">f8")), {}),
    "red first": (
        cutout({**CD, "BANDS": "zrg"}, CUBE[::-1]), {"unit": "nanomaggies"},
    ),
    "nJy": (cutout({**LEGACY, **CD, "BUNIT": "nJy"}, CUBE * np.float32(3631)), {}),
    "maggies": (cutout({**LEGACY, **CD, "BUNIT": "maggy"}, CUBE * np.float32(1e-9)), {}),
}  # fmt: skip


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_of_fits_gives_the_same_image(tmp_path, layout):
    content, spec = LAYOUTS[layout]
    if layout == "bands last":
        content = cutout(LEGACY | CD, np.moveaxis(np.tile(CUBE, (1, 3, 3)), 0, 2))
    d, summary = run(tmp_path, {"a.fits": content}, spec)
    want = np.tile(CUBE, (1, 3, 3)) if layout == "bands last" else CUBE
    got = one(d)
    assert list(got) == ["g", "r", "z"]
    for i, band in enumerate("grz"):
        np.testing.assert_allclose(got[band], want[i].ravel(), rtol=1e-6)
    assert column(d).fields == {"g": "nmgy", "r": "nmgy", "z": "nmgy"}
    assert column(d).attributes == {"pixel_scale": 0.262, "stretch": "linear"}
    assert d.present("image").tolist() == [True, False, False]
    assert summary.observed == {"image": 1}
    assert summary.notes == []


def test_images_of_any_size_and_one_band(tmp_path):
    files = {
        f"{name}.fits": cutout({"BAND0": "F814W", "PIXSCALE": 0.03}, np.full((1, n, n), 1.0) * grid)
        for name, n, grid in (("a", 4, np.eye(4)), ("b", 6, np.eye(6)))
    }
    d, _ = run(tmp_path, files, {"unit": "electron / s"})
    assert d.lengths("image").tolist() == [16, 36, -1]
    assert column(d).fields == {"F814W": "electron / s"}
    np.testing.assert_array_equal(one(d, 1)["F814W"].reshape(6, 6), np.eye(6))


def test_images_in_a_zip_under_another_name(tmp_path):
    with zipfile.ZipFile(tmp_path / "cut.zip", "w") as file:
        file.writestr("x/a.fits", cutout())
    (tmp_path / "o.csv").write_text("name\na\n")
    spec = {"folder": "cut.zip", "pattern": "x/{id}.fits"}
    mapping = {"objects": {"file": "o.csv", "id": "name"}, "more_images": {"wide": spec}}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    d = Dataset.open(tmp_path / "out")
    assert d.schema.observations == ["wide"]
    assert d.schema.columns["wide"].modality == "image"


def changed(**header: Any) -> bytes:
    return cutout({**LEGACY, **CD, **header})


def with_nan(everywhere: bool) -> bytes:
    image = CUBE.copy()
    image[:, 2] = np.nan
    if everywhere:
        image[:] = np.nan
    return cutout(LEGACY | CD, image)


# what object b has -> why its image is set aside
BROKEN: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "is empty"),
    "text": (b"hello", "no readable FITS file"),
    "cut off": (cutout(image=np.tile(CUBE, (1, 9, 9)))[:-9000], "no readable FITS file"),
    "header only": (cutout()[:100], "no readable FITS file"),
    "damaged gzip": (gzip.compress(cutout())[:-20], "damaged gzip"),
    "no image": (fits_bytes((None, {})), "holds no image"),
    "not square": (cutout(image=CUBE[:, :5]), "is not square"),
    "two planes": (cutout(image=CUBE[:2]), "2 planes for the bands"),
    "other bands": (changed(BAND0="u", BANDS="urz"), "lacks the band g"),
    "no bands": (cutout({**CD, "BUNIT": "nmgy"}), "does not state its bands"),
    "another scale": (changed(PIXSCALE=0.5), "another pixel scale"),
    "other unit": (changed(BUNIT="adu"), "is in 'adu' where others are not"),
    "all NaN": (with_nan(True), "all pixels masked"),
    "zeros": (cutout(image=CUBE * 0), "constant image"),
    "many dimensions": (cutout(image=np.ones((2, 3, 8, 8))), "4 dimensions"),
    "unequal extensions": (
        fits_bytes((CUBE[0], {"FILTER": "g"}), (CUBE[1, :5], {"FILTER": "r"})), "different size",
    ),
    "nameless extensions": (fits_bytes((CUBE[0], {}), (CUBE[1], {})), "bands are not known"),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_a_broken_cutout_is_set_aside(tmp_path, what):
    content, reason = BROKEN[what]
    files = {"a.fits": cutout(), "b.fits": content, "c.fits": cutout()}
    d, _ = run(tmp_path, files)
    assert d.present("image").tolist() == [True, False, True]
    rows = read_quarantine(d.path)
    assert [row["object_id"] for row in rows] == ["b"]
    assert reason in rows[0]["reason"]
    assert rows[0]["source"] == "cut/b.fits"
    np.testing.assert_array_equal(one(d, 1)["z"], np.zeros(0, np.float32))
    np.testing.assert_array_equal(one(d, 2)["z"], CUBE[2].ravel())


def test_masked_pixels_stay_masked(tmp_path):
    d, summary = run(tmp_path, {"a.fits": with_nan(False)})
    assert np.isnan(one(d)["r"].reshape(8, 8)).any(axis=1).tolist() == [i == 2 for i in range(8)]
    assert summary.quarantined == {}


STOPS: dict[str, tuple[dict[str, bytes], dict[str, Any], str]] = {
    "no pixel scale": ({"a.fits": cutout(LEGACY)}, {}, "pixel_scale: ARCSEC"),
    "unit not stated": ({"a.fits": cutout({"BANDS": "grz", **CD})}, {}, "add unit: nmgy"),
    "no flux": ({"a.fits": changed(BUNIT="km")}, {}, "is no unit of flux"),
    "no unit": ({"a.fits": cutout()}, {"unit": "bananas"}, "not a unit"),
    "band twice": ({"a.fits": cutout()}, {"bands": ["g", "g", "z"]}, "named twice"),
    "unknown ending": ({"a.xyz": cutout()}, {}, "cannot be told from its name"),
    "unknown format": ({"a.fits": cutout()}, {"format": "ftis"}, "fits"),
    "none readable": ({"a.fits": b"x"}, {}, "none of the first images"),
    "array in a folder": ({"a.fits": cutout()}, {"array": "x"}, "array"),
    "misspelt": ({"a.fits": cutout()}, {"pixelscale": 1}, "pixel_scale"),
}


@pytest.mark.parametrize("what", STOPS)
def test_an_import_of_images_stops_with_one_sentence(tmp_path, what):
    files, spec, sentence = STOPS[what]
    with pytest.raises((ConfigError, DataError), match=sentence) as caught:
        run(tmp_path, files, spec)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "out").exists()


def picture(kind: str, pixels: np.ndarray, **options: Any) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


RGB = np.arange(192, dtype=np.uint8).reshape(8, 8, 3)


def test_pictures_are_marked_as_stretched_for_display(tmp_path):
    d, summary = run(tmp_path, {"a.png": picture("PNG", RGB)}, SCALE)
    assert column(d).attributes == {"pixel_scale": 0.262, "stretch": "display"}
    assert column(d).fields == {"g": None, "r": None, "z": None}
    for band, plane in zip("zrg", np.moveaxis(RGB, 2, 0), strict=True):
        np.testing.assert_array_equal(one(d)[band], plane[::-1].ravel())  # from the bottom up
    (note,) = summary.notes
    assert "stretched for display" in note
    assert note in d.schema.provenance


def test_pictures_of_other_bands(tmp_path):
    d, _ = run(tmp_path, {"a.png": picture("PNG", RGB)}, {**SCALE, "bands": ["i", "r", "g"]})
    assert list(one(d)) == ["g", "r", "i"]
    np.testing.assert_array_equal(one(d)["i"], RGB[::-1, :, 0].ravel())
    grey, _ = run(tmp_path, {"a.png": picture("PNG", RGB[..., 0])}, {**SCALE, "bands": ["r"]})
    np.testing.assert_array_equal(one(grey)["r"], RGB[::-1, :, 0].ravel())


JPEG = picture("JPEG", np.tile(RGB, (8, 8, 1)))
BROKEN_PICTURES: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "no readable picture"),
    "text": (b"hello", "no readable picture"),
    "cut off": (JPEG[: len(JPEG) // 2], "no readable picture"),
    "grey": (picture("JPEG", np.tile(RGB[..., 0], (8, 8))), "is grey"),
    "not square": (picture("JPEG", np.tile(RGB, (8, 9, 1))), "is not square"),
    "black": (picture("JPEG", np.zeros((64, 64, 3), np.uint8)), "constant image"),
}


@pytest.mark.parametrize("what", BROKEN_PICTURES)
def test_a_broken_picture_is_set_aside(tmp_path, what):
    content, reason = BROKEN_PICTURES[what]
    d, _ = run(tmp_path, {"a.jpg": JPEG, "b.jpg": content, "c.jpg": JPEG}, SCALE)
    assert d.present("image").tolist() == [True, False, True]
    (row,) = read_quarantine(d.path)
    assert row["object_id"] == "b"
    assert reason in row["reason"]


def test_a_picture_needs_its_pixel_scale(tmp_path):
    with pytest.raises(ConfigError, match="pixel_scale"):
        run(tmp_path, {"a.jpg": JPEG})


IMAGES = np.random.default_rng(1).normal(0, 1, (4, 3, 8, 8)).astype(np.float32)


def npz_file(path: Path, **arrays: np.ndarray) -> str:
    np.savez(path / "all.npz", **arrays)
    return "all.npz"


def hdf5_file(path: Path, **arrays: np.ndarray) -> str:
    with h5py.File(path / "all.h5", "w") as file:
        for name, values in arrays.items():
            file.create_dataset(f"group/{name}", data=values)
    return "all.h5"


def fits_file(path: Path, **arrays: np.ndarray) -> str:
    hdus = fits.HDUList([fits.PrimaryHDU()])
    names = arrays.pop("names", None)
    for name, values in arrays.items():
        hdus.append(fits.ImageHDU(values, fits.Header({"BANDS": "grz"}), name=name.upper()))
    if names is not None:
        hdus.append(fits.BinTableHDU.from_columns([fits.Column("names", "2A", array=names)]))
    hdus.writeto(path / "all.fits", overwrite=True)
    return "all.fits"


def import_array(
    folder: Path, file: str, names: str = "abcd", **spec: Any
) -> tuple[Dataset, ImportSummary]:
    (folder / "o.csv").write_text("\n".join(["name", *names]) + "\n")
    array = {"npz": "images", "h5": "group/images", "fits": "IMAGES"}[file.rpartition(".")[2]]
    image = {"file": file, "array": array, **BANDS, **SCALE, "unit": "nmgy", **spec}
    mapping = {"objects": {"file": "o.csv", "id": "name"}, "image": image}
    (folder / "m.yaml").write_text(yaml.safe_dump(mapping))
    summary = import_dataset(folder / "m.yaml", folder / "out", overwrite=True)
    d = Dataset.open(folder / "out")
    assert check_dataset(d.path) == []
    return d, summary


@pytest.mark.parametrize("makes", [npz_file, hdf5_file, fits_file])
@pytest.mark.parametrize("last", [False, True])
@pytest.mark.parametrize("named", [False, True])
def test_one_array_of_all_objects(tmp_path, makes, last, named):
    stored = np.moveaxis(IMAGES, 1, 3) if last else IMAGES
    order = np.array([2, 0, 3, 1]) if named else np.arange(4)
    names = {"names": np.array(list("abcd"), "S2")[order]} if named else {}
    file = makes(tmp_path, images=stored[order], **names)
    spec = {"id": "group/names" if makes is hdf5_file else "names"} if named else {}
    d, summary = import_array(tmp_path, file, **spec)
    r = d.ragged("image")
    for i, band in enumerate("grz"):
        np.testing.assert_array_equal(r.fields[band], IMAGES[:, i].ravel())
    assert summary.quarantined == {}


def test_rows_without_an_object_and_objects_without_a_row(tmp_path):
    file = npz_file(tmp_path, images=IMAGES, names=np.array(["a", "x", "c", "c"]))
    d, _ = import_array(tmp_path, file, id="names")
    assert d.present("image").tolist() == [True, False, True, False]
    np.testing.assert_array_equal(one(d, 2)["g"], IMAGES[2, 0].ravel())
    rows = {row["object_id"]: row["reason"] for row in read_quarantine(d.path)}
    assert rows == {
        "x": "no such object in the table of objects",
        "c": "the name occurs twice: its first row counts (row 3)",
    }


def test_an_array_follows_the_objects_that_are_kept(tmp_path):
    """Row 2 of the table has the name of row 1 and is left out, the array's row 2 with it."""
    d, _ = import_array(tmp_path, npz_file(tmp_path, images=IMAGES), names="aacd")
    assert d.object_ids.tolist() == ["a", "c", "d"]
    np.testing.assert_array_equal(d.ragged("image").fields["g"], IMAGES[[0, 2, 3], 0].ravel())


ARRAY_STOPS: dict[str, tuple[Callable[[Path], str], dict[str, Any], str]] = {
    "no such array": (lambda p: npz_file(p, image=IMAGES), {}, "has no array 'images'"),
    "too few rows": (lambda p: npz_file(p, images=IMAGES[:3]), {}, "has 3 rows where"),
    "too few names": (
        lambda p: npz_file(p, images=IMAGES, names=np.array(["a"])), {"id": "names"}, "one name",
    ),
    "two bands": (lambda p: npz_file(p, images=IMAGES[:, :2]), {}, "square images of 3 bands"),
    "not square": (lambda p: npz_file(p, images=IMAGES[:, :, :5]), {}, "square images of 3"),
    "flat": (lambda p: npz_file(p, images=IMAGES.reshape(4, -1)), {}, "square images of 3"),
    "a number": (lambda p: npz_file(p, images=np.float32(1)), {}, "is a number"),
    "no file": (lambda p: "all.npz", {}, "There is no file"),
    "pickled": (
        lambda p: npz_file(p, images=np.array([{}], dtype=object)), {}, "cannot be read as npz",
    ),
    "text as npz": (
        lambda p: (p / "all.npz").write_text("hello") and "all.npz", {}, "cannot be read as npz",
    ),
    "text as hdf5": (
        lambda p: (p / "all.h5").write_text("hello") and "all.h5", {}, "cannot be read as HDF5",
    ),
    "text as fits": (
        lambda p: (p / "all.fits").write_text("hello") and "all.fits", {}, "no readable FITS",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", ARRAY_STOPS)
def test_a_wrong_array_stops_the_import_with_one_sentence(tmp_path, what):
    makes, spec, sentence = ARRAY_STOPS[what]
    with pytest.raises(DataError, match=sentence):
        import_array(tmp_path, makes(tmp_path), **spec)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("what", ["nan", "zero"])
def test_a_bad_image_in_an_array_is_set_aside(tmp_path, what):
    images = IMAGES.copy()
    images[1] = np.nan if what == "nan" else 0
    d, summary = import_array(tmp_path, npz_file(tmp_path, images=images))
    assert d.present("image").tolist() == [True, False, True, True]
    assert sum(summary.quarantined.values()) == 1


def test_a_real_legacy_survey_cutout(tmp_path):
    path = SHARED / "astroclip_history" / "test_image.fits"
    if not path.exists():
        pytest.skip("no shared galaxy data beside the repository")
    d, _ = run(tmp_path, {"a.fits": path.read_bytes()})
    assert d.lengths("image")[0] == 256**2
    assert column(d).attributes == {"pixel_scale": 0.262, "stretch": "linear"}
    assert column(d).fields == {"g": "nmgy", "r": "nmgy", "z": "nmgy"}
    np.testing.assert_array_equal(one(d)["z"], fits.getdata(path)[2].ravel())


def test_real_sdss_spectra_with_their_pictures(tmp_path):
    source = SHARED / "gsiemon_sdss10"
    if not source.exists():
        pytest.skip("no shared galaxy data beside the repository")
    with tarfile.open(source / "spectra.tar.gz") as file:
        file.extractall(tmp_path, filter="data")
    mapping = {
        "objects": {
            "file": str(source / "pairs.csv"),
            "id": "objid",
            "ra": "ra_deg",
            "dec": "dec_deg",
            "targets": {"redshift": "z"},
        },
        "spectrum": {
            "folder": str(tmp_path / "spectra"), "pattern": "{spec_file}", "format": "sdss",
        },
        "image": {
            "folder": str(source / "images"), "pattern": "{image_file}", "pixel_scale": 0.1,
        },
    }  # fmt: skip
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    summary = import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    d = Dataset.open(tmp_path / "out")
    assert summary.observed == {"spectrum": 10, "image": 10}
    assert summary.quarantined == {}
    assert check_dataset(d.path) == []
    assert (d.lengths("image") == 256**2).all()
    # the file itself names the object of the picture (BESTOBJID)
    with fits.open(tmp_path / "spectra" / "spec-0266-51630-0168.fits") as hdus:
        assert str(hdus[2].data["BESTOBJID"][0]).strip() == d.object_ids[0]
        spectrum = d.ragged("spectrum").take(np.array([0])).fields
        wavelength = 10.0 ** hdus[1].data["loglam"].astype(float)
        np.testing.assert_array_equal(spectrum["wavelength"], wavelength.astype(np.float32))
    # what the spectrum says of the redshift: Halpha stands where the catalogue puts it
    z = d.column("redshift")[0]
    near = np.abs(spectrum["wavelength"] / (1 + z) - 6564.6) < 30
    peak = spectrum["wavelength"][near][np.argmax(spectrum["flux"][near])] / (1 + z)
    assert abs(peak - 6564.6) < 3
