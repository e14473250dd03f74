"""Small tables, arrays and pictures in every format that is read."""

import csv
import io
import json

import h5py
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from astropy.io import fits
from astropy.table import Table

FORMATS = ["csv", "tsv", "text", "ecsv", "votable", "fits", "parquet", "json"]
#: Endings of files of each format.
ENDINGS = {"text": "dat", "votable": "vot"}
COLUMNS = {"id": ["a", "b", "c"], "time": [1.0, 2, 3], "mag": [14.0, 15, 14.5], "n": [1, 2, 3]}
ARRAYS = ["hdf5", "npz", "fits_images"]
VALUES = np.arange(20.0).reshape(2, 10)


def table_bytes(format: str, columns: dict[str, list] = COLUMNS) -> bytes:
    """A sound table of each format."""
    if format == "parquet":
        out = pa.BufferOutputStream()
        pq.write_table(pa.table(columns), out)
        return out.getvalue().to_pybytes()
    if format == "json":
        rows = zip(*columns.values(), strict=True)
        return json.dumps([dict(zip(columns, row, strict=True)) for row in rows]).encode()
    table, binary, text = Table(columns), io.BytesIO(), io.StringIO()
    if format in ("fits", "votable"):
        table.write(binary, format=format)
        return binary.getvalue()
    if format == "csv":
        writer = csv.writer(text)
        writer.writerow(columns)
        writer.writerows(zip(*columns.values(), strict=True))
    else:
        names = {"tsv": "ascii.tab", "text": "ascii.basic", "ecsv": "ascii.ecsv"}
        table.write(text, format=names[format])
    return text.getvalue().encode()


def picture(kind: str) -> bytes:
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(np.arange(192, dtype=np.uint8).reshape(8, 8, 3)).save(out, kind)
    return out.getvalue()


def cutout() -> bytes:
    """A FITS image of three bands."""
    out, planes = io.BytesIO(), np.arange(192, dtype=np.float32).reshape(3, 8, 8)
    fits.PrimaryHDU(planes, fits.Header({"BANDS": "grz"})).writeto(out)
    return out.getvalue()


def array_file(kind: str) -> bytes:
    """Arrays `flux` and `wavelength` of two rows; in FITS the extensions are called so."""
    out, waves = io.BytesIO(), np.tile(np.arange(4000.0, 4010), (2, 1))
    if kind == "hdf5":
        with h5py.File(out, "w") as file:
            file.create_dataset("flux", data=VALUES, chunks=(1, 10), compression="gzip")
            file["group/wavelength"] = waves
    elif kind == "npz":
        np.savez_compressed(out, flux=VALUES, wavelength=np.asfortranarray(waves))
    else:
        parts = [fits.ImageHDU(VALUES, name="FLUX"), fits.ImageHDU(waves, name="WAVELENGTH")]
        fits.HDUList([fits.PrimaryHDU(), *parts]).writeto(out)
    return out.getvalue()
