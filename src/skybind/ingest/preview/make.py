"""The dry run of an import: some objects go the whole way, and what became of them is told."""

import io
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from skybind.data.dataset import Dataset
from skybind.data.schema import DEC, RA
from skybind.errors import ConfigError
from skybind.ingest.build import ImportSummary, build_dataset
from skybind.ingest.plan import Known, Plan
from skybind.ingest.preview.flat import FlatColumn, flat_column, position_suggestions
from skybind.ingest.preview.observed import ObservedColumn, observed_column
from skybind.ingest.survey import limits_of_mapping, reader_plan, survey_plan

#: Objects that are read.
OBJECTS = 100
#: What is set aside more often than this share of the objects is told.
_MUCH = 0.2


@dataclass(repr=False)
class Preview:
    """What an import would make of a survey.

    Attributes
    ----------
    source : str
        The mapping, or the data.
    dataset : Dataset
        The objects that were read, as the import would have them; it stands in a temporary folder,
        which goes with the preview.
    total : int
        Objects of the survey: with a table of objects those that can be used, else those that
        there seem to be.
    summary : ImportSummary
        Of these objects: what was set aside and repaired, and notes.
    flat : list of FlatColumn
        Of all objects where they stand in a table of their own, else of those that were read.
    observed : list of ObservedColumn
    """

    source: str
    dataset: Dataset
    total: int
    summary: ImportSummary
    flat: list[FlatColumn]
    observed: list[ObservedColumn]
    whole_table: bool
    folder: Any = field(default=None, repr=False)

    @property
    def headline(self) -> str:
        """What was read, in a sentence or two."""
        columns = (
            f" The flat columns are of all {self.total:,}."
            if self.whole_table and len(self.dataset) < self.total
            else ""
        )
        return (
            f"Dry run of {self.source}: {len(self.dataset):,} of {self.total:,} objects were read; "
            f"nothing is written.{columns}"
        )

    @property
    def suggestions(self) -> list[str]:
        """Sentences on what should be looked at."""
        found = [sentence for flat in self.flat for sentence in flat.suggestions]
        places = {flat.name: flat.numbers for flat in self.flat if flat.numbers is not None}
        if RA in places and DEC in places:
            found += position_suggestions(places[RA], places[DEC])
        found += [sentence for one in self.observed for sentence in one.suggestions]
        return found + [
            f"{n:,} times something is set aside, of {self.total:,} objects: {reason}."
            for reason, n in self.summary.quarantined.items()
            if n > _MUCH * self.total
        ]

    def __repr__(self) -> str:
        from rich.console import Console

        from skybind.ingest.preview.tables import render_preview

        console = Console(width=120, file=io.StringIO())
        with console.capture() as shown:
            console.print(render_preview(self))
        return shown.get()


def preview_survey(mapping: str | Path, objects: int = OBJECTS) -> Preview:
    """Read some objects of a survey through the import, and tell what became of them.

    Every step is that of the import, with all that it repairs and sets aside; only periods and
    features are not computed. The objects are spread evenly over the table, half of them among
    those that have observations.

    Parameters
    ----------
    mapping : str or Path
        The YAML file that says which columns are what (docs/dataset.md).
    objects : int
        How many are read.

    Raises
    ------
    ConfigError, DataError
        As of the import.
    """
    if objects < 1:
        raise ConfigError(f"A dry run of {objects} objects shows nothing: give one or more.")
    with limits_of_mapping(mapping):
        return preview_plan(survey_plan(mapping, objects), objects, str(mapping))


def preview_files(
    reader: str, path: str | Path, options: Mapping[str, Any] | None = None, objects: int = OBJECTS
) -> Preview:
    """Read the first objects of a whole data set, as `preview_survey` does.

    Parameters
    ----------
    reader, path, options
        As of `skybind.ingest.survey.import_files`.
    objects : int
        How many are read.
    """
    if objects < 1:
        raise ConfigError(f"A dry run of {objects} objects shows nothing: give one or more.")
    return preview_plan(reader_plan(reader, path, options), objects, str(path))


def preview_plan(plan: Plan, objects: int, source: str) -> Preview:
    """Carry out the first steps of a plan in a temporary folder, and look at the result."""
    total = plan.total
    folder = tempfile.TemporaryDirectory(prefix="skybind-dry-run-")
    path = Path(folder.name) / "dataset"
    some = plan.first(objects)
    summary = build_dataset(some, path, overwrite=False)
    notes = list(summary.notes)
    if plan.features:
        notes.append("Periods and features of light curves are computed by the import alone.")
    dataset = Dataset.open(path)
    known = plan.known or Known({}, {}, {})
    schema = dataset.schema
    flat = [
        flat_column(
            name,
            column,
            np.asarray(known.flat[name]) if name in known.flat else dataset.column(name),
            known.stated.get(name),
        )
        for name, column in schema.columns.items()
        if column.role != "id" and not column.nested
    ]
    observed = [
        observed_column(
            dataset,
            name,
            known.stated,
            int(np.sum(known.observed[name])) if name in known.observed else None,
            summary.repaired.get(name, {}),
        )
        for name in schema.observations
    ]
    made = Preview(
        source,
        dataset,
        max(total, len(dataset)),
        summary,
        flat,
        observed,
        bool(known.flat),
        folder,
    )
    own = made.suggestions  # an import tells some of them too
    made.summary = replace(summary, notes=[note for note in notes if note not in own])
    return made
