"""What other programs send by SAMP means for a survey: objects to select or to open.

Parameters of messages are those of the standard's list of types ("MTypes"): a table
(`table.load.votable`), one or some of its rows (`table.highlight.row`, `table.select.rowList`), and
a place on the sky (`coord.pointAt.sky`).
"""

import http.client
import shutil
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

import numpy as np
import pyarrow as pa

from skybind.data.sky import pairs_within, unit_vectors
from skybind.errors import DataError, SkybindError
from skybind.explore.survey import Survey
from skybind.explore.views import positions
from skybind.files import raise_of_machine
from skybind.ingest.catalogues import Catalogue, places_of
from skybind.ingest.fields import name_of_objects
from skybind.ingest.frames import Frame
from skybind.ingest.given_files import frame_of_file
from skybind.ingest.names import given_names
from skybind.ingest.readers.sizes import regular_file

TABLE = "table.load.votable"
KINDS = (TABLE, "table.highlight.row", "table.select.rowList", "coord.pointAt.sky")
#: Radius within which a row of a table is an object [arcsec]; that of a place that was pointed at.
SAME, POINTED = 1.0, 60.0
#: Distance from which objects of one name are told to be doubtful [arcsec].
APART = 60.0
#: Most bytes of a table, and seconds that its sender has to give it.
HEAVIEST, WAITED = 1 << 29, 20.0
#: Most tables, and rows of all, that are held for what a program chooses of them later.
MOST_TABLES, MOST_ROWS = 100, 20_000_000

#: Rows of the dataset, by the name of a table that a program may speak of; -1 for none.
Tables = dict[str, np.ndarray]


@dataclass
class Message:
    """What another program sent.

    Attributes
    ----------
    sender : str
        Its id at the hub.
    kind : str
        One of `KINDS`.
    params : dict
    path : Path, optional
        Where the table lies that was sent.
    refused : str
        Why it could not be taken; "" if it was.
    """

    sender: str
    kind: str
    params: dict[str, Any]
    path: Path | None = None
    refused: str = ""

    @property
    def names(self) -> list[str]:
        """Names by which the table may be spoken of."""
        return [str(self.params[key]) for key in ("table-id", "url") if self.params.get(key)]

    def discard(self) -> None:
        """Delete the table that was sent."""
        if self.path is not None:
            shutil.rmtree(self.path.parent, ignore_errors=True)

    def forget(self, tables: Tables) -> None:
        """Know rows no longer of a table that this message replaces."""
        if self.kind == TABLE:
            for name in self.names:
                tables.pop(name, None)


@dataclass
class Heard:
    """What a message means.

    Attributes
    ----------
    kind : {"rows", "object", "said"}
        Objects to select, one to open, or nothing but what is said.
    said : str
        A sentence.
    rows : ndarray of int
        Of the dataset.
    object_id : str
    """

    kind: str
    said: str
    rows: np.ndarray = field(default_factory=lambda: np.zeros(0, int))
    object_id: str = ""

    def told(self) -> dict[str, Any]:
        """Return what the page is told."""
        return {"kind": self.kind, "said": self.said, "id": self.object_id, "n": len(self.rows)}


def keep(tables: Tables, rows: np.ndarray, *names: str) -> None:
    """Hold the rows of a table by its names; the oldest go where there are too many."""
    for name in names:
        tables.pop(name, None)
        tables[name] = rows
    forget_oldest(tables, MOST_TABLES, len, len(names))


def forget_oldest(
    held: dict[Any, Any], most: int, rows: Callable[[Any], int], newest: int = 1
) -> None:
    """Drop the oldest of what is held until it is few enough and names at most `MOST_ROWS` rows.

    Parameters
    ----------
    held : dict
        The oldest first.
    most : int
        That are held.
    rows : callable
        Says how many rows one names.
    newest : int
        So many stay, however many rows they name.
    """
    while len(held) > most or (len(held) > newest and sum(map(rows, held.values())) > MOST_ROWS):
        del held[next(iter(held))]


def understood(survey: Survey, message: Message, sender: str, tables: Tables) -> Heard:
    """Say what a message means.

    Parameters
    ----------
    survey : Survey
    message : Message
    sender : str
        Name of the program.
    tables : dict of str to ndarray of int
        Tables that were sent or received; one that is received now is added.

    Raises
    ------
    DataError
        If it cannot be read.
    """
    params = message.params
    if message.kind == TABLE:
        return _of_table(survey, message, sender, tables)
    if message.kind == "coord.pointAt.sky":
        return _of_place(survey, _degrees(params, "ra", 360), _degrees(params, "dec", 90), sender)
    rows = _known(params, tables)
    if message.kind == "table.highlight.row":
        (row,) = _places([params.get("row")], len(rows))
        return _opened(survey, int(rows[row]), sender, "chose a row")
    given = params.get("row-list")
    chosen = rows[_places(given if isinstance(given, list) else [given], len(rows))]
    here = np.unique(chosen[chosen >= 0])
    lost = int((chosen < 0).sum())
    said = f"{sender} chose {_counted(len(chosen))} of a table"
    said += f"; {lost:,} not in this survey." if lost else "."
    return Heard("rows", said, here) if len(here) else Heard("said", said)


def fetched(url: str, folder: Path, hosts: Sequence[str]) -> Path:
    """Copy a table that another program of this machine gives; returns where.

    Parameters
    ----------
    url : str
        `file:`, or `http:` of this machine; redirections are not followed.
    folder : Path
        The table is written to a new folder in it.
    hosts : sequence of str
        Names of this machine.

    Raises
    ------
    DataError
        If it is elsewhere, too large, or does not come.
    """
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError:
        raise DataError(f"'{url[:80]}' is no address of a table.") from None
    # on Windows a path that begins so is another machine's
    local = parts.scheme == "file" and host in (None, *hosts) and not parts.path.startswith("//")
    if not local and (parts.scheme != "http" or host not in hosts):
        raise DataError(f"the table at {url[:80]} is not on this machine and was not read.")
    path = Path(tempfile.mkdtemp(dir=folder)) / "table.vot"
    try:
        with _source(url, parts.path if local else None) as source, path.open("wb") as file:
            _copy(source, file)
    except (SkybindError, OSError, ValueError, http.client.HTTPException) as error:
        raise_of_machine(error)
        shutil.rmtree(path.parent)
        why = str(error).rstrip(".")
        raise DataError(f"the table at {url[:80]} could not be read: {why}.") from error
    return path


def _source(url: str, path: str | None) -> Any:
    """Open a file of this machine, or else what a server gives."""
    if path is None:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), _Stays())
        return opener.open(url, timeout=WAITED)
    name = Path(urllib.request.url2pathname(path))
    regular_file(name)
    return name.open("rb")


def _copy(source: Any, file: IO[bytes]) -> None:
    left, end = HEAVIEST, time.monotonic() + WAITED
    while piece := source.read1(1 << 20):
        left -= len(piece)
        if left < 0:
            raise OSError(f"it has more than {HEAVIEST >> 20} MB")
        if time.monotonic() > end:
            raise OSError(f"it did not come within {WAITED:g} s")
        file.write(piece)
    if getattr(source, "length", None):  # a server's, that was announced
        raise OSError("it ended early")


class _Stays(urllib.request.HTTPRedirectHandler):
    """Follows no redirection, which might lead to another machine."""

    def redirect_request(self, req: Any, *args: Any, **kwargs: Any) -> None:
        """Refuse."""
        raise urllib.error.URLError("it is elsewhere")


def _of_table(survey: Survey, message: Message, sender: str, tables: Tables) -> Heard:
    name = str(message.params.get("name") or "a table")[:80]
    message.forget(tables)  # whatever comes of it: rows of an older table would be others
    if message.refused or message.path is None:
        return Heard("said", f"{sender} sent '{name}': {message.refused}")
    try:
        rows, how = rows_of_table(survey, message.path)
    except SkybindError as error:
        raise DataError(f"'{name}' was sent, but {error}") from error
    keep(tables, rows, *message.names)
    here = np.unique(rows[rows >= 0])
    said = f"{sender} sent '{name}': {(rows >= 0).sum():,} of its {_counted(len(rows))} are "
    said += f"objects of this survey, {how}."
    return Heard("rows", said, here) if len(here) else Heard("said", said)


def rows_of_table(survey: Survey, path: Path) -> tuple[np.ndarray, str]:
    """Find the objects of a table of anybody's: by their names, or else by their positions.

    Returns
    -------
    rows : ndarray of int, shape (n,)
        Row of the dataset of each row of the table, -1 for none.
    how : str
        How they were found.

    Raises
    ------
    DataError
        If the table cannot be read, or has neither names nor positions.
    """
    frame = frame_of_file(path)
    named = name_of_objects(frame.flat)
    if named is not None and frame.n:
        names = given_names(frame.flat[named], f"column '{named}'").tolist()
        rows = survey.places.rows(pa.chunked_array([names], pa.string()))
        if (rows >= 0).any():
            return rows, f"by their names in '{named}'{_doubtful(survey, frame, rows)}"
    theirs = places_of(Catalogue(None), frame, "the table")
    ra, dec = positions(survey)
    known = np.flatnonzero(np.isfinite(ra) & np.isfinite(dec))
    found = pairs_within(theirs.vectors(), unit_vectors(ra[known], dec[known]), SAME)
    # each row by itself, with its nearest: several may be one object, as in a table of epochs
    own, nearest = np.unique(found.a, return_index=True)
    rows = np.full(frame.n, -1)
    rows[theirs.known[own]] = known[found.b[nearest]]
    return rows, f"by their positions, within {SAME:g} arcsec"


def _doubtful(survey: Survey, frame: Frame, rows: np.ndarray) -> str:
    """Say how many objects of one name stand elsewhere on the sky: names may mean others there."""
    here = np.flatnonzero(rows >= 0)
    try:
        theirs = places_of(Catalogue(None), frame, "the table")
        ra, dec = positions(survey)
    except SkybindError:  # without positions, names are all there is
        return ""
    apart = _separation(ra[rows[here]], dec[rows[here]], theirs.ra[here], theirs.dec[here])
    far = int((apart > APART).sum())
    if not far:
        return ""
    lie = "lies" if far == 1 else "lie"
    return f"; but {far:,} of them {lie} more than {APART:g} arcsec from the position here"


def _of_place(survey: Survey, ra: float, dec: float, sender: str) -> Heard:
    """Open the object that is nearest to a place."""
    apart = _separation(*positions(survey), np.array(ra), np.array(dec))
    where = f"{sender} points at {ra:.5f} {dec:+.5f}"
    if not (apart <= POINTED).any():
        return Heard("said", f"{where}: no object of this survey is within {POINTED:g} arcsec.")
    row = int(np.nanargmin(apart))
    opened = _opened(survey, row, sender, "")
    opened.said = f"{where}: {opened.object_id} is {apart[row]:.1f} arcsec away."
    return opened


def _opened(survey: Survey, row: int, sender: str, did: str) -> Heard:
    if row < 0:
        return Heard("said", f"{sender} {did} that is no object of this survey.")
    name = str(survey.run.dataset.object_ids[row])
    return Heard("object", f"{sender} {did}: {name}.", np.array([row]), name)


def _separation(ra: Any, dec: Any, ra2: Any, dec2: Any) -> np.ndarray:
    """Return how far places are apart [arcsec]; NaN where one is not known."""
    chord = np.linalg.norm(unit_vectors(ra, dec) - unit_vectors(ra2, dec2), axis=-1)
    return np.asarray(np.degrees(2 * np.arcsin(np.clip(chord / 2, 0, 1))) * 3600)


def _known(params: dict[str, Any], tables: Tables) -> np.ndarray:
    for key in ("table-id", "url"):
        if str(params.get(key)) in tables:
            return tables[str(params[key])]
    raise DataError("rows of a table were chosen that the explorer does not have: send it first.")


def _counted(n: int) -> str:
    return f"{n:,} row{'' if n == 1 else 's'}"


def _places(given: Sequence[Any], n: int) -> np.ndarray:
    """Read numbers of rows."""
    try:
        rows = np.array([int(str(text)) for text in given], int)
    except (ValueError, OverflowError):
        rows = np.array([-1])
    if ((rows < 0) | (rows >= n)).any():
        raise DataError(
            f"rows were chosen that the table of {_counted(n)} does not have: send it again."
        )
    return rows


def _degrees(params: dict[str, Any], name: str, most: float) -> float:
    try:
        value = float(str(params.get(name)))
    except ValueError:
        value = np.nan
    if not abs(value) <= most:
        raise DataError(f"a place was pointed at whose {name} is '{params.get(name)!s:.40}'.")
    return value
