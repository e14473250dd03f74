"""Frames of positions: what a mapping, a file or the names of columns say, and the way to ICRS."""

import re
import zlib
from pathlib import Path

import numpy as np

from skybind.errors import ConfigError
from skybind.ingest.readers.contents import is_gzipped, without_comments

#: Frames that are converted to ICRS: fk4 of equinox and epoch B1950, fk5 of equinox J2000.
FRAMES = ("icrs", "fk5", "fk4", "galactic")
_GALACTIC = re.compile(r"_?g(al(actic)?)?_?(lon|lat|[lb])(gitude|itude)?(deg|_deg)?|[lb](ii|2)?")
_ECLIPTIC = re.compile(r"_?e(c|cl|cliptic)?_?(lon|lat)(gitude|itude)?(deg|_deg)?")
_1950 = re.compile(r"_?(ra|de|dec|dej)_?(b)?_?1950\w*|\w*fk4\w*")
_2000 = re.compile(r"\w*(2000|icrs)\w*")
#: Bytes at the beginning of a file where its frame stands.
_HEAD = 200_000
_HEADER = re.compile(rb"(?:SIMPLE  |XTENSION)= .*?END {77}", re.DOTALL)
_COOSYS = re.compile(rb"<(?:\w+:)?COOSYS\b[^>]*>", re.IGNORECASE)
_SYSTEM = re.compile(rb"\s(system|equinox)\s*=\s*[\"']([^\"']+)[\"']", re.IGNORECASE)
_OTHERS = ("galactic", "ecliptic", "supergalactic", "super_galactic", "ecl_fk4", "ecl_fk5")


def in_icrs(lon: np.ndarray, lat: np.ndarray, frame: str) -> tuple[np.ndarray, np.ndarray]:
    """Take positions to ICRS, by astropy.

    Parameters
    ----------
    lon, lat : ndarray, shape (n,)
        In the frame [deg]; NaN where they are not known.
    frame : str
        One of `FRAMES`.

    Returns
    -------
    ra, dec : ndarray, shape (n,)
        [deg]; NaN where one of both is not known, unless the frame is ICRS already.
    """
    if frame == "icrs":
        return lon, lat
    from astropy.coordinates import SkyCoord

    known = np.isfinite(lon) & np.isfinite(lat)
    ra, dec = np.full(len(lon), np.nan), np.full(len(lat), np.nan)
    if known.any():
        sky = SkyCoord(lon[known], lat[known], unit="deg", frame=frame).icrs
        ra[known], dec[known] = sky.ra.deg, sky.dec.deg
    return ra, dec


def frame_of_names(*columns: str) -> str | None:
    """Tell a frame other than ICRS by the names of both columns; None where they say nothing."""
    names = [column.lower() for column in columns]
    for frame, said in (("galactic", _GALACTIC), ("ecliptic", _ECLIPTIC), ("fk4", _1950)):
        if all(said.fullmatch(name) for name in names):
            return frame
    return None


def stated_frame(path: Path) -> str | None:
    """Read the frame that a FITS file (EQUINOX, RADESYS) or a VOTable (COOSYS) states.

    One that is not among `FRAMES` is given in words. None where positions need not be converted,
    or nothing is told.
    """
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD)
        if is_gzipped(head):
            head = zlib.decompressobj(31).decompress(head, _HEAD)
    except (OSError, zlib.error):  # whoever reads the table says what is wrong with it
        return None
    found = _of_fits(head) if head.startswith(b"SIMPLE") else _of_votable(head)
    return found if found != "icrs" else None


def _of_fits(head: bytes) -> str | None:
    """Frame by the headers of tables, else by the first header; in words where they differ."""
    first, tables = None, set()
    for found in _HEADER.finditer(head):
        cards = {found[0][i : i + 8].strip(): found[0][i + 10 : i + 80]
                 for i in range(0, len(found[0]), 80)}  # fmt: skip
        value = {key: text.split(b"/")[0].strip(b" '").decode("ascii", "replace")
                 for key, text in cards.items()}  # fmt: skip
        system = value.get(b"RADESYS") or value.get(b"RADECSYS")
        frame = _frame(system, value.get(b"EQUINOX"))
        if found.start() == 0:
            first = frame
        elif frame and "TABLE" in value.get(b"XTENSION", "") and b"ZIMAGE" not in cards:
            tables.add(frame)
    return " or ".join(sorted(tables)) or first


def _of_votable(head: bytes) -> str | None:
    """Frame of the only system of coordinates."""
    found = set()
    for tag in _COOSYS.findall(without_comments(head)):
        said = {key.lower(): text.decode("ascii", "replace") for key, text in _SYSTEM.findall(tag)}
        system = said.get(b"system", "eq_FK5").lower()  # the default of VOTable
        if system in _OTHERS:
            found.add(system)
        else:
            found.add(_frame(system.removeprefix("eq_"), said.get(b"equinox")) or "icrs")
    return found.pop() if len(found) == 1 else None


def _frame(system: str | None, equinox: str | None) -> str | None:
    """Frame of an equatorial system; in words if it is none of `FRAMES`.

    What is left out is what the FITS standard takes then (Calabretta and Greisen 2002, A&A 395,
    1077, section 3.1): FK4 before 1984, FK5 after it.
    """
    try:
        year = float(equinox.strip().lstrip("BJbj")) if equinox else None
    except ValueError:
        year = None
    name = (system or "").upper()
    if not name:
        if year is None:
            return None
        name = "FK4" if year < 1984 else "FK5"
    old = name.startswith("FK4")
    if year is None:
        year = 1950 if old else 2000
    if name == "FK4" and year == 1950:
        return "fk4"
    return f"{name} of equinox {year:g}" if old or (name == "FK5" and year != 2000) else "icrs"


def frame_of(asked: str | None, columns: tuple[str, str], path: Path) -> tuple[str, list[str]]:
    """Settle the frame of positions: what the mapping asks for, else what the file states.

    Parameters
    ----------
    asked : str or None
        One of `FRAMES`, by the mapping.
    columns : (str, str)
        Names of both columns.
    path : Path
        The file.

    Returns
    -------
    frame : str
        One of `FRAMES`.
    notes : list of str
        What was done of the file's own accord.

    Raises
    ------
    ConfigError
        If names or file say another frame than ICRS in a way that has to be asked about.
    """
    named = frame_of_names(*columns)
    if asked is not None:
        return asked, []
    if named is not None:
        do = "they cannot be converted: give ra and dec (frame: icrs says that they are these)"
        if named != "ecliptic":
            do = f"add 'frame: {named}' to convert them, or 'frame: icrs' if they are ra and dec"
        what = {"fk4": "of equinox B1950"}.get(named, named)
        raise ConfigError(
            f"objects: the columns '{columns[0]}' and '{columns[1]}' look like positions that are "
            f"{what}, not in ICRS: {do}."
        )
    stated = stated_frame(path)
    if stated is None:
        return "icrs", []
    if stated not in FRAMES:
        raise ConfigError(
            f"objects: {path.name} states the frame {stated}, which is not converted: give "
            "positions in ICRS, or say in which frame they are (frame: icrs, fk5, fk4 of B1950 or "
            "galactic)."
        )
    if any(_2000.fullmatch(column.lower()) for column in columns):
        raise ConfigError(
            f"objects: {path.name} states the frame {stated}, its columns '{columns[0]}' and "
            f"'{columns[1]}' are called otherwise: say 'frame: {stated}' or 'frame: icrs'."
        )
    note = f"ra and dec: {path.name} states the frame {stated}; they were converted to ICRS."
    return stated, [note]
