"""Images and spectra side by side: what was retrieved, and samples of clusters."""

from collections.abc import Sequence
from itertools import zip_longest
from typing import TYPE_CHECKING

import numpy as np

from skybind.drawing.observed import ExampleObject, Spectrum
from skybind.drawing.style import BLUE, GREEN, GREY, MUTED, WIDTH, group_colour, new_figure
from skybind.report.views import ClusterView, QueryView

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Pair = tuple[str, str]
IMAGES, SPECTRA = 3, 5  # retrieved of each (figures 6 and 7 of the June report)
SAMPLES, OVERLAID = 6, 4  # of a cluster
THUMBNAIL, PANELS = 0.75, 3  # largest size of an image [inch], spectra side by side
BINS = 300  # of a drawn spectrum


def retrieved_images(
    queries: Sequence[QueryView], pairs: Sequence[Pair], images: int = IMAGES
) -> "Figure":
    """Draw queries (rows) and the images most alike for some pairs of modalities (blocks)."""
    columns = 1 + images * len(pairs)
    across = columns + 0.35 * len(pairs)
    cell = min(WIDTH / across, THUMBNAIL)
    figure = new_figure(cell * len(queries) * 1.08 + 0.45, cell * across)
    ratios = [1, *[images + 0.2] * len(pairs)]
    blocks = figure.subfigures(1, 1 + len(pairs), width_ratios=ratios, squeeze=False)[0]
    of = next((q.example.image.column for q in queries if q.example.image is not None), "")
    blocks[0].suptitle(f"query\n{of}".strip(), fontsize=8.5, fontweight="bold")
    grid = blocks[0].subplots(len(queries), 1, squeeze=False)
    for axes, query in zip(grid[:, 0], queries, strict=True):
        _thumbnail(axes, query.example, BLUE)
    for block, pair in zip(blocks[1:], pairs, strict=True):
        block.suptitle(" → ".join(pair), fontsize=8.5, fontweight="bold")
        grid = block.subplots(len(queries), images, squeeze=False)
        for line, query in zip(grid, queries, strict=True):
            found = query.matches.get(pair, [])[:images]
            for axes, match in zip_longest(line, found):
                frame = GREEN if match is not None and match.same else None
                _thumbnail(axes, None if match is None else match.example, frame)
    return figure


def retrieved_spectra(queries: Sequence[QueryView], pairs: Sequence[Pair]) -> "Figure":
    """Draw queries' spectra in blue over the grey ones found, a panel a pair of modalities."""
    width = WIDTH * min(1.0, (len(pairs) + 0.2) / PANELS)
    figure = new_figure(1.75 * len(queries) + 0.3, width)
    grid = figure.subplots(len(queries), len(pairs), squeeze=False, sharex=True)
    for line, query in zip(grid, queries, strict=True):
        for axes, pair in zip(line, pairs, strict=True):
            own = query.searched.get(pair, query.example)
            for match in query.matches.get(pair, [])[:SPECTRA]:
                _curve(axes, match.example.spectrum, GREY, 0.6)
            _curve(axes, own.spectrum, BLUE, 0.8)
            axes.set_yticks([])
            if own.image is not None:
                low, high = axes.get_ylim()
                axes.set_ylim(low, high + 0.4 * (high - low))  # room for the image
                inset = axes.inset_axes((0.76, 0.62, 0.24, 0.38))
                _thumbnail(inset, own, None)
        line[0].set_ylabel("Flux\n(standardised)")
    for axes, (a, b) in zip(grid[0], pairs, strict=True):
        axes.set_title(f"{a} → {b}", fontsize=8.5)
    for axes in grid[-1]:
        axes.set_xlabel("Wavelength [Å]")
    return figure


def cluster_gallery(views: Sequence[ClusterView]) -> "Figure":
    """Draw samples of clusters: a row a cluster, images and, laid over each other, spectra."""
    images = any(e.image is not None for view in views for e in view.examples)
    spectra = any(e.spectrum is not None for view in views for e in view.examples)
    figure = new_figure(1.12 * len(views) + 0.45, WIDTH)
    ratios = [1.0] * SAMPLES * images + [3.6 if images else 8.0] * spectra
    grid = figure.subplots(len(views), len(ratios), squeeze=False, width_ratios=ratios)
    for line, view in zip(grid, views, strict=True):
        if images:
            shown = [e for e in view.examples if e.image is not None]
            for place in range(SAMPLES):
                _thumbnail(line[place], shown[place] if place < len(shown) else None, None)
        if spectra:
            drawn = [e for e in view.examples if e.spectrum is not None][:OVERLAID]
            for number, example in enumerate(drawn):
                _curve(line[-1], example.spectrum, group_colour(number), 0.6)
            line[-1].set_yticks([])
        name = f"cluster {view.cluster}\n{view.size:,} objects"
        line[0].set_ylabel(name, rotation=0, ha="right", va="center")
    if spectra:
        for axes in grid[:, -1]:
            axes.sharex(grid[-1, -1])
        for axes in grid[:-1, -1]:
            axes.tick_params(labelbottom=False)
        grid[-1, -1].set_xlabel("Wavelength [Å]")
        grid[0, -1].set_title("Flux (standardised)", fontweight="normal")
    return figure


def _thumbnail(axes: "Axes", example: ExampleObject | None, frame: str | None) -> None:
    """Draw an object's image without axes, in a coloured frame if asked."""
    axes.set_xticks([])
    axes.set_yticks([])
    axes.spines[:].set_visible(frame is not None)
    if frame is not None:
        axes.spines[:].set(color=frame, linewidth=2.2)
    if example is None:
        return
    if example.image is None:
        axes.text(0.5, 0.5, "no image", ha="center", va="center", color=MUTED, fontsize=7)
    else:
        axes.imshow(example.image.pixels, origin="lower", interpolation="nearest")


def _curve(axes: "Axes", spectrum: Spectrum | None, colour: str, width: float) -> None:
    """Draw a spectrum of mean 0 and variance 1, averaged in bins so that noise does not hide it."""
    if spectrum is None or len(spectrum.wavelength) < 2:
        return
    edges = np.linspace(0, len(spectrum.wavelength), min(BINS, len(spectrum.wavelength)) + 1)
    starts = edges[:-1].astype(int)
    known = np.isfinite(spectrum.flux)
    number = np.add.reduceat(known.astype(float), starts)
    total = np.add.reduceat(np.where(known, spectrum.flux, 0.0), starts)
    flux = np.divide(total, number, out=np.full(len(starts), np.nan), where=number > 0)
    wavelength = np.add.reduceat(spectrum.wavelength, starts) / np.diff([*starts, len(known)])
    if not np.isfinite(flux).any():
        return
    flux = (flux - np.nanmean(flux)) / (np.nanstd(flux) or 1.0)
    axes.plot(wavelength, flux, color=colour, linewidth=width)
