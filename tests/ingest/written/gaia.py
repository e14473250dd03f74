"""Gaia's epoch photometry in both layouts, as VOTable, CSV and with lists."""

import csv
import json

import numpy as np
from astropy.table import MaskedColumn, Table

SOURCE = 5853498713190525696

#: Barycentric Julian dates less 2455197.5.
TIME = {"G": [1705.9, 1706.1, 1750.2], "BP": [1705.91, 1706.11, 1750.21],
        "RP": [1705.92, 1706.12, np.nan]}  # fmt: skip

MAG = {"G": [15.2, 15.4, 15.9], "BP": [15.8, 16.0, 16.4], "RP": [14.5, 14.7, np.nan]}

OVER = {"G": [500.0, 400.0, 300.0], "BP": [50.0, 40.0, 30.0], "RP": [60.0, 45.0, np.nan]}

NOISY, VARIABLE = [False, False, True], [False, True, False]


def individual():
    rows = [
        {
            "solution_id": 375316653866487565,
            "source_id": SOURCE,
            "transit_id": 17091923342681275 + i,
            "band": band,
            "time": TIME[band][i],
            "mag": MAG[band][i],
            "flux": 1000.0 * OVER[band][i],
            "flux_error": 1000.0,
            "flux_over_error": OVER[band][i],
            "rejected_by_photometry": band == "G" and NOISY[i],
            "rejected_by_variability": band == "G" and VARIABLE[i],
            "other_flags": 0,
        }
        for band in TIME
        for i in range(3)
    ]
    return {key: [row[key] for row in rows] for key in rows[0]}


def raw():
    columns = {"source_id": SOURCE, "n_transits": 3, "transit_id": [1, 2, 3]}
    for band, begin, time in (("G", "g_transit", "g_transit_time"), ("BP", "bp", "bp_obs_time"),
                              ("RP", "rp", "rp_obs_time")):  # fmt: skip
        columns[time] = TIME[band]
        columns[f"{begin}_mag"] = MAG[band]
        columns[f"{begin}_flux"] = [1000 * value for value in OVER[band]]
        columns[f"{begin}_flux_error"] = [1000.0] * 3
        columns[f"{begin}_flux_over_error"] = OVER[band]
    columns["photometry_flag_noisy_data"] = NOISY
    columns["photometry_flag_bp_reject"] = [False] * 3
    columns["photometry_flag_rp_reject"] = [False] * 3
    columns["variability_flag_g_reject"] = VARIABLE
    columns["variability_flag_bp_reject"] = [False] * 3
    columns["variability_flag_rp_reject"] = [False] * 3
    return columns


def write_csv(path, columns):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        for row in zip(*columns.values(), strict=True):
            cells = [("true" if c else "false") if isinstance(c, bool) else c for c in row]
            writer.writerow(["" if c != c else c for c in cells])
    return path


def in_cells(values):
    """Write a list as the bulk download does: JSON, null for what is missing."""
    if not isinstance(values, list):
        return values
    return json.dumps([None if value != value else value for value in values])


def files(path, layout):
    if layout == "individual.csv":
        return write_csv(path / "1.csv", individual())
    if layout == "individual.xml":
        table = Table({key: MaskedColumn(v) for key, v in individual().items()})
        table["time"].unit, table["mag"].unit = "d", "mag"
        table["mag"].mask = ~np.isfinite(np.asarray(table["mag"]))
        table.write(path / "1.xml", format="votable")
        return path / "1.xml"
    if layout == "transits.csv":
        columns = {k: v if isinstance(v, list) else [v] * 3 for k, v in raw().items()}
        return write_csv(path / "1.csv", columns)
    if layout == "lists.csv":
        return write_csv(path / "1.csv", {key: [in_cells(v)] for key, v in raw().items()})
    table = Table({key: np.asarray([v]) for key, v in raw().items()})
    table.write(path / "1.xml", format="votable")
    return path / "1.xml"


LAYOUTS = ["individual.csv", "individual.xml", "transits.csv", "lists.csv", "lists.xml"]
