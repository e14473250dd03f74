"""Importing the same five stars through every way that the mapping offers."""

import gzip
import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from astropy.table import MaskedColumn, Table

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.errors import ConfigError, DataError
from skybind.ingest.build import ImportSummary, render_summary
from skybind.ingest.survey import import_dataset

RA = [10.0, 20.5, 359.5, 180.0, 0.0]
IDS = ["007", "b", "Stern 3 b", "d-4", "12345678901234567890"]
LABELS = ["M", "EW", "M", "", "SR"]


def curve(i: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(i)
    n = 4 + i
    flux = rng.uniform(1, 2, n).astype(np.float32)
    return {"hjd": np.sort(rng.uniform(0, 9, n)), "flux": flux, "err": np.full(n, 0.01)}


def spectrum(i: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(100 + i)
    wave = np.linspace(400, 900, 30 + i)
    ivar = np.where(np.arange(30 + i) == 3, 0, 25.0)
    return {"wave": wave, "flux": rng.normal(5, 1, 30 + i), "ivar": ivar}


def objects_table() -> Table:
    return Table(
        {
            "name": IDS,
            "ra_deg": RA,
            "de": [-10.0, 0.0, 89.0, -89.9, 45.0],
            "type": LABELS,
            "bp-rp": [0.5, 99.99, 1.5, 2.0, 0.1],
            "P": [300.0, 0.3, 250.0, 1.0, 80.0],
            "note": ["x", "", "y", "z", "w"],
        }
    )


OBJECTS = {
    "file": "stars.csv",
    "id": "name",
    "ra": "ra_deg",
    "dec": {"column": "de", "unit": "deg"},
    "label": "type",
    "features": {
        "metadata": {"bp_rp": {"column": "bp-rp", "unit": "mag", "missing": [99.99]}},
        "photometry": {"period": {"column": "P", "unit": "d"}},
    },
    "info": {"note": "note"},
}
LONG = {
    "file": "epochs.csv",
    "id": "name",
    "time": {"column": "hjd", "unit": "d"},
    "flux": {"column": "flux", "unit": "mJy"},
    "flux_err": {"column": "err"},
}
SPECTRA = {
    "folder": "spectra",
    "pattern": "{id}.csv",
    "wavelength": {"column": "wave", "unit": "nm"},
    "flux": "flux",
    "ivar": "ivar",
}


def write_table(table: Table, path: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    suffix = path.name.removesuffix(".gz").rpartition(".")[2]
    if suffix == "parquet":
        pq.write_table(pa.table({c: np.asarray(table[c]) for c in table.colnames}), path)
    else:
        names = {"csv": "ascii.csv", "ecsv": "ascii.ecsv", "fits": "fits", "vot": "votable"}
        table.write(path, format=names[suffix], overwrite=True)


def write_survey(folder: Path, objects: str = "csv", epochs: str = "csv") -> None:
    write_table(objects_table(), folder / f"stars.{objects}")
    rows = [{"name": IDS[i], **dict(zip(curve(i), row, strict=True))} for i in range(4)
            for row in zip(*curve(i).values(), strict=True)]  # fmt: skip
    order = np.random.default_rng(0).permutation(len(rows))
    write_table(Table([rows[k] for k in order]), folder / f"epochs.{epochs}")
    for i in (0, 2):
        write_table(Table(spectrum(i)), folder / "spectra" / f"{IDS[i]}.csv")


def run(folder: Path, mapping: dict, **options) -> Dataset:
    path = folder / "mapping.yaml"
    path.write_text(yaml.safe_dump(mapping, allow_unicode=True), encoding="utf-8")
    summary = import_dataset(path, folder / "out", overwrite=True, **options)
    dataset = Dataset.open(folder / "out")
    assert check_dataset(folder / "out") == []
    assert summary.objects == len(dataset)
    for name, n in summary.observed.items():
        assert dataset.present(name).sum() == n
    assert sum(summary.quarantined.values()) == len(read_quarantine(folder / "out"))
    assert json.loads((folder / "out" / "import.json").read_text()) == vars(summary)
    return dataset


def expect_curves(dataset: Dataset, objects: range = range(4)) -> None:
    r = dataset.ragged("photometry")
    assert r.present.tolist() == [i in objects for i in range(5)]
    for i in objects:
        got = r.take(np.array([i])).fields
        np.testing.assert_array_equal(got["time"], curve(i)["hjd"])
        np.testing.assert_allclose(got["flux"], curve(i)["flux"], rtol=1e-6)
        np.testing.assert_allclose(got["flux_err"], curve(i)["err"], rtol=1e-6)


@pytest.mark.parametrize("epochs", ["csv", "parquet", "fits"])
@pytest.mark.parametrize("objects", ["csv", "ecsv", "fits", "vot", "parquet"])
def test_every_table_format_gives_the_same_dataset(tmp_path, objects, epochs):
    write_survey(tmp_path, objects, epochs)
    mapping = {
        "objects": {**OBJECTS, "file": f"stars.{objects}"},
        "photometry": {**LONG, "file": f"epochs.{epochs}"},
        "spectrum": SPECTRA,
        "provenance": "a test",
    }
    d = run(tmp_path, mapping)
    assert d.object_ids.tolist() == IDS
    assert d.labels().tolist() == LABELS
    np.testing.assert_allclose(d.column("ra"), RA)
    np.testing.assert_array_equal(d.column("bp_rp"), [0.5, np.nan, 1.5, 2.0, 0.1])
    np.testing.assert_array_equal(d.column("period"), [300, 0.3, 250, 1, 80])
    assert d.column("note").tolist() == ["x", "", "y", "z", "w"]
    expect_curves(d)
    r = d.ragged("spectrum")
    assert r.present.tolist() == [True, False, True, False, False]
    got = r.take(np.array([2])).fields
    np.testing.assert_allclose(got["wavelength"], spectrum(2)["wave"] * 10, rtol=1e-6)
    np.testing.assert_allclose(got["flux"], spectrum(2)["flux"], rtol=1e-6)
    assert got["mask"].tolist() == [k == 3 for k in range(32)]
    assert d.schema.provenance == "a test"
    assert d.schema.columns["photometry"].fields == {"time": "d", "flux": "mJy", "flux_err": "mJy"}
    assert d.schema.columns["spectrum"].fields["wavelength"] == "Angstrom"
    assert d.schema.features("photometry") == ["period"]
    assert read_quarantine(tmp_path / "out") == []


@pytest.mark.parametrize("kind", ["csv", "csv.gz", "fits", "zip", "text", "tsv"])
def test_folders_of_one_light_curve_a_file(tmp_path, kind):
    write_survey(tmp_path)
    folder = tmp_path / "lc"
    folder.mkdir()
    pattern = "sub/{id}.dat" if kind == "text" else "{id}." + ("csv" if kind == "zip" else kind)
    for i in range(4):
        path = folder / pattern.format(id=IDS[i])
        table = Table(curve(i))
        path.parent.mkdir(exist_ok=True)
        if kind == "text":
            table.write(path, format="ascii.commented_header")
        elif kind == "tsv":
            table.write(path, format="ascii.tab")
        elif kind == "csv.gz":
            table.write(path.with_suffix(""), format="ascii.csv")
            path.write_bytes(gzip.compress(path.with_suffix("").read_bytes()))
            path.with_suffix("").unlink()
        else:
            write_table(table, path)
    if kind == "zip":
        with zipfile.ZipFile(tmp_path / "lc.zip", "w") as archive:
            for path in folder.iterdir():
                archive.write(path, path.name)
    source = {"folder": "lc.zip" if kind == "zip" else "lc", "pattern": pattern}
    columns = {name: LONG[name] for name in ("time", "flux", "flux_err")}
    expect_curves(run(tmp_path, {"objects": OBJECTS, "photometry": {**source, **columns}}))


def test_files_named_in_a_column(tmp_path):
    table = objects_table()
    table["file"] = ["one.csv", "two.csv", "", "lost.csv", ""]
    write_table(table, tmp_path / "stars.csv")
    for i, name in enumerate(["one", "two"]):
        write_table(Table(curve(i)), tmp_path / "lc" / f"{name}.csv")
    write_table(Table(curve(3)), tmp_path / "lc" / "stranger.csv")
    (tmp_path / "lc" / "README").touch()
    columns = {name: LONG[name] for name in ("time", "flux", "flux_err")}
    source = {"folder": "lc", "pattern": "{file}", **columns}
    d = run(tmp_path, {"objects": OBJECTS, "photometry": source})
    expect_curves(d, range(2))
    rows = {(r["object_id"], r["source"], r["reason"]) for r in read_quarantine(tmp_path / "out")}
    assert rows == {
        (IDS[3], "lc/lost.csv", "the file is not there"),
        ("", "lc/stranger.csv", "no such object in the table of objects"),
    }


def test_units_are_converted(tmp_path):
    write_survey(tmp_path)
    long = {
        **LONG,
        "time": {"column": "hjd", "unit": "h"},
        "flux": {"column": "flux", "unit": "Jy"},
    }
    d = run(tmp_path, {"objects": OBJECTS, "photometry": long})
    r = d.ragged("photometry", np.array([1])).fields
    np.testing.assert_allclose(r["time"], curve(1)["hjd"] / 24)
    np.testing.assert_allclose(r["flux"], curve(1)["flux"] * 1000, rtol=1e-6)
    np.testing.assert_allclose(r["flux_err"], 10, rtol=1e-6)  # in the flux's unit: Jy


def test_units_of_the_file_are_used(tmp_path):
    write_survey(tmp_path)
    table = Table(curve(0), units={"hjd": "d", "flux": "Jy", "err": "mJy"})
    table["name"] = IDS[0]
    table.write(tmp_path / "epochs.fits")
    bare = {"time": "hjd", "flux": "flux", "flux_err": "err"}
    d = run(tmp_path, {"objects": OBJECTS, "photometry": {**LONG, "file": "epochs.fits", **bare}})
    r = d.ragged("photometry", np.array([0])).fields
    np.testing.assert_allclose(r["flux"], curve(0)["flux"] * 1000, rtol=1e-6)
    np.testing.assert_allclose(r["flux_err"], 0.01, rtol=1e-6)


def test_magnitudes_and_relative_fluxes_stay_what_they_are(tmp_path):
    write_survey(tmp_path)
    bare = {key: LONG[key] for key in ("file", "id", "time")}
    magnitude = {**bare, "magnitude": {"column": "flux", "unit": "mag"}, "magnitude_err": "err"}
    d = run(tmp_path, {"objects": OBJECTS, "photometry": magnitude})
    assert d.schema.columns["photometry"].fields == {
        "time": "d",
        "magnitude": "mag",
        "magnitude_err": "mag",
    }
    np.testing.assert_allclose(
        d.ragged("photometry", np.array([2])).fields["magnitude"], curve(2)["flux"], rtol=1e-6
    )
    relative = {**bare, "flux": {"column": "flux", "unit": ""}}
    d = run(tmp_path, {"objects": OBJECTS, "photometry": relative})
    assert d.schema.columns["photometry"].fields["flux"] == ""


def test_logarithmic_wavelengths(tmp_path):
    write_survey(tmp_path)
    table = Table(spectrum(0))
    table["wave"] = np.log10(table["wave"] * 10)
    write_table(table, tmp_path / "spectra" / f"{IDS[0]}.csv")
    log = {**SPECTRA, "wavelength": {"column": "wave", "unit": "dex(Angstrom)"}}
    d = run(tmp_path, {"objects": OBJECTS, "spectrum": log})
    got = d.ragged("spectrum", np.array([0])).fields["wavelength"]
    np.testing.assert_allclose(got, spectrum(0)["wave"] * 10, rtol=1e-6)


def test_sexagesimal_coordinates(tmp_path):
    table = objects_table()
    table["ra_deg"] = ["06:37:15.90", "00 00 00", "23:59:59", "12h00m00s", "spam"]
    table["de"] = ["+27:13:56.5", "-00:30:00", "89:00:00", "-89:59:59", "0:0:0"]
    write_table(table, tmp_path / "stars.csv")
    objects = {**OBJECTS, "ra": {"column": "ra_deg", "unit": "hourangle"}}
    d = run(tmp_path, {"objects": objects})
    np.testing.assert_allclose(d.column("ra")[:4], [99.31625, 0, 359.995833, 180], atol=1e-5)
    np.testing.assert_allclose(d.column("dec")[:2], [27.232361, -0.5], atol=1e-5)
    assert np.isnan(d.column("ra")[4])
    (row,) = read_quarantine(tmp_path / "out")
    assert row["reason"] == "no angle in column 'ra_deg' ('spam')"


def test_two_surveys_of_light_curves(tmp_path):
    write_survey(tmp_path)
    mapping = {"objects": OBJECTS, "photometry": LONG, "more_photometry": {"kepler": LONG}}
    d = run(tmp_path, mapping)
    assert d.schema.observations == ["photometry", "kepler"]
    assert d.schema.columns["kepler"].modality == "photometry"


def test_chunks_do_not_change_the_dataset(tmp_path, monkeypatch, capsys, talking):
    write_survey(tmp_path)
    mapping = {"objects": OBJECTS, "photometry": LONG, "spectrum": SPECTRA}
    monkeypatch.setattr("skybind.ingest.survey.CHUNK", 2)
    d = run(tmp_path, mapping)
    assert len(list((tmp_path / "out" / "objects").iterdir())) == 3
    assert "importing: 5 objects in" in capsys.readouterr().err
    expect_curves(d)
    assert d.ragged("spectrum").lengths.tolist() == [30, 0, 32, 0, 0]
    assert d.lengths("spectrum").tolist() == [30, -1, 32, -1, -1]


def test_the_summary_is_printed_whole():
    from rich.console import Console

    summary = ImportSummary(
        3, {"photometry": 2}, {"one epoch": 1}, {"photometry": {"duplicate epochs": 1234}}
    )
    console = Console(width=100, file=io.StringIO())
    console.print(render_summary(summary))
    text = console.file.getvalue()
    for part in ("photometry", "one epoch", "duplicate epochs", "1,234"):
        assert part in text


def test_an_import_does_not_overwrite_unasked(tmp_path):
    write_survey(tmp_path)
    run(tmp_path, {"objects": OBJECTS})
    with pytest.raises(DataError, match="already a dataset"):
        import_dataset(tmp_path / "mapping.yaml", tmp_path / "out")


def test_names_in_any_script(tmp_path):
    table = objects_table()
    table["name"] = ["β Cep", "星", "Стар", "naïve", "🌟"]
    write_table(table, tmp_path / "stars.csv")
    for i, name in enumerate(table["name"]):
        write_table(Table(curve(i)), tmp_path / "lc" / f"{name}.csv")
    columns = {name: LONG[name] for name in ("time", "flux", "flux_err")}
    source = {"folder": "lc", "pattern": "{id}.csv", **columns}
    d = run(tmp_path, {"objects": OBJECTS, "photometry": source})
    assert d.object_ids.tolist() == list(table["name"])
    expect_curves(d, range(5))


@pytest.mark.parametrize("kind", ["vot", "parquet", "ecsv", "fits", "csv"])
def test_names_of_nineteen_digits_keep_them_all(tmp_path, kind):
    ids = [4472832130942575872, 4472832130942575873, 7]
    column = MaskedColumn(ids, mask=[False, False, True])
    table = Table({"gaia": column, "other": column})
    if kind == "parquet":
        columns = {name: pa.array([*ids[:2], None]) for name in ("gaia", "other")}
        pq.write_table(pa.table(columns), tmp_path / "stars.parquet")
    else:
        write_table(table, tmp_path / f"stars.{kind}")
    objects = {"file": f"stars.{kind}", "id": "gaia", "info": {"other": "other"}}
    (tmp_path / "m.yaml").write_text(yaml.safe_dump({"objects": objects}))
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    d = Dataset.open(tmp_path / "out")
    assert d.object_ids.tolist()[:2] == ["4472832130942575872", "4472832130942575873"]
    assert [str(v) for v in d.column("other")[:2]] == d.object_ids.tolist()[:2]
    if kind != "fits":  # astropy writes the missing one as 999999 or so there
        (row,) = read_quarantine(tmp_path / "out")
        assert row["reason"].startswith("no name in column 'gaia'")


@pytest.mark.parametrize("key", ["photometri", "provenence"])
def test_a_misspelt_key_names_its_neighbour(tmp_path, key):
    (tmp_path / "m.yaml").write_text(yaml.safe_dump({"objects": OBJECTS, key: "x"}))
    right = {"photometri": "photometry", "provenence": "provenance"}[key]
    with pytest.raises(ConfigError, match=f"'{key}': did you mean '{right}'"):
        import_dataset(tmp_path / "m.yaml", tmp_path / "out")
