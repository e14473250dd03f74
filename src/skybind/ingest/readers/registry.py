"""Readers found by name: a new format is one file in this folder with one decorated function."""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skybind.errors import ConfigError, DataError
from skybind.files import raise_of_machine
from skybind.ingest.readers.contents import parsing
from skybind.plugins import find_more
from skybind.words import nearest

if TYPE_CHECKING:
    from skybind.ingest.readers.look import Look
    from skybind.ingest.readers.tables import Table

Fields = dict[str, np.ndarray]


#: Takes the bytes and the name of a file; also the bytes of files beside it, where it needs them.
FileFunction = Callable[..., Fields]


#: Whether a file is of a format, at a look at it (`skybind.ingest.readers.look`).
Known = Callable[["Look"], bool]


DatasetFunction = Callable[..., Any]


@dataclass(frozen=True)
class FileReader:
    """How one file of one object is read.

    Attributes
    ----------
    read : callable
        Takes the bytes and the name of a file and gives its fields as arrays of one length, in
        the units of the dataset (d, mJy, Angstrom). Raises `DataError` for a file it cannot read.
    units : dict of str to (str or None)
        Fields it gives, and their units.
    title : str
        What people call the survey.
    known_by : callable, optional
        Says by its content whether a file is of the format; without it none is ever taken for it.
    about : str
        What has to be known of its values, in a few words: "wavelengths in air".
    beside : callable, optional
        Takes the name of a file and gives those of others in its folder which hold the rest of the
        object; `read` gets the bytes of those that are there, by name.
    """

    read: FileFunction
    units: Mapping[str, str | None]
    title: str = ""
    known_by: Known | None = None
    about: str = ""
    beside: Callable[[str], list[str]] | None = None

    def fields(self, data: bytes, name: str, open_other: Callable[[str], bytes]) -> Fields:
        """Read a file, with those beside it that hold the rest of its object.

        Parameters
        ----------
        data, name
            Of the file.
        open_other : callable
            Gives the bytes of another file in its folder, or raises `DataError`.

        Raises
        ------
        DataError
            If it cannot be read.
        """
        others: dict[str, bytes] = {}
        for other in [] if self.beside is None else self.beside(name):
            with suppress(DataError):  # an object may lack some of its files
                others[other] = open_other(other)
        with parsing(name, self.title):
            return self.read(data, name, *([] if self.beside is None else [others]))


@dataclass(frozen=True)
class CurveFormat:
    """Light curves of a survey: tables whose columns are known.

    Attributes
    ----------
    title : str
        What people call the survey.
    keys : dict
        The `photometry` section of a mapping that says what its columns are; `id` counts for
        tables of many objects.
    known_by : callable
        Says of a `Look` at a file whether it is of the format.
    tidy : callable, optional
        Makes of the table as it is written one that `keys` fit, and adds no epoch of its own. It
        may get some rows of a table alone: of a row it may use nothing but the row.
    read : callable, optional
        Takes the bytes and the name of a file and gives its table as it is written, where it is
        no plain one.
    plain : callable, optional
        Whether a file, by the bytes that it begins with, is a plain table that `read` is not
        needed for.
    options : callable, optional
        Takes the bytes and the name, and gives further options of `read_table`.
    beside : callable, optional
        Takes the name of a file and gives that of another which is needed to read it.
    along : callable, optional
        As `tidy`, where a row means something by those before it, or by the file beside: takes
        the pieces of a table in their order and the bytes of that file, None where it is not
        there, and gives them tidied.
    text : tuple of str
        Columns to read as text whatever they look like.
    """

    title: str
    keys: Mapping[str, Any]
    known_by: Known
    tidy: "Callable[..., Table] | None" = None
    read: "Callable[[bytes, str], Table] | None" = None
    plain: Callable[[bytes], bool] | None = None
    options: Callable[[bytes, str], dict[str, Any]] | None = None
    beside: Callable[[str], str] | None = None
    along: "Callable[[Iterable[Table], bytes | None], Iterator[Table]] | None" = None
    text: tuple[str, ...] = field(default=())

    @property
    def tidies(self) -> bool:
        """Whether a table is changed, so that all of its columns may be needed."""
        return self.tidy is not None or self.along is not None

    def tidied(self, pieces: "Iterable[Table]", other: bytes | None) -> "Iterator[Table]":
        """Give the pieces of a table, in their order, so that `keys` fit them."""
        if self.along is not None:
            return self.along(pieces, other)
        return iter(pieces) if self.tidy is None else map(self.tidy, pieces)

    def needs_read(self, begin: bytes) -> bool:
        """Whether a file that begins so is no plain table."""
        return self.read is not None and not (self.plain is not None and self.plain(begin))


@dataclass(frozen=True)
class ImageRequest:
    """What a mapping says of image files.

    Attributes
    ----------
    bands : list of str or None
        Names of the planes, in the order of the file.
    hdu : int or None
        Which extension of a FITS file.
    """

    bands: list[str] | None = None
    hdu: int | None = None


@dataclass(frozen=True)
class Picture:
    """One image of one object.

    Attributes
    ----------
    planes : ndarray, shape (bands, y, x)
    bands : list of str
    pixel_scale : float or None
        Arcsec a pixel, where the file states it.
    unit : str or None
        Of the values, where the file states it.
    display : bool
        Whether it is a picture for people: stretched, clipped, no fluxes.
    """

    planes: np.ndarray
    bands: list[str]
    pixel_scale: float | None
    unit: str | None
    display: bool = False


ImageFunction = Callable[[bytes, str, ImageRequest], Picture]


_FILES: dict[str, dict[str, FileReader]] = {"photometry": {}, "spectrum": {}}


_CURVES: dict[str, CurveFormat] = {}


_IMAGES: dict[str, tuple[ImageFunction, tuple[str, ...]]] = {}


_DATASETS: dict[str, DatasetFunction] = {}


_CATALOGUES: dict[str, dict[str, Any]] = {}


def register_photometry_file(
    name: str,
    units: Mapping[str, str | None],
    title: str | None = None,
    known_by: Known | None = None,
) -> Callable[[FileFunction], FileFunction]:
    """Register a reader of light curve files under `name` (see `FileReader`)."""
    return _register("photometry", name, units, title, known_by)


def register_spectrum_file(
    name: str,
    units: Mapping[str, str | None],
    title: str | None = None,
    known_by: Known | None = None,
    about: str = "",
    beside: Callable[[str], list[str]] | None = None,
) -> Callable[[FileFunction], FileFunction]:
    """Register a reader of spectrum files under `name` (see `FileReader`)."""
    return _register("spectrum", name, units, title, known_by, about, beside)


def _register(
    kind: str,
    name: str,
    units: Mapping[str, str | None],
    title: str | None,
    known_by: Known | None,
    about: str = "",
    beside: Callable[[str], list[str]] | None = None,
) -> Callable[[FileFunction], FileFunction]:
    def decorate(function: FileFunction) -> FileFunction:
        reader = FileReader(function, dict(units), title or name, known_by, about, beside)
        _FILES[kind][name] = reader
        return function

    return decorate


def register_image_file(
    name: str, suffixes: tuple[str, ...]
) -> Callable[[ImageFunction], ImageFunction]:
    """Register a reader of image files: takes bytes, name and `ImageRequest`, gives a `Picture`."""

    def decorate(function: ImageFunction) -> ImageFunction:
        _IMAGES[name] = (function, suffixes)
        return function

    return decorate


def image_reader(file: str, name: str | None) -> ImageFunction:
    """Reader of image files by format, or else by the name of a file."""
    _load_all()
    if name is not None:
        return _named(_IMAGES, name, "format of images")[0]
    ending = file.lower().removesuffix(".gz")
    for function, suffixes in _IMAGES.values():
        if ending.endswith(suffixes):
            return function
    raise ConfigError(
        f"The format of {file} cannot be told from its name: add format: {' or '.join(_IMAGES)}."
    )


def register_dataset_reader(name: str) -> Callable[[DatasetFunction], DatasetFunction]:
    """Register a reader of whole data sets: `read(path, options, base)` gives a `build.Plan`."""

    def decorate(function: DatasetFunction) -> DatasetFunction:
        _DATASETS[name] = function
        return function

    return decorate


def register_catalogue(name: str, objects: dict[str, Any]) -> None:
    """Register the columns of a survey's catalogue: the `objects` section of a mapping."""
    _CATALOGUES[name] = objects


def register_curves(name: str, format: CurveFormat) -> None:
    """Register the light curves of a survey under `name`."""
    _CURVES[name] = format


def curve_format(name: str | None) -> CurveFormat | None:
    """Light curves of a survey by the name of their format; None if it is no such format."""
    _load_all()
    if name is None:
        return None
    if name not in _CURVES:
        find_more()
    return _CURVES.get(name)


def curve_formats() -> dict[str, CurveFormat]:
    """All surveys whose light curves are known, by the name of the format."""
    _load_all()
    return _CURVES


def file_reader(kind: str, name: str) -> FileReader | None:
    """Reader of files of a kind and format; None where the format is a plain table."""
    _load_all()
    own = _FILES.get(kind, {})
    if name not in own:
        find_more()
    return own.get(name)


def known_format(kind: str, look: "Look") -> str | None:
    """Find the format of a survey of which a file is, by its content; None if it is of none."""
    _load_all()
    return of_one(look, _FILES.get(kind, {}))


def of_one(look: "Look", formats: Mapping[str, "FileReader | CurveFormat"]) -> str | None:
    """Name the format that a file is of; None where it is of none, or could be of several."""
    with look.opened():
        found = [name for name, format in formats.items() if _is_of(look, format.known_by)]
    return found[0] if len(found) == 1 else None


def _is_of(look: "Look", known_by: Known | None) -> bool:
    try:
        return known_by is not None and known_by(look)
    except Exception as error:  # astropy has many ways to fail on bytes that are not there
        raise_of_machine(error)
        return False


def file_formats(kind: str) -> list[str]:
    """Names of the file formats of a kind that are not plain tables."""
    _load_all()
    if kind == "image":
        return sorted(_IMAGES)
    return sorted([*_FILES[kind], *(_CURVES if kind == "photometry" else ())])


def dataset_reader(name: str) -> DatasetFunction:
    """Reader of whole data sets by name."""
    _load_all()
    return partial(_plan_of, name, _named(_DATASETS, name, "reader of data sets"))


def _plan_of(name: str, read: DatasetFunction, path: Path, *given: Any) -> Any:
    """Make a plan of whose making and steps every error is one sentence."""
    with parsing(str(path), name):
        plan = read(path, *given)
    plan.steps = _guarded(plan.steps, str(path), name)
    return plan


def _guarded(
    steps: Iterable[tuple[int, Callable[[], Any]]], where: str, name: str
) -> Iterator[tuple[int, Callable[[], Any]]]:
    def call(step: Callable[[], Any]) -> Any:
        with parsing(where, name):
            return step()

    with parsing(where, name):
        for n, step in steps:
            yield n, partial(call, step)


def dataset_readers() -> list[str]:
    """Names of the readers of whole data sets."""
    _load_all()
    return sorted(_DATASETS)


def catalogue(name: str) -> dict[str, Any]:
    """Columns of a survey's catalogue by name."""
    _load_all()
    return _named(_CATALOGUES, name, "catalogue")


def _named(known: dict[str, Any], name: str, what: str) -> Any:
    if name not in known:
        find_more()
    if name not in known:
        raise ConfigError(f"There is no {what} '{name}': {nearest(name, list(known))}")
    return known[name]


@cache
def _load_all() -> None:
    package = importlib.import_module("skybind.ingest.readers")
    for module in pkgutil.iter_modules(package.__path__):
        importlib.import_module(f"{package.__name__}.{module.name}")
