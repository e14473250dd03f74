"""Spectra in the formats of surveys, imported and given as files, for tests."""

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

WANTED = {
    "image": Wanted("image", "image", "image", {"g": None, "r": None}),
    "spectrum": Wanted(
        "spectrum",
        "spectrum",
        "spectrum",
        {"wavelength": "Angstrom", "flux": None, "ivar": None, "mask": None},
    ),
}


@dataclass
class Imported:
    """A dataset's spectra: by name, how they are kept, and what was counted."""

    spectra: dict[str, dict[str, np.ndarray]]
    column: Column
    summary: ImportSummary


def import_spectra(tmp_path: Path, ids: list[str], **spectrum: Any) -> Imported:
    """Import spectra as `spectrum` of a mapping says."""
    rows = "".join(f"{name}\n" for name in ids)
    (tmp_path / "objects.csv").write_text(f"id\n{rows}")
    objects = {"file": "objects.csv", "id": "id"}
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(yaml.safe_dump({"objects": objects, "spectrum": spectrum}))
    summary = import_dataset(mapping, tmp_path / "out", overwrite=True)
    dataset = Dataset.open(tmp_path / "out")
    ragged = dataset.ragged("spectrum")
    ranges = zip(ragged.offsets[:-1], ragged.offsets[1:], strict=True)
    spectra = {
        name: {field: values[start:end] for field, values in ragged.fields.items()}
        for name, (start, end) in zip(dataset.column("object_id").tolist(), ranges, strict=True)
    }
    return Imported(spectra, dataset.schema.columns["spectrum"], summary)


def given(path: Path, format: str | None = None, flux: str | None = None) -> Content:
    """Read a file to search with, for a model of images and of spectra in a unit of flux."""
    fields = {**WANTED["spectrum"].fields, "flux": flux}
    spectrum = Wanted("spectrum", "spectrum", "spectrum", fields)
    return read_file(path, {**WANTED, "spectrum": spectrum}, format)
