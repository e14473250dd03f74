"""What is done to sound files: damage that tests and campaigns draw from.

`harmed` knows what a file holds, and damages its bytes or what these say: a value of another kind,
a key or a column that is lost, lists of unequal length, cards of headers and cells of tables.
"""

import copy
import gzip
import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits

from skybind.footers import footer_in

Rng = np.random.Generator
Place = tuple[str | int, ...]
#: Values of JSON that stand where another was.
ODD: tuple[Any, ...] = (
    None, 3, "x", [], {}, [[]], {"x": {}}, True, -1e300, "1e999", ["a", None], [1, "b", 3],
)  # fmt: skip
#: Words that stand in a cell of text where a number was; none is one.
WORDS = ("x", "", "--", "[]", "{}", "1e999", "1.2.3", "0x10", "None", "[1, 2]", "2020-13-45")
_NOTHING = ("", "--", "None")
_CELL = re.compile(r"([,;|\t]|[ ]+)")
#: Cards of a FITS header without which no program finds the data.
_STRUCTURE = re.compile(r"SIMPLE|XTENSION|BITPIX|NAXIS\d*|[PG]COUNT|TFIELDS|TFORM\d+|EXTEND|")


class Harm(NamedTuple):
    """Bytes that were damaged.

    Attributes
    ----------
    content : bytes
    what : str
        What was done.
    numberless : bool
        Whether nothing was written that could be taken for a number: a number that is read then
        and was not there before is wrong, and one that is lost has to be told.
    nothing : bool
        Whether what was written says "not known": a flag that does so flags nothing.
    """

    content: bytes
    what: str
    numberless: bool = False
    nothing: bool = False


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Every place in a value of JSON, but for the whole."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in entries:
        yield (*at, key)
        if isinstance(inner, dict | list):
            yield from places(inner, (*at, key))


def with_value(value: Any, place: Place, new: Any) -> Any:
    """A copy of a value of JSON with another at a place."""
    made = copy.deepcopy(value)
    _inside(made, place)[place[-1]] = new
    return made


def _inside(value: Any, place: Place) -> Any:
    for key in place[:-1]:
        value = value[key]
    return value


def flip(data: bytes, rng: Rng) -> bytes:
    """Change one bit."""
    if not data:
        return b"\x01"
    place = int(rng.integers(len(data)))
    return data[:place] + bytes([data[place] ^ (1 << int(rng.integers(8)))]) + data[place + 1 :]


def cut(data: bytes, rng: Rng) -> bytes:
    """Leave out the end."""
    return data[: int(rng.integers(max(len(data) - 1, 1)))]


def _wrong_type(data: bytes, rng: Rng) -> bytes:
    """Give one value of JSON, however deep in it, another type."""
    try:
        value = json.loads(data)
        found = list(places(value)) if isinstance(value, dict | list) else []
    except (ValueError, RecursionError):
        return flip(data, rng)
    if not found:
        return flip(data, rng)
    return json.dumps(with_value(value, _of(found, rng), _of(ODD, rng))).encode()


def _footer(data: bytes, rng: Rng) -> bytes:
    """Change one bit of a Parquet footer, or, of another file, of its last bytes."""
    length = len(footer_in(data)) + 8 if data[-4:] == b"PAR1" else 64
    start = max(len(data) - length, 0)
    return data[:start] + flip(data[start:], rng)


BREAKS: dict[str, Callable[[bytes, Rng], bytes]] = {
    "a bit flipped": flip,
    "its end hit": _footer,
    "cut": cut,
    "empty": lambda data, rng: b"",
    "braces": lambda data, rng: b"{}",
    "a list": lambda data, rng: b"[]",
    "zeros": lambda data, rng: bytes(len(data)),
    "another type": _wrong_type,
    "twice": lambda data, rng: data + data,
    "noise": lambda data, rng: rng.bytes(max(len(data), 9)),
}


def damaged(content: bytes, rng: Rng) -> bytes:
    """Change, drop or repeat a few stretches of bytes."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 6)):
        at, length = int(rng.integers(0, len(data) + 1)), int(rng.integers(1, 20))
        kind = rng.integers(0, 4)
        if kind == 0:
            data[at : at + length] = rng.integers(0, 256, length, dtype=np.uint8).tobytes()
        elif kind == 1:
            del data[at : at + length]
        elif kind == 2:
            data[at:at] = data[at : at + length]
        elif rng.random() < 0.3:
            del data[at:]
    return bytes(data)


def _digits(content: bytes, rng: Rng) -> bytes:
    """Change a digit or some: a length, a number of rows, or a value."""
    data = bytearray(content)
    at = [i for i, byte in enumerate(data[:20_000]) if 48 <= byte < 58]
    for _ in range(int(rng.integers(1, 4)) if at else 0):
        data[_of(at, rng)] = int(rng.integers(48, 58))
    return bytes(data)


def _of(choices: Any, rng: Rng) -> Any:
    return choices[int(rng.integers(len(choices)))]


def harmed(content: bytes, rng: Rng) -> Harm:
    """Damage a file in one way; every second time in what it says, where that is known."""
    if content.startswith(b"\x1f\x8b") and rng.random() < 0.7:
        inner = harmed(gzip.decompress(content), rng)
        return inner._replace(content=gzip.compress(inner.content))
    change = _change_of(content)
    if change is not None and rng.random() < 0.6:
        with suppress(OSError, ValueError, KeyError):  # what it holds cannot be written otherwise
            found = change(content, rng)
            if found is not None:
                return found
    ways = {**BREAKS, "stretches of bytes": damaged, "digits": _digits}
    name = _of(list(ways), rng)
    return Harm(ways[name](content, rng), name)


def _change_of(content: bytes) -> Callable[[bytes, Rng], Harm | None] | None:
    """Give the function that knows what a file holds."""
    begin = content.lstrip()[:9]
    if begin.startswith(b"SIMPLE"):
        return _fits
    for beginning, change in ((b"PAR1", _parquet), (b"\x89HDF", _hdf5), (b"{", _json),
                              (b"[", _json), (b"<", _votable)):  # fmt: skip
        if begin.startswith(beginning):
            return change
    return _zip if begin.startswith(b"PK") else _text if content.isascii() else None


def _json(content: bytes, rng: Rng) -> Harm | None:
    value = json.loads(content)
    place = _of(list(places(value)), rng)
    if rng.random() < 0.2:
        made = copy.deepcopy(value)
        del _inside(made, place)[place[-1]]
        return Harm(json.dumps(made).encode(), f"{place} is lost")
    new = _of(ODD, rng)
    made = with_value(value, place, new)
    numberless = new is None or isinstance(new, list | dict)
    return Harm(json.dumps(made).encode(), f"{place} is {new!r}", numberless, new in (None, [], {}))


def _votable(content: bytes, rng: Rng) -> Harm | None:
    cells = list(re.finditer(rb"<TD>([^<]*)</TD>", content))
    if not cells:
        return None
    cell, word = _of(cells, rng), _of(WORDS, rng)
    made = content[: cell.start(1)] + word.encode() + content[cell.end(1) :]
    return Harm(made, f"a cell is {word!r}", True, word in _NOTHING)


def _text(content: bytes, rng: Rng) -> Harm | None:
    lines = content.decode().splitlines()
    rows = [i for i, line in enumerate(lines) if len(_CELL.split(line.strip())) > 2]
    if not rows:
        return None
    row, way = _of(rows, rng), int(rng.integers(6))
    parts = _CELL.split(lines[row])
    cell = 2 * int(rng.integers((len(parts) + 1) // 2))
    said, word = lines[row].startswith("#"), "x"
    if way < 3:
        word = _of(WORDS, rng)
        what, parts[cell] = f"line {row}: {parts[cell]!r} is {word!r}", word
    elif way == 3:
        what, word = f"line {row} lacks {parts[cell]!r}", ""
        del parts[max(cell - 1, 0) : cell + 1]
    elif way == 4:
        what, parts[cell:cell] = f"line {row} has a cell more", ["x", parts[1]]
    else:
        what, said = f"line {row} stands for {rows[0]}", True
        lines[rows[0]] = lines[row]
    lines[row] = "".join(parts)
    nothing = row > rows[0] and word in _NOTHING
    return Harm("\n".join([*lines, ""]).encode(), what, not said, nothing)


def _fits(content: bytes, rng: Rng) -> Harm | None:
    with fits.open(io.BytesIO(content), memmap=False) as hdus:
        which = int(rng.integers(len(hdus)))
        hdu, way = hdus[which], int(rng.integers(4))
        if way == 0:
            what = _card(hdu.header, rng)
            numberless = False
        elif way == 1 and len(hdus) > 2:
            what, numberless = f"extension {which} is lost", False
            del hdus[max(which, 1)]
        elif hdu.data is None or not hdu.data.size:
            return None
        elif hdu.is_image:
            what, hdu.data, numberless = _array(hdu.data, rng)
        else:
            what, hdus[which], numberless = _table(hdu, rng)
        out = io.BytesIO()
        hdus.writeto(out, output_verify="ignore")
    return Harm(out.getvalue(), f"{hdu.name or which}: {what}", numberless)


def _card(header: Any, rng: Rng) -> str:
    keys = [key for key in header if not _STRUCTURE.fullmatch(key)]
    if not keys:
        return "nothing"
    key = _of(keys, rng)
    if rng.random() < 0.5:
        del header[key]
        return f"{key} is lost"
    header[key] = _of(["x", 3, True, -1e300, ""], rng)
    return f"{key} is {header[key]!r}"


def _table(hdu: Any, rng: Rng) -> tuple[str, Any, bool]:
    names = hdu.columns.names
    name, way = _of(names, rng), int(rng.integers(4))
    if way == 0 and len(names) > 1:
        columns = [column for column in hdu.columns if column.name != name]
        made = fits.BinTableHDU.from_columns(columns, hdu.header, name=hdu.name)
        return f"column {name} is lost", made, False
    if way == 1:
        hdu.columns.change_name(name, "X")
        return f"column {name} is X", hdu, False
    if way == 2:
        hdu.data = hdu.data[:-1]
        return "the last row is lost", hdu, False
    values = hdu.data[name]
    if values.dtype.kind == "f":
        values[int(rng.integers(len(values)))] = np.nan
        return f"NaN in {name}", hdu, True
    return "nothing", hdu, False


def _array(values: np.ndarray, rng: Rng) -> tuple[str, np.ndarray, bool]:
    """Change an array: one number is none, or its shape or its kind is another."""
    way, made = int(rng.integers(5)), values.copy()
    if way == 0 and made.dtype.kind == "f" and made.size:
        made.flat[int(rng.integers(made.size))] = np.nan
        return "NaN", made, True
    if way == 1:
        return "shorter", made[:-1], False
    if way == 2 and made.ndim:
        return "the last axis is shorter", made[..., :-1], False
    if way == 3:
        return "another axis", made[None], False
    whole = np.nan_to_num(made).astype(np.int16) if made.dtype.kind in "fiu" else made
    return "whole numbers", whole, False


def _parquet(content: bytes, rng: Rng) -> Harm | None:
    table = pq.read_table(pa.BufferReader(content))
    if not table.num_columns or not table.num_rows:
        return None
    i, way = int(rng.integers(table.num_columns)), int(rng.integers(4))
    name, column = table.column_names[i], table.column(i)
    numberless = nothing = False
    if way == 0:
        what, table = f"column {name} is lost", table.remove_column(i)
    elif way == 1:
        what, new = f"column {name} is text", pa.array([str(v) for v in column.to_pylist()])
        table = table.set_column(i, name, new)
    elif way == 2:
        what, table = f"column {name} is null", table.set_column(i, name, pa.nulls(len(table)))
    else:
        rows = column.to_pylist()
        row = int(rng.integers(len(rows)))
        rows[row], numberless = _shorter(rows[row])
        what, nothing = f"row {row} of {name} is {str(rows[row])[:40]}", rows[row] is None
        table = table.set_column(i, table.field(i), pa.array(rows, column.type))
    out = pa.BufferOutputStream()
    pq.write_table(table, out)
    return Harm(out.getvalue().to_pybytes(), what, numberless, nothing)


def _shorter(cell: Any) -> tuple[Any, bool]:
    """Give a cell with a shorter list; second, whether it does not fit those beside it then."""
    if isinstance(cell, list):
        return cell[:-1], not (cell and isinstance(cell[0], list | dict))
    if isinstance(cell, dict):
        key = next((key for key, value in cell.items() if isinstance(value, list)), None)
        return (None, True) if key is None else ({**cell, key: cell[key][:-1]}, True)
    return None, True


def _hdf5(content: bytes, rng: Rng) -> Harm | None:
    out = io.BytesIO(content)
    with h5py.File(out, "r+") as file:
        found: list[str] = []
        file.visititems(lambda at, item: found.append(at) if hasattr(item, "shape") else None)
        name = _of(found, rng)
        values, way = file[name][()], int(rng.integers(3))
        del file[name]
        if way == 0:
            return Harm(_closed(file, out), f"{name} is lost")
        if way == 1 or values.dtype.kind not in "fiu":
            file[name] = np.array(["x"] * max(len(values), 1), "S1")
            return Harm(_closed(file, out), f"{name} is text")
        what, file[name], numberless = _array(values, rng)
        return Harm(_closed(file, out), f"{name}: {what}", numberless)


def _closed(file: h5py.File, out: io.BytesIO) -> bytes:
    file.close()
    return out.getvalue()


def _zip(content: bytes, rng: Rng) -> Harm | None:
    """Damage a member of a zip, or an array of an npz file."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        members = {info: archive.read(info) for info in archive.infolist()}
    info = _of(list(members), rng)
    if info.filename.endswith(".npy"):
        what, values, numberless = _array(np.load(io.BytesIO(members[info])), rng)
        out = io.BytesIO()
        np.save(out, values)
        inner = Harm(out.getvalue(), what, numberless)
    else:
        inner = harmed(members[info], rng)
    members[info] = inner.content
    if rng.random() < 0.2:
        del members[info]
        inner = Harm(b"", "lost")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for one, data in members.items():
            archive.writestr(one, data)
    return inner._replace(content=out.getvalue(), what=f"{info.filename}: {inner.what}")
