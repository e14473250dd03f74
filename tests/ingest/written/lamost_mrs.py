"""Medium-resolution spectra of LAMOST."""

from pathlib import Path

import numpy as np
from astropy.io import fits

BLUE, RED = 4950 + 0.1 * np.arange(4), 6300 + 0.2 * np.arange(3)

FLUX = {"B": np.array([10, 11, 12, 13.0]), "R": np.array([200, 210, 220.0])}

IVAR = {"B": np.array([4, 0, 1, 25.0]), "R": np.array([0.5, 0.25, 1])}

FLAG = {"B": np.array([0, 0, 6, 0]), "R": np.array([0, 1, 0])}

WAVE = {"B": BLUE, "R": RED}


def extension(name: str, arm: str, scale: float = 1.0, late: bool = False) -> fits.BinTableHDU:
    """Give an extension as DR7 has it (a row a pixel) or as later releases do (one row)."""
    sums = name.startswith("COADD")
    columns = {"FLUX": scale * FLUX[arm], "IVAR": IVAR[arm]}
    columns |= {"WAVELENGTH": WAVE[arm]} if late else {"LOGLAM": np.log10(WAVE[arm])}
    columns |= {"ANDMASK": FLAG[arm], "ORMASK": FLAG[arm] + 8} if sums else {"PIXMASK": FLAG[arm]}
    made = []
    for column, values in columns.items():
        letter = "J" if "MASK" in column else "D" if column in ("LOGLAM", "WAVELENGTH") else "E"
        n = len(values)
        if late:
            made.append(fits.Column(column, f"{n}{letter}", array=values[None]))
        else:
            made.append(fits.Column(column, letter, array=values))
    return fits.BinTableHDU.from_columns(made, name=name)


def write(path: Path, *extensions: fits.BinTableHDU) -> Path:
    header = fits.Header({"TELESCOP": "LAMOST", "DATA_V": "LAMOST DR7"})
    information = fits.BinTableHDU.from_columns(
        [fits.Column("EXTNAME", "20A", array=[hdu.name for hdu in extensions])], name="Information"
    )
    fits.HDUList([fits.PrimaryHDU(header=header), information, *extensions]).writeto(path)
    return path
