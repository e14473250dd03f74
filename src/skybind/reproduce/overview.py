"""What is bound and how, as one figure: modalities, encoders, and the matrices of similarity."""

from typing import TYPE_CHECKING, Any

import numpy as np

from skybind.drawing.style import BLUE, GRID, INK, MUTED, WIDTH, new_figure
from skybind.embeddings.store import Embeddings
from skybind.modalities.shape import InputShape
from skybind.models.model import Model
from skybind.runs.run import Run
from skybind.study.exhibits import Exhibit

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

#: Kind of a modality whose shape is that of one side.
IMAGE = "image"
#: Test objects of the matrices.
OBJECTS = 24
#: Edges of the boxes, from left to right.
_MODALITY, _ENCODER, _EMBEDDING = (0.0, 0.27), (0.35, 0.66), (0.74, 1.0)


def overview(run: Run) -> Exhibit:
    """Figure 1: the model of a run, and the cosines of some test objects, a matrix a pair."""
    return Exhibit(
        "figure-1-overview",
        "Figure 1",
        "What is bound, and how",
        "Each modality has an encoder and a projection into the shared embedding. Below: cosines "
        f"of the embeddings of {OBJECTS} test objects, a matrix a pair of modalities. The "
        "diagonals are the objects' own pairs, which the symmetric cross-entropy of rows and "
        "columns makes largest.",
        figure=_draw(run),
        kind="png",
        alt="Encoders of the modalities and matrices of similarity",
    )


def _draw(run: Run) -> "Figure":
    model, pairs = Model.open(run.paths.model), run.config.pairs
    embeddings = Embeddings.read(run.paths.embeddings)
    names = list(run.config.modalities)
    width = max(len(names), len(pairs))
    figure = new_figure(0.75 * len(names) + 2.6, min(WIDTH, 3.2 * width))
    ratios = [0.75 * len(names) + 0.3, 2.3]
    above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=ratios)[:, 0]
    _draw_encoders(above.subplots(), model, run)
    grid = below.subplots(1, len(pairs), squeeze=False)[0]
    rows = _observed_in_all(embeddings, names, run.rows("test"))
    for axes, pair in zip(grid, pairs, strict=True):
        a, b = (embeddings.vectors[name][rows] for name in pair)
        drawn = axes.imshow(a @ b.T, cmap="Blues", vmin=-1, vmax=1)
        axes.set_xticks([])
        axes.set_yticks([])
        axes.set_ylabel(pair[0].capitalize())
        axes.set_xlabel(pair[1].capitalize())
    bar = below.colorbar(drawn, ax=list(grid), shrink=0.8, aspect=20)
    bar.outline.set_visible(False)
    bar.set_label("Cosine")
    return figure


def _observed_in_all(embeddings: Embeddings, names: list[str], rows: np.ndarray) -> np.ndarray:
    seen = np.logical_and.reduce([embeddings.present[name][rows] for name in names])
    return rows[seen][:OBJECTS]


def _draw_encoders(axes: "Axes", model: Model, run: Run) -> None:
    """Draw a line of boxes a modality: what goes in, the encoder, the shared embedding."""
    axes.set_axis_off()
    names = list(run.config.modalities)
    axes.set_xlim(-0.01, 1.01)
    axes.set_ylim(-0.6, len(names) - 0.4)
    axes.invert_yaxis()
    for line, name in enumerate(names):
        encoder, entry = model.binder.encoders[name], run.config.modalities[name]
        shape = run.shapes[name]
        size = size_of(shape, entry.kind or name)
        weights = sum(p.numel() for p in encoder.parameters())
        trained = sum(p.numel() for p in encoder.parameters() if p.requires_grad)
        frozen = "" if trained == weights else f"\n{trained:,} of them trained"
        _box(axes, _MODALITY, line, f"{name.capitalize()}\n{size} numbers")
        _box(axes, _ENCODER, line, f"{_encoder_name(entry)}\n{weights:,} parameters{frozen}")
        _box(axes, _EMBEDDING, line, f"unit vector of {run.config.model.dimension}", BLUE)
        for start, end in ((_MODALITY[1], _ENCODER[0]), (_ENCODER[1], _EMBEDDING[0])):
            arrow = {"arrowstyle": "->", "color": MUTED, "linewidth": 0.9}
            axes.annotate("", (end, line), (start, line), arrowprops=arrow)


def size_of(shape: InputShape, kind: str) -> str:
    """Write how many numbers an encoder gets of an object: of an image its pixels and bands."""
    if shape.length is None:
        return f"{shape.channels}"
    sides = [shape.length] * (2 if kind == IMAGE else 1)
    return " × ".join(map(str, [*sides, shape.channels]))


def _encoder_name(entry: Any) -> str:
    head = str(entry.encoder["name"])
    return head if entry.backbone is None else f"{entry.backbone.encoder['name']} + {head}"


def _box(axes: "Axes", edges: tuple[float, float], line: int, text: str, colour: str = INK) -> None:
    from matplotlib.patches import FancyBboxPatch

    left, right = edges
    style = "round,pad=0,rounding_size=0.012"
    box = FancyBboxPatch(
        (left, line - 0.34), right - left, 0.68, boxstyle=style, fc="white", ec=GRID, lw=1.4
    )
    axes.add_patch(box)
    axes.text((left + right) / 2, line, text, ha="center", va="center", color=colour, fontsize=8)
