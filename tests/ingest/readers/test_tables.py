import errno
import gzip
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from skybind.errors import DataError
from skybind.ingest.file_spec import FileSpec
from skybind.ingest.readers import tables
from skybind.ingest.readers.pieces import Pieces
from skybind.ingest.readers.tables import format_of, open_table, read_table
from skybind.ingest.readers.values import numbers, texts
from skybind.ingest.survey import import_dataset

MCDONALD = Path(__file__).parents[4] / "shared" / "data" / "stars" / "rrlyrae_mcdonald"


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("t m\n1 2.5\n3 4\n", {}),
        ("# t m\n1 2.5\n3 4\n", {}),
        ("# a comment, of words\n#\n#t \t m\n  1   2.5\n\n3\t4\n# the end\n", {}),
        ("1 2.5\n3 4\n", {"names": ["t", "m"]}),
        ("# other words here\n1 2.5\n3 4\n", {"names": ["t", "m"]}),
        ("HEADER OF THREE\nand more\n1 2.5\n3 4\n", {"names": ["t", "m"], "skip_lines": 2}),
    ],
)
def test_blank_separated_text(text, options):
    table = read_table(text.encode(), "x.dat", **options)
    assert table["t"].tolist() == [1, 3]
    assert table["m"].tolist() == [2.5, 4]
    assert table.bad_rows == []


def test_csv_without_a_header():
    table = read_table(b"junk\n7,8\n9,10\n", "x.csv", names=["a", "b"], skip_lines=1)
    assert table["b"].tolist() == [8, 10]


def test_another_delimiter():
    assert read_table(b"a|b\n1|2\n", "x.csv", delimiter="|")["b"].tolist() == [2]


def test_skipping_all_lines_leaves_nothing():
    with pytest.raises(DataError, match=r"x.csv is empty"):
        read_table(b"a,b\n", "x.csv", skip_lines=5)


@pytest.mark.parametrize(
    ("name", "format"),
    [("a.CSV", "csv"), ("b.fits.gz", "fits"), ("c.VOT", "votable"), ("d.tar.pq", "parquet")],
)
def test_the_name_tells_the_format(name, format):
    assert format_of(name) == format


def test_numbers_of_text():
    values, bad = numbers(np.array(["1", " 2.5 ", "", None, "x", "nan", "1e3"], object))
    np.testing.assert_array_equal(values, [1, 2.5, np.nan, np.nan, np.nan, np.nan, 1000])
    assert bad.tolist() == [False] * 4 + [True] + [False] * 2


def test_texts_of_numbers():
    assert texts(np.array([1.0, 2.5, np.nan])).tolist() == ["1", "2.5", ""]
    assert texts(np.array([1, 2**62])).tolist() == ["1", str(2**62)]
    assert texts(np.array([" a ", None], object)).tolist() == ["a", ""]


@pytest.mark.skipif(not MCDONALD.exists(), reason="the shared McDonald spectra are not here")
def test_real_spectra_in_text_files(tmp_path):
    files = sorted(path.name for path in (MCDONALD / "spectra").glob("*.dat.gz"))
    assert len(files) == 169
    (tmp_path / "stars.csv").write_text("file\n" + "\n".join(files) + "\n")
    mapping = {
        "objects": {"file": "stars.csv", "id": "file"},
        "spectrum": {
            "folder": str((MCDONALD / "spectra").resolve()),
            "pattern": "{id}",
            "wavelength": {"column": "ang", "unit": "Angstrom"},
            "flux": "flux",
        },
    }
    (tmp_path / "m.yaml").write_text(yaml.safe_dump(mapping))
    summary = import_dataset(tmp_path / "m.yaml", tmp_path / "out")
    assert summary.observed == {"spectrum": 169}
    assert check_dataset(tmp_path / "out") == []
    r = Dataset.open(tmp_path / "out").ragged("spectrum")
    first = gzip.decompress((MCDONALD / "spectra" / files[0]).read_bytes()).decode().split()
    assert r.fields["wavelength"][0] == np.float32(first[2])
    assert r.fields["flux"][0] == np.float32(first[3])
    assert set(r.lengths) == {751}


@pytest.mark.parametrize("error", [MemoryError(), OSError(errno.EIO, "Input/output error")])
def test_what_the_machine_cannot_read_is_no_bad_table(monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setitem(tables._READERS, "csv", fail)
    with pytest.raises(type(error)):
        read_table(b"a,b\n1,2\n", "a.csv", "csv")


def pages(folder, flip, checksums):
    """A Parquet file of others; a bit in the middle of its numbers may be another."""
    path = folder / "a.parquet"
    values = np.arange(4000.0)
    options = {"compression": "none", "use_dictionary": False, "write_statistics": False}
    table = pa.table({"x": values, "id": [f"s{i}" for i in range(4000)]})
    pq.write_table(table, path, write_page_checksum=checksums, **options)
    if flip:
        data = bytearray(path.read_bytes())
        data[data.index(np.float64(2000).tobytes() + np.float64(2001).tobytes())] ^= 4
        path.write_bytes(data)
    return path


def in_pieces(path):
    pieces = Pieces(FileSpec(file=path.name), path.parent)
    for _ in pieces.settle():
        pass
    return np.concatenate([piece["x"].to_numpy() for piece in pieces])


@pytest.mark.parametrize(
    "read",
    [
        lambda path: np.asarray(read_table(path.read_bytes(), path.name).columns["x"]),
        lambda path: open_table(path.read_bytes(), path.name)["x"].to_numpy(),
        in_pieces,
    ],
    ids=["table", "whole", "pieces"],
)
def test_a_flipped_bit_in_a_page_of_others_is_refused_where_the_page_has_a_checksum(tmp_path, read):
    np.testing.assert_array_equal(read(pages(tmp_path, False, True)), np.arange(4000))
    damaged = read(pages(tmp_path, True, False))  # what has none cannot be known
    assert (damaged != np.arange(4000)).sum() == 1
    with pytest.raises((DataError, pa.ArrowException, OSError), match=r"(?i)crc|checksum"):
        read(pages(tmp_path, True, True))
