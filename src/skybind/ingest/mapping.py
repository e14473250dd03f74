"""The mapping: a small YAML file that says which columns of survey files are what."""

from collections.abc import Mapping as AbstractMapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, Field, model_validator

from skybind.config.load import merge, validate
from skybind.config.written import read_yaml, settle
from skybind.errors import ConfigError
from skybind.files import check_name
from skybind.ingest.column import ColumnSpec, PositionSpec, Section
from skybind.ingest.column_checks import check_columns
from skybind.ingest.file_spec import FileSpec
from skybind.ingest.limits import limits_of
from skybind.ingest.near import NearSpec
from skybind.ingest.observation_spec import (
    ImageSpec,
    ObservationSpec,
    PhotometrySpec,
    SpectrumSpec,
)
from skybind.ingest.readers.contents import read_bytes
from skybind.ingest.readers.registry import catalogue
from skybind.memory import read_size
from skybind.plugins import place_of, use_plugins
from skybind.visits import visits_of

PLUGINS = (
    "Programs of your own that add readers: Python files, relative to this file, or names of "
    "modules (docs/plugins.md)."
)


MAX_FILE = (
    "What one file, member of an archive, array or image may take in memory, such as 20GB; by "
    "default 8 GB, and beyond 200 MB no more than 200 times what is on disk (docs/security.md)."
)


def _is_size(size: str | None) -> str | None:
    if size is not None:
        read_size(size)
    return size


MaxFile = Annotated[str | None, AfterValidator(_is_size)]


RESERVED = ("object_id", "ra", "dec")


class JoinSpec(FileSpec):
    """Another table of the same objects, one row an object."""

    file: str = Field(description="Path, relative to the mapping.")
    id: str | None = Field(
        None, description="Its column with the name of the object; by position, of its sources."
    )
    near: NearSpec | None = Field(
        None, description="Join by position: `radius` and the other keys of it beside `file`."
    )
    match: str | None = Field(
        None, description="Column of the table of objects with these names; else that of its id."
    )
    prefix: str = Field("", description="Put before the names of its columns.")

    @model_validator(mode="before")
    @classmethod
    def _by_position(cls, raw: Any) -> Any:
        """Take the keys of a join by position together."""
        if not isinstance(raw, AbstractMapping) or "radius" not in raw or "near" in raw:
            return raw
        keys = {key: raw[key] for key in NearSpec.model_fields if key in raw and key != "index"}
        return {key: value for key, value in raw.items() if key not in keys} | {"near": keys}

    @model_validator(mode="after")
    def _name_or_place(self) -> "JoinSpec":
        if self.near is None and self.id is None:
            raise ValueError("give 'id', the column of names, or 'radius' for a join by position")
        if self.near is not None and self.match is not None:
            raise ValueError("'radius' and 'match' exclude each other: give one")
        return self


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
    frame: Literal["icrs", "fk5", "fk4", "galactic"] | None = Field(
        None,
        description="Frame of ra and dec, where it is not ICRS: they are converted (fk4: B1950).",
    )
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
    max_file: MaxFile = Field(None, description=MAX_FILE)
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

    def sources(self) -> list[tuple[str, str, ObservationSpec]]:
        """All that observations are read from: name, band (or "") and where it is."""
        found = self.observations().items()
        return [(name, band, part) for name, spec in found for band, part in spec.by_band.items()]

    @model_validator(mode="after")
    def _observation_names(self) -> "Mapping":
        taken = {*RESERVED, "metadata", *self.objects.columns()}
        made = [made(name) for name in self.observations() for made in (limits_of, visits_of)]
        for name in self.observations():
            check_name(name, "The name of the observation")  # of files, too
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
    max_file: MaxFile = Field(None, description=MAX_FILE)


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
