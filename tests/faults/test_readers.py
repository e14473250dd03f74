"""Each parser on bytes that hypothesis makes: its table, or one sentence, and nothing else.

Examples are drawn from a fixed seed. What once failed stands as `@example`, in bytes. What comes of
a whole survey of which one file is damaged: `test_seeds.py`.
"""

import contextlib
import gzip
import io
import zipfile

import numpy as np
import pytest
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from skybind.config.written import read_yaml
from skybind.errors import SkybindError
from skybind.ingest.readers.arrays import OPENERS
from skybind.ingest.readers.contents import unzipped
from skybind.ingest.readers.jpeg import read_jpeg
from skybind.ingest.readers.lamost import read_lamost
from skybind.ingest.readers.look import Look
from skybind.ingest.readers.registry import (
    ImageRequest,
    curve_formats,
    file_formats,
    file_reader,
    image_reader,
    known_format,
)
from skybind.ingest.readers.tables import read_table
from skybind.ingest.readers.zips import open_zip, read_member
from skybind.printable import printable
from tests.faults.campaigns.apart import of_sentence
from tests.ingest.test_broken_inputs import lamost
from tests.ingest.written.plain import (
    ARRAYS,
    COLUMNS,
    FORMATS,
    array_file,
    cutout,
    picture,
    table_bytes,
)

FUZZED = settings(
    max_examples=12,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
SOUND = {format: table_bytes(format) for format in FORMATS}
SOUND["parquet"] = table_bytes("parquet", {**COLUMNS, "list": [[1.0], [2.0, 3], None]})
SPECTRUM = lamost()


@st.composite
def damage(draw: st.DrawFn, content: bytes) -> bytes:
    """Bytes changed, lost, repeated or cut off in a few places."""
    data = bytearray(content)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        change = draw(st.sampled_from(["set", "drop", "again", "cut", "digits"]))
        if change == "set":
            new = draw(st.binary(min_size=1, max_size=12))
            data[at : at + len(new)] = new
        elif change == "drop":
            del data[at : at + draw(st.integers(1, 40))]
        elif change == "again":
            data[at:at] = data[at : at + draw(st.integers(1, 40))]
        elif change == "digits":  # a length or a number of rows becomes another
            digits = [i for i, byte in enumerate(data) if 48 <= byte < 58]
            if digits:
                data[draw(st.sampled_from(digits))] = draw(st.integers(48, 57))
        else:
            del data[at:]
    return bytes(data)


def survives(read, *given_) -> None:
    """Whatever is read: a result, or an error of ours that is one sentence."""
    said = ""
    try:
        read(*given_)
    except SkybindError as error:
        said = str(error)
    assert not said or of_sentence(said) == "sentence"


@pytest.mark.parametrize("format", FORMATS)
def test_tables(format):
    @FUZZED
    @given(damage(SOUND[format]))
    @example(b"")
    @example(b"\0" * 3000)
    @example(b"/etc/hostname")  # a path, which astropy would have opened
    @example(b"http://127.0.0.1:9/x")
    @example(b"\xff\xfe" + SOUND[format])
    @example(gzip.compress(SOUND[format])[:-4])
    def fuzz(content: bytes) -> None:
        survives(read_table, content, f"a.{format}", format)

    fuzz()


@pytest.mark.parametrize("format", ["csv", "ecsv", "votable", "json"])
def test_tables_of_any_text(format):
    @FUZZED
    @given(st.text(max_size=300))
    @example('{"a":' * 2000)
    @example("[" * 2000)
    @example("a,b\n" + '"' * 999)
    @example("=1,\x1b[2J\n1,2\n")
    @example("%ECSV 1.0\n---\n" + "[" * 300)
    @example("# %ECSV 1.0\n# ---\n# datatype: &a [*a]\na\n1\n")
    def fuzz(text: str) -> None:
        survives(read_table, text.encode("utf-8", "replace"), f"a.{format}", format)

    fuzz()


@FUZZED
@given(damage(SPECTRUM))
def test_spectra(content):
    survives(read_lamost, content, "a.fits")


@pytest.mark.parametrize("kind", ["photometry", "spectrum"])
def test_every_format_of_a_survey(kind):
    """Bytes of one survey given to the readers of all: none is theirs."""
    curves = curve_formats()
    sources = [SPECTRUM, *SOUND.values()]

    @settings(FUZZED, max_examples=5)
    @given(st.sampled_from(sources).flatmap(damage))
    def fuzz(content: bytes) -> None:
        known_format(kind, Look(content, "a.dat"))
        for name in file_formats(kind):
            reader = file_reader(kind, name)
            if reader is not None:
                survives(reader.fields, content, "a.dat", lambda other: b"")
            elif name in curves and curves[name].read is not None:
                survives(curves[name].read, content, "a.dat")

    fuzz()


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_pictures(kind):
    @FUZZED
    @given(damage(picture(kind)))
    def fuzz(content: bytes) -> None:
        survives(read_jpeg, content, "a.png", ImageRequest())

    fuzz()


def test_images_of_fits():
    @FUZZED
    @given(damage(cutout()))
    def fuzz(content: bytes) -> None:
        survives(image_reader("a.fits", None), content, "a.fits", ImageRequest(["g", "r", "z"]))

    fuzz()


@pytest.mark.parametrize("kind", ARRAYS)
def test_arrays(kind, tmp_path):
    path = tmp_path / "a.dat"

    def read(content: bytes) -> None:
        path.write_bytes(content)
        found = OPENERS[kind](path, "a.dat", None)
        for name in found:
            shape = found[name].shape
            if shape and shape[0]:
                found.rows(name, np.array([0, shape[0] - 1]))

    @FUZZED
    @given(damage(array_file(kind)))
    def fuzz(content: bytes) -> None:
        survives(read, content)

    fuzz()


@pytest.mark.parametrize("packed", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_zips(packed, tmp_path):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packed) as archive:
        archive.writestr("a.csv", "1,2\n" * 99)

    def read(content: bytes) -> None:
        (tmp_path / "a.zip").write_bytes(content)
        with open_zip(tmp_path / "a.zip", "photometry") as archive:
            for name in archive.namelist():
                read_member(archive, name)

    @FUZZED
    @given(damage(out.getvalue()))
    def fuzz(content: bytes) -> None:
        survives(read, content)

    fuzz()


@FUZZED
@given(damage(gzip.compress(b"a,b\n1,2\n" * 50)))
def test_gzip(content):
    survives(unzipped, content, "a.csv.gz")


@FUZZED
@given(st.text(alphabet="&*a1:-[]{}<>!|'\"#%@`,? \n\t", max_size=120))
@example("? ? ? a")
@example("a: 2024-99-99")
@example("&a [*a]")
@example("- - - - -" * 20)
@example("a: !!binary x")
@example("!!timestamp a")
@example("!!bool a")
@example("!!int ''")
@example("!!float [a]")
def test_yaml(text):
    with contextlib.suppress(yaml.YAMLError):
        read_yaml(text)


@FUZZED
@given(st.text())
def test_what_is_shown(text):
    shown = printable(text)
    assert printable(shown) == shown
    assert not set(shown) & set("\x00\x1b\x07\r\n\x7f\x9b\u202e\u2028\ufeff")
