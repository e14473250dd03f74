"""The raw AstroM3 data set as its authors publish it: three tables, a zip and a folder of files.

The hub's AstroM3Dataset holds `splits/{full|sub50|sub25|sub10}/{seed}/{train,val,test}.csv`, the
light curves of ASAS-SN in `photometry.zip` (`vardb_files/NAME.dat`) and LAMOST's files in
`spectra/CLASS/FILE`. The three tables make one table of objects and the split `published`; the
tables of the same seed under sub50, sub25 and sub10 make its subsets. The numbers are the
catalogue's: transforms and standardisation belong to training.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from skybind.config.load import validate
from skybind.data.splits import PARTS
from skybind.errors import DataError
from skybind.ingest.file_spec import FileSpec
from skybind.ingest.mapping import Mapping
from skybind.ingest.names import object_names
from skybind.ingest.plan import Chunk, Plan
from skybind.ingest.readers.astrom3_subsets import SUBSETS
from skybind.ingest.readers.long import unknown_object
from skybind.ingest.readers.parts import read_parts
from skybind.ingest.readers.registry import catalogue, register_dataset_reader
from skybind.ingest.readers.tables import Table
from skybind.ingest.survey import mapping_plan
from skybind.words import join, nearest

#: The tables, by the part that each holds.
TABLES = dict(zip(PARTS, ("train.csv", "val.csv", "test.csv"), strict=True))
LABELS = ("target", "label", "variable_type")
CURVES = ("photometry.zip", "photometry", "asassnvarlc_vband_complete.zip")
#: The features in the order of the paper's table, which is that of its metadata encoder.
FEATURES = [
    "mean_vmag",
    "phot_g_mean_mag",
    "e_phot_g_mean_mag",
    "phot_bp_mean_mag",
    "e_phot_bp_mean_mag",
    "phot_rp_mean_mag",
    "e_phot_rp_mean_mag",
    "bp_rp",
    "parallax",
    "parallax_error",
    "parallax_over_error",
    "pmra",
    "pmra_error",
    "pmdec",
    "pmdec_error",
    "j_mag",
    "e_j_mag",
    "h_mag",
    "e_h_mag",
    "k_mag",
    "e_k_mag",
    "w1_mag",
    "e_w1_mag",
    "w2_mag",
    "e_w2_mag",
    "w3_mag",
    "w4_mag",
    "j_k",
    "w1_w2",
    "w3_w4",
    "pm",
    "ruwe",
    "l",
    "b",
]


class RawOptions(BaseModel):
    """Options of the reader."""

    model_config = ConfigDict(extra="forbid")
    configuration: str | None = Field(
        None,
        description="Which of several, as `full_42` or `sub10_66`; none is needed for a folder "
        "that holds the three tables itself.",
    )
    photometry: str | None = Field(
        None, description="Zip or folder of light curves; by default photometry.zip above the path."
    )
    spectra: str | None = Field(
        None, description="Folder or zip of spectra; by default spectra above the path."
    )


@dataclass(frozen=True)
class _Published:
    """Who is in which part and subset."""

    part: dict[str, str]
    subsets: dict[str, set[str]]


@register_dataset_reader("astrom3_raw")
def read_astrom3_raw(path: Path, options: dict[str, Any], base: Path) -> Plan:
    """Plan the import of one configuration of the raw data set, with its published split.

    Parameters
    ----------
    path : Path
        Folder with train.csv, val.csv and test.csv, or one that holds `splits`.
    options : dict
        See `RawOptions`.
    base : Path
        Folder that paths among the options are relative to.

    Raises
    ------
    DataError
        If the tables, light curves or spectra are not there, or several configurations are.
    """
    wanted = validate(RawOptions, options, "options")
    folder = _configuration(path, wanted.configuration)
    tables = {part: _table(folder, part) for part in PARTS}
    first = tables["train"]
    label = next((name for name in LABELS if name in first.columns), None)
    if label is None:
        raise DataError(f"{first.name} has no column of classes ({join(LABELS, 'or')}).")
    curves = _place(wanted.photometry, base, folder, CURVES)
    spectra = _place(wanted.spectra, base, folder, ("spectra", "spectra.zip"))
    mapping = _mapping(folder, label, curves, spectra)
    plan = mapping_plan(mapping, folder)
    published, beside = _published(tables, folder)
    other = {unknown_object(spec) for spec in mapping.observations().values()}
    return replace(
        plan,
        steps=_steps(plan, published),
        sources=[*plan.sources, *beside],
        settings=[plan.settings, options],
        # the files serve all configurations: those of others are no fault of this one
        quarantine=[row for row in plan.quarantine if row["reason"] not in other],
        split={"kind": "published"},
    )


def _configuration(path: Path, name: str | None) -> Path:
    """Folder of the three tables.

    Raises
    ------
    DataError
        If there is none, several, or none of that name.
    """
    if all((path / file).is_file() for file in TABLES.values()):
        return path
    found = {
        f"{table.parent.parent.name}_{table.parent.name}": table.parent
        for table in sorted((path / "splits").glob(f"*/*/{TABLES['train']}"))
    }
    if not found:
        raise DataError(
            f"{path} holds neither {join(list(TABLES.values()))} nor splits/full/42 with them: is "
            "it AstroM3Dataset?"
        )
    if name is None:
        if len(found) == 1:
            return next(iter(found.values()))
        raise DataError(
            f"{path} holds several configurations ({join(sorted(found))}): name one with the "
            "option configuration."
        )
    if name not in found and name.removesuffix("_norm") in found:
        raise DataError(
            f"The tables of {path} hold the catalogue's own numbers, so there is no '{name}': "
            f"import {name.removesuffix('_norm')}, training transforms and standardises it."
        )
    if name not in found:
        raise DataError(f"{path} has no configuration '{name}': {nearest(name, sorted(found))}")
    return found[name]


def _table(folder: Path, part: str) -> Table:
    return read_parts(FileSpec(file=TABLES[part]), folder, text=["name"])


def _place(said: str | None, base: Path, folder: Path, names: tuple[str, ...]) -> Path:
    """Find a folder or zip: as said, or of one of the names in a folder above the tables."""
    if said is not None:
        if not (base / said).exists():
            raise DataError(f"There is no folder or zip {base / said}.")
        return (base / said).resolve()
    above = [folder.resolve(), *folder.resolve().parents][:4]
    for place in above:
        for name in names:
            if (place / name).exists():
                return place / name
    raise DataError(
        f"There is no {join(names, 'or')} in {folder} or the folders above: say where it is with "
        f"the option {'spectra' if 'spectra' in names else 'photometry'}."
    )


def _mapping(folder: Path, label: str, curves: Path, spectra: Path) -> Mapping:
    """The mapping that says the same."""
    known = catalogue("asassn")["features"]
    in_classes = spectra.is_file() or any(entry.is_dir() for entry in spectra.iterdir())
    pattern = f"{{{label}}}/{{spec_filename}}" if in_classes else "{spec_filename}"
    raw = {
        "objects": {
            "file": list(TABLES.values()),
            "id": "name",
            "ra": {"column": "raj2000", "unit": "deg", "optional": True},
            "dec": {"column": "dej2000", "unit": "deg", "optional": True},
            "label": {"column": label, "description": "ASAS-SN variable type"},
            "features": {
                "metadata": {name: known["metadata"][name] for name in FEATURES},
                "photometry": known["photometry"],
            },
        },
        "photometry": {
            "folder": str(curves),
            "pattern": "vardb_files/{name}.dat",
            "format": "asassn",
        },
        "spectrum": {"folder": str(spectra), "pattern": pattern, "format": "lamost"},
        "provenance": f"AstroM3Dataset, {folder.resolve().parent.name} {folder.resolve().name} "
        "(CC BY 4.0)",
    }
    return validate(Mapping, raw, str(folder))


def _published(tables: dict[str, Table], folder: Path) -> tuple[_Published, list[Path]]:
    """Read parts and subsets by the objects' names, and the further tables that say so.

    Raises
    ------
    DataError
        If an object is in two parts, or a subset holds one that is not in its part.
    """
    part: dict[str, str] = {}
    for name, table in tables.items():
        for star in _names(table):
            if part.setdefault(star, name) != name:
                raise DataError(f"'{star}' is in the tables of {part[star]} and {name}.")
    subsets: dict[str, set[str]] = {}
    beside: list[Path] = []
    place = folder.resolve()
    for prefix, subset in SUBSETS.items() if place.parent.name == "full" else ():
        own = place.parent.parent / prefix / place.name
        if not own.is_dir():
            continue
        beside.append(own)
        subsets[subset] = set()
        for name in PARTS:
            stars = _names(_table(own, name))
            lost = next((star for star in stars if part.get(star) != name), None)
            if lost is not None:
                raise DataError(
                    f"{own / TABLES[name]} holds '{lost}', which {folder} has not in that part."
                )
            subsets[subset].update(stars)
    return _Published(part, subsets), beside


def _names(table: Table) -> list[str]:
    return [name for name in object_names(table["name"], table.name).tolist() if name]


def _steps(plan: Plan, published: _Published) -> Iterator[tuple[int, Callable[[], Chunk]]]:
    for n, read in plan.steps:
        yield n, partial(_with_parts, read, published)


def _with_parts(read: Callable[[], Chunk], published: _Published) -> Chunk:
    chunk = read()
    ids = np.asarray(chunk.columns["object_id"]).tolist()
    parts = np.asarray([published.part[name] for name in ids], object)
    subsets = {
        subset: np.asarray([name in stars for name in ids], bool)
        for subset, stars in published.subsets.items()
    }
    return replace(chunk, part=parts, subsets=subsets)
