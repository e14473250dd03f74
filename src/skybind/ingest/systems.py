"""Photometric systems of magnitudes that are read: recorded, converted where it is asked for."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from skybind.data.systems import (
    ANY_BAND,
    EACH,
    Systems,
    bare_bands,
    canonical,
    each_system,
    from_each_system,
    in_system,
    offset_of,
    same_system,
    stated_system,
    systems_text,
)
from skybind.errors import ConfigError
from skybind.ingest.readers.registry import Fields
from skybind.ingest.readers.values import texts
from skybind.words import join

if TYPE_CHECKING:
    from skybind.ingest.column import ColumnSpec
    from skybind.ingest.observation_spec import PhotometrySpec
    from skybind.ingest.observed import Stored
    from skybind.ingest.readers.tables import Table


def system_attributes(spec: "PhotometrySpec", unit: str | None) -> dict[str, Any]:
    """Give what a schema says of the photometric system of light curves.

    Parameters
    ----------
    spec : PhotometrySpec
    unit : str or None
        Of the magnitudes, as the mapping or the file states it.

    Raises
    ------
    ConfigError
        If magnitudes shall be converted, and it is not said from which system.
    """
    own = declared_systems(spec, unit)
    by_column = spec.system is not None and spec.system.column is not None
    if spec.convert_to is not None:
        if own is None and not by_column:
            raise ConfigError(
                f"convert_to: {spec.convert_to} needs the system of the magnitudes as they are: "
                "add system: Vega, one a band, or {column: NAME}."
            )
        bare = bare_bands(spec.offsets) if by_column else []
        if bare:
            raise ConfigError(
                f"offsets: the number of '{bare[0]}' does not say from which system it leads, and "
                "a column may name several: write "
                f"{{{bare[0]}: {{Vega: {spec.offsets[bare[0]]}}}}}."
            )
        return {"system": spec.convert_to, "offsets": _offsets(spec, own)}
    if by_column:
        return {"system": EACH}
    return {} if own is None else {"system": own}


def banded_attributes(bands: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Put together what the schema says of light curves whose bands are read each by itself.

    Parameters
    ----------
    bands : mapping of str to mapping
        Band -> the attributes of its column, of one time system.
    """
    made = dict(next(iter(bands.values())))
    missing: dict[str, list[str]] = {}
    for own in bands.values():
        for field, words in own.get("missing", {}).items():
            missing[field] = list(dict.fromkeys([*missing.get(field, []), *words]))
    systems = {band: own["system"] for band, own in bands.items() if own.get("system")}
    offsets = {
        band: own["offsets"].get(band, own["offsets"].get(ANY_BAND))
        for band, own in bands.items()
        if own.get("offsets")
    }
    same = len(systems) == len(bands) and len(set(systems.values())) == 1
    made["system"] = next(iter(systems.values())) if same else systems
    made |= {"missing": missing, "offsets": offsets}
    return {key: value for key, value in made.items() if value}


def _offsets(spec: "PhotometrySpec", own: Systems | None) -> dict[str, dict[str, float]]:
    return from_each_system(spec.offsets, own, spec.convert_to or "")


def declared_systems(spec: "PhotometrySpec", unit: str | None) -> Systems | None:
    """Give the systems that the key, the unit or the description of the magnitudes names."""
    if spec.system is not None:
        return spec.system.name or dict(spec.system.bands) or None
    if spec.magnitude is None:
        return None
    return stated_system(unit, spec.magnitude.description)


def flat_system(spec: "ColumnSpec", unit: str | None, where: str) -> dict[str, Any]:
    """Give what a schema says of the photometric system of a flat column.

    Parameters
    ----------
    spec : ColumnSpec
    unit : str or None
        As the mapping or the file states it.
    where : str
        The column, for the message.

    Raises
    ------
    ConfigError
        If it shall be converted, and it is not said from which system, or it is no magnitude.
    """
    own = spec.system or stated_system(unit, spec.description if unit else "")
    if (spec.system or spec.convert_to) and "mag" not in (unit or "mag"):
        raise ConfigError(f"{where}: its unit '{unit}' is none of magnitudes, which have a system.")
    if spec.convert_to is None:
        return {} if own is None else {"system": own}
    if own is None:
        raise ConfigError(
            f"{where}: convert_to: {spec.convert_to} needs the system of the magnitudes as they "
            "are: add system: Vega."
        )
    if own == spec.convert_to:
        raise ConfigError(f"{where}: its magnitudes are {own} already: leave out convert_to.")
    return {"system": spec.convert_to, "offsets": {own: spec.offset}}


def given_magnitude(
    values: np.ndarray, system: str | None, attributes: Mapping[str, Any], where: str
) -> tuple[np.ndarray, list[str]]:
    """Bring a given magnitude of a catalogue to the system of the training data.

    Parameters
    ----------
    values : ndarray
        [mag].
    system : str or None
        In which they are.
    attributes : mapping
        `system` and `offsets` (by system) of the training data.
    where : str
        The column, for the sentences.
    """
    target = attributes.get("system")
    if target is None or system == target:
        return values, []
    model = f"the model was trained on {target}"
    if system is None:
        return values, [f"{where}: no photometric system is stated, and {model}: taken as such."]
    offset = attributes.get("offsets", {}).get(system)
    if offset is None:
        return values, [f"{where} is in {system}, and {model}: it is not converted."]
    return values + offset, [f"{where} is in {system}, and {model}: {offset:+g} mag is added."]


def converts_each(spec: "PhotometrySpec") -> bool:
    """Whether epochs of a light curve may be of a system that is not converted."""
    by_column = spec.system is not None and spec.system.column is not None
    return by_column and spec.convert_to is not None


def system_fields(
    table: "Table", spec: "PhotometrySpec", stored: "Stored", fields: Fields
) -> Fields:
    """Give the magnitudes of a table in the system of the dataset, or each with its own.

    Raises
    ------
    ConfigError
        If magnitudes shall be converted, and an offset that is needed is not given.
    """
    column = spec.system.column if spec.system is not None else None
    band, n = fields.get("band"), len(table)
    if column is not None:
        names = texts(table[column]).tolist()
        known = {name: canonical(name) for name in set(names)}
        systems = np.asarray([known[name] for name in names], object)
        own = None
    else:
        own = declared_systems(spec, stored.stated.get("magnitude"))
        systems = each_system(own, band, n)
    if spec.convert_to is None or "magnitude" not in fields:
        return {} if column is None else {"system": systems}
    target = np.full(n, spec.convert_to, object)
    values, left = in_system(fields["magnitude"], systems, target, band, _offsets(spec, own))
    made: Fields = {"magnitude": values.astype(fields["magnitude"].dtype)}
    if column is not None:  # an archive may hold any: what is not converted is left out
        return made | {"unconverted": left}
    for i in np.flatnonzero(left & np.isfinite(values))[:1].tolist():
        at = "" if band is None else f" of band {band[i]}"
        what = f"the offset{at} from {systems[i]}" if systems[i] else f"the system{at}"
        raise ConfigError(
            f"{table.name}: {what} is not given, so its magnitudes cannot be converted to "
            f"{spec.convert_to}: add it to {'offsets' if systems[i] else 'system'}."
        )
    return made


def system_notes(name: str, attributes: Mapping[str, Any]) -> list[str]:
    """Say where the magnitudes of one light curve are in several systems."""
    own = attributes.get("system")
    if own == EACH:
        return [
            f"{name}: each magnitude keeps its photometric system (field 'system'); they are not "
            "converted (convert_to: AB, with offsets)."
        ]
    if isinstance(own, Mapping) and len(set(own.values())) > 1:
        rest = [band for band in own if band not in attributes.get("offsets", {})]
        which = "they" if len(rest) == len(own) else f"those of {', '.join(rest)}"
        return [
            f"{name}: magnitudes are {systems_text(own)}; {which} are not converted (convert_to: "
            "AB, with offsets)."
        ]
    return []


def given_magnitudes(
    magnitude: np.ndarray,
    band: np.ndarray | None,
    given: Systems | np.ndarray | None,
    attributes: Mapping[str, Any],
    where: str,
) -> tuple[np.ndarray, list[str]]:
    """Bring given magnitudes to the system of the training data, as far as it can be done.

    Parameters
    ----------
    magnitude : ndarray, shape (n,)
        [mag].
    band : ndarray of str, shape (n,), optional
    given : str, mapping of band to str, ndarray of str or None
        Their system.
    attributes : mapping
        `system` and `offsets` of the training data.
    where : str
        What was given, for the sentences.

    Returns
    -------
    magnitude : ndarray, shape (n,)
    notes : list of str
    """
    target, offsets = attributes.get("system"), attributes.get("offsets", {})
    if target is None or target == EACH:
        return magnitude, []
    model = f"the model was trained on {systems_text(target)}"
    if given is None:
        return magnitude, [f"{where}: no photometric system is stated, and {model}: taken as such."]
    n = len(magnitude)
    own = given if isinstance(given, np.ndarray) else each_system(given, band, n)
    said = "several systems" if isinstance(given, np.ndarray) else systems_text(given)
    wanted = each_system(target, band, n)
    if (own == wanted).all() if n else _same(given, target):
        return magnitude, []
    values, left = in_system(magnitude, own, wanted, band, offsets)
    changed = _changed(given, offsets, own != wanted, left)
    return values, [f"{where}: the magnitudes are in {said}, and {model}: they are {changed}."]


def given_fluxes(
    n: int,
    band: np.ndarray | None,
    given: Systems | None,
    attributes: Mapping[str, Any],
    where: str,
) -> tuple[np.ndarray, list[str]]:
    """Bring fluxes to a model of magnitudes, which makes magnitudes of them with AB's zero point.

    Parameters
    ----------
    n : int
        How many.
    band : ndarray of str, shape (n,), optional
    given : str, or mapping of band to str, optional
        Of which system these magnitudes are; AB, unless the fluxes were brought to another one.
    attributes : mapping
        `system` and `offsets` of the training data.
    where : str
        What was given, for the sentences.

    Returns
    -------
    factor : ndarray, shape (n,)
        Of the fluxes: their magnitudes are then those of the training data's system.
    notes : list of str
    """
    target, offsets = attributes.get("system"), attributes.get("offsets", {})
    given = given or "AB"
    own, wanted = (each_system(systems, band, n) for systems in (given, target))
    if target is None or ((own == wanted).all() if n else same_system(given, target)):
        return np.ones(n), []
    shift, left = in_system(np.zeros(n), own, wanted, band, offsets)
    changed = _changed(given, offsets, own != wanted, left)
    model = "each in its own system" if target == EACH else systems_text(target)
    return 10 ** (-0.4 * shift), [
        f"{where}: the fluxes become magnitudes that are {systems_text(given)}, and the model was "
        f"trained on magnitudes that are {model}: they are {changed}."
    ]


def taken_for_ab(given: Systems, where: str) -> list[str]:
    """Say that magnitudes, of which a model makes fluxes, are wrongly taken for AB ones."""
    if same_system(given, "AB"):
        return []
    return [f"{where}: the magnitudes are {systems_text(given)}, and are taken for AB ones."]


def counted_for_ab(counts: Mapping[str, int], where: str) -> list[str]:
    """Say how many magnitudes, of which a model makes fluxes, are wrongly taken for AB ones.

    Parameters
    ----------
    counts : mapping of str to int
        System -> how many magnitudes are of it; "" where it is not known.
    where : str
        What was given, for the sentence.
    """
    others = {system: n for system, n in counts.items() if system != "AB"}
    if not others:
        return []
    each = [f"{n} {system or 'of a system that is not stated'}" for system, n in others.items()]
    return [
        f"{where}: of {sum(counts.values())} magnitudes, {join(each)} are taken for AB ones as "
        "well."
    ]


def _same(given: Systems | np.ndarray, target: Systems) -> bool:
    return not isinstance(given, np.ndarray) and same_system(given, target)


def _changed(
    given: Systems | np.ndarray, offsets: Mapping[str, Any], other: np.ndarray, left: np.ndarray
) -> str:
    """Say what becomes of magnitudes of another system; before any is read, what may.

    Parameters
    ----------
    given : str, mapping of band to str or ndarray of str
        Their system.
    offsets : mapping
    other, left : ndarray of bool, shape (n,)
        Which are of another system, and which of these stay as they are.
    """
    if len(other) and not left.any():
        return "converted by the offsets that its import was given"
    if len(other):
        known = bool((other & ~left).any())
    elif isinstance(given, Mapping):
        known = any(offset_of(offsets, band, own) is not None for band, own in given.items())
    else:
        sources = {s for own in offsets.values() if isinstance(own, Mapping) for s in own}
        known = given in sources if isinstance(given, str) else bool(sources)
    if known:
        return "converted where an offset of the band is known"
    bare = [band for band in bare_bands(offsets) if band != ANY_BAND]
    if bare_bands(offsets):
        of = f" of {join(bare)}" if bare else ""
        return f"taken as they are, for it is not known from which system the offset{of} leads"
    return "taken as they are, for no offset is known"
