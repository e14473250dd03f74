"""Frames of positions: what a mapping, a file or the names of columns say, and the way to ICRS."""

import re
from pathlib import Path

import numpy as np

from skybind.errors import ConfigError
from skybind.ingest.readers.contents import unzipped

#: Frames that are converted to ICRS: fk4 of equinox and epoch B1950, fk5 of equinox J2000.
FRAMES = ("icrs", "fk5", "fk4", "galactic")
_GALACTIC = re.compile(r"_?g(al(actic)?)?_?(lon|lat|[lb])(gitude|itude)?(deg|_deg)?|[lb](ii|2)?")
_ECLIPTIC = re.compile(r"_?e(c|cl|cliptic)?_?(lon|lat)(gitude|itude)?(deg|_deg)?")
_1950 = re.compile(r"_?(ra|de|dec|dej)_?(b)?_?1950\w*|\w*fk4\w*")
_2000 = re.compile(r"\w*(2000|icrs)\w*")
#: Bytes at the beginning of a file where its frame stands.
_HEAD = 200_000
_OLD_CARD = re.compile(rb"(?:EQUINOX *= *1950(?:\.0*)?[ /]|RADE(?:CSYS|SYS ) *= *'FK4 *')")
_COOSYS = re.compile(rb"<(?:\w+:)?COOSYS\b[^>]*?system\s*=\s*[\"']([^\"']+)[\"']", re.IGNORECASE)
_SYSTEMS = {b"eq_fk4": "fk4", b"galactic": "galactic"}


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

    None where it is none that has to be converted, or cannot be told.
    """
    try:
        with path.open("rb") as file:
            head = unzipped(file.read(_HEAD), path.name)
    except Exception:  # whoever reads the table says what is wrong with it; a part may not unpack
        return None
    if head.startswith(b"SIMPLE"):
        return "fk4" if _OLD_CARD.search(head) else None
    systems = {system.lower() for system in _COOSYS.findall(head)}
    return _SYSTEMS.get(systems.pop()) if len(systems) == 1 else None


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
    if any(_2000.fullmatch(column.lower()) for column in columns):
        raise ConfigError(
            f"objects: {path.name} states the frame {stated}, its columns '{columns[0]}' and "
            f"'{columns[1]}' are called otherwise: say 'frame: {stated}' or 'frame: icrs'."
        )
    note = f"ra and dec: {path.name} states the frame {stated}; they were converted to ICRS."
    return stated, [note]
