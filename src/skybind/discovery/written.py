"""What the steps of `skybind discover` write, and the records of those files that are JSON."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import Field

from skybind.discovery.measures.structure import Landing
from skybind.discovery.records import ClassParts, Comparison, Decisions, DetectionResult
from skybind.record import Record
from skybind.runs.layout import DiscoverPaths

#: In the order in which they are done.
STEPS = ("outliers", "structure", "new_classes", "labels", "importance", "map")


class DetectionsFile(Record):
    """`detections.json`."""

    detections: list[DetectionResult] = Field(..., description="Every score on every kind.")


class StructureFile(Record):
    """`structure.json`."""

    structure: list[ClassParts] = Field(..., description="One entry a class and embedding.")


class NewClassesFile(Record):
    """`new_classes.json`."""

    new_classes: list[Landing] = Field(..., description="One entry a class that is not in use.")


class ImportanceFile(Record):
    """`importance.json`."""

    importance: list[Comparison] = Field(..., description="One entry a table.")
    decisions: Decisions | None = Field(
        ..., description="Null without a classifier of several modalities."
    )


_T = TypeVar("_T")
#: Of an older skybind. One without entries cannot be told from what was lost.
_Older = Annotated[list[_T], Field(min_length=1)]

#: Records of the files by their names.
FILES: dict[str, Any] = {
    "detections.json": DetectionsFile | _Older[DetectionResult],
    "structure.json": StructureFile | _Older[ClassParts],
    "new_classes.json": NewClassesFile | _Older[Landing],
    "importance.json": ImportanceFile,
}


def files_of_step(paths: DiscoverPaths, name: str, record: Mapping[str, Any]) -> list[Path]:
    """List the files that a step wrote.

    Parameters
    ----------
    paths : DiscoverPaths
    name : str
        One of `STEPS`.
    record : mapping
        What the step tells, as its note has it.
    """
    labels = [paths.labels(ending) for ending in (".parquet", ".csv")]
    decisions = [paths.decisions] if record.get("decisions") else []
    return {
        "outliers": [
            *(paths.outliers(ending) for ending in (".parquet", ".csv", ".vot")),
            paths.detections,
        ],
        "structure": [paths.parts, paths.structure],
        "new_classes": [paths.new_classes],
        "labels": labels if record.get("labels") else [],
        "importance": [paths.importance, *decisions],
        "map": [paths.map(), paths.map(".vot")],
    }[name]
