"""Observations as a mapping names them: where they are, and which columns are their fields."""

from collections.abc import Mapping as AbstractMapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from skybind.data.units import stored_unit
from skybind.data.where import columns_of
from skybind.ingest.column import ColumnSpec, FlagSpec, LimitSpec, VisitSpec
from skybind.ingest.file_spec import STACKS, FileSpec, stack_format
from skybind.ingest.light_curve_keys import LightCurveKeys, of_one_band
from skybind.ingest.near import NearSpec, check_near
from skybind.ingest.readers.curves import with_keys
from skybind.ingest.readers.registry import curve_format, file_formats, file_reader
from skybind.ingest.readers.tables import FORMATS
from skybind.words import nearest


class ObservationSpec(FileSpec):
    """Observations of one modality: a long table, arrays, or a folder of one file an object."""

    kind: ClassVar[str]
    needed: ClassVar[tuple[tuple[str, ...], ...]]

    folder: str | None = Field(None, description="Folder or zip with one file an object.")
    pattern: str | None = Field(
        None,
        description="Name of an object's file in the folder, with columns of the table of objects "
        "in braces: '{id}.csv', or '{filename}' where a column holds the names.",
    )
    id: str | None = Field(
        None,
        description="Column of a long table that names the object; of arrays the one with the "
        "names, without which their rows are those of the table of objects.",
    )
    index: str | None = Field(
        None,
        description="Table with one row for each row of the arrays, where it is that table that "
        "holds the column `id`.",
    )
    join: NearSpec | None = Field(
        None, description="Join by position in place of a common name, e.g. {radius: 1}."
    )
    match: str | None = Field(
        None,
        description="Column of the table of objects with the names in `id`, where another survey "
        "has names of its own; else that of the objects' id.",
    )

    @model_validator(mode="after")
    def _one_source(self) -> "ObservationSpec":
        if (self.file is None) == (self.folder is None):
            raise ValueError("give either a file (long table) or a folder (one file an object)")
        if self.file is not None and self.id is None and not self.stacked:
            raise ValueError("a long table needs its column 'id', which names the object")
        if self.index is not None and (self.id is None or not self.stacked):
            raise ValueError("'index' holds the column 'id' of a file of arrays: give both")
        if self.match is not None and self.id is None:
            raise ValueError("'match' is the objects' side of 'id': give both")
        check_near(self)
        if self.folder is not None and self.pattern is None:
            raise ValueError("a folder needs a 'pattern' for its files, e.g. '{id}.csv'")
        known = [*(FORMATS if self.kind != "image" else ()), *file_formats(self.kind), *STACKS]
        if self.folder is None and self.pattern is not None:
            raise ValueError("a 'pattern' is of the files of a folder: give the folder")
        if self.kind != "spectrum" and "*" in (self.pattern or ""):
            raise ValueError("a pattern with '*' is of several spectra an object: name one file")
        if self.format is not None and self.format not in known:
            raise ValueError(
                f"the format '{self.format}' is not known, {nearest(self.format, known)}"
            )
        if self.reader is None:
            for names in self.needed:
                if not any(name in self.fields() for name in names):
                    raise ValueError(f"the column of {' or '.join(names)} is not given")
        elif self.fields() or self.more_columns():
            first = next(iter([*self.fields(), *self._conditions()]))
            raise ValueError(f"the format '{self.format}' has its own columns: leave out '{first}'")
        elif self.file is not None:
            raise ValueError(f"the format '{self.format}' is of one file an object: give a folder")
        return self

    @property
    def stacked(self) -> bool:
        """Whether the file holds arrays with one row an object."""
        return self.file is not None and stack_format(self.file, self.format, self.kind) is not None

    @property
    def reader(self) -> Any:
        """The file reader of the format; None for a plain table."""
        return file_reader(self.kind, self.format) if self.format else None

    @property
    def by_band(self) -> dict[str, "ObservationSpec"]:
        """What it is put together of, by band: as a rule itself alone, under no name."""
        return {"": self}

    def _conditions(self) -> list[str]:
        """Keys that are given and need columns beside the fields."""
        return [key for key in ("good", "upper_limit") if getattr(self, key, None) is not None]

    def more_columns(self) -> list[str]:
        """Columns of the file that are asked for beside the fields."""
        good, limit = getattr(self, "good", None), getattr(self, "upper_limit", None)
        named = getattr(getattr(self, "system", None), "column", None)
        more = [] if named is None else [named]
        return (columns_of(good) if good else []) + (limit.columns if limit else []) + more

    def fields(self) -> dict[str, ColumnSpec]:
        """Fields of the observation that are mapped, by name."""
        return {name: column for name, column in self if isinstance(column, ColumnSpec)}

    def units(self) -> dict[str, str | None]:
        """Units that the fields have in the dataset, as far as the mapping tells them."""
        if self.reader is not None:
            return dict(self.reader.units)
        return {
            name: stored_unit(self.kind, name, self.declared_unit(name)) for name in self.fields()
        }

    def declared_unit(self, name: str) -> str | None:
        """Unit of a field: its own, or for an error that of its value."""
        unit = self.fields()[name].unit
        value = self.fields().get(name.removesuffix("_err"))
        return value.unit if unit is None and value is not None else unit


class PhotometrySpec(LightCurveKeys, ObservationSpec):
    """Light curves."""

    kind: ClassVar[str] = "photometry"
    needed: ClassVar[tuple[tuple[str, ...], ...]] = (("time",), ("flux", "magnitude"))

    time: ColumnSpec | None = Field(None, description="Time of the epoch; converted to days.")
    flux: ColumnSpec | None = Field(None, description="Flux density; converted to mJy.")
    flux_err: ColumnSpec | None = Field(None, description="Its standard error.")
    magnitude: ColumnSpec | None = Field(None, description="Magnitude, instead of a flux.")
    magnitude_err: ColumnSpec | None = Field(None, description="Its standard error.")
    band: ColumnSpec | None = Field(None, description="Name of the filter.")
    mask: FlagSpec | None = Field(
        None,
        description="Flags of the epochs: bad where not 0, or where some bits are set. Left out, "
        "those of TESS, Kepler and ZTF are heeded as these surveys advise.",
    )
    good: str | None = Field(
        None, description="Condition on the columns of the file that good epochs fulfil."
    )
    upper_limit: LimitSpec | None = Field(
        None, description="Which epochs are upper limits: a column, or a condition like 'snr < 3'."
    )
    features: Literal["computed"] | None = Field(
        None,
        description="computed: find periods and compute features of the light curves, as "
        "'skybind data features' does.",
    )

    bands: dict[str, dict[str, Any]] = Field(
        {},
        description="Bands with columns or files of their own: name -> keys in place of those "
        "beside it, such as {g: {magnitude: mag_g}, r: {magnitude: mag_r}}.",
    )

    @property
    def by_band(self) -> dict[str, "ObservationSpec"]:
        """What it is put together of: itself, or each of its `bands`."""
        if not self.bands:
            return {"": self}
        return {name: PhotometrySpec.model_validate(keys) for name, keys in self.bands.items()}

    def table_options(self) -> dict[str, Any]:
        """Give what `read_table` has to know of the file; a survey's format is none of a table."""
        known = curve_format(self.format) is not None
        return super().table_options() | ({"format": None} if known else {})

    @model_validator(mode="before")
    @classmethod
    def _known_format(cls, raw: Any) -> Any:
        return with_keys(raw) if isinstance(raw, AbstractMapping) else raw

    @model_validator(mode="before")
    @classmethod
    def _keys_of_bands(cls, raw: Any) -> Any:
        """Give each band all of its keys; those beside them are those of the first."""
        bands = raw.get("bands") if isinstance(raw, AbstractMapping) else None
        if not isinstance(bands, AbstractMapping) or not bands:
            return raw
        common = {key: value for key, value in raw.items() if key != "bands"}
        if "band" in common:
            raise ValueError("give 'band' (a column) or 'bands', not both")
        wrong = [name for name, keys in bands.items() if not isinstance(keys, AbstractMapping)]
        if wrong:
            raise ValueError(f"'bands', {wrong[0]}: give its keys, such as {{magnitude: mag_g}}")
        if not all(str(name).strip() for name in bands):
            raise ValueError("a band needs a name")
        each = {str(n): of_one_band({**common, **keys}, str(n)) for n, keys in bands.items()}
        return {**next(iter(each.values())), "bands": each}

    @model_validator(mode="after")
    def _bands_fit(self) -> "PhotometrySpec":
        for name, part in self.by_band.items():
            assert isinstance(part, PhotometrySpec)
            if self.bands and (part.bands or "band" in part.fields()):
                raise ValueError(f"the band '{name}' cannot have bands of its own")
            if ("flux" in part.fields()) != ("flux" in self.fields()):
                raise ValueError("bands are all of fluxes or all of magnitudes")
            errors = [{f for f in s.fields() if f.endswith("_err")} for s in (part, self)]
            if errors[0] != errors[1]:
                lacks = name if errors[0] < errors[1] else next(iter(self.bands))
                raise ValueError(
                    f"the band '{lacks}' has no errors and another band has: without an error an "
                    "epoch among others with one is taken for a limit; give those of all bands"
                )
            if part.features != self.features:
                raise ValueError("'features' is of all bands together: write it beside 'bands'")
        return self

    @model_validator(mode="after")
    def _flux_or_magnitude(self) -> "PhotometrySpec":
        have = self.fields()
        if ("flux" in have or "flux_err" in have) and (
            "magnitude" in have or "magnitude_err" in have
        ):
            raise ValueError("give the flux or the magnitude, not both")
        return self


class SpectrumSpec(ObservationSpec):
    """Spectra."""

    kind: ClassVar[str] = "spectrum"
    needed: ClassVar[tuple[tuple[str, ...], ...]] = (("wavelength",), ("flux",))

    wavelength: ColumnSpec | None = Field(None, description="Converted to Angstrom.")
    flux: ColumnSpec | None = Field(None, description="Flux density, in any unit.")
    flux_err: ColumnSpec | None = Field(None, description="Its standard error.")
    ivar: ColumnSpec | None = Field(None, description="Its inverse variance, instead.")
    mask: FlagSpec | None = Field(
        None, description="Flags of the pixels: bad where not 0, or where some bits are set."
    )
    good: str | None = Field(
        None, description="Condition on the columns of the file that good pixels fulfil."
    )
    visit: VisitSpec | None = Field(None, description="What tells an object's spectra apart.")

    @model_validator(mode="after")
    def _one_error(self) -> "SpectrumSpec":
        if self.visit is not None:
            self.visit.check(
                rows=self.file is not None and self.id is not None, pattern=self.pattern
            )
        if self.flux_err is not None and self.ivar is not None:
            raise ValueError("give flux_err or ivar, not both")
        return self

    @property
    def several(self) -> bool:
        """Whether an object may have several spectra, all of which are kept."""
        return self.visit is not None or "*" in (self.pattern or "")


class ImageSpec(ObservationSpec):
    """Images: a folder of one file an object, or one array of all objects."""

    kind: ClassVar[str] = "image"
    needed: ClassVar[tuple[tuple[str, ...], ...]] = ()

    bands: list[str] | None = Field(
        None, description="Names of the planes, in the order of the file; else the file tells."
    )
    pixel_scale: float | None = Field(
        None, description="Arcsec a pixel; if left out, as the file states it.", gt=0
    )
    unit: str | None = Field(
        None, description="Unit of the pixels; if left out, as the file states it."
    )
    array: ColumnSpec | None = Field(
        None, description="Array of all objects (n, bands, y, x) in an npz, HDF5 or FITS file."
    )

    @model_validator(mode="after")
    def _image_source(self) -> "ImageSpec":
        if self.bands is not None and len(set(self.bands)) != len(self.bands):
            raise ValueError("a band is named twice")
        if (self.array is None) != (self.file is None):
            raise ValueError("a file of all objects needs 'array', a folder of files has none")
        return self

    def units(self) -> dict[str, str | None]:
        """Nothing: the bands are known when a file is open."""
        return {}
