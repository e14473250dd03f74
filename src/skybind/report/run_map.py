"""The map of a run's embeddings as one figure."""

from typing import TYPE_CHECKING

from skybind.drawing.maps import coloured_maps, embedding_map
from skybind.drawing.observed import ColourColumn, MapPanel, MapView
from skybind.drawing.style import report_style
from skybind.errors import ConfigError
from skybind.evaluation.clusters import Layout, lay_out, read_layouts
from skybind.runs.embedding import run_embedding
from skybind.runs.run import Run
from skybind.words import nearest

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_map(
    run: Run, color: str | None = None, modalities: tuple[str, ...] | None = None
) -> "Figure":
    """Draw the map of a run's embeddings, as its evaluation made it, or made now.

    Parameters
    ----------
    run : Run
    color : str, optional
        A column of the dataset; by default the classes, if there are any.
    modalities : tuple of str, optional
        Whose embeddings are mapped, several combined as `evaluation.combined` says; all by
        default.

    Raises
    ------
    ConfigError
        If there is no such column or modality.
    """
    columns = run.dataset.schema.columns
    if color is not None and color not in columns:
        raise ConfigError(f"The dataset has no column '{color}': {nearest(color, list(columns))}")
    layout = _layout(run, modalities)
    method = run.config.evaluation.map
    with report_style():
        if color is None:
            return embedding_map(map_panels(run, layout), run.classes, method)
        values = run.dataset.plotted(color, layout.rows)
        order = class_order(run) if color == run.config.labels.column else ()
        shown = [ColourColumn(color, values, columns[color].unit, order)]
        view = MapView(layout.modalities, layout.part, layout.position, shown)
        return coloured_maps([view], method)


def class_order(run: Run) -> list[str]:
    """Return the names of all classes in the order of their colours and markers.

    Those in use come first, sorted as codes and matrices are, then all others of the catalogue;
    so a class looks the same in every figure of a run.
    """
    column = run.config.labels.column
    if column not in run.dataset.schema.columns:
        return list(run.classes)
    every = set(run.dataset.labels(column).tolist()) - {"", *run.classes}
    return [*run.classes, *sorted(str(name) for name in every)]


def map_panels(run: Run, layout: Layout) -> list[MapPanel]:
    """Return a panel a part of a map, its objects coloured by class."""
    return [
        MapPanel(
            part, layout.position[layout.part == part], run.labels[layout.rows[layout.part == part]]
        )
        for part in dict.fromkeys(layout.part.tolist())
    ]


def _layout(run: Run, modalities: tuple[str, ...] | None) -> Layout:
    embeddings = run_embedding(run)
    known = embeddings.modalities
    for name in modalities or ():
        if name not in known:
            raise ConfigError(f"There is no modality '{name}': {nearest(name, known)}")
    wanted = [name for name in known if modalities is None or name in modalities]
    for layout in read_layouts(run.paths.maps):
        if set(layout.modalities) == set(wanted):
            return layout
    made = lay_out(run, embeddings, tuple(wanted))
    if made is None:
        raise ConfigError(f"Too few objects have {' + '.join(wanted)}: there is no map of them.")
    return made
