"""Colours, type and file formats shared by all figures of the report."""

import base64
import io
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from skybind.printable import printable

if TYPE_CHECKING:
    from matplotlib.figure import Figure


# Ten colours told apart under all common colour deficiencies (Petroff 2021, arXiv:2107.02270),
# the two greys late, so that few classes do without them.
CLASS_COLOURS = (
    "#3f90da", "#ffa90e", "#bd1f01", "#832db6", "#717581",
    "#94a4a2", "#a96b59", "#e76300", "#b9ac70", "#92dadd",
)  # fmt: skip


# Seven shapes and ten colours: 70 classes before a pair comes again.
CLASS_MARKERS = ("o", "s", "^", "D", "v", "P", "X")


# Seven of Tol's muted scheme (2021, SRON/EPS/TN/09-002), for clusters and parts: none is near a
# colour of a class, so that nobody takes a cluster for the class of its number.
GROUP_COLOURS = (
    "#117733", "#aa4499", "#332288", "#999933", "#44aa99", "#cc6677", "#882255",
)  # fmt: skip


GROUP_MARKERS = ("<", ">", "d", "p", "h", "*")


NO_CLASS = "#cfcfcf"


INK, MUTED, GRID = "#1d1d1f", "#6b6b70", "#e4e4e7"


# Okabe and Ito (2008): for everything that is not a class.
BLUE, ORANGE, GREEN, SKY, GREY = "#0072b2", "#d55e00", "#009e73", "#56b4e9", "#a3a3a8"


BAND_COLOURS = (INK, BLUE, ORANGE, GREEN, "#cc79a7", SKY)


# Shapes of the seventh band on, in the order of SHAPES in explore-page/src/shapes.ts.
BAND_MARKERS = ("o", "s", "^", "D", "P", "X", "<", ">")


WIDTH = 9.6  # inches: the width of the page's column


RC: Any = {
    "font.family": "DejaVu Sans",
    "font.size": 8.5,
    "axes.titlesize": 9,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "axes.labelcolor": INK,
    "axes.edgecolor": "#8e8e93",
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.grid": False,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "lines.linewidth": 1.6,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    # Names of classes and bands are drawn as they are, dollar signs included.
    "text.parse_math": False,
    "svg.fonttype": "path",
    "svg.hashsalt": "skybind",
    "path.simplify": True,
}


@contextmanager
def report_style() -> Iterator[None]:
    """Apply the report's look to figures made and saved inside the block."""
    import matplotlib

    with matplotlib.rc_context(RC):
        yield


def new_figure(height: float, width: float = WIDTH) -> "Figure":
    """Give an empty figure of a size in inches that lays itself out without overlaps."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def class_colour(code: int) -> str:
    """Give the colour of a class code; grey for -1 (no class)."""
    return NO_CLASS if code < 0 else CLASS_COLOURS[code % len(CLASS_COLOURS)]


def class_marker(code: int) -> str:
    """Give the marker of a class code."""
    return CLASS_MARKERS[code % len(CLASS_MARKERS)] if code >= 0 else "."


def group_colour(number: int) -> str:
    """Give the colour of a cluster or a part; grey for -1 (none)."""
    return NO_CLASS if number < 0 else GROUP_COLOURS[number % len(GROUP_COLOURS)]


def group_marker(number: int) -> str:
    """Give the marker of a cluster or a part."""
    return GROUP_MARKERS[number % len(GROUP_MARKERS)]


def combination_name(modalities: Sequence[str]) -> str:
    """Give the words for a combination of modalities: `Photometry + spectrum`."""
    text = " + ".join(modalities)
    return text[:1].upper() + text[1:]


def save_figure(figure: "Figure", target: Path | IO[bytes], kind: str, **options: Any) -> None:
    """Write a figure; texts of data in an SVG are as they may be shown (`printable`).

    Parameters
    ----------
    figure : Figure
    target : Path or binary file
    kind : str
        `svg`, `png`, `pdf` or `jpeg`.
    **options
        Of `Figure.savefig`.
    """
    drawn = io.BytesIO()
    figure.savefig(drawn, format=kind, **options)
    content = drawn.getvalue()
    if kind == "svg":  # matplotlib repeats each text in a comment
        content = printable(content.decode(), keep="\n\t").encode()
    if isinstance(target, Path):
        target.write_bytes(content)
    else:
        target.write(content)


def inline(figure: "Figure", kind: str = "svg") -> str:
    """Draw a figure into a data URI.

    Parameters
    ----------
    figure : Figure
        What to draw.
    kind : {"svg", "png", "jpeg"}
        SVG for lines, PNG (twice the screen's resolution) for thousands of points, JPEG for
        photographs.
    """
    buffer = io.BytesIO()
    # Ticks are chosen in the first layout, and may be wider than those that it left room for.
    figure.draw_without_rendering()
    # No date: the same run gives the same bytes.
    options: dict[str, dict[str, Any]] = {
        "svg": {"metadata": {"Date": None}},
        "png": {"metadata": {"Software": None}, "dpi": 192},
        "jpeg": {"pil_kwargs": {"quality": 85}, "dpi": 150},
    }
    save_figure(figure, buffer, kind, **options[kind])
    media = "image/svg+xml" if kind == "svg" else f"image/{kind}"
    return f"data:{media};base64,{base64.b64encode(buffer.getvalue()).decode()}"
