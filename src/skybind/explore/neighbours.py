"""Neighbours of an object, for the page."""

import re
from dataclasses import replace
from typing import Any

import numpy as np

from skybind.errors import DataError
from skybind.explore.survey import Survey
from skybind.files import plain_json
from skybind.search.result import SearchResult
from skybind.search.search import SearchOptions, search_opened

#: Most neighbours that the page may ask for; a contrast ranks so many, the most alike.
MOST = 100
#: The page's field for what goes with a file.
VALUES = "'with the values'"


def neighbours(
    survey: Survey,
    object_id: str,
    options: SearchOptions,
    weights: tuple[float, float] = (1.0, 1.0),
) -> dict[str, Any]:
    """Find the objects most like one.

    Parameters
    ----------
    survey : Survey
    object_id : str
    options : SearchOptions
        At most `MOST` matches are given.
    weights : (float, float)
        Of a contrast: how much it counts to be alike here, and to be unlike there (see
        `contrasted`).

    Returns
    -------
    dict
        `source`, `target`, `searched` (objects that were searched), `how` (exact or not), `notes`,
        and `matches`: of each its `object_id`, `row`, `cosine`, `contrast`, `relation`, `split`
        and `class`. With a contrast also `among`, how many were ranked by it.

    Raises
    ------
    DataError
        As `skybind.search.search.search`; or if the weights are none.
    """
    wanted = min(options.k, MOST)
    options = replace(options, k=MOST if options.contrast else wanted, columns=[])
    found = search_opened(survey.stream, survey.places, [object_id], options, files=False)
    told = matches_json(survey, found)
    if found.contrast is not None:
        order = contrasted(found.cosine, found.contrast, weights)
        told["among"] = len(order)
        told["matches"] = [told["matches"][i] for i in order[:wanted].tolist()]
    return told


def contrasted(here: np.ndarray, there: np.ndarray, weights: tuple[float, float]) -> np.ndarray:
    """Return the order of matches by how alike they are here and how unlike there.

    The two cosines spread differently, so each is counted in its standard deviations among the
    matches before it is weighted: the score is w_here z_here - w_there z_there.

    Parameters
    ----------
    here, there : ndarray, shape (k,)
        Cosines with the query in the modality that was searched and in the other.
    weights : (float, float)
        w_here and w_there: not negative, and not both 0.

    Raises
    ------
    DataError
        If the weights are none.
    """
    if not (np.isfinite(weights).all() and min(weights) >= 0 and max(weights) > 0):
        raise DataError(
            f"The weights of alike and unlike are {weights[0]:g} and {weights[1]:g}: neither may "
            "be negative, and one has to be above 0."
        )
    score = weights[0] * _deviations(here) - weights[1] * _deviations(there)
    return np.argsort(-score, kind="stable")


def _deviations(values: np.ndarray) -> np.ndarray:
    spread = float(np.std(values))
    return (values - np.mean(values)) / spread if spread > 0 else np.zeros(len(values))


def for_page(note: str) -> str:
    """Return a note of a search as a person at the page can follow it: without flags."""
    note = re.sub(r"--value (\S+=[\w.+-]*\w)", rf"\1 in the field {VALUES}", note)
    note = re.sub(r"--value (\w+)", r"the value '\1'", note)
    return note.replace(" ('--exact' finds all)", "")


def matches_json(survey: Survey, found: SearchResult) -> dict[str, Any]:
    """Return the result of a search by one query, as the page takes it."""
    rows = survey.rows[found.row]
    names = survey.run.class_names[rows]
    matches = [
        {
            "object_id": str(found.object_id[i]),
            "row": int(row),
            "cosine": float(found.cosine[i]),
            "contrast": None if found.contrast is None else float(found.contrast[i]),
            "relation": str(found.relation[i]),
            "split": str(found.split[i]),
            "class": str(names[i]) or None,
        }
        for i, row in enumerate(rows.tolist())
    ]
    told: dict[str, Any] = plain_json(
        {
            "source": found.source[0],
            "target": found.target,
            "searched": found.searched,
            "how": found.how,
            "notes": [for_page(note) for note in found.notes],
            "matches": matches,
        }
    )
    return told
