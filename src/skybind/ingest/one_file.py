"""One observation of one object from a file, whatever the survey calls its columns."""

from collections.abc import Iterable, Mapping
from functools import cached_property
from pathlib import Path

import numpy as np

from skybind.data.schema import same_attribute
from skybind.data.systems import Systems
from skybind.errors import ConfigError, DataError
from skybind.ingest.fields import (
    NAMES,
    WORDS,
    find_fields,
    missing_fields,
    name_of_objects,
    stated_unit,
)
from skybind.ingest.file_content import Content, FileError
from skybind.ingest.flags import any_bit, no_measurements, usual_flags, with_written_limits
from skybind.ingest.one_spectrum import of_one
from skybind.ingest.plausible import given_fields, given_numbers
from skybind.ingest.readers.contents import read_bytes
from skybind.ingest.readers.curves import known_curves
from skybind.ingest.readers.look import Look
from skybind.ingest.readers.registry import (
    Fields,
    ImageRequest,
    Picture,
    curve_format,
    file_formats,
    file_reader,
    image_reader,
    known_format,
)
from skybind.ingest.readers.tables import FORMATS, Table, read_table
from skybind.ingest.readers.text_layout import is_number
from skybind.ingest.readers.values import texts
from skybind.ingest.survey_curves import SurveyCurves, read_survey_curves
from skybind.ingest.wanted import Fitted, Wanted, fit_fields
from skybind.words import nearest


def read_file(
    path: str | Path,
    wanted: Mapping[str, Wanted],
    format: str | None = None,
    visit: str | None = None,
) -> Content:
    """Read a light curve, a spectrum, an image or a row of a catalogue.

    A file of a survey that skybind knows (LAMOST, TESS, ZTF ...) is known by its content, and said
    to be one; everything else is a table whose columns are found by their names (see
    `skybind.ingest.fields`), or for an image a FITS cutout with its bands or a picture.

    Parameters
    ----------
    path : str or Path
        FITS, CSV, ECSV, VOTable, Parquet or text, gzipped or not.
    wanted : mapping of str to Wanted
        Modalities that it may be of: it has to fit exactly one.
    format : str, optional
        Of a table (`skybind.ingest.readers.tables.FORMATS`), or of a survey; found out by default.
    visit : str, optional
        Which of several spectra of an object; the first by default, which is told.

    Raises
    ------
    FileError
        If it cannot be read, fits none of the modalities, or more than one.
    """
    kinds = list(dict.fromkeys(w.kind for w in wanted.values()))
    formats = sorted({*FORMATS, *(form for kind in NAMES for form in file_formats(kind))})
    if format is not None and format not in formats:
        raise ConfigError(f"The format '{format}' is not known: {nearest(format, formats)}")
    try:
        file = _File(Path(path), format, _sentinels(wanted.values()), visit)
        known = file.survey_kinds(kinds)
    except DataError as error:
        raise FileError(str(error), next(iter(wanted))) from error
    if len(known) == 1:
        wanted = {name: w for name, w in wanted.items() if w.kind == known[0]}
    found: list[Content] = []
    errors: dict[str, DataError] = {}
    for name, modality in wanted.items():
        try:
            found.append(file.read_as(modality))
        except DataError as error:
            errors[name] = error
    if len(found) == 1:
        return found[0]
    if found:
        names = [content.modality for content in found]
        either = f"{file.name} could be {' or '.join(names)}"
        raise FileError(f"{either}: say which it is (--from {names[0]}).", names[0])
    probable = max(wanted, key=lambda name: file.likeness(wanted[name]))
    reason = errors[probable]
    if len({str(error) for error in errors.values()}) == 1:
        raise FileError(str(reason), probable) from reason
    raise FileError(
        f"{file.name} can be read as none of {', '.join(wanted)}; as {probable}: {reason}", probable
    ) from reason


def _sentinels(wanted: Iterable[Wanted]) -> dict[str, list[str]]:
    """Give what stood for "not known" in the light curves of the training data, by field."""
    curves = [w for w in wanted if w.kind == "photometry"]
    fields = {field for w in curves for field in w.missing if field in w.fields}
    return {field: [s for w in curves for s in w.missing.get(field, [])] for field in fields}


class _File:
    """A file that is read once, and looked at as each kind of observation that it may be."""

    def __init__(
        self,
        path: Path,
        format: str | None = None,
        missing: Mapping[str, list[str]] | None = None,
        visit: str | None = None,
    ) -> None:
        self.path, self.name, self.asked, self._visit = path, path.name, format, visit
        self._missing = missing or {}
        self._system: Systems | None = None
        self.read_by: dict[str, str] = {}
        self._told: list[str] = []
        self._survey_notes: list[str] = []
        self._limits: Fields = {}
        self._data = read_bytes(path)
        self._look = Look(self._data, self.name)
        self._surveys: dict[str, tuple[Fields, Mapping[str, str | None]] | None] = {}

    def survey_kinds(self, kinds: list[str]) -> list[str]:
        """Kinds of which the reader of a survey knows the file."""
        return [kind for kind in kinds if kind in NAMES and self._by_survey(kind) is not None]

    def read_as(self, wanted: Wanted) -> Content:
        """Read it as one modality; a `DataError` says why it is none."""
        if not wanted.fields:
            features = self._row(wanted)
            return Content(wanted.name, features=features, notes=self._notes())
        limits: Fields = {}
        if wanted.kind == "image":
            fitted = self._image(wanted)
        elif wanted.kind in NAMES:
            fitted, limits = self._observation(wanted)
        else:
            raise DataError(
                f"An observation of kind '{wanted.kind}' cannot be read from a file: "
                f"{nearest(wanted.kind, [*NAMES, 'image'])}"
            )
        return Content(wanted.name, fitted.fields, fitted.units, {}, fitted.notes, limits)

    def likeness(self, wanted: Wanted) -> int:
        """Number of the modality's columns that it has: which one was probably meant."""
        try:
            if wanted.kind == "image":
                return len(self._picture.bands)
            if not wanted.fields:
                return len(self._features(wanted.features))
            return len(find_fields(self._columns, wanted.kind))
        except (DataError, ConfigError):
            return 0

    @cached_property
    def _table(self) -> Table:
        format = self.asked if self.asked in FORMATS else None
        return read_table(self._data, self.name, format, text=NAMES["photometry"]["band"])

    @cached_property
    def _columns(self) -> dict[str, str]:
        """All columns by their names; the fields of records also without that of the record."""
        table = self._table
        inner = {name.rpartition(".")[2]: name for name in reversed(list(table.lists))}
        return inner | {name: name for name in (*table.columns, *table.lists)}

    @cached_property
    def _picture(self) -> Picture:
        return image_reader(self.name, None)(self._data, self.name, ImageRequest())

    def _by_survey(self, kind: str) -> tuple[Fields, Mapping[str, str | None]] | None:
        """Fields and units by the reader of a survey that knows the file; None if none does."""
        if kind not in self._surveys:
            self._surveys[kind] = self._try_surveys(kind)
        return self._surveys[kind]

    def _try_surveys(self, kind: str) -> tuple[Fields, Mapping[str, str | None]] | None:
        if kind == "photometry":
            curve = self._survey_curve()
            if curve is not None:
                return curve.fields, curve.units
        survey = self.asked or known_format(kind, self._look)
        reader = None if survey is None else file_reader(kind, survey)
        if reader is None:
            return None
        about = f" ({reader.about})" if reader.about else ""
        self.read_by[kind] = f"{self.name}: read as {reader.title} {WORDS[kind]}{about}."
        return reader.fields(self._data, self.name, self._beside), reader.units

    def _beside(self, name: str) -> bytes:
        return read_bytes(self.path.parent / name)

    def _survey_curve(self) -> SurveyCurves | None:
        """Read the light curve of a survey whose columns are known; None if it is none."""
        name = self.asked or known_curves(self._look)
        format = curve_format(name)
        if name is None or format is None:
            return None
        curve = read_survey_curves(self.path, self._data, name, self._missing)
        if curve.objects > 1:
            raise DataError(
                f"{self.name} ({format.title}) holds {curve.objects} objects: give each as a file "
                "of its own."
            )
        self.read_by["photometry"] = f"{self.name}: read as {format.title} light curve."
        self._system, self._limits = curve.system, curve.limits
        self._survey_notes = curve.notes
        return curve

    def _observation(self, wanted: Wanted) -> tuple[Fitted, Fields]:
        """What the model reads, and the fields of upper limits."""
        known = self._by_survey(wanted.kind)
        if known is None and self.asked is not None and self.asked not in FORMATS:
            raise DataError(f"The format '{self.asked}' is none of a {WORDS[wanted.kind]}.")
        fields, units = known if known is not None else self._by_names(wanted)
        if not len(next(iter(fields.values()))):
            raise DataError(f"{self.name} has no rows: there is no {wanted.kind} in it.")
        said = [self.read_by[wanted.kind]] if wanted.kind in self.read_by else []
        limits: Fields = {}
        system = None
        if wanted.kind == "photometry":
            system, said = self._system, said + self._survey_notes
            if len(self._limits.get("time", ())):
                limits = fit_fields(self._limits, units, wanted, self.name, system).fields
        fitted = fit_fields(fields, units, wanted, self.name, system)
        told = said + self._notes() + fitted.notes
        return Fitted(fitted.fields, fitted.units, told), limits

    def _notes(self) -> list[str]:
        """Say what was assumed of a table, and which of its rows were left out."""
        table = self.__dict__.get("_table")
        if table is None:
            return []
        return [f"{self.name}: {note}." for note in table.told()] + self._told

    def _by_names(self, wanted: Wanted) -> tuple[Fields, dict[str, str | None]]:
        """Fields of a table whose columns have usual names, and the units that it states."""
        kind = wanted.kind
        table, found = self._table, find_fields(self._columns, kind)
        columns = {field: self._columns[column] for field, column in found.items()}
        missing = missing_fields(columns, kind)
        if missing:
            usual = " or ".join(f"'{NAMES[kind][name][0]}'" for name in missing)
            if table.columns and all(map(is_number, table.columns)):
                first, names = " ".join(table.columns)[:60], [n[0] for n in NAMES[kind].values()]
                raise DataError(
                    f"{self.name} has no header, so it is not known what its columns are (the "
                    f"first line is {first}): write their names above them, such as "
                    f"{' '.join(names)}, or say --format."
                )
            raise DataError(
                f"{self.name} has no column for the {' or '.join(missing)} of a {WORDS[kind]}: "
                f"call it {usual} (it has {', '.join([*table.columns, *table.lists][:8])})."
            )
        objects = name_of_objects(table.columns)
        several = 0 if objects is None else len(np.unique(texts(table[objects]).astype(str)))
        # an `id` that differs in every row is of the exposures
        if several > 1 and not (str(objects).lower() == "id" and several == len(table)):
            raise DataError(
                f"{self.name} holds {several} objects (column '{objects}'): give each as a file of "
                "its own."
            )
        flags = usual_flags(self._columns.values()) if kind == "photometry" else None
        more = {} if flags is None else {"flags": flags[1]}
        table, which = of_one(table, columns | more, kind, self._visit)
        raw = {name: table[column] for name, column in columns.items()}
        raw = with_written_limits(raw) if kind == "photometry" else raw
        stated = {name: table.units.get(column) for name, column in columns.items()}
        fields, told = given_fields(raw, wanted, self.name, stated)
        self._told = which + told
        if kind == "photometry":
            bad = None if flags is None else any_bit(table[flags[1]], flags[0].bitmask, self.name)
            left_out, limits, said = no_measurements(fields, bad, self.name)
            self._told += said
            self._limits = {name: values[limits] for name, values in fields.items()}
            fields = {name: values[~left_out] for name, values in fields.items()}
            columns.pop("limit", None)
        units = {
            name: stated_unit(name, column, table.units.get(column))
            for name, column in columns.items()
        }
        return fields, units

    def _features(self, features: Mapping[str, str | None]) -> dict[str, str]:
        """Features of a catalogue that are among the columns: feature -> column."""
        places = {name.lower(): name for name in self._table.columns}
        return {name: places[name.lower()] for name in features if name.lower() in places}

    def _row(self, wanted: Wanted) -> dict[str, float]:
        features = wanted.features
        table, found = self._table, self._features(features)
        if table.lists and any(
            not missing_fields(find_fields(self._columns, kind), kind) for kind in NAMES
        ):
            raise DataError(f"{self.name} holds an observation, not the row of a catalogue.")
        if not found:
            raise DataError(
                f"{self.name} has none of the columns of the catalogue row, such as "
                f"{', '.join(list(features)[:3])}."
            )
        if len(table) != 1:
            raise DataError(
                f"{self.name} has {len(table)} rows: give the row of one object as a file of its "
                "own."
            )
        values = {}
        for name, column in found.items():
            where = f"{self.name}, column '{column}'"
            stated = table.units.get(column)
            number, reasons, said = given_numbers(
                table[column], name, wanted, column, stated, where
            )
            if reasons:
                raise DataError(f"{self.name}: {reasons[0]}.")
            self._told += said
            values[name] = float(number[0])
        return values

    def _image(self, wanted: Wanted) -> Fitted:
        """Bands of a cutout, in the model's order and unit.

        What the file states of bands, unit and pixel scale is heeded; where it states none, it is
        taken to be as the model's images are.
        """
        picture, attributes, assumed = self._bands(wanted), wanted.attributes, []
        if picture.display != (attributes.get("stretch", "linear") == "display"):
            kinds = ("fluxes", "a picture stretched for display")
            raise DataError(
                f"{self.name} holds {kinds[picture.display]}, the model reads "
                f"{kinds[not picture.display]}."
            )
        height, width = picture.planes.shape[1:]
        if height != width:
            raise DataError(f"{self.name} is not square ({height} x {width} pixels).")
        own, scale = picture.pixel_scale, attributes.get("pixel_scale")
        if own is None and scale is not None and not picture.display:
            assumed.append(f"{self.name}: no pixel scale is stated; taken as {scale:.4g} arcsec.")
        if own is not None and scale is not None and not same_attribute(scale, own):
            raise DataError(
                f"{self.name} has {own:.4g} arcsec a pixel, the model's images have {scale:.4g}: "
                "resample it."
            )
        fields = {b: p.ravel() for b, p in zip(picture.bands, picture.planes, strict=True)}
        fitted = fit_fields(fields, dict.fromkeys(fields, picture.unit), wanted, self.name)
        return Fitted(fitted.fields, fitted.units, fitted.notes + assumed)

    def _bands(self, wanted: Wanted) -> Picture:
        try:
            try:
                return self._picture
            except DataError:  # it may state no bands: then they are the model's, in its order
                request = ImageRequest(bands=list(wanted.fields))
                return image_reader(self.name, None)(self._data, self.name, request)
        except ConfigError as error:
            raise DataError(
                f"{self.name} is no image: its ending is none of an image's."
            ) from error
