"""DESI coadd and redrock files, made up and real."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits
from hypothesis import given, settings
from hypothesis import strategies as st

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.errors import ConfigError, DataError
from skybind.ingest.build import ImportSummary
from skybind.ingest.readers import desi
from skybind.ingest.readers.desi import combine_arms
from skybind.ingest.survey import import_files
from tests.ingest.written.desi import (
    IDS,
    B,
    R,
    arms,
    fibermap,
    redrock,
    table,
    write_coadd,
    write_redrock,
)

REAL = Path(__file__).parents[4] / "shared" / "data" / "galaxies" / "desi_format_examples"


def run(source: Path, out: Path) -> tuple[Dataset, ImportSummary, list[dict[str, Any]]]:
    summary = import_files("desi", source, out, overwrite=True)
    d = Dataset.open(out)
    assert check_dataset(d.path) == []
    rows = read_quarantine(d.path)
    assert sum(summary.quarantined.values()) == len(rows)
    return d, summary, rows


def test_a_coadd_file_with_its_redshifts(tmp_path):
    made = arms()
    made["B_MASK"][1, 5] = 2
    write_coadd(tmp_path / "coadd-1.fits", made, fibermap())
    write_redrock(tmp_path / "redrock-1.fits", redrock())
    d, summary, rows = run(tmp_path / "coadd-1.fits", tmp_path / "out")
    assert d.object_ids.tolist() == [str(i) for i in IDS]
    np.testing.assert_array_equal(d.column("ra"), [10, 20, 30])
    np.testing.assert_array_equal(d.column("redshift"), [0.1, 0.2, 0.3])
    np.testing.assert_array_equal(d.column("zwarn"), [0, 4, 0])
    np.testing.assert_array_equal(d.column("redshift_doubtful"), [0, 1, 0])
    assert d.column("spectype").tolist() == ["GALAXY", "QSO", "STAR"]
    np.testing.assert_allclose(d.column("mag_g"), [22.5, 17.5, np.nan])
    np.testing.assert_allclose(d.column("mag_z"), [22.5, 17.5, 20.0])
    assert d.schema.with_role("target") == ["redshift"]
    assert rows == []
    assert "resolution" in summary.notes[0]
    r = d.ragged("spectrum")
    assert r.lengths.tolist() == [70] * 3
    for i in range(3):
        got = r.take(np.array([i])).fields
        np.testing.assert_allclose(got["wavelength"], 4000 + 0.8 * np.arange(70), rtol=1e-6)
        fb, fr = made["B_FLUX"][i], made["R_FLUX"][i]
        ib, ir = made["B_IVAR"][i], made["R_IVAR"][i]
        both = (ib[30:] * fb[30:] + ir[:10] * fr[:10]) / (ib[30:] + ir[:10])
        flux = np.concatenate([fb[:30], both, fr[10:]])
        ivar = np.concatenate([ib[:30], ib[30:] + ir[:10], ir[10:]])
        mask = np.zeros(70, bool)
        if i == 1:
            mask[5] = True
            flux[5] = ivar[5] = 0
        np.testing.assert_allclose(got["flux"], flux, rtol=1e-5)
        np.testing.assert_allclose(got["ivar"], ivar, rtol=1e-6)
        np.testing.assert_array_equal(got["mask"], mask)


@pytest.mark.parametrize("column", ["COADD_FIBERSTATUS", "FIBERSTATUS"])
def test_a_bad_fibre_has_no_redshift_whatever_zwarn_says(tmp_path, column):
    status = np.array([65536, 0, 8], np.int32)  # bad, good, restricted in its reach
    write_coadd(tmp_path / "coadd-1.fits", arms(), fibermap(**{column: status}))
    write_redrock(tmp_path / "redrock-1.fits", redrock(ZWARN=[0, 0, 0]))
    d, summary, rows = run(tmp_path / "coadd-1.fits", tmp_path / "out")
    np.testing.assert_array_equal(d.column("redshift"), [np.nan, 0.2, 0.3])
    np.testing.assert_array_equal(d.column("redshift_err"), [np.nan, 2e-5, 3e-5])
    np.testing.assert_array_equal(d.column("fiberstatus"), status)
    assert [row["reason"] for row in rows] == ["bad fibre (COADD_FIBERSTATUS 65536)"]
    assert summary.quarantined == {"bad fibre": 1}


def test_a_fibre_of_a_variable_object_has_a_redshift(tmp_path):
    status = np.array([1 << 20, 1 << 3 | 1 << 20, 1 << 20 | 1 << 16], np.int32)
    write_coadd(tmp_path / "coadd-1.fits", arms(), fibermap(COADD_FIBERSTATUS=status))
    write_redrock(tmp_path / "redrock-1.fits", redrock(ZWARN=[0, 0, 0]))
    d, _, _ = run(tmp_path / "coadd-1.fits", tmp_path / "out")
    np.testing.assert_array_equal(np.isfinite(d.column("redshift")), [True, True, False])


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 2**31))
def test_overlaps_are_means_weighted_by_ivar(seed):
    """A bad pixel of one arm leaves the other's; a flat spectrum stays flat; ivar adds up."""
    rng = np.random.default_rng(seed)
    pieces = []
    for wave in (B, R):
        ivar = rng.uniform(0.1, 3, (2, 40)) * (rng.uniform(size=(2, 40)) > 0.2)
        mask = rng.uniform(size=(2, 40)) > 0.8
        flux = np.where(mask | (ivar == 0), rng.choice([np.nan, 1e30]), 7.0)
        pieces.append((wave, flux, ivar, mask))
    wavelength, flux, ivar, mask = combine_arms(pieces)
    assert (np.diff(wavelength) > 0).all()
    np.testing.assert_allclose(flux[~mask], 7.0)
    assert (flux[mask] == 0).all()
    assert ((ivar > 0) == ~mask).all()
    used = sum(np.where(m, 0, i).sum() for _, _, i, m in pieces)
    np.testing.assert_allclose(ivar.sum(), used)
    order = combine_arms(pieces[::-1])
    np.testing.assert_allclose(order[1], flux)


def test_many_files_in_steps(tmp_path, monkeypatch):
    monkeypatch.setattr(desi, "ROWS", 2)
    for k in range(3):
        folder = tmp_path / "data" / str(k)
        folder.mkdir(parents=True)
        write_coadd(folder / f"coadd-{k}.fits", arms(seed=k), fibermap(TARGETID=IDS + 10 * k))
        rows = redrock(TARGETID=IDS[::-1] + 10 * k)
        rows.name = "ZBEST"
        write_redrock(folder / f"zbest-{k}.fits", rows)
        for name in (f"coadd-{k}.fits", f"zbest-{k}.fits"):
            if k == 1:
                (folder / f"{name}.gz").write_bytes(gzip.compress((folder / name).read_bytes()))
                (folder / name).unlink()
    d, _, rows = run(tmp_path / "data", tmp_path / "out")
    assert d.object_ids.tolist() == [str(i + 10 * k) for k in range(3) for i in IDS]
    np.testing.assert_array_equal(d.column("redshift"), [0.1, 0.2, 0.3] * 3)
    assert rows == []
    flux = np.concatenate([arms(seed=k)["B_FLUX"][:, :30] for k in range(3)])
    got = d.ragged("spectrum").fields["flux"].reshape(9, 70)
    np.testing.assert_allclose(got[:, :30], flux, rtol=1e-5)


def without(made: dict[str, np.ndarray], name: str) -> None:
    del made[name]


def set_row(made: dict[str, np.ndarray], value: float, *names: str) -> None:
    for name in names:
        made[name][1] = value


# what is broken in the second of two coadd files: (objects left of it, reason, how many rows)
BROKEN: dict[str, tuple[Callable[[dict], None], dict[str, Any], int, str, int]] = {
    "flux of NaN": (lambda m: set_row(m, np.nan, "B_FLUX", "R_FLUX"), {}, 3, "pixels masked", 1),
    "flux of zeros": (lambda m: set_row(m, 0, "B_FLUX", "R_FLUX"), {}, 3, "constant flux", 1),
    "all masked": (lambda m: set_row(m, 1, "B_MASK", "R_MASK"), {}, 3, "pixels masked", 1),
    "ivar 0": (lambda m: set_row(m, 0, "B_IVAR", "R_IVAR"), {}, 3, "pixels masked", 1),
    "no masks": (lambda m: [without(m, k) for k in ("B_MASK", "R_MASK")] and None, {}, 3, "", 0),
    "one mask": (lambda m: without(m, "B_MASK"), {}, 0, "no readable DESI file", 1),
    "no ivar": (lambda m: without(m, "B_IVAR"), {}, 0, "no readable DESI file", 1),
    "no arm": (lambda m: m.clear(), {}, 0, "no extension B_WAVELENGTH", 1),
    "too few spectra": (
        lambda m: m.update(B_FLUX=m["B_FLUX"][:2]), {}, 0, "do not fit each other", 1,
    ),
    "other wavelengths": (
        lambda m: m.update(B_WAVELENGTH=B[:30]), {}, 0, "do not fit each other", 1,
    ),
    "sky fibre": (lambda m: None, {"OBJTYPE": ["TGT", "SKY", "TGT"]}, 2, "of type 'SKY'", 1),
    "negative name": (
        lambda m: None, {"TARGETID": np.array([901, -5, 903])}, 2, "not positive", 1,
    ),
    "same object": (
        lambda m: None, {"TARGETID": np.array([901, IDS[0], 903])}, 2, "occurs twice", 1,
    ),
    "no positions": (lambda m: None, {"TARGET_RA": None, "FLUX_G": None}, 3, "", 0),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_is_set_aside_and_counted(tmp_path, what):
    breaks, fibers, left, reason, count = BROKEN[what]
    data = tmp_path / "data"
    data.mkdir()
    write_coadd(data / "coadd-0.fits", arms(), fibermap())
    write_redrock(data / "redrock-0.fits", redrock())
    made = arms(seed=1)
    breaks(made)
    targetid = np.asarray(fibers.get("TARGETID", np.array([901, 902, 903])))
    write_coadd(data / "coadd-1.fits", made, fibermap(**{"TARGETID": targetid, **fibers}))
    write_redrock(data / "redrock-1.fits", redrock(TARGETID=targetid))
    d, _, rows = run(data, tmp_path / "out")
    assert len(d) == 3 + left
    assert len(rows) == count
    assert all(reason in row["reason"] for row in rows)
    assert all(row["source"].endswith("-1.fits") for row in rows)


def scratched(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:4000])


REDROCK: dict[str, tuple[Callable[[Path], Any], list[float], str, int]] = {
    "none": (lambda p: p.unlink(), [], "no redrock file beside the coadd file", 1),
    "cut off": (scratched, [], "no readable DESI file", 1),
    "text": (lambda p: p.write_text("hello"), [], "no readable DESI file", 1),
    "no table": (
        lambda p: write_redrock(p, table("OTHER", TARGETID=IDS)), [], "no table REDSHIFTS", 1,
    ),
    "no rows": (
        lambda p: write_redrock(
            p, table("REDSHIFTS", **{k: [] for k in ("TARGETID", "Z", "ZERR", "ZWARN")},
                     SPECTYPE=np.zeros(0, "S8"))
        ), [], "has no rows", 1,
    ),
    "no Z": (
        lambda p: write_redrock(p, table("REDSHIFTS", TARGETID=IDS)), [], "no readable DESI", 1,
    ),
    "one object missing": (
        lambda p: write_redrock(p, redrock(TARGETID=[IDS[2], IDS[1], 5])),
        [np.nan, 0.2, 0.3], "no row in the redrock file", 1,
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", REDROCK)
def test_objects_without_a_redshift_stay_with_the_reason(tmp_path, what):
    change, redshift, reason, count = REDROCK[what]
    write_coadd(tmp_path / "coadd-1.fits", arms(), fibermap())
    write_redrock(tmp_path / "redrock-1.fits", redrock())
    change(tmp_path / "redrock-1.fits")
    d, _, rows = run(tmp_path / "coadd-1.fits", tmp_path / "out")
    assert d.present("spectrum").all()
    np.testing.assert_array_equal(d.column("redshift"), redshift or [np.nan] * 3)
    np.testing.assert_array_equal(
        np.isnan(d.column("redshift_doubtful")), np.isnan(d.column("redshift"))
    )
    assert len(rows) == count
    assert all(reason in row["reason"] for row in rows)


def test_one_unreadable_file_of_many(tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    write_coadd(data / "coadd-0.fits", arms(), fibermap())
    write_redrock(data / "redrock-0.fits", redrock())
    (data / "coadd-1.fits").write_bytes(b"hello")
    (data / "coadd-2.fits").write_bytes((data / "coadd-0.fits").read_bytes()[:3000])
    d, _, rows = run(data, tmp_path / "out")
    assert len(d) == 3
    assert sorted(row["source"] for row in rows) == ["coadd-1.fits", "coadd-2.fits"]


@pytest.mark.parametrize("lost", [3000, 6000, 9000, 20000])
def test_a_coadd_file_cut_off_in_its_spectra(tmp_path, lost):
    data = tmp_path / "data"
    data.mkdir()
    write_coadd(data / "coadd-0.fits", arms(), fibermap())
    write_redrock(data / "redrock-0.fits", redrock())
    write_coadd(data / "coadd-1.fits", arms(), fibermap(TARGETID=IDS + 50))
    whole = (data / "coadd-1.fits").read_bytes()
    (data / "coadd-1.fits").write_bytes(whole[: len(whole) - lost])
    d, _, rows = run(data, tmp_path / "out")
    assert d.object_ids.tolist() == [str(i) for i in IDS]
    (row,) = [row for row in rows if row["modality"] == "objects"]
    assert "3 objects" in row["reason"]


@pytest.mark.parametrize("what", ["nothing", "empty folder", "text", "option"])
def test_an_import_stops_with_one_sentence(tmp_path, what):
    path = tmp_path / "coadd-1.fits"
    if what == "empty folder":
        path.mkdir()
    if what == "text":
        path.write_text("hello")
    sentence = {
        "nothing": "There is no file or folder",
        "empty folder": "holds no file coadd",
        "text": "None of the coadd files can be read",
        "option": "resolution",
    }[what]
    with pytest.raises((DataError, ConfigError), match=sentence):
        import_files(
            "desi", path, tmp_path / "out", {"resolution": True} if what == "option" else None
        )
    assert not (tmp_path / "out").exists()


def test_real_files_of_desi(tmp_path):
    if not REAL.exists():
        pytest.skip("no shared galaxy data beside the repository")
    d, _, rows = run(REAL, tmp_path / "out")
    ids = ["39633345008634465", "39089837499744649", "39627866878511337", "39627866878514741"]
    assert d.object_ids.tolist() == ids
    redshift = d.column("redshift")
    np.testing.assert_allclose(redshift, [0.36874, 0.00727, np.nan, np.nan], atol=1e-5)
    r = d.ragged("spectrum")
    assert r.lengths.tolist() == [7781] * 4
    wavelength = r.fields["wavelength"].reshape(4, -1)
    np.testing.assert_allclose(wavelength, np.tile(3600 + 0.8 * np.arange(7781), (4, 1)), rtol=1e-6)
    assert (r.fields["mask"].reshape(4, -1).mean(axis=1) < 0.05).all()
    assert sorted(row["object_id"] for row in rows) == [
        "", "-2713415", "-2713437", "616088619186127404",
    ]  # fmt: skip
    # outside the overlaps the flux is that of the arm
    with fits.open(REAL / "coadd-4-80613-thru20210324.fits.gz") as hdus:
        first = r.take(np.array([0])).fields
        np.testing.assert_allclose(
            first["flux"][~first["mask"]][:2000],
            hdus["B_FLUX"].data[0][~first["mask"][:2751]][:2000],
        )


def test_a_lack_of_memory_is_no_bad_file_of_desi(tmp_path, monkeypatch):
    def fail(_):
        raise MemoryError

    monkeypatch.setattr(desi, "open_fits_file", fail)
    with pytest.raises(MemoryError), desi._opened(tmp_path / "coadd-a.fits"):
        pass


@pytest.mark.parametrize("value", [np.nan, 4000.8, 1.0, np.inf])
def test_wavelengths_that_do_not_rise_are_refused(tmp_path, value):
    """A pixel without a wavelength of its own was added to another."""
    made = arms()
    made["B_WAVELENGTH"] = B.copy()
    made["B_WAVELENGTH"][4] = value
    write_coadd(tmp_path / "coadd-1.fits", made, fibermap())
    with pytest.raises(DataError, match="wavelengths of arm B do not rise"):
        import_files("desi", tmp_path / "coadd-1.fits", tmp_path / "out")
