"""Light curves in the formats of surveys, imported and given as files, for tests."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from skybind.data.dataset import Dataset
from skybind.data.schema import Column
from skybind.ingest.build import ImportSummary
from skybind.ingest.file_content import Content
from skybind.ingest.one_file import read_file
from skybind.ingest.survey import import_dataset
from skybind.ingest.wanted import Wanted


@dataclass
class Imported:
    """A dataset's light curves: by name, how they are kept, and what was counted."""

    curves: dict[str, dict[str, np.ndarray]]
    column: Column
    summary: ImportSummary


def import_curves(tmp_path: Path, ids: list[str], **photometry: Any) -> Imported:
    """Import light curves as `photometry` of a mapping says."""
    rows = "".join(f"{name}\n" for name in ids)
    (tmp_path / "objects.csv").write_text(f"id\n{rows}")
    objects = {"file": "objects.csv", "id": "id"}
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(yaml.safe_dump({"objects": objects, "photometry": photometry}))
    summary = import_dataset(mapping, tmp_path / "out", overwrite=True)
    dataset = Dataset.open(tmp_path / "out")
    names = dataset.column("object_id").tolist()
    ragged = dataset.ragged("photometry")
    curves = {}
    for name, start, end in zip(names, ragged.offsets[:-1], ragged.offsets[1:], strict=True):
        curves[name] = {field: values[start:end] for field, values in ragged.fields.items()}
    return Imported(curves, dataset.schema.columns["photometry"], summary)


def import_file(path: Path, format: str, **keys: Any) -> Imported:
    """Import one file as the light curve of one object."""
    pattern = f"{{id}}{''.join(path.suffixes[-2:] if path.suffix == '.gz' else path.suffixes[-1:])}"
    name = path.name.removesuffix(pattern.removeprefix("{id}"))
    return import_curves(path.parent, [name], folder=".", pattern=pattern, format=format, **keys)


def only(found: Imported) -> dict[str, np.ndarray]:
    """Give the one light curve that there is."""
    (curve,) = found.curves.values()
    return curve


def wanted(**units: str | None) -> dict[str, Wanted]:
    """Give what a model of light curves reads."""
    fields = {"time": "d", **units}
    return {"photometry": Wanted("photometry", "photometry", "photometry", fields)}


def given(path: Path, format: str | None = None, **units: str | None) -> Content:
    """Read a file to search with, as a model reads it that was trained in these units."""
    return read_file(path, wanted(**units), format)
