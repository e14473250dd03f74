"""Arrays of npz files: rows are read alone, however the file holds them."""

import errno
import io
import os
import tracemalloc
import zipfile

import numpy as np
import pytest

from skybind.errors import DataError
from skybind.ingest.readers import arrays
from skybind.ingest.readers.arrays import OPENERS
from skybind.ingest.readers.zips import open_zip, read_member

VALUES = np.random.default_rng(0).normal(size=(50, 3, 4)).astype(np.float32)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_rows_are_those_of_the_whole(tmp_path, monkeypatch, save, order):
    monkeypatch.setattr(arrays, "LARGE", 0)
    monkeypatch.setattr(arrays, "SKIPPED", 100)
    save(tmp_path / "a.npz", grid=np.arange(4.0), flux=np.asarray(VALUES, order=order))
    found = OPENERS["npz"](tmp_path / "a.npz", "a.npz", None)
    assert not isinstance(found["flux"], np.ndarray)
    assert found["flux"].shape == VALUES.shape
    for rows in ([3, 4, 5], [20, 20, 49], [0], [], [7, 30]):  # onwards, back, onwards
        rows = np.asarray(rows, np.int64)
        np.testing.assert_array_equal(found.rows("flux", rows), VALUES[rows])
    np.testing.assert_array_equal(found["grid"][()], np.arange(4.0))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("order", ["C", "F"])
def test_a_large_array_is_not_in_memory(tmp_path, monkeypatch, save, order):
    monkeypatch.setattr(arrays, "LARGE", 1 << 20)
    save(tmp_path / "a.npz", flux=np.zeros((40_000, 100), order=order))  # 32 MB
    tracemalloc.start()
    found = OPENERS["npz"](tmp_path / "a.npz", "a.npz", None)
    for start in range(0, 40_000, 1000):
        found.rows("flux", np.arange(start, start + 1000))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8e6


def test_an_array_that_is_cut_short_is_told(tmp_path, monkeypatch):
    monkeypatch.setattr(arrays, "LARGE", 0)
    np.save(tmp_path / "a.npy", VALUES)
    cut = (tmp_path / "a.npy").read_bytes()[:-600]
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("flux.npy", cut)
    found = OPENERS["npz"](tmp_path / "a.npz", "a.npz", None)
    with pytest.raises(arrays.DataError, match="'flux' is damaged"):
        found.rows("flux", np.array([49]))


@pytest.mark.parametrize("kind", [arrays.Arrays, arrays._FitsArrays])
@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.ENOMEM, errno.EMFILE])
def test_what_the_machine_cannot_read_is_no_damaged_row(kind, number):
    class Failing:
        shape = (5, 2)

        def __getitem__(self, rows):
            raise OSError(number, os.strerror(number))

    with pytest.raises(OSError, match=os.strerror(number)):
        kind("a", {"flux": Failing()}).rows("flux", np.array([1]))


def test_other_errors_of_reading_are_of_the_row():
    class Failing:
        shape = (5, 2)

        def __getitem__(self, rows):
            raise OSError("Can't read data (inflate() failed)")  # h5py's, without a number

    with pytest.raises(arrays.DamagedRowsError, match="'flux' is damaged"):
        arrays.Arrays("a", {"flux": Failing()}).rows("flux", np.array([1]))


def test_a_disk_that_fails_while_a_zip_is_read_is_not_a_damaged_zip(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("x", b"1")

    def fail(*_):
        raise OSError(errno.EIO, "Input/output error")

    with open_zip(tmp_path / "a.zip", "spectra") as archive:
        monkeypatch.setattr(zipfile.ZipExtFile, "read", fail)
        with pytest.raises(OSError, match="Input/output error"):
            read_member(archive, "x")


def test_an_array_does_not_go_on_in_what_follows_it(tmp_path):
    header = io.BytesIO()
    kind = {"descr": "<f4", "fortran_order": False, "shape": (3, 10)}
    np.lib.format.write_array_header_1_0(header, kind)
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("flux.npy", header.getvalue() + np.ones(20, "<f4").tobytes())
        archive.writestr("more.npy", header.getvalue() + np.ones(30, "<f4").tobytes())
    with pytest.raises(DataError, match=r"'flux\.npy' has fewer bytes than its header says"):
        OPENERS["npz"](tmp_path / "a.npz", "a.npz", None)
