"""The releases of the AstroCLIP data, with PROVABGS joined."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
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
from skybind.ingest.readers import astroclip_hdf5, astroclip_hub
from skybind.ingest.readers.provabgs import read_provabgs
from skybind.ingest.survey import import_dataset, import_files
from tests.ingest.galaxy_files import (
    BINS,
    FIRST_ID,
    galaxies,
    provabgs_rows,
    write_hdf5,
    write_provabgs,
    write_shard,
)

Groups = dict[str, dict[str, np.ndarray]]


def ids_of(arrays: dict[str, np.ndarray]) -> list[str]:
    return [str(i) for i in arrays["targetids"].tolist()]


def expect(d: Dataset, arrays: list[dict[str, np.ndarray]]) -> None:
    """Every object is there, in order, to the last bit."""
    assert d.object_ids.tolist() == [i for a in arrays for i in ids_of(a)]
    image, spectrum = d.ragged("image"), d.ragged("spectrum")
    for band, name in enumerate("grz"):
        want = np.concatenate([a["images"][..., band].ravel() for a in arrays])
        np.testing.assert_array_equal(image.fields[name], want)
    flux = np.concatenate([a["spectra"].ravel() for a in arrays])
    np.testing.assert_array_equal(spectrum.fields["flux"], flux)
    wavelength = spectrum.fields["wavelength"].reshape(-1, BINS)
    np.testing.assert_allclose(wavelength[0], np.linspace(3600, 9824, BINS), rtol=1e-6)
    assert (wavelength == wavelength[0]).all()
    assert not spectrum.fields["mask"].any()
    assert list(image.fields) == ["g", "r", "z"]
    assert d.schema.columns["image"].attributes == {"pixel_scale": 0.262, "stretch": "linear"}
    assert set(d.schema.columns["image"].fields.values()) == {"nmgy"}
    assert check_dataset(d.path) == []


def parts_of(d: Dataset) -> list[str]:
    split = Split.read(d.path / "splits" / "published.parquet").align(d.object_ids)
    return split.part.tolist()


@pytest.mark.parametrize(
    ("layout", "storage"),
    [
        ("as published", {}),
        ("two axes", {"chunks": True, "compression": "gzip"}),
        ("one group of smaller images", {}),
    ],
)
def test_the_hdf5_file(tmp_path, monkeypatch, layout, storage):
    monkeypatch.setattr(astroclip_hdf5, "ROWS", 4)
    groups = {str(g): galaxies(6, seed=g) for g in (0, 2, 10)}
    if layout == "one group of smaller images":
        groups["2"]["images"] = groups["2"]["images"][:, :8, :8]
    stored = {name: dict(arrays) for name, arrays in groups.items()}
    if layout == "as published":
        for arrays in stored.values():
            arrays["spectra"] = arrays["spectra"][..., None]
    write_hdf5(tmp_path / "a.h5", stored, **storage)
    summary = import_files("astroclip_hdf5", tmp_path / "a.h5", tmp_path / "out")
    d = Dataset.open(tmp_path / "out")
    expect(d, list(groups.values()))
    assert parts_of(d) == (["train"] * 4 + ["test"] * 2) * 3
    redshift = np.concatenate([a["redshifts"] for a in groups.values()])
    np.testing.assert_array_equal(d.column("redshift"), redshift)
    assert summary.observed == {"image": 18, "spectrum": 18}
    assert summary.quarantined == {}
    assert json.loads((d.path / "import.json").read_text()) == vars(summary)


def test_the_hub_form(tmp_path, monkeypatch):
    monkeypatch.setattr(astroclip_hub, "ROWS", 3)
    shards = [galaxies(7, seed=1), galaxies(5, seed=2), galaxies(4, seed=3)]
    for name, arrays in zip(
        ("train-00000-of-00002", "train-00001-of-00002", "test-00000-of-00001"), shards, strict=True
    ):
        write_shard(tmp_path / "data" / f"{name}.parquet", arrays)
    import_files("astroclip_hub", tmp_path / "data", tmp_path / "out")
    d = Dataset.open(tmp_path / "out")
    expect(d, shards)
    assert parts_of(d) == ["train"] * 12 + ["test"] * 4
    np.testing.assert_array_equal(
        d.column("redshift"), np.concatenate([a["redshifts"] for a in shards])
    )


def test_fixed_size_lists_of_the_hub(tmp_path):
    arrays = galaxies(3)
    flat = pa.array(arrays["images"].ravel())
    for size in (3, 12, 12):
        flat = pa.FixedSizeListArray.from_arrays(flat, size)
    spectra = pa.FixedSizeListArray.from_arrays(pa.array(arrays["spectra"].ravel()), BINS)
    table = pa.table(
        {
            "image": flat,
            "spectrum": spectra,
            "redshift": arrays["redshifts"],
            "targetid": arrays["targetids"],
        }
    )
    (tmp_path / "data").mkdir()
    pq.write_table(table, tmp_path / "data" / "train.parquet")
    import_files("astroclip_hub", tmp_path / "data", tmp_path / "out")
    expect(Dataset.open(tmp_path / "out"), [arrays])


def test_an_interrupted_hub_import_reads_only_the_rest(tmp_path, monkeypatch):
    monkeypatch.setattr(astroclip_hub, "ROWS", 2)
    shards = [galaxies(7, seed=1), galaxies(5, seed=2)]
    for i, arrays in enumerate(shards):
        write_shard(tmp_path / "data" / f"train-{i}.parquet", arrays)
    chunk, calls = astroclip_hub._chunk, []

    def counted(run: Any, release: Any) -> Any:
        calls.append((run.shard.name, run.start))
        if len(calls) == 3:
            raise KeyboardInterrupt
        return chunk(run, release)

    monkeypatch.setattr(astroclip_hub, "_chunk", counted)
    with pytest.raises(KeyboardInterrupt):
        import_files("astroclip_hub", tmp_path / "data", tmp_path / "out")
    import_files("astroclip_hub", tmp_path / "data", tmp_path / "out")
    assert calls[3] == calls[2]
    assert len(calls) == len(set(calls)) + 1
    expect(Dataset.open(tmp_path / "out"), shards)


MAPPING = {"reader": "astroclip_hdf5", "path": "a.h5", "options": {"provabgs": "bgs.hdf5"}}


@pytest.mark.parametrize("written", ["compound", "nested compound", "columns", "astropy"])
def test_provabgs_is_joined_with_the_cuts_of_the_reports(tmp_path, written):
    arrays = galaxies(9)
    ids = arrays["targetids"]
    # in another order, with others between, one object without a match, one twice
    rows = provabgs_rows(np.concatenate([ids[:8][::-1], [5, 7], ids[:1]]))
    rows["Z_HP"] = np.arange(11) / 100
    rows["PROVABGS_LOGMSTAR_BF"] = 10 + np.arange(11) / 10
    rows["PROVABGS_LOGMSTAR_BF"][7 - 1], rows["PROVABGS_LOGMSTAR_BF"][7 - 2] = 0, -1
    rows["MAG_G"][7 - 3], rows["MAG_Z"][7 - 4] = 0, np.nan
    path = tmp_path / "bgs.hdf5"
    if written == "columns":
        with h5py.File(path, "w") as file:
            for name in rows.dtype.names:
                file.create_dataset(f"table/{name}", data=rows[name])
    elif written == "astropy":
        from astropy.table import Table

        Table(rows).write(path, path="bgs", serialize_meta=True)
    else:
        write_provabgs(path, rows, "a/b" if written == "nested compound" else "__astropy_table__")
    write_hdf5(tmp_path / "a.h5", {"0": arrays})
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(MAPPING))
    import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    d = Dataset.open(tmp_path / "out")
    assert len(d) == 9
    nan = np.nan
    want = {
        "redshift": [0.07, nan, nan, nan, nan, 0.02, 0.01, 0.0, nan],
        "log_mass": [10.7, nan, nan, nan, nan, 10.2, 10.1, 10.0, nan],
        "mag_r": [19.0, nan, nan, nan, nan, 19, 19, 19, nan],
    }
    for name, values in want.items():
        np.testing.assert_allclose(d.column(name), values, atol=1e-12)
    assert d.schema.with_role("target") == ["redshift", "log_mass"]
    assert d.schema.features("metadata") == ["mag_g", "mag_r", "mag_z"]
    np.testing.assert_array_equal(d.column("redshift_release"), arrays["redshifts"])
    reasons = {r["object_id"]: r["reason"] for r in read_quarantine(d.path)}
    assert reasons == {
        ids_of(arrays)[0]: "TARGETID occurs twice: its first row counts",
        ids_of(arrays)[1]: "cut: no positive stellar mass in PROVABGS",
        ids_of(arrays)[2]: "cut: no positive stellar mass in PROVABGS",
        ids_of(arrays)[3]: "cut: no positive magnitude g in PROVABGS",
        ids_of(arrays)[4]: "cut: no positive magnitude z in PROVABGS",
        ids_of(arrays)[8]: "its TARGETID is not in the table",
    }


def test_neighbouring_targetids_are_not_confused(tmp_path):
    """They differ beyond the digits of a double."""
    rows = provabgs_rows(FIRST_ID + np.arange(4), Z_HP=[0.1, 0.2, 0.3, 0.4])
    write_provabgs(tmp_path / "p.hdf5", rows)
    table = read_provabgs(tmp_path / "p.hdf5")
    values, _ = table.match(FIRST_ID + np.array([2, 0, 9]))
    np.testing.assert_array_equal(values["redshift"], [0.3, 0.1, np.nan])


def drop(group: dict[str, np.ndarray], name: str) -> None:
    del group[name]


def put(group: dict[str, np.ndarray], name: str, row: Any, value: Any) -> None:
    group[name][row] = value


def cut(group: dict[str, np.ndarray], name: str, change: Callable[[np.ndarray], Any]) -> None:
    group[name] = change(group[name])


IMAGE, SPECTRUM = ("image",), ("spectrum",)
# what is broken in group "1" of two with 6 objects each: (objects left of the group, modalities
# lost by object 2 of the group, a reason, how many times)
BROKEN: dict[str, tuple[Callable[[dict], None], int, tuple[str, ...], str, int]] = {
    "image of NaN": (lambda g: put(g, "images", 2, np.nan), 6, IMAGE, "all pixels masked", 1),
    "image of zeros": (lambda g: put(g, "images", 2, 0), 6, IMAGE, "constant image", 1),
    "infinite pixels": (lambda g: put(g, "images", (2, 0), np.inf), 6, (), "", 0),
    "spectrum of zeros": (lambda g: put(g, "spectra", 2, 0), 6, SPECTRUM, "constant flux", 1),
    "spectrum of NaN": (
        lambda g: put(g, "spectra", 2, np.nan), 6, SPECTRUM, "all pixels masked", 1,
    ),
    "redshift NaN": (
        lambda g: put(g, "redshifts", 2, np.nan), 6, (), "no finite redshift", 1,
    ),
    "name of another": (
        lambda g: put(g, "targetids", 2, g["targetids"][1]), 5, (), "the name occurs twice", 1,
    ),
    "name in another group": (
        lambda g: put(g, "targetids", 2, galaxies(6)["targetids"][0]), 5, (),
        "the name occurs twice", 1,
    ),
    "images not square": (
        lambda g: cut(g, "images", lambda a: a[:, :10]), 6, IMAGE, "the image is not square", 6,
    ),
    "two bands": (
        lambda g: cut(g, "images", lambda a: a[..., :2]), 6, IMAGE, "the image is not square", 6,
    ),
    "images flat": (
        lambda g: cut(g, "images", lambda a: a.reshape(6, -1)), 6, IMAGE,
        "the image is not square", 6,
    ),
    "another grid": (
        lambda g: cut(g, "spectra", lambda a: a[:, :7000]), 6, SPECTRUM,
        "the spectrum has not 7,781 bins", 6,
    ),
    "no images": (lambda g: drop(g, "images"), 6, IMAGE, "no dataset 'images'", 6),
    "no spectra": (lambda g: drop(g, "spectra"), 6, SPECTRUM, "no dataset 'spectra'", 6),
    "no redshifts": (lambda g: drop(g, "redshifts"), 6, (), "no finite redshift", 6),
    "no names": (lambda g: drop(g, "targetids"), 0, (), "the group has no list 'targetids'", 1),
    "names as floats": (
        lambda g: cut(g, "targetids", lambda a: a.astype(float)), 0, (), "are not integers", 1,
    ),
    "fewer images": (
        lambda g: cut(g, "images", lambda a: a[:2]), 6, IMAGE, "has fewer rows", 4,
    ),
    "fewer spectra": (
        lambda g: cut(g, "spectra", lambda a: a[:2]), 6, SPECTRUM, "has fewer rows", 4,
    ),
    "fewer redshifts": (
        lambda g: cut(g, "redshifts", lambda a: a[:2]), 6, (), "no finite redshift", 4,
    ),
    "more images": (
        lambda g: cut(g, "images", lambda a: np.concatenate([a, a])), 6, (), "has more rows", 1,
    ),
    "empty group": (lambda g: g.clear(), 0, (), "the group has no list 'targetids'", 1),
}  # fmt: skip


@pytest.mark.parametrize("what", BROKEN)
def test_what_is_broken_is_set_aside_and_counted(tmp_path, what):
    breaks, left, lost, reason, count = BROKEN[what]
    groups = {"0": galaxies(6), "1": galaxies(6, seed=1)}
    name = ids_of(groups["1"])[2]
    breaks(groups["1"])
    write_hdf5(tmp_path / "a.h5", groups)
    summary = import_files("astroclip_hdf5", tmp_path / "a.h5", tmp_path / "out")
    d = Dataset.open(tmp_path / "out")
    assert len(d) == 6 + left
    assert check_dataset(d.path) == []
    for modality in ("image", "spectrum"):
        present = dict(zip(d.object_ids.tolist(), d.present(modality).tolist(), strict=True))
        if name in present:
            assert present[name] == (modality not in lost)
    found = [row["reason"] for row in read_quarantine(d.path)]
    assert sum(reason in text for text in found) == count == len(found)
    assert sum(summary.quarantined.values()) == count
    assert set(Split.read(d.path / "splits" / "published.parquet").object_id) == set(d.object_ids)


def test_a_damaged_row_costs_only_itself(tmp_path):
    arrays = galaxies(6)
    write_hdf5(tmp_path / "a.h5", {"0": arrays}, chunks=True, fletcher32=True)
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        del file["0/images"]
        file["0"].create_dataset(
            "images", data=arrays["images"], chunks=(1, 12, 12, 3), fletcher32=True
        )
        place = file["0/images"].id.get_chunk_info(2).byte_offset
    with (tmp_path / "a.h5").open("r+b") as raw:
        raw.seek(place + 100)
        raw.write(b"damage")
    import_files("astroclip_hdf5", tmp_path / "a.h5", tmp_path / "out")
    d = Dataset.open(tmp_path / "out")
    assert d.present("image").tolist() == [i != 2 for i in range(6)]
    assert d.present("spectrum").all()
    assert [row["reason"] for row in read_quarantine(d.path)] == [
        "the row of 'images' is damaged in the file"
    ]


def unreadable(content: bytes) -> Callable[[Path], None]:
    return lambda path: path.write_bytes(content) and None


def truncated(path: Path) -> None:
    write_hdf5(path, {"0": galaxies(6)})
    path.write_bytes(path.read_bytes()[:-2000])


STOPS: dict[str, tuple[Callable[[Path], Any], str]] = {
    "no file": (lambda path: None, "There is no file"),
    "a folder": (lambda path: path.mkdir(), "is a folder"),
    "empty": (unreadable(b""), "cannot be read as HDF5"),
    "text": (unreadable(b"hello" * 100), "cannot be read as HDF5"),
    "cut off": (truncated, "cannot be read as HDF5: .*truncated"),
    "no group": (lambda path: write_hdf5(path, {}), "has no group with objects"),
    "groups of something else": (
        lambda path: write_hdf5(path, {"a": {"x": np.zeros(3)}}), "no list 'targetids'",
    ),
    "no object": (
        lambda path: write_hdf5(path, {"0": {k: v[:0] for k, v in galaxies(2).items()}}),
        "has no group with objects",
    ),
}  # fmt: skip


@pytest.mark.parametrize("what", STOPS)
def test_a_file_that_is_none_stops_the_import_with_one_sentence(tmp_path, what):
    makes, sentence = STOPS[what]
    makes(tmp_path / "a.h5")
    with pytest.raises(DataError, match=sentence) as caught:
        import_files("astroclip_hdf5", tmp_path / "a.h5", tmp_path / "out")
    assert "\n" not in str(caught.value)
    assert {p.name for p in tmp_path.iterdir()} <= {"a.h5"}


def broken_shard(change: Callable[[dict[str, Any]], None]) -> dict[str, Any]:
    arrays: dict[str, Any] = {k: list(v) for k, v in galaxies(6).items()}
    change(arrays)
    return arrays


SHARDS: dict[str, tuple[Callable[[dict[str, Any]], None], int, str, int]] = {
    "no image": (lambda a: put(a, "images", 2, None), 6, "null in the file", 1),
    "no spectrum": (lambda a: put(a, "spectra", 2, None), 6, "null in the file", 1),
    "no name": (lambda a: put(a, "targetids", 2, None), 5, "no targetid", 1),
    "no redshift": (lambda a: put(a, "redshifts", 2, None), 6, "no finite redshift", 1),
    "smaller image": (lambda a: put(a, "images", 2, a["images"][2][:8, :8]), 6, "", 0),
    "not square": (lambda a: put(a, "images", 2, a["images"][2][:8]), 6, "is not square", 1),
    "two bands": (lambda a: put(a, "images", 2, a["images"][2][..., :2]), 6, "is not square", 1),
    "empty": (lambda a: put(a, "images", 2, np.zeros((0, 0, 3))), 6, "is not square", 1),
    "short": (lambda a: put(a, "spectra", 2, np.ones(9)), 6, "has not 7,781 bins", 1),
    "all NaN": (lambda a: put(a, "spectra", 2, np.full(BINS, np.nan)), 6, "all pixels masked", 1),
    "twice": (lambda a: put(a, "targetids", 2, a["targetids"][0]), 5, "occurs twice", 1),
}


@pytest.mark.parametrize("what", SHARDS)
def test_what_is_broken_in_a_shard_is_set_aside(tmp_path, what):
    change, left, reason, count = SHARDS[what]
    write_shard(tmp_path / "data" / "train-0.parquet", broken_shard(change))
    import_files("astroclip_hub", tmp_path / "data", tmp_path / "out")
    d = Dataset.open(tmp_path / "out")
    assert len(d) == left
    found = [row["reason"] for row in read_quarantine(d.path)]
    assert len(found) == count
    assert all(reason in text for text in found)
    assert check_dataset(d.path) == []
    sound = galaxies(6)["images"][3]  # neighbours keep what is theirs
    place = d.object_ids.tolist().index(str(FIRST_ID + 3))
    image = d.ragged("image").take(np.array([place]))
    np.testing.assert_array_equal(image.fields["r"], sound[..., 1].ravel())


def test_damaged_shards_cost_only_themselves(tmp_path):
    good = galaxies(6)
    data = tmp_path / "data"
    write_shard(data / "train-0.parquet", good)
    write_shard(data / "train-1.parquet", galaxies(6, seed=1))
    write_shard(data / "train-2.parquet", galaxies(6, seed=2), row_group=3)
    pq.write_table(pa.table({"image": [1]}), data / "train-3.parquet")
    cut = data / "train-1.parquet"
    cut.write_bytes(cut.read_bytes()[:-100])
    scratched = bytearray((data / "train-2.parquet").read_bytes())
    column = pq.ParquetFile(data / "train-2.parquet").metadata.row_group(1).column(1)
    start = column.data_page_offset
    scratched[start : start + 40] = b"x" * 40
    (data / "train-2.parquet").write_bytes(scratched)
    import_files("astroclip_hub", data, tmp_path / "out")
    d = Dataset.open(tmp_path / "out")
    assert d.object_ids.tolist() == ids_of(good) + ids_of(galaxies(6, seed=2))[:3]
    reasons = {r["source"]: r["reason"] for r in read_quarantine(d.path)}
    assert set(reasons) == {"train-1.parquet", "train-2.parquet", "train-3.parquet"}
    assert "no readable Parquet" in reasons["train-1.parquet"]
    assert "3 objects" in reasons["train-2.parquet"]
    assert "no column 'spectrum'" in reasons["train-3.parquet"]


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        (provabgs_rows(np.arange(0)), "has no rows"),
        (np.zeros(3, [("TARGETID", "<i8"), ("Z_HP", "<f8")]), "has no column PROVABGS_LOGMSTAR_BF"),
        (np.zeros(3, [("ID", "<i8")]), "has no table with a column TARGETID"),
        (
            provabgs_rows(np.arange(3)).astype(
                [(n, "<f8") for n in provabgs_rows(np.arange(1)).dtype.names[:-1]]
                + [("PROVABGS_MCMC", "<f8", (3, 4))]
            ),
            "TARGETID is not of integers",
        ),
    ],
)
def test_a_table_that_is_not_provabgs(tmp_path, rows, sentence):
    write_provabgs(tmp_path / "p.hdf5", rows)
    with pytest.raises(DataError, match=sentence):
        read_provabgs(tmp_path / "p.hdf5")


def test_wrong_options_are_named(tmp_path):
    write_hdf5(tmp_path / "a.h5", {"0": galaxies(2)})
    with pytest.raises(ConfigError, match="provabgs"):
        import_files("astroclip_hdf5", tmp_path / "a.h5", tmp_path / "out", {"provags": "x"})
    with pytest.raises(ConfigError, match="astroclip_hdf5"):
        import_files("astroclip_hdf", tmp_path / "a.h5", tmp_path / "out")


MEASURED = """
import resource, sys
from skybind.ingest.survey import import_files
import_files("astroclip_hdf5", sys.argv[1], sys.argv[2])
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


@pytest.mark.slow
def test_a_file_of_gigabytes_in_constant_memory(tmp_path):
    """3.1 GB in the layout of the 60 GB; killed on the way; removed in the end (peak: 0.5 GB)."""
    path, n_groups, n = tmp_path / "astroclip_desi.1.1.5.h5", 10, 1000
    rng = np.random.default_rng(0)
    base = rng.normal(0, 1, (100, 152, 152, 3)).astype(np.float32)
    with h5py.File(path, "w") as file:
        for g in range(n_groups):
            group = file.create_group(str(g))
            images = group.create_dataset("images", (n, 152, 152, 3), "f4")
            spectra = group.create_dataset("spectra", (n, BINS, 1), "f4")
            for start in range(0, n, 100):
                images[start : start + 100] = base * (g * n + start + 1)
                spectra[start : start + 100] = rng.normal(1, 1, (100, BINS, 1))
            group["redshifts"] = rng.uniform(0, 0.6, n).astype(np.float32)
            group["targetids"] = FIRST_ID + g * n + np.arange(n)
    size = path.stat().st_size
    try:
        assert size > 3e9
        command = [sys.executable, "-c", MEASURED, str(path), str(tmp_path / "out")]
        process = subprocess.Popen(command)
        journal = tmp_path / ".out.unfinished" / "journal"
        begun = time.monotonic()
        while not (journal / "00010.json").exists() and time.monotonic() - begun < 300:
            time.sleep(0.05)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert not (tmp_path / "out").exists()
        done = len(list(journal.glob("*.json")))
        assert 10 < done < 40
        out = subprocess.run(command, check=True, capture_output=True, text=True)
        peak = int(out.stdout) * 1024
        print(f"{size / 1e9:.1f} GB, peak {peak / 1e9:.2f} GB, {done} of 40 steps kept")
        assert peak < 1.5e9
        d = Dataset.open(tmp_path / "out")
        assert len(d) == n_groups * n
        with h5py.File(path) as file:
            for row in (0, 4321, 9999):
                image = d.ragged("image", np.array([row])).fields["z"]
                want = file[f"{row // n}/images"][row % n, :, :, 2]
                np.testing.assert_array_equal(image, want.ravel())
    finally:
        path.unlink()
        for left in (tmp_path / "out", tmp_path / ".out.unfinished"):
            shutil.rmtree(left, ignore_errors=True)


@pytest.mark.parametrize("form", ["hdf5", "hub"])
def test_text_where_a_redshift_should_be(tmp_path, form):
    arrays = galaxies(3)
    words = ["0.25", "faint\x1b[2J", "nan"]
    if form == "hdf5":
        write_hdf5(tmp_path / "a.h5", {"0": arrays | {"redshifts": np.array(words, "S12")}})
    else:
        write_shard(tmp_path / "a.h5" / "train-0.parquet", arrays)
        shard = tmp_path / "a.h5" / "train-0.parquet"
        table = pq.read_table(shard)
        place = table.schema.get_field_index("redshift")
        pq.write_table(table.set_column(place, "redshift", pa.array(words)), shard)
    import_files(f"astroclip_{form}", tmp_path / "a.h5", tmp_path / "out")
    data = Dataset.open(tmp_path / "out")
    assert data.object_ids.tolist() == [str(i) for i in arrays["targetids"]]
    np.testing.assert_array_equal(data.column("redshift"), [0.25, np.nan, np.nan])
    assert data.present("spectrum").all()
    rows = read_quarantine(tmp_path / "out")
    (row,) = [row for row in rows if "no number" in row["reason"]]
    assert row["object_id"] == str(arrays["targetids"][1]), rows
    assert row["reason"] == r"its redshift is no number: 'faint\x1b[2J'"
    assert check_dataset(tmp_path / "out") == []
