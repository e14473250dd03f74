import numpy as np
import pytest

from skybind import sums
from skybind.errors import DataError
from skybind.sums import block_sums, verify_sums


@pytest.fixture
def small(monkeypatch):
    monkeypatch.setattr(sums, "BLOCK", 100)
    monkeypatch.setattr(sums, "SAMPLE", 8)


def flip(path, place):
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(data)


@pytest.mark.parametrize("size", [0, 1, 99, 100, 101, 750])
def test_a_file_that_is_whole_passes_and_any_other_is_refused(tmp_path, small, size):
    path = tmp_path / "x.bin"
    path.write_bytes(np.random.default_rng(1).bytes(size))
    known = block_sums(path)
    assert len(known) == -(-size // 100)
    verify_sums(path, known, "make it again")
    for place in range(0, size, 37):
        flip(path, place)
        with pytest.raises(DataError, match=r"x\.bin is damaged.*: make it again\."):
            verify_sums(path, known, "make it again")
        flip(path, place)
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(DataError, match="damaged"):
        verify_sums(path, known, "make it again")
    path.unlink()
    with pytest.raises(DataError, match=r"cannot be read \(no such file.*make it again\."):
        verify_sums(path, known, "make it again")


def test_of_a_large_file_a_sample_is_verified_with_both_ends(tmp_path, small):
    path = tmp_path / "x.bin"
    path.write_bytes(np.random.default_rng(1).bytes(100 * 400))
    known = block_sums(path)
    for place in (5, 100 * 400 - 5):
        flip(path, place)
        with pytest.raises(DataError):
            verify_sums(path, known, "")
        flip(path, place)
    flip(path, 20_050)
    found = 0
    for _ in range(200):  # 6 of the 398 blocks between are drawn: 3 times in 200
        try:
            verify_sums(path, known, "")
        except DataError:
            found += 1
    assert 0 <= found < 20
    with pytest.raises(DataError):
        verify_sums(path, known, "", whole=True)
