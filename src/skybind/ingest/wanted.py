"""What a model reads, and observations made to fit it: its fields, in its units."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from skybind.data.schema import DatasetSchema
from skybind.data.systems import Systems, stated_system
from skybind.data.units import convert, image_unit, inverse_square, is_unit, kept_unit, parse_unit
from skybind.errors import ConfigError, DataError
from skybind.ingest.fields import check_logarithms, missing_fields, typed, unknown_values
from skybind.ingest.readers.registry import Fields
from skybind.ingest.systems import counted_for_ab, given_fluxes, given_magnitudes, taken_for_ab
from skybind.modalities.cleaning import flux_err_to_ivar, ivar_to_flux_err, magnitude_to_flux
from skybind.modalities.computed import has_definition, same_definition
from skybind.words import join

#: Kinds of observation that can be given in any form.
KINDS = ("photometry", "spectrum", "image", "metadata")
Units = Mapping[str, str | None]
#: Fields of light curves that tell of an epoch and that no model reads.
NO_INPUT = ("flag", "system")


@dataclass(frozen=True)
class Wanted:
    """One modality as a model reads it.

    Attributes
    ----------
    name : str
        Of the modality.
    kind : str
        Of what is observed: photometry, spectrum, image or metadata, or a kind of a plugin's own.
    column : str
        Of the observations; for metadata, the modality that its features belong to.
    fields : dict of str to (str or None)
        Fields of an observation and their units; empty for metadata.
    attributes : dict
        Of the column: pixel scale and stretch of images.
    features : dict of str to (str or None)
        Numbers of the catalogue, or computed from light curves, that belong to the modality, and
        their units.
    definitions : dict of str to dict
        Of those that are computed or standardised already (`skybind.modalities.computed`).
    needs_flux_zero : bool
        Whether fluxes must be whole, not counted from the mean of each light curve.
    missing : dict of str to list of str
        Field or feature -> what stood for "not known" in the files of the training data.
    ranges : dict of str to list of float
        Feature -> where those of the training objects lie
        (`skybind.models.saved_schema.training_ranges`).
    systems : dict of str to dict
        Feature that is a magnitude -> `system`, and perhaps `offsets`: system -> what is added.
    """

    name: str
    kind: str
    column: str
    fields: dict[str, str | None] = field(default_factory=dict)
    attributes: dict[str, Any] = field(default_factory=dict)
    features: dict[str, str | None] = field(default_factory=dict)
    definitions: dict[str, dict[str, Any]] = field(default_factory=dict)
    needs_flux_zero: bool = False
    missing: dict[str, list[str]] = field(default_factory=dict)
    ranges: dict[str, list[float]] = field(default_factory=dict)
    systems: dict[str, dict[str, Any]] = field(default_factory=dict)

    def takes(self, feature: str, attributes: Mapping[str, Any]) -> bool:
        """Whether a column with such attributes is the feature: computed alike, or not at all."""
        return same_definition(self.definitions.get(feature, {}), attributes)


def wanted_modalities(
    schema: DatasetSchema, kinds: Mapping[str, tuple[str, str]]
) -> dict[str, Wanted]:
    """Tell what a model reads of each of its modalities.

    Parameters
    ----------
    schema : DatasetSchema
        The columns that the model reads, as it was made for them.
    kinds : mapping of str to (str, str)
        Modality -> its kind and its column.
    """
    wanted = {}
    for name, (kind, column) in kinds.items():
        observed = column in schema.observations
        features = schema.features(kind if observed else column)
        said = {feature: schema.attributes(feature) for feature in features}
        attributes = schema.attributes(column) if observed else {}
        fields = schema.fields(column) if observed else {}
        missing = dict(attributes.get("missing", {}))
        missing |= {name: own["missing"] for name, own in said.items() if "missing" in own}
        wanted[name] = Wanted(
            name,
            # a kind of a plugin's that reads light curves is given light curves
            kind if kind in KINDS or not observed else schema.kinds[column],
            column,
            {f: u for f, u in fields.items() if f not in NO_INPUT},
            attributes,
            {feature: schema.columns[feature].unit for feature in features},
            {feature: own for feature, own in said.items() if has_definition(own)},
            missing=missing,
            ranges={feature: own["range"] for feature, own in said.items() if "range" in own},
            systems={feature: own for feature, own in said.items() if "system" in own},
        )
    return wanted


@dataclass
class Fitted:
    """Fields that fit a model.

    Attributes
    ----------
    fields : dict of str to ndarray
        Flat arrays of one length.
    units : dict of str to (str or None)
    notes : list of str
        What was converted or assumed, in sentences.
    """

    fields: Fields
    units: dict[str, str | None]
    notes: list[str]


def fit_fields(
    fields: Fields, units: Units, wanted: Wanted, where: str, system: Systems | None = None
) -> Fitted:
    """Convert observations to the fields that a model reads, in its units and types.

    Magnitudes become fluxes where the model reads flux densities (AB, as its own preprocessing has
    it), `flux_err` and `ivar` become each other. An error without a unit has that of its value.
    What the model does not read is left out, what it reads and is not there is unknown.

    Parameters
    ----------
    fields : dict of str to ndarray
        Flat arrays of one length, perhaps empty: names and units decide what is refused.
    units : mapping of str to (str or None)
        None where none is stated.
    wanted : Wanted
    where : str
        What messages call the observations.
    system : str, or mapping of band to str, optional
        Photometric system of magnitudes; a field `system` says it of each.

    Raises
    ------
    DataError
        If a field is missing, or a unit does not fit.
    """
    notes: list[str] = []
    have, stated = dict(fields), {name: units.get(name) for name in fields}
    targets = dict(wanted.fields)
    if wanted.kind == "image":
        _check_bands(have, targets, where)
    else:
        _check_needed(have, wanted.kind, where)
    if wanted.kind == "spectrum":
        _only_known_units(stated, targets, where, notes)
        _one_error(have, stated, targets, where)
    elif wanted.kind == "photometry":
        targets = _one_brightness(have, stated, targets, where, notes)
    made: Fields = {}
    length = len(next(iter(have.values())))
    assumed = []
    missing = [name for name in targets if name not in have]
    for name, target in targets.items():
        if name in missing:
            made[name] = unknown_values(name, length)
            continue
        unit = stated[name] if stated[name] is not None else stated.get(name.removesuffix("_err"))
        if unit is None and target is not None:
            assumed.append(name)
        at = f"{where}, {name}"
        change = _image_in if wanted.kind == "image" else in_unit
        made[name] = typed(name, change(have[name], unit, target, at))
        if name == "wavelength":
            check_logarithms(made[name], unit, at)
    own = fields.get("system", system or stated_system(units.get("magnitude")))
    notes += _in_system(fields, made, own, wanted, where)
    notes += _assumed(assumed, missing, targets, where)
    if "band" in have and "band" not in targets and wanted.kind == "photometry":
        notes.append(f"{where}: the model knows no bands; epochs of all bands are taken as of one.")
    return Fitted(made, targets, notes)


def _assumed(assumed: list[str], missing: list[str], targets: Units, where: str) -> list[str]:
    """Say of which fields no unit is stated, and which are not there."""
    notes = []
    if assumed:
        as_ = [f"{name} [{targets[name]}]" for name in assumed]
        notes.append(f"{where}: no unit is stated; taken as {join(as_)}.")
    if missing:
        notes.append(f"{where}: {join(missing)}, which the model reads, is taken as unknown.")
    return notes


def _in_system(
    fields: Fields,
    made: Fields,
    system: Systems | np.ndarray | None,
    wanted: Wanted,
    where: str,
) -> list[str]:
    """Bring brightnesses to the photometric system that the model reads; gives what is to be said.

    Parameters
    ----------
    fields, made : dict of str to ndarray
        As they were given, and as they were made to fit.
    system : str, mapping of band to str, ndarray of str or None
        Of the magnitudes; of fluxes alone, of the magnitudes that they become.
    wanted : Wanted
    where : str
    """
    band = fields.get("band")
    if "flux" in fields:
        if "magnitude" not in wanted.fields:
            return []
        own = None if "magnitude" in fields or isinstance(system, np.ndarray) else system
        n = len(made["flux"])
        factor, notes = given_fluxes(n, band, own, wanted.attributes, where)
        for name in {"flux", "flux_err"} & set(made) if (factor != 1).any() else ():
            made[name] = typed(name, made[name] * factor)
        return notes
    if "magnitude" not in fields:
        return []
    if "magnitude" not in made:  # they were turned to fluxes
        if isinstance(system, np.ndarray):
            return counted_for_ab(Counter(system.tolist()), where)
        return [] if system is None else taken_for_ab(system, where)
    values, notes = given_magnitudes(made["magnitude"], band, system, wanted.attributes, where)
    made["magnitude"] = typed("magnitude", values)
    return notes


def _only_known_units(
    stated: dict[str, str | None], targets: Units, where: str, notes: list[str]
) -> None:
    """Leave out units that are none, with a note; one also where the model's is not known."""
    for name, unit in stated.items():
        if not is_unit(unit or "1"):
            stated[name] = None
            notes.append(f"{where}: the unit '{unit}' of {name} is not known.")
    if targets["flux"] is None and stated["flux"] is not None:
        notes.append(
            f"{where}: the flux is in {stated['flux']}; the model's spectra state no unit, and its "
            "fluxes are taken as theirs."
        )


def in_unit(values: np.ndarray, unit: str | None, target: str | None, where: str) -> np.ndarray:
    """Convert values to a unit; they stay as they are where either is not known.

    Raises
    ------
    DataError
        If one cannot become the other; both are named.
    """
    if unit is None or target is None or unit == target:
        return values
    try:
        return convert(values, unit, target, where)
    except ConfigError as error:
        raise DataError(str(error)) from error


def feature_in_unit(
    values: np.ndarray, feature: str, unit: str | None, target: str | None, where: str
) -> np.ndarray:
    """Convert numbers of a catalogue to the model's unit, or to the one that an import keeps.

    Raises
    ------
    DataError
        If the unit does not fit.
    """
    try:
        return in_unit(values, unit, target or kept_unit(feature, unit, where), where)
    except ConfigError as error:
        raise DataError(str(error)) from error


def _image_in(values: np.ndarray, unit: str | None, target: str | None, where: str) -> np.ndarray:
    """Convert pixels to a unit of images: nanomaggies, or counts that stay what they are."""
    if unit is None or target is None or unit == target:
        return values
    try:
        stored, factor = image_unit(unit, where)
    except ConfigError as error:
        raise DataError(str(error)) from error
    if stored != target:
        raise DataError(f"{where}: the unit '{unit}' cannot be converted to {target}.")
    return np.asarray(values, np.float32) * np.float32(factor)


def _one_brightness(
    have: Fields,
    stated: dict[str, str | None],
    targets: dict[str, str | None],
    where: str,
    notes: list[str],
) -> dict[str, str | None]:
    """Bring magnitudes to a model of fluxes; fluxes for one of magnitudes stay fluxes."""
    for name in ("magnitude", "magnitude_err") if {"flux", "magnitude"} <= set(have) else ():
        have.pop(name, None)
    given, read = ("flux" if "flux" in names else "magnitude" for names in (have, targets))
    if given == read:
        return targets
    if read == "magnitude":
        # fluxes may be negative, and its own preprocessing takes either
        fluxes = {"magnitude": "flux", "magnitude_err": "flux_err"}
        return {
            fluxes.get(name, name): "mJy" if name in fluxes else unit
            for name, unit in targets.items()
        }
    unit = targets["flux"]
    if unit is not None and not parse_unit(unit, where).is_equivalent("Jy"):
        raise DataError(
            f"{where} has magnitudes, and the model reads fluxes in '{unit}', which magnitudes do "
            "not give."
        )
    names = [name for name in ("magnitude", "magnitude_err") if name in have]
    of_value = stated.get("magnitude")
    values = [
        in_unit(have.pop(name), stated.pop(name) or of_value, "mag", f"{where}, {name}")
        for name in names
    ]
    for name, flux in zip(("flux", "flux_err"), magnitude_to_flux(*values), strict=False):
        have[name], stated[name] = flux, "mJy"
    notes.append(f"{where}: magnitudes are turned to fluxes as AB magnitudes (zero is 3631 Jy).")
    return targets


def _one_error(
    have: Fields, stated: dict[str, str | None], targets: dict[str, str | None], where: str
) -> None:
    """Turn the error of a spectrum to what the model reads: `flux_err` or `ivar`."""
    flux = targets.get("flux")
    own = stated.get("flux")
    in_unit(have["flux"][:0], own, flux, f"{where}, flux")  # it is the flux that does not fit
    if "ivar" in have and "flux_err" not in have and "ivar" not in targets:
        squared = _inverse_square(flux, where)
        unit = stated["ivar"] or _inverse_square(own, where)
        values = in_unit(have["ivar"], unit, squared, f"{where}, ivar")
        have["flux_err"], stated["flux_err"] = ivar_to_flux_err(np.asarray(values)), flux or own
    elif "flux_err" in have and "ivar" not in have and "ivar" in targets:
        values = in_unit(have["flux_err"], stated["flux_err"] or own, flux, f"{where}, flux_err")
        have["ivar"], stated["ivar"] = flux_err_to_ivar(np.asarray(values)), targets["ivar"]
    elif "ivar" in have and stated["ivar"] is None:
        stated["ivar"] = _inverse_square(own, where)


def _inverse_square(unit: str | None, where: str) -> str | None:
    return None if unit is None else inverse_square(unit, where)


def _check_needed(have: Fields, kind: str, where: str) -> None:
    missing = missing_fields(have, kind)
    if missing:
        raise DataError(f"{where} has no {' or '.join(missing)} (it has {', '.join(have)}).")


def _check_bands(have: Fields, targets: dict[str, str | None], where: str) -> None:
    missing = [band for band in targets if band not in have]
    if missing:
        raise DataError(
            f"{where} lacks the band {missing[0]} (it has {', '.join(have)}; the model reads "
            f"{', '.join(targets)})."
        )
