"""The mapping: a small YAML file that says which columns of survey files are what."""

from collections.abc import Mapping as AbstractMapping
from pathlib import Path
from typing import Any, ClassVar, Literal

import yaml
from pydantic import Field, model_validator

from skybind.config.load import merge, validate
from skybind.config.written import read_yaml, settle
from skybind.data.units import stored_unit
from skybind.data.where import columns_of
from skybind.errors import ConfigError
from skybind.ingest.column import ColumnSpec, FlagSpec, LimitSpec, PositionSpec, Section, VisitSpec
from skybind.ingest.column_checks import check_columns
from skybind.ingest.file_spec import STACKS, FileSpec, stack_format
from skybind.ingest.limits import limits_of
from skybind.ingest.near import NearSpec, check_near
from skybind.ingest.readers.contents import read_bytes
from skybind.ingest.readers.curves import with_keys
from skybind.ingest.readers.registry import catalogue, curve_format, file_formats, file_reader
from skybind.ingest.readers.tables import FORMATS
from skybind.plugins import place_of, use_plugins
from skybind.visits import visits_of
from skybind.words import nearest

PLUGINS = (
    "Programs of your own that add readers: Python files, relative to this file, or names of "
    "modules (docs/plugins.md)."
)


RESERVED = ("object_id", "ra", "dec")


class JoinSpec(FileSpec):
    """Another table of the same objects, one row an object."""

    file: str = Field(description="Path, relative to the mapping.")
    id: str = Field(description="Its column with the name of the object.")
    match: str | None = Field(
        None, description="Column of the table of objects with these names; else that of its id."
    )
    prefix: str = Field("", description="Put before the names of its columns.")


class ObjectsSpec(FileSpec):
    """The table of objects: one row an object."""

    file: str = Field(
        description="Path, relative to the mapping; of a table in parts a list, a glob or a folder."
    )
    catalogue: str | None = Field(None, description="A survey whose columns are known: asassn.")
    id: str = Field(description="Column with the name of the object.")
    join: list[JoinSpec] = Field(
        [], description="Further tables, whose columns are used as those of the table of objects."
    )
    ra: PositionSpec | None = Field(
        None, description="Right ascension; in degrees by default, in hours if like 06:37:15.9."
    )
    dec: PositionSpec | None = Field(None, description="Declination; in degrees by default.")
    label: ColumnSpec | None = Field(None, description="Class of the object.")
    labels: dict[str, ColumnSpec] = Field({}, description="More labels, by name.")
    features: dict[str, dict[str, ColumnSpec]] = Field(
        {}, description="Modality -> name -> column: metadata, photometry."
    )
    targets: dict[str, ColumnSpec] = Field({}, description="Numbers to predict, by name.")
    info: dict[str, ColumnSpec] = Field({}, description="Columns that are only kept, by name.")

    @model_validator(mode="before")
    @classmethod
    def _known_catalogue(cls, raw: Any) -> Any:
        if isinstance(raw, AbstractMapping) and isinstance(raw.get("catalogue"), str):
            return merge(catalogue(raw["catalogue"]), raw)
        return raw

    @model_validator(mode="after")
    def _names(self) -> "ObjectsSpec":
        seen = set(RESERVED)
        for name in self.columns():
            if name in seen:
                raise ValueError(f"the name '{name}' is used twice or reserved")
            seen.add(name)
        return self

    def columns(self) -> dict[str, tuple[str, str | None, ColumnSpec]]:
        """Give every flat column: name -> (role, modality, where it comes from)."""
        labels = {"label": self.label, **self.labels} if self.label else self.labels
        found: dict[str, tuple[str, str | None, ColumnSpec]] = {}
        groups: list[tuple[str, str | None, dict[str, ColumnSpec]]] = [("label", None, labels)]
        groups += [("feature", modality, specs) for modality, specs in self.features.items()]
        groups += [("target", None, self.targets), ("info", None, self.info)]
        for role, modality, specs in groups:
            for name, spec in specs.items():
                if name in found:
                    raise ValueError(f"the name '{name}' is used twice or reserved")
                found[name] = (role, modality, spec)
        return found


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

    def _conditions(self) -> list[str]:
        """Keys that are given and need columns beside the fields."""
        return [key for key in ("good", "upper_limit") if getattr(self, key, None) is not None]

    def more_columns(self) -> list[str]:
        """Columns of the file that are asked for beside the fields."""
        good, limit = getattr(self, "good", None), getattr(self, "upper_limit", None)
        return (columns_of(good) if good else []) + (limit.columns if limit else [])

    def fields(self) -> dict[str, ColumnSpec]:
        """Fields of the observation that are mapped, by name."""
        return {
            name: getattr(self, name)
            for name, info in type(self).model_fields.items()
            if isinstance(getattr(self, name), ColumnSpec)
        }

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


class PhotometrySpec(ObservationSpec):
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

    def table_options(self) -> dict[str, Any]:
        """Give what `read_table` has to know of the file; a survey's format is none of a table."""
        known = curve_format(self.format) is not None
        return super().table_options() | ({"format": None} if known else {})

    @model_validator(mode="before")
    @classmethod
    def _known_format(cls, raw: Any) -> Any:
        return with_keys(raw) if isinstance(raw, AbstractMapping) else raw

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
            self.visit.check(long=self.file is not None and not self.stacked, pattern=self.pattern)
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


class Mapping(Section):
    """Where a dataset comes from."""

    objects: ObjectsSpec
    photometry: PhotometrySpec | None = None
    spectrum: SpectrumSpec | None = None
    image: ImageSpec | None = None
    more_photometry: dict[str, PhotometrySpec] = Field(
        {}, description="Light curves of other surveys or bands, by name of the modality."
    )
    more_spectra: dict[str, SpectrumSpec] = Field({}, description="Likewise spectra.")
    more_images: dict[str, ImageSpec] = Field({}, description="Likewise images.")
    provenance: str = Field("", description="Where the data come from, in words.")
    plugins: list[str] = Field([], description=PLUGINS)
    simulated: bool = Field(False, description="Whether they are simulated.")

    def observations(self) -> dict[str, ObservationSpec]:
        """All observations, by the name of their column."""
        found: dict[str, ObservationSpec] = {}
        if self.photometry is not None:
            found["photometry"] = self.photometry
        if self.spectrum is not None:
            found["spectrum"] = self.spectrum
        if self.image is not None:
            found["image"] = self.image
        return {**found, **self.more_photometry, **self.more_spectra, **self.more_images}

    @model_validator(mode="after")
    def _observation_names(self) -> "Mapping":
        taken = {*RESERVED, "metadata", *self.objects.columns()}
        made = [made(name) for name in self.observations() for made in (limits_of, visits_of)]
        for name in [*self.observations(), *made]:
            if name in taken:
                raise ValueError(f"the name '{name}' of an observation is taken by a column")
        more = [*self.more_photometry, *self.more_spectra, *self.more_images]
        twice = sorted({name for name in more if more.count(name) > 1})
        if twice:
            raise ValueError(f"the name '{twice[0]}' is used twice")
        return self


class ReaderMapping(Section):
    """A whole data set in a layout that skybind knows."""

    reader: str = Field(description="Name of the reader, such as astrom3_hub.")
    path: str = Field(description="Folder of the data set, relative to this file.")
    options: dict[str, Any] = Field({}, description="Options of the reader.")
    plugins: list[str] = Field([], description=PLUGINS)


def load_mapping(path: str | Path) -> Mapping | ReaderMapping:
    """Read a mapping.

    Raises
    ------
    DataError
        If the file cannot be read.
    ConfigError
        If it is not YAML, a key is unknown (its nearest neighbour is named), or a unit cannot
        be converted.
    """
    path = Path(path)
    try:
        raw = read_yaml(read_bytes(path).decode("utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        first = " ".join(str(error).split())[:200]
        raise ConfigError(f"The mapping {path} is not YAML: {first.rstrip('.')}.") from error
    if not isinstance(raw, dict):
        raise ConfigError(
            f"The mapping {path} has no keys: it needs 'objects' and an observation, such as "
            "'photometry'."
        )
    plugins = settle(raw.get("plugins") or [], list[str])
    if isinstance(plugins, list):
        use_plugins(place_of(str(name), path.parent) for name in plugins)
    if "reader" in raw:
        return validate(ReaderMapping, raw, str(path))
    mapping = validate(Mapping, raw, str(path))
    check_columns(mapping, str(path))
    return mapping
