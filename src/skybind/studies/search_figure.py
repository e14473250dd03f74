"""The figure of a search: from a result to a file."""

from pathlib import Path

import numpy as np

from skybind.data.dataset import Dataset
from skybind.errors import DataError
from skybind.files import atomic_path
from skybind.modalities.cleaning import clean_photometry, clean_spectrum, error_values
from skybind.report.data import ExampleObject, LightCurve, Spectrum
from skybind.report.figures.search import search_figure
from skybind.report.style import report_style
from skybind.studies.examples import load_examples
from skybind.studies.query import Query
from skybind.studies.search_result import SearchResult

KINDS = (".png", ".pdf", ".svg")
SHOWN = 10  # matches, at most


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
    query = result.queries[number]
    shown = np.flatnonzero(result.query == number)[:SHOWN]
    names = [query.name] if query.row is not None else []
    names += [str(name) for name in result.object_id[shown]]
    rows = np.flatnonzero(np.isin(dataset.object_ids, names)).tolist()
    places = {str(dataset.object_ids[row]): row for row in rows}
    classes = np.full(len(dataset), "")
    examples = load_examples(dataset, np.asarray(rows, np.int64), [], classes)
    matches = [
        (_title(result, int(i)), examples[places[str(result.object_id[i])]])
        for i in shown
        if str(result.object_id[i]) in places
    ]
    by = " + ".join(result.source[number])
    title = f"{query.name} (searched by {by} in {' + '.join(result.target)})"
    if query.row is not None and query.name in places:
        drawn = examples[places[query.name]]
    else:
        drawn = _from_file(query)
    origin = "simulated data" if dataset.schema.simulated else "real observations"
    predicted = result.spectra[number] if result.spectra else None
    with report_style(), atomic_path(path) as temporary:
        figure = search_figure((title, drawn), matches, f"Survey: {origin}.", predicted)
        figure.savefig(temporary, format=kind[1:], dpi=150)


def _title(result: SearchResult, i: int) -> str:
    words = [f"{result.rank[i]}. {result.object_id[i]}", f"cosine {result.cosine[i]:.4f}"]
    if result.contrast is not None:
        words.append(f"contrast {result.contrast[i]:.4f}")
    if result.relation[i] != "alike":
        words.append(str(result.relation[i]))
    label = result.columns.get("label")
    if label is not None and label[i]:
        words.append(str(label[i]))
    return "   ".join(words)


def _from_file(query: Query) -> ExampleObject:
    """Give what the file holds as the figures draw it."""
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
            period=query.features.get("period"),
            value_name=value.capitalize(),
            value_unit=query.fields.get(value) or ("mag" if value == "magnitude" else ""),
        )
    elif query.kind == "spectrum":
        fields = clean_spectrum(query.observed).ragged.fields
        flux = np.where(fields["mask"], np.nan, fields["flux"].astype(float))
        example.spectrum = Spectrum(fields["wavelength"], flux)
    return example
