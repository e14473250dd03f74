"""Light curves of surveys in pieces: the same comes out as of the whole file, whatever the cut."""

import csv
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.io import fits
from astropy.table import Table

from skybind.ingest.observation_spec import PhotometrySpec
from skybind.ingest.readers import curve_pieces
from skybind.ingest.readers.long import LongTable
from skybind.ingest.readers.long_pieces import LongPieces
from tests.ingest.readers.test_long_pieces import assert_same, both, small

__all__ = ["small"]  # pieces of 256 bytes

NAMES = np.asarray(["a", "b", "007", "c d", "elsewhere"], object)
N = 60


def picks(seed=0):
    return np.random.default_rng(seed)


def text(path, columns):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    return path


def written(path, columns):
    """Write a table with another library than ours."""
    if path.suffix == ".csv":
        return text(path, columns)
    if path.suffix == ".parquet":
        pq.write_table(pa.table({k: pa.array(list(v)) for k, v in columns.items()}), path)
        return path
    table = Table({name: np.asarray(list(v)) for name, v in columns.items()})
    table.write(path, format={".xml": "votable", ".ecsv": "ascii.ecsv"}.get(path.suffix))
    return path


def ztf(path, rng):
    return written(
        path,
        {
            "oid": rng.choice(NAMES, N).astype(str),
            "hjd": 2458000 + np.round(rng.random(N) * 900, 4),
            "mag": np.round(rng.normal(16, 1, N), 3),
            "magerr": np.round(rng.random(N) / 10, 4),
            "catflags": rng.choice([0, 2, 32768], N),
            "filtercode": rng.choice(["zg", "zr"], N),
            "ra": rng.random(N),
        },
    )


def ztf_bulk(path, rng):
    lengths = rng.integers(1, 6, N)
    lists = {name: [rng.random(n).round(3) for n in lengths] for name in ("mag", "magerr")}
    return written(
        path,
        {
            "objectid": rng.integers(10**15, 10**16, N).astype(str),
            "filterid": rng.choice([1, 2, 3], N),
            "hmjd": [58000 + np.sort(rng.random(n)) for n in lengths],
            "mag": [15 + values for values in lists["mag"]],
            "magerr": lists["magerr"],
            "catflags": [rng.choice([0, 32768], n) for n in lengths],
        }
        | {"objectid": rng.choice(NAMES, N).astype(str)},
    )


def gaia(path, rng):
    return written(
        path,
        {
            "source_id": rng.choice(NAMES, N).astype(str),
            "band": rng.choice(["G", "BP", "RP"], N),
            "time": 1700 + np.round(rng.random(N) * 900, 4),
            "mag": np.round(rng.normal(16, 1, N), 3),
            "flux_over_error": np.round(rng.normal(50, 30, N), 1),
            "rejected_by_photometry": rng.random(N) < 0.2,
            "rejected_by_variability": rng.random(N) < 0.2,
        },
    )


def gaia_raw(path, rng):
    """Lists in the cells, as the bulk download writes them."""
    lengths = rng.integers(1, 6, N)
    columns = {"source_id": rng.choice(NAMES, N).astype(str), "n_transits": lengths}
    for begin, time in (("g_transit", "g_transit_time"), ("bp", "bp_obs_time"),
                        ("rp", "rp_obs_time")):  # fmt: skip
        columns[time] = [1700 + np.sort(rng.random(n)).round(4) for n in lengths]
        columns[f"{begin}_mag"] = [15 + rng.random(n).round(3) for n in lengths]
        columns[f"{begin}_flux_over_error"] = [50 + rng.random(n).round(2) for n in lengths]
    for flag in ("photometry_flag_noisy_data", "photometry_flag_bp_reject",
                 "variability_flag_g_reject"):  # fmt: skip
        columns[flag] = [rng.random(n) < 0.2 for n in lengths]
    if path.suffix == ".csv":
        columns = {
            name: [json.dumps(np.asarray(v).tolist()) for v in cells]
            if isinstance(cells, list)
            else cells
            for name, cells in columns.items()
        }
    return written(path, columns)


def catalina(path, rng):
    return written(
        path,
        {
            "MasterID": rng.choice(["7", "007"], N),
            "Mag": np.round(rng.normal(16, 1, N), 2),
            "Magerr": np.round(rng.random(N) / 10, 2),
            "RA": rng.random(N),
            "Decl": rng.random(N),
            "MJD": 53000 + np.round(rng.random(N) * 900, 5),
            "Blend": rng.choice([0, 1], N),
        },
    )


def plasticc(path, rng):
    return written(
        path,
        {
            "object_id": rng.choice([7, 77], N),
            "mjd": 59000 + np.round(rng.random(N) * 900, 4),
            "passband": rng.choice(6, N),
            "flux": rng.normal(0, 100, N).round(3),
            "flux_err": rng.random(N).round(3),
            "detected_bool": rng.choice([0, 1], N),
        },
    )


def alerce(path, rng):
    return written(
        path,
        {
            "oid": rng.choice(NAMES, N).astype(str),
            "mjd": 58300 + np.round(rng.random(N) * 900, 4),
            "fid": rng.choice([1, 2, 3], N),
            "isdiffpos": rng.choice([1, -1], N),
            "magpsf": np.round(rng.normal(18, 1, N), 3),
            "sigmapsf": np.round(rng.random(N), 3),
            "dubious": rng.random(N) < 0.2,
        },
    )


def aavso(path, rng):
    limit = rng.choice(["", "<", ""], N)
    doubt = rng.choice(["", ":", ""], N)
    magnitude = [
        f"{a}{m:.2f}{b}" for a, m, b in zip(limit, rng.normal(9, 1, N), doubt, strict=True)
    ]
    return written(
        path,
        {
            "JD": 2457000 + np.round(rng.random(N) * 900, 4),
            "Magnitude": magnitude,
            "Uncertainty": [f"{v:.3f}" if v > 0.3 else "" for v in rng.random(N)],
            "HQuncertainty": ["" for _ in range(N)],
            "Band": rng.choice(["Vis.", "V"], N),
            "Observer Code": rng.choice(["ABC", "12"], N),
            "Comments": rng.choice(["", "clouds, wind", "7"], N),
            "Validation Flag": rng.choice(["V", "Z", "T"], N),
            "Star Name": rng.choice(NAMES, N).astype(str),
        },
    )


def snana(path, rng, *, pair=True):
    """Objects one after the other, each with a row that ends it."""
    counts = rng.integers(1, 9, 10)
    last = np.cumsum(counts + 1) - 1
    n = int(last[-1] + 1)
    time = 60000 + rng.random(n)
    time[last] = -777.0
    phot = [
        fits.Column("MJD", "D", array=time),
        fits.Column("BAND", "2A", array=rng.choice(["r ", "g "], n)),
        fits.Column("FLUXCAL", "E", array=rng.normal(0, 100, n)),
        fits.Column("FLUXCALERR", "E", array=rng.random(n)),
    ]
    names = ["7", "a", "b", "007", "c d", "x1", "x2", "x3", "x4", "x5"]
    head = [
        fits.Column("SNID", "16A", array=np.array(names)),
        fits.Column("PTROBS_MIN", "J", array=last - counts + 1),
        fits.Column("PTROBS_MAX", "J", array=last),
    ]
    fits.BinTableHDU.from_columns(phot).writeto(path)
    if pair:
        fits.BinTableHDU.from_columns(head).writeto(path.parent / "M_HEAD.fits")
    return path


FILES = [
    (ztf, "ztf", "c.csv"),
    (ztf, "ztf", "c.parquet"),
    (ztf, "ztf", "c.xml"),
    (ztf_bulk, "ztf", "c.parquet"),
    (gaia, "gaia", "c.csv"),
    (gaia, "gaia", "c.xml"),
    (gaia_raw, "gaia", "c.csv"),
    (gaia_raw, "gaia", "c.parquet"),
    (catalina, "catalina", "c.csv"),
    (plasticc, "plasticc", "c.csv"),
    (alerce, "alerce", "c.csv"),
    (aavso, "aavso", "c.csv"),
    (snana, "snana", "M_PHOT.fits"),
]


@pytest.mark.parametrize(("write", "format", "name"), FILES)
@pytest.mark.parametrize("aside", [True, False])
def test_curves_of_surveys_in_pieces_are_the_whole(tmp_path, write, format, name, aside):
    write(tmp_path / name, picks())
    spec = PhotometrySpec.model_validate({"file": name, "format": format})
    whole, piecewise = both(spec, tmp_path, aside)
    assert isinstance(whole[0], LongTable)
    assert isinstance(piecewise[0], LongPieces)
    assert whole[1][0].present.sum() >= 1
    assert_same(whole, piecewise)


def test_epochs_without_the_file_of_their_objects_are_numbered_through_all_pieces(tmp_path):
    snana(tmp_path / "M_PHOT.fits", picks(), pair=False)
    spec = PhotometrySpec.model_validate({"file": "M_PHOT.fits", "format": "snana"})
    whole, piecewise = both(spec, tmp_path)
    assert isinstance(piecewise[0], LongPieces)
    assert whole[1][0].present.tolist() == [True, False, False, False]  # '7', the seventh
    assert_same(whole, piecewise)


def test_pieces_of_no_pair_are_refused_as_the_whole_is(tmp_path):
    snana(tmp_path / "M_PHOT.fits", picks())
    with fits.open(tmp_path / "M_HEAD.fits") as hdus:
        hdus[1].data["PTROBS_MAX"][-1] += 5
        hdus.writeto(tmp_path / "M_HEAD.fits", overwrite=True)
    spec = PhotometrySpec.model_validate({"file": "M_PHOT.fits", "format": "snana"})
    whole, piecewise = both(spec, tmp_path)
    assert "no pair" in whole
    assert whole == piecewise


def test_what_is_no_plain_table_is_read_whole(tmp_path):
    found = [{"oid": "a", "mjd": 58300.0, "fid": 1, "isdiffpos": 1, "magpsf": 18.0,
              "sigmapsf": 0.1}]  # fmt: skip
    (tmp_path / "c.json").write_text(json.dumps(found * 20))
    spec = PhotometrySpec.model_validate({"file": "c.json", "format": "alerce"})
    whole, piecewise = both(spec, tmp_path)
    assert isinstance(piecewise[0], LongTable)
    assert_same(whole, piecewise)


def test_only_the_columns_that_are_needed_are_kept_of_a_piece(tmp_path):
    ztf(tmp_path / "c.csv", picks())
    spec = PhotometrySpec.model_validate({"file": "c.csv", "format": "ztf"})
    opened = curve_pieces.open_pieces(spec, tmp_path, text=["oid"], columns=["oid", "hjd", "mag"])
    for _, piece in opened.settle():
        assert piece.column_names == ["oid", "hjd", "mag"]
