"""Upper limits and quality flags, in every way in."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from astropy.io import fits
from astropy.table import Table

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.errors import ConfigError, DataError
from skybind.ingest.flags import any_bit, censored, limit_flags
from skybind.ingest.given import take_given
from skybind.ingest.one_file import read_file
from skybind.ingest.preview.make import preview_survey
from skybind.ingest.survey import import_dataset
from skybind.ingest.wanted import Wanted

TIME = [1.0, 2, 3, 4, 5, 6]
MAG = [18.1, 20.5, 18.4, 20.7, 17.9, 18.0]
ERR = [0.05, 0.4, 0.05, 0.4, 0.04, 0.05]
IS_LIMIT = [False, True, False, True, False, False]
BASE = {"time": {"column": "t", "unit": "d"}, "magnitude": {"column": "m", "unit": "mag"},
        "magnitude_err": "e"}  # fmt: skip
READ = {"time": "d", "magnitude": "mag", "magnitude_err": "mag"}
WANTED = {"photometry": Wanted("photometry", "photometry", "photometry", READ)}


def imported(folder, mapping):
    (folder / "o.csv").write_text("id\na\n")
    whole = {"objects": {"file": "o.csv", "id": "id"}, **mapping}
    (folder / "m.yaml").write_text(yaml.safe_dump(whole))
    summary = import_dataset(folder / "m.yaml", folder / "out", overwrite=True)
    assert check_dataset(folder / "out") == []
    return Dataset.open(folder / "out"), summary


def written(folder, ending, **columns):
    table = Table({"id": ["a"] * 6, "t": TIME, "m": MAG, "e": ERR, **columns})
    if ending == "parquet":
        plain = {n: [v.decode() if isinstance(v, bytes) else v for v in table[n].tolist()]
                 for n in table.colnames}  # fmt: skip
        pq.write_table(pa.table(plain), folder / "e.parquet")
    else:
        formats = {"csv": "ascii.csv", "fits": "fits", "vot": "votable", "ecsv": "ascii.ecsv"}
        table.write(folder / f"e.{ending}", format=formats[ending])


FLAGS = {
    "bool": IS_LIMIT,
    "number": [int(x) for x in IS_LIMIT],
    "sign": [">" if x else "" for x in IS_LIMIT],
    "word": ["U" if x else "F" for x in IS_LIMIT],
}


@pytest.mark.parametrize("ending", ["csv", "fits", "vot", "ecsv", "parquet"])
@pytest.mark.parametrize("flag", FLAGS)
def test_upper_limits_are_kept_apart(tmp_path, ending, flag):
    written(tmp_path, ending, ul=FLAGS[flag])
    curve = {"file": f"e.{ending}", "id": "id", **BASE, "upper_limit": "ul"}
    dataset, summary = imported(tmp_path, {"photometry": curve})
    curves, limits = dataset.ragged("photometry"), dataset.ragged("photometry_limits")
    assert curves.fields["time"].tolist() == [1, 3, 5, 6]
    assert set(curves.fields) == {"time", "magnitude", "magnitude_err"}
    assert limits.fields["time"].tolist() == [2, 4]
    np.testing.assert_allclose(limits.fields["magnitude"], [20.5, 20.7], rtol=1e-6)
    assert summary.repaired["photometry"]["upper limits"] == 2
    said = json.loads((tmp_path / "out/import.json").read_text())["notes"]
    assert "photometry: 2 upper limits, kept apart (photometry_limits)." in said
    assert dataset.schema.observations == ["photometry"]  # no model takes them for light curves
    assert "photometry_limits" not in dataset.to_table().colnames


@pytest.mark.parametrize("rule", ["e > 0.36", "m > 20 and not t = 3", {"where": "1 / e < 3"}])
@pytest.mark.parametrize("way", ["long table", "folder", "stack", "nested"])
def test_a_rule_tells_limits(tmp_path, rule, way):
    (tmp_path / "lc").mkdir()
    if way == "long table":
        written(tmp_path, "csv")
        source = {"file": "e.csv", "id": "id"}
    elif way == "folder":
        Table({"t": TIME, "m": MAG, "e": ERR}).write(tmp_path / "lc/a.fits")
        source = {"folder": "lc", "pattern": "{id}.fits"}
    elif way == "stack":
        np.savez(tmp_path / "s.npz", t=[TIME], m=[MAG], e=[ERR])
        source = {"file": "s.npz"}
    else:
        pq.write_table(
            pa.table({"id": ["a"], "t": [TIME], "m": [MAG], "e": [ERR]}), tmp_path / "n.parquet"
        )
        source = {"file": "n.parquet", "id": "id"}
    dataset, _ = imported(tmp_path, {"photometry": {**source, **BASE, "upper_limit": rule}})
    assert dataset.ragged("photometry").fields["time"].tolist() == [1, 3, 5, 6]
    assert dataset.ragged("photometry_limits").fields["time"].tolist() == [2, 4]


@pytest.mark.parametrize("sign", [">", "<", "> "])
def test_a_magnitude_written_as_a_limit_is_none(tmp_path, sign):
    rows = [
        f"a,{t},{sign if x else ''}{m},{e}"
        for t, m, e, x in zip(TIME, MAG, ERR, IS_LIMIT, strict=True)
    ]
    (tmp_path / "e.csv").write_text("id,t,m,e\n" + "\n".join(rows) + "\n")
    curve = {"file": "e.csv", "id": "id", **BASE}
    dataset, summary = imported(tmp_path, {"photometry": curve})
    assert dataset.ragged("photometry").fields["time"].tolist() == [1, 3, 5, 6]
    assert summary.repaired["photometry"] == {"upper limits": 2}
    assert "photometry: 2 upper limits, left out." in summary.notes
    dataset, _ = imported(tmp_path, {"photometry": {**curve, "upper_limit": "m"}})
    np.testing.assert_allclose(
        dataset.ragged("photometry_limits").fields["magnitude"], [20.5, 20.7], rtol=1e-6
    )


def test_a_detection_without_an_error_stays_where_the_mapping_tells_limits(tmp_path):
    errors = np.array(ERR)
    errors[[1, 2, 3]] = np.nan
    written(tmp_path, "fits", ul=FLAGS["number"])
    table = Table.read(tmp_path / "e.fits")
    table["e"] = errors
    table.write(tmp_path / "e.fits", overwrite=True)
    curve = {"file": "e.fits", "id": "id", **BASE}
    dataset, _ = imported(tmp_path, {"photometry": {**curve, "upper_limit": "ul"}})
    assert dataset.ragged("photometry").fields["time"].tolist() == [1, 3, 5, 6]
    dataset, _ = imported(tmp_path, {"photometry": curve})
    assert dataset.ragged("photometry").fields["time"].tolist() == [1, 5, 6]


def test_limits_in_tables_in_memory_and_files_that_are_searched(tmp_path):
    table = Table({"time": TIME, "mag": MAG, "magerr": ERR, "upper_limit": IS_LIMIT})
    table.write(tmp_path / "a.fits")
    found = read_file(tmp_path / "a.fits", WANTED)
    given = take_given(table, wanted=WANTED)
    assert found.fields["time"].tolist() == [1, 3, 5, 6]
    assert list(found.fields) == list(READ)
    assert given.dataset.ragged("photometry").fields["time"].tolist() == [1, 3, 5, 6]
    for notes in (found.notes, given.notes):
        assert any("2 upper limits are left out" in note for note in notes)


N = 40


def tess(path, column="QUALITY", bad=(3, 7), harmless=(9,), bits=(128, 8192)):
    quality = np.zeros(N, np.int32)
    quality[list(bad)], quality[list(harmless)] = bits
    flux = 1000 + 10 * np.sin(np.arange(N))
    flux[list(bad)] = 5000
    columns = [
        fits.Column("TIME", "D", "BJD - 2457000, days", array=1500 + 0.02 * np.arange(N)),
        fits.Column("PDCSAP_FLUX", "E", "e-/s", array=flux),
        fits.Column("PDCSAP_FLUX_ERR", "E", "e-/s", array=np.full(N, 2.0)),
        fits.Column(column, "J", array=quality),
    ]
    fits.BinTableHDU.from_columns(columns).writeto(path)


TESS = {"folder": "lc", "pattern": "{id}.fits", "time": "TIME", "flux": "PDCSAP_FLUX",
        "flux_err": "PDCSAP_FLUX_ERR"}  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "left"),
    [
        ({}, 2),
        ({"mask": {"column": "QUALITY", "bits": [7]}}, 2),
        ({"mask": {"column": "QUALITY", "bitmask": 8192}}, 1),
        ({"mask": "QUALITY"}, 3),
        ({"mask": {"column": "QUALITY", "bits": []}}, 0),
        ({"good": "QUALITY == 0"}, 3),
        ({"good": "QUALITY in (0, 128) and PDCSAP_FLUX < 2000"}, 3),
        ({"mask": {"column": "QUALITY", "bits": [7]}, "good": "TIME > 1500.01"}, 3),
    ],
)
def test_flagged_epochs_of_tess_are_left_out(tmp_path, keys, left):
    (tmp_path / "lc").mkdir()
    tess(tmp_path / "lc/a.fits")
    dataset, summary = imported(tmp_path, {"photometry": {**TESS, **keys}})
    assert len(dataset.ragged("photometry").fields["time"]) == N - left
    assert summary.repaired.get("photometry", {}).get("epochs flagged as bad", 0) == left
    assert any("the usual ones of TESS" in note for note in summary.notes) == (not keys)
    kept = ["flag"] if not keys or isinstance(keys.get("mask"), dict) else []
    assert list(dataset.schema.fields("photometry")) == ["time", "flux", "flux_err", *kept]


@pytest.mark.filterwarnings("ignore:.*did not parse as fits unit")
def test_flags_of_a_file_that_is_searched_and_of_a_table_in_memory(tmp_path):
    fields = {"time": "d", "flux": "electron / s", "flux_err": "electron / s"}
    wanted = {"photometry": Wanted("photometry", "photometry", "photometry", fields)}
    tess(tmp_path / "a.fits")
    found = read_file(tmp_path / "a.fits", wanted)
    given = take_given(Table.read(tmp_path / "a.fits"), wanted=wanted)
    for flux, notes in (
        (found.fields["flux"], found.notes),
        (given.dataset.ragged("photometry").fields["flux"], given.notes),
    ):
        assert len(flux) == N - 2
        assert flux.max() < 2000
        assert any("2 flagged epochs are left out" in note for note in notes)
    tess(tmp_path / "k.fits", "SAP_QUALITY", bits=(1 << 16, 1 << 7))
    assert len(read_file(tmp_path / "k.fits", wanted).fields["flux"]) == N - 2


@pytest.mark.parametrize("ending", ["csv", "parquet", "fits"])
def test_catflags_of_ztf(tmp_path, ending):
    table = {"oid": ["a"] * 6, "hjd": TIME, "mag": MAG, "magerr": ERR,
             "catflags": [0, 32768, 2, 32770, 0, 0]}  # fmt: skip
    if ending == "parquet":
        pq.write_table(pa.table(table), tmp_path / "e.parquet")
    else:
        Table(table).write(tmp_path / f"e.{ending}")
    curve = {"file": f"e.{ending}", "id": "oid", "time": {"column": "hjd", "unit": "d"},
             "magnitude": {"column": "mag", "unit": "mag"}, "magnitude_err": "magerr"}  # fmt: skip
    dataset, _ = imported(tmp_path, {"photometry": curve})
    assert dataset.ragged("photometry").fields["time"].tolist() == [1, 3, 5, 6]
    dataset, _ = imported(tmp_path, {"photometry": {**curve, "good": "catflags == 0"}})
    assert dataset.ragged("photometry").fields["time"].tolist() == [1, 5, 6]


@pytest.mark.parametrize(
    "keys", [{"mask": {"column": "q", "bits": [1, 4]}}, {"good": "q < 2 or q = 4"},
             {"mask": {"column": "q", "bitmask": 18}}],
)  # fmt: skip
def test_pixels_of_spectra_are_masked_by_bits_and_conditions(tmp_path, keys):
    (tmp_path / "s").mkdir()
    q = [0, 1, 2, 4, 16, 0, 0]
    Table({"w": np.arange(7.0) + 4000, "f": [1.0, 2, 9, 3, 9, 2, 1], "q": q}).write(
        tmp_path / "s/a.fits"
    )
    spectrum = {"folder": "s", "pattern": "{id}.fits",
                "wavelength": {"column": "w", "unit": "Angstrom"}, "flux": "f"}  # fmt: skip
    dataset, _ = imported(tmp_path, {"spectrum": {**spectrum, **keys}})
    mask = dataset.ragged("spectrum").fields["mask"]
    assert mask.tolist() == [False, False, True, False, True, False, False]


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"mask": {"column": "e", "bits": [1], "bitmask": 2}}, "'bits' or 'bitmask', not both"),
        ({"mask": {"column": "e", "bits": [-1]}}, "counted from 0"),
        ({"upper_limit": {"column": "e", "where": "e > 1"}}, "'column' or 'where'"),
        ({"upper_limit": "snr < 3"}, "no column 'snr'"),
        ({"good": "e >"}, "expected where its end"),
        ({"good": "e + 1"}, "is a value, no condition"),
        ({"upper_limit": "flag"}, "no column 'flag'"),
        ({"format": "asassn", "upper_limit": "e > 1"}, "leave out"),
    ],
)
def test_what_is_wrong_with_a_condition_is_said(tmp_path, keys, message):
    written(tmp_path, "csv")
    with pytest.raises((ConfigError, DataError), match=message):
        imported(tmp_path, {"photometry": {"file": "e.csv", "id": "id", **BASE, **keys}})


def test_limits_are_no_column_of_the_catalogue(tmp_path):
    written(tmp_path, "csv")
    curve = {"file": "e.csv", "id": "id", **BASE, "upper_limit": "e > 0.36"}
    imported(tmp_path, {"photometry": curve})
    seen = preview_survey(tmp_path / "m.yaml")
    assert "photometry_limits" not in {column.name for column in seen.flat}


def test_words_and_numbers_that_are_no_flags_are_refused():
    with pytest.raises(DataError, match="no flags"):
        limit_flags(np.array([20.5, 21.25]), "x")
    assert limit_flags(np.array(["True", "false", "<", ""], object), "x").tolist() == [
        True, False, True, False
    ]  # fmt: skip
    with pytest.raises(DataError, match="'maybe' says neither"):
        limit_flags(np.array(["maybe", "U"], object), "x")


def test_a_lower_limit_of_a_flux_is_no_number():
    values, limits = censored("flux", np.array(["<0.5", ">3", "2"], object))
    assert values.tolist() == ["0.5", ">3", "2"]
    assert limits.tolist() == [True, False, False]


def test_bits_are_counted_in_whole_numbers_only():
    assert any_bit(np.array([0, 1, 2, 3, 4], np.uint8), 2).tolist() == [
        False,
        False,
        True,
        True,
        False,
    ]
    assert any_bit(np.array([np.nan, 2.0, 1e300]), 2).tolist() == [False, True, False]
    assert any_bit(np.array([1 << 62]), 1 << 62).tolist() == [True]


def test_of_a_rule_whose_value_is_missing_nothing_is_said(tmp_path):
    """Surveys write a limit as a magnitude without error and signal: no detection of 20.5 mag."""
    snr = ["50", "", "50", "2", "50", ""]
    err = ["0.05", "", "0.05", "0.4", "", "0.05"]
    rows = zip(TIME, MAG, err, snr, strict=True)
    lines = [",".join(["a", *map(str, row)]) for row in rows]
    (tmp_path / "e.csv").write_text("\n".join(["id,t,m,e,snr", *lines]) + "\n")
    keys = {"file": "e.csv", "id": "id", **BASE, "upper_limit": "snr < 3"}
    data, summary = imported(tmp_path, {"photometry": keys})
    assert data["a"].photometry["time"].value.tolist() == [1, 3, 5, 6]
    counts = summary.repaired["photometry"]
    assert counts["upper limits"] == 1
    assert counts["epochs without an error among others with one"] == 1
    assert counts["epochs given the median error"] == 1  # its signal says that it is a detection


CENSORED = ["18.1", ">20.5", "18.4", "<20.7", "17.9", "18.0"]


@pytest.mark.parametrize("said", [None, [True, False, False, False, False, False]])
def test_limits_in_cells_are_told_in_files_and_tables_that_are_given(tmp_path, said):
    more = {} if said is None else {"upper_limit": said}
    table = {"time": TIME, "magnitude": CENSORED, "magnitude_err": ERR, **more}
    Table(table).write(tmp_path / "a.csv", format="ascii.csv")
    n = 2 if said is None else 3
    left = [t for t, m, limit in zip(TIME, CENSORED, said or [False] * 6, strict=True)
            if m[0] not in "<>" and not limit]  # fmt: skip
    found = read_file(tmp_path / "a.csv", WANTED)
    assert found.fields["time"].tolist() == left
    assert f"a.csv: {n} upper limits are left out." in found.notes
    given = take_given(photometry=table, wanted=WANTED)
    assert given.dataset[0].photometry["time"].value.tolist() == left
    assert any(f"{n} upper limits are left out" in note for note in given.notes)
    assert not any("text" in note for note in given.notes)


@pytest.mark.parametrize("words", ["FTFFTF", ["false", "True", "0", "no", "0x40", "0x0"]])
def test_words_of_a_mask_are_read(tmp_path, words):
    rows = [f"a,{t},{m},{w}" for t, m, w in zip(TIME, MAG, words, strict=True)]
    (tmp_path / "e.csv").write_text("\n".join(["id,t,m,q", *rows]) + "\n")
    fields = {key: BASE[key] for key in ("time", "magnitude")}
    keys = {"file": "e.csv", "id": "id", **fields, "mask": "q"}
    data, _ = imported(tmp_path, {"photometry": keys})
    assert data["a"].photometry["time"].value.tolist() == [1, 3, 4, 6]


def test_flags_that_are_words_say_nothing_by_themselves(tmp_path):
    rows = [f"a,{t},{m},{w}" for t, m, w in zip(TIME, MAG, "GBGGGG", strict=True)]
    (tmp_path / "e.csv").write_text("\n".join(["id,t,m,q", *rows]) + "\n")
    fields = {key: BASE[key] for key in ("time", "magnitude")}
    keys = {"file": "e.csv", "id": "id", **fields}
    for mask in ("q", {"column": "q", "bits": [0]}):
        with pytest.raises(DataError, match="write a condition"):
            imported(tmp_path, {"photometry": {**keys, "mask": mask}})
    data, _ = imported(tmp_path, {"photometry": {**keys, "good": "q == 'G'"}})
    assert data["a"].photometry["time"].value.tolist() == [1, 3, 4, 5, 6]
