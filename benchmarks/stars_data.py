"""Readers of the shared sets of real stars: plain tables and ragged observations.

Each `read_*` takes the folder of its set (`../shared/data/stars/NAME`) and gives a `Stars`.
Units and origin are in the sets' SOURCE.md.
"""

import csv
import gzip
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from skybind.ragged import Ragged

# Hipparcos-2 (van Leeuwen 2007): name in our tables -> name in the shared tables.
HIPPARCOS = {
    "parallax": "hip_plx",
    "parallax_err": "hip_e_plx",
    "pm_ra": "hip_pmra",
    "pm_dec": "hip_pmdec",
    "hp_magnitude": "hip_hpmag",
    "b_v": "hip_bv",
    "v_i": "hip_vi",
}


@dataclass
class Stars:
    """A table of stars, one row each, with what was observed of them.

    Attributes
    ----------
    columns : dict of str to ndarray, shape (n,)
        `object_id`, `ra`, `dec` [deg], `hip` (0: not in Hipparcos), the columns of
        `HIPPARCOS` (NaN where unknown) and the set's own.
    photometry : Ragged or None
        Fields time [d], magnitude, magnitude_err [mag].
    spectrum : Ragged or None
        Fields wavelength [Angstrom], flux (arbitrary scale), mask (true = no data), and ivar
        where known.
    """

    columns: dict[str, np.ndarray]
    photometry: Ragged | None = None
    spectrum: Ragged | None = None

    def __len__(self) -> int:
        return len(self.columns["object_id"])

    def take(self, rows: np.ndarray) -> "Stars":
        """Select stars by index or mask."""
        rows = np.flatnonzero(rows) if np.asarray(rows).dtype == bool else np.asarray(rows)
        return Stars(
            {name: values[rows] for name, values in self.columns.items()},
            None if self.photometry is None else self.photometry.take(rows),
            None if self.spectrum is None else self.spectrum.take(rows),
        )


def twins(stars: Stars, radius: float = 60.0) -> np.ndarray:
    """Group the names of one star: those within `radius` arcseconds of each other.

    ASAS lists 44 pairs of names nearer than its photometric aperture (a pixel has 15
    arcseconds); 21 of them have the same light curve to the last digit, 21 more all but the same.

    Returns
    -------
    ndarray of int, shape (n,)
        Number of the group; a star without a twin is alone in its own.
    """
    from astropy.coordinates import SkyCoord, search_around_sky
    from astropy.units import arcsec
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    place = SkyCoord(stars.columns["ra"], stars.columns["dec"], unit="deg")
    one, other, _, _ = search_around_sky(place, place, radius * arcsec)
    near = coo_array((np.ones(len(one)), (one, other)), shape=(len(stars), len(stars)))
    return connected_components(near)[1]


def read_asas(folder: str | Path) -> Stars:
    """ASAS-3 variable stars: V light curves, ten classes, 591 of them in Hipparcos."""
    return _read_light_curves(Path(folder), "asas", per_magnitude=1000)


def read_debosscher(folder: str | Path) -> Stars:
    """Hipparcos and OGLE variable stars of Debosscher et al. (2007): Hp or I light curves."""
    return _read_light_curves(Path(folder), "debosscher", per_magnitude=10000)


def read_miles(folder: str | Path) -> Stars:
    """MILES spectral library: 983 stars, 3540.5 to 7409.6 Angstrom (air), FWHM 2.5 Angstrom."""
    folder = Path(folder)
    with np.load(folder / "miles_spectra.npz") as stored:
        ids = stored["miles_id"].astype(int)
        median = stored["flux_median"].astype(float)[:, None]
        flux = stored["flux_i"] / float(stored["flux_scale"]) * median
        wavelength = float(stored["wave_start"]) + float(stored["wave_step"]) * np.arange(
            flux.shape[1]
        )
    rows = _by_key(_rows(folder / "miles_stars.csv"), "miles_id", ids.astype(str))
    columns = {"object_id": np.array([f"MILES{number:04d}" for number in ids])}
    columns |= _star_columns(rows)
    columns |= {name: _numbers(rows, name) for name in ("teff", "logg", "feh")}
    columns["spectral_type"] = _texts(rows, "sptype")
    lengths = np.full(len(ids), len(wavelength))
    return Stars(columns, spectrum=_spectra(np.tile(wavelength, len(ids)), flux.ravel(), lengths))


def read_stelib(folder: str | Path) -> Stars:
    """STELIB spectral library: 255 stars, 3200 to 9900 Angstrom (air)."""
    folder = Path(folder)
    with np.load(folder / "stelib_spectra.npz") as stored:
        names, flux, offsets = stored["fits_name"], stored["flux"], stored["offsets"]
    rows = _by_key(_rows(folder / "stelib_stars.csv"), "fits_name", names)
    short = [str(name).removeprefix("STELIB_v3.2_").removesuffix(".fits") for name in names]
    columns = {"object_id": np.array([f"STELIB_{name}" for name in short])}
    columns |= _star_columns(rows) | {"spectral_type": _texts(rows, "sptype")}
    lengths = np.diff(offsets)
    pixel = np.arange(offsets[-1]) - np.repeat(offsets[:-1], lengths)
    start, step = _numbers(rows, "wave_start"), _numbers(rows, "wave_step")
    wavelength = np.repeat(start, lengths) + np.repeat(step, lengths) * pixel
    return Stars(columns, spectrum=_spectra(wavelength, flux.astype(float), lengths))


def read_mcdonald(folder: str | Path) -> Stars:
    """McDonald spectra of 19 RR Lyrae stars, one row a spectrum (several phases of a star).

    `star` names the star; `lc_object_id` its light curve in `read_asas` or `read_debosscher`.
    """
    folder = Path(folder)
    stars = {row["star"].replace(" ", ""): row for row in _rows(folder / "stars.csv")}
    phases = {
        row["orig_spec_file_name"]: row for row in _rows(folder / "spectra_phases_subtypes.csv")
    }
    paths = sorted((folder / "spectra").glob("*.dat.gz"))
    rows = [_named(stars, path.name[:6]) for path in paths]
    listed = [phases.get(path.name.removesuffix(".gz"), {}) for path in paths]
    columns = {"object_id": np.array([path.name.removesuffix(".dat.gz") for path in paths])}
    columns |= _star_columns(rows) | {
        "star": _texts(rows, "star"),
        "label": np.array([f"RR{subtype.upper()}" for subtype in _texts(rows, "subtype")]),
        "phase": _numbers(listed, "phase"),
        "spectrum_id": np.array([f"spectra/{path.name}" for path in paths]),
    }
    tables = [np.loadtxt(path, skiprows=1) for path in paths]
    wavelength, flux = np.concatenate(tables).T
    return Stars(columns, spectrum=_spectra(wavelength, flux, np.array([len(t) for t in tables])))


def read_lamost_index(folder: str | Path, spectra: bool = True) -> Stars:
    """LAMOST low-resolution spectra (vacuum), one row a file; classes by the pipeline.

    Parameters
    ----------
    spectra : bool
        Read the FITS files too (flux, inverse variance, mask), not only the index; a file
        that the index names but is not there leaves the spectrum absent.
    """
    folder = Path(folder)
    rows = _rows(folder / "index.csv")
    columns = {"object_id": np.array([Path(row["file"]).name.split(".")[0] for row in rows])}
    columns |= {name: _numbers(rows, name) for name in ("ra", "dec", "z", "snr_g", "mjd")}
    columns |= {name: _texts(rows, name) for name in ("desig", "klass", "subclass", "file")}
    if not spectra:
        return Stars(columns)
    from astropy.io import fits

    tables = []
    for row in rows:
        path = folder / row["file"]
        if path.exists():
            with fits.open(path) as hdus:
                tables.append(_lamost_rows(hdus[0]))
        else:
            tables.append(np.empty((4, 0)))
    flux, ivar, wavelength, mask = np.concatenate(tables, axis=1)
    lengths = np.array([table.shape[1] for table in tables])
    found = _spectra(wavelength, flux, lengths)
    found.fields |= {"ivar": ivar.astype(np.float32), "mask": (mask > 0) | (ivar <= 0)}
    return Stars(columns, spectrum=found)


def read_trimodal(folder: str | Path) -> Stars:
    """Stars with a light curve, a spectrum and Hipparcos metadata, none of them for training.

    One row a star; the spectrum is the mean of the star's spectra in the first library that
    has it, each divided by its median, on the wavelengths of the first.

    Parameters
    ----------
    folder : path
        `.../stars/trimodal`; the sets that it joins lie beside it.
    """
    folder = Path(folder)
    root = folder.parent
    joined = _rows(folder / "trimodal_join.csv")
    first = {row["lc_object_id"]: row for row in reversed(joined)}
    ids = list(dict.fromkeys(row["lc_object_id"] for row in joined))
    rows = [first[name] for name in ids]
    columns = {"object_id": np.array(ids)} | _star_columns(rows)
    columns |= {name: _texts(rows, name) for name in ("label", "star", "spectrum_source")}
    libraries = {
        "rrlyrae_mcdonald": (read_mcdonald(root / "rrlyrae_mcdonald"), "spectrum_id"),
        "miles": (read_miles(root / "miles_stelib"), "object_id"),
        "stelib": (read_stelib(root / "miles_stelib"), "object_id"),
    }
    spectra = [_mean_spectrum(*libraries[row["spectrum_source"]], row) for row in rows]
    wavelength, flux = np.concatenate(spectra, axis=1)
    lengths = np.array([table.shape[1] for table in spectra])
    curves = [read_asas(root / "asas_hipparcos"), read_debosscher(root / "asas_hipparcos")]
    return Stars(columns, _light_curves_of(ids, curves), _spectra(wavelength, flux, lengths))


def _read_light_curves(folder: Path, name: str, per_magnitude: int) -> Stars:
    with np.load(folder / f"{name}_lightcurves.npz") as stored:
        offsets, ids = stored["offsets"].astype(np.int64), stored["object_id"]
        start, steps = stored["time_base_1e5d"], stored["time_delta_1e5d"].astype(np.int64)
        magnitude = stored["mag_milli"] / per_magnitude
        error = stored["err_milli"] / per_magnitude
    lengths = np.diff(offsets)
    running = np.concatenate([[0], np.cumsum(steps)])
    elapsed = running[1:] - np.repeat(running[offsets[:-1]], lengths)
    time = (np.repeat(start, lengths) + elapsed) / 1e5
    rows = _by_key(_rows(folder / f"{name}_objects.csv.gz"), "object_id", ids)
    columns = {"object_id": ids} | _star_columns(rows)
    columns |= {"label": _texts(rows, "label"), "class_name": _texts(rows, "class_name")}
    columns["n_obs"] = lengths
    fields = {
        "time": time,
        "magnitude": magnitude,
        "magnitude_err": error,
    }
    return Stars(columns, photometry=Ragged(fields, offsets, lengths > 0))


def _light_curves_of(ids: Sequence[str], sets: Sequence[Stars]) -> Ragged:
    """Light curves of the objects named, from the set that has each."""
    parts = []
    for name in ids:
        owner = next(stars for stars in sets if name in set(stars.columns["object_id"]))
        assert owner.photometry is not None
        parts.append(owner.photometry.take(np.flatnonzero(owner.columns["object_id"] == name)))
    lengths = np.array([part.offsets[-1] for part in parts])
    fields = {
        name: np.concatenate([part.fields[name] for part in parts]) for name in parts[0].fields
    }
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    return Ragged(fields, offsets, lengths > 0)


def _mean_spectrum(library: Stars, key: str, row: dict[str, str]) -> np.ndarray:
    """Wavelength and mean flux, shape (2, pixels), of the spectra that a joined row names."""
    names = row["spectrum_ids"].split(";")
    if row["spectrum_source"] == "miles":
        names = [f"MILES{int(name):04d}" for name in names]
    elif row["spectrum_source"] == "stelib":
        short = [name.removeprefix("STELIB_v3.2_").removesuffix(".fits") for name in names]
        names = [f"STELIB_{name}" for name in short]
    chosen = library.take(np.isin(library.columns[key], names)).spectrum
    assert chosen is not None
    wavelength, flux = chosen.fields["wavelength"], chosen.fields["flux"]
    bounds = list(zip(chosen.offsets[:-1], chosen.offsets[1:], strict=True))
    grid = wavelength[slice(*bounds[0])]
    scaled = [np.interp(grid, wavelength[a:b], flux[a:b] / np.median(flux[a:b])) for a, b in bounds]
    return np.stack([grid, np.mean(scaled, axis=0)])


def _lamost_rows(hdu: Any) -> np.ndarray:
    """Flux, inverse variance, wavelength and mask, shape (4, pixels), of a LAMOST file.

    The wavelength comes from the header: pipeline 2.6 holds the normalised flux in its row.
    """
    flux, ivar, _, mask = np.asarray(hdu.data, float)[:4]
    start, step = float(hdu.header["COEFF0"]), float(hdu.header["COEFF1"])
    return np.stack([flux, ivar, 10 ** (start + step * np.arange(len(flux))), mask])


def _named(stars: dict[str, dict[str, str]], start: str) -> dict[str, str]:
    """Row of the star that a file is of: its name holds six characters, with underscores."""
    start = start.replace("_", "")
    return next(row for name, row in stars.items() if name.startswith(start))


def _star_columns(rows: Sequence[dict[str, str]]) -> dict[str, np.ndarray]:
    """Position, Hipparcos number and the Hipparcos columns."""
    result = {}
    for name, other in (("ra", "hip_ra"), ("dec", "hip_dec")):
        own = _numbers(rows, f"{name}_deg" if any(f"{name}_deg" in r for r in rows) else name)
        result[name] = np.where(np.isfinite(own), own, _numbers(rows, other))
    result["hip"] = np.nan_to_num(_numbers(rows, "hip")).astype(np.int64)
    result |= {name: _numbers(rows, theirs) for name, theirs in HIPPARCOS.items()}
    return result


def _spectra(wavelength: np.ndarray, flux: np.ndarray, lengths: np.ndarray) -> Ragged:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    fields = {
        "wavelength": wavelength.astype(np.float32),
        "flux": flux.astype(np.float32),
        "mask": flux == 0,  # the libraries fill their gaps with zeros
    }
    return Ragged(fields, offsets, lengths > 0)


def _rows(path: Path) -> list[dict[str, str]]:
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def _by_key(
    rows: Sequence[dict[str, str]], key: str, wanted: Sequence[str] | np.ndarray
) -> list[dict[str, str]]:
    """Rows in the order of `wanted`; of rows with one key the first."""
    table = {row[key]: row for row in reversed(rows)}
    return [table[str(name)] for name in wanted]


def _numbers(rows: Sequence[dict[str, str]], name: str) -> np.ndarray:
    return np.array([float(row.get(name) or "nan") for row in rows])


def _texts(rows: Sequence[dict[str, str]], name: str) -> np.ndarray:
    return np.array([row.get(name) or "" for row in rows])
