"""LAMOST, ASAS-SN and the AstroM3 hub: each layout as its survey writes it."""

import csv
import gzip
import io
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.data.splits import Split
from skybind.errors import ConfigError, DataError
from skybind.ingest.readers import registry
from skybind.ingest.readers.asassn import read_asassn
from skybind.ingest.readers.lamost import read_lamost
from skybind.ingest.readers.sdss import read_sdss
from skybind.ingest.survey import import_dataset
from tests.ingest.written.surveys import (
    DAT,
    FLUX,
    IVAR,
    WAVE,
    hub_rows,
    one_hdu,
    sdss_file,
    two_hdus,
)

SDSS = Path(__file__).parents[4] / "shared" / "data" / "galaxies" / "gsiemon_sdss10"
SHARED = Path(__file__).parents[4] / "shared" / "data" / "stars" / "lamost_lrs"


@pytest.mark.parametrize("layout", [one_hdu, two_hdus])
@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_both_lamost_layouts_give_the_same(layout, pack):
    fields = read_lamost(pack(layout()), "spec.fits")
    np.testing.assert_allclose(fields["wavelength"], WAVE, rtol=1e-6)
    assert fields["flux"].tolist() == FLUX.tolist()
    assert fields["ivar"].tolist() == IVAR.tolist()
    assert fields["mask"].tolist() == [False, True, True, False, False]


@pytest.mark.skipif(not SHARED.exists(), reason="the shared LAMOST spectra are not here")
def test_real_lamost_spectra(tmp_path):
    with (SHARED / "index.csv").open() as file:
        rows = [r for r in csv.DictReader(file) if (SHARED / r["file"]).exists()]
    assert len(rows) > 50
    with (tmp_path / "stars.csv").open("w", newline="") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    mapping = {
        "objects": {"file": "stars.csv", "id": "file", "ra": "ra", "dec": "dec", "label": "klass"},
        "spectrum": {"folder": str(SHARED.resolve()), "pattern": "{file}", "format": "lamost"},
    }
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    summary = import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    assert summary.objects == len(rows)
    assert summary.observed == {"spectrum": len(rows)}
    assert check_dataset(tmp_path / "out") == []
    spectra = Dataset.open(tmp_path / "out").ragged("spectrum")
    for i, row in enumerate(rows):
        assert spectra.lengths[i] == int(row["npix"])
    wave = spectra.fields["wavelength"]
    assert 3650 < wave.min() < 3710
    assert 9080 < wave.max() < 9110
    # a star has a bluer or redder slope, but its median flux is not noise: S/N of good pixels
    good = ~spectra.fields["mask"]
    snr = spectra.fields["flux"][good] * np.sqrt(spectra.fields["ivar"][good])
    assert np.median(snr) > 5


def test_sdss_spectrum():
    fields = read_sdss(sdss_file(flux=FLUX, loglam=np.log10(WAVE), ivar=IVAR), "spec.fits")
    np.testing.assert_allclose(fields["wavelength"], WAVE, rtol=1e-6)
    assert fields["flux"].tolist() == FLUX.tolist()
    assert fields["mask"].tolist() == [False, True, False, False, False]
    with pytest.raises(DataError, match="no column ivar"):
        read_sdss(sdss_file(FLUX=FLUX, LOGLAM=WAVE), "spec.fits")
    with pytest.raises(DataError, match="no column flux"):
        read_sdss(one_hdu(), "spec.fits")


@pytest.mark.skipif(not SDSS.exists(), reason="the shared SDSS spectra are not here")
def test_real_sdss_spectra(tmp_path):
    with tarfile.open(SDSS / "spectra.tar.gz") as archive:
        names = [m.name for m in archive.getmembers() if m.name.endswith(".fits")]
        for name in names:
            (tmp_path / Path(name).name).write_bytes(archive.extractfile(name).read())
    shutil.copy(SDSS / "pairs.csv", tmp_path)
    mapping = {
        "objects": {
            "file": "pairs.csv",
            "id": "objid",
            "ra": "ra_deg",
            "dec": "dec_deg",
            "targets": {"redshift": "z"},
        },
        "spectrum": {"folder": ".", "pattern": "{spec_file}", "format": "sdss"},
    }
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    summary = import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    assert summary.observed == {"spectrum": 10}
    assert check_dataset(tmp_path / "out") == []
    d = Dataset.open(tmp_path / "out")
    assert d.schema.columns["spectrum"].fields["flux"] == "1e-17 erg / (s cm2 Angstrom)"
    spectra = d.ragged("spectrum")
    for i, z in enumerate(d.column("redshift")):
        # galaxies of low redshift: the CaII H and K break lies redward of its rest wavelength
        one = spectra.take(np.array([i])).fields
        rest = one["wavelength"] / (1 + z)
        red = np.median(one["flux"][(rest > 4050) & (rest < 4250)])
        blue = np.median(one["flux"][(rest > 3850) & (rest < 3950)])
        assert red > blue


def test_asassn_light_curve():
    fields = read_asassn(DAT.encode(), "x.dat")
    assert fields["time"].tolist() == [2457001.5, 2457000.5, 2457003.5, 2457004.5]
    np.testing.assert_array_equal(fields["flux"], np.float32([21.5, 23.5, np.nan, 19.5]))
    np.testing.assert_array_equal(fields["flux_err"], np.float32([0.4, 0.4, 0.4, np.nan]))
    assert len(read_asassn(b"one\ntwo\n", "x.dat")["time"]) == 0


ASASSN = "HJD MAG MAG_ERR FLUX FLUX_ERR"
EPOCHS = [f"{2457000 + k} {12 + 0.1 * k} 0.02 {5 - 0.2 * k} 0.1" for k in range(6)]


@pytest.mark.parametrize(
    "header",
    [[], [ASASSN], [f"# {ASASSN}"], ["# a star", ASASSN], ["one", "two", "three", ""], [""],
     ["# 2457000.5 is when it began", ASASSN]],
)  # fmt: skip
def test_the_header_of_asassn_is_found_by_content(header):
    fields = read_asassn("\n".join([*header, *EPOCHS, ""]).encode(), "x.dat")
    assert fields["time"].tolist() == [2457000 + k for k in range(6)]
    np.testing.assert_allclose(fields["flux"], 5 - 0.2 * np.arange(6))


def test_other_columns_are_no_asassn():
    text = "\n".join(["hjd mag mag_err airmass fwhm", *EPOCHS])
    with pytest.raises(DataError, match="has the columns HJD MAG MAG_ERR AIRMASS FWHM where"):
        read_asassn(text.encode(), "x.dat")


def test_asassn_catalogue_with_a_zip_of_light_curves(tmp_path):
    (tmp_path / "catalogue.csv").write_text(
        "id,source_id,asassn_name,raj2000,dej2000,l,b,variable_type,mean_vmag,period,parallax\n"
        "1,A1,ASASSN-V J0637 15,99.3,27.2,186.1,9.4,EW,13.1,0.31,1.2\n"
        "2,A2,ASASSN-V J0001,0.1,-5,97,-66,SR,11.1,80,\n"
    )
    with zipfile.ZipFile(tmp_path / "vardb.zip", "w") as archive:
        archive.writestr("vardb_files/ASASSN-VJ063715.dat", DAT)
        archive.writestr("vardb_files/ASASSN-VJ9999.dat", DAT)
    (tmp_path / "m.yaml").write_text(
        "objects: {file: catalogue.csv, catalogue: asassn}\n"
        "photometry: {folder: vardb.zip, pattern: 'vardb_files/{id}.dat', format: asassn}\n"
    )
    summary = import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    assert summary.observed == {"photometry": 1, "metadata": 2}
    assert summary.repaired["photometry"] == {
        "epochs without a finite flux": 1,
        "unsorted light curves": 1,
        "epochs without an error among others with one": 1,
    }
    assert summary.quarantined == {"no such object in the table of objects": 1}
    d = Dataset.open(tmp_path / "out")
    assert d.schema.features("metadata") == ["mean_vmag", "parallax", "l", "b"]
    assert d.schema.features("photometry") == ["period"]
    assert d.labels().tolist() == ["EW", "SR"]
    r = d.ragged("photometry")
    assert r.fields["time"].tolist() == [2457000.5, 2457001.5]
    assert check_dataset(tmp_path / "out") == []


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("error", ["flux_err", "ivar"])
def test_astrom3_hub(tmp_path, flat, error):
    rng = np.random.default_rng(0)
    rows = {part: hub_rows(n, rng) for part, n in (("train", 6), ("validation", 2), ("test", 3))}
    for part, some in rows.items():
        table = pa.Table.from_pylist(some)
        if flat:
            groups = table["metadata"].combine_chunks()
            for group in ("meta_cols", "photo_cols"):
                table = table.append_column(f"metadata.{group}", groups.field(group))
            table = table.drop_columns(["metadata"])
        (tmp_path / "full_42").mkdir(exist_ok=True)
        pq.write_table(table, tmp_path / "full_42" / f"{part}-00000-of-00001.parquet")
    (tmp_path / "m.yaml").write_text(
        f"reader: astrom3_hub\npath: full_42\noptions: {{spectrum_error: {error}}}\n"
    )
    summary = import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    observed = {"photometry": 11, "spectrum": 11, "metadata": 11}
    assert (summary.objects, summary.observed) == (11, observed)
    assert check_dataset(tmp_path / "out") == []
    d = Dataset.open(tmp_path / "out")
    assert d.object_ids[[0, 6, 8]].tolist() == [
        "train-000000",
        "validation-000000",
        "test-000000",
    ]
    assert d.schema.features("metadata") == ["mean_vmag", "ruwe"]
    assert d.column("period")[:6].tolist() == [2, 3, 4, 5, 6, 7]
    assert d.labels()[6:].tolist() == ["EW", "M", "EW", "M", "EW"]
    flux = d.ragged("photometry", np.array([6])).fields["flux"]
    want = np.array(rows["validation"][0]["photometry"])[:, 1]
    np.testing.assert_allclose(flux, want, rtol=1e-6)
    np.testing.assert_allclose(d.ragged("spectrum").fields[error], 0.02, rtol=1e-6)
    split = Split.read(tmp_path / "out" / "splits" / "published.parquet").align(d.object_ids)
    assert split.part.tolist() == ["train"] * 6 + ["validation"] * 2 + ["test"] * 3


def lists(*rows: list | None) -> pa.Array:
    return pa.array(rows, pa.list_(pa.list_(pa.float64())))


@pytest.mark.parametrize(
    ("name", "column", "sentence"),
    [
        ("photometry", lists([[1.0, 2.0]], [[1.0, 2.0]]), "has 2 numbers an epoch"),
        ("photometry", pa.array([1.0, 2.0]), "no list of equal rows of numbers"),
        ("spectra", pa.array(["a", "b"]), "'spectra' is no list of equal rows"),
        ("metadata", pa.array([1.0, 2.0]), "no struct 'metadata.meta_cols'"),
        ("label", None, "no column 'label'"),
    ],
)
def test_astrom3_hub_of_another_shape(tmp_path, name, column, sentence):
    table = pa.Table.from_pylist(hub_rows(2, np.random.default_rng(0)))
    place = table.column_names.index(name)
    table = table.remove_column(place)
    if column is not None:
        table = table.append_column(name, column)
    (tmp_path / "hub").mkdir()
    pq.write_table(table, tmp_path / "hub" / "train.parquet")
    (tmp_path / "m.yaml").write_text("reader: astrom3_hub\npath: hub\n")
    with pytest.raises(DataError, match=sentence):
        import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_astrom3_hub_with_missing_and_bad_observations(tmp_path):
    table = pa.Table.from_pylist(hub_rows(4, np.random.default_rng(0)))
    curves = table["photometry"].to_pylist()
    curves = [None, [], curves[2][:1], curves[3]]
    table = table.set_column(table.column_names.index("photometry"), "photometry", lists(*curves))
    (tmp_path / "hub").mkdir()
    pq.write_table(table, tmp_path / "hub" / "train.parquet")
    (tmp_path / "hub" / "test.parquet").write_bytes(
        (tmp_path / "hub" / "train.parquet").read_bytes()
    )
    (tmp_path / "m.yaml").write_text("reader: astrom3_hub\npath: hub\n")
    summary = import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    assert summary.observed == {"photometry": 2, "spectrum": 8, "metadata": 8}
    assert summary.quarantined == {"empty light curve": 2, "one epoch": 2}
    assert check_dataset(tmp_path / "out") == []
    (tmp_path / "hub" / "test.parquet").write_bytes(b"PAR1 but not really PAR1")
    with pytest.raises(DataError, match=r"test.parquet is no readable Parquet"):
        import_dataset(tmp_path / "m.yaml", tmp_path / "again")


def test_a_reader_is_one_decorated_function(tmp_path):
    @registry.register_spectrum_file("two-columns", {"wavelength": "Angstrom", "flux": None})
    def read(data: bytes, name: str) -> registry.Fields:
        table = np.loadtxt(io.BytesIO(data), ndmin=2)
        if table.shape[1] != 2:
            raise DataError(f"{name} has not two columns.")
        return {"wavelength": table[:, 0], "flux": table[:, 1]}

    try:
        (tmp_path / "stars.csv").write_text("id\na\nb\n")
        (tmp_path / "a.txt").write_text("4000 1\n4001 2\n4002 4\n")
        (tmp_path / "b.txt").write_text("4000 1 2\n")
        (tmp_path / "m.yaml").write_text(
            "objects: {file: stars.csv, id: id}\n"
            "spectrum: {folder: ., pattern: '{id}.txt', format: two-columns}\n"
        )
        summary = import_dataset(tmp_path / "m.yaml", tmp_path / "out")
        assert summary.observed == {"spectrum": 1}
        assert read_quarantine(tmp_path / "out")[0]["reason"] == "b.txt has not two columns."
    finally:
        del registry._FILES["spectrum"]["two-columns"]


@pytest.mark.parametrize("look", [registry.dataset_reader, registry.catalogue])
def test_an_unknown_name_lists_the_known(look):
    with pytest.raises(ConfigError, match=r"asas|astrom3_hub"):
        look("asasn")
