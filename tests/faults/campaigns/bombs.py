"""Small files that stand for gigabytes, never end, or are no files: a sentence within seconds."""

import bz2
import gzip
import io
import lzma
import os
import socket
import zipfile
from collections.abc import Callable
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits

from skybind.config import load_config
from skybind.data.dataset import Dataset
from skybind.data.quarantine import read_quarantine
from skybind.errors import SkybindError
from skybind.ingest.readers.jpeg import read_jpeg
from skybind.ingest.readers.registry import ImageRequest
from skybind.study.check import check_folder
from tests.bombs import write_bomb
from tests.faults.campaigns.apart import Silent, Try, each_apart
from tests.faults.made import copied, made, values_of_dataset, values_of_run
from tests.ingest.test_broken_inputs import EPOCHS, Survey, lamost

#: Bytes of a bomb of one letter, which gzip makes a thousandth of.
LARGE = 25 * 10**7


def _letters(this: Try, size: int = LARGE) -> bytes:
    letter = "0 ,\n\0x"[int(this.rng.integers(6))].encode()
    return letter * size


def _gzipped(this: Try, survey: Survey) -> None:
    name, key = [("stars.csv", "objects"), ("epochs.csv", "photometry")][
        this.number // len(BOMBS) % 2
    ]
    survey.write(f"{name}.gz", gzip.compress(survey.read(name) + _letters(this), 1))
    survey.mapping[key]["file"] = f"{name}.gz"


def _gzipped_spectrum(this: Try, survey: Survey) -> None:
    survey.write("spectra/a.fits", gzip.compress(lamost() + _letters(this), 1))


def _in_a_zip(this: Try, survey: Survey) -> None:
    kinds = [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA]
    kind = kinds[int(this.rng.integers(3))]
    with zipfile.ZipFile(survey.folder / "spectra.zip", "w", kind) as archive:
        archive.writestr("b.fits", lamost())
        archive.writestr("a.fits", lamost() + _letters(this))
    survey.mapping["spectrum"]["folder"] = "spectra.zip"


def _other_packers(this: Try, survey: Survey) -> None:
    pack = [bz2.compress, lzma.compress][int(this.rng.integers(2))]
    survey.write("spectra/a.fits", pack(lamost() + _letters(this, LARGE // 4)))


def _npz(this: Try, survey: Survey) -> None:
    shape = [(2, LARGE // 8), (LARGE // 8,), (1, 10**11), (10**6, 10**6)][int(this.rng.integers(4))]
    header = io.BytesIO()
    order = bool(this.rng.integers(2))
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f4", "fortran_order": order, "shape": shape}
    )
    with zipfile.ZipFile(survey.folder / "s.npz", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("flux.npy", header.getvalue() + bytes(LARGE))
        archive.writestr("wavelength.npy", header.getvalue() + bytes(100))
    _stack(survey, "s.npz")


def _stack(survey: Survey, file: str) -> None:
    survey.mapping["spectrum"] = {
        "file": file,
        "flux": {"column": "flux", "unit": ""},
        "wavelength": {"column": "wavelength", "unit": "Angstrom"},
    }


def _hdf5(this: Try, survey: Survey) -> None:
    shape = [(10**11,), (10**6, 10**5), (2, 10**9), (2, 2**40)][int(this.rng.integers(4))]
    last = min(shape[-1], 10**8)
    options = [{}, {"chunks": True}, {"chunks": (1,) * (len(shape) - 1) + (last,)}]
    packed = [None, "gzip"][int(this.rng.integers(2))]
    chosen = options[int(this.rng.integers(3))]
    with h5py.File(survey.folder / "s.h5", "w") as file:
        more = {"compression": packed} if chosen else {}
        for name in ("flux", "wavelength"):
            file.create_dataset(name, shape, np.float32, **chosen, **more)
    _stack(survey, "s.h5")


def _fits_axes(this: Try, survey: Survey) -> None:
    content = lamost()
    axis = int(10.0 ** this.rng.uniform(6, 17))
    card = f"NAXIS{1 + this.rng.integers(2)}  =".encode()
    at = content.index(card)
    survey.write(
        "spectra/a.fits", content[:at] + card + f"{axis:>21}".encode() + content[at + 30 :]
    )


def _fits_table(this: Try, survey: Survey) -> None:
    table = fits.BinTableHDU.from_columns([
        fits.Column("id", "3A", array=["a", "b"]), fits.Column("ra", "D", array=[10.0, 20.0]),
        fits.Column("dec", "D", array=[5.0, -5.0]), fits.Column("class", "2A", array=["M", "EW"]),
        fits.Column("colour", "PD()", array=np.array([[1.0], [2.0]], object)),
    ])  # fmt: skip
    out = io.BytesIO()
    table.writeto(out)
    content = out.getvalue()
    keys = [b"NAXIS1  =", b"NAXIS2  =", b"PCOUNT  =", b"THEAP   ="]
    card = keys[int(this.rng.integers(len(keys) - 1))]
    at = content.index(card)
    size = int(10.0 ** this.rng.uniform(5, 18))
    changed = content[:at] + card + f"{size:>21}".encode() + content[at + 30 :]
    if this.rng.random() < 0.4:
        changed = content.replace(b"'1PD(1)'", b"'1PD(9999999999)'") or content
    survey.write("stars.fits", changed)
    survey.mapping["objects"]["file"] = "stars.fits"


def _fits_tiles(this: Try, survey: Survey) -> None:
    out = io.BytesIO()
    image = fits.CompImageHDU(np.zeros((64, 64), np.int16), compression_type="RICE_1")
    fits.HDUList([fits.PrimaryHDU(), image]).writeto(out)
    content = out.getvalue()
    for key in (b"ZNAXIS1 =", b"ZNAXIS2 ="):
        at = content.index(key)
        content = content[:at] + key + f"{10**5:>21}".encode() + content[at + 30 :]
    survey.write("spectra/a.fits", content)


def _votable(this: Try, survey: Survey) -> None:
    size = int(10.0 ** this.rng.uniform(9, 25))
    array, rows = [(f'arraysize="{size}"', ""), ("", f'nrows="{size}"'),
                   (f'arraysize="3x{size}x*"', "")][int(this.rng.integers(3))]  # fmt: skip
    survey.write("stars.vot", (
        f'<VOTABLE version="1.4"><RESOURCE><TABLE {rows}>'
        '<FIELD name="id" datatype="char" arraysize="*"/><FIELD name="ra" datatype="double"/>'
        '<FIELD name="dec" datatype="double"/><FIELD name="class" datatype="char" arraysize="*"/>'
        f'<FIELD name="colour" datatype="double" {array}/><DATA><TABLEDATA>'
        "<TR><TD>a</TD><TD>10</TD><TD>5</TD><TD>M</TD><TD>1</TD></TR>"
        "</TABLEDATA></DATA></TABLE></RESOURCE></VOTABLE>"))  # fmt: skip
    survey.mapping["objects"]["file"] = "stars.vot"


def _entities(this: Try, survey: Survey) -> None:
    lines = ['<?xml version="1.0"?><!DOCTYPE VOTABLE [<!ENTITY a0 "xxxxxxxxxx">']
    lines += [f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 12)]
    lines += [f'<!ENTITY f SYSTEM "file://{this.secret}">]>']
    lines += ["<VOTABLE><RESOURCE><DESCRIPTION>&a11;&f;</DESCRIPTION></RESOURCE></VOTABLE>"]
    survey.write("stars.vot", "\n".join(lines))
    survey.mapping["objects"]["file"] = "stars.vot"


def _columns(this: Try, survey: Survey) -> None:
    n = int(this.rng.integers(150_000, 250_000))
    names = [f"c{i}" for i in range(n)]
    kind = this.rng.integers(3)
    if kind == 0:
        survey.write("stars.csv", ",".join(names) + "\n" + ",".join(["1"] * n) + "\n")
    elif kind == 1:
        survey.write("stars.txt", " ".join(names) + "\n" + " ".join(["1"] * n) + "\n")
        survey.mapping["objects"]["file"] = "stars.txt"
    else:
        fields = "".join(f'<FIELD name="{name}" datatype="int"/>' for name in names)
        survey.write(
            "stars.vot", f"<VOTABLE><RESOURCE><TABLE>{fields}</TABLE></RESOURCE></VOTABLE>"
        )
        survey.mapping["objects"]["file"] = "stars.vot"


def _parquet(this: Try, survey: Survey) -> None:
    n = 10**8
    numbers = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int8)), pa.array(["a" * 50]))
    pq.write_table(pa.table({"id": numbers}), survey.folder / "stars.parquet")
    survey.mapping["objects"] = {"file": "stars.parquet", "id": "id"}


def _parquet_text(this: Try, survey: Survey) -> None:
    """One long text that pages repeat, or that a dictionary holds once for a million rows."""
    long = chr(97 + int(this.rng.integers(26))) * int(this.rng.integers(11 * 10**5, 14 * 10**5))
    pages = bool(this.rng.integers(2))
    n = 200 if pages else 10**6
    words: pa.Array = pa.DictionaryArray.from_arrays(pa.array(np.zeros(n, np.int32)), [long])
    words = pa.array([long] * n) if pages else words
    name, rest = [
        ("stars", {"ra": 10.0, "dec": 5.0}), ("epochs", {"time": 1.0, "mag": 12.0, "err": 0.1})
    ][int(this.rng.integers(2))]  # fmt: skip
    columns: dict[str, Any] = {key: np.full(n, value) for key, value in rest.items()}
    inside = name == "stars" and bool(this.rng.integers(2))
    columns["class" if inside else "id"] = words
    columns.setdefault("id", np.arange(n))
    pq.write_table(
        pa.table(columns), survey.folder / f"{name}.parquet", compression="zstd",
        use_dictionary=[] if pages else ["id", "class"], write_statistics=False,
        store_schema=False,
    )  # fmt: skip
    survey.mapping["objects" if name == "stars" else "photometry"]["file"] = f"{name}.parquet"
    try:
        survey.run()
    except SkybindError as error:
        if "would take" in str(error):
            raise
        raise Silent(f"it was not weighed: {error}") from error
    raise Silent("text that unpacks to more than is allowed was read")


def _of_ours(this: Try, survey: Survey) -> None:
    """A Parquet file of a dataset, or of a run beside it."""
    folder = copied(survey.folder / "ours")
    files = sorted(folder.rglob("*.parquet"))
    path = files[int(this.rng.integers(len(files)))]
    schema = pq.read_schema(path)
    kinds = ["words", "lies", "zeros", "rows"]
    if all(pa.types.is_string(kind) for kind in schema.types):
        kinds.remove("zeros")  # of which text has none
    kind = kinds[int(this.rng.integers(len(kinds)))]
    name = path.relative_to(folder).as_posix()
    this.does(f"of ours: {kind} in {name}")
    write_bomb(path, kind, schema)
    whole, _, file = name.partition("/")
    told = check_folder(folder / whole).damages
    try:
        if whole == "run":
            values_of_run(folder)
        else:
            values_of_dataset(folder / "stars")
    except SkybindError:
        return
    # what these do not read, such as the truth of a simulated survey, the check has to tell
    if not any(damage.file == file for damage in told):
        raise Silent(f"it was read: {name}")


def _no_file(this: Try, survey: Survey) -> None:
    file = ["stars.csv", "epochs.csv", "spectra/a.fits", "m.yaml", "s.h5", "s.npz", "i.fits"]
    name = file[int(this.rng.integers(len(file)))]
    path = survey.folder / name
    if name in ("s.h5", "s.npz"):
        _stack(survey, name)
    path.unlink(missing_ok=True)
    kind = this.rng.integers(5)
    if kind == 0:
        os.mkfifo(path)
    elif kind == 1:
        with socket.socket(socket.AF_UNIX) as bound:
            os.chdir(path.parent)
            bound.bind(path.name)
    else:
        path.symlink_to(["/dev/zero", "/dev/urandom", "/dev/tty"][kind - 2])


def _yaml(this: Try, survey: Survey) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 12)]
    texts = ["\n".join(lines), "[" * 200_000, "{a: " * 100_000, "- " * 200_000, "&a [*a]",
             "objects: 1\nobjects: 2", "a: " + "1:" * 200_000 + "1", "? " * 100_000,
             "a: !!python/object/apply:os.system ['touch x']", "a: !!binary A"]  # fmt: skip
    text = texts[int(this.rng.integers(len(texts)))]
    survey.write("m.yaml", text)
    try:
        load_config(survey.folder / "m.yaml")
    except SkybindError:
        return
    raise Silent(f"it was taken for a configuration: {text[:50]!r}")


def _json(this: Try, survey: Survey) -> None:
    texts = ["[" * 10**6, '{"a":' * 10**6, '{"id": ' + "9" * 10**6 + "}", '[{"id": 1e999999}]',
             "\n".join(['{"a":' * 2000 + "1" + "}" * 2000] * 3)]  # fmt: skip
    survey.write("stars.json", texts[int(this.rng.integers(len(texts)))])
    survey.mapping["objects"]["file"] = "stars.json"


def _pictures(this: Try, survey: Survey) -> None:
    from PIL import Image

    out = io.BytesIO()
    side = int(this.rng.choice([9_000, 12_000]))
    Image.new("L", (side, side)).save(out, ["PNG", "JPEG"][int(this.rng.integers(2))])
    read_jpeg(out.getvalue(), "a.png", ImageRequest(["r"]))


def _one_line(this: Try, survey: Survey) -> None:
    survey.write("epochs.csv", EPOCHS + "a," + "1" * 10**7)


BOMBS: list[Callable[[Try, Survey], None]] = [
    _gzipped, _gzipped_spectrum, _in_a_zip, _other_packers, _npz, _hdf5, _fits_axes, _fits_table,
    _fits_tiles, _votable, _entities, _columns, _parquet, _parquet_text, _of_ours,
    _no_file, _yaml, _json, _pictures, _one_line,
]  # fmt: skip
#: What is a bomb is one object's, and the other has to arrive.
OF_ONE = {_gzipped_spectrum, _in_a_zip, _other_packers, _fits_axes, _fits_tiles}


@each_apart("bombs", quick=20, seconds=60, memory=1.5e9, before=made)
def bombs(this: Try) -> str:
    """Import a survey of which one file is a bomb."""
    bomb = this.one_of(BOMBS)
    this.does(bomb.__name__.strip("_").replace("_", " "))
    survey = Survey(this.folder)
    bomb(this, survey)
    if bomb is _of_ours:
        return "right value"
    return imported(survey, bomb in OF_ONE)


def imported(survey: Survey, of_one: bool = False) -> str:
    """Import a survey; whether all of both stars arrived, or some was set aside.

    Parameters
    ----------
    survey : Survey
    of_one : bool
        Whether only the observations of star `a` are broken: those of `b` have to arrive.
    """
    out = survey.run()
    aside = read_quarantine(out)
    if of_one and any(row["object_id"] == "b" for row in aside):
        raise Silent(f"the sound object was set aside: {aside[:3]}")
    if of_one:
        data = Dataset.open(out)
        sound = data.object_ids.tolist().index("b")
        if not all(data.present(name)[sound] for name in data.schema.observations):
            raise Silent("an observation of the sound object is missing")
    return "quarantined" if aside else "right value"
