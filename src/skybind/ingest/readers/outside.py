"""What points out of a file: other files and addresses that its format lets it name are not read.

A VOTable may keep its data at an address (`STREAM href`, VOTable 1.4, section 5), and an HDF5 file
in others (external links, external storage, virtual datasets). So a survey file from a stranger
could read any file of this machine, or make it call another.
"""

import codecs
import re
from typing import Any

from skybind.errors import DataError

#: Encodings of XML in which markup is found as it is written; UTF-16 is turned to UTF-8 before.
_ENCODINGS = ("utf-8", "utf-16", "ascii", "iso8859-1", "iso8859-15", "cp1252")
_DECLARED = re.compile(rb"""<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["']""")
_ADDRESS = re.compile(rb"""<(?:[\w.-]+:)?STREAM\b[^>]*?\bhref\s*=\s*["']?([^"'>\s]*)""")


def refuse_addresses(data: bytes, name: str) -> None:
    """Refuse a VOTable whose data lie elsewhere, or that defines entities.

    Raises
    ------
    DataError
    """
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        data = data.decode("utf-16", "replace").encode()
    declared = _DECLARED.search(data[:1000])
    if declared is not None:
        encoding = declared[1].decode("ascii")
        try:
            known = codecs.lookup(encoding).name in _ENCODINGS
        except LookupError:
            known = False
        if not known:
            raise DataError(f"{name} is in the encoding {encoding}: write it in UTF-8.")
    if b"<!ENTITY" in data:
        raise DataError(f"{name} defines entities of its own, which are not read: write it anew.")
    found = _ADDRESS.search(data)
    if found is not None:
        where = found[1].decode("utf-8", "replace")[:100]
        raise DataError(
            f"{name} keeps its data elsewhere ({where}), and nothing but the file itself is read: "
            "save the table with its data inside."
        )


def refuse_other_files(file: Any, name: str) -> None:
    """Refuse an HDF5 file of which some data lie in other files.

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
        if item.external:
            return f"'{path}' is in {item.external[0][0]}"
        return f"'{path}' is put together of other files" if item.is_virtual else None

    found = file.visititems_links(look)
    if found is not None:
        raise DataError(
            f"{name} keeps data in other files ({found}), and nothing but the file itself is read: "
            "copy them into one file."
        )
