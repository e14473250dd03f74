"""The mappings that docs/dataset.md shows for galaxies are run as they stand there."""

import io
import re
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from astropy.io import fits
from PIL import Image

from skybind.data.dataset import Dataset
from skybind.ingest.survey import import_dataset
from tests.ingest.galaxy_files import (
    galaxies,
    provabgs_rows,
    write_hdf5,
    write_provabgs,
    write_shard,
)
from tests.ingest.written.desi import arms, fibermap, redrock, write_coadd, write_redrock

PAGE = (Path(__file__).parents[2] / "docs" / "dataset.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
GALAXIES = [b for b in BLOCKS if "image:" in b or re.search("reader: (astroclip|desi)", b)]


def write_files(folder: Path) -> None:
    """Every file that the mappings name."""
    write_hdf5(folder / "astroclip_desi.1.1.5.h5", {"0": galaxies(3)})
    rows = provabgs_rows(galaxies(3)["targetids"])
    write_provabgs(folder / "BGS_ANY_full.provabgs.sv3.v0.hdf5", rows)
    write_shard(folder / "hub" / "train-0.parquet", galaxies(3))
    (folder / "AstroCLIP").mkdir()
    (folder / "hub").rename(folder / "AstroCLIP" / "data")
    healpix = folder / "healpix" / "sv3" / "bright"
    healpix.mkdir(parents=True)
    write_coadd(healpix / "coadd-1.fits", arms(), fibermap())
    write_redrock(healpix / "redrock-1.fits", redrock())
    rows = ["a,10,0,0.1,266,51630,0168", "b,11,0,0.2,266,51630,0215", "c,12,0,0.3,266,51630,0367"]
    (folder / "galaxies.csv").write_text(
        "name,ra,dec,z,plate,mjd,fiber\n" + "\n".join(rows).replace("266", "0266") + "\n"
    )
    rng = np.random.default_rng(0)
    for name in ("cutouts", "spectra", "pictures"):
        (folder / name).mkdir()
    legacy = {"SURVEY": "LegacySurvey", "BANDS": "grz", "PIXSCALE": 0.262}
    for name, fiber in zip("abc", ("0168", "0215", "0367"), strict=True):
        image = rng.normal(size=(3, 8, 8)).astype(np.float32)
        fits.PrimaryHDU(image, fits.Header(legacy)).writeto(folder / "cutouts" / f"{name}.fits")
        buffer = io.BytesIO()
        Image.fromarray(rng.integers(0, 255, (8, 8, 3), np.uint8)).save(buffer, "JPEG")
        (folder / "pictures" / f"{name}.jpeg").write_bytes(buffer.getvalue())
        columns = [
            fits.Column("flux", "E", array=rng.normal(5, 1, 50)),
            fits.Column("loglam", "E", array=3.6 + 1e-4 * np.arange(50)),
            fits.Column("ivar", "E", array=np.ones(50)),
        ]
        hdus = [fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]
        fits.HDUList(hdus).writeto(folder / "spectra" / f"spec-0266-51630-{fiber}.fits")
    names = ("a", "b", "c")
    pictures = [(folder / "pictures" / f"{name}.jpeg").read_bytes() for name in names]
    cells = {"name": names, "ra": [1.0, 2.0, 3.0], "dec": [0.0, 0.0, 0.0], "jpeg": pictures}
    pq.write_table(pa.table(cells), folder / "galaxies.parquet")
    np.savez(
        folder / "pairs.npz",
        names=np.array(["c", "b", "a"]),
        images=rng.normal(size=(3, 3, 8, 8)),
        wave=np.linspace(3600, 9800, 60),
        flux=rng.normal(5, 1, (3, 60)),
        ivar=np.ones((3, 60)),
    )


def test_the_page_has_an_example_of_each_galaxy_reader():
    found = " ".join(GALAXIES)
    for name in ("astroclip_hdf5", "astroclip_hub", "desi", ".fits", ".jpeg", ".npz"):
        assert name in found


@pytest.mark.parametrize("number", range(len(GALAXIES)))
def test_a_mapping_of_the_page_runs(tmp_path, number):
    write_files(tmp_path)
    (tmp_path / "m.yaml").write_text(GALAXIES[number])
    raw: dict[str, Any] = yaml.safe_load(GALAXIES[number])
    summary = import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    d = Dataset.open(tmp_path / "out")
    assert len(d) == 3
    observed = {name for name in ("image", "spectrum") if name in raw}
    if "reader" in raw:
        observed = {"spectrum"} if raw["reader"] == "desi" else {"image", "spectrum"}
    assert summary.observed == dict.fromkeys([*observed, *d.schema.catalogues], 3)
    assert summary.quarantined == {}


def write_several(folder: Path) -> None:
    """Write two stars in two bands, and two spectra of each, as the page names them."""
    nights = [57000.0, 57010.5]
    wide = ["name,hjd,mag_g,err_g,mag_r,err_r"]
    spectra = ["name,mjd,w,f"]
    (folder / "curves").mkdir()
    for k, name in enumerate("ab"):
        wide += [
            f"{name},{2457000.5 + i},{15 + 0.1 * i},0.01,{14 + 0.1 * i},0.02" for i in range(5)
        ]
        for band in "VI":
            rows = [f"{57000 + i},{12 + k + 0.1 * i}" for i in range(4)]
            (folder / f"curves/{name}_{band}.csv").write_text("\n".join(["mjd,mag", *rows]))
        for n, night in enumerate(nights):
            wave, flux = 4000 + 2.0 * np.arange(30), 1 + n + np.sin(np.arange(30))
            spectra += [f"{name},{night},{w},{f}" for w, f in zip(wave, flux, strict=True)]
            hdu = fits.BinTableHDU.from_columns(
                [fits.Column("w", "D", array=wave), fits.Column("f", "D", array=flux)]
            )
            hdu.header["MJD-OBS"] = night
            (folder / "spectra" / name).mkdir(parents=True, exist_ok=True)
            hdu.writeto(folder / "spectra" / name / f"n{2 - n}.fits")
    (folder / "wide.csv").write_text("\n".join(wide))
    (folder / "spectra.csv").write_text("\n".join(spectra))
    for table in ("stars.csv", "supernovae.csv"):
        (folder / table).write_text("name,sdss_id\na,1001\nb,1002\n")
    for name in (1001, 1002):
        write_mwm_visits(folder / f"mwmVisit-{name}.fits", name, nights)


def write_mwm_visits(path: Path, name: int, nights: list[float]) -> None:
    """Write a file of SDSS-V as astra does: a table of visits for each of four instruments."""
    wave = np.tile(4000 + 2.0 * np.arange(30), (len(nights), 1))
    columns = [
        fits.Column("sdss_id", "K", array=[name] * len(nights)),
        fits.Column("mjd", "D", array=nights),
        *(fits.Column(n, "30D", array=v) for n, v in (("wavelength", wave), ("flux", wave**0.5))),
        fits.Column("ivar", "30E", array=np.ones_like(wave)),
    ]
    whole = fits.BinTableHDU.from_columns(columns)
    empty = [fits.BinTableHDU.from_columns(columns, nrows=1) for _ in range(3)]
    for hdu in empty:
        hdu.data = hdu.data[:0]
    fits.HDUList([fits.PrimaryHDU(), *empty[:2], whole, empty[2]]).writeto(path)


SEVERAL = [b for b in BLOCKS if "visit:" in b or "bands:\n" in b or "bands: {V" in b]


@pytest.mark.parametrize("block", SEVERAL)
def test_mappings_of_several_spectra_and_bands(tmp_path, block):
    write_several(tmp_path)
    (tmp_path / "m.yaml").write_text(block)
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    dataset = Dataset.open(tmp_path / "out")
    if "visit:" in block:
        visits = dataset.visits("spectrum")
        assert visits.counts.tolist() == [2, 2]
        np.testing.assert_allclose(visits.time, [2457000.5, 2457011] * 2)
    else:
        curves = dataset.ragged("photometry")
        bands = "gr" if "wide" in block else "VI"
        assert curves.lengths.tolist() == ([10, 10] if bands == "gr" else [8, 8])
        assert set(curves.fields["band"]) == set(bands)


def test_the_page_shows_three_mappings_of_visits_and_two_of_bands():
    assert ["visit:" in block for block in SEVERAL] == [False, False, True, True, True]
