"""Example objects: light curve in time and phase, and spectrum."""

import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from skybind.drawing.bands import BandStyle, band_styles
from skybind.drawing.folding import fold
from skybind.drawing.observed import ExampleObject, LightCurve, Picture, Spectrum
from skybind.drawing.style import BAND_MARKERS, BLUE, INK, MUTED, WIDTH, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure, SubFigure


# Vacuum wavelengths [Angstrom]; the more telling come first, as they win where labels collide.
LINES: dict[str, tuple[float, ...]] = {
    "Hα": (6564.61,),
    "Hβ": (4862.69,),
    "Ca II K, H": (3934.78, 3969.59),
    "Na D": (5891.58, 5897.56),
    "Mg b": (5168.76, 5174.13, 5185.05),
    "Ca II": (8500.35, 8544.44, 8664.52),
    "Hγ": (4341.69,),
    "Hδ": (4102.90,),
    "TiO": (7056.0,),
}


#: Of galaxies, vacuum wavelengths [Angstrom].
GALAXY_LINES: dict[str, tuple[float, ...]] = {
    "Hα": (6564.61,),
    "[O III]": (4960.30, 5008.24),
    "[O II]": (3727.09, 3729.88),
    "Ca II K, H": (3934.78, 3969.59),
    "Hβ": (4862.69,),
    "Na D": (5891.58, 5897.56),
    "Mg b": (5168.76, 5174.13, 5185.05),
    "[S II]": (6718.29, 6732.67),
    "Hγ": (4341.69,),
    "G band": (4305.6,),
}


BEYOND_STARS = 0.003  # redshift


ERROR_COLOUR = "#c4c4c8"


#: Letters of a label that fit beside the axis of an object among others.
LABEL_LETTERS = 22


#: Height of an object among others [inch].
ROW = 1.9


#: Size of the marks of epochs [point]: of circles, and of other shapes.
SIZES = 2.2, 3.6


#: Matplotlib's marker of a triangle below a point.
BELOW = 11


LABEL_SPACE = 0.035  # least distance of two labels, as a fraction of the axis


def object_figure(example: ExampleObject) -> "Figure":
    """Draw what was observed of one object, side by side."""
    panels = object_panels(example)
    ratios = [ratio for *_, ratio in panels]
    width = WIDTH * min(1.0, sum(ratios) / 3.35) if sum(ratios) > 1.4 else WIDTH * 0.45
    figure = new_figure(2.25, width)
    grid = figure.subplots(1, len(panels), squeeze=False, width_ratios=ratios)[0]
    for axes, (draw, what, _) in zip(grid, panels, strict=True):
        draw(axes, what)
    return figure


def object_rows(rows: Sequence[tuple[str, ExampleObject]], chosen: int = -1) -> "Figure":
    """Draw some objects, a row each under its title; the chosen one's title stands out."""
    figure = new_figure(ROW * len(rows) + 0.2)
    parts = figure.subfigures(len(rows), 1, squeeze=False)[:, 0]
    for number, (part, (title, example)) in enumerate(zip(parts, rows, strict=True)):
        draw_row(part, title, example, number == chosen)
    return figure


def draw_row(part: "SubFigure", title: str, example: ExampleObject, chosen: bool = False) -> None:
    """Draw what was observed of one object, side by side, under a title."""
    weight, colour = ("bold", BLUE) if chosen else ("normal", INK)
    part.suptitle(title, x=0.01, ha="left", fontsize=9, fontweight=weight, color=colour)
    panels = object_panels(example)
    if not panels:
        part.text(0.05, 0.4, "No observation that can be drawn.", color=MUTED)
        return
    ratios = [ratio for *_, ratio in panels]
    grid = part.subplots(1, len(panels), squeeze=False, width_ratios=ratios)[0]
    for axes, (draw, what, _) in zip(grid, panels, strict=True):
        draw(axes, what)


def object_panels(example: ExampleObject) -> list[tuple[Any, Any, float]]:
    """Give what was observed of one object: how it is drawn, what, and its relative width."""
    curve, spectrum = example.light_curve, example.spectrum
    panels: list[tuple[Any, Any, float]] = []
    if example.image is not None:
        panels.append((draw_picture, example.image, 0.8))
    if curve is not None and len(curve.seen):
        panels.append((_draw_time, curve, 1.0))
        panels += _folds(curve)
    if spectrum is not None and len(spectrum.wavelength):
        panels.append((_draw_spectrum, spectrum, 1.35))
    return panels


#: A period that was found in the light curve is tried with these: its name, and times itself.
TRIALS = {"P": 1.0, "P/2": 0.5, "2P": 2.0}


def _folds(curve: LightCurve) -> list[tuple[Any, Any, float]]:
    """Panels of the light curve folded at its period and, if that was searched, at half and twice.

    A catalogue's period is taken as it is.
    """
    if not curve.period or not len(curve.time):
        return []
    trials = TRIALS if curve.searched else {"P": 1.0}
    return [
        (
            partial(draw_phase, name=name),
            replace(curve, period=curve.period * factor),
            0.7 if curve.searched else 1.0,
        )
        for name, factor in trials.items()
    ]


def draw_picture(axes: "Axes", picture: Picture) -> None:
    """Draw an image with a bar of 5 arcsec, if the size of its pixels is known."""
    side = picture.pixels.shape[1]
    axes.imshow(picture.pixels, origin="lower", interpolation="nearest")
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(False)
    shown = f"middle {side} of {picture.side} pixels" if picture.side else ""
    axes.set_xlabel("\n".join(filter(None, (shown, picture.column))))
    if picture.pixel_scale:
        length = 5.0 / picture.pixel_scale
        axes.plot([0.06 * side, 0.06 * side + length], [0.07 * side] * 2, color="white")
        axes.text(0.06 * side, 0.1 * side, "5″", color="white", fontsize=7)


def air_wavelength(vacuum: float) -> float:
    """Turn a vacuum wavelength [Angstrom] into that in air (Morton 1991)."""
    return vacuum / (1.0 + 2.735182e-4 + 131.4182 / vacuum**2 + 2.76249e8 / vacuum**4)


def rest_lines(redshift: float, vacuum: bool) -> dict[str, list[float]]:
    """Return the lines that a spectrum may have: their wavelengths at rest [Angstrom].

    Parameters
    ----------
    redshift : float
        Beyond that of any star, lines of galaxies are returned; NaN (not known): none.
    vacuum : bool
        Whether wavelengths are in vacuum, else in air.
    """
    if not np.isfinite(redshift):
        return {}
    table = GALAXY_LINES if redshift > BEYOND_STARS else LINES
    return {
        name: [w if vacuum else air_wavelength(w) for w in rest] for name, rest in table.items()
    }


def _draw_time(axes: "Axes", curve: LightCurve) -> None:
    start = float(np.min(curve.seen))
    offset = np.floor(start / 1000) * 1000 if start > 10_000 else 0.0
    shifted = None if curve.limits is None else curve.limits.time - offset
    _epochs(axes, _at(curve, curve.time - offset, shifted))
    name = f"Time − {offset:.0f}" if offset else "Time"
    axes.set_xlabel(_of(_with_unit(name, curve.time_unit), curve.column))
    _brightness_axis(axes, curve)
    if curve.limits is not None or (curve.band is not None and any(curve.band)):
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1), ncols=4, handletextpad=0.1)


def draw_phase(axes: "Axes", curve: LightCurve, name: str = "P") -> None:
    """Draw two cycles of a light curve folded at its period, which has a name."""
    phase = fold(curve)
    limits = None if curve.limits is None else limit_phases(curve, phase)
    for cycle in range(2):
        _epochs(axes, _at(curve, phase + cycle, None if limits is None else limits + cycle))
    axes.axvline(1, color=MUTED, linewidth=0.6, linestyle=":")
    axes.set_xlim(0, 2)
    axes.set_title(f"{name} = {curve.period:.5g} d", fontweight="normal")
    axes.set_xlabel(_of("Phase (two cycles)", curve.column))
    _brightness_axis(axes, curve)


def limit_phases(curve: LightCurve, phase: np.ndarray) -> np.ndarray:
    """Return the phases of the upper limits of a light curve, by those of its epochs."""
    if curve.limits is None or not curve.period or not len(phase):
        return np.zeros(0)
    turns = (curve.limits.time - curve.time[0]) / curve.period + phase[0]
    return np.mod(turns, 1.0)


def _at(curve: LightCurve, x: np.ndarray, limits: np.ndarray | None) -> LightCurve:
    """A light curve whose epochs and upper limits stand at other places."""
    if curve.limits is None or limits is None:
        return replace(curve, time=x)
    return replace(curve, time=x, limits=replace(curve.limits, time=limits))


def _epochs(axes: "Axes", curve: LightCurve) -> None:
    """Draw epochs with their errors, a colour (and shape) a band, and upper limits."""
    x = curve.time
    bands = np.full(len(x), "") if curve.band is None else curve.band
    styles = band_styles(replace(curve, band=bands))
    for band, (colour, shape) in styles.items():
        rows = bands == band
        if curve.error is not None:
            # One broken line for all errors: a tenth of the bytes of as many separate ones.
            low, high = curve.value[rows] - curve.error[rows], curve.value[rows] + curve.error[rows]
            gap = np.full(rows.sum(), np.nan)
            axes.plot(
                np.repeat(x[rows], 3),
                np.stack([low, high, gap], axis=1).ravel(),
                color=ERROR_COLOUR,
                linewidth=0.7,
                zorder=1,
            )
        axes.plot(
            x[rows],
            curve.value[rows],
            linestyle="",
            marker=BAND_MARKERS[shape],
            markersize=SIZES[shape > 0],
            markeredgewidth=0,
            color=colour,
            label=band or "no band",
        )
    _draw_limits(axes, curve, styles)


def _draw_limits(axes: "Axes", curve: LightCurve, styles: Mapping[str, BandStyle]) -> None:
    """Draw upper limits as open triangles that point down; the legend names them once.

    A band with a shape of its own has that shape open, over a small triangle.
    """
    if curve.limits is None:
        return
    time, value = curve.limits.time, curve.limits.value
    bands = np.full(len(time), "") if curve.limits.band is None else curve.limits.band
    for number, band in enumerate(np.unique(bands).tolist()):
        own = bands == band
        colour, shape = styles.get(band, BandStyle(INK, 0))
        marks = [("v", "none")] if not shape else [(BAND_MARKERS[shape], "none"), (BELOW, colour)]
        for marker, face in marks:
            axes.plot(
                time[own],
                value[own],
                linestyle="",
                marker=marker,
                markersize=3.5,
                markeredgewidth=0.7 if face == "none" else 0,
                markerfacecolor=face,
                color=colour,
                label="" if number or face != "none" else "upper limit",
            )


def _brightness_axis(axes: "Axes", curve: LightCurve) -> None:
    more = () if curve.limits is None else (curve.limits.value,)
    axes.set_ylim(*_limits(np.concatenate([curve.value, *more])))
    if curve.value_name == "Magnitude":
        axes.invert_yaxis()
    _value_label(axes, curve.value_name, curve.value_unit)


def _draw_spectrum(axes: "Axes", spectrum: Spectrum) -> None:
    axes.plot(spectrum.wavelength, spectrum.flux, color=BLUE, linewidth=0.7)
    first, last = float(np.min(spectrum.wavelength)), float(np.max(spectrum.wavelength))
    axes.set_xlim(first, last)
    axes.set_ylim(*_limits(spectrum.flux, cut=0.2))
    labelled: list[float] = []
    for name, rest in rest_lines(spectrum.redshift, spectrum.vacuum).items():
        at = [w * (1 + spectrum.redshift) for w in rest]
        inside = [w for w in at if first < w < last]
        for wavelength in inside:
            axes.axvline(wavelength, color=MUTED, linewidth=0.6, linestyle=":", zorder=0)
        centre = float(np.mean(inside)) if inside else np.nan
        space = LABEL_SPACE * (last - first)
        if inside and all(abs(centre - other) > space for other in labelled):
            labelled.append(centre)
            axes.text(
                centre,
                1.02,
                name,
                transform=axes.get_xaxis_transform(),
                rotation=90,
                ha="center",
                va="bottom",
                fontsize=6.5,
                color=MUTED,
            )
    axes.set_xlabel(_of("Wavelength [Å]", spectrum.column))
    _value_label(axes, "Flux", spectrum.flux_unit)


def _limits(values: np.ndarray, cut: float = 0.0) -> tuple[float, float]:
    """Give axis limits with a margin, leaving out `cut` percent of the values at each end."""
    finite = values[np.isfinite(values)]
    if not len(finite):
        return 0.0, 1.0
    low, high = np.percentile(finite, [cut, 100 - cut])
    margin = 0.08 * (high - low) or 0.05 * abs(high) or 1.0
    return float(low - margin), float(high + margin)


def _value_label(axes: "Axes", name: str, unit: str) -> None:
    """Label the axis of values; a long unit gets lines of its own, so that rows keep apart."""
    text = _with_unit(name, unit)
    if len(text) > LABEL_LETTERS:
        lines = textwrap.wrap(f"[{unit}]", LABEL_LETTERS, break_long_words=False)
        axes.set_ylabel("\n".join([name, *lines]), fontsize=7)
    else:
        axes.set_ylabel(text)


def _of(label: str, column: str) -> str:
    """Name the column too, where the survey has several of its kind."""
    if not column:
        return label
    gap = ", " if len(label + column) <= LABEL_LETTERS else "\n"
    return f"{label}{gap}{column}"


def _with_unit(name: str, unit: str) -> str:
    return f"{name} [{unit}]" if unit else name
