"""What people said of objects, as columns of the tables that are taken home."""

import numpy as np
import pyarrow as pa

from skybind.explore.columns import Paint, taker
from skybind.explore.survey import Survey

#: Name and description of each column. Who judged stands in none that is made public.
SAID = {
    "judgement": "What a person said last: class, artefact or unsure; empty if nobody judged it",
    "judged class": "Class that this person gave",
    "judged by": "Who judged",
    "judged at": "When it was judged, UTC",
    "judgement note": "Why the class given does not train a classifier; empty if it does",
}
#: What people wrote as they liked, in any letters.
WRITTEN = ("judged by", "judgement note")
ANSWER = (
    "answer",
    "Class by which the object trains when a classifier is trained with answers, in place of the "
    "catalogue's; by a judgement or by 'skybind label take'",
)


def said_by_people(survey: Survey, who: bool = True) -> list[Paint]:
    """Return what people said of the objects: judgements, and the answers that train.

    Parameters
    ----------
    survey : Survey
    who : bool
        Say who judged, too.

    Returns
    -------
    list of Paint
        Empty where nothing was judged or answered.
    """
    standing, answers = survey.judgements.standing(), survey.judgements.answers()
    columns: list[Paint] = []
    if standing:
        told = list(standing.values())
        texts: dict[str, list[str | None]] = {
            "judgement": [one.verdict for one in told],
            "judged class": [one.label for one in told],
            "judged by": [one.who for one in told],
            "judged at": [one.when for one in told],
            "judgement note": [one.note for one in told],
        }
        for name, description in SAID.items():
            if who or name != "judged by":
                columns.append(_column(survey, name, description, list(standing), texts[name]))
    if answers:
        columns.append(_column(survey, *ANSWER, list(answers), list(answers.values())))
    return columns


def _column(
    survey: Survey, name: str, description: str, ids: list[str], texts: list[str | None]
) -> Paint:
    """Return a column that has a text for the objects of some names."""
    rows = survey.places.rows(pa.chunked_array([ids], pa.string()))
    place = np.full(len(survey.run.dataset), -1)
    place[rows[rows >= 0]] = np.flatnonzero(rows >= 0)  # an object may have left the dataset
    column = pa.chunked_array([texts], pa.string())
    return Paint(name, "people", description, None, taker(column, place))
