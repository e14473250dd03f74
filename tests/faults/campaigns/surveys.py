"""Broken survey files: one damaged object is set aside, a damaged whole ends in a sentence."""

import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from threading import Thread

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.table import Table

from skybind.data.check import check_dataset
from skybind.data.dataset import Dataset
from tests.broken import everything
from tests.faults.campaigns.apart import Silent, Try, each_apart
from tests.faults.campaigns.bombs import imported
from tests.faults.harm import damaged, harmed
from tests.faults.judged import judge, right
from tests.ingest.test_broken_inputs import EPOCHS, STARS, Survey, fits_table, lamost
from tests.ingest.written.seeds import SEEDS, Key, seed

PACKED = [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]


def _member(this: Try, survey: Survey) -> None:
    """Damage the packed bytes of one member of a zip."""
    out, kind = io.BytesIO(), PACKED[int(this.rng.integers(4))]
    with zipfile.ZipFile(out, "w", kind) as archive:
        for name in "ab":
            archive.writestr(f"{name}.fits", lamost())
        first = archive.getinfo("a.fits")
    content = bytearray(out.getvalue())
    begin = first.header_offset + 30 + len("a.fits")
    for _ in range(this.rng.integers(1, 8)):
        place = begin + int(this.rng.integers(first.compress_size))
        content[place] ^= 1 << int(this.rng.integers(8))
    if this.rng.random() < 0.2:  # deflate64, and other ways of packing that Python does not know
        for mark, at in ((b"PK\x03\x04", 8), (b"PK\x01\x02", 10)):
            place = content.index(mark) + at
            content[place : place + 2] = int(this.rng.choice([9, 95, 98])).to_bytes(2, "little")
    survey.write("spectra.zip", bytes(content))
    survey.mapping["spectrum"]["folder"] = "spectra.zip"


def _directory(this: Try, survey: Survey) -> None:
    """Damage the directory of a zip, or cut it off."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in "ab":
            archive.writestr(f"{name}.fits", lamost())
    content = bytearray(out.getvalue())
    begin = content.index(b"PK\x01\x02")
    if this.rng.random() < 0.3:
        content = content[: int(this.rng.integers(begin, len(content)))]
    else:
        for _ in range(this.rng.integers(1, 6)):
            content[int(this.rng.integers(begin, len(content)))] = int(this.rng.integers(256))
    survey.write("spectra.zip", bytes(content))
    survey.mapping["spectrum"]["folder"] = "spectra.zip"


def _paths_in_a_zip(this: Try, survey: Survey) -> None:
    """Give members of a zip paths that lead outside."""
    with zipfile.ZipFile(survey.folder / "spectra.zip", "w") as archive:
        for name in ("../../../a.fits", "/tmp/a.fits", f"{this.secret}", "..\\a.fits", "b.fits"):
            archive.writestr(name, lamost())
        link = zipfile.ZipInfo("a.fits")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, str(this.secret))
    survey.mapping["spectrum"]["folder"] = "spectra.zip"


def _bytes_of_a_spectrum(this: Try, survey: Survey) -> None:
    survey.write("spectra/a.fits", damaged(lamost(), this.rng))


def _short_spectrum(this: Try, survey: Survey) -> None:
    content = lamost()
    survey.write("spectra/a.fits", content[: int(this.rng.integers(len(content)))])


def _bytes_of_epochs(this: Try, survey: Survey) -> None:
    survey.write("epochs.csv", damaged(EPOCHS.encode(), this.rng))


def _table_of_objects(this: Try, survey: Survey) -> None:
    ending = ["csv", "fits", "vot", "ecsv", "parquet"][int(this.rng.integers(5))]
    path = survey.folder / f"good.{ending}"
    rows = [line.split(",") for line in STARS.splitlines()]
    columns = dict(zip(rows[0], zip(*rows[1:], strict=True), strict=True))
    table = {k: [float(c) if k in ("ra", "dec", "colour") else c for c in v]
             for k, v in columns.items()}  # fmt: skip
    if ending == "parquet":
        pq.write_table(pa.table(table), path)
    else:
        names = {"csv": "ascii.csv", "fits": "fits", "vot": "votable", "ecsv": "ascii.ecsv"}
        Table(table).write(path, format=names[ending])
    survey.write(f"stars.{ending}", damaged(path.read_bytes(), this.rng))
    survey.mapping["objects"]["file"] = f"stars.{ending}"


def _text_for_a_number(this: Try, survey: Survey) -> None:
    words = [
        "red",
        "",
        "--",
        "1,5",
        "1e999",
        "0x10",
        "1_0",
        "１",
        "\u221e",
        "nan(3)",
        "True",
        "1 2",
    ]
    word = words[int(this.rng.integers(len(words)))]
    key = ["ra,dec", "M,0.5"][int(this.rng.integers(2))]
    if key == "M,0.5":
        survey.replace("stars.csv", key, f'M,"{word}"')
        survey.mapping["objects"]["targets"] = {"redshift": {"column": "colour"}}
        del survey.mapping["objects"]["features"]
    else:
        survey.replace("stars.csv", "a,10,", f'a,"{word}",')


def _lists(this: Try, survey: Survey) -> None:
    """Give one object lists of unequal length, or of text."""
    epochs = {"id": ["a", "b"], "hjd": [[1, 2, 3], [1, 2, 3]], "flux": [[1, 2, 3], [1, 5, 3]],
              "err": [[1, 1, 1], [1, 1, 1]]}  # fmt: skip
    key = ["hjd", "flux", "err"][int(this.rng.integers(3))]
    bad = [[1, 2], [], [1, 2, 3, 4], None, [None, None, None]][int(this.rng.integers(5))]
    epochs[key][0] = bad
    if this.rng.random() < 0.5:
        pq.write_table(pa.table(epochs), survey.folder / "epochs.parquet")
        survey.mapping["photometry"]["file"] = "epochs.parquet"
    else:
        rows = [
            dict(zip(epochs, values, strict=True)) for values in zip(*epochs.values(), strict=True)
        ]
        survey.write("epochs.json", json.dumps(rows))
        survey.mapping["photometry"]["file"] = "epochs.json"


def _hdf5(this: Try, survey: Survey) -> None:
    """Damage an HDF5 file, or point out of it."""
    path, kind = survey.folder / "s.h5", this.rng.integers(6)
    other = survey.folder / "other.h5"
    with h5py.File(other, "w") as file:
        file["flux"] = np.full((2, 9), 7.0)
    with h5py.File(path, "w") as file:
        file["wavelength"] = np.tile(np.arange(4000.0, 4009), (2, 1))
        file["id"] = [b"a", b"b"]
        if kind == 0:
            file["flux"] = h5py.ExternalLink(str(other), "flux")
        elif kind == 1:
            file.create_dataset("flux", (2, 9), "u1", external=[(str(this.secret), 0, 18)])
        elif kind == 2:
            layout = h5py.VirtualLayout((2, 9), "f8")
            layout[:] = h5py.VirtualSource(str(other), "flux", (2, 9))
            file.create_virtual_dataset("flux", layout)
        elif kind == 3:
            file["out"] = h5py.ExternalLink(str(other), "/")
            file["flux"] = h5py.SoftLink("/out/flux")
        else:
            values = np.random.default_rng(0).normal(size=(2, 9))
            file.create_dataset("flux", data=values, chunks=(1, 9), compression="gzip")
    if kind > 3:
        survey.write("s.h5", damaged(path.read_bytes(), this.rng))
    survey.mapping["spectrum"] = {
        "file": "s.h5", "id": "id", "flux": {"column": "flux", "unit": ""},
        "wavelength": {"column": "wavelength", "unit": "Angstrom"},
    }  # fmt: skip
    if kind < 4:
        survey.run()
        raise Silent("data of another file were read")


def _chunk_of_hdf5(this: Try, survey: Survey) -> None:
    """Damage the packed numbers of one object in an HDF5 file."""
    path = survey.folder / "s.h5"
    values = np.random.default_rng(0).normal(size=(2, 900))
    with h5py.File(path, "w") as file:
        file["wavelength"] = np.tile(np.arange(4000.0, 4900), (2, 1))
        file["id"] = [b"a", b"b"]
        packed = {"compression": "gzip", "fletcher32": True}
        flux = file.create_dataset("flux", data=values, chunks=(1, 900), **packed)
        chunk = flux.id.get_chunk_info(0)
    content = bytearray(path.read_bytes())
    for _ in range(this.rng.integers(1, 9)):
        place = chunk.byte_offset + int(this.rng.integers(chunk.size))
        content[place] ^= 1 << int(this.rng.integers(8))
    survey.write("s.h5", bytes(content))
    survey.mapping["spectrum"] = {
        "file": "s.h5", "id": "id", "flux": {"column": "flux", "unit": ""},
        "wavelength": {"column": "wavelength", "unit": "Angstrom"},
    }  # fmt: skip


def _addresses(this: Try, survey: Survey) -> None:
    """Let a VOTable, or a text that is taken for one, name other files and machines."""
    server = _Listener()
    places = [f"file://{this.secret}", str(this.secret), f"http://127.0.0.1:{server.port}/x",
              f"ftp://127.0.0.1:{server.port}/x", f"HTTP://127.0.0.1:{server.port}/x",
              "file:///dev/stdin"]  # fmt: skip
    place = places[int(this.rng.integers(len(places)))]
    kind = ["FITS", "BINARY", "BINARY2"][int(this.rng.integers(3))]
    head = '<?xml version="1.0"?>' if this.rng.random() < 0.5 else ""
    form = this.rng.integers(4)
    ending, content = "vot", (
        f'{head}<VOTABLE version="1.4"><RESOURCE><TABLE>'
        '<FIELD name="id" datatype="char" arraysize="20"/><DATA>'
        f'<{kind}><STREAM href="{place}"/></{kind}></DATA></TABLE></RESOURCE></VOTABLE>'
    )  # fmt: skip
    if form == 1:
        content = content.replace("STREAM", "STREAM actuate='onLoad' encoding='none'")
    elif form == 2:
        content = content.encode("utf-16")
    elif form == 3:
        ending, content = ["ecsv", "txt", "csv", "dat"][int(this.rng.integers(4))], place
        content += "Byte-by-byte Description of file" * int(this.rng.integers(2))
    survey.write(f"stars.{ending}", content)
    survey.mapping["objects"] = {"file": f"stars.{ending}", "id": "id"}
    if ending == "ecsv":
        survey.mapping["objects"]["format"] = "ecsv"
    try:
        survey.run()
        raise Silent(f"{place} was taken")
    finally:
        if server.called:
            this.reached.append("called another machine")


class _Listener(Thread):
    """Tells whether anybody called."""

    def __init__(self) -> None:
        import socket

        super().__init__(daemon=True)
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port, self.called = self._socket.getsockname()[1], False
        self.start()

    def run(self) -> None:
        self._socket.accept()
        self.called = True


def _row_group(this: Try, survey: Survey) -> None:
    """Damage the pages of one row group of a Parquet table of light curves."""
    epochs = [line.split(",") for line in EPOCHS.splitlines()[1:]]
    columns = dict(zip(("id", "hjd", "flux", "err"), zip(*epochs, strict=True), strict=True))
    table = pa.table({k: list(v) if k == "id" else [float(x) for x in v]
                      for k, v in columns.items()})  # fmt: skip
    pq.write_table(table, survey.folder / "e.parquet", row_group_size=6, write_page_checksum=True)
    content = bytearray((survey.folder / "e.parquet").read_bytes())
    for _ in range(this.rng.integers(1, 5)):
        content[int(this.rng.integers(4, len(content) // 3))] = int(this.rng.integers(256))
    survey.write("epochs.parquet", bytes(content))
    survey.mapping["photometry"]["file"] = "epochs.parquet"


def _hostile_text(this: Try, survey: Survey) -> None:
    """Put what controls a terminal or a spreadsheet into names and classes."""
    words = ["\x1b[2Ja", "a\0b", '"a\nb"', "=1+1", "\u202ea", "@x", "-1-1", "'=a", "+x", "\x9bx"]
    word = words[int(this.rng.integers(len(words)))]
    survey.write("stars.csv", STARS + f"{word},1,1,{word},1\n")
    out = survey.run()
    names = [name for name in Dataset.open(out).object_ids.tolist() if name not in "ab"]
    if names and not names[0].isprintable() and names[0] != "\u202ea":
        raise Silent(f"an object is called {names[0]!r}")


def _table_of_bits(this: Try, survey: Survey) -> None:
    survey.write("stars.fits", damaged(fits_table(id=[1, 2], ra=[1, 2], dec=[3, 4]), this.rng))
    survey.mapping["objects"] = {"file": "stars.fits", "id": "id", "ra": "ra", "dec": "dec"}


BROKEN: list[Callable[[Try, Survey], None]] = [
    _member, _directory, _paths_in_a_zip, _bytes_of_a_spectrum, _short_spectrum, _bytes_of_epochs,
    _table_of_objects, _text_for_a_number, _lists, _hdf5, _chunk_of_hdf5, _addresses, _row_group,
    _hostile_text, _table_of_bits,
]  # fmt: skip
#: What is damaged is one object's, and the other has to arrive.
OF_ONE = {_member, _bytes_of_a_spectrum, _short_spectrum, _text_for_a_number, _lists,
          _chunk_of_hdf5}  # fmt: skip


@each_apart("broken survey files", quick=30)
def broken_survey_files(this: Try) -> str:
    """Import a survey of which one file is broken, and look at what became of it.

    Every second try breaks a file of the seed of a reader, one reader after another.
    """
    number, of_a_reader = divmod(this.number, 2)
    if of_a_reader:
        return _file_of_a_reader(this, list(SEEDS)[number % len(SEEDS)])
    harm = BROKEN[number % len(BROKEN)]
    this.does(harm.__name__.strip("_").replace("_", " "))
    survey = Survey(this.folder)
    harm(this, survey)
    outcome = "right value"
    out = this.folder / "out"
    if not out.exists():
        outcome = imported(survey, harm in OF_ONE)
    _look_through(out)
    return outcome


def _file_of_a_reader(this: Try, key: Key) -> str:
    name = seed(key).harmed[int(this.rng.integers(len(seed(key).harmed)))]
    harm = harmed(seed(key).files[name], this.rng)
    this.does(f"{key}: {name}: {harm.what}")
    broken = this.folder / "broken"
    broken.mkdir()
    return judge(key, name, harm, broken, right(key, this.folder / "sound"))


def _look_through(out: Path) -> None:
    violations = check_dataset(out)
    if violations:
        raise Silent(f"the dataset is not as it should be: {violations[0]}")
    everything(out)
