"""What files declare or unpack to is weighed before memory is taken for it."""

import gzip
import io
import os
import zipfile

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from skybind import limits
from skybind.errors import ConfigError, DataError
from skybind.ingest.readers.arrays import OPENERS
from skybind.ingest.readers.contents import read_bytes, unzip_file, unzipped
from skybind.ingest.readers.piece_types import table_size
from skybind.ingest.readers.sizes import MOST_COLUMNS, check_columns
from skybind.ingest.readers.tables import TableOptions, read_table
from skybind.ingest.readers.zips import open_zip, read_member
from skybind.limits import FREE, VARIABLE, at_most
from tests.ingest.test_broken_inputs import STARS, Survey


def test_gzip_bombs(tmp_path):
    bomb = gzip.compress(bytes(FREE + 1), 1)
    (tmp_path / "a.gz").write_bytes(bomb)
    with pytest.raises(DataError, match=r"a.gz would take 200 MB"):
        unzipped(bomb, "a.gz")
    with pytest.raises(DataError, match=r"a.gz would take 200 MB"):
        unzip_file(tmp_path / "a.gz", tmp_path / "b", "a.gz")
    assert [path.name for path in tmp_path.iterdir()] == ["a.gz"]
    assert unzipped(gzip.compress(bytes(10**7)), "a.gz") == bytes(10**7)


def test_a_member_that_lies_about_its_size(tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("a", bytes(FREE + 1))
    whole = out.getvalue()
    lie = whole.replace((FREE + 1).to_bytes(4, "little"), (100).to_bytes(4, "little"))
    for content, sentence in ((whole, "a would take 200 MB"), (lie, "a cannot be read from")):
        (tmp_path / "a.zip").write_bytes(content)
        with (
            open_zip(tmp_path / "a.zip", "spectrum") as archive,
            pytest.raises(DataError, match=sentence),
        ):
            read_member(archive, "a")


def test_hdf5_that_declares_what_it_does_not_hold(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["small"] = np.arange(10)
        file.create_dataset("flux", (10**11,), np.float32, chunks=True, compression="gzip")
    with pytest.raises(DataError, match=r"'flux' of a.h5 would take 400 GB or more from 0 bytes"):
        OPENERS["hdf5"](tmp_path / "a.h5", "a.h5", None)
    with at_most("1TB"):
        assert OPENERS["hdf5"](tmp_path / "a.h5", "a.h5", None)["flux"].shape == (10**11,)


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_file_is_not_waited_for(tmp_path, kind):
    path = tmp_path / "a.csv"
    os.mkfifo(path) if kind == "pipe" else path.symlink_to("/dev/zero")
    with pytest.raises(DataError, match=r"a.csv is a pipe, a device or a socket"):
        read_bytes(path)


@pytest.mark.parametrize(("name", "mark"), [("a.csv", ","), ("a.txt", " ")])
def test_columns_beyond_number(name, mark):
    names = mark.join(f"c{i}" for i in range(200_000))
    with pytest.raises(DataError, match="has 200,000 columns"):
        read_table(f"{names}\n{mark.join('1' * 200_000)}\n".encode(), name)
    check_columns(MOST_COLUMNS, name)


def test_the_mapping_sets_a_limit(tmp_path, monkeypatch):
    survey = Survey(tmp_path)
    survey.write("stars.csv", STARS + "".join(f"c{i},1,1,M,1\n" for i in range(1000)))
    survey.set("max_file", "10kB")
    with pytest.raises(DataError, match=r"stars.csv would take .* kB or more"):
        survey.run()
    survey.write("m.yaml", (tmp_path / "m.yaml").read_text().replace("10kB", "a lot"))
    with pytest.raises(ConfigError, match="'a lot' is no size"):
        survey.run()
    survey.write("m.yaml", (tmp_path / "m.yaml").read_text().replace("a lot", "10kB"))
    monkeypatch.setenv(VARIABLE, "20kB")  # as --max-file does
    assert survey.run().is_dir()


def test_a_parquet_table_too_large_to_be_read_at_once_may_be_read_in_pieces(tmp_path, monkeypatch):
    path = tmp_path / "stars.parquet"
    pq.write_table(pa.table({"a": np.arange(5000.0)}), path)
    monkeypatch.setattr(limits, "MOST", 39_999)
    assert table_size(path, path.name, TableOptions()) >= 40_000
    with pytest.raises(DataError, match=r"stars\.parquet would take 48.2 kB"):
        read_table(path.read_bytes(), path.name)
