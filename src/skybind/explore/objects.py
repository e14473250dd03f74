"""One object as the page shows it: observations, catalogue row, classes, doubts."""

import base64
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from skybind.data.cone import known_positions
from skybind.data.redshifts import redshift_columns
from skybind.data.schema import DEC, RA
from skybind.discovery.table import SIGMAS
from skybind.drawing.bands import band_styles
from skybind.drawing.folding import fold
from skybind.drawing.from_dataset import columns_of
from skybind.drawing.objects import rest_lines
from skybind.drawing.observed import ExampleObject, LightCurve, Picture, Spectrum
from skybind.drawing.style import INK
from skybind.errors import DataError
from skybind.explore.columns import row_of
from skybind.explore.survey import Survey
from skybind.files import plain_json

#: Bins of a folded light curve and pixels of a spectrum in a small multiple.
SMALL = 160


def object_page(survey: Survey, object_id: str, of: str = "") -> dict[str, Any]:
    """Return everything that the page shows of an object, as JSON holds it.

    Parameters
    ----------
    survey : Survey
    object_id : str
    of : str
        Modality that is drawn where several are of one kind, if the object was observed in it; the
        run's first by default.

    Returns
    -------
    dict
        `object_id`, `row`, `split`, `position` (ra, dec [deg]), `class`, `modalities`, `curve`,
        `spectrum`, `image`, `others` (modalities that are drawn in place of one of these), `of`,
        `catalogue`, `classes`, `doubts`, `answered`, `judged`; null where there is none.

    Raises
    ------
    DataError
        If there is no such object.
    """
    row = survey.row(object_id)
    run = survey.run
    catalogue = row_of(survey, row)
    number = survey.stream.row(object_id)
    seen = [
        name for name in survey.stream.modalities if bool(survey.stream.present([name])[number])
    ]
    others = others_of(survey, seen)
    of = of if of in others else ""  # it may have been asked for of another object
    (example,) = survey.examples([row], [of])
    page: dict[str, Any] = plain_json(
        {
            "object_id": object_id,
            "row": row,
            "split": str(run.split.part[row]),
            "position": position_of(catalogue),
            "class": str(run.class_names[row]) or None,
            "modalities": seen,
            "curve": None if example.light_curve is None else curve_json(example.light_curve),
            "spectrum": None
            if example.spectrum is None
            else spectrum_json(example.spectrum, expected_redshift(survey, row)),
            "image": None if example.image is None else picture_json(example.image),
            "others": others,
            "of": of,
            "catalogue": catalogue,
            "classes": classes_of(survey, row),
            "doubts": doubts_of(survey, row),
            "answered": answered_of(survey, row),
            "judged": judged_of(survey, object_id),
        }
    )
    return page


def position_of(catalogue: Sequence[Mapping[str, Any]]) -> list[float | None]:
    """Return right ascension and declination [deg] of a catalogue row; None where it has none."""
    known = {entry["name"]: entry["value"] for entry in catalogue}
    ra, dec = known_positions(*(np.array(known.get(name), float) for name in (RA, DEC)))
    position: list[float | None] = plain_json([ra, dec])
    return position


def others_of(survey: Survey, names: Sequence[str]) -> list[str]:
    """Return those of some modalities that are not drawn, as another of their kind comes first."""
    usual = columns_of(survey.run)
    return [name for name in names if columns_of(survey.run, [name]) != usual]


def folded(example: ExampleObject, period: float) -> dict[str, Any]:
    """Return the phases of an object's light curve at a period.

    Returns
    -------
    dict
        `period` [d], and `phase` of each epoch in [0, 1), zero at minimum light.

    Raises
    ------
    DataError
        If it has no light curve, or the period is not positive.
    """
    if not (np.isfinite(period) and period > 0):
        raise DataError(f"The period {period:g} d cannot fold anything: give a positive one.")
    if example.light_curve is None:
        raise DataError(f"{example.object_id} has no light curve that could be folded.")
    phase = fold(replace(example.light_curve, period=period))
    return {"period": period, "phase": np.round(phase, 5).tolist()}


def thumbnails(
    survey: Survey, rows: Sequence[int], first: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Return small drawings of objects: folded curve, spectrum and picture, thinned out.

    Parameters
    ----------
    survey : Survey
    rows : sequence of int
    first : sequence of str
        Modalities that are drawn before others of their kind.
    """
    drawn: list[dict[str, Any]] = plain_json([_small(e) for e in survey.examples(rows, first)])
    return drawn


def _small(example: ExampleObject) -> dict[str, Any]:
    small: dict[str, Any] = {"curve": None, "spectrum": None, "image": None}
    curve, spectrum = example.light_curve, example.spectrum
    if curve is not None and len(curve.time):
        x = fold(curve) if curve.period else curve.time
        some = _thin(len(x))
        small["curve"] = {
            "x": x[some],
            "y": curve.value[some],
            "folded": bool(curve.period),
            "upside_down": curve.value_name == "Magnitude",
            **_bands(curve, some),
        }
    if spectrum is not None and len(spectrum.wavelength):
        x, y = _averaged(spectrum.wavelength, spectrum.flux)
        small["spectrum"] = {"x": x, "y": y}
    if example.image is not None:
        small["image"] = picture_json(example.image)
    return small


def curve_json(curve: LightCurve) -> dict[str, Any]:
    """Return a light curve with its units, and the colour of each band."""
    limits = curve.limits
    return {
        "time": curve.time,
        "value": curve.value,
        "error": curve.error,
        **_bands(curve),
        "limits": limits and {"time": limits.time, "value": limits.value, "band": limits.band},
        "period": curve.period,
        "searched": curve.searched,
        "value_name": curve.value_name,
        "value_unit": curve.value_unit,
        "time_unit": curve.time_unit,
        "column": curve.column,
    }


def _bands(curve: LightCurve, some: np.ndarray | slice = slice(None)) -> dict[str, Any]:
    """Band of some epochs, and colour and shape of each band that the whole light curve has.

    `ink` is that of the page, which is light where the page is dark.
    """
    known = band_styles(curve)
    return {
        "band": None if curve.band is None else curve.band[some],
        "bands": {band: "ink" if one.colour == INK else one.colour for band, one in known.items()},
        "shapes": {band: one.shape for band, one in known.items()},
    }


def expected_redshift(survey: Survey, row: int) -> tuple[float, bool] | None:
    """Return the redshift of the objects most alike, and whether they doubt the catalogue's.

    None where 'skybind discover' did not ask them, or they say nothing.
    """
    place = int(survey.suspect_rows[row])
    if survey.suspects is None or place < 0:
        return None
    told = survey.suspects.slice(place, 1).to_pylist()[0]
    for name in redshift_columns(survey.run.dataset):
        expected = told.get(f"{name}_expected")
        if expected is not None and np.isfinite(expected):
            return expected, (told[f"{name}_doubt"] or 0.0) > SIGMAS
    return None


def spectrum_json(spectrum: Spectrum, expected: tuple[float, bool] | None = None) -> dict[str, Any]:
    """Return a spectrum with its lines at rest, as the spectrum counts wavelengths.

    An `expected` redshift, and whether it doubts the spectrum's own, has lines beside these.
    """

    def lines(redshift: float) -> list[dict[str, Any]]:
        known = rest_lines(redshift, spectrum.vacuum)
        return [{"name": name, "wavelength": w} for name, rest in known.items() for w in rest]

    other = None
    if expected is not None:
        other = {"redshift": expected[0], "doubts": expected[1], "lines": lines(expected[0])}
    return {
        "wavelength": spectrum.wavelength,
        "flux": spectrum.flux,
        "flux_unit": spectrum.flux_unit,
        "redshift": spectrum.redshift,
        "redshift_of": spectrum.redshift_of,
        "vacuum": spectrum.vacuum,
        "column": spectrum.column,
        "lines": lines(spectrum.redshift),
        "expected": other,
    }


def picture_json(picture: Picture) -> dict[str, Any]:
    """Return a picture as PNG, north (the last row of pixels) up.

    `side` is that of the picture, `whole` that of the image whose middle it is; null of a whole
    image.
    """
    from PIL import Image

    pixels = np.clip(np.nan_to_num(picture.pixels) * 255, 0, 255).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(pixels[::-1])).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode()
    return {
        "png": f"data:image/png;base64,{data}",
        "side": pixels.shape[1],
        "whole": picture.side,
        "pixel_scale": picture.pixel_scale,
        "column": picture.column,
    }


def classes_of(survey: Survey, row: int) -> dict[str, Any] | None:
    """Return what the run's classifier says of an object; None where nothing is on disk."""
    if survey.classes is None:
        return None
    told = survey.classes.for_people.slice(row, 1).to_pylist()[0]
    return {
        "modalities": told["modalities"],
        "probabilities": {name: told[f"p_{name}"] for name in survey.classes.classes},
        "class": told["class"],
        "novelty": told.get("novelty"),
        "reason": told["reason"] or None,
    }


def answered_of(survey: Survey, row: int) -> dict[str, Any] | None:
    """Return what the classifier says that was trained with answers; None without one."""
    if survey.answered is None:
        return None
    told: dict[str, Any] = survey.answered.slice(row, 1).to_pylist()[0]
    return {"class": told["class"], "probability": told["probability"]}


def judged_of(survey: Survey, object_id: str) -> dict[str, Any] | None:
    """Return what a person said of an object last; None where nobody did."""
    found = survey.judgements.standing().get(object_id)
    return None if found is None else found.plain()


def doubts_of(survey: Survey, row: int) -> dict[str, Any] | None:
    """Return what makes an object suspect; None without discoveries."""
    place = int(survey.suspect_rows[row])
    if survey.suspects is None or place < 0:
        return None
    told = survey.suspects.slice(place, 1).to_pylist()[0]
    return {
        "rank": told["rank"],
        "of": len(survey.suspects),
        "suspicion": told["suspicion"],
        "reasons": told["reasons"],
        "suggested": told["suggested_label"] or None,
    }


def _thin(n: int) -> np.ndarray:
    """Places of at most `SMALL` epochs, evenly spread."""
    return np.unique(np.linspace(0, n - 1, min(n, SMALL)).astype(int))


def _averaged(x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means of neighbouring pixels, at most `SMALL` of them; NaN where all are masked."""
    each = -(-len(x) // SMALL)
    n = len(x) // each * each
    blocks = y[:n].reshape(-1, each)
    known = np.isfinite(blocks).sum(axis=1)
    total = np.where(np.isfinite(blocks), blocks, 0.0).sum(axis=1)
    mean = np.divide(total, known, out=np.full(len(known), np.nan), where=known > 0)
    return x[:n].reshape(-1, each).mean(axis=1), mean
