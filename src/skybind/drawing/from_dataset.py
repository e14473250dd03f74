"""Objects as people look at them: light curve, spectrum and picture, read from the dataset."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from skybind.data.dataset import Dataset
from skybind.data.redshifts import redshifts_of
from skybind.drawing.observed import ExampleObject, LightCurve, Limits, Picture, Spectrum
from skybind.drawing.pictures import picture_of
from skybind.evaluation.targets import Target
from skybind.modalities.cleaning import clean_image, clean_photometry, clean_spectrum, error_values
from skybind.modalities.computed import PERIOD, computed_name, is_standardised
from skybind.modalities.epochs import possible_magnitudes
from skybind.ragged import Ragged
from skybind.runs.run import Run


def load_examples(
    dataset: Dataset,
    rows: np.ndarray,
    targets: list[Target],
    class_names: np.ndarray,
    columns: Mapping[str, str] | None = None,
) -> dict[int, ExampleObject]:
    """Read some objects to draw, each observation column once.

    Parameters
    ----------
    dataset : Dataset
    rows : ndarray of int
        Which objects; repeated ones are read once.
    targets : list of Target
        Told in the captions.
    class_names : ndarray of str, shape (n,)
        Classes of all objects, "" for none.
    columns : mapping of str to str, optional
        Kind (photometry, spectrum, image) -> column to draw; by default the first of each.

    Returns
    -------
    dict of int to ExampleObject
        Keyed by row.
    """
    rows = np.unique(rows)
    columns = first_of_kinds(dataset) if columns is None else columns
    drawn: dict[str, list[Any]] = {
        what: maker(dataset, rows, columns[kind])
        if len(rows) and kind in columns
        else [None] * len(rows)
        for what, kind, maker in (
            ("light_curve", "photometry", _light_curves),
            ("spectrum", "spectrum", _spectra),
            ("image", "image", _pictures),
        )
    }
    redshifts = redshifts_of(dataset, rows) if "spectrum" in columns else None
    examples = {}
    for place, row in enumerate(rows.tolist()):
        spectrum = drawn["spectrum"][place]
        if spectrum is not None and redshifts is not None:
            spectrum.redshift = float(redshifts[0][place])
            spectrum.redshift_of = str(redshifts[1][place])
        examples[row] = ExampleObject(
            object_id=str(dataset.object_ids[row]),
            split="test",
            true_class=str(class_names[row]) or None,
            light_curve=drawn["light_curve"][place],
            spectrum=spectrum,
            image=drawn["image"][place],
            properties={
                target.name: f"{target.values[row]:.4g}"
                + (f" {target.unit}" if target.unit else "")
                for target in targets
                if np.isfinite(target.values[row])
            },
        )
    return examples


def told_column(dataset: Dataset, name: str) -> str:
    """Return the name of a column for figures: empty where it is the only one of its kind."""
    kinds = dataset.schema.kinds
    return name if list(kinds.values()).count(kinds[name]) > 1 else ""


def _light_curves(dataset: Dataset, rows: np.ndarray, name: str) -> list[LightCurve | None]:
    """Read light curves; one of upper limits alone has no epochs, and nothing to fold."""
    cleaned = clean_photometry(dataset.ragged(name, rows)).ragged
    value = "flux" if "flux" in cleaned.fields else "magnitude"
    units = dataset.schema.columns[name].fields
    periods, searched = _periods(dataset, name, rows)
    bands = dataset.band_names(name)
    limits = _limits(dataset, name, rows)
    told = told_column(dataset, name)
    curves: list[LightCurve | None] = []
    for place, period in enumerate(periods.tolist()):
        curve = cleaned.take(np.array([place]))
        if not curve.present[0] and limits[place] is None:
            curves.append(None)
            continue
        curves.append(
            LightCurve(
                time=curve.fields["time"],
                value=curve.fields[value],
                error=error_values(curve),
                period=period if period > 0 and curve.present[0] else None,
                searched=bool(searched[place]),
                value_name=value.capitalize(),
                value_unit=units.get(value) or "",
                time_unit=units.get("time") or "d",
                band=bands_of(curve),
                bands=bands,
                limits=limits[place],
                column=told,
            )
        )
    return curves


def _limits(dataset: Dataset, name: str, rows: np.ndarray) -> list[Limits | None]:
    """Upper limits that the dataset keeps beside a column of light curves."""
    columns = dataset.schema.columns
    beside = [n for n, c in columns.items() if c.role == "limits" and c.modality == name]
    if not beside:
        return [None] * len(rows)
    every = dataset.ragged(beside[0], rows)
    value = "flux" if "flux" in every.fields else "magnitude"
    return [known_limits(every.take(np.array([place])), value) for place in range(len(rows))]


def known_limits(one: Ragged, value: str) -> Limits | None:
    """Return the upper limits of one object whose time and brightness are known."""
    known = np.isfinite(one.fields["time"]) & np.isfinite(one.fields[value])
    if value == "magnitude":
        known &= possible_magnitudes(one.fields[value])
    if not (one.present[0] and known.any()):
        return None
    band = bands_of(one)
    return Limits(
        one.fields["time"][known],
        one.fields[value][known],
        None if band is None else band[known],
    )


def _periods(dataset: Dataset, name: str, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Periods, NaN where not known, and whether each was found in the light curve.

    The catalogue's where it has one, else what was computed.
    """
    period = np.full(len(rows), np.nan)
    schema = dataset.schema
    if PERIOD in schema.columns and not is_standardised(schema.attributes(PERIOD)):
        period = schema.factor(PERIOD, "d") * dataset.column(PERIOD, rows).astype(float)
    searched = ~(period > 0)
    column = computed_name(name, PERIOD)
    if column in schema.columns:
        period = np.where(searched, dataset.column(column, rows).astype(float), period)
    return period, searched


def bands_of(curve: Ragged) -> np.ndarray | None:
    """Return the band of each epoch as text, "" where it is not known; None without bands."""
    if "band" not in curve.fields:
        return None
    return np.asarray([str(b) if b is not None else "" for b in curve.fields["band"].tolist()], str)


def _spectra(dataset: Dataset, rows: np.ndarray, name: str) -> list[Spectrum | None]:
    cleaned = clean_spectrum(dataset.ragged(name, rows)).ragged
    column, told = dataset.schema.columns[name], told_column(dataset, name)
    spectra: list[Spectrum | None] = []
    for place in range(len(rows)):
        one = cleaned.take(np.array([place]))
        if not one.present[0]:
            spectra.append(None)
            continue
        spectra.append(
            Spectrum(
                wavelength=one.fields["wavelength"],
                flux=np.where(one.fields["mask"], np.nan, one.fields["flux"].astype(float)),
                flux_unit=column.fields.get("flux") or "arbitrary units",
                vacuum=re.search(r"\bair\b", column.description.lower()) is None,
                column=told,
            )
        )
    return spectra


def _pictures(dataset: Dataset, rows: np.ndarray, name: str) -> list[Picture | None]:
    cleaned = clean_image(dataset.ragged(name, rows)).ragged
    attributes = dataset.schema.columns[name].attributes
    ones = (cleaned.take(np.array([place])) for place in range(len(rows)))
    told = told_column(dataset, name)
    return [
        replace(picture_of(one, attributes), column=told) if one.present[0] else None
        for one in ones
    ]


def first_of_kinds(dataset: Dataset) -> dict[str, str]:
    """Names of the first observation columns of each kind."""
    return {kind: name for name, kind in reversed(dataset.schema.kinds.items())}


def columns_of(run: Run, first: Sequence[str] = ()) -> dict[str, str]:
    """Return the column of each kind to draw of a run's objects, as of `columns_read`."""
    read = {name: entry.column_of(name) for name, entry in run.config.modalities.items()}
    return columns_read(run.dataset, read, first)


def columns_read(
    dataset: Dataset, read: Mapping[str, str], first: Sequence[str] = ()
) -> dict[str, str]:
    """Return the column of each kind to draw: what a model reads, else the dataset's first.

    Parameters
    ----------
    dataset : Dataset
    read : mapping of str to str
        Modality -> its column.
    first : sequence of str
        Modalities whose columns come before those of others of their kind, the first before all.
    """
    kinds = dataset.schema.kinds
    named = [read[name] for name in [*first, *read] if read.get(name) in kinds]
    return {**first_of_kinds(dataset), **{kinds[column]: column for column in reversed(named)}}


def load_as_read(
    run: Run, wanted: Sequence[tuple[Sequence[str], np.ndarray]], targets: list[Target]
) -> list[dict[int, ExampleObject]]:
    """Read objects of a run to draw, some as other modalities read them than others.

    Parameters
    ----------
    run : Run
    wanted : sequence of (sequence of str, ndarray of int)
        Modalities that come first (see `columns_of`), and rows.
    targets : list of Target
        Told in the captions.

    Returns
    -------
    list of dict of int to ExampleObject
        For each of `wanted`, keyed by row.
    """
    keys = [tuple(columns_of(run, first).items()) for first, _ in wanted]
    read = {}
    for key in dict.fromkeys(keys):
        rows = [own for other, (_, own) in zip(keys, wanted, strict=True) if other == key]
        read[key] = load_examples(
            run.dataset, np.concatenate(rows), targets, run.class_names, dict(key)
        )
    return [read[key] for key in keys]


def observed_spectra(
    dataset: Dataset, name: str, rows: np.ndarray, redshifts: np.ndarray | None = None
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Read the spectra of those of some objects that have a usable one.

    Parameters
    ----------
    dataset : Dataset
    name : str
        Column of the spectra.
    rows : ndarray of int
    redshifts : ndarray, optional
        Of these objects: wavelengths are given at rest.

    Returns
    -------
    list of (wavelength, flux)
        [Angstrom], increasing, and the dataset's unit; NaN where masked.
    """
    cleaned = clean_spectrum(dataset.ragged(name, rows)).ragged
    flux = np.where(cleaned.fields["mask"], np.nan, cleaned.fields["flux"].astype(float))
    stretch = np.ones(len(rows)) if redshifts is None else 1 + redshifts
    there = np.flatnonzero(cleaned.present)
    cuts = [slice(*cleaned.offsets[i : i + 2]) for i in there]
    wavelength = cleaned.fields["wavelength"]
    return [(wavelength[cut] / stretch[i], flux[cut]) for i, cut in zip(there, cuts, strict=True)]
