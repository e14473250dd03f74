"""Coadd and redrock files of DESI."""

from pathlib import Path
from typing import Any

import numpy as np
from astropy.io import fits

B, R = 4000 + 0.8 * np.arange(40), 4000 + 0.8 * np.arange(30, 70)

IDS = 39627733000000001 + np.arange(3)


def arms(n: int = 3, seed: int = 0) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    found: dict[str, np.ndarray] = {}
    for name, wave in (("B", B), ("R", R)):
        found[f"{name}_WAVELENGTH"] = wave
        found[f"{name}_FLUX"] = rng.normal(5, 1, (n, 40)).astype(np.float32)
        found[f"{name}_IVAR"] = rng.uniform(1, 2, (n, 40)).astype(np.float32)
        found[f"{name}_MASK"] = np.zeros((n, 40), np.uint32)
    return found


def table(name: str, **columns: Any) -> fits.BinTableHDU:
    kinds = {"i": "K", "f": "D", "U": "8A", "S": "8A"}
    made = [
        fits.Column(key, kinds[np.asarray(v).dtype.kind], array=np.asarray(v))
        for key, v in columns.items()
    ]
    return fits.BinTableHDU.from_columns(made, name=name)


def fibermap(**other: Any) -> fits.BinTableHDU:
    columns = {
        "TARGETID": IDS,
        "TARGET_RA": [10.0, 20.0, 30.0],
        "TARGET_DEC": [-1.0, 0.0, 1.0],
        "OBJTYPE": ["TGT"] * 3,
        "FLUX_G": [1.0, 100.0, 0.0],
        "FLUX_R": [1.0, 100.0, -3.0],
        "FLUX_Z": [1.0, 100.0, 10.0],
    }
    return table("FIBERMAP", **{k: v for k, v in (columns | other).items() if v is not None})


def write_coadd(path: Path, made: dict[str, np.ndarray], fibers: fits.BinTableHDU) -> None:
    images = [fits.ImageHDU(values, name=name) for name, values in made.items()]
    fits.HDUList([fits.PrimaryHDU(), fibers, *images]).writeto(path, overwrite=True)


def redrock(**other: Any) -> fits.BinTableHDU:
    columns = {
        "TARGETID": IDS[::-1],
        "Z": [0.3, 0.2, 0.1],
        "ZERR": [3e-5, 2e-5, 1e-5],
        "ZWARN": [0, 4, 0],
        "SPECTYPE": ["STAR", "QSO", "GALAXY"],
    }
    return table("REDSHIFTS", **(columns | other))


def write_redrock(path: Path, rows: fits.BinTableHDU) -> None:
    fits.HDUList([fits.PrimaryHDU(), rows]).writeto(path, overwrite=True)
