"""Spectra of LAMOST and SDSS, light curves of ASAS-SN, and rows of AstroM3's hub."""

import io

import numpy as np
from astropy.io import fits

FLUX, IVAR = np.array([3, 1, 4, 1, 5.0]), np.array([4, 0, 1, 25, 100.0])

AND, OR = np.array([0, 0, 7, 0, 0]), np.array([1, 1, 7, 0, 0])

WAVE = 10 ** (3.5682 + 1e-4 * np.arange(5))


def as_bytes(hdus: fits.HDUList) -> bytes:
    buffer = io.BytesIO()
    hdus.writeto(buffer)
    return buffer.getvalue()


def one_hdu() -> bytes:
    header = fits.Header({"COEFF0": 3.5682, "COEFF1": 1e-4})
    rows = np.array([FLUX, IVAR, np.ones(5), AND, OR], np.float32)
    return as_bytes(fits.HDUList([fits.PrimaryHDU(rows, header)]))


def two_hdus() -> bytes:
    columns = [
        fits.Column(name, "5E", array=values[None])
        for name, values in zip(
            ("FLUX", "IVAR", "WAVELENGTH", "ANDMASK", "ORMASK"),
            (FLUX, IVAR, WAVE, AND, OR),
            strict=True,
        )
    ]
    return as_bytes(fits.HDUList([fits.PrimaryHDU(), fits.BinTableHDU.from_columns(columns)]))


def sdss_file(**columns: np.ndarray) -> bytes:
    table = fits.BinTableHDU.from_columns(
        [fits.Column(name, "E", array=values) for name, values in columns.items()]
    )
    return as_bytes(fits.HDUList([fits.PrimaryHDU(), table]))


DAT = """# ASASSN-V J063715.90+271356.5
HJD MAG MAG_ERR FLUX FLUX_ERR
2457001.5 13.10 0.02 21.5 0.4
2457000.5 13.00 0.02 23.5 0.4
2457003.5 99.99 9.99 nan 0.4
2457004.5 13.2 0.02 19.5 -
"""


def hub_rows(n: int, rng: np.random.Generator) -> list[dict]:
    return [
        {
            "photometry": np.column_stack(
                [np.arange(5.0), rng.normal(10, 1, 5), np.full(5, 0.1)]
            ).tolist(),
            "spectra": np.column_stack(
                [np.linspace(3850, 9000, 7), rng.normal(1, 0.1, 7), np.full(7, 0.02)]
            ).tolist(),
            "metadata": {
                "meta_cols": {"mean_vmag": 13.0 + i, "ruwe": 1.0},
                "photo_cols": {"amplitude": 0.1, "period": 2.0 + i},
            },
            "label": ["EW", "M"][i % 2],
        }
        for i in range(n)
    ]
