"""Objects as people look at them: light curve, spectrum and picture, read from the dataset."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from skybind.data.dataset import Dataset
from skybind.data.redshifts import redshifts_of
from skybind.drawing.observed import ExampleObject, LightCurve, Picture, Spectrum
from skybind.evaluation.targets import Target
from skybind.modalities.cleaning import clean_image, clean_photometry, clean_spectrum, error_values
from skybind.modalities.computed import PERIOD, computed_name, is_standardised
from skybind.modalities.rgb import LEGACY_SCALES, legacy_rgb
from skybind.ragged import Ragged
from skybind.runs.run import Run

PICTURE_SIDE = 96  # pixels of a picture at most: its middle


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


def _light_curves(dataset: Dataset, rows: np.ndarray, name: str) -> list[LightCurve | None]:
    cleaned = clean_photometry(dataset.ragged(name, rows)).ragged
    value = "flux" if "flux" in cleaned.fields else "magnitude"
    units = dataset.schema.columns[name].fields
    periods, searched = _periods(dataset, name, rows)
    bands = dataset.band_names(name)
    curves: list[LightCurve | None] = []
    for place, period in enumerate(periods.tolist()):
        curve = cleaned.take(np.array([place]))
        if not curve.present[0]:
            curves.append(None)
            continue
        curves.append(
            LightCurve(
                time=curve.fields["time"],
                value=curve.fields[value],
                error=error_values(curve),
                period=period if period > 0 else None,
                searched=bool(searched[place]),
                value_name=value.capitalize(),
                value_unit=units.get(value) or "",
                time_unit=units.get("time") or "d",
                band=bands_of(curve),
                bands=bands,
            )
        )
    return curves


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
    return np.asarray([str(b) if b is not None else "" for b in curve.fields["band"].tolist()])


def _spectra(dataset: Dataset, rows: np.ndarray, name: str) -> list[Spectrum | None]:
    cleaned = clean_spectrum(dataset.ragged(name, rows)).ragged
    column = dataset.schema.columns[name]
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
            )
        )
    return spectra


def _pictures(dataset: Dataset, rows: np.ndarray, name: str) -> list[Picture | None]:
    """The middle of every image; bands that the colour stretch does not know are drawn grey."""
    cleaned = clean_image(dataset.ragged(name, rows)).ragged
    attributes = dataset.schema.columns[name].attributes
    bands = list(cleaned.fields)
    pictures: list[Picture | None] = []
    for place in range(len(rows)):
        one = cleaned.take(np.array([place]))
        if not one.present[0]:
            pictures.append(None)
            continue
        side = round(len(one.fields[bands[0]]) ** 0.5)
        edge = max(0, (side - PICTURE_SIDE) // 2)
        middle = slice(edge, side - edge)
        pixels = np.stack([one.fields[band].reshape(side, side) for band in bands])
        pixels = pixels[:, middle, middle].astype(np.float32)
        if attributes.get("stretch") == "display":
            drawn = _display(pixels)
        elif any(band in LEGACY_SCALES for band in bands):
            drawn = legacy_rgb(pixels, bands)
        else:
            drawn = _grey(pixels)
        scale = attributes.get("pixel_scale")
        pictures.append(Picture(drawn, float(scale) if scale else None))
    return pictures


def _display(pixels: np.ndarray) -> np.ndarray:
    """Three planes that were stretched for display already, the bluest band first."""
    high = float(np.nanmax(pixels, initial=0.0)) or 1.0
    planes = np.nan_to_num(pixels[::-1] / max(high, 1.0) if high > 1.0 else pixels[::-1])
    if len(planes) != 3:
        return _grey(pixels)
    return np.clip(np.moveaxis(planes, 0, -1), 0, 1)


def _grey(pixels: np.ndarray) -> np.ndarray:
    """The mean of the bands in grey, arcsinh-stretched from its sky to its brightest pixels."""
    mean = np.nanmean(np.where(np.isfinite(pixels), pixels, 0.0), axis=0)
    low, high = np.percentile(mean, [20, 99.7])
    scaled = np.arcsinh(10 * np.clip((mean - low) / ((high - low) or 1.0), 0, 1)) / np.arcsinh(10)
    return np.repeat(scaled[..., None], 3, axis=-1)


def first_of_kinds(dataset: Dataset) -> dict[str, str]:
    """Names of the first observation columns of each kind."""
    return {kind: name for name, kind in reversed(dataset.schema.kinds.items())}


def columns_of(run: Run) -> dict[str, str]:
    """Return the column of each kind to draw: what the run embeds, else the dataset's first."""
    taken = {
        entry.kind or name: entry.column or entry.kind or name
        for name, entry in reversed(run.config.modalities.items())
    }
    kinds = run.dataset.schema.kinds
    own = {kind: column for kind, column in taken.items() if kinds.get(column) == kind}
    return {**first_of_kinds(run.dataset), **own}


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
