"""How far a classifier is to be believed: its temperature, its reference, what it left out."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from skybind.data.seen import hash_ids
from skybind.errors import DataError, ModelError
from skybind.files import write_json
from skybind.measures.calibration import pool_weights
from skybind.modalities.source import BatchSource
from skybind.models.classifier import Classifier
from skybind.models.inference import decide
from skybind.models.noted import FILES
from skybind.models.reference import Reference, choose_objects, shorten
from skybind.models.stored import CALIBRATION, REFERENCE, note_files, read_note, verify_model
from skybind.record import read_record

#: A classifier whose logits tell nothing is not divided by more than the inverse of this.
LEAST_WEIGHT = 1e-3


class Calibration(BaseModel):
    """What turns logits to probabilities."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    temperature: dict[str, float] = Field(
        ...,
        description="By set of modalities, as `photometry+spectrum`: the logits of objects that "
        "have these are divided by it (Guo et al. 2017, section 4.2).",
    )
    n_objects: int = Field(..., ge=0, description="Labelled validation objects it was fitted on.")
    left_out: dict[str, int] = Field(
        {}, description="Labels of the survey that are no class of the classifier, with objects."
    )


@dataclass
class Reliability:
    """A classifier's calibration and its reference."""

    calibration: Calibration
    reference: Reference

    def write(self, folder: Path) -> None:
        """Write both beside a classifier's weights, which then names them."""
        self.reference.write(folder / REFERENCE)
        write_json(folder / CALIBRATION, self.calibration.model_dump())
        note_files(folder, (CALIBRATION, REFERENCE))


def read_reliability(folder: Path) -> Reliability | None:
    """Read what stands beside a classifier's weights; None if nothing does.

    Raises
    ------
    ModelError
        If a file is damaged.
    """
    path = folder / CALIBRATION
    if not path.exists() or not (folder / REFERENCE).exists():
        return None
    note = read_note(folder)
    if FILES in note and not {CALIBRATION, REFERENCE} <= set(note[FILES]):
        return None  # a killed process left them
    try:
        verify_model(folder, note, (CALIBRATION, REFERENCE))
        calibration = read_record(path, Calibration, "")
    except (ModelError, DataError) as error:
        raise ModelError(
            f"{path} or the reference beside it is damaged: delete it, and classify by the run "
            "again."
        ) from error
    return Reliability(calibration, Reference.read(folder / REFERENCE))


def measure_reliability(
    classifier: Classifier,
    source: BatchSource,
    labels: np.ndarray,
    rows: Mapping[str, np.ndarray],
    object_id: np.ndarray,
    *,
    left_out: Mapping[str, int],
    seed: int,
) -> Reliability:
    """Fit the temperature of a classifier and choose its reference.

    Parameters
    ----------
    classifier : Classifier
    source : BatchSource
        Of the dataset that it was trained on, as it was trained (see `matching_source`).
    labels : ndarray of int, shape (n,)
        Of all objects, as the classes count; -1 for none.
    rows : mapping of `train` and `validation` to ndarray of int
        The labelled objects of each part. The temperature is fitted on validation objects alone.
    object_id : ndarray of str, shape (n,)
        Of all objects.
    left_out : mapping of label to int
        Labels of the dataset that are no class, with the objects of each.
    seed : int
        Draws the reference.
    """
    train, held = rows["train"], rows["validation"]
    every = np.concatenate([train, held])
    kept = choose_objects(labels[every], np.arange(len(every)) < len(train), seed)
    taught = train[kept[kept < len(train)]]
    # each object is encoded once: the chosen training objects, then all validation objects
    asked = np.concatenate([taught, held])
    decided = decide(classifier, source, asked, combinations=True, place=shorten)
    temperature = {
        "+".join(names): _temperature(logits[len(taught) :], labels[held])
        for names, logits in decided.logits.items()
    }
    calibration = Calibration(temperature=temperature, n_objects=len(held), left_out=dict(left_out))
    ruler = kept[kept >= len(train)] - len(train)  # among the validation objects
    rest = np.concatenate([np.arange(len(taught)), len(taught) + ruler])
    reference = Reference(
        {name: values[rest] for name, values in decided.places.items()},
        {name: flags[rest] for name, flags in decided.present.items()},
        np.arange(len(rest)) < len(taught),
        hash_ids(object_id[asked[rest]]),
    )
    return Reliability(calibration, reference)


def _temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Find the temperature with the best likelihood; 1 where nothing tells."""
    known = np.isfinite(logits).all(axis=1)
    (weight,) = pool_weights([logits[known]], labels[known])
    return 1 / max(float(weight), LEAST_WEIGHT)
