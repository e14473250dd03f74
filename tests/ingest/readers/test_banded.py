"""Light curves whose bands stand in columns, tables or files of their own."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from astropy.table import Table

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.errors import ConfigError
from skybind.ingest.survey import import_dataset

N = 6
#: Time, g, r, and their errors of two stars; r of the second was not measured twice.
TRUTH = {
    name: {
        "t": 58000.5 + np.arange(N) + shift,
        "g": 15 + shift + 0.1 * np.arange(N),
        "r": 14 + shift + 0.1 * np.arange(N),
        "eg": np.full(N, 0.01),
        "er": 0.02 + 0.001 * np.arange(N),
    }
    for name, shift in (("a", 0.0), ("b", 0.25))
}
for band in ("r", "er"):
    TRUTH["b"][band][[1, 3]] = np.nan
WIDE = """
objects: {file: o.csv, id: id}
photometry:
  %s
  time: {column: t, unit: MJD}
  bands:
    g: {magnitude: {column: g, unit: mag}, magnitude_err: eg}
    r: {magnitude: {column: r, unit: mag}, magnitude_err: er}
"""
FILES = """
objects: {file: o.csv, id: id}
photometry:
  id: id
  time: {column: t, unit: MJD}
  magnitude: {column: m, unit: mag}
  magnitude_err: e
  bands: {g: {file: g.csv}, r: {file: r.parquet, time: {column: jd, unit: JD}}}
"""
PATTERNS = """
objects: {file: o.csv, id: id}
photometry:
  folder: c
  time: {column: t, unit: MJD}
  magnitude: {column: m, unit: mag}
  magnitude_err: e
  bands: {g: {pattern: "{id}_g.csv"}, r: {pattern: "{id}_r.csv"}}
"""
CELLS = """
objects: {file: o.csv, id: id}
photometry:
  file: w.parquet
  id: id
  time: {column: t, unit: MJD}
  bands:
    g: {magnitude: {column: g, unit: mag}, magnitude_err: eg}
    r: {magnitude: {column: r, unit: mag}, magnitude_err: er}
"""


def rows(*columns):
    """Give the table of all epochs of both stars."""
    data = {c: np.concatenate([star[c] for star in TRUTH.values()]) for c in columns}
    return Table({"id": np.repeat(list(TRUTH), N), **data})


def band_table(band):
    table = rows("t", band, f"e{band}")
    table.rename_columns([band, f"e{band}"], ["m", "e"])
    return table[np.isfinite(table["m"])]


def write(folder, layout):
    """Write the survey; gives its mapping."""
    (folder / "o.csv").write_text("id\na\nb\nc\n")
    wide = rows("t", "g", "r", "eg", "er")
    if layout in ("csv", "fits"):
        wide.write(folder / f"w.{layout}")
        return WIDE % f"file: w.{layout}\n  id: id"
    if layout == "files":
        band_table("g").write(folder / "g.csv")
        red = band_table("r")
        columns = {
            "id": red["id"].tolist(),
            "jd": red["t"] + 2400000.5,
            "m": red["m"],
            "e": red["e"],
        }
        table = pa.table({name: pa.array(np.asarray(values)) for name, values in columns.items()})
        pq.write_table(table, folder / "r.parquet")
        return FILES
    if layout == "folder":
        (folder / "c").mkdir()
        for name in TRUTH:
            for band in "gr":
                table = band_table(band)
                table[table["id"] == name].write(folder / f"c/{name}_{band}.csv")
        return PATTERNS
    if layout == "whole":
        (folder / "w").mkdir()
        for name in TRUTH:
            wide[wide["id"] == name].write(folder / f"w/{name}.csv")
        return WIDE % 'folder: w\n  pattern: "{id}.csv"'
    cells = {"id": list(TRUTH)} | {
        c: [star[c].tolist() for star in TRUTH.values()] for c in ("t", "g", "r", "eg", "er")
    }
    pq.write_table(pa.table(cells), folder / "w.parquet")
    return CELLS


@pytest.mark.parametrize("layout", ["csv", "fits", "files", "folder", "whole", "cells"])
def test_bands_of_their_own_become_one_light_curve(tmp_path, layout):
    (tmp_path / "m.yaml").write_text(write(tmp_path, layout))
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    dataset = Dataset.open(tmp_path / "out")
    assert check_dataset(tmp_path / "out") == []
    curves = dataset.ragged("photometry")
    assert curves.present.tolist() == [True, True, False]
    for i, (name, star) in enumerate(TRUTH.items()):
        own = curves.take(np.array([i])).fields
        for band in "gr":
            mine, known = own["band"] == band, np.isfinite(star[band])
            expected = star["t"][known] + 2400000.5
            np.testing.assert_allclose(own["time"][mine], expected, err_msg=f"{name} {band}")
            np.testing.assert_allclose(own["magnitude"][mine], star[band][known], rtol=1e-6)
            np.testing.assert_allclose(
                own["magnitude_err"][mine], star[f"e{band}"][known], rtol=1e-6
            )
        assert len(own["band"]) == np.isfinite([star["g"], star["r"]]).sum()
    assert dataset.schema.attributes("photometry")["time_system"] == "JD"
    assert read_quarantine(tmp_path / "out") == []


def test_what_is_set_aside_of_a_common_table_is_told_once(tmp_path):
    mapping = write(tmp_path, "csv")
    (tmp_path / "o.csv").write_text("id\na\n")
    (tmp_path / "m.yaml").write_text(mapping)
    summary = import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    assert [row["object_id"] for row in read_quarantine(tmp_path / "out")] == ["b"]
    assert summary.observed["photometry"] == 1


def test_limits_and_flags_of_one_band(tmp_path):
    table = rows("t", "g", "r")
    table["ul"] = np.arange(2 * N) % N == 2
    table["q"] = np.where(np.arange(2 * N) % N == 4, 8, 0)
    table.write(tmp_path / "w.csv")
    (tmp_path / "o.csv").write_text("id\na\nb\n")
    (tmp_path / "m.yaml").write_text(
        "objects: {file: o.csv, id: id}\n"
        "photometry:\n  file: w.csv\n  id: id\n  time: {column: t, unit: MJD}\n"
        "  bands:\n    g: {magnitude: {column: g, unit: mag}, mask: q}\n"
        "    r: {magnitude: {column: r, unit: mag}, upper_limit: ul}\n"
    )
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    dataset = Dataset.open(tmp_path / "out")
    star, limits = dataset.ragged("photometry"), dataset.ragged("photometry_limits")
    one = star.take(np.array([0])).fields
    assert (one["band"] == "g").sum() == N - 1  # flagged in g only
    assert (one["band"] == "r").sum() == N - 1  # a limit in r only
    assert limits.fields["band"].tolist() == ["r", "r"]


@pytest.mark.parametrize(
    ("keys", "sentence"),
    [
        ("band: f, bands: {g: {magnitude: g}}", "give 'band'"),
        ("bands: {g: {magnitude: g}, r: {flux: r}}", "all of fluxes or all of magnitudes"),
        ("bands: {g: {magnitude: g}, r: {magnitud: r}}", "magnitud"),
        ("bands: {g: {magnitude: g}, r: {}}", "is not given"),
        ("bands: {g: mag}", "give its keys"),
        ("bands: {'': {magnitude: g}, r: {magnitude: r}}", "a band needs a name"),
        ("bands: {g: {magnitude: g}, r: {magnitude: r, magnitude_err: er}}", "'g' has no errors"),
        ("bands: {g: {magnitude: g}, r: {magnitude: r, features: computed}}", "beside 'bands'"),
        ("bands: {g: {magnitude: g}, r: {magnitude: r, pattern: 'x'}}", "give the folder"),
        (
            "magnitude: {column: g, unit: mag}, bands: {g: {time: {column: t, unit: d}}, r: {}}",
            "time of the band 'r'",
        ),
        ("bands: {g: {magnitude: {column: g, unit: K}}}", "unit"),
    ],
)
def test_bands_that_cannot_be_put_together_are_refused(tmp_path, keys, sentence):
    write(tmp_path, "csv")
    (tmp_path / "m.yaml").write_text(
        "objects: {file: o.csv, id: id}\n"
        f"photometry: {{file: w.csv, id: id, time: {{column: t, unit: MJD}}, {keys}}}\n"
    )
    with pytest.raises(ConfigError, match=sentence):
        import_dataset(tmp_path / "m.yaml", tmp_path / "out")


def test_a_file_that_another_band_has_read_is_no_fault(tmp_path):
    mapping = write(tmp_path, "folder").replace("{id}_g.csv", "{id}.csv")
    for name in TRUTH:
        (tmp_path / f"c/{name}_g.csv").rename(tmp_path / f"c/{name}.csv")
    (tmp_path / "c/z.csv").write_text("t,m,e\n1,2,3\n")
    (tmp_path / "m.yaml").write_text(mapping)
    summary = import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    assert [row["source"] for row in read_quarantine(tmp_path / "out")] == ["c/z.csv"]
    assert "unsorted light curves" not in summary.repaired.get("photometry", {})
