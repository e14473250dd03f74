"""The real galaxies of the shared data as datasets, made by skybind's own importer."""

import csv
import tarfile
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from skybind.data.dataset import Dataset
from skybind.files import atomic_path, write_text
from skybind.ingest.survey import import_dataset

FLUX_UNIT = "1e-17 erg / (s cm2 Angstrom)"
UGRIZ = ("u", "g", "r", "i", "z")
GRZ = ("g", "r", "z")
ZERO_POINT = 22.5  # AB magnitude of one nanomaggy


def magnitude(flux: np.ndarray) -> np.ndarray:
    """AB magnitude of fluxes in nanomaggies; NaN where they are not positive."""
    flux = np.asarray(flux, np.float64)
    return ZERO_POINT - 2.5 * np.log10(np.where(flux > 0, flux, np.nan))


def bpt_class(subclass: str) -> str:
    """Give the SDSS pipeline's class by line ratios, without its remark on broad lines."""
    words = [word for word in subclass.split() if word != "BROADLINE"]
    return " ".join(words) or "none"


def sky_groups(ra: np.ndarray, dec: np.ndarray, size: float = 5.0) -> np.ndarray:
    """Number the cells of the sky that objects are in: `size` degrees on a side, equal areas.

    Parameters
    ----------
    ra, dec : ndarray, shape (n,)
        [deg]
    size : float
        Side of a cell at the equator [deg].
    """
    across = np.floor(np.asarray(ra) / size).astype(int)
    up = np.floor(np.degrees(np.sin(np.radians(dec))) / size).astype(int)
    _, group = np.unique(np.stack([across, up], 1), axis=0, return_inverse=True)
    return np.asarray(group).reshape(-1)


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV file."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def sdss_dataset(data: Path, out: Path) -> Dataset:
    """1,766 SDSS spectra with redshift, morphology, BPT class and synthetic ugriz magnitudes."""
    folder = data / "hubbleds_sdss_spectra"

    def row(entry: dict[str, str]) -> dict[str, Any]:
        mags = {band: float(magnitude(float(entry[f"specflux_{band}"]))) for band in UGRIZ}
        return {
            **{key: entry[key] for key in ("spec_file", "ra_deg", "dec_deg", "class", "zwarning")},
            "z": entry["z"],
            "morphology": entry["morph_folder"],
            "bpt": bpt_class(entry["subclass"]),
            "sn": entry["sn_median"],
            **_photometry(mags, UGRIZ),
        }

    mapping = {
        "provenance": "SDSS lite spectra of the CosmicDS Hubble data story, with its morphologies.",
        "objects": {
            "id": "spec_file",
            "ra": "ra_deg",
            "dec": "dec_deg",
            "label": "morphology",
            "labels": {"bpt": "bpt"},
            "targets": {"redshift": "z"},
            "features": {"metadata": _features(UGRIZ)},
            "info": {"spectype": "class", "zwarning": "zwarning", "sn_median": "sn"},
        },
        "spectrum": {
            "file": str((folder / "spectra_f16.npz").resolve()),
            "wavelength": {"column": "loglam", "unit": "dex(Angstrom)"},
            "flux": {"column": "flux", "unit": FLUX_UNIT},
            "ivar": "ivar",
        },
    }
    return _imported(out / "data" / "sdss", folder / "catalog.csv", row, mapping)


def desi_dataset(data: Path, out: Path) -> Dataset:
    """213 DESI spectra of the commissioning with Legacy Surveys grz magnitudes."""
    folder = data / "desihigh_desi_spectra"

    def row(entry: dict[str, str]) -> dict[str, Any]:
        mags = {band: float(magnitude(float(entry[f"flux_{band}_nmgy"]))) for band in GRZ}
        keys = ("targetid", "z", "sample", "spectype")
        return {**{key: entry[key] for key in keys}, **{f"mag_{b}": mags[b] for b in GRZ}}

    names = [f"mag_{band}" for band in GRZ]  # as the simulated galaxies have them
    mapping = {
        "provenance": "DESI commissioning spectra of the DESI High project, without ivar.",
        "objects": {
            "id": "targetid",
            "label": "sample",
            "targets": {"redshift": "z"},
            "features": {"metadata": {n: {"column": n, "unit": "mag"} for n in names}},
            "info": {"spectype": "spectype"},
        },
        "spectrum": {
            "file": str((folder / "spectra.npz").resolve()),
            "wavelength": {"column": "wave", "unit": "Angstrom"},
            "flux": {"column": "flux", "unit": FLUX_UNIT},
        },
    }
    return _imported(out / "data" / "desi", folder / "catalog.csv", row, mapping)


def legacy_dataset(data: Path, out: Path) -> Dataset:
    """10 galaxies with a JPEG of the Legacy Surveys' viewer and an SDSS spectrum file."""
    folder = data / "gsiemon_sdss10"
    spectra = out / "cache" / "sdss10"
    if not spectra.exists():
        with atomic_path(spectra) as temporary, tarfile.open(folder / "spectra.tar.gz") as archive:
            temporary.mkdir(parents=True)
            for member in archive.getmembers():
                file = archive.extractfile(member) if member.isfile() else None
                if file is not None and member.name.endswith(".fits"):
                    (temporary / Path(member.name).name).write_bytes(file.read())

    def row(entry: dict[str, str]) -> dict[str, Any]:
        mags = {band: float(magnitude(float(entry[f"specflux_{band}"]))) for band in UGRIZ}
        keys = ("objid", "spec_file", "image_file", "ra_deg", "dec_deg", "z")
        return {**{key: entry[key] for key in keys}, **_photometry(mags, UGRIZ)}

    mapping = {
        "provenance": "Legacy Surveys DR9 viewer cutouts and SDSS spectra.",
        "objects": {
            "id": "objid",
            "ra": "ra_deg",
            "dec": "dec_deg",
            "targets": {"redshift": "z"},
            "features": {"metadata": _features(UGRIZ)},
            "info": {"spec_file": "spec_file"},
        },
        "image": {
            "folder": str((folder / "images").resolve()),
            "pattern": "{image_file}",
            "pixel_scale": 0.1,
        },
        "spectrum": {
            "folder": str(spectra.resolve()),
            "pattern": "{spec_file}",
            "format": "sdss",
        },
    }
    return _imported(out / "data" / "legacy", folder / "pairs.csv", row, mapping)


def deep2_dataset(data: Path, out: Path) -> Dataset:
    """39 galaxies of DEEP2 with HST/ACS images in V and I and a DEIMOS spectrum in counts."""
    folder = data / "mosviz_deep2"
    arrays = str((folder / "deep2_pairs.npz").resolve())

    def row(entry: dict[str, str]) -> dict[str, Any]:
        keys = ("objno", "ra_deg", "dec_deg", "z_derived", "zq_derived", "mag_I814_ap1p5", "VmI")
        return {key: entry[key] for key in keys}

    mapping = {
        "provenance": "DEEP2 spectra and HST/ACS images of mosviz; redshifts measured later.",
        "objects": {
            "id": "objno",
            "ra": "ra_deg",
            "dec": "dec_deg",
            "targets": {"redshift": "z_derived"},
            "features": {
                "metadata": {
                    "mag_i814": {"column": "mag_I814_ap1p5", "unit": "mag"},
                    "v_minus_i": {"column": "VmI", "unit": "mag"},
                }
            },
            "info": {"redshift_quality": "zq_derived"},
        },
        "image": {
            "file": arrays,
            "array": "image_VI",
            "bands": ["F606W", "F814W"],
            "pixel_scale": 0.03,
            "unit": "",
            "id": "objno",
        },
        "spectrum": {
            "file": arrays,
            "id": "objno",
            "wavelength": {"column": "wave", "unit": "Angstrom"},
            "flux": {"column": "flux", "unit": ""},
            "ivar": "ivar",
        },
    }
    return _imported(out / "data" / "deep2", folder / "deep2_pairs.csv", row, mapping)


def _photometry(mags: dict[str, float], bands: tuple[str, ...]) -> dict[str, float]:
    """One magnitude, r, and the colours of neighbouring bands."""
    colours = {f"{a}_{b}": mags[a] - mags[b] for a, b in pairwise(bands)}
    return {"mag_r": mags["r"], **colours}


def _features(bands: tuple[str, ...]) -> dict[str, dict[str, str]]:
    names = _photometry(dict.fromkeys(bands, 0.0), bands)
    return {name: {"column": name, "unit": "mag"} for name in names}


def _imported(folder: Path, table: Path, row: Any, mapping: dict[str, Any]) -> Dataset:
    """Write the table of objects and the mapping, and import them, unless that is done."""
    if not (folder / "objects").exists():
        rows = [row(entry) for entry in read_rows(table)]
        notes = folder.parent / f"{folder.name}-mapping"
        notes.mkdir(parents=True, exist_ok=True)
        with (notes / "objects.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
        mapping["objects"]["file"] = "objects.csv"
        write_text(notes / "mapping.yaml", yaml.safe_dump(mapping, sort_keys=False))
        import_dataset(notes / "mapping.yaml", folder)
    return Dataset.open(folder)
