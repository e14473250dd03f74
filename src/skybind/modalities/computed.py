"""Columns computed from light curves: their names, and how a modality chooses among columns.

A column of a catalogue and one that was computed never share a name, and each computed one says in
its schema which definition it follows; so the two are never taken for one another.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from skybind.errors import ConfigError
from skybind.words import nearest

if TYPE_CHECKING:
    from skybind.modalities.base import Schema

Source = Literal["auto", "catalogue", "computed", "none"]

PERIOD = "period"
#: Attribute of a feature that is transformed and standardised already: true.
STANDARDISED = "standardised"
#: Attribute of light curves whose fluxes are counted from the mean of each: mean.
FLUX_ZERO = "flux_zero"


def computed_name(observation: str, quantity: str, band: str = "") -> str:
    """Return the name of a computed column, such as `photometry_period`, `photometry_V_std`."""
    return "_".join([observation, band, quantity] if band else [observation, quantity])


def is_computed(attributes: Mapping[str, Any]) -> bool:
    """Return whether the attributes of a column say that it was computed from a light curve."""
    return "definition" in attributes


def is_standardised(attributes: Mapping[str, Any]) -> bool:
    """Return whether a column is transformed and standardised already, as its survey gives it."""
    return bool(attributes.get(STANDARDISED, False))


def has_definition(attributes: Mapping[str, Any]) -> bool:
    """Return whether a column is other than its catalogue's: computed, or standardised already."""
    return is_computed(attributes) or is_standardised(attributes)


def same_definition(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Return whether two columns mean the same: both of a catalogue, or computed alike."""
    if is_standardised(one) != is_standardised(other):
        return False
    return (not is_computed(one) and not is_computed(other)) or dict(one) == dict(other)


def definition(attributes: Mapping[str, Any]) -> str:
    """Return in words where a column comes from."""
    if is_standardised(attributes):
        return "standardised already"
    if not is_computed(attributes):
        return "the catalogue's"
    return (
        f"computed ({attributes['definition']} of {attributes['brightness']}, "
        f"version {attributes['version']})"
    )


def raw_period(schema: "Schema", name: str = PERIOD) -> bool:
    """Return whether a catalogue's column of periods is there and holds days to fold by."""
    there = name in schema.features("photometry")
    return there and not is_standardised(schema.attributes(name))


@dataclass(frozen=True)
class LightCurveColumns:
    """Which flat columns a modality of light curves reads.

    Attributes
    ----------
    features : list of str
        Repeated along the curve.
    period : str or None
        Period [d] to fold by.
    quantities : dict of str to str
        Computed column -> the quantity that it holds, such as `period`.
    """

    features: list[str]
    period: str | None
    quantities: dict[str, str]


def choose_columns(
    schema: "Schema",
    where: str,
    kind: str,
    observation: str,
    *,
    features: list[str] | None,
    period: str,
    source: Source,
) -> LightCurveColumns:
    """Choose the columns of a modality of light curves.

    Parameters
    ----------
    schema : Schema
        Of the dataset.
    where : str
        Name of the modality, for messages.
    kind : str
        Modality that features are declared to belong to.
    observation : str
        Column of the light curves.
    features : list of str, optional
        Asked for: names of columns, or of quantities that are computed.
    period : str
        Column of the catalogue's period.
    source : str
        `auto`: the computed columns where the dataset has them, else the catalogue's.

    Raises
    ------
    ConfigError
        If a feature is in neither, or the computed columns are asked for and not there.
    """
    offered = schema.features(kind)
    catalogue = [name for name in offered if not is_computed(schema.attributes(name))]
    computed: dict[str, str] = {}
    quantities = {}
    for name in offered:
        said = schema.attributes(name)
        if is_computed(said):
            quantities[name] = str(said["quantity"])
            if said["observation"] == observation and not said.get("band"):
                computed[quantities[name]] = name
    if source == "computed" and PERIOD not in computed:
        raise ConfigError(
            f"modalities.{where}.preprocessing.periods is computed, but the dataset has no "
            f"'{computed_name(observation, PERIOD)}': compute it with 'skybind data features'."
        )
    prefer = source == "computed" or (source == "auto" and period == PERIOD and PERIOD in computed)
    known = period if period in catalogue and source != "none" else None
    if known is not None and is_standardised(schema.attributes(known)):
        _refuse_if_asked(known, source, where)
        known = None
    if features is None:
        own = [name for name in catalogue if source != "none" or name != period]
        chosen = list(computed.values()) if prefer else own
    else:
        chosen = [_named(name, offered, computed, where) for name in features]
    return LightCurveColumns(chosen, computed[PERIOD] if prefer else known, quantities)


def _refuse_if_asked(name: str, source: Source, where: str) -> None:
    """Refuse a standardised column of periods where it is just that which is asked for."""
    if source == "catalogue":
        raise ConfigError(
            f"modalities.{where}.preprocessing.periods is catalogue, but the dataset's '{name}' is "
            "standardised, no period to fold by: set it to computed or none."
        )


def _named(name: str, offered: list[str], computed: Mapping[str, str], where: str) -> str:
    """Return the column of that name, or the computed one that holds the quantity."""
    if name not in offered and name not in computed:
        known = [*offered, *computed]
        hint = nearest(name, known) if known else "it has none."
        raise ConfigError(
            f"modalities.{where}: the dataset has no photometry feature '{name}': {hint}"
        )
    return name if name in offered else computed[name]
