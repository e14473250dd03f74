"""Small files in the layouts of galaxy releases, for tests."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

BINS = 7781
FIRST_ID = 39627733000000001  # more digits than a double holds


def galaxies(n: int, seed: int = 0, side: int = 12) -> dict[str, np.ndarray]:
    """Images (n, side, side, 3), spectra (n, 7781), redshifts and targetids of n objects."""
    rng = np.random.default_rng([seed, n])
    return {
        "images": rng.normal(0, 1, (n, side, side, 3)).astype(np.float32),
        "spectra": rng.normal(1, 1, (n, BINS)).astype(np.float32),
        "redshifts": rng.uniform(0, 0.6, n).astype(np.float32),
        "targetids": FIRST_ID + 1000 * seed + np.arange(n, dtype=np.int64),
    }


def write_hdf5(path: Path, groups: dict[str, dict[str, np.ndarray]], **options: Any) -> None:
    """Write groups of galaxies in the layout of astroclip_desi.1.1.5.h5."""
    with h5py.File(path, "w") as file:
        for name, arrays in groups.items():
            group = file.create_group(name)
            for key, values in arrays.items():
                group.create_dataset(key, data=values, **options)


def write_shard(path: Path, arrays: dict[str, Any], row_group: int = 5) -> None:
    """Write galaxies as one Parquet shard of the hub."""
    path.parent.mkdir(exist_ok=True)
    deep = pa.list_(pa.list_(pa.list_(pa.float32())))
    spectra = [None if s is None else np.asarray(s)[:, None].tolist() for s in arrays["spectra"]]
    images = [None if image is None else np.asarray(image).tolist() for image in arrays["images"]]
    table = pa.table(
        {
            "image": pa.array(images, deep),
            "spectrum": pa.array(spectra, pa.list_(pa.list_(pa.float32()))),
            "redshift": pa.array(arrays["redshifts"], pa.float32()),
            "targetid": pa.array(arrays["targetids"], pa.int64()),
        }
    )
    pq.write_table(table, path, row_group_size=row_group)


def provabgs_rows(targetid: np.ndarray, **columns: Any) -> np.ndarray:
    """A compound table like PROVABGS, with posterior samples that no reader wants."""
    kinds = [("TARGETID", "<i8"), ("Z_HP", "<f8"), ("PROVABGS_LOGMSTAR_BF", "<f8")]
    kinds += [(f"MAG_{band}", "<f8") for band in "GRZ"]
    table = np.zeros(len(targetid), np.dtype([*kinds, ("PROVABGS_MCMC", "<f8", (3, 4))]))
    table["TARGETID"] = targetid
    table["Z_HP"] = np.linspace(0.01, 0.5, len(targetid))
    table["PROVABGS_LOGMSTAR_BF"] = 10.5
    for i, band in enumerate("GRZ"):
        table[f"MAG_{band}"] = 19.5 - 0.5 * i
    for name, values in columns.items():
        table[name] = values
    return table


def write_provabgs(path: Path, rows: np.ndarray, name: str = "__astropy_table__") -> None:
    """Write such a table as astropy does."""
    with h5py.File(path, "w") as file:
        file.create_dataset(name, data=rows)
