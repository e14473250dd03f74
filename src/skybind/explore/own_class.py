"""The class of what a file of one's own holds, by the run's classifier."""

from typing import Any

import pyarrow as pa

from skybind.errors import SkybindError
from skybind.explore.survey import Survey
from skybind.models.taught import count_taught, taught_notes
from skybind.search.query import Query


def class_of_file(survey: Survey, query: Query) -> dict[str, Any] | None:
    """Return what the run's classifier says of a file, as `classes_of` does of an object.

    The classifier is given what the search read: the observation, and the features that go with
    it.

    Returns
    -------
    dict or None
        `modalities`, `probabilities`, `class`, `novelty`, `reason` and `notes`; None where the
        run has no classifier, or it does not read such an observation.
    """
    model = survey.classifier
    name = next(iter(query.vectors))
    if model is None or name not in model.modalities:
        return None
    fields = {} if query.observed is None else query.observed.fields
    units = {field: unit for field, unit in query.fields.items() if field in fields and unit}
    try:
        given = model.take({name: {**fields, **query.features}}, units={name: units})
        told = pa.concat_tables(model.iter_classes(given)).to_pylist()[0]
    except SkybindError as error:  # the search found its neighbours all the same
        return {
            "modalities": "",
            "probabilities": {},
            "class": None,
            "novelty": None,
            "reason": str(error),
            "notes": [],
        }
    return {
        "modalities": told["modalities"],
        "probabilities": {label: told[f"p_{label}"] for label in model.classes},
        "class": told["class"],
        "novelty": told.get("novelty"),
        "reason": told["reason"] or None,
        "notes": [*given.notes, *taught_notes([count_taught(model, given.dataset)], 1)],
    }
