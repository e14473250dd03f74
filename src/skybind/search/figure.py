"""The figure of a search: from a result to a file."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from skybind.data.dataset import Dataset
from skybind.data.redshifts import redshift_columns
from skybind.drawing.from_dataset import (
    bands_of,
    columns_read,
    known_limits,
    load_examples,
)
from skybind.drawing.objects import ROW, draw_row
from skybind.drawing.observed import ExampleObject, LightCurve, Spectrum
from skybind.drawing.pictures import picture_of
from skybind.drawing.style import BLUE, MUTED, SKY, new_figure, report_style, save_figure
from skybind.errors import DataError
from skybind.evaluation.targets import targets_of
from skybind.files import atomic_path
from skybind.modalities.cleaning import clean_image, clean_photometry, clean_spectrum, error_values
from skybind.progress import say, step
from skybind.search.query import Query
from skybind.search.result import SearchResult
from skybind.words import join

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from skybind.search.nearest import SpectrumPrediction


KINDS = (".png", ".pdf", ".svg")


SHOWN = 10  # matches, at most


@step("drawing the figure", told=False)
def write_search_figure(
    result: SearchResult, dataset: Dataset, path: str | Path, number: int = 0
) -> None:
    """Draw a query and its best matches one under the other.

    Parameters
    ----------
    result : SearchResult
    dataset : Dataset
        That the matches belong to.
    path : str or Path
        PNG, PDF or SVG.
    number : int
        Which query.

    Raises
    ------
    DataError
        If the file's ending is none of these.
    """
    path = Path(path)
    kind = path.suffix.lower()
    if kind not in KINDS:
        raise DataError(f"{path} ends in none of {', '.join(KINDS)}: choose one of them.")
    with report_style(), atomic_path(path) as temporary:
        save_figure(draw_search(result, dataset, number), temporary, kind[1:], dpi=150)


def draw_search(result: SearchResult, dataset: Dataset, number: int = 0) -> "Figure":
    """Draw a query and its best matches; arguments as of `write_search_figure`."""
    query = result.queries[number]
    shown = np.flatnonzero(result.query == number)[:SHOWN]
    names = [query.name] if query.row is not None else []
    names += [str(name) for name in result.object_id[shown]]
    rows = np.flatnonzero(np.isin(dataset.object_ids, names)).tolist()
    places = {str(dataset.object_ids[row]): row for row in rows}
    source = result.source[number]
    _tell_unknown(result, dataset, [*source, *result.target])
    found = _drawn(result, dataset, rows, [*result.target, *source])
    matches = [
        (_title(result, int(i), example), example)
        for i in shown
        if str(result.object_id[i]) in places
        for example in [found[places[str(result.object_id[i])]]]
    ]
    title = f"{query.name} (searched by {' + '.join(source)} in {' + '.join(result.target)})"
    if query.row is not None and query.name in places:
        row = places[query.name]
        drawn = _drawn(result, dataset, [row], [*source, *result.target])[row]
    else:
        drawn = from_file(query, dataset)
    title = "   ".join([title, *_known(drawn)])
    origin = "simulated data" if dataset.schema.simulated else "real observations"
    predicted = result.spectra_of(number)
    with report_style():
        return search_figure((title, drawn), matches, f"Survey: {origin}.", predicted)


def _drawn(
    result: SearchResult, dataset: Dataset, rows: list[int], first: list[str]
) -> dict[int, ExampleObject]:
    """Read objects to draw, of each kind the column of the first modality that is of it.

    Where the model is not known, a modality is taken to read the column of its name.
    """
    read = result.reads or {name: name for name in first}
    targets = targets_of(dataset, _told(dataset))
    classes = np.full(len(dataset), "")
    columns = columns_read(dataset, read, first)
    return load_examples(dataset, np.asarray(rows, np.int64), targets, classes, columns)


def _tell_unknown(result: SearchResult, dataset: Dataset, names: list[str]) -> None:
    """Say of which modalities it is not known which of several columns they read."""
    schema = dataset.schema
    known = {*result.reads, *schema.kinds, *schema.catalogues}
    lost = [name for name in dict.fromkeys(names) if name not in known]
    if lost and len(set(schema.kinds.values())) < len(schema.kinds):
        say(
            f"Which column {join(lost)} is of is not known without the model that made the "
            "embeddings (--model): of each kind the dataset's first column is drawn.",
            logging.WARNING,
        )


def _told(dataset: Dataset) -> list[str]:
    """Columns that titles tell and lines are placed by: the targets, and any redshift."""
    return list(dict.fromkeys([*dataset.schema.with_role("target"), *redshift_columns(dataset)]))


def _known(example: ExampleObject) -> list[str]:
    """What the catalogue says of an object that can be predicted, such as its redshift."""
    return [f"{name} {value}" for name, value in example.properties.items()]


def _title(result: SearchResult, i: int, example: ExampleObject) -> str:
    words = [f"{result.rank[i]}. {result.object_id[i]}", f"cosine {result.cosine[i]:.4f}"]
    if result.contrast is not None:
        words.append(f"contrast {result.contrast[i]:.4f}")
    if result.relation[i] != "alike":
        words.append(str(result.relation[i]))
    label = result.columns.get("label")
    if label is not None and label[i]:
        words.append(str(label[i]))
    return "   ".join([*words, *_known(example)])


def from_file(query: Query, dataset: Dataset) -> ExampleObject:
    """Return what the file holds as the figures draw it.

    Among objects with redshifts a spectrum has lines only where one was given along with it.
    """
    example = ExampleObject(query.name, split="")
    if query.observed is None:
        return example
    if query.kind == "photometry":
        curve = clean_photometry(query.observed).ragged
        value = "flux" if "flux" in curve.fields else "magnitude"
        example.light_curve = LightCurve(
            time=curve.fields["time"],
            value=curve.fields[value],
            error=error_values(curve),
            period=query.period if query.period > 0 else None,
            searched=query.searched,
            value_name=value.capitalize(),
            value_unit=query.fields.get(value) or ("mag" if value == "magnitude" else ""),
            band=bands_of(curve),
            bands=dataset.band_names(query.column) if query.column in dataset.columns else (),
            limits=None if query.limits is None else known_limits(query.limits, value),
        )
    elif query.kind == "spectrum":
        fields = clean_spectrum(query.observed).ragged.fields
        flux = np.where(fields["mask"], np.nan, fields["flux"].astype(float))
        example.spectrum = Spectrum(fields["wavelength"], flux)
        names = redshift_columns(dataset)
        if names:
            given = next((name for name in names if name in query.features), "")
            example.spectrum.redshift = query.features.get(given, np.nan)
            example.spectrum.redshift_of = given
    elif query.kind == "image":
        image = clean_image(query.observed).ragged
        if image.present[0]:
            # the size of the file's own pixels is not known
            stretch = attributes_of(dataset, query.column).get("stretch")
            example.image = picture_of(image, {"stretch": stretch})
    return example


def attributes_of(dataset: Dataset, column: str) -> Mapping[str, Any]:
    """Return the attributes of a column; none where the dataset has no such column."""
    known = dataset.schema.columns
    return known[column].attributes if column in known else {}


def search_figure(
    query: tuple[str, ExampleObject],
    matches: Sequence[tuple[str, ExampleObject]],
    origin: str,
    predicted: "Sequence[SpectrumPrediction]" = (),
) -> "Figure":
    """Draw a query and its matches, a row each.

    Parameters
    ----------
    query : (str, ExampleObject)
        Title and what is known of it.
    matches : sequence of (str, ExampleObject)
        The best first.
    origin : str
        A sentence: simulated or real.
    predicted : sequence of SpectrumPrediction
        Mean spectra of the matches, drawn below the query with their spread.
    """
    rows = [query, *matches]
    n = len(rows) + len(predicted)
    figure = new_figure(ROW * n + 0.3)
    parts = list(figure.subfigures(n, 1, squeeze=False)[:, 0])
    figure.suptitle(origin, fontsize=7.5, color=MUTED, x=0.99, ha="right")
    for one in predicted:
        axes = parts.pop(1).subplots()
        low, high = one.flux - one.spread, one.flux + one.spread
        axes.fill_between(one.wavelength, low, high, color=SKY, alpha=0.5, linewidth=0)
        axes.plot(one.wavelength, one.flux, color=BLUE, linewidth=0.7)
        axes.set_title(one.title)
        axes.set_xlabel(f"{one.axis} [Å]")
        axes.set_ylabel("Flux / median")
    for number, (part, (title, example)) in enumerate(zip(parts, rows, strict=True)):
        draw_row(part, title, example, number == 0)
    return figure
