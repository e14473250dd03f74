"""Files that point out of themselves: nothing but the file is read, whatever the way in."""

import gzip
import json

import h5py
import numpy as np
import pytest
from astropy.table import Table

from skybind.errors import ConfigError, DataError
from skybind.ingest.readers.astropy_tables import read_astropy
from skybind.ingest.readers.contents import read_bytes
from skybind.ingest.readers.hdf5 import open_hdf5
from skybind.ingest.readers.tables import open_table
from skybind.ingest.readers.tables import read_table as table_of_bytes
from skybind.ingest.survey import import_dataset

SECRET = "root:x:0:0:secret"
VOTABLE = """<?xml version="1.0"{encoding}?>{before}
<VOTABLE version="1.4" xmlns="http://www.ivoa.net/xml/VOTable/v1.3"><RESOURCE><TABLE>
<FIELD name="id" datatype="char" arraysize="{n}"/>
<DATA><BINARY><{stream}/></BINARY></DATA></TABLE></RESOURCE></VOTABLE>
"""


def votable(secret, stream="STREAM href='file://{}'", encoding="", before=""):
    return VOTABLE.format(
        n=len(SECRET), stream=stream.format(secret), encoding=encoding, before=before
    )


def read_table(path, format=None):
    return table_of_bytes(read_bytes(path), path.name, format)


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret.txt"
    path.write_text(SECRET)
    return path


def test_astropy_itself_would_read_the_other_file(tmp_path, secret):
    """Without this the tests below could not fail."""
    (tmp_path / "x.vot").write_text(votable(secret))
    assert Table.read(tmp_path / "x.vot", format="votable")["id"].tolist() == [SECRET]


@pytest.mark.parametrize("suffix", [".vot", ".xml", ".votable", ".vot.gz", ".dat"])
@pytest.mark.parametrize(
    "stream",
    [
        "STREAM href='file://{}'",
        'STREAM  type="locator"\n\tactuate="onRequest" href = "file://{}"',
        "STREAM href='http://127.0.0.1:9/{}'",
        "STREAM href='ftp://127.0.0.1/{}'",
    ],
)
def test_a_votable_with_an_address_is_refused(tmp_path, secret, stream, suffix):
    data = votable(secret, stream).encode()
    path = tmp_path / f"x{suffix}"
    path.write_bytes(gzip.compress(data) if suffix.endswith(".gz") else data)
    with pytest.raises(DataError, match="keeps its data elsewhere"):
        read_table(path, None if suffix != ".dat" else "votable")
    (tmp_path / "m.yaml").write_text(f"objects: {{file: {path.name}, id: id, format: votable}}\n")
    with pytest.raises(DataError, match="keeps its data elsewhere"):
        import_dataset(tmp_path / "m.yaml", tmp_path / "out")


ENTITY = "<!DOCTYPE v [<!ENTITY s \"<STR&#69;AM href='file://{}'/>\">]>"
DEFAULT = '<!DOCTYPE VOTABLE [<!ATTLIST STREAM href CDATA "file://{}">]>'


@pytest.mark.parametrize(
    ("stream", "before", "sentence"),
    [
        ("&s;", ENTITY, "declares types or entities"),
        ("STREAM", DEFAULT, "declares types or entities"),
        ("STREAM rights=\"a>b\" href='file://{}'", "", "keeps its data elsewhere"),
        ("STREAM\nactuate='>'\n  href\n=\n'file://{}'", "", "keeps its data elsewhere"),
        ("STREAM href='fil&#101;://{}'", "", "keeps its data elsewhere"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-16-be", "utf-16-le", "latin-1"])
def test_addresses_are_not_hidden(tmp_path, secret, stream, before, sentence, encoding):
    declared = {"utf-16-be": "utf-16", "utf-16-le": "utf-16", "latin-1": "iso-8859-1"}
    said = f' encoding="{declared.get(encoding, encoding)}"'
    text = votable(secret, stream, said, before.format(secret))
    (tmp_path / "x.vot").write_bytes(text.encode(encoding))
    with pytest.raises(DataError, match=sentence):
        read_table(tmp_path / "x.vot")


def test_an_encoding_that_is_not_known_opens_no_door(tmp_path, secret):
    (tmp_path / "x.vot").write_text(votable(secret, encoding=' encoding="unheard-of"'))
    with pytest.raises(DataError):
        read_table(tmp_path / "x.vot")


@pytest.mark.parametrize("kind", ["tabledata", "binary", "binary2"])
def test_a_votable_with_its_data_inside_is_read(tmp_path, kind):
    table = Table({"id": ["a", "b"], "x": [1.5, 2.5]})
    table["id"].description = "the STREAM href of nothing"
    table.write(tmp_path / "x.vot", format="votable", tabledata_format=kind)
    read = read_table(tmp_path / "x.vot")
    assert read["x"].tolist() == [1.5, 2.5]
    assert read["id"].tolist() == ["a", "b"]


@pytest.fixture
def other(tmp_path):
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.arange(3.0)
    (tmp_path / "raw.bin").write_bytes(np.arange(3.0).tobytes())
    return tmp_path


def external_link(file, folder):
    file["group/x"] = h5py.ExternalLink(str(folder / "other.h5"), "x")


def external_storage(file, folder):
    file.create_dataset("deep/er/x", 3, "f8", external=[(str(folder / "raw.bin"), 0, 24)])


def virtual(file, folder):
    layout = h5py.VirtualLayout((3,), "f8")
    layout[:] = h5py.VirtualSource(str(folder / "other.h5"), "x", (3,))
    file.create_virtual_dataset("x", layout)


@pytest.mark.parametrize("point", [external_link, external_storage, virtual])
def test_hdf5_with_data_in_other_files_is_refused(other, point):
    with h5py.File(other / "a.h5", "w") as file:
        file["id"] = np.array([b"a", b"b", b"c"])
        file["flux"] = np.ones((3, 5))
        point(file, other)
    with (
        pytest.raises(DataError, match=r"a\.h5 keeps data in other files"),
        open_hdf5(other / "a.h5"),
    ):
        pass
    (other / "o.csv").write_text("id\na\nb\nc\n")
    (other / "m.yaml").write_text(
        "objects: {file: o.csv, id: id}\n"
        "spectrum: {file: a.h5, id: id, wavelength: {column: flux, unit: Angstrom}, flux: flux}\n"
    )
    with pytest.raises(DataError, match="keeps data in other files"):
        import_dataset(other / "m.yaml", other / "out")
    with pytest.raises(DataError, match="keeps data in other files"):
        import_dataset_of(other)


def import_dataset_of(folder):
    (folder / "r.yaml").write_text("reader: astroclip_hdf5\npath: a.h5\n")
    import_dataset(folder / "r.yaml", folder / "out2")


def test_soft_links_and_empty_groups_are_no_fault(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.arange(3)
        file["y"] = h5py.SoftLink("/x")
        file["nowhere"] = h5py.SoftLink("/z")
        file.create_group("g")
    with open_hdf5(tmp_path / "a.h5") as file:
        assert file["y"][()].tolist() == [0, 1, 2]


@pytest.mark.parametrize("name", ["../../x", ".hidden", "a/b", "x\u0000y", "a b", "x" * 101, ""])
def test_observations_are_not_named_with_paths(tmp_path, name):
    curves = "{file: c.csv, id: id, time: t, flux: f}"
    (tmp_path / "m.yaml").write_text(
        f"objects: {{file: o.csv, id: id}}\nmore_photometry: {{{json.dumps(name)}: {curves}}}\n"
    )
    with pytest.raises(ConfigError, match="becomes the name of a file"):
        import_dataset(tmp_path / "m.yaml", tmp_path / "out")


def test_a_votable_with_an_address_is_refused_as_a_table_of_objects_too(tmp_path, secret):
    """What is given to a model or to a match by position is opened by `open_table`."""
    with pytest.raises(DataError, match=r"x\.vot"):
        open_table(votable(secret).encode(), "x.vot")


@pytest.mark.parametrize("tail", ["", "\n", "Byte-by-byte Description of file", "\nid,ra\n"])
@pytest.mark.parametrize("place", ["http://127.0.0.1:1/x", "file://{}", "{}"])
@pytest.mark.parametrize("format", ["ecsv", "ascii.cds", "ascii.ipac", None])
def test_text_is_no_address(tmp_path, monkeypatch, place, tail, format):
    """Astropy takes text for the name or the address of a file, even with an end of line."""
    asked = []
    monkeypatch.setattr("socket.getaddrinfo", lambda *where, **_: asked.append(where))
    table = Table({"id": ["a secret star"], "ra": [1.0]})
    table.write(tmp_path / "secret.txt", format="ascii.ecsv")
    data = (place.format(tmp_path / "secret.txt") + tail).encode()
    told = ""
    try:
        if format in ("ecsv", None):
            told = str(table_of_bytes(data, "stars.txt", format))
        else:
            told = str(read_astropy(data, "stars.txt", format))
    except Exception as error:
        told = str(error)
    assert "a secret star" not in told
    assert asked == []
