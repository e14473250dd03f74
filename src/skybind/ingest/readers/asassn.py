"""ASAS-SN: light curves of the variable star database and its catalogue.

A light curve is `vardb_files/<name>.dat`, in a zip or a folder: a table with blanks between its
columns HJD MAG MAG_ERR FLUX FLUX_ERR, usually below two header lines. The blanks of an object's
name are left out of the file's name. Times in d (HJD), fluxes in mJy.
"""

import numpy as np

from skybind.errors import DataError
from skybind.ingest.readers.contents import unzipped
from skybind.ingest.readers.look import Look
from skybind.ingest.readers.registry import Fields, register_catalogue, register_photometry_file
from skybind.ingest.readers.text_layout import is_number
from skybind.ingest.readers.values import numbers

COLUMNS = ("HJD", "MAG", "MAG_ERR", "FLUX", "FLUX_ERR")


def is_asassn(look: Look) -> bool:
    """Whether a file is a light curve of ASAS-SN: its header says so, or its numbers do.

    Without a header, times have to be Julian dates, and magnitudes those of the fluxes.
    """
    if look.format in ("fits", "parquet", "votable", "ecsv"):
        return False
    header, values = _read(look.data, look.name)
    if header:
        return True
    time, magnitude, _, flux, _ = values.T
    good = np.isfinite(values).all(axis=1) & (flux > 0) & (magnitude < 90)
    if good.sum() < 3 or not ((time > 2.4e6) & (time < 2.6e6))[np.isfinite(time)].all():
        return False
    zero = magnitude[good] + 2.5 * np.log10(flux[good])
    return bool(np.ptp(magnitude[good]) > 0 and np.median(np.abs(zero - np.median(zero))) < 0.02)


@register_photometry_file(
    "asassn", {"time": "d", "flux": "mJy", "flux_err": "mJy"}, title="ASAS-SN", known_by=is_asassn
)
def read_asassn(data: bytes, name: str) -> Fields:
    """Read one light curve from the bytes of its .dat file.

    The header is what stands above the first line that begins with a number: it may be of any
    length, or lack. Text where a number should be becomes NaN (the cleaning drops and counts such
    epochs).

    Returns
    -------
    dict
        `time` [d, HJD], `flux` [mJy], `flux_err` [mJy], shape (epochs,).

    Raises
    ------
    DataError
        If a line has not five columns, or a header names others.
    """
    _, values = _read(data, name)
    with np.errstate(over="ignore"):
        return {
            "time": values[:, 0],
            "flux": values[:, 3].astype(np.float32),
            "flux_err": values[:, 4].astype(np.float32),
        }


def _read(data: bytes, name: str) -> tuple[bool, np.ndarray]:
    """Read whether a header names the columns, and the rows."""
    every = unzipped(data, name).decode("latin-1").splitlines()
    lines = [line.strip().lstrip("\xef\xbb\xbf") for line in every]
    begin = next((i for i, line in enumerate(lines) if line and is_number(line.split()[0])), None)
    header = _header(lines[:begin], name)
    lines = [] if begin is None else [line for line in lines[begin:] if line and line[0] != "#"]
    try:
        values = np.loadtxt(lines, ndmin=2, comments=None) if lines else np.zeros((0, len(COLUMNS)))
        if values.shape[1] != len(COLUMNS):
            raise ValueError
    except ValueError:  # text among the numbers, or lines of other lengths
        values = _line_by_line(lines, name)
    return header, values


def _header(lines: list[str], name: str) -> bool:
    """Whether a header names the columns.

    Raises
    ------
    DataError
        If it names others.
    """
    for line in lines:
        names = line.lstrip("# ").upper().split()
        if names == list(COLUMNS):
            return True
        if len(names) > 1 and names[0] in ("HJD", "JD", "BJD", "MJD", "TIME"):
            raise DataError(
                f"{name} has the columns {' '.join(names)[:80]} where ASAS-SN has "
                f"{' '.join(COLUMNS)}."
            )
    return False


def _line_by_line(lines: list[str], name: str) -> np.ndarray:
    rows = [line.split() for line in lines]
    for number, row in enumerate(rows):
        if len(row) != len(COLUMNS):
            raise DataError(
                f"{name} has not the five columns {' '.join(COLUMNS)} "
                f"({len(row)} in its data line {number + 1})."
            )
    return np.column_stack([numbers(column)[0] for column in np.asarray(rows, dtype=object).T])


_UNITS = {
    "mag": (
        "mean_vmag phot_g_mean_mag e_phot_g_mean_mag phot_bp_mean_mag e_phot_bp_mean_mag "
        "phot_rp_mean_mag e_phot_rp_mean_mag bp_rp j_mag e_j_mag h_mag e_h_mag k_mag e_k_mag "
        "w1_mag e_w1_mag w2_mag e_w2_mag w3_mag w4_mag j_k w1_w2 w3_w4"
    ),
    "mas": "parallax parallax_error",
    "mas/yr": "pmra pmra_error pmdec pmdec_error pm",
    "deg": "l b",
    None: "parallax_over_error ruwe",
}


# `pm` and `ruwe` come from a cross-match with Gaia that not every copy of the catalogue holds.
register_catalogue(
    "asassn",
    {
        "id": "asassn_name",
        "ra": {"column": "raj2000", "unit": "deg"},
        "dec": {"column": "dej2000", "unit": "deg"},
        "label": {"column": "variable_type", "description": "ASAS-SN variable type"},
        "features": {
            "metadata": {
                name: {"column": name, "unit": unit, "optional": True}
                for unit, names in _UNITS.items()
                for name in names.split()
            },
            "photometry": {
                "amplitude": {"column": "amplitude", "unit": "mag", "optional": True},
                "period": {"column": "period", "unit": "d", "optional": True},
                "lksl_statistic": {"column": "lksl_statistic", "optional": True},
                "rfr_score": {"column": "rfr_score", "optional": True},
            },
        },
    },
)
