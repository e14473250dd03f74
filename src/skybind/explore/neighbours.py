"""Neighbours of an object, for the page."""

from dataclasses import replace
from typing import Any

from skybind.explore.survey import Survey
from skybind.files import plain_json
from skybind.search.result import SearchResult
from skybind.search.search import SearchOptions, search_opened

#: Most neighbours that the page may ask for.
MOST = 100


def neighbours(survey: Survey, object_id: str, options: SearchOptions) -> dict[str, Any]:
    """Find the objects most like one.

    Parameters
    ----------
    survey : Survey
    object_id : str
    options : SearchOptions
        At most `MOST` matches are given.

    Returns
    -------
    dict
        `source`, `target`, `searched` (objects compared), `notes`, and `matches`: of each its
        `object_id`, `row`, `cosine`, `contrast`, `relation`, `split` and `class`.

    Raises
    ------
    DataError
        As `skybind.search.search.search`.
    """
    options = replace(options, k=min(options.k, MOST), columns=[])
    found = search_opened(survey.stream, survey.places, [object_id], options, files=False)
    return matches_json(survey, found)


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
            "notes": found.told,
            "matches": matches,
        }
    )
    return told
