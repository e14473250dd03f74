import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from skybind import files
from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.data.lineage import growth_since, lineage_of
from skybind.data.quarantine import read_quarantine, write_quarantine
from skybind.data.schema import Column
from skybind.data.sources import ParquetSource
from skybind.data.write import DatasetWriter
from skybind.errors import ConfigError, DataError
from skybind.ingest import append
from skybind.ingest.append import append_dataset, append_survey
from skybind.ingest.survey import import_dataset
from skybind.lightcurves.stored import compute_features
from skybind.ragged import Ragged, offsets_of
from skybind.study.check import check_folder
from skybind.visits import Visits

CURVE = Column("observation", fields={"time": "d", "magnitude": "mag", "band": None})
SPECTRUM = Column("observation", fields={"wavelength": "Angstrom", "flux": None})
COLUMNS = {
    "photometry": CURVE,
    "spectrum": SPECTRUM,
    "period": Column("target", "d"),
    "label": Column("label"),
}


def curves(times, magnitude=10.0):
    """Light curves in the bands V and I in turn; None for an object without."""
    lengths = [0 if own is None else len(own) for own in times]
    flat = np.concatenate([np.zeros(0), *(own for own in times if own is not None)])
    band = np.asarray(["V", "I"] * len(flat), object)[: len(flat)]
    value = np.asarray(magnitude + np.sin(flat), np.float32)
    present = np.asarray([own is not None for own in times])
    fields = {"time": flat, "magnitude": value, "band": band}
    return Ragged(fields, offsets_of(np.asarray(lengths)), present)


def spectra(fluxes):
    """Spectra of six pixels; None for an object without."""
    present = np.asarray([flux is not None for flux in fluxes])
    n = int(present.sum())
    wave = np.tile(np.arange(4000, 4006, dtype=np.float32), n)
    flux = np.concatenate(
        [np.zeros(0, np.float32), *(f + np.arange(6, dtype=np.float32) for f in fluxes if f)]
    ).astype(np.float32)
    return Ragged({"wavelength": wave, "flux": flux}, offsets_of(6 * present), present)


def survey(folder, names, times, fluxes=None, columns=None, parts=1, **more):
    """Write a small survey; the period is 1, the position follows from the name."""
    n = len(names)
    values = {
        "object_id": np.asarray(names),
        "ra": np.asarray([float(name[1:]) for name in names]),
        "dec": np.zeros(n),
        "photometry": curves(times),
        "spectrum": spectra(fluxes or [None] * n),
        "period": np.ones(n),
        "label": np.asarray(["M"] * n),
    } | more
    with DatasetWriter(folder, columns or COLUMNS) as writer:
        for rows in np.array_split(np.arange(n), parts):
            writer.append(
                {k: v.take(rows) if hasattr(v, "take") else v[rows] for k, v in values.items()}
            )
    return folder


def rows(folder):
    """All rows by name, as Python has them."""
    data = Dataset.open(folder)
    table = data.table(data.columns)
    return {row["object_id"]: row for row in table.to_pylist()}


T = np.arange(0.0, 8.0)


@pytest.fixture
def old(tmp_path):
    """Four stars in two files: of one half the epochs are known, of one none."""
    times = [T, T[:4], None, T]
    return survey(tmp_path / "stars", ["s0", "s1", "s2", "s3"], times, [5, None, 7, None], parts=2)


def test_two_halves_are_the_whole(tmp_path):
    times = [T, T + 0.5, None, T + 1, T + 2]
    fluxes = [1, None, 2, 3, None]
    names = ["s0", "s1", "s2", "s3", "s4"]
    whole = survey(tmp_path / "whole", names, times, fluxes)
    halves = [None if t is None else t[:4] for t in times]
    survey(tmp_path / "a", names[:3], halves[:3], fluxes[:3])
    survey(tmp_path / "b", names[1:], times[1:], fluxes[1:])
    survey(tmp_path / "c", names[:1], times[:1], fluxes[:1])
    append_dataset(tmp_path / "a", tmp_path / "b")
    append_dataset(tmp_path / "a", tmp_path / "c")
    assert rows(tmp_path / "a") == rows(whole)
    assert check_dataset(tmp_path / "a") == []
    assert check_folder(tmp_path / "a").damages == []


def test_epochs_are_merged_by_time_and_band_without_doubles(old, tmp_path):
    # the fifth epoch of s1 comes twice as near as two can be one, once in the other band
    more = np.concatenate([T[2:6], [3 + 4e-8, 20.0, 21.0]])
    new = survey(tmp_path / "new", ["s1"], [more])
    done = append_dataset(old, new)
    times = rows(old)["s1"]["photometry"]["time"]
    assert times == [0.0, 1.0, 2.0, 3.0, 3.0 + 4e-8, 4.0, 5.0, 20.0, 21.0]
    assert done.counts["photometry: new epochs"] == 5
    assert done.counts["photometry: epochs that were there already"] == 2
    survey(tmp_path / "near", ["s1"], [T[:2] + 4e-8])
    assert append_dataset(old, tmp_path / "near").nothing


def test_a_large_delivery_is_merged_some_objects_at_a_time(tmp_path, monkeypatch):
    names, order = [f"s{i}" for i in range(2500)], np.random.default_rng(0).permutation(2500)
    times = [T[:2] + i for i in range(2500)]
    new = survey(tmp_path / "new", [names[i] for i in order], [times[i] + 0.5 for i in order])
    for folder in ("at-once", "in-pieces"):
        survey(tmp_path / folder, names, times)
    append_dataset(tmp_path / "at-once", new)
    read = []
    table = ParquetSource.table
    monkeypatch.setattr(append, "IN_MEMORY", 0)
    monkeypatch.setattr(append, "at_once", lambda each, most, least: least)
    monkeypatch.setattr(
        ParquetSource,
        "table",
        lambda self, columns, rows=None: (
            read.append(0 if rows is None else len(rows)) or table(self, columns, rows)
        ),
    )
    append_dataset(tmp_path / "in-pieces", new)
    assert max(read) == 1024
    assert rows(tmp_path / "in-pieces") == rows(tmp_path / "at-once")


def test_what_was_missing_is_filled_and_what_is_known_stays(old, tmp_path):
    new = survey(
        tmp_path / "new",
        ["s0", "s1", "s2"],
        [T, None, T[:3]],
        [9, 9, None],
        period=np.asarray([2.0, 2.0, np.nan]),
    )
    before = rows(old)
    told = append_dataset(old, new, dry_run=True)
    assert rows(old) == before
    assert not (old / "lineage.json").exists()
    done = append_dataset(old, new)
    assert (
        told.counts
        == done.counts
        == {
            "photometry: new epochs": 3,
            "photometry: epochs that were there already": 8,
            "spectrum (observation): filled": 1,
            "spectrum (observation): kept, though another was given": 1,
            "period: kept, though another was given": 2,
        }
    )
    after = rows(old)
    assert after["s1"]["spectrum"]["flux"] == [9, 10, 11, 12, 13, 14]
    assert after["s0"] == before["s0"]
    assert after["s2"]["spectrum"] == before["s2"]["spectrum"]
    assert after["s2"]["photometry"]["time"] == [0, 1, 2]
    assert [after[name]["period"] for name in ("s0", "s1", "s2")] == [1, 1, 1]


def test_replacing_takes_what_differs(old, tmp_path):
    new = survey(
        tmp_path / "new",
        ["s0"],
        [T[:2]],
        [9],
        photometry=curves([T[:2]], magnitude=11.0),
        period=np.asarray([2.0]),
    )
    done = append_dataset(old, new, replacing=True)
    after = rows(old)["s0"]
    assert after["period"] == 2
    assert after["spectrum"]["flux"][0] == 9
    expected = [11.0 + np.sin(0.0), 11.0 + np.sin(1.0), 10.0 + np.sin(2.0)]
    assert after["photometry"]["magnitude"][:3] == pytest.approx(expected, abs=1e-5)
    assert after["photometry"]["time"] == T.tolist()
    assert done.counts["photometry: epochs replaced"] == 2
    assert append_dataset(old, new, replacing=True).nothing


def test_twice_is_once(old, tmp_path):
    new = survey(tmp_path / "new", ["s9", "s1"], [T, T])
    append_dataset(old, new)
    state = {p: p.stat().st_mtime_ns for p in old.rglob("*") if p.is_file()}
    again = append_dataset(old, new)
    assert again.nothing
    assert "nothing is changed" in again.text
    assert {p: p.stat().st_mtime_ns for p in old.rglob("*") if p.is_file()} == state


def test_files_to_which_nothing_comes_are_the_same_files(old, tmp_path):
    first, second = sorted((old / "objects").iterdir())
    inode = first.stat().st_ino
    append_dataset(old, survey(tmp_path / "new", ["s3", "s7"], [T + 50, T]))
    files = sorted((old / "objects").iterdir())
    assert files[0].stat().st_ino == inode
    assert second.name not in [file.name for file in files]  # what changed has a name of its own


def test_an_older_reader_reads_the_old_objects_or_is_told(old, tmp_path):
    opened = Dataset.open(old)
    append_dataset(old, survey(tmp_path / "new", ["s3", "s7"], [T + 50, T]))
    with pytest.raises(DataError, match="open it again"):
        opened.table(["photometry"], np.asarray([3]))
    assert len(Dataset.open(old)["s3"].photometry.time) == 16


def test_the_lineage_tells_what_changed(old, tmp_path):
    begun = Dataset.open(old).fingerprint
    append_dataset(old, survey(tmp_path / "one", ["s1", "s8"], [T, T]))
    between = Dataset.open(old).fingerprint
    append_dataset(old, survey(tmp_path / "two", ["s3", "s8", "s9"], [T + 50, T + 50, T]))
    data = Dataset.open(old)
    lineage = lineage_of(data)
    assert [state.objects for state in lineage.states] == [4, 5, 6]
    assert [s.fingerprint for s in lineage.states] == [begun, between, data.fingerprint]
    growth = growth_since(data, begun)
    assert growth.changed["photometry"].tolist() == [1, 3]
    assert growth.touched(["photometry"]).tolist() == [1, 3, 4, 5]
    assert growth.touched(["spectrum"]).tolist() == [4, 5]
    assert growth_since(data, between).changed["photometry"].tolist() == [3, 4]
    assert growth_since(data, data.fingerprint) is None
    assert growth_since(data, "another") is None


def test_units_are_converted_and_others_refused(old, tmp_path):
    hours = {**COLUMNS, "period": Column("target", "h")}
    new = survey(tmp_path / "hours", ["s8"], [T], columns=hours, period=np.asarray([48.0]))
    done = append_dataset(old, new)
    assert rows(old)["s8"]["period"] == 2.0
    assert "converted from h to d" in done.text
    wrong = {**COLUMNS, "period": Column("target", "mag")}
    new = survey(tmp_path / "wrong", ["s7"], [T], columns=wrong)
    with pytest.raises(ConfigError, match=r"'period' of .* cannot be converted"):
        append_dataset(old, new)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (Column("observation", fields={**CURVE.fields, "flag": None}), "has 'flag'"),
        (
            Column("observation", fields=CURVE.fields, attributes={"time_system": "HJD"}),
            "time_system HJD, that of .* unknown",
        ),
        (
            Column("observation", fields=CURVE.fields, attributes={"system": "AB"}),
            "system AB, that of .* unknown",
        ),
        (Column("observation", modality="transient", fields=CURVE.fields), "another name"),
    ],
)
def test_what_means_something_else_is_refused(old, tmp_path, column, said):
    made = curves([T])
    if "flag" in column.fields:
        made.fields["flag"] = np.zeros(8, np.int64)
    columns = {**COLUMNS, "photometry": column}
    new = survey(tmp_path / "new", ["s7"], [T], columns=columns, photometry=made)
    before = rows(old)
    with pytest.raises(DataError, match=said):
        append_dataset(old, new)
    assert rows(old) == before


def test_columns_that_only_one_has(old, tmp_path):
    columns = {name: c for name, c in COLUMNS.items() if name != "label"}
    columns["colour"] = Column("feature", "mag", modality="metadata")
    with DatasetWriter(tmp_path / "new", columns) as writer:
        writer.append(
            {
                "object_id": np.asarray(["s7"]),
                "photometry": curves([T]),
                "spectrum": spectra([None]),
                "period": np.ones(1),
                "colour": np.asarray([0.5]),
            }
        )
    with pytest.raises(DataError, match=r"'colour', which .* --add-columns"):
        append_dataset(old, tmp_path / "new")
    done = append_dataset(old, tmp_path / "new", add_columns=True)
    after = rows(old)
    assert [after[name]["colour"] for name in ("s0", "s7")] == [None, 0.5]
    assert after["s7"]["label"] is None
    assert "has no label" in done.text
    assert Dataset.open(old).schema.columns["colour"].unit == "mag"
    assert append_dataset(old, tmp_path / "new").nothing


def test_an_object_that_lies_elsewhere_is_set_aside(old, tmp_path):
    ra = np.asarray([1 + 20 / 3600, 3 + 5 / 3600])
    new = survey(tmp_path / "new", ["s1", "s3"], [T, T + 50], ra=ra)
    before = rows(old)
    done = append_dataset(old, new)
    after = rows(old)
    assert after["s1"] == before["s1"]
    assert len(after["s3"]["photometry"]["time"]) == 16
    assert "Set aside" in done.text
    (row,) = read_quarantine(old)
    assert row["object_id"] == "s1"
    assert "10 arcsec" in row["reason"]


def test_a_delivery_of_which_all_is_set_aside_leaves_its_rows(old, tmp_path):
    new = survey(tmp_path / "new", ["s1"], [T + 50], ra=np.asarray([1 + 20 / 3600]))
    before = Dataset.open(old).fingerprint
    assert "Set aside" in append_dataset(old, new, dry_run=True).text
    assert read_quarantine(old) == []
    done = append_dataset(old, new)
    assert done.aside == 1
    assert "has all of" not in done.text
    assert "'s1'" in done.text
    assert done.fingerprint == Dataset.open(old).fingerprint == before
    assert [row["object_id"] for row in read_quarantine(old)] == ["s1"]
    append_dataset(old, new)
    assert len(read_quarantine(old)) == 1
    assert check_folder(old).damages == []


@pytest.mark.parametrize("name", ["s0", "s9"])
def test_what_an_import_set_aside_comes_with_what_is_appended(old, tmp_path, name):
    new = survey(tmp_path / "new", [name], [T])  # which is there already, or new
    lost = {"object_id": "x", "source": "x.fits", "modality": "spectrum", "reason": "no pixels"}
    write_quarantine(new, [lost, lost | {"object_id": "y"}])
    write_quarantine(old, [lost, lost])
    append_dataset(old, new)
    assert [row["object_id"] for row in read_quarantine(old)] == ["x", "x", "y"]


def test_visits_are_merged_by_their_names(tmp_path):
    columns = {
        "spectrum": SPECTRUM,
        "spectrum_visits": Column(
            "visits", modality="spectrum", fields={"visit": None, "time": "d", **SPECTRUM.fields}
        ),
    }

    def write(folder, visits, fluxes):
        own = Visits(
            spectra(fluxes), np.asarray([0, len(visits)]), np.asarray(visits, object),
            np.arange(len(visits), dtype=float),
        )  # fmt: skip
        with DatasetWriter(folder, columns) as writer:
            writer.append(
                {"object_id": np.asarray(["a"]), "spectrum": own.first(), "spectrum_visits": own}
            )
        return folder

    old = write(tmp_path / "old", ["1", "2"], [1, 2])
    new = write(tmp_path / "new", ["2", "3"], [9, 3])
    done = append_dataset(old, new)
    assert done.counts["spectrum_visits: new visits"] == 1
    found = Dataset.open(old).visits("spectrum")
    assert found.name.tolist() == ["1", "2", "3"]
    assert found.ragged.fields["flux"][[0, 6, 12]].tolist() == [1, 2, 3]
    append_dataset(old, new, replacing=True)
    found = Dataset.open(old).visits("spectrum")
    assert found.ragged.fields["flux"][[0, 6, 12]].tolist() == [1, 9, 3]
    assert rows(old)["a"]["spectrum"]["flux"][0] == 1


def test_features_of_other_objects_are_taken_over(old, tmp_path, monkeypatch):
    compute_features(old)
    before = Dataset.open(old).table(["photometry_period", "photometry_amplitude"])
    asked = []
    table = Dataset.table
    monkeypatch.setattr(
        Dataset, "table", lambda self, c, r=None: (asked.append((c, r)), table(self, c, r))[1]
    )
    append_dataset(old, survey(tmp_path / "new", ["s1", "s9"], [T, T + 0.3]))
    monkeypatch.undo()
    computed = [r.tolist() for c, r in asked if c == ["object_id", "photometry"]]
    assert computed == [[1, 4]]
    data = Dataset.open(old)
    after = data.table(["photometry_period", "photometry_amplitude"])
    same = np.asarray([0, 2, 3])
    assert after.take(pa.array(same)).equals(before.take(pa.array(same)))
    whole = tmp_path / "whole"
    survey(whole, ["s0", "s1", "s2", "s3", "s9"], [T, T, None, T, T + 0.3])
    compute_features(whole)
    fresh = Dataset.open(whole).table(["photometry_amplitude", "photometry_std"])
    for name in fresh.column_names:
        one, other = (t[name].to_numpy() for t in (fresh, data.table(fresh.column_names)))
        np.testing.assert_array_equal(one, other)


def test_splits_and_other_files_stay(old, tmp_path):
    (old / "splits").mkdir()
    (old / "splits" / "main.parquet").write_bytes(b"any")
    (old / "README.txt").write_text("mine")
    append_dataset(old, survey(tmp_path / "new", ["s9"], [T]))
    assert (old / "README.txt").read_text() == "mine"
    assert (old / "splits" / "main.parquet").read_bytes() == b"any"


def test_half_computed_columns_are_not_lost(old, tmp_path):
    (old / "features" / ".photometry.unfinished").mkdir(parents=True)
    with pytest.raises(DataError, match="not whole yet"):
        append_dataset(old, survey(tmp_path / "new", ["s9"], [T]))
    assert (old / "features" / ".photometry.unfinished").exists()


def test_a_mapping_is_imported_and_appended(tmp_path):
    stars = tmp_path / "stars.csv"
    mapping = tmp_path / "stars.yaml"
    mapping.write_text(
        "objects: {file: stars.csv, id: name, ra: ra, dec: dec,"
        " targets: {period: {column: P, unit: d}}}\n"
    )
    stars.write_text("name,ra,dec,P\na,1,2,\nb,3,4,0.5\n")
    import_dataset(mapping, tmp_path / "data")
    stars.write_text("name,ra,dec,P\na,1,2,0.7\nc,5,6,0.9\na,1,2,0.8\n")
    done = append_survey(tmp_path / "data", mapping)
    found = rows(tmp_path / "data")
    assert {name: row["period"] for name, row in found.items()} == {"a": 0.7, "b": 0.5, "c": 0.9}
    assert (
        done.source == lineage_of(Dataset.open(tmp_path / "data")).states[1].source == str(mapping)
    )
    assert [row["object_id"] for row in read_quarantine(tmp_path / "data")] == ["a"]  # twice
    left = [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]
    assert left == []


def test_what_cannot_be_removed_hides_no_error(tmp_path, monkeypatch):
    (tmp_path / "stars.yaml").write_text("objects: {file: stars.csv, id: name, ra: ra, dec: dec}\n")
    (tmp_path / "stars.csv").write_text("name,ra,dec\na,1,2\n")
    import_dataset(tmp_path / "stars.yaml", tmp_path / "data")
    (tmp_path / "stars.csv").write_text("name,ra,dec\n")

    def refuses(path):
        raise PermissionError(f"{path} cannot be renamed")

    monkeypatch.setattr("skybind.ingest.append.remove_whole", refuses)
    with pytest.raises(DataError, match="no object"):
        append_survey(tmp_path / "data", tmp_path / "stars.yaml")
    assert not list(tmp_path.glob("*.appending.*"))


def test_killed_while_it_cleans_up_the_same_command_ends_well(tmp_path, monkeypatch):
    (tmp_path / "stars.yaml").write_text("objects: {file: stars.csv, id: name, ra: ra, dec: dec}\n")
    (tmp_path / "stars.csv").write_text("name,ra,dec\na,1,2\n")
    import_dataset(tmp_path / "stars.yaml", tmp_path / "data")
    (tmp_path / "stars.csv").write_text("name,ra,dec\na,1,2\nc,5,6\n")
    remove = shutil.rmtree

    def some(path, *args, **options):
        if not (path / "objects").exists() or "unfinished" in str(path):
            return remove(path, *args, **options)
        remove(path / "objects")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(shutil, "rmtree", some)
        with pytest.raises(KeyboardInterrupt):
            append_survey(tmp_path / "data", tmp_path / "stars.yaml")
    left = next(path for path in tmp_path.iterdir() if "appended" in path.name)
    # as of a process that was killed
    left.rename(left.with_name(left.name.replace(f"-{os.getpid()}-", "-999999999-")))
    assert append_survey(tmp_path / "data", tmp_path / "stars.yaml").nothing
    assert sorted(rows(tmp_path / "data")) == ["a", "c"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["data", "stars.csv", "stars.yaml"]


KILLED = """
import sys
from skybind.ingest.append import append_dataset
print("ready", flush=True)
append_dataset(sys.argv[1], sys.argv[2])
"""


def test_killed_at_any_moment_it_is_the_old_or_the_new(tmp_path):
    names = [f"s{i}" for i in range(300)]
    times = [T + i / 1000 for i in range(300)]
    old = survey(tmp_path / "old", names[:200], [t[:4] for t in times[:200]], parts=20)
    new = survey(tmp_path / "new", names[100:], times[100:])
    whole = tmp_path / "whole"
    shutil.copytree(old, whole)
    append_dataset(whole, new)
    states = {Dataset.open(old).fingerprint, Dataset.open(whole).fingerprint}
    draw = random.Random(1)
    for number in range(3):
        place = tmp_path / f"try{number}"
        shutil.copytree(old, place)
        command = [sys.executable, "-c", KILLED, str(place), str(new)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            process.stdout.read(5)
            time.sleep(draw.uniform(0, 0.3))
            process.send_signal(signal.SIGKILL)
        assert Dataset.open(place).fingerprint in states
        assert check_dataset(place) == []
        append_dataset(place, new)
        assert Dataset.open(place).fingerprint == Dataset.open(whole).fingerprint
        assert rows(place) == rows(whole)
        assert not list(Path(place).parent.glob(f".{place.name}*"))


def test_every_moment_of_a_failure_leaves_the_old(old, tmp_path, monkeypatch):
    new = survey(tmp_path / "new", ["s1", "s9"], [T, T])
    before = rows(old)
    monkeypatch.setattr("skybind.ingest.append.write_lineage", _fails)
    with pytest.raises(OSError, match="no space"):
        append_dataset(old, new)
    monkeypatch.undo()
    assert rows(old) == before
    append_dataset(old, new)
    assert pc.count(Dataset.open(old).table(["object_id"])["object_id"]).as_py() == 5


def _fails(*given):
    raise OSError(28, "no space left on the device")


def test_a_damaged_lineage_is_named(old, tmp_path):
    append_dataset(old, survey(tmp_path / "new", ["s1", "s9"], [T, T]))
    (table,) = (old / "lineage").iterdir()
    stored = table.read_bytes()
    table.write_bytes(stored[: len(stored) // 2])
    damaged = [d.file for d in check_folder(old).damages]
    assert damaged == [f"lineage/{table.name}", "lineage.json"]
    table.unlink()
    (damage,) = check_folder(old).damages
    assert "bring that file back" in damage.said
    table.write_bytes(stored)
    note = old / "lineage.json"
    note.write_text(note.read_text().replace('"objects": 4', '"objects": 3'))
    assert "lineage.json" in [d.file for d in check_folder(old).damages]
    with pytest.raises(DataError, match=r"lineage.json is damaged \(its checksum differs\)"):
        lineage_of(Dataset.open(old))


def test_what_was_planted_in_new_objects_comes_with_them(old, tmp_path):
    new = survey(tmp_path / "new", ["s1", "s9"], [T, T])
    for folder, names, teff in ((old, ["s0", "s1"], [1.0, 2.0]), (new, ["s1", "s9"], [7.0, 3.0])):
        pq.write_table(pa.table({"object_id": names, "teff": teff}), folder / "truth.parquet")
    append_dataset(old, new)
    truth = pq.read_table(old / "truth.parquet").to_pydict()
    assert truth == {"object_id": ["s0", "s1", "s9"], "teff": [1.0, 2.0, 3.0]}


WITH_ERRORS = {
    **COLUMNS,
    "photometry": Column("observation", fields={**CURVE.fields, "magnitude_err": "mag"}),
    "spectrum": Column("observation", fields={**SPECTRUM.fields, "mask": None}),
}


def test_errors_and_masks_that_the_new_dataset_lacks_stay(tmp_path):
    curve, spectrum = curves([T]), spectra([5])
    curve.fields["magnitude_err"] = np.full(8, 0.01, np.float32)
    spectrum.fields["mask"] = np.arange(6) == 2
    own = {"photometry": curve, "spectrum": spectrum}
    old = survey(tmp_path / "old", ["s0"], [T], [5], columns=WITH_ERRORS, **own)
    before = rows(old)
    same = survey(tmp_path / "same", ["s0"], [T], [5])
    assert append_dataset(old, same, replacing=True).nothing
    assert rows(old) == before
    other = survey(tmp_path / "other", ["s0"], [T], [6], photometry=curves([T], magnitude=11.0))
    done = append_dataset(old, other, replacing=True)
    assert done.counts["photometry: epochs replaced"] == 8
    after = rows(old)["s0"]
    assert np.isnan(after["photometry"]["magnitude_err"]).all()  # those were of other magnitudes
    assert after["spectrum"]["flux"][0] == 6


VISITS = {
    "spectrum": SPECTRUM,
    "spectrum_visits": Column(
        "visits", modality="spectrum", fields={"visit": None, "time": "d", **SPECTRUM.fields}
    ),
}


def visited(folder, fluxes):
    """A dataset of one object with visits named 1, 2, ..."""
    n = len(fluxes)
    own = Visits(
        spectra(fluxes),
        np.asarray([0, n]),
        np.arange(1, n + 1).astype(str).astype(object),
        np.arange(n, dtype=float),
    )
    with DatasetWriter(folder, VISITS) as writer:
        writer.append(
            {"object_id": np.asarray(["a"]), "spectrum": own.first(), "spectrum_visits": own}
        )
    return folder


def single(folder, flux):
    """A dataset of one object with one spectrum, without visits."""
    with DatasetWriter(folder, {"spectrum": SPECTRUM}) as writer:
        writer.append({"object_id": np.asarray(["a"]), "spectrum": spectra([flux])})
    return folder


def test_one_spectrum_is_not_lost_among_visits(tmp_path):
    old, new = visited(tmp_path / "old", [1, 2]), single(tmp_path / "new", 7)
    with pytest.raises(DataError, match=r"one 'spectrum' of an object.*with visits, too"):
        append_dataset(old, new)
    done = append_dataset(new, old, add_columns=True)
    assert done.changed == 1
    found = Dataset.open(new).visits("spectrum")
    assert found.ragged.fields["flux"][[0, 6, 12]].tolist() == [7, 1, 2]
    assert rows(new)["a"]["spectrum"]["flux"][0] == 7  # what is known stays
    assert append_dataset(new, old).nothing


def test_hidden_files_of_the_user_stay(old, tmp_path):
    (old / ".git" / "refs").mkdir(parents=True)
    (old / ".git" / "HEAD").write_text("ref: refs/heads/main")
    (old / ".made.json.0123ab-1-01234567.tmp").write_text("half")
    append_dataset(old, survey(tmp_path / "new", ["s9"], [T]))
    assert (old / ".git" / "HEAD").read_text() == "ref: refs/heads/main"
    assert (old / ".git" / "refs").is_dir()
    assert [path.name for path in old.glob(".*")] == [".git"]


def test_columns_of_other_objects_are_not_taken_over(old, tmp_path):
    other = survey(tmp_path / "other", ["s0", "s1", "s2", "s3"], [T + 0.2, T, None, T])
    compute_features(other)
    shutil.copytree(other / "features", old / "features")
    with pytest.raises(DataError, match="of another state of the dataset"):
        append_dataset(old, survey(tmp_path / "new", ["s9"], [T]))
    assert list(rows_of_objects(old)) == ["s0", "s1", "s2", "s3"]


def rows_of_objects(folder):
    """Names of the objects, whatever stands beside them."""
    return Dataset.open(folder, computed=()).object_ids.tolist()


def test_a_dataset_that_a_killed_process_had_moved_aside_is_found(old, tmp_path):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    machine = files._mark().partition("-")[0]
    old.rename(tmp_path / f".stars.{machine}-{gone.pid}-01234567.old")
    append_survey(old, survey(tmp_path / "new", ["s9"], [T]))
    assert rows_of_objects(old) == ["s0", "s1", "s2", "s3", "s9"]


def test_two_mappings_at_a_time_are_appended_one_after_the_other(tmp_path, monkeypatch):
    for name, star in (("one", "b,3,4,0.5"), ("two", "c,5,6,0.9")):
        (tmp_path / f"{name}.csv").write_text(f"name,ra,dec,P\n{star}\n")
        (tmp_path / f"{name}.yaml").write_text(
            f"objects: {{file: {name}.csv, id: name, ra: ra, dec: dec,"
            " targets: {period: {column: P, unit: d}}}\n"
        )
    import_dataset(tmp_path / "one.yaml", tmp_path / "data")
    begun, real = threading.Event(), append.append_dataset

    def slow(folder, source, **options):
        if options["told"].endswith("one.yaml"):
            begun.set()
            time.sleep(0.5)  # the other one would import over this one's objects
        return real(folder, source, **options)

    monkeypatch.setattr(append, "append_dataset", slow)
    (tmp_path / "one.csv").write_text("name,ra,dec,P\nd,7,8,0.7\n")
    first = threading.Thread(target=append_survey, args=(tmp_path / "data", tmp_path / "one.yaml"))
    first.start()
    begun.wait(20)
    append_survey(tmp_path / "data", tmp_path / "two.yaml")
    first.join()
    assert sorted(rows_of_objects(tmp_path / "data")) == ["b", "c", "d"]


@pytest.mark.parametrize("units", [("mag(AB)", "mag"), ("mag", "mag(Vega)"), ("mag", "mag(AB)")])
def test_magnitudes_of_another_system_are_refused(tmp_path, units):
    for folder, unit in zip(("old", "new"), units, strict=True):
        columns = {**COLUMNS, "period": Column("target", unit)}
        survey(tmp_path / folder, ["s0"], [T], columns=columns)
    with pytest.raises(DataError, match=r"'period' of .* photometric system"):
        append_dataset(tmp_path / "old", tmp_path / "new")


def test_objects_of_one_name_are_refused(old, tmp_path):
    new = survey(tmp_path / "new", ["s8", "s9"], [T, T])
    part = new / "objects" / "part-00000.parquet"
    table = pq.read_table(part)
    pq.write_table(table.take([0, 1, 0]), part)
    with pytest.raises(DataError, match="new has the object 's8' more than once"):
        append_dataset(old, new)
