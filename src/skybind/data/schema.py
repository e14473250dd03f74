"""What the columns of a dataset mean: roles, units and provenance, kept in the Parquet schema."""

import json
import math
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import pyarrow as pa

from skybind.data.times import time_system
from skybind.data.units import factor
from skybind.errors import DataError
from skybind.files import check_known_name, check_name

FORMAT_VERSION = 1
METADATA_KEY = b"skybind"
ROLES = ("id", "position", "observation", "limits", "visits", "feature", "label", "target", "info")


@dataclass(frozen=True)
class Column:
    """One column of a dataset.

    Attributes
    ----------
    role : str
        One of `ROLES`.
    unit : str or None
        Unit in astropy's notation; None for numbers without one and for text.
    description : str
        One sentence.
    modality : str or None
        For a `feature`: the modality it belongs to. For an `observation`: its kind. For `limits`
        and `visits`: the column of observations that they belong to.
    fields : dict of str to (str or None)
        For an `observation`, `limits` or `visits`: the unit of each field of the struct.
    attributes : dict of str to anything that JSON holds
        For an `observation`: what is the same for all objects and needed to read the values, as
        `pixel_scale` [arcsec/pixel] and `stretch` of an image, `flux_zero` of a light curve, and
        `missing`: field -> what stood for "not known" in the files. For a column that was computed
        from light curves: by which definition (`skybind.modalities.computed`). For another flat
        column: `missing`, and `quantity`, where they were declared; for a feature `standardised`,
        where it is so already.
    """

    role: str
    unit: str | None = None
    description: str = ""
    modality: str | None = None
    fields: dict[str, str | None] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def nested(self) -> bool:
        """Whether its values are structs of lists, or lists of such."""
        return self.role in ("observation", "limits", "visits")

    def __post_init__(self) -> None:
        if self.role not in ROLES:
            raise DataError(
                f"A column has the role '{self.role}', which is none of {', '.join(ROLES)}."
            )


ID, RA, DEC = "object_id", "ra", "dec"
#: Columns that every dataset has.
BASE_COLUMNS = {
    ID: Column("id", None, "Name of the object, unique in the dataset"),
    RA: Column("position", "deg", "Right ascension, ICRS"),
    DEC: Column("position", "deg", "Declination, ICRS"),
}


@dataclass(frozen=True)
class DatasetSchema:
    """What a dataset holds and where it comes from."""

    columns: dict[str, Column]
    provenance: str = ""
    simulated: bool = False
    created: str = ""
    format_version: int = FORMAT_VERSION

    def features(self, modality: str) -> list[str]:
        """Names of the flat columns that are features of `modality`, in order."""
        return [
            name
            for name, column in self.columns.items()
            if column.role == "feature" and column.modality == modality
        ]

    def fields(self, observation: str) -> dict[str, str | None]:
        """Units of the fields of an observation column, by field, in order."""
        return dict(self.columns[observation].fields)

    def attributes(self, name: str) -> dict[str, Any]:
        """Attributes of a column."""
        return dict(self.columns[name].attributes)

    def factor(self, name: str, unit: str) -> float:
        """Give what the values of a flat column are multiplied with to be in a unit.

        It is 1 where the column states none.

        Raises
        ------
        ConfigError
            If its unit cannot be converted.
        """
        own = self.columns[name].unit
        return 1.0 if own is None else factor(own, unit, f"Column '{name}' of the dataset")

    def julian_zero(self, name: str) -> float | None:
        """Give the Julian date from which a flat column counts days; None where it is no date."""
        system = time_system(self.columns[name].unit)
        return None if system is None else system.zero

    def with_role(self, role: str) -> list[str]:
        """Names of the columns of a role, in order."""
        return [name for name, column in self.columns.items() if column.role == role]

    @property
    def observations(self) -> list[str]:
        """Names of the struct columns (photometry, spectrum, ...)."""
        return self.with_role("observation")

    @property
    def visits(self) -> list[str]:
        """Names of the observations of which an object may have several."""
        return [str(self.columns[name].modality) for name in self.with_role("visits")]

    @property
    def kinds(self) -> dict[str, str]:
        """Kind of each struct column; its name where the schema does not say."""
        return {name: self.columns[name].modality or name for name in self.observations}

    @property
    def groups(self) -> list[str]:
        """Modalities that features are declared to belong to, in order."""
        owners = [self.columns[name].modality for name in self.with_role("feature")]
        return [owner for owner in dict.fromkeys(owners) if owner is not None]

    @property
    def catalogues(self) -> list[str]:
        """Modalities that are rows of a catalogue: groups of features of no observation."""
        observed = {*self.kinds, *self.kinds.values()}
        return [group for group in self.groups if group not in observed]

    @property
    def modalities(self) -> list[str]:
        """Names of all that can be observed: the struct columns, then the rows of catalogues."""
        return [*self.observations, *self.catalogues]

    def to_metadata(self) -> dict[bytes, bytes]:
        """Give the Parquet key-value metadata: the same for the same columns, whenever made."""
        note = {key: value for key, value in asdict(self).items() if key != "created"}
        return {METADATA_KEY: json.dumps(note).encode()}

    @classmethod
    def from_arrow(cls, schema: pa.Schema, where: str) -> "DatasetSchema":
        """Read the metadata of an Arrow schema.

        Raises
        ------
        DataError
            If it has none, or was written by a newer format.
        """
        raw = (schema.metadata or {}).get(METADATA_KEY)
        if raw is None:
            raise DataError(
                f"{where} is Parquet without skybind's schema: make a dataset of it with "
                "'skybind data import'."
            )
        try:
            return cls.from_dict(json.loads(raw))
        except (TypeError, KeyError, AttributeError, ValueError) as error:
            raise DataError(f"{where} has a damaged skybind schema ({error}).") from error

    @classmethod
    def from_dict(cls, raw: dict[str, Any]) -> "DatasetSchema":
        """Build from what `to_metadata` wrote."""
        version = raw.get("format_version")
        if version != FORMAT_VERSION:
            raise DataError(
                f"The dataset has format version {version}, this skybind reads {FORMAT_VERSION}: "
                "install a newer skybind."
            )
        columns = {name: Column(**column) for name, column in raw["columns"].items()}
        check_observations(columns, made=False)
        return cls(**{**raw, "columns": columns})

    @classmethod
    def from_note(cls, note: Mapping[str, Any]) -> "DatasetSchema":
        """Build from what a saved model knows of the dataset that it was made for.

        Parameters
        ----------
        note : mapping
            `observations` (column -> units of its fields), `attributes` (column -> attributes; of
            a feature also `range`, see `skybind.models.saved_schema.training_ranges`),
            `features` (column -> modality and unit) and `kinds` (column -> kind, where it is not
            its name), as in a model's `model.json`.
        """
        attributes, kinds = note.get("attributes", {}), note.get("kinds", {})
        columns = {
            name: Column(
                "observation",
                modality=kinds.get(name, name),
                fields=fields,
                attributes=attributes.get(name, {}),
            )
            for name, fields in note["observations"].items()
        }
        check_observations(columns, made=False)
        features = {
            name: Column(
                "feature",
                entry["unit"],
                modality=entry["modality"],
                attributes=attributes.get(name, {}),
            )
            for name, entry in note["features"].items()
        }
        return cls({**BASE_COLUMNS, **columns, **features})

    def select(self, names: Collection[str]) -> "DatasetSchema":
        """Give a copy with some of the columns only."""
        return replace(self, columns={n: c for n, c in self.columns.items() if n in names})

    def without(self, names: Collection[str]) -> "DatasetSchema":
        """Give a copy without some of the columns."""
        return self.select([name for name in self.columns if name not in names])

    def with_columns(self, columns: dict[str, Column]) -> "DatasetSchema":
        """Give a copy with columns added or replaced."""
        return replace(self, columns={**self.columns, **columns})


def check_observations(columns: Mapping[str, Column], made: bool = True) -> None:
    """Refuse observations whose name cannot be that of a file: their features and vectors get one.

    Parameters
    ----------
    columns : mapping of name to Column
    made : bool
        Whether they are of a dataset that is made, not opened: see `skybind.files.check_name`.

    Raises
    ------
    ConfigError
    """
    check = check_name if made else check_known_name
    for name, column in columns.items():
        if column.nested:
            check(name, "The name of the observation")


#: Attributes that change nothing of what a model learns: a curve's shape is the same in each time
#: system and whatever its fluxes are counted from, what stood for missing values is gone, and
#: the photometric system of magnitudes is told where they are not converted
#: (`skybind.data.systems.other_system`).
MAY_DIFFER = ("time_system", "flux_zero", "missing", "system", "offsets")


def other_attribute(saved: Mapping[str, Any], given: Mapping[str, Any]) -> str | None:
    """Name the first attribute in which what is given is not as what was saved; None if none."""
    for name, value in saved.items():
        if name not in MAY_DIFFER and not same_attribute(value, given.get(name)):
            return name
    return None


def same_attribute(saved: Any, given: Any) -> bool:
    """Whether an attribute is the same; numbers (a pixel scale) to one per cent."""
    numbers = isinstance(saved, int | float) and isinstance(given, int | float)
    return math.isclose(saved, given, rel_tol=0.01) if numbers else bool(saved == given)
