"""What points out of a file: other files and addresses that its format lets it name are not read.

A VOTable may keep its data at an address (`STREAM href`, VOTable 1.4, section 5), and an HDF5 file
in others (external links, external storage, virtual datasets). So a survey file from a stranger
could read any file of this machine, or make it call another.
"""

import math
from typing import Any
from xml.parsers import expat

from skybind.errors import DataError
from skybind.ingest.readers.sizes import array_bytes, check_columns
from skybind.limits import check_size


def refuse_addresses(data: bytes, name: str) -> None:
    """Refuse a VOTable whose data lie elsewhere, or that declares types or entities of its own.

    Also one that declares more rows or longer arrays than it can hold.

    The file is gone through by the parser that reads it afterwards, so that no encoding and no way
    of writing a tag hides an address. What is no XML is left to the reader.

    Raises
    ------
    DataError
    """
    width, columns = 0.0, 0

    def begin(element: str, attributes: dict[str, str]) -> None:
        nonlocal width, columns
        if element.rpartition(":")[2] == "TABLE":
            width, columns = 0.0, 0
            check_size(_number(attributes.get("nrows", "")) * 8, len(data), name)
        if element.rpartition(":")[2] == "FIELD":
            columns += 1
            check_columns(columns, name)
            width += 8 * math.prod(map(_number, attributes.get("arraysize", "1").split("x")))
            check_size(width, len(data), name)
        if element.rpartition(":")[2] == "STREAM" and "href" in attributes:
            raise DataError(
                f"{name} keeps its data elsewhere ({attributes['href'][:100]}), and nothing but "
                "the file itself is read: save the table with its data inside."
            )

    def declare(doctype: str, system: str | None, public: str | None, inside: bool) -> None:
        if inside:
            raise DataError(
                f"{name} declares types or entities of its own, which are not read: write it anew "
                "without them."
            )

    parser = expat.ParserCreate()
    parser.StartElementHandler = begin
    parser.StartDoctypeDeclHandler = declare
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError, ValueError):
        return


def _number(text: str) -> float:
    """Read an axis of an array, or a number of rows; 1 where it is not fixed."""
    text = text.strip()
    return float(text) if text.isdecimal() and len(text) < 300 else 1.0


def refuse_other_files(file: Any, name: str) -> None:
    """Refuse an HDF5 file of which some data lie in other files, or stand for far more than it has.

    Parameters
    ----------
    file : h5py.File
    name : str

    Raises
    ------
    DataError
    """
    import h5py

    def look(path: str, link: Any) -> str | None:
        if isinstance(link, h5py.ExternalLink):
            return f"'{path}' is in {link.filename}"
        if not isinstance(link, h5py.HardLink):
            return None  # a soft link points to something in the file, which is looked at itself
        item = file.get(path)
        if not isinstance(item, h5py.Dataset):
            return None
        size = array_bytes(item.shape or (), item.dtype.itemsize)
        chunk = array_bytes(item.chunks or (), item.dtype.itemsize)
        try:
            check_size(max(size, chunk), item.id.get_storage_size(), f"'{path}' of {name}", False)
        except DataError as error:  # which h5py would not let through
            swells.append(error)
            return "too large"
        if item.external:
            return f"'{path}' is in {item.external[0][0]}"
        return f"'{path}' is put together of other files" if item.is_virtual else None

    swells: list[DataError] = []
    found = file.visititems_links(look)
    if swells:
        raise swells[0]
    if found is not None:
        raise DataError(
            f"{name} keeps data in other files ({found}), and nothing but the file itself is read: "
            "copy them into one file."
        )
