"""A file of one's own: read as `skybind search FILE` reads it, drawn, and searched for."""

import re
import tempfile
from pathlib import Path
from typing import Any

from skybind.drawing.observed import ExampleObject
from skybind.errors import DataError
from skybind.explore.neighbours import for_page, matches_json
from skybind.explore.objects import curve_json, picture_json, spectrum_json
from skybind.explore.own_class import class_of_file
from skybind.explore.survey import Survey
from skybind.files import plain_json
from skybind.search.figure import from_file
from skybind.search.query import Query
from skybind.search.search import SearchOptions, search_opened

#: Files whose light curves can be folded again; the oldest is forgotten.
HELD = 8


def search_file(
    survey: Survey, content: bytes, name: str, options: SearchOptions
) -> dict[str, Any]:
    """Search for what a file holds.

    The file stands in a temporary folder while it is read, under a name that is made of the
    letters, digits and dots of its own.

    Parameters
    ----------
    survey : Survey
    content : bytes
    name : str
        Of the file: its ending may tell its format.
    options : SearchOptions
        In which modalities to search, for how many, and what goes with the file (`values`).

    Returns
    -------
    dict
        `name`, `number` (by which `uploaded` finds it), `modality`, `curve`, `spectrum`, `image`,
        `features` that the model was given, `notes`, `classes` (see `class_of_file`), and `found`
        as `neighbours` gives it.

    Raises
    ------
    DataError
        If the file cannot be read or used.
    """
    if not content:
        raise DataError(f"{name} is empty: there is nothing to search for.")
    safe = re.sub(r"[^A-Za-z0-9._-]", "_", name)[-80:].lstrip("._-") or "file"
    with tempfile.TemporaryDirectory(prefix="skybind-explore-") as folder:
        path = Path(folder) / safe
        path.write_bytes(content)
        try:
            found = search_opened(survey.stream, survey.places, [path], options)
        except DataError as error:  # the temporary folder is nobody's concern
            raise DataError(str(error).replace(str(path), safe)) from error
    query = found.queries[0]
    number = _hold(survey, query)
    example = survey.uploads[number]
    curve, spectrum, image = example.light_curve, example.spectrum, example.image
    told: dict[str, Any] = plain_json(
        {
            "name": name,
            "number": number,
            "modality": next(iter(query.vectors)),
            "curve": None if curve is None else curve_json(curve),
            "spectrum": None if spectrum is None else spectrum_json(spectrum),
            "image": None if image is None else picture_json(image),
            "features": query.features,
            "notes": [for_page(note) for note in query.notes],
            "classes": class_of_file(survey, query),
            "found": matches_json(survey, found),
        }
    )
    return told


def uploaded(survey: Survey, number: int) -> ExampleObject:
    """Return what a file held that was sent before.

    Raises
    ------
    DataError
        If it is forgotten.
    """
    if number not in survey.uploads:
        raise DataError("The file is no longer held: drop it on the page again.")
    return survey.uploads[number]


def _hold(survey: Survey, query: Query) -> int:
    number = max(survey.uploads, default=0) + 1
    survey.uploads[number] = from_file(query, survey.run.dataset)
    for old in list(survey.uploads)[:-HELD]:
        del survey.uploads[old]
    return number
