"""One observation of one object from a file, whatever the survey calls its columns."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skybind.data.units import convert, image_unit
from skybind.errors import ConfigError, DataError
from skybind.ingest.mapping import ObservationSpec, PhotometrySpec, SpectrumSpec
from skybind.ingest.readers.long import observation_fields
from skybind.ingest.readers.pictures import SCALE_TOLERANCE
from skybind.ingest.readers.registry import (
    Fields,
    ImageRequest,
    file_formats,
    file_reader,
    image_reader,
)
from skybind.ingest.readers.tables import Table, format_of, numbers, read_bytes, read_table
from skybind.ragged import Ragged
from skybind.words import nearest

#: Names of columns as surveys write them, in lower case; the first that is there is taken.
NAMES: dict[str, dict[str, tuple[str, ...]]] = {
    "photometry": {
        "time": ("time", "hjd", "bjd", "jd", "mjd", "btjd", "bkjd", "date", "t"),
        "magnitude": ("magnitude", "mag", "vmag", "v", "mag_auto", "psfmag"),
        "magnitude_err": (
            "magnitude_err", "mag_err", "magerr", "e_mag", "err_mag", "mag_error", "sigma_mag",
        ),
        "flux": ("flux", "pdcsap_flux", "sap_flux", "flux_mjy", "forcediffimflux"),
        "flux_err": ("flux_err", "fluxerr", "e_flux", "flux_error", "pdcsap_flux_err", "err_flux"),
        "band": ("band", "filter", "fid", "filtercode", "passband"),
    },
    "spectrum": {
        "wavelength": ("wavelength", "wave", "lambda", "lam", "wl", "loglam", "log_wavelength"),
        "flux": ("flux", "flux_density", "f_lambda", "flam", "spec"),
        "flux_err": ("flux_err", "flux_error", "fluxerr", "error", "err", "sigma", "uncertainty"),
        "ivar": ("ivar", "inverse_variance", "inv_var", "invvar"),
        "mask": ("mask", "and_mask", "bad"),
    },
}  # fmt: skip


_ERROR_ONLY = ("error", "err", "e", "sigma", "uncertainty")


_UNITS = {"time": "d", "flux": "mJy", "magnitude": "mag", "wavelength": "Angstrom"}


def read_observation(
    path: str | Path,
    kind: str,
    units: Mapping[str, str | None] | None = None,
    attributes: Mapping[str, Any] | None = None,
) -> Ragged:
    """Read a light curve, a spectrum or an image of one object.

    FITS files of the surveys that skybind knows (LAMOST, SDSS) are read as such, `.dat` files of
    ASAS-SN too; everything else is a table whose columns are found by their names, or for an
    image a FITS cutout with its bands (see `skybind.ingest.readers.fits_image`).

    Parameters
    ----------
    path : str or Path
        FITS, CSV, ECSV, VOTable, Parquet or text, gzipped or not.
    kind : {"photometry", "spectrum", "image"}
    units : mapping, optional
        Fields of the model and their units: what the file has in others is converted, where it
        says so, and an image's bands.
    attributes : mapping, optional
        Of an image: `pixel_scale` [arcsec] and `stretch`, which the file must not contradict.

    Returns
    -------
    Ragged
        Of one object.

    Raises
    ------
    DataError
        If it cannot be read, or a column is missing.
    """
    path = Path(path)
    data = read_bytes(path)
    units = dict(units or {})
    if kind == "image":
        return _ragged(_read_image(data, path.name, units, attributes or {}))
    if kind not in NAMES:
        raise DataError(
            f"An observation of kind '{kind}' cannot be read from a file: "
            f"{nearest(kind, [*NAMES, 'image'])}"
        )
    known = _by_survey(data, path.name, kind)
    fields = known if known is not None else _by_names(data, path.name, kind, units)
    if not len(next(iter(fields.values()))):
        raise DataError(f"{path.name} has no rows: there is no {kind} in it.")
    return _ragged(fields)


def survey_kind(path: str | Path, kinds: Sequence[str]) -> str | None:
    """Kind of a file that the reader of a survey knows; None if none does."""
    path = Path(path)
    data = read_bytes(path)
    known = [kind for kind in kinds if kind in NAMES and _by_survey(data, path.name, kind)]
    return known[0] if len(known) == 1 else None


def read_row(path: str | Path, columns: Mapping[str, str | None]) -> dict[str, float]:
    """Read a catalogue row: numbers of the columns that are there.

    Parameters
    ----------
    path : str or Path
        A table of one row.
    columns : mapping of str to (str or None)
        Wanted columns and their units; what the file states in others is converted.

    Raises
    ------
    DataError
        If it cannot be read, has several rows, or none of the columns.
    """
    path = Path(path)
    table = read_table(read_bytes(path), path.name)
    places = {name.lower(): name for name in table.columns}
    found = [name for name in columns if name.lower() in places]
    if not found:
        raise DataError(
            f"{path.name} has none of the columns of the catalogue row, such as "
            f"{', '.join(list(columns)[:3])}."
        )
    if len(table) != 1:
        raise DataError(
            f"{path.name} has {len(table)} rows: give the row of one object as a file of its own."
        )
    values = {}
    for name in found:
        column = places[name.lower()]
        number = numbers(table[column])[0]
        stated, unit = table.units.get(column), columns[name]
        if stated is not None and unit is not None and stated != unit:
            number = _converted(number, stated, unit, f"{path.name}, column '{column}'")
        values[name] = float(number[0])
    return values


def _by_survey(data: bytes, name: str, kind: str) -> Fields | None:
    """Fields by the reader of a survey that knows the file; None if none does."""
    if kind == "photometry" and not name.lower().removesuffix(".gz").endswith(".dat"):
        return None
    if kind == "spectrum" and _format(name) not in ("fits", None):
        return None
    for survey in file_formats(kind):
        reader = file_reader(kind, survey)
        assert reader is not None
        try:
            return reader.read(data, name)
        except DataError:
            continue
    return None


def _by_names(data: bytes, name: str, kind: str, units: dict[str, str | None]) -> Fields:
    """Fields of a table whose columns have usual names."""
    table = read_table(data, name, text=NAMES[kind].get("band", ()))
    columns = _find_columns(table, kind)
    needed = {"photometry": ("time",), "spectrum": ("wavelength", "flux")}[kind]
    for field in needed:
        if field not in columns:
            raise DataError(
                f"{name} has no column for the {field} of a {_word(kind)}: call it "
                f"'{NAMES[kind][field][0]}' (it has {', '.join(list(table.columns)[:8])})."
            )
    if kind == "photometry" and not {"flux", "magnitude"} & set(columns):
        raise DataError(
            f"{name} has no column for the flux or magnitude of a light curve: call it 'flux' or "
            f"'magnitude' (it has {', '.join(list(table.columns)[:8])})."
        )
    spec_class: type[ObservationSpec] = PhotometrySpec if kind == "photometry" else SpectrumSpec
    entries = {}
    for field, column in columns.items():
        default = units.get(field) or _UNITS.get(field.removesuffix("_err"))
        if field == "wavelength" and column.lower().startswith("log"):
            default = "dex(Angstrom)"
        stated = table.units.get(column)
        if kind == "spectrum" and field != "wavelength":
            # spectra may be known up to a factor: the file's unit stands, converted if it can be
            default = units.get(field) if stated else None
            if stated and default and stated != default:
                values = numbers(table.columns[column])[0]
                where = f"{name}, column '{column}'"
                table.columns[column] = _converted(values, stated, default, where)
                table.units[column] = default
        entries[field] = {"column": column, "unit": table.units.get(column) or default}
    spec = spec_class.model_validate({"file": name, "id": "object_id", **entries})
    try:
        return observation_fields(table, spec)
    except ConfigError as error:
        raise DataError(str(error)) from error


def _find_columns(table: Table, kind: str) -> dict[str, str]:
    """Field -> column of the table, by the names that are usual for it."""
    places = {column.lower(): column for column in reversed(list(table.columns))}
    found: dict[str, str] = {}
    for field, names in NAMES[kind].items():
        column = next((places[name] for name in names if name in places), None)
        if column is not None and column not in found.values():
            found[field] = column
    if kind == "photometry":
        if "magnitude" in found and "flux" in found:  # one brightness is enough
            for field in ("magnitude", "magnitude_err"):
                found.pop(field, None)
        value = "flux" if "flux" in found else "magnitude"
        for field in ("flux_err", "magnitude_err"):
            if field.removesuffix("_err") not in found:
                found.pop(field, None)
        error = next((places[name] for name in _ERROR_ONLY if name in places), None)
        if value in found and f"{value}_err" not in found and error is not None:
            found[f"{value}_err"] = error
    elif "ivar" in found:
        found.pop("flux_err", None)
    return found


def _read_image(
    data: bytes,
    name: str,
    units: Mapping[str, str | None],
    attributes: Mapping[str, Any],
) -> Fields:
    """Bands of a cutout, in the model's order and unit.

    What the file states of bands, unit and pixel scale is heeded; where it states none, it is
    taken to be as the model's images are.
    """
    try:
        reader = image_reader(name, None)
        try:
            picture = reader(data, name, ImageRequest())
        except DataError:  # it may state no bands: then they are the model's, in its order
            picture = reader(data, name, ImageRequest(bands=list(units)))
    except ConfigError as error:
        raise DataError(f"{name} is no image: its ending is none of an image's.") from error
    planes = dict(zip(picture.bands, picture.planes, strict=True))
    missing = [band for band in units if band not in planes]
    if missing:
        raise DataError(
            f"{name} lacks the band {missing[0]} (it has {', '.join(picture.bands)}; the model "
            f"reads {', '.join(units)})."
        )
    if picture.display != (attributes.get("stretch", "linear") == "display"):
        kinds = ("fluxes", "a picture stretched for display")
        raise DataError(
            f"{name} holds {kinds[picture.display]}, the model reads {kinds[not picture.display]}."
        )
    shape = picture.planes.shape[1:]
    if shape[0] != shape[1]:
        raise DataError(f"{name} is not square ({shape[0]} x {shape[1]} pixels).")
    own, scale = picture.pixel_scale, attributes.get("pixel_scale")
    if own is not None and scale is not None and abs(own / scale - 1) > SCALE_TOLERANCE:
        raise DataError(
            f"{name} has {own:.4g} arcsec a pixel, the model's images have {scale:.4g}: "
            "resample it."
        )
    factor = 1.0
    unit = next(iter(units.values()), None)
    if picture.unit is not None and unit is not None:
        try:
            stored, factor = image_unit(picture.unit, f"{name}, its unit")
        except ConfigError as error:
            raise DataError(str(error)) from error
        if stored != unit:
            raise DataError(f"{name} is in {picture.unit}, the model's images are in {unit}.")
    return {band: planes[band].astype(np.float32).ravel() * np.float32(factor) for band in units}


def _converted(values: np.ndarray, unit: str, target: str, where: str) -> np.ndarray:
    try:
        return convert(values, unit, target, where)
    except ConfigError as error:
        raise DataError(str(error)) from error


def _ragged(fields: Fields) -> Ragged:
    length = len(next(iter(fields.values())))
    return Ragged(fields, np.array([0, length], np.int64), np.array([True]))


def _format(name: str) -> str | None:
    try:
        return format_of(name)
    except DataError:
        return None


def _word(kind: str) -> str:
    return "light curve" if kind == "photometry" else kind
